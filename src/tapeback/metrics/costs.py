"""What the fills cost, and how much slippage the profit could bear.

Profit, charges and slippage are summed in whole money units, so that
net = gross - charges - assumed slippage holds exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tapeback.metrics.returns import finite
from tapeback.utils.money import RUPEE, to_rupees, to_units

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tapeback.models.fill import Fill


def cost_figures(fills: Sequence[Fill], net_pnl: float, average_equity: float) -> dict[str, Any]:
    """The cost fields of `PerformanceMetrics` for a run that earned `net_pnl` rupees.

    Assumed slippage is everything by which the simulation moved prices against the trader:
    (spread + slippage + impact + rounding) x quantity over all fills.
    """
    quantity = np.array([fill.quantity for fill in fills], dtype=np.float64)
    price = np.array([fill.price for fill in fills], dtype=np.float64)
    parts = np.array(
        [fill.spread + fill.slippage + fill.impact + fill.rounding for fill in fills],
        dtype=np.float64,
    )
    net = to_units(net_pnl)
    charges = _units(np.array([fill.charges for fill in fills], dtype=np.float64))
    slippage = _units(parts * quantity)
    traded = float((price * quantity).sum())
    return {
        "gross_pnl": to_rupees(net + charges + slippage),
        "total_fees": to_rupees(charges),
        "assumed_slippage": to_rupees(slippage),
        "net_pnl": to_rupees(net),
        "survivable_slippage_pct": 100.0 * to_rupees(net + slippage) / traded if traded else None,
        "turnover_value": traded,
        "turnover": finite(traded / average_equity) if average_equity > 0.0 else None,
        "executions": len(fills),
    }


def _units(rupees: NDArray[np.float64]) -> int:
    """The exact sum in money units, each row rounded to a whole unit."""
    return int(np.rint(rupees * RUPEE).astype(np.int64).sum())
