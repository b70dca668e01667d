"""The catalogue of strategies, `strats.yaml`: one row for each that can be run by name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tapeback.errors import ConfigError, did_you_mean
from tapeback.settings.document import Document, KeyPath, read_document
from tapeback.settings.problems import Problem, Problems

_REQUIRED = ("id", "label", "config_path")
_KEYS = (*_REQUIRED, "bot")
_BOT = re.compile(r".+\.py:[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """A strategy that can be run by its `id` (lower case).

    `config_path` and the file of `bot` (`path.py:Class`, None for a registered strategy) are
    relative to the folder that holds `configs/`.
    """

    id: str
    label: str
    config_path: str
    bot: str | None = None
    where: str | None = None


BUILT_IN = (
    CatalogueEntry("grid", "Grid trading", "configs/active/config-grid.yaml"),
    CatalogueEntry("supertrend", "Supertrend", "configs/active/config-supertrend.yaml"),
)


def load_catalogue(path: str | Path) -> list[CatalogueEntry]:
    """The rows of the catalogue in their order; the built-in ones when there is no such file.

    Raises ConfigError with every problem as `file:line:col: reason`.
    """
    file = Path(path)
    if not file.exists():
        return list(BUILT_IN)
    document = read_document(file)
    problems = Problems()
    for key in document.values:
        if key != "strategies":
            reason = f"unknown key{did_you_mean(key, ('strategies',))}"
            problems.add(Problem(document.mark((key,)), (key,), reason))
    entries = _entries(document, problems)
    problems.raise_any()
    return entries


def find_entry(
    entries: Sequence[CatalogueEntry], strategy: str, *, named_by: str = ""
) -> CatalogueEntry:
    """The row with this id, in any case; ConfigError, beginning with what named it, when there is
    none."""
    wanted = strategy.strip().lower()
    for entry in entries:
        if entry.id == wanted:
            return entry
    ids = [entry.id for entry in entries]
    place = f"{named_by}: " if named_by else ""
    near = did_you_mean(wanted, ids)
    raise ConfigError(f"{place}Unknown strategy id {strategy!r}{near}. Allowed: {', '.join(ids)}")


def _entries(document: Document, problems: Problems) -> list[CatalogueEntry]:
    rows = document.values.get("strategies")
    place: KeyPath = ("strategies",)
    if not isinstance(rows, list):
        reason = "must be a list of strategies, each with id, label and config_path"
        problems.add(Problem(document.mark(place), place, reason))
        return []
    if not rows:
        problems.add(Problem(document.mark(place), (), "Strategy catalog is empty"))
    entries: list[CatalogueEntry] = []
    for index, row in enumerate(rows):
        entry = _entry(row, index, document, problems)
        if entry is None:
            continue
        if any(entry.id == known.id for known in entries):
            reason = f"Duplicate strategy id in catalog: {entry.id!r}"
            problems.add(Problem(document.mark((*place, index, "id")), (), reason))
        entries.append(entry)
    return entries


def _entry(row: Any, index: int, document: Document, problems: Problems) -> CatalogueEntry | None:
    place: KeyPath = ("strategies", index)
    if not isinstance(row, dict):
        reason = "must be a mapping of id, label and config_path"
        problems.add(Problem(document.mark(place), place, reason))
        return None
    texts = {key: _text(row.get(key)) for key in _KEYS}
    name = f"'{texts['id'].lower()}'" if texts["id"] else f"entry at index {index}"
    reasons = [(key, f"Strategy {name} is missing '{key}'") for key in _REQUIRED if not texts[key]]
    reasons += [
        (key, f"unknown key {key!r}{did_you_mean(key, _KEYS)}") for key in row if key not in _KEYS
    ]
    if row.get("bot") is not None and not _BOT.fullmatch(texts["bot"]):
        reasons.append(("bot", f"must have the form path.py:Class; got {row['bot']!r}"))
    for key, reason in reasons:
        problems.add(Problem(document.mark((*place, key)), (), reason))
    if reasons:
        return None
    return CatalogueEntry(
        texts["id"].lower(),
        texts["label"],
        texts["config_path"],
        texts["bot"] or None,
        str(document.mark((*place, "config_path"))),
    )


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""
