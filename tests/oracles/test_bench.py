"""The benchmark strategies, bar by bar in Python, against answers worked out without an engine."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest

from tapeback import BacktestResult, BaseStrategy, Candle, Candles, Order, backtest
from tests.oracles.bench_reference import (
    CASH,
    FAST,
    GRID_STEP,
    QUANTITY,
    SESSION,
    SLOW,
    Answer,
    fresh_grid,
    grid,
    minute_bars,
    sma_cross,
)

BARS = 20_000
SETTINGS: dict[str, Any] = {
    "initial_cash": CASH, "fidelity": "none", "costs": "none", "fee_bps": 3, "slippage": "none",
    "participation": None,
}  # fmt: skip


class NoOp(BaseStrategy):
    def on_bar(self, candle: Candle) -> None:
        pass


class _Averages:
    """Both running averages of one symbol and whether they crossed."""

    def __init__(self) -> None:
        self.window: deque[float] = deque(maxlen=SLOW)
        self.before: tuple[float, float] | None = None

    def cross(self, close: float) -> int:
        """1 where the fast average has come above the slow one, -1 below, 0 otherwise."""
        window, before = self.window, self.before
        window.append(close)
        if len(window) < SLOW:
            return 0
        fast, slow = sum(list(window)[-FAST:]) / FAST, sum(window) / SLOW
        self.before = (fast, slow)
        if before is None:
            return 0
        if fast > slow and before[0] <= before[1]:
            return 1
        return -1 if fast < slow and before[0] >= before[1] else 0


class SmaCross(BaseStrategy):
    """Long from an upward cross to a downward one, in each symbol it is shown."""

    def __init__(self) -> None:
        self.averages: dict[str, _Averages] = {}

    def on_bar(self, candle: Candle) -> None:
        symbol = candle.symbol
        cross = self.averages.setdefault(symbol, _Averages()).cross(candle.close)
        held = self.position(symbol)
        if cross > 0 and not held:
            self.buy(QUANTITY, symbol=symbol)
        elif cross < 0 and held:
            self.sell(QUANTITY, symbol=symbol)


class Grid(BaseStrategy):
    """Opposite limits follow from on_bar, so that they meet the next bar and not the same one."""

    def __init__(self) -> None:
        self.bar = -1
        self.filled: list[tuple[int, float]] = []

    def on_order_update(self, order: Order) -> None:
        if order.status == "complete":
            self.filled.append((1 if order.action == "BUY" else -1, order.price))

    def on_bar(self, candle: Candle) -> None:
        self.bar += 1
        opposite = [(-sign, price + sign * GRID_STEP) for sign, price in self.filled]
        self.filled.clear()
        if self.bar % SESSION == 1:
            self.cancel_all_orders()
            opposite = fresh_grid(candle.close)
        for sign, price in opposite:
            (self.buy if sign > 0 else self.sell)(1, "LIMIT", price=price)


@pytest.fixture(scope="module")
def candles() -> Candles:
    return minute_bars(BARS, 42)


def assert_answers(result: BacktestResult, answer: Answer) -> None:
    assert len(result.fills) == answer.fills
    assert result.metrics.final_capital == pytest.approx(answer.equity, abs=1e-4, rel=0)


def test_j1_nothing_happens(candles: Candles) -> None:
    result = backtest(NoOp, candles, **SETTINGS)
    assert_answers(result, Answer(0, 0, CASH))
    assert len(result.equity_curve) == result.processed_candles == BARS


def test_j2_sma_cross(candles: Candles) -> None:
    result = backtest(SmaCross, candles, **SETTINGS)
    answer = sma_cross(candles)
    assert answer.trips > 200
    assert_answers(result, answer)
    assert len(result.trades) == answer.trips


def test_j2_filled_at_the_deciding_close(candles: Candles) -> None:
    result = backtest(SmaCross, candles, market_fill="bar_close", **SETTINGS)
    assert_answers(result, sma_cross(candles, at_close=True))


def test_j3_forty_resting_limits(candles: Candles) -> None:
    result = backtest(Grid, candles, **SETTINGS)
    answer = grid(candles)
    assert answer.fills > BARS / 2
    assert_answers(result, answer)


@pytest.mark.parametrize("at_close", [False, True])
def test_j4_five_symbols_on_one_account(at_close: bool) -> None:
    series = [minute_bars(4_000, 1_000 + k, f"BENCH{k}") for k in range(5)]
    result = backtest(
        SmaCross, series, market_fill="bar_close" if at_close else "next_open", **SETTINGS
    )
    answers = [sma_cross(one, at_close=at_close) for one in series]
    profit = sum(answer.equity - CASH for answer in answers)
    assert len(result.fills) == sum(answer.fills for answer in answers)
    assert len(result.trades) == sum(answer.trips for answer in answers)
    assert result.metrics.net_pnl == pytest.approx(profit, abs=1e-4, rel=0)
