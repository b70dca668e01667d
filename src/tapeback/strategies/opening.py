"""Opening a strategy for one run: the one door through which every kind of strategy goes."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from tapeback.broker.service import BrokerService
from tapeback.strategies.base import BaseStrategy
from tapeback.strategies.loader import is_fresh
from tapeback.strategies.registry import StrategyEntry, adapter_for, strategy_of
from tapeback.strategies.session import BotSession, bot_session
from tapeback.strategies.universal import UniversalStrategyAdapter


@contextmanager
def open_strategy(
    source: StrategyEntry | type[Any] | BaseStrategy,
    service: BrokerService,
    params: Mapping[str, Any] | None = None,
    *,
    trade_from: int | None = None,
) -> Iterator[BaseStrategy]:
    """A strategy connected to a run and initialised with `params`, ready to be played.

    `source` is what `resolve` found, a class (native, or a live bot), or an instance. With
    `trade_from` (ns UTC) a bot is not called on bars before that instant. Until the block ends a
    bot's working directory is a scratch folder that is removed afterwards: ask for its state, and
    write nothing to relative paths, inside the block.

    Raises StrategyNotFoundError and StrategyLoadError.
    """
    strategy = _made(source)
    if strategy is not None and not isinstance(strategy, UniversalStrategyAdapter):
        yield _connected(strategy, service, params)
        return
    with bot_session(service) as session:
        if strategy is None:
            strategy = _loaded(source, session)
        if isinstance(strategy, UniversalStrategyAdapter):
            strategy.enter(session, trade_from)
        yield _connected(strategy, service, params)


def code_of(strategy: BaseStrategy) -> dict[str, str]:
    """SHA-256 by file name of the source that a strategy consists of; for a bot all files of its
    folder that it imported. To be asked while the strategy is open."""
    kind: Any = type(strategy)
    if isinstance(strategy, UniversalStrategyAdapter):
        kind = strategy.bot_class
    modules = [sys.modules.get(kind.__module__), *filter(is_fresh, list(sys.modules.values()))]
    files = {Path(file) for m in modules if (file := getattr(m, "__file__", None))}
    return {
        file.name: sha256(file.read_bytes()).hexdigest() for file in sorted(files) if file.is_file()
    }


def _made(source: StrategyEntry | type[Any] | BaseStrategy) -> BaseStrategy | None:
    """The strategy of a source; None where a file has to be loaded first."""
    if isinstance(source, BaseStrategy):
        return source
    if isinstance(source, type):
        return strategy_of(source)
    return source.make()


def _loaded(source: Any, session: BotSession) -> BaseStrategy:
    """The strategy of a file's class."""
    kind = session.load(source.bot)
    if issubclass(kind, BaseStrategy):
        return strategy_of(kind)
    return adapter_for(kind)(source.bot, source.name)


def _connected(
    strategy: BaseStrategy, service: BrokerService, params: Mapping[str, Any] | None
) -> BaseStrategy:
    strategy.set_context(service)
    strategy.initialize(**(params or {}))
    return strategy
