"""When what happens, and what a decision can meet: T4 to T7 of the fill contract."""

from __future__ import annotations

from typing import Any

import pytest

from tapeback import Order
from tests.core.play import BARE, LIVE, Played, Scripted, Step, at, bars, flat, minutes, play

STILL = (100, 100, 100, 100)


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


def test_T4_what_arrives_sooner_is_not_held_up_by_what_waits_for_the_close() -> None:
    """With `bar_close` a MARKET order waits for the bar's end; a LIMIT sent after it, half a
    second on its way, meets the path at once."""

    def answer(s: Scripted, order: Order) -> None:
        if len(s.updates) == 1:
            s.sell(1)
            s.buy(1, "LIMIT", price=100)

    candles = bars((100, 100, 100, 100), (100, 106, 94, 104), (104, 104, 104, 104))
    played = play(
        candles,
        {0: lambda s: s.buy(1, "LIMIT", price=99)},
        update=answer,
        market_fill="bar_close",
        intrabar="olhc",
        latency=500,
        **BARE,
    )
    assert [(fill.side, fill.price) for fill in played.fills] == [
        ("BUY", 99),
        ("BUY", played.fills[1].price),
        ("SELL", 104),
    ]
    assert played.fills[1].price < 99
