"""A `historify.duckdb`, read without ever writing to it, while OpenAlgo may be writing."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from tapeback.data.historify.labels import ALWAYS_OPEN
from tapeback.errors import (
    DataError,
    DataFormatError,
    DataNotFoundError,
    DataSourceError,
    MissingExtraError,
)
from tapeback.market import timeframes
from tapeback.utils.clock import DAY_NS, IST_OFFSET_NS, SECOND_NS
from tapeback.utils.wall_clock import WallClock

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Ints = npt.NDArray[np.int64]
Answer = TypeVar("Answer")

_BARS = "market_data"
_BAR_COLUMNS = (
    "symbol", "exchange", "interval", "timestamp", "open", "high", "low", "close", "volume", "oi",
)  # fmt: skip
_CONTRACTS = "symbol_metadata"
_CONTRACT_COLUMNS = {
    "symbol": "VARCHAR",
    "exchange": "VARCHAR",
    "name": "VARCHAR",
    "expiry": "VARCHAR",
    "strike": "DOUBLE",
    "lotsize": "DOUBLE",
    "instrumenttype": "VARCHAR",
    "tick_size": "DOUBLE",
}
_VALUES = _BAR_COLUMNS[4:]
# OpenAlgo holds the file for one query or one download at a time.
_WAITS = (0.1, 0.2, 0.4, 0.8, 1.6)
_COPIES = 3
_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    # DuckDB would spill into a folder beside the user's file.
    "temp_directory": "",
}
_BUSY = ("set lock on file", "used by another process")
_DAY_S = DAY_NS // SECOND_NS
_IST_S = IST_OFFSET_NS // SECOND_NS
# 1990 to 2200: what lies outside counts something else than seconds.
_EARLIEST, _LATEST = 631_152_000, 7_258_118_400


class StoredSeries(msgspec.Struct, frozen=True):
    """Bars of one symbol under one of the file's interval labels (`1m`, `D`, `5m`, …), and the
    Indian day numbers of the first and the last."""

    symbol: str
    exchange: str
    interval: str
    bars: int
    first_day: int
    last_day: int

    @property
    def timeframe(self) -> str | None:
        """The label as a timeframe, None where it is none (`Q`, `3D`)."""
        return timeframe_of(self.interval)


class ContractRow(msgspec.Struct, frozen=True):
    """A row of `symbol_metadata` as texts and numbers, None where it is empty."""

    symbol: str
    exchange: str
    name: str | None
    expiry: str | None
    strike: float | None
    lotsize: float | None
    instrumenttype: str | None
    tick_size: float | None


def timeframe_of(interval: str) -> str | None:
    """The timeframe that an interval label names, None where there is no such timeframe."""
    try:
        return timeframes.normalise(interval)
    except DataError:
        return None


@contextmanager
def opened(path: Path, clock: WallClock) -> Iterator[Database]:
    """The file, opened read-only.

    While another program writes to it, it is tried again for three seconds and then read from a
    copy in a temporary folder. Raises DataNotFoundError, MissingExtraError, and DataSourceError
    for what is no Historify database, is damaged or too new, or cannot be copied.
    """
    try:
        import duckdb  # noqa: F401
    except ImportError:
        raise MissingExtraError(
            "reading a Historify database needs duckdb.",
            where=str(path),
            remedy='Install it with: pip install "tapeback[data]"',
        ) from None
    if not path.is_file():
        raise DataNotFoundError(
            f"there is no file {str(path)!r}.",
            remedy="Name the DuckDB file of OpenAlgo's Historify, by default "
            "db/historify.duckdb in OpenAlgo's folder.",
        )
    connection = _connect_when_free(path, clock)
    if connection is not None:
        with closing(connection):
            yield Database(path, connection)
        return
    # On Windows a folder cannot go while a scanner still looks into it.
    with (
        TemporaryDirectory(prefix="tapeback-", ignore_cleanup_errors=True) as folder,
        closing(_connect_copy(path, Path(folder) / "copy.duckdb")) as connection,
    ):
        yield Database(path, connection, copied=True)


class Database:
    """An open file. `copied` tells that a copy is read, for another program holds the file."""

    def __init__(self, path: Path, connection: DuckDBPyConnection, *, copied: bool = False) -> None:
        self.path = path
        self.copied = copied
        self._connection = connection
        self._check(_BARS, _BAR_COLUMNS)

    def series(self, symbol: str | None = None, exchange: str | None = None) -> list[StoredSeries]:
        """What is stored of all symbols, or of one, in order of name."""
        where, values = "", []
        if symbol is not None:
            where, values = "WHERE symbol = ? AND exchange = ?", [symbol, exchange]
        rows = self._rows(
            f'SELECT symbol, exchange, "interval", count(*), min("timestamp"), max("timestamp") '
            f"FROM {_BARS} {where} GROUP BY ALL ORDER BY ALL",
            values,
        )
        return [
            StoredSeries(name, market, interval, count, *_day_range(market, interval, first, last))
            for name, market, interval, count, first, last in rows
        ]

    def stamps(self, symbol: str, exchange: str, intervals: Sequence[str]) -> Ints:
        """The stamps of all bars of some intervals, ns UTC as the file has them, ascending."""
        columns = self._columns(("timestamp",), symbol, exchange, intervals, None, None)
        return np.sort(self._nanoseconds(columns["timestamp"]))

    def bars(
        self,
        symbol: str,
        exchange: str,
        intervals: Sequence[str],
        first_day: int | None,
        last_day: int | None,
    ) -> list[npt.NDArray[Any]]:
        """Stamps as `stamps` gives them and the columns open to oi, float64, NaN where there is
        nothing, in order of their stamps: all that can lie on Indian days first to last, and
        some beyond."""
        columns = self._columns(
            ("timestamp", *_VALUES), symbol, exchange, intervals, first_day, last_day
        )
        ts = self._nanoseconds(columns.pop("timestamp"))
        values = [columns[name] for name in _VALUES]
        if (ts[1:] < ts[:-1]).any():
            order = np.argsort(ts, kind="stable")
            ts, values = ts[order], [column[order] for column in values]
        return [ts, *values]

    def contracts(self) -> list[ContractRow]:
        """The rows of `symbol_metadata`."""
        self._check(_CONTRACTS, _CONTRACT_COLUMNS)
        picked = ", ".join(
            f"TRY_CAST({name} AS {kind})" for name, kind in _CONTRACT_COLUMNS.items()
        )
        rows = self._rows(f"SELECT {picked} FROM {_CONTRACTS} ORDER BY exchange, symbol", [])
        return [ContractRow(*row) for row in rows]

    def _columns(
        self,
        names: Iterable[str],
        symbol: str,
        exchange: str,
        intervals: Sequence[str],
        first_day: int | None,
        last_day: int | None,
    ) -> dict[str, Any]:
        picked = ", ".join(
            f'CAST("{name}" AS BIGINT) AS "{name}"'
            if name == "timestamp"
            else f"coalesce(CAST({name} AS DOUBLE), 'nan'::DOUBLE) AS {name}"
            for name in names
        )
        query = (
            f"SELECT {picked} FROM {_BARS} WHERE symbol = ? AND exchange = ? "
            f'AND "interval" IN ({", ".join("?" * len(intervals))})'
        )
        values: list[Any] = [symbol, exchange, *intervals]
        if first_day is not None:
            query += ' AND "timestamp" >= ?'
            values.append(first_day * _DAY_S - _IST_S)
        if last_day is not None:
            # To the end of the UTC day: bars imported 5 h 30 min too late lie there.
            query += ' AND "timestamp" < ?'
            values.append((last_day + 1) * _DAY_S)
        return self._run(lambda: self._connection.execute(query, values).fetchnumpy())

    def _nanoseconds(self, seconds: Ints) -> Ints:
        wrong = (seconds < _EARLIEST) | (seconds > _LATEST)
        if wrong.any():
            raise DataFormatError(
                f"the timestamp {seconds[np.argmax(wrong)]} of {np.count_nonzero(wrong)} bars "
                "counts no seconds since 1970.",
                where=self.path.name,
                remedy="Import the data again with timestamps in seconds.",
            )
        return seconds * SECOND_NS

    def _check(self, table: str, columns: Collection[str]) -> None:
        rows = self._rows(
            "SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal", []
        )
        if not any(name == table for name, _ in rows):
            tables = ", ".join(sorted({name for name, _ in rows})) or "none"
            raise DataSourceError(
                f"the database has no table {table}; its tables: {tables}.",
                where=str(self.path),
                remedy="Name the file that OpenAlgo's Historify fills (HISTORIFY_DATABASE_PATH).",
            )
        absent = set(columns) - {column for name, column in rows if name == table}
        if absent:
            raise DataSourceError(
                f"the table {table} has no column {', '.join(sorted(absent))}.",
                where=str(self.path),
                remedy="The file is of another version of Historify; export its bars as CSV.",
            )

    def _rows(self, query: str, values: list[Any]) -> list[Any]:
        return self._run(lambda: self._connection.execute(query, values).fetchall())

    def _run(self, ask: Callable[[], Answer]) -> Answer:
        import duckdb

        try:
            return ask()
        except duckdb.Error as error:
            raise _unreadable(self.path, error) from None


def _day_range(exchange: str, interval: str, first: int, last: int) -> tuple[int, int]:
    """Indian day numbers of two stamps in seconds. Sessions lie within one UTC day, also when
    imported 5 h 30 min late; days are stamped at UTC or at Indian midnight."""
    timeframe = timeframe_of(interval)
    long = timeframe is None or not timeframes.is_intraday(timeframe)
    offset = _IST_S if long or exchange in ALWAYS_OPEN else 0
    return (first + offset) // _DAY_S, (last + offset) // _DAY_S


def _connect_when_free(path: Path, clock: WallClock) -> DuckDBPyConnection | None:
    """A connection, or None when another program kept the file all the time."""
    for wait in (*_WAITS, None):
        try:
            return _connect(path)
        except _BusyError:
            if wait is not None:
                clock.sleep(wait)
    return None


class _BusyError(Exception):
    """Another program holds the file."""


def _connect(path: Path) -> DuckDBPyConnection:
    import duckdb

    try:
        return duckdb.connect(str(path), read_only=True, config=_SETTINGS)
    except duckdb.ConnectionException:
        # No copy is made: closing any handle of this process would free its lock on the file.
        raise DataSourceError(
            "this program has the database open in another way.",
            where=str(path),
            remedy="Close that connection first.",
        ) from None
    except duckdb.Error as error:
        if any(sign in str(error) for sign in _BUSY):
            raise _BusyError from None
        raise _unreadable(path, error) from None


def _connect_copy(path: Path, copy: Path) -> DuckDBPyConnection:
    """A connection to a copy that no write fell into."""
    why = "it changed while it was copied"
    try:
        for _ in range(_COPIES):
            if _copied(path, copy):
                return _connect(copy)
    except OSError as error:
        why = error.strerror or str(error)
    except DataSourceError as error:
        why = error.what
    raise DataSourceError(
        f"another program is writing to the database, and no copy can be read: {why}.",
        where=str(path),
        remedy="Try again when Historify's download is over.",
    )


def _copied(path: Path, copy: Path) -> bool:
    """Whether the file and its log of writes were copied as they stood at one moment."""
    pairs = [
        (part, copy.with_name(part.name.replace(path.name, copy.name)))
        for part in (path, path.with_name(f"{path.name}.wal"))
    ]
    before = [_state(part) for part, _ in pairs]
    for (part, target), state in zip(pairs, before, strict=True):
        target.unlink(missing_ok=True)
        if state is not None:
            try:
                shutil.copyfile(part, target)
            except FileNotFoundError:
                return False
    return [_state(part) for part, _ in pairs] == before


def _state(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return stat.st_size, stat.st_mtime_ns


def _unreadable(path: Path, error: Exception) -> DataSourceError:
    text = str(error)
    if "not a valid DuckDB" in text:
        return DataSourceError(
            "the file is no DuckDB database.",
            where=str(path),
            remedy="Name the file that OpenAlgo's Historify fills (HISTORIFY_DATABASE_PATH).",
        )
    if "newer version of DuckDB" in text:
        import duckdb

        return DataSourceError(
            f"the file was written by a newer DuckDB than the installed {duckdb.__version__}.",
            where=str(path),
            remedy="Upgrade it with: pip install --upgrade duckdb",
        )
    denied = "Permission denied" in text
    return DataSourceError(
        f"the database cannot be read: {text.splitlines()[0]}.",
        where=str(path),
        remedy="Check its permissions."
        if denied
        else "Open it in OpenAlgo, or restore it from a backup; it was not changed.",
    )
