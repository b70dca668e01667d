"""Trades, fills and timelines that the metrics are tried on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np
import pytest

from tapeback.metrics import MetricsCalculator
from tapeback.models.fill import Fill
from tapeback.models.metrics import PerformanceMetrics
from tapeback.models.trade import Trade
from tapeback.utils.clock import to_ns


@pytest.fixture
def trade() -> Callable[..., Trade]:
    def build(
        pnl: float,
        entry: str = "2024-06-03 09:20",
        exit: str = "2024-06-03 10:20",
        fees: float = 0.0,
        pnl_pct: float | None = None,
    ) -> Trade:
        return Trade(
            id="1",
            symbol="RELIANCE",
            exchange="NSE",
            product="MIS",
            entry_ts=to_ns(datetime.fromisoformat(entry)),
            exit_ts=to_ns(datetime.fromisoformat(exit)),
            entry_price=100.0,
            exit_price=100.0 + (pnl + fees) / 10.0,
            quantity=10,
            side="BUY",
            pnl=pnl,
            pnl_pct=pnl / 10.0 if pnl_pct is None else pnl_pct,
            fees=fees,
            entry_order="1",
            exit_order="2",
        )

    return build


@pytest.fixture
def fill() -> Callable[..., Fill]:
    def build(
        price: float = 100.0,
        quantity: int = 10,
        charges: float = 0.0,
        spread: float = 0.0,
        slippage: float = 0.0,
        impact: float = 0.0,
        rounding: float = 0.0,
    ) -> Fill:
        return Fill(
            ts=to_ns(datetime(2024, 6, 3, 9, 20)),
            order_id="1",
            symbol="RELIANCE",
            exchange="NSE",
            product="MIS",
            side="BUY",
            quantity=quantity,
            price=price,
            rule="P1",
            reference=price - (spread + slippage + impact + rounding),
            spread=spread,
            slippage=slippage,
            impact=impact,
            rounding=rounding,
            charges=charges,
            thin=False,
        )

    return build


@pytest.fixture
def daily_ends() -> Callable[..., np.ndarray]:
    """Closes (15:30 IST) of `n` days in a row from the first one on."""

    def build(n: int, first: str = "2024-06-03 15:30") -> np.ndarray:
        start = datetime.fromisoformat(first)
        return np.array([to_ns(start + timedelta(days=i)) for i in range(n)], dtype=np.int64)

    return build


@pytest.fixture
def calculate(daily_ends: Callable[..., np.ndarray]) -> Callable[..., PerformanceMetrics]:
    """The metrics of an equity curve, of daily bars and from its own first value unless told."""

    def build(equity: list[float] | np.ndarray, **given: object) -> PerformanceMetrics:
        curve = np.asarray(equity, dtype=np.float64)
        arguments: dict = {
            "equity": curve,
            "ends": given.get("ends", daily_ends(len(curve))),
            "initial_capital": curve[0] if len(curve) else 100_000.0,
            "trades": [],
            "fills": [],
        }
        return MetricsCalculator().calculate(**(arguments | given))

    return build
