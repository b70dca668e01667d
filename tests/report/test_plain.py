"""Whatever a strategy calls its state becomes JSON-able data, the same in every run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeback.report.plain import plain


class Side(Enum):
    BUY = "BUY"


@dataclass
class Level:
    price: float
    side: Side


class Opaque:
    pass


class Faulty:
    def to_dict(self) -> dict[str, Any]:
        raise ValueError("not now")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (np.int64(7), 7),
        (np.float32(0.5), 0.5),
        (np.float64("nan"), None),
        (np.bool_(True), True),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (np.datetime64("NaT", "ns"), None),
        (np.datetime64("2024-06-03T09:15:00"), "2024-06-03T09:15:00"),
        (pd.Timestamp("2024-06-03 09:15", tz="Asia/Kolkata"), "2024-06-03T09:15:00+05:30"),
        (pd.NaT, None),
        (pd.Series([1.0, float("nan")]), [1.0, None]),
        (pd.DataFrame({"a": [1, 2]}), {"a": {"0": 1, "1": 2}}),
        (datetime(2024, 6, 3, tzinfo=UTC), "2024-06-03T00:00:00+00:00"),
        (date(2024, 6, 3), "2024-06-03"),
        (timedelta(minutes=2), 120.0),
        (Decimal("1.25"), 1.25),
        (Path("a") / "b", "a/b"),
        (b"\x01\xff", "01ff"),
        (Side.BUY, "BUY"),
        (Level(100.5, Side.BUY), {"price": 100.5, "side": "BUY"}),
        ({1: "a", 2.5: "b", None: "c"}, {"1": "a", "2.5": "b", "None": "c"}),
        ({(1, 2): "d"}, {"[1, 2]": "d"}),
        ({"b", "a", "c"}, ["a", "b", "c"]),
        ((1, [2, (3,)]), [1, [2, [3]]]),
        ("bad \ud800 half", "bad ? half"),
        (Opaque(), "<Opaque>"),
        (Opaque, "<Opaque>"),
        (Faulty(), "<Faulty>"),
        (plain, "<function>"),
        (10**30, 10**30),
    ],
)  # fmt: skip
def test_values_of_every_kind(value: Any, shown: Any) -> None:
    assert plain(value) == shown


def test_what_holds_itself_ends() -> None:
    state: dict[str, Any] = {"name": "bot"}
    state["self"] = state
    state["again"] = [state, state]

    assert plain(state) == {"name": "bot", "self": "…", "again": ["…", "…"]}


def test_what_is_nested_too_deeply_is_cut_off() -> None:
    state: list[Any] = []
    for _ in range(5000):
        state = [state]

    assert "…" in json.dumps(plain(state), ensure_ascii=False)


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates()
nested = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text() | st.integers(), inner)
        | st.sets(st.integers())
        | st.tuples(inner, inner)
    ),
)


@given(nested)
def test_it_is_always_strict_json_and_stays_as_it_is(value: Any) -> None:
    shown = plain(value)

    assert json.loads(json.dumps(shown, allow_nan=False)) == shown
    assert plain(shown) == shown
