"""Where a strategy's name leads: the catalogue's files, registered classes, entry points, and the
bot files in `strats/`."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, ClassVar

from tapeback.errors import StrategyLoadError, StrategyNotFoundError, did_you_mean
from tapeback.strategies.base import BaseStrategy
from tapeback.strategies.grid import GridStrategyAdapter
from tapeback.strategies.loader import (
    BotFile,
    is_native_file,
    is_strategy,
    lack_of,
    load_failure,
    source_folder,
)
from tapeback.strategies.supertrend import SupertrendStrategyAdapter
from tapeback.strategies.universal import UniversalStrategyAdapter
from tapeback.utils.starter import starter_folder

ENTRY_POINT_GROUP = "tapeback.strategies"
_FOLDER = "strats"
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StrategyEntry:
    """A strategy that can be opened: a class or a bot file, and the adapter that runs it; without
    one it is native, or the class decides."""

    name: str
    bot: type[Any] | BotFile
    adapter: type[BaseStrategy] | None = None

    def make(self) -> BaseStrategy | None:
        """What runs it, new for each run; None where its file has to be loaded to know."""
        if self.adapter is None:
            return None if isinstance(self.bot, BotFile) else strategy_of(self.bot, self.name)
        adapter: Any = self.adapter
        takes_bot = "bot_class" in inspect.signature(adapter).parameters
        made: BaseStrategy = adapter(self.bot, self.name) if takes_bot else adapter()
        return made

    @property
    def kind(self) -> str:
        """Name of the class that runs it."""
        if self.adapter is not None:
            return self.adapter.__name__
        if isinstance(self.bot, BotFile):
            return UniversalStrategyAdapter.__name__
        return (self.bot if issubclass(self.bot, BaseStrategy) else adapter_for(self.bot)).__name__


_SHIPPED = {
    "grid": ("grid_trading_bot.py", "GridTradingBot", GridStrategyAdapter),
    "supertrend": (
        "supertrend_trading_bot.py",
        "SupertrendTradingBot",
        SupertrendStrategyAdapter,
    ),
}


class StrategyRegistry:
    """Classes that are known by name in this process. The shipped bots `grid` and `supertrend`
    are always there; a registration of the same name goes before them."""

    _registered: ClassVar[dict[str, StrategyEntry]] = {}

    @classmethod
    def register(
        cls,
        name: str,
        bot_class: type[Any],
        adapter_class: type[BaseStrategy] | None = None,
        custom_name: str | None = None,
    ) -> None:
        """Make a class known. An `adapter_class` takes `bot_class` as its first argument, or none
        at all; `custom_name` is what results call the strategy."""
        key = name.strip().lower()
        if cls.is_registered(key):
            _logger.warning("strategy %r was registered before: the new class takes over", key)
        if adapter_class is None and not is_strategy(bot_class):
            raise StrategyLoadError(f"{bot_class.__name__} is no strategy: {lack_of(bot_class)}.")
        cls._registered[key] = StrategyEntry(custom_name or key, bot_class, adapter_class)

    @classmethod
    def get(cls, name: str) -> BaseStrategy:
        """A new adapter, or native strategy, of that name.

        Raises StrategyNotFoundError.
        """
        entry = cls._entry(name)
        made = entry.make()
        assert made is not None  # every file here comes with its adapter
        return made

    @classmethod
    def get_bot_class(cls, name: str) -> type[Any] | BotFile:
        """The class that was registered; of a shipped bot the file that holds it."""
        return cls._entry(name).bot

    @classmethod
    def list_strategies(cls) -> dict[str, str]:
        """Adapter class by strategy name; the class itself where it is native."""
        return {name: cls._entry(name).kind for name in sorted({*_SHIPPED, *cls._registered})}

    @classmethod
    def is_registered(cls, name: str) -> bool:
        """Whether the name is known here: shipped or registered."""
        key = name.strip().lower()
        return key in cls._registered or key in _SHIPPED

    @classmethod
    def clear(cls) -> None:
        """Forget every registration; the shipped bots stay."""
        cls._registered.clear()

    @classmethod
    def _entry(cls, name: str) -> StrategyEntry:
        entry = cls.find(name, Path.cwd())
        if entry is None:
            raise _unknown(name, {*_SHIPPED, *cls._registered})
        return entry

    @classmethod
    def find(cls, name: str, root: Path) -> StrategyEntry | None:
        """The registered class of that name, or the shipped bot: the user's copy in
        `root/strats`, else the one that came with Tapeback."""
        key = name.strip().lower()
        if key in cls._registered or key not in _SHIPPED:
            return cls._registered.get(key)
        file, class_name, adapter = _SHIPPED[key]
        folders = (root / _FOLDER, starter_folder() / _FOLDER)
        path = next((f / file for f in folders if (f / file).is_file()), folders[0] / file)
        return StrategyEntry(key, BotFile(path.absolute(), class_name), adapter)


def resolve(
    name: str, *, root: Path | None = None, bots: Mapping[str, str] | None = None
) -> StrategyEntry:
    """Find a strategy by name or `path.py[:Class]`, without running any of its code.

    `root` is the folder that holds `strats/` (default: the working directory). `bots` are the
    catalogue's rows that name a file, by id. A name is looked up among those, then in the
    registry, the entry points `tapeback.strategies`, and as `root/strats/name.py`.

    Raises StrategyNotFoundError with the nearest names, and StrategyLoadError for a file that
    holds no class.
    """
    base = root or Path.cwd()
    rows = {key.lower(): text for key, text in (bots or {}).items()}
    key = name.strip().lower()
    folders = (base,) if key in rows else (Path.cwd(), base)
    file = BotFile.parse(rows.get(key, name), *folders)
    if file is None:
        found = StrategyRegistry.find(key, base) or _from_entry_point(key)
        if found is not None:
            return found
        path = base / _FOLDER / f"{key.replace('-', '_')}.py"
        if not path.is_file():
            raise _unknown(name, names(root=base, bots=rows))
        file = BotFile(path.absolute())
    is_native_file(file)
    return StrategyEntry(key if key in rows else file.class_name or file.path.stem, file)


def names(*, root: Path | None = None, bots: Mapping[str, str] | None = None) -> list[str]:
    """Every name that `resolve` knows, except those of files in `strats/`."""
    registered = StrategyRegistry.list_strategies()
    return sorted({*registered, *(bots or {}), *(point.name for point in _entry_points())})


def strategy_of(kind: type[Any], name: str = "") -> BaseStrategy:
    """What runs a class: a native strategy itself, or the adapter that suits a bot.

    Raises StrategyLoadError for any other class.
    """
    if not is_strategy(kind):
        raise StrategyLoadError(
            f"{getattr(kind, '__name__', repr(kind))} is no strategy: {lack_of(kind)}."
        )
    if not issubclass(kind, BaseStrategy):
        return adapter_for(kind)(kind, name or None)
    try:
        made: BaseStrategy = kind()
    except Exception as error:
        raise load_failure(error, f"constructing {kind.__name__}", source_folder(kind)) from error
    return made


def adapter_for(bot_class: type[Any]) -> type[UniversalStrategyAdapter]:
    """The adapter that suits a bot."""
    if SupertrendStrategyAdapter.serves(bot_class):
        return SupertrendStrategyAdapter
    return UniversalStrategyAdapter


def _entry_points() -> list[EntryPoint]:
    return list(entry_points(group=ENTRY_POINT_GROUP))


def _from_entry_point(name: str) -> StrategyEntry | None:
    for point in _entry_points():
        if point.name.lower() == name:
            try:
                kind = point.load()
            except Exception as error:
                raise load_failure(error, f"loading {point.value}", Path.cwd()) from error
            return StrategyEntry(point.name, kind)
    return None


def _unknown(name: str, known: set[str] | list[str]) -> StrategyNotFoundError:
    listed = sorted(known)
    return StrategyNotFoundError(
        f"Unknown strategy: {name!r}{did_you_mean(name.lower(), listed)}. "
        f"Available strategies: {', '.join(listed)}.",
        remedy="A file is named as path.py:Class.",
    )
