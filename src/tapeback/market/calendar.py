"""Trading days and session hours of the exchanges, from `tables/calendar.yaml`.

The tables know the years 2007 to 2026. Outside them, and before an exchange had hours of its own,
weekdays but the fixed national holidays are sessions, marked as projected.
"""

from __future__ import annotations

from functools import cache
from itertools import count

import numpy as np
import numpy.typing as npt

from tapeback.errors import DataError, did_you_mean
from tapeback.market.dated import table
from tapeback.market.sessions.hours import Clocks, group_of
from tapeback.market.sessions.schedule import Closing, Schedule, Session, Span, years_of
from tapeback.utils.clock import DAY_NS, IST_OFFSET_NS

__all__ = ["Calendar", "Closing", "Session", "calendar_of", "days_of"]

Ints = npt.NDArray[np.int64]


class Calendar:
    """Sessions of one exchange by Indian day number. `symbol` matters where an instrument's
    session ends apart from the exchange's; "" is the main part of the market."""

    def __init__(self, exchange: str, market: str) -> None:
        self.exchange = exchange
        self._market = market
        self._by_group: dict[str, Schedule] = {}
        self._by_symbol: dict[str, Schedule] = {}

    def session(self, day: int, symbol: str = "") -> Session | None:
        """The session of a day, None where the exchange is closed."""
        return self._schedule(symbol).session(day)

    def hours(self, day: int, symbol: str = "") -> Span:
        """When a day opens and closes, ns UTC; on a day without session a regular one's hours,
        for a bar proves an open market (fill contract S2b)."""
        return self._schedule(symbol).hours(day)

    def closed_because(self, day: int, symbol: str = "") -> Closing | None:
        """Why there is no session on a day, None where there is one."""
        return self._schedule(symbol).closing(day)

    def projected(self, day: int, symbol: str = "") -> bool:
        """Whether a day lies beyond the tables, where only fixed holidays are known."""
        return self._schedule(symbol).projected(day)

    def trading_days(self, first: int, last: int, symbol: str = "") -> Ints:
        """Day numbers of the sessions from `first` to `last`, both included, ascending."""
        schedule = self._schedule(symbol)
        years = years_of(first, max(first, last))
        days = np.concatenate([schedule.year(year).open_days for year in years])
        return days[(days >= first) & (days <= last)]

    def next_session_day(self, day: int, symbol: str = "") -> int:
        """The first session day after `day`."""
        return next(d for d in count(day + 1) if self.session(d, symbol) is not None)

    def clocks(self, days: Ints, symbol: str = "") -> Clocks:
        """Clock times of any day numbers, in any order; of days without session as in `hours`."""
        return self._schedule(symbol).clocks(days)

    def breaks(self, first: int, last: int, symbol: str = "") -> list[Span]:
        """The pauses within the sessions of `first` to `last`, ns UTC, in order."""
        return self._schedule(symbol).breaks(first, last)

    def _schedule(self, symbol: str) -> Schedule:
        found = self._by_symbol.get(symbol)
        if found is None:
            group = group_of(self._market, self.exchange, symbol)
            if group not in self._by_group:
                self._by_group[group] = Schedule(self.exchange, self._market, group)
            found = self._by_symbol[symbol] = self._by_group[group]
        return found


@cache
def calendar_of(exchange: str) -> Calendar:
    """The calendar of an OpenAlgo exchange. Raises DataError for an unknown one."""
    markets: dict[str, str] = table("calendar")["exchanges"]
    if exchange not in markets:
        raise DataError(
            f"unknown exchange {exchange!r}{did_you_mean(exchange, list(markets))}.",
            remedy=f"Use one of {', '.join(markets)}.",
        )
    return Calendar(exchange, markets[exchange])


def days_of(ts: Ints) -> Ints:
    """Indian day number of each instant."""
    return (ts + IST_OFFSET_NS) // DAY_NS
