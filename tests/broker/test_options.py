"""Options by underlying and offset: which contract, at what price, with which Greeks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import pytest

from tapeback.broker.account import Account
from tapeback.broker.client import MockOpenAlgoClient
from tapeback.market import black76
from tapeback.market.candles import Candles
from tapeback.market.instruments import instrument_of
from tapeback.models.instrument import Instrument
from tapeback.utils.clock import day_of
from tests.broker.conftest import Played, bars, run_script

Play = Callable[..., Played]
EXPIRY = "25JAN24"
NIFTY = {"underlying": "NIFTY", "exchange": "NSE_INDEX", "expiry_date": EXPIRY}
STRIKES = (21_400, 21_450, 21_500, 21_550, 21_600)
SPOT = 21_510.0
FORWARD = 21_560.0
# From 09:20 on 1 January to 15:30 on the day of expiry.
YEARS = (24 * 1440 + 370) / 1440 / 365


def premium(strike: float, kind: str) -> float:
    return round(black76.price(kind == "CE", FORWARD, strike, YEARS, 0.14), 2)


def market(strikes: Sequence[int] = STRIKES) -> list[Candles]:
    """NIFTY and its January options over five minutes, still but for a paisa."""
    series = [bars([SPOT] * 5, symbol="NIFTY", exchange="NSE_INDEX", volume=0)]
    for strike in strikes:
        for kind in ("CE", "PE"):
            symbol = f"NIFTY{EXPIRY}{strike}{kind}"
            closes = [premium(strike, kind)] * 5
            series.append(bars(closes, symbol=symbol, exchange="NFO", width=0.05, oi=500))
    return series


@pytest.fixture(scope="module")
def client() -> MockOpenAlgoClient:
    return run_script(None, market()).client


def error(reply: dict[str, Any], code: int) -> str:
    assert (reply["status"], reply["code"]) == ("error", code), reply
    return str(reply["message"])


@pytest.mark.parametrize(
    ("offset", "kind", "strike"),
    [
        ("ATM", "CE", 21_500), ("ATM", "PE", 21_500), ("ITM1", "CE", 21_450),
        ("OTM1", "CE", 21_550), ("ITM2", "PE", 21_600), ("OTM2", "PE", 21_400),
        ("otm1", "ce", 21_550),
    ],
)  # fmt: skip
def test_an_offset_counts_listed_strikes(
    client: MockOpenAlgoClient, offset: str, kind: str, strike: int
) -> None:
    reply = client.optionsymbol(**NIFTY, offset=offset, option_type=kind)
    assert reply == {
        "status": "success",
        "symbol": f"NIFTY{EXPIRY}{strike}{kind.upper()}",
        "exchange": "NFO",
        "lotsize": 50,
        "tick_size": 0.05,
        "freeze_qty": 1800,
        "underlying_ltp": SPOT,
    }


def test_strikes_need_not_be_evenly_spaced_and_the_lower_of_two_is_the_nearest() -> None:
    client = run_script(None, market((21_400, 21_480, 21_540, 21_700))).client
    told = [
        client.optionsymbol(**NIFTY, offset=offset, option_type="CE")["symbol"]
        for offset in ("ITM1", "ATM", "OTM1")
    ]
    assert told == [f"NIFTY{EXPIRY}{strike}CE" for strike in (21_400, 21_480, 21_540)]


def test_the_expiry_may_stand_in_the_name_and_a_named_one_wins(client: MockOpenAlgoClient) -> None:
    ask = {"exchange": "NFO", "offset": "ATM", "option_type": "CE"}
    inside = client.optionsymbol(underlying="NIFTY25JAN2421450CE", **ask)
    assert inside["symbol"] == "NIFTY25JAN2421500CE"
    other = client.optionsymbol(underlying="NIFTY29FEB24", expiry_date=EXPIRY, **ask)
    assert other["symbol"] == "NIFTY25JAN2421500CE"
    assert "Expiry date required" in error(client.optionsymbol(underlying="NIFTY", **ask), 400)


def test_what_cannot_be_resolved(client: MockOpenAlgoClient) -> None:
    def ask(**changed: Any) -> dict[str, Any]:
        return client.optionsymbol(**{**NIFTY, "offset": "ATM", "option_type": "CE", **changed})

    assert "5 strikes of NIFTY 25JAN24 CE are listed" in error(ask(offset="OTM9"), 400)
    assert "No strikes found for NIFTY" in error(ask(expiry_date="29FEB24"), 404)
    assert "Invalid expiry date" in error(ask(expiry_date="31FEB24"), 400)
    assert "Could not fetch LTP of underlying BANKNIFTY" in error(ask(underlying="BANKNIFTY"), 404)
    assert "Offset must be ATM" in error(ask(offset="ITM51"), 400)
    assert '{"lots":["Unknown field."]}' in error(ask(lots=2), 400)


def test_the_older_way_reckons_strikes_by_a_step(client: MockOpenAlgoClient) -> None:
    ask = {**NIFTY, "option_type": "CE"}
    with pytest.warns(DeprecationWarning, match="strike_int"):
        found = client.optionsymbol(**ask, offset="OTM1", strike_int=100)
    assert found["symbol"] == f"NIFTY{EXPIRY}21600CE"
    with pytest.warns(DeprecationWarning, match="strike_int"):
        missing = client.optionsymbol(**ask, offset="OTM9", strike_int=100)
    assert "NIFTY25JAN2422400CE not found in NFO" in error(missing, 404)
    with pytest.warns(DeprecationWarning, match="strategy"):
        client.optionsymbol(**ask, offset="ATM", strategy="old")


def test_the_chain(client: MockOpenAlgoClient) -> None:
    chain = client.optionchain(**NIFTY)
    assert [row["strike"] for row in chain["chain"]] == list(STRIKES)
    head = {name: chain[name] for name in chain if name != "chain"}
    assert head == {
        "status": "success",
        "underlying": "NIFTY",
        "underlying_symbol": "NIFTY",
        "underlying_exchange": "NSE_INDEX",
        "underlying_ltp": SPOT,
        "underlying_prev_close": SPOT,
        "expiry_date": EXPIRY,
        "expiry_ts": 1706176800,
        "server_ts": 1704081000,
        "atm_strike": 21_500.0,
        "quotes_included": True,
        "greeks_included": False,
        "forward_price": pytest.approx(FORWARD, abs=0.02),
    }
    labels = [(row["ce"]["label"], row["pe"]["label"]) for row in chain["chain"]]
    assert labels == [
        ("ITM2", "OTM2"), ("ITM1", "OTM1"), ("ATM", "ATM"), ("OTM1", "ITM1"), ("OTM2", "ITM2"),
    ]  # fmt: skip
    call = chain["chain"][2]["ce"]
    assert list(call) == [
        "symbol", "label", "ltp", "bid", "ask", "bid_qty", "ask_qty", "open", "high", "low",
        "prev_close", "volume", "oi", "lotsize", "tick_size",
    ]  # fmt: skip
    assert (call["ltp"], call["oi"], call["lotsize"]) == (premium(21_500, "CE"), 500, 50)


def test_a_few_strikes_of_the_chain_with_greeks(client: MockOpenAlgoClient) -> None:
    chain = client.optionchain(**NIFTY, strike_count=1, with_greeks=True)
    assert [row["strike"] for row in chain["chain"]] == [21_450, 21_500, 21_550]
    for row in chain["chain"]:
        assert row["ce"]["iv"] == pytest.approx(14.0, abs=0.05)
        assert row["ce"]["delta"] - row["pe"]["delta"] == pytest.approx(1.0, abs=1e-3)
    assert "expiry_date" not in error(client.optionchain(**NIFTY, strike_count=0), 400)


def test_greeks_of_one_option(client: MockOpenAlgoClient) -> None:
    symbol = f"NIFTY{EXPIRY}21500CE"
    told = client.optiongreeks(symbol=symbol, exchange="NFO")
    greeks = told.pop("greeks")
    assert told == {
        "days_to_expiry": round(YEARS * 365, 4),
        "exchange": "NFO",
        "expiry_date": "25-Jan-2024",
        "implied_volatility": pytest.approx(14.0, abs=0.02),
        "interest_rate": 0.0,
        "option_price": premium(21_500, "CE"),
        "option_type": "CE",
        "spot_price": pytest.approx(FORWARD, abs=0.02),
        "status": "success",
        "strike": 21_500.0,
        "symbol": symbol,
        "underlying": "NIFTY",
    }
    assert list(greeks) == ["delta", "gamma", "rho", "theta", "vega"]
    expected = black76.greeks(True, FORWARD, 21_500, YEARS, 0.14)._asdict()
    assert greeks == pytest.approx(expected, rel=2e-3)
    spot = client.optiongreeks(
        symbol=symbol, exchange="NFO", underlying_symbol="NIFTY", underlying_exchange="NSE_INDEX"
    )
    assert spot["spot_price"] == SPOT
    given = client.optiongreeks(symbol=symbol, exchange="NFO", forward_price=22_500)
    assert (given["spot_price"], given["implied_volatility"]) == (22_500.0, 0.0)
    assert given["greeks"]["delta"] == 1.0
    later = client.optiongreeks(symbol=symbol, exchange="NFO", expiry_time="17:00")
    assert later["days_to_expiry"] == pytest.approx(told["days_to_expiry"] + 90 / 1440, abs=1e-4)
    assert "HH:MM" in error(
        client.optiongreeks(symbol=symbol, exchange="NFO", expiry_time="5pm"), 400
    )
    assert "not found" in error(client.optiongreeks(symbol="NOPE", exchange="NFO"), 400)


def test_the_synthetic_future(client: MockOpenAlgoClient) -> None:
    assert client.syntheticfuture(**NIFTY) == {
        "atm_strike": 21_500.0,
        "expiry": EXPIRY,
        "status": "success",
        "synthetic_future_price": pytest.approx(FORWARD, abs=0.02),
        "underlying": "NIFTY",
        "underlying_ltp": SPOT,
    }


@pytest.mark.parametrize("fidelity", ["live", "sandbox"])
def test_an_option_order(play: Play, fidelity: str) -> None:
    replies: list[dict[str, Any]] = []

    def script(client: MockOpenAlgoClient, bar: int, _: Any) -> None:
        if bar == len(market()):
            order = {**NIFTY, "option_type": "CE", "action": "buy", "offset": "OTM1"}
            replies.append(client.optionsorder(**order, quantity=50, product="NRML"))
            replies.append(client.optionsorder(**order, quantity=120, splitsize=50))
            replies.append(client.optionsorder(**order, quantity=10))
            replies.append(client.optionsorder(**order, quantity=50, product="CNC"))

    run = play(script, market(), fidelity=fidelity)
    mode = {"mode": "analyze"} if fidelity == "sandbox" else {}
    said = {
        "exchange": "NFO", **mode, "offset": "OTM1", "option_type": "CE",
        "symbol": f"NIFTY{EXPIRY}21550CE", "underlying": "NIFTY", "underlying_ltp": SPOT,
    }  # fmt: skip
    single, split, odd, delivery = replies
    assert single == {**said, "orderid": "24010100000001", "status": "success"}
    assert list(single) == sorted(single)
    assert {name: split[name] for name in said} == said
    assert (split["total_quantity"], split["split_size"]) == (120, 50)
    assert [result["quantity"] for result in split["results"]] == [50, 50, 20]
    last = split["results"][2]["status"]
    assert last == ("error" if fidelity == "sandbox" else "success")
    if fidelity == "sandbox":
        assert "lot size 50" in error(odd, 400)
    else:
        assert run.service.simulator.orders[odd["orderid"]].status == "rejected"
    assert "{'product': ['Must be one of: MIS, NRML.']}" in error(delivery, 400)
    assert run.orders[0].status == "complete"


def test_several_legs_buys_first_answered_in_their_order(play: Play) -> None:
    replies: list[dict[str, Any]] = []
    legs = [
        {"offset": "OTM1", "option_type": "CE", "action": "SELL", "quantity": "50"},
        {"offset": "OTM2", "option_type": "CE", "action": "BUY", "quantity": 50, "splitsize": 1},
        {"offset": "OTM9", "option_type": "PE", "action": "BUY", "quantity": 50},
        {
            "offset": "OTM1", "option_type": "PE", "action": "SELL", "quantity": 50,
            "pricetype": "LIMIT", "price": "900", "product": "NRML",
        },
    ]  # fmt: skip

    def script(client: MockOpenAlgoClient, bar: int, _: Any) -> None:
        if bar == len(market()):
            replies.append(client.optionsmultiorder(strategy="Condor", **NIFTY, legs=legs))

    run = play(script, market(), fidelity="sandbox")
    (reply,) = replies
    assert (reply["status"], reply["underlying"], reply["underlying_ltp"]) == (
        "success", "NIFTY", SPOT,
    )  # fmt: skip
    results = reply["results"]
    assert [result["leg"] for result in results] == [1, 2, 3, 4]
    assert [result["status"] for result in results] == ["success", "success", "error", "success"]
    assert "out of range" in results[2]["message"]
    assert "orderid" not in results[2]
    assert results[0] == {
        "action": "SELL", "exchange": "NFO", "leg": 1, "mode": "analyze", "offset": "OTM1",
        "option_type": "CE", "orderid": "24010100000002", "product": "MIS", "status": "success",
        "symbol": f"NIFTY{EXPIRY}21550CE",
    }  # fmt: skip
    assert [(order.action, order.pricetype, order.strategy) for order in run.orders] == [
        ("BUY", "MARKET", "Condor"), ("SELL", "MARKET", "Condor"), ("SELL", "LIMIT", "Condor"),
    ]  # fmt: skip


def test_legs_fail_as_in_the_sdk(client: MockOpenAlgoClient) -> None:
    with pytest.raises(KeyError, match="offset"):
        client.optionsmultiorder(strategy="s", **NIFTY, legs=[{"option_type": "CE"}])
    many = [{"offset": "ATM", "option_type": "CE", "action": "BUY", "quantity": 50}] * 21
    refused = client.optionsmultiorder(strategy="s", **NIFTY, legs=many)
    assert "legs must hold 1 to 20 entries" in error(refused, 400)
    nowhere = client.optionsmultiorder(strategy="s", **{**NIFTY, "underlying": "X"}, legs=many[:1])
    assert "Could not fetch LTP" in error(nowhere, 404)


class Board:
    """Dated contracts from outside: NIFTY's January options, listed from an instant on."""

    def __init__(self, strikes: Sequence[float], since: int = 0) -> None:
        self._strikes, self._since = list(strikes), since
        self._expiry = day_of(date(2024, 1, 25))

    def symbol(self, symbol: str, exchange: str, ts: int) -> Instrument | None:
        instrument = instrument_of(symbol, exchange)
        known = instrument.strike in self._strikes and instrument.expiry == self._expiry
        return instrument if known and ts >= self._since else None

    def expiries(self, underlying: str, exchange: str, kind: str, ts: int) -> list[int]:
        return [self._expiry] if kind == "options" and ts >= self._since else []

    def instruments(self, exchange: str, ts: int) -> list[Instrument]:
        symbols = [f"NIFTY{EXPIRY}{k:g}{kind}" for k in self._strikes for kind in ("CE", "PE")]
        return [instrument_of(symbol, "NFO") for symbol in symbols if exchange == "NFO"]

    def strikes(
        self, underlying: str, exchange: str, expiry: int, option_type: str, ts: int
    ) -> list[float]:
        return self._strikes if expiry == self._expiry and ts >= self._since else []


def test_contracts_from_outside_are_listed_and_without_bars_they_have_no_data() -> None:
    played = run_script(None, market((21_500,)))
    strikes = [21_450.0, 21_500.0, 21_550.0]
    account = Account(played.service, contracts=Board(strikes))
    client = MockOpenAlgoClient(played.service, account=account)
    found = client.optionsymbol(**NIFTY, offset="OTM1", option_type="CE")
    assert found["symbol"] == f"NIFTY{EXPIRY}21550CE"
    chain = client.optionchain(**NIFTY)["chain"]
    assert [row["ce"]["ltp"] for row in chain] == [0, premium(21_500, "CE"), 0]
    names = client.instruments(exchange="NFO")["symbol"].tolist()  # type: ignore[union-attr]
    assert names == sorted(f"NIFTY{EXPIRY}{k:g}{kind}" for k in strikes for kind in ("CE", "PE"))
    bare = {"symbol": f"NIFTY{EXPIRY}21550CE", "exchange": "NFO"}
    assert client.symbol(**bare)["data"]["lotsize"] == 50
    assert client.expiry(symbol="NIFTY", exchange="NFO", instrumenttype="options")["data"] == [
        "25-JAN-24"
    ]
    days = {"start_date": "2024-01-01", "end_date": "2024-01-31"}
    assert client.history(**bare, interval="1m", **days) == {
        "status": "error",
        "message": "No data available for the specified period",
        "error_type": "no_data",
    }
    assert "No price of" in error(client.quotes(**bare), 400)
    assert account.missing == {(bare["symbol"], "NFO"): 2}
    later = Account(played.service, contracts=Board(strikes, since=1 << 62))
    unlisted = MockOpenAlgoClient(played.service, account=later)
    # The run's own options are always there.
    assert [row["strike"] for row in unlisted.optionchain(**NIFTY)["chain"]] == [21_500]
