"""The same rules over real bars, with the noise, gaps and odd sessions that real files have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from tapeback import Candles, read_candles
from tests.property.audit import run
from tests.property.worlds import PLANS, Plan, settings_of_runs

# Prices of these files lie on the exchange's ticks: SBIN's with float noise, NIFTY's exactly, and
# RELIANCE's with a halt, a call auction and a print before the open.
FILES = {
    "SBIN": ("SBIN_5m_20240502_20240603.csv", "NSE", "5m", 0),
    "NIFTY": ("NIFTY_1m_20240101_20240823.csv", "NSE_INDEX", "1m", 5_000),
    "RELIANCE": ("RELIANCE_1m_20200323_morning_halt.csv", "NSE", "1m", 0),
}
BARS = 600
SESSION = 400


@pytest.fixture(scope="module", params=FILES)
def real(request: pytest.FixtureRequest, shared_data: Path) -> Candles:
    name, exchange, timeframe, begin = FILES[request.param]
    candles = read_candles(
        shared_data / "market" / name, symbol=request.param, exchange=exchange, timeframe=timeframe
    )
    return candles[begin : begin + BARS]


@given(plan=PLANS, chosen=settings_of_runs(initial_cash=10_000_000))
@settings(max_examples=25)
def test_real_bars_keep_the_rules(real: Candles, plan: Plan, chosen: dict[str, Any]) -> None:
    patient = Plan(plan.bars, plan.updates, budget=300)
    run([real], patient, chosen).check()


@given(plan=PLANS, chosen=settings_of_runs(initial_cash=10_000_000))
@settings(max_examples=25)
def test_real_bars_give_the_prefix_of_a_run(
    real: Candles, plan: Plan, chosen: dict[str, Any]
) -> None:
    cut = int(real.starts[min(SESSION, len(real) - 5)])
    whole, part = (run([part], plan, chosen) for part in (real, real.between(None, cut)))
    early = part.bot.diary.events
    assert early == whole.bot.diary.events[: len(early)]
    first = list(part.result.fills)
    assert first == list(whole.result.fills)[: len(first)]
