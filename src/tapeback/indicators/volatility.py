"""How far prices move: average true range and Bollinger bands."""

from __future__ import annotations

from collections import deque
from math import sqrt
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tapeback.indicators.averages import SMA, sma
from tapeback.indicators.columns import (
    NAN,
    as_column,
    as_columns,
    check_multiplier,
    check_period,
    feed,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


class ATR:
    """Wilder's average of the true range.

    A true range needs the previous close, so the first bar has none and the first average comes
    with bar `period + 1`.
    """

    __slots__ = ("_close", "_left", "_total", "period", "value")

    def __init__(self, period: int) -> None:
        self.period = check_period("ATR", "period", period)
        self.value = NAN
        self._close = NAN
        self._total = 0.0
        self._left = self.period + 1

    def update(self, high: float, low: float, close: float) -> float:
        """The average with this bar as the newest; NaN before it is defined."""
        before = self._close
        self._close = close
        reach = (high if high > before else before) - (low if low < before else before)
        if not self._left:
            self.value = (self.value * (self.period - 1) + reach) / self.period
            return self.value
        self._left -= 1
        if self._left < self.period:
            self._total += reach
            if not self._left:
                self.value = self._total / self.period
        return self.value


class Bollinger:
    """A simple average and bands `multiplier` standard deviations (ddof 0) of the same window
    away. `update` returns the middle; `middle`, `upper` and `lower` hold all three."""

    __slots__ = ("_average", "_window", "lower", "middle", "multiplier", "period", "upper")

    def __init__(self, period: int = 20, multiplier: float = 2.0) -> None:
        self.period = check_period("Bollinger", "period", period)
        self.multiplier = check_multiplier("Bollinger", multiplier)
        self.middle = self.upper = self.lower = NAN
        self._average = SMA(self.period)
        self._window: deque[float] = deque(maxlen=self.period)

    def update(self, x: float) -> float:
        """The middle with `x` as the newest value; NaN before there are `period` values."""
        window = self._window
        window.append(x)
        middle = self._average.update(x)
        self.middle = middle
        if len(window) == self.period:
            squares = 0.0
            for value in window:
                distance = value - middle
                squares += distance * distance
            width = self.multiplier * sqrt(squares / self.period)
            self.upper = middle + width
            self.lower = middle - width
        return middle


class BollingerColumns(NamedTuple):
    """Columns of `bollinger`, NaN until defined."""

    middle: NDArray[np.float64]
    upper: NDArray[np.float64]
    lower: NDArray[np.float64]


def atr(high: ArrayLike, low: ArrayLike, close: ArrayLike, period: int) -> NDArray[np.float64]:
    """`ATR` over columns, NaN in the first `period` rows."""
    return feed(ATR(period).update, *as_columns(high, low, close))


def bollinger(values: ArrayLike, period: int = 20, multiplier: float = 2.0) -> BollingerColumns:
    """`Bollinger` over a column, NaN in the first `period - 1` rows; the same to the last bit."""
    period = check_period("Bollinger", "period", period)
    multiplier = check_multiplier("Bollinger", multiplier)
    column = as_column(values)
    middle = sma(column, period)
    squares = np.zeros(max(len(column) - period + 1, 0))
    for age in range(len(squares) and period):
        distance = column[age : age + len(squares)] - middle[period - 1 :]
        squares += distance * distance
    width = np.full(len(column), NAN)
    width[period - 1 :] = multiplier * np.sqrt(squares / period)
    return BollingerColumns(middle, middle + width, middle - width)
