"""Scripts of tests/bots, played over made-up minutes in processes of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from tapeback.models.config import AppConfig
from tapeback.runner.scripts import Script, ScriptOutcome, run_script
from tests.conftest import REPO

BOTS = REPO / "tests" / "bots"


class Played(NamedTuple):
    """What came of a script: the outcome, what it printed, and the documents of its result."""

    outcome: ScriptOutcome
    said: list[str]
    document: dict[str, Any]

    @property
    def endings(self) -> list[tuple[str | None, int]]:
        return [(launch.how, launch.code) for launch in self.outcome.launches]

    @property
    def codes(self) -> list[str]:
        return [entry.code for entry in self.outcome.entries]


Play = Callable[..., Played]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Play a bot of tests/bots, or another file, from `start` to `end`."""
    runs = iter(range(100))

    def run(
        bot: str | Path,
        *arguments: str,
        start: str = "2024-01-08",
        end: str = "2024-01-10",
        settings: dict[str, Any] | None = None,
        **script: Any,
    ) -> Played:
        series = {"symbol": "RELIANCE", "exchange": "NSE", "timeframe": "1m", "use_synthetic": True}
        chosen: dict[str, Any] = {"data": {**series, "start": start, "end": end}}
        for section, values in (settings or {}).items():
            chosen[section] = {**chosen.get(section, {}), **values}
        path = bot if isinstance(bot, Path) else BOTS / f"{bot}.py"
        folder = tmp_path / f"run{next(runs)}"
        outcome = run_script(
            Script(path=path, arguments=arguments, **script),
            AppConfig.model_validate(chosen),
            folder=folder,
            root=tmp_path,
        )
        log = (folder / "bot.log").read_text(encoding="utf-8").splitlines()
        document = folder / "result.json"
        return Played(
            outcome,
            [line[25:] for line in log],
            msgspec.json.decode(document.read_bytes()) if document.exists() else {},
        )

    return run
