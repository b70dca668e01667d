"""Growth, its spread and its ratios, from a series of daily returns.

Daily returns are simple, as fractions (0.01 = 1 %). A year has 252 sessions. Functions answer
with fractions, and with None where the figure is not defined for the series.
"""

from __future__ import annotations

from math import isfinite, sqrt
from typing import TYPE_CHECKING

import numpy as np

from tapeback.utils.clock import DAY_NS, IST_OFFSET_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

SESSIONS_PER_YEAR = 252
DAYS_PER_YEAR = 365.25


def finite(number: float) -> float | None:
    """A plain float, or None where `number` is NaN or infinite."""
    return float(number) if isfinite(number) else None


def percent(fraction: float | None) -> float | None:
    """A fraction as a percent number, None as None."""
    return None if fraction is None else finite(100.0 * fraction)


def usable(daily: NDArray[np.float64]) -> bool:
    """Whether a spread can be taken: two sessions or more, none from an account already lost."""
    return len(daily) >= 2 and bool(np.isfinite(daily).all())


def session_closes(ends: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """The last row of each Indian date in `ends` (bar ends, ns UTC, in order), and the dates.

    Dates are day numbers since 1970-01-01; a bar that ends at midnight belongs to the day before.
    """
    day = (ends + (IST_OFFSET_NS - 1)) // DAY_NS
    last = np.flatnonzero(np.diff(day, append=day[-1:] + 1))
    return last, day[last]


def simple_returns(equity: NDArray[np.float64], start: float) -> NDArray[np.float64]:
    """The return of each row on the one before, of the first on `start`.

    NaN where the row before is zero or below: nothing can be earned on an account that is lost.
    """
    before = np.concatenate(([start], equity))[:-1]
    alive = before > 0.0
    growth = np.full(len(equity), np.nan)
    with np.errstate(over="ignore"):
        np.divide(equity, before, out=growth, where=alive)
    return growth - 1.0


def growth_rate(ratio: float, years: float) -> float | None:
    """The yearly rate that turns 1 into `ratio` within `years`; -1 where nothing is left."""
    if years <= 0.0:
        return None
    if ratio <= 0.0:
        return -1.0
    with np.errstate(over="ignore"):
        return finite(np.float64(ratio) ** (1.0 / years) - 1.0)


def annual_return(daily: NDArray[np.float64]) -> float | None:
    """Compounded growth a year of 252 sessions; needs two sessions."""
    if not usable(daily):
        return None
    return growth_rate(float(np.prod(1.0 + daily)), len(daily) / SESSIONS_PER_YEAR)


def cagr(ratio: float, days: float) -> float | None:
    """Compounded growth a calendar year of 365.25 days, `days` with its fraction; needs a day."""
    return growth_rate(ratio, days / DAYS_PER_YEAR) if days >= 1.0 else None


def annual_volatility(daily: NDArray[np.float64]) -> float | None:
    """Standard deviation (ddof 1) of the daily returns x sqrt(252)."""
    if not usable(daily):
        return None
    return float(daily.std(ddof=1)) * sqrt(SESSIONS_PER_YEAR)


def sharpe_ratio(daily: NDArray[np.float64], risk_free: float = 0.0) -> float | None:
    """Mean over standard deviation (ddof 1) of the daily excess returns x sqrt(252).

    `risk_free` is the yearly rate as a fraction, spread evenly over 252 sessions.
    """
    if not usable(daily):
        return None
    spread = _nonzero(float(daily.std(ddof=1)), daily)
    excess = float(daily.mean()) - risk_free / SESSIONS_PER_YEAR
    return excess / spread * sqrt(SESSIONS_PER_YEAR) if spread else None


def sortino_ratio(daily: NDArray[np.float64], risk_free: float = 0.0) -> float | None:
    """Mean over downside deviation of the daily excess returns x sqrt(252).

    The downside deviation is the root mean square, over all sessions, of what lies below zero.
    """
    if not usable(daily):
        return None
    excess = daily - risk_free / SESSIONS_PER_YEAR
    downside = sqrt(float(np.square(np.minimum(excess, 0.0)).mean()))
    return float(excess.mean()) / downside * sqrt(SESSIONS_PER_YEAR) if downside else None


def _nonzero(spread: float, daily: NDArray[np.float64]) -> float:
    """`spread`, or 0.0 where it is nothing but the rounding of equal returns."""
    noise = 4.0 * float(np.finfo(np.float64).eps) * max(1.0, float(np.abs(daily).max()))
    return spread if spread > noise else 0.0
