"""Every file of real bars loads, and says what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tapeback.data.files import read_candles
from tapeback.errors import DataFormatError
from tapeback.market.candles import Candles
from tapeback.models.finding import Finding

# File, series, bars, label, findings by code with their counts.
FILES = [
    (
        "NIFTY_1m_20240101_20240823.csv",
        "NIFTY:NSE_INDEX:1m",
        57_960,
        "open",
        {
            "frozen-tail": 167,
            "missing-session": 5,
            "outside-hours": 15,
        },
    ),
    (
        "NIFTY_1m_2009.csv",
        "NIFTY:NSE_INDEX:1m",
        76_897,
        "open",
        {
            "missing-session": 13,
            "outside-hours": 227,
            "missing-bars": 120,
            "short-session": 1,
        },
    ),
    (
        "RELIANCE_15m_vol_2019_2023.csv",
        "RELIANCE:NSE:15m",
        29_210,
        "open",
        {
            "unsorted": 1,
            "duplicate-stamps": 25,
            "adjusted-prices": 1,
            "unclear-adjustment": 1,
            "missing-session": 8,
            "outside-hours": 917,
            "off-grid": 10,
            "missing-bars": 15,
            "short-session": 3,
        },
    ),
    (
        "HDFCBANK_15m_vol_2019_2023.csv",
        "HDFCBANK:NSE:15m",
        29_057,
        "open",
        {
            "unsorted": 1,
            "duplicate-stamps": 25,
            "raw-prices": 1,
            "missing-session": 8,
            "outside-hours": 764,
            "off-grid": 12,
            "missing-bars": 15,
            "short-session": 3,
        },
    ),
    (
        "RELIANCE_1m_20200323_morning_halt.csv",
        "RELIANCE:NSE:1m",
        31,
        "close",
        {
            "close-labels": 31,
            "zero-volume": 1,
            "outside-hours": 1,
            "missing-bars": 80,
            "short-session": 1,
        },
    ),
    (
        "SBIN_5m_20240502_20240603.csv",
        "SBIN:NSE:5m",
        1_648,
        "open",
        {"float-noise": 4802, "zero-volume": 19, "missing-session": 1, "missing-bars": 2},
    ),
    (
        "NIFTY_1d_2007_2022.csv",
        "NIFTY:NSE_INDEX:1d",
        3_855,
        "open",
        {"clock-ignored": 3855, "zero-volume": 5, "missing-session": 71},
    ),
    (
        "RELIANCE_1d_2007_2022.csv",
        "RELIANCE:NSE:1d",
        3_856,
        "open",
        {
            "symbol-mismatch": 1,
            "clock-ignored": 3856,
            "adjusted-prices": 2,
            "unclear-adjustment": 1,
            "missing-session": 70,
        },
    ),
]
NO_BARS = [
    "nse_holidays_2007_2022.csv",
    "nse_traded_on_holidays.csv",
    "nse_traded_on_weekends.csv",
]


def read(shared_data: Path, name: str, series: str) -> Candles:
    symbol, exchange, _ = series.split(":")
    return read_candles(shared_data / "market" / name, symbol=symbol, exchange=exchange)


def finding(candles: Candles, code: str) -> Finding:
    return next(found for found in candles.findings if found.code == code)


def test_the_table_names_every_file(shared_data: Path) -> None:
    there = {path.name for path in (shared_data / "market").glob("*.csv")}
    assert there == {name for name, *_ in FILES} | set(NO_BARS)


@pytest.mark.parametrize(("name", "series", "count", "label", "findings"), FILES)
def test_a_file_loads_with_its_findings(
    shared_data: Path,
    name: str,
    series: str,
    count: int,
    label: str,
    findings: dict[str, int],
) -> None:
    candles = read(shared_data, name, series)
    assert candles.series.name == series
    assert len(candles) == count
    assert candles.origin.label == label
    assert {found.code: found.count for found in candles.findings} == findings


@pytest.mark.parametrize("name", NO_BARS)
def test_a_file_without_bars_is_refused_by_name(shared_data: Path, name: str) -> None:
    with pytest.raises(DataFormatError, match=rf"{name}:1: .*Name "):
        read_candles(shared_data / "market" / name, symbol="NIFTY", exchange="NSE_INDEX")


def test_the_frozen_tail_is_dropped_and_the_missing_day_named(shared_data: Path) -> None:
    candles = read(shared_data, *FILES[0][:2])
    tail = finding(candles, "frozen-tail")
    assert (tail.action, tail.where) == ("dropped", "2024-01-20 15:30")
    assert "2024-02-01" in finding(candles, "missing-session").message
    stamps = {f"{candle.timestamp:%Y-%m-%d %H:%M}" for candle in candles[6950:7400]}
    assert "2024-01-20 15:30" not in stamps
    # The index moved from 11:30 in the drill's second part, which NSE had announced for 11:45.
    assert finding(candles, "outside-hours").where == "2024-05-18 11:30"


def test_the_two_bars_of_the_upper_circuit_are_a_short_session(shared_data: Path) -> None:
    short = finding(read(shared_data, *FILES[1][:2]), "short-session")
    assert "2009-05-18" in short.message


def test_duplicates_keep_the_first_row_and_say_that_they_differ(shared_data: Path) -> None:
    candles = read(shared_data, *FILES[2][:2])
    duplicates = finding(candles, "duplicate-stamps")
    assert duplicates.where == "RELIANCE_15m_vol_2019_2023.csv:27892"
    assert "25 of them different" in duplicates.message
    row = next(c for c in candles if f"{c.timestamp:%Y-%m-%d %H:%M}" == "2023-07-28 09:15")
    assert row.volume == 782_475


def test_the_evening_after_the_outage_is_missing_and_the_split_raw(shared_data: Path) -> None:
    candles = read(shared_data, *FILES[3][:2])
    assert "2021-02-24" in finding(candles, "short-session").message
    assert "2021-02-24" not in finding(candles, "missing-bars").message
    raw = finding(candles, "raw-prices")
    assert (raw.severity, raw.where) == ("note", "2019-09-19")
    assert "split 2:1 on 2019-09-19 (-49.9%)" in raw.message


def test_close_labels_of_the_halted_morning_are_moved(shared_data: Path) -> None:
    candles = read(shared_data, *FILES[4][:2])
    assert f"{candles[0].timestamp:%H:%M}" == "09:07"
    auction = int(np.argmax(candles.volume))
    assert f"{candles[auction].timestamp:%H:%M}" == "10:49"
    assert candles.volume[auction] == 3_777_356


def test_float_noise_is_gone(shared_data: Path) -> None:
    candles = read(shared_data, *FILES[5][:2])
    assert (candles.open[0], candles.close[0]) == (826.6, 832.1)
    for column in (candles.open, candles.high, candles.low, candles.close):
        assert (np.round(column, 4) == column).all()


def test_old_hours_and_evenings_are_resampled_on_their_own_grid(shared_data: Path) -> None:
    old = read(shared_data, *FILES[1][:2]).resample("15m")
    assert [f"{candle.timestamp:%H:%M}" for candle in old[:2]] == ["09:55", "10:10"]
    hours = read(shared_data, *FILES[2][:2]).resample("1h")
    evening = [c for c in hours if f"{c.timestamp:%Y-%m-%d}" == "2021-11-04"]
    assert f"{evening[0].timestamp:%H:%M}" == "18:15"
    usual = [f"{c.timestamp:%H:%M}" for c in hours if f"{c.timestamp:%Y-%m-%d}" == "2019-03-05"]
    assert usual == ["09:15", "10:15", "11:15", "12:15", "13:15", "14:15", "15:15", "15:30"]
