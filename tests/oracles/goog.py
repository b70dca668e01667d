"""The GOOG bars and figures of the first oracle, and the strategy behind them."""

from __future__ import annotations

import csv
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tapeback import BaseStrategy, Candle, Candles
from tapeback.utils.clock import to_ns

FAST, SLOW = 10, 30


def read_goog(shared_data: Path) -> Candles:
    """2,148 daily bars from 2004-08-19 on."""
    with (shared_data / "oracles" / "backtesting_py" / "GOOG.csv").open() as file:
        rows = list(csv.DictReader(file))
    stamps = [to_ns(datetime.fromisoformat(row[""])) for row in rows]
    columns = {
        name.lower(): [float(row[name]) for row in rows]
        for name in ("Open", "High", "Low", "Close", "Volume")
    }
    return Candles.from_arrays(symbol="GOOG", exchange="NSE", timeframe="1d", ts=stamps, **columns)


def read_expected(shared_data: Path) -> dict[str, Any]:
    text = (shared_data / "oracles" / "backtesting_py" / "expected.json").read_text()
    document: dict[str, Any] = json.loads(text)
    return document


def averages(close: npt.NDArray[np.float64], length: int) -> npt.NDArray[np.float64]:
    """The simple moving average of each bar, NaN while it is not yet defined."""
    windows = np.lib.stride_tricks.sliding_window_view(close, length)
    return np.concatenate((np.full(length - 1, np.nan), windows.mean(axis=1)))


class SmaReversal(BaseStrategy):
    """Always in the market after the first cross, all in, sized by the open it will get.

    `candles` are the bars it trades: the oracle sizes by the next open, which only the test's
    own copy of the data can know.
    """

    def __init__(self, candles: Candles) -> None:
        self.opens = candles.open
        fast, slow = averages(candles.close, FAST), averages(candles.close, SLOW)
        with np.errstate(invalid="ignore"):
            self.above, self.below = fast > slow, fast < slow
        self.bar = -1

    def on_bar(self, candle: Candle) -> None:
        self.bar = bar = self.bar + 1
        if bar < SLOW - 1 or bar + 1 == len(self.opens):
            return
        if bar + 2 == len(self.opens):
            self._close()
        elif self.above[bar] and self.below[bar - 1]:
            self._turn("BUY")
        elif self.below[bar] and self.above[bar - 1]:
            self._turn("SELL")

    def _close(self) -> None:
        held = self.position()
        if held > 0:
            self.sell(held)
        elif held < 0:
            self.buy(-held)

    def _turn(self, side: str) -> None:
        self._close()
        opening = float(self.opens[self.bar + 1])
        quantity = int((self.cash + self.position() * opening) // opening)
        if side == "BUY":
            self.buy(quantity)
        else:
            self.sell(quantity)
