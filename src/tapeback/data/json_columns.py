"""The columns of a JSON file of bars."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from tapeback.errors import DataFormatError

_FORMS = (
    'Write a list of records, [{"datetime": …, "open": …, …}, …], or an object of columns, '
    '{"datetime": […], "open": […], …}.'
)
_LONG = 2**63


def read_json_columns(text: str, path: Path) -> dict[str, npt.NDArray[Any]]:
    """The columns by name, of equal length and at least one row.

    `text` is a list of records, an object of columns, or either under `data`, as OpenAlgo answers.
    Columns of numbers are int64 or float64, NaN for null; other ones keep their objects.
    A key that a record lacks is null. Raises DataFormatError with the number of the record.
    """
    content = _decode(text, path)
    if isinstance(content, dict) and content.get("status") == "error":
        raise DataFormatError(
            f"the file holds an error of OpenAlgo and no bars: {content.get('message', '')!r}.",
            where=str(path),
            remedy="Ask for the bars again.",
        )
    if isinstance(content, dict) and "data" in content:
        content = content["data"]
    if isinstance(content, list):
        lists = _by_name(content, path)
    elif isinstance(content, dict) and all(isinstance(c, list) for c in content.values()):
        lists = content
    else:
        raise DataFormatError("the JSON holds no bars.", where=str(path), remedy=_FORMS)
    lengths = {name: len(column) for name, column in lists.items()}
    if not any(lengths.values()):
        raise DataFormatError("the file holds no rows.", where=str(path))
    longest = max(lengths, key=lengths.__getitem__)
    for name, length in lengths.items():
        if length != lengths[longest]:
            raise DataFormatError(
                f"the column {name!r} has {length} values where {longest!r} has "
                f"{lengths[longest]}.",
                where=f"{path.name}:{length + 1}",
                remedy="Write one value for each bar, null where there is none.",
            )
    return {name: _column(values) for name, values in lists.items()}


def _decode(text: str, path: Path) -> Any:
    try:
        try:
            return msgspec.json.decode(text)
        except msgspec.DecodeError:
            # The standard library is slower, but knows NaN and the line of a mistake.
            return json.loads(text)
    except json.JSONDecodeError as error:
        raise DataFormatError(
            f"the JSON is damaged at column {error.colno}: {error.msg}.",
            where=f"{path.name}:{error.lineno}",
        ) from None
    except RecursionError:
        raise DataFormatError("the JSON holds no bars.", where=str(path), remedy=_FORMS) from None


def _by_name(records: list[Any], path: Path) -> dict[str, list[Any]]:
    names: dict[str, None] = {}
    for number, record in enumerate(records, start=1):
        if not isinstance(record, dict):
            raise DataFormatError(
                f"the record is {_shown(record)}, which is no object with names.",
                where=f"{path.name}:{number}",
                remedy=_FORMS,
            )
        if record.keys() != names.keys():
            names |= dict.fromkeys(record)
    return {name: [record.get(name) for record in records] for name in names}


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:40]}…"


def _column(values: list[Any]) -> npt.NDArray[Any]:
    kinds = set(map(type, values))
    # Whole numbers may be dates such as 20240123, or epochs too long for a float.
    if kinds == {int} and all(-_LONG <= value < _LONG for value in values):
        return np.array(values, np.int64)
    if kinds <= {float, type(None)} or kinds == {int, float}:
        return np.array([math.nan if value is None else value for value in values], np.float64)
    column = np.empty(len(values), object)
    column[:] = values
    return column
