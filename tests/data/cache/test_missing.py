"""Which days are known, and which would have to be asked for."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeback.data.cache import Answer
from tapeback.data.cache.ranges import cut_out, missing_ranges
from tapeback.market.calendar import calendar_of
from tapeback.models.candle import Series
from tapeback.utils.clock import MINUTE_NS, date_of_day, day_of, midnight, to_ns
from tests.data.cache.samples import SERIES, answer

LATER = to_ns(datetime(2026, 1, 1, 8, 0))
Dates = tuple[date, date]


def missing(
    first: date,
    last: date,
    answers: list[Answer],
    *,
    now: int = LATER,
    hours: float = 24.0,
    series: Series = SERIES,
) -> list[Dates]:
    found = missing_ranges(
        series, day_of(first), day_of(last), answers, now=now, max_age_hours=hours
    )
    return [(date_of_day(a), date_of_day(b)) for a, b in found]


def test_nothing_is_known_at_first() -> None:
    whole = missing(date(2024, 3, 1), date(2024, 3, 31), [])
    assert whole == [(date(2024, 3, 1), date(2024, 3, 28))]


def test_an_extended_range_lacks_the_difference_only() -> None:
    known = [answer(date(2024, 3, 11), date(2024, 3, 15))]
    assert missing(date(2024, 3, 11), date(2024, 3, 15), known) == []
    assert missing(date(2024, 3, 7), date(2024, 3, 20), known) == [
        (date(2024, 3, 7), date(2024, 3, 7)),
        (date(2024, 3, 18), date(2024, 3, 20)),
    ]


def test_defect_82_nights_weekends_and_holidays_are_never_missing() -> None:
    # 2024-03-08 is Mahashivratri, 09 and 10 a weekend.
    assert missing(date(2024, 3, 8), date(2024, 3, 10), []) == []
    known = [
        answer(date(2024, 3, 4), date(2024, 3, 7)),
        answer(date(2024, 3, 11), date(2024, 3, 15)),
    ]
    assert missing(date(2024, 3, 4), date(2024, 3, 17), known) == []


def test_defect_82_a_known_empty_range_is_not_asked_for_again() -> None:
    before_listing = [answer(date(2020, 1, 1), date(2023, 12, 31))]
    assert missing(date(2020, 1, 1), date(2023, 12, 31), before_listing) == []


def test_defect_52_holes_between_answers_are_seen_and_nothing_else() -> None:
    known = [
        answer(date(2024, 1, 1), date(2024, 1, 31)),
        answer(date(2024, 3, 1), date(2024, 3, 31)),
    ]
    assert missing(date(2024, 1, 10), date(2024, 3, 20), known) == [
        (date(2024, 2, 1), date(2024, 2, 29))
    ]


@pytest.mark.parametrize(
    ("clock", "settled"), [((15, 29), False), ((15, 59), False), ((16, 0), True), ((18, 0), True)]
)
def test_a_day_is_settled_half_an_hour_after_its_close(
    clock: tuple[int, int], settled: bool
) -> None:
    day = date(2024, 3, 14)
    asked = answer(day, day, asked_at=to_ns(datetime(2024, 3, 14, *clock)))
    assert missing(day, day, [asked]) == ([] if settled else [(day, day)])


def test_before_that_an_answer_holds_for_the_given_age() -> None:
    day = date(2024, 3, 14)
    asked = answer(day, day, asked_at=to_ns(datetime(2024, 3, 14, 11, 0)))
    soon, later = to_ns(datetime(2024, 3, 14, 12, 59)), to_ns(datetime(2024, 3, 14, 13, 1))
    assert missing(day, day, [asked], now=soon, hours=2) == []
    assert missing(day, day, [asked], now=later, hours=2) == [(day, day)]


def test_age_concerns_the_recent_edge_only() -> None:
    old = answer(date(2024, 1, 1), date(2024, 3, 14), asked_at=to_ns(datetime(2024, 3, 14, 11, 0)))
    assert missing(date(2024, 1, 1), date(2024, 3, 14), [old], hours=0) == [
        (date(2024, 3, 14), date(2024, 3, 14))
    ]


def test_sessions_to_come_are_not_missing() -> None:
    early, at_open = to_ns(datetime(2024, 3, 14, 9, 0)), to_ns(datetime(2024, 3, 14, 9, 15))
    week = date(2024, 3, 11), date(2024, 3, 22)
    assert missing(*week, [], now=early) == [(date(2024, 3, 11), date(2024, 3, 13))]
    assert missing(*week, [], now=at_open) == [(date(2024, 3, 11), date(2024, 3, 14))]


def test_the_evening_hours_of_commodities_count() -> None:
    crude = Series("CRUDEOIL", "MCX", "1m")
    day = date(2024, 3, 14)
    afternoon = answer(day, day, asked_at=to_ns(datetime(2024, 3, 14, 18, 0)))
    night = answer(day, day, asked_at=to_ns(datetime(2024, 3, 15, 1, 0)))
    assert missing(day, day, [afternoon], series=crude) == [(day, day)]
    assert missing(day, day, [night], series=crude) == []


def test_a_week_is_settled_when_it_is_over_and_is_asked_for_from_its_monday() -> None:
    weekly = Series("RELIANCE", "NSE", "1w")
    wednesday = to_ns(datetime(2024, 3, 13, 18, 0))
    asked = answer(date(2024, 3, 4), date(2024, 3, 13), asked_at=wednesday)
    assert missing(date(2024, 3, 4), date(2024, 3, 15), [asked], series=weekly) == [
        (date(2024, 3, 11), date(2024, 3, 15))
    ]
    # 2024-03-25 is Holi: the Monday without a session still labels its week.
    holi = missing(date(2024, 3, 18), date(2024, 4, 5), [answer(date(2024, 3, 18),
                   date(2024, 3, 24))], series=weekly)  # fmt: skip
    assert holi == [(date(2024, 3, 25), date(2024, 4, 5))]


_FIRST, _SPAN = day_of(date(2024, 2, 20)), 40
_TODAY = day_of(date(2024, 3, 20))
_NOW = midnight(_TODAY) + 11 * 60 * MINUTE_NS
_stretches = st.tuples(st.integers(0, _SPAN), st.integers(0, 15), st.integers(0, 24 * 30))


@given(st.lists(_stretches, max_size=6), st.integers(0, _SPAN), st.integers(0, _SPAN))
def test_what_is_missing_is_what_a_set_of_days_says(
    stretches: list[tuple[int, int, int]], start: int, length: int
) -> None:
    answers, known = [], set()
    for begin, extent, hours_ago in stretches:
        asked_at = _NOW - hours_ago * 60 * MINUTE_NS
        days = range(_FIRST + begin, _FIRST + begin + extent + 1)
        answers.append(Answer(source="x", first_day=days[0], last_day=days[-1], asked_at=asked_at))
        settled = {day for day in days if midnight(day) + 16 * 60 * MINUTE_NS <= asked_at}
        known |= set(days) if hours_ago <= 24 else settled
    first, last = _FIRST + start, _FIRST + start + length
    sessions = calendar_of("NSE").trading_days(first, min(last, _TODAY)).tolist()
    found = missing_ranges(SERIES, first, last, answers, now=_NOW, max_age_hours=24)
    asked = {day for a, b in found for day in range(a, b + 1)}
    assert asked & set(sessions) == set(sessions) - known
    assert all(a in sessions and b in sessions and a <= b for a, b in found)
    assert all(before[1] < after[0] for before, after in pairwise(found))


@given(*[st.integers(0, 12)] * 4)
def test_cutting_out_days_leaves_the_others(a: int, b: int, c: int, d: int) -> None:
    whole, hole = (min(a, b), max(a, b)), (min(c, d), max(c, d))
    left = {day for first, last in cut_out(whole, hole) for day in range(first, last + 1)}
    assert left == set(range(whole[0], whole[1] + 1)) - set(range(hole[0], hole[1] + 1))


def test_ten_years_of_many_answers_are_told_apart() -> None:
    first = date(2014, 1, 1)
    months = [first + timedelta(days=30 * n) for n in range(120)]
    known = [answer(month, month + timedelta(days=28)) for month in months]
    found = missing(first, date(2023, 11, 9), known)
    left = {month + timedelta(days=29) for month in months}
    assert found
    assert {a for a, _ in found} <= left
