"""The sessions of one group of instruments of an exchange, day by day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import cache
from typing import Literal, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from tapeback.market.contracts.underlyings import underlyings_row
from tapeback.market.dated import Row, rows, table
from tapeback.market.sessions.hours import (
    Clocks,
    Minutes,
    RegularHours,
    minutes_of,
    span_of,
)
from tapeback.models.instrument import INDEX_EXCHANGES
from tapeback.utils.clock import MINUTE_NS, date_of_day, day_of, midnight

Ints = npt.NDArray[np.int64]
Span = tuple[int, int]
SessionKind = Literal["regular", "muhurat", "special"]

_AROUND_THE_CLOCK = "crypto"
_WITHOUT_HOLIDAYS = ("crypto", "foreign")
_WEEKEND = ("Saturday", "Sunday")


class Session(msgspec.Struct, frozen=True):
    """A trading day of an exchange, as one of its instruments sees it.

    `segments` are the parts of the continuous market, ns UTC, in order; `closing_auction` follows
    the last of them where the instrument has one. A day of the usual weekly shape is `regular`;
    `note` says what is unusual about another. `projected` days are beyond the tables; `rows` are
    those that were relied on.
    """

    day: int
    kind: SessionKind
    segments: tuple[Span, ...]
    closing_auction: Span | None
    note: str
    projected: bool
    rows: tuple[Row, ...]

    @property
    def opens(self) -> int:
        """When the first segment opens, ns UTC."""
        return self.segments[0][0]

    @property
    def continuous_ends(self) -> int:
        """When the last segment ends, ns UTC."""
        return self.segments[-1][1]

    @property
    def closes(self) -> int:
        """When the day is over, ns UTC: with its closing auction, or else its last segment."""
        auction = self.closing_auction
        return auction[1] if auction else self.segments[-1][1]


class Closing(NamedTuple):
    """Why an exchange has no session on a day."""

    kind: Literal["holiday", "weekend"]
    note: str
    projected: bool


class _Day(NamedTuple):
    """A day that weekdays and regular hours do not give; without `segments` (minutes after
    midnight) it is closed, because of `note`."""

    kind: SessionKind
    segments: tuple[Minutes, ...]
    note: str
    row: Row | None


class _Year(NamedTuple):
    """What is known of a calendar year that begins on day number `first`: whether the tables have
    it, its session days, its unusual ones, and the clocks of each of its days (rows as in
    `Clocks`)."""

    first: int
    tabled: bool
    open_days: Ints
    unusual: dict[int, _Day]
    clocks: Ints


class Schedule:
    """The sessions of one group of instruments of an exchange. The methods are those of
    `Calendar`."""

    def __init__(self, exchange: str, market: str, group: str) -> None:
        self._exchange = exchange
        self._market = market
        self._regular = RegularHours(market, group)
        self._years: dict[int, _Year] = {}
        self._sessions: dict[int, Session | None] = {}
        self._hours: dict[int, Span] = {}
        self._relied: dict[tuple[int, int, bool], tuple[Row, ...]] = {}

    def session(self, day: int) -> Session | None:
        if day not in self._sessions:
            self._sessions[day] = self._session(day)
        return self._sessions[day]

    def hours(self, day: int) -> Span:
        found = self._hours.get(day)
        if found is None:
            year = self._year_of(day)
            opens, _, closes = year.clocks[:, day - year.first].tolist()
            begins = midnight(day)
            found = self._hours[day] = begins + opens, begins + closes
        return found

    def closing(self, day: int) -> Closing | None:
        if self.session(day) is not None:
            return None
        unusual = self._year_of(day).unusual.get(day)
        weekday = (day + 3) % 7
        if unusual is not None and weekday < 5:
            return Closing("holiday", unusual.note, self.projected(day))
        return Closing("weekend", _WEEKEND[weekday - 5], self.projected(day))

    def projected(self, day: int) -> bool:
        return day < self._regular.first_day or not self._year_of(day).tabled

    def clocks(self, days: Ints) -> Clocks:
        clocks = np.empty((3, len(days)), np.int64)
        years = days.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
        for number in np.unique(years).tolist():
            year, places = self.year(number), np.flatnonzero(years == number)
            clocks[:, places] = year.clocks[:, days[places] - year.first]
        return Clocks(*clocks)

    def breaks(self, first: int, last: int) -> list[Span]:
        sessions = (
            self.session(day)
            for year in years_of(first, last)
            for day, unusual in sorted(self.year(year).unusual.items())
            if len(unusual.segments) > 1 and first <= day <= last
        )
        return [
            (before[1], after[0])
            for session in sessions
            if session is not None
            for before, after in zip(session.segments, session.segments[1:], strict=False)
        ]

    def year(self, year: int) -> _Year:
        if year not in self._years:
            self._years[year] = self._read_year(year)
        return self._years[year]

    def _read_year(self, year: int) -> _Year:
        first, last = day_of(date(year, 1, 1)), day_of(date(year, 12, 31))
        days = np.arange(first, last + 1, dtype=np.int64)
        is_open = ((days + 3) % 7 < 5) | (self._market == _AROUND_THE_CLOCK)
        unusual = {} if self._market in _WITHOUT_HOLIDAYS else self._unusual_days(year)
        clocks = np.stack(self._regular.on(days))
        for day, known in unusual.items():
            is_open[day - first] = bool(known.segments)
            if known.segments:
                opens, closes = known.segments[0][0], known.segments[-1][1]
                clocks[:, day - first] = np.array([opens, closes, closes]) * MINUTE_NS
        begins, ends = _tabled_years()
        return _Year(first, begins <= year <= ends, days[is_open], unusual, clocks)

    def _unusual_days(self, year: int) -> dict[int, _Day]:
        """Holidays, then what takes place on some of them or beside them."""
        days: dict[int, _Day] = {}
        for day, name, row in _holidays(year):
            if self._market == "commodity":
                days |= self._commodity_holiday(day, name)
            else:
                days[day] = _Day("special", (), name, row)
        if self._market == "currency":
            row = rows("calendar", "currency_holidays").on(day_of(date(year, 12, 31)))
            if row is not None and date_of_day(row.since).year == year:
                closed = _named_days(row["closed"], year)
                days |= {day: _Day("special", (), name, row) for day, name in closed}
        if self._market == "commodity":
            days |= self._mornings(year, days)
        for row in rows("calendar", "sessions"):
            spans = self._spans(row) if date_of_day(row.since).year == year else None
            if spans:
                segments = tuple(span_of(span) for span in spans)
                note = row.get("note", "Muhurat trading")
                days[row.since] = _Day(row["kind"], segments, note, row)
        return days

    def _spans(self, row: Row) -> list[str] | None:
        """The hours that a row of `sessions` gives this exchange, None where it is not meant."""
        by_exchange: list[str] | None = row.get("exchanges", {}).get(self._exchange)
        by_market: list[str] | None = row.get("also", {}).get(self._market)
        equity = self._market in ("equity", "equity_derivatives")
        general: list[str] | None = row["hours"] if equity or row["kind"] == "muhurat" else None
        return by_exchange or by_market or general

    def _commodity_holiday(self, day: int, name: str) -> dict[int, _Day]:
        row = _commodity_row(day)
        evening = minutes_of(row["evening_opens"])
        closes = self._regular_clocks(day)[2] // MINUTE_NS
        if name in row["all_day"] or closes <= evening:
            return {day: _Day("special", (), name, row)}
        return {day: _Day("special", ((evening, closes),), f"{name}: evening session only", row)}

    def _mornings(self, year: int, closed: dict[int, _Day]) -> Iterator[tuple[int, _Day]]:
        row = _commodity_row(day_of(date(year, 1, 1)))
        for day, name in _named_days(row["morning_only"], year):
            if (day + 3) % 7 < 5 and day not in closed:
                opens, closes, _ = self._regular_clocks(day)
                ends = min(closes // MINUTE_NS, minutes_of(row["morning_closes"]))
                span = opens // MINUTE_NS, ends
                yield day, _Day("special", (span,), f"{name}: no evening session", row)

    def _regular_clocks(self, day: int) -> tuple[int, int, int]:
        """The three clocks of a regular session on a day."""
        opens, continuous, closes = (int(column[0]) for column in self._regular.on(np.array([day])))
        return opens, continuous, closes

    def _year_of(self, day: int) -> _Year:
        return self.year(date_of_day(day).year)

    def _session(self, day: int) -> Session | None:
        year = self._year_of(day)
        unusual = year.unusual.get(day)
        begins = midnight(day)
        hours = self._regular.row(day)
        projected = not year.tabled or day < self._regular.first_day
        if unusual is None:
            if (day + 3) % 7 >= 5 and self._market != _AROUND_THE_CLOCK:
                return None
            opens, ends, closes = year.clocks[:, day - year.first].tolist()
            auction = (begins + ends, begins + closes) if closes > ends else None
            key = hours.since, year.first, projected
            relied = self._relied.get(key)
            if relied is None:
                relied = self._relied[key] = self._relied_on(day, hours, None, projected)
            note = hours.get("note", "")
            span = begins + opens, begins + ends
            return Session(day, "regular", (span,), auction, note, projected, relied)
        if not unusual.segments:
            return None
        segments = tuple(
            (begins + start * MINUTE_NS, begins + stop * MINUTE_NS)
            for start, stop in unusual.segments
        )
        relied = self._relied_on(day, hours, unusual.row, projected)
        return Session(day, unusual.kind, segments, None, unusual.note, projected, relied)

    def _relied_on(
        self, day: int, hours: Row, unusual: Row | None, projected: bool
    ) -> tuple[Row, ...]:
        found = [hours]
        if unusual is not None:
            found.append(unusual)
        if not projected and self._market not in _WITHOUT_HOLIDAYS:
            lists = ["holidays"]
            if self._market in ("currency", "commodity"):
                lists.append(f"{self._market}_holidays")
            found += [row for name in lists if (row := rows("calendar", name).on(day)) is not None]
        listed = self._market == "equity" and self._exchange not in INDEX_EXCHANGES
        if listed and unusual is None and hours.get("groups"):
            found.append(underlyings_row())
        return tuple(dict.fromkeys(found))


def _holidays(year: int) -> Iterator[tuple[int, str, Row | None]]:
    """The weekdays on which NSE and BSE are closed, with their names; the fixed ones of a year
    without a list."""
    first, last = _tabled_years()
    if first <= year <= last:
        row = rows("calendar", "holidays").on(day_of(date(year, 1, 1)))
        if row is not None:
            yield from ((day, name, row) for day, name in _named_days(row["closed"], year))
        return
    for day, name in _named_days(table("calendar")["fixed_holidays"], year):
        if (day + 3) % 7 < 5:
            yield day, name, None


def _commodity_row(day: int) -> Row:
    found = rows("calendar", "commodity_holidays")
    return found.on(day) or next(iter(found))


def _named_days(text: str, year: int) -> list[tuple[int, str]]:
    """Day numbers and names of `MM-DD name, MM-DD name`."""
    named = []
    for part in filter(None, text.split(", ")):
        when, _, name = part.partition(" ")
        named.append((day_of(date(year, int(when[:2]), int(when[3:]))), name))
    return named


@cache
def _tabled_years() -> tuple[int, int]:
    years = [date_of_day(row.since).year for row in rows("calendar", "holidays")]
    return years[0], years[-1]


def years_of(first: int, last: int) -> range:
    """The calendar years that two day numbers span."""
    return range(date_of_day(first).year, date_of_day(last).year + 1)
