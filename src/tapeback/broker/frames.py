"""History as the SDK returns it: one pandas frame per interval, made once and sliced at now."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tapeback.broker.quotes import Forming
from tapeback.broker.requests import INTERVALS
from tapeback.core.engine import BacktestEngine
from tapeback.errors import DataError
from tapeback.market import timeframes
from tapeback.market.candles import Candles
from tapeback.utils.clock import IST_OFFSET_NS, SECOND_NS, day_of, midnight

if TYPE_CHECKING:
    import pandas as pd

Ints = npt.NDArray[np.int64]
FormingBar = Callable[[str, str], Forming | None]
_COLUMNS = ("close", "high", "low", "oi", "open", "volume")
_FLOATS = ("close", "high", "low", "open")


class _Table(NamedTuple):
    """The bars of one interval: the frame of them all, and what a bar under way is made of. The
    columns of one type are the rows of `floats` and `ints`; `first` is the finest bar with which
    each bar begins."""

    frame: pd.DataFrame
    labels: Ints
    starts: Ints
    ends: Ints
    floats: npt.NDArray[np.float64]
    ints: Ints
    first: Ints
    finest: Candles


class HistoryFrames:
    """Bars of a run's instruments as OpenAlgo's frames.

    Columns `close high low oi open volume` (prices float64 rupees, the other two int64 units, 0
    where the source has none). The index `timestamp` holds the bars' open times, aware in
    Asia/Kolkata; for D, W and M naive dates. A frame of closed bars is a slice of the one of the
    whole run: copy-on-write keeps what a bot does to it from all others. With `forming`, which
    tells how far the finest bar under way has come, the bar under way is the last row.
    """

    def __init__(self, engine: BacktestEngine, forming: FormingBar | None = None) -> None:
        self._engine = engine
        self._forming = forming
        self._tables: dict[tuple[str, str, str], _Table] = {}

    def frame(
        self, symbol: str, exchange: str, interval: str, first: date, last: date
    ) -> pd.DataFrame:
        """The bars that are known by now and labelled from one Indian date to another, both
        included; maybe none.

        Raises DataError when the run's candles cannot give the interval.
        """
        key = (symbol, exchange, interval)
        table = self._tables.get(key)
        if table is None:
            table = self._tables[key] = self._table(*key)
        now = self._engine.simulator.now
        labels = table.labels
        begin = int(labels.searchsorted(_midnight(first)))
        after = int(labels.searchsorted(_midnight(last, 1)))
        closed = int(table.ends.searchsorted(now, side="right"))
        if self._forming is not None and begin <= closed < after and table.starts[closed] <= now:
            row = self._bar_under_way(table, closed, now, self._forming(symbol, exchange))
            if row is not None:
                return _with_last_row(table, begin, closed, row)
        return table.frame.iloc[begin : min(after, closed)]

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

    def _table(self, symbol: str, exchange: str, interval: str) -> _Table:
        candles = self._candles(symbol, exchange, interval)
        finest = self._engine.simulator.books[symbol, exchange].candles
        floats = np.array([getattr(candles, name) for name in _FLOATS])
        ints = np.array([_whole(candles.oi), _whole(candles.volume)])
        return _Table(
            _frame(floats, ints, _index(candles.ts, interval)),
            candles.ts,
            candles.starts,
            candles.ends,
            floats,
            ints,
            finest.ts.searchsorted(candles.ts),
            finest,
        )

    def _bar_under_way(
        self, table: _Table, at: int, now: int, forming: Forming | None
    ) -> tuple[list[float], list[int]] | None:
        """The row of the bar that is not closed yet: of the finest bars since its beginning, and
        the one under way. None while it has no price."""
        finest = table.finest
        a = int(table.first[at])
        b = int(finest.ends.searchsorted(now, side="right"))
        if forming is not None and forming.at < a:
            forming = None
        if a >= b and forming is None:
            return None
        held = float(finest.oi[b - 1]) if b else 0.0
        oi = int(held) if held == held else 0
        if a >= b:
            _, opened, high, low, close, traded = forming or (0, 0.0, 0.0, 0.0, 0.0, 0)
            return [close, high, low, opened], [oi, traded]
        high, low = float(finest.high[a:b].max()), float(finest.low[a:b].min())
        opened, close = float(finest.open[a]), float(finest.close[b - 1])
        traded = int(np.nansum(finest.volume[a:b]))
        if forming is not None:
            high, low = max(high, forming.high), min(low, forming.low)
            close = forming.close
            traded += forming.volume
        return [close, high, low, opened], [oi, traded]


def _with_last_row(
    table: _Table, begin: int, closed: int, row: tuple[list[float], list[int]]
) -> pd.DataFrame:
    """A frame of its own: the closed bars from `begin`, and a last row."""
    floats = table.floats[:, begin : closed + 1].copy()
    ints = table.ints[:, begin : closed + 1].copy()
    floats[:, -1], ints[:, -1] = row
    return _frame(floats, ints, table.frame.index[begin : closed + 1])


def _index(stamps: Ints, interval: str) -> pd.DatetimeIndex:
    import pandas as pd

    if interval in ("D", "W", "M"):
        # Brokers stamp a date with its midnight in UTC, and the SDK leaves it naive.
        index = pd.to_datetime((stamps + IST_OFFSET_NS) // SECOND_NS, unit="s")
    else:
        index = pd.to_datetime(stamps // SECOND_NS, unit="s", utc=True)
        index = index.tz_convert("Asia/Kolkata")
    return index.rename("timestamp")


def _frame(floats: npt.NDArray[np.float64], ints: Ints, index: Any) -> pd.DataFrame:
    """A frame over these columns, without a look at each of them: bots ask many times."""
    from pandas.api.internals import (  # type: ignore[import-not-found]
        create_dataframe_from_blocks,
    )

    blocks = [(floats, _places(_FLOATS)), (ints, _places(("oi", "volume")))]
    frame: pd.DataFrame = create_dataframe_from_blocks(
        blocks, index=index, columns=_columns().view()
    )
    return frame


@lru_cache
def _columns() -> pd.Index[str]:
    import pandas as pd

    return pd.Index(_COLUMNS)


@lru_cache
def _places(names: tuple[str, ...]) -> npt.NDArray[np.intp]:
    return np.array([_COLUMNS.index(name) for name in names])


def _whole(column: npt.NDArray[np.float64]) -> Ints:
    return np.nan_to_num(column).astype(np.int64)


@lru_cache(maxsize=4096)
def _midnight(day: date, later: int = 0) -> int:
    return midnight(day_of(day) + later)
