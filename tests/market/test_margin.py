"""What positions block: OpenAlgo's leverage, and what brokers asked for by date."""

from __future__ import annotations

from datetime import date
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapeback.market.instruments import instrument_of
from tapeback.market.margin import (
    MarginModel,
    MarginTerms,
    default_policy,
    leverage_of,
    shortfall_allowed,
)
from tapeback.market.spreads import Leg, PortfolioMargin, spread_requirement
from tapeback.utils.clock import day_of
from tapeback.utils.money import RUPEE, to_units

LIVE = MarginModel("live")
UNCREDITED = MarginModel("live", premium_credit=False)
SANDBOX = MarginModel("sandbox")
# The underlying of the recorded answers of 2026-09-30: SPAN of the future, 137,425.60 for 65, is
# 9.3 % of 22,733.76.
SPOT = to_units(22_733.76)
RECORDED = "2026-09-30"


def day(text: str) -> int:
    return day_of(date.fromisoformat(text))


def terms(
    symbol: str, exchange: str, product: str, on: str, model: MarginModel = LIVE
) -> MarginTerms:
    return model.terms(instrument_of(symbol, exchange), product, day(on))


def option(symbol: str, on: str = RECORDED, model: MarginModel = LIVE) -> MarginTerms:
    return terms(symbol, "NFO", "NRML", on, model)


def rupees(units: int) -> float:
    return units / RUPEE


class TestSandbox:
    """OpenAlgo's sandbox: quantity times price over the leverage, whatever the product is."""

    @pytest.mark.parametrize(
        ("symbol", "exchange", "product", "quantity", "price", "margin"),
        [
            ("SBIN", "NSE", "MIS", 100, 800.0, 16_000),  # 80,000 / 5
            ("SBIN", "NSE", "MIS", -100, 800.0, 16_000),
            ("SBIN", "NSE", "CNC", 100, 800.0, 80_000),
            ("NIFTY27OCT26FUT", "NFO", "NRML", 65, 22_833.7, 148_419.05),  # 1,484,190.50 / 10
            ("NIFTY27OCT26FUT", "NFO", "MIS", -65, 22_833.7, 148_419.05),
            ("NIFTY06OCT2623200CE", "NFO", "NRML", 65, 20.0, 1_300),
            ("NIFTY06OCT2623200CE", "NFO", "NRML", -65, 20.0, 1_300),  # no more than its premium
            ("CRUDEOIL19OCT26FUT", "MCX", "MIS", 100, 5_400.0, 54_000),
        ],
    )
    def test_to_the_rupee(
        self, symbol: str, exchange: str, product: str, quantity: int, price: float, margin: float
    ) -> None:
        blocked = terms(symbol, exchange, product, RECORDED, SANDBOX)
        assert rupees(blocked.required(quantity, to_units(price))) == margin
        assert blocked.rows == ()

    def test_a_hedge_changes_nothing(self) -> None:
        short = Leg(option("NIFTY06OCT2623000CE", model=SANDBOX), -65, -65 * to_units(67.1))
        hedge = Leg(option("NIFTY06OCT2623200CE", model=SANDBOX), 65, 65 * to_units(19))
        assert spread_requirement([hedge, short], SPOT) == to_units(65 * 67.1 + 65 * 19)

    def test_leverage_of(self) -> None:
        assert leverage_of(instrument_of("SBIN", "NSE"), "MIS") == 5
        assert leverage_of(instrument_of("SBIN", "NSE"), "CNC") == 1
        assert leverage_of(instrument_of("NIFTY", "NSE_INDEX"), "NRML") == 10
        assert leverage_of(instrument_of("NIFTY06OCT2623200CE", "NFO"), "MIS") == 1

    def test_defect_15_there_are_margin_and_leverage_and_the_user_may_set_it(self) -> None:
        own = MarginModel("live", leverage={"MIS": 2.5})
        assert terms("SBIN", "NSE", "MIS", RECORDED, own).required(-10, 800 * RUPEE) == to_units(
            3_200
        )
        assert terms("SBIN", "NSE", "CNC", RECORDED, own).required(10, 800 * RUPEE) == to_units(
            8_000
        )


class TestEquity:
    @pytest.mark.parametrize(
        ("on", "margin"),
        [
            ("2020-11-30", 5_000),  # twenty times, brokers' choice
            ("2020-12-01", 5_000),  # a quarter of 20 %
            ("2021-02-28", 5_000),
            ("2021-03-01", 10_000),
            ("2021-05-31", 10_000),
            ("2021-06-01", 15_000),
            ("2021-08-31", 15_000),
            ("2021-09-01", 20_000),  # five times at most
            ("2026-09-30", 20_000),
        ],
    )
    def test_the_peak_margin_phases(self, on: str, margin: int) -> None:
        """100 shares at 1,000 in MIS, long or short."""
        blocked = terms("SBIN", "NSE", "MIS", on)
        assert rupees(blocked.required(100, 1_000 * RUPEE)) == margin
        assert rupees(blocked.required(-100, 1_000 * RUPEE)) == margin

    def test_before_the_phases_the_figure_is_a_guess_and_says_so(self) -> None:
        assert [row.confidence for row in terms("SBIN", "NSE", "MIS", "2020-11-30").rows] == ["low"]
        assert [row.confidence for row in terms("SBIN", "NSE", "MIS", "2020-12-01").rows] == [
            "high"
        ]

    def test_delivery_is_paid_in_full(self) -> None:
        for on in ("2010-01-04", "2026-09-30"):
            assert terms("SBIN", "NSE", "CNC", on).required(3, 560 * RUPEE) == 1_680 * RUPEE


class TestMeasured:
    """Answers that brokers' margin calculators gave."""

    def test_a_nifty_future(self) -> None:
        """Kite, 2026-09-30, one NIFTY October future sold at 22,833.70: SPAN 137,425.60 +
        exposure 29,683.81 = 167,109.41."""
        future = option("NIFTY27OCT26FUT")
        price = to_units(22_833.7)
        assert rupees(future.required(-65, price, SPOT)) == pytest.approx(167_109.41, rel=1e-5)
        assert rupees(future.required(-65, price)) == pytest.approx(167_109.41, rel=0.005)
        assert future.required(65, price, SPOT) == future.required(-65, price, SPOT)

    def test_a_short_call_at_the_money(self) -> None:
        """Kite, 2025-07-01, 75 NIFTY 25700 CE sold at 232.05: 197,528.25. The exposure of
        38,523 puts the underlying at 25,682. Here: 25,682 × 1.093 − 25,700 = 2,370.426, less the
        premium 2,138.376, times 75 = 160,378.20; with the exposure 198,901.20."""
        short = option("NIFTY31JUL2525700CE", "2025-07-01")
        margin = rupees(short.required(-75, to_units(232.05), to_units(25_682)))
        assert margin == pytest.approx(198_901.20)
        assert margin == pytest.approx(197_528.25, rel=0.01)
        strict = option("NIFTY31JUL2525700CE", "2025-07-01", UNCREDITED)
        apart = strict.required(-75, to_units(232.05), to_units(25_682))
        assert rupees(apart) == pytest.approx(198_901.20 + 75 * 232.05)
        without = short.required(-75, to_units(232.05))
        assert rupees(without) == pytest.approx(197_528.25, rel=0.02)

    def condor(self, model: MarginModel) -> list[Leg]:
        """200-point wings, one lot each; 56.00 paid for the wings and 134.20 received."""
        return [
            Leg(option(symbol, model=model), quantity, quantity * to_units(price))
            for symbol, quantity, price in (
                ("NIFTY06OCT2623200CE", 65, 19.0),
                ("NIFTY06OCT2622400PE", 65, 37.0),
                ("NIFTY06OCT2623000CE", -65, 67.1),
                ("NIFTY06OCT2622600PE", -65, 67.1),
            )
        ]

    def test_an_iron_condor(self) -> None:
        """2026-09-30: Kite's basket asked for 75,476.37 to begin with and 66,753.37 in the end,
        Groww's for 75,525.90. Here: one wing is lost, 200 × 65 = 13,000; exposure on two short
        legs 2 × 2 % × 65 × 22,733.76 = 59,107.78; 3,640 paid: 75,747.78, less 8,723 received."""
        begin = rupees(spread_requirement(self.condor(UNCREDITED), SPOT))
        final = rupees(spread_requirement(self.condor(LIVE), SPOT))
        assert begin == pytest.approx(75_747.78, abs=0.01)
        assert begin == pytest.approx(75_476.37, rel=0.005)
        assert begin == pytest.approx(75_525.90, rel=0.005)
        assert final == pytest.approx(67_024.78, abs=0.01)
        assert final == pytest.approx(66_753.37, rel=0.005)

    def test_an_iron_condor_without_the_underlyings_price(self) -> None:
        assert rupees(spread_requirement(self.condor(LIVE))) == pytest.approx(66_753.37, rel=0.01)


class TestOptions:
    def test_a_bought_option_costs_its_premium(self) -> None:
        """NIFTY 23200 CE, 65 at 19: 1,235, as Kite answered on 2026-09-30."""
        for model in (LIVE, UNCREDITED):
            long = option("NIFTY06OCT2623200CE", model=model)
            assert long.required(65, 19 * RUPEE, SPOT) == 1_235 * RUPEE

    def test_one_lot_sold_needs_more_than_a_lakh(self) -> None:
        short = option("NIFTY31JUL2525700CE", "2025-07-01")
        assert short.required(-75, to_units(20), to_units(25_682)) > 100_000 * RUPEE

    def test_two_per_cent_more_on_the_expiry_day(self) -> None:
        """2 % of 75 × 23,500 = 35,250, from 2024-11-20 on, on index options alone."""
        spot, price = to_units(23_500), to_units(60)

        def rise(expiry: str, exchange: str, symbol: str, at: int) -> float:
            last = day(expiry)
            contract = instrument_of(symbol, exchange)
            before, on = (LIVE.terms(contract, "NRML", d) for d in (last - 1, last))
            return rupees(on.required(-75, price, at) - before.required(-75, price, at))

        assert rise("2024-11-21", "NFO", "NIFTY21NOV2423500CE", spot) == 35_250
        assert rise("2024-11-14", "NFO", "NIFTY14NOV2423500CE", spot) == 0
        assert rise("2024-11-28", "NFO", "SBIN28NOV24840CE", to_units(840)) == 0

    def test_out_of_the_money_the_extreme_move_decides(self) -> None:
        """NIFTY 24200 CE at 5, 6.4 % away: the scan ends at 24,848.00, a loss of 643.00; twice as
        far is 26,962.24, and 35 % of the loss of 2,757.24 is 965.03. 65 × 965.03 = 62,727.21, and
        2 % of 65 × 22,733.76 = 29,553.89."""
        short = option("NIFTY06OCT2624200CE")
        margin = rupees(short.required(-65, to_units(5), SPOT))
        assert margin == pytest.approx(62_727.21 + 29_553.89, abs=0.05)

    def test_deep_out_of_the_money_has_a_floor(self) -> None:
        """19 % away the scan finds nothing; 2 % + 3 % of 65 × 22,733.76 = 73,884.72 stay."""
        far = option("NIFTY06OCT2628000CE")
        assert rupees(far.required(-65, to_units(0.5), SPOT)) == pytest.approx(73_884.72, abs=0.01)

    def test_further_out_of_the_money_never_needs_more_up_to_a_tenth(self) -> None:
        needs = [
            option(f"NIFTY06OCT26{strike}CE").required(-65, to_units(5), SPOT)
            for strike in range(22_800, 25_000, 200)
        ]
        assert needs == sorted(needs, reverse=True)

    def test_a_long_dated_option_is_scanned_further(self) -> None:
        near, far = (option(f"NIFTY{e}22700CE") for e in ("29DEC26", "28DEC27"))
        assert far.required(-65, to_units(800), SPOT) > 1.5 * near.required(
            -65, to_units(800), SPOT
        )

    @pytest.mark.parametrize(
        ("on", "percent"),
        [
            ("2018-09-13", 6),  # 3 + 3, as the clearing corporation said of it
            ("2018-09-14", 7),
            ("2018-09-28", 8),
            ("2018-10-26", 9),
            ("2018-11-30", 10),
            ("2020-04-30", 10),
            ("2020-05-01", 11.3),
            ("2025-07-01", 11.3),
        ],
    )
    def test_an_index_option_at_the_money_by_date(self, on: str, percent: float) -> None:
        """What is covered of a move of the index, premium aside."""
        contract = instrument_of("NIFTY29DEC2710000PE", "NFO")
        short = LIVE.terms(contract, "NRML", day(on))
        if on >= "2020-05-01":
            contract = instrument_of(f"NIFTY30SEP{on[2:4]}10000PE", "NFO")
            short = LIVE.terms(contract, "NRML", day(on))
        assert rupees(short.required(-100, 0, to_units(10_000))) == pytest.approx(1e4 * percent)


class TestFutures:
    @pytest.mark.parametrize(
        ("symbol", "exchange", "on", "percent", "confidence"),
        [
            ("NIFTY27SEP18FUT", "NFO", "2018-09-13", 8, "medium"),  # 5 + 3
            ("SBIN27SEP18FUT", "NFO", "2018-09-13", 12.5, "medium"),  # 7.5 + 5
            ("SBIN29NOV18FUT", "NFO", "2018-11-30", 17.5, "medium"),  # 12.5 + 5
            ("BANKNIFTY27OCT26FUT", "NFO", RECORDED, 14, "medium"),
            ("SBIN27OCT26FUT", "NFO", RECORDED, 20, "low"),
            ("NIFTY", "NSE_INDEX", RECORDED, 11.3, "high"),
            ("USDINR28OCT26FUT", "CDS", RECORDED, 2.5, "low"),
            ("CRUDEOIL19OCT26FUT", "MCX", RECORDED, 30, "low"),
            ("GOLD04DEC26FUT", "MCX", RECORDED, 10, "low"),
            ("ZINC30OCT26FUT", "MCX", RECORDED, 11.25, "low"),
        ],
    )
    def test_totals(
        self, symbol: str, exchange: str, on: str, percent: float, confidence: str
    ) -> None:
        future = terms(symbol, exchange, "NRML", on)
        assert rupees(future.required(10, 1_000 * RUPEE)) == pytest.approx(100 * percent)
        worst = {"high": 0, "medium": 1, "low": 2}
        spread = [row for row in future.rows if "calendar" not in row.rule]
        assert max(spread, key=lambda row: worst[row.confidence]).confidence == confidence

    @pytest.mark.parametrize(
        ("on", "share"),
        [
            ("2021-02-28", 0.4),
            ("2021-03-01", 0.5),
            ("2021-05-31", 0.5),
            ("2021-06-01", 0.75),
            ("2021-08-31", 0.75),
            ("2021-09-01", 1),
        ],
    )
    def test_mis_asks_for_a_part_until_the_last_phase(self, on: str, share: float) -> None:
        whole, part = (terms("NIFTY30SEP21FUT", "NFO", p, on) for p in ("NRML", "MIS"))
        price = 15_000 * RUPEE
        assert part.required(50, price) == pytest.approx(share * whole.required(50, price))

    def test_before_the_first_row_its_figure_has_low_confidence(self) -> None:
        early = terms("GBPINR26FEB09FUT", "CDS", "NRML", "2009-02-02")
        assert {row.confidence for row in early.rows if "GBPINR" in row.rule} == {"low"}


class TestHedges:
    """The order of legs is what live bots stumble over."""

    short = ("NIFTY06OCT2623000CE", -65, 67.1)
    hedge = ("NIFTY06OCT2623200CE", 65, 19.0)

    def leg(self, symbol: str, quantity: int, price: float) -> Leg:
        return Leg(option(symbol), quantity, quantity * to_units(price))

    def test_hedge_bought_first(self) -> None:
        account = PortfolioMargin()
        naked = account.additional("short", self.leg(*self.short), SPOT)
        account.hold("hedge", self.leg(*self.hedge))
        hedged = account.additional("short", self.leg(*self.short), SPOT)
        assert rupees(naked) > 140_000
        assert rupees(hedged) < 40_000

    def test_hedge_sold_first_at_the_exit_makes_margin_jump(self) -> None:
        account = PortfolioMargin()
        account.hold("hedge", self.leg(*self.hedge))
        account.hold("short", self.leg(*self.short))
        before = account.required(SPOT)
        gone = Leg(option(self.hedge[0]), 0, 0)
        jump = account.additional("hedge", gone, SPOT)
        account.hold("hedge", gone)
        naked = self.leg(*self.short).terms.required(-65, to_units(67.1), SPOT)
        assert account.required(SPOT) == naked == before + jump
        assert rupees(jump) > 100_000

    def test_a_debit_spread_costs_its_premium_and_exposure(self) -> None:
        """48.10 net paid on the 22600–22800 call spread; its worst end is worth nothing."""
        legs = [
            self.leg("NIFTY06OCT2622600CE", 65, 190.0),
            self.leg("NIFTY06OCT2622800CE", -65, 141.9),
        ]
        exposure = 0.02 * 65 * 22_733.76
        assert rupees(spread_requirement(legs, SPOT)) == pytest.approx(
            65 * 48.1 + exposure, abs=0.01
        )

    def test_a_covered_call_needs_no_scan_on_the_call(self) -> None:
        future = self.leg("NIFTY27OCT26FUT", 65, 22_833.7)
        call = self.leg("NIFTY27OCT2623500CE", -65, 150.0)
        alone = future.terms.blocked(65, future.cost, SPOT)
        both = spread_requirement([future, call], SPOT)
        assert alone < both < alone + 0.021 * 65 * SPOT

    def test_a_straddle_pays_for_its_worse_side(self) -> None:
        legs = [
            self.leg(f"NIFTY06OCT2622750{kind}", -65, price)
            for kind, price in (("CE", 120.0), ("PE", 125.0))
        ]
        single = [leg.terms.blocked(leg.quantity, leg.cost, SPOT) for leg in legs]
        together = spread_requirement(legs, SPOT)
        assert max(single) < together < 0.7 * sum(single)

    def test_strikes_far_apart_never_need_more_together_where_no_price_is_known(self) -> None:
        legs = [self.leg(f"NIFTY06OCT26{strike}CE", -65, 50.0) for strike in (20_000, 26_000)]
        single = [leg.terms.blocked(leg.quantity, leg.cost) for leg in legs]
        assert spread_requirement(legs) == sum(single)

    def test_mis_and_shares_beside_derivatives_are_added(self) -> None:
        shares = Leg(terms("SBIN", "NSE", "MIS", RECORDED), 100, 100 * 800 * RUPEE)
        condor = TestMeasured().condor(LIVE)
        assert (
            spread_requirement([shares, *condor], SPOT)
            == spread_requirement(condor, SPOT) + 16_000 * RUPEE
        )


class TestCalendarSpreads:
    def spread(self, near: str, far: str, on: str, exchange: str = "NFO") -> tuple[float, float]:
        """Requirement of a future sold near and bought far, and of the two one by one."""
        legs = [
            Leg(terms(symbol, exchange, "NRML", on), quantity, quantity * 23_000 * RUPEE)
            for symbol, quantity in ((near, -75), (far, 75))
        ]
        apart = sum(leg.terms.blocked(leg.quantity, leg.cost, 23_000 * RUPEE) for leg in legs)
        return rupees(spread_requirement(legs, 23_000 * RUPEE)), rupees(apart)

    def test_two_months_pay_a_charge_and_a_third_of_the_exposure(self) -> None:
        """75 × 23,000 = 17.25 lakh: 1.75 % of it and 2 % of a third of it: 30,187.50 + 11,500."""
        together, apart = self.spread("NIFTY27MAR25FUT", "NIFTY24APR25FUT", "2025-03-03")
        assert together == pytest.approx(41_687.50, abs=0.01)
        assert apart == pytest.approx(2 * 0.113 * 1_725_000)

    @pytest.mark.parametrize(
        ("near", "far", "on", "benefit"),
        [
            ("NIFTY30JAN25FUT", "NIFTY27FEB25FUT", "2025-01-30", True),
            ("NIFTY27FEB25FUT", "NIFTY27MAR25FUT", "2025-02-26", True),
            ("NIFTY27FEB25FUT", "NIFTY27MAR25FUT", "2025-02-27", False),
            ("SBIN28APR26FUT", "SBIN26MAY26FUT", "2026-04-28", True),
            ("SBIN26MAY26FUT", "SBIN30JUN26FUT", "2026-05-26", False),
        ],
    )
    def test_on_the_expiry_day_the_benefit_has_ended(
        self, near: str, far: str, on: str, benefit: bool
    ) -> None:
        together, apart = self.spread(near, far, on)
        assert (together < apart / 2) if benefit else (together == apart)

    def test_months_of_a_commodity_do_not_offset_one_another(self) -> None:
        together, apart = self.spread("GOLD04DEC26FUT", "GOLD05FEB27FUT", RECORDED, "MCX")
        assert together == apart

    def test_a_later_option_bought_covers_a_nearer_one_sold(self) -> None:
        legs = [
            Leg(option(f"NIFTY{expiry}23000CE"), q, q * to_units(price))
            for expiry, q, price in (("06OCT26", -65, 70.0), ("27OCT26", 65, 280.0))
        ]
        single = sum(leg.terms.blocked(leg.quantity, leg.cost, SPOT) for leg in legs)
        assert spread_requirement(legs, SPOT) < 0.7 * single


class TestShortfall:
    @pytest.mark.parametrize(
        ("policy", "available", "verdict"),
        [
            ("strict", 100_000, "ok"),
            ("strict", 99_999, "refused"),
            ("warn", 100_000, "ok"),
            ("warn", 99_999, "warned"),
            ("warn", 85_000, "warned"),
            ("warn", 84_999, "refused"),
            ("warn", -1, "refused"),
            ("off", 0, "ok"),
        ],
    )
    def test_an_order_that_needs_a_lakh(
        self, policy: Literal["strict", "warn", "off"], available: int, verdict: str
    ) -> None:
        assert shortfall_allowed(policy, 100_000 * RUPEE, available * RUPEE) == verdict

    def test_what_needs_nothing_always_goes(self) -> None:
        assert shortfall_allowed("strict", 0, -5 * RUPEE) == "ok"

    def test_derivatives_warn_and_shares_do_not(self) -> None:
        assert default_policy(instrument_of("NIFTY27OCT26FUT", "NFO")) == "warn"
        assert default_policy(instrument_of("SBIN", "NSE")) == "strict"


# Properties --------------------------------------------------------------------------------------

SYMBOLS = (
    "NIFTY06OCT26FUT",
    "NIFTY27OCT26FUT",
    *(
        f"NIFTY{expiry}{strike}{kind}"
        for expiry in ("06OCT26", "27OCT26")
        for strike in (21_000, 22_500, 23_000, 25_500)
        for kind in ("CE", "PE")
    ),
)
DAYS = ("2019-06-03", "2021-04-01", RECORDED, "2026-10-06")


@st.composite
def positions(draw: st.DrawFn) -> tuple[list[Leg], int]:
    """Legs on one underlying, priced anywhere above their intrinsic worth, and its price."""
    spot = draw(st.integers(20_000, 26_000)) * RUPEE
    on = draw(st.sampled_from(DAYS))
    product = draw(st.sampled_from(["NRML", "MIS"]))
    model = draw(st.sampled_from([LIVE, UNCREDITED]))
    legs = []
    for symbol in draw(st.lists(st.sampled_from(SYMBOLS), min_size=1, max_size=6, unique=True)):
        contract = instrument_of(symbol, "NFO")
        intrinsic = 0
        if contract.kind == "option":
            away = spot - to_units(contract.strike)
            intrinsic = max(0, away if contract.option_type == "CE" else -away)
        price = intrinsic + draw(st.integers(1, 400)) * RUPEE
        if contract.kind == "future":
            price = spot + draw(st.integers(-200, 200)) * RUPEE
        quantity = draw(st.integers(-5, 5).filter(bool)) * 65
        legs.append(Leg(model.terms(contract, product, day(on)), quantity, quantity * price))
    return legs, spot


@settings(max_examples=200)
@given(positions())
def test_hedged_is_never_negative_nor_more_than_one_by_one(world: tuple[list[Leg], int]) -> None:
    legs, spot = world
    single = [leg.terms.blocked(leg.quantity, leg.cost, spot) for leg in legs]
    together = spread_requirement(legs, spot)
    assert all(margin >= 0 for margin in single)
    assert 0 <= together <= sum(single)
    for leg, margin in zip(legs, single, strict=True):
        twice = spread_requirement([leg, leg], spot)
        assert twice == pytest.approx(2 * margin, abs=10), "a leg hedges itself"


@settings(max_examples=100)
@given(positions(), st.integers(2, 9))
def test_more_of_the_same_needs_proportionately_more(
    world: tuple[list[Leg], int], times: int
) -> None:
    legs, spot = world
    more = [Leg(leg.terms, leg.quantity * times, leg.cost * times) for leg in legs]
    once, often = spread_requirement(legs, spot), spread_requirement(more, spot)
    assert often == pytest.approx(once * times, rel=1e-6, abs=100)
    for small, large in zip(legs, more, strict=True):
        assert small.terms.blocked(small.quantity, small.cost, spot) <= large.terms.blocked(
            large.quantity, large.cost, spot
        )


@settings(max_examples=60)
@given(
    st.sampled_from(["SBIN NSE MIS", "SBIN NSE CNC", "NIFTY27OCT26FUT NFO NRML",
                     "NIFTY06OCT2623000PE NFO MIS", "CRUDEOIL19OCT26FUT MCX MIS"]),
    st.sampled_from([LIVE, UNCREDITED, SANDBOX]), st.integers(-500, 499), st.integers(1, 10**11),
)  # fmt: skip
def test_naked_margin_grows_with_the_quantity(
    what: str, model: MarginModel, quantity: int, price: int
) -> None:
    symbol, exchange, product = what.split()
    blocked = terms(symbol, exchange, product, RECORDED, model)
    further = quantity + 1 if quantity >= 0 else quantity - 1
    assert 0 <= blocked.required(quantity, price) <= blocked.required(further, price)
    assert blocked.required(0, price) == 0


@settings(max_examples=80)
@given(positions(), st.randoms(use_true_random=False))
def test_what_is_reserved_is_released(world: tuple[list[Leg], int], random: object) -> None:
    """Positions opened in one order and closed in another: the changes add up to nothing."""
    legs, spot = world
    account = PortfolioMargin()
    total = 0
    for key, leg in enumerate(legs):
        total += account.additional(str(key), leg, spot)
        account.hold(str(key), leg)
        assert total == account.required(spot)
    keys = list(range(len(legs)))
    random.shuffle(keys)  # type: ignore[attr-defined]
    for key in keys:
        flat = Leg(legs[key].terms, 0, 0)
        total += account.additional(str(key), flat, spot)
        account.hold(str(key), flat)
    assert total == account.required(spot) == 0
