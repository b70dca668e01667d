"""Fetching in processes that are killed, and in two at once."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from tapeback.data.cache import CacheManager
from tapeback.data.downloads import download
from tapeback.data.openalgo.server import OpenAlgoServer
from tapeback.market.candles import Candles
from tapeback.utils.clock import day_number
from tests.conftest import REPO
from tests.data.conformance import same_bars
from tests.data.openalgo.fetch_child import FIRST, LAST, SERIES
from tests.openalgo_server import HandClock, OpenAlgoTestServer, minutes_of

PIECES = 4


@pytest.fixture
def winter(openalgo_server: OpenAlgoTestServer) -> Candles:
    """Bars of four requests on the server; the same ones are returned."""
    bars = minutes_of("RELIANCE", "NSE", date(2023, 12, 1))
    openalgo_server.bars["RELIANCE", "NSE"] = bars
    openalgo_server.broker = "unheard-of"
    coarse = bars.resample("15m")
    days = coarse.days
    kept = np.flatnonzero((days >= FIRST) & (days <= LAST))
    return coarse[: len(kept)]


def child(folder: Path, server: OpenAlgoTestServer) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.data.openalgo.fetch_child", str(folder), server.base_url],
        cwd=REPO,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(REPO / "src"), str(REPO)])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("request_number", [1, 3])
def test_a_killed_fetch_loses_nothing_and_leaves_no_hole_marked_as_known(
    openalgo_server: OpenAlgoTestServer,
    client: OpenAlgoServer,
    clock: HandClock,
    tmp_path: Path,
    winter: Candles,
    request_number: int,
) -> None:
    openalgo_server.block_at = ("history", request_number)
    with child(tmp_path, openalgo_server) as process:
        assert openalgo_server.reached.wait(60)
        process.kill()
    openalgo_server.release.set()

    with CacheManager(tmp_path, clock=clock) as cache:
        stored = cache.read(SERIES)
        assert (stored is None) == (request_number == 1)
        missing = cache.missing(SERIES, FIRST, LAST, max_age_hours=24)
        held = set() if stored is None else set(stored.days.tolist())
        lost = [day for first, last in missing for day in range(first, last + 1)]
        everything = set(winter.days.tolist())
        assert everything - set(lost) == held
        openalgo_server.requests.clear()
        download([SERIES], FIRST, LAST, server=client, cache=cache).raise_failures()
        assert len(openalgo_server.history) == PIECES - request_number + 1
        whole = cache.read(SERIES)
        assert whole is not None
        assert same_bars(whole, winter)


def test_two_processes_that_fetch_the_same_make_one_download(
    openalgo_server: OpenAlgoTestServer, clock: HandClock, tmp_path: Path, winter: Candles
) -> None:
    openalgo_server.block_at = ("history", 1)
    with child(tmp_path, openalgo_server) as one, child(tmp_path, openalgo_server) as other:
        # Both have decided to fetch; the first one's answer is held back until then.
        openalgo_server.wait_for("intervals", 2)
        openalgo_server.wait_for("history", 1)
        openalgo_server.release.set()
        outputs = [process.communicate(timeout=60) for process in (one, other)]
        assert [process.returncode for process in (one, other)] == [0, 0], outputs
    assert sorted(int(added) for added, _ in outputs) == [0, len(winter)]
    assert len(openalgo_server.history) == PIECES
    with CacheManager(tmp_path, clock=clock) as cache:
        stored = cache.read(SERIES)
        assert stored is not None
        assert same_bars(stored, winter)
        assert day_number(int(stored.ts[0])) == FIRST
