"""The closing auction of shares with derivatives, since 2026-08-03: 15:15 to 15:35."""

from __future__ import annotations

from typing import Any

from tests.core.play import LIVE, SANDBOX, Scripted, bars, flat, play
from tests.core.rules.scenes import both_loops, clocks, postings, reasons, still

DAY, BEFORE = "2026-08-03", "2026-07-31"
# 15:34 is the last minute of the auction.
LATE = ("15:13", "15:14", "15:15", "15:34")
RICH: dict[str, Any] = {**LIVE, "initial_cash": 1_000_000}


def send(s: Scripted) -> None:
    s.sell(10, "SL", price=94, trigger_price=95, product="CNC")
    s.sell(10, "LIMIT", price=105, product="CNC")


STEPS = {0: lambda s: s.buy(20, product="CNC"), 1: send}


def closing(symbol: str, day: str) -> Any:
    labels = [f"{day} 10:00", f"{day} 10:01", *clocks(day, *LATE)]
    return bars(*flat(100, 5), (106, 106, 106, 106), at=labels, symbol=symbol)


def test_stops_end_when_the_auction_begins_and_limits_are_filled_in_it() -> None:
    played = both_loops(closing("SBIN", DAY), STEPS, **RICH)
    assert reasons(played)[1] == "stop orders end when the closing auction begins."
    assert f"{played.orders[1].ended_at:%H:%M}" == "15:15"
    assert played.rows[1] == ("15:34:00", "SELL", 10, 106, "P2")


def test_a_share_without_derivatives_trades_to_half_past_three_as_before() -> None:
    labels = [f"{DAY} 10:00", f"{DAY} 10:01", *clocks(DAY, "15:13", "15:14", "15:15", "15:29")]
    candles = bars(*flat(100, 5), (94.5, 95, 94, 94), at=labels, symbol="TTML")
    played = both_loops(candles, STEPS, **RICH)
    assert played.rows[1] == ("15:29:00", "SELL", 10, 94.5, "P4")


def test_before_the_auction_there_was_none() -> None:
    labels = [f"{BEFORE} 10:00", *clocks(BEFORE, "10:01", "15:13", "15:14", "15:15", "15:29")]
    candles = bars(*flat(100, 5), (94.5, 95, 94, 94), at=labels)
    played = both_loops(candles, STEPS, **RICH)
    assert played.rows[1] == ("15:29:00", "SELL", 10, 94.5, "P4")


def test_the_sandbox_knows_no_auction() -> None:
    played = both_loops(closing("SBIN", DAY), STEPS, **{**SANDBOX, "initial_cash": 1e6})
    assert played.orders[1].status == "trigger pending"


def test_mis_leaves_before_the_auction() -> None:
    candles = still(100, clocks(DAY, "15:08", "15:09", "15:10", "15:15"))
    played = both_loops(candles, {0: lambda s: s.buy(10)}, **RICH)
    assert played.rows[1] == ("15:10:00", "SELL", 10, 100, "S3")
    assert postings(played) == [("08-03 15:10:00", "square-off penalty", -59.0)]


def test_an_order_of_the_last_minute_of_continuous_trading_meets_the_auction() -> None:
    """Sent at the close of 15:15: the market order takes the auction's price."""
    steps = {3: lambda s: s.buy(10, product="CNC")}
    candles = bars(
        *flat(100, 4),
        (100.5, 100.5, 100.5, 100.5),
        at=clocks(DAY, "15:11", "15:12", "15:13", "15:14", "15:34"),
    )
    played = both_loops(candles, steps, **RICH)
    assert played.rows == [("15:34:00", "BUY", 10, 100.5, "P1")]


def test_derivatives_trade_on_to_twenty_to_four() -> None:
    labels = clocks(DAY, "15:23", "15:24", "15:25", "15:39")
    candles = still(25_000, labels, symbol="NIFTY25AUG26FUT", exchange="NFO")
    steps = {0: lambda s: (s.buy(65), s.buy(65, product="MIS"))}
    played = both_loops(candles, steps, **RICH)
    assert [(row[0], row[4]) for row in played.rows[2:]] == [("15:25:00", "S3")]
    assert [p.quantity for p in played.result.open_positions] == [65]


def test_a_stock_future_is_delivered_at_the_price_of_the_auction() -> None:
    """On 2026-08-25 RELIANCE trades at 1,400 all day and at 1,420 in the auction."""
    last = "2026-08-25"
    labels = clocks(last, "15:13", "15:14", "15:34")
    share = bars(*flat(1_400, 2), *flat(1_420, 1), at=labels, symbol="RELIANCE", volume=1e6)
    future = still(
        1_401, clocks(last, "15:13", "15:14", "15:39"), symbol="RELIANCE25AUG26FUT", exchange="NFO"
    )
    steps = {("RELIANCE25AUG26FUT", 0): lambda s: s.buy(500, symbol="RELIANCE25AUG26FUT")}
    played = play([share, future], steps, **RICH)
    assert [(f.symbol, f.price) for f in played.fills[1:]] == [
        ("RELIANCE25AUG26FUT", 1_420),
        ("RELIANCE", 1_420),
    ]
