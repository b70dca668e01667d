"""Any Python value as JSON-able data, the same for the same value in every run."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from numbers import Integral, Real
from pathlib import PurePath
from typing import Any

import msgspec
import numpy as np

_DEEPEST = 40
_CUT = "…"


def plain(value: Any, above: tuple[int, ...] = ()) -> Any:
    """Dicts with text keys, lists, text, finite numbers, booleans and None.

    NaN, infinity and NaT become None, dates and times ISO text, sets sorted lists, arrays and
    frames lists and dicts; an object without such a form is named by its class alone, since its
    `repr` may hold an address. What holds itself, or is nested deeper than 40 levels, ends in `…`.
    `above` are the ids of the containers around the value.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        return plain(value.value, above)
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, np.datetime64 | np.timedelta64):
        return None if np.isnat(value) else str(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real | Decimal):
        number = float(value)
        return number if math.isfinite(number) else None
    if isinstance(value, date | time):
        return value.isoformat() if value == value else None
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, PurePath):
        return value.as_posix()
    if isinstance(value, bytes | bytearray):
        return value.hex()
    if id(value) in above or len(above) >= _DEEPEST:
        return _CUT
    return _contents(value, (*above, id(value)))


def _contents(value: Any, above: tuple[int, ...]) -> Any:
    if isinstance(value, Mapping):
        return {_key(key, above): plain(item, above) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        items = [plain(item, above) for item in value]
        return sorted(items, key=lambda item: (type(item).__name__, str(item)))
    if isinstance(value, msgspec.Struct):
        return {name: plain(getattr(value, name), above) for name in value.__struct_fields__}
    if isinstance(value, type):
        return f"<{value.__qualname__}>"
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name), above) for field in fields(value)}
    for form in ("tolist", "to_dict"):
        convert = getattr(value, form, None)
        if callable(convert):
            try:
                return plain(convert(), above)
            except Exception:  # a user's own method: the result of the run must not be lost to it
                break
    if isinstance(value, Collection):
        return [plain(item, above) for item in value]
    return f"<{type(value).__qualname__}>"


def _key(key: Any, above: tuple[int, ...]) -> str:
    text = plain(key, above)
    return text if isinstance(text, str) else str(text)
