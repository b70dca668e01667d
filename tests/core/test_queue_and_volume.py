"""Who is first, and how much a bar lets through: P6, P7 and P9."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.play import BARE, LIVE, Played, Scripted, Step, bars, flat, play

STILL = (100, 100, 100, 100)
# A quarter of this volume is one lot of ten.
TIGHT: dict[str, Any] = {"participation": 0.25, **BARE}


def sizes(played: Played) -> list[tuple[str, int]]:
    """(minute, quantity) of each fill."""
    return [(row[0][:5], row[2]) for row in played.rows]


def test_P6_at_a_gap_orders_fill_in_the_order_of_sending_whatever_their_type() -> None:
    def place(s: Scripted) -> None:
        s.buy(1, "LIMIT", price=93)
        s.sell(2, "SL-M", trigger_price=97)
        s.buy(3, "LIMIT", price=99)
        s.sell(4, "SL", price=85, trigger_price=95)

    def late(s: Scripted) -> None:
        s.buy(5)

    played = play(bars(STILL, STILL, *flat(90, 2)), {0: place, 1: late}, **BARE)
    assert [row[2] for row in played.rows] == [1, 2, 3, 4, 5]
    assert set(played.prices) == {90}


def test_P6_at_one_price_on_the_way_the_older_order_comes_first() -> None:
    def place(s: Scripted) -> None:
        s.sell(1, "SL-M", trigger_price=95)
        s.buy(2, "LIMIT", price=95)
        s.sell(3, "SL-M", trigger_price=95)

    played = play(bars(STILL, (100, 101, 90, 99)), {0: place}, **BARE)
    assert [row[2] for row in played.rows] == [1, 2, 3]


def test_P6_a_stop_at_the_tick_where_a_limit_is_passed_comes_first_if_it_is_older() -> None:
    """`through`: a limit at 100 is passed at 99.95, where the stop is."""

    def place(s: Scripted) -> None:
        s.sell(1, "SL-M", trigger_price=99.95)
        s.buy(2, "LIMIT", price=100)

    played = play(bars((102,) * 4, (102, 102, 99, 101)), {0: place}, **LIVE)
    assert [row[2] for row in played.rows] == [1, 2]


def test_P6_an_answer_to_a_fill_at_the_open_comes_after_what_was_due_there() -> None:
    def place(s: Scripted) -> None:
        s.buy(1, "LIMIT", price=95)
        s.buy(2, "LIMIT", price=94)

    played = play(
        bars(STILL, STILL, *flat(90, 2)),
        {0: place},
        update=lambda s, o: len(s.updates) == 1 and s.sell(7),
        **BARE,
    )
    assert [row[2:4] for row in played.rows] == [(1, 90), (2, 90), (7, 90)]


@pytest.mark.parametrize(
    ("change", "first"),
    [
        ({"quantity": 9}, ["first"]),
        ({"quantity": 11}, ["second"]),
        ({"price": 95}, ["first"]),
        ({"price": 94.9}, ["second"]),
    ],
    ids=["less", "more", "same price", "other price"],
)
def test_P6_a_new_price_or_a_larger_quantity_loses_its_place(
    change: dict[str, Any], first: list[str]
) -> None:
    def place(s: Scripted) -> None:
        s.keep(s.buy(10, "LIMIT", price=95))
        s.keep(s.buy(10, "LIMIT", price=95))

    candles = bars(*flat(100, 3), (100, 100, 94, 96, 40), STILL)
    played = play(candles, {0: place, 1: lambda s: s.modify(s.ids[0], **change)}, **TIGHT)
    order = {played.strategy.ids[0]: "first", played.strategy.ids[1]: "second"}
    assert [order[fill.order_id] for fill in played.fills][:1] == first


def test_P7_limits_share_a_quarter_of_a_minute_bar() -> None:
    def place(s: Scripted) -> None:
        s.buy(6, "LIMIT", price=95)
        s.buy(6, "LIMIT", price=95)
        s.sell(6, "LIMIT", price=105)

    candles = bars(*flat(100, 2), (100, 106, 94, 100, 40), (100, 106, 94, 100, 40))
    played = play(candles, {0: place}, limit_fill="touch", **LIVE)
    assert sizes(played) == [("09:17", 6), ("09:17", 4), ("09:18", 2), ("09:18", 6)]


@pytest.mark.parametrize(("timeframe", "filled"), [("1m", 250), ("5m", 100), ("1d", 100)])
def test_P7_a_quarter_up_to_a_minute_and_a_tenth_above(timeframe: str, filled: int) -> None:
    candles = bars(*flat(100, 2), (100, 101, 94, 100), timeframe=timeframe, volume=1000)
    played = play(candles, {1: lambda s: s.buy(500, "LIMIT", price=95, product="CNC")}, **LIVE)
    assert [row[2] for row in played.rows] == [filled]


def test_P7_at_least_one_lot_in_a_bar_that_traded() -> None:
    candles = bars(*flat(100, 2), *[(100, 101, 94, 100, 1)] * 3)
    played = play(candles, {0: lambda s: s.buy(2, "LIMIT", price=95)}, **TIGHT)
    assert sizes(played) == [("09:17", 1), ("09:18", 1)]


def test_P7_a_marketable_limit_counts_towards_the_share() -> None:
    def place(s: Scripted) -> None:
        s.buy(8, "LIMIT", price=101)
        s.buy(8, "LIMIT", price=95)

    candles = bars(STILL, (100, 101, 94, 100, 40), STILL)
    played = play(candles, {0: place}, **TIGHT)
    assert [row[2:] for row in played.rows] == [(8, 100, "P2b"), (2, 95, "P2")]


@pytest.mark.parametrize("pricetype", ["MARKET", "SL-M"])
def test_P7_market_orders_fill_whole_and_pay_for_what_is_too_much(pricetype: str) -> None:
    """100 in a bar of 40 whose share is 10: 90 pay the full impact, spread over all."""
    stop = {"trigger_price": 100.5} if pricetype == "SL-M" else {}
    candles = bars(STILL, (100, 101, 99, 100, 40))
    steps: dict[Any, Step] = {0: lambda s: s.buy(100, pricetype, **stop)}
    played = play(candles, steps, **TIGHT)
    (fill,) = played.fills
    assert fill.quantity == 100
    assert fill.thin
    assert played.result.thin_fills == (fill,)
    (full,) = play(candles, steps, impact=1.0, participation=None, **BARE).fills
    assert not full.thin
    assert fill.impact == pytest.approx(0.9 * full.impact)


def test_P7_within_its_share_a_market_order_is_not_thin() -> None:
    played = play(bars(STILL, (100, 101, 99, 100, 40)), {0: lambda s: s.buy(10)}, **TIGHT)
    assert not played.fills[0].thin
    assert played.prices == [100]


def test_P7_a_source_without_volume_has_no_cap() -> None:
    candles = bars(*flat(100, 2), (100, 101, 94, 100), volume=None)
    played = play(candles, {0: lambda s: s.buy(10_000, "LIMIT", price=95)}, **TIGHT)
    assert [row[2] for row in played.rows] == [10_000]


def test_P7_volume_zero_under_moving_prices_has_no_cap() -> None:
    candles = bars(*flat(100, 2), (100, 101, 94, 100, 0))
    played = play(candles, {0: lambda s: s.buy(10_000, "LIMIT", price=95)}, **TIGHT)
    assert [row[2] for row in played.rows] == [10_000]


def test_P7_volume_zero_without_movement_fills_nothing() -> None:
    def place(s: Scripted) -> None:
        s.buy(1)
        s.buy(1, "LIMIT", price=105)
        s.sell(1, "SL-M", trigger_price=105)

    dead = (100, 100, 100, 100, 0)
    played = play(bars(STILL, dead, dead, (101,) * 4), {0: place}, **BARE)
    assert sizes(played) == [("09:18", 1), ("09:18", 1), ("09:18", 1)]
    assert set(played.prices) == {101}


def test_P7_partly_filled_is_open_and_keeps_its_fills_when_the_session_ends() -> None:
    days = ["2024-01-02 15:27", "2024-01-02 15:28", "2024-01-02 15:29", "2024-01-03 09:15"]
    candles = bars(*flat(100, 2), (100, 100, 94, 95, 40), (90,) * 4, at=days)
    played = play(
        candles,
        {
            0: lambda s: s.keep(s.buy(25, "LIMIT", price=95, product="CNC")),
            2: lambda s: s.notes.extend(
                (o.status, o.filled_quantity, o.pending_quantity) for o in s.get_orders()
            ),
        },
        **LIVE,
    )
    assert played.strategy.notes == [("open", 10, 15)]
    order = played.order(0)
    assert (order.status, order.filled_quantity, order.average_price) == ("cancelled", 10, 95)
    assert played.strategy.updates == [
        (order.orderid, "open", 10), (order.orderid, "cancelled", 10),
    ]  # fmt: skip
    assert played.result.open_positions[0].quantity == 10


def test_P9_many_partial_fills_never_exceed_the_order() -> None:
    candles = bars(*flat(100, 2), *[(100, 101, 94, 96, 40)] * 9)
    played = play(candles, {0: lambda s: s.buy(35, "LIMIT", price=95)}, **TIGHT)
    assert [row[2] for row in played.rows] == [10, 10, 10, 5]
    assert played.orders[0].status == "complete"


def test_P9_a_modify_down_to_what_was_filled_ends_the_order() -> None:
    candles = bars(*flat(100, 2), *[(100, 101, 94, 96, 40)] * 3)
    played = play(
        candles,
        {
            0: lambda s: s.keep(s.buy(35, "LIMIT", price=95)),
            2: lambda s: s.modify(s.ids[0], quantity=8),
        },
        **TIGHT,
    )
    order = played.order(0)
    assert [row[2] for row in played.rows] == [10]
    assert (order.status, order.quantity) == ("cancelled", 10)


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside another"])
def test_P6_what_arrives_at_an_open_is_met_by_sequence(beside: bool) -> None:
    """With a latency all requests of a last close come in at the next open: the cancel of an
    older order is met before a younger order, as among orders."""
    days = ["2024-01-02 15:28", "2024-01-02 15:29", "2024-01-03 09:15", "2024-01-03 09:16"]
    candles = bars(*flat(100, 4), at=days)
    other = bars(*flat(100, 4), at=days, symbol="INFY")

    def decide(s: Scripted) -> None:
        s.keep(s.buy(1))
        s.cancel(s.ids[0])

    played = play(
        [candles, other] if beside else candles,
        {("SBIN", 0): lambda s: s.keep(s.buy(1, "LIMIT", price=90)), ("SBIN", 1): decide},
        latency=500,
        **BARE,
    )
    assert [status for _, status, _ in played.strategy.updates] == ["cancelled", "complete"]


def test_P6_an_order_that_arrives_where_an_older_one_is_met_comes_after_it() -> None:
    """After twenty seconds price is at its low, where a limit rests and a market order arrives."""
    candles = bars(*flat(100, 3), (100, 105, 90, 100), flat(100, 1)[0])
    played = play(
        candles,
        {0: lambda s: s.buy(1, "LIMIT", price=90), 2: lambda s: s.buy(2)},
        latency=20_000,
        intrabar="olhc",
        **BARE,
    )
    assert [row[:4] for row in played.rows] == [
        ("09:18:20", "BUY", 1, 90), ("09:18:20", "BUY", 2, 90),
    ]  # fmt: skip
