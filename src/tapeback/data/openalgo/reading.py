"""Asking for the bars of some days until the answer is whole, or the rest is known not to exist."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import msgspec
import numpy as np
import numpy.typing as npt

from tapeback.data.openalgo.history import candles_of, join
from tapeback.data.openalgo.limits import Source
from tapeback.data.openalgo.server import OpenAlgoServer
from tapeback.market import timeframes
from tapeback.market.calendar import calendar_of
from tapeback.market.candles import Candles
from tapeback.models.candle import Series
from tapeback.utils.clock import DAY_NS, date_of_day, midnight

Ints = npt.NDArray[np.int64]
Span = tuple[int, int]

# Sessions without bars in a row that make an answer suspect, at its ends and inside: options that
# hardly trade miss single sessions, and a few brokers leave out the special ones.
_LONGEST_AT_ENDS = 1
_LONGEST_INSIDE = 4
# Answers are cut at round numbers of rows; those that are get a closer look.
_ROUND = 100


class Read(msgspec.Struct, frozen=True):
    """The closed bars of some days, when they were asked for (ns UTC), and in how many requests."""

    candles: Candles
    asked_at: int
    requests: int


class HistoryReader:
    """Reads whole days from a server.

    Brokers, and OpenAlgo's plugins for them, cut answers without a word: at a number of rows, or
    where one of several inner requests failed. So an answer that lacks sessions which the calendar
    expects is asked for again in smaller pieces, for just those; what is not there the second time
    does not exist.
    """

    def __init__(
        self, server: OpenAlgoServer, source: Source, asked: Callable[[], None] = lambda: None
    ) -> None:
        self.server = server
        self.source: Source = source
        self._asked = asked
        self._requests = 0

    def read(
        self, series: Series, first_day: int, last_day: int, expected: Iterable[int] = ()
    ) -> Read:
        """The closed bars from `first_day` to `last_day`, both included; `expected` are days on
        which bars are known to exist. Errors as `OpenAlgoServer.history` raises them."""
        before = self._requests
        asked_at = self.server.clock.now()
        candles, rows = self._once(series, first_day, last_day)
        days = _expected_days(series, first_day, last_day, asked_at, expected)
        cut = rows > 0 and rows % _ROUND == 0
        for span in _suspect_spans(candles, days, cut, asked_at):
            for first, last in _halves(*span):
                candles = self._again(candles, first, last)
        return Read(candles, asked_at, self._requests - before)

    def _again(self, known: Candles, first_day: int, last_day: int) -> Candles:
        """`known` with what a second question about some days brings; where it brings bars that
        were not known, the first was cut, and this one may have been too."""
        asked_at = self.server.clock.now()
        found, _ = self._once(known.series, first_day, last_day)
        if not len(np.setdiff1d(found.ts, known.ts, assume_unique=True)):
            return known
        rest = np.flatnonzero(~np.isin(known.days, found.days))
        others = Candles(known.series, [column[rest] for column in known.columns], known.origin)
        known = join([others, found])
        days = _expected_days(known.series, first_day, last_day, asked_at)
        for span in _suspect_spans(found, days, True, asked_at):
            for first, last in _halves(*span):
                known = self._again(known, first, last)
        return known

    def _once(self, series: Series, first_day: int, last_day: int) -> tuple[Candles, int]:
        """The closed bars of one answer, and how many rows it had."""
        now = self.server.clock.now()
        columns = self.server.history(
            series.symbol,
            series.exchange,
            series.timeframe,
            date_of_day(first_day),
            date_of_day(last_day),
            source=self.source,
        )
        self._requests += 1
        self._asked()
        candles = candles_of(series, columns, first_day=first_day, last_day=last_day, now=now)
        return candles, len(columns[0])


def _expected_days(
    series: Series, first_day: int, last_day: int, now: int, known: Iterable[int] = ()
) -> Ints:
    """Days on which a bar should have closed by `now`."""
    if timeframes.duration(series.timeframe) > DAY_NS:
        return np.empty(0, np.int64)
    calendar = calendar_of(series.exchange)
    days = calendar.trading_days(first_day, last_day, series.symbol)
    clocks = calendar.clocks(days, series.symbol)
    over = clocks.closes
    if timeframes.is_intraday(series.timeframe):
        over = np.minimum(over, clocks.opens + timeframes.duration(series.timeframe))
    begins = np.array([midnight(day) for day in days.tolist()], np.int64)
    return np.union1d(days[begins + over <= now], np.fromiter(known, np.int64))


def _suspect_spans(candles: Candles, expected: Ints, cut: bool, now: int) -> Iterator[Span]:
    """Ranges of days to ask for once more, newest first: all when there is no bar, runs of
    sessions without bars, and of an answer that seems `cut` also single sessions at its ends and
    days that it has only in part."""
    if not len(expected):
        return
    if not len(candles):
        yield int(expected[0]), int(expected[-1])
        return
    absent = ~np.isin(expected, candles.days)
    if cut and timeframes.is_intraday(candles.timeframe):
        absent |= np.isin(expected, _partial_days(candles, now))
    edges = np.flatnonzero(np.diff(absent, prepend=False, append=False)).reshape(-1, 2)
    for start, stop in reversed(edges.tolist()):
        at_end = start == 0 or stop == len(expected)
        tolerated = (0 if cut else _LONGEST_AT_ENDS) if at_end else _LONGEST_INSIDE
        if stop - start > tolerated:
            yield int(expected[start]), int(expected[stop - 1])


def _partial_days(candles: Candles, now: int) -> list[int]:
    """The first day, where its bars begin after its open, and the last, where they end early."""
    first, last = int(candles.days[0]), int(candles.days[-1])
    partial = []
    if int(candles.ts[0]) > midnight(first) + int(candles.clocks.opens[0]):
        partial.append(first)
    if int(candles.ends[-1]) < min(now, midnight(last) + int(candles.clocks.continuous[-1])):
        partial.append(last)
    return partial


def _halves(first: int, last: int) -> list[Span]:
    """A range of days in two, newest first; a single day as it is."""
    if first == last:
        return [(first, last)]
    middle = (first + last) // 2
    return [(middle + 1, last), (first, middle)]
