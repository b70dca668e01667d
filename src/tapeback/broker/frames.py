"""History as the SDK returns it: one pandas frame per interval, made once and sliced at now."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from tapeback.broker.requests import INTERVALS
from tapeback.core.engine import BacktestEngine
from tapeback.errors import DataError
from tapeback.market import timeframes
from tapeback.market.candles import Candles
from tapeback.utils.clock import IST_OFFSET_NS, SECOND_NS, day_of, midnight

if TYPE_CHECKING:
    import pandas as pd

Ints = npt.NDArray[np.int64]


class _Table(NamedTuple):
    frame: pd.DataFrame
    labels: Ints
    ends: Ints


class HistoryFrames:
    """Closed bars of a run's instruments as OpenAlgo's frames.

    Columns `close high low oi open volume` (prices float64 rupees, the other two int64 units, 0
    where the source has none). The index `timestamp` holds the bars' open times, aware in
    Asia/Kolkata; for D, W and M naive dates. A frame is a slice of the one of the whole run:
    copy-on-write keeps what a bot does to it from all others.
    """

    def __init__(self, engine: BacktestEngine) -> None:
        self._engine = engine
        self._tables: dict[tuple[str, str, str], _Table] = {}

    def frame(
        self, symbol: str, exchange: str, interval: str, first: date, last: date
    ) -> pd.DataFrame:
        """The bars that are closed by now and labelled from one Indian date to another, both
        included; maybe none.

        Raises DataError when the run's candles cannot give the interval.
        """
        key = (symbol, exchange, interval)
        table = self._tables.get(key)
        if table is None:
            table = self._tables[key] = _table(self._candles(*key), interval)
        begin = table.labels.searchsorted(_midnight(first))
        stop = min(
            table.labels.searchsorted(_midnight(last, 1)),
            table.ends.searchsorted(self._engine.simulator.now, side="right"),
        )
        return table.frame.iloc[begin:stop]

    def intervals(self, symbol: str, exchange: str) -> list[str]:
        """The intervals that the candles of an instrument can give."""
        finest = self._engine.simulator.books[symbol, exchange].candles.timeframe
        own = timeframes.duration(finest)
        return [
            name
            for name in INTERVALS[:-2]
            if timeframes.duration(name) >= own
            and (not timeframes.is_intraday(name) or timeframes.duration(name) % own == 0)
            and (finest, name) != ("1w", "M")
        ]

    def _candles(self, symbol: str, exchange: str, interval: str) -> Candles:
        if interval in INTERVALS[-2:]:
            raise DataError(
                f"{interval} bars of {symbol}:{exchange} cannot be made.",
                remedy="Ask for M, the longest.",
            )
        name = timeframes.normalise(interval)
        for candles in self._engine.series:
            if (candles.symbol, candles.exchange, candles.timeframe) == (symbol, exchange, name):
                return candles
        return self._engine.simulator.books[symbol, exchange].candles.resample(name)


def _table(candles: Candles, interval: str) -> _Table:
    import pandas as pd

    stamps = candles.ts
    if interval in ("D", "W", "M"):
        # Brokers stamp a date with its midnight in UTC, and the SDK leaves it naive.
        index = pd.to_datetime((stamps + IST_OFFSET_NS) // SECOND_NS, unit="s")
    else:
        index = pd.to_datetime(stamps // SECOND_NS, unit="s", utc=True)
        index = index.tz_convert("Asia/Kolkata")
    frame = pd.DataFrame(
        {
            "close": candles.close,
            "high": candles.high,
            "low": candles.low,
            "oi": _whole(candles.oi),
            "open": candles.open,
            "volume": _whole(candles.volume),
        },
        index=index.rename("timestamp"),
    )
    return _Table(frame, stamps, candles.ends)


def _whole(column: npt.NDArray[np.float64]) -> Ints:
    return np.nan_to_num(column).astype(np.int64)


@lru_cache(maxsize=4096)
def _midnight(day: date, later: int = 0) -> int:
    return midnight(day_of(day) + later)
