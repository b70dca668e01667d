"""An all-in SMA(10/30) reversal on GOOG: the trades and statistics that another engine gets."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import ceil, sqrt
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tapeback import BacktestResult, Candles, backtest
from tapeback.utils.clock import DAY_NS, day_number
from tests.oracles.goog import SLOW, SmaReversal, read_expected, read_goog

Floats = npt.NDArray[np.float64]


@dataclass
class Run:
    """The run and what the other engine reports of it."""

    candles: Candles
    result: BacktestResult
    expected: dict[str, float]

    @property
    def equity(self) -> Floats:
        return self.result.equity_curve.equity

    @property
    def daily(self) -> Floats:
        """Daily returns from the second day on, as the other engine takes them."""
        return self.equity[1:] / self.equity[:-1] - 1

    @property
    def pnl(self) -> Floats:
        return np.array([trade.pnl for trade in self.result.trades])

    @property
    def gains(self) -> Floats:
        """Profit of each trade as a fraction of its entry."""
        return np.array([trade.pnl_pct for trade in self.result.trades]) / 100


@pytest.fixture(scope="module")
def run(shared_data: Path) -> Run:
    candles = read_goog(shared_data)
    result = backtest(
        SmaReversal(candles), candles, fidelity="none", costs="none", initial_cash=10_000
    )
    return Run(candles, result, read_expected(shared_data)["sma_cross_goog"]["expected"])


def test_trades_and_final_equity(run: Run) -> None:
    assert len(run.result.trades) == 66
    assert run.result.metrics.final_capital == pytest.approx(51_422.99, abs=0.01)
    assert not run.result.open_positions
    assert {fill.rule for fill in run.result.fills} == {"P1"}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("total_trades", "# Trades"),
        ("final_capital", "Equity Final [$]"),
        ("peak_capital", "Equity Peak [$]"),
        ("total_return_pct", "Return [%]"),
        ("cagr", "CAGR [%]"),
        ("max_drawdown_pct", "Max. Drawdown [%]"),
        ("max_drawdown_days", "Max. Drawdown Duration days"),
        ("longest_drawdown_days", "Max. Drawdown Duration days"),
        ("win_rate", "Win Rate [%]"),
        ("best_trade_pct", "Best Trade [%]"),
        ("worst_trade_pct", "Worst Trade [%]"),
        ("avg_trade_pct", "Expectancy [%]"),
        ("sqn", "SQN"),
    ],
)
def test_metrics_of_one_definition(run: Run, ours: str, theirs: str) -> None:
    assert getattr(run.result.metrics, ours) == pytest.approx(run.expected[theirs], rel=1e-9)


def test_kelly_is_the_same_fraction_as_a_percent_number(run: Run) -> None:
    assert run.result.metrics.kelly_pct == pytest.approx(100 * run.expected["Kelly Criterion"])


def test_buy_and_hold_from_the_first_decision_on(run: Run) -> None:
    close = run.candles.close
    ours = run.result.metrics.buy_and_hold_return_pct
    assert ours == pytest.approx(100 * (close[-1] / close[0] - 1))
    since = 100 * (close[-1] / close[SLOW - 1] - 1)
    assert since == pytest.approx(run.expected["Buy & Hold Return [%]"])


def test_geometric_year(run: Run) -> None:
    daily = run.daily
    growth = np.exp(np.log1p(daily).mean()) - 1
    annual = (1 + growth) ** 252 - 1
    spread = sqrt((daily.var(ddof=1) + (1 + growth) ** 2) ** 252 - (1 + growth) ** 504)
    downside = sqrt(np.square(np.minimum(daily, 0)).mean()) * sqrt(252)
    deepest = -run.result.metrics.max_drawdown_pct / 100
    figures = {
        "Return (Ann.) [%]": 100 * annual,
        "Volatility (Ann.) [%]": 100 * spread,
        "Sharpe Ratio": annual / spread,
        "Sortino Ratio": annual / downside,
        "Calmar Ratio": annual / deepest,
    }
    for name, figure in figures.items():
        assert figure == pytest.approx(run.expected[name], rel=1e-9), name


def test_trade_figures(run: Run) -> None:
    gains = run.gains
    # By date: the market opened at another hour in other years.
    days = np.array([day_number(t.exit_ts) - day_number(t.entry_ts) for t in run.result.trades])
    figures = {
        "Avg. Trade [%] (geometric)": 100 * (np.exp(np.log1p(gains).mean()) - 1),
        "Profit Factor (on trade returns)": gains[gains > 0].sum() / -gains[gains < 0].sum(),
        "Max. Trade Duration days": days.max(),
        "Avg. Trade Duration days": ceil(days.mean()),
    }
    for name, figure in figures.items():
        assert figure == pytest.approx(run.expected[name], rel=1e-9), name


def test_exposure_counts_the_bars_from_entry_to_exit(run: Run) -> None:
    place = {int(ts): i for i, ts in enumerate(run.candles.starts)}
    held = np.zeros(len(run.candles))
    for trade in run.result.trades:
        held[place[trade.entry_ts] : place[trade.exit_ts] + 1] = 1
    assert 100 * held.mean() == pytest.approx(run.expected["Exposure Time [%]"])
    # Ours counts closes with a position: without the one bar at whose open the last trade ended.
    ours = run.result.metrics.exposure_pct
    assert ours == pytest.approx(100 * (held.sum() - 1) / len(held))


def test_drawdown_spells(run: Run) -> None:
    equity = run.equity
    depth = 1 - equity / np.maximum.accumulate(equity)
    tops = np.append(np.flatnonzero(depth == 0), len(depth) - 1)
    spells = [(a, b) for a, b in pairwise(tops) if b > a + 1]
    days = [(run.candles.ts[b] - run.candles.ts[a]) / DAY_NS for a, b in spells]
    depths = [depth[a : b + 1].max() for a, b in spells]
    assert -100 * np.mean(depths) == pytest.approx(run.expected["Avg. Drawdown [%]"])
    assert ceil(np.mean(days)) == run.expected["Avg. Drawdown Duration days"]


def test_alpha_and_beta_on_log_returns(run: Run) -> None:
    """Theirs are of log returns and whole returns; ours (CAPM, yearly) are tested with metrics."""
    close = run.candles.close
    own, market = np.diff(np.log(run.equity)), np.diff(np.log(close))
    cov = np.cov(own, market)
    beta = cov[0, 1] / cov[1, 1]
    hold = 100 * (close[-1] / close[SLOW - 1] - 1)
    assert beta == pytest.approx(run.expected["Beta"])
    alpha = run.result.metrics.total_return_pct - beta * hold
    assert alpha == pytest.approx(run.expected["Alpha [%]"])
