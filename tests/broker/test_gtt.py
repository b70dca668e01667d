"""GTT orders: met at the very point of the path, on whatever day, and then a DAY order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapeback.broker.client import MockOpenAlgoClient
from tapeback.utils.clock import MINUTE_NS, to_ist
from tests.broker.conftest import OPEN, Awake, Played, bars, run_script

Play = Callable[..., Played]
SBIN = {"symbol": "SBIN", "exchange": "NSE"}
BUY = {**SBIN, "action": "BUY", "quantity": 10}
# Three dates of four minutes.
CLOSES = [100.0, 100.0, 100.0, 100.0, 100.0, 96.0, 96.0, 96.0, 97.0, 104.0, 104.0, 104.0]


def once(
    call: Callable[[MockOpenAlgoClient], Any], found: list[Any], bar: int = 0
) -> Callable[[MockOpenAlgoClient, int, Any], None]:
    def script(client: MockOpenAlgoClient, number: int, _: Any) -> None:
        if number == bar:
            found.append(call(client))

    return script


def moments(run: Played) -> list[tuple[str, float, str]]:
    return [(fill.side, fill.price, f"{to_ist(fill.ts):%d %H:%M}") for fill in run.fills]


@pytest.mark.parametrize("fidelity", ["live", "sandbox"])
def test_a_trigger_below_survives_the_session_and_sends_its_order(
    play: Play, fidelity: str
) -> None:
    replies: list[Any] = []
    script = once(lambda c: c.placegttorder(**BUY, triggerprice_sl=98, price=98.5), replies)
    run = play(script, bars(CLOSES, per_day=4), fidelity=fidelity)
    mode = {"mode": "analyze"} if fidelity == "sandbox" else {}
    assert replies == [{**mode, "status": "success", "trigger_id": "GTT-240101-00000001"}]
    (order,) = run.orders
    assert (order.pricetype, order.price, order.product) == ("LIMIT", 98.5, "CNC")
    # The second date's second bar falls from 100 to 96: half-way through its first leg it passes
    # the trigger.
    assert moments(run) == [("BUY", 98.0, "02 09:16")]
    assert run.client.gttorderbook()["data"] == []


def test_what_is_sent_is_a_day_order(play: Play) -> None:
    """Met with a limit that price does not come back to on that date, it is gone in the evening."""
    found: list[Any] = []
    script = once(lambda c: c.placegttorder(**BUY, triggerprice_tg=103, price=90), found)
    run = play(script, bars([*CLOSES, 89.0, 89.0, 89.0, 89.0], per_day=4))
    (order,) = run.orders
    assert (order.status, f"{to_ist(order.placed_ts):%d}") == ("cancelled", "03")
    assert run.fills == []


@pytest.mark.parametrize(
    ("action", "trigger", "limit", "expected"),
    [
        ("BUY", {"triggerprice_tg": 103}, 0, ("BUY", 103.0, "03 09:16")),
        ("SELL", {"triggerprice_sl": 97}, 0, ("SELL", 97.0, "02 09:16")),
        ("SELL", {"triggerprice_tg": 103}, 102.5, ("SELL", 103.0, "03 09:16")),
    ],
)
def test_the_field_says_the_direction_not_the_action(
    play: Play, action: str, trigger: dict[str, float], limit: float, expected: tuple[Any, ...]
) -> None:
    found: list[Any] = []
    kind = "LIMIT" if limit else "MARKET"
    order = {**BUY, "action": action, "product": "NRML", **trigger}
    future = {"symbol": "SBIN25JAN24FUT", "exchange": "NFO"}
    order |= {**future, "quantity": 1500}
    script = once(lambda c: c.placegttorder(**order, price_type=kind, price=limit), found)
    run = play(script, bars(CLOSES, per_day=4, **future))
    assert moments(run) == [expected]


def test_the_first_of_two_ends_the_other(play: Play) -> None:
    replies: list[Any] = []
    rows: list[Any] = []

    def script(client: MockOpenAlgoClient, bar: int, _: Any) -> None:
        if bar == 0:
            client.placeorder(**BUY, product="CNC")
        if bar == 1:
            replies.append(
                client.placegttorder(
                    **{**BUY, "action": "SELL"}, trigger_type="oco", triggerprice_sl=97,
                    stoploss=96.5, triggerprice_tg=103, target=102.5,
                )
            )  # fmt: skip
        if bar in (2, 11):
            rows.append(client.gttorderbook()["data"])

    run = play(script, bars(CLOSES, per_day=4))
    ((row,), after) = rows
    assert after == []
    assert row == {
        "created_at": "2024-01-01 09:17:00",
        "exchange": "NSE",
        "expires_at": "2024-12-31 09:17:00",
        "last_price": 100.0,
        "legs": [
            {
                "action": "SELL", "price": price, "pricetype": "LIMIT", "product": "CNC",
                "quantity": 10,
            }
            for price in (96.5, 102.5)
        ],
        "status": "active",
        "strategy": "Python",
        "symbol": "SBIN",
        "trigger_id": replies[0]["trigger_id"],
        "trigger_prices": [97.0, 103.0],
        "trigger_type": "two-leg",
        "updated_at": "2024-01-01 09:17:00",
    }  # fmt: skip
    assert moments(run)[1:] == [("SELL", 97.0, "02 09:16")]
    (ended,) = run.client.gttorderbook(status="all")["data"]
    assert ended["status"] == "triggered"


def test_a_trigger_that_price_is_beyond_already_is_met_at_once(play: Play) -> None:
    found: list[Any] = []
    script = once(lambda c: c.placegttorder(**BUY, triggerprice_sl=105, price=101), found)
    run = play(script, bars(CLOSES, per_day=4))
    assert moments(run) == [("BUY", 100.0, "01 09:16")]


def test_modify_and_cancel(play: Play) -> None:
    told: list[Any] = []

    def script(client: MockOpenAlgoClient, bar: int, _: Any) -> None:
        if bar == 0:
            for _ in range(2):
                told.append(client.placegttorder(**BUY, triggerprice_sl=98, price=98.5))
        first, second = (reply["trigger_id"] for reply in told[:2])
        if bar == 1:
            change = {**BUY, "quantity": 5, "triggerprice_sl": 97, "price": 98}
            told.append(client.modifygttorder(trigger_id=first, **change))
            other = client.modifygttorder(trigger_id=first, **{**change, "action": "SELL"})
            told.append(other)
            told.append(client.modifygttorder(trigger_id="GTT-1", **change))
            told.append(client.cancelgttorder(trigger_id=second))
            told.append(client.cancelgttorder(trigger_id=second))

    run = play(script, bars(CLOSES, per_day=4))
    assert told[2] == {"status": "success", "trigger_id": told[0]["trigger_id"]}
    assert told[3] == {
        "code": 400,
        "message": "action of a GTT cannot be modified. Cancel it and place another.",
        "status": "error",
    }
    assert (told[4]["code"], told[4]["message"]) == (404, "GTT GTT-1 not found")
    assert told[5]["status"] == "success"
    assert told[6]["message"] == "Cannot cancel GTT in cancelled status"
    assert [(order.quantity, order.price) for order in run.orders] == [(5, 98.0)]
    assert moments(run) == [("BUY", 97.0, "02 09:16")]
    statuses = [row["status"] for row in run.client.gttorderbook(status="all")["data"]]
    assert statuses == ["triggered", "cancelled"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"trigger_type": "TWO"}, "trigger_type must be 'SINGLE' or 'OCO'."),
        ({}, "SINGLE GTT requires a positive triggerprice_sl or triggerprice_tg."),
        (
            {"triggerprice_sl": 1, "triggerprice_tg": 2},
            "SINGLE GTT takes exactly one of triggerprice_sl or triggerprice_tg; set the other "
            "to 0.",
        ),
        (
            {"trigger_type": "OCO", "triggerprice_sl": 1, "target": 3},
            "Required for OCO: stoploss, triggerprice_tg.",
        ),
        (
            {
                "trigger_type": "OCO", "triggerprice_sl": 3, "stoploss": 3, "triggerprice_tg": 2,
                "target": 2,
            },
            "Stoploss trigger must be less than target trigger (triggerprice_sl < "
            "triggerprice_tg).",
        ),
    ],
)  # fmt: skip
def test_what_the_sdk_itself_refuses(play: Play, change: dict[str, Any], message: str) -> None:
    client = play(None, bars(CLOSES)).client
    assert client.placegttorder(**BUY, **change) == {
        "status": "error", "message": message, "error_type": "validation_error",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"product": "MIS"}, {"product": ["Must be one of: CNC, NRML."]}),
        ({"price_type": "SL"}, {"pricetype": ["Must be one of: LIMIT, MARKET."]}),
        ({"symbol": "NOPE"}, "Symbol NOPE not found on NSE"),
        ({"product": "NRML"}, "NRML product not allowed for NSE equity segment. Use CNC."),
        ({"price": 0}, "LIMIT orders require price"),
        ({"colour": "red"}, None),
    ],
)
def test_what_openalgo_refuses_comes_as_its_body(
    play: Play, change: dict[str, Any], message: Any
) -> None:
    client = play(None, bars(CLOSES)).client
    reply = client.placegttorder(**{**BUY, "triggerprice_sl": 90, "price": 90, **change})
    if message is None:
        assert reply["status"] == "success"
    else:
        assert reply == {"message": message, "status": "error", "code": 400}


def test_a_trigger_without_money_ends_as_rejected(play: Play) -> None:
    found: list[Any] = []
    order = {**BUY, "quantity": 1_000, "triggerprice_sl": 98, "price": 98.5}
    run = play(
        once(lambda c: c.placegttorder(**order), found), bars(CLOSES, per_day=4), initial_cash=5_000
    )
    (order,) = run.orders
    assert order.status == "rejected"
    assert "Insufficient funds" in order.rejection_reason
    (row,) = run.client.gttorderbook(status="all")["data"]
    assert row["status"] == "rejected"


def test_cancelling_all_orders_leaves_triggers_and_books_do_not_show_them(play: Play) -> None:
    told: list[Any] = []

    def script(client: MockOpenAlgoClient, bar: int, _: Any) -> None:
        if bar == 0:
            client.placegttorder(**BUY, triggerprice_sl=98, price=98.5)
        if bar == 1:
            told.append(client.cancelallorder()["canceled_orders"])
            told.append(client.orderbook()["data"]["orders"])
            told.append(len(client.gttorderbook()["data"]))

    run = play(script, bars(CLOSES, per_day=4))
    assert told == [[], [], 1]
    assert len(run.fills) == 1


@settings(max_examples=60)
@given(
    closes=st.lists(st.integers(1900, 2100).map(lambda n: n / 20), min_size=6, max_size=24),
    level=st.integers(1900, 2100).map(lambda n: n / 20),
    rising=st.booleans(),
    per_day=st.integers(2, 8),
)
def test_a_trigger_is_met_exactly_when_price_reaches_it(
    closes: list[float], level: float, rising: bool, per_day: int
) -> None:
    """As a MARKET order it fills at the trigger or at the open beyond it, at the first bar after it
    was left whose range holds it."""
    candles = bars(closes, per_day=per_day)
    field = "triggerprice_tg" if rising else "triggerprice_sl"
    found: list[Any] = []
    order = {**BUY, "price_type": "MARKET", field: level}
    run = run_script(once(lambda c: c.placegttorder(**order), found), candles)
    reached = [
        at
        for at in range(1, len(candles))
        if (candles.high[at] >= level if rising else candles.low[at] <= level)
    ]
    assert len(run.fills) == len(run.orders) == bool(reached)
    if reached:
        (fill,) = run.fills
        at = int(candles.starts.searchsorted(fill.ts, side="right")) - 1
        assert at == reached[0]
        opened = float(candles.open[at])
        beyond = opened >= level if rising else opened <= level
        assert fill.price == (opened if beyond else level)


@pytest.mark.parametrize(("latency", "later"), [(0, 0), (500_000_000, 500_000_000)])
def test_under_a_tape_the_trigger_is_met_between_two_looks_of_the_script(
    latency: int, later: int
) -> None:
    """Orders that a trigger sends travel as long as any other."""
    awake = Awake([bars(CLOSES, per_day=4)], latency=latency)
    client = awake.at(OPEN + MINUTE_NS)
    reply = client.placegttorder(**BUY, triggerprice_sl=98, price_type="MARKET", strategy="dip")
    awake.tape.meet()
    assert reply["status"] == "success"
    day = 86_400_000_000_000
    awake.at(OPEN + day + 3 * MINUTE_NS)
    (fill,) = awake.service.simulator.fills
    opened = OPEN + day + MINUTE_NS
    (order,) = awake.service.simulator.orders.values()
    assert opened <= order.placed_ts < opened + MINUTE_NS
    assert fill.ts - order.placed_ts == later
    assert (order.strategy, order.status) == ("dip", "complete")
    assert client.gttorderbook()["data"] == []
