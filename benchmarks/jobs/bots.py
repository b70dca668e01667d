"""The process that measures live bots: `python -m benchmarks.jobs.bots grid|supertrend BARS`.

The bots of `strats/` run unchanged with the shipped settings over synthetic minute bars, from the
settings to the metrics; making the bars is part of it.
"""

from __future__ import annotations

import numpy as np

import tapeback
from benchmarks.generate import REPO, SESSION
from benchmarks.jobs.tapeback import outcome_of
from benchmarks.measure import Job, serve
from benchmarks.oracle import Outcome

FIRST_DATE = "2024-01-01"


def prepare(name: str, bars: int) -> Job:
    """A bot of the catalogue over the sessions that `bars` minutes fill."""
    sessions = max(1, bars // SESSION)
    last = np.busday_offset(np.datetime64(FIRST_DATE, "D"), sessions - 1)
    config = tapeback.load_config(
        strategy=name,
        root=REPO,
        overrides=(
            "data.use_synthetic=true",
            "data.timeframe=1m",
            f"data.start={FIRST_DATE}",
            f"data.end={last}",
        ),
    )

    def play() -> Outcome:
        return outcome_of(tapeback.run(config, strategy=name, root=REPO))

    return Job(bars=sessions * SESSION, play=play)


if __name__ == "__main__":
    serve("Tapeback", tapeback.__version__, prepare)
