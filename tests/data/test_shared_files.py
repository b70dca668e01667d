"""Every file of real bars loads, and says what is wrong with it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from tapeback.data.files import FileDataProvider, read_candles
from tapeback.data.provider import DataRequest
from tapeback.data.quality import gaps, verdict
from tapeback.errors import DataFormatError
from tapeback.market.candles import Candles
from tapeback.market.settling.corporate_actions import ActionBook
from tapeback.models.finding import Finding
from tapeback.utils.clock import day_of

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
            "missing-bars": 10,
        },
    ),
    (
        "NIFTY_1m_2009.csv",
        "NIFTY:NSE_INDEX:1m",
        76_897,
        "open",
        {
            "missing-session": 13,
            "old-hours": 230,
            "mislabelled-bars": 37,
            "missing-bars": 10,
            "halt": 2,
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
            "pre-open-print": 1,
            "post-close-bars": 7,
            "off-grid": 10,
            "missing-bars": 11,
            "short-session": 3,
            "halt": 3,
            "auction-print": 3,
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
            "pre-open-print": 1,
            "post-close-bars": 7,
            "off-grid": 12,
            "missing-bars": 11,
            "short-session": 3,
            "halt": 3,
            "auction-print": 3,
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
            "pre-open-print": 1,
            "missing-bars": 24,
            "short-session": 1,
            "halt": 1,
            "auction-print": 1,
            "halted-bars": 1,
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
# Ranges of these files in which nothing is wrong: crashes and their recoveries, budgets, an
# election, a Muhurat evening and a drill among them.
CLEAN = [
    (0, "2024-01-01", "2024-01-19"),
    (0, "2024-02-02", "2024-03-02"),
    (0, "2024-03-05", "2024-04-04"),
    (0, "2024-04-08", "2024-05-06"),
    (0, "2024-05-08", "2024-05-17"),
    (0, "2024-05-21", "2024-07-09"),
    (0, "2024-07-11", "2024-08-23"),
    (2, "2019-03-01", "2019-06-26"),
    (2, "2019-10-29", "2020-01-31"),
    (2, "2021-02-25", "2022-03-04"),
    (2, "2022-10-25", "2023-06-27"),
    (3, "2019-03-01", "2019-06-26"),
    (3, "2021-02-25", "2022-03-04"),
    (3, "2022-10-25", "2023-06-27"),
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


@pytest.mark.parametrize(("file", "start", "end"), CLEAN)
def test_nothing_is_found_in_the_clean_ranges(
    shared_data: Path, file: int, start: str, end: str
) -> None:
    name, series, *_ = FILES[file]
    symbol, exchange, _ = series.split(":")
    request = DataRequest(
        symbol=symbol,
        exchange=exchange,
        start=date.fromisoformat(start),
        end=date.fromisoformat(end),
    )
    candles = FileDataProvider(shared_data / "market" / name).fetch(request)
    assert candles.findings == ()
    assert verdict(candles.findings).grade == "clean"
    assert gaps(candles, day_of(request.start), day_of(request.end)) == []


@pytest.mark.parametrize(
    ("file", "grade"),
    list(enumerate(["usable", "doubtful", "usable", "usable", "doubtful", "usable"])),
)
def test_each_file_has_its_verdict(shared_data: Path, file: int, grade: str) -> None:
    assert verdict(read(shared_data, *FILES[file][:2]).findings).grade == grade


def test_the_frozen_tail_is_dropped_and_the_missing_days_named(shared_data: Path) -> None:
    candles = read(shared_data, *FILES[0][:2])
    tail = finding(candles, "frozen-tail")
    assert (tail.action, tail.where) == ("dropped", "2024-01-20 15:30")
    assert tail.places == ("2024-01-20 15:30 to 18:16",)
    assert finding(candles, "missing-session").places[0] == "2024-02-01"
    stamps = {f"{candle.timestamp:%Y-%m-%d %H:%M}" for candle in candles[6950:7400]}
    assert "2024-01-20 15:30" not in stamps
    # The index moved from 11:30 to 12:30 in the drill's second part, announced for 11:45 to 12:40.
    assert finding(candles, "outside-hours").places == ("2024-05-18 11:30 to 11:44",)
    assert finding(candles, "missing-bars").places == ("2024-05-18 12:30 to 12:40",)


def test_the_crash_of_june_2024_is_no_outlier(shared_data: Path) -> None:
    codes = {found.code for found in read(shared_data, *FILES[0][:2]).findings}
    assert not {"outlier", "symbol-mix-up", "unadjusted-jump"} & codes


def test_old_hours_upper_circuit_and_the_turn_of_the_labels(shared_data: Path) -> None:
    candles = read(shared_data, *FILES[1][:2])
    assert "opened at 09:55" in finding(candles, "old-hours").message
    assert finding(candles, "halt").places == (
        "2009-05-18 09:56 to 11:55",
        "2009-05-18 11:56 to 15:30",
    )
    turned = finding(candles, "mislabelled-bars")
    assert "from 2009-10-23 to 2009-12-31" in turned.message
    missing = finding(candles, "missing-session")
    december = [place for place in missing.places if place.startswith("2009-12")]
    assert (december[0], december[-1], len(december)) == ("2009-12-07", "2009-12-18", 10)


def test_late_and_off_grid_bars_of_the_shares_are_placed(shared_data: Path) -> None:
    candles = read(shared_data, *FILES[2][:2])
    late = finding(candles, "post-close-bars")
    assert late.places == (
        "2020-11-14 19:30",
        "2023-06-28 16:00",
        "2023-07-13 16:04",
        "2023-07-28 16:02 to 16:17",
        "2023-10-12 16:00 to 16:15",
    )
    assert finding(candles, "off-grid").where == "2019-07-11 14:25"
    # Muhurat evenings are sessions as others are; those that are absent are missing.
    missing = finding(candles, "missing-session").places
    assert {"2019-10-27", "2022-10-24"} <= set(missing)
    assert not {"2020-11-14", "2021-11-04"} & set(missing)


def test_duplicates_keep_the_first_row_and_say_that_they_differ(shared_data: Path) -> None:
    candles = read(shared_data, *FILES[2][:2])
    duplicates = finding(candles, "duplicate-stamps")
    assert duplicates.where == "RELIANCE_15m_vol_2019_2023.csv:27892"
    assert "25 of them different" in duplicates.message
    row = next(c for c in candles if f"{c.timestamp:%Y-%m-%d %H:%M}" == "2023-07-28 09:15")
    assert row.volume == 782_475


@pytest.mark.parametrize("file", [2, 3])
def test_the_outage_is_named_and_the_evening_after_it_missing(shared_data: Path, file: int) -> None:
    candles = read(shared_data, *FILES[file][:2])
    assert "2021-02-24" in finding(candles, "short-session").places
    assert "2021-02-24" not in finding(candles, "missing-bars").message
    halt = finding(candles, "halt")
    assert "2021-02-24 11:40 to 15:45" in halt.places
    assert "failure of its links" in halt.message


def test_the_split_is_raw(shared_data: Path) -> None:
    raw = finding(read(shared_data, *FILES[3][:2]), "raw-prices")
    assert (raw.severity, raw.where) == ("note", "2019-09-19")
    assert "split 2:1 on 2019-09-19 (-49.9%)" in raw.message


def test_without_the_split_on_file_the_jump_is_unadjusted(shared_data: Path) -> None:
    name = FILES[3][0]
    provider = FileDataProvider(shared_data / "market" / name, actions=ActionBook(()))
    candles = provider.fetch(DataRequest(symbol="HDFCBANK", exchange="NSE"))
    jump = finding(candles, "unadjusted-jump")
    assert (jump.severity, jump.where) == ("warning", "2019-09-19")
    assert verdict(candles.findings).grade == "doubtful"


def test_halt_auction_and_pre_open_print_of_march_2020(shared_data: Path) -> None:
    candles = read(shared_data, *FILES[4][:2])
    places = {found.code: found.places for found in candles.findings}
    assert places["halt"] == ("2020-03-23 09:59 to 10:57",)
    assert places["auction-print"] == ("2020-03-23 10:49",)
    assert places["pre-open-print"] == ("2020-03-23 09:07",)
    assert places["missing-bars"] == ("2020-03-23 09:25 to 09:49",)


def test_the_first_bar_of_each_day_without_volume_is_told(shared_data: Path) -> None:
    silent = finding(read(shared_data, *FILES[5][:2]), "zero-volume")
    assert "17 of them the first of their session" in silent.message
    assert sum(place.endswith("09:15") for place in silent.places) == 17


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
