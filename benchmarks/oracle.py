"""What the jobs must come to, worked out bar by bar in plain Python without any engine.

The convention: a market order fills at the next bar's open, a resting limit at its price or at the
open where that is better, and every fill costs 3 bps of its value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.generate import SESSION, Bars, Floats

CASH = 100_000_000.0
FEE = 0.0003
FAST, SLOW = 10, 30
QUANTITY = 100
GRID_STEP, GRID_LEVELS = 2.5, 20


@dataclass(frozen=True)
class Outcome:
    """What a run came to: its executions, its closed trips (`None` where the job is not about
    trips, or the engine does not tell) and its equity at the last close in rupees."""

    fills: int | None
    trips: int | None
    equity: float


def expected(job: str, series: Sequence[Bars], *, at_close: bool = False) -> Outcome:
    """The outcome of a job; with `at_close`, market orders fill at the close they follow."""
    if job == "J1":
        return Outcome(0, 0, CASH)
    if job == "J3":
        return grid(series[0])
    each = [sma_cross(bars, at_close=at_close) for bars in series]
    return Outcome(
        fills=sum(one.fills or 0 for one in each),
        trips=sum(one.trips or 0 for one in each),
        equity=CASH + sum(one.equity - CASH for one in each),
    )


def sma_cross(bars: Bars, *, at_close: bool = False) -> Outcome:
    """Long QUANTITY from each upward cross of the two averages to the next downward one."""
    fast, slow = moving_average(bars.close, FAST), moving_average(bars.close, SLOW)
    closes = bars.close.tolist()
    prices = closes if at_close else bars.open[1:].tolist()
    cash, held, fills, trips = CASH, 0, 0, 0
    for i in range(SLOW, len(closes)):
        if not held and fast[i] > slow[i] and fast[i - 1] <= slow[i - 1]:
            quantity = QUANTITY
        elif held and fast[i] < slow[i] and fast[i - 1] >= slow[i - 1]:
            quantity = -QUANTITY
        else:
            continue
        if i == len(prices):
            break  # decided at the last close: no open follows
        cash -= quantity * prices[i] + QUANTITY * prices[i] * FEE
        held += quantity
        fills += 1
        trips += quantity < 0
    return Outcome(fills, trips, cash + held * closes[-1])


def grid(bars: Bars) -> Outcome:
    """Forty limits of one unit, laid anew around the close of each session's second bar. Where
    one is filled, the opposite one follows a step away, from the next bar on."""
    cash, held, fills = CASH, 0, 0
    buys: list[float] = []
    sells: list[float] = []
    rows = zip(*(column.tolist() for column in bars[1:5]), strict=True)
    for i, (opened, high, low, close) in enumerate(rows):
        bought = [price for price in buys if low <= price]
        sold = [price for price in sells if high >= price]
        for price in bought:
            cash -= min(price, opened) * (1 + FEE)
        for price in sold:
            cash += max(price, opened) * (1 - FEE)
        held += len(bought) - len(sold)
        fills += len(bought) + len(sold)
        if i % SESSION == 1:
            buys, sells = grid_levels(close)
        elif bought or sold:
            buys = [p for p in buys if low > p] + [p - GRID_STEP for p in sold]
            sells = [p for p in sells if high < p] + [p + GRID_STEP for p in bought]
    return Outcome(fills, None, cash + held * float(bars.close[-1]))


def grid_levels(close: float) -> tuple[list[float], list[float]]:
    """Prices of the buy and of the sell limits around a close, nearest first."""
    steps = [k * GRID_STEP for k in range(1, GRID_LEVELS + 1)]
    return [close - step for step in steps], [close + step for step in steps]


def moving_average(close: Floats, length: int) -> list[float]:
    """Mean of the last `length` closes at each bar, NaN before there are as many."""
    sums = np.concatenate(([0.0], np.cumsum(close)))
    means: Floats = (sums[length:] - sums[:-length]) / length
    averages: list[float] = means.tolist()
    return [float("nan")] * (len(close) - len(averages)) + averages
