"""Our figures against those of empyrical, quantstats and backtesting.py."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import date
from math import ceil, floor, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tapeback.indicators import sma
from tapeback.metrics import MetricsCalculator, drawdown, returns, risk, trades
from tapeback.models.metrics import PerformanceMetrics
from tapeback.models.trade import Trade
from tapeback.utils.clock import DAY_NS, day_of, midnight

Figures = dict[str, float]


def read_columns(path: Path, *names: str) -> list[list[str]]:
    with path.open() as file:
        rows = list(csv.DictReader(file))
    return [[row[name] for row in rows] for name in names]


@pytest.fixture(scope="module")
def oracle(shared_data: Path) -> dict[str, Any]:
    text = (shared_data / "oracles" / "metrics" / "nifty_daily_cross_library.json").read_text()
    return json.loads(text)


@pytest.fixture(scope="module")
def empyrical(oracle: dict[str, Any]) -> Figures:
    return oracle["empyrical (period=daily,252,rf=0)"]


@pytest.fixture(scope="module")
def quantstats(oracle: dict[str, Any]) -> Figures:
    return oracle["quantstats (periods=252, rf=0)"]


@pytest.fixture(scope="module")
def closes(shared_data: Path) -> dict[str, dict[str, float]]:
    """Close by date of NIFTY and of RELIANCE."""
    found = {}
    for symbol in ("NIFTY", "RELIANCE"):
        path = shared_data / "market" / f"{symbol}_1d_2007_2022.csv"
        days, prices = read_columns(path, "datetime", "close")
        found[symbol] = {day[:10]: float(price) for day, price in zip(days, prices, strict=True)}
    return found


@pytest.fixture(scope="module")
def nifty(closes: dict[str, dict[str, float]]) -> np.ndarray:
    return np.array(list(closes["NIFTY"].values()))


@pytest.fixture(scope="module")
def daily(nifty: np.ndarray) -> np.ndarray:
    return returns.simple_returns(nifty[1:], nifty[0])


def exactly(value: float) -> Any:
    return pytest.approx(value, rel=1e-9, abs=1e-9)


def test_growth_and_ratios(daily: np.ndarray, empyrical: Figures, quantstats: Figures) -> None:
    assert len(daily) == 3854
    assert np.prod(1.0 + daily) - 1.0 == exactly(empyrical["cum_returns_final"])
    assert returns.annual_return(daily) == exactly(empyrical["annual_return"])
    assert returns.annual_volatility(daily) == exactly(empyrical["annual_volatility"])
    assert returns.sharpe_ratio(daily) == exactly(empyrical["sharpe_ratio"])
    assert returns.sortino_ratio(daily) == exactly(empyrical["sortino_ratio"])
    assert returns.sharpe_ratio(daily) == exactly(quantstats["sharpe"])


def test_drawdown(nifty: np.ndarray, empyrical: Figures, quantstats: Figures) -> None:
    falls = drawdown.drawdowns(nifty[1:], nifty[0])
    assert falls.min() == exactly(empyrical["max_drawdown"])
    annual = returns.annual_return(returns.simple_returns(nifty[1:], nifty[0]))
    assert risk.calmar_ratio(annual, falls.min()) == exactly(empyrical["calmar_ratio"])
    # Quantstats divides the squares by n - 1; Martin's index, ours, is their mean.
    ours = drawdown.ulcer_index(nifty[1:], nifty[0])
    assert ours is not None
    n = len(falls)
    assert ours * sqrt(n / (n - 1)) == exactly(quantstats["ulcer_index"])


def test_tail(daily: np.ndarray, empyrical: Figures) -> None:
    """Ours are the historical figures; quantstats' VaR is that of a normal distribution."""
    assert risk.value_at_risk(daily) == exactly(empyrical["value_at_risk_5pct"])
    assert risk.expected_shortfall(daily) == exactly(empyrical["conditional_value_at_risk_5pct"])


def test_trade_statistics_of_a_series(daily: np.ndarray, quantstats: Figures) -> None:
    assert trades.profit_factor(daily) == exactly(quantstats["profit_factor"])
    decided = daily[daily != 0.0]
    assert trades.win_rate(decided) == exactly(quantstats["win_rate"])
    assert trades.kelly_fraction(decided) == exactly(quantstats["kelly"])


def test_alpha_and_beta(closes: dict[str, dict[str, float]], empyrical: Figures) -> None:
    by_day = {}
    for name, series in closes.items():
        prices = np.array(list(series.values()))
        by_day[name] = dict(zip(series, returns.simple_returns(prices, prices[0]), strict=True))
    common = sorted(by_day["NIFTY"].keys() & by_day["RELIANCE"].keys())[1:]
    ours, benchmark = (np.array([by_day[name][day] for day in common]) for name in by_day)
    assert risk.beta(ours, benchmark) == exactly(empyrical["beta_NIFTY_vs_RELIANCE"])
    assert risk.alpha(ours, benchmark) == exactly(empyrical["alpha_NIFTY_vs_RELIANCE"])


def test_the_calculator_says_the_same_of_an_equity_curve(
    nifty: np.ndarray, empyrical: Figures, calculate: Callable[..., PerformanceMetrics]
) -> None:
    ours = calculate(nifty[1:], initial_capital=nifty[0], benchmark_close=nifty[1:])
    assert ours.annualized_return == exactly(100 * empyrical["annual_return"])
    assert ours.volatility == exactly(100 * empyrical["annual_volatility"])
    assert ours.sharpe_ratio == exactly(empyrical["sharpe_ratio"])
    assert ours.sortino_ratio == exactly(empyrical["sortino_ratio"])
    assert ours.calmar_ratio == exactly(empyrical["calmar_ratio"])
    assert ours.max_drawdown_pct == exactly(100 * empyrical["max_drawdown"])
    assert ours.var_historical_5pct == exactly(100 * empyrical["value_at_risk_5pct"])
    assert ours.beta == exactly(1.0)
    assert ours.alpha_pct == exactly(0.0)


class Crossing:
    """SMA(10/30) reversal on GOOG as backtesting.py runs it, written out: all in at the next
    open on a cross, equity at the close, the last trade closed at the last open."""

    def __init__(self, path: Path) -> None:
        days, opens, closes = read_columns(path, "", "Open", "Close")
        self.days = [day_of(date.fromisoformat(day)) for day in days]
        self.ends = np.array([midnight(day) + DAY_NS // 2 for day in self.days], dtype=np.int64)
        self.open = [float(price) for price in opens]
        self.close = np.array([float(price) for price in closes])
        self.cash, self.quantity, self.entry = 10_000.0, 0, 0
        self.trades: list[Trade] = []
        self.equity: list[float] = []
        self._run()

    def _run(self) -> None:
        fast, slow = sma(self.close, 10), sma(self.close, 30)
        turn = 0
        for i, close in enumerate(self.close.tolist()):
            if turn:
                self._close_at(i)
                self.quantity = turn * floor(self.cash / self.open[i])
                self.cash -= self.quantity * self.open[i]
                self.entry = i
            if i == len(self.close) - 1:
                self._close_at(i)
            self.equity.append(self.cash + self.quantity * close)
            above = fast[i] > slow[i] and fast[i - 1] < slow[i - 1]
            below = fast[i] < slow[i] and fast[i - 1] > slow[i - 1]
            turn = int(above) - int(below)

    def _close_at(self, i: int) -> None:
        if not self.quantity:
            return
        entry, exit = self.open[self.entry], self.open[i]
        pnl = self.quantity * (exit - entry)
        self.cash += self.quantity * exit
        self.trades.append(
            Trade(
                id=str(len(self.trades)),
                symbol="GOOG",
                exchange="NSE",
                product="NRML",
                entry_ts=int(self.ends[self.entry]),
                exit_ts=int(self.ends[i]),
                entry_price=entry,
                exit_price=exit,
                quantity=abs(self.quantity),
                side="BUY" if self.quantity > 0 else "SELL",
                pnl=pnl,
                pnl_pct=100.0 * pnl / (abs(self.quantity) * entry),
                fees=0.0,
                entry_order="",
                exit_order="",
            )
        )
        self.quantity = 0


@pytest.fixture(scope="module")
def crossing(shared_data: Path) -> Crossing:
    return Crossing(shared_data / "oracles" / "backtesting_py" / "GOOG.csv")


@pytest.fixture(scope="module")
def expected(shared_data: Path) -> dict[str, float]:
    path = shared_data / "oracles" / "backtesting_py" / "expected.json"
    return json.loads(path.read_text())["sma_cross_goog"]["expected"]


def test_statistics_of_backtesting_py(crossing: Crossing, expected: Figures) -> None:
    equity = np.array(crossing.equity)
    ours = MetricsCalculator().calculate(
        equity=equity,
        ends=crossing.ends,
        initial_capital=10_000.0,
        trades=crossing.trades,
        fills=[],
        benchmark_close=crossing.close,
    )
    assert ours.total_trades == expected["# Trades"]
    assert ours.final_capital == pytest.approx(expected["Equity Final [$]"], abs=0.005)
    assert ours.peak_capital == pytest.approx(expected["Equity Peak [$]"], abs=0.005)
    assert ours.total_return_pct == exactly(expected["Return [%]"])
    assert ours.max_drawdown_pct == exactly(expected["Max. Drawdown [%]"])
    assert ours.longest_drawdown_days == expected["Max. Drawdown Duration days"]
    assert ours.win_rate == exactly(expected["Win Rate [%]"])
    assert ours.best_trade_pct == exactly(expected["Best Trade [%]"])
    assert ours.worst_trade_pct == exactly(expected["Worst Trade [%]"])
    assert ours.avg_trade_pct == exactly(expected["Expectancy [%]"])
    assert ours.sqn == exactly(expected["SQN"])
    assert ours.kelly_pct == exactly(100 * expected["Kelly Criterion"])
    assert ours.avg_trade_duration is not None
    assert ceil(ours.avg_trade_duration / 24) == expected["Avg. Trade Duration days"]
    trade_returns = np.array([trade.pnl_pct for trade in crossing.trades])
    assert trades.profit_factor(trade_returns) == exactly(
        expected["Profit Factor (on trade returns)"]
    )


def test_returns_of_backtesting_py_by_its_formulas(crossing: Crossing, expected: Figures) -> None:
    """It drops the first day, and its volatility and Sharpe ratio are geometric."""
    equity = np.array(crossing.equity)
    daily = returns.simple_returns(equity[1:], equity[0])
    annual = returns.annual_return(daily)
    assert annual is not None
    assert 100 * annual == exactly(expected["Return (Ann.) [%]"])
    growth = (1 + annual) ** (1 / 252)
    volatility = sqrt((daily.var(ddof=1) + growth**2) ** 252 - growth**504)
    assert 100 * volatility == exactly(expected["Volatility (Ann.) [%]"])
    assert annual / volatility == exactly(expected["Sharpe Ratio"])
    downside = sqrt(np.square(np.minimum(daily, 0)).mean() * 252)
    assert annual / downside == exactly(expected["Sortino Ratio"])
    falls = drawdown.drawdowns(equity, 10_000.0)
    assert risk.calmar_ratio(annual, falls.min()) == exactly(expected["Calmar Ratio"])


def test_market_figures_of_backtesting_py_by_its_formulas(
    crossing: Crossing, expected: Figures
) -> None:
    """Its beta is one of log returns, and its market starts at the first bar with both SMAs."""
    equity = np.array(crossing.equity)
    ours = risk.beta(np.diff(np.log(equity)), np.diff(np.log(crossing.close)))
    assert ours == exactly(expected["Beta"])
    held = crossing.close.copy()
    held[:29] = np.nan
    metrics = MetricsCalculator().calculate(
        equity=equity,
        ends=crossing.ends,
        initial_capital=10_000.0,
        trades=[],
        fills=[],
        benchmark_close=held,
    )
    assert metrics.buy_and_hold_return_pct == exactly(expected["Buy & Hold Return [%]"])
