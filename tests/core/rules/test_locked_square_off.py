"""MIS that a locked band keeps from being squared off (S3, S7): retried, carried, closed later."""

from __future__ import annotations

from tests.core.play import LIVE, Scripted, bars, flat, minutes
from tests.core.rules.scenes import both_loops, clocks, postings, reasons

DAY = "2024-01-02"
PENALTY = 59.0
# SBIN closes at 100 on the day before; it has futures, so its band begins 10 % around: 90 to 110.

BEFORE = ["2024-01-01 15:29"]


def test_a_band_that_is_locked_lets_mis_out_once_it_opens() -> None:
    """At 90 there are no buyers: from 15:20 on it is tried at each bar, and 15:22 trades again."""
    candles = bars(
        *flat(100, 1), *flat(92, 2), *flat(90, 2), (91, 92, 90, 92), *flat(92, 1),
        at=[*BEFORE, *minutes(f"{DAY} 15:18", 6)],
    )  # fmt: skip
    played = both_loops(candles, {1: lambda s: s.buy(10)}, **LIVE)
    assert played.rows[1:] == [("15:22:00", "SELL", 10, 91, "S3")]
    assert not played.result.broker.carried
    assert postings(played) == [("01-02 15:22:00", "square-off penalty", -PENALTY)]


def test_a_short_leaves_a_lower_band_at_once() -> None:
    candles = bars(
        *flat(100, 1), *flat(92, 2), *flat(90, 2), at=[*BEFORE, *minutes(f"{DAY} 15:18", 4)]
    )
    played = both_loops(candles, {1: lambda s: s.sell(10)}, **LIVE)
    assert played.rows[1:] == [("15:20:00", "BUY", 10, 90, "S3")]


def test_what_a_locked_band_holds_is_carried_at_full_margin_and_closed_when_it_opens() -> None:
    """MIS blocks a fifth: 184 of 920. Overnight it is a delivery and blocks all of it."""
    labels = [*BEFORE, *minutes(f"{DAY} 15:18", 2), f"{DAY} 15:20", f"{DAY} 15:29"]
    labels += ["2024-01-03 09:15", "2024-01-03 09:16", "2024-01-03 09:17"]
    candles = bars(
        *flat(100, 1), *flat(92, 2), *flat(90, 2), (88, 89, 87, 88), *flat(88, 2), at=labels
    )

    def note(s: Scripted) -> None:
        s.notes.append(s.context.portfolio.blocked_units / 1e6)

    def again(s: Scripted) -> None:
        note(s)
        s.buy(10, product="MIS")

    steps = {1: lambda s: s.buy(10), 2: note, 4: note, 5: again, 6: note}
    played = both_loops(candles, steps, **LIVE)
    assert played.rows[1:3] == [
        ("09:15:00", "SELL", 10, 88, "S3"),
        ("09:16:00", "BUY", 10, 88, "P1"),
    ]
    assert [f"{c.timestamp:%m-%d %H:%M} {c.symbol}" for c in played.result.broker.carried] == [
        "01-02 15:30 SBIN"
    ]
    # A penalty for the evening, and one for the order of the next morning.
    assert postings(played) == [
        ("01-02 15:29:59", "square-off penalty", -PENALTY),
        ("01-03 09:15:00", "square-off penalty", -PENALTY),
    ]
    # What is bought in MIS after that is margined as MIS again: 176 of 880.
    assert played.strategy.notes == [184, 184, 0, 176]


def test_overnight_the_carried_position_blocks_its_whole_value() -> None:
    labels = [*BEFORE, *minutes(f"{DAY} 15:18", 2), f"{DAY} 15:20", "2024-01-03 09:15"]
    candles = bars(*flat(100, 1), *flat(92, 2), *flat(90, 1), *flat(81, 1), at=labels)

    def note(s: Scripted) -> None:
        s.notes.append(s.context.portfolio.blocked_units / 1e6)

    played = both_loops(candles, {1: lambda s: s.buy(10), 4: note}, **LIVE)
    # 81 is 10 % below 90: locked again, so it is still held.
    assert played.strategy.notes == [920]
    assert [p.quantity for p in played.result.open_positions] == [10]


def test_a_lock_long_gone_keeps_nothing_from_being_squared_off() -> None:
    """The bar of 10:00 was locked; the coarse bar that spans 15:20 is not, though no order made
    anyone look at it."""
    labels = [*BEFORE, *clocks(DAY, "09:45", "10:00", "10:15", "15:15")]
    candles = bars(
        *flat(100, 1), *flat(92, 1), *flat(90, 1), (91, 95, 91, 95), (95, 96, 94, 96),
        at=labels, timeframe="15m",
    )  # fmt: skip
    played = both_loops(
        candles, {0: lambda s: s.buy(10, product="MIS"), 1: lambda s: s.buy(10)}, **LIVE
    )
    assert played.rows[-1] == ("15:29:59", "SELL", 10, 96, "S3 coarse")
    assert not played.result.broker.carried


def test_a_coarse_bar_locked_at_the_band_closes_nothing_though_nobody_looked_at_it() -> None:
    labels = [*BEFORE, *clocks(DAY, "14:45", "15:00", "15:15"), "2024-01-03 09:15"]
    candles = bars(
        *flat(100, 1), *flat(92, 2), *flat(90, 1), (91, 91, 91, 91), at=labels, timeframe="15m"
    )
    played = both_loops(candles, {1: lambda s: s.buy(10)}, **LIVE)
    assert played.rows[1:] == [("09:15:00", "SELL", 10, 91, "S3")]
    assert len(played.result.broker.carried) == 1


def test_an_mis_order_that_a_locked_band_keeps_waiting_ends_with_the_square_off() -> None:
    """Nobody sells at 110: the purchase waits, and is not there any more when the band opens."""
    candles = bars(
        *flat(100, 1), *flat(109, 1), *flat(110, 2), (109, 109, 108, 109), *flat(109, 1),
        at=[*BEFORE, *minutes(f"{DAY} 15:18", 5)],
    )  # fmt: skip
    played = both_loops(candles, {1: lambda s: s.buy(10)}, **LIVE)
    assert not played.fills
    assert reasons(played) == ["MIS is squared off."]
    assert played.strategy.updates == [(played.orders[0].orderid, "cancelled", 0)]
