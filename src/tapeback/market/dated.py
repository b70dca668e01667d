"""Rules that hold from a date on, read from `tables/*.yaml`.

Every row of a table names the date it starts at, where it comes from and how sure it is; a run
names the rows of low confidence that it relied on.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, Literal

import msgspec
from ruamel.yaml import YAML

from tapeback.utils.clock import date_of_day, day_of

Confidence = Literal["high", "medium", "low"]

_tables: dict[str, dict[str, Any]] = {}


class Row(msgspec.Struct, frozen=True):
    """One row of a dated table.

    `rule` is its place, such as `charges.stt.EQ_FUT`; `since` the Indian day number from which it
    holds, until the next row's; `values` everything else that the row says.
    """

    rule: str
    since: int
    confidence: Confidence
    source: str
    values: dict[str, Any]

    def __hash__(self) -> int:
        return hash((self.rule, self.since))

    def __getitem__(self, key: str) -> Any:
        return self.values[key]

    def get(self, key: str, default: Any = None) -> Any:
        """A value of the row, or `default` where it does not name it."""
        return self.values.get(key, default)

    def __str__(self) -> str:
        return f"{self.rule} from {date_of_day(self.since)} ({self.confidence}: {self.source})"


class Rows:
    """The rows of one rule, earliest first."""

    def __init__(self, rule: str, rows: list[dict[str, Any]]) -> None:
        self.rule = rule
        self._rows = [_row(rule, values) for values in rows]
        self._since = [row.since for row in self._rows]
        if self._since != sorted(set(self._since)):
            raise ValueError(f"{rule}: rows are not in the order of their dates")

    def on(self, day: int) -> Row | None:
        """The row in force on an Indian day number, None before the first one."""
        at = bisect_right(self._since, day)
        return self._rows[at - 1] if at else None

    def in_force(self, day: int, doubt: str = "") -> Row:
        """The row in force on an Indian day number; before the first one that first one, at low
        confidence. A `doubt` tells why these rows may not hold: any of them is low then."""
        row = self.on(day)
        if row is None:
            return _presumed(self._rows[0], "stands for the time before it")
        return _presumed(row, doubt) if doubt else row

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def table(name: str) -> dict[str, Any]:
    """A whole table by its file's name without suffix; treat it as read-only."""
    if name not in _tables:
        text = files("tapeback.market").joinpath(f"tables/{name}.yaml").read_text("utf-8")
        _tables[name] = YAML(typ="safe", pure=True).load(text)
    return _tables[name]


def all_tables() -> dict[str, dict[str, Any]]:
    """Every table by its name, for a process that shall not read them again."""
    entries = files("tapeback.market").joinpath("tables").iterdir()
    names = [entry.name.removesuffix(".yaml") for entry in entries if entry.name.endswith(".yaml")]
    return {name: table(name) for name in sorted(names)}


def take_tables(tables: Mapping[str, dict[str, Any]]) -> None:
    """Have the tables that another process has read with `all_tables`."""
    _tables.update(tables)


@cache
def tables_digest() -> str:
    """The SHA-256 of all tables: which rules a run went by."""
    digest = sha256()
    entries = files("tapeback.market").joinpath("tables").iterdir()
    for name in sorted(entry.name for entry in entries if entry.name.endswith(".yaml")):
        text = files("tapeback.market").joinpath(f"tables/{name}").read_text(encoding="utf-8")
        digest.update(name.encode())
        digest.update(text.encode())
    return digest.hexdigest()


@cache
def rows(name: str, *path: str) -> Rows:
    """The dated rows at a path of a table: `rows("charges", "stt", "EQ_FUT")`.

    Raises KeyError where the table has no such path.
    """
    found: Any = table(name)
    for key in path:
        found = found[key]
    return Rows(".".join((name, *path)), found)


def _presumed(row: Row, why: str) -> Row:
    """A row where it does not strictly hold, with the reason."""
    return msgspec.structs.replace(row, confidence="low", source=f"{row.source}; {why}")


def _row(rule: str, values: dict[str, Any]) -> Row:
    """A row as the tables write it: `from`, `confidence` and `source` beside its values."""
    rest = dict(values)
    since: date = rest.pop("from")
    return Row(rule, day_of(since), rest.pop("confidence"), rest.pop("source"), rest)
