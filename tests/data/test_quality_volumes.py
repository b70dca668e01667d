"""Volume that counts lots, and volume that is missing."""

from __future__ import annotations

import numpy as np
import pytest

from tapeback.market.candles import Candles
from tests.data.faults import between, found, made, named, with_volume

LOT = 50


@pytest.fixture(scope="module")
def future() -> Candles:
    """The NIFTY future of March 2024, whose lot was 50, with volumes in units."""
    bars = named(made("2024-03-01", "2024-03-28"), "NIFTY28MAR24FUT", "NFO")
    lots = np.random.default_rng(5).integers(0, 400, len(bars))
    return with_volume(bars, lots * float(LOT))


def codes(candles: Candles) -> set[str]:
    return {code for code in found(candles) if code.startswith("volume")}


def test_volume_in_units_is_as_it_should_be(future: Candles) -> None:
    assert codes(future) == set()
    assert codes(future.resample("1d")) == set()


@pytest.mark.parametrize("timeframe", ["1m", "15m", "1d"])
def test_volume_in_lots_is_found(future: Candles, timeframe: str) -> None:
    coarse = future.resample(timeframe)
    in_lots = found(with_volume(coarse, coarse.volume / LOT))["volume-in-lots"]
    assert in_lots.severity == "warning"
    assert "the lot of 50" in in_lots.message


def test_a_change_of_unit_is_found_where_it_is(future: Candles) -> None:
    later = between(future, "2024-03-18 00:00", "2024-03-29 00:00")
    changed = found(with_volume(future, np.where(later, future.volume / LOT, future.volume)))
    told = changed["volume-unit-change"]
    assert (told.count, told.where) == (1, "2024-03-18 09:15")
    assert "volume-in-lots" not in changed


def test_shares_and_contracts_without_a_known_lot_are_not_judged(future: Candles) -> None:
    odd = with_volume(future, future.volume / LOT)
    assert codes(named(odd, "INFY", "NSE")) == set()
    assert codes(named(odd, "NOSUCH28MAR24FUT", "NFO")) == set()
    # Commodities count lots by custom.
    assert codes(named(odd, "GOLD05APR24FUT", "MCX")) == set()


def test_many_silent_moves_are_a_warning_and_first_bars_are_named(future: Candles) -> None:
    share = named(future, "INFY", "NSE")
    firsts = np.zeros(len(share), np.bool_)
    firsts[share.session_firsts] = True
    steady = np.where(share.volume == 0, 1.0, share.volume)
    note = found(with_volume(share, np.where(firsts, 0.0, steady)))["zero-volume"]
    assert note.severity == "note"
    assert "of them the first of their session" in note.message
    silent = np.arange(len(share)) % 10 == 0
    many = found(with_volume(share, np.where(silent, 0.0, steady)))["zero-volume"]
    assert many.severity == "warning"
    assert "first of" not in many.message


def test_a_few_bars_of_the_last_date_tell_no_unit_of_their_own(future: Candles) -> None:
    """Three odd volumes at the end of sessions in units are three odd volumes."""
    kept = ~between(future, "2024-03-28 09:18", "2024-03-29 00:00")
    bars = Candles(future.series, [column[kept] for column in future.columns], future.origin)
    volume = np.where(bars.volume == 0, float(LOT), bars.volume)
    volume[-3:] += 7
    assert codes(with_volume(bars, volume)) == set()
