"""Income tax by financial year and head, with the arithmetic of each example beside it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import date
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapeback.errors import ConfigError
from tapeback.market.dated import Rows, rows, table
from tapeback.market.tax.calculator import TaxCalculator, TaxSettings
from tapeback.market.tax.lots import ClosedTrade, Dividend, Execution, match_shares
from tapeback.market.tax.statement import CarriedLoss, Head, TaxStatement
from tapeback.models.instrument import InstrumentKind
from tapeback.utils.clock import day_of
from tapeback.utils.money import RUPEE

LAKH = 100_000


def day(text: str) -> int:
    return day_of(date.fromisoformat(text))


def delivery(
    bought: str,
    cost: float,
    sold: str,
    value: float,
    *,
    charges: tuple[float, float] = (0, 0),
    stt: float = 0,
    high_2018: float | None = None,
    quantity: int = 1,
) -> ClosedTrade:
    """Shares in delivery; all money in rupees, `charges` of the purchase and of the sale."""
    return ClosedTrade(
        symbol="SBIN",
        exchange="NSE",
        kind="equity",
        product="CNC",
        entry_day=day(bought),
        exit_day=day(sold),
        quantity=quantity,
        buy_value=round(cost * RUPEE),
        sell_value=round(value * RUPEE),
        buy_charges=round(charges[0] * RUPEE),
        sell_charges=round(charges[1] * RUPEE),
        stt=round(stt * RUPEE),
        fair_value=None if high_2018 is None else round(high_2018 * RUPEE),
    )


def earned(
    on: str,
    profit: float,
    *,
    symbol: str = "NIFTY24JUNFUT",
    exchange: str = "NFO",
    kind: InstrumentKind = "future",
    premium: float = 0,
    stt: float = 0,
) -> ClosedTrade:
    """A derivative (or an intraday share trade) that made `profit` rupees before STT."""
    cost = max(0.0, -profit) + premium
    return ClosedTrade(
        symbol=symbol,
        exchange=exchange,
        kind=kind,
        product="NRML",
        entry_day=day(on),
        exit_day=day(on),
        quantity=1,
        buy_value=round(cost * RUPEE),
        sell_value=round((cost + profit) * RUPEE),
        stt=round(stt * RUPEE),
        intraday=True,
    )


def intraday(on: str, profit: float, *, stt: float = 0) -> ClosedTrade:
    return earned(on, profit, symbol="SBIN", exchange="NSE", kind="equity", stt=stt)


def gain(sold: str, amount: float) -> ClosedTrade:
    """Short-term: bought a month before the sale."""
    bought = date.fromisoformat(sold).toordinal() - 30
    return delivery(date.fromordinal(bought).isoformat(), 10_000_000, sold, 10_000_000 + amount)


def long_gain(sold: str, amount: float) -> ClosedTrade:
    """Long-term: bought 700 days before the sale."""
    bought = date.fromisoformat(sold).toordinal() - 700
    return delivery(date.fromordinal(bought).isoformat(), 10_000_000, sold, 10_000_000 + amount)


def statement(*trades: ClosedTrade, **of_taxpayer: object) -> TaxStatement:
    return TaxCalculator(TaxSettings(**of_taxpayer)).statement(trades)  # type: ignore[arg-type]


def rupees(units: int) -> float:
    return units / RUPEE


class TestCapitalGains:
    @pytest.mark.parametrize(
        ("sold", "tax"),
        [
            ("2024-07-22", 4680),  # 30,000 x 15 % = 4,500, + 4 %
            ("2024-07-23", 6240),  # 30,000 x 20 % = 6,000, + 4 %
        ],
    )
    def test_short_term_rate_is_that_of_the_sale(self, sold: str, tax: int) -> None:
        found = statement(delivery("2024-01-10", 100_000, sold, 130_000))
        assert rupees(found.total_tax) == tax
        assert found.years[0].label == "2024-25"
        assert rupees(found.years[0].head("STCG").taxable) == 30_000

    def test_long_term_above_the_exemption(self) -> None:
        """2,25,000 - 1,25,000 = 1,00,000 x 12.5 % = 12,500, + 4 % = 13,000."""
        found = statement(delivery("2023-01-10", 500_000, "2025-05-02", 725_000))
        row = found.years[0].head("LTCG")
        assert (rupees(row.exempt), rupees(row.taxable)) == (125_000, 100_000)
        assert (rupees(row.tax), rupees(row.cess)) == (12_500, 500)
        assert rupees(found.total_tax) == 13_000

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (150, 0),  # cost lifted to min(200, 150)
            (250, 50),  # to min(200, 250)
            (50, -50),  # min(200, 50) is less than was paid: 100 stays
        ],
    )
    def test_grandfathering(self, value: float, expected: float) -> None:
        found = statement(delivery("2015-06-01", 100, "2018-06-01", value, high_2018=200))
        assert rupees(found.years[0].head("LTCG").net) == expected

    def test_grandfathering_ends_with_what_was_bought_on_31_january_2018(self) -> None:
        before = statement(delivery("2018-01-31", 100, "2019-06-03", 250, high_2018=200))
        after = statement(delivery("2018-02-01", 100, "2019-06-03", 250, high_2018=200))
        assert rupees(before.years[0].head("LTCG").net) == 50
        assert rupees(after.years[0].head("LTCG").net) == 150

    def test_without_the_high_of_2018_actual_cost_is_taken_and_said(self) -> None:
        found = statement(delivery("2015-06-01", 100, "2018-06-01", 250))
        assert rupees(found.years[0].head("LTCG").net) == 150
        assert "SBIN: no highest price of 2018-01-31 is given; actual cost taken." in found.notes

    @pytest.mark.parametrize(
        ("sold", "taxable", "exempt", "tax"),
        [
            ("2018-03-31", 0, 300_000, 0),  # s.10(38)
            ("2018-04-01", 200_000, 100_000, 20_800),  # 2,00,000 x 10 %, + 4 %
            ("2024-03-31", 200_000, 100_000, 20_800),
            ("2024-07-22", 175_000, 125_000, 18_200),  # 1,75,000 x 10 %, + 4 %
            ("2024-07-23", 175_000, 125_000, 22_750),  # 1,75,000 x 12.5 % = 21,875, + 4 %
            ("2026-04-01", 175_000, 125_000, 22_750),
        ],
    )
    def test_long_term_rates_and_exemption_by_date(
        self, sold: str, taxable: int, exempt: int, tax: int
    ) -> None:
        found = statement(long_gain(sold, 300_000))
        row = found.years[0].head("LTCG")
        assert (rupees(row.taxable), rupees(row.exempt)) == (taxable, exempt)
        assert rupees(found.total_tax) == tax

    @pytest.mark.parametrize(
        ("sold", "tax"),
        [
            ("2008-03-31", 10_300),  # 1,00,000 x 10 %, + 3 %
            ("2008-04-01", 15_450),  # x 15 %, + 3 %
            ("2018-03-31", 15_450),
            ("2018-04-01", 15_600),  # cess 4 %
            ("2026-04-01", 20_800),
        ],
    )
    def test_short_term_rates_and_cess_by_date(self, sold: str, tax: int) -> None:
        assert rupees(statement(gain(sold, 100_000)).total_tax) == tax

    @pytest.mark.parametrize(
        ("bought", "sold", "head"),
        [
            ("2023-01-10", "2024-01-10", "STCG"),  # twelve months, not more
            ("2023-01-10", "2024-01-11", "LTCG"),
            ("2024-02-29", "2025-02-28", "STCG"),
            ("2024-02-29", "2025-03-01", "LTCG"),
            ("2023-02-28", "2024-02-28", "STCG"),
            ("2023-02-28", "2024-02-29", "LTCG"),
            ("2022-12-30", "2023-12-31", "LTCG"),
            ("2022-12-31", "2023-12-31", "STCG"),
        ],
    )
    def test_more_than_twelve_months_is_long_term(self, bought: str, sold: str, head: Head) -> None:
        found = statement(delivery(bought, 100, sold, 150))
        assert rupees(found.years[0].head(head).gains) == 50

    def test_stt_is_not_deductible_but_other_charges_are(self) -> None:
        """1,30,000 - 1,00,000 - 60 - 40: the 230 of STT stays out; 29,900 x 20 % = 5,980, and
        4 % of that, 239.20, as 239."""
        found = statement(
            delivery("2025-01-10", 100_000, "2025-06-02", 130_000, charges=(60, 40), stt=230)
        )
        assert rupees(found.years[0].head("STCG").net) == 29_900
        assert rupees(found.total_tax) == 5_980 + 239

    def test_both_rates_of_2024_25_and_a_loss_that_meets_the_dearer_gain(self) -> None:
        """1,00,000 at 15 % and 1,00,000 - 50,000 at 20 %: 15,000 + 10,000 = 25,000, + 4 %."""
        found = statement(
            gain("2024-06-03", 100_000), gain("2024-08-05", 100_000), gain("2024-06-04", -50_000)
        )
        assert rupees(found.total_tax) == 26_000
        assert "taxes.losses.highest_rate_first" in {row.rule for row in found.rows}

    def test_one_exemption_for_both_long_term_rates_of_2024_25(self) -> None:
        """1,25,000 off the 2,00,000 at 12.5 %: 75,000 x 12.5 % + 1,00,000 x 10 % = 9,375 + 10,000;
        4 % of 19,375 is 775."""
        found = statement(long_gain("2024-06-03", 100_000), long_gain("2024-08-05", 200_000))
        assert rupees(found.total_tax) == 19_375 + 775

    def test_a_loss_on_what_would_have_been_exempt_lapses(self) -> None:
        found = statement(long_gain("2017-06-05", -50_000), gain("2017-07-03", 20_000))
        row = found.years[0].head("LTCG")
        assert (rupees(row.losses), rupees(row.lapsed), row.carried) == (50_000, 50_000, 0)
        assert rupees(found.total_tax) == 3_090  # 20,000 x 15 %, + 3 %
        assert not found.carried

    def test_bonus_and_split_lots(self) -> None:
        """100 at 80 on 2023-01-10, bonus 1:1 on 2024-06-03, all 200 sold at 50 on 2025-05-02: the
        old ones lose 3,000, the bonus (cost 0, 11 months) gains 5,000, both after the sale."""
        lot = Execution(
            symbol="SBIN", exchange="NSE", product="CNC", side="BUY", day=day("2023-01-10"),
            quantity=100, value=8_000 * RUPEE,
        )  # fmt: skip
        bonus = Execution(
            symbol="SBIN", exchange="NSE", product="CNC", side="BUY", day=day("2024-06-03"),
            quantity=100, value=0, allotted=True,
        )  # fmt: skip
        sale = Execution(
            symbol="SBIN", exchange="NSE", product="CNC", side="SELL", day=day("2025-05-02"),
            quantity=200, value=10_000 * RUPEE,
        )  # fmt: skip
        year = statement(*match_shares([lot, bonus, sale]).closed).years[0]
        assert rupees(year.head("LTCG").net) == -3_000
        assert rupees(year.head("STCG").net) == 5_000


class TestBusinessIncome:
    def test_intraday_is_speculative_and_stt_is_deducted(self) -> None:
        """10,000 - 25 = 9,975 x 30 % = 2,992.50, as 2,993; 4 % is 119.72, as 120."""
        found = statement(intraday("2025-06-02", 10_000, stt=25))
        row = found.years[0].head("SPECULATIVE")
        assert rupees(row.net) == 9_975
        assert (rupees(row.tax), rupees(row.cess)) == (2_993, 120)
        assert found.total_intraday_tax == found.total_tax == 3_113 * RUPEE

    @pytest.mark.parametrize(("on", "net"), [("2008-03-31", 10_000), ("2008-04-01", 9_975)])
    def test_stt_is_deducted_from_business_since_2008(self, on: str, net: int) -> None:
        found = statement(intraday(on, 10_000, stt=25))
        assert rupees(found.years[0].head("SPECULATIVE").net) == net

    def test_the_slab_is_the_taxpayer_s(self) -> None:
        found = statement(earned("2025-06-02", 100_000), slab_pct=20.8)
        assert rupees(found.total_tax) == 20_800 + 832

    @pytest.mark.parametrize(
        ("exchange", "symbol", "on", "head"),
        [
            ("NFO", "NIFTY24JUNFUT", "2024-06-03", "NON_SPECULATIVE"),
            ("BFO", "SENSEX24JUNFUT", "2024-06-03", "NON_SPECULATIVE"),
            ("CDS", "USDINR24JUNFUT", "2024-06-03", "NON_SPECULATIVE"),
            ("MCX", "CRUDEOIL13MARFUT", "2013-03-31", "SPECULATIVE"),
            ("MCX", "CRUDEOIL13APRFUT", "2013-04-01", "NON_SPECULATIVE"),
            ("MCX", "COTTON18MARFUT", "2018-03-31", "SPECULATIVE"),
            ("MCX", "COTTON18APRFUT", "2018-04-01", "NON_SPECULATIVE"),
            ("NCDEX", "CHANA16MAYFUT", "2016-05-02", "SPECULATIVE"),
            ("NCDEX", "CHANA20MAYFUT", "2020-05-04", "NON_SPECULATIVE"),
        ],
    )
    def test_derivatives_by_market_and_date(
        self, exchange: str, symbol: str, on: str, head: Head
    ) -> None:
        found = statement(earned(on, 1_000, exchange=exchange, symbol=symbol))
        assert rupees(found.years[0].head(head).gains) == 1_000
        assert found.derivative_trades == 1

    def test_an_index_counts_as_its_future(self) -> None:
        found = statement(
            earned("2024-06-03", 1_000, exchange="NSE_INDEX", symbol="NIFTY", kind="index")
        )
        assert rupees(found.years[0].head("NON_SPECULATIVE").gains) == 1_000

    def test_turnover_adds_profits_and_losses_without_their_signs(self) -> None:
        trades = (earned("2024-06-03", 5_000), earned("2024-06-04", -3_000, stt=50))
        row = statement(*trades).years[0].head("NON_SPECULATIVE")
        assert rupees(row.turnover) == 8_000
        assert rupees(row.net) == 1_950

    @pytest.mark.parametrize(
        ("on", "turnover"),
        [
            ("2021-03-31", 1_000 + 6_000),  # profit, and the premium of what was sold
            ("2021-04-01", 1_000),
        ],
    )
    def test_turnover_of_options(self, on: str, turnover: int) -> None:
        option = earned(on, 1_000, symbol="NIFTY24JUN23000CE", kind="option", premium=5_000)
        row = statement(option).years[0].head("NON_SPECULATIVE")
        assert rupees(row.turnover) == turnover

    def test_shares_sold_short_overnight_are_speculative_and_named(self) -> None:
        sold = Execution(
            symbol="SBIN", exchange="NSE", product="CNC", side="SELL", day=day("2024-06-03"),
            quantity=10, value=8_000 * RUPEE,
        )  # fmt: skip
        back = Execution(
            symbol="SBIN", exchange="NSE", product="CNC", side="BUY", day=day("2024-06-05"),
            quantity=10, value=7_500 * RUPEE,
        )  # fmt: skip
        found = statement(*match_shares([sold, back]).closed)
        assert rupees(found.years[0].head("SPECULATIVE").net) == 500
        assert "Shares sold short overnight count as speculative: SBIN." in found.notes

    def test_dividends_are_taxed_from_2020_21_and_meet_a_loss_of_derivatives(self) -> None:
        dividends = [
            Dividend("ITC", day("2020-03-31"), 1_000 * RUPEE),
            Dividend("ITC", day("2020-04-01"), 1_000 * RUPEE),
        ]
        free, taxed = TaxCalculator().statement([], dividends).years
        assert (free.total, rupees(free.head("DIVIDEND").exempt)) == (0, 1_000)
        assert rupees(taxed.total) == 312  # 30 %, + 4 %
        met = TaxCalculator().statement([earned("2020-06-01", -400)], dividends).years[1]
        assert rupees(met.head("DIVIDEND").taxable) == 600


class TestSetOff:
    def test_four_years(self) -> None:
        """2020-21 loses 1,00,000 short-term, 3,00,000 in F&O and 40,000 intraday.
        2021-22: 60,000 of gains and 1,00,000 of F&O profit meet them; no tax.
        2022-23: intraday 90,000 - 40,000 (speculative) - 50,000 (F&O) = 0; long-term 1,30,000 -
        40,000 (short-term) = 90,000, within the exemption.
        2023-24: F&O 2,50,000 - 1,50,000 = 1,00,000 x 30 %; gains 20,000 x 15 %; + 4 %."""
        found = statement(
            gain("2020-06-01", -100_000),
            earned("2020-06-01", -300_000),
            intraday("2020-06-01", -40_000),
            gain("2021-06-01", 60_000),
            earned("2021-06-01", 100_000),
            intraday("2022-06-01", 90_000),
            long_gain("2022-06-01", 130_000),
            earned("2023-06-01", 250_000),
            gain("2023-06-01", 20_000),
        )
        first, second, third, fourth = found.years
        assert rupees(first.head("NON_SPECULATIVE").carried) == 300_000
        assert (first.total, second.total, third.total) == (0, 0, 0)
        assert rupees(second.head("STCG").brought_forward) == 60_000
        assert [(part.loss, part.against, rupees(part.amount)) for part in third.set_offs] == [
            ("SPECULATIVE", "SPECULATIVE", 40_000),
            ("STCG", "LTCG", 40_000),
            ("NON_SPECULATIVE", "SPECULATIVE", 50_000),
        ]
        assert rupees(third.head("LTCG").exempt) == 90_000
        assert rupees(fourth.head("NON_SPECULATIVE").total) == 31_200
        assert rupees(fourth.head("STCG").total) == 3_120
        assert rupees(found.total_tax) == 34_320
        assert not found.carried

    def test_a_loss_of_derivatives_meets_every_head_dearest_first(self) -> None:
        """2,00,000 less 50,000 intraday, 60,000 at 20 %, 30,000 at 15 % leaves 60,000 for the
        2,00,000 long-term: 1,40,000 - 1,25,000 = 15,000 x 12.5 % = 1,875, + 4 % = 75."""
        found = statement(
            earned("2024-06-03", -200_000),
            intraday("2024-06-03", 50_000),
            gain("2024-08-05", 60_000),
            gain("2024-06-03", 30_000),
            long_gain("2024-08-05", 200_000),
        )
        assert rupees(found.total_tax) == 1_950

    def test_a_short_term_loss_comes_before_the_exemption(self) -> None:
        """1,50,000 - 40,000 = 1,10,000, all exempt; the loss is used up nonetheless."""
        found = statement(long_gain("2025-06-02", 150_000), gain("2025-06-02", -40_000))
        assert rupees(found.years[0].head("LTCG").exempt) == 110_000
        assert not found.carried

    def test_a_long_term_loss_meets_no_short_term_gain(self) -> None:
        found = statement(long_gain("2025-06-02", -150_000), gain("2025-06-02", 40_000))
        assert rupees(found.years[0].head("STCG").taxable) == 40_000
        assert found.carried == (CarriedLoss("LTCG", 2025, 150_000 * RUPEE, 2033),)

    def test_a_speculative_loss_meets_no_other_profit(self) -> None:
        found = statement(
            intraday("2025-06-02", -30_000),
            earned("2025-06-02", 30_000),
            gain("2025-06-02", 30_000),
        )
        assert rupees(found.years[0].head("NON_SPECULATIVE").taxable) == 30_000
        assert rupees(found.years[0].head("STCG").taxable) == 30_000
        assert found.carried == (CarriedLoss("SPECULATIVE", 2025, 30_000 * RUPEE, 2029),)

    def test_a_capital_loss_meets_no_business_profit(self) -> None:
        found = statement(gain("2025-06-02", -30_000), earned("2025-06-02", 30_000))
        assert rupees(found.years[0].head("NON_SPECULATIVE").taxable) == 30_000

    def test_a_later_loss_of_derivatives_meets_no_gain_of_another_year(self) -> None:
        found = statement(earned("2024-06-03", -50_000), gain("2025-06-02", 50_000))
        assert rupees(found.years[1].head("STCG").taxable) == 50_000

    @pytest.mark.parametrize(
        ("sold", "left"),
        [("2024-03-28", 0), ("2024-04-01", 10_000)],  # the fourth year after 2019-20, the fifth
    )
    def test_a_speculative_loss_lasts_four_years(self, sold: str, left: int) -> None:
        found = statement(intraday("2019-06-03", -10_000), intraday(sold, 10_000))
        assert rupees(found.years[-1].head("SPECULATIVE").taxable) == left
        assert len(found.years) == date.fromisoformat(sold).year - 2019 + (sold[5:7] == "04")

    def test_an_unused_loss_expires_in_its_last_year(self) -> None:
        found = statement(intraday("2019-06-03", -10_000), gain("2025-06-02", 10_000))
        expired = {year.label: [loss.year for loss in year.expired] for year in found.years}
        assert [label for label, losses in expired.items() if losses] == ["2023-24"]
        assert not found.carried

    @pytest.mark.parametrize(
        ("head", "make"), [("STCG", gain), ("LTCG", long_gain), ("NON_SPECULATIVE", earned)]
    )
    def test_other_losses_last_eight_years(
        self, head: Head, make: Callable[[str, float], ClosedTrade]
    ) -> None:
        lost = make("2018-06-01", -10_000)
        eighth = statement(lost, make("2027-03-30", 10_000)).years[-1].head(head)
        ninth = statement(lost, make("2027-04-01", 10_000)).years[-1].head(head)
        assert (rupees(eighth.brought_forward), rupees(ninth.brought_forward)) == (10_000, 0)

    def test_the_oldest_loss_goes_first(self) -> None:
        found = statement(
            gain("2021-06-01", -10_000), gain("2022-06-01", -10_000), gain("2023-06-01", 15_000)
        )
        assert [(part.year, rupees(part.amount)) for part in found.years[2].set_offs] == [
            (2021, 10_000),
            (2022, 5_000),
        ]
        assert found.carried == (CarriedLoss("STCG", 2022, 5_000 * RUPEE, 2030),)

    def test_losses_from_before_the_run(self) -> None:
        brought = (
            CarriedLoss("STCG", 2020, 30_000 * RUPEE),
            CarriedLoss("SPECULATIVE", 2019, 30_000 * RUPEE),
        )
        found = statement(
            gain("2025-06-02", 50_000), intraday("2025-06-02", 10_000), brought_forward=brought
        )
        assert rupees(found.years[0].head("STCG").taxable) == 20_000
        assert rupees(found.years[0].head("SPECULATIVE").taxable) == 10_000
        assert (
            "The loss brought forward from 2019-20 (SPECULATIVE) could be used until 2023-24: "
            "left out."
        ) in found.notes

    def test_a_year_without_trades_is_in_the_statement(self) -> None:
        found = statement(gain("2021-06-01", 1_000), gain("2023-06-01", 1_000))
        assert [year.label for year in found.years] == ["2021-22", "2022-23", "2023-24"]
        assert found.years[1].total == 0


class TestSurcharge:
    def one_year(self, *trades: ClosedTrade, **of_taxpayer: object) -> tuple[float, float, float]:
        heads = statement(*trades, **of_taxpayer).years[0].heads
        return (
            rupees(sum(head.tax for head in heads)),
            rupees(sum(head.surcharge for head in heads)),
            rupees(sum(head.cess for head in heads)),
        )

    def test_bands_look_at_the_total_income(self) -> None:
        """60 lakh of gains: 12,00,000; 10 % = 1,20,000; 4 % of 13,20,000 = 52,800."""
        assert self.one_year(gain("2025-06-02", 60 * LAKH)) == (1_200_000, 120_000, 52_800)
        assert self.one_year(gain("2025-06-02", 50 * LAKH))[1] == 0

    def test_long_term_gains_within_the_exemption_count_in_the_total(self) -> None:
        """50,00,000 of short-term and 1,00,000 exempt long-term is above 50 lakh: marginal relief
        holds the surcharge to 1,00,000 x (1 - 20 %)."""
        trades = gain("2025-06-02", 50 * LAKH), long_gain("2025-06-02", LAKH)
        assert self.one_year(*trades) == (1_000_000, 80_000, 43_200)

    def test_gains_pay_at_most_15_per_cent(self) -> None:
        """3 crore: 60,00,000; 15 % = 9,00,000; 4 % of 69,00,000 = 2,76,000."""
        owed = (6_000_000, 900_000, 276_000)
        assert self.one_year(gain("2025-06-02", 300 * LAKH)) == owed
        assert self.one_year(gain("2025-06-02", 300 * LAKH), surcharge_pct=37) == owed

    def test_business_income_pays_by_the_higher_bands(self) -> None:
        """3 crore: 90,00,000, 25 %. 6 crore: 1,80,00,000, 37 % in the old regime, 25 % in the
        new."""
        assert self.one_year(earned("2025-06-02", 300 * LAKH))[1] == 2_250_000
        six_crore = earned("2025-06-02", 600 * LAKH)
        assert self.one_year(six_crore, regime="old")[1] == 6_660_000
        assert self.one_year(six_crore, regime="new")[1] == 4_500_000
        before = earned("2022-06-01", 600 * LAKH)
        assert self.one_year(before, regime="new")[1] == 6_660_000

    def test_gains_do_not_lift_business_income_into_the_higher_bands(self) -> None:
        """1 crore of each: 2 crore and one lakh, but only a crore outside gains: 15 %."""
        trades = earned("2025-06-02", 100 * LAKH), gain("2025-06-02", 101 * LAKH)
        tax, surcharge, _ = self.one_year(*trades)
        assert tax == 3_000_000 + 2_020_000
        assert surcharge == 0.15 * tax

    def test_marginal_relief(self) -> None:
        """51 lakh at 30 %: 15,30,000. A lakh above the band keeps 70 % of itself: surcharge 70,000
        instead of 1,53,000; 4 % of 16,00,000 = 64,000."""
        assert self.one_year(earned("2025-06-02", 51 * LAKH)) == (1_530_000, 70_000, 64_000)

    def test_marginal_relief_above_a_higher_band(self) -> None:
        """A crore owes 30,00,000 and 10 %: 33,00,000. 101 lakh owes at most a lakh more: 34,00,000
        = 30,30,000 + 3,70,000. At 5.01 crore beside a crore of gains: 25 % of 1,50,30,000 and 15 %
        of 20,00,000, and of the last lakh what 37.5 % leaves: 37,57,500 + 3,00,000 + 62,500."""
        assert self.one_year(earned("2025-06-02", 101 * LAKH))[:2] == (3_030_000, 370_000)
        trades = earned("2025-06-02", 501 * LAKH), gain("2025-06-02", 100 * LAKH)
        assert self.one_year(*trades, regime="old")[1] == pytest.approx(4_120_000, abs=1)

    def test_other_income_counts_and_shares_the_relief(self) -> None:
        """49 lakh elsewhere and 2 lakh here: 70,000 of 1,53,000 on 15,30,000; on 60,000 of them
        60,000 x 10 % x 70,000 / 1,53,000 = 2,745.10."""
        owed = self.one_year(earned("2025-06-02", 2 * LAKH), other_income=49 * LAKH)
        assert owed[:2] == (60_000, 2_745)

    @pytest.mark.parametrize(
        ("on", "surcharge"),
        [
            ("2009-03-31", 0.10),
            ("2009-04-01", 0),
            ("2013-04-01", 0.10),
            ("2015-04-01", 0.12),
            ("2016-04-01", 0.15),
            ("2019-04-01", 0.25),
        ],
    )
    def test_bands_by_year(self, on: str, surcharge: float) -> None:
        tax, paid, _ = self.one_year(earned(on, 300 * LAKH))
        assert paid == round(tax * surcharge)

    def test_a_given_surcharge_stands(self) -> None:
        assert self.one_year(earned("2025-06-02", LAKH), surcharge_pct=10)[1] == 3_000


class TestStatement:
    def test_defect_20_a_day_that_is_bought_and_sold_leaves_no_inventory(self) -> None:
        deals = [
            Execution(
                symbol="SBIN", exchange="NSE", product="CNC", side=side, day=day("2024-06-03"),
                quantity=100, value=value * RUPEE,
            )
            for side, value in (("BUY", 80_000), ("SELL", 81_000))
        ]  # fmt: skip
        matched = match_shares(deals)
        found = statement(*matched.closed)
        assert not matched.open
        assert (found.intraday_trades, found.delivery_trades) == (1, 0)
        assert rupees(found.total_intraday_tax) == 312  # 1,000 x 30 %, + 4 %
        assert found.total_delivery_tax == 0

    def test_defect_20_delivery_is_counted_when_it_is_sold(self) -> None:
        found = statement(
            delivery("2024-06-03", 1_000, "2024-08-05", 1_100),
            delivery("2023-06-03", 1_000, "2024-08-05", 1_200),
            intraday("2024-08-05", 10),
            earned("2024-08-05", 10),
        )
        counts = (found.delivery_trades, found.intraday_trades, found.derivative_trades)
        assert counts == (2, 1, 1)
        assert rupees(found.total_delivery_tax) == 20 + 1  # 100 x 20 %, 4 % of it as 1

    def test_defect_21_what_is_held_owes_no_tax_however_many_days(self) -> None:
        deals = [
            Execution(
                symbol="SBIN", exchange="NSE", product="CNC", side="BUY", day=day("2024-06-03") + n,
                quantity=quantity, value=quantity * 100 * RUPEE,
            )
            for n, quantity in enumerate((100, 1, 1, 1, 1))
        ]  # fmt: skip
        found = statement(*match_shares(deals).closed)
        assert (found.total_tax, found.years) == (0, ())

    def test_it_says_that_it_is_an_estimate_and_names_its_rules(self) -> None:
        found = statement(earned("2016-05-02", 1_000, exchange="NCDEX", symbol="CHANA16MAYFUT"))
        assert found.estimate
        assert "An estimate for a resident individual, not advice" in found.notes[0]
        (low,) = found.low_confidence
        assert low.rule == "taxes.business.agricultural_derivatives"
        assert all(row.source for row in found.rows)

    def test_what_no_rule_covers_is_left_out_and_named(self) -> None:
        found = statement(
            earned("2024-06-03", 1_000, exchange="CRYPTO", symbol="BTCUSD", kind="equity")
        )
        assert (found.total_tax, found.years) == (0, ())
        assert "Without a rule, left out: BTCUSD (CRYPTO)." in found.notes

    def test_a_sale_before_the_first_rule_says_so(self) -> None:
        found = statement(gain("2003-06-02", 1_000))
        assert any("is known from 2004-10-01: taken before it" in note for note in found.notes)

    def test_the_act_changes_in_2026(self) -> None:
        found = statement(gain("2026-03-31", 1_000), gain("2026-04-01", 1_000))
        assert [year.act for year in found.years] == ["Income-tax Act 1961", "Income-tax Act 2025"]

    def test_as_json_in_rupees(self) -> None:
        found = statement(gain("2025-06-02", 100_000), intraday("2025-06-02", -500))
        plain = json.loads(json.dumps(found.to_dict()))
        assert plain["estimate"] is True
        assert (plain["total_tax"], plain["total_delivery_tax"]) == (20_800, 20_800)
        year = plain["years"][0]
        assert (year["year"], year["heads"][0]["taxable"]) == ("2025-26", 100_000)
        assert plain["carried"] == [
            {"head": "SPECULATIVE", "year": "2025-26", "amount": 500, "usable_until": "2029-30"}
        ]
        assert {"rule", "from", "confidence", "source"} == set(plain["rules"][0])

    @pytest.mark.parametrize(
        "wrong",
        [
            {"slab_pct": -1},
            {"slab_pct": math.nan},
            {"surcharge_pct": 101},
            {"other_income": math.inf},
            {"regime": "newer"},
            {"brought_forward": (CarriedLoss("STCG", 2020, -1),)},
            {"brought_forward": (CarriedLoss("DIVIDEND", 2020, 1),)},
        ],
    )
    def test_wrong_settings_are_refused(self, wrong: dict[str, object]) -> None:
        with pytest.raises(ConfigError, match=next(iter(wrong)).split("_")[0]):
            TaxSettings(**wrong)  # type: ignore[arg-type]


def test_every_row_of_the_table_can_be_read() -> None:
    def walk(node: object, path: tuple[str, ...]) -> list[Rows]:
        if isinstance(node, dict):
            return [found for key, value in node.items() for found in walk(value, (*path, key))]
        return [rows("taxes", *path)] if path != ("agricultural",) else []

    found = walk(table("taxes"), ())
    assert len(found) > 15
    for rule in found:
        for row in rule:
            assert row.source
            assert row.confidence in ("high", "medium", "low")


AMOUNTS = st.integers(-60 * LAKH, 80 * LAKH)
DAYS = st.dates(date(2017, 1, 2), date(2026, 11, 20)).map(date.isoformat)
TRADES = st.lists(
    st.one_of(
        st.builds(gain, DAYS, AMOUNTS),
        st.builds(long_gain, DAYS, AMOUNTS),
        st.builds(intraday, DAYS, AMOUNTS, stt=st.integers(0, 500)),
        st.builds(earned, DAYS, AMOUNTS, stt=st.integers(0, 500)),
    ),
    max_size=25,
)
REGIMES: list[Literal["new", "old"]] = ["new", "old"]


@settings(max_examples=150)
@given(TRADES, st.sampled_from(REGIMES), st.integers(0, 600 * LAKH))
def test_gains_and_losses_are_all_accounted_for(
    trades: list[ClosedTrade], regime: Literal["new", "old"], other_income: int
) -> None:
    found = statement(*trades, regime=regime, other_income=other_income)
    net = sum(head.net for year in found.years for head in year.heads)
    assert net == sum(trade.net for trade in trades)
    left: dict[tuple[Head, int], int] = {}
    for year in found.years:
        for part in year.set_offs:
            if part.year < year.year:
                left[part.loss, part.year] -= part.amount
        for row in year.heads:
            assert row.gains == row.set_off + row.brought_forward + row.exempt + row.taxable
            own = [p for p in year.set_offs if (p.loss, p.year) == (row.head, year.year)]
            assert row.losses == sum(part.amount for part in own) + row.carried + row.lapsed
            left[row.head, year.year] = row.carried
            assert min(row.tax, row.surcharge, row.cess, row.taxable) >= 0
            assert row.tax <= 0.3 * row.taxable + 2 * RUPEE
            assert row.surcharge <= 0.37 * row.tax + RUPEE
            assert row.total % RUPEE == 0
        for loss in year.expired:
            assert left.pop((loss.head, loss.year)) == loss.amount
    still = {(loss.head, loss.year): loss.amount for loss in found.carried}
    assert still == {key: amount for key, amount in left.items() if amount}


@settings(max_examples=75)
@given(TRADES, st.randoms(use_true_random=False))
def test_the_order_of_trades_does_not_matter(trades: list[ClosedTrade], random: object) -> None:
    shuffled = list(trades)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert statement(*shuffled) == statement(*trades)


@settings(max_examples=75)
@given(TRADES, DAYS, st.integers(1, 50 * LAKH))
def test_a_loss_more_never_raises_the_tax(trades: list[ClosedTrade], on: str, lost: int) -> None:
    """But for rounding: two rupees a head and year at most."""
    more = statement(*trades, earned(on, -lost)).total_tax
    slack = 4 * 5 * 20 * RUPEE
    assert more <= statement(*trades).total_tax + slack
