"""Bot files: what is in them, and importing them fresh for one run, leaving nothing behind."""

from __future__ import annotations

import ast
import builtins
import inspect
import re
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module, invalidate_caches
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from tapeback.errors import StrategyLoadError, StrategyNotFoundError, did_you_mean
from tapeback.strategies.base import BaseStrategy

_BOT_FILE = re.compile(r"(?P<path>.+\.py)(?::(?P<name>[A-Za-z_]\w*))?")
_INIT = "__init__.py"
# What makes a class one that is called bar by bar: what it is derived from, what it can do.
_BASES = frozenset({"BaseStrategy", "TradingBot"})
_CALLED = frozenset({"run_backtest", "on_bar"})


@dataclass(frozen=True, slots=True)
class BotFile:
    """A class in a file: `path.py:Class`, or `path.py` where the file holds one strategy."""

    path: Path
    class_name: str = ""

    @classmethod
    def parse(cls, text: str, *folders: Path) -> BotFile | None:
        """Take `path.py[:Class]` apart, None when the text is no path. A relative path starts at
        the first of `folders` that has such a file."""
        found = _BOT_FILE.fullmatch(text.strip())
        if found is None:
            return None
        paths = [(folder / Path(found["path"]).expanduser()).absolute() for folder in folders]
        return cls(next((p for p in paths if p.is_file()), paths[-1]), found["name"] or "")

    def __str__(self) -> str:
        return f"{self.path}:{self.class_name}" if self.class_name else str(self.path)


def is_strategy(kind: Any) -> bool:
    """Whether a class can be run: a native strategy, or a bot that takes a price at each bar."""
    if not isinstance(kind, type) or inspect.isabstract(kind):
        return False
    if issubclass(kind, BaseStrategy):
        return kind.on_bar is not BaseStrategy.on_bar
    return callable(getattr(kind, "run_backtest", None))


def is_native_file(bot: BotFile) -> bool:
    """Whether a file is written for Tapeback itself. The file is read, not run.

    Raises StrategyNotFoundError when file or class are not there and StrategyLoadError when the
    file is no Python or holds no class at all.
    """
    if not bot.path.is_file():
        near = did_you_mean(bot.path.name, sorted(p.name for p in bot.path.parent.glob("*.py")))
        raise StrategyNotFoundError(f"no bot file {bot.path}{near}.")
    tree = _parsed(bot.path)
    classes = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    if bot.class_name:
        names = {*classes, *_bound_names(tree)}
        if bot.class_name not in names and "*" not in names:
            near = did_you_mean(bot.class_name, classes)
            raise StrategyNotFoundError(
                f"no class {bot.class_name!r}{near}.",
                where=str(bot.path),
                remedy=f"The file defines {_listed(classes)}.",
            )
    elif not classes:
        raise StrategyLoadError(
            "the file defines no class: it is a script that runs by itself.",
            where=str(bot.path),
            remedy=f"Run it with: tapeback run {bot.path}",
        )
    return any(name.partition(".")[0] == "tapeback" for name in _imported_modules(tree))


def is_script(path: Path) -> bool:
    """Whether a bot's file is to be run by itself: it defines no class that could be called bar by
    bar. Raises StrategyLoadError when it is no Python."""
    classes = [node for node in _parsed(path).body if isinstance(node, ast.ClassDef)]
    return not any(_named(one.bases) & _BASES or _named(one.body) & _CALLED for one in classes)


def _named(nodes: Sequence[ast.AST]) -> set[str]:
    """The names of functions, and of what is referred to."""
    found = (
        getattr(node, "name", getattr(node, "attr", getattr(node, "id", ""))) for node in nodes
    )
    return {str(name) for name in found}


def load_failure(error: BaseException, doing: str, folder: Path) -> StrategyLoadError:
    """What a bot's own code raised, with the last of its lines that took part."""
    remedy = None
    if isinstance(error, SyntaxError) and error.filename:
        where: str | None = f"{error.filename}:{error.lineno}"
    else:
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if folder in Path(frame.filename).parents]
        where = f"{own[-1].filename}:{own[-1].lineno}" if own else str(folder)
    if isinstance(error, ModuleNotFoundError) and error.name:
        remedy = f"Is {error.name} installed in the environment that runs Tapeback?"
    what = traceback.format_exception_only(error)[-1].strip()
    return StrategyLoadError(f"{doing} failed: {what}", where=where, remedy=remedy)


class BotImports:
    """Imports files of one folder, which get `modules` wherever they import those names.

    The folder is a package under its own name, as `from strats.trading_bot import TradingBot`
    expects, and stands on `sys.path` as for a script, with its parent behind it. Modules from
    elsewhere are ordinary libraries.
    """

    def __init__(self, folder: Path, modules: Mapping[str, ModuleType]) -> None:
        self.folder = folder
        name = folder.name
        usable = name.isidentifier() and name not in sys.stdlib_module_names
        self.package = name if usable and name != "tapeback" else ""
        # The bot's modules see these builtins; nobody else does.
        self.builtins = {
            **vars(builtins),
            "__import__": _importer(modules),
            "print": _print_to_stderr,
        }
        self._libraries = [
            path for entry in sys.path if folder in (path := Path(entry).absolute()).parents
        ]

    def load_class(self, bot: BotFile) -> type[Any]:
        """The class that a file names, or its only strategy."""
        module = self._load(bot.path)
        if bot.class_name:
            kind = getattr(module, bot.class_name, None)
            if isinstance(kind, type) and is_strategy(kind):
                return kind
            raise StrategyLoadError(
                f"{bot.class_name} is no strategy: {lack_of(kind)}.", where=str(bot.path)
            )
        own = [
            kind
            for kind in vars(module).values()
            if isinstance(kind, type) and kind.__module__ == module.__name__
        ]
        found = [kind for kind in own if is_strategy(kind)]
        if len(found) == 1:
            return found[0]
        if found:
            names = _listed([kind.__name__ for kind in found])
            raise StrategyLoadError(
                f"the file holds {len(found)} strategies: {names}.",
                where=str(bot.path),
                remedy=f"Name one of them: {bot.path.name}:{found[0].__name__}.",
            )
        lacks = "; ".join(f"{kind.__name__}: {lack_of(kind)}" for kind in own)
        raise StrategyLoadError(
            f"no class of the file is a strategy ({lacks}).", where=str(bot.path)
        )

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The import system's question for a module: answered for the folder's own."""
        if path is None and name == self.package:
            return self._package_spec()
        where = [str(self.folder)] if path is None else [p for p in path if self._owns(Path(p))]
        spec = PathFinder.find_spec(name, where, target) if where else None
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _FreshLoader(name, spec.loader.path, self.builtins)
        return spec

    def _load(self, file: Path) -> ModuleType:
        name = f"{self.package}.{file.stem}" if self.package else f"bot_{file.stem}"
        try:
            if self.package:
                import_module(self.package)
            loaded = sys.modules.get(name)
            if loaded is not None:
                return loaded
            loader = _FreshLoader(name, str(file), self.builtins)
            spec = spec_from_file_location(name, file, loader=loader)
            assert spec is not None  # a loader was given
            module = sys.modules[name] = module_from_spec(spec)
            loader.exec_module(module)
        except (Exception, SystemExit) as error:
            raise load_failure(error, f"importing {file.name}", self.folder) from error
        return module

    def _package_spec(self) -> ModuleSpec | None:
        init = self.folder / _INIT
        if init.is_file():
            loader = _FreshLoader(self.package, str(init), self.builtins)
            return spec_from_file_location(
                self.package, init, loader=loader, submodule_search_locations=[str(self.folder)]
            )
        spec = ModuleSpec(self.package, None, is_package=True)
        spec.submodule_search_locations = [str(self.folder)]
        return spec

    def _owns(self, path: Path) -> bool:
        inside = path == self.folder or self.folder in path.parents
        return inside and not any(lib == path or lib in path.parents for lib in self._libraries)


@contextmanager
def bot_imports(folder: Path, modules: Mapping[str, ModuleType]) -> Iterator[BotImports]:
    """Imports from a bot's folder; afterwards `sys.modules` and `sys.path` are as before."""
    imports = BotImports(folder, modules)
    before = dict(sys.modules)
    path = list(sys.path)
    for name in before:
        if imports.package and name.partition(".")[0] == imports.package:
            del sys.modules[name]
    sys.path[:0] = [str(folder), str(folder.parent)]
    sys.meta_path.insert(0, imports)
    invalidate_caches()
    try:
        yield imports
    finally:
        sys.meta_path.remove(imports)
        sys.path[:] = path
        for name, module in list(sys.modules.items()):
            own = imports.package and name.partition(".")[0] == imports.package
            if own or isinstance(getattr(module, "__loader__", None), _FreshLoader):
                del sys.modules[name]
        for name, module in before.items():
            sys.modules.setdefault(name, module)


class _FreshLoader(SourceFileLoader):
    """Compiles the source as it stands, past any `__pycache__`, and runs it with a bot's own
    builtins."""

    def __init__(self, name: str, path: str, own_builtins: dict[str, Any]) -> None:
        super().__init__(name, path)
        self._builtins = own_builtins

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(path), path)
        return code

    def exec_module(self, module: ModuleType) -> None:
        vars(module)["__builtins__"] = self._builtins
        super().exec_module(module)


def _importer(modules: Mapping[str, ModuleType]) -> Any:
    """An `__import__` that answers some names with modules of ours."""

    def importing(
        name: str,
        global_names: Mapping[str, object] | None = None,
        local_names: Mapping[str, object] | None = None,
        fromlist: Sequence[str] = (),
        level: int = 0,
    ) -> ModuleType:
        if level == 0 and name in modules:
            return modules[name]
        return builtins.__import__(name, global_names, local_names, fromlist, level)

    return importing


def _print_to_stderr(*values: object, file: Any = None, **layout: Any) -> None:
    """`print` of a bot: stdout belongs to the result."""
    print(*values, file=file or sys.stderr, **layout)


def _parsed(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_bytes(), str(path))
    except (SyntaxError, ValueError) as error:
        raise load_failure(error, f"reading {path.name}", path.parent) from None


def _bound_names(tree: ast.Module) -> Iterator[str]:
    """Names that the top level of a file imports or assigns; `*` for what cannot be known."""
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        elif not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.Expr):
            yield "*"


def _imported_modules(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or ""


def lack_of(kind: Any) -> str:
    """Why something is not a strategy."""
    if not isinstance(kind, type):
        return "it is not a class"
    if inspect.isabstract(kind):
        return f"it lacks {_listed(sorted(getattr(kind, '__abstractmethods__', ())))}"
    if issubclass(kind, BaseStrategy):
        return "it defines no on_bar(self, candle)"
    return "it is no BaseStrategy and has no run_backtest(self, current_price)"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if names else "no class"


def source_folder(kind: type[Any]) -> Path:
    """The folder of a class's source; the working directory where it has none."""
    try:
        source = inspect.getsourcefile(kind)
    except (OSError, TypeError):
        source = None
    return Path(source).parent if source else Path.cwd()


def is_fresh(module: Any) -> bool:
    """Whether a module was imported for the run that is under way."""
    return isinstance(getattr(module, "__loader__", None), _FreshLoader)
