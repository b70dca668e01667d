"""Bars and the path of price inside them: T1 to T3b of the fill contract."""

from __future__ import annotations

import pytest

from tapeback import Candles, Order
from tests.core.play import BARE, Played, Scripted, bars, flat, play

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
