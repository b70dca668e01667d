"""Candles out of an old cache: one row a bar, stamps without a zone, and no word about which
ranges are complete."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tapeback.data.cache.ranges import runs
from tapeback.data.cache.records import Answer, LegacyImport, LegacySeries
from tapeback.data.conventions import infer_timeframe
from tapeback.data.quality import gaps
from tapeback.errors import DataError, DataFormatError, DataNotFoundError
from tapeback.market import timeframes
from tapeback.market.calendar import calendar_of, days_of
from tapeback.market.candles import Candles
from tapeback.market.cleaning import clean
from tapeback.models.candle import Series
from tapeback.models.finding import Finding, Origin
from tapeback.models.instrument import EXCHANGES
from tapeback.utils.clock import DAY_NS, IST_OFFSET_NS, to_ns

if TYPE_CHECKING:
    from tapeback.data.cache.manager import CacheManager

Ints = npt.NDArray[np.int64]
Columns = list[npt.NDArray[Any]]

_NO_STAMP = np.iinfo(np.int64).min
_SOURCE = "import"


def import_legacy(cache: CacheManager, path: Path) -> LegacyImport:
    """Every series of the old cache at `path` that can be trusted to be what its name says.

    Its stamps are Indian time. Bars that were still forming when they were cached are left out.
    Only sessions without a gap count as known; the others have their bars and stay missing.
    Raises DataNotFoundError when there is no file, DataFormatError when it is no old cache.
    """
    if not path.is_file():
        raise DataNotFoundError(
            "there is no such file.", where=str(path), remedy="Name the old market_data.db."
        )
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as old:
            cached = _cached_instants(old)
            names = old.execute(
                "SELECT DISTINCT symbol, exchange, timeframe FROM candles ORDER BY 1, 2, 3"
            ).fetchall()
            series = [_take_over(cache, old, path, Series(*map(str, row)), cached) for row in names]
    except sqlite3.Error as error:
        raise DataFormatError(
            f"this is no old candle cache: {error}.",
            where=str(path),
            remedy="Name the market_data.db with the tables candles and requests.",
        ) from None
    return LegacyImport(path=str(path), series=tuple(series))


def _take_over(
    cache: CacheManager, old: sqlite3.Connection, path: Path, named: Series, cached: Ints
) -> LegacySeries:
    rows = old.execute(
        "SELECT timestamp, open, high, low, close, volume FROM candles "
        "WHERE symbol = ? AND exchange = ? AND timeframe = ? ORDER BY timestamp",
        (named.symbol, named.exchange, named.timeframe),
    ).fetchall()
    try:
        candles = _candles(named, rows, path.name)
    except DataError as error:
        return LegacySeries(series=named, rows=len(rows), skipped=error.what)
    candles, findings = _closed(candles, cached)
    if not len(candles):
        skipped = "no row is a closed bar"
        return LegacySeries(series=named, rows=len(rows), findings=findings, skipped=skipped)
    first, last = int(candles.days[0]), int(candles.days[-1])
    unproven = Answer(
        source=_SOURCE,
        detail=path.name,
        first_day=first,
        last_day=last,
        asked_at=0,
        findings=findings,
    )
    merge = cache.store(candles, unproven)
    for begins, ends in _complete_ranges(candles):
        proven = Answer(
            source=_SOURCE,
            detail=path.name,
            first_day=begins,
            last_day=ends,
            asked_at=cache.clock.now(),
        )
        cache.store(candles[:0], proven)
    return LegacySeries(series=candles.series, rows=len(rows), merge=merge, findings=findings)


def _candles(named: Series, rows: list[tuple[Any, ...]], file: str) -> Candles:
    """The rows as candles. Raises DataError when the series is not what its name says."""
    if named.exchange not in EXCHANGES:
        raise DataError(f"unknown exchange {named.exchange!r}")
    timeframe = timeframes.normalise(named.timeframe)
    columns: Columns = [np.array([_stamp(row[0]) for row in rows], np.int64)]
    columns += [np.array([_number(row[place]) for row in rows]) for place in range(1, 6)]
    if not timeframes.is_intraday(timeframe):
        dates = days_of(columns[0]) * DAY_NS - IST_OFFSET_NS
        columns[0] = np.where(columns[0] == _NO_STAMP, _NO_STAMP, dates)
    known = columns[0][columns[0] != _NO_STAMP]
    real = infer_timeframe(known, where=named.name)
    if real not in (None, timeframe):
        raise DataError(f"its bars are {real}, not {timeframe}")
    kept, findings = clean([*columns, np.full(len(rows), np.nan)], where=f"{file} {named.name}")
    origin = Origin(kind="cache", detail=file, findings=findings)
    return Candles(Series(named.symbol, named.exchange, timeframe), kept, origin)


def _closed(candles: Candles, cached: Ints) -> tuple[Candles, tuple[Finding, ...]]:
    """The bars without those during which something was cached: nothing corrected them later."""
    following = np.append(cached, np.iinfo(np.int64).max)[np.searchsorted(cached, candles.starts)]
    forming = following < candles.ends
    count = int(np.count_nonzero(forming))
    if not count:
        return candles, candles.findings
    first = candles[int(np.argmax(forming))].timestamp
    finding = Finding(
        code="forming-bar",
        severity="note",
        message=f"{count} bars were not closed yet when they were cached",
        count=count,
        of=len(candles),
        where=f"{first:%Y-%m-%d %H:%M}",
        action="dropped",
    )
    closed = [column[~forming] for column in candles.columns]
    return Candles(candles.series, closed, candles.origin), (*candles.findings, finding)


def _complete_ranges(candles: Candles) -> list[tuple[int, int]]:
    """The runs of sessions without a gap, by their first and last day."""
    days = np.unique(candles.days)
    complete = np.setdiff1d(days, [gap.day for gap in gaps(candles)])
    calendar = calendar_of(candles.exchange)
    sessions = calendar.trading_days(int(days[0]), int(days[-1]), candles.symbol)
    known = np.isin(sessions, complete)
    return [(int(sessions[start]), int(sessions[stop - 1])) for start, stop in runs(known)]


def _cached_instants(old: sqlite3.Connection) -> Ints:
    """When the requests were cached, ns UTC, in order."""
    rows = old.execute("SELECT cached_at FROM requests").fetchall()
    stamps = np.array([_stamp(row[0]) for row in rows], np.int64)
    return np.sort(stamps[stamps != _NO_STAMP])


def _stamp(text: object) -> int:
    """A stamp of the old cache, Indian time, as ns UTC."""
    try:
        return to_ns(datetime.fromisoformat(str(text)))
    except ValueError:
        return _NO_STAMP


def _number(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return float("nan")
