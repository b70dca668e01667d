"""An execution and the parts of its price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
import numpy as np
import numpy.typing as npt

from tapeback.utils.clock import to_ist
from tapeback.utils.money import RUPEE


class Fill(msgspec.Struct, frozen=True, gc=False):
    """One execution of one order. `ts` is ns UTC, prices and parts are rupees a unit, `charges`
    rupees in all. `price = reference ± (spread + slippage + impact + rounding)`, against the
    trader. `rule` is the id in the fill contract; `thin` marks a fill beyond the bar's share of
    volume (P7)."""

    ts: int
    order_id: str
    symbol: str
    exchange: str
    product: str
    side: str
    quantity: int
    price: float
    rule: str
    reference: float
    spread: float
    slippage: float
    impact: float
    rounding: float
    charges: float
    thin: bool

    @property
    def time(self) -> datetime:
        """When it happened, aware, Asia/Kolkata."""
        return to_ist(self.ts)


@dataclass(frozen=True, slots=True)
class FillColumns:
    """Fills as arrays of equal length: `ts` int64 ns UTC; `signed` int64 units, negative for
    sales; `price` float64 rupees; `units` and `charges` int64 money units (the price, and the
    charges of the whole fill); `moved` float64 rupees a unit by which the price was moved against
    the trader; `owners` the (symbol, exchange) of each."""

    ts: npt.NDArray[np.int64]
    signed: npt.NDArray[np.int64]
    price: npt.NDArray[np.float64]
    units: npt.NDArray[np.int64]
    charges: npt.NDArray[np.int64]
    moved: npt.NDArray[np.float64]
    owners: list[tuple[str, str]]

    @classmethod
    def of(cls, fills: Sequence[Fill]) -> FillColumns:
        """The columns of fill objects."""
        price = np.array([f.price for f in fills], dtype=np.float64)
        charges = np.array([f.charges for f in fills], dtype=np.float64)
        signed = [f.quantity if f.side == "BUY" else -f.quantity for f in fills]
        moved = [f.spread + f.slippage + f.impact + f.rounding for f in fills]
        return cls(
            ts=np.array([f.ts for f in fills], dtype=np.int64),
            signed=np.array(signed, dtype=np.int64),
            price=price,
            units=np.rint(price * RUPEE).astype(np.int64),
            charges=np.rint(charges * RUPEE).astype(np.int64),
            moved=np.array(moved, dtype=np.float64),
            owners=[(f.symbol, f.exchange) for f in fills],
        )
