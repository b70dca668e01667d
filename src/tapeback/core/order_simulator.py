"""What the exchange does with orders: the fill contract, bar by bar.

Time moves along the path of each bar (`core/path`). A bar that no order could meet is never
walked. Rule ids in the code (P1, T4, …) are those of the fill contract.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from heapq import heappop

from tapeback.core.book import Arrival, Book, Change
from tapeback.core.path import MILLISECOND_NS, price_at
from tapeback.core.portfolio import Portfolio
from tapeback.core.ports import CostPlan, Listener
from tapeback.core.rules import ExecutionRules
from tapeback.models.candle import Candle
from tapeback.models.fill import Fill
from tapeback.models.order import Order
from tapeback.utils.clock import day_number, to_ist
from tapeback.utils.money import RUPEE

BookKey = tuple[str, str]


class OrderSimulator:
    """Orders and fills of a run, for all its instruments on one account.

    `closed_at` tells the instant of the last closed bar while no bar is being walked, and
    `last_candle` that bar of a book.
    """

    def __init__(self, rules: ExecutionRules, portfolio: Portfolio, costs: CostPlan) -> None:
        self.rules = rules
        self.portfolio = portfolio
        self.books: dict[BookKey, Book] = {}
        self.orders: dict[str, Order] = {}
        self._open: dict[str, Order] = {}
        self.fills: list[Fill] = []
        self.events: deque[Order] = deque()
        self.listener: Listener | None = None
        self.closed_at: Callable[[], int] = lambda: 0
        self.last_candle: Callable[[Book], Candle | None] = lambda book: book.candle
        self.now = 0
        self.walking = False
        self.active: list[Book] = []
        self.summoned: list[Book] = []
        self.ambiguous: list[tuple[int, str]] = []
        self.touch_misses = 0
        self.shortfalls: dict[int, int] = {}
        self.modified: list[tuple[int, str, str]] = []
        self._costs = costs
        self._linked: dict[str, tuple[Order, ...]] = {}
        self._seq = 0
        self._id_day = -1
        self._id_prefix = ""
        self._delivering = False
        self._current: Book | None = None

    # Requests ------------------------------------------------------------------------------

    def instant(self) -> int:
        """Now, ns UTC: on the path while a bar is walked, else the close of the last bar."""
        return self.now if self.walking else self.closed_at()

    def last_price(self, book: Book) -> float:
        """Last traded price of a book's instrument, 0.0 before its first bar (T5)."""
        now = self.instant()
        if self.walking and book is self._current:
            return book.price
        if book.start < now < book.end and book.candle is not None:
            return book.price_on_path(self.rules.intrabar, now)
        if self.walking and book.walked:
            return book.price
        candle = self.last_candle(book)
        return candle.close if candle is not None else 0.0

    def register(self, order: Order) -> None:
        """Give an order its id, its place in the queue and its time, and keep it for good."""
        now = self.instant()
        self._seq = seq = self._seq + 1
        day = day_number(now)
        if day != self._id_day:
            self._id_day = day
            self._id_prefix = f"{to_ist(now):%y%m%d}"
        order.seq = seq
        order.orderid = orderid = f"{self._id_prefix}{seq:08d}"
        order.placed_ts = now
        self.orders[orderid] = order
        self._open[orderid] = order

    def working(self) -> list[Order]:
        """Orders that have not ended, oldest first."""
        return list(self._open.values())

    def recent(self) -> list[Order]:
        """The orders of the current Indian date, oldest first."""
        today = day_number(self.instant())
        found = []
        for order in reversed(self.orders.values()):
            if day_number(order.placed_ts) != today:
                break
            found.append(order)
        return found[::-1]

    def accept(self, book: Book, order: Order) -> None:
        """Send a registered order to the exchange (T4)."""
        if order.pricetype == "MARKET" and self.rules.market_fill != "next_open":
            self._fill_at_close(book, order)
        else:
            self._send(book, order, None)

    def refuse(self, order: Order, reason: str, remedy: str, refused_by: str) -> None:
        """End a registered order as rejected."""
        order.status = "rejected"
        order.rejection_reason = reason
        order.remedy = remedy
        order.refused_by = refused_by
        order.seq = 0
        del self._open[order.orderid]
        order.ended_ts = self.instant()
        self._notify(order)

    def request_cancel(self, order: Order) -> None:
        """Cancel an order; with a latency, once the request has arrived."""
        book = self.books[order.symbol, order.exchange]
        if self.rules.latency:
            self._send(book, order, Change())
        else:
            self.cancel(order)

    def request_change(self, order: Order, change: Change) -> None:
        """Modify an order; with a latency, once the request has arrived."""
        book = self.books[order.symbol, order.exchange]
        if self.rules.latency:
            self._send(book, order, change)
        else:
            self._modify(book, order, change)

    def cancel(self, order: Order, reason: str = "") -> None:
        """End an open order as cancelled, at once."""
        book = self.books[order.symbol, order.exchange]
        self._release(order, order.quantity - order.filled_quantity)
        order.status = "cancelled"
        order.rejection_reason = reason
        order.seq = 0
        order.ended_ts = self.instant()
        del self._open[order.orderid]
        book.forget()
        self._notify(order)

    def expire_day_orders(self, products: tuple[str, ...]) -> None:
        """End what rested through the session that is over; what was sent at its last close is
        an after-market order and stays (S3, T4)."""
        for book in self.books.values():
            resting = [e[2] for e in (*book.falling, *book.rising) if e[2].seq == e[1]]
            for order in sorted(resting, key=lambda order: order.seq):
                if order.seq and order.product in products:
                    self.cancel(order, "DAY order: the session ended.")
            book.set_gates()

    def deliver(self) -> None:
        """Tell the strategy what happened to its orders, in the order it happened."""
        listener = self.listener
        if listener is None or self._delivering:
            return
        self._delivering = True
        try:
            while self.events:
                listener(self.events.popleft())
        finally:
            self._delivering = False

    # Walking -------------------------------------------------------------------------------

    def meet(self, book: Book, candle: Candle, start: int, end: int) -> None:
        """Walk one bar of the only instrument that trades now."""
        if book.dead(candle):
            return
        book.open_bar(candle, start, end)
        self.active = [book]
        self.open_bars([book], start)
        if book.falling or book.rising or book.arrivals:
            while (ts := self._next(book, end)) >= 0:
                self._step(book, ts)
        self.close_bar(book)
        self.walking = False

    def open_bars(self, opened: list[Book], ts: int) -> None:
        """Print the opens of bars that begin together and let the books meet them (T6)."""
        self.walking = True
        self.now = ts
        due: list[tuple[Arrival, Book]] = []
        for book in opened:
            candle = book.candle
            if candle is not None:
                book.begin(candle)
                due += [(arrival, book) for arrival in book.reached_at_open(candle.open, ts)]
        if len(opened) > 1:
            due.sort(key=lambda pair: pair[0].seq)
        for (arrived, seq, order, change), book in due:
            if order.seq != seq:
                continue
            self._current = book
            if arrived < 0:
                self._reach(book, order, book.price, gap=True)
            else:
                self._arrive(book, order, change)
        for book in opened:
            book.choose_path(self.rules.intrabar)

    def walk(self, until: int) -> None:
        """Walk all active bars together, event by event, to an instant."""
        while True:
            first, soonest = None, -1
            for book in self.active:
                ts = self._next(book, until)
                if ts >= 0 and (first is None or ts < soonest):
                    first, soonest = book, ts
            if first is None:
                return
            self._step(first, soonest)

    def activate(self, book: Book, ts: int) -> None:
        """Begin to walk a bar in the middle of which an order arrives."""
        candle = book.candle
        if candle is None or book.walked or book.dead(candle):
            return
        book.begin(candle)
        book.choose_path(self.rules.intrabar)
        book.seek(ts)
        self.active.append(book)

    def close_bar(self, book: Book) -> None:
        """End the walk of a bar: what waited for volume rests again."""
        for seq, order in book.parked:
            if order.seq == seq:
                book.rest(order)
        book.parked.clear()
        book.walked = False
        book.set_gates()

    def _next(self, book: Book, until: int) -> int:
        """When the path next meets something before `until`, ns UTC; -1 if never."""
        while book.leg < 3:
            leg = book.leg
            begins, ends = book.times[leg], book.times[leg + 1]
            if begins >= until:
                return -1
            start, target, price = book.points[leg], book.points[leg + 1], book.price
            heap = book.falling if target < price else book.rising
            while heap and heap[0][2].seq != heap[0][1]:
                heappop(heap)
            ts = -1
            if target != price and heap:
                fire = -heap[0][0] if target < price else heap[0][0]
                if (target <= fire) if target < price else (fire <= target):
                    fire = min(max(fire, min(price, target)), max(price, target))
                    ts = begins + int((ends - begins) * (fire - start) / (target - start))
                    if ts < self.now:
                        ts = self.now
            if book.arrivals:
                arrives = max(book.arrivals[0].ts, self.now)
                if arrives <= ends and (ts < 0 or arrives < ts):
                    ts = arrives
            if ts >= 0:
                return ts if ts < until else -1
            if leg < 2 and book.limit_slack:
                self.touch_misses += book.mark_touched(target, ends)
            book.leg = leg + 1
            book.price = target
        return -1

    def _step(self, book: Book, ts: int) -> None:
        """Let happen what `_next` found at `ts`."""
        self.now = ts
        self._current = book
        if book.arrivals and book.arrivals[0].ts <= ts:
            arrival = book.arrivals.pop(0)
            book.seek(ts)
            if arrival.order.seq == arrival.seq:
                self._arrive(book, arrival.order, arrival.change)
            return
        leg = book.leg
        down = book.points[leg + 1] < book.price
        entry = heappop(book.falling if down else book.rising)
        book.price = -entry[0] if down else entry[0]
        before = len(self.fills)
        self._reach(book, entry[2], book.price, gap=False)
        if leg < 2 and len(self.fills) > before:
            if down:
                book.hit_low = True
            else:
                book.hit_high = True
            if book.hit_low and book.hit_high:
                self._mark_ambiguous(book)

    # At the exchange -----------------------------------------------------------------------

    def _send(self, book: Book, order: Order, change: Change | None) -> None:
        latency = self.rules.latency
        if self.walking and not latency:
            if not book.walked and book.start <= self.now < book.end:
                self.activate(book, self.now)
            if book.walked:
                if book is not self._current:
                    book.seek(self.now)
                self._arrive(book, order, change)
                return
        book.arrivals.append(Arrival(self.instant() + latency, order.seq, order, change))
        book.gate_low = float("inf")
        self.summoned.append(book)

    def _arrive(self, book: Book, order: Order, change: Change | None) -> None:
        if change is None:
            self._enter(book, order)
        elif change.quantity:
            self._modify(book, order, change)
        else:
            self.cancel(order)

    def _enter(self, book: Book, order: Order) -> None:
        """An order reaches the exchange while price stands at `book.price`."""
        price, buy = book.price, order.action == "BUY"
        if order.pricetype == "MARKET":
            self._fill_market(book, order, price, "P1", stop=False)
        elif order.pricetype == "LIMIT" or order.triggered_ts:
            if (price <= order.price) if buy else (price >= order.price):
                self._fill_marketable(book, order, price, "P2b", stop=False)
            else:
                book.rest(order)
        elif (price >= order.trigger_price) if buy else (price <= order.trigger_price):
            self._trigger(book, order, price)
        else:
            book.rest(order)

    def _reach(self, book: Book, order: Order, price: float, *, gap: bool) -> None:
        """Price reaches a resting order; at a gap it is already beyond it (P2, P3, P4)."""
        if order.pricetype == "LIMIT" or order.triggered_ts:
            rule = "P4" if order.pricetype == "SL" else "P2"
            self._fill_resting(book, order, price if gap else order.price, rule)
        else:
            self._trigger(book, order, price)

    def _trigger(self, book: Book, order: Order, price: float) -> None:
        order.triggered_ts = self.now
        if order.pricetype == "SL-M":
            self._fill_market(book, order, price, "P3", stop=True)
            return
        order.status = "open"
        if (price <= order.price) if order.action == "BUY" else (price >= order.price):
            self._fill_marketable(book, order, price, "P4", stop=True)
        else:
            book.rest(order)
            self._notify(order)

    def _modify(self, book: Book, order: Order, change: Change) -> None:
        """Apply a modification; a new price or a larger quantity goes to the end of the queue."""
        price = change.price or order.price
        trigger = order.trigger_price if order.triggered_ts else change.trigger_price
        moved = price != order.price or (trigger or order.trigger_price) != order.trigger_price
        requeued = moved or change.quantity > order.quantity
        self.modified.append((self.instant(), order.orderid, _describe(order, change)))
        self._release(order, order.quantity - order.filled_quantity)
        order.quantity = max(change.quantity, order.filled_quantity)
        order.price = price
        order.trigger_price = trigger or order.trigger_price
        order.modifications += 1
        self._reserve(order)
        if order.quantity == order.filled_quantity:
            self.cancel(order, "modified down to what was filled.")
        elif requeued:
            self._seq = order.seq = self._seq + 1
            self._send_again(book, order)

    def _send_again(self, book: Book, order: Order) -> None:
        if self.walking and book.walked:
            self._enter(book, order)
        else:
            book.arrivals.append(Arrival(self.instant(), order.seq, order))
            book.gate_low = float("inf")
            self.summoned.append(book)

    def _fill_at_close(self, book: Book, order: Order) -> None:
        """MARKET at the deciding bar's close, or at the last price (`market_fill`)."""
        if self.walking and self.rules.market_fill == "bar_close" and book.walked:
            book.arrivals.append(Arrival(book.times[3], order.seq, order))
        elif self.walking:
            self._send(book, order, None)
        else:
            self.fill_at_last_close(book, order, "P1")

    def fill_at_last_close(self, book: Book, order: Order, rule: str) -> None:
        """Fill a MARKET order at the last traded price, between two bars."""
        price, now = self.last_price(book), self.instant()
        book.candle = self.last_candle(book)
        self.now, self.walking = now - MILLISECOND_NS, True
        self._delivering, held = True, self._delivering
        self._fill_market(book, order, price, rule, stop=False)
        self._delivering, self.walking = held, False

    # Fills ---------------------------------------------------------------------------------

    def _fill_market(
        self, book: Book, order: Order, reference: float, rule: str, *, stop: bool
    ) -> None:
        quantity = order.quantity - order.filled_quantity
        candle = book.candle
        share = book.allowance(candle) if candle is not None else quantity
        over = max(0, quantity - int(share)) if share < quantity else 0
        parts = self._moved(book, order, reference, quantity, over, stop=stop)
        self._execute(book, order, quantity, reference, parts, rule, thin=over > 0)

    def _fill_marketable(
        self, book: Book, order: Order, reference: float, rule: str, *, stop: bool
    ) -> None:
        """A limit beyond the price it meets pays as MARKET does, never beyond its limit (P2b)."""
        quantity = self._share(book, order)
        if not quantity:
            return
        price, spread, slippage, impact, rounding = self._moved(
            book, order, reference, quantity, 0, stop=stop
        )
        limit = order.price
        beyond = price - limit if order.action == "BUY" else limit - price
        if beyond > 0:
            price, rounding = limit, rounding - beyond
        parts = (price, spread, slippage, impact, rounding)
        self._execute(book, order, quantity, reference, parts, rule, thin=False)

    def _fill_resting(self, book: Book, order: Order, price: float, rule: str) -> None:
        quantity = self._share(book, order)
        if quantity:
            parts = (price, 0.0, 0.0, 0.0, 0.0)
            self._execute(book, order, quantity, price, parts, rule, thin=False)

    def _share(self, book: Book, order: Order) -> int:
        """What a limit may take of the bar's volume now; the rest waits for the next bar (P7)."""
        quantity = order.quantity - order.filled_quantity
        left = book.volume_left
        if quantity > left:
            lot = book.instrument.lot_size
            quantity = int(left) // lot * lot
            book.parked.append((order.seq, order))
        book.volume_left = left - quantity
        return quantity

    def _moved(
        self, book: Book, order: Order, reference: float, quantity: int, over: int, *, stop: bool
    ) -> tuple[float, float, float, float, float]:
        frictions = book.frictions
        if frictions.free and not over and not self.rules.exchange_rules:
            return reference, 0.0, 0.0, 0.0, 0.0
        return frictions.price(
            order.action == "BUY",
            reference,
            stressed=stop or book.first_minute(self.now),
            over=over,
            quantity=quantity,
            day=day_number(self.now),
            volume=book.candle.volume if book.candle is not None else 0.0,
        )

    def _execute(
        self, book: Book, order: Order, quantity: int, reference: float,
        parts: tuple[float, float, float, float, float], rule: str, *, thin: bool,
    ) -> None:  # fmt: skip
        price, spread, slippage, impact, rounding = parts
        portfolio, now = self.portfolio, self.now
        units = round(price * RUPEE)
        charges = self._costs.charge(order.action, quantity * units)
        signed = quantity if order.action == "BUY" else -quantity
        position = portfolio.position(order.symbol, order.exchange, order.product)
        if portfolio.margined and not order.parent:
            portfolio.release(order, position, quantity)
        portfolio.post(position, signed, units, charges)
        book.net += signed
        self.fills.append(
            Fill(
                now, order.orderid, order.symbol, order.exchange, order.product, order.action,
                quantity, price, rule, reference, spread, slippage, impact, rounding,
                charges / RUPEE, thin,
            )
        )  # fmt: skip
        filled = order.filled_quantity
        order.filled_quantity = total = filled + quantity
        order.average_price = (
            (order.average_price * filled + price * quantity) / total if filled else price
        )
        order.filled_ts = now
        if total >= order.quantity:
            order.status = "complete"
            order.seq = 0
            order.ended_ts = now
            del self._open[order.orderid]
        if portfolio.margined and portfolio.available_units < 0:
            day = day_number(now)
            worst = self.shortfalls.get(day, 0)
            self.shortfalls[day] = min(worst, portfolio.available_units)
        if order.stop_loss or order.target:
            self._protect(book, order, quantity)
        if order.oco:
            self._reduce_others(book, order, quantity)
        self._notify(order)

    def _protect(self, book: Book, entry: Order, quantity: int) -> None:
        """Place, or enlarge, the stop and the target of an entry where it was filled (S6)."""
        legs = self._linked.get(entry.orderid)
        if legs is not None:
            for leg in legs:
                if leg.seq:
                    leg.quantity += quantity
            return
        exit_action = "SELL" if entry.action == "BUY" else "BUY"
        made = []
        for pricetype, level in (("SL-M", entry.stop_loss), ("LIMIT", entry.target)):
            if level:
                leg = Order(
                    symbol=entry.symbol,
                    exchange=entry.exchange,
                    action=exit_action,
                    quantity=quantity,
                    pricetype=pricetype,
                    product=entry.product,
                    price=level if pricetype == "LIMIT" else 0.0,
                    trigger_price=level if pricetype == "SL-M" else 0.0,
                    status="open" if pricetype == "LIMIT" else "trigger pending",
                    strategy=entry.strategy,
                    parent=entry.orderid,
                    oco=entry.orderid,
                )
                self.register(leg)
                made.append(leg)
        self._linked[entry.orderid] = tuple(made)
        for leg in made:
            if leg.seq:
                self._enter(book, leg)

    def link(self, orders: tuple[Order, ...]) -> None:
        """Make orders cancel one another: a fill of one reduces or cancels the rest (S6)."""
        group = orders[0].orderid
        self._linked[group] = orders
        for order in orders:
            order.oco = group

    def _reduce_others(self, book: Book, filled: Order, quantity: int) -> None:
        for other in self._linked.get(filled.oco, ()):
            if other is filled or not other.seq:
                continue
            self._note_linked(book, other)
            left = other.quantity - other.filled_quantity - quantity
            if left > 0:
                self._release(other, quantity)
                other.quantity -= quantity
            else:
                self.cancel(other, f"linked order {filled.orderid} was filled.")

    def _note_linked(self, book: Book, other: Order) -> None:
        """A bar whose other extreme would have met the linked order is ambiguous (T3)."""
        candle, leg = book.candle, book.leg
        if candle is None or leg > 1 or book.points[leg] == book.points[leg + 1]:
            return
        level = other.trigger_price or other.price
        ahead = candle.high if book.points[leg + 1] < book.points[leg] else candle.low
        if min(candle.open, ahead) <= level <= max(candle.open, ahead):
            self._mark_ambiguous(book)

    def _mark_ambiguous(self, book: Book) -> None:
        mark = (book.start, book.instrument.symbol)
        if not self.ambiguous or self.ambiguous[-1] != mark:
            self.ambiguous.append(mark)

    def _reserve(self, order: Order) -> None:
        """Block anew what a modified order needs; whether that is allowed was asked before."""
        portfolio = self.portfolio
        if portfolio.margined and not order.parent:
            position = portfolio.position(order.symbol, order.exchange, order.product)
            left = order.quantity - order.filled_quantity
            price = order.price or order.trigger_price
            units = portfolio.requirement(position, order.action, left, price)
            portfolio.reserve(order, position, units)

    def _release(self, order: Order, quantity: int) -> None:
        if self.portfolio.margined and not order.parent:
            position = self.portfolio.position(order.symbol, order.exchange, order.product)
            self.portfolio.release(order, position, quantity)

    def _notify(self, order: Order) -> None:
        if self.listener is not None:
            self.events.append(order)
            if self.walking and not self._delivering:
                self.deliver()


def _describe(order: Order, change: Change) -> str:
    parts = []
    if change.quantity != order.quantity:
        parts.append(f"quantity {order.quantity} to {change.quantity}")
    if change.price and change.price != order.price:
        parts.append(f"price {order.price} to {change.price}")
    if change.trigger_price and change.trigger_price != order.trigger_price:
        parts.append(f"trigger_price {order.trigger_price} to {change.trigger_price}")
    return ", ".join(parts) or "nothing changed"
