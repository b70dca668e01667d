"""NIFTY-I, -II and -III from the stored futures."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from tapeback.data.cache import CacheManager
from tapeback.data.contracts.continuous import continuous, future_of, is_continuous
from tapeback.data.provider import DataRequest
from tapeback.errors import DataError, DataNotFoundError
from tapeback.models.candle import Series
from tapeback.utils.clock import date_of, day_of
from tests.data.contracts.samples import ClockAt, bars, keep, kept

# The last Thursdays of June and July 2024, and of August.
JUNE, JULY, AUGUST = "NIFTY27JUN24FUT", "NIFTY25JUL24FUT", "NIFTY29AUG24FUT"
FIRST, LAST = date(2024, 6, 24), date(2024, 7, 30)


@pytest.fixture
def cache(tmp_path: Path) -> CacheManager:
    made = CacheManager(tmp_path, clock=ClockAt(2026, 3, 2, 18, 0))
    keep(made, bars(JUNE, "NFO", FIRST, date(2024, 6, 27), timeframe="5m", price=23_500))
    keep(made, bars(JULY, "NFO", FIRST, date(2024, 7, 25), timeframe="5m", price=23_600))
    keep(made, bars(AUGUST, "NFO", FIRST, LAST, timeframe="5m", price=23_800))
    return made


def ask(symbol: str, **changes: object) -> DataRequest:
    return DataRequest(symbol=symbol, exchange="NFO", **changes)


def contract_on(cache: CacheManager, symbol: str, day: date) -> str | None:
    found = future_of(symbol, "NFO", day_of(day), cache)
    return None if found is None else found.symbol


def test_the_near_month_is_the_contract_that_expires_first_and_has_not_expired(
    cache: CacheManager,
) -> None:
    assert contract_on(cache, "NIFTY-I", date(2024, 6, 27)) == JUNE
    assert contract_on(cache, "NIFTY-I", date(2024, 6, 28)) == JULY
    assert contract_on(cache, "NIFTY-I", date(2024, 7, 25)) == JULY
    assert contract_on(cache, "NIFTY-I", date(2024, 7, 26)) == AUGUST
    assert contract_on(cache, "NIFTY-II", date(2024, 6, 27)) == JULY
    assert contract_on(cache, "NIFTY-III", date(2024, 6, 27)) == AUGUST
    assert contract_on(cache, "NIFTY-III", date(2024, 6, 28)) is None


def test_the_series_is_made_of_the_prices_that_were_traded(cache: CacheManager) -> None:
    near = continuous(ask("NIFTY-I"), cache)
    assert (near.symbol, near.exchange, near.timeframe) == ("NIFTY-I", "NFO", "5m")
    assert date_of(int(near.ts[0])) == FIRST
    assert date_of(int(near.ts[-1])) == LAST
    assert (np.diff(near.ts) > 0).all()
    for symbol, first, last in (
        (JUNE, FIRST, date(2024, 6, 27)),
        (JULY, date(2024, 6, 28), date(2024, 7, 25)),
        (AUGUST, date(2024, 7, 26), LAST),
    ):
        of_contract = kept(cache, symbol, frame="5m")
        in_span = (of_contract.days >= day_of(first)) & (of_contract.days <= day_of(last))
        in_series = (near.days >= day_of(first)) & (near.days <= day_of(last))
        for one, other in zip(near.columns[:6], of_contract.columns[:6], strict=True):
            assert np.array_equal(one[in_series], other[in_span])


def test_every_roll_is_told_with_its_gap(cache: CacheManager) -> None:
    near = continuous(ask("NIFTY-I"), cache)
    rolls = [finding for finding in near.findings if finding.code == "contract-roll"]
    assert [roll.where for roll in rolls] == ["2024-06-28", "2024-07-26"]
    old, new = kept(cache, JUNE, frame="5m"), kept(cache, JULY, frame="5m")
    opens = new.open[np.searchsorted(new.days, day_of(date(2024, 6, 28)))]
    assert rolls[0].message.startswith(f"rolled from {JUNE} to {JULY}: ")
    assert f"{opens - old.close[-1]:+.2f}" in rolls[0].message


def test_dates_and_timeframe_are_those_asked_for(cache: CacheManager) -> None:
    request = ask("NIFTY-I", timeframe="1h", start=date(2024, 6, 26), end=date(2024, 6, 28))
    hours = continuous(request, cache)
    assert hours.timeframe == "1h"
    dates = [date_of(int(ts)) for ts in hours.ts[hours.session_firsts].tolist()]
    assert dates == [date(2024, 6, day) for day in (26, 27, 28)]
    assert continuous(request, cache).sha256 == hours.sha256


def test_another_month_never_stands_in_for_one_that_is_not_stored(cache: CacheManager) -> None:
    cache.clear(symbol=JULY)
    near = continuous(ask("NIFTY-I"), cache)
    dates = {date_of(int(ts)) for ts in near.ts[near.session_firsts].tolist()}
    assert date(2024, 6, 28) not in dates
    assert date(2024, 7, 25) not in dates
    assert date(2024, 7, 26) in dates
    missing = next(finding for finding in near.findings if finding.code == "missing-contract")
    assert (missing.where, missing.count, missing.severity) == ("2024-06-28", 19, "warning")
    assert "25JUL24" in missing.message
    with pytest.raises(DataNotFoundError):
        continuous(ask("NIFTY-I", start=date(2024, 7, 1), end=date(2024, 7, 5)), cache)


def test_where_no_rule_is_known_the_stored_contracts_are_the_months(tmp_path: Path) -> None:
    cache = CacheManager(tmp_path, clock=ClockAt(2026, 3, 2, 18, 0))
    first, last = date(2024, 6, 17), date(2024, 6, 21)
    for symbol in ("CRUDEOIL18JUN24FUT", "CRUDEOIL19JUL24FUT"):
        end = date(2024, 6, 18) if "JUN" in symbol else last
        keep(cache, bars(symbol, "MCX", first, end, timeframe="5m", price=6_500))
    request = DataRequest(symbol="CRUDEOIL-I", exchange="MCX")
    near = continuous(request, cache)
    assert near.origin.detail == "CRUDEOIL18JUN24FUT, CRUDEOIL19JUL24FUT"
    rolls = [finding.where for finding in near.findings if finding.code == "contract-roll"]
    assert rolls == ["2024-06-19"]


def test_what_is_no_continuous_series_is_refused(cache: CacheManager) -> None:
    assert is_continuous("NIFTY-I")
    assert is_continuous("BAJAJ-AUTO-III")
    assert not is_continuous("BAJAJ-AUTO")
    with pytest.raises(DataError, match="no continuous series"):
        continuous(ask("NIFTY"), cache)
    with pytest.raises(DataNotFoundError, match="no future for BANKNIFTY-I"):
        continuous(ask("BANKNIFTY-I"), cache)


def test_stored_bars_of_a_series_with_that_name_are_not_touched(cache: CacheManager) -> None:
    before = cache.stored()
    continuous(ask("NIFTY-I"), cache)
    assert cache.stored() == before
    assert cache.read(Series("NIFTY-I", "NFO", "5m")) is None
