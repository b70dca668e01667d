"""What a broker makes of MARKET and SL-M orders: taken, refused, or sent with a limit."""

from __future__ import annotations

from typing import Any

import pytest

from tapeback import Candles
from tapeback.broker.client import MockOpenAlgoClient
from tests.core.play import LIVE, SANDBOX, Played, Scripted, bars, flat, minutes, play
from tests.core.rules.scenes import both_loops, clocks, reasons, still

RICH: dict[str, Any] = {**LIVE, "initial_cash": 10_000_000}
REFUSED = "{} orders are not accepted for this contract"


def stop_of(
    symbol: str, exchange: str, day: str, broker: Any = "zerodha", **settings: Any
) -> tuple[str, str, float]:
    """Type, status and limit of an SL-M sold below a price of 100."""
    candles = still(100, minutes(f"{day} 10:00", 3), symbol=symbol, exchange=exchange)

    def send(s: Scripted) -> None:
        s.sell(1_000, "SL-M", trigger_price=90, symbol=symbol, product="MIS")

    chosen = {**RICH, **settings} | ({} if settings.get("fidelity") else {"broker": broker})
    (order,) = play(candles, {0: send}, margin="off", **chosen).orders
    assert order.status != "rejected" or order.rejection_reason == REFUSED.format("SL-M")
    return order.pricetype, order.status, order.price


# SL-M --------------------------------------------------------------------------------------

TAKEN, GONE = ("SL-M", "trigger pending", 0.0), ("SL-M", "rejected", 0.0)
# 3 % below a trigger from 10 to 100.
GUARDED = ("SL", "trigger pending", 87.3)


@pytest.mark.parametrize(
    ("symbol", "exchange", "day", "broker", "becomes"),
    [
        ("BANKNIFTY30SEP2137000CE", "NFO", "2021-09-24", "zerodha", TAKEN),
        ("BANKNIFTY30SEP2137000CE", "NFO", "2021-09-27", "zerodha", GONE),
        ("BANKNIFTY30SEP2137000CE", "NFO", "2021-09-24", "dhan", TAKEN),
        ("BANKNIFTY30SEP2137000CE", "NFO", "2021-09-27", "dhan", GUARDED),
        ("BANKNIFTY30SEP2137000CE", "NFO", "2021-09-27", {"stop_market": "protect"}, GUARDED),
        # The ban is of options: futures and shares keep SL-M on NSE.
        ("NIFTY30SEP21FUT", "NFO", "2021-09-27", "zerodha", TAKEN),
        ("SBIN", "NSE", "2024-01-02", "zerodha", TAKEN),
        # On BSE it is of everything.
        ("SBIN", "BSE", "2023-10-06", "zerodha", TAKEN),
        ("SBIN", "BSE", "2023-10-09", "zerodha", GONE),
        ("SENSEX13OCT2366000CE", "BFO", "2023-10-09", "zerodha", GONE),
    ],
)
def test_what_becomes_of_an_sl_m(
    symbol: str, exchange: str, day: str, broker: Any, becomes: tuple[str, str, float]
) -> None:
    assert stop_of(symbol, exchange, day, broker) == becomes


def test_the_sandbox_takes_every_type_as_it_comes() -> None:
    assert stop_of("NIFTY25JAN2422000CE", "NFO", "2024-01-02", **SANDBOX) == TAKEN


def test_a_refused_sl_m_says_what_to_send_instead() -> None:
    candles = still(
        100, minutes("2024-01-02 10:00", 3), symbol="NIFTY25JAN2422000CE", exchange="NFO"
    )

    def send(s: Scripted) -> None:
        client = MockOpenAlgoClient(s.context)
        reply = client.placeorder(
            symbol="NIFTY25JAN2422000CE", exchange="NFO", action="SELL", price_type="SL-M",
            trigger_price=90, quantity=50, product="NRML",
        )  # fmt: skip
        s.notes += [reply["status"], client.orderbook()["data"]["orders"][0]["order_status"]]

    played = play(candles, {0: send}, **RICH)
    assert played.strategy.notes == ["success", "rejected"]
    assert "SL with a limit instead of SL-M" in played.orders[0].remedy


def crash(*rows: tuple[float, ...]) -> Candles:
    at = minutes("2024-01-02 10:00", 2 + len(rows))
    return bars(
        *flat(100, 2), *rows, at=at, symbol="NIFTY25JAN2422000CE", exchange="NFO", volume=1e6
    )


def test_a_protected_stop_within_its_slab_is_filled_as_a_stop_is() -> None:
    steps = {0: lambda s: (s.buy(50), s.sell(50, "SL-M", trigger_price=90))}
    played = both_loops(crash((95, 95, 85, 85)), steps, broker="dhan", **RICH)
    assert played.rows[1][1:] == ("SELL", 50, 90, "P4")
    assert played.result.naked_minutes == 0


def test_a_protected_stop_that_gaps_over_its_limit_leaves_the_position_naked() -> None:
    """Triggered at the open of 80 at 10:02, with a limit of 87.30: nothing is sold there. At 10:04
    the price comes back to it: two minutes and the way there without a stop."""
    candles = crash((80, 82, 78, 80), (80, 83, 80, 82), (82, 90, 82, 90))
    steps = {0: lambda s: (s.buy(50), s.sell(50, "SL-M", trigger_price=90))}
    played = both_loops(candles, steps, broker="dhan", **RICH)
    assert played.rows[1][1:] == ("SELL", 50, 87.3, "P4")
    assert 2 < played.result.naked_minutes < 3


def test_a_protected_stop_that_is_never_reached_again_leaves_it_naked_to_the_end() -> None:
    candles = crash((80, 82, 78, 80), *flat(80, 2))
    steps = {0: lambda s: (s.buy(50), s.sell(50, "SL-M", trigger_price=90))}
    played = both_loops(candles, steps, broker="dhan", **RICH)
    assert len(played.fills) == 1
    assert played.result.naked_minutes == 3


# MARKET ------------------------------------------------------------------------------------


def market(
    day: str, *opens: float, broker: Any = "zerodha", side: str = "buy", last: float = 1_000
) -> Played:
    """A MARKET order sent at a last price, and the bars that follow."""
    rows = [(o, o + 1, o - 1, o) for o in opens]
    candles = bars(*flat(last, 1), *rows, at=minutes(f"{day} 10:00", 1 + len(rows)), symbol="SBIN")
    return both_loops(
        candles, {0: lambda s: getattr(s, side)(10, product="MIS")}, broker=broker, **RICH
    )


def test_until_march_2026_a_market_order_takes_any_price() -> None:
    assert market("2026-03-30", 1_050).rows == [("10:01:00", "BUY", 10, 1_050, "P1")]


@pytest.mark.parametrize(("side", "open_", "limit"), [("buy", 1_010, 1_005), ("sell", 990, 995)])
def test_since_april_2026_what_runs_past_the_slab_is_left_resting(
    side: str, open_: float, limit: float
) -> None:
    """Half a per cent above 500 rupees: 1,005 or 995. The order rests there, and is counted."""
    played = market("2026-04-01", open_, side=side)
    assert not played.fills
    (order,) = played.orders
    assert (order.pricetype, order.price, order.status) == ("LIMIT", limit, "open")
    assert played.result.broker.left_resting == 1
    assert played.strategy.updates[0][:2] == (order.orderid, "open")


def test_within_the_slab_it_is_filled_as_ever() -> None:
    played = market("2026-04-01", 1_004)
    assert played.rows == [("10:01:00", "BUY", 10, 1_004, "P1")]
    assert played.result.broker.left_resting == 0


def test_what_was_left_resting_is_filled_at_its_limit_when_the_price_returns() -> None:
    played = market("2026-04-01", 1_010, 1_006, 1_004.5)
    assert played.rows == [("10:03:00", "BUY", 10, 1_004.5, "P2")]


def test_slippage_never_takes_a_protected_order_past_its_limit() -> None:
    candles = bars(
        *flat(1_000, 1), (1_004.8, 1_006, 1_004, 1_005), at=minutes("2026-04-01 10:00", 2)
    )
    played = both_loops(
        candles, {0: lambda s: s.buy(10)}, **{**RICH, "slippage_bps": 10, "slippage": "normal"}
    )
    assert played.fills[0].price == 1_005


@pytest.mark.parametrize(
    ("last", "limit"),
    [(99, 100.98), (100, 101), (499, 503.99), (500, 505), (501, 503.5), (4_000, 4_020)],
)
def test_the_slab_follows_the_price(last: float, limit: float) -> None:
    """2 % below 100 rupees, 1 % to 500, 0.5 % above; to the tick of SBIN at that price."""
    played = market("2026-04-01", last * 1.1 // 1, last=last)
    assert played.orders[0].price == pytest.approx(limit, abs=0.051)


def test_a_broker_may_be_earlier_or_do_without() -> None:
    assert market("2026-03-23", 1_010, broker="dhan").orders[0].pricetype == "LIMIT"
    assert market("2026-03-20", 1_010, broker="dhan").fills
    assert market("2026-04-01", 1_010, broker={"market_orders": "accept"}).fills


def test_the_brokers_own_square_off_has_no_such_limit() -> None:
    candles = bars(
        *flat(1_000, 2), *flat(950, 2), at=clocks("2026-04-01", "15:18", "15:19", "15:20", "15:21")
    )
    played = both_loops(candles, {0: lambda s: s.buy(10)}, **RICH)
    assert played.rows[-1] == ("15:20:00", "SELL", 10, 950, "S3")


def test_since_april_2026_a_stop_is_protected_as_well() -> None:
    """A share's SL-M at a trigger of 950 is an SL with a limit half a per cent below it."""
    candles = still(1_000, minutes("2026-04-01 10:00", 3))
    steps = {0: lambda s: s.sell(10, "SL-M", trigger_price=950)}
    (order,) = both_loops(candles, steps, **RICH).orders
    assert (order.pricetype, order.trigger_price, order.price) == ("SL", 950, 945.25)


# MARKET on stock options -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("symbol", "broker", "refused"),
    [
        ("RELIANCE25JAN242700CE", "zerodha", True),
        ("RELIANCE25JAN242700CE", {"stock_option_market": "accept"}, False),
        ("RELIANCE25JAN24FUT", "zerodha", False),
        ("NIFTY25JAN2422000CE", "zerodha", False),
    ],
)
def test_many_brokers_take_no_market_order_on_a_stock_option(
    symbol: str, broker: Any, refused: bool
) -> None:
    candles = still(50, minutes("2024-01-02 10:00", 3), symbol=symbol, exchange="NFO")

    def send(s: Scripted) -> None:
        s.buy(250)
        s.buy(250, "LIMIT", price=51)

    played = both_loops(candles, {0: send}, broker=broker, **RICH)
    assert reasons(played) == [REFUSED.format("MARKET") if refused else "", ""]
    assert played.orders[1].status == "complete"
