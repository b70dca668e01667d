"""What is odd about candles, seen against the regular sessions of their exchange."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import msgspec
import numpy as np
import numpy.typing as npt

from tapeback.market import timeframes
from tapeback.market.candles import Candles
from tapeback.market.sessions import is_weekday, session_minutes, trading_days
from tapeback.models.finding import Finding
from tapeback.utils.clock import DAY_NS, IST_OFFSET_NS, MINUTE_NS, to_ist

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_NAMED_DATES = 20
_FROZEN_BARS = 30
_JUMP = 0.2
_FULL_SESSION = 0.75


def inspect(candles: Candles) -> tuple[Finding, ...]:
    """Findings about sessions, hours, holes, frozen prices, jumps and volume; nothing is changed.

    Weekdays without bars are named, holidays among them: only a calendar can tell these apart.
    Weeks and months are inspected for jumps alone.
    """
    if not len(candles):
        return ()
    findings = [_jumps(candles), _volume(candles)]
    if timeframes.duration(candles.timeframe) <= DAY_NS:
        findings += [_missing_sessions(candles), _weekend_sessions(candles)]
    if timeframes.is_intraday(candles.timeframe):
        clock = _Clock(candles)
        findings += [*clock.findings(), _frozen_tails(candles, clock)]
    return tuple(finding for finding in findings if finding is not None)


def drop_frozen_tails(candles: Candles) -> tuple[Candles, tuple[Finding, ...]]:
    """`candles` without the bars that a feed went on printing after the regular close: at least
    30 at the end of a date, all of one price and without volume. The date's other bars after the
    close go with them when nine in ten of all these did not move (a closing print lies among
    them); else they are a session of their own and stay. A date without any bar in regular hours
    is left alone."""
    if not timeframes.is_intraday(candles.timeframe) or not len(candles):
        return candles, ()
    clock = _Clock(candles)
    silent = clock.after & clock.on_regular_date & ~(candles.volume > 0)
    dropped = _tails(candles, silent)
    if not dropped.any():
        return candles, ()
    flat = silent & (candles.high == candles.low)
    tailed, still, all_of_them = (
        np.add.reduceat(mask, clock.firsts, dtype=np.int64) for mask in (dropped, flat, silent)
    )
    whole = (tailed > 0) & (still * 10 >= all_of_them * 9)
    dropped |= silent & np.repeat(whole, clock.sizes)
    first = to_ist(int(candles.ts[np.argmax(dropped)]))
    finding = Finding(
        code="frozen-tail",
        severity="warning",
        message=f"{_plural(int(dropped.sum()), 'bar')} printed at a frozen price after the close "
        f"of {_dates(candles.days[dropped])}",
        count=int(dropped.sum()),
        where=f"{first:%Y-%m-%d %H:%M}",
        action="dropped",
    )
    columns = [column[~dropped] for column in candles.columns]
    return Candles(candles.series, columns, candles.origin), (finding,)


def with_findings(candles: Candles, findings: tuple[Finding, ...]) -> Candles:
    """The same candles, with `findings` after those that they have."""
    if not findings:
        return candles
    known = msgspec.structs.replace(candles.origin, findings=(*candles.findings, *findings))
    return Candles(candles.series, candles.columns, known)


class _Clock:
    """Where the bars of an intraday series stand in the regular hours of their dates."""

    def __init__(self, candles: Candles) -> None:
        self.candles = candles
        opens, closes = session_minutes(candles.exchange)
        self.hours = f"{opens // 60:02}:{opens % 60:02}-{closes // 60:02}:{closes % 60:02}"
        self.length = timeframes.duration(candles.timeframe)
        self.since_open = candles.ts + IST_OFFSET_NS - candles.days * DAY_NS - opens * MINUTE_NS
        self.span = (closes - opens) * MINUTE_NS
        self.expected = -(-self.span // self.length)
        self.after = self.since_open >= self.span
        self.regular = (self.since_open >= 0) & ~self.after
        self.firsts = candles.session_firsts
        self.sizes = np.diff(self.firsts, append=len(candles))
        self.counts = np.add.reduceat(self.regular, self.firsts, dtype=np.int64)
        self.on_regular_date = np.repeat(self.counts > 0, self.sizes)

    def findings(self) -> Iterator[Finding | None]:
        timeframe = self.candles.timeframe
        off_grid = self.regular & (self.since_open % self.length != 0)
        yield self._marked("outside-hours", ~self.regular, f"outside regular hours ({self.hours})")
        yield self._marked("off-grid", off_grid, f"off the session's {timeframe} grid")
        yield self._holes()
        yield self._short_sessions()

    def _marked(self, code: str, mask: Mask, what: str) -> Finding | None:
        count = int(np.count_nonzero(mask))
        if not count:
            return None
        return Finding(
            code=code,
            severity="note",
            message=f"{_plural(count, 'bar')} {what}",
            count=count,
            where=_moment(self.candles, int(np.argmax(mask))),
        )

    def _holes(self) -> Finding | None:
        """Slots of the grid without a bar between the first and the last bar of a date."""
        slots = np.clip(self.since_open // self.length, -1, self.expected)
        missing = np.maximum(np.diff(slots) - 1, 0)
        missing[self.firsts[1:] - 1] = 0
        missing[~self.on_regular_date[1:]] = 0
        total = int(missing.sum())
        if not total:
            return None
        holes = int(np.count_nonzero(missing))
        days = np.unique(self.candles.days[:-1][missing > 0])
        return Finding(
            code="missing-bars",
            severity="warning",
            message=f"{_plural(total, 'bar')} missing in {_plural(holes, 'hole')} inside "
            f"{_plural(len(days), 'session')}: {_dates(days)}",
            count=total,
            where=_moment(self.candles, int(np.argmax(missing > 0))),
        )

    def _short_sessions(self) -> Finding | None:
        short = (self.counts > 0) & (self.counts < _FULL_SESSION * self.expected)
        if not short.any():
            return None
        days = self.candles.days[self.firsts[short]]
        return Finding(
            code="short-session",
            severity="warning",
            message=f"{_plural(len(days), 'session')} with less than three quarters of the "
            f"{self.expected} bars of a regular one: {_dates(days)}",
            count=len(days),
            where=_moment(self.candles, int(self.firsts[np.argmax(short)])),
        )


def _missing_sessions(candles: Candles) -> Finding | None:
    expected = trading_days(int(candles.days[0]), int(candles.days[-1]))
    missing = np.setdiff1d(expected, candles.days)
    if not len(missing):
        return None
    return Finding(
        code="missing-session",
        severity="note",
        message=f"{_plural(len(missing), 'weekday')} without bars (holidays included): "
        f"{_dates(missing)}",
        count=len(missing),
        where=f"{_date(int(missing[0]))}",
    )


def _weekend_sessions(candles: Candles) -> Finding | None:
    days = np.unique(candles.days)
    weekend = days[[not is_weekday(int(day)) for day in days]]
    if not len(weekend):
        return None
    return Finding(
        code="weekend-session",
        severity="note",
        message=f"{_plural(len(weekend), 'session')} on a Saturday or Sunday: {_dates(weekend)}",
        count=len(weekend),
        where=f"{_date(int(weekend[0]))}",
    )


def _jumps(candles: Candles) -> Finding | None:
    """Moves between dates that only a split, a bonus or an error explains."""
    firsts = candles.session_firsts[1:]
    moves = candles.open[firsts] / candles.close[firsts - 1] - 1
    jumps = np.flatnonzero(np.abs(moves) > _JUMP)
    if not len(jumps):
        return None
    named = [
        f"{_date(int(candles.days[firsts[index]]))} ({moves[index]:+.1%})"
        for index in jumps[:_NAMED_DATES]
    ]
    return Finding(
        code="unadjusted-jump",
        severity="warning",
        message=f"{_plural(len(jumps), 'jump')} of more than {_JUMP:.0%} from one close to the "
        f"next open, as an unadjusted split makes: {', '.join(named)}"
        f"{_more(len(jumps))}",
        count=len(jumps),
        where=f"{_date(int(candles.days[firsts[jumps[0]]]))}",
    )


def _volume(candles: Candles) -> Finding | None:
    """Bars that moved without volume, where the source has volume at all."""
    moved = (candles.volume == 0) & (candles.high > candles.low)
    count = int(np.count_nonzero(moved))
    if not count or not candles.has_volume:
        return None
    return Finding(
        code="zero-volume",
        severity="note",
        message=f"{_plural(count, 'bar')} with volume 0 although the price moved",
        count=count,
        where=_moment(candles, int(np.argmax(moved))),
    )


def _frozen_tails(candles: Candles, clock: _Clock) -> Finding | None:
    frozen = _tails(candles, np.ones(len(candles), np.bool_))
    count = int(np.count_nonzero(frozen))
    if not count:
        return None
    days = np.unique(candles.days[frozen])
    return Finding(
        code="frozen-tail",
        severity="warning",
        message=f"{_plural(count, 'bar')} of one price at the end of {_dates(days)}",
        count=count,
        where=_moment(candles, int(np.argmax(frozen))),
    )


def _tails(candles: Candles, eligible: Mask) -> Mask:
    """The eligible bars in the run of one price that ends a date, where there are enough."""
    price = candles.close
    flat = (candles.high == candles.low) & eligible
    length = len(candles)
    lasts = np.append(candles.session_firsts[1:], length) - 1
    same = flat & (price == np.repeat(price[lasts], np.diff(lasts, prepend=-1)))
    # For each bar the nearest later bar of its date that breaks the run, or the date's end.
    breaks = np.where(same, -1, np.arange(length))
    last_break = np.maximum.accumulate(breaks)[lasts]
    starts = np.maximum(last_break + 1, candles.session_firsts)
    sizes = np.diff(lasts, prepend=-1)
    long_enough = lasts - starts + 1 >= _FROZEN_BARS
    tails: Mask = np.repeat(long_enough, sizes) & (np.arange(length) >= np.repeat(starts, sizes))
    return tails


def _dates(days: Ints) -> str:
    """Dates by name, the first twenty of them."""
    unique = np.unique(days)
    return ", ".join(f"{_date(int(day))}" for day in unique[:_NAMED_DATES]) + _more(len(unique))


def _more(count: int) -> str:
    return f" and {count - _NAMED_DATES} more" if count > _NAMED_DATES else ""


def _date(day: int) -> date:
    return date(1970, 1, 1) + timedelta(days=day)


def _moment(candles: Candles, index: int) -> str:
    return f"{to_ist(int(candles.ts[index])):%Y-%m-%d %H:%M}"


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
