"""The compiled twin of the hot modules says what its sources say, and is never older than they."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tapeback.utils import twin
from tests.conftest import REPO

RUNS = ("-m", "tests.core.twin_runs")
WHERE = ("-c", "import tapeback.core.book; print(tapeback.core.book.__file__)")


@pytest.fixture(scope="module")
def compiled() -> Path:
    folder = twin.folder()
    if not folder.is_dir():
        pytest.skip("needs the compiled twin of these sources (python dev.py compile)")
    return folder


def python(
    *words: str, pure: bool, source: Path = REPO / "src"
) -> subprocess.CompletedProcess[str]:
    surroundings = {**os.environ, twin.PURE: "1" if pure else "0", "PYTHONPATH": str(source)}
    return subprocess.run(
        [sys.executable, *words],
        cwd=REPO,
        env=surroundings,
        capture_output=True,
        text=True,
        check=True,
    )


def test_both_leave_the_same_behind(compiled: Path) -> None:
    sources, machine_code = python(*RUNS, pure=True), python(*RUNS, pure=False)
    assert str(compiled) not in sources.stderr
    assert str(compiled) in machine_code.stderr
    assert machine_code.stdout == sources.stdout


def test_a_twin_of_other_sources_is_not_used(compiled: Path, tmp_path: Path) -> None:
    package = tmp_path / "tapeback"
    shutil.copytree(twin.PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    assert "_compiled" in python(*WHERE, pure=False, source=tmp_path).stdout
    with (package / "core" / "path.py").open("a", encoding="utf-8") as file:
        file.write("# One line more.\n")
    assert "_compiled" not in python(*WHERE, pure=False, source=tmp_path).stdout


def test_a_checkout_without_a_twin_runs_on_its_sources(tmp_path: Path) -> None:
    shutil.copytree(
        twin.PACKAGE,
        tmp_path / "tapeback",
        ignore=shutil.ignore_patterns("__pycache__", "_compiled"),
    )
    where = python(*WHERE, pure=False, source=tmp_path).stdout.strip()
    assert Path(where) == tmp_path / "tapeback" / "core" / "book.py"
