"""OpenAlgo symbols are read and written alike."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeback.errors import DataError
from tapeback.market.instruments import instrument_of, symbol_of
from tapeback.utils.clock import day_of

BASES = ["NIFTY", "NIFTYNXT50", "M&M", "BAJAJ-AUTO", "360ONE", "CRUDEOILM", "USDINR", "SENSEX50"]
DAYS = st.dates(date(2000, 1, 1), date(2099, 12, 31)).map(day_of)
STRIKES = st.integers(1, 50_000_000).map(lambda n: n / 100)


@pytest.mark.parametrize(
    ("symbol", "exchange", "base", "expiry", "strike", "kind"),
    [
        ("NIFTY28MAR2420800CE", "NFO", "NIFTY", date(2024, 3, 28), 20800.0, "CE"),
        ("VEDL25APR24292.5CE", "NFO", "VEDL", date(2024, 4, 25), 292.5, "CE"),
        ("USDINR19APR2482CE", "CDS", "USDINR", date(2024, 4, 19), 82.0, "CE"),
        ("USDINR27JAN2583.5PE", "CDS", "USDINR", date(2025, 1, 27), 83.5, "PE"),
        ("CRUDEOIL17APR246750CE", "MCX", "CRUDEOIL", date(2024, 4, 17), 6750.0, "CE"),
        ("NIFTYNXT5028MAR2460000PE", "NFO", "NIFTYNXT50", date(2024, 3, 28), 60000.0, "PE"),
        ("360ONE30DEC251200CE", "NFO", "360ONE", date(2025, 12, 30), 1200.0, "CE"),
        ("SENSEX0712482000PE", "BFO", "SENSEX0712482000PE", None, 0.0, ""),
    ],
)
def test_options_are_read(
    symbol: str, exchange: str, base: str, expiry: date | None, strike: float, kind: str
) -> None:
    found = instrument_of(symbol, exchange)
    assert found.underlying == base
    assert found.expiry == (None if expiry is None else day_of(expiry))
    assert (found.strike, found.option_type) == (strike, kind)
    assert found.kind == ("option" if kind else "future")


@pytest.mark.parametrize(
    ("symbol", "exchange", "base", "expiry"),
    [
        ("BANKNIFTY24APR24FUT", "NFO", "BANKNIFTY", date(2024, 4, 24)),
        ("M&M30OCT25FUT", "NFO", "M&M", date(2025, 10, 30)),
        ("BAJAJ-AUTO28NOV24FUT", "NFO", "BAJAJ-AUTO", date(2024, 11, 28)),
        ("CRUDEOILM20MAY24FUT", "MCX", "CRUDEOILM", date(2024, 5, 20)),
    ],
)
def test_futures_are_read(symbol: str, exchange: str, base: str, expiry: date) -> None:
    found = instrument_of(symbol, exchange)
    assert (found.kind, found.underlying, found.expiry) == ("future", base, day_of(expiry))


@pytest.mark.parametrize(
    ("symbol", "base"), [("NIFTY-I", "NIFTY"), ("BAJAJ-AUTO-II", "BAJAJ-AUTO"), ("M&M-III", "M&M")]
)
def test_continuous_futures_are_read(symbol: str, base: str) -> None:
    read = instrument_of(symbol, "NFO")
    assert (read.kind, read.underlying, read.expiry) == ("future", base, None)
    assert instrument_of(symbol, "NSE").kind == "equity"


def test_cash_symbols_and_indices_stay_whole() -> None:
    """A contract's look means nothing on a cash exchange, nor three letters that are no month."""
    assert instrument_of("SBIN", "NSE").kind == "equity"
    assert instrument_of("726GS2033", "NSE").underlying == "726GS2033"
    assert instrument_of("NIFTY28MAR24FUT", "NSE").kind == "equity"
    assert instrument_of("NIFTY", "NSE_INDEX").kind == "index"
    assert instrument_of("NIFTY28XYZ24FUT", "NFO").expiry is None


@given(base=st.sampled_from(BASES), expiry=DAYS, strike=STRIKES, kind=st.sampled_from(["CE", "PE"]))
def test_an_option_s_symbol_comes_back(base: str, expiry: int, strike: float, kind: str) -> None:
    found = instrument_of(symbol_of(base, expiry, strike=strike, option_type=kind), "NFO")
    assert (found.underlying, found.expiry, found.option_type) == (base, expiry, kind)
    assert found.strike == pytest.approx(strike, abs=1e-9)
    assert symbol_of(base, expiry, strike=found.strike, option_type=kind) == found.symbol


@given(base=st.sampled_from(BASES), expiry=DAYS)
def test_a_future_s_symbol_comes_back(base: str, expiry: int) -> None:
    found = instrument_of(symbol_of(base, expiry), "NFO")
    assert (found.kind, found.underlying, found.expiry) == ("future", base, expiry)


def test_symbols_are_written_as_openalgo_writes_them() -> None:
    may = day_of(date(2024, 5, 2))
    assert symbol_of("SBIN") == "SBIN"
    assert symbol_of("NIFTY", may) == "NIFTY02MAY24FUT"
    assert symbol_of("NIFTY", may, strike=22500.0, option_type="PE") == "NIFTY02MAY2422500PE"
    assert symbol_of("VEDL", may, strike=292.5, option_type="CE") == "VEDL02MAY24292.5CE"


def test_what_makes_no_symbol_is_refused() -> None:
    with pytest.raises(DataError, match="needs its expiry"):
        symbol_of("NIFTY", strike=22500.0, option_type="CE")
    with pytest.raises(DataError, match="CE or PE, not 'CALL'"):
        symbol_of("NIFTY", 19_800, strike=22500.0, option_type="CALL")
    with pytest.raises(DataError, match="strike above 0"):
        symbol_of("NIFTY", 19_800, option_type="CE")
