"""The bar of any timeframe that is being formed, put together of finer ones (T5, T7)."""

from __future__ import annotations

import numpy as np

from tapeback.core.ticker import Ticker
from tapeback.market.candles import Candles
from tapeback.models.candle import Candle


class FormingBar:
    """The bar of a coarser timeframe that is being formed of an instrument's finest ones."""

    def __init__(self, ticker: Ticker, candles: Candles) -> None:
        self._ticker = ticker
        self._candles = candles
        self._begins = self._ends = self._label = 0
        self._first = self._closed = -1
        self._so_far: Candle | None = None

    def candle(self, now: int) -> Candle | None:
        """The bar as far as it is known; None before its first price, and between two bars."""
        ticker = self._ticker
        if not self._begins <= now < self._ends and not self._find(now):
            return None
        closed = ticker.closed(now)
        if closed != self._closed:
            self._take(closed)
        whole, bar = self._so_far, ticker.forming(now)
        if bar is None or closed < self._first:
            return whole
        if whole is None:
            return Candle(
                self._label, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.oi,
                self._candles.series,
            )  # fmt: skip
        return Candle(
            self._label, whole.open, max(whole.high, bar.high), min(whole.low, bar.low),
            bar.close, _sum(whole.volume, bar.volume), bar.oi, self._candles.series,
        )  # fmt: skip

    def _find(self, now: int) -> bool:
        """Take up the bar whose span an instant lies in, if there is one."""
        candles = self._candles
        at = int(candles.ends.searchsorted(now, side="right"))
        if at == len(candles) or candles.starts[at] > now:
            return False
        self._begins, self._ends = int(candles.starts[at]), int(candles.ends[at])
        self._label = int(candles.ts[at])
        self._first = int(self._ticker.candles.ts.searchsorted(self._label))
        self._closed = -1
        return True

    def _take(self, closed: int) -> None:
        """Put together the closed ones of its bars."""
        self._closed, first = closed, self._first
        self._so_far = None
        if closed <= first:
            return
        bars = self._ticker.candles[first:closed]
        volumes = bars.volume[~np.isnan(bars.volume)]
        self._so_far = Candle(
            self._label,
            float(bars.open[0]),
            float(bars.high.max()),
            float(bars.low.min()),
            float(bars.close[-1]),
            float(volumes.sum()) if len(volumes) else float("nan"),
            self._ticker.last_oi(closed),
            self._candles.series,
        )


def _sum(volume: float, more: float) -> float:
    """Two volumes together; NaN where the source has neither."""
    return volume + more if volume == volume and more == more else more if more == more else volume
