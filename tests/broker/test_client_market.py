"""Quotes and history: what is known at the instant, in the SDK's shapes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapeback.broker.client import MockOpenAlgoClient
from tests.broker.conftest import Played, bars, run_script

Play = Callable[..., Played]
SBIN = {"symbol": "SBIN", "exchange": "NSE"}
DAYS = {"start_date": "2024-01-01", "end_date": "2024-12-31"}
CLOSES = [100.0, 104.0, 101.0, 103.0, 107.0, 105.0]


def collect(
    play: Play, call: Callable[[MockOpenAlgoClient], Any], candles: Any, **rules: Any
) -> Any:
    found: list[Any] = []
    play(lambda client, *_: found.append(call(client)), candles, **rules)
    return found


def test_quotes_show_the_day_so_far(play: Play) -> None:
    found = collect(play, lambda c: c.quotes(**SBIN), bars(CLOSES, per_day=4, oi=77))
    assert found[0] == {
        "data": {
            "ask": 100.0, "bid": 100.0, "high": 100.5, "low": 99.5, "ltp": 100.0, "oi": 77,
            "open": 100.0, "prev_close": 100.0, "volume": 10_000,
        },
        "status": "success",
    }  # fmt: skip
    assert found[2]["data"]["high"] == 104.5
    assert found[2]["data"]["volume"] == 30_000
    assert found[4]["data"] == {
        "ask": 107.0, "bid": 107.0, "high": 107.5, "low": 102.5, "ltp": 107.0, "oi": 77,
        "open": 103.0, "prev_close": 103.0, "volume": 10_000,
    }  # fmt: skip


def test_quotes_of_daily_bars(play: Play) -> None:
    daily = bars(CLOSES, per_day=1, timeframe="1d")
    found = collect(play, lambda c: c.quotes(**SBIN)["data"], daily)
    assert [quote["ltp"] for quote in found] == CLOSES
    assert [quote["prev_close"] for quote in found] == [100.0, *CLOSES[:-1]]
    assert [quote["volume"] for quote in found] == [10_000] * 6


def test_the_spread_lies_around_the_last_price_on_ticks(play: Play) -> None:
    found = collect(play, lambda c: c.quotes(**SBIN)["data"], bars(CLOSES), spread_bps=10)
    assert (found[0]["bid"], found[0]["ltp"], found[0]["ask"]) == (99.95, 100.0, 100.05)
    assert (found[4]["bid"], found[4]["ask"]) == (106.9, 107.1)


def test_the_spread_is_on_the_tick_of_the_day_also_while_nobody_trades(play: Play) -> None:
    """From 10 June 2024 on shares below 250 rupees trade by the paisa."""
    daily = bars([50.0] * 165, per_day=1, timeframe="1d", width=0.0)
    bids: dict[str, float] = {}

    def script(client: MockOpenAlgoClient, _: int, candle: Any) -> None:
        bids[f"{candle.timestamp:%m-%d}"] = client.quotes(**SBIN)["data"]["bid"]

    play(script, daily, spread_bps=10)
    assert (bids["06-09"], bids["06-10"]) == (49.95, 49.97)


def test_quotes_inside_a_bar_show_the_path_walked_so_far(play: Play) -> None:
    """The bar falls from 100 to 90 first; a third of the way it has traded little and seen no
    high."""
    found: list[Any] = []

    def on_update(client: MockOpenAlgoClient, order: Any) -> None:
        if order.status == "complete":
            found.append(client.quotes(**SBIN)["data"])

    def script(client: MockOpenAlgoClient, bar: int, _: Any) -> None:
        if bar == 0:
            client.placeorder(**SBIN, action="BUY", quantity=1, price_type="LIMIT", price=95)

    candles = bars([100.0, 100.0], width=10.0, volume=9_000)
    play(script, candles, on_update=on_update)
    (quote,) = found
    assert (quote["ltp"], quote["low"], quote["high"]) == (95.0, 90.0, 110.0)
    # The first bar's extremes are known, the second's are not: half of its first leg is walked.
    assert quote["volume"] == 9_000 + 9_000 // 6


def test_quotes_of_what_the_run_does_not_have(play: Play) -> None:
    client = play(None, bars(CLOSES)).client
    reply = client.quotes(symbol="NOPE", exchange="NSE")
    assert reply["code"] == 400
    assert "Symbol 'NOPE' not found for exchange 'NSE'." in reply["message"]
    wrong = client.quotes(symbol="SBIN", exchange="NASDAQ")
    assert '{"exchange":["Must be one of: NSE, NFO' in wrong["message"]
    assert '{"depth":["Unknown field."]}' in client.quotes(**SBIN, depth=5)["message"]


@settings(max_examples=30)
@given(
    st.lists(st.integers(1800, 2200).map(lambda n: n / 20), min_size=8, max_size=24),
    st.integers(0, 7),
)
def test_no_quote_or_history_depends_on_what_comes_later(closes: list[float], cut: int) -> None:
    """What a bot is told up to a bar is the same, whatever the bars after it are."""

    def told(candles: Any) -> list[Any]:
        found: list[Any] = []

        def tell(client: MockOpenAlgoClient) -> None:
            found.append(client.quotes(**SBIN))
            for interval in ("1m", "5m", "D"):
                frame = client.history(**SBIN, interval=interval, **DAYS)
                found.append(frame.to_csv() if isinstance(frame, pd.DataFrame) else frame)

        def script(client: MockOpenAlgoClient, bar: int, _: Any) -> None:
            client.placeorder(**SBIN, action="BUY", quantity=1, price_type="LIMIT", price=100)
            tell(client)

        run_script(script, candles, on_update=lambda client, _: tell(client), fidelity="none")
        return found

    whole, part = told(bars(closes, per_day=6)), told(bars(closes[: cut + 1], per_day=6))
    assert whole[: len(part)] == part


def test_history_is_the_sdk_frame(play: Play) -> None:
    found = collect(play, lambda c: c.history(**SBIN, interval="1m", **DAYS), bars(CLOSES))
    frame = found[-1]
    assert list(frame.columns) == ["close", "high", "low", "oi", "open", "volume"]
    assert [str(kind) for kind in frame.dtypes] == [
        "float64", "float64", "float64", "int64", "float64", "int64",
    ]  # fmt: skip
    assert frame.index.name == "timestamp"
    assert str(frame.index.dtype) == "datetime64[us, Asia/Kolkata]"
    assert frame.index[0] == pd.Timestamp("2024-01-01 09:15", tz="Asia/Kolkata")
    assert frame["close"].tolist() == CLOSES


def test_daily_history_is_naive_and_dated(play: Play) -> None:
    client = play(None, bars(CLOSES * 125, per_day=375)).client
    frame = client.history(**SBIN, interval="D", **DAYS)
    assert isinstance(frame, pd.DataFrame)
    assert frame.index.tz is None
    assert [str(stamp) for stamp in frame.index] == ["2024-01-01 00:00:00", "2024-01-02 00:00:00"]
    assert frame["volume"].tolist() == [3_750_000, 3_750_000]


def test_defect_42_history_heeds_its_arguments_and_ends_at_now(play: Play) -> None:
    """Symbol, interval and dates count; only closed bars come, however many there are."""
    seen: list[tuple[int, int, int]] = []

    def script(client: MockOpenAlgoClient, bar: int, candle: Any) -> None:
        minutes = client.history(**SBIN, interval="1m", **DAYS)
        fives = client.history(**SBIN, interval="5m", **DAYS)
        second = client.history(
            **SBIN, interval="1m", start_date="2024-01-02", end_date="2024-01-02"
        )
        assert isinstance(minutes, pd.DataFrame)
        assert minutes.index[-1] == candle.timestamp
        sizes = [len(x) if isinstance(x, pd.DataFrame) else 0 for x in (minutes, fives, second)]
        seen.append(tuple(sizes))  # type: ignore[arg-type]

    run = play(script, bars([100.0 + i % 7 for i in range(1_200)]))
    assert seen[0] == (1, 0, 0)
    assert seen[4] == (5, 1, 0)
    assert seen[8] == (9, 1, 0)
    assert seen[374] == (375, 75, 0)
    assert seen[375] == (376, 75, 1)
    assert seen[-1] == (1_200, 240, 375)
    fives = run.client.history(**SBIN, interval="5m", **DAYS)
    assert fives.iloc[0].to_dict() == {
        "close": 104.0, "high": 104.5, "low": 99.5, "oi": 0.0, "open": 100.0, "volume": 50_000.0,
    }  # fmt: skip


def test_a_bot_may_write_into_its_frame(play: Play) -> None:
    client = play(None, bars(CLOSES)).client
    ask = {**SBIN, "interval": "1m", **DAYS}
    frame = client.history(**ask)
    frame["close"] = 0.0
    frame.loc[frame.index[0], "high"] = -1.0
    frame.columns = [name.upper() for name in frame.columns]
    frame.index.name = "spoilt"
    frame.insert(0, "signal", 1)
    again = client.history(**ask)
    assert again["close"].tolist() == CLOSES
    assert again["high"].iloc[0] == 100.5
    assert again.index.name == "timestamp"


def test_history_of_two_instruments(play: Play) -> None:
    other = bars([c * 2 for c in CLOSES], symbol="TCS")
    run = play(None, [bars(CLOSES), other])
    tcs = run.client.history(symbol="TCS", exchange="NSE", interval="1m", **DAYS)
    assert tcs["close"].tolist() == [c * 2 for c in CLOSES]
    assert run.client.quotes(symbol="TCS", exchange="NSE")["data"]["ltp"] == 210.0


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"symbol": "NOPE"}, "Symbol 'NOPE' not found for exchange 'NSE'."),
        ({"interval": "7m"}, '{"interval":["Must be one of: 1s, 5s,'),
        ({"interval": "30s"}, "1m bars cannot be resampled to the finer 30s."),
        ({"interval": "Y"}, "Y bars of SBIN:NSE cannot be made."),
        ({"start_date": "01-01-2024"}, '{"start_date":["Not a valid date."]}'),
        ({"limit": 5}, '{"limit":["Unknown field."]}'),
    ],
)
def test_history_that_cannot_be_had_is_an_error_dictionary(
    play: Play, change: dict[str, Any], part: str
) -> None:
    client = play(None, bars(CLOSES)).client
    reply = client.history(**{**SBIN, "interval": "1m", **DAYS, **change})
    assert isinstance(reply, dict)
    assert reply["status"] == "error"
    assert reply["code"] == 400
    assert part in reply["message"]


def test_history_without_rows(play: Play) -> None:
    client = play(None, bars(CLOSES)).client
    ask = {**SBIN, "interval": "1m", "start_date": "2023-01-01", "end_date": "2023-12-31"}
    assert client.history(**ask) == {
        "status": "error",
        "message": "No data available for the specified period",
        "error_type": "no_data",
    }


def test_a_date_object_fails_as_it_does_in_the_sdk(play: Play) -> None:
    reply = play(None, bars(CLOSES)).client.history(
        **SBIN,
        interval="1m",
        start_date=date(2024, 1, 1),
        end_date="2024-01-02",  # type: ignore[arg-type]
    )
    assert reply == {
        "status": "error",
        "message": "An unexpected error occurred: Object of type date is not JSON serializable",
        "error_type": "unknown_error",
    }


def test_history_without_volume(play: Play) -> None:
    candles = bars(CLOSES, volume=np.nan)
    frame = play(None, candles).client.history(**SBIN, interval="1m", **DAYS)
    assert frame["volume"].tolist() == [0] * 6


def test_intervals_that_history_can_give(play: Play) -> None:
    data = play(None, bars(CLOSES, timeframe="1m")).client.intervals()["data"]
    assert data == {
        "days": ["D"],
        "hours": ["1h", "2h", "3h", "4h"],
        "minutes": ["1m", "2m", "3m", "5m", "10m", "15m", "20m", "30m"],
        "months": ["M"],
        "seconds": [],
        "weeks": ["W"],
    }


@pytest.mark.parametrize(
    ("symbol", "exchange", "expected"),
    [
        ("SBIN", "NSE", ("EQ", "SBIN", "", 0.0)),
        ("NIFTY", "NSE_INDEX", ("INDEX", "NIFTY", "", 0.0)),
        ("NIFTY25JAN24FUT", "NFO", ("FUT", "NIFTY", "25-JAN-24", 0.0)),
        ("NIFTY25JAN2421500CE", "NFO", ("CE", "NIFTY", "25-JAN-24", 21500.0)),
    ],
)
def test_symbol(play: Play, symbol: str, exchange: str, expected: tuple[Any, ...]) -> None:
    client = play(None, bars(CLOSES, symbol=symbol, exchange=exchange)).client
    data = client.symbol(symbol=symbol, exchange=exchange)["data"]
    assert list(data) == [
        "brexchange", "brsymbol", "exchange", "expiry", "freeze_qty", "id", "instrumenttype",
        "lotsize", "name", "strike", "symbol", "tick_size", "token",
    ]  # fmt: skip
    told = (data["instrumenttype"], data["name"], data["expiry"], data["strike"])
    assert told == expected
    assert data["tick_size"] == 0.05


@pytest.mark.parametrize(
    ("symbol", "exchange", "fidelity", "lot", "freeze"),
    [
        ("NIFTY28MAR24FUT", "NFO", "live", 50, 1_800),
        ("NIFTY28MAR24FUT", "NFO", "sandbox", 50, 1_800),
        ("NIFTY28MAR24FUT", "NFO", "none", 50, 1),
        ("SBIN", "NSE", "live", 1, 1),
    ],
)
def test_symbol_tells_lot_and_freeze_quantity(
    play: Play, symbol: str, exchange: str, fidelity: str, lot: int, freeze: int
) -> None:
    """OpenAlgo says 1 where it knows no freeze quantity."""
    client = play(None, bars(CLOSES, symbol=symbol, exchange=exchange), fidelity=fidelity).client
    data = client.symbol(symbol=symbol, exchange=exchange)["data"]
    assert (data["lotsize"], data["freeze_qty"]) == (lot, freeze)


def test_symbol_tells_the_lot_of_the_day(play: Play) -> None:
    """NSE halved the lot of NIFTY from 50 to 25 for all contracts on 26 April 2024."""
    future = {"symbol": "NIFTY30MAY24FUT", "exchange": "NFO"}
    lots: dict[str, int] = {}

    def script(client: MockOpenAlgoClient, _: int, candle: Any) -> None:
        lots[f"{candle.timestamp:%m-%d}"] = client.symbol(**future)["data"]["lotsize"]

    play(script, bars([100.0] * 118, per_day=1, timeframe="1d", **future))
    assert (lots["04-25"], lots["04-26"]) == (50, 25)
