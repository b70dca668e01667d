"""Counting the turns of the `while` loops in a bot's own source.

A loop may wait for another thread without ever waiting. A call at the top of each `while` body lets
virtual time pass for it, the same on every run. Of a loop that does nothing at all, such as
`while not flag: pass`, it is certain that only another thread ends it: it may wait for the next
thing to happen. Line numbers stay as they are.
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Callable
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from pathlib import Path
from types import CodeType

_TURN, _SPIN = "__tapeback_turn__", "__tapeback_spin__"


def count_turns(turn: Callable[[], None], spin: Callable[[], None]) -> None:
    """Let every compiled bot call `turn` at each turn of its `while` loops, `spin` in those that
    do nothing."""
    setattr(builtins, _TURN, turn)
    setattr(builtins, _SPIN, spin)


def compile_bot(source: bytes, file: str) -> CodeType:
    """The bot's code with its `while` loops counted; SyntaxError as Python raises it."""
    tree = ast.parse(source, file)
    for node in ast.walk(tree):
        if isinstance(node, ast.While):
            name = _SPIN if _does_nothing(node) else _TURN
            call = ast.Expr(ast.Call(ast.Name(name, ast.Load()), [], []))
            node.body.insert(0, ast.fix_missing_locations(ast.copy_location(call, node.test)))
    code: CodeType = compile(tree, file, "exec", dont_inherit=True)
    return code


def _does_nothing(loop: ast.While) -> bool:
    """Whether neither the condition nor the body can change anything."""
    acts = (ast.Await, ast.Call, ast.NamedExpr, ast.Yield, ast.YieldFrom)
    return all(isinstance(step, ast.Continue | ast.Pass) for step in loop.body) and not any(
        isinstance(node, acts) for node in ast.walk(loop.test)
    )


class _CountedSource(SourceFileLoader):
    """Compiles without reading or writing `__pycache__`, which belongs to the bot's live self."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        return compile_bot(self.get_data(path), path)


def import_counted(folder: Path) -> None:
    """Count the loops of the modules beside the bot, too, when they are imported."""
    root = folder.resolve()
    loaders = (
        (ExtensionFileLoader, EXTENSION_SUFFIXES),
        (_CountedSource, SOURCE_SUFFIXES),
        (SourcelessFileLoader, BYTECODE_SUFFIXES),
    )

    def beside_the_bot(path: str) -> FileFinder:
        place = Path(path).resolve()
        if not place.is_relative_to(root) or "site-packages" in place.parts or not place.is_dir():
            raise ImportError(path)
        return FileFinder(path, *loaders)

    sys.path_hooks.insert(0, beside_the_bot)
    sys.path_importer_cache.clear()
