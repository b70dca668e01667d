"""A round trip: what was opened by one order and closed by another."""

from __future__ import annotations

from datetime import datetime

import msgspec

from tapeback.utils.clock import to_ist


class Trade(msgspec.Struct, frozen=True, gc=False):
    """One entry order matched first in, first out with one exit order (fill contract A2).

    `side` is that of the entry: `BUY` for a long trade. Prices are the orders' average prices
    over the matched quantity, `pnl` is in rupees net of `fees`, the trade's share of both orders'
    charges; `pnl_pct` is of the entry's value.
    """

    id: str
    symbol: str
    exchange: str
    product: str
    entry_ts: int
    exit_ts: int
    entry_price: float
    exit_price: float
    quantity: int
    side: str
    pnl: float
    pnl_pct: float
    fees: float
    entry_order: str
    exit_order: str

    @property
    def entry_time(self) -> datetime:
        return to_ist(self.entry_ts)

    @property
    def exit_time(self) -> datetime:
        return to_ist(self.exit_ts)

    @property
    def duration_seconds(self) -> float:
        return (self.exit_ts - self.entry_ts) / 1e9
