"""The orders and the fills of a run, kept the cheapest way while it runs: appended to, and read as
columns or objects afterwards."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter
from typing import overload

import numpy as np

from tapeback.models.fill import Fill, FillColumns
from tapeback.models.order import Order
from tapeback.models.posting import Posting
from tapeback.utils.money import to_rupees

# Price and what moved it: (price, spread, slippage, impact, rounding).
Parts = tuple[float, float, float, float, float]
_NOTHING_MOVED = (0.0, 0.0, 0.0, 0.0, 0.0)
_ID_DIGITS = 8

_symbol_of = attrgetter("symbol", "exchange")


class OrderLog(Mapping[str, Order]):
    """All orders of a run by their id, oldest first. An id ends in its order's number, so that no
    index is needed."""

    def __init__(self) -> None:
        self.rows: list[Order] = []

    def __getitem__(self, orderid: str) -> Order:
        number = orderid[-_ID_DIGITS:]
        at = int(number) - 1 if number.isdecimal() else -1
        if 0 <= at < len(self.rows) and self.rows[at].orderid == orderid:
            return self.rows[at]
        raise KeyError(orderid)

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[str]:
        return (order.orderid for order in self.rows)

    def newest(self, count: int) -> list[Order]:
        """The last `count` orders, oldest first."""
        return self.rows[len(self.rows) - count :]


class Ledger(Sequence[Fill]):
    """The fills of a run in the order in which they happened; a `Fill` is made when one is asked
    for. Times are ns UTC, `signed` is negative for sales, `units` (the price) and `charges` are
    money units; `parts` holds the prices that were moved and `thin` the fills beyond their bar's
    share of volume, both by position; `postings` are the entries that no fill made."""

    def __init__(self) -> None:
        self.ts = array("q")
        self.signed = array("q")
        self.price = array("d")
        self.units = array("q")
        self.charges = array("q")
        self.reference = array("d")
        self.orders: list[Order] = []
        self.rules: list[str] = []
        self.parts: dict[int, Parts] = {}
        self.thin: set[int] = set()
        self.postings: list[Posting] = []

    def append(self, ts: int, signed: int, order: Order, rule: str) -> None:
        """Note units that came or went at no price."""
        self.ts.append(ts)
        self.signed.append(signed)
        self.price.append(0.0)
        self.units.append(0)
        self.charges.append(0)
        self.reference.append(0.0)
        self.orders.append(order)
        self.rules.append(rule)

    def columns(self) -> FillColumns:
        """The whole ledger as arrays; asked for once the run is over."""
        moved = np.zeros(len(self))
        for at, (_, spread, slippage, impact, rounding) in self.parts.items():
            moved[at] = spread + slippage + impact + rounding
        return FillColumns(
            ts=np.array(self.ts, dtype=np.int64),
            signed=np.array(self.signed, dtype=np.int64),
            price=np.array(self.price, dtype=np.float64),
            units=np.array(self.units, dtype=np.int64),
            charges=np.array(self.charges, dtype=np.int64),
            moved=moved,
            owners=list(map(_symbol_of, self.orders)),
        )

    def __len__(self) -> int:
        return len(self.ts)

    def __iter__(self) -> Iterator[Fill]:
        return map(self._fill, range(len(self)))

    @overload
    def __getitem__(self, index: int) -> Fill: ...
    @overload
    def __getitem__(self, index: slice) -> list[Fill]: ...
    def __getitem__(self, index: int | slice) -> Fill | list[Fill]:
        places = range(len(self))[index]
        return self._fill(places) if isinstance(places, int) else list(map(self._fill, places))

    def _fill(self, at: int) -> Fill:
        order = self.orders[at]
        _, spread, slippage, impact, rounding = self.parts.get(at, _NOTHING_MOVED)
        return Fill(
            self.ts[at],
            order.orderid,
            order.symbol,
            order.exchange,
            order.product,
            order.action,
            abs(self.signed[at]),
            self.price[at],
            self.rules[at],
            self.reference[at],
            spread,
            slippage,
            impact,
            rounding,
            to_rupees(self.charges[at]),
            at in self.thin,
        )
