"""The one use case: settings and candles in, a `BacktestResult` out. The only composition root."""

from __future__ import annotations

from tapeback.runner.rules import execution_rules
from tapeback.runner.simulation import backtest, run, simulate, with_bounds

__all__ = ["backtest", "execution_rules", "run", "simulate", "with_bounds"]
