"""Bars that lie outside their session's hours or off its grid, and stamps that mark the wrong end
of a bar."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np
import numpy.typing as npt

from tapeback.data.quality.grid import Grid
from tapeback.data.quality.wording import about_bars, about_days, plural
from tapeback.market.calendar import calendar_of
from tapeback.models.finding import Finding
from tapeback.utils.clock import MINUTE_NS, date_of_day, day_of

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_PRE_OPEN = 15 * MINUTE_NS
_POST_CLOSE = 60 * MINUTE_NS
# So many sessions on end do not all lack their first bar by chance.
_RUN = 5
_MOST = 0.9
# A regular day of the newest year in the calendar's tables.
_NEWEST = day_of(date(2026, 1, 5))


def odd_hours(grid: Grid, relabelled: Mask, tails: Mask) -> Iterator[Finding | None]:
    """Bars before, after and outside the hours of their session, and off its grid; `tails` are
    frozen prices, which are told elsewhere."""
    candles, traded = grid.candles, grid.traded[grid.date]
    timeframe = candles.timeframe
    before = traded & (grid.since_open < 0) & (grid.since_open >= -_PRE_OPEN)
    clocks = candles.clocks
    since_close = grid.since_open - (clocks.closes - clocks.opens)[grid.date]
    # The last trades of a session, at the very close, may make a bar of their own; where stamps
    # mark the close, its last bar.
    usual = since_close == 0
    usual |= relabelled[grid.date] & (grid.since_open == -grid.length)
    usual &= traded
    before &= ~usual
    after = traded & (since_close > 0) & (since_close < _POST_CLOSE) & ~tails
    others = ~(grid.inside | grid.halted | before | after | tails | usual)
    yield about_bars(
        candles,
        before,
        code="pre-open-print",
        severity="note",
        message="{} in the quarter of an hour before the open: the print of the pre-open auction",
    )
    yield about_bars(
        candles,
        after,
        code="post-close-bars",
        severity="note",
        message="{} in the hour after the close: late prints and trades at the closing price",
    )
    yield about_bars(
        candles,
        others,
        code="outside-hours",
        severity="note",
        message="{} outside the hours of their session",
    )
    yield about_bars(
        candles,
        grid.off_grid,
        code="off-grid",
        severity="note",
        message=f"{{}} off the session's {timeframe} grid",
    )


def old_hours(grid: Grid) -> Finding | None:
    """Regular sessions that opened at another time than today's do."""
    candles = grid.candles
    calendar = calendar_of(candles.exchange)
    opens = candles.clocks.opens
    newest = int(calendar.clocks(np.array([_NEWEST]), candles.symbol).opens[0])
    other = np.flatnonzero(opens != newest)
    regular = [
        at
        for at in other.tolist()
        if (session := calendar.session(int(grid.days[at]), candles.symbol)) is not None
        and session.kind == "regular"
    ]
    if not regular:
        return None
    days = grid.days[regular]
    clocks = sorted({_clock(int(opens[at])) for at in regular})
    return about_days(
        days,
        code="old-hours",
        severity="note",
        message=f"{plural(len(days), 'session')} opened at {' or '.join(clocks)}, not at "
        f"{_clock(newest)} as today: {date_of_day(int(days[0]))} to {date_of_day(int(days[-1]))}",
        of=len(grid.days),
    )


def relabelled_dates(grid: Grid) -> Mask:
    """The dates (one value each) whose stamps seem to mark the other end of their bars: they begin
    one bar after the open and end at the close, or begin one bar before the open and end two bars
    before the close; several dates on end, or nearly all."""
    firsts, lasts = grid.firsts, grid.firsts + grid.sizes - 1
    clocks = grid.candles.clocks
    to_end = grid.since_open - (clocks.continuous - clocks.opens)[grid.date]
    late = (grid.since_open[firsts] == grid.length) & (to_end[lasts] == 0)
    early = (grid.since_open[firsts] == -grid.length) & (to_end[lasts] == -2 * grid.length)
    return _runs(late) | _runs(early)


def mislabelled(grid: Grid, relabelled: Mask) -> Finding | None:
    """What is to be said of `relabelled_dates`."""
    days = grid.days[relabelled]
    if not len(days):
        return None
    every = "all" if len(days) == len(grid.days) else f"of {len(grid.days)}"
    return about_days(
        days,
        code="mislabelled-bars",
        message=f"{plural(len(days), 'session')} ({every}) from {date_of_day(int(days[0]))} to "
        f"{date_of_day(int(days[-1]))} lie a bar off the others' or the exchange's hours, as when "
        "stamps mark the other end of their bars: {}",
        of=len(grid.days),
    )


def _runs(suspect: Mask) -> Mask:
    """The suspects among several on end; all of them where nearly every date is one."""
    if len(suspect) > 1 and np.count_nonzero(suspect) >= _MOST * len(suspect):
        return suspect
    edges = np.flatnonzero(np.diff(suspect, prepend=False, append=False))
    runs: Mask = np.zeros(len(suspect), np.bool_)
    for first, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        runs[first:end] = end - first >= _RUN
    return runs


def _clock(since_midnight: int) -> str:
    hours, minutes = divmod(since_midnight // MINUTE_NS, 60)
    return f"{hours:02}:{minutes:02}"
