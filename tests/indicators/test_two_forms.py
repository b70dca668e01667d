"""The bar-by-bar form of an indicator and its column are one thing."""

from __future__ import annotations

from collections.abc import Callable
from math import isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeback import indicators
from tapeback.errors import ConfigError, DataError

prices = st.floats(min_value=0.05, max_value=100_000.0, allow_nan=False)
columns = st.lists(prices, max_size=120)
periods = st.integers(min_value=1, max_value=15)
bars = st.lists(
    st.tuples(prices, prices, prices).map(lambda p: (max(p), min(p), sorted(p)[1])), max_size=120
)


def assert_identical(ours: np.ndarray, theirs: list[float]) -> None:
    np.testing.assert_array_equal(ours, np.array(theirs, dtype=np.float64))


def high_low_close(rows: list[tuple[float, float, float]]) -> np.ndarray:
    return np.array(rows, dtype=np.float64).reshape(-1, 3).T


@pytest.mark.parametrize(
    ("bar_by_bar", "column"),
    [
        (indicators.SMA, indicators.sma),
        (indicators.EMA, indicators.ema),
        (indicators.RMA, indicators.rma),
        (indicators.RSI, indicators.rsi),
    ],
)
@given(values=columns, period=periods)
def test_averages_and_rsi_are_identical(
    bar_by_bar: Callable, column: Callable, values: list[float], period: int
) -> None:
    one = bar_by_bar(period)
    assert_identical(column(values, period), [one.update(x) for x in values])


@given(values=columns, period=periods, multiplier=st.floats(0.1, 5.0))
def test_bollinger_is_identical(values: list[float], period: int, multiplier: float) -> None:
    one = indicators.Bollinger(period, multiplier)
    rows = [(one.update(x), one.upper, one.lower) for x in values]
    ours = indicators.bollinger(values, period, multiplier)
    for column, theirs in zip(ours, zip(*rows, strict=True), strict=False):
        assert_identical(column, list(theirs))
    assert len(ours.upper) == len(values)


@given(values=columns, fast=st.integers(1, 5), more=st.integers(1, 5), signal=periods)
def test_macd_is_identical(values: list[float], fast: int, more: int, signal: int) -> None:
    one = indicators.MACD(fast, fast + more, signal)
    rows = [(one.update(x), one.signal, one.histogram) for x in values]
    ours = indicators.macd(values, fast, fast + more, signal)
    for column, theirs in zip(ours, zip(*rows, strict=True), strict=False):
        assert_identical(column, list(theirs))


@given(rows=bars, period=periods, multiplier=st.floats(0.1, 5.0))
def test_atr_and_supertrend_are_identical(
    rows: list[tuple[float, float, float]], period: int, multiplier: float
) -> None:
    atr = indicators.ATR(period)
    trend = indicators.Supertrend(period, multiplier)
    walked = [(atr.update(*row), trend.update(*row), trend.direction) for row in rows]
    ours = indicators.supertrend(*high_low_close(rows), period, multiplier)
    assert_identical(indicators.atr(*high_low_close(rows), period), [row[0] for row in walked])
    assert_identical(ours.value, [row[1] for row in walked])
    assert ours.direction.tolist() == [row[2] for row in walked]


@given(values=st.lists(st.integers(1, 400_000), min_size=1, max_size=200), period=periods)
def test_sma_is_exact_on_a_grid_of_quarters(values: list[int], period: int) -> None:
    """Sums of quarters are exact, so the only rounding is the one of the division."""
    ours = indicators.sma([value / 4 for value in values], period)
    for i in range(len(values)):
        window = values[max(i - period + 1, 0) : i + 1]
        if len(window) < period:
            assert isnan(ours[i])
        else:
            assert ours[i] == sum(window) / 4 / period


def test_sma_does_not_drift_over_a_long_run() -> None:
    steps = np.random.default_rng(7).normal(0.0, 0.01, 300_000)
    values = np.round(100.0 * np.exp(np.cumsum(steps)), 2)
    ours = indicators.sma(values, 20)
    windows = np.lib.stride_tricks.sliding_window_view(values, 20)
    np.testing.assert_allclose(ours[19:], windows.mean(axis=1), rtol=1e-14)


@given(values=columns, period=periods)
def test_bands_and_averages_keep_inside_what_they_saw(values: list[float], period: int) -> None:
    ours = indicators.bollinger(values, period)
    for i in range(period - 1, len(values)):
        window = values[i - period + 1 : i + 1]
        assert min(window) * (1 - 1e-12) <= ours.middle[i] <= max(window) * (1 + 1e-12)
        assert ours.lower[i] <= ours.middle[i] <= ours.upper[i]


def test_bollinger_of_a_flat_price_has_no_width() -> None:
    ours = indicators.bollinger([23_456.85] * 60, 20)
    assert ours.upper[-1] == ours.lower[-1] == pytest.approx(23_456.85, rel=1e-15)


@given(rows=bars, period=periods)
def test_supertrend_lies_on_the_other_side_of_the_close(
    rows: list[tuple[float, float, float]], period: int
) -> None:
    ours = indicators.supertrend(*high_low_close(rows), period, 3.0)
    closes = np.array([row[2] for row in rows])
    up, down = ours.direction == 1, ours.direction == -1
    assert (ours.direction != 0).tolist() == [i >= period for i in range(len(rows))]
    assert (ours.value[up] < closes[up]).all()
    assert (ours.value[down] >= closes[down]).all()


@given(values=st.lists(prices, min_size=2, max_size=100), period=periods)
def test_rsi_lies_between_0_and_100(values: list[float], period: int) -> None:
    ours = indicators.rsi(values, period)[period:]
    assert ((ours >= 0.0) & (ours <= 100.0)).all()


def test_rsi_of_a_price_that_only_rises_is_100_and_of_one_that_only_falls_0() -> None:
    rising = [float(i) for i in range(1, 40)]
    assert indicators.rsi(rising)[-1] == 100.0
    assert indicators.rsi(rising[::-1])[-1] == 0.0


@pytest.mark.parametrize("period", [0, -3, 2.5, True])
def test_defect_78_a_period_that_cannot_be_is_refused(period: object) -> None:
    with pytest.raises(ConfigError, match=r"period is .* whole number of 1 or more"):
        indicators.Supertrend(period, 3.0)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="SMA: period"):
        indicators.sma([1.0, 2.0], period)  # type: ignore[arg-type]


def test_other_parameters_that_cannot_be_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"multiplier is 0.0\. It must be above 0"):
        indicators.Supertrend(10, 0.0)
    with pytest.raises(ConfigError, match="fast is 26 and slow is 12"):
        indicators.MACD(26, 12)


def test_columns_that_do_not_match_are_refused() -> None:
    with pytest.raises(DataError, match=r"different lengths: \[3, 3, 2\]"):
        indicators.atr([3.0, 3.0, 3.0], [1.0, 1.0, 1.0], [2.0, 2.0], 2)
    with pytest.raises(DataError, match=r"shape \(2, 2\)"):
        indicators.sma([[1.0, 2.0], [3.0, 4.0]], 2)
