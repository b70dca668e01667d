"""Money that moves without a fill, among the figures."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tapeback.models.fill import Fill
from tapeback.models.metrics import PerformanceMetrics
from tapeback.models.posting import Posting
from tapeback.utils.money import to_units

Calculate = Callable[..., PerformanceMetrics]


def posting(kind: str, rupees: float, *, charge: bool) -> Posting:
    return Posting(0, kind, to_units(rupees), "RELIANCE", "NSE", "", charge)


def test_charges_of_the_days_end_are_charges_and_dividends_are_earned(
    calculate: Calculate, fill: Callable[..., Fill]
) -> None:
    """Fills paid 20.00, the DP charge is 15.93, an adjustment gives 5.00 back, a dividend brings
    100.00: charges 30.93, of which the profit of 60.00 is what is left of 90.93."""
    metrics = calculate(
        [1000.0, 1060.0],
        fills=[fill(charges=12.0), fill(charges=8.0)],
        postings=(
            posting("DP charge", -15.93, charge=True),
            posting("charges adjustment", 5.0, charge=True),
            posting("dividend", 100.0, charge=False),
        ),
    )

    assert metrics.total_fees == 30.93
    assert metrics.other_cash == 100.0
    assert (metrics.net_pnl, metrics.gross_pnl) == (60.0, 90.93)


def test_without_postings_there_is_no_other_cash(calculate: Calculate) -> None:
    metrics = calculate([1000.0, 1010.0])

    assert (metrics.other_cash, metrics.total_fees) == (0.0, 0.0)


def test_what_slippage_a_run_survives_does_not_depend_on_how_charges_were_posted(
    calculate: Calculate, fill: Callable[..., Fill]
) -> None:
    """The profit is after them either way."""
    paid = calculate([1000.0, 1010.0], fills=[fill(charges=10.0)])
    posted = calculate(
        [1000.0, 1010.0], fills=[fill()], postings=(posting("DP charge", -10.0, charge=True),)
    )

    assert paid.survivable_slippage_pct == posted.survivable_slippage_pct
    assert paid.gross_pnl == pytest.approx(posted.gross_pnl) == 1020.0 - 1000.0
