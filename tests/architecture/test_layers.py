"""The layer, purity, network and copyleft contracts hold, and each of them can fail."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPO

LINTER = Path(sys.executable).with_name("lint-imports" + (".exe" if os.name == "nt" else ""))


def lint_imports(source: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LINTER, "--no-cache", "--config", REPO / "pyproject.toml"],
        cwd=source,
        env={**os.environ, "PYTHONPATH": str(source), "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


def test_the_source_keeps_every_contract() -> None:
    run = lint_imports(REPO / "src")
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize(
    ("module", "statement", "contract"),
    [
        ("models/candle.py", "import tapeback.core", "A layer imports only the layers below it"),
        ("core/__init__.py", "import tapeback.metrics", "A layer imports only the layers below it"),
        ("errors.py", "import tapeback.utils.money", "A layer imports only the layers below it"),
        ("core/__init__.py", "import sqlite3", "The simulation is pure"),
        ("metrics/__init__.py", "import random", "The simulation is pure"),
        ("market/__init__.py", "import pandas", "The simulation is pure"),
        ("settings/__init__.py", "import httpx", "Only OpenAlgo's transport reaches the network"),
        ("utils/money.py", "import backtrader", "Copyleft engines are never imported"),
    ],
)
def test_an_import_that_breaks_a_contract_is_found(
    tmp_path: Path, module: str, statement: str, contract: str
) -> None:
    shutil.copytree(
        REPO / "src" / "tapeback",
        tmp_path / "tapeback",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    with (tmp_path / "tapeback" / module).open("a", encoding="utf-8") as file:
        file.write(f"\n\ndef _planted() -> None:\n    {statement}\n")

    run = lint_imports(tmp_path)

    assert run.returncode != 0
    assert f"{contract} BROKEN" in run.stdout


def test_an_import_for_type_checkers_alone_breaks_nothing(tmp_path: Path) -> None:
    shutil.copytree(
        REPO / "src" / "tapeback",
        tmp_path / "tapeback",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    with (tmp_path / "tapeback" / "utils" / "money.py").open("a", encoding="utf-8") as file:
        file.write(
            "\nfrom typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    import backtrader\n"
        )

    assert lint_imports(tmp_path).returncode == 0
