"""Finding, merging and checking the YAML files of a run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from tapeback.errors import ConfigError
from tapeback.models.config import AppConfig
from tapeback.settings.catalogue import CatalogueEntry, find_entry, load_catalogue
from tapeback.settings.document import (
    Document,
    KeyPath,
    Mark,
    parse_option,
    read_document,
    shown_path,
)
from tapeback.settings.environment import resolve_references
from tapeback.settings.market_rules import check_market_rules
from tapeback.settings.problems import Problem, Problems, dotted, problems_of
from tapeback.utils.secrets import register_secrets
from tapeback.utils.starter import starter_folder

BASE_PATH = "configs/active/config.yaml"
CATALOGUE_PATH = "configs/active/strats.yaml"
STRATEGY_VARIABLE = "WEB_STRATEGY"
KEY_VARIABLE = "OPENALGO_API_KEY"


def load_config(
    path: str | Path | None = None,
    *,
    strategy: str | None = None,
    overrides: Sequence[str] = (),
    root: str | Path | None = None,
) -> AppConfig:
    """The settings of a run.

    The file is `path`, else that of the catalogue's row `strategy`, else of the row that the
    environment variable WEB_STRATEGY names, else of the first row, else `configs/active/
    config.yaml`; where none of these was asked for or exists, the built-in defaults hold. The file
    is laid over `config.yaml` (that beside it, if it stands in a folder `configs/active`, else
    root's), `overrides` (`section.key=value`, values in YAML) over both. `root` is the folder that
    holds `configs/`, by default the working directory; relative paths start there. When the
    catalogue chose the file and it names no `strategy.type`, that is the row's id.

    Raises ConfigError with every problem as `file:line:col: path: reason`.
    """
    folder = Path.cwd() if root is None else Path(root)
    problems = Problems()
    document = _document(path, strategy, folder)
    for override in overrides:
        document = document.merged(_override(override, document, problems))
    document = resolve_references(document, os.environ, problems)
    config = _checked(document, problems)
    register_secrets(config.secrets())
    return config


def _document(path: str | Path | None, strategy: str | None, folder: Path) -> Document:
    """The chosen file over the base file."""
    base_file = folder / BASE_PATH
    if path is not None:
        file = folder / Path(path).expanduser()
        beside = file.parent / "config.yaml"
        if file.parent.parts[-2:] == ("configs", "active") and beside.exists():
            base_file = beside
        return _over_base(file, base_file)
    entry = _entry(strategy, folder)
    if entry is None:
        return read_document(base_file) if base_file.exists() else _without_file()
    file = folder / entry.config_path
    if not file.exists() and entry.where is None:
        # A shipped strategy needs no file of the user's: the settings it came with will do.
        folder = starter_folder()
        file, base_file = folder / entry.config_path, folder / BASE_PATH
    if not file.exists():
        raise ConfigError(
            f"{entry.where or f'strategy {entry.id!r}'}: there is no file {shown_path(file)}.",
            remedy="Write it, name another in the catalogue, or run 'tapeback init'.",
        )
    return _typed(_over_base(file, base_file), entry)


def _without_file() -> Document:
    """The defaults, with the key where the shipped files take it from: one must never be typed."""
    return Document(
        {"openalgo": {"api_key": f"${{{KEY_VARIABLE}:}}"}},
        {("openalgo", "api_key"): Mark(KEY_VARIABLE)},
    )


def _over_base(file: Path, base_file: Path) -> Document:
    document = read_document(file)
    if not base_file.exists() or base_file.samefile(file):
        return document
    return read_document(base_file).merged(document)


def _entry(strategy: str | None, folder: Path) -> CatalogueEntry | None:
    """The catalogue's row to run; None when nothing names one and none is there."""
    catalogue = folder / CATALOGUE_PATH
    entries = load_catalogue(catalogue)
    if strategy is not None:
        return find_entry(entries, strategy)
    named = os.environ.get(STRATEGY_VARIABLE, "").strip()
    if named:
        return find_entry(entries, named, named_by=STRATEGY_VARIABLE)
    first = entries[0]
    return first if catalogue.exists() or (folder / first.config_path).exists() else None


def _typed(document: Document, entry: CatalogueEntry) -> Document:
    chosen = {"strategy": {"type": entry.id}}
    place = Mark(entry.where or f"strategy {entry.id!r}")
    return Document(chosen, {("strategy", "type"): place}).merged(document)


def _override(text: str, under: Document, problems: Problems) -> Document:
    """One `section.key=value`, to be laid over a document."""
    name, equals, value = text.partition("=")
    mark = Mark(f"--set {name.strip()}")
    path: KeyPath = tuple(name.strip().split("."))
    if not equals or not all(path):
        problems.add(Problem(mark, (), "must have the form section.key=value"))
        return Document({}, {})
    try:
        option = parse_option(path, value, mark)
    except ConfigError as error:
        for line in error.problems:
            problems.add(Problem(mark, (), line.removeprefix(f"{mark}: ")))
        return Document({}, {})
    above = (path[:length] for length in range(1, len(path)))
    option.marks.update({part: mark for part in above if part not in under.marks})
    return option


def _checked(document: Document, problems: Problems) -> AppConfig:
    values = {name: value for name, value in document.values.items() if value is not None}
    try:
        config = AppConfig.model_validate(values)
    except ValidationError as error:
        problems_of(error, document, problems)
        config = AppConfig()
    check_market_rules(document, problems)
    problems.raise_any()
    return config.placed({dotted(path): str(mark) for path, mark in document.marks.items() if path})
