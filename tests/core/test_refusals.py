"""What is refused, by whom and in which words: S1."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tapeback import Order, StrategyError
from tests.core.play import BARE, LIVE, bars, flat, play


def refused(order: Order, **settings: Any) -> Order:
    """An order that must be refused, as the run left it."""
    played = play(
        bars(*flat(100, 3)), {0: lambda s: s.notes.append(s.submit_order(order))}, **settings
    )
    assert played.strategy.notes == [False]
    assert played.strategy.updates == [(order.orderid, "rejected", 0)]
    assert played.result.refused_orders == (order,)
    assert not played.fills
    return order


@pytest.mark.parametrize(
    ("order", "by", "words"),
    [
        ({"action": "HOLD"}, "openalgo", "action: Must be one of: BUY, SELL."),
        ({"pricetype": "STOP"}, "openalgo", "pricetype: Must be one of: MARKET, LIMIT, SL, SL-M."),
        ({"product": "BO"}, "openalgo", "product: Must be one of"),
        ({"exchange": "NYSE"}, "openalgo", "exchange: Must be one of"),
        ({"symbol": "INFY"}, "openalgo", "Symbol INFY not found on NSE"),
        ({"product": "NRML"}, "openalgo", "NRML product not allowed for NSE"),
        ({"quantity": 1.5}, "openalgo", "Fractional quantity (1.5)"),
        ({"quantity": 0}, "openalgo", "Quantity must be a positive number."),
        ({"quantity": -5}, "openalgo", "Quantity must be a positive number."),
        ({"pricetype": "LIMIT"}, "openalgo", "require"),
        ({"pricetype": "SL", "price": 101.0}, "openalgo", "require"),
        ({"pricetype": "SL-M"}, "openalgo", "require"),
        ({"pricetype": "LIMIT", "price": 99.97}, "broker", "tick size"),
        ({"quantity": 100_000}, "broker", "Insufficient funds"),
        ({"product": "CNC", "action": "SELL"}, "broker", "Cannot sell 1 shares of SBIN in CNC"),
    ],
)
def test_S1_refusals_name_who_refused_and_why(order: dict[str, Any], by: str, words: str) -> None:
    fields = {"symbol": "SBIN", "action": "BUY", "quantity": 1, "exchange": "NSE", **order}
    found = refused(Order(**fields), **LIVE)
    assert words in found.rejection_reason
    assert found.refused_by == by


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "many", -5.0])
@pytest.mark.parametrize("field", ["quantity", "price", "stop_loss", "target"])
@pytest.mark.parametrize("settings", [LIVE, BARE], ids=["live", "none"])
def test_S1_what_is_no_number_above_zero_is_refused(
    field: str, value: Any, settings: dict[str, Any]
) -> None:
    order = Order("SBIN", "BUY", 1, "NSE", "LIMIT", "MIS", 99.0)
    setattr(order, field, value)
    refused(order, **settings)


def test_S1_an_order_object_is_sent_once() -> None:
    order = Order("SBIN", "BUY", 5)
    with pytest.raises(StrategyError, match=r"again|twice|already"):
        play(
            bars(*flat(100, 5)),
            {0: lambda s: s.submit_order(order), 2: lambda s: s.submit_order(order)},
            **BARE,
        )


@pytest.mark.parametrize(
    "change",
    [{"quantity": 5.5}, {"quantity": 0}, {"quantity": -3}, {"price": -5}, {"price": math.nan},
     {"price": math.inf}, {"quantity": math.inf}, {"quantity": "many"}],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("settings", [LIVE, BARE], ids=["live", "none"])
def test_S1_a_change_is_checked_as_an_order_is(
    change: dict[str, Any], settings: dict[str, Any]
) -> None:
    played = play(
        bars(*flat(100, 3)),
        {
            0: lambda s: s.keep(s.buy(10, "LIMIT", price=90)),
            1: lambda s: s.notes.append(s.modify(s.ids[0], **change)),
        },
        **settings,
    )
    order = played.order(0)
    assert played.strategy.notes == [False]
    assert (order.quantity, order.price, order.modifications) == (10, 90, 0)


def test_S1_only_open_orders_change_or_end() -> None:
    played = play(
        bars(*flat(100, 3)),
        {
            0: lambda s: s.keep(s.buy(1)),
            1: lambda s: s.notes.extend(
                [s.cancel(s.ids[0]), s.modify(s.ids[0], quantity=2), s.cancel("24010200000099")]
            ),
        },
        **LIVE,
    )
    assert played.strategy.notes == [False, False, False]
