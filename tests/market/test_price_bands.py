"""Price bands, limit-price protection and locked bars."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeback.market.contracts.price_bands import PriceBand, band_of, locked, protection_of
from tapeback.market.instruments import instrument_of
from tapeback.models.instrument import Instrument
from tapeback.utils.clock import day_of

STOCK = Instrument("YESBANK", "NSE", "equity", underlying="YESBANK")


def day(text: str) -> int:
    return day_of(date.fromisoformat(text))


def fno_band(on: str, close: float = 1000.0) -> PriceBand:
    band = band_of(STOCK, day(on), close, tick_size=0.05, derivatives=True)
    assert band is not None
    return band


# Bands -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("percent", "lower", "upper"),
    [(2, 97.85, 101.8), (5, 94.85, 104.8), (10, 89.85, 109.8), (20, 79.9, 119.75)],
)
def test_defect_7_static_bands(percent: int, lower: float, upper: float) -> None:
    """99.83 at 5 %: 94.8385 to 104.8215, on ticks of five paise inside: 94.85 to 104.80."""
    band = band_of(STOCK, day("2024-01-02"), 99.83, tick_size=0.05, percent=percent)
    assert band is not None
    assert (band.lower, band.upper) == (lower, upper)
    assert band.holds(lower)
    assert band.holds(upper)
    assert not band.holds(lower - 0.05)
    assert not band.holds(upper + 0.05)
    assert band.flexed(upper * 2, upper * 2) == band


def test_a_stock_of_unknown_band_has_the_widest_and_it_is_not_certain() -> None:
    band = band_of(STOCK, day("2024-01-02"), 50.0, tick_size=0.05)
    assert band is not None
    assert (band.lower, band.upper, band.certain) == (40.0, 60.0, False)


def test_the_band_of_a_stock_with_futures_gives_way_in_steps() -> None:
    """Close 1000: 900 to 1100, then 1150 and 1200; from August 2024 the third step is 3 %."""
    before = fno_band("2024-06-03")
    assert (before.lower, before.upper) == (900.0, 1100.0)
    assert before.flexed(950.0, 1100.0) == before
    assert before.flexed(950.0, 1100.05).upper == 1150.0
    assert before.flexed(950.0, 1210.0).upper == 1250.0
    assert before.flexed(950.0, 1210.0).lower == 900.0
    assert before.flexed(840.0, 1010.0).lower == 800.0
    smaller = fno_band("2024-09-02")
    assert smaller.flexed(950.0, 1210.0).upper == 1230.0
    assert smaller.flexed(950.0, 1270.0).upper == 1280.0


def test_a_band_slides_from_november_2024() -> None:
    """Up by 5 % on one side is up by 5 % on the other: 950 to 1150, then 1000 to 1200."""
    assert not fno_band("2024-11-17").slides
    band = fno_band("2024-11-18")
    assert (band.flexed(960.0, 1150.0).lower, band.flexed(960.0, 1150.0).upper) == (950.0, 1150.0)
    assert (band.flexed(1010.0, 1200.0).lower) == 1000.0
    assert (band.flexed(850.0, 1010.0).lower, band.flexed(850.0, 1010.0).upper) == (850.0, 1050.0)


@pytest.mark.parametrize(
    ("symbol", "exchange", "lower", "upper"),
    [
        ("SBIN25JUL24FUT", "NFO", 900.0, 1100.0),
        ("NIFTY25JUL24FUT", "NFO", 900.0, 1100.0),
        ("USDINR26JUL24FUT", "CDS", 970.0, 1030.0),
        ("USDINR27JUN25FUT", "CDS", 950.0, 1050.0),
    ],
)
def test_futures_have_bands(symbol: str, exchange: str, lower: float, upper: float) -> None:
    band = band_of(instrument_of(symbol, exchange), day("2024-07-01"), 1000.0, tick_size=0.05)
    assert band is not None
    assert (band.lower, band.upper) == (lower, upper)


@pytest.mark.parametrize(
    ("symbol", "exchange"),
    [("NIFTY25JUL2424000CE", "NFO"), ("GOLD05AUG24FUT", "MCX"), ("NIFTY", "NSE_INDEX")],
)
def test_options_commodities_and_indices_have_none(symbol: str, exchange: str) -> None:
    instrument = instrument_of(symbol, exchange)
    assert band_of(instrument, day("2024-07-01"), 100.0, tick_size=0.05) is None


def test_no_close_no_band() -> None:
    assert band_of(STOCK, day("2024-07-01"), 0.0, tick_size=0.05) is None


def test_a_disaster_recovery_saturday_narrows_every_band() -> None:
    on = day("2024-03-02")
    wide = band_of(STOCK, on, 1000.0, tick_size=0.05, derivatives=True, widest=5)
    assert wide is not None
    assert (wide.lower, wide.upper) == (950.0, 1050.0)
    assert wide.flexed(950.0, 1050.0) == wide
    narrow = band_of(STOCK, on, 1000.0, tick_size=0.05, percent=2, widest=5)
    assert narrow is not None
    assert narrow.upper == 1020.0


@given(
    st.integers(100, 10_000_000).map(lambda n: n / 100),
    st.sampled_from([0.01, 0.05, 0.1, 1.0]),
    st.sampled_from([2, 5, 10, 20]),
)
def test_a_band_is_on_the_grid_and_inside_its_per_cents(
    close: float, tick: float, percent: int
) -> None:
    band = band_of(STOCK, day("2024-07-01"), close, tick_size=tick, percent=percent)
    assert band is not None
    assert band.lower >= close * (1 - percent / 100) - 1e-9
    assert band.upper <= close * (1 + percent / 100) + 1e-9
    assert band.upper > close * (1 + percent / 100) - tick - 1e-9
    for edge in (band.lower, band.upper):
        assert abs(edge / tick - round(edge / tick)) < 1e-6


@given(
    st.sampled_from(["2023-05-02", "2024-09-02", "2025-05-02"]),
    st.floats(0.3, 3.0),
    st.floats(0.3, 3.0),
)
def test_a_flexed_band_reaches_what_was_traded(on: str, one: float, other: float) -> None:
    low, high = sorted((round(one * 1000, 2), round(other * 1000, 2)))
    band = fno_band(on)
    flexed = band.flexed(low, high)
    if low >= band.lower:
        assert flexed.upper >= high - 1e-6
    if high <= band.upper:
        assert flexed.lower <= low + 1e-6


# Limit-price protection -----------------------------------------------------------------------


def test_limit_prices_of_options_are_protected_from_31_october_2022() -> None:
    option = instrument_of("NIFTY03NOV2218000CE", "NFO")
    assert protection_of(option, day("2022-10-28")) is None
    protection = protection_of(option, day("2022-10-31"))
    assert protection is not None
    assert protection.range(12.0) == (0.0, 32.0)
    assert protection.range(50.0) == (30.0, 70.0)
    # 40 % of 50.05 is 20.02; of 200, 80: half as much again is refused.
    assert protection.range(50.05) == pytest.approx((30.03, 70.07))
    assert protection.range(200.0) == (120.0, 280.0)


@pytest.mark.parametrize(
    ("symbol", "exchange"),
    [("NIFTY24NOV22FUT", "NFO"), ("SBIN", "NSE"), ("CRUDEOIL16NOV227000CE", "MCX")],
)
def test_nothing_else_is_protected(symbol: str, exchange: str) -> None:
    assert protection_of(instrument_of(symbol, exchange), day("2023-01-02")) is None


# Locked bars (fill contract S7) ------------------------------------------------------------------


def test_s7_a_bar_at_its_known_band_is_locked() -> None:
    band = band_of(STOCK, day("2024-01-02"), 100.0, tick_size=0.05, percent=5)
    assert locked(105.0, 105.0, band, 100.0) == "upper"
    assert locked(95.0, 95.0, band, 100.0) == "lower"
    assert locked(104.95, 104.95, band, 100.0) is None
    assert locked(105.0, 104.95, band, 100.0) is None
    two = band_of(STOCK, day("2024-01-02"), 100.0, tick_size=0.05, percent=2)
    assert locked(102.0, 102.0, two, 100.0) == "upper"


def test_s7_where_the_band_is_unknown_one_price_far_from_the_close_is_locked() -> None:
    unknown = band_of(STOCK, day("2024-01-02"), 100.0, tick_size=0.05)
    for band in (unknown, None):
        assert locked(104.9, 104.9, band, 100.0) == "upper"
        assert locked(104.85, 104.85, band, 100.0) is None
        assert locked(95.1, 95.1, band, 100.0) == "lower"
        assert locked(109.0, 108.95, band, 100.0) is None
        assert locked(100.0, 100.0, band, 100.0) is None
    assert locked(100.0, 100.0, None, 0.0) is None


def test_s7_a_band_that_gives_way_locks_at_each_of_its_edges() -> None:
    """Away from an edge, one price 12 % up is merely a quiet minute."""
    band = fno_band("2024-06-03")
    assert locked(1100.0, 1100.0, band, 1000.0) == "upper"
    assert locked(1150.0, 1150.0, band, 1000.0) == "upper"
    assert locked(850.0, 850.0, band, 1000.0) == "lower"
    assert locked(1120.0, 1120.0, band, 1000.0) is None
    assert locked(1060.0, 1060.0, band, 1000.0) is None
    assert locked(0.05, 0.05, band, 1000.0) is None
