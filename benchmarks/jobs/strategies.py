"""The strategies of the jobs, written as a user of Tapeback would."""

from __future__ import annotations

from benchmarks.generate import SESSION, Floats
from benchmarks.oracle import FAST, GRID_STEP, QUANTITY, SLOW, grid_levels, moving_average
from tapeback import BaseStrategy, Candle, Candles, Order
from tapeback.indicators import SMA

_NAN = float("nan")


class NoOp(BaseStrategy):
    """J1: is shown every bar and does nothing."""

    def on_bar(self, candle: Candle) -> None:
        pass


class SmaCross(BaseStrategy):
    """J2: long from an upward cross to a downward one. Both averages are computed as columns at
    the start and looked up bar by bar. `series` are the run's candles."""

    series: list[Candles]

    def on_start(self) -> None:
        close = self.series[0].close
        self.fast = moving_average(close, FAST)
        self.slow = moving_average(close, SLOW)
        self.bar = 0
        self.last_fast = self.last_slow = _NAN

    def on_bar(self, candle: Candle) -> None:
        fast, slow = self.fast[self.bar], self.slow[self.bar]
        self.bar += 1
        if fast > slow:
            if self.last_fast <= self.last_slow and not self.position():
                self.buy(QUANTITY)
        elif fast < slow and self.last_fast >= self.last_slow and self.position():
            self.sell(QUANTITY)
        self.last_fast, self.last_slow = fast, slow


class IncrementalSmaCross(BaseStrategy):
    """J2i: the same with averages that are brought up to date at every bar."""

    def on_start(self) -> None:
        self.fast, self.slow = SMA(FAST), SMA(SLOW)
        self.last_fast = self.last_slow = _NAN

    def on_bar(self, candle: Candle) -> None:
        fast, slow = self.fast.update(candle.close), self.slow.update(candle.close)
        if fast > slow:
            if self.last_fast <= self.last_slow and not self.position():
                self.buy(QUANTITY)
        elif fast < slow and self.last_fast >= self.last_slow and self.position():
            self.sell(QUANTITY)
        self.last_fast, self.last_slow = fast, slow


class Grid(BaseStrategy):
    """J3: forty limits around the close of each session's second bar. The opposite of a filled
    one is sent at the bar's close, so that it meets the next bar and not the same one."""

    def on_start(self) -> None:
        self.bar = 0
        self.opposites: list[tuple[str, float]] = []

    def on_order_update(self, order: Order) -> None:
        # The broker's own square-off is a MARKET order and no level of the grid.
        if order.status != "complete" or order.pricetype != "LIMIT":
            return
        if order.action == "BUY":
            self.opposites.append(("SELL", order.price + GRID_STEP))
        else:
            self.opposites.append(("BUY", order.price - GRID_STEP))

    def on_bar(self, candle: Candle) -> None:
        if self.bar % SESSION == 1:
            self.cancel_all_orders()
            buys, sells = grid_levels(candle.close)
            self.opposites = [("BUY", p) for p in buys] + [("SELL", p) for p in sells]
        self.bar += 1
        if self.opposites:
            for action, price in self.opposites:
                (self.buy if action == "BUY" else self.sell)(1, "LIMIT", price=price)
            self.opposites = []


class _Averages:
    """Both averages of one symbol, and how far its bars have come."""

    def __init__(self, close: Floats) -> None:
        self.fast = moving_average(close, FAST)
        self.slow = moving_average(close, SLOW)
        self.bar = 0
        self.last_fast = self.last_slow = _NAN

    def cross(self) -> int:
        """1 where the fast average has come above the slow one at the next bar, -1 below, else
        0."""
        fast, slow = self.fast[self.bar], self.slow[self.bar]
        last_fast, last_slow = self.last_fast, self.last_slow
        self.bar += 1
        self.last_fast, self.last_slow = fast, slow
        if fast > slow:
            return 1 if last_fast <= last_slow else 0
        return -1 if fast < slow and last_fast >= last_slow else 0


class SmaCrossOfMany(BaseStrategy):
    """J4: the cross of J2 in each of several symbols on one account."""

    series: list[Candles]

    def on_start(self) -> None:
        self.averages = {candles.symbol: _Averages(candles.close) for candles in self.series}

    def on_bar(self, candle: Candle) -> None:
        symbol = candle.symbol
        cross = self.averages[symbol].cross()
        if cross > 0:
            if not self.position(symbol):
                self.buy(QUANTITY, symbol=symbol)
        elif cross < 0 and self.position(symbol):
            self.sell(QUANTITY, symbol=symbol)


class Flips(BaseStrategy):
    """For the cost of a fill: buys and sells one unit in turn, an order every `every` bars."""

    every: int

    def on_start(self) -> None:
        self.bar = 0

    def on_bar(self, candle: Candle) -> None:
        self.bar += 1
        if self.bar % self.every == 0:
            if self.position():
                self.sell(1)
            else:
                self.buy(1)
