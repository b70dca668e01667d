"""Orders sent through the client: replies, refusals, their life in the books."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tapeback.broker.client import MockOpenAlgoClient
from tests.broker.conftest import Played, bars

Play = Callable[..., Played]
BUY = {"symbol": "SBIN", "exchange": "NSE", "action": "BUY", "quantity": 10}
SELL = {**BUY, "action": "SELL"}
FLAT = [100.0] * 6


def at_bar(number: int, call: Callable[[MockOpenAlgoClient], Any], found: list[Any]) -> Any:
    """A script that notes what a call answers at one bar."""

    def script(client: MockOpenAlgoClient, bar: int, _: Any) -> None:
        if bar == number:
            found.append(call(client))

    return script


@pytest.mark.parametrize(
    ("fidelity", "keys"),
    [
        ("live", ["orderid", "status"]),
        ("none", ["orderid", "status"]),
        ("sandbox", ["mode", "orderid", "status"]),
    ],
)
def test_placeorder_answers_with_an_order_id(play: Play, fidelity: str, keys: list[str]) -> None:
    found: list[Any] = []
    run = play(at_bar(0, lambda c: c.placeorder(**BUY), found), bars(FLAT), fidelity=fidelity)
    (reply,) = found
    assert list(reply) == keys
    assert reply["status"] == "success"
    assert reply["orderid"] == "24010100000001"
    assert run.orders[0].status == "complete"


def test_both_spellings_of_the_price_type_and_figures_as_text(play: Play) -> None:
    def script(client: MockOpenAlgoClient, bar: int, _: Any) -> None:
        if bar == 0:
            client.placeorder(**{**BUY, "quantity": "10"}, price_type="LIMIT", price="90")
            client.placeorder(**BUY, price_type="MARKET", pricetype="LIMIT", price=91.0)
            client.placeorder(
                **{**BUY, "action": "buy"}, price_type="LIMIT", price="92", trigger_price="0",
                disclosed_quantity="0",
            )  # fmt: skip

    orders = play(script, bars(FLAT)).orders
    assert [(o.action, o.pricetype, o.price, o.quantity) for o in orders] == [
        ("BUY", "LIMIT", 90.0, 10),
        ("BUY", "LIMIT", 91.0, 10),
        ("BUY", "LIMIT", 92.0, 10),
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"action": "HOLD"}, "{'action': ['Must be one of: BUY, SELL, buy, sell.']}"),
        ({"quantity": 0}, "{'quantity': ['Quantity must be a positive number.']}"),
        ({"quantity": "ten"}, "{'quantity': ['Not a valid number.']}"),
        ({"symbol": None}, "{'symbol': ['Field may not be null.']}"),
        ({"symbol": 7}, "{'symbol': ['Not a valid string.']}"),
        ({"price": -1}, "{'price': ['Price must be a non-negative number.']}"),
        ({"disclosed_quantity": "0.5"}, "{'disclosed_quantity': ['Not a valid integer.']}"),
        (
            {"quantity": 1.5},
            "{'quantity': ['Fractional quantity (1.5) is not allowed for non-crypto exchanges.']}",
        ),
        (
            {"price": "nan"},
            "{'price': ['Special numeric values (nan or infinity) are not permitted.']}",
        ),
        ({"variety": "regular"}, "{'variety': ['Unknown field.']}"),
        ({"price_type": "LIMIT"}, "LIMIT orders require price"),
        ({"price_type": "SL-M"}, "SL-M orders require trigger_price"),
        ({"symbol": "NOPE"}, "Symbol NOPE not found on NSE"),
        (
            {"product": "NRML"},
            "NRML product not allowed for NSE equity segment. Use CNC for delivery or MIS for "
            "intraday.",
        ),
    ],
)
def test_what_openalgo_refuses_is_an_error_in_its_words(
    play: Play, change: dict[str, Any], message: str
) -> None:
    found: list[Any] = []
    run = play(at_bar(0, lambda c: c.placeorder(**{**BUY, **change}), found), bars(FLAT))
    body = f'{{"message":"{message}","status":"error"}}\n'
    assert found == [
        {
            "status": "error",
            "message": f"HTTP 400: {body}",
            "code": 400,
            "error_type": "http_error",
        }
    ]
    (order,) = run.orders
    assert order.status == "rejected"
    assert order.rejection_reason == message
    assert run.updates == [(order.orderid, "rejected")]
    assert run.client.orderbook()["data"]["orders"] == []


def test_wrong_calls_raise_as_in_the_sdk(play: Play) -> None:
    client: Any = play(None, bars(FLAT)).client
    with pytest.raises(TypeError):
        client.placeorder("SBIN", "BUY")
    with pytest.raises(TypeError, match="exchange"):
        client.placeorder(symbol="SBIN", action="BUY")
    with pytest.raises(TypeError, match="product"):
        client.openposition(symbol="SBIN", exchange="NSE")
    with pytest.raises(AttributeError):
        client.optionschain()


def test_defect_08_stops_trigger(play: Play) -> None:
    """SL and SL-M are accepted, wait for their trigger and fill after it."""
    seen: list[list[str]] = []

    def script(client: MockOpenAlgoClient, bar: int, _: Any) -> None:
        if bar == 0:
            client.placeorder(**BUY, price_type="SL-M", trigger_price=103)
            client.placeorder(**BUY, price_type="SL", trigger_price=103, price=104)
        rows = client.orderbook()["data"]["orders"]
        seen.append([row["order_status"] for row in rows])

    run = play(script, bars([100.0, 100.0, 105.0, 105.0]))
    assert seen[1] == ["trigger pending", "trigger pending"]
    assert seen[2] == ["complete", "complete"]
    assert [fill.rule for fill in run.fills] == ["P3", "P4"]
    assert [fill.price for fill in run.fills] == [103.0, 103.0]


def test_a_triggered_stop_limit_that_rests_shows_open(play: Play) -> None:
    """A jump over trigger and limit leaves a LIMIT order, which a poll at each bar must see."""
    seen: list[str] = []

    def script(client: MockOpenAlgoClient, bar: int, _: Any) -> None:
        if bar == 0:
            client.placeorder(**BUY, price_type="SL", trigger_price=103, price=103.5)
        seen.append(client.orderbook()["data"]["orders"][0]["order_status"])

    closes = [100.0, 100.0, 100.0, 110.0, 110.0]
    gap = bars(closes, width=0.0)
    opened = gap.open.copy()
    opened[3] = 110.0
    jumped = type(gap).from_arrays(
        symbol="SBIN", exchange="NSE", timeframe="1m", ts=gap.ts, open=opened, high=opened,
        low=opened, close=closes, volume=gap.volume,
    )  # fmt: skip
    play(script, jumped)
    assert seen == ["trigger pending", "trigger pending", "trigger pending", "open", "open"]


def test_defect_10_a_broker_refusal_shows_in_books_and_callback(play: Play) -> None:
    """Live: the call succeeds, then the order book says `rejected` and why."""
    found: list[Any] = []
    run = play(
        at_bar(0, lambda c: c.placeorder(**{**BUY, "quantity": 10_000_000}), found), bars(FLAT)
    )
    (reply,) = found
    assert reply["status"] == "success"
    (row,) = run.client.orderbook()["data"]["orders"]
    assert row["orderid"] == reply["orderid"]
    assert row["order_status"] == "rejected"
    assert row["rejection_reason"].startswith("Insufficient funds. Required: ₹200000000.00")
    assert run.updates == [(reply["orderid"], "rejected")]
    assert run.client.orderbook()["data"]["statistics"]["total_rejected_orders"] == 1


def test_defect_10_the_analyzer_refuses_at_once(play: Play) -> None:
    found: list[Any] = []
    order = {**BUY, "quantity": 10_000_000}
    run = play(at_bar(0, lambda c: c.placeorder(**order), found), bars(FLAT), fidelity="sandbox")
    (reply,) = found
    assert reply["code"] == 400
    assert '"mode":"analyze"' in reply["message"]
    assert "\\u20b9200000000.00" in reply["message"]
    assert run.client.orderbook()["data"]["orders"] == []
    assert run.orders[0].status == "rejected"


def test_the_analyzer_stores_a_delivery_sale_of_what_is_not_held(play: Play) -> None:
    found: list[Any] = []
    run = play(
        at_bar(0, lambda c: c.placeorder(**SELL, product="CNC"), found),
        bars(FLAT),
        fidelity="sandbox",
    )
    (reply,) = found
    (row,) = run.client.orderbook()["data"]["orders"]
    assert row["order_status"] == "rejected"
    assert f'"orderid":"{row["orderid"]}"' in reply["message"]
    assert "Cannot sell 10 shares of SBIN in CNC. Only 0 shares available" in reply["message"]


def test_defect_38_a_cancelled_order_is_never_complete(play: Play) -> None:
    """Cancelled orders stay cancelled in every book and leave no trade."""

    def script(client: MockOpenAlgoClient, bar: int, _: Any) -> None:
        if bar == 0:
            client.placeorder(**BUY, price_type="LIMIT", price=90)
            client.placeorder(**BUY, price_type="LIMIT", price=91)
        if bar == 2:
            assert client.cancelorder(order_id="24010100000001") == {
                "orderid": "24010100000001",
                "status": "success",
            }
            assert client.cancelallorder()["canceled_orders"] == ["24010100000002"]

    client = play(script, bars(FLAT)).client
    rows = client.orderbook()["data"]["orders"]
    assert [row["order_status"] for row in rows] == ["cancelled", "cancelled"]
    assert [row["filled_quantity"] for row in rows] == [0, 0]
    assert [row["average_price"] for row in rows] == [0.0, 0.0]
    assert client.tradebook()["data"] == []
    assert client.get_order_status("24010100000001")["status"] == "CANCELLED"
    again = client.cancelorder(order_id="24010100000001")
    assert again["code"] == 400
    assert "Cannot cancel order in cancelled status" in again["message"]


@pytest.mark.parametrize("fidelity", ["live", "sandbox"])
def test_modifyorder_moves_a_resting_order(play: Play, fidelity: str) -> None:
    found: list[Any] = []

    def script(client: MockOpenAlgoClient, bar: int, _: Any) -> None:
        if bar == 0:
            client.placeorder(**BUY, price_type="LIMIT", price=90)
        if bar == 1:
            reply = client.modifyorder(
                order_id="24010100000001", symbol="SBIN", action="BUY", exchange="NSE",
                product="MIS", quantity=20, price="99.8",
            )  # fmt: skip
            found.append(reply)
            found.append(client.orderbook()["data"]["orders"][0])

    run = play(script, bars(FLAT), fidelity=fidelity)
    reply, row = found
    if fidelity == "live":
        assert reply == {"orderid": "24010100000001", "status": "success"}
    else:
        assert reply == {
            "message": "Order modified successfully",
            "mode": "analyze",
            "orderid": "24010100000001",
            "status": "success",
        }
    assert (row["price"], row["quantity"], row["pending_quantity"]) == (99.8, 20, 20)
    assert run.fills[0].price == 99.8
    assert run.fills[0].quantity == 20


def test_modifyorder_says_what_it_cannot_do(play: Play) -> None:
    def script(client: MockOpenAlgoClient, bar: int, _: Any) -> None:
        if bar == 0:
            client.placeorder(**BUY, price_type="SL-M", trigger_price=110)

    client = play(script, bars(FLAT)).client
    order = {
        "order_id": "24010100000001", "symbol": "SBIN", "action": "BUY", "exchange": "NSE",
        "product": "MIS", "quantity": 10, "price": 0,
    }  # fmt: skip
    reply = client.modifyorder(**order)
    assert reply["code"] == 400
    assert "Changing pricetype from SL-M to LIMIT is not simulated" in reply["message"]
    assert client.modifyorder(**order, price_type="SL-M", trigger_price=112)["status"] == "success"
    missing = client.modifyorder(**{**order, "order_id": "7"}, price_type="SL-M")
    assert missing["code"] == 404
    assert '"message":"Order 7 not found"' in missing["message"]


STATUS_SANDBOX = [
    "action", "average_price", "exchange", "filled_quantity", "order_status", "orderid",
    "pending_quantity", "price", "price_type", "product", "quantity", "strategy", "symbol",
    "timestamp", "trigger_price",
]  # fmt: skip
ROW = [
    "action", "average_price", "exchange", "filled_quantity", "order_status", "orderid",
    "pending_quantity", "price", "pricetype", "product", "quantity", "rejection_reason",
    "strategy", "symbol", "timestamp", "trigger_price",
]  # fmt: skip


@pytest.mark.parametrize(
    ("fidelity", "keys", "price", "time"),
    [
        ("live", ROW, 0.0, "01-Jan-2024 09:16:00"),
        ("sandbox", STATUS_SANDBOX, 100.0, "2024-01-01 09:16:00"),
    ],
)
def test_orderstatus_of_a_market_order(
    play: Play, fidelity: str, keys: list[str], price: float, time: str
) -> None:
    """The analyzer's `price` is the last price at placement, a broker's is 0."""
    candles = bars([100.0, 101.0, 102.0])
    run = play(at_bar(0, lambda c: c.placeorder(**BUY), []), candles, fidelity=fidelity)
    data = run.client.orderstatus(order_id="24010100000001")["data"]
    assert list(data) == keys
    assert data["price"] == price
    assert data["average_price"] == 100.0
    assert data["filled_quantity"] == 10
    assert data["order_status"] == "complete"
    assert data["timestamp"] == time
    assert data["strategy"] == "Python"


def test_orderstatus_of_an_unknown_order(play: Play) -> None:
    client = play(None, bars(FLAT)).client
    reply = client.orderstatus(order_id="123")
    assert reply["message"] == 'HTTP 404: {"message":"Order 123 not found","status":"error"}\n'
    assert client.orderstatus(order_id=123)["code"] == 400  # type: ignore[arg-type]


def test_orders_sent_from_an_update_see_the_instant_of_the_fill(play: Play) -> None:
    """In the middle of a bar the client knows what is known there, and its order meets the
    rest of the path."""
    found: list[Any] = []

    def on_update(client: MockOpenAlgoClient, order: Any) -> None:
        if order.action == "BUY" and order.status == "complete":
            found.append(client.orderstatus(order_id=order.orderid)["data"]["order_status"])
            found.append(client.quotes(symbol="SBIN", exchange="NSE")["data"]["ltp"])
            client.placeorder(**SELL)

    run = play(
        at_bar(0, lambda c: c.placeorder(**BUY, price_type="LIMIT", price=98), []),
        bars([100.0, 96.0, 96.0]),
        on_update=on_update,
    )
    assert found == ["complete", 98.0]
    assert [(fill.side, fill.price) for fill in run.fills] == [("BUY", 98.0), ("SELL", 98.0)]


def test_aliases_of_older_bots(play: Play) -> None:
    """place_order, get_order_status and cancel_all_orders as their bots read them."""
    found: list[Any] = []

    def script(client: MockOpenAlgoClient, bar: int, _: Any) -> None:
        if bar == 0:
            order = {"symbol": "SBIN", "exchange": "NSE", "action": "buy", "quantity": 5}
            found.append(client.place_order(**order, order_type="MARKET"))
            found.append(client.place_order(**order, order_type="LIMIT", price=90.0))
            found.append(client.place_order(**{**order, "quantity": 0}))
            found.append(client.place_order(**{**order, "quantity": 10_000_000}))

    run = play(script, bars(FLAT))
    market, limit, nothing, dear = found
    assert market == {"order_id": "24010100000001", "status": "OPEN"}
    assert nothing["status"] == "REJECTED"
    assert nothing["message"].startswith("HTTP 400")
    assert dear["status"] == "REJECTED"
    assert dear["message"].startswith("Insufficient funds")
    client = run.client
    status = client.get_order_status(market["order_id"])
    assert (status["status"], status["action"], status["quantity"], status["price"]) == (
        "FILLED", "buy", 5, 100.0,
    )  # fmt: skip
    assert client.get_order_status(limit["order_id"])["status"] == "OPEN"
    assert client.get_order_status(dear["order_id"])["status"] == "REJECTED"
    assert client.get_order_status("1")["code"] == 404
    assert client.cancel_all_orders(symbol="TCS", exchange="NSE")["canceled_orders"] == []
    cancelled = client.cancel_all_orders(symbol="SBIN", exchange="NSE")
    assert cancelled["canceled_orders"] == [limit["order_id"]]
    assert client.get_order_status(limit["order_id"])["status"] == "CANCELLED"
