"""What is missing is fetched, stored at once, and compared with what was stored before."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from tapeback.data.cache import Answer, CacheManager
from tapeback.data.downloads import Report, download, plan
from tapeback.data.openalgo.server import OpenAlgoServer
from tapeback.errors import CacheError, DataError, DataSourceError
from tapeback.market.candles import Candles
from tapeback.models.candle import Series
from tapeback.utils.clock import DAY_NS, day_of
from tests.data.conformance import same_bars
from tests.openalgo_server import KEY, NOW, Fault, HandClock, OpenAlgoTestServer, minutes_of

ONE, OTHER = Series("RELIANCE", "NSE", "1m"), Series("INFY", "NSE", "1m")
QUARTERS = Series("RELIANCE", "NSE", "15m")


def day(month: int, number: int, year: int = 2024) -> int:
    return day_of(date(year, month, number))


@pytest.fixture
def cache(tmp_path: Path, clock: HandClock) -> Iterator[CacheManager]:
    with CacheManager(tmp_path, clock=clock) as manager:
        yield manager


@pytest.fixture
def winter(openalgo_server: OpenAlgoTestServer) -> Candles:
    """Half a year more on the server, whose broker allows 28 days of minutes."""
    bars = minutes_of("RELIANCE", "NSE", date(2023, 12, 1))
    openalgo_server.bars["RELIANCE", "NSE"] = bars
    openalgo_server.broker = "unheard-of"
    return bars


def stored(cache: CacheManager, series: Series, first: int, last: int) -> Candles:
    candles = cache.read(series, first, last)
    assert candles is not None
    return candles


def of_days(candles: Candles, first: int, last: int) -> Candles:
    kept = np.flatnonzero((candles.days >= first) & (candles.days <= last))
    return candles[int(kept[0]) : int(kept[-1]) + 1]


def test_defect_53_a_long_range_is_asked_for_in_pieces_newest_first(
    openalgo_server: OpenAlgoTestServer,
    client: OpenAlgoServer,
    cache: CacheManager,
    winter: Candles,
) -> None:
    report = download([QUARTERS], day(1, 1), day(3, 15), server=client, cache=cache)
    assert [asked.days for asked in openalgo_server.history] == [
        ("2024-02-17", "2024-03-15"),
        ("2024-01-20", "2024-02-16"),
        ("2024-01-01", "2024-01-19"),
    ]
    assert report.failed == []
    expected = of_days(winter, day(1, 1), day(3, 15)).resample("15m")
    assert same_bars(stored(cache, QUARTERS, day(1, 1), day(3, 15)), expected)
    assert report.added == len(expected)
    (answer, *_) = cache.answers(QUARTERS)
    assert (answer.source, answer.detail) == ("openalgo", f"unheard-of at {client.host}")


def test_a_plan_counts_the_requests_without_asking(
    openalgo_server: OpenAlgoTestServer,
    client: OpenAlgoServer,
    cache: CacheManager,
    winter: Candles,
) -> None:
    ahead = plan(
        [QUARTERS, Series("RELIANCE", "NSE", "4h"), ONE, ONE],
        day(1, 1),
        day(3, 15),
        cache=cache,
        max_age_hours=24,
    )
    assert [series.timeframe for series, _, _ in ahead.ranges] == ["15m", "1m"]
    assert (ahead.requests, ahead.seconds) == (6, 6.0)
    assert ahead.to_dict()["ranges"][0] == {
        "series": "RELIANCE:NSE:15m",
        "from": "2024-01-01",
        "to": "2024-03-15",
    }
    assert openalgo_server.requests == []
    download([QUARTERS], day(1, 1), day(3, 15), server=client, cache=cache)
    done = plan([QUARTERS], day(1, 1), day(3, 15), cache=cache, max_age_hours=24)
    assert (done.ranges, done.requests) == ((), 0)


def test_the_progress_counts_to_its_total_and_knows_what_is_left(
    client: OpenAlgoServer, cache: CacheManager, winter: Candles
) -> None:
    calls: list[tuple[int, int, float]] = []
    download(
        [QUARTERS, ONE],
        day(1, 1),
        day(3, 15),
        server=client,
        cache=cache,
        progress=lambda *call: calls.append(call),
    )
    assert [(done, total) for done, total, _ in calls] == [(n, 6) for n in range(1, 7)]
    assert calls[2][2] > calls[4][2] > calls[5][2] == 0


def test_defect_80_a_failed_series_is_a_failure_and_stops_no_other(
    openalgo_server: OpenAlgoTestServer, client: OpenAlgoServer, cache: CacheManager
) -> None:
    openalgo_server.bars["INFY", "NSE"] = minutes_of("INFY", "NSE")
    nope = Series("NOPE", "NSE", "1m")
    report = download(
        [nope, OTHER, Series("RELIANCE", "NSE", "10s"), ONE],
        day(3, 11),
        day(3, 12),
        server=client,
        cache=cache,
    )
    assert [one.series.symbol for one in report.failed] == ["NOPE", "RELIANCE"]
    assert [one.added for one in report.series] == [0, 750, 0, 750]
    assert report.series[0].missing == ((day(3, 11), day(3, 12)),)
    with pytest.raises(DataSourceError) as caught:
        report.raise_failures()
    assert "2 of 4 series could not be fetched" in str(caught.value)
    assert "NOPE:NSE:1m: " in str(caught.value)
    assert "10s are not offered" in str(caught.value)
    document = report.to_dict()
    assert (document["failed"], document["added"]) == (2, 1500)
    assert document["series"][0]["missing"] == [{"from": "2024-03-11", "to": "2024-03-12"}]


def test_a_server_that_cannot_be_used_is_asked_no_more(
    openalgo_server: OpenAlgoTestServer, client: OpenAlgoServer, cache: CacheManager
) -> None:
    openalgo_server.logged_in = False
    report = download([ONE, OTHER], day(3, 11), day(3, 12), server=client, cache=cache)
    assert [getattr(one.error, "kind", None) for one in report.failed] == ["login", "login"]
    assert [asked.name for asked in openalgo_server.requests] == ["intervals", "search"]
    assert report.series[1].missing == ((day(3, 11), day(3, 12)),)


def test_offline_nothing_is_asked_and_what_is_missing_is_told(
    openalgo_server: OpenAlgoTestServer, client: OpenAlgoServer, cache: CacheManager
) -> None:
    report = download([ONE], day(3, 11), day(3, 12), server=client, cache=cache, offline=True)
    assert report.series[0].missing == ((day(3, 11), day(3, 12)),)
    assert openalgo_server.requests == []


@pytest.mark.parametrize("rows", [1000, 500])
def test_an_answer_cut_at_a_number_of_rows_is_noticed_and_completed(
    openalgo_server: OpenAlgoTestServer, client: OpenAlgoServer, cache: CacheManager, rows: int
) -> None:
    openalgo_server.row_cap = rows
    download([ONE], day(3, 1), day(3, 15), server=client, cache=cache)
    expected = of_days(minutes_of("RELIANCE", "NSE"), day(3, 1), day(3, 15))
    assert same_bars(stored(cache, ONE, day(3, 1), day(3, 15)), expected)


def test_a_start_that_the_plugin_moves_is_noticed(
    openalgo_server: OpenAlgoTestServer, client: OpenAlgoServer, cache: CacheManager
) -> None:
    openalgo_server.longest = 4
    download([ONE], day(3, 1), day(3, 15), server=client, cache=cache)
    expected = of_days(minutes_of("RELIANCE", "NSE"), day(3, 1), day(3, 15))
    assert same_bars(stored(cache, ONE, day(3, 1), day(3, 15)), expected)


def test_an_answer_that_is_empty_once_is_asked_for_again(
    openalgo_server: OpenAlgoTestServer, client: OpenAlgoServer, cache: CacheManager
) -> None:
    openalgo_server.faults = [Fault("empty", "history")]
    report = download([ONE], day(3, 11), day(3, 11), server=client, cache=cache)
    assert (report.added, report.requests) == (375, 2)


def test_what_is_not_there_twice_is_known_not_to_exist(
    openalgo_server: OpenAlgoTestServer, client: OpenAlgoServer, cache: CacheManager
) -> None:
    download([ONE], day(2, 12), day(3, 5), server=client, cache=cache)
    assert [asked.days for asked in openalgo_server.history] == [
        ("2024-02-12", "2024-03-05"),
        ("2024-02-21", "2024-02-29"),
        ("2024-02-12", "2024-02-20"),
    ]
    assert cache.missing(ONE, day(2, 12), day(3, 5), max_age_hours=0) == []


def test_a_single_missing_session_is_not_asked_for_again(
    openalgo_server: OpenAlgoTestServer, client: OpenAlgoServer, cache: CacheManager
) -> None:
    openalgo_server.without("RELIANCE", "NSE", date(2024, 3, 5), date(2024, 3, 11))
    report = download([ONE], day(3, 1), day(3, 15), server=client, cache=cache)
    assert report.requests == 1


def test_rows_that_are_no_bars_leave_the_cache_as_it_was(
    openalgo_server: OpenAlgoTestServer, client: OpenAlgoServer, cache: CacheManager
) -> None:
    bad = {"status": "success", "data": [{"timestamp": "yesterday", "open": 1}]}
    openalgo_server.faults = [Fault("status", "history", 200, bad)]
    report = download([ONE], day(3, 11), day(3, 12), server=client, cache=cache)
    assert isinstance(report.failed[0].error, DataError)
    assert "row 1 has 'yesterday' as 'timestamp'" in str(report.failed[0].error)
    assert cache.read(ONE) is None
    assert cache.answers(ONE) == []


def later(clock: HandClock, server: OpenAlgoTestServer, days: int = 3) -> None:
    clock.ns = server.now = NOW + days * DAY_NS


def test_an_adjusted_history_is_noticed_and_replaced_as_a_whole(
    openalgo_server: OpenAlgoTestServer,
    client: OpenAlgoServer,
    cache: CacheManager,
    clock: HandClock,
    winter: Candles,
) -> None:
    download([QUARTERS], day(12, 1, 2023), day(3, 12), server=client, cache=cache)
    openalgo_server.adjust("RELIANCE", "NSE", 0.5, date(2024, 3, 14))
    openalgo_server.requests.clear()
    report = download([QUARTERS], day(12, 1, 2023), day(3, 15), server=client, cache=cache)
    halved = openalgo_server.bars["RELIANCE", "NSE"]
    expected = of_days(halved, day(12, 1, 2023), day(3, 15)).resample("15m")
    whole = stored(cache, QUARTERS, day(12, 1, 2023), day(3, 15))
    assert same_bars(whole, expected)
    (finding,) = [one for one in report.series[0].findings if one.code == "revised-history"]
    assert "2023-12-01 to 2024-03-12" in finding.message
    assert "multiplies them by 0.5" in finding.message
    assert "revised-history" in {one.code for one in whole.findings}
    assert report.series[0].revised == len(of_days(expected, day(12, 1, 2023), day(3, 12)))


def test_what_was_just_fetched_is_not_fetched_again_for_a_revision(
    openalgo_server: OpenAlgoTestServer,
    client: OpenAlgoServer,
    cache: CacheManager,
    clock: HandClock,
    winter: Candles,
) -> None:
    download([QUARTERS], day(12, 1, 2023), day(1, 10), server=client, cache=cache)
    clock.sleep(3600)
    openalgo_server.adjust("RELIANCE", "NSE", 0.5, date(2024, 1, 12))
    openalgo_server.requests.clear()
    download([QUARTERS], day(12, 1, 2023), day(3, 15), server=client, cache=cache)
    assert [asked.days for asked in openalgo_server.history] == [
        ("2024-02-17", "2024-03-15"),
        ("2024-01-20", "2024-02-16"),
        ("2024-01-10", "2024-01-19"),
        ("2023-12-14", "2024-01-10"),
        ("2023-12-01", "2023-12-13"),
    ]


def test_a_correction_is_replaced_as_far_as_it_goes(
    openalgo_server: OpenAlgoTestServer,
    client: OpenAlgoServer,
    cache: CacheManager,
    winter: Candles,
) -> None:
    download([QUARTERS], day(12, 1, 2023), day(3, 12), server=client, cache=cache)
    close = winter.close.copy()
    close[int(np.searchsorted(winter.days, day(3, 12))) + 14] = winter.low[
        int(np.searchsorted(winter.days, day(3, 12))) + 14
    ]
    columns = [*winter.columns[:4], close, *winter.columns[5:]]
    openalgo_server.bars["RELIANCE", "NSE"] = Candles(winter.series, columns, winter.origin)
    openalgo_server.requests.clear()
    report = download([QUARTERS], day(12, 1, 2023), day(3, 15), server=client, cache=cache)
    # The extension, the piece with the correction, and one that had none.
    assert len(openalgo_server.history) == 3
    assert report.series[0].revised == 1
    (finding,) = report.series[0].findings
    assert "has changed some of them" in finding.message
    assert finding.where == "2024-03-12"
    expected = of_days(openalgo_server.bars["RELIANCE", "NSE"], day(12, 1, 2023), day(3, 15))
    whole = stored(cache, QUARTERS, day(12, 1, 2023), day(3, 15))
    assert same_bars(whole, expected.resample("15m"))


def test_a_correction_takes_no_session_away(
    openalgo_server: OpenAlgoTestServer, client: OpenAlgoServer, cache: CacheManager
) -> None:
    download([QUARTERS], day(3, 1), day(3, 12), server=client, cache=cache)
    before = stored(cache, QUARTERS, day(3, 5), day(3, 5))
    bars = openalgo_server.bars["RELIANCE", "NSE"]
    volume = np.where(bars.days == day(3, 12), bars.volume + 1, bars.volume)
    columns = [*bars.columns[:5], volume, bars.oi]
    openalgo_server.bars["RELIANCE", "NSE"] = Candles(bars.series, columns, bars.origin)
    openalgo_server.without("RELIANCE", "NSE", date(2024, 3, 5))
    report = download([QUARTERS], day(3, 1), day(3, 15), server=client, cache=cache)
    assert report.series[0].revised == 25
    assert same_bars(stored(cache, QUARTERS, day(3, 5), day(3, 5)), before)


def test_a_revision_that_cannot_be_fetched_replaces_nothing(
    openalgo_server: OpenAlgoTestServer,
    client: OpenAlgoServer,
    cache: CacheManager,
    winter: Candles,
) -> None:
    download([QUARTERS], day(12, 1, 2023), day(3, 12), server=client, cache=cache)
    before = stored(cache, QUARTERS, day(12, 1, 2023), day(3, 15))
    openalgo_server.adjust("RELIANCE", "NSE", 0.5, date(2024, 3, 14))
    bars = openalgo_server.bars["RELIANCE", "NSE"]
    openalgo_server.bars["RELIANCE", "NSE"] = of_days(bars, day(2, 1), day(3, 18))
    report = download([QUARTERS], day(12, 1, 2023), day(3, 15), server=client, cache=cache)
    assert "does not give those from 2024-01-17 to 2024-01-31" in str(report.failed[0].error)
    assert same_bars(stored(cache, QUARTERS, day(12, 1, 2023), day(3, 15)), before)


def test_what_was_imported_is_not_compared_with_the_broker_s(
    openalgo_server: OpenAlgoTestServer, client: OpenAlgoServer, cache: CacheManager
) -> None:
    other = of_days(minutes_of("INFY", "NSE"), day(3, 11), day(3, 12))
    bought = Candles(ONE, other.columns, other.origin)
    answer = Answer(source="import", first_day=day(3, 11), last_day=day(3, 12), asked_at=NOW)
    cache.store(bought, answer)
    report = download([ONE], day(3, 11), day(3, 15), server=client, cache=cache)
    assert [asked.days for asked in openalgo_server.history] == [("2024-03-13", "2024-03-15")]
    assert report.series[0].findings == ()
    assert same_bars(stored(cache, ONE, day(3, 11), day(3, 12)), bought)


def test_a_day_that_was_not_over_is_fetched_again_and_its_bars_replaced(
    openalgo_server: OpenAlgoTestServer,
    client: OpenAlgoServer,
    cache: CacheManager,
    clock: HandClock,
) -> None:
    download([ONE], day(3, 15), day(3, 18), server=client, cache=cache)
    morning = len(stored(cache, ONE, day(3, 18), day(3, 18)))
    assert morning == 105
    later(clock, openalgo_server)
    report = download([ONE], day(3, 15), day(3, 18), server=client, cache=cache)
    assert [asked.days for asked in openalgo_server.history[1:]] == [("2024-03-15", "2024-03-18")]
    assert (report.added, report.series[0].revised) == (375 - morning, 0)
    assert same_bars(
        stored(cache, ONE, day(3, 18), day(3, 18)),
        of_days(minutes_of("RELIANCE", "NSE"), day(3, 18), day(3, 18)),
    )


def test_an_answer_that_lacks_stored_bars_takes_none_away(
    openalgo_server: OpenAlgoTestServer,
    client: OpenAlgoServer,
    cache: CacheManager,
    clock: HandClock,
) -> None:
    download([ONE], day(3, 18), day(3, 18), server=client, cache=cache)
    later(clock, openalgo_server)
    openalgo_server.without("RELIANCE", "NSE", date(2024, 3, 18))
    download([ONE], day(3, 15), day(3, 18), server=client, cache=cache)
    assert len(stored(cache, ONE, day(3, 18), day(3, 18))) == 105


def test_a_broker_that_offers_weeks_alone_gives_them_whole(
    openalgo_server: OpenAlgoTestServer, client: OpenAlgoServer, cache: CacheManager
) -> None:
    openalgo_server.broker_intervals = ("W",)
    weeks = Series("RELIANCE", "NSE", "1w")
    download([weeks], day(3, 6), day(3, 18), server=client, cache=cache)
    assert [asked.days for asked in openalgo_server.history] == [("2024-03-04", "2024-03-18")]
    bars = stored(cache, weeks, day(3, 4), day(3, 18))
    assert [f"{bar.timestamp:%m-%d}" for bar in bars] == ["03-04", "03-11"]


def test_a_cache_that_cannot_be_written_ends_the_download(
    openalgo_server: OpenAlgoTestServer, client: OpenAlgoServer, tmp_path: Path, clock: HandClock
) -> None:
    (tmp_path / "market.db").write_bytes(b"no database" * 100)
    with CacheManager(tmp_path, clock=clock) as cache:
        report: Report = download([ONE, OTHER], day(3, 11), None, server=client, cache=cache)
    assert all(isinstance(one.error, CacheError) for one in report.series)
    assert len(report.series) == 2


def test_requests_of_all_processes_are_paced_by_the_cache(
    openalgo_server: OpenAlgoTestServer, cache: CacheManager, clock: HandClock
) -> None:
    with OpenAlgoServer(openalgo_server.base_url, KEY, clock=clock, ration=cache.ration) as paced:
        download([ONE], day(3, 1), day(3, 5), server=paced, cache=cache)
        clock.slept.clear()
    with OpenAlgoServer(openalgo_server.base_url, KEY, clock=clock, ration=cache.ration) as other:
        other.history("RELIANCE", "NSE", "1d", date(2024, 3, 1), date(2024, 3, 1))
    assert clock.slept == pytest.approx([0.35])
