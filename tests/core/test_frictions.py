"""What moves a price against the trader: P5 and P8."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.core.play import BARE, LIVE, SANDBOX, Step, bars, flat, parts, play

STILL = (100, 100, 100, 100)
LATER = "2024-01-02 10:00"


@pytest.mark.parametrize(
    ("symbol", "exchange", "lot", "reference", "slippage"),
    [
        ("SBIN", "NSE", 1, 1000, 0.2),  # 0.02 %
        ("SBIN", "NSE", 1, 100, 0.05),  # a tick
        ("IDEA", "NSE", 1, 1000, 0.5),  # another equity: 0.05 %
        ("IDEA", "NSE", 1, 10, 0.1),  # two ticks
        ("NIFTY", "NSE_INDEX", 1, 20_000, 1.0),  # as its near future: 0.005 %
        ("NIFTY28MAR24FUT", "NFO", 50, 20_000, 1.0),
        ("SBIN28MAR24FUT", "NFO", 1, 1000, 0.3),
        ("NIFTY28MAR2422000CE", "NFO", 50, 200, 0.6),  # near the money: 0.3 %
        ("NIFTY28MAR2422000CE", "NFO", 50, 100, 1.0),  # further off: 1 %
        ("NIFTY28MAR2422000CE", "NFO", 50, 2, 0.1),
        ("CRUDEOIL19MAR24FUT", "MCX", 100, 10_000, 3.0),
    ],
)
def test_P8_slippage_by_class(
    symbol: str, exchange: str, lot: int, reference: float, slippage: float
) -> None:
    candles = bars(
        *flat(reference, 4), symbol=symbol, exchange=exchange, start="2024-01-02 10:00", volume=1e9
    )
    played = play(
        candles,
        {1: lambda s: s.buy(lot), 2: lambda s: s.sell(lot)},
        costs="none",
        initial_cash=10_000_000,
    )
    assert [fill.slippage for fill in played.fills] == [pytest.approx(slippage)] * 2
    assert played.prices == [
        pytest.approx(reference + slippage),
        pytest.approx(reference - slippage),
    ]


def test_P8_slippage_of_a_stock_option() -> None:
    """1.5 %; brokers take no MARKET order for it, so limits beyond the price do the same."""
    candles = bars(*flat(20, 4), symbol="SBIN28MAR24800CE", exchange="NFO", start=LATER, volume=1e9)
    steps: dict[Any, Step] = {
        0: lambda s: s.keep(s.buy(1)),
        1: lambda s: s.buy(1, "LIMIT", price=25),
        2: lambda s: s.sell(1, "LIMIT", price=15),
    }
    played = play(candles, steps, costs="none")
    assert "MARKET" in played.order(0).rejection_reason
    assert [fill.slippage for fill in played.fills] == [pytest.approx(0.3)] * 2
    assert played.prices == [pytest.approx(20.3), pytest.approx(19.7)]


def test_P8_the_first_minute_costs_twice() -> None:
    candles = bars(*flat(1000, 4))
    played = play(candles, {0: lambda s: s.buy(1)}, costs="none")
    assert played.fills[0].slippage == pytest.approx(0.2)
    gap = bars(*flat(1000, 3), at=["2024-01-02 15:29", "2024-01-03 09:15", "2024-01-03 09:16"])
    steps: dict[Any, Step] = {0: lambda s: s.buy(1, product="CNC"), 1: lambda s: s.buy(1)}
    opened = play(gap, steps, costs="none")
    assert [fill.slippage for fill in opened.fills] == [pytest.approx(0.4), pytest.approx(0.2)]


def test_P8_a_triggered_stop_costs_twice() -> None:
    candles = bars(*flat(1000, 2), (1000, 1011, 999, 1005), start=LATER)
    played = play(candles, {1: lambda s: s.buy(1, "SL-M", trigger_price=1010)}, costs="none")
    assert played.fills[0].slippage == pytest.approx(0.404)
    assert played.prices == [1010.45]


@pytest.mark.parametrize(
    ("day", "clock", "slippage"),
    [("28", "14:27", 0.6), ("28", "14:30", 1.2), ("28", "15:00", 1.2), ("27", "15:00", 0.6)],
)
def test_P8_the_afternoon_of_the_expiry_costs_twice(day: str, clock: str, slippage: float) -> None:
    candles = bars(
        *flat(200, 4), symbol="NIFTY28MAR2422000CE", exchange="NFO",
        start=f"2024-03-{day} {clock}", volume=1e9,
    )  # fmt: skip
    played = play(candles, {0: lambda s: s.buy(50)}, costs="none")
    assert played.fills[0].slippage == pytest.approx(slippage)


def test_P8_volatility_comes_from_the_sessions_before() -> None:
    """Closes of 100, 110, 99 and 108.9: returns of 10 % up, down, up, in logarithms."""
    days = [f"2024-01-0{n} 15:29" for n in (1, 2, 3, 4)]
    candles = bars(
        *[(c,) * 4 for c in (100.0, 110.0, 99.0, 108.9)], (100,) * 4, (300,) * 4,
        at=[*days, "2024-01-05 09:15", "2024-01-05 09:16"], volume=10_000,
    )  # fmt: skip
    returns = np.diff(np.log([100, 110, 99, 108.9]))
    played = play(candles, {3: lambda s: s.buy(100)}, impact=1.0, **BARE)
    assert played.fills[0].impact == pytest.approx(100 * returns.std(ddof=1) * 0.1)


@pytest.mark.parametrize(
    ("dial", "slippage"), [("optimistic", 0.1), ("normal", 0.2), ("harsh", 0.4), ("none", 0.0)]
)
def test_P8_one_dial(dial: str, slippage: float) -> None:
    candles = bars(*flat(1000, 4), start=LATER)
    played = play(candles, {1: lambda s: s.buy(1)}, slippage=dial, costs="none")
    assert played.fills[0].slippage == pytest.approx(slippage)


@pytest.mark.parametrize(
    ("settings", "slippage"),
    [
        ({"slippage_bps": 0}, 0.0),
        ({"slippage_bps": 10}, 1.0),
        ({"slippage_ticks": 3}, 0.15),
        ({"slippage_bps": 10, "slippage": "harsh"}, 1.0),
    ],
)
def test_P8_a_figure_of_ones_own_replaces_the_table(
    settings: dict[str, Any], slippage: float
) -> None:
    candles = bars(*flat(1000, 4), start=LATER)
    played = play(candles, {1: lambda s: s.buy(1)}, costs="none", **settings)
    assert played.fills[0].slippage == pytest.approx(slippage)


def test_P5_parts_add_up_and_are_rounded_against_the_trader() -> None:
    """333.35 plus 0.02 % is 333.41667; a buyer pays 333.45, a seller gets 333.25."""
    candles = bars(*flat(333.35, 5), start=LATER)
    played = play(candles, {1: lambda s: s.buy(1), 2: lambda s: s.sell(1)}, costs="none")
    assert played.prices == [333.45, 333.25]
    assert parts(played.fills[0]) == (333.35, 0, 0.0667, 0, 0.0333)


def test_P5_half_the_spread_is_paid_a_side() -> None:
    played = play(
        bars(*flat(1000, 4)), {0: lambda s: s.buy(1), 1: lambda s: s.sell(1)}, spread_bps=10, **BARE
    )
    assert played.prices == [1000.5, 999.5]
    assert [fill.spread for fill in played.fills] == [0.5, 0.5]


def test_P5_impact_grows_with_the_root_of_the_share_of_volume() -> None:
    def impact(quantity: int, coefficient: float) -> float:
        candles = bars(*flat(100, 3), volume=10_000)
        played = play(candles, {0: lambda s: s.buy(quantity)}, impact=coefficient, **BARE)
        assert played.prices == [pytest.approx(100 + played.fills[0].impact)]
        return played.fills[0].impact

    assert impact(400, 0.5) == pytest.approx(2 * impact(100, 0.5))
    assert impact(100, 1.0) == pytest.approx(2 * impact(100, 0.5))
    assert impact(100, 0.5) > 0


def test_P5_a_price_may_leave_the_bar_only_by_its_parts() -> None:
    candles = bars(STILL, (100, 100.05, 99.95, 100), STILL)
    played = play(candles, {0: lambda s: s.buy(1)}, slippage_bps=100, costs="none")
    (fill,) = played.fills
    assert fill.reference == 100
    assert fill.price == 101


@pytest.mark.parametrize("settings", [LIVE, SANDBOX], ids=["live", "sandbox"])
def test_P5_a_price_between_two_ticks_is_rounded_against_the_trader(
    settings: dict[str, Any],
) -> None:
    """A third of the way from 100 to 90.05 is no tick."""
    candles = bars(STILL, (100, 105, 90.05, 100), volume=100_000)
    steps: dict[Any, Step] = {0: lambda s: (s.buy(1), s.sell(1))}
    played = play(candles, steps, latency=6_667, intrabar="olhc", **settings)
    bought, sold = played.prices
    assert bought - sold == pytest.approx(0.05)
    assert played.fills[0].reference == played.fills[1].reference
    assert sold < played.fills[0].reference < bought


def test_P5_a_market_order_where_a_limit_was_passed_stands_on_the_tick() -> None:
    played = play(
        bars(STILL, STILL, (100, 101, 90, 99)),
        {0: lambda s: s.buy(1, "LIMIT", price=95)},
        update=lambda s, o: len(s.updates) == 1 and s.buy(1),
        **LIVE,
    )
    assert played.prices == [95, pytest.approx(94.95)]
