"""Shares bought in CNC become holdings, and money of a sale becomes usable, with the days."""

from __future__ import annotations

from typing import Any

import pytest

from tapeback.broker.client import MockOpenAlgoClient
from tests.core.play import LIVE, SANDBOX, Scripted, bars, flat, minutes
from tests.core.rules.scenes import both_loops, reasons, still


def free(s: Scripted) -> None:
    portfolio = s.context.portfolio
    s.notes.append((portfolio.available, portfolio.held_back / 1e6))


def look(s: Scripted) -> None:
    """Quantities in the position book and among the holdings, as a bot sees them."""
    client = MockOpenAlgoClient(s.context)
    positions = client.positionbook()["data"]
    holdings = client.holdings()["data"]["holdings"]
    s.notes.append(
        ([int(p["quantity"]) for p in positions], [int(h["quantity"]) for h in holdings])
    )


def days(*dates: str, bars_a_day: int = 3) -> list[str]:
    return [label for date in dates for label in minutes(f"{date} 10:00", bars_a_day)]


def test_bought_shares_stand_in_the_position_book_today_and_among_the_holdings_tomorrow() -> None:
    steps = {
        0: lambda s: s.buy(100, product="CNC"),
        1: look,
        3: lambda s: (look(s), s.sell(40, product="CNC")),
        4: look,
        6: look,
    }
    candles = still(400, days("2024-01-02", "2024-01-03", "2024-01-04"))
    played = both_loops(candles, steps, **LIVE)
    assert played.strategy.notes == [([100], []), ([], [100]), ([-40], [60]), ([], [60])]
    assert [p.quantity for p in played.result.open_positions] == [60]


def test_mis_and_futures_never_become_holdings() -> None:
    candles = still(
        22_000, days("2024-01-02", "2024-01-03"), symbol="NIFTY25JAN24FUT", exchange="NFO"
    )
    steps = {0: lambda s: s.buy(50), 3: look}
    played = both_loops(candles, steps, initial_cash=1e6, **LIVE)
    assert played.strategy.notes == [([50], [])]


def test_no_more_is_sold_than_is_held_and_not_already_on_sale() -> None:
    def sell(s: Scripted) -> None:
        s.sell(101, product="CNC")
        s.sell(60, "LIMIT", price=440, product="CNC")
        s.sell(60, "LIMIT", price=439, product="CNC")
        s.sell(40, product="CNC")

    candles = still(400, days("2024-01-02", "2024-01-03"))
    played = both_loops(candles, {0: lambda s: s.buy(100, product="CNC"), 3: sell}, **LIVE)
    words = "Cannot sell {} shares of SBIN in CNC. Only {} shares available"
    assert reasons(played)[1:] == [words.format(101, 100), "", words.format(60, 40), ""]


@pytest.mark.parametrize(
    ("bought", "sold", "following", "settings", "usable"),
    [
        ("2020-11-26", "2020-11-27", "2020-12-01", LIVE, 40_000),
        # SEBI's upfront margins: 80 % on the day, settled or not.
        ("2020-12-01", "2020-12-02", "2020-12-03", LIVE, 32_000),
        ("2021-06-01", "2021-06-02", "2021-06-03", LIVE, 32_000),
        ("2021-06-01", "2021-06-08", "2021-06-09", LIVE, 32_000),
        ("2024-10-03", "2024-10-04", "2024-10-07", LIVE, 32_000),
        # Since then all of what has settled, and nothing of what comes in tonight.
        ("2024-10-03", "2024-10-07", "2024-10-08", LIVE, 40_000),
        ("2024-10-08", "2024-10-09", "2024-10-10", LIVE, 0),
        ("2024-10-08", "2024-10-10", "2024-10-11", LIVE, 40_000),
        # OpenAlgo's sandbox credits a sale of holdings when the date is over.
        ("2024-01-02", "2024-01-04", "2024-01-05", SANDBOX, 0),
    ],
)  # fmt: skip
def test_how_much_of_a_sale_can_be_used_on_its_day(
    bought: str, sold: str, following: str, settings: dict[str, Any], usable: float
) -> None:
    """100 at 400 and nothing gained: 60,000 are free after the purchase, 100,000 in the end."""
    steps = {
        0: lambda s: s.buy(100, product="CNC"),
        3: lambda s: (free(s), s.sell(100, product="CNC")),
        5: free,
        6: free,
    }
    played = both_loops(still(400, days(bought, sold, following)), steps, **settings)
    assert played.strategy.notes == [
        (60_000, 0),
        (60_000 + usable, 40_000 - usable),
        (100_000, 0),
    ]


@pytest.mark.parametrize(
    ("day", "settings", "price", "available"),
    [
        ("2020-11-27", LIVE, 410, 101_000),
        ("2021-06-01", LIVE, 410, 100_000),  # the profit is free on the next day
        ("2021-06-01", LIVE, 390, 99_000),  # a loss counts at once
        ("2024-10-09", LIVE, 410, 100_000),
        ("2024-10-09", SANDBOX, 410, 101_000),
    ],
)
def test_shares_bought_and_sold_on_a_day_free_the_money_that_they_took(
    day: str, settings: dict[str, Any], price: float, available: float
) -> None:
    following = {"2020-11-27": "2020-12-01", "2021-06-01": "2021-06-02", "2024-10-09": "2024-10-10"}
    candles = bars(*flat(400, 2), *flat(price, 4), at=days(day, following[day]))
    steps = {
        0: lambda s: s.buy(100, product="CNC"),
        1: lambda s: s.sell(100, product="CNC"),
        2: free,
        3: free,
    }
    played = both_loops(candles, steps, **settings)
    earned = (price - 400) * 100
    assert played.strategy.notes == [
        (available, 100_000 + earned - available),
        (100_000 + earned, 0),
    ]


def test_what_is_held_back_cannot_buy_until_the_next_session() -> None:
    """In June 2021: 1,000 are left, and of a sale of 39,600 31,680 can be used: too little for
    33,200 on that day, enough on the next."""
    steps = {
        0: lambda s: s.buy(99, product="CNC"),
        3: lambda s: s.sell(99, product="CNC"),
        4: lambda s: s.buy(83, product="CNC", pricetype="LIMIT", price=400),
        6: lambda s: s.buy(83, product="CNC"),
    }
    candles = still(400, days("2021-06-01", "2021-06-02", "2021-06-03"))
    played = both_loops(candles, steps, initial_cash=40_600, **LIVE)
    # 40,600 - 39,600 = 1,000, and 80 % of 39,600 are 31,680: 32,680 for 33,200.
    assert "Required: ₹33200.00, Available: ₹32680.00" in reasons(played)[2]
    assert [order.status for order in played.orders] == [
        "complete", "complete", "rejected", "complete",
    ]  # fmt: skip


def test_held_back_money_is_in_the_equity_all_the_while() -> None:
    steps = {0: lambda s: s.buy(100, product="CNC"), 3: lambda s: s.sell(100, product="CNC")}
    played = both_loops(still(400, days("2021-06-01", "2021-06-02")), steps, **LIVE)
    assert set(played.result.equity_curve.equity.tolist()) == {100_000}


def test_a_fill_of_a_target_holds_back_its_share_each_time() -> None:
    """60 held from before; a limit of 60 is filled by 25 and 25 and 10: 20 % of each is kept."""

    def note(s: Scripted) -> None:
        s.notes.append(s.context.portfolio.held_back / 1e6)

    labels = days("2021-06-01", "2021-06-02", bars_a_day=5)
    rows = [*flat(400, 5), *flat(400, 1), *[(400, 411, 400, 400)] * 4]
    candles = bars(*rows, at=labels, volume=100)
    steps = {
        0: lambda s: s.buy(60, product="CNC"),
        5: lambda s: s.sell(60, "LIMIT", price=410, product="CNC"),
        6: note,
        7: note,
        8: note,
    }
    played = both_loops(candles, steps, **LIVE)
    assert [fill.quantity for fill in played.fills[1:]] == [25, 25, 10]
    assert played.strategy.notes == [2_050, 4_100, 4_920]


def test_the_exit_of_a_delivery_that_was_sold_by_hand_is_refused_when_it_is_met() -> None:
    """A broker looks for the shares when the trigger is met: they are gone, so is the pair."""
    labels = days("2024-01-02", bars_a_day=6)
    candles = bars(*flat(400, 4), (400, 421, 400, 420), *flat(420, 1), at=labels)
    steps = {
        0: lambda s: s.buy(100, product="CNC", stop_loss=380, target=420),
        2: lambda s: s.sell(40, product="CNC"),
    }
    played = both_loops(candles, steps, **LIVE)
    assert [fill.quantity for fill in played.fills] == [100, 40]
    reason = "Cannot sell 100 shares of SBIN in CNC. Only 60 shares available"
    assert reasons(played)[1:3] == [reason, reason]
    assert [p.quantity for p in played.result.open_positions] == [60]


def test_shares_that_another_order_has_on_sale_are_no_exits() -> None:
    labels = days("2024-01-02", bars_a_day=6)
    candles = bars(*flat(400, 4), (400, 400, 379, 380), *flat(380, 1), at=labels)
    steps = {
        0: lambda s: s.buy(100, product="CNC", stop_loss=380, target=420),
        2: lambda s: s.sell(1, "LIMIT", price=430, product="CNC"),
    }
    played = both_loops(candles, steps, **LIVE)
    assert len(played.fills) == 1
    assert "Only 99 shares available" in reasons(played)[1]
