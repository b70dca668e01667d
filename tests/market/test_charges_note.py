"""A day's contract note, and the taxes of a contract's end."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapeback.errors import ConfigError
from tapeback.market.charges import ROUNDINGS, ChargeSchedule
from tapeback.market.costs.contract_note import Execution, Note, contract_note
from tapeback.market.costs.expiry_levies import delivery_levy, exercise_levy
from tapeback.utils.clock import day_of
from tapeback.utils.money import RUPEE

DAY = day_of(date(2025, 3, 3))


def execution(
    side: str,
    quantity: int,
    price: float,
    *,
    symbol: str = "SBIN",
    exchange: str = "NSE",
    segment: Any = "EQ_DELIVERY",
    order: str = "",
) -> Execution:
    order = order or f"{side} {quantity} {price} {symbol} {exchange} {segment}"
    value = round(price * RUPEE) * quantity
    return Execution(order, symbol, exchange, segment, side == "BUY", quantity, value)


def posted(executions: list[Execution], schedule: ChargeSchedule, day: int = DAY) -> int:
    """What the fills were charged when they happened."""
    before: dict[str, int] = {}
    total = 0
    for one in executions:
        rates = schedule.rates(one.segment, one.exchange, day, one.symbol)
        done = before.get(one.order_id, 0)
        total += rates.cost(one.buy, one.value, done)
        before[one.order_id] = done + one.value
    return total


def rupees(units: int) -> float:
    return units / RUPEE


def test_stt_of_a_day_s_round_trip_is_of_the_average_price() -> None:
    """Zerodha's own example: 500 bought at 100 and sold at 105 pay 0.025 % of 500 × 102.5."""
    day = day_of(date(2024, 10, 3))
    trades = [
        execution("BUY", 500, 100, segment="EQ_INTRADAY"),
        execution("SELL", 500, 105, segment="EQ_INTRADAY"),
    ]
    note = contract_note(day, trades, ChargeSchedule(rounding="contract-note"))
    assert rupees(note.charges.stt) == 13
    to_the_paisa = contract_note(day, trades, ChargeSchedule())
    assert rupees(to_the_paisa.charges.stt) == 12.81


def test_what_is_left_of_the_day_is_delivered_at_the_average_price() -> None:
    """Zerodha's other example: of 700 bought 500 were sold; the average is 103.75."""
    day = day_of(date(2023, 6, 1))
    trades = [execution("BUY", 500, 100), execution("SELL", 500, 105), execution("BUY", 200, 110)]
    note = contract_note(day, trades, ChargeSchedule(rounding="contract-note"))
    # 500 × 103.75 × 0.025 % = 12.97 → 13, and 200 × 103.75 × 0.1 % = 20.75 → 21.
    assert rupees(note.charges.stt) == 13 + 21
    assert note.lines[0].same_day == 500
    assert note.dp == {}


def test_a_note_of_options_is_zerodha_s() -> None:
    """A published Zerodha note of 2025-06-18: CRUDEOILM 6300 CE, 20 bought at 491.45 and sold at
    475.60, in four orders."""
    trades = [
        execution(side, 10, price, symbol="CRUDEOILM17JUL256300CE", exchange="MCX",
                  segment="COM_OPT", order=f"{side}{n}")
        for side, price in (("BUY", 491.45), ("SELL", 475.60)) for n in (1, 2)
    ]  # fmt: skip
    schedule = ChargeSchedule(rounding="contract-note")
    charges = contract_note(day_of(date(2025, 6, 18)), trades, schedule).charges
    assert (rupees(charges.brokerage), rupees(charges.exchange)) == (80, 8.08)
    assert (rupees(charges.gst), rupees(charges.ctt), rupees(charges.sebi)) == (15.86, 5, 0.02)


def test_shares_bought_and_sold_in_cnc_are_re_rated_as_intraday() -> None:
    trades = [execution("BUY", 100, 1000), execution("SELL", 100, 1010)]
    schedule = ChargeSchedule()
    note = contract_note(DAY, trades, schedule)
    charges = note.charges
    # STT 0.025 % of 100 × 1005 = 25.125 instead of 100 + 101; stamp 0.003 % of 100000 = 3 instead
    # of 15; brokerage 20 twice instead of none; no DP charge.
    assert rupees(charges.stt) == 25.13
    assert rupees(charges.stamp) == 3
    assert rupees(charges.brokerage) == 40
    assert note.dp == {}
    # GST 18 % of 20 + 2.97 + 0.1 + 0.1 = 4.1706, and of 20 + 2.9997 + 0.101 + 0.101 = 4.176306.
    assert rupees(charges.gst) == 4.17 + 4.18
    adjustment = note.total - posted(trades, schedule)
    # STT 25.13 - 201, stamp 3 - 15, brokerage 40, GST 8.35 - 0.57 - 0.58.
    assert rupees(adjustment) == pytest.approx(-175.87 - 12 + 40 + 7.20)


def test_mis_alone_is_charged_on_the_average_and_otherwise_as_posted() -> None:
    trades = [
        execution("SELL", 100, 1010, segment="EQ_INTRADAY"),
        execution("BUY", 100, 1000, segment="EQ_INTRADAY"),
    ]
    schedule = ChargeSchedule()
    note = contract_note(DAY, trades, schedule)
    # Posted 0.025 % of 101000 = 25.25; the note says 25.13.
    assert rupees(note.total - posted(trades, schedule)) == pytest.approx(-0.12)


def test_mis_that_could_not_be_closed_is_delivered() -> None:
    trades = [execution("BUY", 100, 1000, segment="EQ_INTRADAY")]
    charges = contract_note(DAY, trades, ChargeSchedule()).charges
    assert (rupees(charges.stt), rupees(charges.stamp)) == (100, 15)
    assert charges.brokerage == 0


def test_mis_beside_cnc_takes_the_sales_of_the_day() -> None:
    trades = [
        execution("BUY", 50, 1000, order="investment"),
        execution("BUY", 100, 1000, segment="EQ_INTRADAY"),
        execution("SELL", 100, 1000, segment="EQ_INTRADAY"),
    ]
    charges = contract_note(DAY, trades, ChargeSchedule()).charges
    # The CNC order stays free of brokerage: 20 for each MIS order. STT 25 + 0.1 % of 50000.
    assert rupees(charges.brokerage) == 40
    assert rupees(charges.stt) == 25 + 50


def test_an_order_of_which_a_part_was_intraday_pays_for_that_part() -> None:
    trades = [execution("BUY", 500, 100), execution("SELL", 200, 100)]
    zerodha = contract_note(DAY, trades, ChargeSchedule()).charges
    # 0.03 % of the 20,000 that were sold again: 6, on both sides; the delivered rest is free.
    assert rupees(zerodha.brokerage) == 6 + 6
    groww = contract_note(DAY, trades, ChargeSchedule("groww")).charges
    # 0.1 % of 50,000 is capped at 20 once, and 20 for the sale of 20,000.
    assert rupees(groww.brokerage) == 20 + 20


def test_holdings_sold_pay_one_dp_charge_a_share_and_day() -> None:
    trades = [
        execution("SELL", 10, 100),
        execution("SELL", 5, 101),
        execution("SELL", 5, 101, exchange="BSE"),
        execution("SELL", 7, 400, symbol="INFY"),
        execution("BUY", 7, 200, symbol="TCS"),
        execution("SELL", 7, 200, symbol="TCS"),
    ]
    note = contract_note(DAY, trades, ChargeSchedule())
    assert note.dp == {"SBIN": 15_340_000, "INFY": 15_340_000}
    lines = sum(line.charges.total for line in note.lines)
    assert note.total == lines + 2 * 15_340_000


def test_defect_20_shares_sold_the_same_day_leave_nothing_for_the_next() -> None:
    schedule = ChargeSchedule(rounding="none")
    trades = [execution("BUY", 100, 1000), execution("SELL", 100, 1000)]
    first = contract_note(DAY, trades, schedule)
    assert rupees(first.charges.stt) == 25  # once, as intraday
    then = contract_note(DAY + 1, [], schedule)
    assert (then.lines, then.total) == ((), 0)


def test_defect_21_delivery_is_taxed_when_it_is_traded_and_never_again() -> None:
    """100 shares, then one a day on four days, all at 100: 104 × 100 × 0.1 %, on buying."""
    schedule = ChargeSchedule(rounding="none")
    bought = [100, 1, 1, 1, 1]
    stt = [
        contract_note(DAY + n, [execution("BUY", shares, 100)], schedule).charges.stt
        for n, shares in enumerate(bought)
    ]
    assert rupees(sum(stt)) == 10.4


def test_defect_21_a_day_is_charged_alike_in_whatever_order_its_trades_came() -> None:
    trades = [execution("BUY", 70, 100), execution("BUY", 30, 103), execution("SELL", 60, 104)]
    notes = [contract_note(DAY, order, ChargeSchedule()) for order in (trades, trades[::-1])]
    assert notes[0].charges.stt == notes[1].charges.stt
    assert notes[0].charges.stamp == notes[1].charges.stamp


SYMBOLS = {
    "SBIN": ("NSE", ("EQ_DELIVERY", "EQ_INTRADAY")),
    "INFY": ("BSE", ("EQ_DELIVERY", "EQ_INTRADAY")),
    "NIFTY27MAR25FUT": ("NFO", ("EQ_FUT",)),
    "NIFTY27MAR2522500CE": ("NFO", ("EQ_OPT",)),
    "CRUDEOIL19MAR25FUT": ("MCX", ("COM_FUT",)),
}


@st.composite
def days(draw: st.DrawFn) -> list[Execution]:
    """Orders of a day, each in up to three executions."""
    executions = []
    for number in range(draw(st.integers(1, 8))):
        symbol = draw(st.sampled_from(sorted(SYMBOLS)))
        exchange, segments = SYMBOLS[symbol]
        segment, buy = draw(st.sampled_from(segments)), draw(st.booleans())
        for _ in range(draw(st.integers(1, 3))):
            quantity, price = draw(st.integers(1, 900)), draw(st.integers(1, 400_000))
            executions.append(
                Execution(
                    str(number), symbol, exchange, segment, buy, quantity, quantity * price * 10_000
                )
            )
    return executions


PLANS = st.sampled_from(["zerodha", "groww", "angelone", "flat", "none"])


def traded_within_the_day(note: Note, executions: list[Execution]) -> bool:
    intraday = any(one.segment == "EQ_INTRADAY" for one in executions)
    return intraday or any(line.same_day for line in note.lines)


@given(days(), PLANS, st.sampled_from(ROUNDINGS))
@settings(max_examples=200)
def test_a_note_conserves_what_was_traded(
    executions: list[Execution], plan: str, rounding: Any
) -> None:
    note = contract_note(DAY, executions, ChargeSchedule(plan, rounding, commission=1))
    bought = sum(one.value for one in executions if one.buy)
    sold = sum(one.value for one in executions if not one.buy)
    assert sum(line.bought_value for line in note.lines) == bought
    assert sum(line.sold_value for line in note.lines) == sold
    charges = note.charges
    assert charges.total + sum(note.dp.values()) == note.total
    assert charges.other == len(executions) * RUPEE
    duties = (charges.brokerage, charges.stt, charges.ctt, charges.gst, charges.stamp)
    assert min(duties) >= 0
    if rounding == "contract-note":
        assert (charges.stt + charges.ctt + charges.stamp) % RUPEE == 0


@given(days(), PLANS, st.sampled_from(["paisa", "none"]))
@settings(max_examples=200)
def test_where_nothing_is_re_rated_the_note_is_what_was_posted(
    executions: list[Execution], plan: str, rounding: Any
) -> None:
    schedule = ChargeSchedule(plan, rounding)
    note = contract_note(DAY, executions, schedule)
    if not traded_within_the_day(note, executions):
        assert note.total == posted(executions, schedule) + sum(note.dp.values())


@given(days())
@settings(max_examples=100)
def test_re_rating_never_makes_a_day_of_cnc_dearer_than_delivery_s_taxes(
    executions: list[Execution],
) -> None:
    shares = [one for one in executions if one.segment == "EQ_DELIVERY"]
    schedule = ChargeSchedule(rounding="none")
    note = contract_note(DAY, shares, schedule)
    as_delivery = sum(
        schedule.rates("EQ_DELIVERY", one.exchange, DAY, one.symbol)
        .lines(one.buy, one.value, 0)
        .stamp
        for one in shares
    )
    assert note.charges.stamp <= as_delivery + len(shares)


def test_exercise_is_taxed_on_what_the_day_says() -> None:
    """FYERS' example: 75 NIFTY 10800 CE settle at 10900."""
    intrinsic, settlement = 75 * 100 * RUPEE, 75 * 10_900 * RUPEE

    def stt(day: date) -> float:
        levy = exercise_levy(
            day_of(day), "NFO", "EQ_OPT", intrinsic=intrinsic, settlement=settlement
        )
        return rupees(levy.charges.stt)

    assert stt(date(2019, 8, 29)) == 1021.88  # 0.125 % of 817,500 = 1,021.875
    assert stt(date(2019, 9, 1)) == 9.38  # 0.125 % of 7,500 = 9.375
    assert stt(date(2019, 9, 26)) == 9.38
    assert stt(date(2026, 3, 31)) == 9.38
    assert stt(date(2026, 4, 1)) == 11.25  # 0.15 % of 7,500


def test_only_a_holder_in_the_money_is_taxed_at_exercise() -> None:
    worth = {"intrinsic": 100 * RUPEE, "settlement": 10_000_000 * RUPEE}
    assert exercise_levy(DAY, "CDS", "CUR_OPT", **worth).charges.total == 0
    assert exercise_levy(DAY, "NFO", "EQ_FUT", **worth).charges.total == 0
    out = exercise_levy(DAY, "NFO", "EQ_OPT", intrinsic=0, settlement=10_000_000 * RUPEE)
    assert (out.charges.total, out.rows) == (0, ())
    # A commodity option that becomes a future pays CTT of 0.0001 % of the settlement price.
    goods = exercise_levy(DAY, "MCX", "COM_OPT", **worth)
    assert (rupees(goods.charges.ctt), goods.charges.stt) == (10, 0)
    with pytest.raises(ConfigError, match="does not trade"):
        exercise_levy(DAY, "MCX", "EQ_OPT", **worth)


def test_shares_delivered_at_expiry_pay_the_delivery_tax_on_both_sides() -> None:
    value = 505 * 800 * RUPEE
    receiver, giver = delivery_levy(DAY, True, value), delivery_levy(DAY, False, value)
    # 404,000 × 0.1 %, and for the receiver 404,000 × 0.015 %.
    assert (rupees(receiver.charges.stt), rupees(receiver.charges.stamp)) == (404, 60.6)
    assert (rupees(giver.charges.stt), rupees(giver.charges.stamp)) == (404, 0)
    early = delivery_levy(day_of(date(2018, 7, 25)), True, value)
    assert [row.confidence for row in early.rows] == ["low", "low"]
