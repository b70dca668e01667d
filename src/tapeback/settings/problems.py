"""What is wrong with settings: every problem located, in the user's words, all in one error."""

from __future__ import annotations

from types import UnionType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError

from tapeback.errors import ConfigError, did_you_mean
from tapeback.models.config import AppConfig
from tapeback.settings.document import Document, KeyPath, Mark

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_OBSOLETE = {
    "backtest.candle_execution": "it never had an effect: remove it",
    "backtest.tax_delivery_pct": "STT comes from dated tables; delivery_tax_pct replaces it",
    "backtest.tax_intraday_pct": "STT comes from dated tables; intraday_tax_pct replaces it",
}
_LIMITS = {
    "greater_than": ("greater than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}
_KINDS = {
    "float": "a number",
    "finite": "a finite number",
    "int": "a whole number",
    "bool": "true or false",
    "list": "a list",
    "model": "a mapping of keys",
    "dict": "a mapping of keys",
}


class Problem(NamedTuple):
    """One thing that is wrong: where it was given, which setting it is, and why."""

    mark: Mark
    path: KeyPath
    reason: str

    def __str__(self) -> str:
        name = dotted(self.path)
        place = str(self.mark)
        if not place:
            return f"{name}: {self.reason}"
        given_by_name = not self.mark.line and name.endswith(place.removeprefix("--set "))
        if not name or given_by_name:
            return f"{place}: {self.reason}"
        if not self.mark.line and place == self.path[0]:
            return f"{name}: {self.reason}"
        return f"{place}: {name}: {self.reason}"


class Problems:
    """Problems as they are found; raised together, in the order of the files."""

    def __init__(self) -> None:
        self._found: list[Problem] = []

    def add(self, problem: Problem) -> None:
        self._found.append(problem)

    def raise_any(self) -> None:
        """Raise one ConfigError of all that was found; do nothing when nothing was."""
        if self._found:
            raise ConfigError([str(problem) for problem in sorted(self._found, key=_order)])


def _order(problem: Problem) -> tuple[bool, Mark, str]:
    return problem.mark.line == 0, problem.mark, dotted(problem.path)


def dotted(path: KeyPath) -> str:
    """The path as users write it: `data.files.0`."""
    return ".".join(map(str, path))


def problems_of(error: ValidationError, document: Document, problems: Problems) -> None:
    """Add all that a model refused to `problems`."""
    found: dict[KeyPath, str] = {}
    for detail in error.errors(include_url=False):
        path = _before_choice(detail["loc"])
        if path != detail["loc"]:
            wanted = "a name or a mapping with text as keys"
            found[path] = f"must be {wanted}; got {_shown(document.value(path))}"
        else:
            found[path] = _reason(detail, path, document)
    for path, reason in found.items():
        problems.add(Problem(document.mark(path), path, unresolved(reason, path, document)))


def _before_choice(path: KeyPath) -> KeyPath:
    """The path without what pydantic puts behind a setting that is a name or a mapping: which of
    the two it tried."""
    for length in range(1, len(path)):
        if get_origin(annotation_at(path[:length])) in (Union, UnionType):
            return path[:length]
    return path


def unresolved(reason: str, path: KeyPath, document: Document) -> str:
    """The reason with what came from the environment, a secret perhaps, as `${…}` again."""
    for place, (reference, value) in document.references.items():
        if place[: len(path)] != path:
            continue
        for shown in filter(None, (repr(value), value, value.upper())):
            if shown in reason:
                reason = reason.replace(shown, repr(reference))
                break
    return reason


def _reason(detail: ErrorDetails, path: KeyPath, document: Document) -> str:
    kind = detail["type"]
    if kind == "extra_forbidden":
        return _unknown_key(path)
    if kind == "value_error":
        return str(detail["ctx"]["error"])
    if kind == "missing":
        return "must be given"
    value = document.value(path)
    if value is None:
        return "must not be empty"
    if kind == "literal_error":
        return _not_among(path, value)
    if kind in _LIMITS:
        words, bound = _LIMITS[kind]
        return f"must be {words} {detail['ctx'][bound]:g}; got {value!r}"
    if kind == "string_type":
        secret = annotation_at(path) is SecretStr
        return f"must be text{'' if secret else f'; got {_shown(value)}'}: put it in quotes"
    if kind == "string_too_short":
        return "must not be empty"
    wanted = _KINDS.get(kind.partition("_")[0])
    reason = f"must be {wanted}" if wanted else detail["msg"]
    return f"{reason}; got {_shown(value)}"


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    return repr(value) if isinstance(value, str | int | float) else str(value)


def _unknown_key(path: KeyPath) -> str:
    obsolete = _OBSOLETE.get(dotted(path))
    if obsolete:
        return f"is no setting any more: {obsolete}"
    name = str(path[-1])
    known = fields_at(path[:-1])
    owner = next((section for section in fields_at(()) if name in fields_at((section,))), None)
    if owner:
        return f"unknown key (it belongs under {owner!r})"
    return f"unknown key{did_you_mean(name, known) or '; known here: ' + ', '.join(known)}"


def _not_among(path: KeyPath, value: Any) -> str:
    allowed = [str(item) for item in choices_at(path)]
    near = did_you_mean(value, allowed) if isinstance(value, str) else ""
    return f"must be one of {', '.join(allowed)}; got {_shown(value)}{near}"


def fields_at(path: KeyPath) -> tuple[str, ...]:
    """The names of the settings of a section, `()` being the whole."""
    model = annotation_at(path)
    return tuple(model.model_fields) if _is_model(model) else ()


def choices_at(path: KeyPath) -> tuple[Any, ...]:
    """The values that a setting of a few fixed ones may have."""
    annotation = annotation_at(path)
    literals = [item for item in (annotation, *get_args(annotation)) if get_origin(item) is Literal]
    return tuple(choice for item in literals for choice in get_args(item))


def annotation_at(path: KeyPath) -> Any:
    """The type of the setting at a path; None for what is inside of a mapping."""
    annotation: Any = AppConfig
    for part in path:
        if _is_model(annotation):
            annotation = annotation.model_fields[part].annotation
        elif get_origin(annotation) is list:
            annotation = get_args(annotation)[0]
        else:
            return None
    return annotation


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
