"""Round trips from fills: entry orders matched first in, first out with exit orders (A2)."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np

from tapeback.core.corporate import RULE as ACTION_RULE
from tapeback.core.ledger import Ledger
from tapeback.models.order import Order
from tapeback.models.trade import Trade, TradeColumns
from tapeback.utils.money import RUPEE


class _Lot:
    """What is still open of one entry order."""

    __slots__ = ("fees", "long", "matches", "order", "quantity", "ts", "value")

    def __init__(
        self, ts: int, order: Order, quantity: int, price: int, fees: int, long: bool
    ) -> None:
        self.quantity = quantity
        self.value = quantity * price
        self.fees = fees
        self.ts = ts
        self.order = order
        self.long = long
        self.matches: list[_Match] | None = None

    def match_with(self, order: Order, quantity: int) -> tuple[_Match, bool]:
        """What this entry shares with an exit order, and whether that is new: exits that take a
        part each may take turns."""
        if self.matches is None:
            if quantity == self.quantity:
                return _Match(self, order), True
            self.matches = []
        for match in self.matches:
            if match.order is order:
                return match, False
        self.matches.append(_Match(self, order))
        return self.matches[-1], True


class _Match:
    """What one entry order and one exit order share, growing fill by fill."""

    __slots__ = ("entry_value", "exit_value", "fees", "lot", "order", "quantity", "ts")

    def __init__(self, lot: _Lot, order: Order) -> None:
        self.lot = lot
        self.order = order
        self.quantity = self.entry_value = self.exit_value = self.fees = 0

    def add(self, ts: int, quantity: int, price: int, fees: int) -> None:
        """Match `quantity` of the lot with a fill at `price`, which paid `fees` for it."""
        lot = self.lot
        if quantity == lot.quantity:
            value, paid = lot.value, lot.fees
        else:
            value = lot.value * quantity // lot.quantity
            paid = lot.fees * quantity // lot.quantity
        lot.quantity -= quantity
        lot.value -= value
        lot.fees -= paid
        self.ts = ts
        self.quantity += quantity
        self.entry_value += value
        self.exit_value += quantity * price
        self.fees += fees + paid

    def profit(self) -> int:
        """Profit net of fees, money units."""
        gained = self.exit_value - self.entry_value
        return (gained if self.lot.long else -gained) - self.fees


class Trades(Sequence[Trade]):
    """The trades of a run in the order in which their exits began. A `Trade` is made when one is
    asked for. `fees` are each trade's share of its orders' charges, money units."""

    def __init__(self, matches: Sequence[_Match]) -> None:
        self._entries = [match.lot.order for match in matches]
        self._exits = [match.order for match in matches]
        self._entry_ts = array("q", [match.lot.ts for match in matches])
        self._exit_ts = array("q", [match.ts for match in matches])
        self._quantities = array("q", [match.quantity for match in matches])
        self._entry_values = [match.entry_value for match in matches]
        self._exit_values = [match.exit_value for match in matches]
        self._profits = [match.profit() for match in matches]
        self.fees = [match.fees for match in matches]

    def columns(self) -> TradeColumns:
        """All trades as arrays."""
        return TradeColumns(
            entry_ts=np.array(self._entry_ts, dtype=np.int64),
            exit_ts=np.array(self._exit_ts, dtype=np.int64),
            pnl=np.array([profit / RUPEE for profit in self._profits], dtype=np.float64),
            pnl_pct=np.array(list(map(_percent, self._profits, self._entry_values)), np.float64),
        )

    def __len__(self) -> int:
        return len(self._exits)

    def __iter__(self) -> Iterator[Trade]:
        return map(self._trade, range(len(self)))

    @overload
    def __getitem__(self, index: int) -> Trade: ...
    @overload
    def __getitem__(self, index: slice) -> list[Trade]: ...
    def __getitem__(self, index: int | slice) -> Trade | list[Trade]:
        places = range(len(self))[index]
        return self._trade(places) if isinstance(places, int) else list(map(self._trade, places))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def _trade(self, at: int) -> Trade:
        entry, leaving = self._entries[at], self._exits[at]
        quantity, profit = self._quantities[at], self._profits[at]
        bought, left, whole = self._entry_values[at], self._exit_values[at], quantity * RUPEE
        return Trade(
            f"T{at + 1:06d}", leaving.symbol, leaving.exchange, leaving.product,
            self._entry_ts[at], self._exit_ts[at], bought / whole, left / whole, quantity,
            entry.action, profit / RUPEE, _percent(profit, bought), self.fees[at] / RUPEE,
            entry.orderid, leaving.orderid,
        )  # fmt: skip


def _percent(profit: int, value: int) -> float:
    """The profit in per cent of the entry's value; what a corporate action gave cost nothing."""
    return 100.0 * profit / value if value else 0.0


def match_trades(ledger: Ledger, charges: Sequence[int] | None = None) -> Trades:
    """Trades in the order in which their exits began; what is still open makes none. `charges`,
    money units a fill, stand in for those of the ledger.

    Positions of one symbol in different products are matched apart. Money is split in whole
    units, so the trades' profits and fees add up to those of the matched fills.
    """
    queues: dict[tuple[str, str, str], deque[_Lot]] = {}
    matches: list[_Match] = []
    log = ledger.log
    for ts, order, signed, price, fees, rule in zip(
        log.ts.tolist(), log.orders, log.signed.tolist(), log.units.tolist(),
        log.charges.tolist() if charges is None else charges, log.rules, strict=True,
    ):  # fmt: skip
        key = (order.symbol, order.exchange, order.product)
        queue = queues.get(key)
        if queue is None:
            queue = queues[key] = deque()
        if rule == ACTION_RULE and queue:
            _scale(queue, signed)
            continue
        long, left = signed > 0, abs(signed)
        while left and queue and queue[0].long is not long:
            lot = queue[0]
            quantity = min(left, lot.quantity)
            match, new = lot.match_with(order, quantity)
            if new:
                matches.append(match)
            share = fees if quantity == left else fees * quantity // left
            match.add(ts, quantity, price, share)
            left -= quantity
            fees -= share
            if not lot.quantity:
                queue.popleft()
        if left:
            newest = queue[-1] if queue else None
            if newest is not None and newest.order is order:
                newest.quantity += left
                newest.value += left * price
                newest.fees += fees
            else:
                queue.append(_Lot(ts, order, left, price, fees, long))
    return Trades(matches)


def _scale(lots: deque[_Lot], signed: int) -> None:
    """Spread shares that a corporate action gave, or took, over the open lots by their size; what
    they cost stays."""
    held = sum(lot.quantity for lot in lots)
    now = held + (signed if lots[0].long else -signed)
    before = after = 0
    for lot in lots:
        before += lot.quantity
        lot.quantity = now * before // held - after
        after += lot.quantity
    for lot in [lot for lot in lots if not lot.quantity]:
        lots.remove(lot)
        if lots:
            lots[-1].value += lot.value
            lots[-1].fees += lot.fees
