"""Regular trading hours by market and date, from `tables/calendar.yaml`."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tapeback.market.contracts.underlyings import has_derivatives
from tapeback.market.dated import Row, rows, table
from tapeback.models.instrument import INDEX_EXCHANGES
from tapeback.utils.clock import MINUTE_NS

Ints = npt.NDArray[np.int64]
Minutes = tuple[int, int]

# Instruments that end with their market.
MAIN = ""
AUCTION = "auction"
_BASE = re.compile(r"[A-Z]*")


class Clocks(NamedTuple):
    """Clock times of some dates, ns after their Indian midnights, one value a date.

    `opens` is the open of the first segment, `continuous` the end of the last one, `closes` the
    end of the session: of the closing auction where there is one.
    """

    opens: Ints
    continuous: Ints
    closes: Ints


def minutes_of(clock: str) -> int:
    """Minutes after midnight of `HH:MM`."""
    hours, _, minutes = clock.partition(":")
    return int(hours) * 60 + int(minutes)


def span_of(span: str) -> Minutes:
    """Minutes after midnight of `HH:MM-HH:MM`."""
    begins, _, ends = span.partition("-")
    return minutes_of(begins), minutes_of(ends)


def group_of(market: str, exchange: str, symbol: str) -> str:
    """The group of its market, by which an instrument's session ends."""
    if market == "equity":
        listed = _group_symbols("without_auction")
        auctioned = exchange in INDEX_EXCHANGES or has_derivatives(symbol)
        return AUCTION if auctioned and symbol not in listed else MAIN
    found = _BASE.match(symbol)
    base = found.group() if found else ""
    if market == "currency":
        return "cross" if base in _group_symbols("cross") else MAIN
    if market == "commodity":
        for group in ("agriculture", "agriculture_abroad"):
            if base in _group_symbols(group):
                return group
    return MAIN


@cache
def _group_symbols(name: str) -> frozenset[str]:
    return frozenset(table("calendar")["symbols"][name])


class RegularHours:
    """The regular hours of one group of a market. Before the first row of the table the first
    row holds."""

    def __init__(self, market: str, group: str) -> None:
        self.rows = rows("calendar", "hours", market)
        since, opens, continuous, closes, winter = [], [], [], [], []
        for row in self.rows:
            own: dict[str, Any] = row.get("groups", {}).get(group, {})
            ends = minutes_of(own.get("closes", row["closes"]))
            auction = own.get("auction")
            since.append(row.since)
            opens.append(minutes_of(row["opens"]))
            continuous.append(ends)
            closes.append(span_of(auction)[1] if auction else ends)
            later = None if own else row.get("closes_in_us_winter")
            winter.append(minutes_of(later) if later else ends)
        self.first_day = since[0]
        self._since = np.array(since)
        self._minutes = [np.array(column) for column in (opens, continuous, closes, winter)]

    def row(self, day: int) -> Row:
        """The row in force on an Indian day number."""
        return self.rows.on(max(day, self.first_day)) or next(iter(self.rows))

    def on(self, days: Ints) -> Clocks:
        """The hours on Indian day numbers, whether these are trading days or not."""
        at = np.maximum(np.searchsorted(self._since, days, side="right") - 1, 0)
        opens, continuous, closes, winter = (column[at] for column in self._minutes)
        if (winter != continuous).any():
            late = in_us_winter(days)
            continuous, closes = (np.where(late, winter, c) for c in (continuous, closes))
        return Clocks(*(column * MINUTE_NS for column in (opens, continuous, closes)))


def in_us_winter(days: Ints) -> npt.NDArray[np.bool_]:
    """Whether the United States keep standard time: daylight time begins on the second Sunday of
    March and ends on the first Sunday of November."""
    januaries = 12 * days.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64)
    march, november = _first_sunday(januaries + 2), _first_sunday(januaries + 10)
    winter: npt.NDArray[np.bool_] = (days < march + 7) | (days >= november)
    return winter


def _first_sunday(months: Ints) -> Ints:
    """The first Sunday of months counted from January 1970, as a day number."""
    first = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    # Day 3, 1970-01-04, was a Sunday.
    return first + (3 - first) % 7
