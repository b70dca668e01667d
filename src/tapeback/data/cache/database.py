"""The cache's SQLite file: opened, migrated, shared, and its errors in the trader's words."""

from __future__ import annotations

import os
import sqlite3
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from errno import ENOTDIR
from importlib.resources import files
from pathlib import Path
from threading import Lock

from tapeback.errors import CacheError

NAME = "market.db"
_APPLICATION = 0x54425043
_BUSY_SECONDS = 60
_PAGE_BYTES = 16_384
_WAL_BYTES = 64 * 2**20
# In one statement, as another process may be about to make the file.
_IDENTITY = (
    "SELECT user_version, application_id, (SELECT count(*) FROM sqlite_master) "
    "FROM pragma_user_version, pragma_application_id"
)
_ELSEWHERE = "name another folder (TAPEBACK_CACHE_DIR or data.cache_dir)"

# Connections that a forked child found in its copy of the parent's memory: they must never be
# used or closed there, as both would undo the parent's locks.
_INHERITED: list[sqlite3.Connection] = []


def _shipped() -> tuple[str, ...]:
    folder = files("tapeback.data.cache") / "schema"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return tuple((folder / name).read_text(encoding="utf-8") for name in names)


# The numbered migrations of the package, the first one first.
SCHEMA = _shipped()


class Database:
    """`<folder>/market.db`, made on first use, for any number of threads and processes.

    What happens inside `writing()` is stored whole or not at all, whatever ends the process.
    Errors: CacheError.
    """

    def __init__(self, folder: Path, schema: Sequence[str] = SCHEMA) -> None:
        self.folder = folder
        self.path = folder / NAME
        self._schema = tuple(schema)
        self._pool = _Pool()
        weakref.finalize(self, self._pool.close)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection | None]:
        """A connection that sees one state of the database; None while there is no file."""
        with self._translated():
            if not self.path.exists():
                if self.folder.exists() and not self.folder.is_dir():
                    raise NotADirectoryError(ENOTDIR, "it is a file")
                yield None
                return
            with self._connection() as connection, _transaction(connection, "BEGIN"):
                yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """The one connection that may write now; an exception undoes everything."""
        with self._translated():
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._connection() as connection, _transaction(connection, "BEGIN IMMEDIATE"):
                yield connection

    def checked(self) -> list[str]:
        """What SQLite itself finds wrong with the file."""
        with self.reading() as connection:
            if connection is None:
                return []
            rows = connection.execute("PRAGMA integrity_check(20)").fetchall()
        return [text for (text,) in rows if text != "ok"]

    def shrink(self) -> None:
        """Gives the room of what was removed back to the disk."""
        with self._translated(), self._connection() as connection:
            # `execute` would stop after the first page.
            connection.executescript("PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE)")

    def bytes(self) -> int:
        """What the file and its log take on the disk."""
        paths = (self.path, self.path.with_name(f"{NAME}-wal"))
        return sum(path.stat().st_size for path in paths if path.exists())

    def close(self) -> None:
        """Closes all connections; the next use opens new ones."""
        self._pool.close()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        connection = self._pool.take() or self._opened()
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        self._pool.give(connection)

    def _opened(self) -> sqlite3.Connection:
        connection = _connect(f"{self.path.absolute().as_uri()}?mode=rwc")
        try:
            self._prepare(connection)
            # A crash of the machine may undo the last transactions, never half of one.
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
        except sqlite3.OperationalError as error:
            connection.close()
            if _code(error) not in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
                raise
            return self._opened_read_only(error)
        except BaseException:
            connection.close()
            raise
        return connection

    def _opened_read_only(self, reason: sqlite3.OperationalError) -> sqlite3.Connection:
        """In a folder where SQLite may not put its `-shm` file, only a database that is taken for
        immutable can be read; what others store meanwhile is seen when it is opened again."""
        if not self.path.exists():
            raise reason
        for mode in ("mode=ro", "immutable=1"):
            connection = _connect(f"{self.path.absolute().as_uri()}?{mode}")
            try:
                if self._version(connection) == len(self._schema):
                    return connection
                connection.close()
            except sqlite3.OperationalError as error:
                connection.close()
                reason = error
            except BaseException:
                connection.close()
                raise
        raise reason

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Brings the file to our schema. One that is not ours is not touched."""
        if self._version(connection) == len(self._schema):
            return
        from filelock import FileLock

        with FileLock(self.folder / f"{NAME}.lock"):
            version = self._version(connection)
            if version == 0:
                connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
                connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
                connection.execute("PRAGMA journal_mode = WAL")
            elif version < len(self._schema):
                self._back_up(connection, version)
            with _transaction(connection, "BEGIN IMMEDIATE"):
                for script in self._schema[version:]:
                    for statement in _statements(script):
                        connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {_APPLICATION}")
                connection.execute(f"PRAGMA user_version = {len(self._schema)}")

    def _version(self, connection: sqlite3.Connection) -> int:
        """The number of migrations that the file has seen; it must be ours and none too new."""
        version, owner, tables = connection.execute(_IDENTITY).fetchone()
        if owner != _APPLICATION and (tables or version):
            raise CacheError(
                "this database belongs to another program.",
                where=str(self.path),
                remedy=f"Move it away, or {_ELSEWHERE}.",
            )
        if version > len(self._schema):
            raise CacheError(
                f"the cache has schema version {version}, written by a newer Tapeback; this one "
                f"knows versions up to {len(self._schema)}.",
                where=str(self.path),
                remedy=f"Upgrade Tapeback, or {_ELSEWHERE}.",
            )
        return int(version)

    def _back_up(self, connection: sqlite3.Connection, version: int) -> None:
        """A copy of the file as it is, beside it, before its schema changes."""
        copy = self.path.with_name(f"{NAME}.v{version}.bak")
        unfinished = copy.with_name(f"{copy.name}.part")
        target = sqlite3.connect(unfinished)
        try:
            connection.backup(target)
        finally:
            target.close()
        os.replace(unfinished, copy)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._explained(error) from None
        except OSError as error:
            raise CacheError(
                f"the folder of the candle cache cannot be used: {error.strerror or error}.",
                where=str(self.folder),
                remedy=f"Check that it is there and writable, or {_ELSEWHERE}.",
            ) from None

    def _explained(self, error: sqlite3.Error) -> CacheError:
        code = _code(error)
        what, remedy = _MEANINGS.get(code, (f"the candle cache failed: {error}.", _UNKNOWN))
        return CacheError(what, where=str(self.path), remedy=remedy)


class _Pool:
    """Connections at rest. Each is used by one thread at a time, and never across a fork."""

    def __init__(self) -> None:
        self._idle: list[sqlite3.Connection] = []
        self._process = os.getpid()
        self._lock = Lock()

    def take(self) -> sqlite3.Connection | None:
        with self._lock:
            self._leave_to_parent()
            return self._idle.pop() if self._idle else None

    def give(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            self._idle.append(connection)

    def close(self) -> None:
        with self._lock:
            self._leave_to_parent()
            while self._idle:
                self._idle.pop().close()

    def _leave_to_parent(self) -> None:
        if self._process != os.getpid():
            _INHERITED.extend(self._idle)
            self._idle.clear()
            self._process = os.getpid()


def _connect(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        uri, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False, uri=True
    )
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


@contextmanager
def _transaction(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
    connection.execute(begin)
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _statements(script: str) -> Iterator[str]:
    """The statements of a script, one by one: `executescript` would end the transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary result code, which says what kind of failure it was."""
    return int(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)) & 0xFF


_UNKNOWN = "Look at the file with `tapeback data check`."
_NO_ROOM = (
    "the disk is full; what was being stored is not stored, what was stored before is there.",
    f"Free some space, or {_ELSEWHERE}.",
)
_MEANINGS = {
    sqlite3.SQLITE_FULL: _NO_ROOM,
    sqlite3.SQLITE_IOERR: (
        "the candle cache cannot be read or written: the disk fails, or is full.",
        f"Look at the disk, or {_ELSEWHERE}.",
    ),
    sqlite3.SQLITE_READONLY: (
        "the candle cache may only be read here; nothing can be stored.",
        f"Make the folder and the file writable, or {_ELSEWHERE}.",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "the candle cache cannot be opened or made here.",
        f"Check that the folder is there and writable, or {_ELSEWHERE}.",
    ),
    sqlite3.SQLITE_NOTADB: (
        "the file is no SQLite database, or a destroyed one.",
        f"Move it away, or {_ELSEWHERE}.",
    ),
    sqlite3.SQLITE_CORRUPT: (
        "the candle cache is damaged.",
        "Export what can still be read, move the file away, and fetch or import again.",
    ),
    sqlite3.SQLITE_BUSY: (
        f"another process has kept the candle cache busy for {_BUSY_SECONDS} seconds.",
        "Wait for it to end, or end it.",
    ),
}
