"""What made earlier simulators slow, held down as counts of calls: no clock is read here."""

from __future__ import annotations

import logging
import sys
from collections import Counter
from collections.abc import Callable
from types import FrameType
from typing import Any

import numpy as np
import pytest

import tapeback.core.book
from benchmarks.jobs.strategies import Grid
from tapeback import BaseStrategy, Candle, Candles, backtest
from tests.core.play import BARE, LIVE, bars, flat, minute_bars, play


class NoOp(BaseStrategy):
    def on_bar(self, candle: Candle) -> None:
        pass


def calls_of(action: Callable[[], Any]) -> Counter[str]:
    """How often each Python function ran, by `file:function`."""
    if not tapeback.core.book.__file__.endswith(".py"):
        pytest.skip("counts calls of Python functions, which the compiled twin has none of")
    found: Counter[str] = Counter()

    def count(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            code = frame.f_code
            found[
                f"{code.co_filename.replace(chr(92), '/').rpartition('/')[2]}:{code.co_name}"
            ] += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        action()
    finally:
        sys.setprofile(before)
    return found


def growth(strategy: type[BaseStrategy], small: Candles, large: Candles, **settings: Any) -> float:
    """Python calls that each further bar costs."""
    backtest(strategy, small, **settings)
    few, many = (
        sum(calls_of(lambda c=candles: backtest(strategy, c, **settings)).values())
        for candles in (small, large)
    )
    return (many - few) / (len(large) - len(small))


def mornings(candles: Candles, count: int) -> Candles:
    """The first `count` bars of each session."""
    kept = np.concatenate([first + np.arange(count) for first in candles.session_firsts])
    return Candles.from_arrays(
        symbol=candles.symbol,
        exchange=candles.exchange,
        timeframe=candles.timeframe,
        ts=candles.starts[kept],
        **{
            name: getattr(candles, name)[kept]
            for name in ("open", "high", "low", "close", "volume")
        },
    )


@pytest.mark.parametrize("settings", [BARE, LIVE], ids=["none", "live"])
def test_defect_74_a_bar_without_orders_costs_one_call(settings: dict[str, Any]) -> None:
    """The strategy's own; what a chunk or a session costs besides is shared by its bars. The same
    sixteen sessions, once with half of their bars."""
    candles = minute_bars(6_000, 3)
    assert growth(NoOp, mornings(candles, 187), candles, **settings) < 1.1


def test_defect_74_the_rules_of_a_session_are_asked_for_once() -> None:
    """Its hours always; lots, bands and the like only of an instrument that was ever traded, and
    once a session however many orders there are."""
    candles = minute_bars(6_000, 3)

    class Buyer(BaseStrategy):
        bars = 0

        def on_bar(self, candle: Candle) -> None:
            self.bars += 1
            if 100 < self.bars % 375 < 110:
                self.buy(1)

    idle, busy = (calls_of(lambda s=s: backtest(s, candles, **LIVE)) for s in (NoOp, Buyer))
    assert len(candles.session_firsts) == 16
    # Once more for the book before its first session.
    assert idle["rulebook.py:hours"] == busy["rulebook.py:hours"] == 17
    assert idle["rulebook.py:terms"] <= 1
    assert busy["rulebook.py:terms"] == 17


def test_defect_74_several_symbols_cost_a_few_calls_a_bar() -> None:
    series = [minute_bars(3_000, k, f"S{k}") for k in range(3)]
    short = [candles[:1_500] for candles in series]
    backtest(NoOp, short, **BARE)
    few = sum(calls_of(lambda: backtest(NoOp, short, **BARE)).values())
    many = sum(calls_of(lambda: backtest(NoOp, series, **BARE)).values())
    assert (many - few) / (3 * 1_500) < 10


def test_defect_74_a_bar_that_no_order_could_meet_is_not_walked() -> None:
    rows = [*flat(100, 200), (100, 100, 94, 95), *flat(95, 200)]

    def run() -> Any:
        return play(bars(*rows), {0: lambda s: s.buy(1, "LIMIT", price=95)}, **BARE)

    found = calls_of(run)
    assert found["walking.py:meet"] == 2  # where it arrives, and where it is met
    assert len(run().fills) == 1


def test_defect_74_after_a_cancel_nothing_is_walked() -> None:
    steps = {0: lambda s: s.keep(s.buy(1, "LIMIT", price=95)), 3: lambda s: s.cancel(s.ids[0])}
    rows = [*flat(100, 10), *flat(90, 200)]
    assert calls_of(lambda: play(bars(*rows), steps, **BARE))["walking.py:meet"] <= 2


def test_defect_72_history_is_a_view_of_the_candles() -> None:
    candles = bars(*flat(100, 300))
    played = play(candles, {n: lambda s: s.notes.append(s.history(50)) for n in (99, 199)}, **BARE)
    first, second = played.strategy.notes
    assert [len(first), len(second)] == [50, 50]
    assert np.shares_memory(first.close, candles.close)
    assert int(second.ts[-1]) == int(candles.ts[199])


def test_defect_72_a_coarser_history_is_built_once() -> None:
    candles = minute_bars(750, 3)

    class Reader(BaseStrategy):
        def on_bar(self, candle: Candle) -> None:
            self.history(20, timeframe="5m")

    found = calls_of(lambda: backtest(Reader, candles, **BARE))
    assert found["resampling.py:resample"] == 1


def test_defect_73_calls_grow_in_line_with_fills() -> None:
    """Forty limits resting, nearly a fill a bar: the last fills cost what the first ones did."""
    candles = minute_bars(6_000, 42)
    settings = {**BARE, "initial_cash": 1e8}
    counts = []
    for bars_in in (1_500, 3_000, 6_000):
        part = candles[:bars_in]
        fills = len(backtest(Grid, part, **settings).fills)
        counts.append((sum(calls_of(lambda p=part: backtest(Grid, p, **settings)).values()), fills))
    (first, some), (second, more), (third, most) = counts
    assert (third - second) / (most - more) < 1.15 * (second - first) / (more - some)


@pytest.mark.parametrize("pricetype", ["LIMIT", "SL-M"])
def test_defect_75_modifying_leaves_no_trail(pricetype: str) -> None:
    """One resting order that follows the market, a little nearer at each of two thousand closes:
    what it left behind lies below it, where no price comes to sweep it away."""
    name = "price" if pricetype == "LIMIT" else "trigger_price"
    side = "buy" if pricetype == "LIMIT" else "sell"
    steps: dict[int, Any] = {0: lambda s: s.keep(getattr(s, side)(1, pricetype, **{name: 50}))}
    for bar in range(1, 2_000):
        steps[bar] = lambda s, bar=bar: s.modify(s.ids[0], **{name: 50 + bar / 100})
    played = play(bars(*flat(100, 2_001)), steps, **BARE)
    book = played.strategy.context.simulator.books["SBIN", "NSE"]
    assert played.order(0).modifications == 1_999
    assert len(book.falling) + len(book.rising) + len(book.arrivals) < 200


def test_defect_75_orders_that_ended_leave_no_trail() -> None:
    steps = {
        n: lambda s: (
            s.cancel_all_orders(),
            s.buy(1, "LIMIT", price=50),
            s.sell(1, "LIMIT", price=150),
        )
        for n in range(2_000)
    }
    played = play(bars(*flat(100, 2_001)), steps, **BARE)
    book = played.strategy.context.simulator.books["SBIN", "NSE"]
    assert len(played.orders) == 4_000
    assert len(book.falling) + len(book.rising) + len(book.arrivals) < 200


def test_defect_75_nothing_is_logged_while_it_runs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    candles = minute_bars(1_000, 42)
    assert backtest(Grid, candles, **{**BARE, "initial_cash": 1e8}).fills
    assert not caplog.records


def test_defect_75_progress_is_told_at_a_bounded_rate() -> None:
    seen: list[tuple[int, int]] = []
    candles = minute_bars(20_000, 3)
    backtest(NoOp, candles, progress=lambda done, total: seen.append((done, total)), **BARE)
    assert 50 < len(seen) <= 320
    assert seen[-1] == (20_000, 20_000)
    assert seen == sorted(seen)
