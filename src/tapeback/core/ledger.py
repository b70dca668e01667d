"""The fills of a run, kept as rows while it runs and read as columns or objects afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from operator import attrgetter, itemgetter
from typing import overload

import numpy as np
import numpy.typing as npt

from tapeback.models.fill import Fill, FillColumns
from tapeback.models.order import Order
from tapeback.utils.money import to_rupees

# Price and what moved it: (price, spread, slippage, impact, rounding).
Parts = tuple[float, float, float, float, float]


# One execution as the simulation notes it: instant, order, signed quantity, price, the price and
# the charges in money units, rule, reference, the parts of a price that was moved, `thin`.
FillRow = tuple[int, Order, int, float, int, int, str, float, Parts | None, bool]
_symbol_of = attrgetter("symbol", "exchange")


class Ledger(Sequence[Fill]):
    """The fills of a run in the order in which they happened.

    The simulation appends plain rows; a `Fill` is made when one is asked for.
    """

    def __init__(self) -> None:
        self.rows: list[FillRow] = []

    @cached_property
    def columns(self) -> FillColumns:
        """The whole ledger as arrays, made once the run is over."""
        return _columns(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Fill]:
        return map(_fill, self.rows)

    @overload
    def __getitem__(self, index: int) -> Fill: ...
    @overload
    def __getitem__(self, index: slice) -> list[Fill]: ...
    def __getitem__(self, index: int | slice) -> Fill | list[Fill]:
        if isinstance(index, slice):
            return [_fill(row) for row in self.rows[index]]
        return _fill(self.rows[index])


def _columns(rows: Sequence[FillRow]) -> FillColumns:
    moved = np.zeros(len(rows))
    for at, parts in enumerate(map(itemgetter(8), rows)):
        if parts is not None:
            moved[at] = parts[1] + parts[2] + parts[3] + parts[4]
    return FillColumns(
        ts=_ints(rows, 0),
        signed=_ints(rows, 2),
        price=np.array(list(map(itemgetter(3), rows)), dtype=np.float64),
        units=_ints(rows, 4),
        charges=_ints(rows, 5),
        moved=moved,
        owners=[_symbol_of(row[1]) for row in rows],
    )


def _ints(rows: Sequence[FillRow], at: int) -> npt.NDArray[np.int64]:
    return np.array(list(map(itemgetter(at), rows)), dtype=np.int64)


def _fill(row: FillRow) -> Fill:
    ts, order, signed, price, _, charges, rule, reference, parts, thin = row
    _, spread, slippage, impact, rounding = parts or (0.0, 0.0, 0.0, 0.0, 0.0)
    return Fill(
        ts, order.orderid, order.symbol, order.exchange, order.product, order.action, abs(signed),
        price, rule, reference, spread, slippage, impact, rounding, to_rupees(charges), thin,
    )  # fmt: skip
