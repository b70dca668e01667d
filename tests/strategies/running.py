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
from tapeback.market.calendar import calendar_of
from tapeback.market.candles import Candles
from tapeback.market.charges import ChargeSchedule
from tapeback.market.margin import MarginModel
from tapeback.market.rulebook import Fidelity, Rulebook
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


def rulebook_with(fidelity: Fidelity = "live") -> Rulebook:
    """Plain charges, and the tests' own leverage."""
    margin = MarginModel("sandbox", leverage=LEVERAGE)
    return Rulebook(ChargeSchedule("flat"), fidelity=fidelity, margin=margin)


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
    settled = ExecutionRules(**rules)
    portfolio = Portfolio(cash, margined=settled.exchange_rules)
    engine = BacktestEngine(series, settled, portfolio, rulebook_with(settled.fidelity))
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
    """Bars with these closes in the sessions from Monday 1 January 2024 on, each from the last
    close to its own and `reach` rupees beyond both."""
    step = duration(timeframe)
    calendar = calendar_of(exchange)
    stamps: list[int] = []
    day = day_of(FIRST)
    while len(stamps) < len(closes):
        session = calendar.session(day, symbol)
        if session is not None and is_intraday(timeframe):
            stamps += (ts for span in session.segments for ts in range(*span, step))
        elif session is not None:
            stamps.append(midnight(day))
        day += 1
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
