"""The orders and the fills of a run, kept the cheapest way while it runs: appended to, and read as
columns or objects afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter
from typing import overload

import numpy as np

from tapeback.core.columns import FillLog, Floats, Ints
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
    for. `log` has their figures, `parts` the prices that were moved and `thin` the fills beyond
    their bar's share of volume, both by position; `postings` are the entries that no fill made."""

    def __init__(self) -> None:
        self.log = FillLog()
        self.parts: dict[int, Parts] = {}
        self.thin: set[int] = set()
        self.postings: list[Posting] = []

    @property
    def orders(self) -> list[Order]:
        """The order of each fill."""
        return self.log.orders

    @property
    def rules(self) -> list[str]:
        """The rule that made each fill."""
        return self.log.rules

    @property
    def price(self) -> Floats:
        """Prices, rupees."""
        return self.log.price

    @property
    def units(self) -> Ints:
        """Prices, money units."""
        return self.log.units

    @property
    def charges(self) -> Ints:
        """Charges, money units."""
        return self.log.charges

    def append(self, ts: int, signed: int, order: Order, rule: str) -> None:
        """Note units that came or went at no price."""
        self.log.add(ts, signed, 0.0, 0, 0, 0.0, order, rule)

    def columns(self) -> FillColumns:
        """The whole ledger as arrays; asked for once the run is over."""
        log = self.log
        known: dict[tuple[str, str], tuple[str, str]] = {}
        moved = np.zeros(len(self))
        for at, (_, spread, slippage, impact, rounding) in self.parts.items():
            moved[at] = spread + slippage + impact + rounding
        return FillColumns(
            ts=log.ts,
            signed=log.signed,
            price=log.price,
            units=log.units,
            charges=log.charges,
            moved=moved,
            owners=[known.setdefault(key, key) for key in map(_symbol_of, log.orders)],
        )

    def __len__(self) -> int:
        return self.log.rows

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
        log = self.log
        order = log.orders[at]
        _, spread, slippage, impact, rounding = self.parts.get(at, _NOTHING_MOVED)
        return Fill(
            int(log.ts[at]),
            order.orderid,
            order.symbol,
            order.exchange,
            order.product,
            order.action,
            abs(int(log.signed[at])),
            float(log.price[at]),
            log.rules[at],
            float(log.reference[at]),
            spread,
            slippage,
            impact,
            rounding,
            to_rupees(int(log.charges[at])),
            at in self.thin,
        )
