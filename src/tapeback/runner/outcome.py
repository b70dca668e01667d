"""What a run leaves behind, made into its result."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from tapeback.broker.service import BrokerService
from tapeback.core.engine import BacktestEngine, RunRecord
from tapeback.core.ledger import Ledger
from tapeback.core.order_simulator import OrderSimulator
from tapeback.core.rules import FILL_RULES, ExecutionRules
from tapeback.core.trades import match_trades
from tapeback.market.candles import Candles
from tapeback.market.dated import Row, tables_digest
from tapeback.market.rulebook import Rulebook
from tapeback.metrics.calculator import MetricsCalculator
from tapeback.metrics.charges import ItemisedCharges
from tapeback.metrics.margin import MarginChanges
from tapeback.models.config import AppConfig
from tapeback.models.data_file import DataFile
from tapeback.models.result import (
    AmbiguousBar,
    BacktestResult,
    BrokerRecord,
    CarriedPosition,
    DoubtfulRule,
    EquityCurve,
    RunInfo,
    Shortfall,
    StrategyFault,
)
from tapeback.strategies.base import BaseStrategy
from tapeback.utils.clock import date_of_day, to_ist
from tapeback.utils.money import to_rupees


def result_of(
    record: RunRecord,
    engine: BacktestEngine,
    service: BrokerService,
    state: dict[str, Any],
    config: AppConfig,
    manifest: Callable[[], dict[str, Any]],
    *,
    begun: int | None = None,
) -> BacktestResult:
    """The result of what was played; bars before `begun` (ns UTC) were only history."""
    simulator, first = record.simulator, engine.series[0]
    initial = config.backtest.initial_cash
    columns, ledger, rulebook = record.equity, simulator.ledger, engine.rulebook
    trades = match_trades(ledger)
    postings = tuple(ledger.postings)
    itemised = ItemisedCharges(ledger, postings, rulebook, partial(shared_by_trades, ledger))
    for book in simulator.books.values():
        rulebook.note(book.frictions.used)
    tax = None
    if config.tax.enabled:
        from tapeback.runner.tax import tax_statement

        tax = tax_statement(config.tax, ledger, trades, postings, itemised, rulebook)
    if begun is None:
        begun = min(int(candles.starts[0]) for candles in engine.series)
    else:
        columns = columns.since(begun)
    metrics = MetricsCalculator().calculate(
        equity=columns.equity,
        ends=columns.ends,
        initial_capital=initial,
        trades=trades.columns(),
        fills=record.fills,
        postings=postings,
        margin=_margin_changes(simulator, begun) if engine.portfolio.margined else None,
        tax=tax,
        benchmark_close=columns.benchmark,
        in_market=columns.invested,
        risk_free_pct=config.backtest.risk_free_pct,
    )
    return BacktestResult(
        status=record.status,
        symbol=first.symbol,
        exchange=first.exchange,
        timeframe=first.timeframe,
        start_time=to_ist(begun),
        end_time=to_ist(max(int(c.ends[-1]) for c in engine.series)),
        trades=trades,
        orders=tuple(simulator.orders.rows),
        fills=ledger,
        postings=postings,
        itemised=itemised,
        tax=tax,
        equity_curve=EquityCurve(columns.ends, columns.equity, initial),
        metrics=metrics,
        open_positions=tuple(p for p in service.positions() if p.quantity),
        ambiguous_bars=tuple(AmbiguousBar(ts, symbol) for ts, symbol in simulator.ambiguous),
        touch_misses=simulator.touch_misses,
        shortfalls=tuple(
            Shortfall(str(date_of_day(day)), to_rupees(units))
            for day, units in sorted(simulator.shortfalls.items())
        ),
        broker=_broker_record(engine, service),
        doubtful_rules=_doubtful((*rulebook.doubtful, *(tax.low_confidence if tax else ()))),
        faults=tuple(StrategyFault(f.ts, f.callback, f.error, f.traceback) for f in record.faults),
        modifications=tuple(simulator.modified),
        origins=tuple((candles.series.name, candles.origin) for candles in engine.series),
        strategy_state=state,
        total_candles=record.bars_total,
        processed_candles=record.bars_done,
        make_manifest=manifest,
        notes=_notes(engine.rulebook, ledger),
        run=RunInfo("", datetime.fromtimestamp(0, UTC), 0.0, "", {}),
    )


def shared_by_trades(ledger: Ledger, charges: Sequence[int]) -> list[int]:
    """How charges of the fills, money units in their order, fall on the trades."""
    return match_trades(ledger, charges).fees


def _margin_changes(simulator: OrderSimulator, begun: int) -> MarginChanges:
    return MarginChanges(
        ts=simulator.margin_log.ts,
        units=simulator.margin_log.units,
        start=begun,
        end=simulator.now,
    )


def _broker_record(engine: BacktestEngine, service: BrokerService) -> BrokerRecord:
    simulator, rulebook = engine.simulator, engine.rulebook
    return BrokerRecord(
        name=rulebook.broker.name,
        plan=rulebook.schedule.plan.name,
        borrowed=rulebook.broker.borrowed if rulebook.fidelity == "live" else (),
        squared_off=simulator.squared_off,
        carried=tuple(CarriedPosition(ts, symbol) for ts, symbol in engine.clearing.carried),
        left_resting=simulator.left_resting,
        margin_warnings=service.margin_warnings,
        lot_refusals=service.checks.lot_refusals,
    )


def _doubtful(rows: Sequence[Row]) -> tuple[DoubtfulRule, ...]:
    return tuple(
        DoubtfulRule(row.rule, date_of_day(row.since), row.source) for row in dict.fromkeys(rows)
    )


def state_of(strategy: BaseStrategy) -> dict[str, Any]:
    """What the strategy tells of itself; that it cannot is told too, and costs no result."""
    try:
        return strategy.get_state()
    except Exception as error:
        return {"error": f"get_state() raised {type(error).__name__}: {error}"}


def _notes(rulebook: Rulebook, ledger: Ledger) -> tuple[str, ...]:
    """What a reader should know that no figure tells."""
    traded = {order.symbol for order in ledger.orders} if rulebook.without_lot else set()
    return tuple(
        f"no table has the lot size of {symbol}: one unit was taken for a lot. "
        "data.master_contract names a file that has it."
        for symbol in rulebook.without_lot
        if symbol in traded
    )


def manifest_of(
    config: AppConfig,
    series: Sequence[Candles],
    rules: ExecutionRules,
    rulebook: Rulebook,
    strategy: str,
    code: dict[str, str],
) -> dict[str, Any]:
    """What the run was made of: the same manifest means the same result."""
    data = [
        {
            "series": candles.series.name,
            "bars": len(candles),
            "first": candles[0].timestamp.isoformat(),
            "last": candles[-1].timestamp.isoformat(),
            "sha256": candles.sha256,
            "origin": msgspec.to_builtins(candles.origin),
        }
        for candles in series
    ]
    return {
        "fill_rules": FILL_RULES,
        "config": _config_without_paths(config),
        "execution": msgspec.to_builtins(rules),
        "rules": {
            "fidelity": rulebook.fidelity,
            "broker": rulebook.broker.name,
            "plan": rulebook.schedule.plan.name,
            "rounding": rulebook.schedule.rounding,
            "tables": tables_digest(),
            "files": rulebook.files,
        },
        "data": data,
        "synthetic": any(candles.origin.synthetic for candles in series),
        "strategy": strategy,
        "code": code,
        "seed": config.backtest.seed,
        "versions": {
            "tapeback": version("tapeback"),
            "python": sys.version.split()[0],
            "numpy": version("numpy"),
            "pandas": version("pandas"),
        },
    }


def _config_without_paths(config: AppConfig) -> dict[str, Any]:
    """The settings as a manifest keeps them: files by name, for where they lie says nothing about
    the run."""
    settings = config.public_dict()
    settings["data"]["files"] = [_file_name(file) for file in config.data.data_files]
    settings["data"]["cache_dir"] = None
    for name in ("master_contract", "corporate_actions", "ban_list", "historify"):
        if settings["data"][name]:
            settings["data"][name] = Path(settings["data"][name]).name
    if config.logging.file:
        settings["logging"]["file"] = Path(config.logging.file).name
    return settings


def _file_name(file: DataFile) -> str:
    series = ":".join(part for part in (file.symbol, file.exchange, file.timeframe) if part)
    name = Path(file.path).name
    return f"{series}={name}" if series else name
