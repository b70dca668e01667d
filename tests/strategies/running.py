"""Runs for these tests: candles of known shape, and a strategy played over them."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from tapeback.broker.service import BrokerService
from tapeback.core.engine import BacktestEngine, RunRecord
from tapeback.core.portfolio import Portfolio
from tapeback.core.rules import ExecutionRules
from tapeback.data.provider import DataRequest
from tapeback.data.synthetic import SyntheticDataProvider
from tapeback.market.candles import Candles
from tapeback.market.costs import FlatCosts
from tapeback.market.rulebook import Rulebook
from tapeback.market.sessions import session_of, trading_days
from tapeback.market.timeframes import duration, is_intraday
from tapeback.strategies.base import BaseStrategy
from tapeback.strategies.opening import open_strategy
from tapeback.utils.clock import day_of, midnight

LEVERAGE = {"MIS": 5.0, "NRML": 10.0, "CNC": 1.0}
FIRST = date(2024, 1, 1)


@dataclass
class Played:
    """A run that has ended: its record, the strategy, and what it told of its state."""

    record: RunRecord
    strategy: BaseStrategy
    state: dict[str, Any]

    @property
    def bot(self) -> Any:
        return self.strategy.bot  # type: ignore[attr-defined]

    @property
    def orders(self) -> list[Any]:
        return list(self.record.simulator.orders.values())


def play(
    source: Any,
    candles: Candles | Sequence[Candles],
    params: dict[str, Any] | None = None,
    *,
    trade_from: int | None = None,
    cash: float = 1_000_000.0,
    inside: Callable[[BaseStrategy], None] | None = None,
    **rules: Any,
) -> Played:
    """Open a strategy and play it; `inside` is called after the last bar, while it is open."""
    series = [candles] if isinstance(candles, Candles) else list(candles)
    settled = ExecutionRules(leverage=LEVERAGE, **rules)
    portfolio = Portfolio(cash, margined=settled.exchange_rules)
    engine = BacktestEngine(series, settled, portfolio, Rulebook(FlatCosts(5.0)))
    with open_strategy(source, BrokerService(engine), params, trade_from=trade_from) as strategy:
        record = engine.run(strategy)
        state = strategy.get_state()
        if inside is not None:
            inside(strategy)
    return Played(record, strategy, state)


def candles_of(
    closes: Sequence[float],
    *,
    symbol: str = "ACME",
    exchange: str = "NSE",
    timeframe: str = "1h",
    reach: float = 0.5,
) -> Candles:
    """Bars with these closes on the session grid from Monday 1 January 2024, each from the last
    close to its own and `reach` rupees beyond both."""
    step = duration(timeframe)
    stamps: list[int] = []
    for day in trading_days(day_of(FIRST), day_of(FIRST) + 2 * len(closes) + 7).tolist():
        opens, ends = session_of(day, exchange)
        if is_intraday(timeframe):
            stamps += range(opens, ends, step)
        else:
            stamps.append(midnight(day))
        if len(stamps) >= len(closes):
            break
    before = [closes[0], *closes[:-1]]
    pairs = list(zip(before, closes, strict=True))
    return Candles.from_arrays(
        symbol=symbol,
        exchange=exchange,
        timeframe=timeframe,
        ts=stamps[: len(closes)],
        open=before,
        high=[max(pair) + reach for pair in pairs],
        low=[min(pair) - reach for pair in pairs],
        close=closes,
        volume=[100_000.0] * len(closes),
    )


def made_up(
    symbol: str, exchange: str, timeframe: str, start: date, end: date, *, seed: int = 7
) -> Candles:
    """Synthetic candles of a range of dates."""
    request = DataRequest(
        symbol=symbol, exchange=exchange, timeframe=timeframe, start=start, end=end
    )
    return SyntheticDataProvider(seed).fetch(request)


def write_bot(folder: Path, source: str, name: str = "some_bot.py") -> Path:
    """A bot file with this source, dedented; its folder is made."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(textwrap.dedent(source), encoding="utf-8")
    return path
