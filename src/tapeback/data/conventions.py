"""What a file leaves unsaid: its bars' length, the zone of its clock, which end its stamps mark,
and whether its prices went through 32-bit floats (fill contract T1)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tapeback.data.headers import Label
from tapeback.errors import DataFormatError
from tapeback.market import timeframes
from tapeback.market.calendar import calendar_of, days_of
from tapeback.market.sessions.hours import Clocks
from tapeback.models.finding import Finding
from tapeback.utils.clock import DAY_NS, IST_OFFSET_NS, SECOND_NS, to_ist

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

# Days between neighbours, by the median: holidays widen some of them.
_LONG_SPACINGS = (("1d", 1, 4), ("1w", 5, 10), ("1M", 25, 35))


def infer_timeframe(ts: Ints, *, where: str) -> str | None:
    """The timeframe of bars with these stamps (ns UTC, any order); None when there are too few.

    Raises DataFormatError when their spacing is that of no timeframe.
    """
    stamps = np.unique(ts)
    days = days_of(stamps)
    same_day = np.diff(days) == 0
    dates = len(np.unique(days))
    shared = len(np.unique(days[1:][same_day]))
    if shared * 2 < dates:
        if dates < 2:
            return None
        apart = float(np.median(np.diff(np.unique(days))))
        for name, least, most in _LONG_SPACINGS:
            if least <= apart <= most:
                return name
        raise _no_timeframe(f"{apart:g} days", where)
    gaps, counts = np.unique(np.diff(stamps)[same_day], return_counts=True)
    if not len(gaps):
        return None
    # The most frequent one: thinly traded symbols have many wider gaps, the close and an outage
    # make a few narrower ones.
    spacing = int(gaps[np.argmax(counts)])
    for name in timeframes.TIMEFRAMES:
        if timeframes.duration(name) == spacing:
            return name
    minutes, seconds = divmod(spacing // SECOND_NS, 60)
    raise _no_timeframe(f"{minutes} min {seconds} s" if seconds else f"{minutes} minutes", where)


def _no_timeframe(apart: str, where: str) -> DataFormatError:
    return DataFormatError(
        f"the bars are {apart} apart, which is the length of no timeframe.",
        where=where,
        remedy=f"Use bars of {', '.join(timeframes.TIMEFRAMES)}.",
    )


def is_utc(wall: Ints, exchange: str) -> bool:
    """Whether unzoned stamps make sense as UTC only: read so they fall inside session hours,
    read as Indian time they do not."""
    as_ist, as_utc = _inside(wall, exchange), _inside(wall + IST_OFFSET_NS, exchange)
    return as_utc >= 0.95 and as_ist < 0.75


def _inside(wall: Ints, exchange: str) -> float:
    days, clock = np.divmod(wall, DAY_NS)
    hours = _hours(days, exchange)
    return float(np.mean((clock >= hours.opens) & (clock <= hours.closes)))


def _hours(days: Ints, exchange: str, symbol: str = "") -> Clocks:
    """The session's clocks on each of many days, which may repeat."""
    unique, places = np.unique(days, return_inverse=True)
    return Clocks(*(column[places] for column in calendar_of(exchange).clocks(unique, symbol)))


def recognise_label(
    ts: Ints, timeframe: str, exchange: str, symbol: str = ""
) -> tuple[Label, Finding | None]:
    """Which end of its bar each stamp (ns UTC, any order) marks, judged by the first and last
    stamps within the sessions; a finding when they fit neither."""
    stamps = np.unique(ts)
    days, clock = np.divmod(stamps + IST_OFFSET_NS, DAY_NS)
    opens, closes, _ = _hours(days, exchange, symbol)
    length = timeframes.duration(timeframe)
    regular = (clock >= opens) & (clock <= closes)
    days, clock, opens, closes = (column[regular] for column in (days, clock, opens, closes))
    if not len(clock):
        return "open", _unclear("no bar lies in session hours", ts)
    firsts = np.flatnonzero(np.diff(days, prepend=-1))
    lasts = np.append(firsts[1:], len(clock)) - 1
    if np.count_nonzero(clock[firsts] == opens[firsts]) * 2 > len(firsts):
        return "open", None
    closed = (clock[firsts] == opens[firsts] + length) & (clock[lasts] == closes[lasts])
    if np.count_nonzero(closed) * 2 > len(firsts):
        return "close", None
    return "open", _unclear("most sessions start at neither the open nor one bar later", ts)


def _unclear(why: str, ts: Ints) -> Finding:
    return Finding(
        code="label-unclear",
        severity="warning",
        message=f"{why}; stamps are taken as the bars' open times (label: close overrides)",
        where=f"{to_ist(int(ts.min())):%Y-%m-%d}",
    )


def open_labels(ts: Ints, timeframe: str, exchange: str, symbol: str = "") -> Ints:
    """Open times of bars that are stamped with their close (ns UTC). The last bar of a session
    may be shorter than the others."""
    days, clock = np.divmod(ts + IST_OFFSET_NS, DAY_NS)
    opens, continuous, closes = _hours(days, exchange, symbol)
    length = timeframes.duration(timeframe)
    last = (clock == continuous) | (clock == closes)
    return ts - np.where(last, (clock - opens - 1) % length + 1, length)


def restore_float32(prices: list[Floats]) -> tuple[list[Floats], Finding | None]:
    """Prices without the noise that a 32-bit float leaves behind: 826.5999755859375 is 826.6."""
    known = np.concatenate([column[np.isfinite(column)] for column in prices])
    noisy = int(np.count_nonzero(np.round(known, 4) != known))
    with np.errstate(over="ignore"):
        if not noisy or not np.array_equal(known.astype(np.float32).astype(np.float64), known):
            return prices, None
        # The shortest decimal number that names the 32-bit float is the price that was stored.
        restored = [column.astype(np.float32).astype("U").astype(np.float64) for column in prices]
    return restored, Finding(
        code="float-noise",
        severity="note",
        message=f"{noisy} prices were stored as 32-bit floats and are restored to their decimals",
        count=noisy,
        action="rounded",
    )
