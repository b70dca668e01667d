"""The test-suite itself."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.conftest import REPO

_CHECKS = ("assert", "check", "expect", "raises", "warns", "verify", "audit", "same", "equal")


def _test_files() -> list[Path]:
    return sorted((REPO / "tests").rglob("test_*.py"))


def _functions(tree: ast.AST) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


def _looks(node: ast.AST) -> bool:
    """Whether a statement compares something: an assert, or a call of something that does."""
    if isinstance(node, ast.Assert):
        return True
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return any(word in name for word in _CHECKS)


@pytest.mark.parametrize("path", _test_files(), ids=lambda path: path.stem)
def test_defect_76_every_test_can_fail(path: Path) -> None:
    """A test asserts, directly or through a function of its file that does, and returns nothing."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = {function.name: function for function in _functions(tree)}
    asserting = {name for name, f in functions.items() if any(map(_looks, ast.walk(f)))}
    for name, function in functions.items():
        if not name.startswith("test"):
            continue
        called = {
            node.func.id
            for node in ast.walk(function)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        assert name in asserting or called & asserting, f"{path.name}: {name} asserts nothing"
        own = [node for node in ast.walk(function) if isinstance(node, ast.Return) and node.value]
        nested = [
            node
            for inner in _functions(function)
            if inner is not function
            for node in ast.walk(inner)
            if isinstance(node, ast.Return)
        ]
        assert not [r for r in own if r not in nested], f"{path.name}: {name} returns a value"
