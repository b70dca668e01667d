"""An execution and the parts of its price."""

from __future__ import annotations

from datetime import datetime

import msgspec

from tapeback.utils.clock import to_ist


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
