"""Prices that no trade made are found, and violent but real ones are not."""

from __future__ import annotations

import numpy as np
import pytest

from tapeback.market.candles import Candles
from tests.data.faults import between, found, made, named, scaled, scaled_at, with_column


@pytest.fixture(scope="module")
def week() -> Candles:
    return made("2024-03-11", "2024-03-15")


@pytest.mark.parametrize("factor", [0.01, 0.5, 0.93, 1.07, 10.0])
@pytest.mark.parametrize("bars", [[700], [700, 701], [700, 701, 702]])
def test_a_spike_that_reverts_at_once_is_an_outlier(
    week: Candles, factor: float, bars: list[int]
) -> None:
    spike = found(scaled_at(week, bars, factor))["outlier"]
    assert (spike.count, spike.severity, spike.action) == (len(bars), "warning", "kept")
    assert spike.where == f"{week[700].timestamp:%Y-%m-%d %H:%M}"


@pytest.mark.parametrize(("column", "factor"), [(2, 10.0), (3, 0.1)])
def test_one_bad_extreme_is_enough(week: Candles, column: int, factor: float) -> None:
    values = week.columns[column].copy()
    values[900] *= factor
    assert found(with_column(week, column, values))["outlier"].count == 1


def test_spikes_at_the_ends_of_sessions_are_found(week: Candles) -> None:
    first, last = int(week.session_firsts[2]), int(week.session_firsts[3]) - 1
    assert found(scaled_at(week, [first, last], 1.5))["outlier"].count == 2


def test_a_daily_price_with_its_point_misplaced_is_an_outlier() -> None:
    year = made("2024-01-01", "2024-12-31", timeframe="1d")
    assert found(scaled_at(year, [100], 10.0))["outlier"].where == "2024-05-28"


def test_a_spike_of_an_index_may_be_smaller(week: Candles) -> None:
    spiked = scaled_at(week, [700], 1.025)
    assert "outlier" not in found(spiked)
    assert found(named(spiked, "NIFTY", "NSE_INDEX"))["outlier"].count == 1


def test_an_option_may_move_by_a_third_and_back(week: Candles) -> None:
    option = named(week, "INFY28MAR241600CE", "NFO")
    assert "outlier" not in found(scaled_at(option, [700], 1.3))
    assert found(scaled_at(option, [700], 3.0))["outlier"].count == 1
    # Below some rupees a few ticks are many per cent.
    cheap = scaled(option, np.full(len(option), 0.5 / option.close[0]))
    assert "outlier" not in found(scaled_at(cheap, [700], 2.5))


def test_an_option_may_halve_overnight_and_end_at_a_tick(week: Candles) -> None:
    option = named(week, "INFY28MAR241600CE", "NFO")
    worth = np.where(between(option, "2024-03-12 00:00", "2024-03-13 00:00"), 0.4, 1.0)
    columns = [column.copy() for column in scaled(option, worth).columns]
    last = between(option, "2024-03-15 00:00", "2024-03-16 00:00")
    for column in columns[1:5]:
        column[last] = 0.05
    columns[5] = np.where(last, 0.0, 75.0) * 400
    assert found(Candles(option.series, columns, option.origin)) == {}


@pytest.mark.parametrize("regime", ["normal", "trend", "sideways", "volatile", "jump"])
@pytest.mark.parametrize("timeframe", ["1m", "15m", "1d"])
def test_wild_markets_have_no_outliers(regime: str, timeframe: str) -> None:
    codes = found(made("2024-01-01", "2024-12-31", timeframe=timeframe, regime=regime))
    assert "outlier" not in codes
    assert "symbol-mix-up" not in codes


def test_a_crash_and_a_recovery_over_minutes_are_real(week: Candles) -> None:
    crash = np.ones(len(week))
    crash[700:710] = np.linspace(1.0, 0.85, 10)
    crash[710:730] = 0.85
    crash[730:760] = np.linspace(0.85, 1.0, 30)
    bars = scaled(week, crash)
    opens = bars.open.copy()
    opens[700:760] = bars.close[699:759]
    high, low = np.maximum(bars.high, opens), np.minimum(bars.low, opens)
    columns = [bars.ts, opens, high, low, bars.close, bars.volume, bars.oi]
    codes = found(Candles(bars.series, columns, bars.origin))
    assert "outlier" not in codes
    assert "symbol-mix-up" not in codes


class TestMixUps:
    @pytest.mark.parametrize("factor", [0.4, 1.2, 7.0])
    def test_a_stretch_at_another_level_is_another_instrument(
        self, week: Candles, factor: float
    ) -> None:
        part = between(week, "2024-03-13 11:00", "2024-03-13 13:00")
        mixed = found(scaled(week, np.where(part, factor, 1.0)))["symbol-mix-up"]
        assert (mixed.count, mixed.severity) == (120, "warning")
        assert mixed.places == ("2024-03-13 11:00 to 12:59",)

    def test_whole_sessions_may_be_mixed_up(self, week: Candles) -> None:
        part = between(week, "2024-03-12 00:00", "2024-03-14 00:00")
        mixed = found(scaled(week, np.where(part, 2.0, 1.0)))["symbol-mix-up"]
        assert (mixed.count, mixed.where) == (750, "2024-03-12 09:15")

    @pytest.mark.parametrize("every", [2, 3, 5])
    def test_bars_of_two_instruments_may_lie_among_each_other(
        self, week: Candles, every: int
    ) -> None:
        day = between(week, "2024-03-13 00:00", "2024-03-14 00:00")
        other = day & (np.arange(len(week)) % every == 0)
        codes = found(scaled(week, np.where(other, 3.0, 1.0)))
        assert codes["symbol-mix-up"].count >= np.count_nonzero(other) - 2
        assert "outlier" not in codes

    def test_two_jumps_far_apart_are_two_jumps(self) -> None:
        days = made("2024-01-01", "2024-12-31", timeframe="1d")
        high = between(days, "2024-03-01 00:00", "2024-06-01 00:00")
        codes = found(scaled(days, np.where(high, 1.5, 1.0)))
        assert "symbol-mix-up" not in codes
        assert codes["unadjusted-jump"].count == 2

    def test_nights_of_options_may_go_there_and_back(self, week: Candles) -> None:
        option = named(week, "INFY28MAR241600CE", "NFO")
        day = between(option, "2024-03-13 00:00", "2024-03-14 00:00")
        assert "symbol-mix-up" not in found(scaled(option, np.where(day, 2.0, 1.0)))


@pytest.mark.parametrize("bar", [374, 375])
def test_an_option_may_print_anything_beside_a_night(week: Candles, bar: int) -> None:
    """The last trade of a session and the first of the next one are those of an auction."""
    option = named(week, "INFY28MAR241600CE", "NFO")
    assert "outlier" not in found(scaled_at(option, [bar], 8.0))
    assert found(scaled_at(option, [bar + 30], 8.0))["outlier"].count == 1
