"""The benchmark of a year of weeklies, small: imported, listed and shown as a chain."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import option_chain
from tapeback.data.cache import CacheManager
from tapeback.data.contracts.board import ContractBoard
from tapeback.data.contracts.importing import import_files
from tapeback.models.candle import Series
from tapeback.utils.clock import midnight
from tests.data.contracts.samples import ClockAt

MINUTE = 60_000_000_000


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> CacheManager:
    folder = tmp_path_factory.mktemp("weeklies")
    bars = option_chain.generate(folder / "files", 176, "parquet", strikes=44, sessions=2)
    assert bars == 176 * 750
    made = CacheManager(folder / "cache", clock=ClockAt(2026, 3, 2, 18, 0))
    report = import_files(folder / "files", cache=made, workers=0)
    assert report.problems == []
    assert (report.files, report.contracts) == (177, 176)
    assert report.added > bars
    return made


def test_the_chain_of_any_minute_holds_the_bars_that_closed_last(cache: CacheManager) -> None:
    board = ContractBoard(cache)
    expiries = sorted({each.expiry for each in cache.instruments(exchange="NFO") if each.expiry})
    assert len(expiries) == 2
    for expiry in expiries:
        opens = midnight(expiry) + (9 * 60 + 15) * MINUTE
        for minute in (1, 2, 100, 374):
            ts = opens + minute * MINUTE
            assert board.expiries("NIFTY", "NFO", "options", ts) == [expiry]
            chain = board.chain("NIFTY", "NFO", expiry, ts, strikes=20)
            assert 21 <= len(chain.rows) <= 41
            assert len([row for row in chain.rows if row.ce and row.ce.label == "ATM"]) == 1
            for row in chain.rows:
                for side in (row.ce, row.pe):
                    assert side is not None
                    stored = cache.read(Series(side.instrument.symbol, "NFO", "1m"), expiry, expiry)
                    assert stored is not None
                    at = int(np.searchsorted(stored.ts, ts)) - 1
                    assert (side.quote.ts, side.quote.ltp) == (ts, stored.close[at])
                    assert side.quote.volume == stored.volume[: at + 1].sum()


def test_the_figures_of_the_benchmark_are_all_there(cache: CacheManager) -> None:
    figures = option_chain.chains(cache)
    assert figures.keys() == {
        "listing_ms", "chain_rows", "chain_cold_ms", "chain_ms", "chain_p99_ms"
    }  # fmt: skip
