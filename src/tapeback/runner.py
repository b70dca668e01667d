"""The one use case: settings and candles in, a `BacktestResult` out. The only composition root."""

from __future__ import annotations

import gc
import platform
import secrets
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from tapeback.broker.service import BrokerService
from tapeback.core.engine import BacktestEngine, RunRecord
from tapeback.core.portfolio import Portfolio
from tapeback.core.rules import FILL_RULES, ExecutionRules
from tapeback.core.trades import match_trades
from tapeback.data.sources import load_series, refuse_mended
from tapeback.errors import DataError, StrategyFailedError, StrategyLoadError
from tapeback.market.candles import Candles
from tapeback.market.costs import FLAT_BPS, FlatCosts
from tapeback.market.rulebook import Rulebook
from tapeback.metrics.calculator import MetricsCalculator
from tapeback.models.config import AppConfig
from tapeback.models.data_file import DataFile
from tapeback.models.order import PRODUCTS
from tapeback.models.result import (
    AmbiguousBar,
    BacktestResult,
    Bounds,
    EquityCurve,
    RunInfo,
    Shortfall,
    StrategyFault,
)
from tapeback.settings import CATALOGUE_PATH, build_config, load_catalogue
from tapeback.strategies.base import BaseStrategy
from tapeback.strategies.opening import code_of, open_strategy
from tapeback.strategies.registry import StrategyEntry, resolve
from tapeback.utils.clock import date_of_day, day_of, midnight, to_ist
from tapeback.utils.money import to_rupees

Progress = Callable[[int, int], None]
_GC_ALLOCATIONS = 50_000
_ADVERSE = {"intrabar": "adverse", "limit_fill": "through", "slippage": "harsh"}
_FAVOURABLE = {"intrabar": "favourable", "limit_fill": "touch"}


def backtest(
    strategy: type[Any] | BaseStrategy,
    candles: Candles | Iterable[Candles],
    *,
    config: AppConfig | None = None,
    params: dict[str, Any] | None = None,
    bounds: bool = False,
    progress: Progress | None = None,
    **settings: Any,
) -> BacktestResult:
    """Run a strategy over candles.

    `strategy` is the class of a native strategy or of a live bot, or an instance of a native one;
    `candles` is one series or several. `params` go to the strategy's `initialize`, or to the
    bot's constructor. `settings` are those of the sections `backtest` and `execution` and `costs`
    by their bare names (`initial_cash=500_000, slippage="none", fidelity="none"`), laid over
    `config`. With `bounds` the run is repeated under the kindest and the harshest reading of its
    bars (a class is needed then, so that each run starts afresh).

    Raises ConfigError for unusable settings, DataError for unusable candles and
    StrategyFailedError, which carries the partial result, when the strategy raises.
    """
    series = [candles] if isinstance(candles, Candles) else list(candles)
    chosen = build_config(config, **settings)
    if bounds and not isinstance(strategy, type):
        raise StrategyLoadError(
            f"bounds runs the strategy three times and {type(strategy).__name__} is an instance.",
            remedy="Pass the class itself.",
        )
    result = simulate(strategy, series, chosen, params=params, progress=progress)
    if bounds:
        result = with_bounds(result, lambda c: simulate(strategy, series, c, params=params), chosen)
    return result


def run(
    config: AppConfig,
    *,
    strategy: str | None = None,
    root: Path | None = None,
    bounds: bool = False,
    progress: Progress | None = None,
) -> BacktestResult:
    """Run what a config describes: its data, its strategy, its dials.

    `strategy` is a name of the catalogue, of the registry, or `file.py:Class`; by default the
    config's `strategy.type`. `root` is the folder that holds `strats/` and `configs/` (default:
    the working directory). Raises as `backtest` does, and StrategyNotFoundError.
    """
    folder = root or Path.cwd()
    bots = {entry.id: entry.bot for entry in load_catalogue(folder / CATALOGUE_PATH) if entry.bot}
    source = resolve(strategy or config.strategy.type, root=folder, bots=bots)
    wanted = config.strategy
    before = wanted.buffer_enabled and wanted.buffer_mode == "fetch_additional"
    series = load_series(
        config.data,
        config.backtest.seed,
        sessions_before=wanted.buffer_days if before and wanted.buffer_bars is None else 0,
        bars_before=wanted.buffer_bars or 0 if before else 0,
    )
    if config.execution.on_bad_data == "stop":
        refuse_mended(series)
    trade_from = None
    if before and config.data.start is not None:
        trade_from = midnight(day_of(config.data.start))
    params = wanted.chosen_parameters()
    paths = {"root": str(folder), **{f"data{n}": f for n, f in enumerate(config.data.files)}}

    def play(chosen: AppConfig, shown: Progress | None) -> BacktestResult:
        return simulate(
            source,
            series,
            chosen,
            params=params,
            progress=shown,
            trade_from=trade_from,
            paths=paths,
        )

    result = play(config, progress)
    return with_bounds(result, lambda c: play(c, None), config) if bounds else result


def with_bounds(
    result: BacktestResult, rerun: Callable[[AppConfig], BacktestResult], config: AppConfig
) -> BacktestResult:
    """The result with the interval that its net profit lies in when bars are read otherwise.

    Only runs that were played to their end say anything: where one was not, there is no interval
    and a note tells why.
    """
    nets = [result.metrics.net_pnl]
    for name, dials in (("adverse", _ADVERSE), ("favourable", _FAVOURABLE)):
        try:
            other = rerun(build_config(config, **dials))
        except StrategyFailedError as error:
            note = f"no bounds: under the {name} reading of the bars {error}"
            return replace(result, notes=(*result.notes, note))
        if "cancelled" in (result.status, other.status):
            return replace(result, notes=(*result.notes, "no bounds: the run was interrupted."))
        nets.append(other.metrics.net_pnl)
    return replace(result, bounds=Bounds(adverse=min(nets), favourable=max(nets)))


def simulate(
    source: StrategyEntry | type[Any] | BaseStrategy,
    series: Sequence[Candles],
    config: AppConfig,
    *,
    params: dict[str, Any] | None = None,
    progress: Progress | None = None,
    trade_from: int | None = None,
    paths: dict[str, str] | None = None,
) -> BacktestResult:
    """Play `series` to one strategy under `config` and work out everything about the run."""
    _check_series(series)
    created, begun = datetime.now(UTC), time.perf_counter()
    rules = execution_rules(config)
    portfolio = Portfolio(config.backtest.initial_cash, margined=rules.exchange_rules)
    costs = _costs(config)
    engine = BacktestEngine(series, rules, portfolio, Rulebook(costs), progress=progress)
    service = BrokerService(engine)
    with open_strategy(source, service, params, trade_from=trade_from) as strategy:
        listens = type(strategy).on_order_update is not BaseStrategy.on_order_update
        with _patient_garbage_collection():
            record = engine.run(strategy, strategy.on_order_update if listens else None)
        name = strategy.name or type(strategy).__name__
        charged = {"bps": costs.bps, "per_execution": costs.per_execution}
        manifest = partial(_manifest, config, series, rules, charged, name, code_of(strategy))
        result = _result(record, engine, service, strategy, config, manifest)
    run_info = RunInfo(
        run_id=f"{created:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}",
        created_at=created,
        execution_time=time.perf_counter() - begun,
        host=platform.node(),
        paths=paths or {},
    )
    result = replace(result, run=run_info)
    if record.status == "failed":
        fault = record.faults[-1]
        raise StrategyFailedError(
            f"the strategy raised in {fault.callback} at {to_ist(fault.ts):%Y-%m-%d %H:%M:%S}: "
            f"{fault.error}",
            result=result,
            traceback=fault.traceback,
        )
    return result


@contextmanager
def _patient_garbage_collection() -> Iterator[None]:
    """Look for cyclic garbage less often: a run keeps nearly everything that it allocates, and
    looking through it over and over costs several per cent."""
    before = gc.get_threshold()
    gc.set_threshold(_GC_ALLOCATIONS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def execution_rules(config: AppConfig) -> ExecutionRules:
    """The execution settings with every default settled that depends on the fidelity."""
    execution, backtest_ = config.execution, config.backtest
    live = execution.fidelity == "live"
    participation = execution.participation
    if participation == "auto" and not live:
        participation = None
    return ExecutionRules(
        fidelity=execution.fidelity,
        market_fill=execution.market_fill,
        intrabar=execution.intrabar,
        limit_fill=execution.limit_fill or ("through" if live else "touch"),
        participation=participation,
        slippage=execution.slippage or ("normal" if live else "none"),
        slippage_bps=backtest_.slippage_bps,
        slippage_ticks=execution.slippage_ticks,
        spread_bps=execution.spread_bps,
        impact=execution.impact,
        latency=round((execution.latency or 0.0) * 1_000_000),
        continue_on_error=execution.on_error == "continue",
        close_at_end=execution.close_at_end,
        leverage=_leverage(backtest_.leverage),
    )


def _leverage(setting: float | dict[str, float] | None) -> dict[str, float]:
    """The leverage that was set, by product; what is missing follows the instrument."""
    if isinstance(setting, int | float):
        return dict.fromkeys(PRODUCTS, float(setting))
    return dict(setting or {})


def _costs(config: AppConfig) -> FlatCosts:
    """The plan of charges with the fees that are set added to it."""
    plan = config.costs or ("flat" if config.execution.fidelity == "live" else "none")
    return FlatCosts(
        (FLAT_BPS if plan == "flat" else 0.0) + (config.backtest.fee_bps or 0.0),
        config.backtest.commission_per_trade,
        exact=config.execution.fidelity == "none",
    )


def _check_series(series: Sequence[Candles]) -> None:
    if not series:
        raise DataError("there are no candles to run over.", remedy="Pass at least one series.")
    for candles in series:
        if not len(candles):
            raise DataError(f"{candles.series.name} holds no bar.")
    names = [candles.series.name for candles in series]
    for name in names:
        if names.count(name) > 1:
            raise DataError(
                f"{name} was given {names.count(name)} times.", remedy="Give each series once."
            )


def _result(
    record: RunRecord,
    engine: BacktestEngine,
    service: BrokerService,
    strategy: BaseStrategy,
    config: AppConfig,
    manifest: Callable[[], dict[str, Any]],
) -> BacktestResult:
    simulator, first = record.simulator, engine.series[0]
    initial = config.backtest.initial_cash
    columns = record.equity
    trades = match_trades(simulator.ledger)
    metrics = MetricsCalculator().calculate(
        equity=columns.equity,
        ends=columns.ends,
        initial_capital=initial,
        trades=trades,
        fills=record.fills,
        benchmark_close=columns.benchmark,
        in_market=columns.invested,
        risk_free_pct=config.backtest.risk_free_pct,
    )
    return BacktestResult(
        status=record.status,
        symbol=first.symbol,
        exchange=first.exchange,
        timeframe=first.timeframe,
        start_time=to_ist(min(int(c.starts[0]) for c in engine.series)),
        end_time=to_ist(max(int(c.ends[-1]) for c in engine.series)),
        trades=tuple(trades),
        orders=tuple(simulator.orders.rows),
        fills=simulator.ledger,
        equity_curve=EquityCurve(columns.ends, columns.equity, initial),
        metrics=metrics,
        open_positions=tuple(p for p in service.positions() if p.quantity),
        ambiguous_bars=tuple(AmbiguousBar(ts, symbol) for ts, symbol in simulator.ambiguous),
        touch_misses=simulator.touch_misses,
        shortfalls=tuple(
            Shortfall(str(date_of_day(day)), to_rupees(units))
            for day, units in sorted(simulator.shortfalls.items())
        ),
        faults=tuple(StrategyFault(f.ts, f.callback, f.error, f.traceback) for f in record.faults),
        modifications=tuple(simulator.modified),
        origins=tuple((candles.series.name, candles.origin) for candles in engine.series),
        strategy_state=_state_of(strategy),
        total_candles=record.bars_total,
        processed_candles=record.bars_done,
        make_manifest=manifest,
        run=RunInfo("", datetime.fromtimestamp(0, UTC), 0.0, "", {}),
    )


def _state_of(strategy: BaseStrategy) -> dict[str, Any]:
    """What the strategy tells of itself; that it cannot is told too, and costs no result."""
    try:
        return strategy.get_state()
    except Exception as error:
        return {"error": f"get_state() raised {type(error).__name__}: {error}"}


def _manifest(
    config: AppConfig,
    series: Sequence[Candles],
    rules: ExecutionRules,
    costs: dict[str, float],
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
        "costs": costs,
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
    if config.logging.file:
        settings["logging"]["file"] = Path(config.logging.file).name
    return settings


def _file_name(file: DataFile) -> str:
    series = ":".join(part for part in (file.symbol, file.exchange, file.timeframe) if part)
    name = Path(file.path).name
    return f"{series}={name}" if series else name
