"""Smart, basket and split orders, closing and cancelling everything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tapeback.broker.client import MockOpenAlgoClient
from tests.broker.conftest import Played, bars

Play = Callable[..., Played]
SBIN = {"symbol": "SBIN", "exchange": "NSE"}
FLAT = [100.0] * 8
MATCHED = "Positions Already Matched. No Action needed."
NO_EXIT = "No OpenPosition Found. Not placing Exit order."


def smart(
    play: Play, action: str, quantity: int, wanted: int, held: int, **rules: Any
) -> tuple[dict[str, Any], list[tuple[str, int]]]:
    """Hold a position, send a smart order; its reply and the orders it made."""
    found: list[Any] = []

    def script(client: MockOpenAlgoClient, bar: int, _: Any) -> None:
        if bar == 0 and held:
            side = "BUY" if held > 0 else "SELL"
            client.placeorder(**SBIN, action=side, quantity=abs(held))
        if bar == 2:
            found.append(
                client.placesmartorder(
                    **SBIN, action=action, quantity=quantity, position_size=wanted
                )
            )

    run = play(script, bars(FLAT), **rules)
    made = run.orders[1 if held else 0 :]
    return found[0], [(order.action, order.quantity) for order in made]


@pytest.mark.parametrize("fidelity", ["live", "sandbox"])
@pytest.mark.parametrize(
    ("action", "quantity", "wanted", "held", "sent"),
    [
        ("BUY", 100, 0, 0, ("BUY", 100)),
        ("BUY", 100, 100, -100, ("BUY", 200)),
        ("BUY", 100, 200, 100, ("BUY", 100)),
        ("SELL", 100, 0, 0, ("SELL", 100)),
        ("SELL", 100, -100, 100, ("SELL", 200)),
        ("SELL", 100, -200, -100, ("SELL", 100)),
        ("BUY", 100, 0, 70, ("SELL", 70)),
        ("SELL", 100, 0, -70, ("BUY", 70)),
        ("SELL", 5, 30, 0, ("BUY", 30)),
        ("BUY", 5, -30, 0, ("SELL", 30)),
        ("BUY", 100, 40, 100, ("SELL", 60)),
    ],
)
def test_smart_order_brings_the_position_to_its_size(
    play: Play, fidelity: str, action: str, quantity: int, wanted: int, held: int, sent: Any
) -> None:
    reply, made = smart(play, action, quantity, wanted, held, fidelity=fidelity)
    assert reply["status"] == "success"
    assert "orderid" in reply
    assert made == [sent]


@pytest.mark.parametrize(
    ("fidelity", "quantity", "wanted", "held", "message"),
    [
        ("live", 100, 100, 100, MATCHED),
        ("live", 0, 0, 0, MATCHED),
        ("sandbox", 100, 100, 100, MATCHED),
        ("sandbox", 0, 0, 0, NO_EXIT),
    ],
)
def test_smart_order_with_nothing_to_do(
    play: Play, fidelity: str, quantity: int, wanted: int, held: int, message: str
) -> None:
    reply, made = smart(play, "BUY", quantity, wanted, held, fidelity=fidelity)
    assert made == []
    assert reply["message"] == message
    assert reply["status"] == "success"
    assert "orderid" not in reply


@pytest.mark.parametrize(("fidelity", "pricetype"), [("live", "LIMIT"), ("sandbox", "MARKET")])
def test_the_analyzer_sends_every_smart_order_as_market(
    play: Play, fidelity: str, pricetype: str
) -> None:
    def script(client: MockOpenAlgoClient, bar: int, _: Any) -> None:
        if bar == 0:
            client.placesmartorder(
                **SBIN, action="BUY", quantity=5, position_size=5, price_type="LIMIT", price=90
            )

    (order,) = play(script, bars(FLAT), fidelity=fidelity).orders
    assert order.pricetype == pricetype


def basket(client: MockOpenAlgoClient, **change: Any) -> dict[str, Any]:
    sell = {**SBIN, "action": "SELL", "quantity": 3, "pricetype": "MARKET", "product": "MIS"}
    return client.basketorder(
        strategy="Basket", orders=[sell, {**sell, "action": "BUY", "symbol": "NOPE"},
                                   {**sell, "action": "BUY", "quantity": "4", **change}]
    )  # fmt: skip


def test_basketorder_sends_buys_first_and_fails_one_by_one(play: Play) -> None:
    found: list[Any] = []

    def script(client: MockOpenAlgoClient, bar: int, _: Any) -> None:
        if bar == 0:
            found.append(basket(client))

    run = play(script, bars(FLAT))
    assert found[0] == {
        "results": [
            {"message": "Symbol NOPE not found on NSE", "status": "error", "symbol": "NOPE"},
            {"orderid": "24010100000002", "status": "success", "symbol": "SBIN"},
            {"orderid": "24010100000003", "status": "success", "symbol": "SBIN"},
        ],
        "status": "success",
    }
    assert [(o.action, o.quantity) for o in run.orders[1:]] == [("BUY", 4), ("SELL", 3)]
    assert {order.strategy for order in run.orders} == {"Basket"}
    play(script, bars(FLAT), fidelity="sandbox")
    assert found[1]["mode"] == "analyze"
    assert found[1]["results"][2] == {
        "batch_order": True, "exchange": "NSE", "is_last_order": True,
        "orderid": "24010100000003", "product": "MIS", "status": "success", "symbol": "SBIN",
    }  # fmt: skip
    assert found[1]["results"][1]["is_last_order"] is False


def test_a_basket_with_an_unreadable_order_sends_nothing(play: Play) -> None:
    found: list[Any] = []

    def script(client: MockOpenAlgoClient, bar: int, _: Any) -> None:
        if bar == 0:
            found.append(basket(client, price_type="LIMIT"))

    run = play(script, bars(FLAT))
    assert "{'orders': {2: {'price_type': ['Unknown field.']}}}" in found[0]["message"]
    assert [order.status for order in run.orders] == ["rejected"] * 3


def test_splitorder(play: Play) -> None:
    found: list[Any] = []

    def script(client: MockOpenAlgoClient, bar: int, _: Any) -> None:
        if bar == 0:
            for size in (4, 10, 1):
                found.append(
                    client.splitorder(
                        **SBIN, action="BUY", quantity=101 if size == 1 else 10, splitsize=size
                    )
                )

    run = play(script, bars(FLAT))
    assert found[0] == {
        "results": [
            {"order_num": 1, "orderid": "24010100000001", "quantity": 4, "status": "success"},
            {"order_num": 2, "orderid": "24010100000002", "quantity": 4, "status": "success"},
            {"order_num": 3, "orderid": "24010100000003", "quantity": 2, "status": "success"},
        ],
        "split_size": 4,
        "status": "success",
        "total_quantity": 10,
    }
    assert [child["quantity"] for child in found[1]["results"]] == [10]
    assert found[2]["code"] == 400
    assert "maximum limit of 100" in found[2]["message"]
    assert len(run.fills) == 4


@pytest.mark.parametrize("fidelity", ["live", "sandbox"])
def test_closeposition_closes_everything(play: Play, fidelity: str) -> None:
    found: list[Any] = []

    def script(client: MockOpenAlgoClient, bar: int, _: Any) -> None:
        if bar == 0:
            client.placeorder(**SBIN, action="SELL", quantity=3)
            client.placeorder(**SBIN, action="BUY", quantity=5, product="CNC")
        if bar == 2:
            found.append(client.closeposition())
        if bar == 4:
            found.append(client.closeposition(strategy="Again"))
            found.append(client.closeposition(symbol="SBIN"))

    run = play(script, bars(FLAT), fidelity=fidelity)
    closing, nothing, unknown = found
    if fidelity == "live":
        assert closing == {"message": "All Open Positions Squared Off", "status": "success"}
    else:
        assert closing == {
            "closed_positions": 2, "failed_closures": 0, "message": "Closed 2 positions",
            "mode": "analyze", "status": "success",
        }  # fmt: skip
        assert nothing["message"] == "No open positions to close"
    assert "{'symbol': ['Unknown field.']}" in unknown["message"]
    assert [p.quantity for p in run.service.portfolio.positions.values()] == [0, 0]
    assert len(run.orders) == 4


@pytest.mark.parametrize(("fidelity", "left"), [("live", []), ("sandbox", ["SL-M"])])
def test_cancelallorder_takes_all_strategies_orders(
    play: Play, fidelity: str, left: list[str]
) -> None:
    """The analyzer overlooks stops that wait for their trigger."""
    found: list[Any] = []

    def script(client: MockOpenAlgoClient, bar: int, _: Any) -> None:
        buy = {**SBIN, "action": "BUY", "quantity": 1}
        if bar == 0:
            client.placeorder(**buy, price_type="LIMIT", price=90, strategy="A")
            client.placeorder(**buy, price_type="LIMIT", price=91, strategy="B")
            client.placeorder(**buy, price_type="SL-M", trigger_price=110, strategy="B")
        if bar in (2, 4):
            found.append(client.cancelallorder(strategy="C"))

    run = play(script, bars(FLAT), fidelity=fidelity)
    count = 3 - len(left)
    assert found[0]["canceled_orders"] == [o.orderid for o in run.orders[:count]]
    assert found[0]["message"] == f"Canceled {count} orders. Failed to cancel 0 orders."
    assert found[0]["failed_cancellations"] == []
    assert found[1]["message"] == "No open orders to cancel"
    assert [order.pricetype for order in run.orders if order.is_open] == left


def test_an_unreadable_request_of_any_kind_is_an_error(play: Play) -> None:
    client = play(None, bars(FLAT)).client
    order = {**SBIN, "action": "BUY", "quantity": 10}
    replies = [
        client.placesmartorder(**order, position_size="much"),
        client.splitorder(**order, splitsize=0),
        client.basketorder(orders=[{**order, "product": "BO"}]),
        client.cancelallorder(symbol="SBIN"),
        client.openposition(**SBIN, product="BO"),
        client.cancelorder(order_id=None),  # type: ignore[arg-type]
        client.cancelorder(order_id="7"),
    ]
    assert [reply["code"] for reply in replies] == [400, 400, 400, 400, 400, 400, 404]
    words = [
        "{'position_size': ['Not a valid number.']}",
        "{'splitsize': ['Split size must be a positive integer.']}",
        "{'orders': {0: {'product': ['Must be one of: MIS, NRML, CNC.']}}}",
        "{'symbol': ['Unknown field.']}",
        "{'product': ['Must be one of: MIS, NRML, CNC.']}",
        "{'orderid': ['Field may not be null.']}",
        "Order 7 not found",
    ]
    for reply, word in zip(replies, words, strict=True):
        assert word in reply["message"]


def test_a_split_order_the_account_cannot_bear_fails_in_part(play: Play) -> None:
    """The analyzer tells of each child; its books hold those that were accepted."""
    found: list[Any] = []

    def script(client: MockOpenAlgoClient, bar: int, _: Any) -> None:
        if bar == 0:
            found.append(client.splitorder(**SBIN, action="BUY", quantity=100, splitsize=60))

    run = play(script, bars(FLAT), fidelity="sandbox", initial_cash=1_500)
    first, second = found[0]["results"]
    assert first["status"] == "success"
    assert list(second) == ["message", "order_num", "quantity", "status"]
    assert second["message"].startswith("Insufficient funds.")
    assert len(run.client.orderbook()["data"]["orders"]) == 1
