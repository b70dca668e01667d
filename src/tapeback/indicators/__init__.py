"""Indicators, each in two forms of one definition: over columns, and bar by bar.

Inputs are finite numbers in time order; what is not defined yet is NaN. A period or multiplier
that cannot be is a ConfigError, columns that do not match a DataError.
"""

from __future__ import annotations

from tapeback.indicators.averages import EMA, RMA, SMA, ema, rma, sma
from tapeback.indicators.bot_supertrend import BotSupertrend
from tapeback.indicators.momentum import MACD, RSI, MACDColumns, macd, rsi
from tapeback.indicators.supertrend import Supertrend, SupertrendColumns, supertrend
from tapeback.indicators.volatility import ATR, Bollinger, BollingerColumns, atr, bollinger

__all__ = [
    "ATR",
    "EMA",
    "MACD",
    "RMA",
    "RSI",
    "SMA",
    "Bollinger",
    "BollingerColumns",
    "BotSupertrend",
    "MACDColumns",
    "Supertrend",
    "SupertrendColumns",
    "atr",
    "bollinger",
    "ema",
    "macd",
    "rma",
    "rsi",
    "sma",
    "supertrend",
]
