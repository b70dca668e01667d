"""Lots, ticks, freeze quantities and multipliers, on the day before and the day of each change."""

from __future__ import annotations

from datetime import date

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeback.market.contracts.terms import (
    freeze_by_level,
    lot_of,
    lot_row_of,
    terms_of,
    whole_lots,
)
from tapeback.market.instruments import instrument_of, symbol_of
from tapeback.models.instrument import Instrument
from tapeback.utils.clock import day_of


def day(text: str) -> int:
    return day_of(date.fromisoformat(text))


def future(underlying: str, expiry: str, exchange: str = "NFO") -> Instrument:
    return instrument_of(symbol_of(underlying, day(expiry)), exchange)


def call(underlying: str, expiry: str, strike: float, exchange: str = "NFO") -> Instrument:
    symbol = symbol_of(underlying, day(expiry), strike=strike, option_type="CE")
    return instrument_of(symbol, exchange)


# Lots --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("underlying", "exchange", "expiry", "lot"),
    [
        ("NIFTY", "NFO", "2021-06-24", 75),
        ("NIFTY", "NFO", "2021-07-22", 75),
        ("NIFTY", "NFO", "2021-07-29", 50),
        ("NIFTY", "NFO", "2021-08-05", 50),
        ("NIFTY", "NFO", "2024-12-19", 25),
        ("NIFTY", "NFO", "2024-12-26", 25),
        ("NIFTY", "NFO", "2025-01-02", 75),
        ("NIFTY", "NFO", "2025-01-30", 25),
        ("NIFTY", "NFO", "2025-02-27", 75),
        ("NIFTY", "NFO", "2025-12-30", 75),
        ("NIFTY", "NFO", "2026-01-06", 65),
        ("NIFTY", "NFO", "2026-01-27", 65),
        ("NIFTY", "NFO", "2027-12-28", 65),
        ("BANKNIFTY", "NFO", "2018-10-25", 40),
        ("BANKNIFTY", "NFO", "2018-11-01", 20),
        ("BANKNIFTY", "NFO", "2020-07-23", 20),
        ("BANKNIFTY", "NFO", "2020-07-30", 25),
        ("BANKNIFTY", "NFO", "2023-07-27", 15),
        ("BANKNIFTY", "NFO", "2023-07-20", 25),
        ("BANKNIFTY", "NFO", "2023-08-03", 15),
        ("BANKNIFTY", "NFO", "2025-01-30", 15),
        ("BANKNIFTY", "NFO", "2025-02-27", 30),
        ("BANKNIFTY", "NFO", "2025-06-26", 30),
        ("BANKNIFTY", "NFO", "2025-07-31", 35),
        ("BANKNIFTY", "NFO", "2025-12-30", 35),
        ("BANKNIFTY", "NFO", "2026-01-27", 30),
        ("FINNIFTY", "NFO", "2024-07-23", 40),
        ("FINNIFTY", "NFO", "2024-07-30", 25),
        ("FINNIFTY", "NFO", "2025-02-27", 65),
        ("FINNIFTY", "NFO", "2026-01-27", 60),
        ("MIDCPNIFTY", "NFO", "2024-07-29", 50),
        ("MIDCPNIFTY", "NFO", "2024-07-22", 75),
        ("MIDCPNIFTY", "NFO", "2025-07-31", 140),
        ("MIDCPNIFTY", "NFO", "2026-01-27", 120),
        ("NIFTYNXT50", "NFO", "2024-12-27", 10),
        ("NIFTYNXT50", "NFO", "2025-02-27", 25),
        ("SENSEX", "BFO", "2023-05-11", 15),
        ("SENSEX", "BFO", "2023-05-19", 10),
        ("SENSEX", "BFO", "2025-01-03", 10),
        ("SENSEX", "BFO", "2025-01-07", 20),
        ("BANKEX", "BFO", "2023-05-19", 15),
        ("BANKEX", "BFO", "2025-02-25", 30),
    ],
)
def test_defect_7_a_contract_has_its_own_lot(
    underlying: str, exchange: str, expiry: str, lot: int
) -> None:
    """By its expiry, whatever the day it is traded on; the expiry day itself is one."""
    assert lot_of(future(underlying, expiry, exchange), day(expiry)) == lot


@pytest.mark.parametrize(
    ("underlying", "exchange", "expiry", "last_day", "old", "new"),
    [
        # All contracts at once.
        ("NIFTY", "NFO", "2024-05-02", "2024-04-25", 50, 25),
        ("NIFTY", "NFO", "2024-06-27", "2024-04-25", 50, 25),
        ("BANKNIFTY", "NFO", "2018-11-29", "2018-10-25", 40, 20),
        ("BANKNIFTY", "NFO", "2025-09-25", "2025-04-24", 30, 35),
        # Only the quarterly ones.
        ("NIFTY", "NFO", "2025-03-27", "2024-12-26", 25, 75),
        ("BANKNIFTY", "NFO", "2025-03-27", "2024-12-24", 15, 30),
        ("SENSEX", "BFO", "2025-06-24", "2024-12-27", 10, 20),
        ("NIFTY", "NFO", "2026-03-31", "2025-12-30", 75, 65),
    ],
)
def test_contracts_listed_before_a_change_wait_for_its_day(
    underlying: str, exchange: str, expiry: str, last_day: str, old: int, new: int
) -> None:
    contract = future(underlying, expiry, exchange)
    assert lot_of(contract, day(last_day)) == old
    assert lot_of(contract, day(last_day) + 1) == new


def test_a_serial_month_listed_after_a_change_never_has_the_old_lot() -> None:
    """February 2025 was first listed on 29 November 2024, with 75, while March still had 25."""
    assert lot_of(future("NIFTY", "2025-02-27"), day("2024-12-02")) == 75
    assert lot_of(future("NIFTY", "2025-03-27"), day("2024-12-02")) == 25
    assert lot_of(call("NIFTY", "2025-01-02", 24_000), day("2024-12-26")) == 75


def test_stocks_have_no_lot_in_the_tables_and_that_is_said() -> None:
    terms = terms_of(future("SBIN", "2025-08-28"), day("2025-08-01"), 800.0)
    assert terms.lot_size == 1
    assert terms.unknown == ("lot_size",)
    assert terms_of(instrument_of("SBIN", "NSE"), day("2025-08-01"), 800.0).unknown == ()


def test_an_index_order_is_a_proxy_of_one_unit() -> None:
    terms = terms_of(instrument_of("NIFTY", "NSE_INDEX"), day("2025-08-01"), 24_600.0)
    assert (terms.lot_size, terms.tick_size, terms.multiplier) == (1, 0.05, 1)
    assert (terms.freeze_quantity, terms.band, terms.unknown) == (0, None, ())


@given(
    st.sampled_from(["NIFTY", "BANKNIFTY", "FINNIFTY", "MIDCPNIFTY"]),
    st.integers(day("2022-02-01"), day("2028-12-31")),
    st.integers(0, 400),
)
def test_a_lot_has_its_row_and_the_expiry_day_settles_it(
    underlying: str, expiry: int, ahead: int
) -> None:
    contract = instrument_of(symbol_of(underlying, expiry), "NFO")
    row = lot_row_of(contract, expiry - ahead)
    assert row is not None
    assert lot_of(contract, expiry - ahead) == row["lot"]
    if ahead == 0:
        assert lot_row_of(contract, expiry + 1) == row


# Ticks -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("symbol", "exchange", "on", "price", "tick"),
    [
        ("SBIN", "NSE", "2024-06-09", 120.0, 0.05),
        ("SBIN", "NSE", "2024-06-10", 120.0, 0.01),
        ("SBIN", "NSE", "2024-06-10", 249.95, 0.01),
        ("SBIN", "NSE", "2024-06-10", 250.0, 0.05),
        ("SBIN", "NSE", "2025-04-14", 3000.0, 0.05),
        ("SBIN", "NSE", "2025-04-15", 249.95, 0.01),
        ("SBIN", "NSE", "2025-04-15", 1000.0, 0.05),
        ("SBIN", "NSE", "2025-04-15", 1000.1, 0.10),
        ("SBIN", "NSE", "2025-04-15", 5000.5, 0.50),
        ("SBIN", "NSE", "2025-04-15", 12_500.0, 1.0),
        ("MRF", "NSE", "2025-04-15", 130_000.0, 5.0),
        ("SBIN", "BSE", "2025-05-01", 99.0, 0.01),
        ("SBIN", "BSE", "2025-05-01", 101.0, 0.05),
        ("NIFTYBEES", "NSE", "2020-05-01", 95.0, 0.01),
        ("SBIN25JUL24FUT", "NFO", "2024-07-05", 120.0, 0.05),
        ("SBIN25JUL24FUT", "NFO", "2024-07-08", 120.0, 0.01),
        ("SBIN29MAY25FUT", "NFO", "2025-04-15", 1200.0, 0.10),
        ("NIFTY24APR25FUT", "NFO", "2025-04-11", 22_800.0, 0.05),
        ("NIFTY24APR25FUT", "NFO", "2025-04-15", 22_800.0, 0.10),
        ("BANKNIFTY24APR25FUT", "NFO", "2025-04-15", 52_000.0, 0.20),
        ("MIDCPNIFTY24APR25FUT", "NFO", "2025-04-15", 12_000.0, 0.05),
        ("SENSEX29APR25FUT", "BFO", "2025-04-15", 76_000.0, 0.05),
        ("NIFTY24APR2523000CE", "NFO", "2025-04-15", 22_800.0, 0.05),
        ("SBIN28OCT25200CE", "NFO", "2025-10-31", 200.0, 0.05),
        ("SBIN25NOV25200CE", "NFO", "2025-11-03", 200.0, 0.01),
        ("SBIN25NOV25800CE", "NFO", "2025-11-03", 800.0, 0.05),
        ("USDINR29DEC25FUT", "CDS", "2025-11-03", 88.0, 0.0025),
        ("CRUDEOIL19NOV25FUT", "MCX", "2025-11-03", 5400.0, 1.0),
        ("NATURALGAS24NOV25FUT", "MCX", "2025-11-03", 380.0, 0.10),
        ("CRUDEOILM17NOV255400CE", "MCX", "2025-11-03", 5400.0, 0.05),
    ],
)
def test_defect_7_ticks_by_date_and_price(
    symbol: str, exchange: str, on: str, price: float, tick: float
) -> None:
    instrument = instrument_of(symbol, exchange)
    assert terms_of(instrument, day(on), price, underlying_close=price).tick_size == tick


def test_the_price_that_a_tick_goes_by() -> None:
    """A derivative's is its underlying's; an option's premium never is, its strike may be."""
    on = day("2025-11-03")
    option = call("SBIN", "2025-11-25", 800.0)
    assert terms_of(option, on, 12.0, underlying_close=820.0).tick_size == 0.05
    assert terms_of(option, on, 12.0).tick_size == 0.05
    assert terms_of(option, on, 12.0, underlying_close=245.0).tick_size == 0.01
    banknifty = future("BANKNIFTY", "2025-11-25")
    assert terms_of(banknifty, on, 29_990.0, underlying_close=30_010.0).tick_size == 0.20


def test_a_tick_that_cannot_be_told_is_said() -> None:
    terms = terms_of(instrument_of("SBIN", "NSE"), day("2025-05-02"))
    assert (terms.tick_size, terms.unknown) == (0.05, ("tick_size",))
    assert terms_of(instrument_of("SBIN", "NSE"), day("2024-05-02")).unknown == ()
    unlisted = terms_of(future("CARDAMOM", "2025-05-15", "MCX"), day("2025-05-02"), 2700.0)
    assert unlisted.unknown == ("lot_size", "tick_size")


# Freeze quantity ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("underlying", "exchange", "on", "freeze"),
    [
        ("NIFTY", "NFO", "2021-07-30", 5000),
        ("NIFTY", "NFO", "2021-08-02", 2800),
        ("NIFTY", "NFO", "2023-03-31", 2800),
        ("NIFTY", "NFO", "2023-04-03", 1800),
        ("BANKNIFTY", "NFO", "2023-04-03", 900),
        ("BANKNIFTY", "NFO", "2025-06-30", 900),
        ("BANKNIFTY", "NFO", "2025-07-01", 600),
        ("BANKNIFTY", "NFO", "2025-09-01", 900),
        ("BANKNIFTY", "NFO", "2025-10-31", 900),
        ("BANKNIFTY", "NFO", "2025-12-01", 600),
        ("FINNIFTY", "NFO", "2025-12-01", 1200),
        ("FINNIFTY", "NFO", "2026-02-01", 1800),
        ("MIDCPNIFTY", "NFO", "2025-03-03", 4200),
        ("NIFTYNXT50", "NFO", "2026-08-03", 600),
        ("SENSEX", "BFO", "2026-08-03", 1000),
        ("BANKEX", "BFO", "2026-08-03", 900),
        ("RELIANCE", "NFO", "2026-08-03", 15_000),
        ("RELIANCE", "NFO", "2024-08-01", 0),
        ("USDINR", "CDS", "2024-08-01", 10_000_000),
    ],
)
def test_defect_7_freeze_quantities_by_date(
    underlying: str, exchange: str, on: str, freeze: int
) -> None:
    contract = instrument_of(symbol_of(underlying, day(on) + 5), exchange)
    assert terms_of(contract, day(on), 100.0).freeze_quantity == freeze


def test_the_largest_order_is_whole_lots() -> None:
    """1800 units are 27 lots of 65 and a rest: 27 × 65 = 1755."""
    terms = terms_of(future("NIFTY", "2026-09-29"), day("2026-09-01"), 25_000.0)
    assert (terms.lot_size, terms.freeze_quantity, terms.largest_order) == (65, 1800, 1755)
    assert terms_of(future("SBIN", "2024-09-26"), day("2024-09-02"), 800.0).largest_order == 0


@given(st.integers(0, 10_000_000), st.integers(1, 20_000))
def test_whole_lots_stay_within_the_freeze_quantity(freeze: int, lot: int) -> None:
    largest = whole_lots(freeze, lot)
    assert largest % lot == 0
    if freeze == 0:
        assert largest == 0
    elif freeze >= lot:
        assert freeze - lot < largest <= freeze
    else:
        assert largest == lot


@pytest.mark.parametrize(
    ("level", "freeze"),
    [
        (5750.0, 8500), (5750.05, 5500), (8625.0, 5500), (11_500.0, 4200), (17_250.0, 2800),
        (27_500.0, 1800), (40_000.0, 1200), (55_000.0, 900), (55_000.05, 600),
    ],
)  # fmt: skip
def test_an_index_s_freeze_quantity_by_its_level(level: float, freeze: int) -> None:
    assert freeze_by_level(day("2024-01-01"), level) == freeze
    assert freeze_by_level(day("2021-07-30"), level) == 0


# Multipliers -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("symbol", "exchange", "lot", "points"),
    [
        ("CRUDEOIL17APR246750CE", "MCX", 100, 100),
        ("CRUDEOILM19APR24FUT", "MCX", 10, 10),
        ("NATURALGAS25APR24FUT", "MCX", 1250, 1250),
        ("GOLD05JUN24FUT", "MCX", 100, 100),
        ("GOLDM03MAY24FUT", "MCX", 10, 10),
        ("SILVER03MAY24FUT", "MCX", 30, 30),
        ("COPPER30APR24FUT", "MCX", 2500, 2500),
        ("COPPER28FEB19FUT", "MCX", 1000, 1000),
        ("USDINR26APR24FUT", "CDS", 1000, 1000),
        ("JPYINR26APR24FUT", "CDS", 1000, 1000),
    ],
)
def test_a_lot_gains_its_units_by_a_rupee(
    symbol: str, exchange: str, lot: int, points: int
) -> None:
    """CRUDEOIL is quoted by the barrel: a lot of 100 gains ₹100 when it rises by one rupee,
    whether quantities count barrels or, as in some brokers' master contracts, lots."""
    instrument = instrument_of(symbol, exchange)
    on = instrument.expiry or 0
    in_units = terms_of(instrument, on, 100.0)
    assert (in_units.lot_size, in_units.multiplier) == (lot, 1)
    in_lots = terms_of(msgspec.structs.replace(instrument, listed=True), on, 100.0)
    assert in_lots.lot_size * in_lots.multiplier == points


def test_gold_in_a_master_that_counts_grams() -> None:
    gold = msgspec.structs.replace(
        instrument_of("GOLD05JUN24FUT", "MCX"), lot_size=1000, tick_size=1.0, listed=True
    )
    assert terms_of(gold, day("2024-05-02"), 72_000.0).multiplier == 0.1


# A master contract, and what a run can say ------------------------------------------------------


def test_a_listed_contract_wins_over_the_tables() -> None:
    listed = msgspec.structs.replace(
        future("NIFTY", "2026-09-29"), lot_size=60, tick_size=0.5, listed=True
    )
    terms = terms_of(listed, day("2026-09-01"), 25_000.0)
    assert (terms.lot_size, terms.tick_size, terms.largest_order) == (60, 0.5, 1800)
    sbin = msgspec.structs.replace(
        future("SBIN", "2026-09-29"), lot_size=750, tick_size=0.05, listed=True
    )
    assert terms_of(sbin, day("2026-09-01"), 800.0).unknown == ()
    assert terms_of(sbin, day("2026-09-01"), 800.0).largest_order == 30_000


def test_a_listed_cash_symbol_has_the_tick_of_the_date() -> None:
    """Today's master contract says nothing about the tick of 2022."""
    reliance = Instrument("RELIANCE", "NSE", "equity", tick_size=0.1, listed=True)
    assert terms_of(reliance, day("2022-05-02"), 2400.0).tick_size == 0.05
    assert terms_of(reliance, day("2025-05-02"), 2400.0).tick_size == 0.1


def test_the_rows_used_name_their_confidence() -> None:
    old = terms_of(future("BANKNIFTY", "2017-03-30"), day("2017-03-01"), 20_800.0)
    assert [row.rule for row in old.rows if row.confidence == "low"] == [
        "contracts.lots.NFO.BANKNIFTY"
    ]
    sure = terms_of(call("NIFTY", "2026-09-29", 25_000), day("2026-09-01"), 210.0)
    assert [row.rule for row in sure.rows] == [
        "contracts.lots.NFO.NIFTY",
        "contracts.ticks.index_option",
        "contracts.freeze.NFO.NIFTY",
        "price_bands.option_limits",
    ]
    assert all(row.confidence == "high" and row.source for row in sure.rows)
