"""Columns of candles as bytes: the narrowest integers that give back every float bit by bit.

A piece is a header, then for each of the seven columns its code and its values. A column is absent
(all NaN), or whole numbers `(base + k × unit) / scale` with `k` of 1, 2, 4 or 8 unsigned bytes, or
plain float64 where that would not be exact. Everything is little-endian and on 8-byte bounds.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Column = npt.NDArray[Any]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_MAGIC = b"TBC1"
_HEADER = struct.Struct("<4sI")
# Code, scale, padding, base, unit; the code is the width of `k`, or one of the two below.
_COLUMN = struct.Struct("<BxxxIqQ")
_ABSENT, _PLAIN = 0, 255
_COLUMNS = 7
_PRICE_SCALE = 10_000
# A float64 holds every whole number up to 2**53, so also the distance of any two below this.
_EXACT = 2**52
_FLOAT: np.dtype[Any] = np.dtype("<f8")
_WIDTHS: dict[int, np.dtype[Any]] = {width: np.dtype(f"<u{width}") for width in (1, 2, 4, 8)}


class DamagedError(Exception):
    """The bytes are no piece of candles."""


class _Code(NamedTuple):
    """How one column is written."""

    code: int
    scale: int
    base: int
    unit: int
    payload: bytes


def encode(columns: Sequence[Column]) -> bytes:
    """The bytes of the columns `ts` (int64) and open, high, low, close, volume, oi (float64), of
    equal length and at least one row."""
    stamps, *floats = columns
    codes = [_encode_ints(stamps, 1)]
    codes += [_encode_floats(column, _PRICE_SCALE) for column in floats[:4]]
    codes += [_encode_floats(column, 1) for column in floats[4:]]
    parts = [_HEADER.pack(_MAGIC, len(stamps))]
    for code in codes:
        parts.append(_COLUMN.pack(code.code, code.scale, code.base, code.unit))
    for code in codes:
        parts += (code.payload, bytes(-len(code.payload) % 8))
    return b"".join(parts)


def decode(data: bytes, out: Sequence[Column]) -> None:
    """Writes the columns into `out`, arrays of the piece's length and the columns' types.

    Raises DamagedError when the bytes are no piece, or one of another length.
    """
    try:
        magic, count = _HEADER.unpack_from(data)
        if magic != _MAGIC or len(out[0]) != count:
            raise DamagedError(f"{magic!r} with {count} bars")
        offset = _HEADER.size + _COLUMNS * _COLUMN.size
        for index, column in enumerate(out):
            code, scale, base, unit = _COLUMN.unpack_from(data, _HEADER.size + index * _COLUMN.size)
            if code == _ABSENT:
                column.fill(np.nan)
                continue
            kind = _FLOAT if code == _PLAIN else _WIDTHS[code]
            values = np.frombuffer(data, kind, count, offset)
            offset += values.nbytes + -values.nbytes % 8
            _write(values, code, scale, base, unit, column)
    except (struct.error, ValueError, KeyError) as error:
        raise DamagedError(str(error)) from None


def _write(values: Column, code: int, scale: int, base: int, unit: int, out: Column) -> None:
    out[:] = values
    if code == _PLAIN:
        return
    if unit != 1:
        out *= unit
    if base:
        out += base
    if scale != 1:
        out /= scale


def _encode_floats(column: Floats, scale: int) -> _Code:
    with np.errstate(invalid="ignore", over="ignore"):
        scaled = np.rint(column * scale) if scale != 1 else column
        # NaN fails the comparison, and so do infinities.
        small = np.abs(scaled) < _EXACT
    if small.all():
        whole = scaled.astype(np.int64)
        back = whole / scale if scale != 1 else whole.astype(np.float64)
        # As bits: a negative zero is not zero.
        if np.array_equal(back.view(np.int64), column.view(np.int64)):
            return _encode_ints(whole, scale)
    elif np.isnan(column).all():
        return _Code(_ABSENT, 1, 0, 1, b"")
    return _Code(_PLAIN, 1, 0, 1, np.ascontiguousarray(column, _FLOAT).tobytes())


def _encode_ints(whole: Ints, scale: int) -> _Code:
    base = int(whole.min())
    above = (whole - base).view(np.uint64)
    unit = int(np.gcd.reduce(above)) or 1
    highest = int(above.max()) // unit
    width = next(width for width in _WIDTHS if highest < 256**width)
    counted = above // np.uint64(unit) if unit != 1 else above
    return _Code(width, scale, base, unit, counted.astype(_WIDTHS[width]).tobytes())
