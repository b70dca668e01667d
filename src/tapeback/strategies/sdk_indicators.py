"""`openalgo.ta` where the package is not installed: those of its indicators that we have.

Averages are seeded by a mean, as on charts; the package starts its EMA, and what is built on it,
from the first value, so that figures differ at the beginning and come together after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from tapeback import indicators

if TYPE_CHECKING:
    from numpy.typing import NDArray


class TechnicalAnalysis:
    """Takes arrays, pandas series or lists and gives arrays, or series where the first input is
    one; several columns come as a tuple."""

    def sma(self, data: Any, period: int) -> Any:
        """Simple moving average."""
        return _as(data, indicators.sma(data, period))

    def ema(self, data: Any, period: int) -> Any:
        """Exponential moving average."""
        return _as(data, indicators.ema(data, period))

    def rsi(self, data: Any, period: int = 14) -> Any:
        """Relative strength index by Wilder's averages."""
        return _as(data, indicators.rsi(data, period))

    def macd(
        self, data: Any, fast_period: int = 12, slow_period: int = 26, signal_period: int = 9
    ) -> tuple[Any, Any, Any]:
        """The difference of two EMAs, its signal line, and what lies between."""
        found = indicators.macd(data, fast_period, slow_period, signal_period)
        return _as(data, found[0]), _as(data, found[1]), _as(data, found[2])

    def atr(self, high: Any, low: Any, close: Any, period: int = 14) -> Any:
        """Average true range by Wilder's averages."""
        return _as(high, indicators.atr(high, low, close, period))

    def bbands(self, data: Any, period: int = 20, std_dev: float = 2.0) -> tuple[Any, Any, Any]:
        """Upper, middle and lower Bollinger band."""
        found = indicators.bollinger(data, period, std_dev)
        return _as(data, found.upper), _as(data, found.middle), _as(data, found.lower)

    def supertrend(
        self, high: Any, low: Any, close: Any, period: int = 10, multiplier: float = 3.0
    ) -> tuple[Any, Any]:
        """The line, and its direction: -1 while price rises above it, 1 while it falls below."""
        found = indicators.supertrend(high, low, close, period, multiplier)
        direction = np.where(found.direction, -found.direction.astype(np.float64), np.nan)
        return _as(high, found.value), _as(high, direction)

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(
            f"openalgo.ta.{name} comes with the openalgo package, which is not installed: "
            "pip install 'tapeback[live]'"
        )


def _as(data: Any, column: NDArray[np.float64]) -> Any:
    """A column in the form of the input: with its index where it has one."""
    index = getattr(data, "index", None)
    if index is None or callable(index):
        return column
    import pandas as pd

    return pd.Series(column, index=index)
