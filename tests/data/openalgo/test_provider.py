"""OpenAlgo as a provider: the contract, and what it never asks twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapeback.data.cache import CacheManager
from tapeback.data.openalgo.provider import OpenAlgoDataProvider
from tapeback.data.openalgo.server import OpenAlgoServer
from tapeback.data.openalgo.transport import OpenAlgoError
from tapeback.data.provider import DataRequest
from tapeback.errors import DataError, DataNotFoundError
from tapeback.market.candles import Candles
from tapeback.utils.clock import DAY_NS, day_of, to_ns
from tests.data.conformance import DataProviderContract, ask, same_bars
from tests.openalgo_server import KEY, NOW, Fault, HandClock, OpenAlgoTestServer, minutes_of

WEEK = DataRequest(
    symbol="RELIANCE",
    exchange="NSE",
    timeframe="1m",
    start=date(2024, 3, 11),
    end=date(2024, 3, 15),
)


@pytest.fixture
def cache(tmp_path: Path, clock: HandClock) -> Iterator[CacheManager]:
    with CacheManager(tmp_path, clock=clock) as manager:
        yield manager


@pytest.fixture
def provider(client: OpenAlgoServer, cache: CacheManager) -> OpenAlgoDataProvider:
    return OpenAlgoDataProvider(client, cache)


class TestContract(DataProviderContract):
    @pytest.fixture
    def provider(self, client: OpenAlgoServer, cache: CacheManager) -> OpenAlgoDataProvider:
        return OpenAlgoDataProvider(client, cache)

    @pytest.fixture
    def whole(self) -> DataRequest:
        return DataRequest(symbol="RELIANCE", exchange="NSE")


def codes(candles: object) -> set[str]:
    return {finding.code for finding in candles.findings}


def test_the_bars_are_the_server_s_to_the_last_bit(provider: OpenAlgoDataProvider) -> None:
    candles = provider.fetch(WEEK)
    made = minutes_of("RELIANCE", "NSE").between(to_ns(datetime(2024, 3, 11)), None)
    made = made[: len(candles)]
    assert len(candles) == 5 * 375
    for name in ("ts", "open", "high", "low", "close", "volume"):
        assert np.array_equal(getattr(candles, name), getattr(made, name)), name
    assert np.isnan(candles.oi).all()
    assert candles.origin.kind == "openalgo"
    assert "zerodha at 127.0.0.1" in candles.origin.detail


def test_defect_52_a_second_fetch_makes_no_request(
    openalgo_server: OpenAlgoTestServer,
    provider: OpenAlgoDataProvider,
    cache: CacheManager,
    clock: HandClock,
) -> None:
    first = provider.fetch(WEEK)
    asked = len(openalgo_server.requests)
    with OpenAlgoServer(openalgo_server.base_url, KEY, clock=clock) as other:
        again = OpenAlgoDataProvider(other, cache)
        assert again.fetch(WEEK).sha256 == first.sha256
        inner = ask(WEEK, start=date(2024, 3, 12), end=date(2024, 3, 14))
        assert len(again.fetch(inner)) == 3 * 375
        assert again.fetch(ask(WEEK, timeframe="15m")).timeframe == "15m"
        assert len(again.fetch(ask(WEEK, end=date(2024, 3, 17)))) == 5 * 375
    assert len(openalgo_server.requests) == asked


def test_an_extended_range_fetches_the_difference_and_one_known_session(
    openalgo_server: OpenAlgoTestServer, provider: OpenAlgoDataProvider
) -> None:
    inner = ask(WEEK, start=date(2024, 3, 12), end=date(2024, 3, 13))
    provider.fetch(inner)
    openalgo_server.requests.clear()
    provider.fetch(WEEK)
    assert [asked.days for asked in openalgo_server.history] == [
        ("2024-03-13", "2024-03-15"),
        ("2024-03-11", "2024-03-12"),
    ]


def test_the_forming_bar_is_neither_given_nor_stored(
    openalgo_server: OpenAlgoTestServer,
    provider: OpenAlgoDataProvider,
    cache: CacheManager,
    clock: HandClock,
) -> None:
    today = ask(WEEK, start=date(2024, 3, 15), end=date(2024, 3, 18))
    candles = provider.fetch(today)
    assert f"{candles[-1].timestamp:%d %H:%M}" == "18 10:59"
    assert f"{cache.read(candles.series)[-1].timestamp:%d %H:%M}" == "18 10:59"
    fetched = len(openalgo_server.requests)
    # The same morning an hour later: what was asked for is fresh enough.
    clock.ns = openalgo_server.now = NOW + 3600 * 10**9
    assert len(provider.fetch(today)) == len(candles)
    assert len(openalgo_server.requests) == fetched
    # Two days later it is not, and the rest of the day is there.
    clock.ns = openalgo_server.now = NOW + 2 * DAY_NS
    candles = provider.fetch(today)
    assert f"{candles[-1].timestamp:%d %H:%M}" == "18 15:29"
    assert len(candles) == 2 * 375


def test_a_day_is_no_bar_before_it_is_over(
    provider: OpenAlgoDataProvider, clock: HandClock, openalgo_server: OpenAlgoTestServer
) -> None:
    days = ask(WEEK, timeframe="D", end=date(2024, 3, 18))
    assert f"{provider.fetch(days)[-1].timestamp:%d %H:%M}" == "15 00:00"
    clock.ns = openalgo_server.now = NOW + 2 * DAY_NS
    assert f"{provider.fetch(days)[-1].timestamp:%d %H:%M}" == "18 00:00"


def test_defect_50_what_the_broker_lacks_is_made_of_minutes_and_said(
    openalgo_server: OpenAlgoTestServer, provider: OpenAlgoDataProvider
) -> None:
    candles = provider.fetch(ask(WEEK, timeframe="4h"))
    made = minutes_of("RELIANCE", "NSE").between(to_ns(datetime(2024, 3, 11)), None)
    assert same_bars(candles, made[: 5 * 375].resample("4h"))
    assert "resampled" in codes(candles)
    assert {asked.body["interval"] for asked in openalgo_server.history} == {"1m"}
    openalgo_server.requests.clear()
    provider.fetch(ask(WEEK, timeframe="4h"))
    assert openalgo_server.requests == []


def test_an_offered_timeframe_is_fetched_as_it_is(
    openalgo_server: OpenAlgoTestServer, provider: OpenAlgoDataProvider
) -> None:
    candles = provider.fetch(ask(WEEK, timeframe="15m"))
    assert "resampled" not in codes(candles)
    assert {asked.body["interval"] for asked in openalgo_server.history} == {"15m"}


def test_weeks_are_made_of_the_broker_s_days(
    openalgo_server: OpenAlgoTestServer, provider: OpenAlgoDataProvider
) -> None:
    openalgo_server.broker_intervals = ("1m", "D", "W")
    weeks = provider.fetch(ask(WEEK, timeframe="W", start=date(2024, 3, 4)))
    assert [f"{week.timestamp:%m-%d}" for week in weeks] == ["03-04", "03-11"]
    assert {asked.body["interval"] for asked in openalgo_server.history} == {"D"}


def test_a_finer_timeframe_than_offered_is_refused_with_what_is(
    provider: OpenAlgoDataProvider,
) -> None:
    with pytest.raises(DataError, match=r"10s.*1m, 3m, 5m, 15m, 30m, 1h, 1d.*Ask for 1m or longer"):
        provider.fetch(ask(WEEK, timeframe="10s"))


def test_an_unknown_symbol_is_told_with_those_like_it(provider: OpenAlgoDataProvider) -> None:
    with pytest.raises(DataNotFoundError) as caught:
        provider.fetch(ask(WEEK, symbol="RELAINCE"))
    assert "lists no RELAINCE on NSE (did you mean 'RELIANCE'?)" in str(caught.value)
    assert "Check symbol and exchange" in str(caught.value)


def test_the_database_of_historify_is_a_source(
    openalgo_server: OpenAlgoTestServer,
    client: OpenAlgoServer,
    cache: CacheManager,
) -> None:
    openalgo_server.logged_in = False
    provider = OpenAlgoDataProvider(client, cache, source="db")
    candles = provider.fetch(ask(WEEK, timeframe="1h", start=date(2024, 2, 1)))
    assert f"{candles[0].timestamp:%Y-%m-%d %H:%M}" == "2024-03-01 09:15"
    assert {asked.body["interval"] for asked in openalgo_server.requests} == {"1m"}
    assert provider.describe().endswith("Historify's database")
    # What Historify lacks today, it may have tomorrow.
    openalgo_server.bars["RELIANCE", "NSE"] = minutes_of("RELIANCE", "NSE", date(2024, 2, 26))
    candles = provider.fetch(ask(WEEK, timeframe="1h", start=date(2024, 2, 1)))
    assert f"{candles[0].timestamp:%Y-%m-%d %H:%M}" == "2024-02-26 09:15"
    with pytest.raises(DataNotFoundError, match="no bar of INFY"):
        provider.fetch(ask(WEEK, symbol="INFY"))


def test_forced_to_the_cache_it_asks_nothing_and_names_the_holes(
    openalgo_server: OpenAlgoTestServer,
    client: OpenAlgoServer,
    cache: CacheManager,
    provider: OpenAlgoDataProvider,
) -> None:
    provider.fetch(ask(WEEK, end=date(2024, 3, 12)))
    openalgo_server.requests.clear()
    forced = OpenAlgoDataProvider(client, cache, force_cache_use=True)
    candles = forced.fetch(ask(WEEK, timeframe="5m"))
    assert len(candles) == 2 * 75
    (hole,) = [finding for finding in candles.findings if finding.code == "not-fetched"]
    assert "2024-03-13 to 2024-03-15" in hole.message
    assert len(forced.fetch(ask(WEEK, timeframe="D"))) == 2
    with pytest.raises(DataNotFoundError, match="nothing of it is stored"):
        forced.fetch(ask(WEEK, symbol="INFY"))
    assert openalgo_server.requests == []


def test_defect_48_a_failure_is_an_error_and_what_was_stored_stays(
    openalgo_server: OpenAlgoTestServer, provider: OpenAlgoDataProvider, cache: CacheManager
) -> None:
    stored = provider.fetch(ask(WEEK, end=date(2024, 3, 12)))
    openalgo_server.faults = [Fault("status", "history", 500, {"message": "no broker"})] * 4
    with pytest.raises(OpenAlgoError, match="no broker"):
        provider.fetch(WEEK)
    assert same_bars(cache.read(stored.series), stored)
    assert len(provider.fetch(WEEK)) == 5 * 375


def test_bad_data_is_refused_where_the_policy_says_so(
    openalgo_server: OpenAlgoTestServer, client: OpenAlgoServer, cache: CacheManager
) -> None:
    bars = openalgo_server.bars["RELIANCE", "NSE"]
    high = bars.high.copy()
    high[int(np.searchsorted(bars.ts, to_ns(datetime(2024, 3, 12, 10))))] = 1.0
    columns = [*bars.columns[:2], high, *bars.columns[3:]]
    openalgo_server.bars["RELIANCE", "NSE"] = Candles(bars.series, columns, bars.origin)
    candles = OpenAlgoDataProvider(client, cache).fetch(WEEK)
    assert len(candles) == 5 * 375 - 1
    assert {"high-below-low", "missing-bars"} <= codes(candles)
    with pytest.raises(DataError, match="high-below-low"):
        OpenAlgoDataProvider(client, cache, policy="refuse").fetch(WEEK)


def test_without_a_start_it_goes_back_to_the_first_bar_once(
    openalgo_server: OpenAlgoTestServer, provider: OpenAlgoDataProvider
) -> None:
    everything = DataRequest(symbol="RELIANCE", exchange="NSE")
    candles = provider.fetch(everything)
    assert f"{candles[0].timestamp:%Y-%m-%d}" == "2024-03-01"
    history = len(openalgo_server.history)
    assert provider.fetch(everything).sha256 == candles.sha256
    assert len(openalgo_server.history) == history


def test_a_start_in_the_future_finds_nothing(provider: OpenAlgoDataProvider) -> None:
    with pytest.raises(DataNotFoundError, match="from 2024-03-20"):
        provider.fetch(ask(WEEK, start=date(2024, 3, 20), end=None))


RANGES = st.lists(
    st.tuples(st.integers(0, 90), st.integers(0, 40), st.sampled_from(("", "cap", "empty"))),
    min_size=1,
    max_size=5,
)


@given(ranges=RANGES)
@settings(max_examples=12)
def test_whatever_was_fetched_before_a_range_is_whole_and_known(
    tmp_path_factory: pytest.TempPathFactory, ranges: list[tuple[int, int, str]]
) -> None:
    """Ranges in any order, over answers that are cut or empty: what comes is what the server has,
    and asking again takes no request."""
    clock = HandClock()
    with (
        OpenAlgoTestServer() as server,
        OpenAlgoServer(server.base_url, KEY, clock=clock) as client,
        CacheManager(tmp_path_factory.mktemp("cache"), clock=clock) as cache,
    ):
        truth = minutes_of("RELIANCE", "NSE", date(2023, 12, 1))
        server.bars["RELIANCE", "NSE"] = truth
        server.broker = "unheard-of"
        coarse = truth.resample("15m")
        provider = OpenAlgoDataProvider(client, cache)
        for offset, length, fault in ranges:
            start = date(2023, 12, 1) + timedelta(days=offset)
            end = min(start + timedelta(days=length), date(2024, 3, 15))
            server.row_cap = 100 if fault == "cap" else None
            server.faults = [Fault("empty", "history")] if fault == "empty" else []
            wanted = (coarse.days >= day_of(start)) & (coarse.days <= day_of(end))
            if not wanted.any():
                continue
            request = ask(WEEK, timeframe="15m", start=start, end=end)
            candles = provider.fetch(request)
            assert np.array_equal(candles.ts, coarse.ts[wanted])
            assert np.array_equal(candles.close, coarse.close[wanted])
            asked = len(server.requests)
            assert provider.fetch(request).sha256 == candles.sha256
            assert len(server.requests) == asked
