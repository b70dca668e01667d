"""How the bars are fed changes nothing: chunks of any size, alone or beside another symbol."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapeback import BaseStrategy, Candle, Candles, backtest
from tapeback.core import engine
from tapeback.utils.clock import MINUTE_NS
from tests.core.play import minute_bars
from tests.property.audit import run
from tests.property.worlds import PLANS, Plan, minute_candles, sessions, settings_of_runs

BESIDE = "INFY"


@st.composite
def beside(draw: st.DrawFn) -> list[Candles]:
    """A symbol and another one that trades in the same sessions, not always in the same minutes."""
    days = draw(sessions())
    other = days if draw(st.booleans()) else [[ts + MINUTE_NS for ts in day[:-1]] for day in days]
    return [draw(minute_candles(days=days)), draw(minute_candles(BESIDE, other))]


@given(pair=beside(), plan=PLANS, chosen=settings_of_runs(), first=st.booleans())
@settings(max_examples=400, report_multiple_bugs=False)
def test_a_symbol_on_which_nothing_trades_changes_nothing(
    pair: list[Candles], plan: Plan, chosen: dict[str, Any], first: bool
) -> None:
    """The loop for one instrument and the one for several are two programs of one contract."""
    alone = run(pair[:1], plan, chosen)
    together = run(pair[::-1] if first else pair, plan, chosen, ignored=(BESIDE,))
    assert list(together.result.fills) == list(alone.result.fills)
    assert together.bot.diary.events == alone.bot.diary.events
    assert together.result.orders == alone.result.orders
    assert together.result.trades == alone.result.trades
    assert together.result.postings == alone.result.postings
    assert together.result.touch_misses == alone.result.touch_misses
    assert together.result.ambiguous_bars == alone.result.ambiguous_bars


class Restless(BaseStrategy):
    """Keeps a few limits and stops around the price, so that many bars are walked."""

    def on_bar(self, candle: Candle) -> None:
        turn = candle.ts // 60_000_000_000 % 7
        if turn == 0:
            self.cancel_all_orders()
        side = self.buy if turn % 2 else self.sell
        offset = (turn - 3) * 0.5
        if turn in (1, 2, 5):
            side(10, "LIMIT", price=candle.close + offset)
        elif turn == 3:
            side(10, stop_loss=candle.close - 5, target=candle.close + 5)


@pytest.mark.parametrize("chunk", [64, 97, 1_000, 4_096, 100_000])
def test_chunks_of_any_size_change_nothing(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    candles = minute_bars(9_000, 7)
    expected = backtest(Restless, candles, initial_cash=10_000_000)
    monkeypatch.setattr(engine, "_CHUNK", chunk)
    monkeypatch.setattr(engine, "_STEPS", 1)
    chunked = backtest(Restless, candles, initial_cash=10_000_000)
    assert len(expected.fills) > 2_000
    assert list(chunked.fills) == list(expected.fills)
    assert chunked.orders == expected.orders
    np.testing.assert_array_equal(chunked.equity_curve.equity, expected.equity_curve.equity)
