"""Runs by hand: bars whose prices are given, and a strategy that trades at given bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np

import tapeback
from tapeback import BacktestResult, BaseStrategy, Candle, Candles
from tapeback.models.config import AppConfig, TaxConfig
from tapeback.utils.clock import MINUTE_NS, day_of, midnight

_FIRST_MINUTE = 9 * 60 + 15


def hours(
    days: Mapping[str, Sequence[float]], *, symbol: str = "RELIANCE", exchange: str = "NSE"
) -> Candles:
    """Hourly bars from 09:15 on, each opening and closing at its price: of every date, one a
    price, half a rupee around it."""
    ts, prices = [], []
    for day, levels in days.items():
        opens = midnight(day_of(date.fromisoformat(day))) + _FIRST_MINUTE * MINUTE_NS
        ts += [opens + 60 * hour * MINUTE_NS for hour in range(len(levels))]
        prices += levels
    price = np.array(prices, dtype=float)
    return Candles.from_arrays(
        symbol=symbol,
        exchange=exchange,
        timeframe="1h",
        ts=np.array(ts),
        open=price,
        high=price + 0.5,
        low=price - 0.5,
        close=price,
        volume=np.full(len(price), 1e6),
    )


class Planned(BaseStrategy):
    """Sends MARKET orders at the closes of given bars: `plan` says, by the start of the bar as
    `2024-06-03 09:15`, the signed quantity and the product."""

    def initialize(self, plan: Mapping[str, tuple[int, str]]) -> None:
        self.plan = plan

    def on_bar(self, candle: Candle) -> None:
        quantity, product = self.plan.get(f"{candle.timestamp:%Y-%m-%d %H:%M}", (0, ""))
        if quantity:
            send = self.buy if quantity > 0 else self.sell
            send(abs(quantity), product=product)


def play(
    candles: Candles | Sequence[Candles],
    plan: Mapping[str, tuple[int, str]],
    *,
    strategy: type[Planned] = Planned,
    tax: Mapping[str, Any] | None = None,
    config: AppConfig | None = None,
    **settings: Any,
) -> BacktestResult:
    """A live run without slippage; `tax` are settings of its section, which turn it on."""
    chosen = config or AppConfig()
    if tax is not None:
        chosen = chosen.model_copy(update={"tax": TaxConfig(enabled=True, **tax)})
    return tapeback.backtest(
        strategy,
        candles,
        config=chosen,
        params={"plan": plan},
        **{"slippage": "none", "initial_cash": 10_000_000, **settings},
    )
