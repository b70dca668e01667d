"""Futures are settled every evening: the money moves, the equity does not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.play import LIVE, SANDBOX, Scripted, bars, flat, minutes
from tests.core.rules.scenes import both_loops, still

FUTURE = {"symbol": "NIFTY25JAN24FUT", "exchange": "NFO"}
DAYS = ("2024-01-02", "2024-01-03", "2024-01-04")
# 9.3 % scan and 3 % exposure of 50 x 22,000.
MARGIN = 135_300


def labels(count: int = 2) -> list[str]:
    return [label for day in DAYS for label in minutes(f"{day} 15:26", count)]


def note(s: Scripted) -> None:
    s.notes.append(s.context.portfolio.available)


def week(second: float, third: float, **named: Any) -> Any:
    """Three days of two bars each: 22,000, then two other prices of whole days."""
    rows = [*flat(22_000, 1), (22_000, max(22_000, second), min(22_000, second), second)]
    rows += [*flat(second, 1), (second, max(second, third), min(second, third), third)]
    return bars(*rows, *flat(third, 2), at=labels(), **{**FUTURE, "volume": None, **named})


# The day is settled at the mean of its closes of the last half hour: of 22,000 and 22,200 on the
# first, 22,100.


@pytest.mark.parametrize(("sign", "gained"), [(1, 5_000), (-1, -5_000)])
def test_gains_and_losses_of_a_day_are_paid_in_the_evening(sign: int, gained: float) -> None:
    def enter(s: Scripted) -> None:
        (s.buy if sign > 0 else s.sell)(50)

    played = both_loops(week(22_200, 22_200), {0: enter, 1: note, 2: note}, initial_cash=500_000,
                        **LIVE)  # fmt: skip
    assert played.strategy.notes == [500_000 - MARGIN, 500_000 - MARGIN + gained]


def test_the_equity_and_the_profit_do_not_know_of_it() -> None:
    """Sold on the third day at 22,300, for 300 points: 15,000 in all, whatever was paid when."""
    steps = {0: lambda s: s.buy(50), 3: lambda s: s.sell(50), 4: note, 5: note}
    played = both_loops(week(22_200, 22_300), steps, initial_cash=500_000, **LIVE)
    assert played.strategy.notes == [515_000, 515_000]
    assert played.result.trades[0].pnl == 15_000
    assert played.result.equity_curve.equity.tolist() == [
        500_000, 510_000, 510_000, 515_000, 515_000, 515_000,
    ]  # fmt: skip


def test_what_was_paid_goes_with_the_part_that_is_closed() -> None:
    """100 bought; 10,000 are paid in the first evening. 50 sold at 22,200: they made 10,000, of
    which 5,000 had been paid; the rest goes on."""
    steps = {0: lambda s: s.buy(100), 1: lambda s: s.sell(50), 2: note}
    played = both_loops(week(22_200, 22_200), steps, initial_cash=500_000, **LIVE)
    paid = 10_000 + 5_000
    assert played.strategy.notes == [500_000 - MARGIN + paid]


def test_a_gain_that_was_paid_can_carry_the_next_order() -> None:
    """With 1,40,000 a second lot has to wait for money: 4,700 are left. The first evening pays
    1,50,000 (the mean of 22,000 and 28,000 is 3,000 higher)."""
    rich_enough = {0: lambda s: s.buy(50), 2: lambda s: s.buy(50)}
    candles = week(28_000, 28_000)
    played = both_loops(candles, rich_enough, initial_cash=140_000, margin="strict", **LIVE)
    # 50 x 28,000 x 12.3 % = 1,72,200 is more than 1,54,700.
    assert "Required: ₹172200.00, Available: ₹154700.00" in played.orders[1].rejection_reason
    played = both_loops(candles, rich_enough, initial_cash=158_000, margin="strict", **LIVE)
    assert played.orders[1].status == "complete"


def test_an_evening_that_takes_more_than_there_is_leaves_a_shortfall() -> None:
    """4,700 are left; the first evening takes 5,000, though no order was sent by then, and the
    second, at the mean of 21,800 and 22,000, nothing more."""
    played = both_loops(week(21_800, 22_000), {0: lambda s: s.buy(50)}, initial_cash=140_000,
                        **LIVE)  # fmt: skip
    assert [(s.date, s.amount) for s in played.result.shortfalls] == [
        ("2024-01-02", -300),
        ("2024-01-03", -300),
    ]


def test_an_index_as_proxy_is_settled_like_its_future() -> None:
    steps = {0: lambda s: s.buy(50), 2: note}
    candles = week(22_200, 22_200, symbol="NIFTY", exchange="NSE_INDEX")
    played = both_loops(candles, steps, initial_cash=500_000, **LIVE)
    assert played.strategy.notes == [500_000 - MARGIN + 5_000]


def test_options_are_not_settled_before_they_end() -> None:
    candles = bars(
        *flat(100, 1), (100, 200, 100, 200), *flat(200, 4), at=labels(),
        symbol="NIFTY25JAN2422000CE", exchange="NFO",
    )  # fmt: skip
    played = both_loops(candles, {0: lambda s: s.buy(50), 2: note}, **LIVE)
    assert played.strategy.notes == [100_000 - 5_000]


def test_the_sandbox_settles_a_future_when_it_is_closed() -> None:
    played = both_loops(week(22_200, 22_200), {0: lambda s: s.buy(50), 2: note},
                        initial_cash=500_000, **SANDBOX)  # fmt: skip
    assert played.strategy.notes == [500_000 - 110_000]


def test_an_mis_future_ends_before_the_evening() -> None:
    candles = still(22_000, [*minutes("2024-01-02 15:23", 4), *minutes("2024-01-03 09:15", 2)],
                    **FUTURE)  # fmt: skip
    steps = {0: lambda s: s.buy(50, product="MIS"), 4: note}
    played = both_loops(candles, steps, initial_cash=500_000, **LIVE)
    # All is free again, less the broker's penalty.
    assert played.strategy.notes == [500_000 - 59]
