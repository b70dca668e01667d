"""Columns that grow while a run is played: written a row at a time, read as arrays."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tapeback.models.order import Order

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
_ROOM = 1024


class FillLog:
    """The figures of executions, `rows` of them; times are ns UTC, `signed` is negative for sales,
    `units` (the price) and `charges` are money units. The arrays are views of what there is."""

    def __init__(self) -> None:
        self.rows = 0
        self.orders: list[Order] = []
        self.rules: list[str] = []
        self._room = _ROOM
        self._ts = _empty("q", _ROOM)
        self._signed = _empty("q", _ROOM)
        self._price = _empty("d", _ROOM)
        self._units = _empty("q", _ROOM)
        self._charges = _empty("q", _ROOM)
        self._reference = _empty("d", _ROOM)

    def add(  # noqa: PLR0917
        self, ts: int, signed: int, price: float, units: int, charges: int, reference: float,
        order: Order, rule: str,
    ) -> None:  # fmt: skip
        """Write one row."""
        at = self.rows
        if at == self._room:
            self._grow()
        self._ts[at] = ts
        self._signed[at] = signed
        self._price[at] = price
        self._units[at] = units
        self._charges[at] = charges
        self._reference[at] = reference
        self.orders.append(order)
        self.rules.append(rule)
        self.rows = at + 1

    def __reduce__(self) -> tuple[Any, ...]:
        """For pickling: a result may go to another process."""
        figures = (self.ts, self.signed, self.price, self.units, self.charges, self.reference)
        columns = [figure.tolist() for figure in figures]
        return _filled, ([*columns, self.orders, self.rules],)

    @property
    def ts(self) -> Ints:
        return _view(self._ts, self.rows)

    @property
    def signed(self) -> Ints:
        return _view(self._signed, self.rows)

    @property
    def price(self) -> Floats:
        return _view(self._price, self.rows)

    @property
    def units(self) -> Ints:
        return _view(self._units, self.rows)

    @property
    def charges(self) -> Ints:
        return _view(self._charges, self.rows)

    @property
    def reference(self) -> Floats:
        return _view(self._reference, self.rows)

    def _grow(self) -> None:
        self._room *= 2
        self._ts = _longer("q", self._ts)
        self._signed = _longer("q", self._signed)
        self._price = _longer("d", self._price)
        self._units = _longer("q", self._units)
        self._charges = _longer("q", self._charges)
        self._reference = _longer("d", self._reference)


def _filled(columns: Sequence[Sequence[Any]]) -> FillLog:
    """A log with the rows of columns."""
    log = FillLog()
    for row in zip(*columns, strict=True):
        log.add(*row)
    return log


class MarginLog:
    """What was blocked from when on: `ts` ns UTC, `units` money units, in the order of the
    changes."""

    def __init__(self) -> None:
        self.rows = 0
        self._room = _ROOM
        self._ts = _empty("q", _ROOM)
        self._units = _empty("q", _ROOM)

    def add(self, ts: int, units: int) -> None:
        """Write one row."""
        at = self.rows
        if at == self._room:
            self._room *= 2
            self._ts = _longer("q", self._ts)
            self._units = _longer("q", self._units)
        self._ts[at] = ts
        self._units[at] = units
        self.rows = at + 1

    @property
    def ts(self) -> Ints:
        return _view(self._ts, self.rows)

    @property
    def units(self) -> Ints:
        return _view(self._units, self.rows)


def _empty(kind: str, room: int) -> array[Any]:
    return array(kind, bytes(8 * room))


def _longer(kind: str, column: Any) -> array[Any]:
    """A column with twice the room."""
    grown = _empty(kind, 2 * len(column))
    memoryview(grown)[: len(column)] = memoryview(column)
    return grown


def _view(column: Any, rows: int) -> npt.NDArray[Any]:
    return np.asarray(column)[:rows]
