"""When derivatives expire: weekdays by date, from `tables/expiries.yaml`, shifted before holidays.

Contracts that were listed when a rule changed had their expiry moved, so the rule of the expiry's
own date is what counts. Where a master contract names the expiries, it knows better.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from itertools import count
from typing import Literal, NamedTuple

from tapeback.errors import DataError
from tapeback.market.dated import Row, Rows, rows, table
from tapeback.utils.clock import date_of_day, day_of

ExpiryKind = Literal["weekly", "monthly"]
IsTradingDay = Callable[[int], bool]

_WEEKDAYS = {"MON": 0, "TUE": 1, "WED": 2, "THU": 3, "FRI": 4}
_SEGMENTS = {"NSE": "NFO", "NSE_INDEX": "NFO", "BSE": "BFO", "BSE_INDEX": "BFO"}
_LONGEST_CLOSURE = 10
# From one expiry of an index or a stock to the next are at most five weeks and a holiday shift.
_LONGEST_GAP = 45


class Expiry(NamedTuple):
    """The Indian day number of a last trading day, and whether it ends a week or a month."""

    day: int
    kind: ExpiryKind


def expiries(
    underlying: str, exchange: str, first_day: int, last_day: int, is_trading_day: IsTradingDay
) -> list[Expiry]:
    """Expiries of an underlying from `first_day` to `last_day`, Indian day numbers, both included.

    `is_trading_day` is asked about day numbers; a date with an evening session alone is none.
    Raises DataError where no rule is known (MCX, CDS, BSE stocks).
    """
    found = []
    for day, kind in _nominal(underlying, exchange, first_day, last_day + _LONGEST_CLOSURE):
        shifted = _last_trading_day(day, is_trading_day)
        if shifted is None and day <= last_day:
            raise DataError(
                f"there is no trading day in the {_LONGEST_CLOSURE} to {date_of_day(day)}.",
                where=f"{underlying}:{exchange}",
            )
        if shifted is not None and first_day <= shifted <= last_day:
            found.append(Expiry(shifted, kind))
    return found


def next_expiry(
    underlying: str,
    exchange: str,
    day: int,
    is_trading_day: IsTradingDay,
    *,
    kind: ExpiryKind | None = None,
) -> Expiry | None:
    """The first expiry on or after a day, of a kind where one is named; None where none follows."""
    found = expiries(underlying, exchange, day, day + _LONGEST_GAP, is_trading_day)
    return next((expiry for expiry in found if kind in (None, expiry.kind)), None)


def previous_expiry(
    underlying: str,
    exchange: str,
    day: int,
    is_trading_day: IsTradingDay,
    *,
    kind: ExpiryKind | None = None,
) -> Expiry | None:
    """The last expiry before a day, of a kind where one is named; None where none came before."""
    found = expiries(underlying, exchange, day - _LONGEST_GAP, day - 1, is_trading_day)
    return next((expiry for expiry in reversed(found) if kind in (None, expiry.kind)), None)


def expiry_kind(underlying: str, exchange: str, expiry: int) -> ExpiryKind:
    """Whether a contract that expires on a day is the month's; so is one without weeklies."""
    rule = _rule(underlying, exchange)
    if rule is None or "weekly" not in rule:
        return "monthly"
    moment = date_of_day(expiry)
    row = rule["monthly"].on(_month_end(moment.year, moment.month))
    if row is None:
        return "monthly"
    return "monthly" if expiry > _last_weekday(row, moment.year, moment.month) - 7 else "weekly"


def expiry_rows(underlying: str, exchange: str, day: int) -> tuple[Row, ...]:
    """The rows that expiries around a day rest on."""
    rule = _rule(underlying, exchange) or {}
    return tuple(row for each in rule.values() if (row := each.on(day)) is not None)


def _rule(underlying: str, exchange: str) -> dict[str, Rows] | None:
    """The dated weekdays of an underlying's series, `monthly` and maybe `weekly`."""
    segment = _SEGMENTS.get(exchange, exchange)
    named = table("expiries").get(segment, {})
    name = underlying if underlying in named else "stocks"
    if name not in named:
        return None
    return {series: rows("expiries", segment, name, series) for series in named[name]}


def _nominal(underlying: str, exchange: str, first: int, last: int) -> Iterator[Expiry]:
    """Expiries as if every weekday were a trading day, in order of their dates."""
    rule = _rule(underlying, exchange)
    if rule is None:
        raise DataError(
            f"no expiry rule is known for {underlying} on {exchange}.",
            remedy="Load a master contract that lists its contracts.",
        )
    monthly = set(_month_expiries(rule["monthly"], first - 7, last + 7))
    weekly = rule.get("weekly")
    for day in range(first, last + 1):
        if day in monthly:
            yield Expiry(day, "monthly")
        elif weekly is not None and (row := weekly.on(day)) is not None:
            monday = day - _weekday(day)
            named = _WEEKDAYS.get(row["day"]) == _weekday(day)
            if named and monthly.isdisjoint(range(monday, monday + 7)):
                yield Expiry(day, "weekly")


def _month_expiries(rule: Rows, first: int, last: int) -> Iterator[int]:
    moment = date_of_day(first)
    for months in count(moment.year * 12 + moment.month - 1):
        year, month = divmod(months, 12)
        if day_of(date(year, month + 1, 1)) > last:
            return
        row = rule.on(_month_end(year, month + 1))
        if row is not None and (day := _last_weekday(row, year, month + 1)) >= row.since:
            yield day


def _last_trading_day(day: int, is_trading_day: IsTradingDay) -> int | None:
    return next(filter(is_trading_day, range(day, day - _LONGEST_CLOSURE, -1)), None)


def _last_weekday(row: Row, year: int, month: int) -> int:
    """The last day of a month that falls on the row's weekday."""
    end = _month_end(year, month)
    return end - (_weekday(end) - _WEEKDAYS[row["day"]]) % 7


def _month_end(year: int, month: int) -> int:
    following = date(year + month // 12, month % 12 + 1, 1)
    return day_of(following) - 1


def _weekday(day: int) -> int:
    return (day + 3) % 7
