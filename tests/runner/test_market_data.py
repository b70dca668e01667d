"""The candles that a run's settings ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
from pydantic import SecretStr

from tapeback.data.cache import Answer
from tapeback.errors import ConfigError, DataNotFoundError
from tapeback.market.calendar import calendar_of
from tapeback.models.candle import Series
from tapeback.models.config import AppConfig, DataConfig, OpenAlgoConfig
from tapeback.runner.market_data import MarketData, Warmup
from tapeback.runner.simulation import run
from tapeback.utils.clock import date_of_day, day_of, midnight
from tests.data import historify_file
from tests.openalgo_server import KEY, NOW, HandClock, OpenAlgoTestServer, minutes_of

STRATEGY = """
from __future__ import annotations

from tapeback import BaseStrategy


class Idle(BaseStrategy):
    def on_bar(self, candle):
        pass
"""


def test_the_users_corporate_actions_reach_the_findings_of_a_run(tmp_path: Path) -> None:
    """ACME falls from 1,000 to 200 on 5 June 2024: a loss of four fifths, until the user's file
    says that each share became five."""
    first = day_of(date(2024, 6, 3))
    days = calendar_of("NSE").trading_days(first, first + 11).tolist()
    rows = [
        f"{date_of_day(day)},{price},{price},{price},{price},1000"
        for day, price in ((day, 1000 if day < first + 2 else 200) for day in days)
    ]
    (tmp_path / "acme.csv").write_text("\n".join(["date,open,high,low,close,volume", *rows]))
    (tmp_path / "actions.csv").write_text(
        "symbol,exchange,ex_date,kind,ratio,cash\nACME,NSE,2024-06-05,split,5:1,\n"
    )
    (tmp_path / "idle.py").write_text(STRATEGY)
    data = {"files": [f"ACME:NSE:1d={tmp_path / 'acme.csv'}"]}

    def codes(**also: str) -> list[str]:
        config = AppConfig(data=DataConfig(**data, **also))
        result = run(config, strategy=f"{tmp_path / 'idle.py'}:Idle", root=tmp_path)
        return [finding.code for finding in result.findings]

    assert codes() == ["unadjusted-jump"]
    assert codes(corporate_actions="actions.csv") == ["raw-prices"]


# Where bars come from ------------------------------------------------------------------------

MARCH = minutes_of("RELIANCE", "NSE")
MINUTES = Series("RELIANCE", "NSE", "1m")


@pytest.fixture
def sources(home: Path) -> Iterator[Callable[..., MarketData]]:
    """The sources of a config whose section `data` is given, with a clock in March 2024."""
    opened: list[MarketData] = []

    def make(openalgo: OpenAlgoConfig | None = None, **data: object) -> MarketData:
        section = DataConfig.model_validate({"symbol": "RELIANCE", "timeframe": "1m", **data})
        config = AppConfig(data=section, openalgo=openalgo or OpenAlgoConfig())
        opened.append(MarketData(config, clock=HandClock()))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


Make = Callable[..., MarketData]


def keep(market_data: MarketData, first: int, last: int) -> None:
    """Store the bars of days of March 2024, as a fetch would."""
    a, b = (day_of(date(2024, 3, day)) for day in (first, last))
    bars = MARCH.between(midnight(a), midnight(b + 1))
    answer = Answer(source="openalgo", first_day=a, last_day=b, asked_at=NOW)
    market_data.cache.store(bars, answer)


def test_defect_48_nothing_named_is_never_made_up(sources: Make) -> None:
    with pytest.raises(DataNotFoundError, match="nothing is kept of RELIANCE:NSE:1m") as refusal:
        sources(start="2024-03-04", end="2024-03-15").load()
    assert (
        "tapeback data fetch RELIANCE --exchange NSE --timeframe 1m --start 2024-03-04 "
        "--end 2024-03-15 (1 request, about 1 s)"
    ) in str(refusal.value)


def test_the_cache_serves_what_it_holds_whole(sources: Make) -> None:
    market_data = sources(start="2024-03-05", end="2024-03-06")
    keep(market_data, 4, 7)
    [candles] = market_data.load()
    assert [f"{candles[int(i)].timestamp:%m-%d %H:%M}" for i in (0, -1)] == [
        "03-05 09:15",
        "03-06 15:29",
    ]
    assert candles.origin.kind == "cache"
    assert candles.origin.detail == "openalgo 2024-03-05 to 2024-03-06"


def test_without_dates_it_serves_all_that_it_holds(sources: Make) -> None:
    market_data = sources()
    keep(market_data, 4, 7)
    [candles] = market_data.load()
    assert len(candles) == 4 * 375


def test_coarser_bars_are_made_of_what_is_kept(sources: Make) -> None:
    market_data = sources(timeframe="15m")
    keep(market_data, 4, 7)
    [candles] = market_data.load()
    assert (candles.timeframe, len(candles)) == ("15m", 100)
    assert "resampled" in {finding.code for finding in candles.findings}


def test_what_is_missing_is_named_with_the_command_that_fetches_it(sources: Make) -> None:
    market_data = sources(start="2024-03-04", end="2024-03-15")
    keep(market_data, 4, 5)
    keep(market_data, 12, 15)
    with pytest.raises(DataNotFoundError, match=r"not kept of 2024-03-06 to 2024-03-11\.") as no:
        market_data.load()
    assert "--start 2024-03-06 --end 2024-03-11 (1 request, about 1 s)" in str(no.value)


def test_holes_are_used_and_named_where_the_settings_say_so(sources: Make) -> None:
    market_data = sources(
        OpenAlgoConfig(force_cache_use=True), start="2024-03-04", end="2024-03-15"
    )
    keep(market_data, 4, 5)
    keep(market_data, 12, 15)
    [candles] = market_data.load()
    assert len(candles) == 6 * 375
    assert "not-fetched" in {finding.code for finding in candles.findings}


def test_historify_serves_what_the_cache_lacks(sources: Make, tmp_path: Path) -> None:
    path = historify_file.make(tmp_path / "historify.duckdb")
    historify_file.add(path, MARCH)
    market_data = sources(start="2024-03-04", end="2024-03-15", historify=str(path))
    keep(market_data, 4, 5)
    [candles] = market_data.load()
    assert candles.origin.kind == "historify"
    assert len(candles) == 9 * 375
    keep(market_data, 6, 15)
    [candles] = market_data.load()
    assert candles.origin.kind == "cache"


def test_a_source_that_is_named_is_the_only_one(sources: Make, tmp_path: Path) -> None:
    path = historify_file.make(tmp_path / "historify.duckdb")
    historify_file.add(path, MARCH)
    with pytest.raises(DataNotFoundError, match="nothing is kept"):
        sources(source="cache", historify=str(path)).load()
    with pytest.raises(ConfigError, match="historify"):
        sources(source="historify").load()
    [candles] = sources(source="historify", historify=str(path)).load()
    assert candles.origin.kind == "historify"


def test_several_series_come_in_their_order(sources: Make) -> None:
    market_data = sources(series=["RELIANCE:NSE:5m", "RELIANCE:NSE:1m"])
    keep(market_data, 4, 4)
    assert [candles.timeframe for candles in market_data.load()] == ["5m", "1m"]


@pytest.mark.parametrize(
    ("warmup", "first"),
    [
        (Warmup(sessions=1), "03-06 09:15"),
        (Warmup(sessions=2), "03-05 09:15"),
        # What was never fetched ends the warm-up, and is no error.
        (Warmup(sessions=9), "03-05 09:15"),
        (Warmup(bars=10), "03-06 15:20"),
        (Warmup(bars=400), "03-05 15:05"),
    ],
)
def test_the_warm_up_reaches_back_as_far_as_the_cache_does(
    sources: Make, warmup: Warmup, first: str
) -> None:
    market_data = sources(start="2024-03-07", end="2024-03-07")
    keep(market_data, 1, 1)
    keep(market_data, 5, 7)
    [candles] = market_data.load(warmup)
    assert f"{candles[0].timestamp:%m-%d %H:%M}" == first


def test_fetching_leaves_the_cache_with_what_the_run_saw(
    sources: Make, openalgo_server: OpenAlgoTestServer
) -> None:
    server = OpenAlgoConfig(api_key=SecretStr(KEY), base_url=openalgo_server.base_url)
    dates = {"start": "2024-03-04", "end": "2024-03-07"}
    told: list[tuple[int, int]] = []
    fetching = sources(server, fetch=True, **dates)
    fetching.progress = lambda done, total, seconds: told.append((done, total))
    [fetched] = fetching.load()
    assert len(fetched) == 4 * 375
    assert told[-1][0] == told[-1][1] == 1
    openalgo_server.requests.clear()
    [kept] = sources(**dates).load()
    assert openalgo_server.requests == []
    assert kept.sha256 == fetched.sha256
    assert kept.origin == fetched.origin
