"""Candles: columns in, bars and frames out, nothing to be changed behind their back."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import pandas as pd
import pytest

from tapeback.errors import DataError, DataFormatError
from tapeback.market.candles import COLUMNS, Candles
from tapeback.utils.clock import IST, date_of, to_ns

START = to_ns(datetime(2024, 1, 2, 9, 15))
MINUTE = 60 * 10**9
PRICES = {"open": [10.0, 11.0, 12.0], "high": [13.0] * 3, "low": [9.0] * 3, "close": [11.0] * 3}
NAMES = {"symbol": "INFY", "exchange": "NSE"}


def build(timeframe: str = "1m", **changes: object) -> Candles:
    columns = {"ts": START + np.arange(3) * MINUTE, **PRICES, "volume": [1, 2, 3]} | changes
    return Candles.from_arrays(**NAMES, timeframe=timeframe, **columns)


def ends(candles: Candles) -> list[str]:
    stamps = pd.DatetimeIndex(candles.ends, tz="UTC").tz_convert(IST)
    return [f"{stamp:%Y-%m-%d %H:%M}" for stamp in stamps]


def on_dates(timeframe: str, *dates: str) -> Candles:
    stamps = np.array(dates, "datetime64[ns]")
    flat = np.full(len(dates), 10.0)
    return Candles.from_arrays(
        **NAMES, timeframe=timeframe, ts=stamps, open=flat, high=flat, low=flat, close=flat
    )


def test_a_candle_is_a_bar_with_its_names() -> None:
    candle = build()[-1]
    assert candle.timestamp == datetime(2024, 1, 2, 9, 17, tzinfo=IST)
    assert (candle.open, candle.high, candle.low, candle.close, candle.volume) == (12, 13, 9, 11, 3)
    assert np.isnan(candle.oi)
    assert (candle.symbol, candle.exchange, candle.timeframe) == ("INFY", "NSE", "1m")
    assert type(candle.ts) is int
    assert type(candle.close) is float
    with pytest.raises(IndexError):
        build()[3]


def test_iterating_indexing_and_slicing_agree() -> None:
    candles = build(volume=None, oi=[5, 6, 7])
    assert [c.ts for c in candles] == [candles[i].ts for i in range(3)] == candles.ts.tolist()
    part = candles[1:]
    assert isinstance(part, Candles)
    assert part[0].oi == 6
    assert part.close.base is not None
    assert np.shares_memory(part.close, candles.close)


def test_columns_cannot_be_written_and_the_caller_s_stay_its_own() -> None:
    mine = np.array(PRICES["close"])
    candles = build(close=mine)
    with pytest.raises(ValueError, match="read-only"):
        candles.close[0] = 1.0
    mine[0] = 12.0
    assert candles.close[0] == 11.0


def test_bad_rows_are_left_out_and_found() -> None:
    candles = build(open=[10.0, float("nan"), 12.0])
    assert len(candles) == 2
    assert [(f.code, f.where) for f in candles.findings] == [
        ("missing-price", "INFY:NSE:1m, 2024-01-02 09:16")
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ts": [1.0, 2.0, 3.0]}, "ts has dtype float64, not int64 ns UTC"),
        ({"close": [1.0, 2.0]}, "column 'close' has 2 values where ts has 3"),
        ({"high": ["13", "x", "13"]}, "high holds something that is no number.*'x'"),
        ({"low": [9.0, None, [1]]}, "low holds something that is no number"),
    ],
)
def test_columns_that_make_no_candles_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(DataFormatError, match=message):
        build(**changes)


def test_an_unknown_timeframe_is_refused() -> None:
    with pytest.raises(DataError, match="unknown timeframe '1min'"):
        build("1min")


def test_a_frame_goes_in_and_comes_out_the_same() -> None:
    candles = build(oi=[7, 8, 9])
    frame = candles.to_pandas()
    assert frame.index.name == "timestamp"
    assert str(frame.index.tz) == "Asia/Kolkata"
    assert frame.index[0] == pd.Timestamp("2024-01-02 09:15", tz="Asia/Kolkata")
    again = Candles.from_pandas(frame, **NAMES, timeframe="1m")
    assert again.sha256 == candles.sha256


def test_a_frame_s_naive_index_is_indian_time_and_its_names_may_be_in_capitals() -> None:
    frame = build().to_pandas().rename(columns=str.title)
    frame.index = frame.index.tz_localize(None)
    assert Candles.from_pandas(frame, **NAMES, timeframe="1m").ts[0] == START
    in_utc = frame.tz_localize("Asia/Kolkata").tz_convert("UTC")
    assert Candles.from_pandas(in_utc, **NAMES, timeframe="1m").ts[0] == START


def test_a_frame_without_times_or_prices_is_refused() -> None:
    frame = build().to_pandas()
    with pytest.raises(
        DataFormatError, match=r"index is RangeIndex, not a DatetimeIndex.*set_index"
    ):
        Candles.from_pandas(frame.reset_index(drop=True), **NAMES, timeframe="1m")
    with pytest.raises(DataFormatError, match="no column 'low'"):
        Candles.from_pandas(frame.drop(columns="low"), **NAMES, timeframe="1m")


def test_days_lose_their_clock_and_missing_stamps_their_row() -> None:
    candles = on_dates("D", "2024-01-02T06:31", "NaT", "2024-01-03T18:29")
    assert [f"{c.timestamp:%Y-%m-%d %H:%M}" for c in candles] == [
        "2024-01-02 00:00",
        "2024-01-03 00:00",
    ]
    assert candles.findings[0].code == "missing-stamp"


def test_a_bar_ends_after_its_length_or_with_its_session() -> None:
    late = to_ns(datetime(2024, 1, 2, 15, 15))
    hours = build("1h", ts=[late - 60 * MINUTE, late, late + 60 * MINUTE])
    assert ends(hours) == ["2024-01-02 15:15", "2024-01-02 15:30", "2024-01-02 17:15"]
    overlapping = build("5m", ts=START + np.arange(3) * 2 * MINUTE)
    assert ends(overlapping) == ["2024-01-02 09:17", "2024-01-02 09:19", "2024-01-02 09:24"]


def test_a_day_begins_and_ends_with_its_own_session() -> None:
    days = on_dates("1d", "2009-06-01", "2024-03-02", "2024-11-01", "2026-08-03", "2026-08-04")
    starts = [f"{pd.Timestamp(ts, tz='UTC').tz_convert(IST):%H:%M}" for ts in days.starts.tolist()]
    assert starts == ["09:55", "09:15", "18:00", "09:15", "09:15"]
    assert [end[11:] for end in ends(days)] == ["15:30", "12:30", "19:00", "15:35", "15:35"]


def test_a_bar_before_a_pause_ends_with_it() -> None:
    halted = to_ns(datetime(2021, 2, 24, 11, 30))
    quarters = build("15m", ts=[halted, halted + 255 * MINUTE, halted + 315 * MINUTE])
    assert ends(quarters) == ["2021-02-24 11:40", "2021-02-24 16:00", "2021-02-24 17:00"]


def test_long_bars_end_with_the_last_session_that_they_can_hold() -> None:
    assert ends(on_dates("1d", "2024-01-02")) == ["2024-01-02 15:30"]
    assert ends(on_dates("1w", "2024-01-15", "2024-01-23")) == [
        "2024-01-21 15:30",
        "2024-01-28 15:30",
    ]
    assert ends(on_dates("1M", "2024-01-01", "2024-02-01")) == [
        "2024-01-31 15:30",
        "2024-02-29 15:30",
    ]


def test_sessions_start_where_the_date_changes() -> None:
    stamps = [START, START + MINUTE, START + 24 * 60 * MINUTE]
    candles = build(ts=stamps)
    assert candles.session_firsts.tolist() == [0, 2]
    assert [date_of(ts) for ts in candles.ts[candles.session_firsts].tolist()] == [
        date(2024, 1, 2),
        date(2024, 1, 3),
    ]
    assert candles[:0].session_firsts.tolist() == []


def test_between_includes_the_start_and_not_the_end() -> None:
    candles = build()
    assert len(candles.between(START, START + 2 * MINUTE)) == 2
    assert len(candles.between(None, START)) == 0
    assert len(candles.between(START + 1, None)) == 2


def test_the_digest_is_of_names_and_numbers() -> None:
    base = build()
    assert base.sha256 == build().sha256
    assert base.sha256 != build(close=[11.0, 11.0, 11.05]).sha256
    assert base.sha256 != build("2m").sha256
    assert set(COLUMNS) >= {"ts", "volume", "oi"}


def test_they_show_what_they_are() -> None:
    assert repr(build()) == ("Candles(INFY:NSE:1m, 3 bars, 2024-01-02 09:15 to 2024-01-02 09:17)")
    assert repr(build()[:0]) == "Candles(INFY:NSE:1m, empty)"
