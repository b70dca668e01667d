"""Instants as integer nanoseconds UTC, and their way to and from Indian time.

India has kept UTC+5:30 without daylight saving since 1945, so the conversion is arithmetic.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

IST = ZoneInfo("Asia/Kolkata")
SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
DAY_NS = 86_400 * SECOND_NS
IST_OFFSET_NS = 19_800 * SECOND_NS
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_ist(ts: int) -> datetime:
    """The aware Asia/Kolkata datetime of `ts` (ns UTC), to the microsecond."""
    return (_EPOCH + timedelta(microseconds=ts // 1000)).astimezone(IST)


def to_ns(moment: datetime) -> int:
    """Nanoseconds UTC of `moment`; a naive datetime is taken as Indian time."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=IST)
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def day_number(ts: int) -> int:
    """Days since 1970-01-01 of the Indian date of `ts`."""
    return (ts + IST_OFFSET_NS) // DAY_NS


def midnight(day: int) -> int:
    """Nanoseconds UTC at which the Indian day with this number begins."""
    return day * DAY_NS - IST_OFFSET_NS


def day_of(moment: date) -> int:
    """The day number of a calendar date."""
    return moment.toordinal() - date(1970, 1, 1).toordinal()


def date_of_day(day: int) -> date:
    """The calendar date with this day number."""
    return date.fromordinal(day + date(1970, 1, 1).toordinal())


def date_of(ts: int) -> date:
    """The Indian calendar date of `ts`."""
    return date_of_day(day_number(ts))
