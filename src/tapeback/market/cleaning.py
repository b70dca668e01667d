"""What makes rows into bars: complete, consistent, in order of time, one for each stamp."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from tapeback.errors import DataFormatError
from tapeback.models.finding import NAMED, Finding
from tapeback.utils.clock import to_ist

Column = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.intp]
Place = Callable[[int], str]

_NAMES = ("ts", "open", "high", "low", "close", "volume", "oi")
_NO_STAMP = np.iinfo(np.int64).min
# An open or close outside [low, high] by less than this share of the price is float noise.
_NOISE = 1e-6


def clean(
    columns: Sequence[Column], *, where: str, place: Callable[[int], str] | None = None
) -> tuple[list[Column], tuple[Finding, ...]]:
    """The rows that are bars, oldest first, and what was noticed about the others.

    `columns` are ts (int64 ns UTC), open, high, low, close, volume and oi (float64), of equal
    length. Left out are rows without a stamp, with a price that is NaN, infinite or not above
    zero, with high below low, with an open or close outside [low, high] (float noise is clamped
    into the range instead), with a negative or infinite volume or open interest, and all but the
    first of the rows with one stamp. Rows out of order are sorted. `where` names the source;
    `place` tells where the row with a given index stands in it, by default its stamp. Columns
    without a fault come back as they are, not copied.

    Raises DataFormatError when the columns differ in length.
    """
    _check_lengths(columns, where)
    place = place or partial(_stamped_place, where, columns[0])
    findings, faulty = _faults(columns, place)
    kept = list(columns)
    rows = np.arange(len(columns[0]))
    if findings:
        rows = np.flatnonzero(~faulty)
        kept = [column[rows] for column in kept]
    kept = _clamp(kept, rows, place, findings)

    backward = np.diff(kept[0]) < 0
    if backward.any():
        findings.append(_unsorted(backward, rows, place))
        order = np.argsort(kept[0], kind="stable")
        rows, kept = rows[order], [column[order] for column in kept]

    repeated = np.diff(kept[0], prepend=_NO_STAMP) == 0
    if repeated.any():
        findings.append(_duplicates(kept, np.flatnonzero(repeated), rows, place))
        kept = [column[~repeated] for column in kept]
    return kept, tuple(findings)


def _stamped_place(where: str, ts: Column, index: int) -> str:
    stamp = int(ts[index])
    if stamp == _NO_STAMP:
        return f"{where}, row {index + 1}"
    return f"{where}, {to_ist(stamp):%Y-%m-%d %H:%M}"


def _check_lengths(columns: Sequence[Column], where: str) -> None:
    lengths = {name: len(column) for name, column in zip(_NAMES, columns, strict=True)}
    for name, length in lengths.items():
        if length != lengths["ts"]:
            raise DataFormatError(
                f"column {name!r} has {length} values where ts has {lengths['ts']}.",
                where=where,
                remedy="Pass columns of equal length, one value for each bar.",
            )


def _faults(columns: Sequence[Column], place: Place) -> tuple[list[Finding], Mask]:
    """A finding for each kind of row that cannot be a bar, and the mask of all such rows."""
    ts, opens, highs, lows, closes, volume, oi = columns
    faulty = np.zeros(len(ts), np.bool_)
    findings: list[Finding] = []
    with np.errstate(invalid="ignore", over="ignore"):
        inner_low, inner_high = np.minimum(opens, closes), np.maximum(opens, closes)
        lowest, highest = np.minimum(inner_low, lows), np.maximum(inner_high, highs)
        lowest, highest = np.minimum(lowest, highs), np.maximum(highest, lows)
        kinds = (
            ("missing-stamp", "no stamp", ts == _NO_STAMP),
            (
                "missing-price",
                "a price that is no number",
                ~(np.isfinite(lowest) & np.isfinite(highest)),
            ),
            ("price-not-positive", "a price that is not above zero", lowest <= 0),
            ("high-below-low", "a high below the low", highs < lows),
            (
                "price-outside-range",
                "an open or close outside [low, high]",
                (inner_high - highs > _NOISE * highs) | (lows - inner_low > _NOISE * lows),
            ),
            ("bad-volume", "a negative or infinite volume", (volume < 0) | np.isinf(volume)),
            ("bad-oi", "a negative or infinite open interest", (oi < 0) | np.isinf(oi)),
        )
    for code, what, mask in kinds:
        found = mask & ~faulty
        count = int(np.count_nonzero(found))
        if count:
            findings.append(
                Finding(
                    code=code,
                    severity="warning",
                    message=f"{_counted(count)} with {what}",
                    count=count,
                    of=len(ts),
                    where=place(int(np.argmax(found))),
                    places=_places(np.flatnonzero(found), place),
                    action="dropped",
                )
            )
            faulty |= found
    return findings, faulty


def _clamp(
    columns: list[Column], rows: Rows, place: Place, findings: list[Finding]
) -> list[Column]:
    """Opens and closes that float noise put outside [low, high] are moved to its edge."""
    ts, opens, highs, lows, closes, volume, oi = columns
    outside = (opens > highs) | (opens < lows) | (closes > highs) | (closes < lows)
    count = int(np.count_nonzero(outside))
    if not count:
        return columns
    findings.append(
        Finding(
            code="clamped-prices",
            severity="note",
            message=f"{_counted(count)} whose open or close lies a hair outside [low, high]",
            count=count,
            of=len(ts),
            where=place(int(rows[np.argmax(outside)])),
            places=_places(rows[outside], place),
            action="clamped",
        )
    )
    opens, closes = np.clip(opens, lows, highs), np.clip(closes, lows, highs)
    return [ts, opens, highs, lows, closes, volume, oi]


def _unsorted(backward: Mask, rows: Rows, place: Place) -> Finding:
    count = int(np.count_nonzero(backward))
    return Finding(
        code="unsorted",
        severity="warning",
        message=f"{_counted(count)} earlier than the row before",
        count=count,
        of=len(rows),
        where=place(int(rows[np.argmax(backward) + 1])),
        places=_places(rows[np.flatnonzero(backward) + 1], place),
        action="sorted",
    )


def _duplicates(columns: list[Column], repeated: Rows, rows: Rows, place: Place) -> Finding:
    """The finding about later rows of a stamp, and how many of them differ from the first."""
    ts = columns[0]
    firsts = np.searchsorted(ts, ts[repeated])
    differ = np.zeros(len(repeated), np.bool_)
    for column in columns[1:]:
        one, other = column[repeated], column[firsts]
        differ |= (one != other) & ~(np.isnan(one) & np.isnan(other))
    count, differing = len(repeated), int(np.count_nonzero(differ))
    return Finding(
        code="duplicate-stamps",
        severity="warning" if differing else "note",
        message=f"{_counted(count)} with the stamp of an earlier row, {differing} of them "
        "different; the first of a stamp is kept",
        count=count,
        of=len(ts),
        where=place(int(rows[repeated[0]])),
        places=_places(rows[repeated], place),
        action="dropped",
    )


def _places(rows: Rows, place: Place) -> tuple[str, ...]:
    return tuple(place(row) for row in rows[:NAMED].tolist())


def _counted(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"
