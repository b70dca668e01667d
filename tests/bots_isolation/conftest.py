"""Running scripts in real cells."""

from __future__ import annotations

import io
import json
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from tapeback.bots.isolation.cell import Cell
from tapeback.bots.isolation.log import BotLog
from tapeback.bots.isolation.scratch import Scratch
from tests.bots_isolation.playing import ENTRIES, Play, Played

sys.path.append(str(Path(__file__).parent))


@pytest.fixture
def bot_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "my bots"
    folder.mkdir()
    return folder


@pytest.fixture
def play(bot_folder: Path, tmp_path: Path) -> Play:
    """Run a script's source in a cell of its own; the keywords are those of `Cell`."""

    def run(source: str, *, entry: str = "run_plain", scratch: Scratch | None = None,
            **settings: Any) -> Played:  # fmt: skip
        script = bot_folder / "bot.py"
        if scratch is None:
            script.write_text(textwrap.dedent(source), encoding="utf-8")
        echo = io.StringIO()
        path = tmp_path / "bot.log"
        used = scratch or Scratch(script)
        try:
            with BotLog(path, echo=echo) as log:
                job = json.dumps({"script": str(used.script)}).encode()
                outcome = Cell(used, **settings).run(f"{ENTRIES}:{entry}", job, log=log)
        finally:
            if scratch is None:
                used.remove()
        return Played(outcome, echo.getvalue(), path.read_text(encoding="utf-8"))

    return run
