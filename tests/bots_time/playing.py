"""Playing a bot in a process of its own, as a user's bot is played."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

from tapeback.bots.ending import Ending, Notice
from tapeback.bots.runtime import ENVIRONMENT
from tests.conftest import REPO

CHILD = Path(__file__).with_name("child.py")


class Played:
    """What a bot printed, line by line, and how it ended."""

    def __init__(self, output: str, errors: str, ending: Ending) -> None:
        self.output = output
        self.lines = output.splitlines()
        self.errors = errors
        self.ending = ending
        self.codes = [notice.code for notice in ending.notices]


def play_bot(folder: Path, source: str, *, hash_seed: str = "0", **options: Any) -> Played:
    """Play a bot from 09:00 to 15:30 of 2024-01-02 over the toy market of `child.py`."""
    script = folder / "bot.py"
    script.write_text(dedent(source), encoding="utf-8")
    ending_file = folder / "ending.json"
    paths = [str(REPO / "src"), os.environ.get("PYTHONPATH", "")]
    run = subprocess.run(
        [sys.executable, str(CHILD), str(script), str(ending_file), json.dumps(options)],
        env={
            **os.environ,
            **ENVIRONMENT,
            "PYTHONHASHSEED": hash_seed,
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "PYTHONUTF8": "1",
        },
        cwd=folder,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=30,
        check=False,
    )
    assert ending_file.exists(), run.stdout + run.stderr
    facts = json.loads(ending_file.read_text(encoding="utf-8"))
    facts["notices"] = [Notice(**notice) for notice in facts["notices"]]
    return Played(run.stdout, run.stderr, Ending(**facts))
