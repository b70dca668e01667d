"""History inside a bar: the last row is the bar under way, as far as it has come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tapeback import Candles
from tapeback.broker.client import MockOpenAlgoClient
from tapeback.utils.clock import MINUTE_NS
from tests.broker.conftest import OPEN, Awake, Played, bars

Play = Callable[..., Played]
SBIN = {"symbol": "SBIN", "exchange": "NSE"}
DAYS = {"start_date": "2024-01-01", "end_date": "2024-12-31"}
COLUMNS = ["close", "high", "low", "oi", "open", "volume"]
CLOSES = [100.0, 101.0, 102.0, 101.0, 100.0, 100.0, 100.0, 100.0, 104.0]
SIXTH = MINUTE_NS // 6
# The eighth minute falls from 100 to 90 before it rises to 112.
EIGHTH = OPEN + 7 * MINUTE_NS


def wild() -> Candles:
    calm = bars(CLOSES, width=0.5, volume=6_000, oi=7)
    high, low = calm.high.copy(), calm.low.copy()
    high[7], low[7] = 112.0, 90.0
    return Candles.from_arrays(
        **SBIN, timeframe="1m", ts=calm.ts, open=calm.open, high=high, low=low, close=calm.close,
        volume=calm.volume, oi=calm.oi,
    )  # fmt: skip


def frame_of(client: MockOpenAlgoClient, interval: str, **changed: str) -> pd.DataFrame:
    frame = client.history(**{**SBIN, "interval": interval, **DAYS, **changed})
    assert isinstance(frame, pd.DataFrame), frame
    return frame


@pytest.mark.parametrize(
    ("interval", "rows", "last"),
    [
        ("1m", 8, [95.0, 100.0, 95.0, 7, 100.0, 1_000]),
        ("5m", 2, [95.0, 100.5, 95.0, 7, 100.0, 13_000]),
        ("D", 1, [95.0, 102.5, 95.0, 7, 100.0, 43_000]),
        ("W", 1, [95.0, 102.5, 95.0, 7, 100.0, 43_000]),
    ],
)
def test_the_last_row_is_the_bar_under_way(interval: str, rows: int, last: list[float]) -> None:
    frame = frame_of(Awake([wild()]).at(EIGHTH + SIXTH), interval)
    assert list(frame.columns) == COLUMNS
    assert len(frame) == rows
    assert frame.iloc[-1].tolist() == last
    kinds = [str(kind) for kind in frame.dtypes]
    assert kinds == ["float64", "float64", "float64", "int64", "float64", "int64"]
    assert frame.index.name == "timestamp"
    aware = interval in ("1m", "5m")
    assert str(frame.index.dtype) == f"datetime64[us{', Asia/Kolkata' if aware else ''}]"


def test_at_an_open_the_bar_has_one_point_and_the_one_before_is_closed() -> None:
    """A script that wakes at 09:16 sees the bar of 09:15 closed and a forming one (T6)."""
    frame = frame_of(Awake([wild()]).at(OPEN + MINUTE_NS), "1m")
    assert frame.iloc[-1].tolist() == [100.0, 100.0, 100.0, 7, 100.0, 0]
    assert frame["close"].tolist() == [100.0, 100.0]
    assert frame["volume"].tolist() == [6_000, 0]


def test_after_the_session_all_bars_are_closed() -> None:
    awake = Awake([wild()])
    evening = OPEN + 400 * MINUTE_NS
    assert frame_of(awake.at(evening), "1m")["close"].tolist() == CLOSES
    assert len(frame_of(awake.at(evening + MINUTE_NS), "D")) == 1


def test_the_row_agrees_with_the_quote_and_the_rows_before_with_the_closed_bars() -> None:
    awake = Awake([wild()])
    client = awake.at(EIGHTH + SIXTH)
    frame, quote = frame_of(client, "1m"), client.quotes(**SBIN)["data"]
    closed = frame_of(MockOpenAlgoClient(awake.service), "1m")
    assert len(closed) == 7
    pd.testing.assert_frame_equal(frame.iloc[:-1], closed)
    assert quote["ltp"] == frame["close"].iloc[-1] == awake.tape.ltp("SBIN", "NSE")
    assert quote["volume"] == frame["volume"].sum()
    assert (quote["high"], quote["low"]) == (frame["high"].max(), frame["low"].min())


def test_it_is_the_bar_that_the_tape_forms() -> None:
    awake = Awake([wild()])
    for step in range(1, 60):
        client = awake.at(OPEN + step * SIXTH + 1_000_003)
        for interval, timeframe in (("1m", "1m"), ("3m", "3m"), ("5m", "5m"), ("D", "1d")):
            formed = awake.tape.forming("SBIN", "NSE", timeframe)
            if formed is not None:
                row = frame_of(client, interval).iloc[-1]
                told = [formed.open, formed.high, formed.low, formed.close, formed.volume]
                assert row[["open", "high", "low", "close", "volume"]].tolist() == told


@pytest.mark.parametrize(
    "days",
    [
        {"start_date": "2023-12-01", "end_date": "2023-12-31"},
        {"start_date": "2024-01-02", "end_date": "2024-01-31"},
    ],
)
def test_dates_bound_the_bar_under_way_too(days: dict[str, str]) -> None:
    client = Awake([wild()]).at(EIGHTH + SIXTH)
    reply = client.history(**SBIN, interval="1m", **days)
    assert isinstance(reply, dict)
    assert reply["error_type"] == "no_data"


def test_a_frame_once_returned_never_changes_and_spoils_no_other() -> None:
    awake = Awake([bars(np.linspace(100, 104, 40).round(2).tolist())])
    kept: list[tuple[pd.DataFrame, pd.DataFrame]] = []
    for step in range(1, 200, 7):
        client = awake.at(OPEN + step * SIXTH)
        for interval in ("1m", "5m"):
            frame, again = frame_of(client, interval), frame_of(client, interval)
            kept.append((frame, frame.copy(deep=True)))
            again["close"] = 0.0
            again.loc[again.index[0], "high"] = -1.0
            again.index.name = again.columns.name = "spoilt"
            again.columns = [name.upper() for name in again.columns]
            pd.testing.assert_frame_equal(frame_of(client, interval), kept[-1][1])
    for frame, copy in kept:
        pd.testing.assert_frame_equal(frame, copy)
        assert frame.columns.name is None


def test_the_database_sums_up_in_doubles(play: Play) -> None:
    client = play(None, bars(CLOSES)).client
    kinds = [str(frame_of(client, i, source="db")["volume"].dtype) for i in ("1m", "5m")]
    assert kinds == ["int64", "float64"]
    missing: Any = client.history(symbol="NOPE", exchange="NSE", interval="1m", **DAYS, source="db")
    assert missing["code"] == 404
    assert "No data found for NOPE:NSE interval 1m in local database." in missing["message"]


def test_an_instrument_that_joins_the_run_is_there_from_then_on() -> None:
    """A tape asks its source once for bars that nobody named before."""
    asked: list[tuple[str, str]] = []

    def source(symbol: str, exchange: str) -> Candles | None:
        asked.append((symbol, exchange))
        return bars([c * 10 for c in CLOSES], symbol="TCS") if symbol == "TCS" else None

    awake = Awake([bars(CLOSES)], source=source, fidelity="none")
    client = awake.at(OPEN + 2 * MINUTE_NS)
    tcs = {"symbol": "TCS", "exchange": "NSE"}
    assert client.quotes(**tcs)["data"]["ltp"] == 1010.0
    history = client.history(**tcs, interval="1m", **DAYS)
    assert isinstance(history, pd.DataFrame)
    assert history["close"].tolist() == [1000.0, 1010.0, 1010.0]
    for _ in range(2):
        reply = client.quotes(symbol="NOPE", exchange="NSE")
        assert "Symbol 'NOPE' not found" in reply["message"]
    assert asked == [("TCS", "NSE"), ("NOPE", "NSE")]
    other = Awake([bars(CLOSES)], source=source, fidelity="none")
    client = other.at(OPEN + 2 * MINUTE_NS)
    placed = client.placeorder(**tcs, action="BUY", quantity=1)
    other.tape.meet()
    status = other.at(OPEN + 3 * MINUTE_NS).orderstatus(order_id=placed["orderid"])["data"]
    assert status["order_status"] == "complete"
    assert status["average_price"] == pytest.approx(1010.0, rel=1e-3)
