"""Expiry days by date: weekdays, the ends of weeklies, the trading day before a holiday."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeback.errors import DataError
from tapeback.market.contracts.expiries import (
    Expiry,
    IsTradingDay,
    expiries,
    expiry_kind,
    expiry_rows,
    next_expiry,
    previous_expiry,
)
from tapeback.utils.clock import date_of_day, day_of

# Weekday holidays of the exchanges that fall near the expiries below.
HOLIDAYS = [
    "2024-03-29", "2024-04-11", "2024-04-17", "2024-05-01", "2024-08-15", "2024-10-02",
    "2024-12-25", "2025-08-15", "2025-08-27", "2025-10-02", "2025-10-21", "2025-10-22",
]  # fmt: skip


def day(text: str) -> int:
    return day_of(date.fromisoformat(text))


def closed_on(holidays: Iterable[str]) -> IsTradingDay:
    closed = {day(text) for text in holidays}
    return lambda number: (number + 3) % 7 < 5 and number not in closed


OPEN = closed_on(HOLIDAYS)


def listed(underlying: str, exchange: str, first: str, last: str) -> list[str]:
    found = expiries(underlying, exchange, day(first), day(last), OPEN)
    return [f"{date_of_day(at):%Y-%m-%d} {kind[0]}" for at, kind in found]


def test_nifty_moves_from_thursday_to_tuesday() -> None:
    assert listed("NIFTY", "NFO", "2025-08-20", "2025-10-28") == [
        "2025-08-21 w", "2025-08-28 m", "2025-09-02 w", "2025-09-09 w", "2025-09-16 w",
        "2025-09-23 w", "2025-09-30 m", "2025-10-07 w", "2025-10-14 w", "2025-10-20 w",
        "2025-10-28 m",
    ]  # fmt: skip


def test_sensex_goes_from_friday_to_tuesday_to_thursday() -> None:
    assert listed("SENSEX", "BFO", "2024-12-20", "2025-01-28") == [
        "2024-12-20 w", "2024-12-27 m", "2025-01-03 w", "2025-01-07 w", "2025-01-14 w",
        "2025-01-21 w", "2025-01-28 m",
    ]  # fmt: skip
    assert listed("SENSEX", "BFO", "2025-08-19", "2025-09-25") == [
        "2025-08-19 w", "2025-08-26 m", "2025-09-04 w", "2025-09-11 w", "2025-09-18 w",
        "2025-09-25 m",
    ]  # fmt: skip


def test_banknifty_s_week_of_the_month_has_one_expiry() -> None:
    """Weeklies on Wednesdays from 2023-09-06, monthlies still on the last Thursday."""
    assert listed("BANKNIFTY", "NFO", "2023-08-31", "2023-10-04") == [
        "2023-08-31 m", "2023-09-06 w", "2023-09-13 w", "2023-09-20 w", "2023-09-28 m",
        "2023-10-04 w",
    ]  # fmt: skip
    assert "2024-03-27 m" in listed("BANKNIFTY", "NFO", "2024-03-21", "2024-03-31")


@pytest.mark.parametrize(
    ("underlying", "exchange", "last_weekly"),
    [
        ("BANKNIFTY", "NFO", "2024-11-13"),
        ("FINNIFTY", "NFO", "2024-11-19"),
        ("MIDCPNIFTY", "NFO", "2024-11-18"),
        ("BANKEX", "BFO", "2024-11-18"),
    ],
)
def test_weeklies_end(underlying: str, exchange: str, last_weekly: str) -> None:
    found = expiries(underlying, exchange, day("2024-11-01"), day("2025-12-31"), OPEN)
    weekly = [expiry.day for expiry in found if expiry.kind == "weekly"]
    assert weekly[-1] == day(last_weekly)
    assert sum(expiry.kind == "monthly" for expiry in found) == 14


@pytest.mark.parametrize(
    ("underlying", "exchange", "nominal", "moved"),
    [
        ("NIFTY", "NFO", "2024-04-11", "2024-04-10"),
        ("NIFTY", "NFO", "2024-08-15", "2024-08-14"),
        ("BANKNIFTY", "NFO", "2024-04-17", "2024-04-16"),
        ("BANKNIFTY", "NFO", "2024-05-01", "2024-04-30"),
        ("BANKNIFTY", "NFO", "2024-10-02", "2024-10-01"),
        ("BANKNIFTY", "NFO", "2024-12-25", "2024-12-24"),
        ("NIFTY", "NFO", "2025-10-21", "2025-10-20"),
        ("SENSEX", "BFO", "2025-10-02", "2025-10-01"),
    ],
)
def test_an_expiry_moves_before_a_holiday(
    underlying: str, exchange: str, nominal: str, moved: str
) -> None:
    around = [e.day for e in expiries(underlying, exchange, day(moved) - 3, day(nominal) + 1, OPEN)]
    assert day(moved) in around
    assert day(nominal) not in around


@pytest.mark.parametrize(
    ("underlying", "monthlies"),
    [
        ("FINNIFTY", ["2021-01-28", "2021-09-30", "2021-10-26", "2024-12-31", "2025-01-30"]),
        ("MIDCPNIFTY", ["2022-01-25", "2023-05-31", "2023-08-28", "2025-01-30", "2025-09-30"]),
        ("NIFTYNXT50", ["2024-04-26", "2025-01-30", "2025-09-30"]),
        ("RELIANCE", ["2024-02-29", "2025-08-28", "2025-09-30", "2025-10-28"]),
        ("BANKNIFTY", ["2024-02-29", "2024-03-27", "2024-12-24", "2025-01-30", "2025-09-30"]),
    ],
)
def test_monthly_expiries_across_the_changes(underlying: str, monthlies: list[str]) -> None:
    found = expiries(underlying, "NFO", day("2021-01-01"), day("2025-12-31"), OPEN)
    days = [expiry.day for expiry in found if expiry.kind == "monthly"]
    assert {day(text) for text in monthlies} <= set(days)
    assert len(days) == len({(date_of_day(at).year, date_of_day(at).month) for at in days})


def test_next_and_previous() -> None:
    at = day("2025-08-28")
    assert next_expiry("NIFTY", "NSE_INDEX", at, OPEN) == Expiry(at, "monthly")
    assert next_expiry("NIFTY", "NFO", at + 1, OPEN) == Expiry(day("2025-09-02"), "weekly")
    september = Expiry(day("2025-09-30"), "monthly")
    assert next_expiry("NIFTY", "NFO", at + 1, OPEN, kind="monthly") == september
    assert previous_expiry("NIFTY", "NFO", at, OPEN) == Expiry(day("2025-08-21"), "weekly")
    july = Expiry(day("2025-07-31"), "monthly")
    assert previous_expiry("NIFTY", "NFO", at, OPEN, kind="monthly") == july
    assert next_expiry("BANKNIFTY", "NFO", day("2025-01-01"), OPEN, kind="weekly") is None
    assert previous_expiry("NIFTYNXT50", "NFO", day("2024-04-26"), OPEN) is None


def test_the_kind_of_a_contract_is_told_by_its_expiry() -> None:
    assert expiry_kind("NIFTY", "NFO", day("2024-03-28")) == "monthly"
    assert expiry_kind("NIFTY", "NFO", day("2024-03-21")) == "weekly"
    assert expiry_kind("BANKNIFTY", "NFO", day("2024-12-24")) == "monthly"
    assert expiry_kind("SBIN", "NFO", day("2024-03-21")) == "monthly"
    assert expiry_kind("CRUDEOIL", "MCX", day("2024-04-19")) == "monthly"
    # Listed for the last Thursday of September 2025 before expiries moved to Tuesday.
    assert expiry_kind("NIFTY", "NFO", day("2025-09-25")) == "monthly"


def test_rows_name_their_confidence() -> None:
    weak = expiry_rows("SENSEX", "BFO", day("2022-06-01"))
    assert [row.confidence for row in weak] == ["low", "high"]
    assert expiry_rows("GOLD", "MCX", day("2022-06-01")) == ()


@pytest.mark.parametrize(("underlying", "exchange"), [("CRUDEOIL", "MCX"), ("RELIANCE", "BFO")])
def test_an_unknown_rule_is_said(underlying: str, exchange: str) -> None:
    with pytest.raises(DataError, match=f"no expiry rule is known for {underlying} on {exchange}"):
        expiries(underlying, exchange, 19_000, 19_100, OPEN)


def test_a_calendar_without_trading_days_is_said() -> None:
    with pytest.raises(DataError, match="no trading day in the 10 to 2025-09-30"):
        next_expiry("RELIANCE", "NFO", day("2025-09-05"), lambda _: False)


@given(
    st.sampled_from(["NIFTY", "BANKNIFTY", "FINNIFTY", "MIDCPNIFTY", "INFY"]),
    st.dates(date(2019, 1, 1), date(2027, 12, 31)),
    st.sets(st.integers(0, 120)),
)
def test_expiries_are_trading_days_in_order_and_follow_each_other(
    underlying: str, start: date, holes: set[int]
) -> None:
    first = day_of(start)
    # At most two weekdays of a week.
    holidays = {first + hole for hole in holes if hole % 7 in (0, 2)}
    open_days = closed_on(date_of_day(at).isoformat() for at in holidays)
    found = expiries(underlying, "NFO", first, first + 120, open_days)
    days = [expiry.day for expiry in found]
    assert days == sorted(set(days))
    assert all(open_days(at) and first <= at <= first + 120 for at in days)
    for earlier, later in pairwise(found):
        assert next_expiry(underlying, "NFO", earlier.day + 1, open_days) == later
        assert previous_expiry(underlying, "NFO", later.day, open_days) == earlier


def test_expiries_of_the_nifty_2024_file(shared_data: Path) -> None:
    """All expiries of its eight months, by its own trading days (one is missing in the file)."""
    sessions = {day("2024-02-01")}
    with (shared_data / "market/NIFTY_1m_20240101_20240823.csv").open() as file:
        for row in csv.reader(file):
            if row[1].isdigit():
                sessions.add(day(row[1]))
    found = expiries(
        "NIFTY", "NFO", day("2024-01-01"), day("2024-08-22"), lambda at: at in sessions
    )
    thursdays = [date(2024, 1, 4) + timedelta(weeks=week) for week in range(34)]
    moved = {date(2024, 4, 11): date(2024, 4, 10), date(2024, 8, 15): date(2024, 8, 14)}
    assert [date_of_day(e.day) for e in found] == [moved.get(each, each) for each in thursdays]
    assert [date_of_day(e.day).isoformat() for e in found if e.kind == "monthly"] == [
        "2024-01-25", "2024-02-29", "2024-03-28", "2024-04-25", "2024-05-30", "2024-06-27",
        "2024-07-25",
    ]  # fmt: skip


def test_monthly_expiries_before_the_holidays_of_2007_to_2022(shared_data: Path) -> None:
    """The last Thursday, or the day before where it was a holiday: 2018-03-29 and others."""
    holidays = set()
    with (shared_data / "market/nse_holidays_2007_2022.csv").open() as file:
        for row in csv.reader(file):
            holidays |= {field for field in row if field[:2] == "20" and len(field) == 10}
    found = expiries("INFY", "NFO", day("2018-01-01"), day("2018-12-31"), closed_on(holidays))
    assert [date_of_day(e.day).isoformat() for e in found] == [
        "2018-01-25", "2018-02-22", "2018-03-28", "2018-04-26", "2018-05-31", "2018-06-28",
        "2018-07-26", "2018-08-30", "2018-09-27", "2018-10-25", "2018-11-29", "2018-12-27",
    ]  # fmt: skip
