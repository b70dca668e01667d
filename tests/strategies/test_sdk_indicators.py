"""The indicators that stand in for `openalgo.ta` where the package is not installed."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tapeback.strategies.sdk_indicators import TechnicalAnalysis

OURS = TechnicalAnalysis()
NAMES = ("sma", "ema", "rsi", "macd", "atr", "bbands", "supertrend")
PRICES = 100 + np.cumsum(np.random.default_rng(5).normal(size=400))
BARS = (PRICES + 0.7, PRICES - 0.6, PRICES)
CALLS: dict[str, tuple[Any, ...]] = {
    "sma": (PRICES, 10), "ema": (PRICES, 10), "rsi": (PRICES, 10), "macd": (PRICES,),
    "atr": (*BARS, 10), "bbands": (PRICES, 10), "supertrend": (*BARS, 10, 2.0),
}  # fmt: skip


@pytest.fixture(scope="module")
def theirs() -> Any:
    """`ta` of the installed SDK."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("openalgo").ta


def columns(found: Any) -> tuple[Any, ...]:
    return found if isinstance(found, tuple) else (found,)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_parameters_and_in_the_end_the_same_figures(theirs: Any, name: str) -> None:
    """Averages are seeded differently; what the seed leaves behind fades."""
    ours, other = getattr(OURS, name), getattr(theirs, name)
    named = [(p.name, p.default) for p in inspect.signature(ours).parameters.values()]
    assert named == [(p.name, p.default) for p in inspect.signature(other).parameters.values()]
    for mine, yours in zip(columns(ours(*CALLS[name])), columns(other(*CALLS[name])), strict=True):
        assert len(mine) == len(PRICES)
        np.testing.assert_allclose(mine[-100:], yours[-100:], rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_series_gives_series_on_its_index(name: str) -> None:
    index = pd.date_range("2024-01-01", periods=len(PRICES))
    given = [pd.Series(x, index=index) if isinstance(x, np.ndarray) else x for x in CALLS[name]]
    plain = columns(getattr(OURS, name)(*CALLS[name]))
    for column, array in zip(columns(getattr(OURS, name)(*given)), plain, strict=True):
        assert column.index.equals(index)
        np.testing.assert_array_equal(column.to_numpy(), array)


def test_a_list_gives_an_array() -> None:
    assert OURS.sma([1.0, 2.0, 3.0], 2).tolist()[1:] == [1.5, 2.5]
