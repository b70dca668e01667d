"""What surrounds a bot during one run: its clock, its account, a folder of its own, and the way
back to a process that knows nothing of it."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, chdir, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import RLock
from types import ModuleType
from typing import Any

from tapeback.broker.client import MockOpenAlgoClient
from tapeback.broker.service import BrokerService
from tapeback.strategies.bot_time import BotClock, stand_ins, time_modules
from tapeback.strategies.loader import BotFile, bot_imports, is_native_file
from tapeback.strategies.openalgo_module import PACKAGE, openalgo_module, without_modules

# Working directory, sys.modules and time zone belong to the whole process.
_ONE_AT_A_TIME = RLock()


class BotSession:
    """One run of a bot: `client` is its account, `folder` a scratch folder that ends with it."""

    def __init__(self, client: MockOpenAlgoClient, folder: Path, stack: ExitStack) -> None:
        self.client = client
        self.folder = folder
        self._stack = stack
        self._loaded: dict[BotFile | type[Any], type[Any]] = {}
        engine = client.service.engine
        begins = min(int(candles.starts[0]) for candles in engine.series)
        # A bot is made before the run has an instant: that is when its first bar begins.
        clock = BotClock(lambda: engine.now or begins)
        self._modules = {**time_modules(clock), PACKAGE: openalgo_module(client.account)}

    def load(self, bot: BotFile | type[Any]) -> type[Any]:
        """The bot's class, seeing the run's time and account; a bot works in the scratch folder.

        Raises StrategyNotFoundError and StrategyLoadError.
        """
        if bot not in self._loaded:
            self._loaded[bot] = self._load(bot)
        return self._loaded[bot]

    def _load(self, bot: BotFile | type[Any]) -> type[Any]:
        enter = self._stack.enter_context
        native = isinstance(bot, BotFile) and is_native_file(bot)
        if not native:
            enter(chdir(self.folder))
        enter(without_modules(PACKAGE))
        sys.modules[PACKAGE] = self._modules[PACKAGE]
        if isinstance(bot, BotFile):
            return enter(bot_imports(bot.path.parent, self._modules)).load_class(bot)
        enter(_patched_namespaces(bot, self._replacements()))
        return bot

    def _replacements(self) -> dict[int, Any]:
        replaced = stand_ins(self._modules)
        stand_in = self._modules[PACKAGE]
        for module in _already_imported(PACKAGE):
            replaced[id(module)] = stand_in
            for name in ("api", "Strategy"):
                replaced[id(getattr(module, name, None))] = getattr(stand_in, name)
        replaced.pop(id(None), None)
        return replaced


@contextmanager
def bot_session(service: BrokerService) -> Iterator[BotSession]:
    """Everything that a bot needs around it. Afterwards working directory, time zone, imports
    and log handlers are as they were. Within one process bots run one after the other."""
    with (
        _ONE_AT_A_TIME,
        TemporaryDirectory(prefix="tapeback-", ignore_cleanup_errors=True) as folder,
        _log_handlers_kept(),
        _indian_time_zone(),
        ExitStack() as stack,
    ):
        yield BotSession(MockOpenAlgoClient(service), Path(folder).resolve(), stack)


def _already_imported(package: str) -> list[ModuleType]:
    module = sys.modules.get(package)
    return [module] if module is not None else []


@contextmanager
def _patched_namespaces(kind: type[Any], replaced: Mapping[int, Any]) -> Iterator[None]:
    """Exchange clock and SDK in the modules of a class that the caller had imported himself."""
    library = (*sys.stdlib_module_names, "tapeback", PACKAGE)
    names = {base.__module__ for base in kind.__mro__}
    spaces = [
        vars(sys.modules[name])
        for name in sorted(names)
        if name in sys.modules and (name == "__main__" or name.partition(".")[0] not in library)
    ]
    undo = []
    for space in spaces:
        for name, value in list(space.items()):
            if id(value) in replaced:
                space[name] = replaced[id(value)]
                undo.append((space, name, value))
    try:
        yield
    finally:
        for space, name, value in undo:
            space[name] = value


@contextmanager
def _indian_time_zone() -> Iterator[None]:
    """Let naive times mean Indian time, where the platform can change its zone (Windows cannot)."""
    if not hasattr(time, "tzset"):
        yield
        return
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Asia/Kolkata"
    time.tzset()
    try:
        yield
    finally:
        if before is None:
            os.environ.pop("TZ", None)
        else:
            os.environ["TZ"] = before
        time.tzset()


@contextmanager
def _log_handlers_kept() -> Iterator[None]:
    """Take away the log handlers that a bot installs; one would keep its file open."""
    before = {logger: (list(logger.handlers), logger.level) for logger in _loggers()}
    try:
        yield
    finally:
        for logger in _loggers():
            known = logger in before
            handlers, level = before.get(logger, ([], logger.level))
            for handler in logger.handlers[:]:
                silent = isinstance(handler, logging.NullHandler) and not known
                if handler not in handlers and not silent:
                    logger.removeHandler(handler)
                    handler.close()
            for handler in handlers:
                logger.addHandler(handler)
            logger.setLevel(level)


def _loggers() -> list[logging.Logger]:
    known = logging.root.manager.loggerDict.values()
    return [logging.root, *(item for item in known if isinstance(item, logging.Logger))]
