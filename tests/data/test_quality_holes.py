"""What is missing, as `tapeback data gaps` lists it."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from tapeback.data.quality import gaps, verdict
from tapeback.market.candles import Candles
from tapeback.utils.clock import day_of
from tests.data.faults import at, found, made, named, shifted, without

YEAR = ("2024-01-01", "2024-12-31")


def day(iso: str) -> int:
    return day_of(date.fromisoformat(iso))


@pytest.fixture(scope="module")
def year() -> Candles:
    return made(*YEAR)


@pytest.mark.parametrize("timeframe", ["1m", "5m", "15m", "1h", "4h", "1d", "1w"])
def test_defect_82_nights_weekends_and_holidays_are_no_gaps(year: Candles, timeframe: str) -> None:
    """Nor are Muhurat evenings and drills, whose hours are their own; the grid is the session's."""
    assert gaps(year.resample(timeframe), day(YEAR[0]), day(YEAR[1])) == []


def test_each_kind_of_gap_is_told_with_its_hours(year: Candles) -> None:
    cut = without(year, "2024-04-02 00:00", "2024-04-03 00:00")
    cut = without(cut, "2024-04-03 09:15", "2024-04-03 09:30")
    cut = without(cut, "2024-04-03 11:00", "2024-04-03 11:10")
    cut = without(cut, "2024-04-03 15:00", "2024-04-03 15:30")
    assert [gap.to_dict() for gap in gaps(cut)] == [
        {"date": "2024-04-02", "from": "09:15", "to": "15:30", "bars": 375, "kind": "session"},
        {"date": "2024-04-03", "from": "09:15", "to": "09:30", "bars": 15, "kind": "late-start"},
        {"date": "2024-04-03", "from": "11:00", "to": "11:10", "bars": 10, "kind": "bars"},
        {"date": "2024-04-03", "from": "15:00", "to": "15:30", "bars": 30, "kind": "early-end"},
    ]


def test_the_ends_of_a_range_are_held_against_the_calendar(year: Candles) -> None:
    part = year.between(at("2024-04-03 00:00"), at("2024-04-03 15:29"))
    assert [gap.kind for gap in gaps(part)] == ["early-end"]
    wider = gaps(part, day("2024-03-28"), day("2024-04-05"))
    # 29 March was Good Friday, 30 and 31 March a weekend.
    assert [(f"{gap.to_dict()['date']}", gap.kind) for gap in wider] == [
        ("2024-03-28", "session"),
        ("2024-04-01", "session"),
        ("2024-04-02", "session"),
        ("2024-04-03", "early-end"),
        ("2024-04-04", "session"),
        ("2024-04-05", "session"),
    ]
    assert gaps(part[:0]) == []
    assert len(gaps(part[:0], day("2024-04-01"), day("2024-04-05"))) == 5


def test_a_single_print_makes_no_session(year: Candles) -> None:
    week = year.between(at("2024-04-01 00:00"), at("2024-04-06 00:00"))
    lost = without(week, "2024-04-03 00:00", "2024-04-03 15:29")
    lost = shifted(lost, 31 * 60 * 10**9, lost.ts == at("2024-04-03 15:29"))
    assert [(gap.day, gap.kind) for gap in gaps(lost)] == [(day("2024-04-03"), "session")]
    assert found(lost)["missing-session"].places == ("2024-04-03",)


def test_the_pause_of_a_drill_and_a_halt_are_no_gaps() -> None:
    drill = made("2024-03-01", "2024-03-04")
    holed = gaps(without(drill, "2024-03-02 09:50", "2024-03-02 11:35"))
    assert [gap.to_dict() for gap in holed] == [
        {"date": "2024-03-02", "from": "09:50", "to": "11:35", "bars": 15, "kind": "bars"}
    ]
    lost = without(drill, "2024-03-02 00:00", "2024-03-03 00:00")
    assert [(gap.bars, gap.kind) for gap in gaps(lost)] == [(105, "session")]
    crash = made("2020-03-20", "2020-03-24")
    assert gaps(without(crash, "2020-03-23 09:59", "2020-03-23 10:57")) == []
    lost = without(crash, "2020-03-23 00:00", "2020-03-24 00:00")
    assert [gap.bars for gap in gaps(lost)] == [375 - 58]


def test_the_outage_counts_in_coarser_bars_too() -> None:
    week = made("2021-02-22", "2021-02-26", timeframe="15m")
    assert gaps(week) == []
    cut = without(week, "2021-02-24 11:30", "2021-02-24 18:00")
    (hole,) = gaps(cut)
    assert (hole.bars, hole.to_dict()["from"], hole.to_dict()["to"]) == (6, "11:30", "17:00")


def test_days_lack_sessions_and_years_beyond_the_tables_nothing(year: Candles) -> None:
    days = year.resample("1d")
    lost = gaps(without(days, "2024-04-02 00:00", "2024-04-04 00:00"))
    assert [(gap.bars, gap.kind) for gap in lost] == [(1, "session")] * 2
    future = made("2029-03-05", "2029-03-09", timeframe="1d")
    assert gaps(without(future, "2029-03-07 00:00", "2029-03-08 00:00")) == []


@pytest.fixture(scope="module")
def option() -> Candles:
    return named(made("2024-03-01", "2024-03-28"), "INFY28MAR241600CE", "NFO")


class TestThinTrading:
    def test_bars_without_trades_are_no_holes(self, option: Candles) -> None:
        rng = np.random.default_rng(7)
        traded = rng.random(len(option)) < 0.4
        codes = found(Candles(option.series, [c[traded] for c in option.columns], option.origin))
        thin = codes["thin-trading"]
        assert (thin.count, thin.of) == (int(np.count_nonzero(~traded)), len(option))
        assert not {"missing-bars", "short-session"} & set(codes)

    def test_a_day_without_a_trade_is_no_fault_of_a_thin_symbol(self, option: Candles) -> None:
        traded = np.random.default_rng(7).random(len(option)) < 0.01
        thin = Candles(option.series, [c[traded] for c in option.columns], option.origin)
        idle = without(thin, "2024-03-13 00:00", "2024-03-14 00:00")
        assert found(idle)["missing-session"].severity == "note"
        assert verdict(found(idle).values()).grade == "usable"
        lost = without(option, "2024-03-13 00:00", "2024-03-14 00:00")
        assert found(lost)["missing-session"].severity == "warning"

    def test_quiet_minutes_are_told_from_lost_ones(self, option: Candles) -> None:
        quiet = option.volume < np.quantile(option.volume, 0.08)
        lost = np.random.default_rng(7).random(len(option)) < 0.08
        for gone, code in ((quiet, "thin-trading"), (lost, "missing-bars")):
            columns = [column[~gone] for column in option.columns]
            # Beside a quiet minute it is quiet too.
            if code == "thin-trading":
                near = (np.roll(gone, 1) | np.roll(gone, -1))[~gone]
                columns[5] = np.where(near, columns[5] * 0.1, columns[5])
            assert code in found(Candles(option.series, columns, option.origin))

    def test_an_index_has_no_excuse(self) -> None:
        index = made("2024-03-04", "2024-03-15", symbol="NIFTY", exchange="NSE_INDEX")
        rng = np.random.default_rng(7)
        traded = rng.random(len(index)) < 0.7
        columns = [column[traded] for column in index.columns]
        columns[5] = np.full(len(columns[5]), np.nan)
        assert "missing-bars" in found(Candles(index.series, columns, index.origin))
