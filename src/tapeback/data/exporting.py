"""Candles into files that `data.files` reads back bit by bit: CSV, Parquet and JSON."""

from __future__ import annotations

import gzip
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from tapeback.errors import MissingExtraError, OutputError
from tapeback.market.candles import COLUMNS, Candles
from tapeback.utils.clock import IST_OFFSET_NS, SECOND_NS

SUFFIXES = (".csv", ".csv.gz", ".parquet", ".json")

_ROWS = 65_536
# Spreadsheets take a cell that begins with one of these for a formula.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
# Beyond it float64 holds no odd numbers, and a whole one says more than it knows.
_WHOLE = 2.0**53


def write_candles(
    candles: Candles, path: str | Path, *, symbol: bool = False, overwrite: bool = False
) -> Path:
    """Write all bars to one file, by its suffix `.csv`, `.csv.gz`, `.parquet` or `.json` (a list
    of records); its path.

    The columns are `datetime` (the label in Indian time, with its offset), open, high, low,
    close, and volume and oi where the candles have any; `symbol` puts the symbol before them, in
    CSV with a `'` before what a spreadsheet would run as a formula. The file appears whole or not
    at all. Raises OutputError when there is nothing to write, the suffix is another one, the file
    exists and `overwrite` is off, or it cannot be written; MissingExtraError for Parquet without
    pyarrow.
    """
    path = Path(path).expanduser()
    write = _writer(path)
    if not len(candles):
        raise OutputError(f"there is no bar of {candles.series.name} to write.", where=str(path))
    _refuse_existing(path, overwrite)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("wb") as file:
            write(candles, file, symbol)
            file.flush()
            os.fsync(file.fileno())
        # Another program may have made the file in the meantime.
        _refuse_existing(path, overwrite)
        os.replace(draft, path)
    except OSError as error:
        raise OutputError(
            f"the bars cannot be written to {str(path)!r}: {error.strerror or error}.",
            remedy="Name a file in a folder that you may write to; one that is open in another "
            "program is locked on Windows.",
        ) from None
    finally:
        with suppress(OSError):
            draft.unlink()
    return path


Write = Callable[[Candles, IO[bytes], bool], None]


def _writer(path: Path) -> Write:
    name = path.name.lower()
    if name.endswith(".csv"):
        return _write_csv
    if name.endswith(".csv.gz"):
        return _write_gzip
    if name.endswith(".json"):
        return _write_json
    if name.endswith(".parquet"):
        _pyarrow(path)
        return _write_parquet
    raise OutputError(
        f"no bars are written to {path.suffix or 'files without suffix'}.",
        where=str(path),
        remedy=f"End the name with {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}.",
    )


def _refuse_existing(path: Path, overwrite: bool) -> None:
    if path.exists() and not overwrite:
        raise OutputError(
            "the file exists and is not overwritten.",
            where=str(path),
            remedy="Name another one, or say that it may be overwritten.",
        )


def _pyarrow(path: Path) -> None:
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise MissingExtraError(
            "writing Parquet needs pyarrow.",
            where=str(path),
            remedy='Install it with: pip install "tapeback[data]"',
        ) from None


def _write_csv(candles: Candles, file: IO[bytes], symbol: bool) -> None:
    named = _columns(candles)
    names = [*(["symbol"] if symbol else []), "datetime", *named]
    file.write(f"{','.join(names)}\n".encode())
    prefix = f"{_cell(candles.symbol)}," if symbol else ""
    for part in _slices(len(candles)):
        cells = [_stamps(candles.ts[part])]
        cells += [[_text(value) for value in _values(column[part])] for column in named.values()]
        rows = map(",".join, zip(*cells, strict=True))
        file.write("".join(f"{prefix}{row}\n" for row in rows).encode())


def _write_gzip(candles: Candles, file: IO[bytes], symbol: bool) -> None:
    # Neither name nor time in the header: the same bars give the same bytes.
    with gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as packed:
        _write_csv(candles, packed, symbol)  # type: ignore[arg-type]


def _write_json(candles: Candles, file: IO[bytes], symbol: bool) -> None:
    named = _columns(candles)
    keys = [*(["symbol"] if symbol else []), "datetime", *named]
    separator = b"[\n"
    for part in _slices(len(candles)):
        columns: list[list[Any]] = [[candles.symbol] * (part.stop - part.start)] if symbol else []
        columns += [_stamps(candles.ts[part]), *(_values(c[part]) for c in named.values())]
        records = [dict(zip(keys, row, strict=True)) for row in zip(*columns, strict=True)]
        for record in records:
            file.write(separator + msgspec.json.encode(record))
            separator = b",\n"
    file.write(b"\n]\n")


def _write_parquet(candles: Candles, file: IO[bytes], symbol: bool) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    stamps = pa.array(candles.ts, pa.int64()).cast(pa.timestamp("ns", tz="Asia/Kolkata"))
    columns = {"datetime": stamps, **_columns(candles)}
    if symbol:
        columns = {"symbol": pa.repeat(candles.symbol, len(candles)), **columns}
    pq.write_table(pa.table(columns), file)


def _columns(candles: Candles) -> dict[str, npt.NDArray[np.float64]]:
    """Prices, and volume and open interest unless they are absent."""
    named = dict(zip(COLUMNS[1:], candles.columns[1:], strict=True))
    return {name: column for name, column in named.items() if not np.isnan(column).all()}


def _slices(length: int) -> Iterator[slice]:
    for start in range(0, length, _ROWS):
        yield slice(start, min(start + _ROWS, length))


def _stamps(ts: npt.NDArray[np.int64]) -> list[str]:
    """Labels as `2024-01-23T09:15:00+05:30`."""
    unit: Literal["ns", "s"] = "ns" if (ts % SECOND_NS).any() else "s"
    wall: npt.NDArray[np.datetime64] = (ts + IST_OFFSET_NS).astype("datetime64[ns]")
    texts: list[str] = np.datetime_as_string(wall, unit=unit).tolist()
    return [f"{text}+05:30" for text in texts]


def _values(column: npt.NDArray[np.float64]) -> list[Any]:
    """Numbers, whole ones as integers, None for NaN."""
    numbers = column.tolist()
    if (np.abs(column) < _WHOLE).all() and not np.mod(column, 1).any():
        return list(map(int, numbers))
    return [None if number != number else number for number in numbers]


def _text(value: float | None) -> str:
    return "" if value is None else repr(value)


def _cell(text: str) -> str:
    """A field of text, with a leading `'` where a spreadsheet would run it as a formula."""
    if text.startswith(_FORMULA_STARTS):
        text = f"'{text}"
    if any(sign in text for sign in ',"\n\r'):
        return '"' + text.replace('"', '""') + '"'
    return text
