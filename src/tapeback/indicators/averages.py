"""Moving averages: simple, exponential and Wilder's."""

from __future__ import annotations

from math import fsum
from typing import TYPE_CHECKING

import numpy as np

from tapeback.indicators.columns import NAN, as_column, check_period, feed

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


class SMA:
    """Mean of the last `period` values.

    A running total serves it, summed afresh (exactly rounded) once every `period` values, so
    that rounding errors never add up over a long run.
    """

    __slots__ = ("_next", "_total", "_warm", "_window", "period", "value")

    def __init__(self, period: int) -> None:
        self.period = check_period("SMA", "period", period)
        self.value = NAN
        self._window = [0.0] * self.period
        self._next = 0
        self._total = 0.0
        self._warm = False

    def update(self, x: float) -> float:
        """The average with `x` as the newest value; NaN before there are `period` values."""
        window = self._window
        i = self._next
        self._total += x - window[i]
        window[i] = x
        i += 1
        if i == self.period:
            self._total = fsum(window)
            self._warm = True
            i = 0
        self._next = i
        if self._warm:
            self.value = self._total / self.period
        return self.value


class EMA:
    """Exponential average with weight 2 / (period + 1), seeded by the mean of the first
    `period` values."""

    __slots__ = ("_left", "_total", "_weight", "period", "value")

    def __init__(self, period: int) -> None:
        self.period = check_period("EMA", "period", period)
        self.value = NAN
        self._weight = 2.0 / (self.period + 1)
        self._total = 0.0
        self._left = self.period

    def update(self, x: float) -> float:
        """The average with `x` as the newest value; NaN before there are `period` values."""
        if not self._left:
            self.value += self._weight * (x - self.value)
            return self.value
        self._left -= 1
        self._total += x
        if not self._left:
            self.value = self._total / self.period
        return self.value


class RMA:
    """Wilder's average, weight 1 / period, seeded by the mean of the first `period` values."""

    __slots__ = ("_left", "_total", "period", "value")

    def __init__(self, period: int) -> None:
        self.period = check_period("RMA", "period", period)
        self.value = NAN
        self._total = 0.0
        self._left = self.period

    def update(self, x: float) -> float:
        """The average with `x` as the newest value; NaN before there are `period` values."""
        if not self._left:
            self.value = (self.value * (self.period - 1) + x) / self.period
            return self.value
        self._left -= 1
        self._total += x
        if not self._left:
            self.value = self._total / self.period
        return self.value


def sma(values: ArrayLike, period: int) -> NDArray[np.float64]:
    """`SMA` over a column, NaN in the first `period - 1` rows; the same to the last bit."""
    period = check_period("SMA", "period", period)
    column = as_column(values)
    averages = np.full(len(column), NAN)
    blocks = len(column) // period
    if not blocks:
        return averages
    whole = blocks * period
    numbers = column[:whole].tolist()
    anchors = np.array([fsum(numbers[k : k + period]) for k in range(0, whole, period)])
    changes = column[period:] - column[:-period]
    steps = np.column_stack((anchors[:-1], changes[: whole - period].reshape(-1, period)))
    totals = np.cumsum(steps, axis=1)[:, 1:]
    totals[:, -1] = anchors[1:]
    averages[period - 1] = anchors[0]
    averages[period:whole] = totals.ravel()
    averages[whole:] = np.cumsum(np.append(anchors[-1], changes[whole - period :]))[1:]
    averages /= period
    return averages


def ema(values: ArrayLike, period: int) -> NDArray[np.float64]:
    """`EMA` over a column, NaN in the first `period - 1` rows."""
    return feed(EMA(period).update, as_column(values))


def rma(values: ArrayLike, period: int) -> NDArray[np.float64]:
    """`RMA` over a column, NaN in the first `period - 1` rows."""
    return feed(RMA(period).update, as_column(values))
