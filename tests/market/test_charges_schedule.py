"""The charges that a run posts: per order, in whole money units, from any plan."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapeback.errors import ConfigError
from tapeback.market.charges import ROUNDINGS, ChargeSchedule, charge
from tapeback.market.costs.levies import levies_of
from tapeback.market.costs.plans import BROKERS, PLANS
from tapeback.market.costs.segments import SEGMENTS, segment_of
from tapeback.models.instrument import Instrument
from tapeback.utils.clock import date_of_day, day_of
from tapeback.utils.money import PAISA, RUPEE

FIRST, LAST = 12_700, 20_800  # 2004-10-09 to 2026-12-13
TRADED = {"EQ": ("NSE", "BSE"), "CUR": ("CDS", "BCD"), "COM": ("MCX", "NCDEX", "NCO")}
SYMBOLS = ("", "NIFTYBEES", "GOLDBEES", "SENSEX5028NOV2425000CE", "COTTONCNDY31MAR25FUT")


@dataclass
class Trade:
    schedule: ChargeSchedule
    segment: Any
    exchange: str
    day: int
    symbol: str
    buy: bool

    @property
    def rates(self) -> Any:
        return self.schedule.rates(self.segment, self.exchange, self.day, self.symbol)


@st.composite
def trades(draw: st.DrawFn) -> Trade:
    segment = draw(st.sampled_from(SEGMENTS))
    schedule = ChargeSchedule(
        draw(st.sampled_from([*PLANS, {"ALL": {"pct": 0.07, "min": 3, "cap": 31.5}}])),
        draw(st.sampled_from(ROUNDINGS)),
        fee_bps=draw(st.sampled_from([0.0, 3.0, 0.25])),
        commission=draw(st.sampled_from([0.0, 1.5])),
        intraday_stt_pct=draw(st.sampled_from([None, 0.025])),
    )
    return Trade(
        schedule,
        segment,
        draw(st.sampled_from(TRADED[segment.partition("_")[0]])),
        draw(st.integers(FIRST, LAST)),
        draw(st.sampled_from(SYMBOLS)),
        draw(st.booleans()),
    )


# Money units: up to 100 crore rupees, prices to the hundredth of a paisa.
VALUES = st.integers(1, 10**13).map(lambda value: value * 100)


@given(trades(), VALUES, st.one_of(st.just(0), VALUES))
@settings(max_examples=200)
def test_the_cost_is_the_sum_of_its_lines(trade: Trade, value: int, before: int) -> None:
    rates = trade.rates
    lines = rates.lines(trade.buy, value, before)
    assert rates.cost(trade.buy, value, before) == lines.total
    assert lines.stt == 0 or lines.ctt == 0
    if trade.schedule.rounding != "none":
        assert lines.total % PAISA == 0


@given(trades(), VALUES, VALUES)
@settings(max_examples=200)
def test_charges_rise_with_the_value_and_are_never_negative(
    trade: Trade, value: int, more: int
) -> None:
    cost = trade.rates.cost
    assert 0 <= cost(trade.buy, value, 0) <= cost(trade.buy, value + more, 0)
    assert cost(trade.buy, more, value) >= 0


@given(trades(), st.lists(VALUES, min_size=1, max_size=6))
@settings(max_examples=200)
def test_an_order_costs_the_same_however_it_is_filled(trade: Trade, fills: list[int]) -> None:
    """Brokerage is an order's, not a fill's; only the commission of the settings is a fill's."""
    rates = trade.rates
    posted, before = 0, 0
    for value in fills:
        posted += rates.cost(trade.buy, value, before)
        before += value
    again = rates.commission * (len(fills) - 1)
    assert posted == rates.cost(trade.buy, before, 0) + again


@given(trades(), st.integers(1, 10**6), st.integers(1, 10**9))
@settings(max_examples=150)
def test_the_public_function_and_the_run_s_cost_agree(
    trade: Trade, quantity: int, units: int
) -> None:
    """`charge` of one whole order, to the paisa and without DP charge, is what a fill posts."""
    plan = trade.schedule.plan.name
    schedule = ChargeSchedule("zerodha" if plan == "own" else plan)
    price = Decimal(units) / RUPEE
    side = "BUY" if trade.buy else "SELL"
    day = date_of_day(trade.day)
    charges = charge(
        day, trade.exchange, trade.segment, side, quantity, price,
        symbol=trade.symbol, plan=schedule.plan.name,
    )  # fmt: skip
    rates = schedule.rates(trade.segment, trade.exchange, trade.day, trade.symbol)
    posted = rates.cost(trade.buy, quantity * units, 0)
    assert (charges.total - charges.dp) * RUPEE == posted


def test_twenty_rupees_are_paid_once_an_order() -> None:
    rates = ChargeSchedule().rates("EQ_OPT", "NFO", 20_000)
    first = rates.lines(True, 1000 * RUPEE, 0)
    then = rates.lines(True, 1000 * RUPEE, 1000 * RUPEE)
    assert (first.brokerage, then.brokerage) == (20 * RUPEE, 0)
    # GST of 20 and of the exchange's part, and then of the exchange's part alone.
    assert first.gst > then.gst > 0


def test_a_percentage_stops_at_the_cap_of_the_order() -> None:
    # 0.03 % of 50,000 is 15; the next 50,000 of the order can add 5 alone.
    rates = ChargeSchedule().rates("EQ_INTRADAY", "NSE", 20_000)
    fills = [rates.lines(True, 50_000 * RUPEE, 50_000 * RUPEE * n).brokerage for n in range(3)]
    assert fills == [15 * RUPEE, 5 * RUPEE, 0]


def test_settings_are_added_to_the_plan() -> None:
    schedule = ChargeSchedule("zerodha", fee_bps=3, commission=1.5)
    lines = schedule.rates("EQ_INTRADAY", "NSE", 20_000).lines(False, 100_000 * RUPEE, 0)
    plain = ChargeSchedule("zerodha").rates("EQ_INTRADAY", "NSE", 20_000)
    assert lines.other == 31_500_000  # 100,000 × 3 / 10,000 = 30, and 1.50
    assert lines.total == plain.cost(False, 100_000 * RUPEE, 0) + lines.other


def test_without_a_plan_the_settings_are_all() -> None:
    schedule = ChargeSchedule("none", "none", fee_bps=3)
    rates = schedule.rates("EQ_DELIVERY", "NSE", 20_000)
    # 123.4567 × 0.03 % = 0.03703701, to the unit of a millionth.
    assert rates.cost(True, 123_456_700, 0) == 37_037
    assert (rates.rows, rates.dp) == ((), 0)


def test_stt_that_the_settings_name_replaces_the_table_s() -> None:
    schedule = ChargeSchedule("zerodha", delivery_stt_pct=0.2, intraday_stt_pct=0.05)
    value = 100_000 * RUPEE
    for segment, bought, sold in (("EQ_DELIVERY", 200, 200), ("EQ_INTRADAY", 0, 50)):
        rates = schedule.rates(segment, "NSE", 20_000)  # type: ignore[arg-type]
        assert rates.lines(True, value, 0).stt == bought * RUPEE
        assert rates.lines(False, value, 0).stt == sold * RUPEE
    assert schedule.rates("EQ_FUT", "NFO", 20_000).lines(False, value, 0).stt == 20 * RUPEE


def test_the_flat_plan_is_five_basis_points_a_side() -> None:
    rates = ChargeSchedule("flat").rates("EQ_OPT", "NFO", 20_000)
    assert rates.cost(True, 100_000 * RUPEE, 0) == 50 * RUPEE
    assert rates.lines(False, 100_000 * RUPEE, 0).brokerage == 50 * RUPEE


def test_what_holds_changes_with_the_day_and_not_with_the_call() -> None:
    schedule = ChargeSchedule()
    april = day_of(date(2026, 4, 1))
    before, after = (schedule.rates("EQ_FUT", "NFO", day) for day in (april - 1, april))
    assert (before.tax_sell, after.tax_sell) == (200_000, 500_000)
    assert schedule.rates("EQ_FUT", "NFO", april - 1) is before
    assert {row.rule for row in after.rows} >= {
        "charges.stt.EQ_FUT",
        "charges.exchange.NSE.EQ_FUT",
        "charges.stamp.EQ_FUT",
        "charges.sebi.ALL",
        "charges.gst",
        "brokerage.zerodha.brokerage",
    }


# An order of 10,000 and one of 10 lakh on 2026-07-01, and the DP charge with GST.
PLANS_BY_HAND = {
    "zerodha": ("0", "0", "3", "20", "20", "15.34"),
    "groww": ("10", "20", "10", "20", "20", "23.6"),
    "upstox": ("20", "20", "10", "20", "20", "21.83"),
    "angelone": ("10", "20", "3", "20", "20", "23.6"),
    "dhan": ("0", "0", "3", "20", "20", "14.75"),
    "fyers": ("20", "20", "3", "20", "20", "14.75"),
    "none": ("0", "0", "0", "0", "0", "0"),
}


@pytest.mark.parametrize("plan", PLANS_BY_HAND)
def test_a_broker_s_plan(plan: str) -> None:
    def of(segment: str, price: int, side: str = "BUY") -> Any:
        return charge("2026-07-01", "NSE", segment, side, 100, price, plan=plan, rounding="none")

    found = (
        of("EQ_DELIVERY", 100).brokerage,
        of("EQ_DELIVERY", 10_000).brokerage,
        of("EQ_INTRADAY", 100).brokerage,
        of("EQ_INTRADAY", 10_000).brokerage,
        of("EQ_OPT", 100).brokerage,
        of("EQ_DELIVERY", 100, "SELL").dp,
    )
    assert found == tuple(map(Decimal, PLANS_BY_HAND[plan]))


def test_the_least_brokerage_of_a_small_order() -> None:
    # 0.1 % of 1,000 is 1; Groww takes 5.
    order = ("2026-07-01", "NSE", "EQ_DELIVERY", "BUY", 10, 100)
    assert charge(*order, plan="groww").brokerage == 5


def test_every_broker_s_delivery_was_priced_by_its_date() -> None:
    order = ("NSE", "EQ_DELIVERY", "BUY", 100, 10_000)
    for plan, day, then in (("angelone", "2024-11-01", 20), ("upstox", "2023-04-01", 20)):
        before = date_of_day(day_of(date.fromisoformat(day)) - 1)
        assert charge(before, *order, plan=plan).brokerage == 0
        assert charge(day, *order, plan=plan).brokerage == then


def test_a_broker_without_the_segment_names_whose_brokerage_is_used() -> None:
    charges = charge("2026-07-01", "MCX", "COM_OPT", "BUY", 100, 100, plan="groww")
    assert charges.brokerage == 20
    assert "groww names no brokerage for COM_OPT, zerodha's is used" in str(charges.doubtful[0])


@pytest.mark.parametrize("segment", SEGMENTS)
def test_every_row_of_the_tables_can_be_charged(segment: Any) -> None:
    """Each change of a rate or a plan, on each exchange: a rate finer than the arithmetic, or a
    row that lacks a figure, would raise."""
    for plan in BROKERS:
        schedule = ChargeSchedule(plan)
        for exchange in TRADED[segment.partition("_")[0]]:
            for symbol in SYMBOLS:
                days = levies_of(segment, exchange, symbol).change_days()
                for day in sorted(days | schedule.plan.change_days() | {FIRST}):
                    rates = schedule.rates(segment, exchange, day, symbol)
                    assert 0 < rates.cost(False, 100_000 * RUPEE, 0) < 1000 * RUPEE
                    assert all(row.source for row in rates.rows)


def test_a_plan_of_one_s_own() -> None:
    plan = {"EQ_OPT": {"flat": 10}, "EQ_INTRADAY": {"pct": "0.02", "min": 2, "cap": 15}}

    def of(segment: str, price: float, side: str = "BUY") -> Any:
        return charge("2026-07-01", "NSE", segment, side, 100, price, plan=plan)

    assert [of("EQ_INTRADAY", price).brokerage for price in (50, 200, 5000)] == [2, 4, 15]
    option = of("EQ_OPT", 100, "SELL")
    assert (option.brokerage, option.stt) == (10, 15)  # taxes come on top
    # The cash segments stand for each other; a sale from holdings pays zerodha's DP charge.
    delivery = of("EQ_DELIVERY", 200, "SELL")
    assert (delivery.brokerage, delivery.dp) == (4, Decimal("15.34"))
    assert "the plan names no DP charge" in str(delivery.doubtful[-1])
    with pytest.raises(ConfigError, match="names no brokerage for EQ_FUT") as refusal:
        of("EQ_FUT", 100)
    assert "Add EQ_FUT: {flat: 20}" in str(refusal.value)


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ({}, "the plan is empty"),
        ({"EQ_OPTION": {"flat": 20}}, "did you mean 'EQ_OPT'"),
        ({"EQ_OPT": 20}, "no mapping"),
        ({"EQ_OPT": {"flat": 20, "pct": 0.03}}, "Give `flat`"),
        ({"EQ_OPT": {"flat": 20, "cap": 20}}, "Give `flat`"),
        ({"EQ_OPT": {"cap": 20}}, "Give `flat`"),
        ({"EQ_OPT": {"per_lot": 50}}, "Give `flat`"),
        ({"EQ_OPT": {"flat": -1}}, "from 0 upwards"),
        ({"EQ_OPT": {"flat": True}}, "from 0 upwards"),
        ({"EQ_OPT": {"flat": "twenty"}}, "from 0 upwards"),
        ({"EQ_OPT": {"pct": 0.03, "min": 30, "cap": 20}}, "min 30 lies above cap 20"),
        ({"EQ_OPT": {"pct": "0.00000003"}}, "at most 7 decimals"),
        ({"EQ_OPT": {"flat": "x"}, "EQ_FUT": 3}, "costs.EQ_FUT"),
    ],
    ids=str,
)
def test_a_plan_that_cannot_be_is_refused(plan: Any, said: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        ChargeSchedule(plan)
    assert said in str(refusal.value)


@pytest.mark.parametrize(
    ("exchange", "kind", "product", "same_day", "segment"),
    [
        ("NSE", "equity", "CNC", False, "EQ_DELIVERY"),
        ("NSE", "equity", "CNC", True, "EQ_INTRADAY"),
        ("BSE", "equity", "MIS", False, "EQ_INTRADAY"),
        ("NFO", "future", "MIS", False, "EQ_FUT"),
        ("BFO", "option", "NRML", False, "EQ_OPT"),
        ("NSE_INDEX", "index", "NRML", False, "EQ_FUT"),
        ("MCX_INDEX", "index", "NRML", False, "COM_FUT"),
        ("CDS", "future", "NRML", False, "CUR_FUT"),
        ("BCD", "option", "NRML", False, "CUR_OPT"),
        ("MCX", "future", "NRML", False, "COM_FUT"),
        ("NCDEX", "option", "NRML", False, "COM_OPT"),
    ],
)
def test_the_segment_of_a_trade(
    exchange: str, kind: Any, product: str, same_day: bool, segment: str
) -> None:
    instrument = Instrument("X", exchange, kind)
    found = segment_of(instrument, product, same_day=same_day)
    assert found == segment
    assert ChargeSchedule().rates(found, exchange, 20_000, "X").cost(True, RUPEE, 0) >= 0


def test_an_exchange_without_charges_can_be_run_without_costs_alone() -> None:
    coin = segment_of(Instrument("BTC", "CRYPTO", "equity"), "CNC")
    with pytest.raises(ConfigError, match="`costs: none` charges nothing"):
        ChargeSchedule().rates(coin, "CRYPTO", 20_000, "BTC")
    assert ChargeSchedule("none").rates(coin, "CRYPTO", 20_000, "BTC").cost(True, RUPEE, 0) == 0
