"""The run itself: bars in order, the exchange between them, the strategy at each close."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from math import inf
from traceback import format_exc
from typing import Literal, NamedTuple

import numpy as np

from tapeback.core.book import Book
from tapeback.core.clearing import Clearing
from tapeback.core.corporate import CorporateActions
from tapeback.core.equity import EquityColumns, equity_columns
from tapeback.core.order_simulator import OrderSimulator
from tapeback.core.playback import Playback
from tapeback.core.portfolio import Portfolio
from tapeback.core.ports import Listener, Progress, StrategyPort
from tapeback.core.rules import ExecutionRules
from tapeback.core.series import finest, set_leaders
from tapeback.core.timeline import EventQueue
from tapeback.errors import DataError
from tapeback.market import timeframes
from tapeback.market.candles import Candles
from tapeback.market.rulebook import NEVER, Rulebook
from tapeback.models.candle import Candle
from tapeback.models.fill import FillColumns

Status = Literal["completed", "failed", "cancelled"]
_CHUNK = 4096
_STEPS = 200
_LEAST = 256


@dataclass(frozen=True, slots=True)
class Fault:
    """An exception of the strategy: when, in which callback, its traceback."""

    ts: int
    callback: str
    error: str
    traceback: str


@dataclass(slots=True)
class RunRecord:
    """What a run leaves behind; everything else is computed from it."""

    status: Status
    simulator: OrderSimulator
    fills: FillColumns
    equity: EquityColumns
    bars_done: int
    bars_total: int
    faults: list[Fault] = field(default_factory=list)


class Cut(NamedTuple):
    """Something that broker or exchange does at the time `due`, ns UTC, between two bars: ahead of
    the bar with index `before`, or, `at_open`, once its open is printed."""

    before: int
    at_open: bool
    due: int
    squares_off: bool


def _cuts(book: Book, first: int, after: int) -> deque[Cut]:
    """The cuts of the session of the bars `first` to `after`, in the order of their times."""
    candles, hours = book.candles, book.hours
    found: deque[Cut] = deque()
    starts = candles.starts[first:after]
    if hours.continuous_ends < hours.closes:
        due = hours.continuous_ends
        found.append(Cut(first + int(starts.searchsorted(due)), False, due, False))
    due = hours.square_off
    if due < NEVER:
        at = first + int(starts.searchsorted(due))
        spanned = at > first and bool(candles.ends[at - 1] > due)
        cut = Cut(at, at < after and not spanned, due, True)
        # An auction that begins with the very bar comes after a square-off that was due before.
        if found and (found[0].before, found[0].due) < (cut.before, due):
            found.append(cut)
        else:
            found.appendleft(cut)
    return found


class _Halt(BaseException):
    """Ends the run from inside a callback's caller."""


class BacktestEngine:
    """Plays the bars of one or several series to one strategy on one account.

    `series`: the first of a symbol's finest timeframe gives its prices, coarser ones are only
    shown (T7). `progress(done, total)` is called at most about 200 times, in bars. `cancel()`
    ends the run soon and keeps what was computed.
    """

    def __init__(
        self,
        series: Sequence[Candles],
        rules: ExecutionRules,
        portfolio: Portfolio,
        rulebook: Rulebook,
        *,
        progress: Progress | None = None,
    ) -> None:
        self.series = tuple(series)
        self.rules = rules
        self.rulebook = rulebook
        self.portfolio = portfolio
        self.simulator = OrderSimulator(rules, portfolio)
        self.simulator.on_fault = self._fault
        self.clearing = Clearing(self.simulator, rules, rulebook)
        self.simulator.now = min(int(candles.starts[0]) for candles in self.series if len(candles))
        self.faults: list[Fault] = []
        self._progress = progress
        self._cancelled = False
        self._strategy: StrategyPort | None = None
        self._total = sum(len(candles) for candles in self.series)
        self._done = 0
        self._resampled: dict[tuple[str, str, str], Candles] = {}
        self._finest = finest(self.series)
        self._corporate = CorporateActions(self.simulator, rulebook)
        for k in self._finest:
            self._add_book(self.series[k])
        set_leaders(list(self.simulator.books.values()))
        self._shown = self._shown_series()

    def _add_book(self, candles: Candles) -> Book:
        instrument = self.rulebook.instrument(candles.symbol, candles.exchange)
        book = Book(instrument, candles, self.rules, self.portfolio, self.rulebook)
        self.simulator.add_book(book)
        self._corporate.add(book)
        return book

    def admit(self, candles: Candles) -> Book:
        """Let an instrument that the run did not have trade in it from now on, at the prices of
        these candles."""
        self.series = (*self.series, candles)
        self._finest = (*self._finest, len(self.series) - 1)
        self._shown.append(True)
        self._total += len(candles)
        book = self._add_book(candles)
        set_leaders(list(self.simulator.books.values()))
        return book

    def run(self, strategy: StrategyPort, listener: Listener | None = None) -> RunRecord:
        """Play all bars. A strategy's exception ends the run as `failed`, or is noted and passed
        over (`continue_on_error`); Ctrl-C and `cancel()` end it as `cancelled`."""
        self._strategy = strategy
        self.simulator.listener = listener
        status: Status = "completed"
        try:
            self._call(strategy.on_start, "on_start")
            if len(self.series) == 1:
                self._run_single()
            else:
                self._run_many()
            self.conclude()
            self._call(strategy.on_end, "on_end")
            self._tell_progress()
        except _Halt:
            status = "cancelled" if self._cancelled else "failed"
        except KeyboardInterrupt:
            status = "cancelled"
        except SystemExit as ending:
            status = self._left(ending)
        self.simulator.walking = False
        return self.record(status)

    def conclude(self) -> None:
        """What happens at the end of the data, `now`: contracts whose time has come expire, and
        positions are closed where that was asked for (S4)."""
        self.clearing.expire_contracts(over=False)
        if self.rules.close_at_end:
            self._close_positions()
        self.clearing.close_accounts()

    def record(self, status: Status) -> RunRecord:
        """What the run has left behind by now."""
        played = sum(self._closed(candles) for candles in self.series)
        fills = self.simulator.ledger.columns()
        return RunRecord(
            status, self.simulator, fills, self._equity(fills), played, self._total, self.faults
        )

    def _left(self, ending: SystemExit) -> Status:
        """A strategy that calls sys.exit() ends its run: well, unless it gives a code."""
        what = f"the strategy called sys.exit({ending.code!r})"
        self.faults.append(Fault(self.now, "sys.exit", what, format_exc()))
        return "failed" if ending.code else "completed"

    def cancel(self) -> None:
        """End the run soon, with status `cancelled`."""
        self._cancelled = True

    @property
    def now(self) -> int:
        """The instant of the simulation, ns UTC."""
        return self.simulator.now

    def history(
        self, count: int, symbol: str, exchange: str, timeframe: str | None = None
    ) -> Candles:
        """The last `count` closed bars; a coarser timeframe is built from the finest one."""
        candles = self.candles_of(symbol, exchange, timeframe)
        closed = self._closed(candles)
        return candles[max(0, closed - count) : closed]

    def closed_candles(self, symbol: str, exchange: str, timeframe: str | None = None) -> Candles:
        """All bars of an instrument that are closed by now."""
        candles = self.candles_of(symbol, exchange, timeframe)
        return candles[: self._closed(candles)]

    def session_extremes(self, book: Book) -> tuple[float, float]:
        """Lowest and highest price of the session's closed bars, 0.0 before the first."""
        candles = book.candles
        first = int(np.searchsorted(candles.starts, book.session_opens))
        last = self._closed(candles)
        if first >= last:
            return 0.0, 0.0
        return float(candles.low[first:last].min()), float(candles.high[first:last].max())

    # Loops ---------------------------------------------------------------------------------

    def _run_single(self) -> None:
        candles = self.series[0]
        book, playback = next(iter(self.simulator.books.values())), self.playback()
        starts, total = candles.starts, len(candles)
        step = max(_LEAST, min(_CHUNK, total // _STEPS))
        sessions = iter([*candles.session_firsts.tolist(), total])
        boundary, cuts = next(sessions), deque[Cut]()
        for begin in range(0, total, step):
            self._report()
            end = min(begin + step, total)
            bars = zip(candles.rows(begin, end), candles.ends[begin:end].tolist(), strict=True)
            at = begin
            while at < end:
                while cuts and cuts[0].before == at:
                    self._cut(book, cuts.popleft())
                if at == boundary:
                    first, boundary = at, next(sessions)
                    if at:
                        playback.end_session()
                    playback.begin_session(book, int(starts[at]))
                    cuts = _cuts(book, first, boundary)
                stop = min(end, cuts[0].before if cuts else boundary)
                self._play(islice(bars, stop - at), book)
                self._done = at = stop
        for cut in cuts:
            if candles.ends[-1] > cut.due:
                self._cut(book, cut)

    def _cut(self, book: Book, cut: Cut) -> None:
        """Square off the only instrument, now or at the open of its next bar (S3), or let its
        closing auction begin."""
        simulator = self.simulator
        if not cut.squares_off:
            simulator.begin_auction(book)
        elif "MIS" in book.positions:
            if cut.at_open:
                book.squaring, book.gate_low = True, inf
            else:
                simulator.square_off(book)
        if simulator.events:
            simulator.deliver()

    def _play(self, bars: Iterator[tuple[Candle, int]], book: Book) -> None:
        """The hot loop: two comparisons decide whether a bar concerns the book at all."""
        strategy, simulator = self._strategy, self.simulator
        if strategy is None:
            return
        on_bar, events = strategy.on_bar, simulator.events
        while True:
            try:
                for candle, end in bars:
                    low, high = candle.low, candle.high
                    if low <= book.gate_low or high >= book.gate_high:
                        simulator.meet(book, candle, end)
                    book.candle = candle
                    simulator.now = end
                    on_bar(candle)
                    if events:
                        simulator.deliver()
                return
            except Exception as error:
                if simulator.walking:
                    raise
                self._fault("on_bar", error)

    def _run_many(self) -> None:
        simulator, playback = self.simulator, self.playback()
        due, every = 0, max(1, self._total // _STEPS)
        for moment in EventQueue(self.series):
            simulator.now = moment.ts
            if moment.closings:
                closed = playback.close_bars(moment)
                shown = zip(moment.closings, closed, strict=True)
                self._show([candle for k, candle in shown if self._shown[k]])
                self._done += len(closed)
            playback.open_bars(moment)
            playback.walk(moment.until)
            if self._done >= due:
                due = self._done + every
                self._report()
        playback.finish()

    def playback(self, *, squares_last: bool = False) -> Playback:
        """All series of the run, at their first bars."""
        playback = Playback(
            self.simulator, self.clearing, self._corporate, squares_last=squares_last
        )
        for k, candles in enumerate(self.series):
            key = candles.symbol, candles.exchange
            playback.add(candles, self.simulator.books[key] if k in self._finest else None)
        return playback

    def _show(self, candles: list[Candle]) -> None:
        """Tell the strategy of bars that have closed."""
        strategy, simulator = self._strategy, self.simulator
        if strategy is None:
            return
        for candle in candles:
            try:
                strategy.on_bar(candle)
            except Exception as error:
                self._fault("on_bar", error)
            if simulator.events:
                simulator.deliver()

    def _close_positions(self) -> None:
        """Close what is open at the last closes (S4)."""
        simulator = self.simulator
        simulator.over = True
        for position in list(self.portfolio.positions.values()):
            if not position.quantity:
                continue
            book = simulator.books[position.symbol, position.exchange]
            order = simulator.closing_order(position, "CLOSE_AT_END")
            simulator.fill_at_last_close(book, order, "S4")
        if simulator.events:
            simulator.deliver()

    # Strategy ------------------------------------------------------------------------------

    def _call(self, callback: Callable[[], None], name: str) -> None:
        try:
            callback()
        except Exception as error:
            self._fault(name, error)
        if self.simulator.events:
            self.simulator.deliver()

    def _fault(self, callback: str, error: Exception) -> None:
        what = f"{type(error).__name__}: {error}"
        self.faults.append(Fault(self.now, callback, what, format_exc()))
        if not self.rules.continue_on_error:
            raise _Halt from error

    # State ---------------------------------------------------------------------------------

    def candles_of(self, symbol: str, exchange: str, timeframe: str | None = None) -> Candles:
        """The bars of an instrument, those to come too; a coarser timeframe is built from the
        finest one. Raises DataError for what the run has no candles of."""
        name = timeframes.normalise(timeframe) if timeframe else None
        for candles in self.series:
            if (candles.symbol, candles.exchange) == (symbol, exchange) and name in (
                None,
                candles.timeframe,
            ):
                return candles
        book = self.simulator.books.get((symbol, exchange))
        if book is None or name is None:
            known = ", ".join(candles.series.name for candles in self.series)
            raise DataError(f"no candles of {symbol}:{exchange} in this run, only {known}.")
        key = (symbol, exchange, name)
        candles = self._resampled.get(key) or book.candles.resample(name)
        self._resampled[key] = candles
        return candles

    def _closed(self, candles: Candles) -> int:
        """How many bars of a series are closed by now."""
        return int(np.searchsorted(candles.ends, self.simulator.now, side="right"))

    def _shown_series(self) -> list[bool]:
        """Whether the strategy sees a series' bars; in `lower_timeframe` the finest ones only
        tell what happened inside the coarser."""
        if self.rules.intrabar != "lower_timeframe":
            return [True] * len(self.series)
        shown = [k not in self._finest for k in range(len(self.series))]
        for k in self._finest:
            candles = self.series[k]
            key = (candles.symbol, candles.exchange)
            if not any(
                shown[j] and (s.symbol, s.exchange) == key for j, s in enumerate(self.series)
            ):
                raise DataError(
                    f"intrabar lower_timeframe needs a finer series beside {candles.series.name}.",
                    remedy="Pass finer candles of the same symbol too, or choose another mode.",
                )
        return shown

    def _equity(self, fills: FillColumns) -> EquityColumns:
        played = [self.series[k] for k in self._finest]
        # A series that was played to its end keeps the columns that it has worked out already.
        marks = [
            candles if (closed := self._closed(candles)) == len(candles) else candles[:closed]
            for candles in played
        ]
        postings = self.simulator.ledger.postings
        columns = equity_columns(self.portfolio.initial, marks, fills, postings)
        first = self.series[self._finest[0]]
        book = self.simulator.books[first.symbol, first.exchange]
        benchmark = columns.benchmark
        for since, factor in self._corporate.share_factors(book):
            benchmark = np.where(columns.ends > since, benchmark * factor, benchmark)
        return replace(columns, benchmark=benchmark)

    def _report(self) -> None:
        """Tell how far the run is, and end it if that was asked for."""
        self._tell_progress()
        if self._cancelled:
            raise _Halt

    def _tell_progress(self) -> None:
        if self._progress is not None:
            self._progress(self._done, self._total)
