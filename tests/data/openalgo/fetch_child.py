"""A process of its own that fetches: `python -m tests.data.openalgo.fetch_child FOLDER URL`."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

from tapeback.data.cache import CacheManager
from tapeback.data.downloads import download
from tapeback.data.openalgo.server import OpenAlgoServer
from tapeback.models.candle import Series
from tapeback.utils.clock import day_of
from tests.openalgo_server import KEY, HandClock

SERIES = Series("RELIANCE", "NSE", "15m")
FIRST, LAST = day_of(date(2023, 12, 1)), day_of(date(2024, 3, 15))


def main(folder: str, base_url: str) -> None:
    clock = HandClock()
    with (
        CacheManager(Path(folder), clock=clock) as cache,
        OpenAlgoServer(base_url, KEY, clock=clock, ration=cache.ration) as server,
    ):
        report = download([SERIES], FIRST, LAST, server=server, cache=cache)
    report.raise_failures()
    print(report.added)


if __name__ == "__main__":
    main(*sys.argv[1:])
