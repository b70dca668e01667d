"""The simulated exchange: orders under way, and bars walked along their path.

Time moves along the path of each bar (`core/path`); a bar that no order could meet is never
walked. Rule ids in the code (T4, S3, …) are those of the fill contract.
"""

from __future__ import annotations

from heapq import heappop
from math import inf

from tapeback.core.book import (
    GRID_NOISE,
    UNKNOWN,
    Arrival,
    Book,
    Change,
    Resting,
    by_sequence,
)
from tapeback.core.matching import Matching
from tapeback.core.path import MILLISECOND_NS
from tapeback.core.portfolio import Portfolio
from tapeback.core.ports import CostPlan
from tapeback.core.rules import ExecutionRules
from tapeback.models.candle import Candle
from tapeback.models.order import Order


class OrderSimulator(Matching):
    """Orders and fills of a run, for all its instruments on one account."""

    def __init__(self, rules: ExecutionRules, portfolio: Portfolio, costs: CostPlan) -> None:
        super().__init__(rules, portfolio, costs)
        self.active: list[Book] = []
        self.summoned: list[Book] = []
        self.modified: list[tuple[int, str, str]] = []
        self._latency = rules.latency
        self._intrabar = rules.intrabar
        self._next_open = rules.market_fill == "next_open"
        self._at_next_open = self._next_open and not rules.latency
        self._current: Book | None = None
        self._due: list[Arrival] = []
        self._sole: Book | None = None

    def add_book(self, book: Book) -> None:
        """Let an instrument trade in this run."""
        instrument = book.instrument
        self.books[instrument.symbol, instrument.exchange] = book
        self._sole = book if len(self.books) == 1 else None

    # Requests ------------------------------------------------------------------------------

    def working(self) -> list[Order]:
        """Orders that have not ended, oldest first."""
        found: dict[str, Order] = {}
        for book in self.books.values():
            for _, _, order in (*book.falling, *book.rising):
                found[order.orderid] = order
            for _, order in book.parked:
                found[order.orderid] = order
            for _, _, order, _ in book.arrivals:
                found[order.orderid] = order
        for _, seq, order, change in self._due:
            if order.seq == seq or change is not None:
                found[order.orderid] = order
        return sorted((o for o in found.values() if o.seq), key=lambda order: order.orderid)

    def last_price(self, book: Book) -> float:
        """Last traded price of a book's instrument, 0.0 before its first bar (T5)."""
        if self.walking and (book is self._current or (book.walked and book.start >= self.now)):
            return book.price
        if book.start < self.now < book.end and book.opened is not None:
            return book.price_on_path(self._intrabar, self.now)
        return book.candle.close if book.candle is not None else 0.0

    def accept(self, book: Book, order: Order) -> None:
        """Send a registered order to the exchange (T4)."""
        if not self.walking and self._at_next_open:
            book.arrivals.append((self.now, order.seq, order, None))
            book.gate_low = inf
            self.summoned.append(book)
        elif self._next_open or order.pricetype != "MARKET":
            self.send(book, order, None)
        elif not self.walking and self.last_price(book):
            self.fill_at_last_close(book, order, "P1")
        elif self.walking and self.rules.market_fill == "bar_close" and book.walked:
            book.arrivals.append((book.times[3], order.seq, order, None))
        else:
            self.send(book, order, None)

    def fill_at_last_close(self, book: Book, order: Order, rule: str) -> None:
        """Fill a MARKET order at the last traded price, between two bars."""
        now, opened, price = self.now, book.opened, self.last_price(book)
        if not book.start < now < book.end:
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
            self._modify(book, order, change)

    def expire_day_orders(self, products: tuple[str, ...]) -> None:
        """End what rested through the session that ended `now`; what was sent at its last close is
        an after-market order and stays (S3, T4)."""
        for order in self.working():
            if order.seq and order.placed_ts < self.now and order.product in products:
                self.cancel(self.book_of(order), order, "DAY order: the session ended.")
        for book in self.books.values():
            book.set_gates()

    def send(self, book: Book, order: Order, change: Change | None) -> None:
        """Put an order, or a change to one, on its way."""
        if self.walking and self._at_market(book) and not self._latency:
            if self._due and book.start == self.now:
                self._due.append((self.now, order.seq, order, change))
            else:
                self._arrive(book, order, change)
            return
        book.arrivals.append((self.now + self._latency, order.seq, order, change))
        book.gate_low = inf
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

    def _arrive(self, book: Book, order: Order, change: Change | None) -> None:
        if change is None:
            self.enter(book, order)
        elif change.quantity:
            self._modify(book, order, change)
        else:
            self.cancel(book, order)

    def _modify(self, book: Book, order: Order, change: Change) -> None:
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
                book.arrivals.append((self.now, order.seq, order, None))
                book.gate_low = inf
                self.summoned.append(book)

    def _reserve(self, book: Book, order: Order) -> None:
        """Block anew what a modified order needs; whether that is allowed was asked before."""
        if self._margined and not order.parent:
            position = book.position(order.product)
            left = order.quantity - order.filled_quantity
            price = order.price or order.trigger_price or self.last_price(book)
            units = self.portfolio.requirement(position, order.action, left, price)
            self.portfolio.reserve(order, position, units)

    # One instrument ------------------------------------------------------------------------

    def meet(self, book: Book, candle: Candle, end: int) -> None:
        """Walk one bar, which ends at `end`, of the only instrument of the run."""
        if candle.volume == 0 and book.dead(candle):
            return
        self.walking = True
        self._current = book
        self.now = start = book.open_bar(candle, end)
        book.begin(candle)
        price, falling, rising = candle.open, book.falling, book.rising
        if (falling and falling[0][0] <= GRID_NOISE - price) or (
            rising and rising[0][0] <= price + GRID_NOISE
        ):
            self._due = book.reached_at_open(price, start)
            self._meet_due()
        elif book.arrivals:
            self._due, book.arrivals = book.arrivals, []
            if self._latency:
                book.arrivals = [entry for entry in self._due if entry[0] > start]
                self._due = [entry for entry in self._due if entry[0] <= start]
                self._due.sort(key=by_sequence)
            self._meet_due()
        slack = book.limit_slack + GRID_NOISE
        falling, rising = book.falling, book.rising
        down = falling and slack - falling[0][0] >= candle.low
        if down or (rising and rising[0][0] - slack <= candle.high) or book.arrivals:
            if book.limit_slack:
                self.touch_misses += book.touched_at_open(start)
            book.choose_path(self._intrabar)
            self._walk_legs(book)
        if book.parked:
            book.unpark()
        book.walked = False
        book.set_gates()
        self.walking = False

    def _walk_legs(self, book: Book) -> None:
        """The legs of a bar's path for one book; `_next` and `_step` do it for several."""
        points = book.points
        for leg in (0, 1, 2):
            book.leg = leg
            if book.arrivals:
                break
            start, target = points[leg], points[leg + 1]
            if target < start:
                self._fall(book, leg, start, target)
            elif target > start:
                self._rise(book, leg, start, target)
            if book.arrivals:
                break
            book.price = target
        else:
            return
        while (ts := self._next(book, book.end)) >= 0:
            self._step(book, ts)

    def _fall(self, book: Book, leg: int, start: float, target: float) -> None:
        """Let price fall along a leg. A callback may rebuild the heap: it is looked up anew."""
        filled, times = self.ledger.ts, book.times
        while book.falling and book.falling[0][0] <= GRID_NOISE - target:
            key, seq, order = heappop(book.falling)
            if order.seq != seq:
                continue
            book.price = at = -key
            begins = times[leg]
            self.now = begins + int((times[leg + 1] - begins) * ((start - at) / (start - target)))
            before = len(filled)
            self.reach(book, order, at, False)
            if leg < 2 and len(filled) > before:
                book.hit_low = True
                if book.hit_high:
                    self.mark_ambiguous(book)
            if book.arrivals:
                return
        slack = book.limit_slack
        if slack and leg < 2 and book.falling and book.falling[0][0] - slack <= GRID_NOISE - target:
            self.touch_misses += book.mark_touched(True, target, times[leg + 1])

    def _rise(self, book: Book, leg: int, start: float, target: float) -> None:
        """Let price rise along a leg."""
        filled, times = self.ledger.ts, book.times
        while book.rising and book.rising[0][0] <= target + GRID_NOISE:
            at, seq, order = heappop(book.rising)
            if order.seq != seq:
                continue
            book.price = at
            begins = times[leg]
            self.now = begins + int((times[leg + 1] - begins) * ((at - start) / (target - start)))
            before = len(filled)
            self.reach(book, order, at, False)
            if leg < 2 and len(filled) > before:
                book.hit_high = True
                if book.hit_low:
                    self.mark_ambiguous(book)
            if book.arrivals:
                return
        slack = book.limit_slack
        if slack and leg < 2 and book.rising and book.rising[0][0] - slack <= target + GRID_NOISE:
            self.touch_misses += book.mark_touched(False, target, times[leg + 1])

    # Several instruments -------------------------------------------------------------------

    def open_bars(self, opened: list[Book], ts: int) -> None:
        """Print the opens of bars that begin together and let the books meet them (T6)."""
        self.walking = True
        self.now = ts
        for book in opened:
            if book.opened is not None:
                book.begin(book.opened)
                self._due += book.reached_at_open(book.price, ts)
        self._due.sort(key=by_sequence)
        self._meet_due()
        for book in opened:
            if book.limit_slack:
                self.touch_misses += book.touched_at_open(ts)
            book.choose_path(self._intrabar)

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
        candle = book.opened
        if candle is None or book.walked or book.dead(candle):
            return
        book.begin(candle)
        book.choose_path(self._intrabar)
        book.seek(ts)
        self.active.append(book)

    def close_bar(self, book: Book) -> None:
        """End the walk of a bar: what waited for volume rests again."""
        book.unpark()
        book.walked = False
        book.set_gates()

    def _meet_due(self) -> None:
        """What the opens meet, by sequence; orders sent meanwhile join the end (P6)."""
        due = self._due
        for arrived, seq, order, change in due:
            if order.seq != seq and (change is None or not order.seq):
                continue
            book = self._sole or self.book_of(order)
            self._current = book
            if arrived < 0:
                self.reach(book, order, book.price, True)
            elif change is None:
                self.enter(book, order)
            else:
                self._arrive(book, order, change)
        self._due = []

    def _next(self, book: Book, until: int) -> int:
        """When the path next meets something before `until`, ns UTC; -1 if never."""
        while book.leg < 3:
            leg = book.leg
            begins, ends = book.times[leg], book.times[leg + 1]
            if begins >= until:
                return -1
            start, target = book.points[leg], book.points[leg + 1]
            down = target < start
            heap = book.falling if down else book.rising
            while heap and heap[0][2].seq != heap[0][1]:
                heappop(heap)
            ts = -1
            if target != start and heap:
                at = -heap[0][0] if down else heap[0][0]
                if (at >= target - GRID_NOISE) if down else (at <= target + GRID_NOISE):
                    share = (at - start) / (target - start)
                    ts = max(begins + int((ends - begins) * share), self.now)
            if book.arrivals:
                arrives = max(book.arrivals[0][0], self.now)
                if arrives <= ends and (ts < 0 or arrives < ts):
                    ts = arrives
            if ts >= 0:
                return ts if ts < until else -1
            if leg < 2 and book.limit_slack and target != start:
                self.touch_misses += book.mark_touched(down, target, ends)
            book.leg = leg + 1
            book.price = target
        return -1

    def _step(self, book: Book, ts: int) -> None:
        """Let happen what `_next` found at `ts`."""
        self.now = ts
        self._current = book
        down = book.points[book.leg + 1] < book.points[book.leg]
        heap = book.falling if down else book.rising
        if book.arrivals and book.arrivals[0][0] <= ts and not self._older_is_met(book, heap, ts):
            _, seq, order, change = book.arrivals.pop(0)
            book.seek(ts)
            if order.seq == seq or (change is not None and order.seq):
                self._arrive(book, order, change)
            return
        entry = heappop(heap)
        book.price = -entry[0] if down else entry[0]
        leg, before = book.leg, len(self.ledger.ts)
        self.reach(book, entry[2], book.price, False)
        if leg < 2 and len(self.ledger.ts) > before:
            self._note_side(book, down)

    def _older_is_met(self, book: Book, heap: list[Resting], ts: int) -> bool:
        """Whether what rested is met at the very instant of an arrival, and came before it (P6)."""
        if not heap or heap[0][1] > book.arrivals[0][1]:
            return False
        start, target = book.points[book.leg], book.points[book.leg + 1]
        at = -heap[0][0] if target < start else heap[0][0]
        if target == start or ((at < target) if target < start else (at > target)):
            return False
        begins, ends = book.times[book.leg], book.times[book.leg + 1]
        met = begins + int((ends - begins) * ((at - start) / (target - start)))
        return met <= ts

    def _note_side(self, book: Book, down: bool) -> None:
        """Orders filled on the way to both extremes make a bar ambiguous (T3)."""
        if down:
            book.hit_low = True
        else:
            book.hit_high = True
        if book.hit_low and book.hit_high:
            self.mark_ambiguous(book)


def _describe(order: Order, change: Change) -> str:
    parts = []
    if change.quantity != order.quantity:
        parts.append(f"quantity {order.quantity} to {change.quantity}")
    if change.price and change.price != order.price:
        parts.append(f"price {order.price} to {change.price}")
    if change.trigger_price and change.trigger_price != order.trigger_price:
        parts.append(f"trigger_price {order.trigger_price} to {change.trigger_price}")
    return ", ".join(parts) or "nothing changed"
