"""What a day cost once it is over (A1): deliveries re-rated, duties of the contract note, DP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.play import Played, Scripted, bars, flat, minutes, play
from tests.core.rules.scenes import CHARGED, both_loops, clocks, postings, still

DAY, NEXT = "2024-01-02", "2024-01-03"
# Rs 13.50 a share and day, with GST.
DP = -15.93


def charges(played: Played) -> list[float]:
    return [fill.charges for fill in played.fills]


def trip(product: str, sold: int = 100) -> dict[int, Any]:
    return {
        0: lambda s: s.buy(100, product=product),
        1: lambda s: s.sell(sold, product=product),
    }


PRICES = bars(*flat(600, 2), *flat(610, 2), start=f"{DAY} 10:00")


def test_A1_delivery_bought_and_sold_on_one_day_is_charged_as_intraday() -> None:
    """100 at 600, sold at 610, on 2024-01-02.

    As a delivery when it happened. Purchase of 60,000: STT 60.00, exchange 0.00325 % 1.95, IPFT
    0.06, SEBI 0.06, stamp 0.015 % 9.00, GST 18 % of 2.01 0.36: 71.43. Sale of 61,000: STT 61.00,
    exchange 1.98, IPFT 0.06, SEBI 0.06, GST 0.37: 63.47. Together 134.90.

    As the note has it: brokerage 0.03 % 18.00 + 18.30, STT 0.025 % of the average price 605 x 100
    15.13, exchange 1.95 + 1.98, IPFT 0.12, SEBI 0.12, stamp 0.003 % of the purchase 1.80, GST 18 %
    of 20.01 and of 20.3435 3.60 + 3.66: 64.66. The account gets 70.24 back.
    """
    played = both_loops(PRICES, trip("CNC"), **CHARGED)
    assert charges(played) == [71.43, 63.47]
    assert postings(played) == [("01-02 10:03:59", "charges adjustment", 70.24)]
    assert "100 bought and sold the same day" in played.result.postings[0].note
    assert played.result.charges.total == 64.66
    assert played.result.equity_curve.equity[-1] == 101_000 - 64.66
    assert not played.result.charges.dp


def test_the_adjustment_comes_when_the_session_is_over_and_once() -> None:
    labels = [*minutes(f"{DAY} 10:00", 4), *minutes(f"{NEXT} 09:15", 3)]
    candles = bars(*flat(600, 2), *flat(610, 5), at=labels)
    played = both_loops(candles, trip("CNC"), **CHARGED)
    assert postings(played) == [("01-02 10:03:59", "charges adjustment", 70.24)]


def test_a_part_sold_on_the_day_is_intraday_and_the_rest_is_delivered() -> None:
    """100 bought at 600 and 40 of them sold at 610: 40 within the day, 60 delivered.

    Charged: 71.43, and on the sale of 24,400 STT 24.40, exchange 0.79, IPFT and SEBI 0.02 each,
    GST 0.15: 25.38. The note: the average of all 140 is 602.857; STT 0.025 % on 40 of them 6.03
    and 0.1 % on 60 36.17; stamp 0.003 % of 24,000 and 0.015 % of 36,000 0.72 + 5.40; brokerage on
    the intraday parts 7.20 + 7.32; exchange 1.95 + 0.79; IPFT 0.08, SEBI 0.08; GST 1.66 + 1.46:
    68.86. 96.81 - 68.86 = 27.95. Nothing leaves the holdings.
    """
    played = both_loops(PRICES, trip("CNC", 40), **CHARGED)
    assert charges(played) == [71.43, 25.38]
    assert postings(played) == [("01-02 10:03:59", "charges adjustment", 27.95)]


def test_mis_is_charged_as_intraday_from_the_first() -> None:
    """Purchase: brokerage 18.00, exchange 1.95, IPFT and SEBI 0.06 each, stamp 1.80, GST 3.60:
    25.47. Sale: 18.30, STT 15.25, 1.98, 0.06, 0.06, GST 3.66: 39.31."""
    played = both_loops(PRICES, trip("MIS"), **CHARGED)
    assert charges(played) == [25.47, 39.31]
    assert not played.result.postings


def test_a_contract_note_rounds_its_duties_to_the_rupee() -> None:
    """The same: STT 15.125 of the average price becomes 15, stamp duty 1.80 becomes 2; all else
    stays: 36.30 + 15 + 3.93 + 0.12 + 0.12 + 2 + 7.26 = 64.73, five paise less than 64.78."""
    costs = {"plan": "zerodha", "rounding": "contract-note"}
    played = both_loops(PRICES, trip("MIS"), costs=costs, **CHARGED)
    assert charges(played) == [25.47, 39.31]
    assert postings(played) == [("01-02 10:03:59", "charges adjustment", 0.05)]
    assert played.result.charges.total == 64.73


def test_without_rounding_lines_keep_their_fractions() -> None:
    """Purchase of 60,000 in MIS: 18 + 1.95 + 0.06 + 0.06 + 1.80 + 3.6018."""
    costs = {"plan": "zerodha", "rounding": "none"}
    played = both_loops(PRICES, {0: lambda s: s.buy(100)}, costs=costs, **CHARGED)
    assert charges(played) == [25.4718]


# DP charge ---------------------------------------------------------------------------------


def sell_twice(s: Scripted) -> None:
    s.sell(30, product="CNC")
    s.sell(40, product="CNC")


def test_the_dp_charge_is_once_for_a_share_and_day_however_many_sales() -> None:
    labels = [*minutes(f"{DAY} 10:00", 2), *minutes(f"{NEXT} 10:00", 2), "2024-01-04 10:00"]
    candles = still(600, [*labels, "2024-01-04 10:01"])
    steps = {
        0: lambda s: s.buy(100, product="CNC"),
        2: sell_twice,
        4: lambda s: s.sell(30, product="CNC"),
    }
    played = both_loops(candles, steps, **CHARGED)
    assert postings(played) == [
        ("01-03 10:01:59", "DP charge", DP),
        ("01-04 10:01:59", "DP charge", DP),
    ]
    assert played.result.postings[0].note == "DP charge on 70 SBIN delivered"
    assert played.result.charges.dp == 31.86


def test_a_share_sold_on_two_exchanges_pays_one_dp_charge() -> None:
    labels = [*minutes(f"{DAY} 10:00", 2), *minutes(f"{NEXT} 10:00", 2)]
    series = [still(600, labels), still(600, labels, exchange="BSE")]

    def both(s: Scripted, send: Any) -> None:
        for exchange in ("NSE", "BSE"):
            send(10, symbol="SBIN", exchange=exchange, product="CNC")

    steps = {1: lambda s: both(s, s.buy), 5: lambda s: both(s, s.sell)}
    played = play(series, steps, **CHARGED)
    assert [row[1] for row in postings(played)] == ["DP charge"]
    assert played.result.charges.dp == -DP


def test_what_was_bought_today_goes_before_the_holdings() -> None:
    """30 held; 20 bought and 20 sold today: nothing leaves the depository. 21 sold: one share."""
    labels = [*minutes(f"{DAY} 10:00", 2), *minutes(f"{NEXT} 10:00", 3)]

    def dp(sold: int) -> float:
        steps = {
            0: lambda s: s.buy(30, product="CNC"),
            2: lambda s: s.buy(20, product="CNC"),
            3: lambda s: s.sell(sold, product="CNC"),
        }
        return both_loops(still(600, labels), steps, **CHARGED).result.charges.dp

    assert dp(20) == 0
    assert dp(21) == -DP


# Brokerage of an order ---------------------------------------------------------------------


def brokerage(played: Played) -> list[float]:
    return [lines.brokerage for lines in played.result.itemised.fills]


def test_brokerage_is_of_the_order_however_it_is_filled() -> None:
    """1,000 at 100 in four parts: 0.03 % of 25,000 is 7.50; the third reaches the cap of 20."""
    candles = bars(*flat(101, 1), *[(101, 101, 99, 100)] * 5, start=f"{DAY} 10:00")
    played = both_loops(candles, {0: lambda s: s.buy(1_000, "LIMIT", price=100)}, **CHARGED)
    assert [fill.quantity for fill in played.fills] == [250] * 4
    assert brokerage(played) == [7.5, 7.5, 5.0, 0.0]


def test_two_orders_pay_brokerage_each() -> None:
    candles = still(100, minutes(f"{DAY} 10:00", 3))
    steps = {0: lambda s: [s.buy(1_000) for _ in range(2)]}
    assert brokerage(both_loops(candles, steps, participation=None, **CHARGED)) == [20, 20]


def test_an_order_that_lives_on_pays_brokerage_anew_each_day() -> None:
    """The target of a future, filled by lots of 50 as volume allows: two today, one tomorrow."""
    labels = [*clocks(DAY, "15:26", "15:27", "15:28", "15:29"), *minutes(f"{NEXT} 09:15", 2)]
    rows = [*flat(22_000, 2), *[(22_000, 22_050, 22_000, 22_000)] * 2, *flat(22_000, 1)]
    candles = bars(
        *rows, (22_000, 22_050, 22_000, 22_000), at=labels, volume=100,
        symbol="NIFTY25JAN24FUT", exchange="NFO",
    )  # fmt: skip
    steps = {0: lambda s: s.buy(150, target=22_040)}
    played = both_loops(candles, steps, initial_cash=1e7, **CHARGED)
    assert [fill.quantity for fill in played.fills] == [150, 50, 50, 50]
    assert brokerage(played) == [20, 20, 0, 20]


@pytest.mark.parametrize("plan", ["zerodha", "groww", "upstox"])
def test_what_the_fills_paid_and_what_was_posted_is_what_the_day_cost(plan: str) -> None:
    costs = {"plan": plan, "rounding": "contract-note"}
    played = both_loops(PRICES, trip("CNC", 40), costs=costs, **CHARGED)
    note = played.result.itemised.note(19_724)  # 2024-01-02
    paid = sum(charges(played)) - sum(p.amount for p in played.result.postings)
    assert round(paid * 1e6) == note.total


def test_penalties_and_charges_leave_the_equity_where_they_are_due() -> None:
    """Bought in MIS for 25.47, squared off at 610 for 39.31 and the penalty of 59."""
    candles = bars(*flat(600, 2), *flat(610, 2), at=minutes(f"{DAY} 15:18", 4))
    played = both_loops(candles, {0: lambda s: s.buy(100)}, **CHARGED)
    assert played.result.equity_curve.equity.tolist() == [
        100_000,
        100_000 - 25.47,
        101_000 - 25.47 - 39.31 - 59,
        101_000 - 25.47 - 39.31 - 59,
    ]
