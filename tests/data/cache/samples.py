"""Bars, answers and clocks for the tests of the cache."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np

from tapeback.data.cache import Answer
from tapeback.data.provider import DataRequest
from tapeback.data.synthetic import SyntheticDataProvider
from tapeback.market.candles import Candles
from tapeback.models.candle import Series
from tapeback.models.finding import Origin
from tapeback.utils.clock import SECOND_NS, day_of, to_ns

SERIES = Series("RELIANCE", "NSE", "1m")


class ClockAt:
    """A wall clock that stands until it is told to sleep."""

    def __init__(self, *moment: int) -> None:
        self.ns = to_ns(datetime(*moment))

    def now(self) -> int:
        return self.ns

    def sleep(self, seconds: float) -> None:
        self.ns += round(seconds * SECOND_NS)


def bars(
    start: date,
    end: date,
    *,
    symbol: str = "RELIANCE",
    exchange: str = "NSE",
    timeframe: str = "1m",
    seed: int = 1,
) -> Candles:
    request = DataRequest(
        symbol=symbol, exchange=exchange, timeframe=timeframe, start=start, end=end
    )
    return SyntheticDataProvider(seed).fetch(request)


def answer(
    start: date,
    end: date,
    *,
    asked_at: int | None = None,
    source: str = "openalgo",
    detail: str = "127.0.0.1:5000",
) -> Answer:
    asked = to_ns(datetime(2026, 1, 1, 8, 0)) if asked_at is None else asked_at
    return Answer(
        source=source,
        detail=detail,
        first_day=day_of(start),
        last_day=day_of(end),
        asked_at=asked,
    )


def same(one: Candles | None, other: Candles | None) -> bool:
    """Whether two are of one series with the same bits in all columns."""
    if one is None or other is None:
        return one is other
    pairs = zip(one.columns, other.columns, strict=True)
    return one.series == other.series and all(a.tobytes() == b.tobytes() for a, b in pairs)


def some(candles: Candles, mask: np.ndarray) -> Candles:
    """The candles that a mask picks."""
    return Candles(candles.series, [c[mask] for c in candles.columns], candles.origin)


def empty(series: Series = SERIES) -> Candles:
    columns = [np.empty(0, np.int64), *(np.empty(0) for _ in range(6))]
    return Candles(series, columns, Origin(kind="array"))
