"""Orders that cancel or reduce one another, S6, and an entry's own stop and target."""

from __future__ import annotations

from typing import Any

import pytest

from tapeback import Order, StrategyError
from tests.core.play import BARE, LIVE, SANDBOX, Scripted, bars, flat, play

STILL = (100, 100, 100, 100)


def test_S6_one_fills_and_the_other_is_cancelled_at_the_same_point() -> None:
    def straddle(s: Scripted) -> None:
        s.oco(
            s.keep(s.buy(1, "SL-M", trigger_price=105)), s.keep(s.sell(1, "SL-M", trigger_price=95))
        )

    played = play(bars(STILL, (100, 106, 90, 100)), {0: straddle}, intrabar="ohlc", **BARE)
    bought, sold = played.order(0), played.order(1)
    assert [row[1:4] for row in played.rows] == [("BUY", 1, 105)]
    assert sold.status == "cancelled"
    assert bought.orderid in sold.rejection_reason
    assert sold.ended_ts == bought.filled_ts


def test_S6_at_a_gap_beyond_both_the_older_fills() -> None:
    def pair(s: Scripted) -> None:
        s.oco(s.buy(1, "LIMIT", price=95), s.buy(1, "LIMIT", price=97))

    played = play(bars(STILL, STILL, *flat(90, 2)), {0: pair}, **BARE)
    assert [order.status for order in played.orders] == ["complete", "cancelled"]


def test_S6_a_part_of_one_reduces_the_other() -> None:
    def leave(s: Scripted) -> None:
        s.oco(
            s.keep(s.sell(30, "LIMIT", price=105)),
            s.keep(s.sell(30, "SL-M", trigger_price=95)),
        )

    candles = bars(*flat(100, 3), (100, 106, 100, 100, 40), (100, 101, 94, 95, 10_000))
    played = play(candles, {0: lambda s: s.buy(30), 1: leave}, participation=0.25, **BARE)
    assert [row[1:] for row in played.rows] == [
        ("BUY", 30, 100, "P1"), ("SELL", 10, 105, "P2"), ("SELL", 20, 95, "P3"),
    ]  # fmt: skip
    assert played.order(0).status == "cancelled"
    assert played.order(1).quantity == 20
    assert not played.result.open_positions


def test_S6_pairs_across_symbols() -> None:
    a, b = (bars(STILL, (100, 106, 94, 100), STILL, symbol=name) for name in ("A", "B"))

    def pair(s: Scripted) -> None:
        s.oco(
            s.buy(1, "LIMIT", price=95, symbol="A"), s.buy(1, "SL-M", trigger_price=105, symbol="B")
        )

    played = play([a, b], {("B", 0): pair}, intrabar="olhc", **BARE)
    assert [(f.symbol, f.price) for f in played.fills] == [("A", 95)]
    assert [order.status for order in played.orders] == ["complete", "cancelled"]


def test_S6_oco_of_two_bracket_entries_fills_one() -> None:
    def breakout(s: Scripted) -> None:
        s.oco(
            s.keep(s.buy(10, "SL-M", trigger_price=105, stop_loss=95, target=115)),
            s.keep(s.sell(10, "SL-M", trigger_price=95, stop_loss=105, target=85)),
        )

    candles = bars(STILL, (100, 106, 100, 104), (104, 104, 90, 92), *flat(92, 2))
    played = play(candles, {0: breakout}, **BARE)
    assert [row[1:] for row in played.rows] == [("BUY", 10, 105, "P3"), ("SELL", 10, 95, "P3")]
    assert played.order(1).status == "cancelled"
    assert not played.strategy.get_orders()


def test_S6_entry_places_its_exits_where_it_is_filled() -> None:
    played = play(
        bars(STILL, (101, 102, 100, 101), (101, 111, 100, 110)),
        {0: lambda s: s.keep(s.buy(10, stop_loss=95, target=110))},
        **LIVE,
    )
    entry, stop, target = played.orders
    assert (stop.pricetype, stop.trigger_price, stop.parent) == ("SL-M", 95, entry.orderid)
    assert (target.pricetype, target.price, target.parent) == ("LIMIT", 110, entry.orderid)
    assert stop.placed_ts == target.placed_ts == entry.filled_ts
    assert (target.status, stop.status) == ("complete", "cancelled")
    assert not played.result.open_positions


def test_S6_exits_can_be_met_in_the_bar_of_the_entry() -> None:
    played = play(
        bars(STILL, (100, 111, 99, 105)),
        {0: lambda s: s.buy(10, "SL-M", trigger_price=104, stop_loss=95, target=110)},
        **BARE,
    )
    assert [row[3:] for row in played.rows] == [(104, "P3"), (110, "P2")]


def test_S6_a_stop_that_the_entry_jumped_over_exits_at_once_and_is_told_after_it() -> None:
    played = play(
        bars(STILL, (90, 91, 89, 90), STILL), {0: lambda s: s.keep(s.buy(10, stop_loss=95))}, **LIVE
    )
    entry, stop = played.orders
    assert played.prices == [90, 90]
    assert [update[0] for update in played.strategy.updates] == [entry.orderid, stop.orderid]


def test_S6_exits_grow_with_a_partly_filled_entry() -> None:
    candles = bars(*flat(100, 2), *[(99, 100, 98, 99, 40)] * 3, (99, 99, 90, 91, 10_000))
    played = play(
        candles,
        {0: lambda s: s.buy(30, "LIMIT", price=98.5, stop_loss=95)},
        participation=0.25,
        **BARE,
    )
    assert [row[1:4] for row in played.rows] == [
        *[("BUY", 10, 98.5)] * 3, ("SELL", 30, 95),
    ]  # fmt: skip
    assert len(played.orders) == 2


def test_S6_later_part_of_an_entry_is_protected_too() -> None:
    """The stop takes out the first part; the rest of the entry is filled afterwards."""
    played = play(
        bars(STILL, STILL, (100, 100, 98, 99.5, 40), (99.7, 99.7, 99, 99.5, 40), (95, 95, 90, 91)),
        {0: lambda s: s.buy(20, "LIMIT", price=99.5, stop_loss=98.5)},
        participation=0.25,
        intrabar="olhc",
        **BARE,
    )
    assert [row[1:4] for row in played.rows] == [
        ("BUY", 10, 99.5), ("SELL", 10, 98.5), ("BUY", 10, 99.5), ("SELL", 10, 95),
    ]  # fmt: skip


def test_S6_cancelling_one_exit_leaves_the_other() -> None:
    def drop_target(s: Scripted) -> None:
        (target,) = [order for order in s.get_orders() if order.pricetype == "LIMIT"]
        s.cancel(target.orderid)

    played = play(
        bars(*flat(100, 3), (100, 111, 94, 100)),
        {0: lambda s: s.buy(10, stop_loss=95, target=110), 1: drop_target},
        intrabar="ohlc",
        **BARE,
    )
    assert [row[3] for row in played.rows] == [100, 95]


def test_S6_exits_need_no_margin_of_their_own() -> None:
    played = play(
        bars(*flat(100, 3), volume=1e6),
        {0: lambda s: s.buy(1_000, product="CNC", stop_loss=95, target=110)},
        **LIVE,
    )
    assert [order.status for order in played.orders] == ["complete", "trigger pending", "open"]
    assert played.strategy.context.portfolio.available == 0


@pytest.mark.parametrize(
    ("entry", "settings"),
    [
        ({"stop_loss": 105}, LIVE),
        ({"target": 95}, LIVE),
        ({"target": 110.03}, LIVE),
        ({"stop_loss": 94.98}, LIVE),
        ({"stop_loss": -5}, BARE),
        ({"target": float("nan")}, SANDBOX),
    ],
)
def test_S6_exits_that_cannot_be_are_refused_with_their_entry(
    entry: dict[str, Any], settings: dict[str, Any]
) -> None:
    played = play(bars(*flat(100, 3)), {0: lambda s: s.keep(s.buy(1, **entry))}, **settings)
    assert played.order(0).status == "rejected"
    assert not played.fills


@pytest.mark.parametrize(
    ("symbol", "exchange", "product", "quantity"),
    [("SBIN", "NSE", "CNC", 1), ("NIFTY25JAN24FUT", "NFO", "NRML", 50), ("SBIN", "NSE", "MIS", 1)],
)
def test_S6_exits_outlive_the_session_where_the_position_may(
    symbol: str, exchange: str, product: str, quantity: int
) -> None:
    """Brokers keep the exits of CNC and NRML positions as GTTs; those of MIS end with their
    position at the square-off."""
    candles = bars(
        *flat(100, 3),
        (100, 101, 94, 95),
        symbol=symbol,
        exchange=exchange,
        at=["2024-01-02 15:18", "2024-01-02 15:19", "2024-01-02 15:20", "2024-01-03 09:15"],
        volume=1e6,
    )
    played = play(candles, {0: lambda s: s.buy(quantity, product=product, stop_loss=96)}, **LIVE)
    stop = played.orders[1]
    assert not played.result.open_positions
    if product == "MIS":
        assert stop.status == "cancelled"
        assert "squared off" in stop.rejection_reason
        assert played.rows[-1] == ("15:20:00", "SELL", quantity, 100, "S3")
    else:
        assert (stop.status, stop.average_price) == ("complete", 96)
        assert f"{stop.ended_at:%d}" == "03"


def test_S6_updates_may_link_orders() -> None:
    def protect(s: Scripted, order: Order) -> None:
        if len(s.updates) == 1:
            s.oco(s.sell(1, "SL-M", trigger_price=95), s.sell(1, "LIMIT", price=110))

    played = play(
        bars(STILL, STILL, (100, 112, 90, 100), STILL),
        {0: lambda s: s.buy(1)}, update=protect, intrabar="ohlc", **BARE,
    )  # fmt: skip
    assert [row[3] for row in played.rows] == [100, 110]
    assert [order.status for order in played.orders] == ["complete", "cancelled", "complete"]


@pytest.mark.parametrize("ended", [True, False], ids=["ended", "unknown"])
def test_S6_oco_of_orders_that_are_not_open_is_an_error(ended: bool) -> None:
    def link(s: Scripted) -> None:
        first = s.ids[0] if ended else "24010200000099"
        s.oco(first, s.buy(1, "LIMIT", price=90))

    with pytest.raises(StrategyError, match=r"\d{14}") as caught:
        play(bars(*flat(100, 4)), {0: lambda s: s.keep(s.buy(1)), 1: link}, **BARE)
    assert "KeyError" not in str(caught.value)
