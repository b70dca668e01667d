"""What is odd about candles, seen against the sessions of their exchange."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np
import numpy.typing as npt

from tapeback.market import timeframes
from tapeback.market.calendar import calendar_of
from tapeback.market.candles import Candles
from tapeback.market.settling.corporate_actions import ActionBook, action_book
from tapeback.market.settling.price_jumps import unadjusted_jumps
from tapeback.models.finding import Finding, Severity
from tapeback.models.instrument import CASH_EXCHANGES
from tapeback.utils.clock import (
    DAY_NS,
    IST_OFFSET_NS,
    date_of_day,
    day_number,
    midnight,
    to_ist,
)

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_NAMED_DATES = 20
_FROZEN_BARS = 30
_JUMP = 0.2
_FULL_SESSION = 0.75


def examine(candles: Candles, *, actions: ActionBook | None = None) -> Candles:
    """What every provider hands out: `candles` without what cannot be part of a session, with all
    that was noticed about them in their findings. Jumps of shares are held against `actions` (the
    shipped ones)."""
    candles, tails = drop_frozen_tails(candles)
    return with_findings(candles, (*tails, *inspect(candles, actions)))


def coarsened(candles: Candles, timeframe: str) -> Candles:
    """The candles in `timeframe`, saying so where it is not their own."""
    if candles.timeframe == timeframe:
        return candles
    finding = Finding(
        code="resampled",
        severity="note",
        message=f"{len(candles)} bars of {candles.timeframe} were made into {timeframe}",
        count=len(candles),
        where=f"{candles[0].timestamp:%Y-%m-%d}",
        action="resampled",
    )
    return with_findings(candles.resample(timeframe), (finding,))


def inspect(candles: Candles, actions: ActionBook | None = None) -> tuple[Finding, ...]:
    """Findings about sessions, hours, holes, frozen prices, jumps and volume; nothing is changed.

    Sessions without bars are named, and bars on dates that the calendar calls closed. Jumps of
    shares are held against `actions` (the shipped ones). Weeks and months are inspected for jumps
    and volume alone.
    """
    if not len(candles):
        return ()
    short = timeframes.duration(candles.timeframe) <= DAY_NS
    findings: list[Finding | None] = [_volume(candles)]
    if short and candles.exchange in CASH_EXCHANGES:
        findings += unadjusted_jumps(candles, actions or action_book())
    else:
        findings.append(_jumps(candles))
    if short:
        findings += [*_missing_sessions(candles), _closed_days(candles)]
    if timeframes.is_intraday(candles.timeframe):
        clock = _Clock(candles)
        findings += [*clock.findings(), _frozen_tails(candles, clock)]
    return tuple(finding for finding in findings if finding is not None)


def drop_frozen_tails(candles: Candles) -> tuple[Candles, tuple[Finding, ...]]:
    """`candles` without the bars that a feed went on printing after the session's close: at least
    30 at the end of a date, all of one price and without volume. The date's other bars after the
    close go with them when nine in ten of all these did not move (a closing print lies among
    them); else they are a session of their own and stay. A date without any bar in its session's
    hours is left alone."""
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
    """Where the bars of an intraday series stand in the sessions of their dates.

    `slot` is the place of a bar on the grid that counts from its date's open, without the places
    that lie in a pause; `expected` is how many of them the date's continuous market has.
    """

    def __init__(self, candles: Candles) -> None:
        self.candles = candles
        self.length = length = timeframes.duration(candles.timeframe)
        self.firsts = candles.session_firsts
        self.sizes = np.diff(self.firsts, append=len(candles))
        clocks = candles.clocks
        opens, continuous, closes = (np.repeat(column, self.sizes) for column in clocks)
        clock = candles.ts + IST_OFFSET_NS - candles.days * DAY_NS
        self.since_open = clock - opens
        self.after = clock >= closes
        self.inside = (self.since_open >= 0) & ~self.after
        self.regular = self.inside & (clock < continuous)
        self.expected = -(-(clocks.continuous - clocks.opens) // length)
        self.slot = np.clip(self.since_open // length, -1, np.repeat(self.expected, self.sizes))
        self._leave_out_pauses()
        self.counts = np.add.reduceat(self.regular, self.firsts, dtype=np.int64)
        self.on_regular_date = np.repeat(self.counts > 0, self.sizes)

    def _leave_out_pauses(self) -> None:
        candles, length = self.candles, self.length
        days = candles.days[self.firsts]
        calendar = calendar_of(candles.exchange)
        pauses = calendar.breaks(int(days[0]), int(days[-1]), candles.symbol)
        # From the last pause of a date to its first, so that each sees the grid as it is.
        for begins, ends in reversed(pauses):
            day = day_number(begins)
            at = int(np.searchsorted(days, day))
            if days[at] != day:
                continue
            opens = midnight(day) + int(candles.clocks.opens[at])
            # The first place that begins in the pause, and the first one that ends after it.
            first, last = -(-(begins - opens) // length), (ends - opens) // length
            bars = slice(int(self.firsts[at]), int(self.firsts[at] + self.sizes[at]))
            slot = self.slot[bars]
            idle = (candles.ts[bars] >= begins) & (slot < last)
            self.inside[bars] &= ~idle
            self.regular[bars] &= ~idle
            left_out = max(0, last - first)
            self.expected[at] -= left_out
            self.slot[bars] = np.where(
                idle, np.minimum(slot, first - 1), slot - np.where(slot < last, 0, left_out)
            )

    def findings(self) -> Iterator[Finding | None]:
        timeframe = self.candles.timeframe
        off_grid = self.regular & (self.since_open % self.length != 0)
        yield self._marked("outside-hours", ~self.inside, "outside the hours of their session")
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
        missing = np.maximum(np.diff(self.slot) - 1, 0)
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
            message=f"{_plural(len(days), 'session')} with less than three quarters of the bars "
            f"that its hours have room for: {_dates(days)}",
            count=len(days),
            where=_moment(self.candles, int(self.firsts[np.argmax(short)])),
        )


def _missing_sessions(candles: Candles) -> Iterator[Finding | None]:
    calendar = calendar_of(candles.exchange)
    first, last = int(candles.days[0]), int(candles.days[-1])
    expected = calendar.trading_days(first, last, candles.symbol)
    missing = np.setdiff1d(expected, candles.days)
    projected = (calendar.projected(day, candles.symbol) for day in missing.tolist())
    beyond = np.fromiter(projected, np.bool_, len(missing))
    yield _absent(missing[~beyond], "warning", "session", "without bars")
    yield _absent(
        missing[beyond],
        "note",
        "weekday",
        "without bars in years whose holidays the calendar does not know",
    )


def _absent(days: Ints, severity: Severity, noun: str, what: str) -> Finding | None:
    if not len(days):
        return None
    return Finding(
        code="missing-session",
        severity=severity,
        message=f"{_plural(len(days), noun)} {what}: {_dates(days)}",
        count=len(days),
        where=f"{date_of_day(int(days[0]))}",
    )


def _closed_days(candles: Candles) -> Finding | None:
    """Dates with bars on which the exchange had no session; the bars prove it wrong, or are."""
    calendar = calendar_of(candles.exchange)
    first, last = int(candles.days[0]), int(candles.days[-1])
    days = np.setdiff1d(candles.days, calendar.trading_days(first, last, candles.symbol))
    if not len(days):
        return None
    named = []
    for day in days[:_NAMED_DATES].tolist():
        closing = calendar.closed_because(day, candles.symbol)
        named.append(f"{date_of_day(day)} ({closing.note})" if closing else f"{date_of_day(day)}")
    return Finding(
        code="closed-day",
        severity="warning",
        message=f"{_plural(len(days), 'date')} with bars although {candles.exchange} was closed: "
        f"{', '.join(named)}{_more(len(days))}",
        count=len(days),
        where=f"{date_of_day(int(days[0]))}",
    )


def _jumps(candles: Candles) -> Finding | None:
    """Moves between dates that only a split, a bonus or an error explains, where the ex-date cannot
    be told or there is none."""
    firsts = candles.session_firsts[1:]
    moves = candles.open[firsts] / candles.close[firsts - 1] - 1
    jumps = np.flatnonzero(np.abs(moves) > _JUMP)
    if not len(jumps):
        return None
    named = [
        f"{date_of_day(int(candles.days[firsts[index]]))} ({moves[index]:+.1%})"
        for index in jumps[:_NAMED_DATES]
    ]
    return Finding(
        code="unadjusted-jump",
        severity="warning",
        message=f"{_plural(len(jumps), 'jump')} of more than {_JUMP:.0%} from one close to the "
        f"next open, as an unadjusted split makes: {', '.join(named)}"
        f"{_more(len(jumps))}",
        count=len(jumps),
        where=f"{date_of_day(int(candles.days[firsts[jumps[0]]]))}",
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
    return ", ".join(f"{date_of_day(int(day))}" for day in unique[:_NAMED_DATES]) + _more(
        len(unique)
    )


def _more(count: int) -> str:
    return f" and {count - _NAMED_DATES} more" if count > _NAMED_DATES else ""


def _moment(candles: Candles, index: int) -> str:
    return f"{to_ist(int(candles.ts[index])):%Y-%m-%d %H:%M}"


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
