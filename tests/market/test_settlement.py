"""When trades in shares settle, what is held and usable meanwhile, and the price of a day."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeback.market.candles import Candles
from tapeback.market.settlement import (
    Holding,
    cash_rules,
    closing_value,
    cycle,
    settlement_day,
)
from tapeback.utils.clock import MINUTE_NS, day_of, midnight
from tapeback.utils.money import RUPEE


def day(text: str) -> int:
    return day_of(date.fromisoformat(text))


def next_weekday(number: int) -> int:
    """The next Monday to Friday; day 0, 1970-01-01, was a Thursday."""
    number += 1
    while (number + 3) % 7 >= 5:
        number += 1
    return number


@pytest.mark.parametrize(
    ("text", "days", "confidence"),
    [
        ("2022-02-24", 2, "high"),
        ("2022-02-25", 2, "low"),
        ("2023-01-26", 2, "low"),
        ("2023-01-27", 1, "high"),
        ("2026-09-30", 1, "high"),
        ("2003-03-31", 2, "low"),
    ],
)
def test_the_cycle_of_shares_by_date(text: str, days: int, confidence: str) -> None:
    assert cycle(day(text), "NSE") == cycle(day(text), "BSE") == days
    rules = cash_rules(day(text))
    assert rules.cycle == days
    assert rules.rows[0].confidence == confidence


@pytest.mark.parametrize("exchange", ["NFO", "BFO", "CDS", "MCX"])
def test_contracts_settle_on_the_next_trading_day(exchange: str) -> None:
    assert cycle(day("2015-06-01"), exchange) == 1


@pytest.mark.parametrize(
    ("traded", "settles"),
    [
        ("2022-02-24", "2022-02-28"),  # Thursday, T+2 over a weekend
        ("2023-01-26", "2023-01-30"),  # the last day of T+2
        ("2023-01-27", "2023-01-30"),  # Friday, the first day of T+1
    ],
)
def test_the_settlement_day_counts_trading_days(traded: str, settles: str) -> None:
    assert settlement_day(day(traded), "NSE", next_weekday) == day(settles)


@pytest.mark.parametrize(
    ("text", "holding", "unsettled", "today"),
    [
        # 100 shares sold at 1,000; those bought the same day had cost 90,000.
        ("2020-11-30", 100_000, 100_000, 100_000),
        ("2020-12-01", 80_000, 80_000, 90_000),
        ("2024-10-06", 80_000, 80_000, 90_000),
        ("2024-10-07", 100_000, 0, 90_000),
    ],
)
def test_what_of_a_sale_is_usable_the_same_day(
    text: str, holding: int, unsettled: int, today: int
) -> None:
    rules = cash_rules(day(text))
    proceeds, cost = 100_000 * RUPEE, 90_000 * RUPEE
    assert rules.usable_today("holding", proceeds) == holding * RUPEE
    assert rules.usable_today("unsettled", proceeds) == unsettled * RUPEE
    assert rules.usable_today("today", proceeds, cost) == today * RUPEE


def test_a_loss_of_the_day_counts_at_once() -> None:
    rules = cash_rules(day("2025-06-02"))
    assert rules.usable_today("today", 80_000 * RUPEE, 90_000 * RUPEE) == 80_000 * RUPEE


def test_shares_are_held_before_they_are_settled() -> None:
    """Bought on Friday 2023-01-20 at T+2: in the holdings at once, delivered on Tuesday."""
    bought = day("2023-01-20")
    settles = settlement_day(bought, "NSE", next_weekday)
    holding = Holding("SBIN", "NSE")
    holding.close_day(100, 60_000 * RUPEE, day=bought, settles=settles)
    assert holding.quantity == 100
    assert holding.settled(day("2023-01-23")) == 0
    assert holding.settled(day("2023-01-24")) == 100


def test_the_oldest_lot_is_sold_first() -> None:
    holding = Holding("SBIN", "NSE")
    holding.receive(100, 50_000 * RUPEE, bought=1, settles=3)
    holding.receive(50, 30_000 * RUPEE, bought=2, settles=4)
    carried = holding.close_day(-120, -72_000 * RUPEE, day=5, settles=6)
    # 120 at 600 less 100 at 500 and 20 at 600.
    assert carried.profit == (72_000 - 50_000 - 12_000) * RUPEE
    assert [(lot.quantity, lot.bought) for lot in carried.sold] == [(100, 1), (20, 2)]
    assert (holding.quantity, holding.cost) == (30, 18_000 * RUPEE)


def test_what_is_sold_beyond_the_holding_is_short() -> None:
    holding = Holding("SBIN", "NSE")
    holding.receive(100, 50_000 * RUPEE, bought=1, settles=3)
    carried = holding.close_day(-150, -90_000 * RUPEE, day=5, settles=6)
    assert (carried.short, carried.short_value) == (50, 30_000 * RUPEE)
    assert carried.profit == 10_000 * RUPEE
    assert holding.quantity == holding.cost == 0


@given(
    st.lists(
        st.tuples(st.integers(-500, 500), st.integers(1, 5000 * RUPEE)), min_size=1, max_size=30
    )
)
def test_positions_and_holdings_conserve_shares_and_money(days: list[tuple[int, int]]) -> None:
    """Each day a net trade at some price. Nothing is lost between what was bought, what was sold
    and what is held, nor between what was paid, received, gained and is still tied up."""
    holding = Holding("SBIN", "NSE")
    shares = money = 0
    for number, (quantity, price) in enumerate(days):
        cost = quantity * price
        carried = holding.close_day(quantity, cost, day=number, settles=number + 1)
        shares += quantity + carried.short
        money += cost + carried.short_value + carried.profit
        assert sum(lot.quantity for lot in carried.sold) + carried.short == max(-quantity, 0)
        assert holding.quantity == shares
        assert holding.cost == money
        assert all(lot.quantity > 0 for lot in holding.lots)
        assert holding.settled(number) <= holding.quantity == holding.settled(number + 1)


def session(
    text: str,
    first: str,
    closes: list[float],
    *,
    volumes: list[float] | None = None,
    symbol: str = "SBIN",
    exchange: str = "NSE",
    timeframe: str = "1m",
    minutes: int = 1,
) -> Candles:
    """Bars of one price each from a clock time on."""
    hours, past = map(int, first.split(":"))
    start = midnight(day(text)) + (hours * 60 + past) * MINUTE_NS
    price = np.array(closes)
    return Candles.from_arrays(
        symbol=symbol,
        exchange=exchange,
        timeframe=timeframe,
        ts=start + np.arange(len(closes)) * minutes * MINUTE_NS,
        open=price,
        high=price,
        low=price,
        close=price,
        volume=volumes,
    )


def at(text: str, clock: str) -> int:
    hours, minutes = map(int, clock.split(":"))
    return midnight(day(text)) + (hours * 60 + minutes) * MINUTE_NS


def test_the_close_of_a_share_is_weighted_by_the_volume_of_the_last_half_hour() -> None:
    """From 14:59: one bar before the window, 15 at 100 with 300 shares, 15 at 110 with 100:
    (15 x 300 x 100 + 15 x 100 x 110) / (15 x 400) = 102.50."""
    bars = session(
        "2024-03-04", "14:59", [500] + [100] * 15 + [110] * 15,
        volumes=[1e6] + [300] * 15 + [100] * 15,
    )  # fmt: skip
    found = closing_value(bars, at("2024-03-04", "15:30"))
    assert (found.value, found.method) == (102.5, "vwap")


def test_the_close_of_an_index_is_the_mean_of_its_last_half_hour() -> None:
    bars = session(
        "2024-03-04", "14:59", [9000] + [22_000] * 10 + [22_300] * 20,
        symbol="NIFTY", exchange="NSE_INDEX",
    )  # fmt: skip
    found = closing_value(bars, at("2024-03-04", "15:30"))
    assert (found.value, found.method) == (22_200, "mean")


@pytest.mark.parametrize(
    ("text", "first", "closes"),
    [("2026-07-31", "14:59", "15:30"), ("2026-08-03", "15:09", "15:40")],
)
def test_the_window_of_futures_ends_with_their_session(text: str, first: str, closes: str) -> None:
    """15:00 to 15:30, and 15:10 to 15:40 since August 2026."""
    bars = session(
        text, first, [1] + [100] * 30, volumes=[1e9] + [10] * 30,
        symbol="NIFTY27OCT26FUT", exchange="NFO",
    )  # fmt: skip
    assert closing_value(bars, at(text, closes)).value == 100


@pytest.mark.parametrize(("text", "value"), [("2026-07-31", 101), ("2026-08-03", 130)])
def test_a_closing_auction_makes_the_close_since_august_2026(text: str, value: float) -> None:
    bars = session(text, "15:00", [100] * 29 + [130], volumes=[10] * 30)
    found = closing_value(bars, at(text, "15:30"), auction=True)
    assert found.value == value


def test_bars_after_the_close_do_not_count() -> None:
    bars = session("2024-03-04", "15:00", [100] * 30 + [7] * 60, volumes=[10] * 90)
    assert closing_value(bars, at("2024-03-04", "15:30")).value == 100


@pytest.mark.parametrize(("timeframe", "minutes"), [("1h", 60), ("1d", 1440)])
def test_long_bars_settle_at_their_close(timeframe: str, minutes: int) -> None:
    bars = session(
        "2024-03-04", "00:00" if timeframe == "1d" else "14:15", [101.25],
        volumes=[10], timeframe=timeframe, minutes=minutes,
    )  # fmt: skip
    found = closing_value(bars, at("2024-03-04", "15:30"))
    assert (found.value, found.method) == (101.25, "close")


def test_fifteen_minute_bars_see_the_half_hour() -> None:
    bars = session(
        "2024-03-04", "14:45", [50, 100, 110], volumes=[900, 100, 300],
        timeframe="15m", minutes=15,
    )  # fmt: skip
    # (100 x 100 + 110 x 300) / 400
    assert closing_value(bars, at("2024-03-04", "15:30")).value == 107.5
