"""The incremental twin of the live bot's indicator against the rule written with pandas."""

from __future__ import annotations

import importlib
import sys
import warnings
from math import isnan
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeback.indicators import BotSupertrend


def bot_rule(frame: pd.DataFrame, period: int, multiplier: float) -> pd.DataFrame:
    """The bot's indicator over a whole frame of high, low and close."""
    before = frame["close"].shift()
    reaches = [
        frame["high"] - frame["low"],
        (frame["high"] - before).abs(),
        (frame["low"] - before).abs(),
    ]
    atr = pd.concat(reaches, axis=1).max(axis=1).ewm(alpha=1 / period, adjust=False).mean()
    upper = (frame["high"] + multiplier * atr).to_list()
    lower = (frame["low"] - multiplier * atr).to_list()
    close = frame["close"].to_list()
    direction, value = ["down"], [float("nan")]
    for i in range(1, len(close)):
        if not (upper[i] < upper[i - 1] or close[i - 1] > upper[i - 1]):
            upper[i] = upper[i - 1]
        if not (lower[i] > lower[i - 1] or close[i - 1] < lower[i - 1]):
            lower[i] = lower[i - 1]
        if close[i] > upper[i - 1]:
            direction.append("up")
        elif close[i] < lower[i - 1]:
            direction.append("down")
        else:
            direction.append(direction[-1])
        value.append(lower[i] if direction[-1] == "up" else upper[i])
    return pd.DataFrame(
        {"atr": atr, "upper": upper, "lower": lower, "direction": direction, "value": value}
    )


@pytest.fixture(scope="module")
def bot() -> Any:
    """The class of the bot that users run; what its import brought in is put away again."""
    known = set(sys.modules)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the SDK's own imports
        try:
            module = importlib.import_module("strats.supertrend_trading_bot")
        except ImportError as missing:
            pytest.skip(f"needs the OpenAlgo SDK (extra live): {missing}")
    for name in set(sys.modules) - known:
        if name.split(".")[0] in ("openalgo", "strats"):
            del sys.modules[name]
    return module.SupertrendTradingBot


def assert_equal_bar_by_bar(
    frame: pd.DataFrame, period: int, multiplier: float, expected: pd.DataFrame | None = None
) -> list[str]:
    if expected is None:
        expected = bot_rule(frame, period, multiplier)
    twin = BotSupertrend(period, multiplier)
    for bar, row in zip(frame.itertuples(), expected.itertuples(), strict=True):
        assert twin.update(bar.high, bar.low, bar.close) == row.direction == twin.direction
        assert twin.atr == pytest.approx(row.atr, rel=1e-12)
        assert twin.final_upper == pytest.approx(row.upper, rel=1e-12)
        assert twin.final_lower == pytest.approx(row.lower, rel=1e-12)
        assert twin.value == pytest.approx(row.value, rel=1e-12, nan_ok=True)
    return expected["direction"].to_list()


bars = st.lists(
    st.tuples(*[st.integers(1_000, 1_200)] * 3).map(
        lambda p: (max(p) / 20, min(p) / 20, sorted(p)[1] / 20)
    ),
    min_size=1,
    max_size=80,
)


@given(rows=bars, period=st.integers(1, 14), multiplier=st.sampled_from([0.5, 1.0, 2.0, 3.0]))
def test_equal_on_any_bars(
    rows: list[tuple[float, float, float]], period: int, multiplier: float
) -> None:
    assert_equal_bar_by_bar(
        pd.DataFrame(rows, columns=["high", "low", "close"]), period, multiplier
    )


def test_equal_on_a_long_walk() -> None:
    noise = np.random.default_rng(3)
    close = np.round(2_000.0 * np.exp(np.cumsum(noise.normal(0.0, 0.006, 4_000))) * 20) / 20
    reach = np.round(np.abs(noise.normal(0.0, 6.0, (2, 4_000))) * 20) / 20
    frame = pd.DataFrame({"high": close + reach[0], "low": close - reach[1], "close": close})
    directions = assert_equal_bar_by_bar(frame, 10, 3.0)
    assert directions.count("up") > 500
    assert directions.count("down") > 500


def test_equal_on_real_bars(shared_data: Path) -> None:
    path = shared_data / "market" / "RELIANCE_15m_vol_2019_2023.csv"
    frame = pd.read_csv(path, nrows=5_000).rename(columns=str.lower)
    directions = assert_equal_bar_by_bar(frame[["high", "low", "close"]], 10, 3.0)
    assert {"up", "down"} == set(directions)


@pytest.mark.parametrize(("period", "multiplier"), [(10, 3.0), (7, 2.0), (14, 1.5)])
def test_defect_36_equal_to_the_shipped_bot_on_real_bars(
    shared_data: Path, bot: Any, period: int, multiplier: float
) -> None:
    path = shared_data / "market" / "RELIANCE_15m_vol_2019_2023.csv"
    frame = pd.read_csv(path, nrows=5_000).rename(columns=str.lower)[["high", "low", "close"]]
    settings = SimpleNamespace(atr_period=period, atr_multiplier=multiplier)
    columns = {
        "supertrend": "value",
        "supertrend_direction": "direction",
        "final_upper": "upper",
        "final_lower": "lower",
    }
    theirs = bot.calculate_supertrend(settings, frame.copy()).rename(columns=columns)
    directions = assert_equal_bar_by_bar(frame, period, multiplier, theirs)
    assert {"up", "down"} == set(directions)


def test_the_first_bar_points_down_and_has_no_value() -> None:
    twin = BotSupertrend(10, 3.0)
    assert twin.update(102.0, 100.0, 101.0) == "down"
    assert isnan(twin.value)
    assert (twin.atr, twin.final_upper, twin.final_lower) == (2.0, 108.0, 94.0)


def test_a_close_turns_the_trend_only_beyond_the_band_of_the_bar_before() -> None:
    twin = BotSupertrend(1, 1.0)
    twin.update(102.0, 100.0, 101.0)
    assert twin.final_upper == 104.0
    assert twin.update(104.0, 103.0, 104.0) == "down"
    assert twin.update(106.0, 104.0, 105.0) == "up"
    assert twin.value == twin.final_lower
