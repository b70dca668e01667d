"""Raw HTTP to OpenAlgo's host is answered as its server does: the real SDK, pointed at these
answers, says what the stand-in says; what the SDK cannot send is asked directly."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
import textwrap
import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapeback.broker.client import OpenAlgoCalls
from tapeback.broker.http_answers import HttpAnswers, call_of
from tapeback.broker.http_endpoints import FETCHED, POSTED
from tapeback.broker.http_wire import HttpAnswer
from tapeback.market.candles import Candles
from tapeback.utils.clock import DAY_NS, MINUTE_NS
from tests.broker.conftest import OPEN, Awake, bars

needs_sdk = pytest.mark.skipif(
    find_spec("openalgo") is None or not version("openalgo").startswith("1."),
    reason="needs openalgo 1.x, which sends each request by itself",
)

HOST = "http://127.0.0.1:5000"
EXPIRY = "04JAN24"
SBIN = {"symbol": "SBIN", "exchange": "NSE"}
CALL = {"symbol": f"NIFTY{EXPIRY}21500CE", "exchange": "NFO"}
PUT = {"symbol": f"NIFTY{EXPIRY}21500PE", "exchange": "NFO"}
NIFTY = {"underlying": "NIFTY", "exchange": "NSE_INDEX", "expiry_date": EXPIRY}
OPTION = {**NIFTY, "offset": "ATM", "option_type": "CE"}
DAYS = {"start_date": "2023-12-01", "end_date": "2024-12-31"}
ORDER = {**SBIN, "action": "BUY", "product": "MIS", "quantity": 1, "strategy": "raw"}
STRIKES = (21_400, 21_500, 21_600)
NOON = OPEN + DAY_NS + 7 * MINUTE_NS + MINUTE_NS // 3


def market() -> list[Candles]:
    """SBIN, NIFTY and its options on three dates of twelve minutes."""
    closes = [100 + (7 * n % 11) / 20 for n in range(36)]
    index = [21_400 + close for close in closes]
    series = [
        bars(closes, per_day=12, **SBIN),
        bars(index, per_day=12, symbol="NIFTY", exchange="NSE_INDEX", volume=0),
    ]
    for strike in STRIKES:
        for kind in ("CE", "PE"):
            premium = [close + 21_500 / 200 - (strike - 21_500) / 4 for close in closes]
            symbol = f"NIFTY{EXPIRY}{strike}{kind}"
            series.append(bars(premium, per_day=12, symbol=symbol, exchange="NFO", oi=500))
    return series


class InProcess(httpx.BaseTransport):
    """Takes requests to the answers instead of to a host."""

    def __init__(self, answers: HttpAnswers) -> None:
        self._answers = answers

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._answers(
            request.method, str(request.url), dict(request.headers), request.read()
        )
        return httpx.Response(answer.status, headers=dict(answer.headers), content=answer.body)


def real_sdk() -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return import_module("openalgo")


class Twins:
    """Two accounts with one market: one is asked by the stand-in, the other by the real SDK over
    HTTP."""

    def __init__(self, patch: pytest.MonkeyPatch, fidelity: str) -> None:
        series = market()
        self.stand_in_world = Awake(series, fidelity=fidelity)
        self.http_world = Awake(series, fidelity=fidelity)
        self.stand_in = self.stand_in_world.client
        self.sdk = real_sdk().api(api_key="key", host=HOST)
        connection = httpx.Client(transport=InProcess(HttpAnswers(self.http_world.account)))
        patch.setattr(httpx, "post", connection.post)
        patch.setattr(httpx, "get", connection.get)

    def at(self, ts: int) -> None:
        self.stand_in_world.at(ts)
        self.http_world.at(ts)

    def ask(self, name: str, *args: Any, **fields: Any) -> Any:
        """What both say to a call of the SDK; they say the same."""
        expected = getattr(self.stand_in, name)(*args, **fields)
        with warnings.catch_warnings():
            # The SDK calls pandas in ways that end with pandas 4.
            warnings.simplefilter("ignore")
            told = getattr(self.sdk, name)(*args, **fields)
        if isinstance(expected, pd.DataFrame):
            pd.testing.assert_frame_equal(told, expected, check_freq=False)
        else:
            # As text: numbers of one type, keys in one order.
            assert json.dumps(told) == json.dumps(expected), name
        self.stand_in_world.tape.meet()
        self.http_world.tape.meet()
        return told


@pytest.fixture
def patch() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(params=["live", "sandbox"])
def twins(request: pytest.FixtureRequest, patch: pytest.MonkeyPatch) -> Twins:
    twins = Twins(patch, request.param)
    twins.at(NOON)
    return twins


ASKS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("quotes", (), SBIN),
    ("quotes", (), {**SBIN, "exchange": "NASDAQ"}),
    ("quotes", (), {**SBIN, "symbol": "NOPE"}),
    ("quotes", (), {**SBIN, "colour": "red"}),
    ("multiquotes", (), {"symbols": [SBIN, {"symbol": "NOPE", "exchange": "NSE"}, CALL]}),
    ("multiquotes", (), {"symbols": []}),
    ("multiquotes", (), {"symbols": [{"symbol": "SBIN"}, 7]}),
    ("depth", (), CALL),
    ("symbol", (), CALL),
    ("symbol", (), {**SBIN, "symbol": "NOPE"}),
    ("search", (), {"query": "NIFTY 21500"}),
    ("search", (), {"query": "NOTHING"}),
    ("search", (), {"query": "NIFTY", "exchange": "NFO"}),
    ("intervals", (), {}),
    ("interval", (), {}),
    ("expiry", (), {"symbol": "NIFTY", "exchange": "NFO", "instrumenttype": "options"}),
    ("expiry", (), {"symbol": "NIFTY", "exchange": "NSE", "instrumenttype": "shares"}),
    ("instruments", (), {}),
    ("instruments", (), {"exchange": "NFO"}),
    ("instruments", (), {"exchange": "MCX"}),
    ("instruments", (), {"exchange": "NASDAQ"}),
    ("syntheticfuture", (), NIFTY),
    ("syntheticfuture", (), {**NIFTY, "expiry_date": "11JAN24"}),
    ("optionsymbol", (), OPTION),
    ("optionsymbol", (), {**OPTION, "offset": "OTM51"}),
    ("optionsymbol", (), {**OPTION, "offset": "OTM9"}),
    ("optionchain", (), {**NIFTY, "strike_count": 2, "with_greeks": True}),
    ("optionchain", (), {"underlying": "NIFTY", "exchange": "NSE_INDEX"}),
    ("optiongreeks", (), {**CALL, "interest_rate": 6.5}),
    ("optiongreeks", (), {**CALL, "interest_rate": 101}),
    ("funds", (), {}),
    ("orderbook", (), {}),
    ("tradebook", (), {}),
    ("positionbook", (), {}),
    ("holdings", (), {}),
    ("holdings", (), {"colour": "red"}),
    ("margin", (), {"positions": [{**SBIN, "action": "BUY", "product": "MIS", "pricetype": "MARKET",
                                   "quantity": 3}]}),
    ("margin", (), {"positions": [{"symbol": "SBIN"}]}),
    ("analyzerstatus", (), {}),
    ("analyzertoggle", (True,), {}),
    ("analyzertoggle", ("perhaps",), {}),
    ("holidays", (), {}),
    ("holidays", (2024,), {}),
    ("holidays", (2051,), {}),
    ("timings", ("2024-01-02",), {}),
    ("timings", ("2024-01-26",), {}),
    ("timings", ("soon",), {}),
    ("telegram", (), {"username": "me", "message": "₹ 5"}),
    ("telegram", (), {"username": "me", "message": "", "priority": 5}),
    ("openposition", (), {**SBIN, "product": "MIS"}),
    ("openposition", (), {**SBIN, "product": "BO"}),
    ("orderstatus", (), {"order_id": "123"}),
    ("cancelorder", (), {"order_id": "123"}),
    ("modifyorder", (), {**ORDER, "order_id": "123", "price": 1}),
    ("cancelallorder", (), {}),
    ("closeposition", (), {}),
    ("closeposition", (), {"symbol": "SBIN"}),
    ("placeorder", (), ORDER),
    ("placeorder", (), {**ORDER, "quantity": 1.5}),
    ("placesmartorder", (), {**ORDER, "position_size": 5}),
    ("splitorder", (), {**ORDER, "quantity": 25, "splitsize": 10}),
    ("basketorder", (), {"orders": [{**SBIN, "action": "SELL", "quantity": 1}]}),
    ("basketorder", (), {"orders": [{**SBIN, "action": "HOLD", "quantity": 1}]}),
    ("optionsorder", (), {**OPTION, "action": "BUY", "quantity": 50}),
    ("optionsorder", (), {**OPTION, "action": "BUY", "quantity": 0}),
    ("optionsmultiorder", (), {**NIFTY, "strategy": "raw", "legs": [
        {"offset": "ATM", "option_type": "PE", "action": "SELL", "quantity": 50},
        {"offset": "OTM1", "option_type": "PE", "action": "BUY", "quantity": "50"}]}),
]  # fmt: skip


@needs_sdk
@pytest.mark.parametrize("ask", ASKS, ids=[f"{at}-{name}" for at, (name, *_) in enumerate(ASKS)])
def test_the_real_sdk_hears_what_the_stand_in_says(
    twins: Twins, ask: tuple[str, tuple[Any, ...], dict[str, Any]]
) -> None:
    name, positional, fields = ask
    twins.ask(name, *positional, **fields)
    assert twins.http_world.account.messages == twins.stand_in_world.account.messages
    assert twins.http_world.account.notes == twins.stand_in_world.account.notes
    assert twins.http_world.account.missing == twins.stand_in_world.account.missing


@needs_sdk
def test_every_call_of_the_sdk_is_compared() -> None:
    api = real_sdk().api
    feed = {
        name for name, _ in inspect.getmembers(api, inspect.isfunction)
        if name.startswith(("subscribe", "unsubscribe", "get_"))
    } | {"connect", "disconnect"}  # fmt: skip
    calls = {
        name for name, _ in inspect.getmembers(api, inspect.isfunction)
        if not name.startswith("_")
    }  # fmt: skip
    assert calls - feed == {name for name, *_ in ASKS} | {"history"}


@needs_sdk
@pytest.mark.parametrize("source", ["api", "db"])
@pytest.mark.parametrize("interval", ["1m", "5m", "1h", "D", "W", "M", "45s", "Q", "2x"])
def test_history_is_the_same_frame(twins: Twins, interval: str, source: str) -> None:
    told = twins.ask("history", **SBIN, interval=interval, **DAYS, source=source)
    assert isinstance(told, pd.DataFrame) == (interval not in ("45s", "Q", "2x"))
    for other in ({**SBIN, "symbol": "NOPE"}, CALL, {**SBIN, "exchange": "X"}):
        twins.ask("history", **other, interval=interval, **DAYS, source=source)
    twins.ask("history", **SBIN, interval=interval, start_date="2023-01-01", end_date="2023-01-02")
    twins.ask("history", **SBIN, interval=interval, start_date="01-01-2024", end_date=20240102)


# Any sequence of calls -----------------------------------------------------------------------

mostly = st.sampled_from
ordered = st.fixed_dictionaries(
    {
        "symbol": mostly(["SBIN", "SBIN", "SBIN", CALL["symbol"], "NOPE"]),
        "exchange": mostly(["NSE", "NSE", "NSE", "NFO", "X"]),
        "action": mostly(["BUY", "SELL", "buy", "sell", "HOLD", ""]),
        "quantity": mostly([1, 7, "3", 50, 0, -1, 1.5, 1e9, "many"]),
        "product": mostly(["MIS", "MIS", "NRML", "CNC", "BO"]),
    },
    optional={
        "price": mostly([100.2, 99, "101.35", -1, None]),
        "trigger_price": mostly([100.3, 0, "99.5"]),
        "colour": st.just("red"),
        "strategy": mostly(["a", ""]),
    },
)
typed = st.fixed_dictionaries(
    {}, optional={"price_type": mostly(["MARKET", "LIMIT", "SL", "SL-M", "NONE"])}
)
placed = st.builds(lambda a, b: {**a, **b}, ordered, typed)
basket = st.lists(ordered.map(lambda o: {k: v for k, v in o.items() if k != "strategy"}))
legs = st.lists(
    st.fixed_dictionaries(
        {
            "offset": mostly(["ATM", "ITM1", "OTM1", "OTM2", "deep"]),
            "option_type": mostly(["CE", "PE", "ce"]),
            "action": mostly(["BUY", "SELL"]),
            "quantity": mostly([50, "100", 5]),
        },
        optional={"product": mostly(["NRML", "CNC"]), "price": mostly([1.05, "90"])},
    ),
    max_size=3,
)
steps = st.one_of(
    st.tuples(st.just("wait"), st.integers(1, 900)),
    st.tuples(st.just("placeorder"), placed),
    st.tuples(st.just("placeorder"), placed),
    st.tuples(
        st.just("placesmartorder"),
        st.builds(lambda o, s: {**o, "position_size": s}, placed, mostly([0, 5, -5, "9", "x"])),
    ),
    st.tuples(
        st.just("splitorder"),
        st.builds(lambda o, s: {**o, "splitsize": s}, placed, mostly([1, 3, "5", 0])),
    ),
    st.tuples(st.just("basketorder"), basket.map(lambda rows: {"orders": rows})),
    st.tuples(st.just("cancelorder"), st.integers(0, 9).map(lambda n: {"order_id": n})),
    st.tuples(st.just("orderstatus"), st.integers(0, 9).map(lambda n: {"order_id": n})),
    st.tuples(
        st.just("modifyorder"),
        st.builds(
            lambda o, n, p: {**o, "order_id": n, "price": p, "price_type": "LIMIT"},
            ordered, st.integers(0, 9), mostly([99.95, 0, "100.4"]),
        ),
    ),
    st.tuples(st.just("cancelallorder"), st.just({})),
    st.tuples(st.just("closeposition"), mostly([{}, {"strategy": "a"}])),
    st.tuples(
        st.just("optionsmultiorder"),
        legs.map(lambda rows: {**NIFTY, "strategy": "a", "legs": rows}),
    ),
)  # fmt: skip
BOOKS = ("orderbook", "tradebook", "positionbook", "holdings", "funds", "analyzerstatus")


@needs_sdk
@settings(max_examples=40, deadline=None)
@given(mostly(["live", "sandbox"]), st.lists(steps, min_size=1, max_size=12))
def test_any_requests_lead_to_the_same_replies_and_books(
    fidelity: str, asked: list[tuple[str, Any]]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        twins = Twins(patch, fidelity)
        ts = NOON
        twins.at(ts)
        for name, fields in asked:
            if name == "wait":
                ts += fields * MINUTE_NS // 3
                twins.at(ts)
                continue
            if "order_id" in fields:
                known = list(twins.http_world.account.simulator.orders) or ["123"]
                fields = {**fields, "order_id": known[fields["order_id"] % len(known)]}
            twins.ask(name, **fields)
        for name in BOOKS:
            twins.ask(name)
        refused = [
            [(order.symbol, order.action, order.rejection_reason) for order in orders.values()]
            for orders in (
                twins.http_world.account.simulator.orders,
                twins.stand_in_world.account.simulator.orders,
            )
        ]
        assert refused[0] == refused[1]


# What the SDK cannot send --------------------------------------------------------------------

Post = Callable[..., HttpAnswer]


class Server:
    """The answers over one account."""

    def __init__(self, fidelity: str = "live") -> None:
        self.world = Awake(market(), fidelity=fidelity)
        self.world.at(NOON)
        self.answers = HttpAnswers(self.world.account)

    def post(self, path: str, /, **fields: Any) -> HttpAnswer:
        return self.send(path, {"apikey": "key", **fields})

    def send(self, path: str, body: Any) -> HttpAnswer:
        headers = {"Content-Type": "application/json"}
        return self.answers("POST", f"{HOST}/api/v1/{path}", headers, self.written(body))

    def get(self, path: str, **headers: str) -> HttpAnswer:
        return self.answers("GET", f"{HOST}/api/v1/{path}", headers, b"")

    def alert(self, body: Any, token: str = "abc") -> tuple[int, Any]:
        url = f"{HOST}/strategy/webhook/{token}"
        answer = self.answers("POST", url, {}, self.written(body))
        return answer.status, json.loads(answer.body)

    @staticmethod
    def written(body: Any) -> bytes:
        return body if isinstance(body, bytes) else json.dumps(body).encode()


@pytest.fixture
def server() -> Server:
    return Server()


def told(answer: HttpAnswer, status: int = 200) -> Any:
    assert answer.status == status, answer
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.body.endswith(b"\n")
    return json.loads(answer.body)


def test_the_bytes_are_openalgos(server: Server) -> None:
    assert server.post("openposition", **SBIN, product="MIS", strategy="a").body == (
        b'{"quantity":"0","status":"success"}\n'
    )
    assert server.post("quotes/", **{**SBIN, "symbol": "₹"}).body == (
        b"{\"message\":\"Symbol '\\u20b9' not found for exchange 'NSE'. Please verify the symbol "
        b'name and ensure master contracts are downloaded.","status":"error"}\n'
    )
    rows = told(server.post("history", **SBIN, interval="1m", **DAYS))["data"]
    assert list(rows[0]) == ["close", "high", "low", "oi", "open", "timestamp", "volume"]
    assert rows[0]["timestamp"] * 1_000_000_000 == OPEN
    assert {type(rows[0][name]) for name in ("oi", "timestamp", "volume")} == {int}
    # These two do not sort their keys.
    symbol = told(server.post("optionsymbol", **OPTION))
    assert list(symbol)[:3] == ["status", "symbol", "exchange"]
    assert list(told(server.post("optionchain", **NIFTY)))[-1] == "chain"


def test_numbers_may_be_numbers_or_text(server: Server) -> None:
    for price in (100, 100.0, "100"):
        order = {**ORDER, "pricetype": "LIMIT", "price": price}
        assert told(server.post("placeorder", **order))["status"] == "success"
    orders = list(server.world.account.simulator.orders.values())
    assert [(order.pricetype, order.price) for order in orders] == [("LIMIT", 100.0)] * 3
    orderid = orders[0].orderid
    assert told(server.post("orderstatus", orderid=orderid, strategy="a"))["data"]["price"] == 100


@pytest.mark.parametrize("fidelity", ["live", "sandbox"])
def test_what_is_missing_is_told_in_two_forms(fidelity: str) -> None:
    server = Server(fidelity)
    mode = {"mode": "analyze"} if fidelity == "sandbox" else {}
    missing = ["Missing data for required field."]
    reply = told(server.post("placeorder", **SBIN, strategy="a", action="BUY"), 400)
    assert reply == {"message": str({"quantity": missing}), **mode, "status": "error"}
    assert told(server.post("quotes", symbol="SBIN"), 400) == {
        "message": {"exchange": missing}, "status": "error",
    }  # fmt: skip
    assert told(server.post("gttorderbook", status="old"), 400) == {
        "message": {"status": ["Must be one of: active, all."]}, **mode, "status": "error",
    }  # fmt: skip
    # An order that could not be read is kept as refused; nobody finds it by its id.
    (order,) = server.world.account.simulator.orders.values()
    assert (order.status, order.symbol) == ("rejected", "SBIN")
    assert told(server.post("orderstatus", orderid=order.orderid, strategy="a"), 404)


@pytest.mark.parametrize("path", sorted(POSTED))
def test_every_request_needs_a_key_and_an_object(server: Server, path: str) -> None:
    for key in ({}, {"apikey": ""}, {"apikey": None}, {"apikey": 7}, {"apikey": "k" * 257}):
        assert "apikey" in json.dumps(told(server.send(path, key), 400)["message"])
    for body in (b"", b"{", b"\xff", b"[" * 100_000, b"apikey=key"):
        assert told(server.send(path, body), 400)["status"] == "error"
    for thing in ([], "text", 7, None):
        assert "Invalid input type." in json.dumps(told(server.send(path, thing), 400))
    if path not in FETCHED:
        answer = server.get(f"{path}?apikey=key")
        assert answer.headers["Allow"] == "POST"
        assert told(answer, 405)["status"] == "error"
    assert not server.world.account.simulator.fills


def test_nothing_is_sent_without_a_key(server: Server) -> None:
    assert server.send("placeorder", {**ORDER, "apikey": ""}).status == 400
    assert server.send("cancelallorder", {"strategy": "a"}).status == 400
    (order,) = server.world.account.simulator.orders.values()
    assert order.status == "rejected"


@pytest.mark.parametrize(
    "path", ["", "placeorders", "quotes/SBIN", "telegram", "telegram/stats", "market", "sip"]
)
def test_unknown_paths(server: Server, path: str) -> None:
    assert told(server.post(path), 404)["status"] == "error"
    assert told(server.get(f"{path}?apikey=key"), 404)["status"] == "error"


def test_hosts_and_versions_do_not_matter_but_the_api_does(server: Server) -> None:
    body = json.dumps({"apikey": "k", **SBIN}).encode()
    headers = {"content-type": "application/json; charset=utf-8"}
    for url in ("https://algo.example:7000/api/v1/quotes/", f"{HOST}/api/v1/quotes?x=1"):
        assert told(server.answers("POST", url, headers, body))["data"]["ltp"]
    assert server.answers("POST", f"{HOST}/quotes", headers, body).status == 404
    assert server.answers("PUT", f"{HOST}/api/v1/instruments", headers, body).status == 405
    assert server.world.account.notes == {}
    assert told(server.answers("POST", f"{HOST}/api/v1/quotes", {}, body))["data"]["ltp"]
    assert list(server.world.account.notes) == ["http-content-type"]


def test_instruments(server: Server) -> None:
    reply = told(server.get("instruments?apikey=key"))
    assert reply["message"] == "Found 8 instruments"
    assert {row["exchange"] for row in reply["data"]} == {"NSE", "NSE_INDEX", "NFO"}
    assert told(server.get("instruments/?apikey=key&exchange=MCX"))["data"] == []
    assert told(server.get("instruments"), 401)
    assert told(server.get("instruments?apikey=key&exchange=X"), 400)["message"]["exchange"]
    assert told(server.get("instruments", **{"X-API-KEY": "key"}))["data"] == reply["data"]
    listed = server.get("instruments?apikey=key&exchange=NSE&format=csv")
    assert listed.headers["Content-Type"] == "text/csv"
    assert listed.body.decode().splitlines() == [
        "symbol,brsymbol,name,exchange,brexchange,token,expiry,strike,lotsize,instrumenttype,"
        "tick_size",
        f"SBIN,SBIN,SBIN,NSE,NSE,{reply['data'][0]['token']},,0.0,1,EQ,0.05",
    ]


def test_ticker(server: Server) -> None:
    ask = "?apikey=key&from=2024-01-01&to=2024-01-02"
    days = told(server.get(f"ticker/NSE:SBIN{ask}"))["data"]
    for row in days:
        assert list(row) == ["close", "high", "low", "open", "timestamp", "volume"]
    assert [row["timestamp"] for row in days] == [1_704_067_200, 1_704_153_600]
    minutes = told(server.get(f"ticker/NSE%3ASBIN{ask}&interval=5m&sort=desc"))["data"]
    assert [row["timestamp"] for row in minutes][-1] == OPEN // 1_000_000_000
    stamps = f"?apikey=key&interval=5m&from={OPEN // 1_000_000}&to={NOON // 1_000_000}&sort=desc"
    assert told(server.get(f"ticker/NSE:SBIN{stamps}"))["data"] == minutes
    text = server.get(f"ticker/NSE:SBIN{ask}&interval=5m&format=txt")
    assert text.headers["Content-Type"] == "text/plain"
    lines = text.body.decode().splitlines()
    assert lines[0] == "NSE:SBIN,2024-01-01,09:15:00,100.0,101.0,99.5,100.3,50000"
    assert len(lines) == len(minutes)
    dates = server.get(f"ticker/NSE:SBIN{ask}&format=txt").body.decode().splitlines()
    assert dates[0].startswith("NSE:SBIN,2024-01-01,100.0,")
    assert told(server.get(f"ticker/SBIN{ask}"), 400)
    assert told(server.get("ticker/NSE:SBIN?apikey=key"), 400)["message"].keys() == {"from", "to"}
    assert "not found" in told(server.get(f"ticker/NSE:NOPE{ask}"), 400)["message"]
    past = "?apikey=key&from=2020-01-01&to=2020-01-02"
    assert told(server.get(f"ticker/NSE:SBIN{past}")) == {"data": [], "status": "success"}


def test_history_without_rows(server: Server) -> None:
    past = {"interval": "1m", "start_date": "2020-01-01", "end_date": "2020-01-02"}
    assert told(server.post("history", **SBIN, **past)) == {"data": [], "status": "success"}
    assert "Historify" in told(server.post("history", **SBIN, **past, source="db"), 404)["message"]


def test_ping_and_chart(server: Server) -> None:
    assert told(server.post("ping")) == {
        "data": {"broker": "zerodha", "message": "pong"}, "status": "success",
    }  # fmt: skip
    assert told(server.post("chart"), 400)["status"] == "error"
    assert told(server.post("chart", tv_theme="dark", layout={"a": 1}))["status"] == "success"
    told(server.post("chart", tv_theme="light"))
    kept = told(server.get("chart?apikey=key"))["data"]
    assert list(kept.items()) == [("layout", {"a": 1}), ("tv_theme", "light")]


def test_pnl_by_symbol_is_the_analyzers() -> None:
    server = Server("sandbox")
    told(server.post("placeorder", **ORDER))
    server.world.tape.meet()
    reply = told(server.post("pnl/symbols"))
    (row,) = reply["data"]
    assert (row["symbol"], row["product"], row["quantity"]) == ("SBIN", "MIS", 1)
    assert row["total_pnl_today"] == row["pnl"] == reply["total_pnl_today"]
    assert reply["mode"] == "analyze"
    assert "analyzer" in told(Server("live").post("pnl/symbols"), 400)["message"]


def test_greeks_of_several(server: Server) -> None:
    other = {"symbol": "NOPE", "exchange": "NFO"}
    reply = told(server.post("multioptiongreeks", symbols=[CALL, other, PUT], interest_rate=6))
    assert reply["summary"] == {"failed": 1, "success": 2, "total": 3}
    first, failed, _ = reply["data"]
    assert first == told(server.post("optiongreeks", **CALL, interest_rate=6))
    assert (failed["status"], failed["symbol"]) == ("error", "NOPE")
    assert "not found" in failed["message"]
    for wrong in ([], [CALL] * 51, [{"symbol": "X"}], [7], "X"):
        assert "symbols" in told(server.post("multioptiongreeks", symbols=wrong), 400)["message"]


def test_whatsapp_is_recorded(server: Server) -> None:
    several = ["1", "2", "3", "4", "5", "6"]
    assert told(server.post("whatsapp/notify", self=True, message="hi"))["queued"] == 1
    sent = told(
        server.post("whatsapp/notify", phones=several, message="hi", wait_for_delivery=True)
    )
    assert sent["data"] == {"failed": [], "sent": several[:5], "skipped": 1}
    told(server.post("whatsapp/notify", username="me", image_path="a.png", caption="see"))
    messages = server.world.account.messages
    assert [message.to for message in messages] == ["<self>", *several[:5], "me"]
    assert messages[-1].text == "see a.png"
    two = {"self": True, "phone": "1", "message": "x"}
    for wrong in ({"message": "hi"}, {"self": True}, two, {"phones": "123", "message": "x"}):
        assert told(server.post("whatsapp/notify", **wrong), 400)["status"] == "error"
    assert len(messages) == 7


@pytest.mark.parametrize("fidelity", ["live", "sandbox"])
def test_gtt(fidelity: str) -> None:
    server = Server(fidelity)
    order = {**SBIN, "strategy": "a", "trigger_type": "SINGLE", "action": "BUY", "product": "CNC",
             "quantity": 10, "pricetype": "LIMIT", "price": 95, "triggerprice_sl": 96}  # fmt: skip
    # Unknown fields are passed over, whatever they are called.
    placed = told(server.post("placegttorder", **order, colour="red", self="x", account=1))
    number = placed["trigger_id"]
    (row,) = told(server.post("gttorderbook"))["data"]
    assert (row["trigger_id"], row["trigger_prices"]) == (number, [96.0])
    changed = {**order, "triggerprice_sl": 97, "trigger_id": number}
    assert told(server.post("modifygttorder", **changed))["trigger_id"] == number
    assert told(server.post("gttorderbook"))["data"][0]["trigger_prices"] == [97.0]
    assert told(server.post("cancelgttorder", strategy="a", trigger_id="GTT-1"), 404)
    told(server.post("cancelgttorder", strategy="a", trigger_id=number))
    again = told(server.post("cancelgttorder", strategy="a", trigger_id=number), 400)
    assert "cancelled" in again["message"]
    both = told(server.post("placegttorder", **order, triggerprice_tg=105), 400)
    assert "exactly one" in both["message"]
    unknown = server.post("cancelgttorder", strategy="a", trigger_id=number, colour="red")
    assert told(unknown, 400)["message"] == {"colour": ["Unknown field."]}


def test_strategies_of_the_server_are_not_simulated(server: Server) -> None:
    for path in ("strategy/list", "strategy/start", "strategy"):
        assert "not simulated" in told(server.post(path, strategy_id=1), 404)["message"]
    assert list(server.world.account.notes) == ["server-strategies"]


# Webhooks ------------------------------------------------------------------------------------


def test_an_alert_brings_the_position_to_its_size(server: Server) -> None:
    queued = (200, {"message": "Order queued successfully for SBIN"})
    assert server.alert({"symbol": "SBIN", "action": "buy", "position_size": "5"}) == queued
    server.world.tape.meet()
    assert server.world.account.service.net_quantity("SBIN", "NSE") == 5
    assert server.alert({"symbol": "SBIN", "action": "SELL", "position_size": 0, "x": 1}) == queued
    server.world.tape.meet()
    assert server.world.account.service.net_quantity("SBIN", "NSE") == 0
    assert list(server.world.account.notes) == ["webhook-assumed"]


@needs_sdk
def test_the_sdks_own_webhook_client(patch: pytest.MonkeyPatch, server: Server) -> None:
    connection = httpx.Client(transport=InProcess(server.answers))
    patch.setattr(httpx, "post", connection.post)
    strategy = real_sdk().Strategy(HOST, "abc")
    assert strategy.strategyorder("SBIN", "buy", 3) == {
        "message": "Order queued successfully for SBIN"
    }
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        strategy.strategyorder("SBIN", "BUY")
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        strategy.strategyorder("SBIN", "BUY", -3)
    assert "position_size" in server.world.account.notes["webhook-refused"]


@pytest.mark.parametrize(
    "alert",
    [
        b"", None, [], "BUY", {}, {"symbol": "SBIN"}, {"symbol": 5, "action": "BUY"},
        {"symbol": "SBIN", "action": "BUY", "position_size": "all"},
        {"symbol": "SBIN", "action": "HOLD", "position_size": 1},
    ],
)  # fmt: skip
def test_an_alert_that_cannot_be_understood(server: Server, alert: Any) -> None:
    status, body = server.alert(alert)
    assert (status, list(body)) == (400, ["error"])
    assert not server.world.account.simulator.orders


def test_other_alerts(server: Server) -> None:
    for action in ("start", " Stop ", "long_entry"):
        status, body = server.alert({"action": action, "mode": "sandbox"}, "oaws_x")
        assert (status, body["status"]) == (404, "error")
    assert server.alert({"action": "BUY"}, "")[0] == 404
    answer = server.answers("GET", f"{HOST}/strategy/webhook/abc", {}, b"")
    assert answer.status == 405


# The calls of the SDK behind the URLs --------------------------------------------------------


def test_the_call_behind_a_url() -> None:
    named = {endpoint.call for endpoint in (*POSTED.values(), *FETCHED.values())} - {""}
    assert all(callable(getattr(OpenAlgoCalls, name)) for name in named)
    assert call_of(f"{HOST}/api/v1/placeorder/") == "placeorder"
    assert call_of(f"{HOST}/api/v1/market/holidays?x=1") == "holidays"
    assert call_of(f"{HOST}/strategy/webhook/abc") == "strategyorder"
    assert call_of(f"{HOST}/api/v1/ping") == call_of(HOST) == call_of(f"{HOST}/api/v1/x") == ""


# Other libraries -----------------------------------------------------------------------------

BOT = """
import json
from urllib.error import HTTPError
from urllib.request import Request, urlopen
import requests

def ask(path, **fields):
    return requests.post(f"{HOST}/api/v1/{path}", json={"apikey": "k", **fields}, timeout=5)

SBIN = {"symbol": "SBIN", "exchange": "NSE"}
before = ask("quotes", **SBIN)
assert before.status_code == 200 and before.headers["Content-Type"] == "application/json"
order = {**SBIN, "strategy": "raw", "action": "BUY", "quantity": 2, "product": "MIS"}
placed = ask("placeorder", **order).json()
assert placed["status"] == "success", placed
refused = ask("placeorder", **{**order, "action": "HOLD"})
assert (refused.status_code, refused.ok) == (400, False), refused.text
with requests.Session() as session:
    rows = session.get(f"{HOST}/api/v1/instruments", params={"apikey": "k"}).json()["data"]
assert [row["symbol"] for row in rows] == ["SBIN"]
body = json.dumps({"apikey": "k", **SBIN, "interval": "1m", "start_date": "2024-01-01",
                   "end_date": "2024-01-01"}).encode()
request = Request(f"{HOST}/api/v1/history", body, {"Content-Type": "application/json"})
bars = json.load(urlopen(request))["data"]
try:
    urlopen(f"{HOST}/api/v1/nowhere")
except HTTPError as error:
    assert (error.code, json.load(error)["status"]) == (404, "error")
print(placed["orderid"], before.json()["data"]["ltp"], len(bars), bars[-1]["close"])
"""


@pytest.mark.skipif(find_spec("requests") is None, reason="needs requests")
def test_requests_and_urllib_in_a_script(tmp_path: Path) -> None:
    """In a process of its own: the libraries are changed for good."""
    bot = tmp_path / "bot.py"
    bot.write_text(BOT, encoding="utf-8")
    run = f"""
    from pathlib import Path
    from tapeback.bots.isolation.web import OpenAlgoPlaces, answer_requests
    from tapeback.broker.http_answers import HttpAnswers
    from tests.broker.conftest import OPEN, Awake, bars
    world = Awake([bars([100.0, 101.0, 102.0])])
    world.at(OPEN + 150 * 10**9)
    answer_requests(HttpAnswers(world.account), OpenAlgoPlaces())
    source = Path({str(bot)!r}).read_text(encoding="utf-8")
    exec(compile(source, "bot.py", "exec"), {{"HOST": "http://127.0.0.1:5000"}})
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(run)],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[0] == "24010100000001"
    assert done.stdout.split()[2:] == ["3", done.stdout.split()[1]]
