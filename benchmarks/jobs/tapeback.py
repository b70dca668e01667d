"""The process that measures Tapeback: `python -m benchmarks.jobs.tapeback JOB BARS`.

Each job is played twice: with its default settings (sessions, margin, charges, slippage), which is
what the clock sees, and with the oracle's, whose outcome is compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tapeback
from benchmarks import generate
from benchmarks.generate import Bars
from benchmarks.jobs.strategies import (
    Flips,
    Grid,
    IncrementalSmaCross,
    NoOp,
    SmaCross,
    SmaCrossOfMany,
)
from benchmarks.measure import Job, serve
from benchmarks.oracle import CASH, Outcome
from tapeback import BacktestResult, BaseStrategy, Candles

ORACLE_SETTINGS: dict[str, Any] = {
    "fidelity": "none",
    "costs": "none",
    "fee_bps": 3,
    "slippage": "none",
    "participation": None,
}
STRATEGIES: dict[str, type[BaseStrategy]] = {
    "J1": NoOp,
    "J2": SmaCross,
    "J2i": IncrementalSmaCross,
    "J3": Grid,
    "J4": SmaCrossOfMany,
}
FLIPS = "flips-"


def prepare(name: str, bars: int) -> Job:
    """A job on `bars` bars, J4 on as many of each of fifty symbols. `flips-K` has a fill every K
    bars."""
    if name == "J4":
        series = [candles_of(walk, f"BENCH{k:02}") for k, walk in enumerate(generate.several(bars))]
    else:
        series = [candles_of(generate.single(bars), "RELIANCE")]
    return Job(
        bars=bars * len(series),
        play=lambda: outcome_of(play(name, series)),
        check=lambda: outcome_of(play(name, series, **ORACLE_SETTINGS)),
    )


def candles_of(bars: Bars, symbol: str) -> Candles:
    """The bars as those of an NSE share."""
    columns = bars._asdict()
    return Candles.from_arrays(symbol=symbol, exchange="NSE", timeframe="1m", **columns)


def play(name: str, series: Sequence[Candles], **settings: Any) -> BacktestResult:
    """Run a job, from the columns of the candles to the metrics.

    Slices share the columns but nothing that an earlier run has worked out from them.
    """
    fresh = [candles[:] for candles in series]
    params: dict[str, Any] = {}
    if name.startswith(FLIPS):
        strategy: type[BaseStrategy] = Flips
        params["every"] = int(name.removeprefix(FLIPS))
    else:
        strategy = STRATEGIES[name]
        if strategy in (SmaCross, SmaCrossOfMany):
            params["series"] = fresh
    return tapeback.backtest(strategy, fresh, params=params, initial_cash=CASH, **settings)


def outcome_of(result: BacktestResult) -> Outcome:
    return Outcome(len(result.fills), len(result.trades), result.metrics.final_capital)


if __name__ == "__main__":
    serve("Tapeback", tapeback.__version__, prepare)
