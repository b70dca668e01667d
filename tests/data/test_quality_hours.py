"""Bars outside hours, halts, and stamps that mark the wrong end."""

from __future__ import annotations

import numpy as np
import pytest

from tapeback.market.candles import Candles
from tests.data.faults import at, between, found, made, named, shifted, with_volume, without

MINUTE = 60 * 10**9


@pytest.fixture(scope="module")
def month() -> Candles:
    return made("2024-04-01", "2024-04-30")


class TestMislabelledBars:
    @pytest.mark.parametrize("bars", [1, -1])
    @pytest.mark.parametrize("timeframe", ["1m", "5m", "15m"])
    def test_stamps_of_the_other_end_are_found(
        self, month: Candles, bars: int, timeframe: str
    ) -> None:
        """Closes that are said to be opens, and opens that were taken for closes."""
        coarse = month.resample(timeframe)
        length = int(coarse.ts[1] - coarse.ts[0])
        moved = found(shifted(coarse, bars * length, np.ones(len(coarse), np.bool_)))
        assert set(moved) == {"mislabelled-bars"} | ({"missing-bars"} if bars < 0 else set())
        told = moved["mislabelled-bars"]
        assert (told.count, told.of, told.severity) == (20, 20, "warning")
        assert "(all) from 2024-04-01 to 2024-04-30" in told.message

    def test_a_mixture_is_found_where_it_begins(self, month: Candles) -> None:
        later = between(month, "2024-04-16 00:00", "2024-05-01 00:00")
        moved = found(shifted(month, MINUTE, later))
        assert set(moved) == {"mislabelled-bars"}
        assert (moved["mislabelled-bars"].count, moved["mislabelled-bars"].where) == (
            10,
            "2024-04-16",
        )

    def test_a_lost_first_bar_and_a_closing_print_are_no_convention(self, month: Candles) -> None:
        first = month.ts == at("2024-04-16 09:15")
        # The bar is found again at the close, as a last print is.
        odd = shifted(month, 375 * MINUTE, first)
        order = np.argsort(odd.ts)
        odd = Candles(odd.series, [c[order] for c in odd.columns], odd.origin)
        assert set(found(odd)) == {"missing-bars"}


def test_a_bar_at_the_very_close_is_usual_and_later_ones_are_told(month: Candles) -> None:
    last = month.ts == at("2024-04-16 15:29")
    assert set(found(shifted(month, MINUTE, last))) == {"missing-bars"}
    late = found(shifted(month, 31 * MINUTE, last))["post-close-bars"]
    assert (late.count, late.where, late.severity) == (1, "2024-04-16 16:00", "note")


def test_old_hours_are_a_note() -> None:
    old = found(made("2009-03-02", "2009-03-06"))
    assert set(old) == {"old-hours"}
    assert (old["old-hours"].count, old["old-hours"].severity) == (5, "note")
    assert "opened at 09:55, not at 09:15" in old["old-hours"].message


@pytest.fixture(scope="module")
def crash() -> Candles:
    """Without the bars between 09:59 and 10:57 of Monday 23 March 2020."""
    return without(made("2020-03-20", "2020-03-24"), "2020-03-23 09:59", "2020-03-23 10:57")


class TestHalts:
    def test_the_halt_of_the_market_explains_its_hole(self, crash: Candles) -> None:
        codes = found(crash)
        assert set(codes) == {"halt"}
        assert (codes["halt"].severity, codes["halt"].where) == ("note", "2020-03-23 09:59")
        assert "circuit breaker" in codes["halt"].message

    def test_a_hole_beside_it_is_one(self, crash: Candles) -> None:
        longer = found(without(crash, "2020-03-23 09:50", "2020-03-23 11:05"))
        assert longer["missing-bars"].count == 9 + 8

    def test_bars_of_the_halt_are_told_by_their_volume(self) -> None:
        whole = made("2020-03-20", "2020-03-24")
        halted = between(whole, "2020-03-23 09:59", "2020-03-23 10:57")
        auction = whole.ts == at("2020-03-23 10:49")
        silent = with_volume(whole, np.where(halted & ~auction, 0.0, whole.volume))
        codes = found(silent)
        assert codes["auction-print"].places == ("2020-03-23 10:49",)
        assert (codes["halted-bars"].count, codes["halted-bars"].severity) == (57, "note")
        assert "outside-hours" not in codes

    def test_bars_that_traded_all_through_a_halt_contradict_it(self) -> None:
        codes = found(made("2020-03-20", "2020-03-24"))
        assert (codes["halted-bars"].count, codes["halted-bars"].severity) == (58, "warning")
        assert "auction-print" not in codes

    def test_other_markets_traded_on(self, crash: Candles) -> None:
        commodity = found(named(crash, "GOLD", "MCX"))
        assert "halt" not in commodity
        assert commodity["missing-bars"].count >= 58

    def test_the_outage_of_february_2021_is_named(self) -> None:
        outage = found(made("2021-02-22", "2021-02-26"))
        assert set(outage) == {"halt"}
        assert "failure of its links" in outage["halt"].message
        cut = made("2021-02-22", "2021-02-26")
        cut = without(cut, "2021-02-24 11:40", "2021-02-24 18:00")
        assert found(cut)["short-session"].places == ("2021-02-24",)

    def test_the_upper_circuit_of_2009_left_two_bars(self) -> None:
        week = made("2009-05-15", "2009-05-19", symbol="NIFTY", exchange="NSE_INDEX")
        circuit = without(week, "2009-05-18 09:56", "2009-05-18 11:55")
        circuit = without(circuit, "2009-05-18 11:56", "2009-05-18 16:00")
        assert set(found(circuit)) == {"old-hours", "halt"}
