"""`import tapeback` is light, and offers exactly the names that it says it offers."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib

import pytest

import tapeback
from tests.conftest import REPO

HEAVY = ("duckdb", "fastapi", "numba", "openalgo", "optuna", "pandas", "pyarrow", "ray", "talib")


def test_importing_the_package_loads_no_heavy_module() -> None:
    code = "import json, sys, tapeback; print(json.dumps(sorted(sys.modules)))"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPO
    )
    loaded = set(json.loads(run.stdout))
    assert "tapeback" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_the_public_names_are_sorted() -> None:
    assert list(tapeback.__all__) == sorted(tapeback.__all__)


def test_every_public_name_is_there() -> None:
    assert [name for name in tapeback.__all__ if not hasattr(tapeback, name)] == []
    assert set(tapeback.__all__) <= set(dir(tapeback))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = tapeback.no_such_name  # type: ignore[attr-defined]


def test_the_version_is_the_one_of_the_project_file() -> None:
    project = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert tapeback.__version__ == project["version"]
