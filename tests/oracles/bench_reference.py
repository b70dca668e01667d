"""The bars and the answers of the speed benchmarks, written without any engine.

Prices lie on a grid of 0.25, which binary fractions hold exactly: sums of them do not depend on
their order, so that every engine must find the same crosses to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tapeback import Candles
from tapeback.utils.clock import DAY_NS, MINUTE_NS, midnight

Floats = npt.NDArray[np.float64]

CASH = 100_000_000.0
FEE = 0.0003
FAST, SLOW = 10, 30
QUANTITY = 100
GRID_STEP, GRID_LEVELS = 2.5, 20
SESSION = 375
_TICK = 0.25
_FIRST_DAY = 16_071  # 2014-01-01, in days since 1970


@dataclass(frozen=True)
class Answer:
    """What a strategy must come to: its executions, closed trips and equity at the last close."""

    fills: int
    trips: int
    equity: float


def minute_bars(count: int, seed: int, symbol: str = "BENCH") -> Candles:
    """A random walk in one-minute bars: U-shaped volatility, gaps at night, slow reversion."""
    rng = np.random.default_rng(seed)
    days = -(-count // SESSION)
    spread = 5e-4
    steps = rng.normal(0.0, spread, days * SESSION) - 0.5 * spread**2
    steps = steps.reshape(days, SESSION)
    clock = np.linspace(-1, 1, SESSION)
    steps *= 0.75 + 0.75 * clock * clock
    steps[:, 0] += rng.normal(0, 4e-3, days)
    closes = _snap(5000.0 * np.exp(_reverting(steps.ravel()[:count])))
    opens = np.concatenate(([5000.0], closes[:-1] + _snap(rng.normal(0, 0.5, count - 1))))
    firsts = np.arange(0, count, SESSION)
    opens[firsts] = closes[firsts] + _snap(rng.normal(0, 1.5, len(firsts)))
    wicks = np.abs(rng.normal(0, spread * 0.6, (2, count))) * closes
    wicks = np.floor(wicks / _TICK) * _TICK
    return Candles.from_arrays(
        symbol=symbol,
        exchange="NSE",
        timeframe="1m",
        ts=_stamps(days)[:count],
        open=opens,
        high=np.maximum(opens, closes) + wicks[0],
        low=np.minimum(opens, closes) - wicks[1],
        close=closes,
        volume=rng.integers(100, 20_000, count).astype(np.float64),
    )


def sma_cross(candles: Candles, *, at_close: bool = False) -> Answer:
    """Long QUANTITY from each upward cross of the averages to the next downward one."""
    fast, slow = _average(candles.close, FAST), _average(candles.close, SLOW)
    opens, closes = candles.open.tolist(), candles.close.tolist()
    cash, held, fills, trips, wanted = CASH, 0, 0, 0, 0
    for i in range(len(closes)):
        if wanted and not at_close:
            cash -= _paid(wanted, opens[i])
            held, fills, trips, wanted = held + wanted, fills + 1, trips + (wanted < 0), 0
        if i and fast[i] > slow[i] and fast[i - 1] <= slow[i - 1] and not held:
            wanted = QUANTITY
        elif i and fast[i] < slow[i] and fast[i - 1] >= slow[i - 1] and held:
            wanted = -QUANTITY
        if wanted and at_close:
            cash -= _paid(wanted, closes[i])
            held, fills, trips, wanted = held + wanted, fills + 1, trips + (wanted < 0), 0
    return Answer(fills, trips, cash + held * closes[-1])


def grid(candles: Candles) -> Answer:
    """Forty limits of one unit around the close of each session's second bar; where one is filled
    the opposite one follows a step away, from the next bar on."""
    cash, held, fills = CASH, 0, 0
    levels: list[tuple[int, float]] = []
    columns = (candles.open, candles.high, candles.low, candles.close)
    for i, (opened, high, low, close) in enumerate(
        zip(*(column.tolist() for column in columns), strict=True)
    ):
        met = [(s, p) for s, p in levels if (low <= p if s > 0 else high >= p)]
        levels = [level for level in levels if level not in met]
        for sign, price in met:
            cash -= _paid(sign, min(price, opened) if sign > 0 else max(price, opened))
            held += sign
            fills += 1
            levels.append((-sign, price + sign * GRID_STEP))
        if i % SESSION == 1:
            levels = fresh_grid(close)
    return Answer(fills, 0, cash + held * float(candles.close[-1]))


def fresh_grid(close: float) -> list[tuple[int, float]]:
    """(sign, price) of the limits around a close, nearest first."""
    steps = [k * GRID_STEP for k in range(1, GRID_LEVELS + 1)]
    return [(1, close - step) for step in steps] + [(-1, close + step) for step in steps]


def _paid(quantity: int, price: float) -> float:
    """What a fill takes out of cash, its fee included."""
    return quantity * price + abs(quantity) * price * FEE


def _average(close: Floats, length: int) -> list[float]:
    sums = np.concatenate(([0.0], np.cumsum(close)))
    means = (sums[length:] - sums[:-length]) / length
    return [float("nan")] * (length - 1) + means.tolist()


def _reverting(steps: Sequence[float] | Floats) -> Floats:
    path = np.empty(len(steps))
    level = 0.0
    for i, step in enumerate(steps):
        level += step - 2e-6 * level
        path[i] = level
    return path


def _snap(prices: Floats) -> Floats:
    return np.round(prices / _TICK) * _TICK


def _stamps(days: int) -> npt.NDArray[np.int64]:
    """Minutes from 09:15 on of the first `days` weekdays."""
    numbers = np.arange(_FIRST_DAY, _FIRST_DAY + 2 * days + 7)
    weekdays = numbers[(numbers + 3) % 7 < 5][:days]
    opens = midnight(0) + weekdays * DAY_NS + 555 * MINUTE_NS
    return (opens[:, None] + np.arange(SESSION) * MINUTE_NS).ravel()
