"""The process that measures backtrader: `python -m benchmarks.peers.backtrader JOB BARS`.

Its own pandas feed is several times slower than the plain one below, which is used in its favour.
"""

from __future__ import annotations

import backtrader as bt

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

_DAY_NS = 86_400e9
_EPOCH = 719_163.0  # 1970-01-01 in matplotlib's day numbers, which backtrader uses


class NoOp(bt.Strategy):
    fills = trips = 0

    def next(self) -> None:
        pass


class SmaCross(bt.Strategy):
    """All symbols in one strategy; J2 has one of them."""

    def __init__(self) -> None:
        self.averages = [
            (data, bt.ind.SMA(data.close, period=FAST), bt.ind.SMA(data.close, period=SLOW))
            for data in self.datas
        ]
        self.fills = self.trips = 0

    def notify_order(self, order: bt.Order) -> None:
        self.fills += order.status == order.Completed

    def notify_trade(self, trade: bt.Trade) -> None:
        self.trips += trade.isclosed

    def next(self) -> None:
        for data, fast, slow in self.averages:
            now, before = (fast[0], slow[0]), (fast[-1], slow[-1])
            if now[0] > now[1] and before[0] <= before[1]:
                if not self.getposition(data).size:
                    self.buy(data, size=QUANTITY)
            elif now[0] < now[1] and before[0] >= before[1] and self.getposition(data).size:
                self.sell(data, size=QUANTITY)


class Grid(bt.Strategy):
    trips = None

    def __init__(self) -> None:
        self.bar = self.fills = 0
        self.resting: dict[int, tuple[bt.Order, int, float]] = {}
        self.filled: list[tuple[bt.Order, int, float]] = []

    def notify_order(self, order: bt.Order) -> None:
        if order.status == order.Completed:
            self.fills += 1
            level = self.resting.pop(order.ref, None)
            if level is not None:
                self.filled.append(level)

    def next(self) -> None:
        filled, self.filled = self.filled, []
        for _, side, price in filled:
            self.rest(-side, price + side * GRID_STEP)
        if self.bar % SESSION == 1:
            for order, _, _ in self.resting.values():
                self.cancel(order)
            self.resting = {}
            for below, above in zip(*grid_levels(self.data.close[0]), strict=True):
                self.rest(1, below)
                self.rest(-1, above)
        self.bar += 1

    def rest(self, side: int, price: float) -> None:
        send = self.buy if side > 0 else self.sell
        order = send(size=1, price=price, exectype=bt.Order.Limit)
        self.resting[order.ref] = (order, side, price)


class Feed(bt.feed.DataBase):
    """Hands on rows of plain numbers."""

    params = (("rows", None),)

    def start(self) -> None:
        super().start()
        self.coming = iter(self.p.rows)

    def _load(self) -> bool:
        row = next(self.coming, None)
        if row is None:
            return False
        line = self.lines
        (
            line.datetime[0],
            line.open[0],
            line.high[0],
            line.low[0],
            line.close[0],
            line.volume[0],
        ) = row
        line.openinterest[0] = 0.0
        return True


STRATEGIES = {"J1": NoOp, "J2": SmaCross, "J3": Grid, "J4": SmaCross}


def prepare(name: str, bars: int) -> Job:
    walks = generate.several(bars) if name == "J4" else [generate.single(bars)]

    def play() -> Outcome:
        cerebro = bt.Cerebro(stdstats=False, runonce=True, preload=True, exactbars=False)
        for walk in walks:
            cerebro.adddata(Feed(rows=rows_of(walk)))
        cerebro.addstrategy(STRATEGIES[name])
        cerebro.broker.setcash(CASH)
        cerebro.broker.setcommission(commission=FEE)
        cerebro.broker.set_checksubmit(False)
        strategy = cerebro.run()[0]
        return Outcome(strategy.fills, strategy.trips, cerebro.broker.getvalue())

    return Job(bars=bars * len(walks), play=play)


def rows_of(bars: Bars) -> list[tuple[float, ...]]:
    days = bars.ts / _DAY_NS + _EPOCH
    return list(zip(days.tolist(), *(column.tolist() for column in bars[1:]), strict=True))


if __name__ == "__main__":
    serve("backtrader", bt.__version__, prepare)
