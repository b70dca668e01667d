"""What can be asked of a provider, and what is refused before one is asked."""

from __future__ import annotations

from datetime import date

import pytest

from tapeback.data.provider import DataRequest
from tapeback.errors import DataError


def test_the_dates_may_be_the_same_but_not_the_wrong_way_round() -> None:
    day = date(2024, 1, 2)
    DataRequest(symbol="INFY", exchange="NSE", start=day, end=day)
    with pytest.raises(DataError, match=r"start 2024-01-02 lies after end 2024-01-01"):
        DataRequest(symbol="INFY", exchange="NSE", start=day, end=date(2024, 1, 1))


def test_an_unknown_exchange_is_refused_with_the_nearest_known_one() -> None:
    with pytest.raises(DataError, match=r"unknown exchange 'NSE_IDX' \(did you mean 'NSE_INDEX'"):
        DataRequest(symbol="NIFTY", exchange="NSE_IDX")


def test_an_unknown_timeframe_is_refused() -> None:
    with pytest.raises(DataError, match=r"unknown timeframe '7m'"):
        DataRequest(symbol="NIFTY", exchange="NSE_INDEX", timeframe="7m")


def test_a_request_names_its_symbol() -> None:
    with pytest.raises(DataError, match="no symbol"):
        DataRequest(symbol="", exchange="NSE")
