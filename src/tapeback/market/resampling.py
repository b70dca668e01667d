"""Coarser bars from finer ones (fill contract T1)."""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from tapeback.errors import DataError
from tapeback.market import timeframes
from tapeback.market.candles import Candles
from tapeback.models.candle import Series
from tapeback.models.finding import Finding
from tapeback.utils.clock import DAY_NS, IST_OFFSET_NS

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def resample(candles: Candles, timeframe: str) -> Candles:
    """`candles` in a coarser timeframe: first open, highest high, lowest low, last close, summed
    volume, last open interest.

    Intraday buckets count from the open of the date's session and run on through breaks. They end
    at its close; bars after it fall into buckets that count from the close, bars before the open
    into buckets that count backwards from it. On a date whose first bar comes after the close (an
    evening that the calendar does not know) they count from that bar. No bucket holds bars of two
    dates. A date without session counts as one of regular hours. Days are labelled by their date,
    weeks by their Monday, months by their first day, each at Indian midnight. A bucket without bars
    is left out. Volume is NaN where none of a bucket's bars has any.

    The same timeframe gives back `candles` itself. Raises DataError when `timeframe` is finer
    than that of the candles or no multiple of it, or when more than one bar in a hundred runs
    over the end of its bucket (bars off the session's grid); fewer are a finding.
    """
    target = timeframes.normalise(timeframe)
    if target == candles.timeframe:
        return candles
    _check_coarser(candles, target)
    series = Series(candles.symbol, candles.exchange, target)
    if not len(candles):
        return Candles(series, candles.columns, candles.origin)
    labels = _labels(candles, target)
    firsts = np.flatnonzero(np.diff(labels, prepend=labels[0] - 1))
    resampled = Candles(series, [labels[firsts], *_aggregate(candles, firsts)], candles.origin)
    if not timeframes.is_intraday(target):
        return resampled
    return _check_straddling(candles, resampled, firsts)


def _check_coarser(candles: Candles, target: str) -> None:
    own, wanted = timeframes.duration(candles.timeframe), timeframes.duration(target)
    if wanted < own:
        raise DataError(
            f"{candles.timeframe} bars cannot be resampled to the finer {target}.",
            where=candles.series.name,
            remedy=f"Ask for {candles.timeframe} or longer, or load finer data.",
        )
    if timeframes.is_intraday(target) and wanted % own:
        raise DataError(
            f"{target} is no multiple of {candles.timeframe}.",
            where=candles.series.name,
            remedy=f"Ask for a multiple of {candles.timeframe}, or load finer data.",
        )
    if (candles.timeframe, target) == ("1w", "1M"):
        raise DataError(
            "weeks run over the ends of months and cannot be resampled to 1M.",
            where=candles.series.name,
            remedy="Load daily or finer bars.",
        )


def _check_straddling(
    candles: Candles, resampled: Candles, firsts: npt.NDArray[np.intp]
) -> Candles:
    """Refuses or reports bars that are not over when their bucket is."""
    sizes = np.diff(firsts, append=len(candles))
    over = candles.ends > np.repeat(resampled.ends, sizes)
    count = int(np.count_nonzero(over))
    if not count:
        return resampled
    first = f"{candles[int(np.argmax(over))].timestamp:%Y-%m-%d %H:%M}"
    message = f"{count} bars of {candles.timeframe} run over the end of their {resampled.timeframe}"
    if count * 100 > len(candles):
        raise DataError(
            f"{message}, the first at {first}.",
            where=candles.series.name,
            remedy="The bars do not start on the session's grid; load finer data.",
        )
    finding = Finding(
        code="straddling-bars", severity="warning", message=message, count=count, where=first
    )
    origin = msgspec.structs.replace(candles.origin, findings=(*candles.origin.findings, finding))
    return Candles(resampled.series, resampled.columns, origin)


def _labels(candles: Candles, target: str) -> Ints:
    """The label of the bucket into which each bar falls, in order."""
    if timeframes.is_intraday(target):
        return _intraday_labels(candles, timeframes.duration(target))
    days = candles.days
    if target == "1w":
        days = days - (days + 3) % 7
    elif target == "1M":
        months = days.astype("datetime64[D]").astype("datetime64[M]")
        days = months.astype("datetime64[D]").astype(np.int64)
    return days * DAY_NS - IST_OFFSET_NS


def _intraday_labels(candles: Candles, length: int) -> Ints:
    firsts = candles.session_firsts
    sizes = np.diff(firsts, append=len(candles))
    midnights = candles.days * DAY_NS - IST_OFFSET_NS
    clock = candles.ts - midnights
    opens, closes = candles.clocks.opens, candles.clocks.closes
    evening = clock[firsts] >= closes
    later = np.where(evening, clock[firsts], closes)
    over = clock >= np.repeat(closes, sizes)
    anchors = np.where(over, np.repeat(later, sizes), np.repeat(opens, sizes))
    # A pre-open bucket could reach back over midnight when the open is early and bars are long.
    starts = np.maximum(anchors + (clock - anchors) // length * length, 0)
    labels: Ints = midnights + starts
    return labels


def _aggregate(candles: Candles, firsts: npt.NDArray[np.intp]) -> list[Floats]:
    lasts = np.append(firsts[1:], len(candles)) - 1
    return [
        candles.open[firsts],
        np.maximum.reduceat(candles.high, firsts),
        np.minimum.reduceat(candles.low, firsts),
        candles.close[lasts],
        _sums(candles.volume, firsts),
        candles.oi[lasts],
    ]


def _sums(values: Floats, firsts: npt.NDArray[np.intp]) -> Floats:
    """Sums that skip NaN, and are NaN where a bucket holds nothing else."""
    absent = np.isnan(values)
    if not absent.any():
        return np.add.reduceat(values, firsts)
    sums = np.add.reduceat(np.where(absent, 0.0, values), firsts)
    sizes = np.diff(firsts, append=len(values))
    sums[np.add.reduceat(absent, firsts, dtype=np.int64) == sizes] = np.nan
    return sums
