"""The clock of the fill contract, T1 to T7: what happens when, and what a decision can meet."""

from __future__ import annotations

from typing import Any

import pytest

from tapeback import Candles, Order
from tests.core.play import BARE, LIVE, Played, Scripted, Step, at, bars, flat, minutes, play

STILL = (100, 100, 100, 100)
CALL, PUT = "NIFTY28MAR2422000CE", "NIFTY28MAR2422000PE"


def test_T1_a_daily_bar_covers_its_session() -> None:
    candles = bars(STILL, (102, 103, 101, 102), timeframe="1d", start="2024-01-05 18:47")
    played = play(candles, {0: lambda s: s.notes.append(s.now) or s.buy(1)}, **BARE)
    assert f"{played.strategy.notes[0]}" == "2024-01-05 15:30:00+05:30"
    assert f"{played.fills[0].time}" == "2024-01-08 09:15:00+05:30"
    assert played.prices == [102]


def test_T1_the_last_bar_of_a_session_may_be_short() -> None:
    candles = bars(STILL, STILL, timeframe="1h", at=["2024-01-02 14:15", "2024-01-02 15:15"])
    played = play(candles, {n: lambda s: s.notes.append(f"{s.now:%H:%M}") for n in (0, 1)}, **BARE)
    assert played.strategy.notes == ["15:15", "15:30"]


def test_T2_price_moves_linearly_between_the_four_points() -> None:
    """A one-minute bar spends a third of its time on each leg: 100 → 90 → 110 → 105."""

    def place(s: Scripted) -> None:
        s.buy(1, "LIMIT", price=95)
        s.sell(1, "LIMIT", price=105)
        s.sell(1, "SL-M", trigger_price=90)

    played = play(bars(STILL, (100, 110, 90, 105)), {0: place}, intrabar="olhc", **BARE)
    assert [(row[0], row[3]) for row in played.rows] == [
        ("09:16:10", 95), ("09:16:20", 90), ("09:16:35", 105),
    ]  # fmt: skip


def test_T2_the_last_leg_ends_a_millisecond_before_the_bar() -> None:
    after_high = {
        "update": lambda s, o: len(s.updates) == 1 and s.sell(1, "SL-M", trigger_price=105)
    }
    played = play(
        bars(STILL, (100, 110, 90, 105), STILL),
        {0: lambda s: s.buy(1, "SL-M", trigger_price=110)},
        intrabar="olhc",
        **after_high,
        **BARE,
    )
    assert f"{played.fills[1].time:%H:%M:%S.%f}" == "09:16:59.999000"


def test_T2_between_bars_price_jumps() -> None:
    candles = bars(STILL, STILL, (92, 93, 91, 92))
    played = play(candles, {0: lambda s: s.buy(1, "LIMIT", price=95)}, **BARE)
    assert played.rows == [("09:17:00", "BUY", 1, 92, "P2")]


# Stop 95 and target 105 around 100, both inside the bar: which is met first?
@pytest.mark.parametrize(
    ("intrabar", "side", "exit_price"),
    [
        ("adverse", "BUY", 95),
        ("adverse", "SELL", 105),
        ("favourable", "BUY", 105),
        ("favourable", "SELL", 95),
        ("ohlc", "BUY", 105),
        ("olhc", "BUY", 95),
        ("nearer", "BUY", 105),
        ("nearer", "SELL", 105),
    ],
)
def test_T3_which_extreme_comes_first(intrabar: str, side: str, exit_price: float) -> None:
    below, above = (95, 105) if side == "BUY" else (105, 95)

    def enter(s: Scripted) -> None:
        (s.buy if side == "BUY" else s.sell)(1, stop_loss=below, target=above)

    played = play(bars(STILL, (100, 106, 93, 100)), {0: enter}, intrabar=intrabar, **BARE)
    assert played.prices == [100, exit_price]
    assert len(played.result.ambiguous_bars) == 1


def test_T3_equal_distances_go_to_the_low_first() -> None:
    def straddle(s: Scripted) -> None:
        s.oco(s.buy(1, "SL-M", trigger_price=105), s.sell(1, "SL-M", trigger_price=95))

    played = play(bars(STILL, (100, 106, 94, 100)), {0: straddle}, **BARE)
    assert [row[1] for row in played.rows] == ["SELL"]


def test_T3_adverse_asks_for_the_net_quantity_over_all_products() -> None:
    def hedge(s: Scripted) -> None:
        s.buy(1, product="NRML", stop_loss=95, target=105)
        s.sell(3, product="MIS")

    played = play(bars(STILL, (100, 106, 93, 100)), {0: hedge}, intrabar="adverse", **BARE)
    assert played.prices == [100, 100, 105]


def test_T3_orders_met_on_the_way_to_both_extremes_make_a_bar_ambiguous() -> None:
    def grid(s: Scripted) -> None:
        s.buy(1, "LIMIT", price=95)
        s.sell(1, "LIMIT", price=105)

    played = play(bars(STILL, (100, 106, 94, 100), (100, 101, 94, 100)), {0: grid}, **BARE)
    assert [f"{bar.timestamp:%H:%M} {bar.symbol}" for bar in played.result.ambiguous_bars] == [
        "09:16 SBIN"
    ]


@pytest.mark.parametrize("row", [(95, 105, 95, 100), (100, 104, 95, 100), (95, 96, 94, 95)])
def test_T3_one_side_or_a_gap_is_not_ambiguous(row: tuple[float, ...]) -> None:
    """A gap tells what came first; an extreme that meets nothing could have come at any time."""

    def grid(s: Scripted) -> None:
        s.buy(1, "LIMIT", price=95)
        s.sell(1, "LIMIT", price=105.5)

    played = play(bars(STILL, row), {0: grid}, **BARE)
    assert len(played.fills) == 1
    assert not played.result.ambiguous_bars


def test_T3_linked_order_of_another_symbol_makes_no_bar_ambiguous() -> None:
    infy = bars(STILL, (100, 101, 95.5, 100), symbol="INFY")
    sbin = bars(STILL, (100, 106, 90, 100))

    def pair(s: Scripted) -> None:
        s.oco(
            s.buy(1, "LIMIT", price=95, symbol="INFY"),
            s.buy(1, "SL-M", trigger_price=105, symbol="SBIN"),
        )

    played = play([infy, sbin], {("SBIN", 0): pair}, intrabar="ohlc", **BARE)
    assert played.prices == [105]
    assert not played.result.ambiguous_bars


def test_T3_lower_timeframe_tells_what_happened_inside_the_bar() -> None:
    inside = [(100, 106, 100, 103), (103, 103, 93, 94), (94, 97, 94, 97), *flat(97, 2)]
    fine = bars(*flat(100, 5), *inside)
    played = play(
        [fine, fine.resample("5m")],
        {0: lambda s: s.buy(1, stop_loss=95, target=105)},
        intrabar="lower_timeframe",
        **BARE,
    )
    assert [candle.timeframe for candle in played.strategy.shown] == ["5m", "5m"]
    assert played.prices == [100, 105]
    whole = play(fine.resample("5m"), {0: lambda s: s.buy(1, stop_loss=95, target=105)}, **BARE)
    assert whole.prices == [100, 95]


def straddle_run(*leaders: Candles) -> tuple[Played, list[tuple[str, float]]]:
    """Short both legs, stops at 130; what the other leg stood at when one was stopped."""
    legs = [
        bars(STILL, (100, 140, 70, 100), STILL, symbol=symbol, exchange="NFO")
        for symbol in (CALL, PUT)
    ]

    def enter(s: Scripted) -> None:
        for symbol in (CALL, PUT):
            s.sell(1, symbol=symbol, stop_loss=130)

    def listen(s: Scripted, order: Order) -> None:
        if order.parent:
            other = PUT if order.symbol == CALL else CALL
            s.notes.append((order.symbol, s.context.last_price(other, "NFO")))

    played = play([*leaders, *legs], {(PUT, 0): enter}, update=listen, **BARE)
    return played, played.strategy.notes


@pytest.mark.parametrize(
    ("leader", "first_stopped"),
    [
        ((22_000, 22_010, 21_900, 22_000), CALL),
        ((22_000, 22_100, 21_990, 22_000), PUT),
    ],
)
@pytest.mark.parametrize(
    "name", [("NIFTY", "NSE_INDEX"), ("NIFTY28MAR24FUT", "NFO")], ids=["spot", "future"]
)
def test_T3b_calls_follow_the_underlying_and_puts_oppose_it(
    leader: tuple[float, ...], first_stopped: str, name: tuple[str, str]
) -> None:
    still = (22_000,) * 4
    series = bars(still, leader, still, symbol=name[0], exchange=name[1])
    played, stopped = straddle_run(series)
    assert [symbol for symbol, _ in stopped] == [
        first_stopped, PUT if first_stopped == CALL else CALL,
    ]  # fmt: skip
    assert all(other < 100 for _, other in stopped)
    assert len(played.fills) == 4


def test_T3b_without_an_underlying_one_leg_still_falls_while_the_other_rises() -> None:
    _, stopped = straddle_run()
    assert len(stopped) == 2
    assert all(other < 100 for _, other in stopped)


def test_T3b_an_underlying_off_the_clock_leads_nothing() -> None:
    """Bars of other minutes say nothing about the order of extremes in these."""
    series = bars(*flat(22_000, 2), symbol="NIFTY", exchange="NSE_INDEX", start="2024-01-02 09:25")
    played, _ = straddle_run(series)
    assert len(played.fills) == 4


def test_T4_an_order_from_on_bar_meets_the_next_open() -> None:
    played = play(bars((100, 109, 91, 105), (104, 108, 96, 100)), {0: lambda s: s.buy(1)}, **BARE)
    assert played.rows == [("09:16:00", "BUY", 1, 104, "P1")]
    assert played.orders[0].placed_ts == played.orders[0].filled_ts == at("2024-01-02 09:16")


def test_T4_an_order_from_on_order_update_meets_the_rest_of_the_path() -> None:
    """Bought at 95 on the way to 90; the limit above is met after the low, the one at 97 was
    passed before it was sent and is met on the way up."""

    def answer(s: Scripted, order: Order) -> None:
        if len(s.updates) == 1:
            s.sell(1, "LIMIT", price=97)
            s.sell(1)

    played = play(
        bars(STILL, (100, 110, 90, 105)),
        {0: lambda s: s.buy(2, "LIMIT", price=95)},
        update=answer,
        intrabar="olhc",
        **BARE,
    )
    assert played.rows == [
        ("09:16:10", "BUY", 2, 95, "P2"),
        ("09:16:10", "SELL", 1, 95, "P1"),
        ("09:16:27", "SELL", 1, 97, "P2"),
    ]


def test_T4_latency_moves_the_arrival_along_the_path() -> None:
    """Half a second into a fall of 20 in 20 seconds."""
    candles = bars(STILL, (100, 105, 80, 100))
    played = play(candles, {0: lambda s: s.buy(1)}, latency=500, intrabar="olhc", **BARE)
    assert played.prices == [99.5]
    assert f"{played.fills[0].time:%H:%M:%S.%f}" == "09:16:00.500000"


def test_T4_latency_lets_a_limit_trade_before_its_cancel_arrives() -> None:
    def hurry(s: Scripted) -> None:
        s.keep(s.buy(1, "LIMIT", price=90))

    candles = bars(STILL, STILL, (100, 101, 80, 100), STILL)
    cancelled = {0: hurry, 1: lambda s: s.cancel(s.ids[0])}
    late = play(candles, cancelled, latency=15_000, intrabar="olhc", **BARE)
    assert late.order(0).status == "complete"
    prompt = play(candles, cancelled, intrabar="olhc", **BARE)
    assert prompt.order(0).status == "cancelled"


def test_T4_latency_cancel_after_modify_is_not_lost() -> None:
    def change(s: Scripted) -> None:
        s.modify(s.ids[0], price=92)
        s.cancel(s.ids[0])

    candles = bars(STILL, (100, 101, 99, 100), STILL, (100, 101, 90, 95))
    steps = {0: lambda s: s.keep(s.buy(1, "LIMIT", price=91)), 1: change}
    played = play(candles, steps, latency=500, **BARE)
    assert played.order(0).status == "cancelled"
    assert not played.fills


def test_T4_latency_the_last_of_two_changes_holds() -> None:
    def change(s: Scripted) -> None:
        s.modify(s.ids[0], price=92)
        s.modify(s.ids[0], price=93)

    candles = bars(STILL, (100, 101, 99, 100), STILL, (100, 101, 90, 95))
    steps = {0: lambda s: s.keep(s.buy(1, "LIMIT", price=91)), 1: change}
    played = play(candles, steps, latency=500, **BARE)
    assert played.prices == [93]
    assert played.order(0).modifications == 2


def two_symbols(update: Any, second: dict[str, Any] | None = None, **settings: Any) -> Played:
    """A and B fall 100 → 80 → 105; A's limit is met at 90, after ten seconds."""
    series = [
        bars(STILL, (100, 105, 80, 100), (77, 77, 77, 77), symbol=symbol) for symbol in ("A", "B")
    ]

    def place(s: Scripted) -> None:
        s.buy(1, "LIMIT", price=90, symbol="A")
        if second is not None:
            s.keep(s.buy(1, "LIMIT", symbol="B", **second))

    def listen(s: Scripted, order: Order) -> None:
        if order.symbol == "A" and order.status == "complete":
            update(s)

    return play(series, {("B", 0): place}, update=listen, intrabar="olhc", **{**BARE, **settings})


def test_T4_an_order_for_another_symbol_meets_the_rest_of_its_path() -> None:
    played = two_symbols(lambda s: s.buy(1, symbol="B"))
    assert [(f.symbol, f.price, f"{f.time:%H:%M:%S}") for f in played.fills] == [
        ("A", 90, "09:16:10"), ("B", 90, "09:16:10"),
    ]  # fmt: skip


def test_T4_latency_reaches_another_symbol_inside_its_bar() -> None:
    played = two_symbols(lambda s: s.buy(1, symbol="B"), latency=500)
    assert [(f.symbol, f.price) for f in played.fills] == [("A", 90), ("B", 89.5)]


@pytest.mark.parametrize("resting", [50, 82], ids=["untouched bar", "bar under way"])
def test_T4_modify_of_another_symbol_meets_the_rest_of_its_path(resting: float) -> None:
    played = two_symbols(lambda s: s.modify(s.ids[0], price=85), {"price": resting})
    assert [(f.symbol, f.price, f.rule) for f in played.fills] == [
        ("A", 90, "P2"), ("B", 85, "P2"),
    ]  # fmt: skip


@pytest.mark.parametrize("resting", [50, 82], ids=["untouched bar", "bar under way"])
def test_T4_modify_of_another_symbol_meets_its_present_price(resting: float) -> None:
    played = two_symbols(lambda s: s.modify(s.ids[0], price=95), {"price": resting})
    assert [(f.symbol, f.price, f.rule) for f in played.fills] == [
        ("A", 90, "P2"), ("B", 90, "P2b"),
    ]  # fmt: skip


def test_T4_an_order_sent_at_the_last_close_is_for_the_next_session() -> None:
    """An after-market order meets the next session's first point and lives for that session."""
    days = ["2024-01-02 15:29", "2024-01-03 09:15", "2024-01-03 09:16", "2024-01-04 09:15"]
    candles = bars(STILL, (98, 99, 97, 98), STILL, (100, 100, 80, 100), at=days)

    def decide(s: Scripted) -> None:
        s.keep(s.buy(1, product="CNC"))
        s.keep(s.buy(1, "LIMIT", price=90, product="CNC"))
        s.keep(s.buy(1, product="MIS"))

    played = play(candles, {0: decide}, **LIVE)
    assert [f"{f.time:%d %H:%M} {f.reference}" for f in played.fills] == ["03 09:15 98.0"]
    assert played.order(1).status == "cancelled"
    refused = played.order(2)
    assert refused.status == "rejected"
    assert "after market hours" in refused.rejection_reason


def test_T5_the_last_price_of_another_symbol_is_on_its_path() -> None:
    played = two_symbols(
        lambda s: s.notes.extend(
            [s.context.last_price("A", "NSE"), s.context.last_price("B", "NSE")]
        )
    )
    assert played.strategy.notes == [90, 90]


def test_T5_history_holds_closed_bars_only() -> None:
    played = play(
        bars(STILL, (100, 110, 90, 105), STILL),
        {0: lambda s: s.buy(1, "LIMIT", price=95)},
        update=lambda s, o: s.notes.append(s.history(9).close.tolist()),
        **BARE,
    )
    assert played.strategy.notes == [[100]]


def test_T6_bars_close_before_others_open_and_short_ones_first() -> None:
    infy, sbin = (bars(*flat(100, 10), symbol=symbol) for symbol in ("INFY", "SBIN"))
    played = play([sbin.resample("5m"), sbin, infy], {}, **BARE)
    assert [f"{c.symbol} {c.timeframe}" for c in played.strategy.shown[8:13]] == [
        "SBIN 1m", "INFY 1m", "SBIN 5m", "SBIN 1m", "INFY 1m",
    ]  # fmt: skip


def test_T6_opens_of_all_symbols_are_printed_before_orders_meet_them() -> None:
    a = bars(STILL, (90, 90, 90, 90), symbol="A")
    b = bars(STILL, (70, 70, 70, 70), symbol="B")
    played = play(
        [a, b],
        {("B", 0): lambda s: s.buy(1, symbol="A")},
        update=lambda s, o: o.symbol == "A" and s.buy(1, symbol="B"),
        **BARE,
    )
    assert [(f.symbol, f.price, f"{f.time:%H:%M}") for f in played.fills] == [
        ("A", 90, "09:16"), ("B", 70, "09:16"),
    ]  # fmt: skip


@pytest.mark.parametrize("first", ["A", "B"])
def test_T6_order_on_another_symbol_at_an_extreme_skips_nothing(first: str) -> None:
    """Both lows are met in the same instant; acting on one must not lose the other's fill."""
    series = [bars(STILL, (100, 105, 90, 100), STILL, symbol=name) for name in ("A", "B")]
    second = "B" if first == "A" else "A"

    def place(s: Scripted) -> None:
        s.buy(1, "LIMIT", price=90, symbol="A")
        s.buy(1, "LIMIT", price=90, symbol="B")

    def listen(s: Scripted, order: Order) -> None:
        if order.symbol == first:
            s.buy(1, "LIMIT", price=50, symbol=second)

    played = play(series, {("B", 0): place}, update=listen, intrabar="olhc", **BARE)
    assert sorted((f.symbol, f.price) for f in played.fills) == [("A", 90), ("B", 90)]


@pytest.mark.parametrize("rested", [True, False], ids=["resting", "on their way"])
def test_T6_cancel_all_at_an_open_reaches_orders_that_are_due(rested: bool) -> None:
    def place(s: Scripted) -> None:
        for quantity, price in ((1, 95), (2, 94)):
            s.buy(quantity, "LIMIT", price=price) if rested else s.buy(quantity)

    def stop(s: Scripted, order: Order) -> None:
        if order.status == "complete":
            s.notes.append([o.quantity for o in s.get_orders()])
            s.cancel_all_orders()

    candles = bars(*([STILL] * (2 if rested else 1)), *flat(90, 2))
    played = play(candles, {0: place}, update=stop, **BARE)
    assert [row[2] for row in played.rows] == [1]
    assert played.strategy.notes == [[2]]
    assert played.orders[1].status == "cancelled"


def test_T6_a_bar_that_ends_at_midnight_is_closed_before_the_next_day_opens() -> None:
    labels = ["2024-01-02 23:58", "2024-01-02 23:59", "2024-01-03 00:00", "2024-01-03 00:01"]
    series = [
        bars(*flat(100, 4), symbol=symbol, exchange="CRYPTO", at=labels)
        for symbol in ("BTCINR", "ETHINR")
    ]
    seen: Step = lambda s: s.notes.append(f"{s.now:%d %H:%M}")  # noqa: E731
    played = play(series, dict.fromkeys(range(8), seen), **BARE)
    assert played.strategy.notes == [
        *["02 23:59"] * 2, *["03 00:00"] * 2, *["03 00:01"] * 2, *["03 00:02"] * 2,
    ]  # fmt: skip


def test_T7_prices_come_from_the_finest_series_alone() -> None:
    fine = bars(*flat(100, 5), *flat(101, 5))
    coarse = bars((200, 210, 190, 205), (205, 230, 200, 210), timeframe="5m")
    played = play(
        [coarse, fine],
        {5: lambda s: s.notes.append(s.shown[-1].timeframe) or s.buy(1)},
        **BARE,
    )
    assert played.strategy.notes == ["5m"]
    assert played.rows == [("09:20:00", "BUY", 1, 101, "P1")]
    assert played.result.equity_curve.equity[-1] == 100_000


def test_T7_a_coarse_bar_is_met_in_its_middle_by_an_order_from_another_symbol() -> None:
    """INFY trades in five-minute bars only: an order at 09:22 meets the rest of the bar."""
    sbin = bars(*flat(50, 10))
    infy = bars((200,) * 4, (100, 120, 80, 90), symbol="INFY", timeframe="5m")
    played = play(
        [sbin, infy],
        {("SBIN", 6): lambda s: s.sell(1, "LIMIT", price=119, symbol="INFY")},
        intrabar="olhc",
        **BARE,
    )
    (fill,) = played.fills
    assert fill.price == 119
    assert at("2024-01-02 09:22") < fill.ts < at("2024-01-02 09:25")


def test_minutes_label_bars() -> None:
    """The helper that other tests rely on."""
    assert minutes("2024-01-02 09:15", 2) == ["2024-01-02 09:15:00", "2024-01-02 09:16:00"]
