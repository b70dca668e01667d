"""Lists of symbols: the constituents of an index as NSE publishes them, or one symbol a line."""

from __future__ import annotations

import csv
from pathlib import Path

from tapeback.data.user_tables import UserTable, read_text
from tapeback.errors import DataFormatError
from tapeback.models.data_file import check_exchange, check_symbol

_SHOWN_PROBLEMS = 20
# The columns that tell NSE's own file: Company Name, Industry, Symbol, Series, ISIN Code.
_NSE_COLUMNS = frozenset({"symbol", "series", "isin code"})


def read_symbols(path: str | Path) -> list[tuple[str, str]]:
    """The (symbol, exchange) pairs of a file, each once, in its order; the exchange is empty where
    the file leaves it open.

    Read are the CSV of an index's constituents that NSE publishes, any other CSV with a column
    `symbol` and perhaps `exchange`, and plain lists of `SYMBOL` or `SYMBOL:EXCHANGE`, one a line.
    Raises DataNotFoundError, and DataFormatError that names every row that it cannot use.
    """
    path = Path(path).expanduser()
    lines = _lines(path)
    if not lines:
        raise DataFormatError("the file names no symbol.", where=str(path))
    names = {name.strip().lower() for name in next(csv.reader([lines[0][1]]), [])}
    found = _table(path, names) if "symbol" in names else _list(path, lines)
    if not found:
        raise DataFormatError("the file names no symbol.", where=str(path))
    return list(dict.fromkeys(found))


def _table(path: Path, names: set[str]) -> list[tuple[str, str]]:
    table = UserTable(path, ("symbol",), ("exchange",))
    usual = "NSE" if names >= _NSE_COLUMNS else ""
    found = [
        (row.read("symbol", check_symbol, ""), row.read("exchange", _exchange, "") or usual)
        for row in table
    ]
    table.check()
    return found


def _list(path: Path, lines: list[tuple[int, str]]) -> list[tuple[str, str]]:
    found, problems = [], []
    for number, line in lines:
        symbol, colon, exchange = line.partition(":")
        try:
            found.append((check_symbol(symbol), check_exchange(exchange) if colon else ""))
        except ValueError as error:
            problems.append(f"{path.name}:{number}: {line[:80]!r} {error}")
    if problems:
        more = len(problems) - _SHOWN_PROBLEMS
        shown = problems[:_SHOWN_PROBLEMS] + ([f"and {more} more"] if more > 0 else [])
        raise DataFormatError(
            "not every line is a symbol:\n  " + "\n  ".join(shown) + "\n ",
            where=str(path),
            remedy="Write SYMBOL or SYMBOL:EXCHANGE, one a line, or a CSV with a column Symbol.",
        )
    return found


def _exchange(text: str) -> str:
    return check_exchange(text) if text else ""


def _lines(path: Path) -> list[tuple[int, str]]:
    """The filled lines of a file and their numbers."""
    lines = read_text(path, "text").splitlines()
    numbered = enumerate((line.strip() for line in lines), start=1)
    return [(number, line) for number, line in numbered if line]
