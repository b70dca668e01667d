"""What trading cost, and how much slippage the profit could bear.

Profit, charges and slippage are summed in whole money units, so that
net = gross - charges - assumed slippage holds exactly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tapeback.metrics.returns import finite
from tapeback.utils.money import RUPEE, to_rupees, to_units

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tapeback.models.fill import FillColumns
    from tapeback.models.posting import Posting


def cost_figures(
    fills: FillColumns, postings: Sequence[Posting], net_pnl: float, average_equity: float
) -> dict[str, Any]:
    """The cost fields of `PerformanceMetrics` for a run that earned `net_pnl` rupees.

    Assumed slippage is everything by which the simulation moved prices against the trader:
    (spread + slippage + impact + rounding) x quantity over all fills. Postings that are charges
    count as such, the others are part of the gross profit.
    """
    quantity = np.abs(fills.signed)
    net = to_units(net_pnl)
    posted = sum(posting.units for posting in postings if posting.charge)
    charges = int(fills.charges.sum()) - posted
    slippage = int(np.rint(fills.moved * quantity * RUPEE).astype(np.int64).sum())
    traded = float((fills.price * quantity).sum())
    return {
        "gross_pnl": to_rupees(net + charges + slippage),
        "other_cash": to_rupees(sum(p.units for p in postings if not p.charge)),
        "total_fees": to_rupees(charges),
        "assumed_slippage": to_rupees(slippage),
        "net_pnl": to_rupees(net),
        "survivable_slippage_pct": 100.0 * to_rupees(net + slippage) / traded if traded else None,
        "turnover_value": traded,
        "turnover": finite(traded / average_equity) if average_equity > 0.0 else None,
        "executions": len(fills.signed),
    }
