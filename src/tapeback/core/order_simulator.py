"""The simulated exchange: orders sent, changed, cancelled and expired.

What happens to them inside bars is in `core/walking` and `core/matching`. Rule ids in the code
(T4, S3, …) are those of the fill contract.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from msgspec.structs import replace

from tapeback.core.book import UNKNOWN, Book, Change, by_arrival
from tapeback.core.path import MILLISECOND_NS, path_times
from tapeback.core.portfolio import Portfolio
from tapeback.core.rules import ExecutionRules
from tapeback.core.walking import Walking
from tapeback.models.order import Order
from tapeback.models.position import Position
from tapeback.models.posting import Posting
from tapeback.utils.clock import day_number


class OrderSimulator(Walking):
    """Orders and fills of a run, for all its instruments on one account.

    `summoned` are books that something was sent to between bars; once the run is `over`, its
    positions being closed, what is sent stays open.
    """

    def __init__(self, rules: ExecutionRules, portfolio: Portfolio) -> None:
        super().__init__(rules, portfolio)
        self.summoned: list[Book] = []
        self.over = False
        self.squared_off = 0
        self.modified: list[tuple[int, str, str]] = []
        self._next_open = rules.market_fill == "next_open"
        self._at_next_open = self._next_open and not rules.latency

    def working(self) -> list[Order]:
        """Orders that have not ended, oldest first."""
        return self._unended(self.books.values())

    def working_in(self, book: Book) -> list[Order]:
        """Orders in one instrument that have not ended, oldest first."""
        return [order for order in self._unended((book,)) if self.book_of(order) is book]

    def _unended(self, books: Iterable[Book]) -> list[Order]:
        found: dict[str, Order] = {}
        for book in books:
            for _, _, order in (*book.falling, *book.rising):
                found[order.orderid] = order
            for _, order in book.parked:
                found[order.orderid] = order
            for _, _, order, _ in (*book.arrivals, *book.barred):
                found[order.orderid] = order
        for _, seq, order, change in self._due:
            if order.seq == seq or change is not None:
                found[order.orderid] = order
        return sorted((o for o in found.values() if o.seq), key=lambda order: order.orderid)

    def last_price(self, book: Book) -> float:
        """Last traded price of a book's instrument, 0.0 before its first bar (T5)."""
        if self.walking and (book is self._current or (book.walked and book.start >= self.now)):
            return book.price
        if book.start <= self.now < book.end and book.opened is not None:
            return book.price_on_path(self._intrabar, self.now)
        return book.candle.close if book.candle is not None else 0.0

    def accept(self, book: Book, order: Order) -> None:
        """Send a registered order to the exchange (T4)."""
        if not self.walking and self._at_next_open:
            self._queue(book, self.now, order, None)
        elif self._next_open or order.pricetype != "MARKET":
            self.send(book, order, None)
        elif not self.walking and not self.over and self.last_price(book):
            self.fill_at_last_close(book, order, "P1")
        elif self.walking and self.rules.market_fill == "bar_close" and book.walked:
            self._queue(book, path_times(book.start, book.end)[3], order, None)
        else:
            self.send(book, order, None)

    def fill_at_last_close(self, book: Book, order: Order, rule: str) -> None:
        """Fill a MARKET order at the last traded price, between two bars."""
        now, opened, price = self.now, book.opened, self.last_price(book)
        if not book.start <= now < book.end:
            book.opened = book.candle
        book.volume_left = UNKNOWN
        self.now = now - MILLISECOND_NS
        self.fill_market(book, order, price, rule, stop=False)
        self.now, book.opened = now, opened

    def refuse(self, order: Order, reason: str, remedy: str, refused_by: str) -> None:
        """End a registered order as rejected."""
        order.rejection_reason = reason
        order.remedy = remedy
        order.refused_by = refused_by
        self.end(order, "rejected")
        self.notify(order)

    def request_cancel(self, order: Order) -> None:
        """Cancel an order; with a latency, once the request has arrived."""
        book = self.book_of(order)
        if self._latency:
            self.send(book, order, Change())
        else:
            self.cancel(book, order)

    def request_change(self, order: Order, change: Change) -> None:
        """Modify an order; with a latency, once the request has arrived."""
        book = self.book_of(order)
        if self._latency:
            self.send(book, order, change)
        else:
            self.modify(book, order, change)

    def square_off(self, book: Book) -> None:
        """Cancel the MIS orders of an instrument and close its MIS position by MARKET (S3). Between
        two bars the last close is the price, and the fill is marked `coarse`."""
        book.squaring = False
        if not self.walking and self.now < book.hours.square_off:
            # Where the bars of a session end early, so does its MIS.
            book.hours = replace(book.hours, square_off=self.now)
        self.end_intraday(book)
        position = book.positions.get("MIS")
        if position is None or not position.quantity:
            return
        if not self.walking and book.candle is not None:
            book.locked = book.locked_side(book.candle)
        if book.locked == ("SELL" if position.quantity > 0 else "BUY"):
            book.squaring, book.gate_low = True, inf
            return
        order = self.closing_order(position, "AUTO_SQUARE_OFF")
        if self.walking:
            self.fill_market(book, order, book.price, "S3", stop=False)
        else:
            self.fill_at_last_close(book, order, "S3 coarse")
        # What was sent meanwhile to reduce it, in answer to a cancel, would open a new one.
        self.end_intraday(book)
        self.squared_off += 1
        if book.carried:
            book.carry(False)
        self.penalise(book, f"MIS of {position.symbol} was squared off by the broker")

    def square_off_inside(self, book: Book) -> None:
        """Square off at the present point of the path, if the bar under way trades at all."""
        self.walking = True
        if self._at_market(book):
            self._current = book
            self.square_off(book)
        self.walking = False

    def penalise(self, book: Book, note: str) -> None:
        """Post what the broker asks for a square-off, whatever the plan of charges."""
        broker = book.terms.broker
        if broker is not None and broker.penalty:
            self.post(book, "square-off penalty", -broker.penalty, note)

    def begin_auction(self, book: Book) -> None:
        """Cancel the stops of a share whose closing auction begins: the exchange does not take
        them there. Limits stay."""
        for order in self.working_in(book):
            if order.seq and order.status == "trigger pending":
                self.cancel(book, order, "stop orders end when the closing auction begins.")

    def settle(self, book: Book, order: Order, price: float, rule: str) -> None:
        """Book a registered order at a settlement price, free of charges, as the session's last
        event."""
        now = self.now
        self.now = now - MILLISECOND_NS
        self._execute(book, order, order.quantity, price, price, None, rule, False, charges=0)
        self.now = now

    def book_shares(self, book: Book, position: Position, signed: int, rule: str) -> None:
        """Write shares that came or went without a trade into the ledger; the position is what it
        is already."""
        order = Order(
            symbol=position.symbol,
            exchange=position.exchange,
            product=position.product,
            action="BUY" if signed > 0 else "SELL",
            quantity=abs(signed),
            strategy="CORPORATE_ACTION",
        )
        self.register(order)
        order.filled_quantity, order.filled_ts = order.quantity, self.now
        self.end(order, "complete")
        self.ledger.append(self.now, signed, order, rule)
        book.net += signed

    def post(self, book: Book, kind: str, units: int, note: str, *, charge: bool = True) -> None:
        """Book money that no execution moves; between two bars, as what the last one ended with."""
        ts, instrument = self.now if self.walking else self.now - MILLISECOND_NS, book.instrument
        self.portfolio.post(units)
        self.ledger.postings.append(
            Posting(ts, kind, units, instrument.symbol, instrument.exchange, note, charge)
        )

    def end_intraday(self, book: Book) -> None:
        """Cancel the MIS orders of an instrument: its square-off time has come."""
        for order in self.working_in(book):
            if order.seq and order.product == "MIS":
                self.cancel(book, order, "MIS is squared off.")

    def closing_order(self, position: Position, strategy: str) -> Order:
        """A registered MARKET order that closes a position; `strategy` tells who sends it."""
        order = Order(
            symbol=position.symbol,
            exchange=position.exchange,
            product=position.product,
            action="SELL" if position.quantity > 0 else "BUY",
            quantity=abs(position.quantity),
            strategy=strategy,
        )
        self.register(order)
        if self._margined:
            self.portfolio.reserve(order, position, 0)
        return order

    def expire_day_orders(self, products: tuple[str, ...]) -> None:
        """End what rested through the day whose last session ended `now`. What was sent at the last
        close of its own session, or later, is an after-market order and stays (S3, T4); so do the
        exits of what may be held overnight, which brokers keep as two-leg GTTs (S6)."""
        day = day_number(self.now - 1)
        for order in self.working():
            if order.product not in products or (order.parent and order.product != "MIS"):
                continue
            book = self.book_of(order)
            if order.seq and order.placed_ts < min(self.now, book.hours_on(day).closes):
                self.cancel(book, order, "DAY order: the session ended.")
        for book in self.books.values():
            book.set_gates()

    def send(self, book: Book, order: Order, change: Change | None) -> None:
        """Put an order, or a change to one, on its way."""
        if self.walking and self._at_market(book) and not self._latency:
            if self._due and book.start == self.now:
                self._due.append((self.now, order.seq, order, change))
            else:
                self.arrive(book, order, change)
            return
        self._queue(book, self.now + self._latency, order, change)

    def _queue(self, book: Book, ts: int, order: Order, change: Change | None) -> None:
        """Let an order, or a change to one, arrive at `ts`; arrivals are kept in their order."""
        arrivals = book.arrivals
        arrivals.append((ts, order.seq, order, change))
        if len(arrivals) > 1 and arrivals[-2][0] > ts:
            arrivals.sort(key=by_arrival)
        book.gate_low = inf
        if self._sole is None:
            self.summoned.append(book)

    def _at_market(self, book: Book) -> bool:
        """Bring a book to the present point of its bar's path, if a bar of it is open."""
        if not book.walked:
            if book.opened is None or not book.start <= self.now < book.end:
                return False
            self.activate(book, self.now)
        elif book is not self._current:
            book.seek(self.now)
        return book.walked

    def arrive(self, book: Book, order: Order, change: Change | None) -> None:
        if change is None:
            if order.action == book.locked:
                book.barred.append((self.now, order.seq, order, None))
            else:
                self.enter(book, order)
        elif change.quantity:
            self.modify(book, order, change)
        else:
            self.cancel(book, order)

    def modify(self, book: Book, order: Order, change: Change) -> None:
        """Apply a modification; a new price or a larger quantity goes to the end of the queue."""
        price = change.price or order.price
        trigger = order.trigger_price
        if change.trigger_price and not order.triggered_ts:
            trigger = change.trigger_price
        moved = price != order.price or trigger != order.trigger_price
        requeued = moved or change.quantity > order.quantity
        self.modified.append((self.now, order.orderid, _describe(order, change)))
        self.release(book, order, order.quantity - order.filled_quantity)
        order.quantity = max(change.quantity, order.filled_quantity)
        order.price = price
        order.trigger_price = trigger
        order.modifications += 1
        self.changes += 1
        self._reserve(book, order)
        if order.quantity == order.filled_quantity:
            self.cancel(book, order, "modified down to what was filled.")
        elif requeued:
            book.forget()
            self._seq = order.seq = self._seq + 1
            if self.walking and self._at_market(book):
                self.enter(book, order)
            else:
                self._queue(book, self.now, order, None)

    def _reserve(self, book: Book, order: Order) -> None:
        """Block anew what a modified order needs; whether that is allowed was asked before."""
        if self._margined and not order.parent:
            position = book.position(order.product)
            left = order.quantity - order.filled_quantity
            price = order.price or order.trigger_price or self.last_price(book)
            units = self.portfolio.requirement(position, order.action, left, price)
            self.portfolio.reserve(order, position, units)


def _describe(order: Order, change: Change) -> str:
    parts = []
    if change.quantity != order.quantity:
        parts.append(f"quantity {order.quantity} to {change.quantity}")
    if change.price and change.price != order.price:
        parts.append(f"price {order.price} to {change.price}")
    if change.trigger_price and change.trigger_price != order.trigger_price:
        parts.append(f"trigger_price {order.trigger_price} to {change.trigger_price}")
    return ", ".join(parts) or "nothing changed"
