"""The engines that are measured, and the environments they run in."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.generate import REPO
from benchmarks.measure import Measurement
from tapeback.utils import twin

VENVS = REPO / ".bench" / "venvs"
_LONGEST = 1800  # seconds that one process may take


class EngineError(Exception):
    """A process of an engine, or its installation, failed; the message holds its last words."""


@dataclass(frozen=True)
class Engine:
    """An engine and the module that plays the jobs with it.

    `at_close`: it fills market orders at the close that they follow, not at the next open.
    `rounds`: it keeps money in hundredths, so that each fill may be off by half of one.
    `compiled`: it is Tapeback with the compiled twin of its hot modules.
    """

    name: str
    module: str
    jobs: tuple[str, ...]
    venv: str = ""
    at_close: bool = False
    rounds: bool = False
    compiled: bool = False

    @property
    def python(self) -> Path:
        """The interpreter of its environment; the running one for Tapeback itself."""
        if not self.venv:
            return Path(sys.executable)
        return VENVS / self.venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    @property
    def installed(self) -> bool:
        return twin.folder().is_dir() if self.compiled else self.python.exists()

    def install(self) -> None:
        """Make its environment hold exactly the pinned versions."""
        pins = REPO / "benchmarks" / "peers" / f"{self.venv}.txt"
        folder = str(VENVS / self.venv)
        for command in (
            ("venv", "--allow-existing", "--python", sys.executable, folder),
            ("pip", "sync", "--compile-bytecode", "--python", str(self.python), str(pins)),
        ):
            _run([sys.executable, "-m", "uv", *command, "--quiet"])

    def measure(self, job: str, bars: int, *, once: bool = False) -> Measurement:
        """Play a job in a process of its own."""
        words = [str(self.python), "-m", self.module, job, str(bars), *(["once"] if once else [])]
        pure = "0" if self.compiled else "1"
        return Measurement.from_json(_run(words, **{twin.PURE: pure}).splitlines()[-1])


TAPEBACK = Engine("Tapeback", "benchmarks.jobs.tapeback", ("J1", "J2", "J2i", "J3", "J4"))
COMPILED = Engine("Tapeback, compiled", "benchmarks.jobs.tapeback", TAPEBACK.jobs, compiled=True)
BOTS = Engine("Tapeback", "benchmarks.jobs.bots", ("grid", "supertrend"))
PEERS = (
    Engine(
        "backtesting.py", "benchmarks.peers.backtesting", ("J1", "J2", "J3", "J4"), "backtesting"
    ),
    Engine("backtrader", "benchmarks.peers.backtrader", ("J1", "J2", "J3", "J4"), "backtrader"),
    Engine(
        "NautilusTrader",
        "benchmarks.peers.nautilus",
        ("J1", "J2", "J3", "J4"),
        "nautilus",
        at_close=True,
        rounds=True,
    ),
    Engine("vectorbt", "benchmarks.peers.vectorbt", ("J1", "J2", "J4"), "vectorbt"),
)


def _run(words: list[str], **surroundings: str) -> str:
    """What a process printed; EngineError with the end of its errors when it failed."""
    # Without bytecode files every process would compile its engine's modules anew.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment |= surroundings
    try:
        done = subprocess.run(
            words,
            cwd=REPO,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_LONGEST,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise EngineError(f"not done after {_LONGEST} s") from None
    if done.returncode:
        last = (done.stderr.strip() or "no word on stderr").splitlines()[-1]
        raise EngineError(f"exit code {done.returncode}: {last}")
    return done.stdout
