"""The income tax of a run: shown by year and head, and never taken out of its equity."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tapeback import BacktestResult, Candle
from tapeback.market.tax.statement import HEADS, Head
from tapeback.models.config import AppConfig
from tapeback.report.summary import summary
from tapeback.utils.money import RUPEE, to_rupees
from tests.report.playing import Planned, hours, play

WEEK = ("2024-06-03", "2024-06-04", "2024-06-05", "2024-06-06", "2024-06-07")


def net_of(result: BacktestResult, head: Head, year: int = 0) -> float:
    assert result.tax is not None
    return to_rupees(result.tax.years[year].head(head).net)


def text(result: BacktestResult) -> str:
    return "\n".join(line.text for line in summary(result))


def swing(**settings: object) -> BacktestResult:
    """100 shares bought at 1,000.00 in CNC and sold at 1,500.00 two days later."""
    days = {day: [1000.0] * 6 for day in WEEK} | {WEEK[2]: [1500.0] * 6}
    plan = {f"{WEEK[0]} 09:15": (100, "CNC"), f"{WEEK[2]} 09:15": (-100, "CNC")}
    return play(hours(days), plan, **settings)


def test_defect_19_tax_is_shown_and_equity_and_profit_are_before_it() -> None:
    """Short-term gain 50,000 in June 2024: 15 % is 7,500, and 4 % cess on that 300."""
    untaxed = swing(costs="none")
    result = swing(costs="none", tax={})

    metrics = result.metrics
    assert (metrics.total_tax, metrics.total_delivery_tax) == (7800.0, 7800.0)
    assert metrics.total_intraday_tax == 0.0
    assert metrics.total_fees == 0.0
    assert metrics.net_pnl == untaxed.metrics.net_pnl == 50_000.0
    assert metrics.final_capital == result.equity_curve[-1].equity == 10_050_000.0
    assert (
        "Income tax, an estimate: ₹7,800.00, which would leave ₹42,200.00; every other figure is "
        "before it"
    ) in text(result)
    assert "  2024-25: short-term gains ₹7,800.00" in text(result)


def test_defect_19_what_is_paid_in_charges_is_all_that_equity_is_less() -> None:
    result = swing(tax={})

    metrics = result.metrics
    assert metrics.total_fees == result.charges.total > 0
    assert metrics.net_pnl == pytest.approx(50_000.0 - metrics.total_fees, abs=1e-6)


def test_defect_20_what_is_bought_and_sold_each_day_leaves_no_inventory() -> None:
    """1,000 gained on each of five days in CNC: speculative, 30 % of 5,000 and 4 % of that."""
    days = {day: [1000.0, 1000.0, 1000.0, 1010.0, 1010.0, 1010.0] for day in WEEK}
    plan = {f"{day} {at}": (signed, "CNC") for day in WEEK
            for at, signed in (("09:15", 100), ("12:15", -100))}  # fmt: skip
    result = play(hours(days), plan, costs="none", tax={})

    assert result.tax is not None
    assert (result.tax.intraday_trades, result.tax.delivery_trades) == (5, 0)
    assert net_of(result, "SPECULATIVE") == 5000.0
    assert result.metrics.total_intraday_tax == result.metrics.total_tax == 1560.0
    assert result.metrics.total_delivery_tax == 0.0


def test_defect_20_what_is_held_overnight_is_delivery_when_it_is_sold() -> None:
    result = swing(costs="none", tax={})

    assert result.tax is not None
    assert (result.tax.intraday_trades, result.tax.delivery_trades) == (0, 1)


def test_defect_21_what_is_held_is_charged_and_taxed_when_it_is_traded_alone() -> None:
    """100 shares on Monday and one on each day after, at 100.00: STT 10.00 + 4 x 0.10, whatever
    stands in the demat account; nothing is sold, so nothing is taxed."""
    plan = {f"{day} 09:15": (1, "CNC") for day in WEEK} | {f"{WEEK[0]} 09:15": (100, "CNC")}
    result = play(hours({day: [100.0] * 6 for day in WEEK}), plan, tax={})

    assert result.charges.stt == pytest.approx(10.4)
    assert result.metrics.total_tax == 0.0
    assert result.charges.adjustments == 0.0


def test_charges_reduce_what_is_taxed_as_the_day_s_note_left_them() -> None:
    """Bought 100 at 1,000 on Monday; on Tuesday 50 at 1,000, and 120 sold at 1,100: 50 are
    intraday, 70 delivered. Tuesday's note comes to 134.30, of which STT is 13.38 intraday and
    74.94 delivery, and 45.98 the rest: 18.07 of purchases (17.50 of the day's 50 and what by value
    falls on them) and 27.91 of sales. DP charge 15.93 on top; Monday's purchase cost 19.02 without
    STT, of which 70 shares bear 13.314.

    Speculative: 5,000 - 18.073 - (27.907 + 15.93) x 50/120 - 13.38 = 4,950.28, STT deducted.
    Short-term: 7,000 - 13.314 - (27.907 + 15.93) x 70/120 = 6,961.11, STT not deducted.
    """
    result = play(
        hours({WEEK[0]: [1000.0] * 6, WEEK[1]: [1000, 1000, 1100, 1100, 1100, 1100]}),
        {
            f"{WEEK[0]} 09:15": (100, "CNC"),
            f"{WEEK[1]} 09:15": (50, "CNC"),
            f"{WEEK[1]} 11:15": (-120, "CNC"),
        },
        tax={},
    )

    assert net_of(result, "SPECULATIVE") == pytest.approx(4950.28, abs=0.01)
    assert net_of(result, "STCG") == pytest.approx(6961.11, abs=0.01)


def test_the_broker_s_penalty_is_a_cost_of_what_it_squared_off() -> None:
    """10 bought at 1,000 in MIS and squared off at 1,000: all that is lost is charges, STT and
    the penalty of 59.00."""
    result = play(hours({WEEK[0]: [1000.0] * 7}), {f"{WEEK[0]} 09:15": (10, "MIS")}, tax={})

    assert result.charges.penalties == 59.0
    assert net_of(result, "SPECULATIVE") == pytest.approx(-result.metrics.total_fees)


def test_the_penalty_on_a_future_is_a_cost_of_the_future() -> None:
    candles = hours({WEEK[0]: [23_000.0] * 7}, symbol="NIFTY27JUN24FUT", exchange="NFO")
    result = play(candles, {f"{WEEK[0]} 09:15": (25, "MIS")}, tax={})

    assert result.charges.penalties == 59.0
    assert net_of(result, "NON_SPECULATIVE") == pytest.approx(-result.metrics.total_fees)


def test_futures_are_business_after_all_charges_and_carry_their_losses() -> None:
    """A loss of 25 x 100 = 2,500 and its charges, carried forward; STT is deducted."""
    days = {WEEK[0]: [23_000.0] * 6, WEEK[1]: [22_900.0] * 6}
    plan = {f"{WEEK[0]} 09:15": (25, "NRML"), f"{WEEK[1]} 09:15": (-25, "NRML")}
    result = play(hours(days, symbol="NIFTY27JUN24FUT", exchange="NFO"), plan, tax={})

    lost = 2500.0 + result.metrics.total_fees
    assert net_of(result, "NON_SPECULATIVE") == pytest.approx(-lost)
    assert result.tax is not None
    assert [loss.head for loss in result.tax.carried] == ["NON_SPECULATIVE"]
    assert f"  2024-25: derivatives ₹0.00, ₹{lost:,.2f} of losses carried forward" in text(result)


def test_stt_was_no_deduction_of_business_before_april_2008() -> None:
    """All other charges were."""
    days = {"2007-12-03": [5800.0] * 6, "2007-12-04": [5900.0] * 6}
    candles = hours(days, symbol="NIFTY27DEC07FUT", exchange="NFO")
    plan = {"2007-12-03 09:15": (50, "NRML"), "2007-12-04 09:15": (-50, "NRML")}
    result = play(candles, plan, tax={})

    assert result.charges.stt > 0
    deducted = result.metrics.total_fees - result.charges.stt
    assert net_of(result, "NON_SPECULATIVE") == pytest.approx(50 * 100.0 - deducted)


def test_stt_on_exercise_is_a_cost_of_the_option_that_expired() -> None:
    """25 of a call at 100, exercised when worth 300: 0.125 % of 7,500 is 9.375, or 9.38."""
    option = hours(
        {"2024-06-26": [100.0] * 6, "2024-06-27": [300.0] * 6 + [300.0]},
        symbol="NIFTY27JUN2423500CE",
        exchange="NFO",
    )
    result = play(option, {"2024-06-26 09:15": (25, "NRML")}, tax={})

    (levy,) = (p for p in result.postings if p.kind == "STT on exercise")
    assert levy.amount == -9.38
    assert result.charges.stt == 9.38
    gross = 25 * (result.trades[0].exit_price - 100.0)
    assert net_of(result, "NON_SPECULATIVE") == pytest.approx(gross - result.metrics.total_fees)


def test_shares_that_an_option_delivers_are_not_traded_within_the_day() -> None:
    """250 held shares are sold on the day on which a call brings 250 more at its strike: what is
    sold are the held ones, 250 x (2,800 - 2,500), and nothing is speculative. The call's premium
    of 250 x 100 is a loss of derivatives."""
    shares = hours({"2024-06-26": [2500.0] * 6, "2024-06-27": [2800.0] * 7})
    call = hours({"2024-06-26": [100.0] * 6, "2024-06-27": [300.0] * 7},
                 symbol="RELIANCE27JUN242500CE", exchange="NFO")  # fmt: skip

    class Exercised(Planned):
        def on_bar(self, candle: Candle) -> None:
            if candle.symbol == "RELIANCE":
                super().on_bar(candle)
            elif f"{candle.timestamp:%d %H}" == "26 09":
                terms = {"symbol": candle.symbol, "exchange": "NFO", "product": "NRML"}
                self.buy(250, "LIMIT", 101.0, **terms)

    plan = {"2024-06-26 09:15": (250, "CNC"), "2024-06-27 09:15": (-250, "CNC")}
    result = play([shares, call], plan, strategy=Exercised, costs="none", tax={})

    assert result.refused_orders == ()
    assert [position.quantity for position in result.open_positions] == [250]
    assert net_of(result, "STCG") == 75_000.0
    assert net_of(result, "SPECULATIVE") == 0.0
    assert net_of(result, "NON_SPECULATIVE") == -25_000.0


def test_bonus_shares_are_new_and_free_for_tax() -> None:
    """RELIANCE 1:1 on 2024-10-28: 100 bought at 2,000 become 200; 100 sold at 1,100 are the old
    ones, at their cost: a loss of 90,000, and the free ones are still held."""
    days = {"2024-10-25": [2000.0] * 6, "2024-10-28": [1000.0] * 6, "2024-10-29": [1100.0] * 6}
    plan = {"2024-10-25 09:15": (100, "CNC"), "2024-10-29 09:15": (-100, "CNC")}
    result = play(hours(days), plan, costs="none", tax={})

    assert [position.quantity for position in result.open_positions] == [100]
    assert net_of(result, "STCG") == -90_000.0


def test_all_bonus_shares_sold_gain_all_they_bring() -> None:
    days = {"2024-10-25": [2000.0] * 6, "2024-10-28": [1000.0] * 6, "2024-10-29": [1100.0] * 6}
    plan = {"2024-10-25 09:15": (100, "CNC"), "2024-10-29 09:15": (-200, "CNC")}
    result = play(hours(days), plan, costs="none", tax={})

    assert net_of(result, "STCG") == 20_000.0 == result.metrics.net_pnl


def actions_file(folder: Path, *rows: str) -> AppConfig:
    path = folder / "actions.csv"
    path.write_text("\n".join(("symbol,exchange,ex_date,kind,ratio,cash", *rows)) + "\n")
    return AppConfig.model_validate({"data": {"corporate_actions": str(path)}})


def test_split_shares_keep_the_day_and_the_cost_of_those_they_come_from(tmp_path: Path) -> None:
    """100 at 1,000 in May 2023 split 5:1. Of 600 sold at 300, 500 are long-term: 50,000. The 100
    bought at 310 the day before are short-term, and their loss meets it; the rest is within the
    exemption of 1,00,000."""
    config = actions_file(tmp_path, "RELIANCE,NSE,2024-06-04,split,5:1,")
    days = {"2023-05-02": [1000.0] * 6, WEEK[0]: [1000.0] * 6, WEEK[1]: [200.0] * 6,
            WEEK[2]: [310.0] * 6, WEEK[3]: [300.0] * 6}  # fmt: skip
    plan = {"2023-05-02 09:15": (100, "CNC"), f"{WEEK[2]} 09:15": (100, "CNC"),
            f"{WEEK[3]} 09:15": (-600, "CNC")}  # fmt: skip
    result = play(hours(days), plan, config=config, costs="none", tax={})

    assert result.tax is not None
    assert net_of(result, "LTCG", year=-1) == 50_000.0
    assert result.tax.years[-1].head("LTCG").exempt == 49_000 * RUPEE
    assert net_of(result, "STCG", year=-1) == -1_000.0
    assert result.metrics.total_tax == 0.0


def test_shares_of_2017_count_from_the_highest_price_that_the_settings_name() -> None:
    """100 SBIN at 280 in June 2017, worth 320 each on 2018-01-31, sold at 800: 48,000 of the
    52,000 are taxable."""
    days = {"2017-06-01": [280.0] * 6, "2024-06-03": [800.0] * 6}
    plan = {"2017-06-01 09:15": (100, "CNC"), "2024-06-03 09:15": (-100, "CNC")}
    candles = hours(days, symbol="SBIN")
    result = play(candles, plan, costs="none", tax={"highs_2018": {"SBIN": 320.0}})

    assert net_of(result, "LTCG", year=-1) == 48_000.0


def test_shares_of_a_demerged_company_are_free_and_the_statement_says_so() -> None:
    """RELIANCE gave a JIOFIN for each share on 2023-07-20 and fell by 261.85: it is sold with its
    whole cost, and the child is still held."""
    parent = {"2023-07-19": [2841.85] * 6, "2023-07-20": [2580.0] * 6, "2023-07-21": [2580.0] * 6}
    series = [hours(parent), hours({"2023-07-18": [262.0] * 6}, symbol="JIOFIN")]
    plan = {"2023-07-19 09:15": (100, "CNC"), "2023-07-21 09:15": (-100, "CNC")}
    result = play(series, plan, costs="none", tax={})

    assert result.tax is not None
    assert [position.symbol for position in result.open_positions] == ["JIOFIN"]
    assert net_of(result, "STCG") == pytest.approx(100 * (2580.0 - 2841.85))
    (note,) = (note for note in result.tax.notes if "demerger" in note)
    assert note == "JIOFIN of a demerger is taken as free: the whole cost stays with the parent."


def test_a_dividend_is_other_cash_and_income(tmp_path: Path) -> None:
    """10 a share on 100 shares: 1,000 at 30 % and 4 % cess of that."""
    config = actions_file(tmp_path, "RELIANCE,NSE,2024-06-04,dividend,,10")
    plan = {f"{WEEK[0]} 09:15": (100, "CNC")}
    days = {WEEK[0]: [1000.0] * 6, WEEK[1]: [990.0] * 6}
    result = play(hours(days), plan, config=config, costs="none", tax={})

    assert result.metrics.other_cash == 1000.0
    assert result.metrics.net_pnl == pytest.approx(0.0)
    assert net_of(result, "DIVIDEND") == 1000.0
    assert result.metrics.total_tax == 312.0
    assert "Of the gross, ₹1,000.00 is dividends and other cash" in text(result)


def test_cash_for_a_fraction_of_a_share_is_left_out_and_said_to_be(tmp_path: Path) -> None:
    """1 bonus share for 3 on 100: 33 shares, and the third of one at 750.00 in cash."""
    config = actions_file(tmp_path, "RELIANCE,NSE,2024-06-04,bonus,1:3,")
    days = {WEEK[0]: [1000.0] * 6, WEEK[1]: [750.0] * 6}
    result = play(hours(days), {f"{WEEK[0]} 09:15": (100, "CNC")}, config=config,
                  costs="none", tax={})  # fmt: skip

    assert result.metrics.other_cash == pytest.approx(250.0)
    assert result.tax is not None
    assert "₹250.00 for fractions of shares, rights and demergers is left out." in result.tax.notes


def test_charges_of_what_was_not_closed_wait_for_its_end() -> None:
    """A future that is still held: its contract note rounds the stamp duty to the rupee, and
    nothing was closed that could bear it."""
    candles = hours({WEEK[0]: [23_456.0] * 7}, symbol="NIFTY27JUN24FUT", exchange="NFO")
    costs = {"plan": "zerodha", "rounding": "contract-note"}
    result = play(candles, {f"{WEEK[0]} 09:15": (25, "NRML")}, costs=costs, tax={})

    assert result.charges.adjustments != 0
    assert result.tax is not None
    assert result.tax.years == ()
    note = f"₹{result.charges.adjustments:,.2f} of charges of positions that were not closed"
    assert f"{note} is left out." in result.tax.notes


def test_losses_brought_forward_the_slab_and_the_surcharge_come_from_the_settings() -> None:
    """Of 50,000 short-term, 20,000 meet an older loss: 30,000 x 15 % = 4,500, surcharge 10 % of
    it, cess 4 % of 4,950."""
    older = {"head": "STCG", "year": 2022, "amount": 20_000}
    result = swing(costs="none", tax={"brought_forward": [older], "slab_pct": 5,
                                       "surcharge_pct": 10})  # fmt: skip

    assert result.metrics.total_tax == 4500.0 + 450.0 + 198.0
    assert result.tax is not None
    assert "business income and dividends at 5 %" in result.tax.notes[0]


def test_a_run_without_the_setting_has_no_tax_anywhere(tmp_path: Path) -> None:
    result = swing()

    assert result.tax is None
    assert result.metrics.total_tax is None
    assert result.to_dict()["tax"] is None
    assert "Income tax" not in text(result)
    assert (result.save(tmp_path)["tax.csv"]).read_text().count("\n") == 1


def test_the_statement_is_in_the_document_and_in_a_file(tmp_path: Path) -> None:
    result = swing(costs="none", tax={})

    document = result.to_dict()
    assert document["tax"]["estimate"] is True
    assert document["tax"]["total_tax"] == 7800.0
    assert document["tax"]["years"][0]["year"] == "2024-25"
    assert "What is still open at the end of the run is not taxed." in document["tax"]["notes"]
    with result.save(tmp_path)["tax.csv"].open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["head"] for row in rows] == list(HEADS)
    assert {row["estimate"] for row in rows} == {"true"}
    gains = rows[0]
    assert (gains["year"], gains["taxable"], gains["tax"], gains["cess"], gains["total"]) == (
        "2024-25",
        "50000.0",
        "7500.0",
        "300.0",
        "7800.0",
    )


def test_a_doubtful_rule_of_tax_is_named_with_the_others() -> None:
    """Whether futures on farm goods were speculative in 2016 has been seen both ways."""
    candles = hours({"2016-06-01": [1000.0] * 6}, symbol="MENTHAOIL30JUN16FUT", exchange="MCX")
    plan = {"2016-06-01 09:15": (360, "NRML"), "2016-06-01 11:15": (-360, "NRML")}
    name = "taxes.business.agricultural_derivatives"

    result = play(candles, plan, costs="none", tax={})

    assert result.tax is not None
    assert result.tax.derivative_trades == 1
    assert name in {row.rule for row in result.tax.low_confidence}
    assert name in {rule.rule for rule in result.doubtful_rules}
    assert name not in {rule.rule for rule in play(candles, plan, costs="none").doubtful_rules}
