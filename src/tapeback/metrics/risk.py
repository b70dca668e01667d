"""Tail losses and the relation to a benchmark, from daily returns as fractions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tapeback.metrics.returns import SESSIONS_PER_YEAR, finite, growth_rate, usable

if TYPE_CHECKING:
    from numpy.typing import NDArray


def value_at_risk(daily: NDArray[np.float64], tail: float = 0.05) -> float | None:
    """Historical value at risk: the `tail` quantile of the daily returns, linearly
    interpolated. A loss is negative."""
    return float(np.percentile(daily, 100.0 * tail)) if usable(daily) else None


def expected_shortfall(daily: NDArray[np.float64], tail: float = 0.05) -> float | None:
    """Historical conditional value at risk: the mean of the worst floor(tail x (n - 1)) + 1
    daily returns."""
    if not usable(daily):
        return None
    last = int((len(daily) - 1) * tail)
    return float(np.partition(daily, last)[: last + 1].mean())


def calmar_ratio(annual_return: float | None, max_drawdown: float) -> float | None:
    """Annual return over the depth of the deepest drawdown, both as fractions."""
    if annual_return is None or max_drawdown >= 0.0:
        return None
    return annual_return / -max_drawdown


def beta(daily: NDArray[np.float64], benchmark: NDArray[np.float64]) -> float | None:
    """Covariance with the benchmark's daily returns over their variance."""
    if not (usable(daily) and usable(benchmark)):
        return None
    distance = benchmark - benchmark.mean()
    variance = float(np.square(distance).mean())
    if variance == 0.0:
        return None
    return finite(float((distance * (daily - daily.mean())).mean()) / variance)


def alpha(
    daily: NDArray[np.float64], benchmark: NDArray[np.float64], risk_free: float = 0.0
) -> float | None:
    """Jensen's alpha: the mean daily excess return that beta does not explain, compounded over
    252 sessions. `risk_free` is the yearly rate as a fraction."""
    slope = beta(daily, benchmark)
    if slope is None:
        return None
    rate = risk_free / SESSIONS_PER_YEAR
    unexplained = float((daily - rate - slope * (benchmark - rate)).mean())
    return growth_rate(1.0 + unexplained, 1.0 / SESSIONS_PER_YEAR)
