"""Ratios by hand: the tail of a small sample, and a risk-free rate that is not zero."""

from __future__ import annotations

import numpy as np
import pytest

from tapeback.metrics import returns, risk


def test_the_tail_of_forty_sessions_is_its_two_worst() -> None:
    daily = np.arange(-5, 35) / 1_000
    assert risk.expected_shortfall(daily) == pytest.approx((-0.005 - 0.004) / 2)
    assert risk.value_at_risk(daily) == pytest.approx(-0.005 + 0.95 * 0.002 + 0.05 * 0.001)


def test_sortino_measures_against_the_risk_free_rate() -> None:
    daily = np.array([0.004, -0.001, 0.002])
    excess = daily - 0.0005
    downside = np.sqrt(0.0015**2 / 3)
    ours = returns.sortino_ratio(daily, risk_free=0.126)
    assert ours == pytest.approx(excess.mean() / downside * np.sqrt(252))


def test_alpha_of_half_the_benchmark_and_half_cash_at_the_risk_free_rate_is_none_at_all() -> None:
    benchmark = np.array([0.01, -0.02, 0.015, 0.003])
    rate = 0.0005
    daily = 0.5 * benchmark + 0.5 * rate
    assert risk.beta(daily, benchmark) == pytest.approx(0.5)
    assert risk.alpha(daily, benchmark, risk_free=252 * rate) == pytest.approx(0.0, abs=1e-12)
    assert risk.alpha(daily, benchmark) == pytest.approx((1 + 0.5 * rate) ** 252 - 1)


def test_a_benchmark_that_never_moves_explains_nothing() -> None:
    assert risk.beta(np.array([0.01, 0.02]), np.zeros(2)) is None
    assert risk.alpha(np.array([0.01, 0.02]), np.zeros(2)) is None


def test_calmar_needs_a_drawdown_and_a_return() -> None:
    assert risk.calmar_ratio(0.2, -0.1) == pytest.approx(2.0)
    assert risk.calmar_ratio(-0.2, -0.1) == pytest.approx(-2.0)
    assert risk.calmar_ratio(0.2, 0.0) is None
    assert risk.calmar_ratio(None, -0.1) is None
