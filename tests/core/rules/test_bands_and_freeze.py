"""Prices that an exchange takes, and how much at once: bands, limit-price protection, freeze."""

from __future__ import annotations

from typing import Any

import pytest

from tapeback.broker.client import MockOpenAlgoClient
from tests.core.play import BARE, LIVE, SANDBOX, Scripted, bars, flat, minutes, play
from tests.core.rules.scenes import both_loops, clocks, reasons, still

BEFORE = "2024-01-01 15:29"
TODAY = "2024-01-02"
FUTURE = {"symbol": "NIFTY25JAN24FUT", "exchange": "NFO"}


def asked(
    prices: list[float], candles: Any, at: int = 1, action: str = "buy", **settings: Any
) -> list[bool]:
    """Which limits are taken when they are sent at the close of a bar."""

    def send(s: Scripted) -> None:
        for price in prices:
            getattr(s, action)(50, "LIMIT", price=price)

    played = play(candles, {at: send}, initial_cash=1e9, **settings)
    refused = [order for order in played.orders if order.status == "rejected"]
    assert all("is outside the permitted range" in order.rejection_reason for order in refused)
    assert all(order.refused_by == "broker" for order in refused)
    return [order.status != "rejected" for order in played.orders]


@pytest.mark.parametrize(
    ("named", "price", "edges"),
    [
        ({"symbol": "SBIN"}, 100, (90, 110)),  # shares with futures: 10 %
        ({"symbol": "TTML"}, 100, (80, 120)),  # which of 2, 5, 10, 20 % is not known: the widest
        (FUTURE, 22_000, (19_800, 24_200)),
        # 10 % of 99.95 are 9.995: inwards to the tick.
        ({"symbol": "SBIN"}, 99.95, (90, 109.9)),
    ],
)
def test_defect_07_a_price_beyond_the_band_of_the_day_is_refused(
    named: dict[str, Any], price: float, edges: tuple[float, float]
) -> None:
    candles = still(price, [BEFORE, *minutes(f"{TODAY} 10:00", 2)], **named)
    lower, upper = edges
    prices = [lower, upper, round(lower - 0.05, 2), round(upper + 0.05, 2)]
    assert asked(prices, candles, **LIVE) == [True, True, False, False]
    assert all(asked(prices, candles, **SANDBOX))
    assert all(asked(prices, candles, **BARE))


def test_on_the_first_day_of_the_data_the_band_is_not_known() -> None:
    assert all(asked([10, 1_000], still(100, minutes(f"{TODAY} 10:00", 3)), **LIVE))


def test_an_index_and_an_mcx_future_have_no_band() -> None:
    labels = [BEFORE, *minutes(f"{TODAY} 10:00", 2)]
    crude = {"symbol": "CRUDEOILM19JAN24FUT", "exchange": "MCX"}
    for named in ({"symbol": "NIFTY", "exchange": "NSE_INDEX"}, crude):
        assert all(asked([3_000, 9_000], still(6_000, labels, **named), **LIVE))


def test_a_trigger_beyond_the_band_is_refused_and_a_market_order_never_is() -> None:
    def send(s: Scripted) -> None:
        s.buy(10, "SL-M", trigger_price=110.05)
        s.buy(10, "SL", price=110, trigger_price=109)
        s.sell(10)

    candles = still(100, [BEFORE, *minutes(f"{TODAY} 10:00", 2)])
    played = both_loops(candles, {1: send}, **LIVE)
    assert [order.status for order in played.orders[:2]] == ["rejected", "trigger pending"]
    assert played.orders[2].status == "complete"
    assert reasons(played)[0] == ("trigger_price 110.05 is outside the permitted range 90 to 110")


def test_a_change_is_held_to_the_band_as_an_order_is() -> None:
    def change(s: Scripted) -> None:
        order_id = s.keep(s.buy(10, "LIMIT", price=95))
        s.notes += [s.modify(order_id, price=89.95), s.modify(order_id, price=90)]

    candles = still(100, [BEFORE, *minutes(f"{TODAY} 10:00", 2)])
    played = both_loops(candles, {1: change}, **LIVE)
    assert played.strategy.notes == [False, True]
    assert played.order(0).price == 90


@pytest.mark.parametrize(
    ("day", "before", "edges"),
    [
        # Trades at 110.50 prove that 10 % have given way to 15 %.
        ("2024-11-14", "2024-11-13 15:29", (90, 115)),
        # Since 2024-11-18 the other side moves along, from 90 to 95.
        ("2024-11-18", "2024-11-14 15:29", (95, 115)),
    ],
)
def test_a_flexible_band_gives_way_to_what_trades_prove(
    day: str, before: str, edges: tuple[float, float]
) -> None:
    candles = bars(
        *flat(100, 2), (105, 110.5, 105, 108), *flat(108, 2),
        at=[before, *minutes(f"{day} 10:00", 4)],
    )  # fmt: skip
    lower, upper = edges
    assert asked([110.05], candles, at=1, **LIVE) == [False]
    prices = [lower, upper, round(lower - 0.05, 2), round(upper + 0.05, 2)]
    assert asked(prices, candles, at=3, **LIVE) == [True, True, False, False]


def test_the_next_session_has_a_band_of_its_own() -> None:
    candles = bars(
        *flat(100, 1), (100, 108, 100, 108), *flat(108, 2),
        at=[BEFORE, f"{TODAY} 15:29", *minutes("2024-01-03 10:00", 2)],
    )  # fmt: skip
    # 10 % around 108 are 97.20 to 118.80.
    assert asked([97.2, 97.15, 118.8, 118.85], candles, at=2, **LIVE) == [True, False, True, False]


@pytest.mark.parametrize(
    ("day", "before", "price", "tick"),
    [
        ("2024-06-07", "2024-06-06", 200, 0.05),
        ("2024-06-10", "2024-06-07", 200, 0.01),  # below 250 rupees
        ("2024-06-10", "2024-06-07", 300, 0.05),
        ("2025-04-11", "2025-04-09", 2_000, 0.05),
        ("2025-04-15", "2025-04-11", 2_000, 0.1),  # from 1,000 to 5,000
        ("2025-04-15", "2025-04-11", 6_000, 0.5),
    ],
)
def test_defect_07_a_price_off_the_tick_of_the_date_is_refused(
    day: str, before: str, price: float, tick: float
) -> None:
    def send(s: Scripted) -> None:
        s.buy(1, "LIMIT", price=round(price - tick, 2))
        s.buy(1, "LIMIT", price=round(price - tick / 2, 3))

    candles = still(price, [f"{before} 15:29", *minutes(f"{day} 10:00", 2)], symbol="TTML")
    played = both_loops(candles, {1: send}, **LIVE)
    assert played.orders[0].status == "open"
    assert f"is not a multiple of the tick size {tick}" in reasons(played)[1]


# A locked band (S7) ------------------------------------------------------------------------


def test_S7_at_the_upper_band_nobody_sells_to_a_buyer() -> None:
    """110 all minute is the band of SBIN after a close of 100: the purchase waits for 10:03."""
    candles = bars(
        *flat(100, 2), *flat(110, 2), (109, 110, 108, 109),
        at=[BEFORE, *minutes(f"{TODAY} 10:00", 4)],
    )  # fmt: skip
    played = both_loops(candles, {1: lambda s: s.buy(10)}, **LIVE)
    assert played.rows == [("10:03:00", "BUY", 10, 109, "P1")]


def test_S7_at_the_upper_band_a_seller_is_served() -> None:
    candles = bars(*flat(100, 2), *flat(110, 2), at=[BEFORE, *minutes(f"{TODAY} 10:00", 3)])
    steps = {0: lambda s: s.buy(10, product="CNC"), 1: lambda s: s.sell(10, product="CNC")}
    played = both_loops(candles, steps, **LIVE)
    assert played.rows[-1] == ("10:01:00", "SELL", 10, 110, "P1")


def test_S7_a_limit_that_rests_at_the_band_is_not_filled_by_a_locked_bar() -> None:
    """A buy limit at 95 when the day locks at the lower band of 90: buyers are served there, at
    the open, while a stop of the other side waits."""

    def send(s: Scripted) -> None:
        s.buy(10, "LIMIT", price=95, product="MIS")
        s.sell(10, "SL-M", trigger_price=93, product="MIS")

    candles = bars(
        *flat(100, 2), *flat(90, 2), (91, 92, 90.5, 92),
        at=[BEFORE, *minutes(f"{TODAY} 10:00", 4)],
    )  # fmt: skip
    played = both_loops(candles, {1: send}, **LIVE)
    assert played.rows == [
        ("10:01:00", "BUY", 10, 90, "P2b"),
        ("10:03:00", "SELL", 10, 91, "P3"),
    ]


@pytest.mark.parametrize(
    ("price", "locked"), [(104.85, False), (104.9, True), (95.15, False), (95.1, True)]
)
def test_S7_of_an_unknown_band_one_price_far_from_the_close_is_locked(
    price: float, locked: bool
) -> None:
    candles = bars(
        *flat(100, 2), *flat(price, 2), symbol="TTML", at=[BEFORE, *minutes(f"{TODAY} 10:00", 3)]
    )
    send = (lambda s: s.buy(10)) if price > 100 else (lambda s: s.sell(10, product="MIS"))
    played = both_loops(candles, {1: send}, **LIVE)
    assert (not played.fills) == locked


def test_S7_a_locked_day_of_daily_bars_serves_one_side() -> None:
    candles = bars(*flat(100, 2), *flat(110, 1), (112, 115, 111, 112), timeframe="1d", start=TODAY)
    played = both_loops(candles, {1: lambda s: s.buy(10)}, **LIVE)
    assert [(f"{f.time:%m-%d}", f.price) for f in played.fills] == []
    assert reasons(played) == ["DAY order: the session ended."]


def test_S7_the_sandbox_knows_no_lock() -> None:
    candles = bars(*flat(100, 2), *flat(110, 2), at=[BEFORE, *minutes(f"{TODAY} 10:00", 3)])
    played = both_loops(candles, {1: lambda s: s.buy(10)}, **SANDBOX)
    assert played.rows == [("10:01:00", "BUY", 10, 110, "P1")]


# Limit-price protection --------------------------------------------------------------------


def option(day: str, premium: float, symbol: str) -> Any:
    exchange = "BFO" if symbol.startswith("SENSEX") else "NFO"
    return still(premium, minutes(f"{day} 10:00", 3), symbol=symbol, exchange=exchange)


@pytest.mark.parametrize(
    ("day", "premium", "edges"),
    [
        ("2022-10-31", 40, (20, 60)),  # 20 points up to a premium of 50
        ("2022-10-31", 50, (30, 70)),
        ("2022-10-31", 100, (60, 140)),  # 40 % above
        ("2024-01-02", 200, (120, 280)),
    ],
)
def test_an_options_limit_far_from_its_premium_is_refused(
    day: str, premium: float, edges: tuple[float, float]
) -> None:
    lower, upper = edges
    candles = option(day, premium, "NIFTY29FEB2422000CE")
    prices = [lower, upper, lower - 0.05, upper + 0.05]
    assert asked(prices, candles, at=0, **LIVE) == [True, True, False, False]


def test_before_the_protection_and_on_other_exchanges_any_limit_of_an_option_is_taken() -> None:
    assert all(asked([1, 400], option("2022-10-28", 100, "NIFTY29FEB2422000CE"), at=0, **LIVE))
    assert all(asked([1, 400], option(TODAY, 100, "SENSEX23FEB2472000CE"), at=0, **LIVE))


def test_a_bot_that_bids_half_as_much_again_is_refused_live_and_not_in_the_sandbox() -> None:
    candles = option(TODAY, 100, "NIFTY29FEB2422000CE")
    assert asked([150], candles, at=0, **LIVE) == [False]
    assert asked([150], candles, at=0, **SANDBOX) == [True]


# Freeze quantity ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("named", "day", "lot", "most"),
    [
        (FUTURE, TODAY, 50, 1_800),
        ({"symbol": "NIFTY31MAR22FUT", "exchange": "NFO"}, "2022-03-01", 50, 2_800),
        # 900 on that date, and a lot of 15: 60 lots.
        ({"symbol": "BANKNIFTY29FEB2448000CE", "exchange": "NFO"}, TODAY, 15, 900),
        # 600 are 17 lots of 35, not 18: 595.
        ({"symbol": "BANKNIFTY31JUL2556000CE", "exchange": "NFO"}, "2025-07-01", 35, 595),
        ({"symbol": "SENSEX23FEB2472000CE", "exchange": "BFO"}, TODAY, 10, 1_000),
    ],
)
def test_defect_07_more_than_the_freeze_quantity_at_once_is_refused(
    named: dict[str, Any], day: str, lot: int, most: int
) -> None:
    def send(s: Scripted) -> None:
        s.buy(most)
        s.buy(most + lot)

    candles = still(100, minutes(f"{day} 10:00", 3), **named)
    played = both_loops(candles, {0: send}, initial_cash=1e9, **LIVE)
    assert [order.status for order in played.orders] == ["complete", "rejected"]
    assert reasons(played)[1] == f"Order quantity {most + lot} exceeds the freeze quantity {most}"
    assert f"at most {most} an order" in played.orders[1].remedy


def test_splitorder_slices_what_one_order_may_not_be() -> None:
    def send(s: Scripted) -> None:
        reply = MockOpenAlgoClient(s.context).splitorder(
            symbol="NIFTY25JAN24FUT", exchange="NFO", action="BUY", quantity=4_000,
            splitsize=1_800, product="NRML",
        )  # fmt: skip
        s.notes.append(reply["status"])

    candles = still(22_000, minutes(f"{TODAY} 10:00", 3), **FUTURE)
    played = both_loops(candles, {0: send}, initial_cash=1e9, **LIVE)
    assert played.strategy.notes == ["success"]
    assert [fill.quantity for fill in played.fills] == [1_800, 1_800, 400]


def test_a_bot_gets_an_id_and_finds_the_order_rejected_in_its_book() -> None:
    def send(s: Scripted) -> None:
        client = MockOpenAlgoClient(s.context)
        reply = client.placeorder(
            symbol="NIFTY25JAN24FUT", exchange="NFO", action="BUY", quantity=1_850, product="NRML"
        )
        book = client.orderbook()["data"]["orders"]
        s.notes += [reply["status"], book[0]["orderid"] == reply["orderid"]]
        s.notes.append(book[0]["order_status"])

    candles = still(22_000, minutes(f"{TODAY} 10:00", 2), **FUTURE)
    played = play(candles, {0: send}, initial_cash=1e9, **LIVE)
    assert played.strategy.notes == ["success", True, "rejected"]


def test_the_broker_squares_off_more_than_the_freeze_quantity_all_the_same() -> None:
    candles = still(22_000, clocks(TODAY, "15:22", "15:23", "15:24", "15:25"), **FUTURE)
    steps = {0: lambda s: [s.buy(1_800, product="MIS") for _ in range(2)]}
    played = both_loops(candles, steps, initial_cash=1e9, participation=None, **LIVE)
    assert played.rows[-1] == ("15:25:00", "SELL", 3_600, 22_000, "S3")


@pytest.mark.parametrize("settings", [SANDBOX, BARE], ids=["sandbox", "none"])
def test_elsewhere_no_quantity_is_too_large(settings: dict[str, Any]) -> None:
    candles = still(100, minutes(f"{TODAY} 10:00", 3), **FUTURE)
    played = play(candles, {0: lambda s: s.buy(18_000)}, initial_cash=1e9, **settings)
    assert played.fills[0].quantity == 18_000
