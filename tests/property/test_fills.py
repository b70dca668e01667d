"""Random bots in random markets: what must hold of every fill, order and account."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings

from tapeback import Candles
from tests.property.audit import run
from tests.property.worlds import PLANS, Plan, markets, settings_of_runs


@given(series=markets(), plan=PLANS, chosen=settings_of_runs())
@settings(max_examples=400, report_multiple_bugs=False)
def test_fills_orders_and_account_keep_the_rules(
    series: list[Candles], plan: Plan, chosen: dict[str, Any]
) -> None:
    run(series, plan, chosen).check()


@given(series=markets(), plan=PLANS, chosen=settings_of_runs(close_at_end=True))
@settings(max_examples=100, report_multiple_bugs=False)
def test_closed_at_the_end_nothing_is_held(
    series: list[Candles], plan: Plan, chosen: dict[str, Any]
) -> None:
    audit = run(series, plan, chosen)
    audit.check_equity()
    assert not audit.result.open_positions
    bought = sum(f.quantity if f.side == "BUY" else -f.quantity for f in audit.result.fills)
    assert bought == 0


@given(series=markets(), plan=PLANS, chosen=settings_of_runs())
@settings(max_examples=100, report_multiple_bugs=False)
def test_two_runs_are_the_same_to_the_byte(
    series: list[Candles], plan: Plan, chosen: dict[str, Any]
) -> None:
    first, second = (run(series, plan, chosen).result for _ in range(2))
    for name in ("fills", "orders", "trades", "postings"):
        rows = [list(getattr(result, name)) for result in (first, second)]
        assert msgspec.json.encode(rows[0]) == msgspec.json.encode(rows[1])
    assert first.equity_curve.equity.tobytes() == second.equity_curve.equity.tobytes()
    assert first.manifest == second.manifest
