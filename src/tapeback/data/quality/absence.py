"""Sessions without bars, and bars without a session."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tapeback.data.quality.wording import about_days, listed, plural
from tapeback.market.calendar import calendar_of
from tapeback.market.candles import Candles
from tapeback.models.finding import NAMED, Finding, Severity
from tapeback.utils.clock import date_of_day

Ints = npt.NDArray[np.int64]


class Absence(NamedTuple):
    """The sessions of a range, those of them without bars, and the ones without that the calendar
    only guesses, as Indian day numbers."""

    expected: Ints
    known: Ints
    unknown: Ints


def absence_of(candles: Candles, present: Ints, first: int, last: int) -> Absence:
    """The sessions from one day number to another, both included, and those that are not among the
    dates that are `present`."""
    calendar = calendar_of(candles.exchange)
    expected = calendar.trading_days(first, last, candles.symbol)
    missing = np.setdiff1d(expected, present)
    projected = (calendar.projected(day, candles.symbol) for day in missing.tolist())
    beyond = np.fromiter(projected, np.bool_, len(missing))
    return Absence(expected, missing[~beyond], missing[beyond])


def missing_sessions(
    candles: Candles, present: Ints, *, thin: bool = False
) -> Iterator[Finding | None]:
    """Sessions of the calendar between the first and the last bar that are not `present`; a
    thinly traded (`thin`) symbol may have none on a date."""
    absence = absence_of(candles, present, int(candles.days[0]), int(candles.days[-1]))
    severity: Severity = "note" if thin else "warning"
    yield _absent(absence, absence.known, severity, "session", "without bars")
    yield _absent(
        absence,
        absence.unknown,
        "note",
        "weekday",
        "without bars in years whose holidays the calendar does not know",
    )


def _absent(
    absence: Absence, days: Ints, severity: Severity, noun: str, what: str
) -> Finding | None:
    return about_days(
        days,
        code="missing-session",
        severity=severity,
        message=f"{plural(len(days), noun)} {what}: {{}}",
        of=len(absence.expected),
    )


def closed_days(candles: Candles) -> Finding | None:
    """Dates with bars on which the exchange had no session; the bars prove it wrong, or are."""
    calendar = calendar_of(candles.exchange)
    first, last = int(candles.days[0]), int(candles.days[-1])
    days = np.setdiff1d(candles.days, calendar.trading_days(first, last, candles.symbol))
    named = []
    for day in days[:NAMED].tolist():
        closing = calendar.closed_because(day, candles.symbol)
        named.append(f"{date_of_day(day)} ({closing.note})" if closing else f"{date_of_day(day)}")
    return about_days(
        days,
        code="closed-day",
        message=f"{plural(len(days), 'date')} with bars although {candles.exchange} was closed: "
        f"{listed(named, len(days))}",
        of=len(candles.session_firsts),
    )
