"""At which price an order is filled: P1 to P4."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.play import BARE, LIVE, SANDBOX, Scripted, Step, bars, flat, parts, play

STILL = (100, 100, 100, 100)
LATER = "2024-01-02 10:00"


# P1: MARKET ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("market_fill", "price", "second"),
    [("next_open", 104, "09:16:00"), ("bar_close", 102, "09:15:59"), ("ltp", 102, "09:15:59")],
)
def test_P1_market_fill(market_fill: str, price: float, second: str) -> None:
    candles = bars((100, 103, 99, 102), (104, 105, 103, 104))
    played = play(candles, {0: lambda s: s.buy(1)}, market_fill=market_fill, **BARE)
    assert played.rows == [(second, "BUY", 1, price, "P1")]


def test_P1_in_an_update_a_market_order_gets_the_price_of_that_very_point() -> None:
    played = play(
        bars(STILL, (100, 110, 90, 105)),
        {0: lambda s: s.buy(1, "SL-M", trigger_price=107)},
        update=lambda s, o: len(s.updates) == 1 and s.sell(1),
        **BARE,
    )
    assert [row[3:] for row in played.rows] == [(107, "P3"), (107, "P1")]
    assert played.fills[0].ts == played.fills[1].ts


@pytest.mark.parametrize(("mode", "price"), [("bar_close", 105), ("ltp", 107)])
def test_P1_in_an_update_the_mode_counts_too(mode: str, price: float) -> None:
    played = play(
        bars(STILL, (100, 110, 90, 105)),
        {0: lambda s: s.buy(1, "SL-M", trigger_price=107)},
        update=lambda s, o: len(s.updates) == 1 and s.sell(1),
        market_fill=mode,
        **BARE,
    )
    assert played.prices == [107, price]


def test_P1_bar_close_before_any_bar_meets_the_first_open() -> None:
    played = play(
        bars((101, 102, 99, 100), STILL),
        {},
        begin=lambda s: s.buy(1),
        market_fill="bar_close",
        **BARE,
    )
    assert played.rows == [("09:15:00", "BUY", 1, 101, "P1")]


def test_P1_bar_close_entry_rests_its_stop() -> None:
    candles = bars((100, 101, 99, 100), (100, 101, 99, 100), (100, 101, 90, 92))
    steps: dict[Any, Step] = {0: lambda s: s.buy(1, stop_loss=95, target=120)}
    played = play(candles, steps, market_fill="bar_close", **BARE)
    assert [row[3:] for row in played.rows] == [(100, "P1"), (95, "P3")]


def test_P1_bar_close_order_leaves_the_forming_bar_of_another_series_alone() -> None:
    """INFY's second bar opens at 09:20; an order filled at 09:21 must not put the first in its
    place, for the limit sent at 09:22 walks it."""
    sbin = bars(*flat(50, 10))
    infy = bars((200,) * 4, (100, 120, 80, 90), symbol="INFY", timeframe="5m")
    played = play(
        [sbin, infy],
        {
            ("SBIN", 5): lambda s: s.buy(1, symbol="INFY"),
            ("SBIN", 6): lambda s: s.sell(1, "LIMIT", price=119, symbol="INFY"),
        },
        market_fill="bar_close",
        intrabar="olhc",
        **BARE,
    )
    assert [fill.rule for fill in played.fills] == ["P1", "P2"]
    assert 80 <= played.fills[0].price <= 120
    assert played.fills[1].price == 119


# P2: LIMIT ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "low", "filled"),
    [
        (LIVE, 95.0, False),
        (LIVE, 94.95, True),
        (SANDBOX, 95.0, True),
        (BARE, 95.0, True),
        ({**LIVE, "limit_fill": "touch"}, 95.0, True),
        ({**BARE, "limit_fill": "through"}, 95.0, False),
    ],
)
def test_P2_touched_or_passed(settings: dict[str, Any], low: float, filled: bool) -> None:
    candles = bars(STILL, STILL, (100, 101, low, 99), STILL, volume=10_000)
    played = play(candles, {0: lambda s: s.buy(1, "LIMIT", price=95)}, **settings)
    assert played.prices == ([95] if filled else [])
    assert played.result.touch_misses == (0 if filled else 1)
    assert (played.orders[0].touched_ts > 0) is not filled


@pytest.mark.parametrize(
    "row",
    [(100, 100, 99, 99.5), (99, 100, 98, 99), (99, 100, 99, 100)],
    ids=["open", "high", "close"],
)
def test_P2_touch_is_counted_wherever_it_happens_and_once(row: tuple[float, ...]) -> None:
    candles = bars(*flat(99, 2), row, row, *flat(99, 2))
    played = play(candles, {0: lambda s: s.sell(1, "LIMIT", price=100)}, **LIVE)
    assert not played.fills
    assert played.result.touch_misses == 1


def test_P2_a_bar_that_opens_beyond_a_limit_fills_it_at_the_open() -> None:
    candles = bars(STILL, STILL, (90, 91, 89, 90), volume=10_000)
    for settings in (BARE, SANDBOX, LIVE):
        played = play(candles, {0: lambda s: s.buy(1, "LIMIT", price=95)}, **settings)
        assert [row[3:] for row in played.rows] == [(90, "P2")]


def test_P2_a_resting_limit_pays_no_slippage_spread_or_rounding() -> None:
    candles = bars(*flat(100, 2), (100, 101, 94, 99), volume=10_000)
    played = play(
        candles,
        {0: lambda s: s.buy(1, "LIMIT", price=95)},
        slippage="harsh",
        spread_bps=50,
        impact=1,
        costs="none",
    )
    assert parts(played.fills[0]) == (95, 0, 0, 0, 0)


def test_P2b_a_marketable_limit_pays_as_market_does() -> None:
    candles = bars((1000,) * 4, (1000, 1001, 999, 1000), start=LATER)
    with_room = play(candles, {0: lambda s: s.buy(1, "LIMIT", price=1010)}, costs="none")
    assert with_room.fills[0].rule == "P2b"
    assert with_room.fills[0].price > 1000
    at_market = play(candles, {0: lambda s: s.buy(1)}, costs="none")
    assert parts(with_room.fills[0]) == parts(at_market.fills[0])


@pytest.mark.parametrize("side", ["BUY", "SELL"])
def test_P2b_never_beyond_its_limit(side: str) -> None:
    limit = 1000.1 if side == "BUY" else 999.9

    def send(s: Scripted) -> None:
        (s.buy if side == "BUY" else s.sell)(1, "LIMIT", price=limit)

    played = play(bars(*[(1000,) * 4] * 2), {0: send}, slippage_bps=50, costs="none")
    (fill,) = played.fills
    assert (fill.price, fill.rule) == (limit, "P2b")
    assert fill.spread + fill.slippage + fill.impact + fill.rounding == pytest.approx(0.1)


def test_P2b_what_is_left_rests() -> None:
    candles = bars(STILL, (98, 98, 98, 98, 40), (99, 99, 99, 99, 40), (100, 100, 98.9, 99, 400))
    played = play(candles, {0: lambda s: s.buy(25, "LIMIT", price=99)}, participation=0.25, **BARE)
    assert [row[2:] for row in played.rows] == [(10, 98, "P2b"), (10, 99, "P2"), (5, 99, "P2")]
    assert played.orders[0].average_price == pytest.approx(98.6)


# P3, P4: stops ------------------------------------------------------------------------------


def test_P3_sl_m_becomes_market_at_its_trigger_or_at_a_gap() -> None:
    def place(s: Scripted) -> None:
        s.buy(1, "SL-M", trigger_price=103)
        s.buy(2, "SL-M", trigger_price=108)

    played = play(bars(STILL, (100, 105, 99, 104), (110, 111, 109, 110)), {0: place}, **BARE)
    assert [row[2:] for row in played.rows] == [(1, 103, "P3"), (2, 110, "P3")]
    assert all(order.triggered_ts == order.filled_ts for order in played.orders)


def test_P4_sl_is_a_limit_from_its_trigger_on() -> None:
    """Triggered at 103 with a limit of 103.5: filled there, as a marketable limit."""
    played = play(
        bars(STILL, (100, 105, 99, 104)),
        {0: lambda s: s.buy(1, "SL", price=103.5, trigger_price=103)},
        **BARE,
    )
    assert played.rows[0][3:] == (103, "P4")


def test_P4_a_gap_over_the_limit_leaves_it_resting() -> None:
    candles = bars(STILL, STILL, (107, 108, 106, 107), (107, 107, 104, 105), volume=10_000)
    played = play(candles, {0: lambda s: s.buy(1, "SL", price=105.5, trigger_price=105)}, **LIVE)
    assert [row[3:] for row in played.rows] == [(105.5, "P4")]
    order = played.orders[0]
    assert f"{order.triggered_at:%H:%M:%S}" == "09:17:00"
    assert f"{order.filled_at:%H:%M}" == "09:18"
    assert [status for _, status, _ in played.strategy.updates] == ["open", "complete"]


def test_P4_before_its_trigger_an_order_is_pending() -> None:
    played = play(
        bars(*flat(100, 3)),
        {0: lambda s: s.buy(1, "SL-M", trigger_price=105)},
        **LIVE,
    )
    assert played.orders[0].status == "trigger pending"


def test_P4_after_its_trigger_a_modify_changes_the_limit_only() -> None:
    candles = bars(STILL, (107, 108, 106, 107), (107, 107, 106, 107), (107, 107, 103, 105))
    played = play(
        candles,
        {
            0: lambda s: s.keep(s.buy(1, "SL", price=105.5, trigger_price=105)),
            1: lambda s: s.modify(s.ids[0], price=106.5, trigger_price=120),
        },
        **BARE,
    )
    assert played.order(0).trigger_price == 105
    assert [(row[0][:5], row[3]) for row in played.rows] == [("09:17", 106.5)]


# A stop on the wrong side of a last price of 100, and an SL whose limit lies before its trigger.
WRONG: list[tuple[str, dict[str, float]]] = [
    ("BUY", {"trigger_price": 95}),
    ("BUY", {"trigger_price": 100}),
    ("SELL", {"trigger_price": 105}),
    ("BUY", {"trigger_price": 105, "price": 104}),
    ("SELL", {"trigger_price": 95, "price": 96}),
]


@pytest.mark.parametrize(("side", "prices"), WRONG)
def test_P4_a_trigger_on_the_wrong_side_is_refused_in_live(
    side: str, prices: dict[str, float]
) -> None:
    def send(s: Scripted) -> None:
        (s.buy if side == "BUY" else s.sell)(1, "SL" if "price" in prices else "SL-M", **prices)

    played = play(bars(*flat(100, 3)), {0: send}, **LIVE)
    assert not played.fills
    order = played.orders[0]
    assert (order.status, order.refused_by) == ("rejected", "broker")
    assert "rigger" in order.rejection_reason


@pytest.mark.parametrize("settings", [SANDBOX, BARE], ids=["sandbox", "none"])
@pytest.mark.parametrize(("side", "prices"), WRONG[:3])
def test_P4_elsewhere_it_triggers_at_once(
    side: str, prices: dict[str, float], settings: dict[str, Any]
) -> None:
    def send(s: Scripted) -> None:
        (s.buy if side == "BUY" else s.sell)(1, "SL-M", **prices)

    played = play(bars(*flat(100, 3)), {0: send}, **settings)
    assert [row[3:] for row in played.rows] == [(100, "P3")]
