"""The fills of a run, kept as rows while it runs and read as columns or objects afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from operator import attrgetter
from typing import overload

import numpy as np

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
    count = len(rows)
    if not count:
        return FillColumns.of(())
    ts, orders, signed, price, units, charges, _, _, parts, _ = zip(*rows, strict=True)
    moved = np.zeros(count)
    for at, part in enumerate(parts):
        if part is not None:
            moved[at] = part[1] + part[2] + part[3] + part[4]
    return FillColumns(
        ts=np.array(ts, dtype=np.int64),
        signed=np.array(signed, dtype=np.int64),
        price=np.array(price, dtype=np.float64),
        units=np.array(units, dtype=np.int64),
        charges=np.array(charges, dtype=np.int64),
        moved=moved,
        owners=list(map(_symbol_of, orders)),
    )


def _fill(row: FillRow) -> Fill:
    ts, order, signed, price, _, charges, rule, reference, parts, thin = row
    _, spread, slippage, impact, rounding = parts or (0.0, 0.0, 0.0, 0.0, 0.0)
    return Fill(
        ts, order.orderid, order.symbol, order.exchange, order.product, order.action, abs(signed),
        price, rule, reference, spread, slippage, impact, rounding, to_rupees(charges), thin,
    )  # fmt: skip
