"""Small CSV tables that a user keeps by hand: named columns, and all bad rows told at once."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import TypeVar

from tapeback.errors import DataFormatError, DataNotFoundError, did_you_mean
from tapeback.utils.clock import day_of

Value = TypeVar("Value")

_SHOWN_PROBLEMS = 20
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


class UserTable:
    """The rows of a CSV file by column name, and what is wrong with them.

    Names of columns count without regard to case; other columns than those asked for are left
    alone. Raises DataNotFoundError, and DataFormatError where a required column is missing.
    """

    def __init__(self, path: Path, required: Sequence[str], optional: Sequence[str] = ()) -> None:
        self.path = path
        self._lines = list(_lines(path))
        if not self._lines:
            raise DataFormatError("the file holds no line of column names.", where=str(path))
        line, header = self._lines[0]
        names = [name.strip().lower() for name in header]
        for name in required:
            if name not in names:
                raise DataFormatError(
                    f"there is no column {name!r}{did_you_mean(name, names)}.",
                    where=f"{path.name}:{line}",
                    remedy=f"The first line names the columns: {', '.join(required)}.",
                )
        self._columns = {n: names.index(n) for n in (*required, *optional) if n in names}
        self._width = len(names)
        self._problems: list[tuple[int, str]] = []

    def __iter__(self) -> Iterator[UserRow]:
        for line, fields in self._lines[1:]:
            if len(fields) != self._width:
                self.report(line, f"{len(fields)} fields where the columns are {self._width}")
                continue
            values = {name: fields[at].strip() for name, at in self._columns.items()}
            yield UserRow(self, line, values)

    def report(self, line: int, problem: str) -> None:
        """Notes what is wrong in a line."""
        self._problems.append((line, problem))

    def check(self) -> None:
        """Raises DataFormatError with the problems noted, the first twenty in full."""
        if not self._problems:
            return
        name = self.path.name
        if len(self._problems) == 1:
            line, problem = self._problems[0]
            raise DataFormatError(
                f"{problem}.", where=f"{name}:{line}", remedy="Mend or remove the row."
            )
        lines = [f"{name}:{line}: {problem}" for line, problem in self._problems[:_SHOWN_PROBLEMS]]
        if more := len(self._problems) - len(lines):
            lines.append(f"and {more} more")
        raise DataFormatError(
            f"{len(self._problems)} problems; mend or remove these rows:\n  " + "\n  ".join(lines),
            where=str(self.path),
        )


class UserRow:
    """One row: `values` by column, trimmed, and `read` for what must be of a kind."""

    __slots__ = ("line", "sound", "table", "values")

    def __init__(self, table: UserTable, line: int, values: dict[str, str]) -> None:
        self.table = table
        self.line = line
        self.values = values
        self.sound = True

    def text(self, column: str) -> str:
        """A column's text, empty where the file has no such column."""
        return self.values.get(column, "")

    def read(self, column: str, kind: Callable[[str], Value], fallback: Value) -> Value:
        """A column's value; `kind` raises ValueError with what it should be, which is reported."""
        try:
            return kind(self.text(column))
        except ValueError as error:
            self.fault(column, str(error))
            return fallback

    def fault(self, column: str, problem: str) -> None:
        """Reports a column of this row."""
        self.sound = False
        self.table.report(self.line, f"column {column}: {self.text(column)!r} {problem}")


def parse_day(text: str) -> int:
    """The Indian day number of `2026-11-24`, `24-11-2026`, `24-NOV-2026`, `24-NOV-26` or
    `24NOV26`, with dashes or slashes; ValueError for anything else."""
    try:
        return day_of(_date(text.strip().upper().replace("/", "-")))
    except (ValueError, IndexError):
        raise ValueError("is no date such as 2026-11-24 or 24-NOV-2026") from None


def _date(text: str) -> date:
    if len(text) == 7:
        text = f"{text[:2]}-{text[2:5]}-{text[5:]}"
    parts = text.split("-")
    if len(parts) != 3:
        raise ValueError(text)
    if len(parts[0]) == 4:
        return date.fromisoformat(text)
    day, month, year = parts
    number = _MONTHS.index(month) + 1 if month in _MONTHS else int(month)
    return date(int(year) + (2000 if len(year) == 2 else 0), number, int(day))


def read_text(path: Path, what: str) -> str:
    """The text of a user's file, UTF-8 with or without a mark; `what` it should be is in the
    remedies. Raises DataNotFoundError and DataFormatError."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise DataNotFoundError(
            f"there is no file {str(path)!r}.", remedy="Check the path."
        ) from None
    except OSError as error:
        raise DataNotFoundError(
            f"{str(path)!r} cannot be read: {error.strerror}.", remedy=f"Name a {what} file."
        ) from None
    except UnicodeDecodeError as error:
        raise DataFormatError(
            f"byte {error.start} is no UTF-8 text.",
            where=str(path),
            remedy=f"Save it as {what} in UTF-8.",
        ) from None


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The filled lines of a file and their numbers."""
    text = read_text(path, "CSV")
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        for fields in reader:
            if any(field.strip() for field in fields):
                yield reader.line_num, fields
    except csv.Error as error:
        raise DataFormatError(
            f"the line cannot be read: {error}.", where=f"{path.name}:{reader.line_num}"
        ) from None
