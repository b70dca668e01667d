"""What is measured: jobs, engines and numbers of bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.engines import BOTS, TAPEBACK, Engine
from benchmarks.generate import SEVERAL_BARS, SINGLE_BARS

COMPARED = ("J1", "J2", "J2i", "J3", "J4")
MOST_BARS = {job: SEVERAL_BARS if job == "J4" else SINGLE_BARS for job in COMPARED}
JOBS = (*COMPARED, "bots", "memory", "scaling")

SCALING = "scaling, "
# One year: 250 sessions.
_BOT_BARS = 93_750
_SCALING_BARS = (50_000, 100_000, 200_000, 400_000)
_FLIPS_BARS, _FLIPS_EVERY = 100_000, (16, 4, 1)
# Beside slow engines a job is short, so that a round takes a minute or two.
_ALONE = {"J1": 100_000, "J2": 100_000, "J2i": 100_000, "J3": 100_000, "J4": 100_000}
_BESIDE_PEERS = {"J1": 20_000, "J2": 20_000, "J2i": 20_000, "J3": 5_000, "J4": 2_000}


@dataclass(frozen=True)
class Cell:
    """One row of the table: `job` as it is shown, `name` and `bars` as the engine is asked."""

    job: str
    engine: Engine
    name: str
    bars: int
    once: bool = False


def cells_of(jobs: Sequence[str], bars: int | None, peers: Sequence[Engine]) -> list[Cell]:
    """The rows for some jobs. All engines play a job on the same number of bars."""
    usual = _BESIDE_PEERS if any(peer.venv for peer in peers) else _ALONE
    cells: list[Cell] = []
    for job in jobs:
        if job in COMPARED:
            count = bars or usual[job]
            engines = [TAPEBACK, *(peer for peer in peers if job in peer.jobs)]
            cells += [Cell(job, engine, job, count) for engine in engines]
        elif job == "bots":
            cells += [Cell(f"{bot} bot", BOTS, bot, _BOT_BARS) for bot in BOTS.jobs]
        elif job == "memory":
            cells.append(Cell("memory, J2", TAPEBACK, "J2", SINGLE_BARS, once=True))
        else:
            cells += [Cell(f"{SCALING}J2", TAPEBACK, "J2", count) for count in _SCALING_BARS]
            cells += [
                Cell(f"{SCALING}fill/{every} bars", TAPEBACK, f"flips-{every}", _FLIPS_BARS)
                for every in _FLIPS_EVERY
            ]
    return cells
