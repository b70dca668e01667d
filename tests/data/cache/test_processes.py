"""Several processes use one cache, and some of them are killed."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from multiprocessing import get_context
from pathlib import Path

import pytest

from tapeback.data.cache import CacheManager
from tapeback.data.cache.provider import CacheDataProvider
from tapeback.data.provider import DataRequest
from tapeback.models.candle import Series
from tests.data.cache import workers
from tests.data.cache.samples import SERIES, answer, bars, same
from tests.data.cache.workers import SPAN, WAIT, started


def test_two_processes_store_the_same_and_other_series_at_once(tmp_path: Path) -> None:
    running = [
        started(workers.store_in_pieces, tmp_path, ["RELIANCE", own], 5) for own in ("INFY", "TCS")
    ]
    for process, says in running:
        while says.get(timeout=WAIT) != "done":
            pass
        process.join(WAIT)
        assert process.exitcode == 0
    with CacheManager(tmp_path) as cache:
        for name in ("RELIANCE", "INFY", "TCS"):
            whole = bars(*SPAN, symbol=name)
            assert same(cache.read(whole.series), whole)
            days = int(whole.days[0]), int(whole.days[-1])
            assert cache.missing(whole.series, *days, max_age_hours=0) == []
        assert cache.check().problems == ()


def test_one_of_two_downloads_and_the_other_sees_it(tmp_path: Path) -> None:
    running = [started(workers.download_once, tmp_path) for _ in range(2)]
    lacking = sorted(says.get(timeout=WAIT) for _, says in running)
    for process, _ in running:
        process.join(WAIT)
    assert lacking == [0, 1]
    with CacheManager(tmp_path) as cache:
        assert same(cache.read(SERIES), bars(*SPAN))
        assert len(cache.answers(SERIES)) == 1


@pytest.mark.parametrize("pieces", [1, 12])
def test_a_kill_loses_nothing_stored_and_leaves_no_hole_marked_as_known(
    tmp_path: Path, pieces: int
) -> None:
    process, says = started(workers.store_for_ever, tmp_path)
    stored = [says.get(timeout=WAIT) for _ in range(pieces)]
    process.kill()
    process.join(WAIT)
    assert process.exitcode != 0
    whole = bars(*SPAN)
    with CacheManager(tmp_path) as cache:
        known = {one.first_day for one in cache.answers(SERIES)}
        assert known >= set(stored)
        read = cache.read(SERIES)
        assert read is not None
        assert set(read.days.tolist()) == known
        last = int(read.days[-1])
        assert same(read, whole[: int((whole.days <= last).sum())])
        lacking = cache.missing(SERIES, int(whole.days[0]), int(whole.days[-1]), max_age_hours=0)
        assert {day for day, _ in lacking} == {int(whole.days[int((whole.days <= last).sum())])}
        assert cache.check().problems == ()


def test_slots_of_all_processes_are_apart(tmp_path: Path) -> None:
    running = [started(workers.reserve, tmp_path, 15) for _ in range(2)]
    slots = [slot for _, says in running for slot in says.get(timeout=WAIT)]
    for process, _ in running:
        process.join(WAIT)
    assert sorted(slots) == list(range(1, 30))


def test_a_worker_maps_the_dataset_of_a_provider_that_it_was_handed(tmp_path: Path) -> None:
    with CacheManager(tmp_path) as cache:
        cache.store(bars(*SPAN), answer(*SPAN))
        provider = CacheDataProvider(cache)
        own = provider.fetch(DataRequest(symbol="RELIANCE", exchange="NSE"))
        process, says = started(workers.digest_of_dataset, provider)
        assert says.get(timeout=WAIT) == (own.sha256, own.origin, len(own))
        process.join(WAIT)
    assert len(list((tmp_path / "datasets").glob("*/*"))) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_has_connections_of_its_own(tmp_path: Path) -> None:
    with CacheManager(tmp_path) as cache:
        march = date(2024, 3, 1), date(2024, 3, 28)
        cache.store(bars(*march), answer(*march))
        process = get_context("fork").Process(target=_store_another, args=(cache,))
        process.start()
        process.join(WAIT)
        assert process.exitcode == 0
        assert [one.series.symbol for one in cache.stored()] == ["INFY", "RELIANCE"]
        assert same(cache.read(SERIES), bars(*march))


def _store_another(cache: CacheManager) -> None:
    march = date(2024, 3, 1), date(2024, 3, 28)
    cache.store(bars(*march, symbol="INFY"), answer(*march))
    cache.close()


def test_defect_81_threads_share_a_cache(tmp_path: Path) -> None:
    names = [f"S{number}" for number in range(8)]
    march = date(2024, 3, 1), date(2024, 3, 28)
    with CacheManager(tmp_path) as cache:

        def store_and_read(name: str) -> bool:
            candles = bars(*march, symbol=name)
            cache.store(candles, answer(*march))
            return same(cache.read(Series(name, "NSE", "1m")), candles)

        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(store_and_read, names * 2))
        assert [one.series.symbol for one in cache.stored()] == names
