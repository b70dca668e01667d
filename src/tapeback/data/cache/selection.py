"""What is stored and known of one series: its rows, its answers, and ranges of its bars."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import NamedTuple

import msgspec

from tapeback import __version__
from tapeback.data.cache.chunks import Chunk, chunks_between, load, series_id
from tapeback.data.cache.ranges import cut_out
from tapeback.data.cache.records import Answer
from tapeback.market.candles import Candles
from tapeback.models.candle import Series
from tapeback.models.finding import Finding, Origin
from tapeback.utils.clock import date_of_day, day_number, midnight

DayRange = tuple[int, int]

_FINDINGS = msgspec.json.Decoder(tuple[Finding, ...])


class Selection(NamedTuple):
    """The stored bars of a range of days, not read yet."""

    series: Series
    first_day: int | None
    last_day: int | None
    chunks: list[Chunk]
    origin: Origin

    def candles(self, connection: sqlite3.Connection) -> Candles | None:
        """Its bars, None where the chunks have none in the range."""
        columns = load(connection, self.series, self.chunks)
        candles = Candles(self.series, columns, self.origin)
        first, end = _stamps(self.first_day, self.last_day)
        if first is not None or end is not None:
            candles = candles.between(first, end)
        return candles if len(candles) else None

    def digest(self, recipe: str) -> str:
        """Names what `recipe` makes of these bars: another name for other bars, another origin
        or another version of Tapeback."""
        made_of = (__version__, recipe, self.series, self.first_day, self.last_day, self.origin)
        digest = sha256(msgspec.json.encode(made_of))
        for chunk in self.chunks:
            digest.update(chunk.digest)
        return digest.hexdigest()


def select(
    connection: sqlite3.Connection, series: Series, first_day: int | None, last_day: int | None
) -> Selection | None:
    """The stored bars of a range of days, None where no chunk reaches into it."""
    number = series_id(connection, series)
    if number is None:
        return None
    chunks = chunks_between(connection, number, *_stamps(first_day, last_day))
    if not chunks:
        return None
    first, last = day_number(chunks[0].first_ts), day_number(chunks[-1].last_ts)
    days = (
        first if first_day is None else max(first, first_day),
        last if last_day is None else min(last, last_day),
    )
    origin = _origin(answers_of(connection, number), days)
    return Selection(series, first_day, last_day, chunks, origin)


def all_series(
    connection: sqlite3.Connection, where: str = "1", values: Sequence[object] = ()
) -> list[tuple[int, Series]]:
    """Every series that a condition holds for, with its row."""
    rows = connection.execute(
        f"SELECT id, symbol, exchange, timeframe FROM series WHERE {where} ORDER BY id",
        tuple(values),
    )
    return [(number, Series(*names)) for number, *names in rows]


def enlist(connection: sqlite3.Connection, series: Series, now: int) -> int:
    """The row of a series, which is made where there is none; it was stored to at `now`."""
    number = series_id(connection, series)
    if number is not None:
        connection.execute("UPDATE series SET updated_at = ? WHERE id = ?", (now, number))
        return number
    added = connection.execute(
        "INSERT INTO series (symbol, exchange, timeframe, updated_at) VALUES (?, ?, ?, ?)",
        (series.symbol, series.exchange, series.timeframe, now),
    )
    return int(added.lastrowid or 0)


def answers_of(connection: sqlite3.Connection, number: int) -> Iterator[Answer]:
    """The answers about a series in the order of storing."""
    rows = connection.execute(
        "SELECT source, detail, first_day, last_day, asked_at, findings FROM requests "
        "WHERE series = ? ORDER BY id",
        (number,),
    )
    for source, detail, first_day, last_day, asked_at, findings in rows:
        yield Answer(
            source=source,
            detail=detail,
            first_day=first_day,
            last_day=last_day,
            asked_at=asked_at,
            findings=_FINDINGS.decode(findings),
        )


def note(connection: sqlite3.Connection, number: int, answer: Answer) -> None:
    """Keeps an answer about a series."""
    connection.execute(
        "INSERT INTO requests (series, source, detail, first_day, last_day, asked_at, findings) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            number,
            answer.source,
            answer.detail,
            answer.first_day,
            answer.last_day,
            answer.asked_at,
            msgspec.json.encode(answer.findings).decode(),
        ),
    )


def forget(connection: sqlite3.Connection, number: int, days: DayRange) -> None:
    """Takes a range of days out of all that is known of a series."""
    rows = connection.execute(
        "SELECT id, first_day, last_day FROM requests "
        "WHERE series = ? AND first_day <= ? AND last_day >= ?",
        (number, days[1], days[0]),
    ).fetchall()
    for request, first, last in rows:
        for part in cut_out((first, last), days):
            connection.execute(
                "INSERT INTO requests (series, source, detail, first_day, last_day, asked_at, "
                "findings) SELECT series, source, detail, ?, ?, asked_at, findings FROM requests "
                "WHERE id = ?",
                (*part, request),
            )
        connection.execute("DELETE FROM requests WHERE id = ?", (request,))


def _origin(answers: Iterable[Answer], days: DayRange) -> Origin:
    """Which source gave which of the days, and what the sources mended."""
    given: dict[str, tuple[dict[str, None], DayRange]] = {}
    findings: dict[Finding, None] = {}
    for answer in answers:
        first, last = max(answer.first_day, days[0]), min(answer.last_day, days[1])
        if first > last:
            continue
        details, before = given.get(answer.source, ({}, (first, last)))
        details[answer.detail] = None
        given[answer.source] = details, (min(before[0], first), max(before[1], last))
        findings.update(dict.fromkeys(answer.findings))
    named = [_named(source, *said) for source, said in given.items()]
    if len(named) > 1:
        mixed = Finding(
            code="several-sources",
            severity="warning",
            message=f"the bars come from {len(named)} sources: {', '.join(named)}",
            count=len(named),
        )
        findings[mixed] = None
    return Origin(kind="cache", detail=", ".join(named), findings=tuple(findings))


def _named(source: str, details: Iterable[str], days: DayRange) -> str:
    """A source with its hosts or files and its dates, as in `import A.csv … (12), 2024-01-01 to
    2024-12-31`."""
    first, *others = details
    where = f"{first} … ({len(others) + 1})" if others else first
    return f"{source} {where}".strip() + f" {date_of_day(days[0])} to {date_of_day(days[1])}"


def _stamps(first_day: int | None, last_day: int | None) -> tuple[int | None, int | None]:
    """A range of days as stamps, from the first to before the end, ns UTC."""
    return (
        None if first_day is None else midnight(first_day),
        None if last_day is None else midnight(last_day + 1),
    )
