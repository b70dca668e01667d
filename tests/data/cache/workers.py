"""What the tests of the cache do in processes of their own."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import date
from multiprocessing import get_context
from multiprocessing.context import SpawnProcess
from multiprocessing.queues import Queue
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tapeback.data.cache import CacheManager
from tapeback.data.cache.provider import CacheDataProvider
from tapeback.data.provider import DataRequest
from tapeback.errors import CacheError
from tapeback.models.candle import Series
from tapeback.utils.clock import midnight
from tests.data.cache.samples import SERIES, answer, bars, empty

SPAN = (date(2024, 1, 1), date(2024, 3, 28))
NOBODY = 65_534
# Seconds that a test waits for a process, at most.
WAIT = 60


def started(work: Callable[..., None], *arguments: object) -> tuple[SpawnProcess, Queue[Any]]:
    """A new process at work, and what it says."""
    context = get_context("spawn")
    says: Queue[Any] = context.Queue()
    process = context.Process(target=work, args=(says, *arguments))
    process.start()
    return process, says


def store_in_pieces(says: Queue[Any], folder: Path, names: list[str], days: int) -> None:
    """Stores series in pieces of some days, saying so after each."""
    with CacheManager(folder) as cache:
        for candles in [bars(*SPAN, symbol=name) for name in names]:
            first, last = int(candles.days[0]), int(candles.days[-1])
            for day in range(first, last + 1, days):
                end = min(day + days - 1, last)
                piece = candles.between(midnight(day), midnight(end + 1))
                span = (date.fromordinal(719_163 + day), date.fromordinal(719_163 + end))
                cache.store(piece, answer(*span))
                says.put(day)
    says.put("done")


def store_for_ever(says: Queue[Any], folder: Path) -> None:
    """Stores one small piece after the other until it is killed."""
    candles = bars(*SPAN)
    with CacheManager(folder) as cache:
        for day in sorted(set(candles.days.tolist())):
            piece = candles.between(midnight(day), midnight(day + 1))
            span = (date.fromordinal(719_163 + day),) * 2
            for _ in range(20):
                cache.store(piece, answer(*span), replace=True)
            says.put(day)


def download_once(says: Queue[Any], folder: Path) -> None:
    """What two processes do that need the same series: one of them stores it."""
    with CacheManager(folder) as cache, cache.downloading(SERIES):
        candles = bars(*SPAN)
        first, last = int(candles.days[0]), int(candles.days[-1])
        lacking = cache.missing(SERIES, first, last, max_age_hours=0)
        if lacking:
            cache.store(candles, answer(*SPAN))
        says.put(len(lacking))


def reserve(says: Queue[Any], folder: Path, times: int) -> None:
    """Reserves slots and tells how long it was sent to sleep."""
    clock = _Sleeper()
    with CacheManager(folder, clock=clock) as cache:
        for _ in range(times):
            cache.ration("history", interval_ns=1_000_000)
    says.put(clock.until)


class _Sleeper:
    """A clock that stands; what would be slept is the slot that was given."""

    def __init__(self) -> None:
        self.until: list[float] = []

    def now(self) -> int:
        return 1_700_000_000_000_000_000

    def sleep(self, seconds: float) -> None:
        self.until.append(round(seconds * 1000))


def use_as_nobody(says: Queue[Any], folder: Path) -> None:
    """Reads and stores without any right to write."""
    candles = bars(date(2024, 3, 14), date(2024, 3, 14))
    provider = CacheDataProvider(CacheManager(folder))
    request = DataRequest(symbol="RELIANCE", exchange="NSE")
    # What is imported later may lie where only its owner may look.
    with TemporaryDirectory() as other, CacheManager(Path(other)) as cache:
        with cache.downloading(SERIES):
            cache.store(candles, answer(*SPAN))
        CacheDataProvider(cache).fetch(request)
    if os.geteuid() == 0:
        os.seteuid(NOBODY)
    says.put(len(provider.fetch(request)))
    failures = (
        lambda: provider.cache.store(candles, answer(date(2024, 3, 14), date(2024, 3, 14))),
        provider.cache.clear,
        lambda: provider.cache.downloading(SERIES).__enter__(),
        lambda: CacheManager(folder / "new").store(empty(), answer(*SPAN)),
    )
    for failure in failures:
        try:
            failure()
        except CacheError as error:
            says.put(str(error))
    says.put("done")


def fill_the_disk(says: Queue[Any], folder: Path, most: int) -> None:
    """Stores until no file may grow any more."""
    import resource

    candles = bars(*SPAN)
    cache = CacheManager(folder)
    cache.read(SERIES)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    try:
        for number in range(1000):
            series = Series(f"S{number}", "NSE", "1m")
            one = type(candles)(series, candles.columns, candles.origin)
            cache.store(one, answer(*SPAN))
    except CacheError as error:
        says.put((number, str(error)))


def digest_of_dataset(says: Queue[Any], provider: CacheDataProvider) -> None:
    """What a worker gets that was handed a provider."""
    candles = provider.fetch(DataRequest(symbol="RELIANCE", exchange="NSE"))
    says.put((candles.sha256, candles.origin, len(candles)))
    provider.cache.close()
