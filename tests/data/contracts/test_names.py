"""Which contract a name means, whoever wrote it."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tapeback.data.contracts.names import (
    common_style,
    contract_named,
    contract_of,
    readings_of,
)
from tapeback.errors import DataFormatError
from tapeback.market.calendar import calendar_of
from tapeback.market.contracts.expiries import expiries
from tapeback.market.instruments import instrument_of, strike_text, symbol_of
from tapeback.models.instrument import Instrument
from tapeback.utils.clock import date_of_day, day_of

MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
DAYS = (day_of(date(2024, 1, 1)), day_of(date(2026, 12, 31)))


def trading(exchange: str, underlying: str) -> list[int]:
    calendar = calendar_of(exchange)
    found = expiries(underlying, exchange, *DAYS, lambda day: calendar.session(day) is not None)
    return [expiry.day for expiry in found]


EXPIRIES = {
    underlying: trading("BFO" if underlying == "SENSEX" else "NFO", underlying)
    for underlying in ("NIFTY", "SENSEX", "NIFTYNXT50", "RELIANCE", "M&M", "BAJAJ-AUTO", "VEDL")
}


def name(text: str, exchange: str | None = None) -> str | None:
    found = contract_named(text, exchange)
    return None if found is None else f"{found.symbol}:{found.exchange}"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("NIFTY25SEP2525000CE", "NIFTY25SEP2525000CE:NFO"),
        ("NIFTY2592325000CE", "NIFTY23SEP2525000CE:NFO"),
        ("NIFTY25O0725000PE", "NIFTY07OCT2525000PE:NFO"),
        ("NIFTY25SEP25000CE", "NIFTY30SEP2525000CE:NFO"),
        ("NIFTY25SEPFUT", "NIFTY30SEP25FUT:NFO"),
        ("NIFTY25092325000CE", "NIFTY23SEP2525000CE:NFO"),
        ("NIFTY-25SEP2025-25000-CE", "NIFTY25SEP2525000CE:NFO"),
        ("nifty-25sep2025-25000-ce", "NIFTY25SEP2525000CE:NFO"),
        ("NIFTY 25 Sep 2025 25000 CE", "NIFTY25SEP2525000CE:NFO"),
        ("NIFTY_2025-09-30_25000_CE", "NIFTY30SEP2525000CE:NFO"),
        ("NIFTY_25000_PE_30-Sep-2025", "NIFTY30SEP2525000PE:NFO"),
        ("OPTIDX_NIFTY_30SEP2025_CE_25000", "NIFTY30SEP2525000CE:NFO"),
        ("FUTIDX_NIFTY_30SEP2025", "NIFTY30SEP25FUT:NFO"),
        ("FUTSTK-M&M-28AUG2025", "M&M28AUG25FUT:NFO"),
        ("SENSEX2590481000CE", "SENSEX04SEP2581000CE:BFO"),
        ("BANKEX25SEPFUT", "BANKEX25SEP25FUT:BFO"),
        ("M&M28AUG253200CE", "M&M28AUG253200CE:NFO"),
        ("BAJAJ-AUTO28AUG258500.5PE", "BAJAJ-AUTO28AUG258500.5PE:NFO"),
        ("BAJAJ-AUTO-28-AUG-2025-8500-PE", "BAJAJ-AUTO28AUG258500PE:NFO"),
        ("NIFTYNXT5030SEP2568000CE", "NIFTYNXT5030SEP2568000CE:NFO"),
        ("NIFTYNXT5025SEP68000CE", "NIFTYNXT5030SEP2568000CE:NFO"),
        ("360ONE28AUG25FUT", "360ONE28AUG25FUT:NFO"),
        ("VEDL24APR25292.5CE", "VEDL24APR25292.5CE:NFO"),
        ("USDINR27JAN2683.5PE", "USDINR27JAN2683.5PE:CDS"),
        ("CRUDEOIL19NOV25FUT", "CRUDEOIL19NOV25FUT:MCX"),
    ],
)
def test_a_contract_is_read_from_any_spelling(text: str, meant: str) -> None:
    assert name(text) == meant


@pytest.mark.parametrize(
    "file",
    [
        "NIFTY25SEP2525000CE.csv",
        "NIFTY25SEP2525000CE.NFO.csv",
        "NFO_NIFTY25SEP2525000CE_5minute.parquet",
        "nifty25sep2525000ce_1m.csv.gz",
        "2025/NIFTY-25SEP2025-25000-CE-1min.csv",
    ],
)
def test_a_file_s_name_may_say_more_than_the_contract(file: str) -> None:
    assert name(file) == "NIFTY25SEP2525000CE:NFO"


@pytest.mark.parametrize(
    "text",
    ["RELIANCE", "NIFTY_50_1m.csv", "SBIN-EQ", "NIFTY-I", "NIFTY_1m_20240101_20240823.csv", ""],
)
def test_what_names_no_contract_is_none(text: str) -> None:
    assert contract_named(text) is None


def test_a_name_with_two_readings_is_decided_by_the_dated_expiries() -> None:
    # 25 September 2024, a Wednesday, or strike 24950 in September 2025.
    assert name("NIFTY25SEP24950CE") == "NIFTY30SEP2524950CE:NFO"
    # Each a day of its own series: in 2024 FINNIFTY expired on Tuesdays, BANKNIFTY on Wednesdays.
    assert name("FINNIFTY24SEP24500CE", "NFO") == "FINNIFTY24SEP2424500CE:NFO"
    assert name("BANKNIFTY2490451000CE") == "BANKNIFTY04SEP2451000CE:NFO"


def test_a_strike_that_no_such_contract_has_decides_what_the_calendar_leaves_open() -> None:
    # 24 October 2024 was an expiry as well, but there is no strike 500 of NIFTY.
    assert name("NIFTY24OCT24500CE") == "NIFTY31OCT2424500CE:NFO"
    assert name("SBIN26JUN25800CE") == "SBIN26JUN25800CE:NFO"


def test_a_name_that_stays_unclear_is_refused_with_all_its_readings() -> None:
    with pytest.raises(DataFormatError) as refused:
        contract_named("NIFTY2510125000CE")
    assert "NIFTY01JAN2525000CE (01-Jan-2025) and NIFTY12OCT255000CE (12-Oct-2025)" in str(
        refused.value
    )
    assert "OpenAlgo's spelling" in str(refused.value)


def test_a_weekly_name_of_a_day_without_expiry_is_refused() -> None:
    with pytest.raises(DataFormatError, match=r"09-Sep-2025.*is no day on which"):
        contract_named("SENSEX2590981000CE")


def test_the_days_of_the_bars_rule_out_a_reading() -> None:
    # OpenAlgo: July 2025. Kite: July 2024, strike 25900.
    both = {reading.instrument.symbol for reading in readings_of("MRF24JUL25900CE")}
    assert both == {"MRF24JUL25900CE", "MRF25JUL2425900CE"}
    in_2024 = (day_of(date(2024, 7, 1)), day_of(date(2024, 7, 5)))
    in_2025 = (day_of(date(2025, 7, 1)), day_of(date(2025, 7, 5)))
    for days, symbol in ((in_2024, "MRF25JUL2425900CE"), (in_2025, "MRF24JUL25900CE")):
        found = contract_named("MRF24JUL25900CE", days=days)
        assert found is not None
        assert found.symbol == symbol


def test_the_names_around_decide_for_a_name_that_fits_two_spellings() -> None:
    kite = ["NIFTY2592325000CE", "NIFTY25SEP25000CE", "NIFTY25SEP24950CE"]
    assert common_style(kite) == "kite-month"
    openalgo = ["NIFTY25SEP2525000CE", "SBIN28AUG25800CE", "SBIN28AUG251000CE"]
    assert common_style(openalgo) == "openalgo"
    assert common_style([*kite, *openalgo]) is None
    found = contract_named("SBIN25SEP25800CE", style="openalgo")
    assert found is not None
    assert found.symbol == "SBIN25SEP25800CE"


@pytest.mark.parametrize("kind", ["CE", "ce", "CALL", "C"])
def test_columns_make_the_same_contract_however_they_write_the_type(kind: str) -> None:
    expiry = day_of(date(2025, 9, 30))
    made = contract_of("Nifty 50", expiry, strike=25000, option_type=kind)
    assert made.symbol == "NIFTY30SEP2525000CE"
    future = contract_of("SENSEX", expiry, strike=0, option_type="XX")
    assert (future.symbol, future.exchange) == ("SENSEX30SEP25FUT", "BFO")
    with pytest.raises(DataFormatError, match="no type of contract"):
        contract_of("NIFTY", expiry, strike=25000, option_type="EQ")


@st.composite
def contracts(draw: st.DrawFn) -> Instrument:
    underlying, low, step = draw(
        st.sampled_from(
            [
                ("NIFTY", 15_000, 50),
                ("SENSEX", 60_000, 100),
                ("NIFTYNXT50", 50_000, 100),
                ("RELIANCE", 1_100, 10),
                ("M&M", 1_200, 20),
                ("BAJAJ-AUTO", 7_000, 100),
                ("VEDL", 150, 2.5),
            ]
        )
    )
    expiry = draw(st.sampled_from(EXPIRIES[underlying]))
    exchange = "BFO" if underlying == "SENSEX" else "NFO"
    if draw(st.integers(0, 4)) == 0:
        return instrument_of(symbol_of(underlying, expiry), exchange)
    strike = low + step * draw(st.integers(0, 60))
    kind = draw(st.sampled_from(["CE", "PE"]))
    return instrument_of(symbol_of(underlying, expiry, strike=strike, option_type=kind), exchange)


def spelled(contract: Instrument, spelling: str) -> str:
    assert contract.expiry is not None
    moment = date_of_day(contract.expiry)
    month, base = MONTHS[moment.month - 1], contract.underlying
    end = "FUT" if contract.kind == "future" else f"{strike_text(contract.strike)}"
    end += contract.option_type
    day, year = f"{moment.day:02}", f"{moment.year % 100:02}"
    dashed = f"{base}-{day}{month}{moment.year}-" + (
        "FUT" if contract.kind == "future" else f"{strike_text(contract.strike)}-{end[-2:]}"
    )
    return {
        "openalgo": contract.symbol,
        "nse": dashed,
        "lower": dashed.lower(),
        "spaces": dashed.replace("-", " ") if "-" not in base else dashed,
        "underscores": dashed.replace("-", "_") if "-" not in base else dashed,
        "iso": dashed.replace(f"{day}{month}{moment.year}", moment.isoformat()),
        "kite-month": f"{base}{year}{month}{end}",
        "kite-week": f"{base}{year}{'123456789OND'[moment.month - 1]}{day}{end}",
    }[spelling]


@given(contracts(), st.sampled_from(["nse", "lower", "spaces", "underscores", "iso"]))
def test_every_spelling_with_its_parts_apart_comes_back(
    contract: Instrument, spelling: str
) -> None:
    assert contract_named(spelled(contract, spelling)) == contract


@given(contracts())
def test_an_openalgo_symbol_comes_back_as_itself(contract: Instrument) -> None:
    """Refusing is allowed only where another reading is as good, and then both are named."""
    readings = {reading.instrument.symbol for reading in readings_of(contract.symbol)}
    assert contract.symbol in readings
    assert contract.expiry is not None
    days = (contract.expiry - 20, contract.expiry)
    found = contract_named(contract.symbol, days=days, style="openalgo")
    assert found == contract


@given(contracts())
def test_a_kite_name_comes_back(contract: Instrument) -> None:
    assert contract.expiry is not None
    month = f"{date_of_day(contract.expiry):%Y-%m}"
    same_month = [d for d in EXPIRIES[contract.underlying] if f"{date_of_day(d):%Y-%m}" == month]
    last = contract.expiry == max(same_month)
    weekly = not last and contract.kind == "option"
    assume(last or weekly)
    text = spelled(contract, "kite-week" if weekly else "kite-month")
    found = contract_named(text, days=(contract.expiry - 20, contract.expiry), style="kite-month")
    assert found == contract
