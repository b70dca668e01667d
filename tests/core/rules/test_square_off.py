"""MIS ends with its session (S3): when, at which price, at whose cost, and what may follow."""

from __future__ import annotations

from typing import Any

import pytest

from tapeback import Order
from tests.core.play import LIVE, SANDBOX, Scripted, bars, flat, minutes, play
from tests.core.rules.scenes import both_loops, clocks, postings, reasons, still
from tests.core.test_defects_of_speed import calls_of

DAY = "2024-01-02"
# Rs 50 an order and 18 % GST on them.
PENALTY = 59.0


def test_defect_14_mis_is_squared_off_at_the_open_of_the_bar_at_its_time() -> None:
    candles = bars(
        (100, 101, 99, 100), (100, 101, 99, 100.5), (102, 103, 97, 98), (98, 98, 98, 98),
        at=clocks(DAY, "15:18", "15:19", "15:20", "15:21"),
    )  # fmt: skip
    played = both_loops(candles, {0: lambda s: s.buy(10)}, **LIVE)
    assert played.rows == [
        ("15:19:00", "BUY", 10, 100, "P1"),
        ("15:20:00", "SELL", 10, 102, "S3"),
    ]
    assert played.orders[1].strategy == "AUTO_SQUARE_OFF"
    assert played.orders[1].product == "MIS"
    assert not played.result.open_positions
    assert played.result.broker.squared_off == 1
    assert played.result.coarse_square_offs == 0


def test_the_broker_takes_its_penalty_when_it_squares_off() -> None:
    candles = still(100, clocks(DAY, "15:18", "15:19", "15:20", "15:21"))
    played = both_loops(candles, {0: lambda s: s.buy(10)}, **LIVE)
    assert postings(played) == [("01-02 15:20:00", "square-off penalty", -PENALTY)]
    # It belongs to the bar that begins at 15:20, not to the one that closed there.
    assert played.result.equity_curve.equity.tolist() == [100_000, 100_000, 99_941, 99_941]
    assert played.result.charges.penalties == PENALTY


def test_shorts_are_bought_back_and_each_instrument_pays_its_own_penalty() -> None:
    labels = clocks(DAY, "15:18", "15:19", "15:20")
    series = [still(100, labels), still(200, labels, symbol="INFY")]
    steps = {
        ("SBIN", 0): lambda s: s.sell(10, symbol="SBIN"),
        ("INFY", 0): lambda s: s.buy(5, symbol="INFY"),
    }
    played = play(series, steps, **LIVE)
    assert [(f.symbol, f.side, f.rule) for f in played.fills[2:]] == [
        ("SBIN", "BUY", "S3"),
        ("INFY", "SELL", "S3"),
    ]
    assert [p.amount for p in played.result.postings] == [-PENALTY, -PENALTY]


def test_an_mis_order_that_rests_is_cancelled_and_one_of_cnc_goes_on() -> None:
    def send(s: Scripted) -> None:
        s.buy(10, "LIMIT", price=95, product="MIS")
        s.buy(10, "LIMIT", price=95, product="CNC")

    candles = bars(*flat(100, 2), (100, 100, 90, 90), at=clocks(DAY, "15:18", "15:20", "15:21"))
    played = both_loops(candles, {0: send}, **LIVE)
    assert [(o.product, o.status) for o in played.orders] == [
        ("MIS", "cancelled"),
        ("CNC", "complete"),
    ]
    assert reasons(played)[0] == "MIS is squared off."
    assert f"{played.orders[0].ended_at:%H:%M:%S}" == "15:20:00"
    assert played.strategy.updates[0][1] == "cancelled"
    assert not played.result.postings


def test_what_the_open_at_the_square_off_meets_comes_before_it() -> None:
    """T6: bars print their open, then the square-off. A target beyond which 15:20 opens is filled;
    only what it left is closed by MARKET."""
    candles = bars(
        *flat(100, 2), (106, 106, 106, 106), (106, 106, 106, 106),
        at=clocks(DAY, "15:18", "15:19", "15:20", "15:21"),
    )  # fmt: skip
    steps = {0: lambda s: (s.buy(10), s.sell(4, "LIMIT", price=105))}
    played = both_loops(candles, steps, **LIVE)
    assert played.rows[1:] == [
        ("15:20:00", "SELL", 4, 106, "P2"),
        ("15:20:00", "SELL", 6, 106, "S3"),
    ]


def test_in_a_gap_over_the_square_off_mis_orders_have_ended_before_the_next_price() -> None:
    """No bar from 15:19 to 15:29: a limit that 15:29 opens beyond rests no more by then."""

    def send(s: Scripted) -> None:
        s.buy(10)
        s.buy(10, "LIMIT", price=95)

    candles = bars(*flat(100, 2), (90, 90, 90, 90), at=clocks(DAY, "15:17", "15:18", "15:29"))
    played = both_loops(candles, {0: send}, **LIVE)
    assert played.orders[1].status == "cancelled"
    assert played.rows[1:] == [("15:29:00", "SELL", 10, 90, "S3")]


def test_where_no_bar_follows_it_is_closed_at_the_last_price_of_the_session() -> None:
    labels = [*clocks(DAY, "14:58", "14:59"), "2024-01-03 09:15", "2024-01-03 09:16"]
    candles = bars(*flat(100, 1), (100, 104, 100, 104), *flat(110, 2), at=labels)
    played = both_loops(candles, {0: lambda s: s.buy(10)}, **LIVE)
    assert played.rows[1:] == [("14:59:59", "SELL", 10, 104, "S3 coarse")]
    assert postings(played) == [("01-02 14:59:59", "square-off penalty", -PENALTY)]


def test_a_coarse_bar_that_spans_the_time_closes_it_at_its_close() -> None:
    candles = bars(
        *flat(100, 2), (100, 108, 99, 107), (90, 90, 90, 90),
        at=[*clocks(DAY, "14:45", "15:00", "15:15"), "2024-01-03 09:15"], timeframe="15m",
    )  # fmt: skip
    played = both_loops(candles, {0: lambda s: s.buy(10)}, **LIVE)
    assert played.rows[1:] == [("15:29:59", "SELL", 10, 107, "S3 coarse")]
    assert played.result.coarse_square_offs == 1
    assert postings(played) == [("01-02 15:29:59", "square-off penalty", -PENALTY)]


def test_a_coarse_bar_in_the_middle_closes_it_at_its_own_close_not_at_the_next_open() -> None:
    candles = bars(
        *flat(100, 2), (100, 108, 99, 107), (90, 90, 90, 90),
        at=clocks(DAY, "14:55", "15:05", "15:15", "15:25"), timeframe="10m",
    )  # fmt: skip
    played = both_loops(candles, {0: lambda s: s.buy(10)}, **LIVE)
    assert played.rows[1:] == [("15:24:59", "SELL", 10, 107, "S3 coarse")]


def test_the_broker_closes_in_the_coarse_bar_what_its_own_limits_left() -> None:
    """Inside the bar from 15:15 to 15:30 orders go on: what happened before 15:20 is not known."""
    candles = bars(
        *flat(100, 2), (100, 106, 99, 103), at=clocks(DAY, "14:45", "15:00", "15:15"),
        timeframe="15m",
    )  # fmt: skip
    steps = {0: lambda s: s.buy(10), 1: lambda s: s.sell(4, "LIMIT", price=105)}
    played = both_loops(candles, steps, **LIVE)
    assert [row[2:] for row in played.rows[1:]] == [(4, 105, "P2"), (6, 103, "S3 coarse")]


def test_daily_bars_take_no_mis_order_but_square_one_off_that_came_in_the_day() -> None:
    """At the close of a daily bar MIS is over; an order sent as an answer to a fill is in time."""

    def answer(s: Scripted, order: Order) -> None:
        if order.product == "CNC" and order.status == "complete":
            s.sell(10, product="MIS")

    candles = bars(*flat(100, 1), (100, 104, 98, 103), timeframe="1d", start=DAY)
    steps = {0: lambda s: (s.buy(10, product="MIS"), s.buy(10, product="CNC"))}
    played = both_loops(candles, steps, update=answer, **LIVE)
    assert reasons(played)[0] == "MIS orders cannot be placed after market hours."
    assert [row[1:] for row in played.rows] == [
        ("BUY", 10, 100, "P1"),
        ("SELL", 10, 100, "P1"),
        ("BUY", 10, 103, "S3 coarse"),
    ]
    assert f"{played.fills[2].time:%m-%d %H:%M}" == "01-03 15:29"


@pytest.mark.parametrize(
    ("day", "before", "at"),
    [
        ("2023-11-12", ["18:57", "18:58", "18:59"], "19:00"),  # Muhurat, 18:15 to 19:15
        ("2024-03-02", ["12:12", "12:13", "12:14"], "12:15"),  # two blocks, the last to 12:30
        ("2024-01-02", ["15:17", "15:18", "15:19"], "15:20"),
    ],
)
def test_in_a_short_session_mis_ends_fifteen_minutes_early(
    day: str, before: list[str], at: str
) -> None:
    candles = still(100, clocks(day, *before, at))
    played = both_loops(candles, {0: lambda s: s.buy(10)}, **LIVE)
    assert played.rows[1:] == [(f"{at}:00", "SELL", 10, 100, "S3")]


@pytest.mark.parametrize(
    ("symbol", "exchange", "day", "settings", "at"),
    [
        ("SBIN", "NSE", DAY, LIVE, "15:20"),
        ("SBIN", "NSE", DAY, {**LIVE, "broker": "upstox"}, "15:15"),
        ("SBIN", "NSE", DAY, {**LIVE, "broker": {"square_off": {"equity": "14:30"}}}, "14:30"),
        ("SBIN", "NSE", DAY, SANDBOX, "15:15"),
        ("NIFTY25JAN24FUT", "NFO", DAY, LIVE, "15:25"),
        ("NIFTY", "NSE_INDEX", DAY, LIVE, "15:25"),
        # A share whose day ends with the closing auction leaves before it.
        ("SBIN", "NSE", "2026-08-03", LIVE, "15:10"),
        ("TTML", "NSE", "2026-08-03", LIVE, "15:20"),
        ("USDINR29JAN24FUT", "CDS", DAY, LIVE, "16:45"),
        # MCX to 23:55 while America has winter time, to 23:30 in summer; 25 minutes before.
        ("CRUDEOILM19JAN24FUT", "MCX", DAY, LIVE, "23:30"),
        ("CRUDEOILM19JUN24FUT", "MCX", "2024-06-03", LIVE, "23:05"),
    ],
)
def test_the_time_is_that_of_exchange_broker_and_date(
    symbol: str, exchange: str, day: str, settings: dict[str, Any], at: str
) -> None:
    hour, minute = map(int, at.split(":"))
    first = hour * 60 + minute - 3
    labels = minutes(f"{day} {first // 60:02}:{first % 60:02}", 5)
    candles = still(100, labels, symbol=symbol, exchange=exchange)
    played = play(candles, {0: lambda s: s.buy(1_000, product="MIS")}, initial_cash=1e7, **settings)
    assert [row[0] for row in played.rows if row[4] == "S3"] == [f"{at}:00"]


def test_each_instrument_is_closed_at_its_own_next_bar() -> None:
    """INFY does not trade at 15:20 nor at 15:21: it is closed at its next open, SBIN at once."""
    quiet = bars(
        *flat(200, 2), (201, 201, 201, 201), symbol="INFY",
        at=clocks(DAY, "15:17", "15:18", "15:22"),
    )  # fmt: skip
    busy = still(100, minutes(f"{DAY} 15:17", 7))
    steps = {
        ("INFY", 0): lambda s: (s.buy(10, symbol="INFY"), s.buy(10, symbol="SBIN")),
    }
    played = play([quiet, busy], steps, **LIVE)
    assert [(f.symbol, f"{f.time:%H:%M:%S}", f.price) for f in played.fills[2:]] == [
        ("SBIN", "15:20:00", 100),
        ("INFY", "15:22:00", 201),
    ]


def test_a_bar_in_which_nothing_trades_squares_nothing_off() -> None:
    candles = bars(
        *flat(100, 2), (100, 100, 100, 100, 0), (99, 99, 99, 99),
        at=clocks(DAY, "15:18", "15:19", "15:20", "15:21"),
    )  # fmt: skip
    played = both_loops(candles, {0: lambda s: s.buy(10)}, **LIVE)
    assert played.rows[1:] == [("15:21:00", "SELL", 10, 99, "S3")]


# Afterwards --------------------------------------------------------------------------------


def test_no_mis_position_can_be_opened_after_the_square_off() -> None:
    """The last close in time is that of 15:19:00; the one of 15:20:00 comes too late."""
    candles = still(100, clocks(DAY, "15:17", "15:18", "15:19", "15:20", "15:21"))

    def send(s: Scripted) -> None:
        s.buy(10, product="MIS")
        s.sell(10, product="MIS")
        s.buy(10, product="CNC")

    played = both_loops(candles, {2: send}, **LIVE)
    late = "MIS orders are blocked after the square-off time 15:20"
    assert reasons(played) == [late, late, ""]
    assert [order.refused_by for order in played.orders[:2]] == ["broker", "broker"]


def test_an_order_that_reduces_what_is_left_of_mis_still_passes() -> None:
    """What no bar has closed yet may be closed by hand, but not turned."""
    candles = still(100, clocks(DAY, "15:18", "15:19", "15:29"))
    beside = still(50, clocks(DAY, "15:18", "15:20", "15:21"), symbol="QUIET")

    def close(s: Scripted) -> None:
        s.sell(11, symbol="SBIN", product="MIS")
        s.sell(4, symbol="SBIN", product="MIS")

    played = play(
        [candles, beside], {("SBIN", 0): lambda s: s.buy(10), ("QUIET", 1): close}, **LIVE
    )
    assert "blocked after the square-off" in reasons(played)[1]
    assert played.orders[2].rejection_reason == "MIS is squared off."
    assert played.rows[-1] == ("15:29:00", "SELL", 10, 100, "S3")


def test_an_answer_to_the_square_off_leaves_no_order_of_mis_behind() -> None:
    """A stop is cancelled, the bot sends it anew before its position is closed: it would sell
    short if it stayed."""

    def again(s: Scripted, order: Order) -> None:
        if order.status == "cancelled" and len(s.ids) < 3:
            s.keep(s.sell(10, "SL-M", trigger_price=95, product="MIS"))

    candles = bars(
        *flat(100, 3), (94, 94, 94, 94), at=clocks(DAY, "15:18", "15:19", "15:20", "15:21")
    )
    steps = {0: lambda s: (s.buy(10), s.sell(10, "SL-M", trigger_price=96))}
    played = both_loops(candles, steps, update=again, **LIVE)
    assert played.rows[1:] == [("15:20:00", "SELL", 10, 100, "S3")]
    assert [order.status for order in played.orders] == [
        "complete", "cancelled", "cancelled", "complete", "rejected",
    ]  # fmt: skip


def test_an_order_of_the_last_close_is_for_the_next_session_where_its_product_carries_over() -> (
    None
):
    labels = [*clocks(DAY, "15:28", "15:29"), "2024-01-03 09:15", "2024-01-03 09:16"]
    candles = bars(*flat(100, 2), *flat(105, 2), at=labels)

    def send(s: Scripted) -> None:
        s.buy(10, product="MIS")
        s.buy(10, product="CNC")

    played = both_loops(candles, {1: send}, **LIVE)
    assert reasons(played) == ["MIS orders cannot be placed after market hours.", ""]
    assert [(f"{f.time:%m-%d %H:%M}", f.price) for f in played.fills] == [("01-03 09:15", 105)]


def test_an_instrument_that_has_not_traded_yet_today_is_not_after_yesterdays_square_off() -> None:
    """Its first bar of the day is at 09:20. An order of 09:16 is early, not late."""
    early = still(50, ["2024-01-02 15:00", *minutes("2024-01-03 09:15", 8)], symbol="QUIET")
    late = still(100, ["2024-01-02 15:00", *minutes("2024-01-03 09:20", 3)])
    played = play(
        [early, late], {("QUIET", 1): lambda s: s.buy(10, symbol="SBIN", product="MIS")}, **LIVE
    )
    assert [(f"{f.time:%m-%d %H:%M}", f.product) for f in played.fills] == [("01-03 09:20", "MIS")]


def test_an_evening_market_beside_it_ends_no_order_for_tomorrow() -> None:
    """SBIN closes at 15:30, crude oil at night: what is sent in between is for tomorrow's open,
    what rested through SBIN's own session ends with that day."""
    share = still(100, [*clocks(DAY, "15:28", "15:29"), "2024-01-03 09:15", "2024-01-03 09:16"])
    crude = still(
        6000,
        [*clocks(DAY, "15:28", "20:00", "20:01"), "2024-01-03 09:15"],
        symbol="CRUDEOIL19JAN24FUT",
        exchange="MCX",
    )
    day, at_close, evening = ({"product": "CNC", "symbol": "SBIN"} for _ in range(3))
    steps = {
        ("SBIN", 0): lambda s: s.buy(1, "LIMIT", price=90, **day),
        ("SBIN", 1): lambda s: s.buy(2, **at_close),
        ("CRUDEOIL19JAN24FUT", 1): lambda s: s.buy(3, **evening),
    }
    played = play([share, crude], steps, **LIVE)
    assert [(o.quantity, o.status) for o in played.orders] == [
        (1, "cancelled"),
        (2, "complete"),
        (3, "complete"),
    ]
    assert {f"{fill.time:%m-%d %H:%M}" for fill in played.fills} == {"01-03 09:15"}


@pytest.mark.parametrize(("product", "open_"), [("CNC", True), ("MIS", False)])
def test_the_exits_of_a_delivery_outlive_the_square_off_and_the_session(
    product: str, open_: bool
) -> None:
    labels = [*clocks(DAY, "15:17", "15:18", "15:20", "15:29"), *minutes("2024-01-03 09:15", 2)]
    candles = bars(*flat(100, 5), (100, 112, 100, 111), at=labels)
    steps = {0: lambda s: s.buy(10, product=product, stop_loss=90, target=110)}
    played = both_loops(candles, steps, **LIVE)
    exits = [order for order in played.orders if order.parent]
    assert [order.status for order in exits] == (
        ["cancelled", "complete"] if open_ else ["cancelled", "cancelled"]
    )
    assert played.rows[-1] == (
        ("09:16:36", "SELL", 10, 110, "P2") if open_ else ("15:20:00", "SELL", 10, 100, "S3")
    )


def test_each_square_off_looks_at_the_orders_of_its_own_instrument() -> None:
    """Thirty instruments, each with a position and a limit: closing one of them does not go
    through the books of all."""
    labels = clocks(DAY, "15:18", "15:19", "15:20", "15:21")
    names = [f"S{number}" for number in range(30)]

    def enter(s: Scripted) -> None:
        for name in names:
            s.buy(1, symbol=name)
            s.sell(1, "LIMIT", price=110, symbol=name)

    series = [still(100, labels, symbol=name) for name in names]
    counts = calls_of(lambda: play(series, {30: enter}, **LIVE))
    assert 30 <= counts["order_simulator.py:square_off"] <= 60
    assert counts["order_simulator.py:working"] < 5
