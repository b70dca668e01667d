"""The wheel carries the package and the files that `tapeback init` writes out, nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.conftest import REPO


@pytest.fixture(scope="module")
def wheel_files(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=REPO,
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("tapeback-*.whl")
    with ZipFile(wheel) as archive:
        return set(archive.namelist())


def posix(paths: list[Path], root: Path, prefix: str) -> set[str]:
    return {f"{prefix}/{path.relative_to(root).as_posix()}" for path in paths}


def test_the_whole_package_is_in_it(wheel_files: set[str]) -> None:
    source = REPO / "src" / "tapeback"
    assert "tapeback/py.typed" in wheel_files
    assert posix(list(source.rglob("*.py")), source, "tapeback") <= wheel_files


def test_the_starter_bots_and_settings_are_in_it(wheel_files: set[str]) -> None:
    bots, settings = REPO / "strats", REPO / "configs" / "active"
    starter = posix(list(bots.glob("*.py")), bots, "tapeback/_starter/strats") | posix(
        list(settings.glob("*.yaml")), settings, "tapeback/_starter/configs/active"
    )
    assert "tapeback/_starter/strats/trading_bot.py" in starter
    assert "tapeback/_starter/configs/active/strats.yaml" in starter
    assert starter == {name for name in wheel_files if "/_starter/" in name}


def test_nothing_stands_outside_the_package(wheel_files: set[str]) -> None:
    outside = {name.split("/")[0] for name in wheel_files} - {"tapeback"}
    assert all(name.endswith(".dist-info") for name in outside), outside
