"""Ranges of days, and which of them an answer settles."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from tapeback.data.cache.records import Answer
from tapeback.market.calendar import calendar_of
from tapeback.models.candle import Series
from tapeback.utils.clock import DAY_NS, IST_OFFSET_NS, MINUTE_NS

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
DayRange = tuple[int, int]

_HOUR_NS = 60 * MINUTE_NS
# Brokers go on mending the last bars for a while after the close.
_SETTLING = 30 * MINUTE_NS


def missing_ranges(
    series: Series,
    first_day: int,
    last_day: int,
    answers: Iterable[Answer],
    *,
    now: int,
    max_age_hours: float,
) -> list[DayRange]:
    """The runs of sessions of which no answer is known, by their first and last day.

    A day is settled by an answer that was asked for half an hour after the close of its session,
    or after the last one of its week or month where the bars are that long. Before that, an
    answer holds for `max_age_hours`. A day whose session has not opened by `now` (ns UTC) is
    not missing.
    """
    calendar = calendar_of(series.exchange)
    days = calendar.trading_days(first_day, last_day, series.symbol)
    if len(days):
        opens = calendar.clocks(days, series.symbol).opens
        days = days[days * DAY_NS - IST_OFFSET_NS + opens <= now]
    if not len(days):
        return []
    lasts = _period_ends(days, series.timeframe)
    closes = calendar.clocks(lasts, series.symbol).closes
    settled_at = lasts * DAY_NS - IST_OFFSET_NS + closes + _SETTLING
    known = np.zeros(len(days), np.bool_)
    for answer in answers:
        covered = slice(
            int(np.searchsorted(days, answer.first_day)),
            int(np.searchsorted(days, answer.last_day, side="right")),
        )
        fresh = now - answer.asked_at <= max_age_hours * _HOUR_NS
        known[covered] |= fresh | (settled_at[covered] <= answer.asked_at)
    firsts = np.maximum(_period_starts(days, series.timeframe), first_day)
    return [(int(firsts[start]), int(days[stop - 1])) for start, stop in runs(~known)]


def cut_out(whole: DayRange, hole: DayRange) -> list[DayRange]:
    """What is left of a range of days without those of another, both with their last days."""
    before = (whole[0], min(whole[1], hole[0] - 1))
    after = (max(whole[0], hole[1] + 1), whole[1])
    return [part for part in (before, after) if part[0] <= part[1]]


def runs(mask: Mask) -> Iterable[tuple[int, int]]:
    """Where the true stretches of a mask begin and end (the end not included)."""
    edges = np.flatnonzero(np.diff(mask.astype(np.int8), prepend=0, append=0)).tolist()
    return zip(edges[::2], edges[1::2], strict=True)


def _period_starts(days: Ints, timeframe: str) -> Ints:
    """The day that labels the bar of each day."""
    if timeframe == "1w":
        return days - (days + 3) % 7
    if timeframe == "1M":
        return _months(days).astype("datetime64[D]").astype(np.int64)
    return days


def _period_ends(days: Ints, timeframe: str) -> Ints:
    """The last day that the bar of each day can hold."""
    if timeframe == "1w":
        return days + 6 - (days + 3) % 7
    if timeframe == "1M":
        following = _months(days) + np.timedelta64(1, "M")
        return following.astype("datetime64[D]").astype(np.int64) - 1
    return days


def _months(days: Ints) -> npt.NDArray[np.datetime64]:
    return days.astype("datetime64[D]").astype("datetime64[M]")
