"""Files, folders and globs of bars into the candle cache, with one report for all of them."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from tapeback.data.cache import Answer, CacheManager, Merge
from tapeback.data.contracts.bhavcopy import BhavcopyBatch, is_bhavcopy, read_bhavcopies
from tapeback.data.contracts.names import common_style
from tapeback.data.contracts.reading import (
    Habits,
    Item,
    Problem,
    Reading,
    Task,
    habits_of,
    read_source,
)
from tapeback.data.contracts.sources import (
    PathLike,
    Source,
    archives_kept_open,
    head_of,
    sources_of,
)
from tapeback.data.files import LabelOption
from tapeback.errors import DataError, TapebackError
from tapeback.market import timeframes
from tapeback.market.calendar import calendar_of
from tapeback.market.candles import Candles
from tapeback.models.data_file import check_exchange, check_symbol
from tapeback.models.finding import Finding
from tapeback.models.instrument import Instrument
from tapeback.utils.clock import SECOND_NS, date_of

Progress = Callable[[int, int], None]

# The largest files are read first: they show the timeframe and the labels that the others, with
# few bars, follow.
_SCOUTS = 32
# From here on further processes earn more than the second that their start costs.
_WORTH_WORKERS = 16 * 2**20
_LARGEST_BATCH = 64
_INSTRUMENTS_A_BATCH = 2_000


class FindingCount(msgspec.Struct):
    """One kind of finding over all files: in how many, how many rows, the first place."""

    code: str
    severity: str
    message: str
    files: int = 0
    rows: int = 0
    where: str = ""


class ImportReport(msgspec.Struct):
    """What an import did: files read of those found, series and contracts among them, bars that
    are new, were there already, or were there with other values, the Indian dates from the first
    to the last, what was noticed and what could not be read."""

    files: int = 0
    read: int = 0
    series: int = 0
    contracts: int = 0
    added: int = 0
    same: int = 0
    revised: int = 0
    first: str = ""
    last: str = ""
    findings: list[FindingCount] = []
    problems: list[Problem] = []

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON has it."""
        document: dict[str, Any] = msgspec.to_builtins(self)
        return document


def import_files(
    paths: PathLike | Sequence[PathLike],
    *,
    cache: CacheManager,
    symbol: str | None = None,
    exchange: str | None = None,
    timeframe: str | None = None,
    label: LabelOption = "auto",
    replace: bool = False,
    progress: Progress | None = None,
    workers: int | None = None,
) -> ImportReport:
    """Stores the bars of files, folders (with all below them), globs and zip files in the cache.

    CSV (plain or gzip), Parquet, JSON, and NSE's bhavcopies by their columns. What a file is of is
    told by `symbol` and `exchange`, by its columns (a symbol, or underlying with expiry, strike and
    type) or by its name (`names.contract_named`). `timeframe` builds a coarser one, and stands in
    where bars are too few to tell their own; `label` overrides which end of a bar its stamp marks.
    Bars that are stored already stay; `replace` lets those of the files stand. A file that cannot
    be read is in the report and stops no other one. `progress` hears files done and in all.
    `workers` are further processes that read (by default as many as there are processors when that
    saves time; they need the usual `if __name__ == "__main__":` in a script); the result is the
    same with any number. Raises CacheError, and DataError for a wrong argument.
    """
    named = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    task = _template(symbol, exchange, timeframe, label)
    run = _Import(cache, replace, progress)
    with archives_kept_open():
        sources, bhavcopies = run.find(named)
        if symbol is None:
            style = common_style((source.name for source in sources), exchange)
            task = msgspec.structs.replace(task, style=style)
        for reading in _readings(sources, task, _workers(sources, workers)):
            run.take(reading)
        for batch in read_bhavcopies(bhavcopies, symbol=task.symbol):
            run.take_bhavcopies(batch)
    return run.finish()


def _template(
    symbol: str | None, exchange: str | None, timeframe: str | None, label: LabelOption
) -> Task:
    try:
        symbol = None if symbol is None else check_symbol(symbol)
        exchange = None if exchange is None else check_exchange(exchange)
    except ValueError as error:
        raise DataError(f"the symbol or exchange {error}.") from None
    if timeframe is not None:
        timeframe = timeframes.normalise(timeframe)
    if label not in ("auto", "open", "close"):
        raise DataError(f"unknown label {label!r}.", remedy="Use auto, open or close.")
    return Task(
        source=Source(Path()), symbol=symbol, exchange=exchange, timeframe=timeframe, label=label
    )


def _workers(sources: list[Source], workers: int | None) -> int:
    if workers is not None:
        return workers if len(sources) > 1 else 0
    if sum(_size(source) for source in sources) < _WORTH_WORKERS:
        return 0
    return min(os.cpu_count() or 1, len(sources))


def _size(source: Source) -> int:
    try:
        return source.path.stat().st_size
    except OSError:
        return 0


def _readings(sources: list[Source], task: Task, workers: int) -> Iterator[Reading]:
    """All files read, in an order that does not depend on the workers: first those that show the
    habits of the others."""
    by_size = sorted(sources, key=lambda source: (-_size(source), source.label))
    scouts = by_size[:_SCOUTS]
    ahead = set(scouts)
    others = [source for source in sources if source not in ahead]
    if not workers:
        yield from _in_turn(scouts, others, task, lambda tasks: map(read_source, tasks))
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        try:
            size = max(1, min(_LARGEST_BATCH, len(sources) // (8 * workers)))
            yield from _in_turn(
                scouts, others, task, lambda tasks: _shared(pool, tasks, size, 4 * workers)
            )
        finally:
            pool.shutdown(cancel_futures=True)


def _in_turn(
    scouts: list[Source],
    others: list[Source],
    task: Task,
    read: Callable[[Iterable[Task]], Iterable[Reading]],
) -> Iterator[Reading]:
    seen: list[Habits] = []
    unclear = []
    for reading in read(_tasks(scouts, task, None)):
        seen += reading.habits
        if reading.unclear:
            unclear.append(reading.source)
        else:
            yield reading
    habits = habits_of(seen)
    yield from read(_tasks(unclear, task, habits))
    yield from read(_tasks(others, task, habits))


def _tasks(sources: Iterable[Source], task: Task, habits: Habits | None) -> Iterator[Task]:
    for source in sources:
        yield msgspec.structs.replace(task, source=source, habits=habits)


def _shared(
    pool: ProcessPoolExecutor, tasks: Iterable[Task], size: int, ahead: int
) -> Iterator[Reading]:
    """Readings of a pool in the order of their tasks, no more than `ahead` batches waiting. When
    its processes have gone (killed, or without memory), this one reads the rest."""
    left = iter(tasks)
    waiting: deque[tuple[list[Task], Future[list[Reading]] | None]] = deque()
    while True:
        while len(waiting) < ahead and (batch := list(islice(left, size))):
            waiting.append((batch, _submitted(pool, batch)))
        if not waiting:
            return
        batch, future = waiting.popleft()
        try:
            readings = _read_batch(batch) if future is None else future.result()
        except BrokenProcessPool:
            readings = _read_batch(batch)
        yield from readings


def _submitted(pool: ProcessPoolExecutor, batch: list[Task]) -> Future[list[Reading]] | None:
    try:
        return pool.submit(_read_batch, batch)
    except BrokenProcessPool:
        return None


def _read_batch(tasks: list[Task]) -> list[Reading]:
    with archives_kept_open():
        return [read_source(task) for task in tasks]


class _Import:
    """An import on its way into the cache."""

    def __init__(self, cache: CacheManager, replace: bool, progress: Progress | None) -> None:
        self.cache = cache
        self.now = cache.clock.now()
        self.replace = replace
        self.progress = progress
        self.report = ImportReport()
        self.done = 0
        self.range: tuple[int, int] | None = None
        self.series: set[tuple[str, str, str]] = set()
        self.contracts: set[tuple[str, str]] = set()
        self.instruments: dict[tuple[str, str], Instrument] = {}
        self.findings: dict[str, FindingCount] = {}

    def find(self, paths: Sequence[PathLike]) -> tuple[list[Source], list[Source]]:
        """The files of bars, and the bhavcopies; paths that name none are problems."""
        sources, bhavcopies = [], []
        for found in sources_of(paths):
            if isinstance(found, TapebackError):
                self.report.problems.append(
                    Problem(file=found.where or "", reason=found.what, remedy=found.remedy or "")
                )
            elif is_bhavcopy(head_of(found)):
                bhavcopies.append(found)
            else:
                sources.append(found)
        self.report.files = len(sources) + len(bhavcopies)
        return sources, bhavcopies

    def take(self, reading: Reading) -> None:
        """Stores what a file gave."""
        for item in reading.items:
            self._store(item, reading.source, "import")
        self._count(reading)

    def take_bhavcopies(self, batch: BhavcopyBatch) -> None:
        """Stores what some bhavcopies gave together, with the contracts that they list."""
        for item in batch.items:
            self._store(item, batch.source, "bhavcopy")
        for reading in batch.readings:
            self._count(reading)
        for instrument in batch.instruments:
            self.instruments[instrument.symbol, instrument.exchange] = instrument
        self._store_instruments("bhavcopy")

    def finish(self) -> ImportReport:
        """The report, once everything is stored."""
        self._store_instruments("import")
        report = self.report
        report.series = len(self.series)
        report.contracts = len(self.contracts)
        if self.range is not None:
            report.first, report.last = (f"{date_of(ts)}" for ts in self.range)
        report.findings = [self.findings[code] for code in sorted(self.findings)]
        return report

    def _count(self, reading: Reading) -> None:
        report = self.report
        report.read += bool(reading.items) or not reading.problems
        report.problems += reading.problems
        self.done += 1
        if self.progress is not None:
            self.progress(self.done, report.files)

    def _store(self, item: Item, source: Source, kind: str) -> None:
        candles = self._closed(item.candles)
        if not len(candles):
            return
        merge = Merge()
        for piece in _whole_pieces(candles, item.contract):
            answer = Answer(
                source=kind,
                detail=source.label,
                first_day=int(piece.days[0]),
                last_day=int(piece.days[-1]),
                asked_at=self.now if kind == "bhavcopy" else self._asked_at(piece, source),
                findings=candles.findings,
            )
            stored = self.cache.store(piece, answer, replace=self.replace)
            merge = Merge(
                merge.added + stored.added, merge.same + stored.same, merge.revised + stored.revised
            )
        self._note(candles, merge)
        if item.contract is not None:
            key = (item.contract.symbol, item.contract.exchange)
            self.contracts.add(key)
            self.instruments.setdefault(key, item.contract)
            if len(self.instruments) >= _INSTRUMENTS_A_BATCH:
                self._store_instruments(kind)

    def _closed(self, candles: Candles) -> Candles:
        """The bars that have ended: a file that was written while the market was open has one that
        has not."""
        if not len(candles) or int(candles.ts[-1]) + timeframes.duration(candles.timeframe) < (
            self.now - 86_400 * SECOND_NS
        ):
            return candles
        return candles[: int(np.searchsorted(candles.ends, self.now, side="right"))]

    def _asked_at(self, candles: Candles, source: Source) -> int:
        """When the bars were written down: no later than the file was."""
        try:
            written = source.path.stat().st_mtime_ns
        except OSError:
            written = self.now
        return max(min(self.now, written), int(candles.ends[-1]))

    def _note(self, candles: Candles, merge: Merge) -> None:
        report = self.report
        report.added += merge.added
        report.same += merge.same
        report.revised += merge.revised
        first, last = int(candles.ts[0]), int(candles.ts[-1])
        held = self.range or (first, last)
        self.range = (min(held[0], first), max(held[1], last))
        self.series.add((candles.symbol, candles.exchange, candles.timeframe))
        for finding in candles.findings:
            self._count_finding(finding)

    def _count_finding(self, finding: Finding) -> None:
        count = self.findings.get(finding.code)
        if count is None:
            count = self.findings[finding.code] = FindingCount(
                finding.code, finding.severity, finding.message, where=finding.where
            )
        count.files += 1
        count.rows += finding.count

    def _store_instruments(self, source: str) -> None:
        if self.instruments:
            self.cache.store_instruments(self.instruments.values(), source=source)
            self.instruments = {}


def _whole_pieces(candles: Candles, contract: Instrument | None) -> Iterator[Candles]:
    """Candles cut where trading days are missing, so that these stay unknown to the cache. A
    contract stays whole: on days without a bar it did not trade."""
    if contract is not None or timeframes.duration(candles.timeframe) > timeframes.duration("1d"):
        yield candles
        return
    days = candles.days[candles.session_firsts]
    calendar = calendar_of(candles.exchange)
    open_days = calendar.trading_days(int(days[0]), int(days[-1]), candles.symbol)
    missing = np.setdiff1d(open_days, days)
    cuts = candles.session_firsts[np.unique(np.searchsorted(days, missing))].tolist()
    for first, last in zip([0, *cuts], [*cuts, len(candles)], strict=True):
        yield candles[first:last]
