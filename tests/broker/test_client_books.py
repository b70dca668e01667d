"""The books of the client: shapes, sessions, and that a poll shows what just happened."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapeback.broker.client import MockOpenAlgoClient
from tests.broker.conftest import Played, bars, run_script

Play = Callable[..., Played]
BUY = {"symbol": "SBIN", "exchange": "NSE", "action": "BUY", "quantity": 10}
SELL = {**BUY, "action": "SELL"}
DAYS = [100.0, 101.0, 102.0, 103.0, 104.0, 105.0, 106.0, 107.0]

ROW = [
    "action", "average_price", "exchange", "filled_quantity", "order_status", "orderid",
    "pending_quantity", "price", "pricetype", "product", "quantity", "rejection_reason",
    "strategy", "symbol", "timestamp", "trigger_price",
]  # fmt: skip
COUNTS = [
    "total_buy_orders", "total_completed_orders", "total_open_orders", "total_rejected_orders",
    "total_sell_orders",
]  # fmt: skip


def buy_then_rest(client: MockOpenAlgoClient, bar: int, _: Any) -> None:
    if bar == 0:
        client.placeorder(**BUY, strategy="Grid")
        client.placeorder(**SELL, price_type="LIMIT", price=200)


@pytest.mark.parametrize(
    ("fidelity", "top", "counts"),
    [
        ("live", ["data", "status"], COUNTS),
        ("none", ["data", "status"], COUNTS),
        ("sandbox", ["data", "mode", "status"], [*COUNTS, "total_trigger_pending_orders"]),
    ],
)
def test_orderbook(play: Play, fidelity: str, top: list[str], counts: list[str]) -> None:
    client = play(buy_then_rest, bars(DAYS), fidelity=fidelity).client
    book = client.orderbook()
    assert list(book) == top
    assert list(book["data"]) == ["orders", "statistics"]
    orders, statistics = book["data"]["orders"], book["data"]["statistics"]
    assert [list(row) for row in orders] == [ROW, ROW]
    assert [row["order_status"] for row in orders] == ["open", "complete"]
    assert [row["pending_quantity"] for row in orders] == [10, 0]
    assert list(statistics) == counts
    assert list(statistics.values())[:5] == [1, 1, 1, 0, 1]


def test_a_bot_may_write_into_what_it_was_given(play: Play) -> None:
    client = play(buy_then_rest, bars(DAYS)).client
    first = client.orderbook()
    for row in first["data"]["orders"]:
        row["price"] = "spoilt"
    first["data"]["orders"].clear()
    first["data"]["statistics"].clear()
    client.tradebook()["data"][0].clear()
    again = client.orderbook()["data"]
    assert [row["price"] for row in again["orders"]] == [200.0, 0.0]
    assert again["statistics"]["total_buy_orders"] == 1
    assert client.tradebook()["data"][0]["symbol"] == "SBIN"


def test_the_orderbook_holds_the_current_session_only(play: Play) -> None:
    """Yesterday's ended orders are gone, an order sent after the close is still there. The second
    order is the broker's own, which closes the MIS position at 15:20."""
    seen: dict[int, list[str]] = {}

    def script(client: MockOpenAlgoClient, bar: int, candle: Any) -> None:
        if bar == 0:
            client.placeorder(**BUY)
        if bar == 374:
            client.placeorder(**BUY, product="CNC")
        seen[bar] = [row["orderid"] for row in client.orderbook()["data"]["orders"]]

    play(script, bars([100.0] * 800))
    assert seen[1] == ["24010100000001"]
    assert seen[364] == ["24010100000001"]
    assert seen[365] == ["24010100000002", "24010100000001"]
    assert seen[374] == ["24010100000003", "24010100000002", "24010100000001"]
    assert seen[375] == ["24010100000003"]
    assert seen[750] == []


def test_without_exchange_rules_an_open_order_stays_in_the_book(play: Play) -> None:
    def script(client: MockOpenAlgoClient, bar: int, _: Any) -> None:
        if bar == 0:
            client.placeorder(**BUY, price_type="LIMIT", price=50)
            client.placeorder(**BUY, price_type="LIMIT", price=60)
        if bar == 4:
            client.cancelorder(order_id="24010100000002")

    run = play(script, bars(DAYS, per_day=2), fidelity="none")
    (row,) = run.client.orderbook()["data"]["orders"]
    assert (row["orderid"], row["order_status"]) == ("24010100000001", "open")


def test_the_analyzer_lists_no_order_of_an_earlier_session(play: Play) -> None:
    """It keeps delivery orders open over days, but shows those of today alone."""

    def script(client: MockOpenAlgoClient, bar: int, _: Any) -> None:
        if bar == 0:
            client.placeorder(**BUY, product="CNC", price_type="LIMIT", price=50)

    run = play(script, bars(DAYS, per_day=4), fidelity="sandbox")
    assert run.orders[0].status == "open"
    assert run.client.orderbook()["data"]["orders"] == []
    status = run.client.orderstatus(order_id="24010100000001")
    assert status["data"]["order_status"] == "open"


def test_a_live_broker_forgets_the_orders_of_yesterday(play: Play) -> None:
    run = play(buy_then_rest, bars(DAYS, per_day=4))
    assert run.client.orderstatus(order_id="24010100000001")["code"] == 404


@settings(max_examples=25)
@given(
    st.lists(st.floats(95, 105).map(lambda x: round(x * 20) / 20), min_size=12, max_size=30),
    st.lists(
        st.tuples(
            st.integers(0, 11),
            st.sampled_from(["BUY", "SELL"]),
            st.sampled_from(["MARKET", "LIMIT", "SL", "SL-M", "cancel", "modify"]),
            st.integers(95, 105),
        ),
        max_size=12,
    ),
    st.sampled_from(["live", "sandbox", "none"]),
)
def test_polling_changes_nothing_in_what_is_shown(
    closes: list[float], moves: list[tuple[int, str, str, int]], fidelity: str
) -> None:
    """A client polled at every bar shows the same books as one that is new at every bar."""

    def books(client: MockOpenAlgoClient) -> list[Any]:
        replies = [client.orderbook(), client.tradebook(), client.positionbook(), client.funds()]
        return [reply["data"] for reply in replies]

    def script(client: MockOpenAlgoClient, bar: int, _: Any) -> None:
        for at, action, kind, level in moves:
            if at != bar:
                continue
            order = {**BUY, "action": action}
            resting = client.service.open_orders()
            if kind == "cancel" and resting:
                client.cancelorder(order_id=resting[0].orderid)
            elif kind == "modify" and resting:
                first = resting[0]
                client.modifyorder(
                    order_id=first.orderid, symbol="SBIN", exchange="NSE", action=first.action,
                    product="MIS", price_type=first.pricetype, quantity=15, price=level,
                    trigger_price=level,
                )  # fmt: skip
            elif kind not in ("cancel", "modify"):
                client.placeorder(**order, price_type=kind, price=level, trigger_price=level)
        assert books(client) == books(MockOpenAlgoClient(client.service))

    run_script(script, bars(closes, per_day=7), fidelity=fidelity, fee_bps=5)


def test_tradebook(play: Play) -> None:
    """The fourth order of the live run: the third one closed the first day's position."""

    def script(client: MockOpenAlgoClient, bar: int, _: Any) -> None:
        if bar in (0, 2, 4):
            client.placeorder(**BUY, strategy="Grid")

    live = play(script, bars(DAYS, per_day=4)).client.tradebook()["data"]
    assert live == [
        {
            "action": "BUY",
            "average_price": 104.0,
            "exchange": "NSE",
            "orderid": "24010200000004",
            "product": "MIS",
            "quantity": 10,
            "symbol": "SBIN",
            "timestamp": "09:16:00",
            "trade_value": 1040.0,
        }
    ]
    run = play(script, bars(DAYS, per_day=8), fidelity="sandbox")
    newest, _, oldest = run.client.tradebook()["data"]
    assert list(newest) == [
        "action", "average_price", "exchange", "orderid", "price", "product", "quantity",
        "strategy", "symbol", "timestamp", "trade_value", "tradeid",
    ]  # fmt: skip
    assert oldest["tradeid"] == "TRADE-20240101-091600-00000001"
    assert newest["timestamp"] == "2024-01-01 09:20:00"
    assert newest["strategy"] == "Grid"


def trade_over_two_days(client: MockOpenAlgoClient, bar: int, _: Any) -> None:
    """Day one: buy 10 at 100, sell 5 at 102. Day two: sell 2 at 104."""
    if bar == 0:
        client.placeorder(**{**BUY, "product": "CNC"})
    if bar == 2:
        client.placeorder(**{**SELL, "product": "CNC", "quantity": 5})
    if bar == 4:
        client.placeorder(**{**SELL, "product": "CNC", "quantity": 2})


def test_positionbook_of_a_live_account(play: Play) -> None:
    """Of shares bought yesterday it shows what was sold of them today; 2 at 104 are 6 dearer."""
    client = play(trade_over_two_days, bars(DAYS, per_day=4)).client
    book = client.positionbook()
    assert book == {
        "data": [
            {
                "average_price": "104.00",
                "exchange": "NSE",
                "ltp": 107.0,
                "pnl": -6.0,
                "product": "CNC",
                "quantity": -2,
                "symbol": "SBIN",
            }
        ],
        "status": "success",
    }


def test_positionbook_of_the_analyzer_tells_today_from_before(play: Play) -> None:
    client = play(trade_over_two_days, bars(DAYS, per_day=4), fidelity="sandbox").client
    book = client.positionbook()
    assert list(book) == [
        "data", "mode", "status", "total_pnl", "total_pnl_today", "total_today_realized_pnl",
        "total_unrealized_pnl",
    ]  # fmt: skip
    (row,) = book["data"]
    assert row == {
        "average_price": 104.0,
        "exchange": "NSE",
        "lot_size": 1.0,
        "ltp": 107.0,
        "pnl": -6.0,
        "pnlpercent": -2.88,
        "product": "CNC",
        "quantity": -2,
        "symbol": "SBIN",
        "today_realized_pnl": 0.0,
        "total_pnl_today": -6.0,
        "unrealized_pnl": -6.0,
    }
    assert book["total_today_realized_pnl"] == 0.0
    assert book["total_unrealized_pnl"] == -6.0


def test_a_position_closed_today_stays_for_the_session(play: Play) -> None:
    seen: dict[int, list[tuple[int, float]]] = {}

    def script(client: MockOpenAlgoClient, bar: int, _: Any) -> None:
        if bar == 0:
            client.placeorder(**BUY)
        if bar == 1:
            client.placeorder(**SELL)
        rows = client.positionbook()["data"]
        seen[bar] = [(row["quantity"], row["pnl"]) for row in rows]

    play(script, bars(DAYS, per_day=4))
    assert seen[1] == [(10, 10.0)]
    assert seen[2] == [(0, 10.0)]
    assert seen[4] == []


def test_funds_of_a_live_account_are_text(play: Play) -> None:
    run = play(trade_over_two_days, bars(DAYS, per_day=4), initial_cash=10_000, fee_bps=10)
    # Charges: 10 bp of 1000, 510 and 208 rupees. The 3 shares left are holdings and paid for. Of
    # today's 208 rupees for the other two 80 % may be used today: 41.60 are held back, and count as
    # used. The two are a short row of today's positions, at 104 against 107 now.
    assert run.client.funds() == {
        "data": {
            "availablecash": "9674.68",
            "collateral": "0.00",
            "m2mrealized": "0.00",
            "m2munrealized": "-6.00",
            "utiliseddebits": "41.60",
        },
        "status": "success",
    }


def test_shares_that_are_paid_for_use_no_money(play: Play) -> None:
    """Ten shares bought at 100 yesterday, five more at 110 today: these alone use money."""

    def script(client: MockOpenAlgoClient, bar: int, _: Any) -> None:
        if bar == 0:
            client.placeorder(**BUY, product="CNC")
        if bar == 4:
            client.placeorder(**{**BUY, "quantity": 5}, product="CNC")

    closes = [100.0] * 4 + [110.0] * 4
    run = play(script, bars(closes, per_day=4), initial_cash=10_000)
    data = run.client.funds()["data"]
    assert (data["availablecash"], data["utiliseddebits"]) == ("8450.00", "550.00")


def test_a_futures_profit_is_told_since_its_daily_settlement(play: Play) -> None:
    """Two lots of 50 bought at 100; the day settles at 110 (its last half hour) and pays 1,000.
    At 120 on the next day one lot is sold: 500 taken, 500 not yet, and the 1,000 are in the cash.
    The position book still counts from the price that was paid."""
    future = {"symbol": "NIFTY28MAR24FUT", "exchange": "NFO"}
    order = {**future, "product": "NRML", "action": "BUY", "quantity": 100}
    closes = [100.0] * 330 + [110.0] * 45 + [120.0] * 4
    told: list[Any] = []

    def script(client: MockOpenAlgoClient, bar: int, _: Any) -> None:
        if bar == 0:
            client.placeorder(**order)
        if bar == 376:
            client.placeorder(**{**order, "action": "SELL", "quantity": 50})
        if bar in (374, 376, 378):
            told.append(client.funds()["data"])

    run = play(script, bars(closes, width=0.0, **future), initial_cash=100_000)
    profits = [(float(data["m2mrealized"]), float(data["m2munrealized"])) for data in told]
    assert profits == [(0.0, 1_000.0), (0.0, 1_000.0), (500.0, 500.0)]
    # One lot at 100 is blocked still: 5,000 rupees of leverage 1.
    assert [(float(d["availablecash"]), float(d["utiliseddebits"])) for d in told] == [
        (90_000.0, 10_000.0), (91_000.0, 10_000.0), (96_500.0, 5_000.0),
    ]  # fmt: skip
    (row,) = run.client.positionbook()["data"]
    assert (row["quantity"], row["average_price"], row["pnl"]) == (50, "100.00", 2_000.0)


def test_funds_block_what_resting_orders_need(play: Play) -> None:
    def script(client: MockOpenAlgoClient, bar: int, _: Any) -> None:
        if bar == 0:
            client.placeorder(**BUY, price_type="LIMIT", price=50)

    data = play(script, bars(DAYS), initial_cash=10_000.0, fidelity="sandbox").client.funds()[
        "data"
    ]
    assert list(data) == [
        "availablecash", "collateral", "grossexposure", "last_reset", "m2mrealized",
        "m2munrealized", "reset_count", "today_realized_pnl", "total_realized_pnl", "totalpnl",
        "utiliseddebits",
    ]  # fmt: skip
    assert (data["availablecash"], data["utiliseddebits"]) == (9_900.0, 100.0)
    assert data["last_reset"] == "2024-01-01 09:15:00"


def test_funds_without_margins_are_what_the_account_is_worth_at_cost(play: Play) -> None:
    client = play(
        trade_over_two_days, bars(DAYS, per_day=4), initial_cash=10_000.0, fidelity="none"
    ).client
    assert client.funds()["data"]["availablecash"] == "10018.00"
    assert client.funds()["data"]["utiliseddebits"] == "0.00"


@pytest.mark.parametrize(
    ("fidelity", "held", "none"), [("live", "10", "0"), ("none", "10", "0"), ("sandbox", 10, 0)]
)
def test_openposition(play: Play, fidelity: str, held: Any, none: Any) -> None:
    client = play(buy_then_rest, bars(DAYS), fidelity=fidelity).client
    ask = {"symbol": "SBIN", "exchange": "NSE"}
    assert client.openposition(**ask, product="MIS")["quantity"] == held
    assert client.openposition(**ask, product="CNC")["quantity"] == none


def test_shares_are_holdings_from_the_next_session_on(play: Play) -> None:
    """Five of the ten bought at 100 on the first day are left, two are sold on the second."""
    seen: list[tuple[int, int]] = []

    def script(client: MockOpenAlgoClient, bar: int, candle: Any) -> None:
        trade_over_two_days(client, bar, candle)
        held = [row["quantity"] for row in client.holdings()["data"]["holdings"]]
        listed = [row["quantity"] for row in client.positionbook()["data"]]
        seen.append((sum(held), sum(listed)))

    client = play(script, bars(DAYS, per_day=4)).client
    assert seen == [(0, 0), (0, 10), (0, 10), (0, 5), (5, 0), (3, -2), (3, -2), (3, -2)]
    assert client.holdings()["data"] == {
        "holdings": [
            {
                "exchange": "NSE",
                "pnl": 21.0,
                "pnlpercent": 7.0,
                "product": "CNC",
                "quantity": 3,
                "symbol": "SBIN",
            }
        ],
        "statistics": {
            "totalholdingvalue": 321.0,
            "totalinvvalue": 300.0,
            "totalpnlpercentage": 7.0,
            "totalprofitandloss": 21.0,
        },
    }


def test_holdings_of_the_analyzer_name_their_prices(play: Play) -> None:
    client = play(trade_over_two_days, bars(DAYS, per_day=4), fidelity="sandbox").client
    (row,) = client.holdings()["data"]["holdings"]
    assert (row["average_price"], row["ltp"], row["current_value"]) == (100.0, 107.0, 321.0)


def test_closeposition_leaves_the_holdings(play: Play) -> None:
    def script(client: MockOpenAlgoClient, bar: int, candle: Any) -> None:
        trade_over_two_days(client, min(bar, 3), candle) if bar < 4 else None
        if bar == 5:
            client.closeposition()

    client = play(script, bars(DAYS, per_day=4)).client
    assert [row["quantity"] for row in client.holdings()["data"]["holdings"]] == [5]


def test_account_calls_know_no_further_keywords(play: Play) -> None:
    client = play(None, bars(DAYS)).client
    for call in (client.orderbook, client.tradebook, client.positionbook, client.funds):
        reply = call(symbol="SBIN")
        assert reply["code"] == 400
        assert '{"symbol":["Unknown field."]}' in reply["message"]
