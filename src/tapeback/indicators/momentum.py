"""How strongly prices move: RSI and MACD."""

from __future__ import annotations

from collections.abc import Iterator
from math import isnan
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tapeback.errors import ConfigError
from tapeback.indicators.averages import EMA, RMA
from tapeback.indicators.columns import NAN, as_column, check_period, feed

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


class RSI:
    """Wilder's relative strength index, 0 to 100; 100 where no loss is left in the averages."""

    __slots__ = ("_before", "_gain", "_loss", "period", "value")

    def __init__(self, period: int = 14) -> None:
        self.period = check_period("RSI", "period", period)
        self.value = NAN
        self._before = NAN
        self._gain = RMA(self.period)
        self._loss = RMA(self.period)

    def update(self, x: float) -> float:
        """The index with `x` as the newest value; NaN before there are `period` changes."""
        change = x - self._before
        self._before = x
        if isnan(change):
            return self.value
        gain = self._gain.update(change if change > 0.0 else 0.0)
        loss = self._loss.update(-change if change < 0.0 else 0.0)
        self.value = 100.0 * gain / (gain + loss) if loss != 0.0 else 100.0
        return self.value


class MACD:
    """Difference of a fast and a slow EMA, its own EMA (the signal) and what lies between.

    Each average is seeded by its own first values. `update` returns the difference; `macd`,
    `signal` and `histogram` hold all three.
    """

    __slots__ = ("_average", "_fast", "_slow", "histogram", "macd", "signal")

    def __init__(self, fast: int = 12, slow: int = 26, signal: int = 9) -> None:
        self._fast = EMA(check_period("MACD", "fast", fast))
        self._slow = EMA(check_period("MACD", "slow", slow))
        self._average = EMA(check_period("MACD", "signal", signal))
        if fast >= slow:
            raise ConfigError(
                f"MACD: fast is {fast} and slow is {slow}.", remedy="fast must be below slow."
            )
        self.macd = self.signal = self.histogram = NAN

    def update(self, x: float) -> float:
        """The difference with `x` as the newest value; NaN before there are `slow` values."""
        self.macd = self._fast.update(x) - self._slow.update(x)
        if not isnan(self.macd):
            self.signal = self._average.update(self.macd)
            self.histogram = self.macd - self.signal
        return self.macd


class MACDColumns(NamedTuple):
    """Columns of `macd`, NaN until defined."""

    macd: NDArray[np.float64]
    signal: NDArray[np.float64]
    histogram: NDArray[np.float64]


def rsi(values: ArrayLike, period: int = 14) -> NDArray[np.float64]:
    """`RSI` over a column, NaN in the first `period` rows."""
    return feed(RSI(period).update, as_column(values))


def macd(values: ArrayLike, fast: int = 12, slow: int = 26, signal: int = 9) -> MACDColumns:
    """`MACD` over a column: NaN in the first `slow - 1` rows, the signal in the first
    `slow + signal - 2`."""
    indicator = MACD(fast, slow, signal)
    column = as_column(values)
    shape = np.dtype((np.float64, 3))
    table = np.fromiter(_rows(indicator, column), shape, len(column)).T
    return MACDColumns(table[0].copy(), table[1].copy(), table[2].copy())


def _rows(indicator: MACD, column: NDArray[np.float64]) -> Iterator[tuple[float, float, float]]:
    for x in column.tolist():
        yield indicator.update(x), indicator.signal, indicator.histogram
