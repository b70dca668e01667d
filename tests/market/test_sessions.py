"""Regular hours and trading days."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import pytest

from tapeback.market.sessions import (
    days_of,
    is_weekday,
    session_minutes,
    session_of,
    trading_days,
)
from tapeback.utils.clock import day_of, to_ns


@pytest.mark.parametrize(
    ("exchange", "opens", "closes"),
    [
        ("NSE", (9, 15), (15, 30)),
        ("NSE_INDEX", (9, 15), (15, 30)),
        ("BFO", (9, 15), (15, 30)),
        ("CDS", (9, 0), (17, 0)),
        ("MCX", (9, 0), (23, 55)),
    ],
)
def test_hours_of_an_exchange(
    exchange: str, opens: tuple[int, int], closes: tuple[int, int]
) -> None:
    day = day_of(date(2024, 1, 2))
    start, end = session_of(day, exchange)
    assert start == to_ns(datetime(2024, 1, 2, *opens))
    assert end == to_ns(datetime(2024, 1, 2, *closes))
    assert session_minutes(exchange) == (opens[0] * 60 + opens[1], closes[0] * 60 + closes[1])


def test_trading_days_are_the_weekdays_of_the_range_both_ends_included() -> None:
    days = trading_days(day_of(date(2024, 3, 1)), day_of(date(2024, 3, 11)))
    assert [day - day_of(date(2024, 3, 1)) for day in days.tolist()] == [0, 3, 4, 5, 6, 7, 10]
    assert all(is_weekday(day) for day in days.tolist())
    assert not is_weekday(day_of(date(2024, 3, 9)))


def test_the_date_is_the_indian_one() -> None:
    midnight = to_ns(datetime(2024, 3, 5))
    stamps = np.array([midnight - 1, midnight, midnight + 86_399 * 10**9])
    day = day_of(date(2024, 3, 5))
    assert days_of(stamps).tolist() == [day - 1, day, day]
