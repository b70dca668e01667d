"""What stamps in a Historify file mean: imports taken for UTC, and days stamped in two ways."""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from tapeback.market.calendar import calendar_of, days_of
from tapeback.models.finding import Finding
from tapeback.utils.clock import DAY_NS, IST_OFFSET_NS, MINUTE_NS, date_of_day, to_ist

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.intp]

# Markets that never close show no shift.
ALWAYS_OPEN = frozenset({"CRYPTO", "GLOBAL_INDEX"})
# Fewer bars may all be prints after the close.
_TELLING = 5


class Imports(msgspec.Struct, frozen=True):
    """UTC day numbers on which naive Indian times were imported as if they were UTC: `whole`
    ones, and those `mixed` with the same session stored as it should be."""

    whole: Ints
    mixed: Ints


def find_imports(ts: Ints, exchange: str, symbol: str) -> Imports:
    """Which days of a series (ns UTC, ascending) are shifted by 5 h 30 min, judged day by day
    against the hours of the exchange; days that tell nothing go with the nearest that do."""
    none = np.empty(0, np.int64)
    if exchange in ALWAYS_OPEN or not len(ts):
        return Imports(none, none)
    # Indian sessions lie within one UTC day, shifted or not.
    days, firsts = np.unique(ts // DAY_NS, return_index=True)
    stored, imported, late = _readings(ts, exchange, symbol)
    total = np.diff(firsts, append=len(ts))

    def count(mask: Mask) -> Ints:
        return np.add.reduceat(mask, firsts, dtype=np.int64)

    as_stored, as_imported = count(stored), count(imported)
    only_stored, only_imported = count(stored & ~imported), count(imported & ~stored)
    reaching = count(late) > 0
    mixed = reaching & (only_stored * 4 >= total) & (only_imported * 4 >= total)
    shifted = _shifted(as_stored, as_imported, total) & (reaching | (total >= _TELLING))
    decided = shifted | (as_stored > as_imported)
    if decided.any():
        shifted &= decided
        at = np.flatnonzero(decided)
        shifted = shifted[at[_nearest(at, len(days))]]
    else:
        pooled = _shifted(as_stored.sum(), as_imported.sum(), total.sum())
        shifted = np.full(len(days), bool(pooled) and int(total.sum()) >= _TELLING)
    return Imports(days[shifted & ~mixed], days[mixed])


def mend_imports(
    ts: Ints, imports: Imports, exchange: str, symbol: str
) -> tuple[Ints, Rows, tuple[Finding, ...]]:
    """True stamps of the rows that are kept, which rows these are, in order of time, and what
    was done. `ts` as in `find_imports`, any part of the series."""
    days = ts // DAY_NS
    on_mixed = np.isin(days, imports.mixed)
    moved = np.isin(days, imports.whole)
    unclear = np.zeros(len(ts), np.bool_)
    if on_mixed.any():
        stored, imported, _ = _readings(ts, exchange, symbol)
        moved |= on_mixed & imported & ~stored
        unclear = on_mixed & imported & stored
    if not moved.any():
        return ts, np.arange(len(ts)), ()
    mended = np.where(moved, ts - IST_OFFSET_NS, ts)
    # Of bars with one true stamp the one stored as it should be counts; the one that could be
    # either comes last.
    rank = np.where(unclear, 2, moved.astype(np.int64))
    order = np.lexsort((rank, mended))
    repeated = np.diff(mended[order], prepend=-1) == 0
    rows = order[~repeated]
    sessions = len(np.unique(days[moved]))
    findings = [
        Finding(
            code="shifted-import",
            severity="warning",
            message=f"{int(moved.sum())} bars of {sessions} sessions were imported with Indian "
            "times taken for UTC and are moved back by 5 h 30 min",
            count=int(moved.sum()),
            of=len(ts),
            where=f"{date_of_day(int(days[moved][0]))}",
            action="shifted",
        )
    ]
    if repeated.any():
        twice = order[repeated]
        findings.append(
            Finding(
                code="stored-twice",
                severity="note",
                message=f"{len(twice)} bars of {len(np.unique(days[twice]))} sessions are stored "
                "twice, once 5 h 30 min late; the ones stored in time are kept",
                count=len(twice),
                of=len(ts),
                where=f"{to_ist(int(mended[twice].min())):%Y-%m-%d %H:%M}",
                action="dropped",
            )
        )
    return mended[rows], rows, tuple(findings)


def mend_long(ts: Ints, timeframe: str) -> tuple[Ints, tuple[Finding, ...]]:
    """Indian midnights of the dates, Mondays or firsts of a month that bars of a day or longer
    are stamped for, and what was done. The rule is UTC midnight of the date."""
    days = days_of(ts)
    clock = ts + IST_OFFSET_NS - days * DAY_NS
    findings = []
    for mask, code, message in (
        (
            clock == 0,
            "shifted-labels",
            f"bars of {timeframe} are stamped 18:30 UTC of the day before, which is Indian "
            "midnight, and are read so",
        ),
        (
            (clock != 0) & (clock != IST_OFFSET_NS),
            "clock-ignored",
            f"bars of {timeframe} carry a time of day, which is ignored",
        ),
    ):
        count = int(np.count_nonzero(mask))
        if count:
            findings.append(
                Finding(
                    code=code,
                    severity="note",
                    message=f"{count} {message}",
                    count=count,
                    of=len(ts),
                    where=f"{date_of_day(int(days[np.argmax(mask)]))}",
                    action="shifted" if code == "shifted-labels" else "rounded",
                )
            )
    if timeframe == "1w":
        days = days - (days + 3) % 7
    elif timeframe == "1M":
        days = days.astype("datetime64[D]").astype("datetime64[M]")
        days = days.astype("datetime64[D]").astype(np.int64)
    return days * DAY_NS - IST_OFFSET_NS, tuple(findings)


def _readings(ts: Ints, exchange: str, symbol: str) -> tuple[Mask, Mask, Mask]:
    """Which bars lie in session hours as they are stored, which as imports, and which as imports
    in the last hour alone, where no print after the close reaches."""
    days, wall = np.divmod(ts, DAY_NS)
    unique, places = np.unique(days, return_inverse=True)
    clocks = calendar_of(exchange).clocks(unique, symbol)
    opens, closes = clocks.opens[places], clocks.closes[places]
    clock = wall + IST_OFFSET_NS
    stored = (clock >= opens) & (clock < closes)
    imported = (wall >= opens) & (wall < closes)
    return stored, imported, imported & ~stored & (wall >= closes - 60 * MINUTE_NS)


def _shifted(as_stored: Ints, as_imported: Ints, total: Ints) -> Mask:
    shifted: Mask = (as_imported * 10 >= total * 9) & (as_stored * 4 < total * 3)
    return shifted


def _nearest(at: Rows, length: int) -> Rows:
    """For each of `length` places the index into `at` (ascending) of the nearest one, the earlier
    of two."""
    after = np.clip(np.searchsorted(at, np.arange(length)), 0, len(at) - 1)
    before = np.maximum(after - 1, 0)
    places = np.arange(length)
    closer = np.abs(places - at[before]) <= np.abs(at[after] - places)
    return np.where(closer, before, after)
