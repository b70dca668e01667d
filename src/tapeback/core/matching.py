"""What happens where price meets an order: triggers, fills, linked orders (fill contract P, S6)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from tapeback.core.book import Book, Change
from tapeback.core.columns import MarginLog
from tapeback.core.ledger import Ledger, OrderLog, Parts
from tapeback.core.portfolio import Portfolio
from tapeback.core.ports import Listener
from tapeback.core.rules import ExecutionRules
from tapeback.market.settlement import SANDBOX_CASH, cash_rules
from tapeback.models.order import Order
from tapeback.models.position import Position
from tapeback.utils.clock import DAY_NS, day_number, midnight, to_ist
from tapeback.utils.money import RUPEE

BookKey = tuple[str, str]
_RUPEE = RUPEE


class Matching:
    """Orders, fills and the account of a run, at the instant `now` (ns UTC).

    `walking` tells whether a bar is being walked; then what happens to an order is told to the
    strategy at once, otherwise it waits in `events` until the strategy's callback is over.
    `changes` counts everything that happens to any order.
    """

    def __init__(self, rules: ExecutionRules, portfolio: Portfolio) -> None:
        self.rules = rules
        self.portfolio = portfolio
        self.books: dict[BookKey, Book] = {}
        self.orders = OrderLog()
        self.ledger = Ledger()
        self.events: deque[Order] = deque()
        self.listener: Listener | None = None
        self.on_fault: Callable[[str, Exception], None] | None = None
        self.now = 0
        self.walking = False
        self.ambiguous: list[tuple[int, str]] = []
        self.touch_misses = 0
        self.left_resting = 0
        self.margin_log = MarginLog()
        self.changes = 0
        self.shortfalls: dict[int, int] = {}
        self._margined = portfolio.margined
        self._live = rules.fidelity == "live"
        self._placed = self.orders.rows
        self._log = self.ledger.log
        self._groups: dict[str, tuple[Order, ...]] = {}
        self._seq = 0
        self._id_prefix = ""
        self._id_until = -1
        self._delivering = False

    def register(self, order: Order) -> None:
        """Give an order its id, its place in the queue and its time, and keep it for good.

        Ids are counters in OpenAlgo's shape, `YYMMDD` of the Indian date and eight digits.
        """
        now, placed = self.now, self._placed
        if now >= self._id_until:
            day = day_number(now)
            self._id_until = midnight(day) + DAY_NS
            self._id_prefix = f"{to_ist(now):%y%m%d}"
        self._seq = order.seq = self._seq + 1
        self.changes += 1
        placed.append(order)
        order.orderid = f"{self._id_prefix}{len(placed):08d}"
        order.placed_ts = now

    @property
    def fills(self) -> Ledger:
        """Every execution so far."""
        return self.ledger

    def end(self, order: Order, status: str) -> None:
        """Take an order out of everything that is under way."""
        self.changes += 1
        order.status = status
        order.seq = 0
        order.ended_ts = self.now

    def cancel(self, book: Book, order: Order, reason: str = "") -> None:
        """End an open order as cancelled, at once."""
        self.release(book, order, order.quantity - order.filled_quantity)
        order.rejection_reason = reason
        self.end(order, "cancelled")
        book.forget()
        self.notify(order)

    def release(self, book: Book, order: Order, quantity: int) -> None:
        """Give back the margin that `quantity` of an order blocked."""
        if self._margined and not order.parent:
            self.portfolio.release(order, book.position(order.product), quantity)
            self.note_margin()

    def note_margin(self) -> None:
        """Log what is blocked from now on."""
        self.margin_log.add(self.now, self.portfolio.blocked_units)

    def notify(self, order: Order) -> None:
        """Tell the strategy of an order, now or when its callback is over."""
        listener = self.listener
        if listener is None:
            return
        if not self.walking or self._delivering or self.events:
            self.events.append(order)
            if not self.walking or self._delivering:
                return
            self.deliver()
            return
        self._delivering = True
        try:
            listener(order)
        except Exception as error:
            self._failed(error)
        finally:
            self._delivering = False
        if self.events:
            self.deliver()

    def deliver(self) -> None:
        """Tell the strategy what happened to its orders, in the order it happened."""
        listener, events = self.listener, self.events
        if listener is None or self._delivering:
            return
        self._delivering = True
        try:
            while events:
                try:
                    listener(events.popleft())
                except Exception as error:
                    self._failed(error)
        finally:
            self._delivering = False

    def _failed(self, error: Exception) -> None:
        if self.on_fault is None:
            raise error
        self.on_fault("on_order_update", error)

    # Price meets an order ------------------------------------------------------------------

    def enter(self, book: Book, order: Order) -> None:
        """An order reaches the exchange while price stands at `book.price`."""
        price, buy, pricetype = book.price, order.action == "BUY", order.pricetype
        if pricetype == "LIMIT" or order.triggered_ts:
            limit = order.price
            if (price <= limit) if buy else (price >= limit):
                self._fill_marketable(book, order, price, "P2b", stop=False)
            else:
                book.rest(order)
        elif pricetype == "MARKET":
            self.fill_market(book, order, price, "P1", stop=False)
        elif (price >= order.trigger_price) if buy else (price <= order.trigger_price):
            self._trigger(book, order, price)
        else:
            book.rest(order)

    def reach(self, book: Book, order: Order, price: float, gap: bool) -> None:
        """Price reaches a resting order; at a gap it is already beyond it (P2, P3, P4)."""
        if order.pricetype == "LIMIT":
            rule = "P2"
        elif order.triggered_ts:
            rule = "P4"
        else:
            self._trigger(book, order, price)
            return
        if order.parent and self._unheld(book, order):
            return
        quantity = self._share(book, order)
        if quantity:
            reference = order.price
            if gap:
                reference = price
            self._execute(book, order, quantity, reference, reference, None, rule, False)

    def fill_market(
        self, book: Book, order: Order, reference: float, rule: str, stop: bool
    ) -> None:
        """Fill all of an order from a price; what exceeds the bar's share of volume is `thin`. An
        order that its broker gave a limit rests there where the price is already beyond."""
        limit = order.protection
        if limit and ((reference > limit) if order.action == "BUY" else (reference < limit)):
            self._leave_resting(book, order)
            return
        quantity = order.quantity - order.filled_quantity
        share = book.allowance(book.opened)
        over = quantity - int(share) if share < quantity else 0
        parts = self._moved(book, order, reference, quantity, over, stop)
        price = reference if parts is None else parts[0]
        if limit and parts is not None:
            price, parts = _within(limit, order, parts)
        self._execute(book, order, quantity, price, reference, parts, rule, over > 0)

    def _leave_resting(self, book: Book, order: Order) -> None:
        """Let a MARKET order whose price ran away rest at its protection limit."""
        order.pricetype = "LIMIT"
        order.price = order.protection
        self.changes += 1
        self.left_resting += 1
        book.rest(order)
        self.notify(order)

    def _trigger(self, book: Book, order: Order, price: float) -> None:
        if order.parent and self._unheld(book, order):
            return
        order.triggered_ts = self.now
        if order.pricetype == "SL-M":
            self.fill_market(book, order, price, "P3", stop=True)
            return
        order.status = "open"
        self.changes += 1
        if (price <= order.price) if order.action == "BUY" else (price >= order.price):
            self._fill_marketable(book, order, price, "P4", stop=True)
        else:
            book.rest(order)
            self.notify(order)

    def _fill_marketable(
        self, book: Book, order: Order, reference: float, rule: str, stop: bool
    ) -> None:
        """A limit beyond the price it meets pays as MARKET does, never beyond its limit (P2b)."""
        if order.parent and self._unheld(book, order):
            return
        quantity = self._share(book, order)
        if not quantity:
            return
        parts = self._moved(book, order, reference, quantity, 0, stop)
        price = reference
        if parts is not None:
            price, parts = _within(order.price, order, parts)
        self._execute(book, order, quantity, price, reference, parts, rule, False)

    def _share(self, book: Book, order: Order) -> int:
        """What a limit may take of the bar's volume now; the rest waits for the next bar (P7)."""
        quantity = order.quantity - order.filled_quantity
        left = book.volume_left
        if left < 0.0:
            left = book.allowance(book.opened)
        if quantity > left:
            lot = book.lot
            quantity = int(left) // lot * lot
            book.parked.append((order.seq, order))
        book.volume_left = left - quantity
        return quantity

    def _moved(
        self, book: Book, order: Order, reference: float, quantity: int, over: int, stop: bool
    ) -> Parts | None:
        frictions = book.frictions
        if frictions.free and not over:
            return None
        candle = book.opened
        return frictions.price(
            order.action == "BUY",
            reference,
            stop or book.stressed(self.now),
            over,
            quantity,
            self.now,
            candle.volume if candle is not None else 0.0,
        )

    def _execute(  # noqa: PLR0917
        self, book: Book, order: Order, quantity: int, price: float, reference: float,
        parts: Parts | None, rule: str, thin: bool, charges: int = -1,
    ) -> None:  # fmt: skip
        """Book an execution; its charges are worked out unless they are given."""
        portfolio, now = self.portfolio, self.now
        signed = quantity if order.action == "BUY" else -quantity
        units = round(price * _RUPEE)
        product, value = order.product, quantity * units
        position = book.positions.get(product) or book.position(product)
        if charges < 0:
            rates = book.charges[product]
            charges = rates.cost(signed > 0, value, order.turnover)
        if product == "CNC" and signed < 0 and self._margined:
            self._hold_back(book, position, quantity, value)
        portfolio.settle(order, position, signed, units, charges)
        if self._margined:
            self.margin_log.add(now, portfolio.blocked_units)
            if portfolio.available_units < 0:
                self.note_shortfall(day_number(now))
        filled = order.filled_quantity
        total = filled + quantity
        book.net += signed
        if parts is not None:
            self.ledger.parts[self._log.rows] = parts
            if thin:
                self.ledger.thin.add(self._log.rows)
        self._log.add(now, signed, price, units, charges, reference, order, rule)
        order.average_price = (
            (order.average_price * filled + price * quantity) / total if filled else float(price)
        )
        self.changes += 1
        order.filled_quantity = total
        order.filled_ts = now
        if total >= order.quantity:
            order.status = "complete"
            order.seq = 0
            order.ended_ts = now
        else:
            order.turnover += value
        if order.oco or order.stop_loss or order.target:
            self._tend_linked(book, order, quantity)
        elif self.listener is not None:
            self.notify(order)

    def _hold_back(self, book: Book, position: Position, quantity: int, value: int) -> None:
        """Keep from new orders what a sale of shares has not made usable yet, before it is booked:
        of shares bought today, of settled holdings and of unsettled ones, in this order."""
        rules = cash_rules(book.hours.day) if self._live else SANDBOX_CASH
        today = min(quantity, max(position.day_quantity, 0))
        held = 0
        if today:
            proceeds = value * today // quantity
            cost = position.cost * today // position.quantity
            held = proceeds - rules.usable_today("today", proceeds, cost)
        rest, holding = quantity - today, book.holding
        if rest and holding is not None:
            # What settles today comes in when the market has closed.
            settled = min(rest, max(0, holding.settled(book.hours.day - 1)))
            proceeds = value * settled // quantity
            held += proceeds - rules.usable_today("holding", proceeds)
            proceeds = value * (rest - settled) // quantity
            held += proceeds - rules.usable_today("unsettled", proceeds)
        if held:
            self.portfolio.hold_back(held)

    def note_shortfall(self, day: int) -> None:
        """Remember the worst that the account was short of on an Indian day number, if it is."""
        available = self.portfolio.available_units
        if available < 0:
            self.shortfalls[day] = min(self.shortfalls.get(day, 0), available)

    # Linked orders -------------------------------------------------------------------------

    def link(self, orders: tuple[Order, ...]) -> None:
        """Make orders cancel one another: a fill of one reduces or cancels the rest (S6)."""
        group = f"OCO{orders[0].orderid}"
        self._groups[group] = orders
        for order in orders:
            order.oco = group

    def send(self, book: Book, order: Order, change: Change | None) -> None:
        """Put an order, or a change to one, on its way."""
        raise NotImplementedError

    def _tend_linked(self, book: Book, order: Order, quantity: int) -> None:
        """See to the orders linked with one that was filled; the strategy hears of it first."""
        held, self._delivering = self._delivering, True
        self.notify(order)
        if order.oco:
            self._reduce_others(book, order, quantity)
        if order.stop_loss or order.target:
            self._protect(book, order, quantity)
        self._delivering = held
        if self.walking and self.events:
            self.deliver()

    def _protect(self, book: Book, entry: Order, quantity: int) -> None:
        """Place, or enlarge, the stop and target of an entry where it was filled (S6). After the
        square-off MIS only shrinks, and there is nothing to protect."""
        if entry.product == "MIS" and self.now >= book.hours.square_off:
            return
        group = f"LEG{entry.orderid}"
        legs = [leg for leg in self._groups.get(group, ()) if leg.seq]
        for leg in legs:
            leg.quantity += quantity
        if legs:
            return
        for pricetype, level in (("SL-M", entry.stop_loss), ("LIMIT", entry.target)):
            if level:
                leg = Order(
                    symbol=entry.symbol,
                    exchange=entry.exchange,
                    action="SELL" if entry.action == "BUY" else "BUY",
                    quantity=quantity,
                    pricetype=pricetype,
                    product=entry.product,
                    price=level if pricetype == "LIMIT" else 0.0,
                    trigger_price=level if pricetype == "SL-M" else 0.0,
                    status="open" if pricetype == "LIMIT" else "trigger pending",
                    strategy=entry.strategy,
                    parent=entry.orderid,
                    oco=group,
                )
                self.register(leg)
                legs.append(leg)
        self._groups[group] = tuple(legs)
        for leg in legs:
            if leg.seq:
                self.send(book, leg, None)

    def _unheld(self, book: Book, order: Order) -> bool:
        """Whether an exit of a delivery meets its price when its shares are gone, or on sale by
        another order: its broker refuses it then, and it ends with the one beside it (S2, S6)."""
        if order.product != "CNC" or order.action != "SELL" or not self._margined:
            return False
        position, left = book.position("CNC"), order.quantity - order.filled_quantity
        free = max(0, position.quantity - position.resting_sells)
        if left <= free:
            return False
        reason = f"Cannot sell {left} shares of {order.symbol} in CNC. Only {free} shares available"
        for leg in (order, *self._groups.get(order.oco, ())):
            if leg.seq:
                self.cancel(self.book_of(leg), leg, reason)
        return True

    def _reduce_others(self, book: Book, filled: Order, quantity: int) -> None:
        for other in self._groups.get(filled.oco, ()):
            if other is filled or not other.seq:
                continue
            if book.lay_ahead(other):
                self.mark_ambiguous(book)
            home = self.book_of(other)
            if other.quantity - other.filled_quantity > quantity:
                self.release(home, other, quantity)
                other.quantity -= quantity
            else:
                self.cancel(home, other, f"linked order {filled.orderid} was filled.")

    def book_of(self, order: Order) -> Book:
        """The book that an order belongs to."""
        return self.books[order.symbol, order.exchange]

    def mark_ambiguous(self, book: Book) -> None:
        """Count the bar being walked as one that cannot tell what happened first (T3)."""
        mark = (book.start, book.instrument.symbol)
        if not self.ambiguous or self.ambiguous[-1] != mark:
            self.ambiguous.append(mark)


def _within(limit: float, order: Order, parts: Parts) -> tuple[float, Parts]:
    """A price and its parts, cut at a limit that it may not pass."""
    price = parts[0]
    beyond = price - limit if order.action == "BUY" else limit - price
    if beyond <= 0:
        return price, parts
    return limit, (limit, parts[1], parts[2], parts[3], parts[4] - beyond)
