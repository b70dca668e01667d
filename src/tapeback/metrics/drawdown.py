"""How far, and for how long, equity lay below its peak.

The capital at the start counts as the first peak, so a run that only loses has a drawdown from
its first bar on.
"""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tapeback.utils.clock import DAY_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Drawdown(NamedTuple):
    """The deepest drawdown of a run.

    `fraction` is relative to its peak and `amount` the largest fall in rupees (at times another
    one), both 0.0 or below. `peak`, `trough` and `recovery` are ns UTC, None where there was no
    fall or no recovery; `days` runs from peak to recovery, or to the end, `longest_days` is the
    longest such time of any drawdown.
    """

    fraction: float
    amount: float
    peak: int | None
    trough: int | None
    recovery: int | None
    days: float
    longest_days: float


def running_peak(equity: NDArray[np.float64], start: float) -> NDArray[np.float64]:
    """The highest equity up to each row, `start` included."""
    peak = np.maximum.accumulate(equity)
    return np.maximum(peak, start, out=peak)


def drawdowns(equity: NDArray[np.float64], start: float) -> NDArray[np.float64]:
    """Each row's distance from the running peak as a fraction of it, 0.0 or below.

    Below -1.0 only where equity itself is below zero.
    """
    falls = equity / running_peak(equity, start)
    falls -= 1.0
    return falls


def deepest(equity: NDArray[np.float64], ends: NDArray[np.int64], start: float) -> Drawdown:
    """The deepest drawdown of `equity` at the bar ends `ends` (ns UTC)."""
    if not len(equity):
        return Drawdown(0.0, 0.0, None, None, None, 0.0, 0.0)
    peak = running_peak(equity, start)
    at_peak = np.flatnonzero(equity >= peak)
    longest = _longest_days(at_peak, ends)
    amount = float((equity - peak).min())
    peak = np.divide(equity, peak, out=peak)
    low = int(peak.argmin())
    fraction = min(float(peak[low]) - 1.0, 0.0)
    if fraction == 0.0:
        return Drawdown(0.0, amount, None, None, None, 0.0, longest)
    after = int(np.searchsorted(at_peak, low))
    top = int(ends[at_peak[after - 1]]) if after else int(ends[0])
    recovery = int(ends[at_peak[after]]) if after < len(at_peak) else None
    days = ((int(ends[-1]) if recovery is None else recovery) - top) / DAY_NS
    return Drawdown(fraction, amount, top, int(ends[low]), recovery, days, longest)


def ulcer_index(daily_equity: NDArray[np.float64], start: float) -> float | None:
    """Root mean square of the daily drawdowns, as a fraction (Martin and McCann, 1989)."""
    if not len(daily_equity):
        return None
    return sqrt(float(np.square(drawdowns(daily_equity, start)).mean()))


def _longest_days(at_peak: NDArray[np.intp], ends: NDArray[np.int64]) -> float:
    """The longest stretch between two rows at the peak with a row below it in between."""
    last = len(ends) - 1
    rows = np.concatenate(([-1], at_peak, [last + 1]))
    below = np.flatnonzero(np.diff(rows) > 1)
    if not len(below):
        return 0.0
    begins = ends[np.maximum(rows[below], 0)]
    finishes = ends[np.minimum(rows[below + 1], last)]
    return float((finishes - begins).max()) / DAY_NS
