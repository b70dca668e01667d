"""A round trip: what was opened by one order and closed by another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
import numpy as np
import numpy.typing as npt

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


@dataclass(frozen=True, slots=True)
class TradeColumns:
    """Trades as arrays of equal length: `entry_ts` and `exit_ts` int64 ns UTC, `pnl` float64 rupees
    net of fees, `pnl_pct` float64 per cent of the entry's value."""

    entry_ts: npt.NDArray[np.int64]
    exit_ts: npt.NDArray[np.int64]
    pnl: npt.NDArray[np.float64]
    pnl_pct: npt.NDArray[np.float64]

    @classmethod
    def of(cls, trades: Sequence[Trade]) -> TradeColumns:
        """The columns of trade objects."""
        return cls(
            entry_ts=np.array([trade.entry_ts for trade in trades], dtype=np.int64),
            exit_ts=np.array([trade.exit_ts for trade in trades], dtype=np.int64),
            pnl=np.array([trade.pnl for trade in trades], dtype=np.float64),
            pnl_pct=np.array([trade.pnl_pct for trade in trades], dtype=np.float64),
        )
