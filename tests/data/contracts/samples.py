"""Contracts, bars and files for the tests of derivative history."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import numpy as np

from tapeback.data.cache import Answer, CacheManager
from tapeback.data.provider import DataRequest
from tapeback.data.synthetic import SyntheticDataProvider
from tapeback.market.candles import Candles
from tapeback.market.instruments import instrument_of
from tapeback.models.candle import Series
from tapeback.models.instrument import DERIVATIVE_EXCHANGES
from tapeback.utils.clock import SECOND_NS, to_ist, to_ns


class ClockAt:
    """A wall clock that stands until it is told to sleep."""

    def __init__(self, *moment: int) -> None:
        self.ns = to_ns(datetime(*moment))

    def now(self) -> int:
        return self.ns

    def sleep(self, seconds: float) -> None:
        self.ns += round(seconds * SECOND_NS)


def at(*moment: int) -> int:
    """An Indian instant, ns UTC."""
    return to_ns(datetime(*moment))


def bars(
    symbol: str,
    exchange: str,
    start: date,
    end: date,
    *,
    timeframe: str = "1m",
    price: float = 100.0,
    seed: int = 1,
) -> Candles:
    request = DataRequest(
        symbol=symbol, exchange=exchange, timeframe=timeframe, start=start, end=end
    )
    return SyntheticDataProvider(seed, initial_price=price).fetch(request)


def keep(cache: CacheManager, candles: Candles) -> None:
    """Stores candles as an import would, with the contract that they are of."""
    answer = Answer(
        source="import",
        detail="test",
        first_day=int(candles.days[0]),
        last_day=int(candles.days[-1]),
        asked_at=cache.clock.now(),
    )
    cache.store(candles, answer)
    if candles.exchange in DERIVATIVE_EXCHANGES:
        cache.store_instruments([instrument_of(candles.symbol, candles.exchange)], source="import")


def kept(cache: CacheManager, symbol: str, exchange: str = "NFO", frame: str = "1m") -> Candles:
    candles = cache.read(Series(symbol, exchange, frame))
    assert candles is not None, f"{symbol} is not stored"
    return candles


def write_csv(path: Path, candles: Candles, *, ends: bool = False) -> Path:
    """A file of bars, stamped with their open or their close."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stamps = candles.ends if ends else candles.ts
    lines = ["datetime,open,high,low,close,volume,oi"]
    for place, ts in enumerate(stamps.tolist()):
        values = [float(column[place]) for column in candles.columns[1:5]]
        volume = candles.volume[place]
        numbers = [*map(str, values), "" if np.isnan(volume) else f"{volume:.0f}", "1200"]
        lines.append(f"{to_ist(ts):%Y-%m-%d %H:%M:%S}," + ",".join(numbers))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
