"""A project folder with settings files, and an environment that holds none of the variables."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

ACTIVE = Path("configs") / "active"


class Project:
    """A folder that holds `configs/active`, and is the working directory."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / ACTIVE).mkdir(parents=True)

    def write(self, name: str, text: str) -> Path:
        """Write `configs/active/<name>`."""
        return self.write_file(ACTIVE / name, text)

    def write_file(self, name: str | Path, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
        return path


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    for name in ("WEB_STRATEGY", "OPENALGO_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path)
