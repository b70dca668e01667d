"""The feed: ticks in the order of time, one callback a mode, a store that is as of now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tapeback.broker.account import Account
from tapeback.broker.client import MockOpenAlgoClient
from tapeback.core.tape import NEVER
from tapeback.utils.clock import MINUTE_NS
from tests.broker.conftest import OPEN, Awake, Played, bars, run_script

Play = Callable[..., Played]
SBIN = {"symbol": "SBIN", "exchange": "NSE"}
TCS = {"symbol": "TCS", "exchange": "NSE"}
CLOSES = [100.0, 104.0, 101.0]
NOW = OPEN + 3 * MINUTE_NS
MILLISECONDS = NOW // 1_000_000


class Immediately:
    """A sink that runs callbacks at once and keeps what it was given."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    def begin(self) -> None:
        pass

    def deliver(
        self, callback: Callable[[dict[str, Any]], object], message: dict[str, Any]
    ) -> None:
        self.messages.append(message)
        callback(message)


@pytest.fixture
def played() -> Played:
    """A run that is over, of SBIN and TCS."""
    return run_script(None, [bars(CLOSES), bars([c * 10 for c in CLOSES], symbol="TCS")])


def connected(played: Played, sink: Immediately | None = None) -> MockOpenAlgoClient:
    account = Account(played.service, sink=sink)
    client = MockOpenAlgoClient(played.service, account=account)
    assert client.connect() is True
    return client


def test_before_connect_nothing_can_be_subscribed_to(played: Played) -> None:
    client = MockOpenAlgoClient(played.service)
    assert client.subscribe_ltp([SBIN]) is False
    assert client.unsubscribe_ltp([SBIN]) is False
    assert client.subscribe_orders() is False
    assert (client.connected, client.authenticated, client.ws) == (False, False, None)
    client.disconnect()


def test_connect_and_disconnect(played: Played) -> None:
    client = connected(played)
    assert client.connected
    assert client.authenticated
    assert client.ws is not None
    assert client.subscribe_ltp([SBIN]) is True
    client.ws.close()
    assert (client.connected, client.authenticated, client.ws) == (False, False, None)
    assert client.get_ltp() == {"ltp": {"NSE": {"SBIN": {"timestamp": MILLISECONDS, "ltp": 101.0}}}}
    assert client.subscribe_ltp([SBIN]) is False


def test_the_store_is_as_of_now(play: Play) -> None:
    seen: list[Any] = []

    def script(client: MockOpenAlgoClient, bar: int, _: Any) -> None:
        if bar == 0:
            client.connect()
            client.subscribe_ltp([SBIN])
        seen.append(client.get_ltp()["ltp"]["NSE"]["SBIN"]["ltp"])
        seen.append(client.ltp_data["NSE:SBIN"]["price"])

    play(script, bars(CLOSES))
    assert seen == [100.0, 100.0, 104.0, 104.0, 101.0, 101.0]


def test_the_shapes_of_the_store(played: Played) -> None:
    client = connected(played)
    assert client.subscribe_quote([SBIN, TCS])
    assert client.subscribe_depth([SBIN])
    quotes = client.get_quotes(exchange="NSE", symbol="SBIN")
    assert quotes == {
        "quote": {
            "NSE": {
                "SBIN": {
                    "open": 100.0, "high": 104.5, "low": 99.5, "close": 100.0, "ltp": 101.0,
                    "volume": 30_000, "last_trade_quantity": 0, "avg_trade_price": 0,
                    "change": 1.0, "change_percent": 1.0, "timestamp": MILLISECONDS,
                }
            }
        }
    }  # fmt: skip
    assert list(client.get_quotes()["quote"]["NSE"]) == ["SBIN", "TCS"]
    depth = client.get_depth()["depth"]["NSE"]["SBIN"]
    assert (depth["timestamp"], depth["ltp"]) == (MILLISECONDS, 101.0)
    assert depth["buyBook"]["1"] == {"price": 101.0, "qty": 2_000, "orders": 1}
    assert [level["price"] for level in depth["sellBook"].values()] == [
        101.0, 101.05, 101.1, 101.15, 101.2,
    ]  # fmt: skip
    assert client.unsubscribe_quote([SBIN]) is True
    assert list(client.get_quotes()["quote"]["NSE"]) == ["TCS"]
    assert client.get_depth(exchange="BSE") == {"depth": {}}


def test_ticks_come_at_the_points_of_the_path_in_order() -> None:
    sink = Immediately()
    awake = Awake([bars(CLOSES), bars([c * 10 for c in CLOSES], symbol="TCS")], sink=sink)
    client = awake.at(OPEN)
    heard: list[tuple[int, str, int, float]] = []

    def note(message: dict[str, Any]) -> None:
        data = message["data"]
        heard.append((data["timestamp"], message["symbol"], message["mode"], data["ltp"]))

    client.connect()
    client.subscribe_ltp([SBIN], on_data_received=lambda m: heard.append(m["never"]))
    # The last callback of a mode is the one of all its symbols.
    client.subscribe_ltp([TCS], on_data_received=note)
    instants: list[int] = []
    while (ts := awake.tape.next_instant()) < OPEN + 2 * MINUTE_NS:
        instants.append(ts)
        awake.at(ts)
    third, last = MINUTE_NS // 3, MINUTE_NS - 1_000_000
    points = [third, 2 * third, last, MINUTE_NS, MINUTE_NS + third]
    assert instants[:5] == [OPEN + point for point in points]
    stamps = [ts // 1_000_000 for ts in instants]
    assert [each[0] for each in heard] == [stamp for stamp in stamps for _ in range(2)]
    assert [each[1] for each in heard[:4]] == ["SBIN", "TCS", "SBIN", "TCS"]
    # The first bar stands at 100 and reaches out by a half, the second rises from it to 104.
    assert [each[3] for each in heard[::2]] == [99.5, 100.5, 100.0, 100.0, 99.5, 104.5, 104.0]
    assert sink.messages[0] == {
        "type": "market_data", "symbol": "SBIN", "exchange": "NSE", "mode": 1,
        "data": {"ltp": 99.5, "timestamp": stamps[0]},
    }  # fmt: skip


def test_several_clients_and_modes_hear_for_themselves() -> None:
    sink = Immediately()
    awake = Awake([bars(CLOSES)], sink=sink)
    one = awake.at(OPEN)
    other = MockOpenAlgoClient(awake.service, account=awake.account)
    one.connect()
    other.connect()
    got: list[tuple[str, int]] = []
    one.subscribe_quote([SBIN], lambda m: got.append(("one", m["mode"])))
    one.subscribe_depth([SBIN], lambda m: got.append(("one", m["mode"])))
    other.subscribe_ltp([SBIN, {"exchange": "NSE"}], lambda m: got.append(("other", m["mode"])))
    awake.at(OPEN + MINUTE_NS // 3)
    assert got == [("one", 2), ("one", 3), ("other", 1)]
    quote, depth, _ = sink.messages
    assert quote["data"] == {
        "open": 100.0, "high": 100.0, "low": 99.5, "close": 100.0, "ltp": 99.5, "volume": 3_333,
        "last_trade_quantity": 0, "avg_trade_price": 0, "change": -0.5, "change_percent": -0.5,
        "timestamp": (OPEN + MINUTE_NS // 3) // 1_000_000,
    }  # fmt: skip
    assert depth["data"]["depth"]["buy"][0] == {"price": 99.5, "quantity": 1, "orders": 1}
    one.disconnect()
    awake.at(OPEN + 2 * MINUTE_NS // 3)
    assert got[3:] == [("other", 1)]
    other.unsubscribe_ltp([SBIN])
    awake.at(OPEN + MINUTE_NS)
    assert len(got) == 4


def test_nobody_subscribed_nothing_to_wake_up_for() -> None:
    awake = Awake([bars(CLOSES)])
    client = awake.at(OPEN)
    assert awake.tape.next_instant() == NEVER
    client.connect()
    client.subscribe_quote([SBIN])
    assert awake.tape.next_instant() == OPEN + MINUTE_NS // 3
    client.disconnect()
    assert awake.tape.next_instant() == NEVER


@pytest.mark.parametrize("fidelity", ["live", "sandbox"])
def test_order_updates(fidelity: str) -> None:
    sink, heard = Immediately(), []
    awake = Awake([bars([100.0] * 3 + [104.0] * 3)], sink=sink, fidelity=fidelity)
    client = awake.at(OPEN + MINUTE_NS)
    client.connect()
    client.subscribe_orders(heard.append)
    client.placeorder(
        **SBIN, action="BUY", quantity=5, product="MIS", price_type="SL", price=103,
        trigger_price=102,
    )  # fmt: skip
    awake.tape.meet()
    awake.at(OPEN + 5 * MINUTE_NS)
    client.unsubscribe_orders()
    client.placeorder(**SBIN, action="BUY", quantity=1)
    awake.at(OPEN + 6 * MINUTE_NS)
    assert [message["order_status"] for message in heard][-1:] == ["complete"]
    assert heard[-1] == {
        "type": "order_update",
        "user_id": "tapeback",
        "mode": "analyze" if fidelity == "sandbox" else "live",
        "broker": "sandbox" if fidelity == "sandbox" else "tapeback",
        "orderid": "24010100000001",
        "symbol": "SBIN",
        "exchange": "NSE",
        "action": "BUY",
        "quantity": 5,
        "price": 103.0,
        "trigger_price": 102.0,
        "pricetype": "SL",
        "product": "MIS",
        "order_status": "complete",
        "filled_quantity": 5,
        "pending_quantity": 0,
        "average_price": pytest.approx(102.0, rel=1e-3),
        "rejection_reason": "",
    }
    assert client.get_orders()["orders"] == heard[::-1]


def test_a_bot_that_is_called_at_closes_may_poll_for_order_updates(play: Play) -> None:
    told: list[list[str]] = []

    def script(client: MockOpenAlgoClient, bar: int, _: Any) -> None:
        if bar == 0:
            client.connect()
            client.subscribe_orders()
            client.placeorder(**SBIN, action="BUY", quantity=5)
        told.append([message["order_status"] for message in client.get_orders()["orders"]])

    run = play(script, bars(CLOSES))
    assert told == [[], ["complete"], ["complete"]]
    assert run.updates == [("24010100000001", "complete")]


def test_without_a_sink_the_user_is_told_once(played: Played) -> None:
    client = connected(played)
    assert client.subscribe_ltp([SBIN]) is True
    assert client.account.notes == {}
    client.subscribe_ltp([TCS], print)
    client.subscribe_quote([TCS], print)
    assert list(client.account.notes) == ["feed-silent"]


def test_names_that_nothing_is_known_of(played: Played) -> None:
    client = connected(played, Immediately())
    assert client.subscribe_ltp([{"exchange": "NSE", "symbol": "*"}]) is True
    assert client.subscribe_ltp([{"exchange": "NSE", "exchange_token": "SBIN"}]) is True
    assert client.subscribe_ltp([{"symbol": "SBIN"}]) is False
    assert client.get_ltp()["ltp"] == {"NSE": {"SBIN": {"timestamp": MILLISECONDS, "ltp": 101.0}}}
    assert client.account.missing == {("*", "NSE"): 1}


def test_a_talkative_client_says_what_the_sdk_says(
    played: Played, capsys: pytest.CaptureFixture[str]
) -> None:
    client = connected(played)
    client.verbose = 1
    client.connect()
    client.subscribe_ltp([SBIN])
    client.disconnect()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "[WS]     Connected to ws://127.0.0.1:8765"
    assert lines[2] == "[SUB]    NSE:SBIN | Mode: LTP | Status: success"
    assert lines[-1] == "[WS]     Disconnected from ws://127.0.0.1:8765"
