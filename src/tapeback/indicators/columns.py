"""What the indicators share: checked parameters, and columns fed through an incremental form."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from tapeback.errors import ConfigError, DataError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

NAN = float("nan")


def check_period(indicator: str, name: str, period: int) -> int:
    """`period` itself when it is a whole number of at least 1, else ConfigError."""
    if isinstance(period, bool) or not isinstance(period, (int, np.integer)) or period < 1:
        raise ConfigError(
            f"{indicator}: {name} is {period!r}.", remedy="It must be a whole number of 1 or more."
        )
    return int(period)


def check_multiplier(indicator: str, multiplier: float) -> float:
    """`multiplier` as a float when it is finite and above zero, else ConfigError."""
    number = float(multiplier)
    if not 0.0 < number < float("inf"):
        raise ConfigError(
            f"{indicator}: multiplier is {multiplier!r}.", remedy="It must be above 0."
        )
    return number


def as_column(values: ArrayLike) -> NDArray[np.float64]:
    """`values` as one float64 column, without copying where it already is one."""
    column = np.asarray(values, dtype=np.float64)
    if column.ndim != 1:
        raise DataError(
            f"an indicator was given an array of shape {column.shape}.",
            remedy="Give it one column of numbers.",
        )
    return column


def as_columns(*values: ArrayLike) -> tuple[NDArray[np.float64], ...]:
    """Several columns of one length, else DataError."""
    columns = tuple(as_column(one) for one in values)
    lengths = [len(column) for column in columns]
    if len(set(lengths)) > 1:
        raise DataError(
            f"an indicator was given columns of different lengths: {lengths}.",
            remedy="Give it columns of the same bars.",
        )
    return columns


def feed(update: Callable[..., float], *columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """The column of what `update` returns, row after row."""
    rows = map(update, *(column.tolist() for column in columns))
    return np.fromiter(rows, np.float64, len(columns[0]))
