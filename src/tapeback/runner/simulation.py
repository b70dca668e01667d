"""Playing settings and candles to a strategy."""

from __future__ import annotations

import gc
import platform
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from tapeback.broker.service import BrokerService
from tapeback.core.engine import BacktestEngine
from tapeback.core.portfolio import Portfolio
from tapeback.core.ports import Listener
from tapeback.data.quality import refuse
from tapeback.errors import DataError, StrategyFailedError, StrategyLoadError
from tapeback.market.candles import Candles
from tapeback.models.config import AppConfig
from tapeback.models.result import (
    BacktestResult,
    Bounds,
    RunInfo,
)
from tapeback.runner.market_data import NO_WARMUP, Fetching, MarketData, Warmup
from tapeback.runner.outcome import manifest_of, result_of, state_of
from tapeback.runner.rules import actions_of, execution_rules, rulebook_of
from tapeback.settings import CATALOGUE_PATH, build_config, load_catalogue
from tapeback.strategies.base import BaseStrategy
from tapeback.strategies.opening import code_of, open_strategy
from tapeback.strategies.registry import StrategyEntry, resolve
from tapeback.utils.clock import day_of, midnight, to_ist

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
    bot's constructor. `settings` are those of the sections `backtest` and `execution`, the files of
    `data` that add to the rules, `broker`, `costs` and `tax` by their bare names
    (`initial_cash=500_000, slippage="none", broker="dhan"`), laid over `config`. With `bounds` the
    run is repeated under the kindest and the harshest reading of its bars (a class is needed then,
    so that each run starts afresh).

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
    fetching: Fetching | None = None,
) -> BacktestResult:
    """Run what a config describes: its data, its strategy, its dials.

    `strategy` is a name of the catalogue, of the registry, or `file.py:Class`; by default the
    config's `strategy.type`. `root` is the folder that holds `strats/` and `configs/` (default:
    the working directory). `progress` is told of bars, `fetching` of requests where the run has to
    fetch its data first. Raises as `backtest` does, and StrategyNotFoundError.
    """
    folder = root or Path.cwd()
    bots = {entry.id: entry.bot for entry in load_catalogue(folder / CATALOGUE_PATH) if entry.bot}
    source = resolve(strategy or config.strategy.type, root=folder, bots=bots)
    wanted = config.strategy
    before = wanted.buffer_enabled and wanted.buffer_mode == "fetch_additional"
    warmup = NO_WARMUP
    if before:
        bars = wanted.buffer_bars
        warmup = Warmup(sessions=wanted.buffer_days) if bars is None else Warmup(bars=bars)
    actions = actions_of(config, folder)
    with MarketData(config, root=folder, actions=actions, progress=fetching) as sources:
        series = sources.load(warmup)
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
            root=folder,
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
    root: Path | None = None,
) -> BacktestResult:
    """Play `series` to one strategy under `config` and work out everything about the run."""
    _check_series(series)
    if config.execution.on_bad_data == "refuse":
        refuse(series)
    created, begun = datetime.now(UTC), time.perf_counter()
    rules = execution_rules(config)
    portfolio = Portfolio(config.backtest.initial_cash, margined=rules.exchange_rules)
    rulebook = rulebook_of(config, root)
    engine = BacktestEngine(series, rules, portfolio, rulebook, progress=progress)
    service = BrokerService(engine)
    with (
        open_strategy(source, service, params, trade_from=trade_from) as strategy,
        _patient_garbage_collection(),
    ):
        record = engine.run(strategy, _listener_of(strategy, service))
        name, code = strategy.name or type(strategy).__name__, code_of(strategy)
        manifest = partial(manifest_of, config, series, rules, rulebook, name, code)
        result = result_of(record, engine, service, state_of(strategy), config, manifest)
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


def _listener_of(strategy: BaseStrategy, service: BrokerService) -> Listener | None:
    """What is told of orders: the strategy, in the quantities that it knows, if it listens."""
    if type(strategy).on_order_update is BaseStrategy.on_order_update:
        return None
    listener = strategy.on_order_update
    return service.bot_units.told(listener) if service.rulebook.recounts else listener


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
