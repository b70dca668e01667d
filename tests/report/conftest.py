"""Finished runs to report on: real ones, over a few sessions of made-up minute bars."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import tapeback
from tapeback import BacktestResult, BaseStrategy, Candle, Candles
from tapeback.models.config import AppConfig, TaxConfig
from tapeback.models.finding import Finding, Origin
from tapeback.utils.clock import MINUTE_NS, day_of, midnight

FIRST_MINUTE = 9 * 60 + 15


def session_bars(
    sessions: int = 3,
    minutes: int = 375,
    *,
    symbol: str = "RELIANCE",
    exchange: str = "NSE",
    origin: Origin | None = None,
) -> Candles:
    """Minute bars of whole sessions from 2024-06-03 on; prices wander on the tick grid."""
    from datetime import date

    days = [day for day in range(day_of(date(2024, 6, 3)), 20_000) if (day + 3) % 7 < 5][:sessions]
    ts = [midnight(day) + (FIRST_MINUTE + m) * MINUTE_NS for day in days for m in range(minutes)]
    rng = np.random.default_rng(11)
    close = np.round((2500 + np.cumsum(rng.normal(0, 1.5, len(ts)))) / 0.05) * 0.05
    open_ = np.append(close[0], close[:-1])
    return Candles.from_arrays(
        symbol=symbol,
        exchange=exchange,
        timeframe="1m",
        ts=np.array(ts),
        open=open_,
        high=np.maximum(open_, close) + 0.5,
        low=np.minimum(open_, close) - 0.5,
        close=close,
        volume=np.full(len(ts), 40_000.0),
        **({} if origin is None else {"origin": origin}),
    )


class Busy(BaseStrategy):
    """Sends every kind of order: filled, triggered, modified, cancelled, refused."""

    def on_start(self) -> None:
        self.bars = 0
        self.resting = ""

    def on_bar(self, candle: Candle) -> None:
        self.bars += 1
        step = self.bars % 40
        if step == 1:
            self.buy(10, stop_loss=candle.close - 4, target=candle.close + 6, product="MIS")
        elif step == 5:
            self.resting = self.buy(5, "LIMIT", candle.close - 30, product="MIS")
        elif step == 8:
            self.modify(self.resting, price=candle.close - 25)
        elif step == 11:
            self.cancel(self.resting)
        elif step == 20:
            self.sell(10, "SL-M", trigger_price=round(candle.close - 1, 2), product="MIS")
        elif step == 30:
            self.buy(10_000_000)

    def get_state(self) -> dict[str, object]:
        return {"bars": self.bars, "nan": float("nan")}


@pytest.fixture
def run() -> Callable[..., BacktestResult]:
    def build(
        strategy: type[BaseStrategy] = Busy, candles: Candles | None = None, **settings: object
    ) -> BacktestResult:
        return tapeback.backtest(strategy, candles or session_bars(), **settings)

    return build


@pytest.fixture(scope="session")
def busy_run() -> BacktestResult:
    return tapeback.backtest(Busy, session_bars(), initial_cash=1_000_000)


@pytest.fixture(scope="session")
def synthetic_run() -> BacktestResult:
    origin = Origin(
        kind="synthetic",
        detail="seed 42",
        findings=(
            Finding(
                code="frozen-tail",
                severity="warning",
                message="the price does not move for 12 bars",
                count=12,
                where="2024-06-05",
            ),
        ),
    )
    taxed = AppConfig(tax=TaxConfig(enabled=True))
    candles = session_bars(origin=origin)
    return tapeback.backtest(Busy, candles, config=taxed, initial_cash=1_000_000)
