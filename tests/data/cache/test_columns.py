"""Columns come back from bytes as they were, to the last bit."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tapeback.data.cache.columns import DamagedError, decode, encode
from tests.data.cache.samples import bars


def back(columns: list[np.ndarray]) -> list[np.ndarray]:
    out = [np.empty_like(column) for column in columns]
    decode(encode(columns), out)
    return out


def same_bits(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return all(a.tobytes() == b.tobytes() for a, b in zip(one, other, strict=True))


def with_column(place: int, values: np.ndarray) -> list[np.ndarray]:
    ts = np.arange(len(values)) * 60_000_000_000
    columns = [ts, *(np.full(len(values), 100.05) for _ in range(6))]
    columns[place] = values
    return columns


any_column = arrays(np.float64, st.integers(1, 40), elements=st.floats(width=64))
grid_column = arrays(np.int64, st.integers(1, 40), elements=st.integers(0, 2**31)).map(
    lambda units: units * 500 / 10_000
)


@given(any_column | grid_column, st.integers(1, 6))
def test_any_float_comes_back_bit_by_bit(values: np.ndarray, place: int) -> None:
    columns = with_column(place, values)
    assert same_bits(back(columns), columns)


@given(arrays(np.int64, st.integers(1, 40), elements=st.integers(0, 2**62), unique=True))
def test_any_stamps_come_back(stamps: np.ndarray) -> None:
    columns = with_column(0, np.sort(stamps))
    assert same_bits(back(columns), columns)


def test_a_bar_without_open_interest_takes_less_than_25_bytes() -> None:
    columns = list(bars(date(2024, 3, 1), date(2024, 3, 28)).columns)
    assert np.isnan(columns[6]).all()
    assert len(encode(columns)) <= 18 * len(columns[0])
    assert same_bits(back(columns), columns)


@pytest.mark.parametrize(
    "prices",
    [
        np.array([0.0001, 214_748.3648]),
        np.array([100.05, 100.1, 2500.0]),
        np.array([1 / 3, 2 / 3]),  # adjusted prices are on no grid
        np.array([9_000_000.0, 9_000_001.5]),
        np.array([1e300, 1e-300]),
        np.array([-0.0, 0.0]),
    ],
)
def test_prices_on_and_off_the_grid_come_back(prices: np.ndarray) -> None:
    columns = with_column(1, prices)
    assert same_bits(back(columns), columns)


@pytest.mark.parametrize(
    "volume",
    [np.array([0.0, 5e12]), np.array([np.nan, 3.0]), np.array([np.nan] * 2), np.array([0.5, 1.0])],
)
def test_volume_comes_back_also_where_some_of_it_is_absent(volume: np.ndarray) -> None:
    columns = with_column(5, volume)
    assert same_bits(back(columns), columns)


@pytest.mark.parametrize("damage", [b"", b"TBC1", b"junk" * 100])
def test_bytes_that_are_no_piece_are_refused(damage: bytes) -> None:
    with pytest.raises(DamagedError):
        decode(damage, [np.empty(2, np.int64), *(np.empty(2) for _ in range(6))])


def test_a_piece_that_was_cut_off_or_has_another_length_is_refused() -> None:
    columns = with_column(1, np.array([100.05, 101.1, 99.9]))
    data = encode(columns)
    with pytest.raises(DamagedError):
        decode(data[:-8], [np.empty_like(column) for column in columns])
    with pytest.raises(DamagedError):
        decode(data, [np.empty_like(column[1:]) for column in columns])
