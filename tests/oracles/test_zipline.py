"""How much a bar's volume lets through, and which stops a price triggers: another engine's cases.

Its prices come from its own impact formula; quantities and triggers are what the two share.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.core.play import BARE, Played, bars, play

CAP_OF_STOPS = 0.025


@pytest.fixture(scope="module")
def facts(shared_data: Path) -> dict[str, Any]:
    text = (shared_data / "oracles" / "zipline" / "slippage_commission_facts.json").read_text()
    document: dict[str, Any] = json.loads(text)
    return document


def volume_cases(facts: dict[str, Any]) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = facts["volume_share_slippage"]["cases"]
    return listed


def test_limits_take_no_more_than_their_share_of_a_bar(facts: dict[str, Any]) -> None:
    limits = [case for case in volume_cases(facts) if "stop" not in case and case["bar"]["v"]]
    assert len(limits) == 2
    for case in limits:
        assert limit_quantity(case["bar"], case["order_qty"], case["volume_limit"]) == [
            case["fill_qty"]
        ]


def test_basis_point_cases(facts: dict[str, Any]) -> None:
    table = facts["fixed_basis_points_slippage"]
    bar = table["bar"]
    for case in table["cases"]:
        filled = limit_quantity(bar, case["order_qty"], case["volume_limit"])
        assert filled == [abs(case["fill_qty"])], case
        whole = play(
            bars(row(bar), row(bar)),
            {0: lambda s, q=case["order_qty"]: s.buy(q) if q > 0 else s.sell(-q)},
            slippage_bps=case["bps"],
            participation=None,
            **BARE,
        )
        assert whole.prices == [pytest.approx(case["fill_price"])], case


def test_a_bar_without_volume_fills_nothing(facts: dict[str, Any]) -> None:
    """Theirs fills nothing in any bar without volume; ours where price does not move either (P7:
    volume 0 under moving prices is a source that has none to give)."""
    (case,) = [case for case in volume_cases(facts) if case["bar"]["v"] == 0]
    price = case["bar"]["c"]
    still = (price, price, price, price, 0)
    played = play(
        bars((price, price, price, price, 100), still, still),
        {0: lambda s: s.buy(case["order_qty"], "LIMIT", price=price)},
        participation=CAP_OF_STOPS,
        **BARE,
    )
    assert case["fill_qty"] == 0
    assert not played.fills
    assert played.orders[0].status == "open"


def test_stops(facts: dict[str, Any]) -> None:
    stops = [case for case in volume_cases(facts) if "stop" in case]
    assert [case["fill_qty"] for case in stops] == [50, 0, 0, -50]
    for case in stops:
        played = stop_limit(case)
        assert [fill.quantity for fill in played.fills] == (
            [abs(case["fill_qty"])] if case["fill_qty"] else []
        ), case
        assert (played.orders[0].triggered_at is not None) is bool(case["fill_qty"])
        assert {fill.rule for fill in played.fills} <= {"P4"}


def test_a_stop_at_market_fills_whole_and_is_marked_thin(facts: dict[str, Any]) -> None:
    """Ours does not leave a triggered SL-M half done: the part above the cap pays (P7)."""
    case = next(case for case in volume_cases(facts) if "stop" in case)
    before = case["stop"] - 0.5
    played = play(
        bars((before,) * 4, (case["bar"]["c"],) * 4, volume=case["bar"]["v"]),
        {0: lambda s: s.buy(case["order_qty"], "SL-M", trigger_price=case["stop"])},
        participation=CAP_OF_STOPS,
        **BARE,
    )
    (fill,) = played.fills
    assert fill.quantity == case["order_qty"]
    assert fill.thin
    assert fill.reference == case["bar"]["c"]
    assert fill.price > fill.reference


def row(bar: dict[str, float]) -> tuple[float, ...]:
    return (bar["o"], bar["h"], bar["l"], bar["c"], bar["v"])


def limit_quantity(bar: dict[str, float], quantity: int, share: float) -> list[int]:
    """What a resting limit gets of one bar."""
    side = 1 if quantity > 0 else -1
    edge = bar["l"] if side > 0 else bar["h"]
    before = (edge + side,) * 4

    def send(s: Any) -> None:
        if side > 0:
            s.buy(quantity, "LIMIT", price=edge)
        else:
            s.sell(-quantity, "LIMIT", price=edge)

    played = play(bars(before, before, row(bar)), {0: send}, participation=share, **BARE)
    return [fill.quantity for fill in played.fills]


def stop_limit(case: dict[str, Any]) -> Played:
    """The case as an SL order that rests before the bar, with a limit far beyond."""
    price, stop, long = case["bar"]["c"], case["stop"], case["order_qty"] > 0
    before = stop - 1 if long else stop + 1

    def send(s: Any) -> None:
        if long:
            s.buy(case["order_qty"], "SL", price=stop + 2, trigger_price=stop)
        else:
            s.sell(-case["order_qty"], "SL", price=stop - 2, trigger_price=stop)

    return play(
        bars((before,) * 4, (before,) * 4, (price,) * 4, volume=case["bar"]["v"]),
        {0: send},
        participation=CAP_OF_STOPS,
        **BARE,
    )
