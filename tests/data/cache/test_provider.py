"""The cache keeps the contract of providers, and says what it lacks."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from tapeback.data.cache import CacheManager
from tapeback.data.cache.provider import CacheDataProvider
from tapeback.data.provider import DataProvider, DataRequest
from tapeback.data.quality import examine
from tapeback.errors import DataError, DataNotFoundError
from tapeback.market.candles import Candles
from tapeback.market.settling.corporate_actions import Action, ActionBook
from tapeback.utils.clock import MINUTE_NS, day_of
from tests.data.cache.samples import answer, bars, same
from tests.data.conformance import DataProviderContract, ask

SPAN = (date(2024, 3, 1), date(2024, 3, 15))
WHOLE = DataRequest(symbol="RELIANCE", exchange="NSE")


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[CacheManager]:
    with CacheManager(tmp_path / "cache") as cache:
        cache.store(bars(*SPAN), answer(*SPAN))
        yield cache


@pytest.fixture
def provider(cache: CacheManager) -> CacheDataProvider:
    return CacheDataProvider(cache)


class TestContract(DataProviderContract):
    @pytest.fixture
    def provider(self, cache: CacheManager) -> DataProvider:
        return CacheDataProvider(cache)

    @pytest.fixture
    def whole(self) -> DataRequest:
        return WHOLE


def test_what_is_handed_out_was_examined(provider: CacheDataProvider) -> None:
    candles = provider.fetch(WHOLE)
    assert candles.origin.examined
    assert candles.findings == examine(bars(*SPAN)).findings
    assert candles.origin.detail == "openalgo 127.0.0.1:5000 2024-03-01 to 2024-03-15"


def test_the_stored_timeframe_that_is_asked_for_comes_first(
    cache: CacheManager, provider: CacheDataProvider
) -> None:
    five = bars(*SPAN, timeframe="5m", seed=2)
    cache.store(five, answer(*SPAN))
    assert same(provider.fetch(ask(WHOLE, timeframe="5m")), five)
    ten = provider.fetch(ask(WHOLE, timeframe="10m"))
    assert same(ten, bars(*SPAN).resample("10m"))
    assert [finding.code for finding in ten.findings] == ["resampled"]
    assert provider.fetch(WHOLE).timeframe == "1m"


def test_finer_bars_stand_in_where_the_own_ones_are_of_other_dates(
    cache: CacheManager, provider: CacheDataProvider
) -> None:
    april = date(2024, 4, 1), date(2024, 4, 5)
    cache.store(bars(*april, timeframe="5m"), answer(*april))
    march = provider.fetch(ask(WHOLE, timeframe="5m", end=SPAN[1]))
    assert same(march, bars(*SPAN).resample("5m"))


def test_a_timeframe_that_the_stored_one_does_not_divide_is_refused(cache: CacheManager) -> None:
    fours = bars(*SPAN, symbol="INFY", timeframe="4m")
    cache.store(fours, answer(*SPAN))
    request = DataRequest(symbol="INFY", exchange="NSE", timeframe="10m")
    with pytest.raises(DataError, match="holds 4m, of which no 10m bars can be made"):
        CacheDataProvider(cache).fetch(request)


def test_an_unknown_symbol_gets_near_matches_and_the_way_to_fetch_it(
    provider: CacheDataProvider,
) -> None:
    with pytest.raises(DataNotFoundError, match=r"did you mean 'RELIANCE'.*data fetch RELIANSE"):
        provider.fetch(ask(WHOLE, symbol="RELIANSE"))


def test_a_second_request_maps_the_same_file(
    cache: CacheManager, provider: CacheDataProvider
) -> None:
    first = provider.fetch(WHOLE)
    with closing(sqlite3.connect(cache.path)) as file:
        file.execute("UPDATE pieces SET data = x'00'")
        file.commit()
    again = provider.fetch(WHOLE)
    assert same(again, first)
    assert (again.sha256, again.origin) == (first.sha256, first.origin)


def test_what_is_stored_later_is_seen(cache: CacheManager, provider: CacheDataProvider) -> None:
    provider.fetch(WHOLE)
    more = date(2024, 3, 18), date(2024, 3, 20)
    cache.store(bars(*more), answer(*more))
    assert same(provider.fetch(WHOLE), bars(SPAN[0], more[1]))


def test_another_policy_and_other_actions_are_other_datasets(cache: CacheManager) -> None:
    split_day = day_of(date(2024, 3, 11))
    whole = bars(*SPAN, symbol="INFY")
    halved = [column.copy() for column in whole.columns]
    for column in halved[1:5]:
        column[whole.days >= split_day] /= 2
    split = Candles(whole.series, halved, whole.origin)
    cache.store(split, answer(*SPAN))
    ratio = Action(symbol="INFY", exchange="NSE", ex_day=split_day, kind="split", new=2, held=1)
    request = DataRequest(symbol="INFY", exchange="NSE")
    told = set()
    for policy in ("repair", "keep"):
        for book in (None, ActionBook(()), ActionBook([ratio])):
            candles = CacheDataProvider(cache, actions=book, policy=policy).fetch(request)
            assert candles.findings == examine(split, policy=policy, actions=book).findings
            told.add(candles.findings)
    assert len(told) == 2
    assert len(list((cache.folder / "datasets").glob("*/*"))) == 4


def test_bars_that_the_policy_refuses_are_no_dataset(cache: CacheManager) -> None:
    frozen = bars(*SPAN, symbol="INFY")
    columns = [column.copy() for column in frozen.columns]
    tail = columns[0][-1] + np.arange(1, 61) * MINUTE_NS
    columns = [np.concatenate((c, tail if c is columns[0] else np.full(60, c[-1])))
               for c in columns]  # fmt: skip
    for column in columns[1:4]:
        column[-60:] = columns[4][-1]
    columns[5][-60:] = 0.0
    cache.store(Candles(frozen.series, columns, frozen.origin), answer(*SPAN))
    request = DataRequest(symbol="INFY", exchange="NSE")
    with pytest.raises(DataError, match="frozen"):
        CacheDataProvider(cache, policy="refuse").fetch(request)
    assert len(CacheDataProvider(cache).fetch(request)) == len(frozen)
    assert len(CacheDataProvider(cache, policy="keep").fetch(request)) == len(frozen) + 60


def test_it_is_described_by_its_folder(cache: CacheManager, provider: CacheDataProvider) -> None:
    assert provider.describe() == f"cache {cache.folder}"
