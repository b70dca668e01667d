"""`${VAR}` and `${VAR:default}` in setting values.

References are replaced in values already parsed, so that whatever the environment holds stays one
text: it can neither add YAML nor turn into a number where text is wanted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tapeback.settings.document import Document, KeyPath
from tapeback.settings.problems import Problem, Problems

_REFERENCE = re.compile(r"\$\{([^}]*)(\}?)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LEFT_OUT = object()


def resolve_references(
    document: Document, environment: Mapping[str, str], problems: Problems
) -> Document:
    """The document with every reference replaced; a value that cannot be is left out and added to
    `problems`."""
    references: dict[KeyPath, tuple[str, str]] = {}

    def resolve(value: Any, path: KeyPath) -> Any:
        if isinstance(value, dict):
            items = {key: resolve(item, (*path, key)) for key, item in value.items()}
            return {key: item for key, item in items.items() if item is not _LEFT_OUT}
        if isinstance(value, list):
            rows = [resolve(item, (*path, index)) for index, item in enumerate(value)]
            return _LEFT_OUT if _LEFT_OUT in rows else rows
        if not isinstance(value, str) or "${" not in value:
            return value
        reasons: list[str] = []
        text = _REFERENCE.sub(lambda match: _look_up(match, environment, reasons), value)
        references[path] = (value, text)
        for reason in reasons:
            problems.add(Problem(document.mark(path), path, reason))
        return _LEFT_OUT if reasons else text

    values = resolve(document.values, ())
    return Document(values, document.marks, references)


def _look_up(match: re.Match[str], environment: Mapping[str, str], reasons: list[str]) -> str:
    name, colon, default = match[1].partition(":")
    if not match[2] or not _NAME.fullmatch(name):
        reasons.append(
            f"{match[0]!r} is no reference to an environment variable: write ${{NAME}} or "
            "${NAME:default}"
        )
        return ""
    if name in environment:
        return environment[name]
    if not colon:
        reasons.append(
            f"the environment variable {name} is not set: set it, or give a default as in "
            f"${{{name}:default}}"
        )
    return default
