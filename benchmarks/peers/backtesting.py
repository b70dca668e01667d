"""The process that measures backtesting.py: `python -m benchmarks.peers.backtesting JOB BARS`.

It plays one symbol at a time: J4 is fifty runs, their profits added up.
"""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
from backtesting import Backtest, Strategy, __version__
from backtesting.backtesting import Order

from benchmarks import generate
from benchmarks.generate import SESSION, Bars
from benchmarks.measure import Job, serve
from benchmarks.oracle import (
    CASH,
    FAST,
    FEE,
    GRID_STEP,
    QUANTITY,
    SLOW,
    Outcome,
    grid_levels,
)


class NoOp(Strategy):
    def init(self) -> None:
        pass

    def next(self) -> None:
        pass


class SmaCross(Strategy):
    def init(self) -> None:
        close = pd.Series(np.asarray(self.data.Close))
        self.fast = self.I(lambda: close.rolling(FAST).mean().to_numpy())
        self.slow = self.I(lambda: close.rolling(SLOW).mean().to_numpy())

    def next(self) -> None:
        fast, slow = self.fast, self.slow
        now, before = (fast[-1], slow[-1]), (fast[-2], slow[-2])
        if now[0] > now[1] and before[0] <= before[1]:
            if not self.position:
                self.buy(size=QUANTITY)
        elif now[0] < now[1] and before[0] >= before[1] and self.position:
            self.position.close()


class Grid(Strategy):
    """Which limits were filled shows in which orders are gone: there is no callback for it."""

    def init(self) -> None:
        self.resting: list[tuple[Order, int, float]] = []
        self.fills = 0

    def next(self) -> None:
        there = {id(order) for order in self.orders}
        filled = [level for level in self.resting if id(level[0]) not in there]
        self.resting = [level for level in self.resting if id(level[0]) in there]
        self.fills += len(filled)
        for _, side, price in filled:
            self.rest(-side, price + side * GRID_STEP)
        if len(self.data) % SESSION == 2:
            for order, _, _ in self.resting:
                order.cancel()
            self.resting = []
            for below, above in zip(*grid_levels(self.data.Close[-1]), strict=True):
                self.rest(1, below)
                self.rest(-1, above)

    def rest(self, side: int, price: float) -> None:
        send = self.buy if side > 0 else self.sell
        self.resting.append((send(size=1, limit=price), side, price))


STRATEGIES = {"J1": NoOp, "J2": SmaCross, "J3": Grid, "J4": SmaCross}


def prepare(name: str, bars: int) -> Job:
    walks = generate.several(bars) if name == "J4" else [generate.single(bars)]
    frames = [frame_of(walk) for walk in walks]
    margin = 0.05 if name == "J3" else 1.0

    def play() -> Outcome:
        profits, fills, trips = 0.0, 0, 0
        for frame in frames:
            test = Backtest(frame, STRATEGIES[name], cash=CASH, commission=FEE, margin=margin)
            stats = test.run()
            profits += float(stats["_equity_curve"]["Equity"].iloc[-1]) - CASH
            fills += getattr(stats["_strategy"], "fills", 0)
            trips += int(stats["# Trades"])
        if name == "J3":
            return Outcome(fills, None, CASH + profits)
        return Outcome(None, trips, CASH + profits)

    return Job(bars=bars * len(frames), play=play)


def frame_of(bars: Bars) -> pd.DataFrame:
    columns = bars._asdict()
    index = pd.DatetimeIndex(columns.pop("ts").astype("datetime64[ns]"))
    return pd.DataFrame({name.capitalize(): values for name, values in columns.items()}, index)


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    serve("backtesting.py", __version__, prepare)
