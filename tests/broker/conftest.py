"""A run whose strategy is a script: it calls the client at each bar's close."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from tapeback import BaseStrategy, Candle, Candles, Order, backtest
from tapeback.broker.account import Account
from tapeback.broker.client import MockOpenAlgoClient
from tapeback.broker.ports import Contracts, FeedSink
from tapeback.broker.service import BrokerService
from tapeback.core.engine import BacktestEngine
from tapeback.core.portfolio import Portfolio
from tapeback.core.rules import ExecutionRules
from tapeback.core.tape import Tape
from tapeback.market.charges import ChargeSchedule
from tapeback.market.margin import MarginModel
from tapeback.market.rulebook import Rulebook
from tapeback.utils.clock import DAY_NS, IST_OFFSET_NS, MINUTE_NS

MONDAY = 19_723 * DAY_NS - IST_OFFSET_NS  # 2024-01-01
OPEN = MONDAY + 555 * MINUTE_NS

Script = Callable[[MockOpenAlgoClient, int, Candle], None]
Update = Callable[[MockOpenAlgoClient, Order], None]


def bars(
    closes: Sequence[float],
    *,
    per_day: int = 375,
    symbol: str = "SBIN",
    exchange: str = "NSE",
    timeframe: str = "1m",
    width: float = 0.5,
    volume: float = 10_000,
    oi: float | None = None,
) -> Candles:
    """Bars from 2024-01-01 09:15, `per_day` a date, each opening at the close before it and
    reaching `width` beyond both."""
    close = np.array(closes, dtype=float)
    opened = np.concatenate([close[:1], close[:-1]])
    at = np.arange(len(close))
    ts = OPEN + at // per_day * DAY_NS + at % per_day * MINUTE_NS
    return Candles.from_arrays(
        symbol=symbol,
        exchange=exchange,
        timeframe=timeframe,
        ts=ts,
        open=opened,
        high=np.maximum(opened, close) + width,
        low=np.minimum(opened, close) - width,
        close=close,
        volume=np.full(len(close), float(volume)),
        oi=None if oi is None else np.full(len(close), float(oi)),
    )


class Scripted(BaseStrategy):
    """Calls a script with the client, the number of the bar and the bar."""

    def __init__(self, script: Script | None, on_update: Update | None) -> None:
        self.script = script
        self.on_update = on_update
        self.updates: list[tuple[str, str]] = []
        self.bar = -1

    def set_context(self, context: BrokerService) -> None:
        super().set_context(context)
        self.client = MockOpenAlgoClient(context)

    def on_bar(self, candle: Candle) -> None:
        self.bar += 1
        if self.script is not None:
            self.script(self.client, self.bar, candle)

    def on_order_update(self, order: Order) -> None:
        self.updates.append((order.orderid, order.status))
        if self.on_update is not None:
            self.on_update(self.client, order)


class Played:
    """What a scripted run left: its client, still at the last instant, orders and updates."""

    def __init__(self, strategy: Scripted) -> None:
        self.client = strategy.client
        self.service = strategy.context
        self.orders = list(strategy.context.simulator.orders.values())
        self.fills = list(strategy.context.simulator.fills)
        self.updates = strategy.updates


def run_script(
    script: Script | None,
    candles: Candles | Sequence[Candles],
    *,
    on_update: Update | None = None,
    **given: Any,
) -> Played:
    """Run a script over candles; `given` are settings of `tapeback.backtest`."""
    strategy = Scripted(script, on_update)
    settings: dict[str, Any] = {
        "initial_cash": 1_000_000,
        "costs": "none",
        "slippage": "none",
        "limit_fill": "touch",
        "leverage": {"MIS": 5.0, "NRML": 1.0, "CNC": 1.0},
    }
    backtest(strategy, candles, **(settings | given))
    return Played(strategy)


class Awake:
    """A script's market: a tape that stands at an instant, and a client of its account."""

    def __init__(
        self,
        series: Sequence[Candles],
        *,
        source: Callable[[str, str], Candles | None] | None = None,
        sink: FeedSink | None = None,
        contracts: Contracts | None = None,
        **rules: Any,
    ) -> None:
        settled = ExecutionRules(**{"intrabar": "nearer", "limit_fill": "touch"} | rules)
        margin = MarginModel("sandbox", leverage={"MIS": 5.0, "NRML": 1.0, "CNC": 1.0})
        rulebook = Rulebook(ChargeSchedule("none"), fidelity=settled.fidelity, margin=margin)
        portfolio = Portfolio(1_000_000.0, margined=settled.exchange_rules)
        engine = BacktestEngine(series, settled, portfolio, rulebook)
        self.tape = Tape(engine, source=source)
        self.service = BrokerService(engine)
        self.account = Account(self.service, contracts=contracts, sink=sink, tape=self.tape)
        self.client = MockOpenAlgoClient(self.service, account=self.account)

    def at(self, ts: int) -> MockOpenAlgoClient:
        """Play the tape to an instant, and deliver what it printed."""
        self.tape.settle(self.tape.now)
        self.tape.advance(ts)
        self.account.feed.deliver()
        return self.client


@pytest.fixture
def play() -> Callable[..., Played]:
    """`run_script`."""
    return run_script
