"""Reading the rows of a data file, CSV, Parquet or JSON, as they stand in it."""

from __future__ import annotations

import csv
import gzip
import io
import re
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from tapeback.data.headers import Header, Label, read_header
from tapeback.data.json_columns import read_json_columns
from tapeback.data.stamps import Place, Stamps, parse_stamps
from tapeback.errors import DataFormatError, DataNotFoundError, MissingExtraError

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]

_VALUES = ("open", "high", "low", "close", "volume", "oi")
_PARQUET = (".parquet", ".pq")
_JSON = (".json", ".json.gz")
_FOREIGN = (".xlsx", ".xls", ".zip", ".feather", ".db", ".sqlite", ".h5", ".duckdb")
_DELIMITERS = ",;\t|"
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:,\d{2,3})*,\d{3}(?:\.\d*)?")
_EMPTY = frozenset({"", "-", "na", "n/a", "nan", "null", "none", "nat"})


class Table(msgspec.Struct):
    """A file's rows in its own order: stamps, the columns open to oi as float64 (NaN where
    empty or absent), the symbols if it names any, the line number of each row (of each record,
    where there are no lines), the label convention that its header states, and the digest of its
    bytes."""

    path: Path
    stamps: Stamps
    values: list[Floats]
    symbols: npt.NDArray[Any] | None
    lines: npt.NDArray[np.int64]
    label: Label | None
    sha256: str

    def place(self, row: int) -> str:
        """Where a row stands, `file.csv:123`."""
        return _place(self.path, self.lines, row)


class _Sheet(NamedTuple):
    header: Header
    frame: pd.DataFrame
    lines: npt.NDArray[np.int64]
    # Whether a number may hold commas between groups of digits; elsewhere they are decimal.
    grouped: bool


def read_table(path: Path) -> Table:
    """The rows of one file.

    CSV with any of `, ; tab |` between its fields, with or without a line of names, plain or
    gzip; JSON as records, as columns or as OpenAlgo's answer to `history`; Parquet with the extra
    `data`. Raises DataNotFoundError, DataFormatError with the line or record of what cannot be
    read, MissingExtraError.
    """
    data = _read_bytes(path)
    suffix = path.suffix.lower()
    if suffix in _FOREIGN:
        raise DataFormatError(
            f"files of type {suffix} are not read.",
            where=str(path),
            remedy="Export the data as CSV, Parquet or JSON.",
        )
    if suffix in _PARQUET:
        sheet = _parquet(data, path)
    elif path.name.lower().endswith(_JSON):
        sheet = _json(data, path)
    else:
        sheet = _csv(data, path)
    header, frame = sheet.header, sheet.frame
    place = partial(_place, path, sheet.lines)
    values = [
        _numbers(frame.iloc[:, header.columns[name]], name, grouped=sheet.grouped, place=place)
        if name in header.columns
        else np.full(len(frame), np.nan)
        for name in _VALUES
    ]
    symbols = None
    if "symbol" in header.columns:
        symbols = frame.iloc[:, header.columns["symbol"]].astype(str).str.strip().to_numpy()
    return Table(
        path=path,
        stamps=_stamps(frame, header, place),
        values=values,
        symbols=symbols,
        lines=sheet.lines,
        label=header.label,
        sha256=sha256(data).hexdigest(),
    )


def _place(path: Path, lines: npt.NDArray[np.int64], row: int) -> str:
    return f"{path.name}:{int(lines[row])}"


def _read_bytes(path: Path) -> bytes:
    if path.is_dir():
        raise DataNotFoundError(
            f"{str(path)!r} is a folder.", remedy=f"Name its files, e.g. '{path}/*.csv'."
        )
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise DataNotFoundError(
            f"there is no file {str(path)!r}.", remedy="Check the path; globs are allowed."
        ) from None
    except OSError as error:
        raise DataNotFoundError(
            f"{str(path)!r} cannot be read: {error.strerror}.", remedy="Check its permissions."
        ) from None
    if not data:
        raise DataFormatError("the file is empty.", where=str(path))
    return data


def _text(data: bytes, path: Path) -> str:
    try:
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        return data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except (OSError, EOFError) as error:
        raise DataFormatError(f"the gzip data is damaged: {error}.", where=str(path)) from None
    except UnicodeDecodeError as error:
        raise DataFormatError(
            f"byte {error.start} is no UTF-8 text.",
            where=str(path),
            remedy="Export the data in UTF-8, or as Parquet.",
        ) from None


def _csv(data: bytes, path: Path) -> _Sheet:
    import pandas as pd

    text = _text(data, path)
    lines_of_text = io.StringIO(text)
    first = next(lines_of_text, "")
    delimiter = max(_DELIMITERS, key=first.count)
    following = next((line for line in lines_of_text if line.strip()), "")
    fields, row = (next(csv.reader([line], delimiter=delimiter), []) for line in (first, following))
    header = read_header(fields, where=f"{path.name}:1")
    width = len(fields)
    # Some exporters end every row, but not the names, with a delimiter.
    padded = len(row) == width + 1 and not row[-1].strip()
    if len(row) > width + padded:
        raise _surplus(len(row), width, f"{path.name}:2")
    textual = [
        header.columns[role]
        for role in ("stamp", "date", "time", "symbol")
        if role in header.columns
    ]
    try:
        frame = pd.read_csv(
            io.StringIO(text),
            sep=delimiter,
            header=None,
            names=list(range(width + padded)),
            index_col=False,
            skiprows=1 if header.named else 0,
            dtype=dict.fromkeys(textual, object),
            na_values=["-"],
            skipinitialspace=True,
            skip_blank_lines=False,
            low_memory=False,
        )
    except pd.errors.EmptyDataError:
        frame = pd.DataFrame(columns=range(width))
    except (pd.errors.ParserError, ValueError) as error:
        raise _parser_error(error, path) from None
    lines = np.arange(len(frame), dtype=np.int64) + (2 if header.named else 1)
    filled = ~frame.isna().all(axis=1).to_numpy()
    if not filled.all():
        frame, lines = frame[filled], lines[filled]
    if frame.empty:
        raise DataFormatError("the file holds no rows.", where=str(path))
    return _Sheet(header, frame, lines, grouped=delimiter == ",")


def _parser_error(error: Exception, path: Path) -> DataFormatError:
    match = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error))
    if match is None:
        return DataFormatError(f"the rows cannot be read: {error}.", where=str(path))
    return _surplus(int(match[3]), int(match[1]), f"{path.name}:{match[2]}")


def _surplus(fields: int, expected: int, where: str) -> DataFormatError:
    return DataFormatError(
        f"the row has {fields} fields where {expected} are expected.",
        where=where,
        remedy="Remove the surplus fields, or quote the field that holds the delimiter.",
    )


def _parquet(data: bytes, path: Path) -> _Sheet:
    import pandas as pd

    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise MissingExtraError(
            "reading Parquet needs pyarrow.",
            where=str(path),
            remedy='Install it with: pip install "tapeback[data]"',
        ) from None
    try:
        frame = pq.read_table(io.BytesIO(data)).to_pandas()
    except pa.ArrowException as error:
        raise DataFormatError(f"the Parquet data is damaged: {error}.", where=str(path)) from None
    if not isinstance(frame.index, pd.RangeIndex):
        frame = frame.reset_index(names=[name or "timestamp" for name in frame.index.names])
    if frame.empty:
        raise DataFormatError("the file holds no rows.", where=str(path))
    header = read_header([str(name) for name in frame.columns], where=str(path))
    return _Sheet(header, frame, np.arange(1, len(frame) + 1, dtype=np.int64), grouped=True)


def _json(data: bytes, path: Path) -> _Sheet:
    import pandas as pd

    columns = read_json_columns(_text(data, path), path)
    header = read_header(list(columns), where=str(path))
    frame = pd.DataFrame(columns)
    return _Sheet(header, frame, np.arange(1, len(frame) + 1, dtype=np.int64), grouped=True)


def _stamps(frame: pd.DataFrame, header: Header, place: Place) -> Stamps:
    if "stamp" not in header.columns:
        dates = frame.iloc[:, header.columns["date"]]
        if "time" in header.columns:
            clocks = _texts(frame.iloc[:, header.columns["time"]])
            return parse_stamps(_texts(dates), clocks, place=place)
    else:
        dates = frame.iloc[:, header.columns["stamp"]]
    if dates.dtype.kind == "M":
        zone = getattr(dates.dtype, "tz", None)
        if zone is not None:
            dates = dates.dt.tz_convert("UTC").dt.tz_localize(None)
        return Stamps(
            dates.to_numpy().astype("datetime64[ns]").astype(np.int64),
            "naive" if zone is None else "known",
        )
    return parse_stamps(_texts(dates), None, place=place)


def _texts(column: pd.Series[Any]) -> list[str]:
    """A column as texts, empty where it has no value."""
    return [
        "" if missing else str(value).strip()
        for value, missing in zip(column.tolist(), column.isna().tolist(), strict=True)
    ]


def _numbers(column: pd.Series[Any], name: str, *, grouped: bool, place: Place) -> Floats:
    """A column as float64. Numbers may be grouped, as in 1,23,456.50."""
    if column.dtype.kind in "fiu":
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    values = np.empty(len(column), np.float64)
    for row, text in enumerate(_texts(column)):
        plain = text.replace(",", "") if grouped and _GROUPED.fullmatch(text) else text
        try:
            values[row] = np.nan if text.lower() in _EMPTY else float(plain)
        except ValueError:
            raise DataFormatError(
                f"{name} is {text!r}, which is no number.",
                where=place(row),
                remedy="Write numbers with a point before the decimals.",
            ) from None
    return values
