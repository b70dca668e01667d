"""Dates that a run asks for and its bars do not cover."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from pydantic import SecretStr

from tapeback.data.cache import Answer
from tapeback.errors import DataNotFoundError
from tapeback.market.candles import Candles
from tapeback.models.candle import Series
from tapeback.models.config import AppConfig, DataConfig, OpenAlgoConfig
from tapeback.runner.coverage import uncovered, without_own_holes
from tapeback.runner.market_data import MarketData
from tapeback.utils.clock import day_of
from tests.data import historify_file
from tests.data.faults import at, made
from tests.openalgo_server import KEY, NOW, HandClock, OpenAlgoTestServer, minutes_of

MARCH = minutes_of("RELIANCE", "NSE")
CALL = "NIFTY07MAR2422000CE"


def test_a_source_that_ends_early_is_said_to(tmp_path: Path) -> None:
    path = historify_file.make(tmp_path / "historify.duckdb")
    historify_file.add(path, MARCH)

    def codes(start: str, end: str) -> dict[str, str]:
        data = {"symbol": "RELIANCE", "timeframe": "1m", "start": start, "end": end}
        section = DataConfig.model_validate({**data, "source": "historify", "historify": str(path)})
        with MarketData(AppConfig(data=section), clock=HandClock(at("2024-04-01"))) as sources:
            [candles] = sources.load()
        return {finding.code: finding.message for finding in candles.findings}

    assert codes("2024-03-04", "2024-03-18") == {}
    # A Sunday before the first bar is no session.
    assert codes("2024-03-01", "2024-03-17") == {}
    late = codes("2024-03-04", "2024-03-22")
    assert "from 2024-03-04 to 2024-03-18: 4 sessions of the dates" in late["range-not-covered"]
    assert "1 session of the dates" in codes("2024-02-29", "2024-03-18")["range-not-covered"]


def test_a_session_that_is_not_over_is_no_lack() -> None:
    candles = made("2024-03-13", "2024-03-15")
    assert uncovered(candles, None, date(2024, 3, 18), at("2024-03-18 15:29")) == ()
    assert uncovered(candles, None, date(2024, 3, 18), at("2024-03-18 15:31"))


def test_weeks_cover_all_their_days() -> None:
    weeks = made("2024-03-04", "2024-03-15", timeframe="1w")
    assert uncovered(weeks, date(2024, 3, 4), date(2024, 3, 15), at("2024-06-01")) == ()


def test_only_holes_inside_of_imported_dates_are_their_own() -> None:
    missing = [(1, 2), (5, 6), (9, 12)]
    assert without_own_holes(missing, [(3, 4), (7, 10)]) == [(1, 2), (9, 12)]
    assert without_own_holes(missing, []) == missing


@pytest.fixture
def sources(home: Path) -> Callable[..., MarketData]:
    def make(**data: object) -> MarketData:
        chosen = {"series": [f"{CALL}:NFO:1m"], **data}
        return MarketData(
            AppConfig(data=DataConfig.model_validate(chosen)), clock=HandClock(at("2024-04-01"))
        )

    return make


def test_an_expired_contract_is_run_over_as_far_as_it_is_kept(
    sources: Callable[..., MarketData],
) -> None:
    """It was captured from its second day on, and one day was missed: brokers give no more."""
    with sources(start="2024-03-01", end="2024-03-15") as market_data:
        for first, last in (("2024-03-04", "2024-03-05"), ("2024-03-07", "2024-03-07")):
            days = {
                end: day_of(date.fromisoformat(day))
                for end, day in (("first_day", first), ("last_day", last))
            }
            market_data.cache.store(
                made(first, last, symbol=CALL, exchange="NFO"),
                Answer(source="openalgo", asked_at=NOW, **days),
            )
        [candles] = market_data.load()
    assert len(candles) == 3 * 375
    assert "range-not-covered" not in {finding.code for finding in candles.findings}


def test_an_expired_contract_that_is_not_kept_must_be_imported(
    sources: Callable[..., MarketData],
) -> None:
    with (
        sources(start="2024-03-01", end="2024-03-15") as market_data,
        pytest.raises(DataNotFoundError, match=f"{CALL}:NFO:1m, which has expired") as refusal,
    ):
        market_data.load()
    assert "tapeback data import" in str(refusal.value)
    assert "data fetch" not in str(refusal.value)


def test_a_contract_that_lives_is_fetched(sources: Callable[..., MarketData]) -> None:
    series = [Series("NIFTY25APR2422000CE", "NFO", "1m").name]
    with (
        sources(series=series, start="2024-03-01", end="2024-03-15") as market_data,
        pytest.raises(DataNotFoundError, match="tapeback data fetch NIFTY25APR2422000CE"),
    ):
        market_data.load()


def test_what_historify_lacks_is_fetched_where_that_is_allowed(
    home: Path, tmp_path: Path, openalgo_server: OpenAlgoTestServer
) -> None:
    path = historify_file.make(tmp_path / "historify.duckdb")
    historify_file.add(path, minutes_of("INFY", "NSE"))
    data = {"symbol": "RELIANCE", "timeframe": "1m", "historify": str(path)}
    data |= {"start": "2024-03-04", "end": "2024-03-07"}
    server = OpenAlgoConfig(api_key=SecretStr(KEY), base_url=openalgo_server.base_url)

    def load(*, fetch: bool) -> list[Candles]:
        section = DataConfig.model_validate({**data, "fetch": fetch})
        with MarketData(AppConfig(data=section, openalgo=server), clock=HandClock()) as sources:
            return sources.load()

    with pytest.raises(DataNotFoundError, match="no bar of RELIANCE"):
        load(fetch=False)
    assert openalgo_server.requests == []
    [candles] = load(fetch=True)
    assert (len(candles), candles.origin.kind) == (4 * 375, "cache")
    # Once it is kept, nobody is asked.
    openalgo_server.requests.clear()
    assert len(load(fetch=False)[0]) == 4 * 375
    assert openalgo_server.requests == []
