"""Walking bars along their path, for one instrument or for several together.

A bar that no order could meet is never walked. Rule ids in the code (P6, T3, …) are those of the
fill contract.
"""

from __future__ import annotations

from tapeback.core.book import GRID_NOISE, Arrival, Book, Change, by_sequence, drop_stale
from tapeback.core.matching import Matching
from tapeback.core.portfolio import Portfolio
from tapeback.core.rules import ExecutionRules
from tapeback.models.candle import Candle
from tapeback.models.order import Order

_NOISE = GRID_NOISE


class Walking(Matching):
    """Time inside bars. `active` are the books whose bars are being walked."""

    def __init__(self, rules: ExecutionRules, portfolio: Portfolio) -> None:
        super().__init__(rules, portfolio)
        self.active: list[Book] = []
        self._intrabar = rules.intrabar
        self._latency = rules.latency
        self._current: Book | None = None
        self._due: list[Arrival] = []
        self._sole: Book | None = None

    def add_book(self, book: Book) -> None:
        """Let an instrument trade in this run."""
        instrument = book.instrument
        self.books[instrument.symbol, instrument.exchange] = book
        self._sole = book if len(self.books) == 1 else None

    def walk_together(self) -> None:
        """Let the bars of a single instrument too be walked as those of several are."""
        self._sole = None

    def arrive(self, book: Book, order: Order, change: Change | None) -> None:
        """Let an order, or a change to one, reach the exchange."""
        raise NotImplementedError

    def square_off(self, book: Book) -> None:
        """Close what MIS holds of an instrument, at the point of the path that was reached."""
        raise NotImplementedError

    def end_intraday(self, book: Book) -> None:
        """Cancel the MIS orders of an instrument."""
        raise NotImplementedError

    # One instrument ------------------------------------------------------------------------

    def meet(self, book: Book, candle: Candle, end: int) -> None:
        """Walk one bar, which ends at `end`, of the only instrument of the run."""
        if candle.volume == 0 and book.dead(candle):
            return
        self.walking = True
        self._current = book
        self.now = start = book.open_bar(candle, end)
        book.begin(candle)
        if book.squaring and start > book.hours.square_off:
            self.end_intraday(book)
        price = candle.open
        if (book.falling or book.rising) and (
            book.below() >= price - _NOISE or book.above() <= price + _NOISE
        ):
            self._due = book.reached_at_open(price, start)
            self._meet_due()
        elif book.arrivals:
            self._due, book.arrivals = book.arrivals, []
            if self._latency:
                book.arrivals = [entry for entry in self._due if entry[0] > start]
                self._due = [entry for entry in self._due if entry[0] <= start]
            if len(self._due) > 1:
                self._due.sort(key=by_sequence)
            self._meet_due()
        if book.squaring:
            self.square_off(book)
        low, high, slack = candle.low, candle.high, book.limit_slack + _NOISE
        if book.arrivals or (
            (book.falling or book.rising)
            and (book.below() + slack >= low or book.above() - slack <= high)
        ):
            if book.limit_slack:
                self.touch_misses += book.touched_at_open(start)
            book.choose_path(self._intrabar)
            self._walk_legs(book)
        if book.parked or book.barred:
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
        """Let price fall along a leg. A callback may rebuild the column: it is looked up anew."""
        log, times = self._log, book.times
        while book.below() >= target - _NOISE:
            at, place, order = book.falling.pop()
            if order.seq != -place:
                continue
            book.price = at
            begins = times[leg]
            self.now = begins + int((times[leg + 1] - begins) * ((start - at) / (start - target)))
            before = log.rows
            self.reach(book, order, at, False)
            if leg < 2 and log.rows > before:
                book.hit_low = True
                if book.hit_high:
                    self.mark_ambiguous(book)
            if book.arrivals:
                return
        slack = book.limit_slack
        if slack and leg < 2 and book.below() + slack >= target - _NOISE:
            self.touch_misses += book.mark_touched(True, target, times[leg + 1])

    def _rise(self, book: Book, leg: int, start: float, target: float) -> None:
        """Let price rise along a leg."""
        log, times = self._log, book.times
        while book.above() <= target + _NOISE:
            price, place, order = book.rising.pop()
            if order.seq != -place:
                continue
            book.price = at = -price
            begins = times[leg]
            self.now = begins + int((times[leg + 1] - begins) * ((at - start) / (target - start)))
            before = log.rows
            self.reach(book, order, at, False)
            if leg < 2 and log.rows > before:
                book.hit_high = True
                if book.hit_low:
                    self.mark_ambiguous(book)
            if book.arrivals:
                return
        slack = book.limit_slack
        if slack and leg < 2 and book.above() - slack <= target + _NOISE:
            self.touch_misses += book.mark_touched(False, target, times[leg + 1])

    # Several instruments -------------------------------------------------------------------

    def open_bars(self, opened: list[Book], ts: int) -> None:
        """Print the opens of bars that begin together and let the books meet them (T6)."""
        self.walking = True
        self.now = ts
        for book in opened:
            if book.opened is not None:
                book.begin(book.opened)
                if book.squaring and book.start > book.hours.square_off:
                    self._current = book
                    self.end_intraday(book)
                self._due += book.reached_at_open(book.price, ts)
        self._due.sort(key=by_sequence)
        self._meet_due()
        for book in opened:
            if book.squaring:
                self._current = book
                self.square_off(book)
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
            if order.action == book.locked:
                book.barred.append((arrived, seq, order, change))
                continue
            if arrived < 0:
                self.reach(book, order, book.price, True)
            elif change is None:
                self.enter(book, order)
            else:
                self.arrive(book, order, change)
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
            resting = book.falling if down else book.rising
            drop_stale(resting)
            ts = -1
            if target != start and resting:
                at = book.below() if down else book.above()
                if (at >= target - _NOISE) if down else (at <= target + _NOISE):
                    share = (at - start) / (target - start)
                    ts = max(begins + int((ends - begins) * share), self.now)
            if book.arrivals:
                arrives = max(book.arrivals[0][0], self.now)
                if arrives <= ends and (ts < 0 or arrives < ts):
                    ts = arrives
            if ts >= 0:
                return ts if ts < until else -1
            if ends >= until:
                return -1
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
        resting = book.falling if down else book.rising
        if book.arrivals and book.arrivals[0][0] <= ts and not self._older_is_met(book, ts):
            _, seq, order, change = book.arrivals.pop(0)
            book.seek(ts)
            if order.seq == seq or (change is not None and order.seq):
                self.arrive(book, order, change)
            return
        price, _, order = resting.pop()
        book.price = price if down else -price
        leg, before = book.leg, self._log.rows
        self.reach(book, order, book.price, False)
        if leg < 2 and self._log.rows > before:
            self._note_side(book, down)

    def _older_is_met(self, book: Book, ts: int) -> bool:
        """Whether what rested is met at the very instant of an arrival, and came before it (P6)."""
        start, target = book.points[book.leg], book.points[book.leg + 1]
        resting = book.falling if target < start else book.rising
        if not resting or -resting[-1][1] > book.arrivals[0][1]:
            return False
        at = book.below() if target < start else book.above()
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
