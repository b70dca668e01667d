#!/usr/bin/env python3
"""Measures how fast bars are stored and read by Tapeback's candle cache, and by CSV, SQLite rows,
Parquet and DuckDB: a table on stdout, every figure as a line of JSON in `.bench/results`.

Each reading happens in a process of its own, its libraries imported but nothing opened, with the
file in the page cache; it ends with the seven columns as numpy arrays.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from benchmarks import generate
from benchmarks.generate import REPO

RESULTS = REPO / ".bench" / "results"
COLUMNS = ("ts", "open", "high", "low", "close", "volume", "oi")
Columns = list[np.ndarray[Any, Any]]


class Way(NamedTuple):
    """One way to keep bars. `write` stores columns in a folder, `read` gives them back; both may
    import what they need in `prepare`, which is not timed."""

    name: str
    prepare: Callable[[], None]
    write: Callable[[Path, Columns], None]
    read: Callable[[Path], Columns]


class Figures(NamedTuple):
    """What was measured of one way; times in milliseconds, the best of the rounds. `cpu_ms` are
    those of all threads while reading."""

    way: str
    bars: int
    write_ms: float
    read_ms: float
    cpu_ms: float
    bytes_per_bar: float
    same: bool

    @property
    def million_bars_written_a_second(self) -> float:
        return self.bars / self.write_ms / 1000


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0, 1 when a way does not give back what was stored."""
    commands = argparse.ArgumentParser(prog="storage.py", description=__doc__)
    commands.add_argument("--bars", type=int, default=generate.SINGLE_BARS)
    commands.add_argument("--rounds", type=int, default=5)
    commands.add_argument("--read", nargs=2, metavar=("WAY", "FOLDER"), help=argparse.SUPPRESS)
    options = commands.parse_args(arguments)
    if options.read:
        name, folder = options.read
        print(json.dumps(timed_read(WAYS[name], Path(folder))))
        return 0
    found = [measure(way, options.bars, options.rounds) for way in WAYS.values() if installed(way)]
    for line in table(found):
        print(line)
    RESULTS.mkdir(parents=True, exist_ok=True)
    with (RESULTS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-storage.jsonl").open("w") as lines:
        for figures in found:
            print(json.dumps(figures._asdict()), file=lines)
    return 0 if all(figures.same for figures in found) else 1


def measure(way: Way, bars: int, rounds: int) -> Figures:
    columns = columns_of(bars)
    wanted = digest(columns)
    way.prepare()
    writes, reads, cpu, same, size = [], [], [], True, 0
    with TemporaryDirectory() as name:
        for number in range(rounds):
            print(f"round {number + 1}: {way.name}", file=sys.stderr)
            folder = Path(name, f"{number}")
            folder.mkdir()
            begun = time.perf_counter()
            way.write(folder, columns)
            writes.append((time.perf_counter() - begun) * 1000)
            size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
            command = [sys.executable, __file__, "--read", way.name, str(folder)]
            answer = subprocess.run(command, check=True, capture_output=True, text=True)
            read_ms, cpu_ms, found = json.loads(answer.stdout)
            reads.append(read_ms)
            cpu.append(cpu_ms)
            same &= found == wanted
            shutil.rmtree(folder)
    return Figures(way.name, bars, min(writes), min(reads), min(cpu), size / bars, same)


def timed_read(way: Way, folder: Path) -> tuple[float, float, str]:
    """Milliseconds and CPU milliseconds of one reading in this process, and the digest of what
    came back."""
    way.prepare()
    begun, worked = time.perf_counter(), time.process_time()
    columns = way.read(folder)
    taken, work = time.perf_counter() - begun, time.process_time() - worked
    return taken * 1000, work * 1000, digest(columns)


def columns_of(bars: int) -> Columns:
    """Generated bars; indices and shares have no open interest."""
    return [*generate.single(bars), np.full(bars, np.nan)]


def digest(columns: Columns) -> str:
    whole = sha256()
    for column, kind in zip(columns, ("<i8", *["<f8"] * 6), strict=True):
        whole.update(np.ascontiguousarray(column, kind).tobytes())
    return whole.hexdigest()


def table(found: Sequence[Figures]) -> list[str]:
    lines = [
        f"{'':24} {'write':>10} {'read':>10} {'read':>10} {'bytes':>8}",
        f"{'':24} {'M bars/s':>10} {'ms':>10} {'CPU ms':>10} {'a bar':>8}",
    ]
    for one in found:
        note = "" if one.same else "   other bars came back"
        lines.append(
            f"{one.way:24} {one.million_bars_written_a_second:>10.2f} {one.read_ms:>10.1f} "
            f"{one.cpu_ms:>10.1f} {one.bytes_per_bar:>8.1f}{note}"
        )
    return lines


def installed(way: Way) -> bool:
    needed = {"Parquet": "pyarrow", "DuckDB": "duckdb"}.get(way.name)
    return needed is None or find_spec(needed) is not None


def _cache() -> None:
    import tapeback.data.cache  # noqa: F401


def _store(folder: Path, columns: Columns) -> None:
    from tapeback.data.cache import Answer, CacheManager
    from tapeback.market.candles import Candles
    from tapeback.models.finding import Origin

    candles = Candles(_series(), [column.view() for column in columns], Origin(kind="array"))
    days = [int(candles.days[place]) for place in (0, -1)]
    answer = Answer(source="benchmark", first_day=days[0], last_day=days[1], asked_at=0)
    with CacheManager(folder) as cache:
        cache.store(candles, answer)


def _load(folder: Path) -> Columns:
    from tapeback.data.cache import CacheManager

    candles = CacheManager(folder).read(_series())
    assert candles is not None
    return list(candles.columns)


def _store_mapped(folder: Path, columns: Columns) -> None:
    _store(folder, columns)
    _load_mapped(folder)


def _load_mapped(folder: Path) -> Columns:
    from tapeback.data.cache import CacheManager

    candles = CacheManager(folder).dataset(_series(), make=lambda bars: bars, recipe="as stored")
    assert candles is not None
    return list(candles.columns)


def _series() -> Any:
    from tapeback.models.candle import Series

    return Series("BENCH", "NSE", "1m")


def _pandas() -> None:
    import pandas  # noqa: F401


def _write_csv(folder: Path, columns: Columns) -> None:
    import pandas as pd

    pd.DataFrame(dict(zip(COLUMNS, columns, strict=True))).to_csv(folder / "bars.csv", index=False)


def _read_csv(folder: Path) -> Columns:
    import pandas as pd

    frame = pd.read_csv(folder / "bars.csv")
    return [frame[name].to_numpy() for name in COLUMNS]


def _sqlite() -> None:
    """Imported already."""


def _write_rows(folder: Path, columns: Columns) -> None:
    with closing(sqlite3.connect(folder / "bars.db")) as file, file:
        file.execute(
            "CREATE TABLE bars (symbol TEXT, ts INTEGER, open REAL, high REAL, low REAL, "
            "close REAL, volume REAL, oi REAL, PRIMARY KEY (symbol, ts)) WITHOUT ROWID"
        )
        rows = zip(*(column.tolist() for column in columns), strict=True)
        file.executemany("INSERT INTO bars VALUES ('BENCH', ?, ?, ?, ?, ?, ?, ?)", rows)


def _read_rows(folder: Path) -> Columns:
    with closing(sqlite3.connect(folder / "bars.db")) as file:
        rows = file.execute(
            f"SELECT {', '.join(COLUMNS)} FROM bars WHERE symbol = 'BENCH' ORDER BY ts"
        ).fetchall()
    ts, *floats = zip(*rows, strict=True)
    return [np.array(ts, np.int64), *(np.array(column, np.float64) for column in floats)]


def _arrow() -> None:
    import pyarrow.parquet  # noqa: F401


def _write_parquet(folder: Path, columns: Columns) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(dict(zip(COLUMNS, columns, strict=True))), folder / "bars.parquet")


def _read_parquet(folder: Path) -> Columns:
    import pyarrow.parquet as pq

    found = pq.read_table(folder / "bars.parquet")
    return [found[name].to_numpy() for name in COLUMNS]


def _duckdb() -> None:
    import duckdb  # noqa: F401


def _write_duckdb(folder: Path, columns: Columns) -> None:
    import duckdb
    import pandas as pd

    frame = pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))
    with closing(duckdb.connect(folder / "bars.duckdb")) as file:
        file.register("frame", frame)
        file.execute("CREATE TABLE bars AS SELECT 'BENCH' AS symbol, * FROM frame")


def _read_duckdb(folder: Path) -> Columns:
    import duckdb

    with closing(duckdb.connect(folder / "bars.duckdb", read_only=True)) as file:
        found = file.execute(
            f"SELECT {', '.join(COLUMNS)} FROM bars WHERE symbol = 'BENCH' ORDER BY ts"
        ).fetchnumpy()
    return [np.ma.filled(found[name], np.nan) if name == "oi" else np.asarray(found[name])
            for name in COLUMNS]  # fmt: skip


WAYS = {
    way.name: way
    for way in (
        Way("Tapeback", _cache, _store, _load),
        Way("Tapeback, mapped", _cache, _store_mapped, _load_mapped),
        Way("pandas.read_csv", _pandas, _write_csv, _read_csv),
        Way("SQLite rows", _sqlite, _write_rows, _read_rows),
        Way("Parquet", _arrow, _write_parquet, _read_parquet),
        Way("DuckDB", _duckdb, _write_duckdb, _read_duckdb),
    )
}

if __name__ == "__main__":
    sys.exit(main())
