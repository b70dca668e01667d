"""The candle cache: what was fetched once is kept for good, with what is known about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from types import TracebackType

import msgspec

from tapeback.data.cache import chunks as bars
from tapeback.data.cache.database import Database
from tapeback.data.cache.datasets import Datasets, Name
from tapeback.data.cache.listings import find_instruments, store_instruments
from tapeback.data.cache.ranges import missing_ranges
from tapeback.data.cache.records import (
    Answer,
    Book,
    Integrity,
    LegacyImport,
    Merge,
    Statistics,
    Stored,
)
from tapeback.data.cache.selection import all_series, answers_of, enlist, forget, note, select
from tapeback.errors import CacheError
from tapeback.market.candles import Candles
from tapeback.models.candle import Series
from tapeback.models.instrument import Instrument, InstrumentKind
from tapeback.utils.clock import SECOND_NS, day_number
from tapeback.utils.wall_clock import SystemClock, WallClock

_SYSTEM = SystemClock()
_NEVER = -(2**31)
# A slot further away than this was reserved by a clock that has since been set back.
_FARTHEST_SLOT = 900 * SECOND_NS


class CacheManager:
    """Candles of any number of series in `<folder>/market.db`, made on first use.

    It may be shared between threads and pickled to other processes, and any number of processes
    may use the folder at once. Days are Indian day numbers, ranges of them include both ends.
    Errors: CacheError, which leaves what is stored as it is.
    """

    def __init__(self, folder: Path, *, clock: WallClock = _SYSTEM) -> None:
        self.folder = Path(folder)
        self.clock = clock
        self._database = Database(self.folder)
        self._datasets = Datasets(self.folder / "datasets")

    @property
    def path(self) -> Path:
        """The database file."""
        return self._database.path

    def read(
        self, series: Series, first_day: int | None = None, last_day: int | None = None
    ) -> Candles | None:
        """The stored bars of these days, None where there is none.

        `origin.kind` is `cache`; its detail says which source gave which dates, its findings
        what those sources mended.
        """
        with self._database.reading() as connection:
            if connection is None:
                return None
            selection = select(connection, series, first_day, last_day)
            return None if selection is None else selection.candles(connection)

    def store(self, candles: Candles, answer: Answer, *, replace: bool = False) -> Merge:
        """Keeps the bars, one for each stamp, and the answer, in one transaction.

        Stored bars stand and contradictions are counted; with `replace` the bars take the place
        of all that is stored of the answer's days. Bars must be closed: nothing corrects them
        later. Candles without bars store a range that is known to be empty.
        """
        series, now = candles.series, self.clock.now()
        days = (answer.first_day, answer.last_day)
        with self._database.writing() as connection:
            number = enlist(connection, series, now)
            replaced = days if replace else None
            merge = bars.merge(connection, series, number, candles.columns, replaced)
            if replace:
                forget(connection, number, days)
            note(connection, number, answer)
        if merge.added or replace:
            held = (day_number(ts) for ts in candles.ts[[0, -1]].tolist()) if len(candles) else ()
            touched = (*days, *held)
            self._datasets.sweep(series, min(touched), max(touched))
        return merge

    def missing(
        self, series: Series, first_day: int, last_day: int, *, max_age_hours: float
    ) -> list[tuple[int, int]]:
        """The ranges of sessions in first_day … last_day that no answer covers, by their first
        and last session.

        A session is settled when it was asked for half an hour after its close or later; an
        earlier answer holds for `max_age_hours`. Sessions to come are never missing.
        """
        return missing_ranges(
            series,
            first_day,
            last_day,
            self.answers(series),
            now=self.clock.now(),
            max_age_hours=max_age_hours,
        )

    def answers(self, series: Series) -> list[Answer]:
        """What was asked of a series and answered, in the order of storing."""
        with self._database.reading() as connection:
            if connection is None:
                return []
            number = bars.series_id(connection, series)
            return [] if number is None else list(answers_of(connection, number))

    def stored(
        self,
        *,
        symbol: str | None = None,
        exchange: str | None = None,
        timeframe: str | None = None,
        underlying: str | None = None,
    ) -> list[Stored]:
        """The series that have bars, by name. `underlying` picks the contracts of it among the
        instruments that are known."""
        where, values = _condition(symbol=symbol, exchange=exchange, timeframe=timeframe)
        if underlying is not None:
            where += " AND (exchange, symbol) IN (SELECT exchange, symbol FROM instruments "
            where += "WHERE underlying = ?)"
            values.append(underlying)
        with self._database.reading() as connection:
            if connection is None:
                return []
            rows = connection.execute(
                "SELECT symbol, exchange, timeframe, sum(bars), min(first_ts), max(last_ts), "
                "sum(bytes), (SELECT group_concat(source, char(10)) FROM (SELECT DISTINCT source "
                "FROM requests WHERE series = series.id ORDER BY source)), updated_at "
                f"FROM series JOIN chunks ON chunks.series = series.id WHERE {where} "
                "GROUP BY series.id ORDER BY symbol, exchange, timeframe",
                values,
            ).fetchall()
        return [
            Stored(
                series=Series(*row[:3]),
                bars=row[3],
                first_ts=row[4],
                last_ts=row[5],
                bytes=row[6],
                sources=tuple((row[7] or "").split("\n")),
                updated_at=row[8],
            )
            for row in rows
        ]

    def clear(
        self,
        *,
        symbol: str | None = None,
        exchange: str | None = None,
        timeframe: str | None = None,
        before_day: int | None = None,
    ) -> int:
        """Removes the bars of the series named, all of them where nothing is, or those before a
        day, and what was known of those ranges; how many bars there were."""
        if not self.path.exists():
            return 0
        where, values = _condition(symbol=symbol, exchange=exchange, timeframe=timeframe)
        removed, cleared = 0, []
        with self._database.writing() as connection:
            for number, series in all_series(connection, where, values):
                cleared.append(series)
                if before_day is not None:
                    removed += bars.cut_before(connection, series, number, before_day)
                    forget(connection, number, (_NEVER, before_day - 1))
                    continue
                removed += connection.execute(
                    "SELECT coalesce(sum(bars), 0) FROM chunks WHERE series = ?", (number,)
                ).fetchone()[0]
                connection.execute("DELETE FROM chunks WHERE series = ?", (number,))
                connection.execute("DELETE FROM series WHERE id = ?", (number,))
        self._database.shrink()
        for series in cleared:
            self._datasets.sweep(series, None, None if before_day is None else before_day - 1)
        return removed

    def dataset(
        self,
        series: Series,
        first_day: int | None = None,
        last_day: int | None = None,
        *,
        make: Callable[[Candles], Candles],
        recipe: str,
    ) -> Candles | None:
        """What `make` makes of the stored bars of these days, None where there is none.

        It is made once and kept in a file that is named after the bars, their origin and
        `recipe`, the name of what `make` does; every other call, in any process, maps that file
        into memory, findings and digest included.
        """
        with self._database.reading() as connection:
            if connection is None:
                return None
            selection = select(connection, series, first_day, last_day)
            if selection is None:
                return None
            name = Name(series, first_day, last_day, selection.digest(recipe))
            known = self._datasets.open(name)
            if known is not None:
                return known
            candles = selection.candles(connection)
        if candles is None:
            return None
        return self._datasets.keep(name, make(candles), now=self.clock.now())

    @contextmanager
    def downloading(self, series: Series) -> Iterator[None]:
        """Holds off every other process and thread that would download the same series."""
        from filelock import FileLock

        digest = sha256(series.name.encode()).hexdigest()[:16]
        path = self.folder / "locks" / f"{digest}.lock"
        lock = FileLock(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except OSError as error:
            raise CacheError(
                f"the download of {series.name} cannot be locked: {error.strerror or error}.",
                where=str(path.parent),
                remedy="Make the folder writable, or set TAPEBACK_CACHE_DIR to another one.",
            ) from None
        try:
            yield
        finally:
            lock.release()

    def store_instruments(self, instruments: Iterable[Instrument], *, source: str) -> int:
        """Adds to what is known of instruments; how many of them said something new."""
        with self._database.writing() as connection:
            return store_instruments(connection, instruments, source, self.clock.now())

    def instruments(
        self,
        *,
        exchange: str | None = None,
        underlying: str | None = None,
        kind: InstrumentKind | None = None,
        expiry: int | None = None,
    ) -> list[Instrument]:
        """The known instruments by exchange and symbol; `expiry` is an Indian day number."""
        wanted = {"exchange": exchange, "underlying": underlying, "kind": kind, "expiry": expiry}
        with self._database.reading() as connection:
            return [] if connection is None else find_instruments(connection, wanted)

    def store_book(self, kind: str, day: int, document: object) -> None:
        """Keeps a book of a day, in the place of an earlier one of the same kind."""
        text = msgspec.json.encode(document).decode()
        with self._database.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO books (day, kind, stored_at, document) VALUES (?, ?, ?, ?)",
                (day, kind, self.clock.now(), text),
            )

    def books(self, *, day: int | None = None, kind: str | None = None) -> list[Book]:
        """The kept books by day and kind."""
        where, values = _condition(day=day, kind=kind)
        with self._database.reading() as connection:
            if connection is None:
                return []
            rows = connection.execute(
                "SELECT kind, day, stored_at, document FROM books "
                f"WHERE {where} ORDER BY day, kind",
                values,
            ).fetchall()
        return [
            Book(kind=kind, day=day, stored_at=stored, document=msgspec.json.decode(document))
            for kind, day, stored, document in rows
        ]

    def ration(self, key: str, *, interval_ns: int) -> None:
        """Waits for the next free slot of `key`, slots of all processes being `interval_ns`
        apart."""
        with self._database.writing() as connection:
            now = self.clock.now()
            row = connection.execute("SELECT next_at FROM rations WHERE key = ?", (key,)).fetchone()
            slot = now if row is None else max(now, int(row[0]))
            if slot - now > _FARTHEST_SLOT:
                slot = now
            connection.execute(
                "INSERT OR REPLACE INTO rations (key, next_at) VALUES (?, ?)",
                (key, slot + interval_ns),
            )
        if slot > now:
            self.clock.sleep((slot - now) / SECOND_NS)

    def import_legacy(self, path: Path) -> LegacyImport:
        """Takes over the candles of an old cache (`.cache/market_data.db`), which stays as it
        is."""
        from tapeback.data.cache.legacy import import_legacy

        return import_legacy(self, Path(path))

    def check(self) -> Integrity:
        """Reads everything that is stored; what cannot be read is named."""
        problems: list[str] = []
        seen = read = 0
        try:
            problems += self._database.checked()
            with self._database.reading() as connection:
                if connection is not None:
                    for number, series in all_series(connection):
                        seen += 1
                        read += bars.count_readable(connection, series, number, problems)
        except CacheError as error:
            problems.append(str(error))
        return Integrity(series=seen, bars=read, problems=tuple(problems))

    def statistics(self) -> Statistics:
        """How much there is of what."""
        counts = [0] * 5
        with self._database.reading() as connection:
            if connection is not None:
                counts = [
                    connection.execute(f"SELECT {what}").fetchone()[0]
                    for what in (
                        "count(*) FROM series",
                        "coalesce(sum(bars), 0) FROM chunks",
                        "count(*) FROM requests",
                        "count(*) FROM instruments",
                        "count(*) FROM books",
                    )
                ]
        series, held, answers, instruments, books = counts
        return Statistics(
            path=str(self.path),
            series=series,
            bars=held,
            answers=answers,
            instruments=instruments,
            books=books,
            database_bytes=self._database.bytes(),
            dataset_bytes=self._datasets.bytes(),
        )

    def close(self) -> None:
        """Closes the database's connections; the next use opens it again."""
        self._database.close()

    def __enter__(self) -> CacheManager:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[Callable[[Path], CacheManager], tuple[Path]]:
        return partial(CacheManager, clock=self.clock), (self.folder,)


def _condition(**wanted: str | int | None) -> tuple[str, list[object]]:
    """What selects the rows with these values in their columns, where one is given."""
    given = {column: value for column, value in wanted.items() if value is not None}
    return " AND ".join(f"{column} = ?" for column in given) or "1", list(given.values())
