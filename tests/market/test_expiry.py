"""What becomes of contracts that are open when they expire."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeback.market.instruments import instrument_of
from tapeback.market.settling.expiry import Levy, delivery_margin, settle_expiry
from tapeback.utils.clock import day_of
from tapeback.utils.money import RUPEE, to_units


def day(text: str) -> int:
    return day_of(date.fromisoformat(text))


def test_a_long_index_call_in_the_money_is_paid_its_worth() -> None:
    """75 NIFTY 10800CE, settled at 10,900 on 2019-09-26: 7,500, and tax on 7,500 (9.38 at
    0.125 %), until August 2019 on 10,900 x 75 = 817,500 (1,021.88)."""
    call = instrument_of("NIFTY26SEP1910800CE", "NFO")
    found = settle_expiry(call, 75, 10_900, day=day("2019-09-26"))
    assert found.method == "cash"
    assert (found.price, found.cash) == (100 * RUPEE, 7_500 * RUPEE)
    assert found.delivery is None
    assert found.levy == Levy("exercise", True, 817_500 * RUPEE, 7_500 * RUPEE)


def test_the_writer_of_an_exercised_option_pays_its_worth_and_no_tax() -> None:
    put = instrument_of("NIFTY28MAR2422500PE", "NFO")
    found = settle_expiry(put, -50, 22_326.90, day=day("2024-03-28"))
    assert found.cash == -50 * to_units(173.10)
    assert found.levy is None


@pytest.mark.parametrize("symbol", ["NIFTY28MAR2422500CE", "NIFTY28MAR2422000PE"])
@pytest.mark.parametrize("quantity", [50, -50])
def test_an_option_out_of_the_money_is_dropped(symbol: str, quantity: int) -> None:
    found = settle_expiry(instrument_of(symbol, "NFO"), quantity, 22_326.90, day=day("2024-03-28"))
    assert found.method == "worthless"
    assert (found.price, found.cash, found.levy, found.delivery) == (0, 0, None, None)


@pytest.mark.parametrize("symbol", ["NIFTY28MAR2422500CE", "NIFTY28MAR2422500PE"])
def test_an_option_at_its_strike_is_not_exercised(symbol: str) -> None:
    found = settle_expiry(instrument_of(symbol, "NFO"), 50, 22_500, day=day("2024-03-28"))
    assert found.method == "worthless"


def test_an_index_future_ends_at_the_close_of_its_index() -> None:
    future = instrument_of("SENSEX25SEP25FUT", "BFO")
    found = settle_expiry(future, -20, 81_159.68, day=day("2025-09-25"))
    assert (found.method, found.price) == ("cash", to_units(81_159.68))
    assert found.cash == -20 * to_units(81_159.68)
    assert found.levy is None


# What 1,500 units bring at 800 and a strike of 750 (call) or 850 (put).
@pytest.mark.parametrize(
    ("symbol", "quantity", "shares", "price"),
    [
        ("SBIN31OCT19FUT", 1500, 1500, 800),
        ("SBIN31OCT19FUT", -1500, -1500, 800),
        ("SBIN31OCT19750CE", 1500, 1500, 750),
        ("SBIN31OCT19750CE", -1500, -1500, 750),
        ("SBIN31OCT19850PE", 1500, -1500, 850),
        ("SBIN31OCT19850PE", -1500, 1500, 850),
    ],
)
def test_stock_contracts_are_delivered_since_october_2019(
    symbol: str, quantity: int, shares: int, price: int
) -> None:
    found = settle_expiry(instrument_of(symbol, "NFO"), quantity, 800, day=day("2019-10-31"))
    assert found.method == "physical"
    assert found.delivery is not None
    assert (found.delivery.symbol, found.delivery.exchange) == ("SBIN", "NSE")
    assert (found.delivery.quantity, found.delivery.price) == (shares, price * RUPEE)
    assert found.delivery.product == "CNC"
    # Both sides pay the tax of a delivery.
    assert found.levy == Levy("physical", shares > 0, 1500 * price * RUPEE)


def test_a_stock_option_out_of_the_money_brings_no_shares() -> None:
    call = instrument_of("SBIN31OCT19850CE", "NFO")
    assert settle_expiry(call, 1500, 800, day=day("2019-10-31")).method == "worthless"


@pytest.mark.parametrize(
    ("symbol", "text", "method", "confidence"),
    [
        ("SBIN28JUN18FUT", "2018-06-28", "cash", "high"),
        ("ADANIPOWER28JUN18FUT", "2018-07-25", "cash", "high"),
        ("ADANIPOWER26JUL18FUT", "2018-07-26", "physical", "low"),
        ("SBIN26JUL18FUT", "2018-07-26", "cash", "low"),
        ("SBIN26SEP19FUT", "2019-10-30", "cash", "low"),
        ("SBIN31OCT19FUT", "2019-10-31", "physical", "high"),
        ("NIFTY31OCT19FUT", "2019-10-31", "cash", "high"),
    ],
)
def test_the_phases_of_physical_settlement(
    symbol: str, text: str, method: str, confidence: str
) -> None:
    found = settle_expiry(instrument_of(symbol, "NFO"), 1, 100, day=day(text))
    assert (found.method, found.rows[0].confidence) == (method, confidence)


def test_shares_of_bse_contracts_are_delivered_on_bse() -> None:
    found = settle_expiry(
        instrument_of("RELIANCE30OCT25FUT", "BFO"), 500, 1400, day=day("2025-10-30")
    )
    assert found.delivery is not None
    assert found.delivery.exchange == "BSE"


@pytest.mark.parametrize(
    ("symbol", "quantity", "future"),
    [
        ("CRUDEOIL17APR245000CE", 3, 3),
        ("CRUDEOIL17APR245000CE", -3, -3),
        ("CRUDEOIL17APR248000PE", 3, -3),
        ("CRUDEOIL17APR248000PE", -3, 3),
    ],
)
def test_a_commodity_option_becomes_a_future_at_its_strike(
    symbol: str, quantity: int, future: int
) -> None:
    option = instrument_of(symbol, "MCX")
    found = settle_expiry(option, quantity, 7_000, day=day("2024-04-17"), multiplier=100)
    assert found.method == "devolve"
    assert found.cash == 0
    assert found.delivery is not None
    assert (found.delivery.quantity, found.delivery.product) == (future, "NRML")
    assert found.delivery.price == to_units(option.strike)
    # The holder pays tax of 7,000 x 3 contracts x 100 barrels; the writer none.
    if quantity < 0:
        assert found.levy is None
    else:
        assert found.levy is not None
        assert (found.levy.kind, found.levy.value) == ("exercise", 7_000 * 3 * 100 * RUPEE)


def test_a_commodity_option_without_its_future_ends_in_cash() -> None:
    option = instrument_of("CRUDEOIL17APR246750CE", "MCX")
    found = settle_expiry(
        option, 3, 7_000, day=day("2024-04-17"), multiplier=100, future_traded=False
    )
    assert (found.method, found.cash) == ("cash", 250 * 3 * 100 * RUPEE)


@pytest.mark.parametrize(
    ("symbol", "confidence"), [("CRUDEOIL19APR24FUT", "medium"), ("GOLD05APR24FUT", "low")]
)
def test_goods_are_not_delivered_and_the_run_can_say_so(symbol: str, confidence: str) -> None:
    found = settle_expiry(instrument_of(symbol, "MCX"), 1, 7_000, day=day("2024-04-19"))
    assert (found.method, found.rows[0].confidence) == ("cash", confidence)


def test_currency_options_end_in_cash() -> None:
    call = instrument_of("USDINR19APR2482CE", "CDS")
    found = settle_expiry(call, 1000, 83.4575, day=day("2024-04-19"))
    assert found.cash == 1000 * to_units(1.4575)
    assert found.rows[0].confidence == "low"


@given(
    symbol=st.sampled_from(
        ["NIFTY28MAR24100CE", "NIFTY28MAR24100PE", "SBIN28MAR24100CE", "SBIN28MAR24100PE",
         "NIFTY28MAR24FUT", "SBIN28MAR24FUT"]
    ),
    lots=st.integers(-5, 5).filter(bool),
    paise=st.integers(5_000, 15_000),
)  # fmt: skip
def test_expiry_makes_nobody_richer(symbol: str, lots: int, paise: int) -> None:
    """Cash received plus shares taken over, at the closing price less what is paid for them, is
    what the contract was worth; its `intrinsic` is the part that came with the shares."""
    contract = instrument_of(symbol, "NFO")
    close = paise / 100
    found = settle_expiry(contract, lots, close, day=day("2024-03-28"))
    if contract.kind == "future":
        worth = to_units(close)
    elif contract.option_type == "CE":
        worth = max(to_units(close) - to_units(100), 0)
    else:
        worth = max(to_units(100) - to_units(close), 0)
    gained = 0
    if found.delivery is not None:
        gained = found.delivery.quantity * (to_units(close) - found.delivery.price)
    assert found.cash + gained == lots * worth
    assert found.intrinsic == gained


def test_the_delivery_margin_grows_from_the_fourth_day_before_expiry() -> None:
    call = instrument_of("SBIN28MAR24750CE", "NFO")
    shares = [
        delivery_margin(call, day("2024-03-20"), left).share_ppm / 10_000
        for left in (5, 4, 3, 2, 1, 0)
    ]
    assert shares == [0, 10, 25, 45, 70, 100]


@pytest.mark.parametrize(
    ("symbol", "exchange"),
    [
        ("NIFTY28MAR2422500CE", "NFO"),
        ("SBIN28MAR24FUT", "NFO"),
        ("SBIN26SEP19300CE", "NFO"),
        ("CRUDEOIL17APR246750CE", "MCX"),
    ],
)
def test_contracts_without_delivery_need_no_delivery_margin(symbol: str, exchange: str) -> None:
    assert delivery_margin(instrument_of(symbol, exchange), day("2019-09-26"), 0).share_ppm == 0
