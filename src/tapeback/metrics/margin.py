"""How much margin a run used, from the changes of what was blocked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tapeback.metrics.returns import finite
from tapeback.utils.clock import to_ist
from tapeback.utils.money import RUPEE

if TYPE_CHECKING:
    from numpy.typing import NDArray

# A longer product is shared out among threads, whose number would decide its last digits and which
# go on spinning for a while after it.
_SHORT = 1 << 13


@dataclass(frozen=True, slots=True)
class MarginChanges:
    """What was blocked over the run from `start` to `end`, ns UTC: `units` int64 money units from
    the instant `ts` int64 on, in the order in which they happened; nothing before the first. Of
    several at one instant the last one lasts, but each may be the peak."""

    ts: NDArray[np.int64]
    units: NDArray[np.int64]
    start: int
    end: int


def margin_figures(changes: MarginChanges | None, net_pnl: float) -> dict[str, Any]:
    """The margin fields of `PerformanceMetrics` for a run that earned `net_pnl` rupees; None where
    the account knew no margin."""
    if changes is None:
        return dict.fromkeys(
            ("peak_margin", "peak_margin_time", "average_margin", "time_weighted_margin",
             "return_on_peak_margin_pct")
        )  # fmt: skip
    blocked = np.maximum(changes.units, 0) / RUPEE
    since = np.clip(np.maximum.accumulate(changes.ts), changes.start, changes.end)
    lasted = np.diff(since, append=changes.end).astype(np.float64)
    blocks = range(0, len(blocked), _SHORT)
    area = sum(float(blocked[at : at + _SHORT] @ lasted[at : at + _SHORT]) for at in blocks)
    used = float(lasted[blocked > 0.0].sum())
    span = changes.end - changes.start
    at = int(blocked.argmax()) if len(blocked) else -1
    peak = float(blocked[at]) if at >= 0 else 0.0
    return {
        "peak_margin": peak,
        "peak_margin_time": to_ist(int(changes.ts[at])) if peak else None,
        "average_margin": area / used if used else peak,
        "time_weighted_margin": area / span if span > 0 else 0.0,
        "return_on_peak_margin_pct": finite(100.0 * net_pnl / peak) if peak else None,
    }
