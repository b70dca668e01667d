"""Rows of OpenAlgo's `history` as columns, and columns as closed bars of a series."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from tapeback.errors import DataFormatError
from tapeback.market import timeframes
from tapeback.market.calendar import days_of
from tapeback.market.candles import Candles
from tapeback.market.cleaning import clean
from tapeback.models.candle import Series
from tapeback.models.finding import Finding, Origin
from tapeback.models.instrument import CASH_EXCHANGES, INDEX_EXCHANGES
from tapeback.utils.clock import DAY_NS, IST_OFFSET_NS, SECOND_NS, date_of_day

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Columns = list[npt.NDArray[Any]]

_PRICES = ("open", "high", "low", "close")
_EXTRAS = ("volume", "oi")
# Stamps are epoch seconds of the years 1980 to 2200; milliseconds lie far beyond.
_FIRST_STAMP, _LAST_STAMP = 315_532_800, 7_258_118_400
_NS_OF_1830 = 66_600 * SECOND_NS


def columns_of(rows: object, *, where: str) -> Columns:
    """The seven columns of `Candles` from the rows of an answer, in its order: ts int64 ns UTC as
    labelled by the server, the others float64, NaN where a row has no value.

    Rows are dicts of `timestamp` (epoch seconds), `open high low close` and, if there, `volume`
    and `oi`, in any order. Raises DataFormatError naming the first row that is something else.
    """
    if not isinstance(rows, list):
        raise _bad(f"'data' is {type(rows).__name__} and no list of rows", where)
    if not rows:
        return [np.empty(0, np.int64), *(np.empty(0) for _ in range(6))]
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise _bad(f"row {number} is no record but {_shown(row)}", where)
    stamps = _column(rows, "timestamp", where)
    strange = ~((stamps >= _FIRST_STAMP) & (stamps <= _LAST_STAMP))
    if strange.any():
        at = int(np.argmax(strange))
        raise _bad(
            f"row {at + 1} has the timestamp {_shown(rows[at]['timestamp'])}, which is no epoch in "
            "seconds",
            where,
        )
    ts = np.rint(stamps).astype(np.int64) * SECOND_NS
    values = [_column(rows, name, where) for name in _PRICES]
    return [ts, *values, *(_column(rows, name, where, required=False) for name in _EXTRAS)]


def candles_of(
    series: Series, columns: Sequence[npt.NDArray[Any]], *, first_day: int, last_day: int, now: int
) -> Candles:
    """The bars among `columns` that belong to the days asked for and are closed at `now` (ns UTC).

    Stamps become the labels of `Candles`: open times as they are, and Indian dates for days or
    longer, whose UTC midnights and 18:30 of the day before mean the same date; weeks are labelled
    by their Monday, months by their first day. Volume of indices and open interest of shares and
    indices are NaN where they are zero, for there is none. What cannot be a bar is left out and
    in the findings.
    """
    ts, *values = columns
    findings: list[Finding] = []
    if not timeframes.is_intraday(series.timeframe):
        ts, findings = _dates(series, ts)
    days = days_of(ts)
    asked = np.flatnonzero((days >= first_day) & (days <= last_day))
    volume, oi = values[4], values[5]
    if series.exchange in INDEX_EXCHANGES:
        volume = np.where(volume == 0, np.nan, volume)
    if series.exchange in INDEX_EXCHANGES | CASH_EXCHANGES:
        oi = np.where(oi == 0, np.nan, oi)
    wanted = [column[asked] for column in (ts, *values[:4], volume, oi)]
    kept, faults = clean(wanted, where=series.name)
    origin = Origin(kind="openalgo", findings=(*findings, *faults))
    candles = Candles(series, kept, origin)
    return candles[: int(np.searchsorted(candles.ends, now, side="right"))]


def join(parts: Sequence[Candles]) -> Candles:
    """One series from parts without a common stamp, in order of time; the findings of all."""
    if len(parts) == 1:
        return parts[0]
    ordered = sorted((part for part in parts if len(part)), key=lambda part: int(part.ts[0]))
    columns: Columns = [
        np.concatenate([getattr(part, name) for part in ordered or parts])
        for name in ("ts", *_PRICES, *_EXTRAS)
    ]
    order = np.argsort(columns[0], kind="stable")
    findings = tuple(dict.fromkeys(finding for part in parts for finding in part.findings))
    origin = msgspec.structs.replace(parts[0].origin, findings=findings)
    return Candles(parts[0].series, [column[order] for column in columns], origin)


def _dates(series: Series, ts: Ints) -> tuple[Ints, list[Finding]]:
    days = days_of(ts)
    if series.timeframe == "1d":
        return days * DAY_NS - IST_OFFSET_NS, []
    mended = int(np.count_nonzero(ts % DAY_NS == _NS_OF_1830))
    if series.timeframe == "1w":
        starts = days - (days + 3) % 7
    else:
        starts = days.astype("datetime64[D]").astype("datetime64[M]").astype("datetime64[D]")
        starts = starts.astype(np.int64)
    moved = mended + int(np.count_nonzero((starts != days) & (ts % DAY_NS != _NS_OF_1830)))
    labels = starts * DAY_NS - IST_OFFSET_NS
    if not moved:
        return labels, []
    finding = Finding(
        code="period-labels",
        severity="note",
        message=f"{moved} labels of {series.timeframe} stood at 18:30 UTC of the day before, or "
        "inside the period, and are moved to its first day",
        count=moved,
        where=f"{date_of_day(int(starts[0]))}",
        action="shifted",
    )
    return labels, [finding]


def _column(rows: list[dict[str, Any]], name: str, where: str, *, required: bool = True) -> Floats:
    try:
        if required:
            return np.array([row[name] for row in rows], np.float64)
        return np.array([row.get(name) for row in rows], np.float64)
    except KeyError:
        at = next(number for number, row in enumerate(rows, 1) if name not in row)
        raise _bad(f"row {at} has no {name!r}, only {', '.join(rows[at - 1])}", where) from None
    except (TypeError, ValueError):
        at = next(number for number, row in enumerate(rows, 1) if not _is_number(row.get(name)))
        value = _shown(rows[at - 1][name])
        raise _bad(f"row {at} has {value} as {name!r}, which is no number", where) from None


def _is_number(value: object) -> bool:
    if value is None:
        return True
    try:
        return isfinite(float(value)) or True  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False


def _shown(value: object) -> str:
    return repr(value)[:80]


def _bad(what: str, where: str) -> DataFormatError:
    return DataFormatError(
        f"OpenAlgo's answer cannot be read: {what}.",
        where=where,
        remedy="Look at the answer of /api/v1/history and at OpenAlgo's log; nothing was stored.",
    )
