"""Supertrend as charting programs draw it: bands around the bar's middle, Wilder's ATR."""

from __future__ import annotations

from collections.abc import Iterator
from math import isnan
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tapeback.indicators.columns import NAN, as_columns, check_multiplier
from tapeback.indicators.volatility import ATR

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


class Supertrend:
    """A trailing stop that changes sides when a close passes it.

    The bands lie `multiplier` ATRs from (high + low) / 2; the upper one only falls and the lower
    one only rises until the previous close was beyond it. In an uptrend the value is the lower
    band, and a close at or below it turns the trend; in a downtrend it is the upper band, and a
    close above it does. The first trend is up if the close is at or above the bar's middle.
    `update` returns the value; `direction` is +1 (up), -1 (down), or 0 until defined; `upper`
    and `lower` hold both bands.
    """

    __slots__ = ("_atr", "_close", "direction", "lower", "multiplier", "period", "upper", "value")

    def __init__(self, period: int = 10, multiplier: float = 3.0) -> None:
        self._atr = ATR(period)
        self.period = self._atr.period
        self.multiplier = check_multiplier("Supertrend", multiplier)
        self.value = self.upper = self.lower = NAN
        self.direction = 0
        self._close = NAN

    def update(self, high: float, low: float, close: float) -> float:
        """The value with this bar as the newest; NaN in the first `period` bars."""
        width = self.multiplier * self._atr.update(high, low, close)
        before = self._close
        self._close = close
        if isnan(width):
            return self.value
        middle = (high + low) / 2.0
        upper = middle + width
        lower = middle - width
        direction = self.direction
        if direction:
            if upper < self.upper or before > self.upper:
                self.upper = upper
            if lower > self.lower or before < self.lower:
                self.lower = lower
        else:
            self.upper = upper
            self.lower = lower
            direction = 1 if close >= middle else -1
        if close <= (self.lower if direction > 0 else self.upper):
            self.direction = -1
            self.value = self.upper
        else:
            self.direction = 1
            self.value = self.lower
        return self.value


class SupertrendColumns(NamedTuple):
    """Columns of `supertrend`: floats NaN and `direction` 0 until defined."""

    value: NDArray[np.float64]
    direction: NDArray[np.int8]
    upper: NDArray[np.float64]
    lower: NDArray[np.float64]


def supertrend(
    high: ArrayLike, low: ArrayLike, close: ArrayLike, period: int = 10, multiplier: float = 3.0
) -> SupertrendColumns:
    """`Supertrend` over columns, undefined in the first `period` rows."""
    indicator = Supertrend(period, multiplier)
    columns = as_columns(high, low, close)
    shape = np.dtype((np.float64, 4))
    table = np.fromiter(_rows(indicator, *columns), shape, len(columns[0])).T
    return SupertrendColumns(
        table[0].copy(), table[1].astype(np.int8), table[2].copy(), table[3].copy()
    )


def _rows(
    indicator: Supertrend, *columns: NDArray[np.float64]
) -> Iterator[tuple[float, int, float, float]]:
    update = indicator.update
    for high, low, close in zip(*(column.tolist() for column in columns), strict=True):
        value = update(high, low, close)
        yield value, indicator.direction, indicator.upper, indicator.lower
