"""Measuring a job inside its own process: CPU time, memory, and the machine's speed meanwhile.

Absolute times wander with what else the machine does. So every time is also given in calls: CPU
time divided by what one empty bound-method call in an empty loop costs in the same process just
before and after.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.oracle import Outcome

_CALLS = 200_000
_ENOUGH_SECONDS, _MOST_RUNS = 2.0, 7


@dataclass(frozen=True)
class Job:
    """A prepared job. `play` is what is measured; `check` plays it under the oracle's settings
    where those differ from the engine's own. `bars` counts the bars of all symbols."""

    bars: int
    play: Callable[[], Outcome]
    check: Callable[[], Outcome] | None = None


@dataclass(frozen=True)
class Measurement:
    """One process's figures. `seconds` are CPU seconds of each measured run, `calls` the same in
    empty calls, `peak_mb` the most memory the process held by the end of the last of them.
    `played` is the outcome of the measured runs, `checked` the one to compare with the oracle."""

    engine: str
    version: str
    job: str
    bars: int
    seconds: list[float]
    calls: list[float]
    peak_mb: float | None
    played: Outcome
    checked: Outcome

    @property
    def median_seconds(self) -> float:
        return median(self.seconds)

    @property
    def ns_per_bar(self) -> float:
        return self.median_seconds / self.bars * 1e9

    @property
    def calls_per_bar(self) -> float:
        return median(self.calls) / self.bars

    @classmethod
    def from_json(cls, line: str) -> Measurement:
        fields: dict[str, Any] = json.loads(line)
        for name in ("played", "checked"):
            fields[name] = Outcome(**fields[name])
        return cls(**fields)


def serve(engine: str, version: str, prepare: Callable[[str, int], Job]) -> None:
    """The command of every engine's process, `JOB BARS [once]`: prepare the job, measure it and
    print the measurement as the last line. With `once`, the first run is the one measured."""
    name, bars, *once = sys.argv[1:]
    job = prepare(name, int(bars))
    measurement = measure(engine, version, name, job, once=bool(once))
    print(json.dumps(asdict(measurement)), flush=True)


def measure(engine: str, version: str, name: str, job: Job, *, once: bool) -> Measurement:
    """Run a job, by default after one run that is not counted (imports, compilation, caches)."""
    if not once:
        job.play()
    seconds: list[float] = []
    calls: list[float] = []
    played = None
    while played is None or not once:
        played = None  # the last run's result is not held in memory beside the next one's
        gc.collect()
        before = call_seconds()
        begun = time.process_time()
        played = job.play()
        seconds.append(time.process_time() - begun)
        calls.append(seconds[-1] / ((before + call_seconds()) / 2))
        if sum(seconds) > _ENOUGH_SECONDS or len(seconds) == _MOST_RUNS:
            break
    peak = peak_mb()
    checked = job.check() if job.check else played
    return Measurement(engine, version, name, job.bars, seconds, calls, peak, played, checked)


def call_seconds() -> float:
    """CPU seconds of one turn of a loop that calls an empty bound method."""

    class Empty:
        def on_bar(self) -> None:
            pass

    call = Empty().on_bar
    best = float("inf")
    for _ in range(3):
        begun = time.process_time()
        for _ in range(_CALLS):
            call()
        best = min(best, (time.process_time() - begun) / _CALLS)
    return best


def peak_mb() -> float | None:
    """The most memory this process has held, in MB; None where the system does not tell."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not getrusage: on Linux a child starts with the peak of the process that forked it.
        for line in status.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    if os.name == "nt":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10
