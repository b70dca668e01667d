"""An order and its life, in OpenAlgo's words."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from tapeback.utils.clock import to_ist

Action = Literal["BUY", "SELL"]
PriceType = Literal["MARKET", "LIMIT", "SL", "SL-M"]
Product = Literal["MIS", "NRML", "CNC"]
OrderStatus = Literal["open", "trigger pending", "complete", "rejected", "cancelled"]

ACTIONS = ("BUY", "SELL")
PRICE_TYPES = ("MARKET", "LIMIT", "SL", "SL-M")
PRODUCTS = ("MIS", "NRML", "CNC")
LIVE_STATUSES = ("open", "trigger pending")


def _moment(ts: int) -> datetime | None:
    return to_ist(ts) if ts else None


class Order(msgspec.Struct, gc=False):
    """One order. Times are ns UTC, 0 while the thing has not happened; `price` and
    `trigger_price` are 0.0 where the type of order has none, as in OpenAlgo's books.

    `seq` is the order's place in the queue of its price level: it changes when a modification
    loses that place, and is 0 once the order has ended. `touched_ts` is when price first touched
    its limit without passing it, `reserved` the margin it blocks and `turnover` the value of its
    executions while it is partly filled, both in money units. `protection` is the limit that the
    broker gave a MARKET or SL-M order. `refused_by` is
    `openalgo` when OpenAlgo's own checks refused the request (a bot gets an error and no order
    id) and `broker` when broker or exchange did (a bot gets an id, then `rejected` in the
    books). `parent` is the order id of the entry that a linked order
    protects; `oco` names the group of which one fill cancels or reduces the others.
    """

    symbol: str
    action: str
    quantity: int
    exchange: str = ""
    pricetype: str = "MARKET"
    product: str = ""
    price: float = 0.0
    trigger_price: float = 0.0
    strategy: str = ""
    orderid: str = ""
    status: str = "open"
    filled_quantity: int = 0
    average_price: float = 0.0
    rejection_reason: str = ""
    remedy: str = ""
    refused_by: str = ""
    seq: int = 0
    placed_ts: int = 0
    triggered_ts: int = 0
    filled_ts: int = 0
    ended_ts: int = 0
    modifications: int = 0
    stop_loss: float = 0.0
    target: float = 0.0
    parent: str = ""
    oco: str = ""
    touched_ts: int = 0
    reserved: int = 0
    turnover: int = 0
    protection: float = 0.0

    @property
    def side(self) -> str:
        """`BUY` or `SELL`: the same as `action`."""
        return self.action

    @property
    def pending_quantity(self) -> int:
        return self.quantity - self.filled_quantity if self.status in LIVE_STATUSES else 0

    @property
    def is_open(self) -> bool:
        """Whether it can still be filled, triggered, modified or cancelled."""
        return self.status in LIVE_STATUSES

    @property
    def placed_at(self) -> datetime | None:
        return _moment(self.placed_ts)

    @property
    def triggered_at(self) -> datetime | None:
        return _moment(self.triggered_ts)

    @property
    def filled_at(self) -> datetime | None:
        """When its last fill happened."""
        return _moment(self.filled_ts)

    @property
    def ended_at(self) -> datetime | None:
        """When it was completed, cancelled or rejected."""
        return _moment(self.ended_ts)
