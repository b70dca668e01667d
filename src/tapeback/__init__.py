"""Tapeback runs the trading bot that you trade live, unchanged, over market history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tapeback.utils import twin as _twin

if TYPE_CHECKING:
    from tapeback.data.files import read_candles
    from tapeback.errors import (
        ConfigError,
        DataError,
        MissingExtraError,
        OutputError,
        StrategyError,
        StrategyFailedError,
        TapebackError,
    )
    from tapeback.market.candles import Candles
    from tapeback.models.candle import Candle
    from tapeback.models.config import AppConfig
    from tapeback.models.fill import Fill
    from tapeback.models.order import Order
    from tapeback.models.result import BacktestResult
    from tapeback.models.trade import Trade
    from tapeback.runner import backtest, run
    from tapeback.settings import load_config
    from tapeback.strategies.base import BaseStrategy

_HOMES = {
    "AppConfig": "tapeback.models.config",
    "BacktestResult": "tapeback.models.result",
    "BaseStrategy": "tapeback.strategies.base",
    "Candle": "tapeback.models.candle",
    "Candles": "tapeback.market.candles",
    "ConfigError": "tapeback.errors",
    "DataError": "tapeback.errors",
    "Fill": "tapeback.models.fill",
    "MissingExtraError": "tapeback.errors",
    "Order": "tapeback.models.order",
    "OutputError": "tapeback.errors",
    "StrategyError": "tapeback.errors",
    "StrategyFailedError": "tapeback.errors",
    "TapebackError": "tapeback.errors",
    "Trade": "tapeback.models.trade",
    "backtest": "tapeback.runner",
    "load_config": "tapeback.settings",
    "read_candles": "tapeback.data.files",
    "run": "tapeback.runner",
}

__all__ = [
    "AppConfig",
    "BacktestResult",
    "BaseStrategy",
    "Candle",
    "Candles",
    "ConfigError",
    "DataError",
    "Fill",
    "MissingExtraError",
    "Order",
    "OutputError",
    "StrategyError",
    "StrategyFailedError",
    "TapebackError",
    "Trade",
    "__version__",
    "backtest",
    "load_config",
    "read_candles",
    "run",
]

_twin.use()


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("tapeback")
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'tapeback' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
