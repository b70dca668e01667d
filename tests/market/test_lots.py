"""`lots: dated | today | scale`."""

from __future__ import annotations

from datetime import date

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeback.market.contracts.lots import LOT_MODES, Lot, LotMode, LotPolicy
from tapeback.market.contracts.master import Listing, MasterContract
from tapeback.market.instruments import instrument_of
from tapeback.models.instrument import Instrument
from tapeback.utils.clock import day_of

MARCH = instrument_of("NIFTY28MAR2422000CE", "NFO")
ON = day_of(date(2024, 3, 20))


@pytest.mark.parametrize(
    ("mode", "shown", "traded"), [("dated", 50, 50), ("today", 65, 65), ("scale", 65, 50)]
)
def test_what_a_bot_sees_and_what_is_traded(mode: LotMode, shown: int, traded: int) -> None:
    """March 2024 NIFTY options came by 50; bots of 2026 order by 65."""
    assert LotPolicy(mode).lot(MARCH, ON) == Lot(shown, traded)


@pytest.mark.parametrize("mode", LOT_MODES)
@pytest.mark.parametrize(("symbol", "exchange"), [("SBIN", "NSE"), ("NIFTY", "NSE_INDEX")])
def test_cash_and_proxies_trade_by_one(mode: LotMode, symbol: str, exchange: str) -> None:
    assert LotPolicy(mode).lot(instrument_of(symbol, exchange), ON) == Lot(1, 1)


def test_scale_turns_lots_into_lots() -> None:
    """Three of today's lots, 195, are three of the contract's, 150, and come back as 195."""
    lot = LotPolicy("scale").lot(MARCH, ON)
    assert lot.to_traded(195) == 150
    assert lot.to_shown(150) == 195
    assert lot.to_shown(-150) == -195
    assert lot.to_shown(0) == 0


@given(st.integers(1, 200), st.integers(1, 200), st.integers(-500, 500))
def test_scaling_whole_lots_is_exact_both_ways(shown: int, traded: int, lots: int) -> None:
    lot = Lot(shown, traded)
    assert lot.to_traded(lots * shown) == lots * traded
    assert lot.to_shown(lots * traded) == lots * shown


def test_a_position_left_between_lots_is_shown_to_the_nearest_unit() -> None:
    """25 units held while the contract's lot went to 75: a third of a lot of 65 is 21.67."""
    assert Lot(65, 75).to_shown(25) == 22


def test_a_master_contract_wins() -> None:
    december = msgspec.structs.replace(
        instrument_of("NIFTY28DEC27FUT", "NFO"), lot_size=40, listed=True
    )
    master = MasterContract([Listing(december)])
    assert LotPolicy("today", master).lot(MARCH, ON) == Lot(40, 40)
    assert LotPolicy("scale", master).lot(MARCH, ON) == Lot(40, 50)
    assert LotPolicy("dated", master).lot(december, ON) == Lot(40, 40)
    assert LotPolicy("scale", MasterContract([])).lot(MARCH, ON) == Lot(65, 50)


@pytest.mark.parametrize(
    ("on", "lot"),
    [
        # The contracts of March 2024 came by 50, those of May by 25.
        (date(2024, 3, 28), 50),
        (date(2024, 4, 26), 25),
        # January 2025 kept the old lot to its expiry on the 30th.
        (date(2025, 1, 30), 25),
        (date(2025, 1, 31), 75),
    ],
)
def test_a_continuous_future_has_the_lot_of_its_near_month(on: date, lot: int) -> None:
    near = instrument_of("NIFTY-I", "NFO")
    assert LotPolicy("dated").lot(near, day_of(on)).traded == lot


def test_a_stock_without_a_tabled_lot_keeps_its_own() -> None:
    sbin = Instrument("SBIN28MAR24FUT", "NFO", "future", 1500, underlying="SBIN", expiry=ON + 8)
    for mode in LOT_MODES:
        assert LotPolicy(mode).lot(sbin, ON) == Lot(1500, 1500)


@pytest.mark.parametrize("mode", LOT_MODES)
def test_a_refusal_names_the_other_two_settings(mode: LotMode) -> None:
    remedy = LotPolicy(mode).remedy
    assert [other for other in LOT_MODES if f"lots: {other}" in remedy] == [
        other for other in LOT_MODES if other != mode
    ]
