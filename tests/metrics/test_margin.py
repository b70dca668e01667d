"""How much margin a run used."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapeback.metrics.margin import MarginChanges, margin_figures
from tapeback.utils.clock import to_ist
from tapeback.utils.money import RUPEE


def changes(*rows: tuple[int, int], start: int = 0, end: int = 100) -> MarginChanges:
    """Rupees blocked from an instant on."""
    return MarginChanges(
        ts=np.array([ts for ts, _ in rows], dtype=np.int64),
        units=np.array([rupees * RUPEE for _, rupees in rows], dtype=np.int64),
        start=start,
        end=end,
    )


def test_margin_by_hand() -> None:
    """100 for 20 ns, then 400 for 10 ns, nothing after: 6,000 over 30 ns used, of 100 ns."""
    found = margin_figures(changes((10, 100), (30, 400), (40, 0)), net_pnl=50.0)

    assert found["peak_margin"] == 400
    assert found["peak_margin_time"] == to_ist(30)
    assert found["average_margin"] == pytest.approx(200)
    assert found["time_weighted_margin"] == pytest.approx(60)
    assert found["return_on_peak_margin_pct"] == 12.5


def test_the_peak_is_where_it_was_first_reached() -> None:
    found = margin_figures(changes((1000, 50), (3000, 20), (5000, 50), end=9000), net_pnl=0.0)

    assert found["peak_margin_time"] == to_ist(1000)


def test_what_was_blocked_for_no_time_can_be_the_peak_but_weighs_nothing() -> None:
    found = margin_figures(changes((10, 900), (10, 0), end=20), net_pnl=-9.0)

    assert (found["peak_margin"], found["time_weighted_margin"]) == (900, 0)
    assert found["return_on_peak_margin_pct"] == -1.0


def test_no_time_runs_backwards_where_a_settlement_is_stamped_just_before_the_close() -> None:
    """100 from 10 on, noted at 50 as 300, then settled at 40 as 0: 100 x 40 and no more."""
    found = margin_figures(changes((10, 100), (50, 300), (40, 0)), net_pnl=0.0)

    assert found["time_weighted_margin"] == pytest.approx(40)
    assert found["average_margin"] == pytest.approx(100)


def test_a_run_that_blocked_nothing_has_no_return_on_it() -> None:
    found = margin_figures(changes(), net_pnl=10.0)

    assert (found["peak_margin"], found["average_margin"]) == (0, 0)
    assert found["peak_margin_time"] is None
    assert found["return_on_peak_margin_pct"] is None


def test_an_account_without_margin_has_no_such_figures() -> None:
    assert set(margin_figures(None, net_pnl=10.0).values()) == {None}


@settings(max_examples=150)
@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 10**7)), max_size=40))
def test_the_averages_are_those_of_walking_through_time(rows: list[tuple[int, int]]) -> None:
    """Asked at every single nanosecond, as no figure of the product is worked out."""
    rows.sort(key=lambda row: row[0])
    found = margin_figures(changes(*rows, end=500), net_pnl=1.0)

    levels = []
    for ts in range(500):
        before = [rupees for since, rupees in rows if since <= ts]
        levels.append(before[-1] if before else 0)
    used = [level for level in levels if level]
    assert found["time_weighted_margin"] == pytest.approx(float(Fraction(sum(levels), 500)))
    if used:
        assert found["average_margin"] == pytest.approx(float(Fraction(sum(used), len(used))))
    assert found["peak_margin"] == max([rupees for _, rupees in rows], default=0)
    assert found["time_weighted_margin"] <= found["average_margin"] * (1 + 1e-12)
    assert found["average_margin"] <= found["peak_margin"] * (1 + 1e-12)
