"""What is missing inside the sessions that have bars."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from tapeback.data.quality.grid import Grid
from tapeback.data.quality.wording import about_days, dates, plural
from tapeback.models.finding import NAMED, Finding
from tapeback.utils.clock import date_of_day, to_ist

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
GapKind = Literal["session", "bars", "late-start", "early-end"]

_FULL_SESSION = 0.75
# A source that leaves out bars without trades does so here and there in most sessions, and where a
# symbol trades least, or in so many places that no fault would go unnoticed.
_THIN_HOLES = 3
_THIN_SESSIONS = 0.5
_THIN_SHARE = 0.2
_THIN_VOLUME = 0.5


class Gap(msgspec.Struct, frozen=True):
    """What is missing of one session: `bars` places of the grid from `begins` up to `ends` (ns
    UTC), of the Indian day number `day`. A `session` is missing whole; `bars` inside it, or from
    its open on (`late-start`) or to its end (`early-end`)."""

    day: int
    begins: int
    ends: int
    bars: int
    kind: GapKind

    def to_dict(self) -> dict[str, Any]:
        """The date, and `from` and `to` as Indian clock times."""
        return {
            "date": f"{date_of_day(self.day)}",
            "from": _clock(self.begins),
            "to": _clock(self.ends),
            "bars": self.bars,
            "kind": self.kind,
        }


class Holes(NamedTuple):
    """Runs of empty places of the grid, on dates with regular bars, in order: the index of their
    date, their first place, how many places, and at which end of the session (`_KINDS`)."""

    date: Ints
    first: Ints
    size: Ints
    kind: Ints


_KINDS: tuple[GapKind, ...] = ("bars", "late-start", "early-end")
_INSIDE, _AT_START, _AT_END = range(3)


def holes_of(grid: Grid, relabelled: Mask) -> Holes:
    """The holes of a series. On `relabelled` dates stamps mark the close of their bars, so that
    the first place is none."""
    bars = np.flatnonzero(grid.regular)
    date, slot = grid.date[bars], grid.slot[bars]
    first = np.diff(date, prepend=-1) > 0
    before = np.where(first, -1, np.roll(slot, 1))
    ahead = slot - before - 1
    ahead[first & relabelled[date] & (slot == 1)] -= 1
    last = np.roll(first, -1)
    behind = np.where(last, grid.expected[date] - 1 - slot, 0)
    starts = Holes(date, slot - ahead, ahead, np.where(first, _AT_START, _INSIDE))
    ends = Holes(date, slot + 1, behind, np.full(len(bars), _AT_END))
    columns = [np.concatenate(pair) for pair in zip(starts, ends, strict=True)]
    found = np.flatnonzero(columns[2] > 0)
    order = found[np.lexsort((columns[1][found], columns[0][found]))]
    return Holes(*(column[order] for column in columns))


def gaps_of(grid: Grid, holes: Holes) -> Iterator[Gap]:
    """The holes with their dates and times."""
    known, starts = -1, np.empty(0, np.int64)
    for date, first, size, kind in zip(*(column.tolist() for column in holes), strict=True):
        if known != date:
            known, starts = date, grid.starts(date)
        begins, ends = int(starts[first]), int(starts[first + size - 1]) + grid.length
        yield Gap(int(grid.days[date]), begins, ends, size, _KINDS[kind])


def missing_bars(grid: Grid, relabelled: Mask) -> tuple[Finding | None, ...]:
    """What is missing of the sessions that have bars: holes, and sessions with less than three
    quarters of their bars; or one finding about a symbol that is thinly traded."""
    short = grid.traded & (grid.counts < _FULL_SESSION * grid.expected)
    holes = holes_of(grid, relabelled)
    if len(holes.date) and _is_thin(grid, holes):
        return (_thin(grid, holes),)
    # The ends of a short session are told with it.
    told = short[holes.date] & (holes.kind != _INSIDE)
    return _missing(grid, Holes(*(column[~told] for column in holes))), _short(grid, short)


def _missing(grid: Grid, holes: Holes) -> Finding | None:
    total = int(holes.size.sum())
    if not total:
        return None
    days = grid.days[np.unique(holes.date)]
    named = list(gaps_of(grid, Holes(*(column[:NAMED] for column in holes))))
    return Finding(
        code="missing-bars",
        severity="warning",
        message=f"{plural(total, 'bar')} missing in {plural(len(holes.date), 'hole')} inside "
        f"{plural(len(days), 'session')}: {dates(days)}",
        count=total,
        of=int(grid.expected[grid.traded].sum()),
        where=_from_to(named[0]).partition(" to ")[0],
        places=tuple(map(_from_to, named)),
    )


def _short(grid: Grid, short: Mask) -> Finding | None:
    days = grid.days[short]
    return about_days(
        days,
        code="short-session",
        message=f"{plural(len(days), 'session')} with less than three quarters of the bars that "
        "its hours have room for: {}",
        of=int(np.count_nonzero(grid.traded)),
    )


def _is_thin(grid: Grid, holes: Holes) -> bool:
    """Whether the holes are minutes without trades rather than lost bars."""
    candles = grid.candles
    if not candles.has_volume:
        return False
    inside = holes.kind == _INSIDE
    dates, places = holes.date[inside], holes.first[inside]
    traded = np.flatnonzero(grid.traded)
    many = np.minimum(_THIN_HOLES, (grid.counts - 1) // 2)
    scattered = np.bincount(dates, minlength=len(grid.days)) >= many
    if np.count_nonzero(scattered[traded]) < _THIN_SESSIONS * len(traded):
        return False
    empty = np.bincount(holes.date, holes.size, len(grid.days))[traded]
    if float(np.median(empty / grid.expected[traded])) >= _THIN_SHARE:
        return True
    if not len(dates):
        return False
    bars, width = np.flatnonzero(grid.regular), int(grid.expected.max()) + 2
    taken, wanted = grid.date[bars] * width + grid.slot[bars], dates * width + places
    beside = bars[np.searchsorted(taken, wanted)]
    volume = np.nan_to_num(candles.volume)
    usual, quiet = (float(np.median(volume[at])) for at in (bars, beside))
    return quiet <= _THIN_VOLUME * usual


def _thin(grid: Grid, holes: Holes) -> Finding:
    total, of = int(holes.size.sum()), int(grid.expected[grid.traded].sum())
    sessions = len(np.unique(holes.date))
    return Finding(
        code="thin-trading",
        severity="warning",
        message=f"{total} of {of} places on the session's grid have no bar, in "
        f"{plural(sessions, 'session')}, as where a symbol is thinly traded and bars without "
        "trades are left out",
        count=total,
        of=of,
        where=f"{date_of_day(int(grid.days[holes.date[0]]))}",
    )


def _from_to(gap: Gap) -> str:
    return f"{date_of_day(gap.day)} {_clock(gap.begins)} to {_clock(gap.ends)}"


def _clock(ts: int) -> str:
    moment = to_ist(ts)
    return f"{moment:%H:%M:%S}" if moment.second else f"{moment:%H:%M}"
