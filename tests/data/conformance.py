"""The contract that every provider of market data keeps; a subclass brings the provider."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import msgspec
import numpy as np
import pytest

from tapeback.data.provider import DataProvider, DataRequest
from tapeback.errors import DataError, DataNotFoundError
from tapeback.market import timeframes
from tapeback.market.candles import Candles
from tapeback.market.cleaning import clean
from tapeback.utils.clock import date_of


def same_bars(one: Candles, other: Candles) -> bool:
    pairs = zip(one.columns, other.columns, strict=True)
    return all(np.array_equal(a, b, equal_nan=True) for a, b in pairs)


class DataProviderContract:
    """Subclasses give the fixtures `provider` and `whole`: a request without dates and timeframe
    for 1m bars of NSE that cover the sessions of 2024-03-01 (Friday) to 2024-03-15 at least."""

    @pytest.fixture
    def provider(self) -> DataProvider:
        raise NotImplementedError

    @pytest.fixture
    def whole(self) -> DataRequest:
        raise NotImplementedError

    @pytest.fixture
    def week(self, whole: DataRequest) -> DataRequest:
        return ask(whole, start=date(2024, 3, 11), end=date(2024, 3, 15))

    def test_the_candles_are_of_what_was_asked_for(
        self, provider: DataProvider, whole: DataRequest
    ) -> None:
        candles = provider.fetch(whole)
        assert (candles.symbol, candles.exchange) == (whole.symbol, whole.exchange)
        assert candles.timeframe == "1m"

    @pytest.mark.parametrize(("asked", "given"), [("5m", "5m"), ("D", "1d"), ("60m", "1h")])
    def test_a_timeframe_comes_in_its_one_spelling(
        self, provider: DataProvider, whole: DataRequest, asked: str, given: str
    ) -> None:
        assert provider.fetch(ask(whole, timeframe=asked)).timeframe == given

    def test_every_bar_is_a_bar_and_they_are_in_order(
        self, provider: DataProvider, whole: DataRequest
    ) -> None:
        candles = provider.fetch(whole)
        assert (np.diff(candles.ts) > 0).all()
        assert clean(candles.columns, where="provider")[1] == ()

    def test_labels_are_open_times_from_the_session_s_open_on(
        self, provider: DataProvider, week: DataRequest
    ) -> None:
        candles = provider.fetch(week)
        firsts = {f"{candles[int(i)].timestamp:%H:%M}" for i in candles.session_firsts}
        assert firsts == {"09:15"}

    def test_defect_51_both_dates_are_included_with_all_their_bars(
        self, provider: DataProvider, whole: DataRequest, week: DataRequest
    ) -> None:
        candles = provider.fetch(week)
        assert dates_of(candles) == [date(2024, 3, day) for day in (11, 12, 13, 14, 15)]
        assert f"{candles[-1].timestamp:%Y-%m-%d %H:%M}" == "2024-03-15 15:29"
        everything = provider.fetch(whole)
        cut = everything.between(int(candles.ts[0]), int(candles.ts[-1]) + 1)
        assert same_bars(candles, cut)

    def test_a_single_date_is_a_range(self, provider: DataProvider, whole: DataRequest) -> None:
        day = date(2024, 3, 7)
        assert dates_of(provider.fetch(ask(whole, start=day, end=day))) == [day]

    def test_the_same_request_gives_the_same_bytes(
        self, provider: DataProvider, whole: DataRequest, week: DataRequest
    ) -> None:
        first = provider.fetch(week)
        provider.fetch(whole)
        again = provider.fetch(week)
        assert first.sha256 == again.sha256
        assert first.origin == again.origin

    def test_threads_may_share_a_provider(self, provider: DataProvider, week: DataRequest) -> None:
        with ThreadPoolExecutor(4) as pool:
            digests = {c.sha256 for c in pool.map(provider.fetch, [week] * 8)}
        assert digests == {provider.fetch(week).sha256}

    def test_defect_55_global_random_state_is_neither_used_nor_moved(
        self, provider: DataProvider, week: DataRequest
    ) -> None:
        np.random.seed(7)
        expected = np.random.random()
        np.random.seed(7)
        one = provider.fetch(week)
        assert np.random.random() == expected
        np.random.seed(8)
        assert same_bars(provider.fetch(week), one)

    @pytest.mark.parametrize("timeframe", ["3m", "15m", "1h", "4h", "1d", "1w"])
    def test_defect_50_a_coarser_timeframe_is_made_of_the_finer_bars(
        self, provider: DataProvider, week: DataRequest, timeframe: str
    ) -> None:
        coarse = provider.fetch(ask(week, timeframe=timeframe))
        assert coarse.timeframe == timeframe
        assert same_bars(coarse, provider.fetch(week).resample(timeframe))
        lengths = np.diff(coarse.ts)
        assert not len(lengths) or lengths.min() >= timeframes.duration(timeframe)

    def test_a_finer_timeframe_is_refused(self, provider: DataProvider, whole: DataRequest) -> None:
        with pytest.raises(DataError, match=r"30s.*Ask for 1m or longer"):
            provider.fetch(ask(whole, timeframe="30s"))

    def test_a_range_without_bars_is_an_error_and_no_empty_result(
        self, provider: DataProvider, whole: DataRequest
    ) -> None:
        with pytest.raises(DataNotFoundError, match="2024-03-09"):
            provider.fetch(ask(whole, start=date(2024, 3, 9), end=date(2024, 3, 10)))

    def test_the_kind_of_source_is_stated(self, provider: DataProvider, whole: DataRequest) -> None:
        origin = provider.fetch(whole).origin
        assert origin.kind in ("file", "synthetic", "cache", "historify", "openalgo")
        assert origin.detail
        assert provider.describe().startswith(origin.kind)


def ask(request: DataRequest, **changes: object) -> DataRequest:
    return msgspec.structs.replace(request, **changes)


def dates_of(candles: Candles) -> list[date]:
    stamps: Iterable[int] = candles.ts[candles.session_firsts].tolist()
    return [date_of(ts) for ts in stamps]
