"""The one use case: settings and candles in, a `BacktestResult` out. The only composition root."""

from __future__ import annotations

import inspect
import platform
import secrets
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from tapeback.broker.service import BrokerService
from tapeback.core.engine import BacktestEngine, RunRecord
from tapeback.core.portfolio import Portfolio
from tapeback.core.rules import FILL_RULES, ExecutionRules
from tapeback.core.trades import match_trades
from tapeback.errors import DataError, StrategyFailedError, StrategyLoadError
from tapeback.market.candles import Candles
from tapeback.market.costs import FLAT_BPS, FlatCosts
from tapeback.metrics.calculator import MetricsCalculator
from tapeback.models.config import AppConfig
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
from tapeback.settings.builder import build_config
from tapeback.strategies.base import BaseStrategy
from tapeback.utils.clock import date_of, midnight, to_ist
from tapeback.utils.money import to_rupees

Progress = Callable[[int, int], None]
_ADVERSE = {"intrabar": "adverse", "limit_fill": "through", "slippage": "harsh"}
_FAVOURABLE = {"intrabar": "favourable", "limit_fill": "touch"}


def backtest(
    strategy: type[BaseStrategy] | BaseStrategy,
    candles: Candles | Iterable[Candles],
    *,
    config: AppConfig | None = None,
    params: dict[str, Any] | None = None,
    bounds: bool = False,
    progress: Progress | None = None,
    **settings: Any,
) -> BacktestResult:
    """Run a native strategy over candles.

    `strategy` is a class or an instance, `candles` one series or several; `params` go to
    `strategy.initialize`. `settings` are those of the sections `backtest` and `execution` and
    `costs` by their bare names (`initial_cash=500_000, slippage="none", fidelity="none"`), laid
    over `config`. With `bounds` the run is repeated under the kindest and the harshest reading of
    its bars (a class is needed then, so that each run starts afresh).

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

    def make() -> BaseStrategy:
        return strategy() if isinstance(strategy, type) else strategy

    result = simulate(make(), series, chosen, params=params, progress=progress)
    if bounds:
        result = with_bounds(result, lambda c: simulate(make(), series, c, params=params), chosen)
    return result


def with_bounds(
    result: BacktestResult, rerun: Callable[[AppConfig], BacktestResult], config: AppConfig
) -> BacktestResult:
    """The result with the interval that its net profit lies in when bars are read otherwise."""
    nets = [
        rerun(build_config(config, **dials)).metrics.net_pnl for dials in (_ADVERSE, _FAVOURABLE)
    ]
    interval = Bounds(
        adverse=min(*nets, result.metrics.net_pnl), favourable=max(*nets, result.metrics.net_pnl)
    )
    return replace(result, bounds=interval)


def simulate(
    strategy: BaseStrategy,
    series: Sequence[Candles],
    config: AppConfig,
    *,
    params: dict[str, Any] | None = None,
    progress: Progress | None = None,
    code: dict[str, str] | None = None,
    paths: dict[str, str] | None = None,
) -> BacktestResult:
    """Play `series` to one strategy under `config` and work out everything about the run."""
    _check_series(series)
    created, begun = datetime.now(UTC), time.perf_counter()
    rules = execution_rules(config)
    portfolio = Portfolio(config.backtest.initial_cash, margined=rules.exchange_rules)
    engine = BacktestEngine(series, rules, portfolio, _costs(config), progress=progress)
    service = BrokerService(engine)
    strategy.set_context(service)
    strategy.initialize(**(params or {}))
    listens = type(strategy).on_order_update is not BaseStrategy.on_order_update
    record = engine.run(strategy, strategy.on_order_update if listens else None)
    manifest = _manifest(config, series, rules, code or _code_of(strategy))
    result = _result(record, engine, service, strategy, config, manifest)
    run = RunInfo(
        run_id=f"{created:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}",
        created_at=created,
        execution_time=time.perf_counter() - begun,
        host=platform.node(),
        paths=paths or {},
    )
    result = replace(result, run=run)
    if record.status == "failed":
        fault = record.faults[-1]
        raise StrategyFailedError(
            f"the strategy raised in {fault.callback} at {to_ist(fault.ts):%Y-%m-%d %H:%M:%S}: "
            f"{fault.error}",
            result=result,
            traceback=fault.traceback,
        )
    return result


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
    plan = config.costs
    if "costs" not in config.model_fields_set and config.execution.fidelity != "live":
        plan = "none"
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
    manifest: dict[str, Any],
) -> BacktestResult:
    simulator, first = record.simulator, engine.series[0]
    initial = config.backtest.initial_cash
    columns = record.equity
    trades = match_trades(simulator.ledger.rows)
    metrics = MetricsCalculator().calculate(
        equity=columns.equity,
        ends=columns.ends,
        initial_capital=initial,
        trades=trades,
        fills=simulator.ledger.columns,
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
        orders=tuple(simulator.orders.values()),
        fills=simulator.ledger,
        equity_curve=EquityCurve(columns.ends, columns.equity, initial),
        metrics=metrics,
        open_positions=tuple(p for p in service.positions() if p.quantity),
        ambiguous_bars=tuple(AmbiguousBar(ts, symbol) for ts, symbol in simulator.ambiguous),
        touch_misses=simulator.touch_misses,
        shortfalls=tuple(
            Shortfall(str(date_of(midnight(day))), to_rupees(units))
            for day, units in sorted(simulator.shortfalls.items())
        ),
        faults=tuple(StrategyFault(f.ts, f.callback, f.error, f.traceback) for f in record.faults),
        modifications=tuple(simulator.modified),
        origins=tuple((candles.series.name, candles.origin) for candles in engine.series),
        strategy_state=strategy.get_state(),
        total_candles=record.bars_total,
        processed_candles=record.bars_done,
        manifest=manifest,
        run=RunInfo("", datetime.fromtimestamp(0, UTC), 0.0, "", {}),
    )


def _manifest(
    config: AppConfig, series: Sequence[Candles], rules: ExecutionRules, code: dict[str, str]
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
        "config": config.public_dict(),
        "execution": msgspec.to_builtins(rules),
        "data": data,
        "synthetic": any(candles.origin.synthetic for candles in series),
        "code": code,
        "seed": config.backtest.seed,
        "versions": {
            "tapeback": version("tapeback"),
            "python": sys.version.split()[0],
            "numpy": version("numpy"),
            "pandas": version("pandas"),
        },
    }


def _code_of(strategy: BaseStrategy) -> dict[str, str]:
    """Name and digest of the strategy's source, where it has a file."""
    kind = type(strategy)
    try:
        source = inspect.getsourcefile(kind)
    except TypeError:
        source = None
    file = Path(source) if source else None
    digest = sha256(file.read_bytes()).hexdigest() if file and file.is_file() else ""
    return {"strategy": kind.__qualname__, "file": file.name if file else "", "sha256": digest}
