"""The stored bars of a series: read, merged and cut, chunk by chunk."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tapeback.data.cache import columns as coding
from tapeback.data.cache.records import Merge
from tapeback.errors import CacheError
from tapeback.market import timeframes
from tapeback.models.candle import Series
from tapeback.utils.clock import DAY_NS, IST_OFFSET_NS, midnight

Column = npt.NDArray[Any]
Columns = list[Column]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
DayRange = tuple[int, int]

_EARLIEST, _LATEST = -(2**62), 2**62


class Chunk(NamedTuple):
    """What is known of a chunk without reading its bars."""

    part: int
    bars: int
    first_ts: int
    last_ts: int
    digest: bytes
    piece: int


def series_id(connection: sqlite3.Connection, series: Series) -> int | None:
    """The row of a series, None where nothing of it was ever stored."""
    row = connection.execute(
        "SELECT id FROM series WHERE symbol = ? AND exchange = ? AND timeframe = ?",
        (series.symbol, series.exchange, series.timeframe),
    ).fetchone()
    return None if row is None else int(row[0])


def chunks_between(
    connection: sqlite3.Connection, number: int, first_ts: int | None, end_ts: int | None
) -> list[Chunk]:
    """The chunks of a series that may hold stamps in [first_ts, end_ts), in order of time."""
    rows = connection.execute(
        "SELECT part, bars, first_ts, last_ts, digest, piece FROM chunks "
        "WHERE series = ? AND last_ts >= ? AND first_ts < ? ORDER BY part",
        (
            number,
            _EARLIEST if first_ts is None else first_ts,
            _LATEST if end_ts is None else end_ts,
        ),
    )
    return list(map(Chunk._make, rows))


def load(connection: sqlite3.Connection, series: Series, chunks: Sequence[Chunk]) -> Columns:
    """The bars of some chunks as the seven columns.

    Raises CacheError when the bytes of one are not those that were stored.
    """
    columns = _empty(sum(chunk.bars for chunk in chunks))
    start = 0
    for chunk in chunks:
        stop = start + chunk.bars
        row = connection.execute("SELECT data FROM pieces WHERE id = ?", (chunk.piece,)).fetchone()
        try:
            if row is None or sha256(row[0]).digest() != chunk.digest:
                raise coding.DamagedError("other bytes")
            coding.decode(row[0], [column[start:stop] for column in columns])
        except coding.DamagedError:
            raise _damaged(series, chunk) from None
        start = stop
    return columns


def count_readable(
    connection: sqlite3.Connection, series: Series, number: int, problems: list[str]
) -> int:
    """How many bars of a series can be read; the chunks that cannot are added to `problems`."""
    count = 0
    for chunk in chunks_between(connection, number, None, None):
        try:
            count += len(load(connection, series, [chunk])[0])
        except CacheError as error:
            problems.append(str(error))
    return count


def merge(
    connection: sqlite3.Connection,
    series: Series,
    number: int,
    columns: Sequence[Column],
    replaced: DayRange | None,
) -> Merge:
    """Adds the bars of `columns` to those that are stored. Where a stamp is there already the
    stored bar stands; but on the days `replaced` the new bars take the place of all stored ones."""
    cuts = dict(_parts(columns[0], series.timeframe))
    touched = set(cuts)
    if replaced is not None:
        touched.update(_part_numbers(np.array(replaced), series.timeframe).tolist())
    if not touched:
        return Merge()
    rows = connection.execute(
        "SELECT part, bars, first_ts, last_ts, digest, piece FROM chunks "
        "WHERE series = ? AND part BETWEEN ? AND ?",
        (number, min(touched), max(touched)),
    )
    stored = {chunk.part: chunk for chunk in map(Chunk._make, rows)}
    if replaced is not None:
        touched |= set(stored)
    done = Merge()
    for part in sorted(touched):
        new = [column[cuts[part]] for column in columns] if part in cuts else _empty(0)
        chunk = stored.get(part)
        old = _empty(0) if chunk is None else load(connection, series, [chunk])
        merged, outcome = _merged(old, new, replaced)
        if outcome.added or replaced is not None:
            _save(connection, number, part, chunk, merged)
        done = _sum(done, outcome)
    return done


def cut_before(connection: sqlite3.Connection, series: Series, number: int, day: int) -> int:
    """Removes the bars before an Indian day number; how many there were."""
    removed = 0
    begins = midnight(day)
    for chunk in chunks_between(connection, number, None, begins):
        if chunk.last_ts < begins:
            connection.execute(
                "DELETE FROM chunks WHERE series = ? AND part = ?", (number, chunk.part)
            )
            removed += chunk.bars
            continue
        columns = load(connection, series, [chunk])
        first = int(np.searchsorted(columns[0], begins))
        _save(connection, number, chunk.part, chunk, [column[first:] for column in columns])
        removed += first
    return removed


def _merged(old: Columns, new: Columns, replaced: DayRange | None) -> tuple[Columns, Merge]:
    """Two sets of bars as one, and what that changed."""
    if not len(old[0]):
        return new, Merge(added=len(new[0]))
    if len(new[0]) and replaced is None and new[0][0] > old[0][-1]:
        both = [np.concatenate(pair) for pair in zip(old, new, strict=True)]
        return both, Merge(added=len(new[0]))
    places = np.searchsorted(old[0], new[0])
    there = old[0][np.minimum(places, len(old[0]) - 1)] == new[0]
    revised = there.copy()
    revised[there] = _differ([c[places[there]] for c in old[1:]], [c[there] for c in new[1:]])
    gone = np.zeros(len(old[0]), np.bool_)
    kept = ~there
    if replaced is not None:
        gone = _on_days(old[0], replaced)
        kept = ~there | _on_days(new[0], replaced)
    both = [np.concatenate((o[~gone], n[kept])) for o, n in zip(old, new, strict=True)]
    order = np.argsort(both[0], kind="stable")
    counts = [int(np.count_nonzero(mask)) for mask in (~there, revised, there & kept, gone)]
    added, differing, taken_over, left = counts
    return [column[order] for column in both], Merge(
        added=added,
        same=int(np.count_nonzero(there)) - differing,
        revised=differing,
        first_revised=int(new[0][np.argmax(revised)]) if differing else None,
        removed=left - taken_over,
    )


def _differ(old: Columns, new: Columns) -> Mask:
    """Rows whose values contradict each other; a value that one of them lacks does not."""
    differ = np.zeros(len(old[0]), np.bool_)
    for one, other in zip(old, new, strict=True):
        differ |= (one != other) & ~(np.isnan(one) | np.isnan(other))
    return differ


def _on_days(ts: Ints, days: DayRange) -> Mask:
    return (ts >= midnight(days[0])) & (ts < midnight(days[1] + 1))


def _parts(ts: Ints, timeframe: str) -> Iterator[tuple[int, slice]]:
    """The chunks into which bars fall, and which bars those are."""
    if not len(ts):
        return
    numbers = _part_numbers((ts + IST_OFFSET_NS) // DAY_NS, timeframe)
    breaks = (np.flatnonzero(np.diff(numbers)) + 1).tolist()
    for start, stop in zip([0, *breaks], [*breaks, len(ts)], strict=True):
        yield int(numbers[start]), slice(start, stop)


def _part_numbers(days: Ints, timeframe: str) -> Ints:
    """The chunk of each Indian day number: its month, or its decade for bars of a day or longer."""
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return months if timeframes.is_intraday(timeframe) else (months // 12 + 1970) // 10


def _save(
    connection: sqlite3.Connection, number: int, part: int, chunk: Chunk | None, columns: Columns
) -> None:
    """Puts a chunk's bars in the place of those it had."""
    ts = columns[0]
    if not len(ts):
        connection.execute("DELETE FROM chunks WHERE series = ? AND part = ?", (number, part))
        return
    data = coding.encode(columns)
    known = (len(ts), int(ts[0]), int(ts[-1]), len(data), sha256(data).digest())
    if chunk is not None:
        if chunk.digest == known[-1]:
            return
        connection.execute("UPDATE pieces SET data = ? WHERE id = ?", (data, chunk.piece))
        connection.execute(
            "UPDATE chunks SET bars = ?, first_ts = ?, last_ts = ?, bytes = ?, digest = ? "
            "WHERE series = ? AND part = ?",
            (*known, number, part),
        )
        return
    piece = connection.execute("INSERT INTO pieces (data) VALUES (?)", (data,)).lastrowid
    connection.execute(
        "INSERT INTO chunks (bars, first_ts, last_ts, bytes, digest, series, part, piece) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (*known, number, part, piece),
    )


def _empty(length: int) -> Columns:
    return [np.empty(length, np.int64), *(np.empty(length) for _ in range(6))]


def _sum(one: Merge, other: Merge) -> Merge:
    return Merge(
        added=one.added + other.added,
        same=one.same + other.same,
        revised=one.revised + other.revised,
        first_revised=other.first_revised if one.first_revised is None else one.first_revised,
        removed=one.removed + other.removed,
    )


def _damaged(series: Series, chunk: Chunk) -> CacheError:
    month = np.datetime64(chunk.first_ts + IST_OFFSET_NS, "ns").astype("datetime64[M]")
    last = np.datetime64(chunk.last_ts + IST_OFFSET_NS, "ns").astype("datetime64[M]")
    span = f"{month}" if month == last else f"{month} to {last}"
    return CacheError(
        f"the stored bars of {span} are damaged.",
        where=series.name,
        remedy=f"Clear the series (`tapeback data clear {series.symbol} --exchange "
        f"{series.exchange} --timeframe {series.timeframe}`) and fetch it again.",
    )
