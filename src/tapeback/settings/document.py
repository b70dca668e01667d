"""YAML texts as plain values that remember where each of them stands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tapeback.errors import ConfigError

if TYPE_CHECKING:
    from ruamel.yaml import YAML
    from ruamel.yaml.nodes import Node

# Aliases may repeat a part of the text; this bounds what they can blow it up to.
_MAX_NODES = 10_000

_POSITION = re.compile(r".*?:\d+:\d+: ")

KeyPath = tuple[str | int, ...]


class Mark(NamedTuple):
    """A place in a settings file, or the option or keyword that gave a value (line 0)."""

    source: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}" if self.line else self.source


@dataclass
class Document:
    """Nested values, the mark of every path in them, and where a value came from the environment
    the `${…}` text and what it stands for."""

    values: dict[str, Any]
    marks: dict[KeyPath, Mark]
    references: dict[KeyPath, tuple[str, str]] = field(default_factory=dict)

    def mark(self, path: KeyPath) -> Mark:
        """The mark of the path, or of the nearest part above it."""
        while path and path not in self.marks:
            path = path[:-1]
        return self.marks.get(path, Mark(""))

    def value(self, path: KeyPath) -> Any:
        """The value at a path; KeyError, IndexError or TypeError where there is none."""
        value: Any = self.values
        for part in path:
            value = value[part]
        return value

    def merged(self, over: Document) -> Document:
        """This document with another laid over it: mappings merge, all else is replaced. A
        section left empty in `over` changes nothing."""
        return Document(_merge(self.values, over.values), self.marks | over.marks)


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            merged[key] = _merge(old, value)
        elif not (isinstance(old, dict) and value is None):
            merged[key] = value
    return merged


def shown_path(path: Path) -> str:
    """The path as messages show it: relative to the working directory where it lies below."""
    try:
        return path.resolve().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return str(path)


def read_document(path: Path) -> Document:
    """Read a YAML file that holds a mapping; an empty file is an empty mapping.

    Raises ConfigError, with `file:line:col`, for a file that cannot be read or is no such YAML.
    """
    shown = shown_path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(
            f"{shown}: there is no such file.", remedy="Name another, or run 'tapeback init'."
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{shown}: is no UTF-8 text (byte {error.start}).") from None
    except OSError as error:
        raise ConfigError(f"{shown}: cannot be read: {error.strerror or error}.") from None
    return parse_document(text, shown)


def parse_document(text: str, source: str) -> Document:
    """Parse YAML that holds a mapping; `source` stands in its marks and messages."""
    reader = _Reader(source)
    values = reader.read(text)
    if values is None:
        values = {}
    if not isinstance(values, dict):
        place = Mark(source, 1, 1)
        raise ConfigError(f"{place}: must hold a mapping of sections, such as 'data:'")
    return Document(values, {(): Mark(source), **reader.marks})


def parse_option(path: KeyPath, text: str, mark: Mark) -> Document:
    """One setting from the YAML text of its value, all of it marked alike."""
    reader = _Reader(str(mark))
    try:
        values = reader.read(text)
    except ConfigError as error:
        reasons = [_POSITION.sub("", problem, count=1) for problem in error.problems]
        raise ConfigError([f"{mark}: {reason}" for reason in reasons]) from None
    marks = {(*path, *part): mark for part in ((), *reader.marks)}
    for part in reversed(path):
        values = {str(part): values}
    return Document(values, marks)


class _Reader:
    """Walks YAML nodes once, taking values and marks."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.marks: dict[KeyPath, Mark] = {}
        self.problems: list[str] = []
        self._nodes = 0

    def read(self, text: str) -> Any:
        from ruamel.yaml import YAML
        from ruamel.yaml.error import MarkedYAMLError, YAMLError

        yaml = YAML(typ="safe", pure=True)
        try:
            node = yaml.compose(text)
            value = None if node is None else self._value(yaml, node, ())
        except MarkedYAMLError as error:
            place = self._mark(error.problem_mark) if error.problem_mark else self.source
            raise ConfigError(f"{place}: invalid YAML: {error.problem}") from None
        except YAMLError as error:
            reason = str(error).partition("\n")[0]
            raise ConfigError(f"{self.source}: invalid YAML: {reason}") from None
        except RecursionError:
            raise ConfigError(f"{self.source}: invalid YAML: nested too deeply") from None
        if self.problems:
            raise ConfigError(self.problems)
        return value

    def _value(self, yaml: YAML, node: Node, path: KeyPath) -> Any:
        from ruamel.yaml.nodes import MappingNode, SequenceNode

        self._nodes += 1
        if self._nodes > _MAX_NODES:
            raise ConfigError(f"{self.source}: invalid YAML: more than {_MAX_NODES} values")
        if isinstance(node, MappingNode):
            return self._mapping(yaml, node, path)
        if isinstance(node, SequenceNode):
            items = []
            for index, item in enumerate(node.value):
                self.marks[(*path, index)] = self._mark(item.start_mark)
                items.append(self._value(yaml, item, (*path, index)))
            return items
        try:
            return yaml.constructor.construct_object(node, deep=True)
        except (AttributeError, LookupError, TypeError, ValueError):
            # The constructors of ruamel.yaml let these through, for the 31st of a short month too.
            kind = str(node.tag).rpartition(":")[2]
            place = self._mark(node.start_mark)
            self.problems.append(f"{place}: {str(node.value)[:40]!r} is no {kind}")
            return None

    def _mapping(self, yaml: YAML, node: Node, path: KeyPath) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            mark = self._mark(key_node.start_mark)
            key = key_node.value
            if key_node.tag != "tag:yaml.org,2002:str":
                shown = key if isinstance(key, str) else "a list or mapping"
                self.problems.append(f"{mark}: a key must be plain text; got {shown}")
            elif key in values:
                first = self.marks[(*path, key)]
                self.problems.append(f"{mark}: {key!r} stands here twice, first at {first}")
            else:
                self.marks[(*path, key)] = mark
                values[key] = self._value(yaml, value_node, (*path, key))
        return values

    def _mark(self, mark: Any) -> Mark:
        return Mark(self.source, mark.line + 1, mark.column + 1)
