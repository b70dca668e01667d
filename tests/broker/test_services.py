"""Margin, analyzer, alerts, depth and quotes of several, and what is not simulated."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from tapeback.broker.client import MockOpenAlgoClient
from tests.broker.conftest import bars, run_script

SBIN = {"symbol": "SBIN", "exchange": "NSE"}
OPTION = {"exchange": "NFO", "product": "NRML", "pricetype": "LIMIT", "quantity": 50}
CALL = {**OPTION, "symbol": "NIFTY25JAN2421500CE", "action": "SELL", "price": 150.0}
PUT = {**OPTION, "symbol": "NIFTY25JAN2421500PE", "action": "SELL", "price": 140.0}
WING = {**OPTION, "symbol": "NIFTY25JAN2421700CE", "action": "BUY", "price": 60.0}


def market() -> list[Any]:
    series = [bars([100.0, 101.0]), bars([21_500.0] * 2, symbol="NIFTY", exchange="NSE_INDEX")]
    for leg in (CALL, PUT, WING):
        series.append(bars([leg["price"]] * 2, symbol=leg["symbol"], exchange="NFO"))
    return series


@pytest.fixture
def client() -> MockOpenAlgoClient:
    return run_script(None, market(), leverage={}).client


def error(reply: dict[str, Any], code: int) -> str:
    assert (reply["status"], reply["code"]) == ("error", code), reply
    return str(reply["message"])


def test_margin_of_one_and_of_several_that_hedge_one_another(client: MockOpenAlgoClient) -> None:
    def required(*positions: dict[str, Any]) -> dict[str, float]:
        reply = client.margin(positions=list(positions))
        assert reply["status"] == "success"
        data: dict[str, float] = reply["data"]
        assert list(data) == ["exposure_margin", "span_margin", "total_margin_required"]
        assert data["total_margin_required"] == pytest.approx(
            data["span_margin"] + data["exposure_margin"]
        )
        return data

    one, other = required(CALL), required(PUT)
    # A short NIFTY option blocked about eleven per cent of 50 x 21,500.
    assert 100_000 < one["total_margin_required"] < 160_000
    assert one["exposure_margin"] == pytest.approx(0.03 * 50 * 21_500, rel=0.01)
    both = required(CALL, PUT)["total_margin_required"]
    assert both < 0.75 * (one["total_margin_required"] + other["total_margin_required"])
    assert required(CALL, WING)["total_margin_required"] < one["total_margin_required"] / 2
    bought = required(WING)
    assert bought["total_margin_required"] == 50 * 60.0
    share = {**SBIN, "action": "BUY", "product": "CNC", "pricetype": "MARKET", "quantity": 10}
    assert required(share)["total_margin_required"] == 1_010.0
    assert required({**share, "product": "MIS"})["total_margin_required"] == 202.0


def test_margin_is_what_the_order_then_blocks() -> None:
    told: list[float] = []

    def script(client: MockOpenAlgoClient, bar: int, candle: Any) -> None:
        if bar == 0:
            order = {**SBIN, "action": "BUY", "product": "MIS", "pricetype": "MARKET"}
            told.append(
                client.margin(positions=[{**order, "quantity": 10}])["data"][
                    "total_margin_required"
                ]
            )
            before = float(client.funds()["data"]["availablecash"])
            client.placeorder(**order, quantity=10)
            told.append(before - float(client.funds()["data"]["availablecash"]))

    run_script(script, bars([100.0, 101.0]))
    assert told[0] == told[1] == 200.0


@pytest.mark.parametrize(
    ("positions", "message"),
    [
        ("NIFTY", "Positions must be an array"),
        ([], "Positions array cannot be empty"),
        ([CALL] * 51, "Maximum 50 positions allowed"),
    ],
)
def test_margin_that_the_sdk_itself_refuses(
    client: MockOpenAlgoClient, positions: Any, message: str
) -> None:
    assert client.margin(positions=positions) == {
        "status": "error", "message": message, "error_type": "validation_error",
    }  # fmt: skip


def test_margin_that_openalgo_refuses(client: MockOpenAlgoClient) -> None:
    lacking = error(client.margin(positions=[{"symbol": "SBIN"}]), 400)
    assert '"exchange":["Missing data for required field."]' in lacking
    assert "not found" in error(client.margin(positions=[{**CALL, "symbol": "NOPE"}]), 400)


@pytest.mark.parametrize(("fidelity", "mode"), [("live", "live"), ("sandbox", "analyze")])
def test_analyzer(fidelity: str, mode: str) -> None:
    client = run_script(None, bars([100.0]), fidelity=fidelity).client
    data = {"analyze_mode": mode == "analyze", "mode": mode, "total_logs": 0}
    assert client.analyzerstatus() == {"data": data, "status": "success"}
    assert client.account.notes == {}
    toggled = client.analyzertoggle(mode != "analyze")
    other = "live" if mode == "analyze" else "analyze"
    assert toggled["data"]["message"] == f"Analyzer mode switched to {other}"
    assert client.analyzerstatus()["data"]["mode"] == other
    assert list(client.account.notes) == ["analyzer-toggled"]
    assert "Not a valid boolean." in error(client.analyzertoggle("maybe"), 400)  # type: ignore[arg-type]


def test_alerts_are_recorded_logged_and_never_sent(
    client: MockOpenAlgoClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="tapeback.broker"):
        sent = client.telegram(username="john", message="NIFTY crossed")
    assert sent == {"message": "Notification sent successfully", "status": "success"}
    assert "telegram to john: NIFTY crossed" in caplog.text
    assert "Length must be" in error(client.telegram(username="john", message=""), 400)
    assert client.whatsapp("hello") == {
        "data": {"failed": [], "sent": ["<self>"], "skipped": 0},
        "message": "Delivered to 1, failed 0",
        "status": "success",
    }
    many = client.whatsapp("hello", to=[str(n) for n in range(7)], wait_for_delivery=False)
    assert many == {"message": "Queued for 5 recipient(s)", "queued": 5, "status": "success"}
    assert (
        client.whatsapp(image="/srv/a.png", caption="NIFTY", username="al")["status"] == "success"
    )
    assert error(client.whatsapp(), 400).startswith("Provide at least one of")
    messages = client.account.messages
    assert [message[1:] for message in messages[:2]] == [
        ("telegram", "john", "NIFTY crossed"), ("whatsapp", "<self>", "hello"),
    ]  # fmt: skip
    assert messages[-1][2:] == ("al", "NIFTY /srv/a.png")
    assert {message.ts for message in messages} == {client.account.simulator.now}


def test_strategies_of_the_server_are_an_honest_error(client: MockOpenAlgoClient) -> None:
    replies = [
        client.strategylist(), client.strategystart(strategy_id=1, mode="sandbox"),
        client.strategycloseleg(strategy_id=1, leg_id=2), client.strategyevents(strategy_id="3"),
    ]  # fmt: skip
    for reply in replies:
        assert "not simulated" in error(reply, 404)
    assert list(client.account.notes) == ["server-strategies"]
    with pytest.raises(ValueError, match="abc"):
        client.strategystatus(strategy_id="abc")


def test_quotes_of_several(client: MockOpenAlgoClient) -> None:
    reply = client.multiquotes(symbols=[SBIN, {"symbol": "NOPE", "exchange": "NSE"}])
    assert reply["status"] == "success"
    missing, found = reply["results"]
    assert missing == {
        "error": "No data available for NOPE on NSE", "exchange": "NSE", "symbol": "NOPE",
    }  # fmt: skip
    assert found == {"data": client.quotes(**SBIN)["data"], "exchange": "NSE", "symbol": "SBIN"}
    assert client.account.missing == {("NOPE", "NSE"): 1}
    wrong = error(client.multiquotes(symbols=[{"symbol": "SBIN"}]), 400)
    assert '{"symbols":{"0":{"exchange":["Missing data for required field."]}}}' in wrong
    assert "Not a valid list." in error(client.multiquotes(symbols="SBIN"), 400)  # type: ignore[arg-type]


def test_depth_is_made_up_around_the_quote_and_said_to_be(client: MockOpenAlgoClient) -> None:
    reply = client.depth(**SBIN)
    data = reply["data"]
    assert list(data) == [
        "asks", "bids", "high", "low", "ltp", "ltq", "oi", "open", "prev_close", "totalbuyqty",
        "totalsellqty", "volume",
    ]  # fmt: skip
    assert [level["price"] for level in data["bids"]] == [101.0, 100.95, 100.9, 100.85, 100.8]
    assert [level["price"] for level in data["asks"]] == [101.0, 101.05, 101.1, 101.15, 101.2]
    assert {level["quantity"] for level in data["bids"] + data["asks"]} == {2_000}
    assert (data["totalbuyqty"], data["ltp"]) == (10_000, 101.0)
    assert list(client.account.notes) == ["depth-modelled"]
    assert "not found" in error(client.depth(symbol="NOPE", exchange="NSE"), 400)
