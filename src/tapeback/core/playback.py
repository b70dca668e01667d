"""The books of a run, taken from one moment to the next: bars close and open, sessions begin and
end, and between the moments the paths are walked (fill contract T6, S3)."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush
from math import inf
from operator import itemgetter

from tapeback.core.book import Book
from tapeback.core.clearing import Clearing
from tapeback.core.corporate import CorporateActions
from tapeback.core.order_simulator import OrderSimulator
from tapeback.core.series import OpenBars, TimedCut
from tapeback.core.timeline import Moment
from tapeback.market.candles import Candles
from tapeback.models.candle import Candle
from tapeback.utils.clock import day_number

_by_time = itemgetter(0, 1)


class Playback:
    """Where the series of a run stand. `day` is the Indian day number whose session is under way,
    -1 before the first and after its end; `last_close` is when a bar closed last, ns UTC.

    With `squares_last` a square-off that is due at a moment waits for `settle`: a script is woken
    before (T6). Otherwise it meets the very open.
    """

    def __init__(
        self,
        simulator: OrderSimulator,
        clearing: Clearing,
        corporate: CorporateActions,
        *,
        squares_last: bool = False,
    ) -> None:
        self.bars: list[OpenBars] = []
        self.day = -1
        self.last_close = simulator.now
        self.due: list[tuple[int, Book]] = []
        self._simulator = simulator
        self._clearing = clearing
        self._corporate = corporate
        self._squares_last = squares_last
        self._cuts: list[TimedCut] = []

    def add(self, candles: Candles, book: Book | None) -> None:
        """Take up a series from its first bar on; `book` where it gives the prices."""
        self.bars.append(OpenBars(candles, len(self.bars), self.begin_session, book))

    # Moments -------------------------------------------------------------------------------

    def close_bars(self, moment: Moment) -> list[Candle]:
        """Close the bars that end at a moment; all of them, in the order of T6."""
        simulator = self._simulator
        closed = [self.bars[k] for k in moment.closings]
        for bars in closed:
            book = bars.book
            if book is not None:
                book.candle = bars.current
                if book.walked:
                    simulator.close_bar(book)
        if simulator.active:
            simulator.active = [book for book in simulator.active if book.walked]
        self.last_close = moment.ts
        return [bars.current for bars in closed]

    def open_bars(self, moment: Moment) -> None:
        """Do what is due by a moment, then print the opens of the bars that begin at it."""
        simulator, cuts = self._simulator, self._cuts
        if moment.openings and moment.day != self.day:
            if self.day >= 0:
                simulator.now = self.last_close
                self.end_session()
                simulator.now = moment.ts
            self.day = moment.day
        elif cuts and cuts[0][0] <= moment.ts:
            self._make_cuts(moment.ts)
        opened = [
            book
            for k in moment.openings
            if (book := self.bars[k].open_next(moment.ts, moment.day, cuts)) is not None
        ]
        if opened:
            simulator.active += opened
            simulator.open_bars(opened, moment.ts)

    def walk(self, until: int) -> None:
        """Walk what has something to meet from now to just before an instant."""
        simulator, now = self._simulator, self._simulator.now
        if simulator.summoned:
            for book in simulator.summoned:
                if book.arrivals and book.start <= now < book.end:
                    simulator.activate(book, now)
            simulator.summoned.clear()
        if simulator.active:
            simulator.walking = True
            simulator.walk(until)
            simulator.walking = False
            simulator.now = now

    def settle(self, ts: int) -> None:
        """Square off what was due at an instant: it is now."""
        simulator, due = self._simulator, self.due
        self.due = []
        for number, book in due:
            if "MIS" in book.positions:
                self._square_off(ts, number, book)
                if book.squaring and book.start == ts:
                    simulator.square_off_inside(book)
        if simulator.events:
            simulator.deliver()

    # Sessions ------------------------------------------------------------------------------

    def begin_session(self, book: Book, ts: int) -> None:
        """Let an instrument take up the rules of the day whose first bar begins at `ts`."""
        simulator, portfolio = self._simulator, self._simulator.portfolio
        blocked = portfolio.blocked_units
        simulator.now = ts
        book.new_session(ts)
        self._corporate.begin_session(book, ts)
        if portfolio.blocked_units != blocked:
            simulator.note_margin()
        if simulator.events:
            simulator.deliver()

    def end_session(self) -> None:
        """What broker and exchange do once the session is over that ended `now`."""
        self._finish_cuts(self._cuts)
        self._clearing.end_session()
        if self._simulator.events:
            self._simulator.deliver()
        self.day = -1

    def finish(self) -> None:
        """Square off at the end of the data what was due before it."""
        simulator = self._simulator
        cuts = self._cuts
        cuts += [(book.hours.square_off, 0, True, book) for book in simulator.books.values()]
        self._finish_cuts([cut for cut in cuts if cut[3].hours.square_off < simulator.now])

    def join(self, number: int, ts: int) -> None:
        """Let a series of which nothing was played stand where it stands at an instant: its earlier
        bars are history. Nothing rests in it, and nothing of it is held."""
        bars, book = self.bars[number], self.bars[number].book
        candles = bars.candles
        closed = int(candles.ends.searchsorted(ts, side="right"))
        begun = closed < len(candles) and bool(candles.starts[closed] <= ts)
        last = closed if begun else closed - 1
        if book is not None and last >= 0:
            self._join_session(book, bars, last, ts)
            book.candle = candles[closed - 1] if closed else None
        bars.skip(closed)
        if begun:
            bars.open_next(ts, bars.session, self._cuts)
        self._simulator.now = ts

    def _join_session(self, book: Book, bars: OpenBars, at: int, ts: int) -> None:
        """Let a book be in the session of one of its bars, the last that has begun."""
        candles = book.candles
        firsts = candles.session_firsts
        first = int(firsts[firsts.searchsorted(at, side="right") - 1])
        if first:
            book.candle = candles[first - 1]
            self._corporate.skip(book, day_number(int(candles.starts[first - 1])))
        begins = int(candles.starts[first])
        self.begin_session(book, begins)
        bars.session = day_number(begins)
        if bars.session == day_number(ts):
            bars.note_cuts(self._cuts, ts)
            if self.day != bars.session:
                self.day, self.last_close = bars.session, ts

    # Square-off ----------------------------------------------------------------------------

    def _make_cuts(self, ts: int) -> None:
        """Do what has become due by `ts`."""
        simulator, cuts = self._simulator, self._cuts
        while cuts and cuts[0][0] <= ts:
            due, number, squares_off, book = heappop(cuts)
            if not squares_off:
                simulator.begin_auction(book)
            elif self._squares_last and due == ts == book.hours.square_off:
                self.due.append((number, book))
            elif "MIS" in book.positions:
                self._square_off(ts, number, book)
        if simulator.events:
            simulator.deliver()

    def _square_off(self, ts: int, number: int, book: Book) -> None:
        """Square MIS off (S3) at the open of the next bar, or, where a coarser bar spans the time
        at which it is due, at its close."""
        if book.start < ts < book.end:
            heappush(self._cuts, (book.end, number, True, book))
        elif book.start < book.hours.square_off < book.end:
            self._simulator.square_off(book)
        else:
            book.squaring, book.gate_low = True, inf

    def _finish_cuts(self, cuts: Sequence[TimedCut]) -> None:
        """Square off, at the last closes, what no bar of the session came for."""
        simulator = self._simulator
        late = [book for _, _, squares_off, book in sorted(cuts, key=_by_time) if squares_off]
        self._cuts.clear()
        for book in dict.fromkeys(late):
            if "MIS" in book.positions:
                simulator.square_off(book)
        if simulator.events:
            simulator.deliver()
