"""Answers that are not what they seem: too early, too short, or empty in the middle."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import pytest

from tapeback.data.cache import CacheManager
from tapeback.data.downloads import download
from tapeback.data.openalgo.server import OpenAlgoServer
from tapeback.market.candles import Candles
from tapeback.models.candle import Series
from tapeback.utils.clock import IST, day_number, day_of, to_ns
from tests.openalgo_server import Asked, Fault, HandClock, OpenAlgoTestServer

ONE = Series("RELIANCE", "NSE", "1m")


def day(number: int) -> int:
    return day_of(date(2024, 3, number))


def stand(clock: HandClock, server: OpenAlgoTestServer, *moment: int) -> None:
    clock.ns = server.now = to_ns(datetime(2024, 3, *moment, tzinfo=IST))


@pytest.fixture
def cache(tmp_path: Path, clock: HandClock) -> Iterator[CacheManager]:
    with CacheManager(tmp_path, clock=clock) as manager:
        yield manager


def test_late_volume_of_a_session_that_had_just_closed_is_no_revision(
    openalgo_server: OpenAlgoTestServer,
    client: OpenAlgoServer,
    cache: CacheManager,
    clock: HandClock,
) -> None:
    """Ten minutes after the close the numbers still move; nothing of the past is fetched anew."""
    stand(clock, openalgo_server, 14, 15, 40)
    download([ONE], day(11), day(14), server=client, cache=cache, max_age_hours=24)
    bars = openalgo_server.bars["RELIANCE", "NSE"]
    volume = bars.volume.copy()
    volume[bars.days == day(14)] += 1
    openalgo_server.bars["RELIANCE", "NSE"] = Candles(
        bars.series, [*bars.columns[:5], volume, bars.oi], bars.origin
    )
    stand(clock, openalgo_server, 15, 9, 20)
    openalgo_server.requests.clear()
    report = download([ONE], day(11), day(15), server=client, cache=cache, max_age_hours=24)
    assert report.series[0].findings == ()
    assert len(openalgo_server.history) == 1


def test_a_week_that_an_answer_leaves_out_is_asked_for_again(
    openalgo_server: OpenAlgoTestServer, client: OpenAlgoServer, cache: CacheManager
) -> None:
    """As where one of the broker's inner requests failed: neither end of the answer shows it."""
    dates = {"start_date": "2024-03-01", "end_date": "2024-03-15"}
    asked = {"apikey": openalgo_server.key, "symbol": "RELIANCE", "exchange": "NSE", **dates}
    whole = openalgo_server.answer(Asked("history", {**asked, "interval": "1m"})).document
    left = [
        row
        for row in whole["data"]
        if not day(5) <= day_number(row["timestamp"] * 10**9) <= day(12)
    ]
    assert len(left) < len(whole["data"])
    openalgo_server.faults.append(Fault("status", "history", 200, {**whole, "data": left}))
    report = download([ONE], day(1), day(15), server=client, cache=cache)
    assert report.added == len(whole["data"])
    assert [asked.days for asked in openalgo_server.history[1:]] == [
        ("2024-03-09", "2024-03-12"),
        ("2024-03-05", "2024-03-08"),
    ]


def test_a_symbol_listed_later_than_asked_for_is_said_once(
    openalgo_server: OpenAlgoTestServer, client: OpenAlgoServer, cache: CacheManager
) -> None:
    """Three empty requests touch each other, and are one finding."""
    openalgo_server.broker = "upstox"
    first = day_of(date(2024, 1, 1))
    [one] = download([ONE], first, day(15), server=client, cache=cache).series
    [finding] = one.findings
    assert (finding.code, finding.severity) == ("no-bars", "note")
    assert "from 2024-01-01 to 2024-02-" in finding.message
    [again] = download([ONE], first, day(15), server=client, cache=cache).series
    assert (again.findings, again.requests) == ((), 0)


def test_a_session_that_has_only_begun_is_not_called_empty(
    openalgo_server: OpenAlgoTestServer,
    client: OpenAlgoServer,
    cache: CacheManager,
    clock: HandClock,
) -> None:
    """At 09:15:30 no bar has closed; an hour later there are sixty-one."""
    stand(clock, openalgo_server, 15, 9, 15, 30)
    [one] = download([ONE], day(15), day(15), server=client, cache=cache).series
    assert (one.added, one.findings) == (0, ())
    stand(clock, openalgo_server, 15, 10, 16, 30)
    [one] = download([ONE], day(15), day(15), server=client, cache=cache, max_age_hours=0).series
    assert one.added == 61


def test_an_adjustment_for_a_dividend_is_an_adjustment(
    openalgo_server: OpenAlgoTestServer,
    client: OpenAlgoServer,
    cache: CacheManager,
    clock: HandClock,
) -> None:
    """Two per cent less: small, but of every bar."""
    download([ONE], day(1), day(13), server=client, cache=cache)
    stand(clock, openalgo_server, 18, 18, 0)
    openalgo_server.adjust("RELIANCE", "NSE", 0.98, date(2024, 3, 14))
    [one] = download([ONE], day(1), day(15), server=client, cache=cache).series
    [finding] = one.findings
    assert finding.code == "revised-history"
    assert "2024-03-01 to 2024-03-13" in finding.message
    assert "multiplies them by 0.98" in finding.message


def test_a_proxy_is_not_on_the_way_to_this_machine(
    openalgo_server: OpenAlgoTestServer, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    key = openalgo_server.key
    for address in (
        openalgo_server.base_url,
        openalgo_server.base_url.replace("127.0.0.1", "localhost"),
    ):
        with OpenAlgoServer(address, key, clock=clock, retry_attempts=1) as client:
            assert client.ping()["broker"] == "zerodha"
