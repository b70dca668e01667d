"""Filling the holes of the cache from an OpenAlgo server, one series at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec
import numpy as np

from tapeback.data.cache import Answer, CacheManager
from tapeback.data.openalgo.history import join
from tapeback.data.openalgo.limits import (
    DATABASE_TIMEFRAMES,
    Source,
    days_per_request,
    native_series,
)
from tapeback.data.openalgo.reading import HistoryReader, Read, Span
from tapeback.data.openalgo.records import Downloaded
from tapeback.data.openalgo.revisions import Revision, compare
from tapeback.data.openalgo.server import OpenAlgoServer
from tapeback.data.openalgo.transport import OpenAlgoError
from tapeback.market import timeframes
from tapeback.market.calendar import calendar_of
from tapeback.market.candles import Candles
from tapeback.models.candle import Series
from tapeback.models.finding import Finding
from tapeback.utils.clock import DAY_NS, MINUTE_NS, SECOND_NS, date_of_day, day_number, midnight

Progress = Callable[[int, int, float], None]

SOURCES: dict[Source, str] = {"api": "openalgo", "db": "openalgo db"}
_SETTLED_AFTER = 30 * MINUTE_NS
_LOOK_BACK = 15
# 1990-01-01: no broker's history begins earlier.
_EARLIEST_DAY = 7305


class Filling:
    """One download: what all its series share. `expected` tells how many requests it may take."""

    def __init__(
        self,
        server: OpenAlgoServer,
        cache: CacheManager,
        max_age_hours: float,
        source: Source,
        progress: Progress | None,
    ) -> None:
        self.server = server
        self.cache = cache
        self.max_age = max_age_hours
        self.source: Source = source
        self.progress = progress
        self.began = server.clock.now()
        self.requests = 0
        self.expected = 0
        self.reader = HistoryReader(server, source, self._asked)

    def offered(self) -> tuple[str, ...]:
        return DATABASE_TIMEFRAMES if self.source == "db" else self.server.intervals()

    def days(self, series: Series) -> int:
        broker = "" if self.source == "db" else self.server.broker()
        return days_per_request(series.timeframe, broker, self.source)

    def missing(self, series: Series, first: int | None, last: int) -> tuple[Span, ...]:
        if first is None:
            return ()
        return tuple(self.cache.missing(series, first, last, max_age_hours=self.max_age))

    def count(self, series: Series, first: int, last: int) -> int:
        """How many requests the missing ranges of a series are."""
        days = self.days(series)
        return sum(len(split_days(*span, days)) for span in self.missing(series, first, last))

    def run(self, result: Downloaded, first: int | None, last: int, planned: int = 0) -> None:
        """Fetch one series; its numbers go into `result`. `planned` are the requests that were
        expected of it before the server was asked for the broker's limits."""
        series = result.fetched
        if first is not None and not self.missing(series, first, last):
            return
        series = result.fetched = native_series(series, self.offered())
        with self.cache.downloading(series):
            before = self.requests
            try:
                if first is None:
                    self._backwards(result, last)
                else:
                    self.expected += self.count(series, first, last) - planned
                    self._fill(result, first, last)
            finally:
                result.requests += self.requests - before
                result.findings += tuple(_nothing(series, span) for span in _joined(result.empty))

    def _backwards(self, result: Downloaded, last: int) -> None:
        """Go back from `last`, a request's days at a time, until a whole one has no bars."""
        series, days = result.fetched, self.days(result.fetched)
        end = last
        while end > _EARLIEST_DAY:
            first = end - days + 1
            self._fill(result, first, end)
            if self.cache.read(series, first, end) is None:
                return
            end = first - 1

    def _fill(self, result: Downloaded, first: int, last: int) -> None:
        series = result.fetched
        for begin, end in reversed(self.missing(series, first, last)):
            if timeframes.duration(series.timeframe) > DAY_NS:
                # A period is one bar: the whole of those that were asked for, each time.
                begin = _period_start(series, first)
            overlaps = self._neighbours(series, begin, end)
            outer = min([begin, *overlaps]), max([end, *overlaps])
            for piece in split_days(*outer, self.days(series)):
                self._piece(result, piece, overlaps)

    def _piece(self, result: Downloaded, piece: Span, overlaps: list[int]) -> None:
        series = result.fetched
        stored = self.cache.read(series, *piece)
        known = np.unique(stored.days) if stored is not None else np.empty(0, np.int64)
        read = self.reader.read(series, *piece, known.tolist())
        fresh = read.candles
        for day in overlaps:
            if piece[0] <= day <= piece[1]:
                self._check(result, day, fresh.between(midnight(day), midnight(day + 1)))
        # An answer that lacks days which are stored adds to them; it cannot take them away.
        whole = bool(np.isin(known, fresh.days).all())
        if not len(fresh) and self._is_kept(series, piece, read.asked_at):
            result.empty.append(piece)
        span = piece if self.source == "api" else _span_of(fresh)
        if span is not None:
            self._store(result, read, span, replace=whole)

    def _is_kept(self, series: Series, piece: Span, asked_at: int) -> bool:
        """Whether an answer without bars settles its first session, so that it is not asked for
        again."""
        calendar = calendar_of(series.exchange)
        days = calendar.trading_days(*piece, series.symbol)
        if self.source == "db" or not len(days):
            return False
        return asked_at >= calendar.hours(int(days[0]), series.symbol)[1] + _SETTLED_AFTER

    def _check(self, result: Downloaded, day: int, fresh: Candles) -> None:
        """Fetch the stored history anew when the bars of a settled day have changed."""
        stored = self.cache.read(result.fetched, day, day)
        revision = compare(stored, fresh) if stored is not None and len(fresh) else None
        if revision is not None:
            self._refetch(result, day, revision)

    def _refetch(self, result: Downloaded, day: int, revision: Revision) -> None:
        """Read again what this source had answered before, all of it after an adjustment, else
        outwards from `day` until a request's days come back as they are stored; then replace it,
        a gapless range at a time, that of `day` last."""
        series = result.fetched
        ranges = sorted(self._answered(series), key=lambda span: span[0] <= day <= span[1])
        for first, last in ranges:
            reads: list[Read] = []
            for side in _outwards(first, last, day, self.days(series)):
                for piece in side:
                    read = self._again(series, piece, revision)
                    if read is not None:
                        reads.append(read)
                    elif revision.ratio is None:
                        break
            self._replace(result, reads, revision)

    def _again(self, series: Series, piece: Span, revision: Revision) -> Read | None:
        """What takes the place of stored bars; None where nothing does. After an adjustment all
        are of the past, after a correction those of days that do not come any more stay."""
        stored = self.cache.read(series, *piece)
        if stored is None:
            return None
        read = self.reader.read(series, *piece, np.unique(stored.days).tolist())
        if revision.ratio is not None:
            lost = stored.days[~np.isin(stored.days, read.candles.days)]
            if len(lost) and (not len(read.candles) or lost[0] < read.candles.days[0]):
                raise _not_given(series, (int(lost[0]), int(lost[-1])))
            return read
        if not len(read.candles) or compare(stored, read.candles) is None:
            return None
        left = np.flatnonzero(~np.isin(stored.days, read.candles.days))
        rest = Candles(series, [column[left] for column in stored.columns], read.candles.origin)
        return Read(join([read.candles, rest]), read.asked_at, read.requests)

    def _replace(self, result: Downloaded, reads: list[Read], revision: Revision) -> None:
        if not reads:
            return
        candles = join([read.candles for read in reads])
        span = int(candles.days[0]), int(candles.days[-1])
        finding = _revised(candles, revision)
        result.findings = (*result.findings, finding)
        asked_at = min(read.asked_at for read in reads)
        whole = Read(_noted(candles, finding), asked_at, 0)
        self._store(result, whole, span, replace=True)

    def _store(self, result: Downloaded, read: Read, span: Span, *, replace: bool) -> None:
        broker = self.server.broker() if self.source == "api" else ""
        answer = Answer(
            source=SOURCES[self.source],
            detail=f"{broker} at {self.server.host}" if broker else self.server.host,
            first_day=span[0],
            last_day=span[1],
            asked_at=read.asked_at,
            findings=read.candles.findings,
        )
        result.count(self.cache.store(read.candles, answer, replace=replace))

    def _neighbours(self, series: Series, first: int, last: int) -> list[int]:
        """The sessions beside a range of days that this source answered when they were over."""
        if timeframes.duration(series.timeframe) > DAY_NS:
            return []
        calendar = calendar_of(series.exchange)
        before = calendar.trading_days(first - _LOOK_BACK, first - 1, series.symbol)[-1:]
        after = calendar.trading_days(last + 1, last + _LOOK_BACK, series.symbol)[:1]
        answers = [a for a in self.cache.answers(series) if a.source == SOURCES[self.source]]
        found = []
        for day in (*before.tolist(), *after.tolist()):
            over = calendar.hours(day, series.symbol)[1] + _SETTLED_AFTER
            if any(a.first_day <= day <= a.last_day and a.asked_at >= over for a in answers):
                found.append(day)
        return found

    def _answered(self, series: Series) -> list[Span]:
        """The gapless ranges of days that this source had answered before this download."""
        spans = (
            (answer.first_day, answer.last_day)
            for answer in self.cache.answers(series)
            if answer.source == SOURCES[self.source] and 0 < answer.asked_at < self.began
        )
        return _joined(spans)

    def _asked(self) -> None:
        self.requests += 1
        if self.progress is not None:
            total = max(self.expected, self.requests)
            spent = (self.server.clock.now() - self.began) / SECOND_NS
            self.progress(self.requests, total, spent / self.requests * (total - self.requests))


def split_days(first: int, last: int, days: int) -> list[Span]:
    """Ranges of at most `days` days, newest first."""
    return [(max(first, end - days + 1), end) for end in range(last, first - 1, -days)]


def _joined(spans: Iterable[Span]) -> list[Span]:
    """Ranges of days in order, those that touch made into one."""
    joined: list[Span] = []
    for first, last in sorted(spans):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = joined[-1][0], max(last, joined[-1][1])
        else:
            joined.append((first, last))
    return joined


def _outwards(first: int, last: int, day: int, days: int) -> tuple[list[Span], list[Span]]:
    """The pieces of a range on both sides of `day`, the nearest first."""
    middle = min(max(day, first - 1), last)
    earlier = split_days(first, middle, days)
    later = [(begin, min(begin + days - 1, last)) for begin in range(middle + 1, last + 1, days)]
    return earlier, later


def _span_of(candles: Candles) -> Span | None:
    """The days from the first to the last bar: what a local database lacks today, it may have
    tomorrow."""
    return (int(candles.days[0]), int(candles.days[-1])) if len(candles) else None


def _period_start(series: Series, day: int) -> int:
    if series.timeframe == "1w":
        return day - (day + 3) % 7
    return day - date_of_day(day).day + 1


def _not_given(series: Series, piece: Span) -> OpenAlgoError:
    return OpenAlgoError(
        f"the source has adjusted its prices, but does not give those from "
        f"{date_of_day(piece[0])} to {date_of_day(piece[1])} any more; nothing was replaced.",
        kind="answer",
        where=series.name,
        remedy="Try again later. If it stays so, clear what is stored up to that date: old and "
        "new prices do not go together.",
    )


def _nothing(series: Series, span: Span) -> Finding:
    return Finding(
        code="no-bars",
        severity="note",
        message=f"the source has no bar from {date_of_day(span[0])} to {date_of_day(span[1])}, "
        f"which is kept in mind: 'tapeback data clear {series.name}' has it asked for again",
        where=f"{date_of_day(span[0])}",
    )


def _revised(candles: Candles, revision: Revision) -> Finding:
    what = (
        "the source has changed some of them"
        if revision.ratio is None
        else f"the source now multiplies them by {revision.ratio:.6g} (an adjustment)"
    )
    return Finding(
        code="revised-history",
        severity="warning",
        message=f"bars from {date_of_day(int(candles.days[0]))} to "
        f"{date_of_day(int(candles.days[-1]))} were fetched again and replaced: {what}",
        count=len(candles),
        where=f"{date_of_day(day_number(revision.first))}",
        action="replaced",
    )


def _noted(candles: Candles, finding: Finding) -> Candles:
    origin = msgspec.structs.replace(candles.origin, findings=(*candles.findings, finding))
    return Candles(candles.series, candles.columns, origin)
