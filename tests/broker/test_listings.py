"""What is listed today, and how the client tells of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tapeback.broker.client import MockOpenAlgoClient
from tapeback.utils.clock import DAY_NS
from tests.broker.conftest import Played, bars, run_script

Play = Callable[..., Played]
FUTURE = {"symbol": "NIFTY25JAN24FUT", "exchange": "NFO"}
ROW = [
    "brexchange", "brsymbol", "exchange", "expiry", "freeze_qty", "instrumenttype", "lotsize",
    "name", "strike", "symbol", "tick_size", "token",
]  # fmt: skip
MASTER = """\
symbol,brsymbol,name,exchange,brexchange,token,expiry,strike,lotsize,instrumenttype,tick_size
NIFTY04JAN2421500CE,NIFTY2410421500CE,NIFTY,NFO,NFO,41,04-JAN-24,21500,50,CE,0.05
NIFTY25JAN2421500CE,NIFTY24JAN21500CE,NIFTY,NFO,NFO,42,25-JAN-24,21500,50,CE,0.05
NIFTY25JAN2421500PE,NIFTY24JAN21500PE,NIFTY,NFO,NFO,43,25-JAN-24,21500,50,PE,0.05
M&M25JAN24FUT,M&M24JANFUT,M&M,NFO,NFO,44,25-JAN-24,-1,350,FUT,0.05
SBIN,SBIN-EQ,STATE BANK OF INDIA,NSE,NSE,3045,,-1,1,EQ,0.05
"""


def market() -> list[Any]:
    """SBIN on ten dates, a future from the third of them on."""
    days = bars([100.0 + n for n in range(10)], per_day=1, timeframe="1d")
    later = bars([200.0 + n for n in range(10)], per_day=1, timeframe="1d", **FUTURE)
    return [days, later.between(int(later.ts[0]) + 2 * DAY_NS, None)]


@pytest.fixture
def master(tmp_path: Path) -> str:
    path = tmp_path / "master.csv"
    path.write_text(MASTER, encoding="utf-8")
    return str(path)


def test_search(master: str) -> None:
    client = run_script(None, market(), master_contract=master).client
    found = client.search(query="nifty 21500 ce")
    assert found["message"] == "Found 1 matching symbols"
    (row,) = found["data"]
    assert list(row) == ROW
    assert (row["symbol"], row["token"], row["expiry"]) == (
        "NIFTY25JAN2421500CE",
        "42",
        "25-JAN-24",
    )
    names = [row["symbol"] for row in client.search(query="NIFTY", exchange="NFO")["data"]]
    assert names == ["NIFTY25JAN2421500CE", "NIFTY25JAN2421500PE", "NIFTY25JAN24FUT"]
    assert client.search(query="state bank")["data"][0]["symbol"] == "SBIN"
    nothing = client.search(query="RELIANCE")
    assert (nothing["code"], nothing["error_type"]) == (404, "http_error")
    assert "No matching symbols found" in nothing["message"]
    assert client.search(query="")["code"] == 400


def test_expiries_are_those_that_are_listed_and_not_over(play: Play, master: str) -> None:
    told: dict[str, list[str]] = {}

    def script(client: MockOpenAlgoClient, _: int, candle: Any) -> None:
        ask = {"symbol": "NIFTY", "exchange": "NFO"}
        options = client.expiry(**ask, instrumenttype="options")
        futures = client.expiry(**ask, instrumenttype="futures")
        told[f"{candle.timestamp:%d}"] = options["data"] + futures["data"]
        if len(told) == 1:
            assert options == {
                "data": ["04-JAN-24", "25-JAN-24"],
                "message": "Found 2 expiry dates for NIFTY options in NFO",
                "status": "success",
            }
            assert futures["message"] == "No expiry dates found for NIFTY futures in NFO"

    run = play(script, market(), master_contract=master)
    # The future's first bar begins on the third; the week's options are over on the fourth.
    assert told["02"] == ["04-JAN-24", "25-JAN-24"]
    assert told["03"] == ["04-JAN-24", "25-JAN-24", "25-JAN-24"]
    assert told["04"] == ["25-JAN-24", "25-JAN-24"]
    wrong = run.client.expiry(symbol="NIFTY", exchange="NSE", instrumenttype="options")
    assert '{"exchange":["Must be one of: NFO, BFO, MCX' in wrong["message"]


def test_instruments_are_a_frame(master: str) -> None:
    client = run_script(None, market(), master_contract=master).client
    frame = client.instruments(exchange="NFO")
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.columns) == [name for name in ROW if name != "freeze_qty"]
    assert frame["symbol"].tolist() == [
        "M&M25JAN24FUT", "NIFTY25JAN2421500CE", "NIFTY25JAN2421500PE", "NIFTY25JAN24FUT",
    ]  # fmt: skip
    everything = client.instruments()
    assert isinstance(everything, pd.DataFrame)
    assert everything["symbol"].iloc[0] == "SBIN"
    assert len(everything) == 5
    assert client.instruments(exchange="MCX") == {
        "status": "error",
        "message": "No instruments available for the specified exchange",
        "error_type": "no_data",
    }
    assert client.instruments(exchange="NASDAQ")["code"] == 400  # type: ignore[index]
    with pytest.raises(TypeError):
        client.instruments(exchange="NFO", colour="red")  # type: ignore[call-arg]


def test_a_listed_symbol_without_bars(master: str) -> None:
    client = run_script(None, market(), master_contract=master).client
    data = client.symbol(symbol="NIFTY25JAN2421500PE", exchange="NFO")["data"]
    assert (data["token"], data["lotsize"], data["strike"], data["id"]) == ("43", 50, 21500.0, 3)
    over = client.symbol(symbol="NIFTY04JAN2421500CE", exchange="NFO")
    assert "Symbol 'NIFTY04JAN2421500CE' not found" in over["message"]
    assert client.account.missing == {("NIFTY04JAN2421500CE", "NFO"): 1}


def test_tokens_are_numbers_of_their_own(master: str) -> None:
    client = run_script(None, market()).client
    tokens = [
        client.symbol(symbol=symbol, exchange=exchange)["data"]["token"]
        for symbol, exchange in (("SBIN", "NSE"), ("NIFTY25JAN24FUT", "NFO"))
    ]
    assert all(token.isdecimal() for token in tokens)
    assert len(set(tokens)) == 2


def test_holidays_of_a_year() -> None:
    client = run_script(None, bars([100.0])).client
    told = client.holidays()
    assert (told["year"], told["timezone"], told["status"]) == (2024, "Asia/Kolkata", "success")
    by_date = {row["date"]: row for row in told["data"]}
    republic = by_date["2024-01-26"]
    assert republic["holiday_type"] == "TRADING_HOLIDAY"
    assert {"NSE", "BSE", "NFO", "BFO", "MCX"} <= set(republic["closed_exchanges"])
    assert republic["open_exchanges"] == []
    holi = by_date["2024-03-25"]
    assert "NSE" in holi["closed_exchanges"]
    (evening,) = holi["open_exchanges"]
    opens = pd.Timestamp(evening["start_time"], unit="ms", tz="Asia/Kolkata")
    assert (evening["exchange"], f"{opens:%d %H:%M}") == ("MCX", "25 17:00")
    muhurat = by_date["2024-11-01"]
    assert muhurat["holiday_type"] == "SPECIAL_SESSION"
    assert {row["exchange"] for row in muhurat["open_exchanges"]} >= {"NSE", "NFO", "MCX"}
    weekend = by_date["2024-03-02"]
    assert weekend["holiday_type"] == "SPECIAL_SESSION"
    assert all(date.fromisoformat(day).weekday() < 5 or day in by_date for day in by_date)
    assert client.holidays(2025)["data"][0]["date"].startswith("2025")
    assert client.holidays(1999)["code"] == 400


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2024-01-02", {"NSE": "09:15-15:30", "NFO": "09:15-15:30", "CDS": "09:00-17:00"}),
        ("2026-09-01", {"NSE": "09:15-15:30", "NFO": "09:15-15:40"}),
        ("2024-01-06", {"CRYPTO": "00:00-00:00"}),
    ],
)
def test_timings(day: str, expected: dict[str, str]) -> None:
    client = run_script(None, bars([100.0])).client

    def clock(stamp: int) -> str:
        return f"{pd.Timestamp(stamp, unit='ms', tz='Asia/Kolkata'):%H:%M}"

    rows = client.timings(day)["data"]
    told = {row["exchange"]: f"{clock(row['start_time'])}-{clock(row['end_time'])}" for row in rows}
    assert {name: told[name] for name in expected} == expected
    assert day != "2024-01-06" or set(told) == {"CRYPTO"}


def test_timings_of_today_and_of_a_holiday() -> None:
    client = run_script(None, bars([100.0])).client
    assert client.timings()["data"] == client.timings("2024-01-01")["data"]
    assert client.timings("2024-08-15") == {"data": [], "status": "success"}
    assert '{"date":["Not a valid date."]}' in client.timings("15-08-2024")["message"]
