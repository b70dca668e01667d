"""Candles without a fault, and the faults that files have."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import numpy as np
import numpy.typing as npt

from tapeback.data.provider import DataRequest
from tapeback.data.quality import inspect
from tapeback.data.synthetic import SyntheticDataProvider
from tapeback.market.candles import Candles
from tapeback.market.settling.corporate_actions import ActionBook
from tapeback.models.candle import Series
from tapeback.models.finding import Finding
from tapeback.utils.clock import to_ns

Floats = npt.NDArray[np.float64]


def made(
    first: str,
    last: str,
    *,
    symbol: str = "INFY",
    exchange: str = "NSE",
    timeframe: str = "1m",
    regime: str = "normal",
) -> Candles:
    """Made-up bars of the sessions of some dates, without a fault."""
    request = DataRequest(
        symbol=symbol,
        exchange=exchange,
        timeframe=timeframe,
        start=date.fromisoformat(first),
        end=date.fromisoformat(last),
    )
    return SyntheticDataProvider(3, regime=regime).fetch(request)


def named(candles: Candles, symbol: str, exchange: str) -> Candles:
    """The same bars as those of another instrument."""
    series = Series(symbol, exchange, candles.timeframe)
    return Candles(series, candles.columns, candles.origin)


def at(text: str) -> int:
    return to_ns(datetime.fromisoformat(text))


def between(candles: Candles, start: str, end: str) -> npt.NDArray[np.bool_]:
    """The bars that begin at `start` or later and before `end`."""
    return (candles.ts >= at(start)) & (candles.ts < at(end))


def without(candles: Candles, start: str, end: str) -> Candles:
    kept = ~between(candles, start, end)
    return Candles(candles.series, [c[kept] for c in candles.columns], candles.origin)


def scaled(candles: Candles, factors: Floats) -> Candles:
    """The bars with their prices multiplied, one factor a bar."""
    prices = [column * factors for column in candles.columns[1:5]]
    columns = [candles.ts, *prices, candles.volume, candles.oi]
    return Candles(candles.series, columns, candles.origin)


def scaled_at(candles: Candles, bars: Sequence[int], factor: float) -> Candles:
    factors = np.ones(len(candles))
    factors[list(bars)] = factor
    return scaled(candles, factors)


def with_column(candles: Candles, index: int, values: npt.NDArray[np.generic]) -> Candles:
    columns = list(candles.columns)
    columns[index] = values
    return Candles(candles.series, columns, candles.origin)


def with_volume(candles: Candles, volume: Floats) -> Candles:
    return with_column(candles, 5, volume)


def shifted(candles: Candles, ns: int, where: npt.NDArray[np.bool_]) -> Candles:
    """The candles with the stamps of some bars moved."""
    return with_column(candles, 0, candles.ts + np.where(where, ns, 0))


def found(candles: Candles) -> dict[str, Finding]:
    """What is found, by its code, but for corporate actions."""
    return {finding.code: finding for finding in inspect(candles, ActionBook(()))}
