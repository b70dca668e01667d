"""What positions and resting orders block, alone and together, and what may go without it (S2)."""

from __future__ import annotations

from typing import Any

import pytest

import tapeback
from tapeback import BaseStrategy, Candle, Candles
from tests.core.play import LIVE, SANDBOX, Played, Scripted, bars, flat, minutes, play
from tests.core.rules.scenes import reasons, still

DAY = "2024-01-02"
CALL, PUT, WING = (f"NIFTY25JAN24{leg}" for leg in ("22000CE", "22000PE", "22500CE"))
RICH: dict[str, Any] = {**LIVE, "initial_cash": 1_000_000}
# NIFTY at 22,000 and a lot of 50. Scan 9.3 %: the index at 24,046 or 19,954, an at-the-money option
# then worth 2,046 a unit, 102,300 a lot. Exposure 3 % of 11,00,000: 33,000. At a premium of 300 the
# 15,000 received count: 102,300 - 15,000 + 33,000.
NAKED = 120_300
# Both legs sold: only one of them can lose. 102,300 - 30,000 + 2 x 33,000.
STRADDLE = 138_300
# The call sold at 300 and the one 500 points higher bought at 120: at most 500 x 50 can be lost.
# 25,000 - 15,000 + 6,000 (the premium paid) + 33,000.
SPREAD = 49_000


def chain(count: int = 8, **premiums: float) -> list[Candles]:
    """The index and options on it, every minute at the same prices."""
    labels = minutes(f"{DAY} 10:00", count)
    found = [still(22_000, labels, symbol="NIFTY", exchange="NSE_INDEX", volume=None)]
    for symbol, premium in premiums.items():
        found.append(still(premium, labels, symbol=symbol, exchange="NFO", volume=1e6))
    return found


def blocked(s: Scripted) -> None:
    s.notes.append(s.context.portfolio.blocked_units / 1e6)


def send(action: str, symbol: str, **order: Any) -> Any:
    return lambda s: s.keep(getattr(s, action)(50, symbol=symbol, exchange="NFO", **order))


def at(series: list[Candles], steps: dict[int, Any], **settings: Any) -> Played:
    """Steps at the closes of the last series' bars, when all prices of a minute are known."""
    symbol = series[-1].symbol
    return play(series, {(symbol, n): step for n, step in steps.items()}, **settings)


def both(*steps: Any) -> Any:
    return lambda s: [step(s) for step in steps]


# Together ----------------------------------------------------------------------------------


def test_a_sold_option_blocks_its_scanned_loss_and_exposure() -> None:
    steps = {0: send("sell", CALL), 1: blocked}
    assert at(chain(**{CALL: 300}), steps, **RICH).strategy.notes == [NAKED]


def test_defect_15_a_straddle_blocks_less_than_its_legs_apart() -> None:
    """Two limits that rest block each their own margin; once both are filled they share it."""
    labels = minutes(f"{DAY} 10:00", 4)
    rows = [*flat(290, 2), (290, 301, 290, 300), *flat(300, 1)]
    series = [still(22_000, labels, symbol="NIFTY", exchange="NSE_INDEX", volume=None)]
    series += [
        bars(*rows, at=labels, symbol=leg, exchange="NFO", volume=1e6) for leg in (CALL, PUT)
    ]
    limit = {"pricetype": "LIMIT", "price": 300}
    steps = {
        0: both(send("sell", CALL, **limit), send("sell", PUT, **limit), blocked),
        2: blocked,
    }
    played = at(series, steps, **RICH)
    assert [fill.price for fill in played.fills] == [300, 300]
    assert played.strategy.notes == [2 * NAKED, STRADDLE]


def test_legs_sent_by_market_at_one_moment_are_asked_for_one_after_the_other() -> None:
    """Live the first is filled before the second is sent: 150,000 are enough for both."""
    steps = {0: both(send("sell", CALL), send("sell", PUT), blocked), 1: blocked}
    series = chain(**{CALL: 300, PUT: 300})
    played = at(series, steps, margin="strict", **{**LIVE, "initial_cash": 150_000})
    assert reasons(played) == ["", ""]
    assert played.strategy.notes == [STRADDLE, STRADDLE]


def test_two_orders_of_one_moment_on_one_contract_block_twice_its_margin() -> None:
    steps = {0: both(send("sell", CALL), send("sell", CALL), blocked), 1: blocked}
    played = at(chain(**{CALL: 300}), steps, **RICH)
    assert played.strategy.notes == [2 * NAKED, 2 * NAKED]


def test_a_hedge_bought_first_lowers_what_the_short_needs() -> None:
    poor = {**LIVE, "initial_cash": 100_000, "margin": "strict"}
    series = chain(**{WING: 120, CALL: 300})
    naked = at(series, {0: send("sell", CALL)}, **poor)
    assert "Required: ₹120300.00, Available: ₹100000.00, Shortage: ₹20300.00" in reasons(naked)[0]
    steps = {0: send("buy", WING), 1: both(blocked, send("sell", CALL)), 2: blocked}
    hedged = at(series, steps, **poor)
    assert reasons(hedged) == ["", ""]
    assert hedged.strategy.notes == [6_000, SPREAD]


def test_the_hedge_sold_first_at_the_exit_makes_the_margin_jump() -> None:
    steps = {
        0: send("buy", WING),
        1: send("sell", CALL),
        2: both(blocked, send("sell", WING)),
        3: both(blocked, send("buy", CALL)),
        4: blocked,
    }
    played = at(chain(**{WING: 120, CALL: 300}), steps, **RICH)
    assert played.strategy.notes == [SPREAD, NAKED, 0]
    assert played.result.metrics.peak_margin == NAKED


def test_the_hedge_sold_first_is_refused_where_the_money_is_not_there() -> None:
    steps = {
        0: send("buy", WING),
        1: send("sell", CALL),
        2: send("sell", WING),
        3: both(blocked, send("buy", CALL)),
        4: both(blocked, send("sell", WING)),
        5: blocked,
    }
    poor = {**LIVE, "initial_cash": 100_000, "margin": "strict"}
    played = at(chain(**{WING: 120, CALL: 300}), steps, **poor)
    assert [order.status for order in played.orders] == [
        "complete", "complete", "rejected", "complete", "complete",
    ]  # fmt: skip
    assert "Insufficient funds. Required: ₹71300.00" in reasons(played)[2]
    assert played.strategy.notes == [SPREAD, 6_000, 0]


def test_products_do_not_hedge_one_another() -> None:
    steps = {0: send("sell", CALL), 1: send("sell", PUT, product="MIS"), 2: blocked}
    played = at(chain(**{CALL: 300, PUT: 300}), steps, **RICH)
    assert played.strategy.notes == [2 * NAKED]


def test_the_loss_of_the_index_is_in_the_margin_of_the_next_order() -> None:
    """NIFTY at 22,440: the scan ends at 24,526.92, 126,346 a lot, exposure 33,660."""
    labels = minutes(f"{DAY} 10:00", 4)
    series = [
        bars(*flat(22_000, 1), *flat(22_440, 3), at=labels, symbol="NIFTY", exchange="NSE_INDEX",
             volume=None),
        still(300, labels, symbol=CALL, exchange="NFO", volume=1e6),
    ]  # fmt: skip
    steps = {1: both(send("sell", CALL), blocked), 2: blocked}
    assert at(series, steps, **RICH).strategy.notes == [145_006, 145_006]


# Strict, warn, off -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "cash", "passes", "warned"),
    [
        ("strict", 120_300, True, 0),
        ("strict", 120_299, False, 0),
        # 15 % of 120,300 are 18,045.
        ("warn", 102_255, True, 1),
        ("warn", 102_254, False, 0),
        (None, 102_255, True, 1),
        ("off", 1_000, True, 0),
    ],
)
def test_how_strictly_margin_is_asked_for(
    policy: str | None, cash: float, passes: bool, warned: int
) -> None:
    chosen = {} if policy is None else {"margin": policy}
    settings = {**LIVE, "initial_cash": cash, **chosen}
    played = at(chain(**{CALL: 300}), {0: send("sell", CALL)}, **settings)
    assert (played.orders[0].status == "complete") == passes
    assert played.result.broker.margin_warnings == warned


def test_what_went_through_short_of_margin_is_reported_with_its_date() -> None:
    settings = {**LIVE, "initial_cash": 102_255}
    played = at(chain(**{CALL: 300}), {0: send("sell", CALL)}, **settings)
    assert [(s.date, s.amount) for s in played.result.shortfalls] == [(DAY, -18_045)]


def test_shares_are_asked_for_strictly_unless_it_is_set() -> None:
    candles = still(100, minutes(f"{DAY} 10:00", 3))
    poor = {**LIVE, "initial_cash": 990}
    steps = {0: lambda s: s.buy(10, product="CNC")}
    assert "Required: ₹1000.00" in reasons(play(candles, steps, **poor))[0]
    assert reasons(play(candles, steps, margin="warn", **poor)) == [""]


# By date -----------------------------------------------------------------------------------


def sold_at_24000(day: str, symbol: str, until: str = "", **settings: Any) -> Played:
    """A call sold at 100 with the index at its strike. Notes what it blocks at its fill, and at
    the first close of another day."""
    labels = minutes(f"{day} 10:00", 3) + (minutes(f"{until} 10:00", 2) if until else [])
    series = [
        still(24_000, labels, symbol="NIFTY", exchange="NSE_INDEX", volume=None),
        still(100, labels, symbol=symbol, exchange="NFO", volume=1e6),
    ]
    steps = {0: lambda s: s.sell(25, symbol=symbol), 1: blocked} | ({3: blocked} if until else {})
    return at(series, steps, **{**RICH, **settings})


def test_since_november_2024_an_option_sold_blocks_more_on_its_expiry_day() -> None:
    """25 x 24,000 = 6,00,000: scan 55,800 less the premium 2,500, exposure 18,000; on the last day
    2 % more, 12,000."""
    for day, symbol, margin in (
        ("2024-11-14", "NIFTY14NOV2424000CE", 71_300),
        ("2024-11-27", "NIFTY28NOV2424000CE", 71_300),
        ("2024-11-28", "NIFTY28NOV2424000CE", 83_300),
    ):
        assert sold_at_24000(day, symbol).strategy.notes == [margin]


def test_a_position_is_margined_anew_with_each_session() -> None:
    """Nobody trades on the second day: what is blocked rises when it opens."""
    played = sold_at_24000("2024-11-27", "NIFTY28NOV2424000CE", until="2024-11-28")
    assert played.strategy.notes == [71_300, 83_300]
    metrics = played.result.metrics
    assert metrics.peak_margin == 83_300
    assert f"{metrics.peak_margin_time:%m-%d %H:%M}" == "11-28 10:00"


def test_a_broker_that_credits_no_premium_blocks_it_as_well() -> None:
    played = sold_at_24000("2024-11-27", "NIFTY28NOV2424000CE", broker="dhan")
    assert played.strategy.notes == [73_800]


def test_in_the_sandbox_an_option_blocks_its_premium_on_both_sides() -> None:
    steps = {0: send("sell", CALL), 1: blocked}
    sandbox = {**SANDBOX, "initial_cash": 1_000_000}
    assert at(chain(**{CALL: 300}), steps, **sandbox).strategy.notes == [15_000]


# Reserved and released ---------------------------------------------------------------------


def test_what_rests_is_free_again_when_it_is_cancelled_and_when_the_session_ends() -> None:
    labels = [*minutes(f"{DAY} 15:27", 3), *minutes("2024-01-03 09:15", 2)]
    series = [
        still(22_000, labels, symbol="NIFTY", exchange="NSE_INDEX", volume=None),
        still(300, labels, symbol=CALL, exchange="NFO"),
    ]
    limit = {"pricetype": "LIMIT", "price": 310}
    steps = {
        0: both(send("sell", CALL, **limit), send("sell", CALL, **limit), blocked),
        1: both(lambda s: s.cancel(s.ids[0]), blocked),
        3: blocked,
    }
    # At 310 each: 102,300 - 15,500 + 33,000 = 119,800.
    assert at(series, steps, **RICH).strategy.notes == [239_600, 119_800, 0]


def test_a_change_blocks_what_the_changed_order_needs() -> None:
    limit = {"pricetype": "LIMIT", "price": 310}

    def change(s: Scripted) -> None:
        s.modify(s.ids[0], price=320)
        blocked(s)
        s.modify(s.ids[0], quantity=100)
        blocked(s)

    steps = {0: send("sell", CALL, **limit), 1: change}
    # At 320: 102,300 - 16,000 + 33,000, and twice that.
    assert at(chain(**{CALL: 300}), steps, **RICH).strategy.notes == [119_300, 238_600]


def test_a_reversal_is_margined_as_new() -> None:
    """One future blocks about 1.4 lakh. With 2 lakh the way from one long to one short is refused
    in one order, though the long's margin will be free then; closing it is not."""

    class Turner(BaseStrategy):
        def on_bar(self, candle: Candle) -> None:
            if not self.get_orders() and not self.position():
                self.buy(50, product="NRML")
            elif self.position() == 50:
                self.sell(100, product="NRML")
                self.sell(50, product="NRML")

    prices = [(22_000.0, 22_010.0, 21_990.0, 22_000.0)] * 3
    candles = bars(*prices, symbol="NIFTY25JAN24FUT", exchange="NFO")
    result = tapeback.backtest(Turner, candles, initial_cash=200_000)
    assert [(order.quantity, order.status) for order in result.orders[:3]] == [
        (50, "complete"),
        (100, "rejected"),
        (50, "complete"),
    ]
    assert result.orders[1].rejection_reason.startswith("Insufficient funds")
