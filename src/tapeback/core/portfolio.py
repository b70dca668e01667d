"""Cash, positions and margin, in whole money units (fill contract A1, S2)."""

from __future__ import annotations

from collections.abc import Callable

from tapeback.core.margins import MarginGroup
from tapeback.market.margin import MarginTerms, share_of_value
from tapeback.models.instrument import Instrument
from tapeback.models.order import Order
from tapeback.models.position import Position
from tapeback.utils.money import RUPEE, to_rupees, to_units

PositionKey = tuple[str, str, str]
_RUPEE = RUPEE


class Portfolio:
    """One account. Buying takes the whole value out of cash and puts it into the position's cost,
    so cash plus positions at their marks is equity at every moment.

    `available_units` is what new orders may use: the money paid in and earned, less charges, less
    the margin of positions and of resting orders (`blocked_units`), less `held_back`, which is of
    sales that have not settled. `groups` are the positions that are margined together, by
    (underlying, exchange, product); the others block a share of their cost.
    """

    def __init__(self, initial_cash: float, *, margined: bool) -> None:
        self.initial = to_units(initial_cash)
        self.cash_units = self.initial
        self.available_units = self.initial
        self.blocked_units = 0
        self.held_back = 0
        self.margined = margined
        self.groups: dict[PositionKey, MarginGroup] = {}
        self._group_of: dict[PositionKey, MarginGroup] = {}
        self.positions: dict[PositionKey, Position] = {}

    @property
    def cash(self) -> float:
        return to_rupees(self.cash_units)

    @property
    def available(self) -> float:
        """Funds for new orders, in rupees: what was paid in and earned, less charges, less what
        positions and resting orders block. Unrealised profit is no money yet. Without margin it is
        the cash."""
        return to_rupees(self.available_units) if self.margined else self.cash

    def position(self, symbol: str, exchange: str, product: str) -> Position:
        """The position of that key, made flat when there is none yet."""
        key = (symbol, exchange, product)
        found = self.positions.get(key)
        if found is None:
            found = self.positions[key] = Position(symbol, exchange, product)
        return found

    def adopt(
        self,
        position: Position,
        terms: MarginTerms,
        instrument: Instrument,
        spot: Callable[[], int],
    ) -> None:
        """Margin a position by the terms of a session; a future or an option, whose margin is
        scanned, together with the others on its underlying, whose last price `spot` gives."""
        share = share_of_value(terms, instrument)
        position.grouped = share is None
        if share is None:
            key = (instrument.underlying, instrument.exchange, position.product)
            group = self.groups.get(key)
            if group is None:
                group = self.groups[key] = MarginGroup(spot)
            self._group_of[position.symbol, position.exchange, position.product] = group
            freed = group.adopt(position, terms)
        else:
            position.part, position.whole = share
            freed = self._rebook(position)
        self.available_units += freed
        self.blocked_units -= freed

    def hold_back(self, units: int) -> None:
        """Keep the proceeds of a sale from new orders until the session is over."""
        self.held_back += units
        self.available_units -= units

    def exchange(self, position: Position, quantity: int, cost: int) -> None:
        """Let a position become another quantity at another cost, as a corporate action does."""
        gained = cost - position.cost
        position.quantity = quantity
        position.cost = cost
        if self.margined:
            freed = self._rebook(position)
            self.blocked_units -= freed
            self.available_units += gained + freed

    def settle_sales(self) -> None:
        """Let new orders use what was held back."""
        self.available_units += self.held_back
        self.held_back = 0

    def mark_to_market(self, position: Position, price: int) -> None:
        """Settle what a future gained or lost by `price` money units a unit, since it was settled
        last. Equity does not change: the funds for new orders do."""
        gained = position.quantity * price - position.cost - position.settled
        position.settled += gained
        self.available_units += gained

    def settle(
        self, order: Order, position: Position, signed: int, price: int, charges: int
    ) -> None:
        """Book an execution: `signed` units bought (or, negative, sold) at `price` money units,
        before the order counts it as filled. What the order blocked for it is free again."""
        self.cash_units -= signed * price + charges
        if position.grouped:
            self._arrived(order, position)
        profit = book_execution(position, signed, price)
        if self.margined:
            freed = self._rebook(position)
            if position.settled:
                profit -= self._settled_share(position, signed)
            if not order.parent:
                if signed > 0:
                    position.resting_buys -= signed
                else:
                    position.resting_sells += signed
                reserved = order.reserved
                if reserved:
                    remaining = order.quantity - order.filled_quantity
                    if remaining != abs(signed):
                        reserved = reserved * abs(signed) // remaining
                    order.reserved -= reserved
                    freed += reserved
            self.blocked_units -= freed
            self.available_units += profit - charges + freed

    def _rebook(self, position: Position) -> int:
        """Work out anew what a position blocks; by how much less that is."""
        if position.grouped:
            group = self._group_of[position.symbol, position.exchange, position.product]
            return group.rebook(position)
        blocked = _share(abs(position.cost), position.part, position.whole)
        freed = position.margin - blocked
        position.margin = blocked
        return freed

    def expect(self, order: Order, position: Position, price: float) -> None:
        """Let the next order know of a MARKET order that is under way and meets about `price`."""
        signed = order.quantity if order.action == "BUY" else -order.quantity
        group = self._group_of[position.symbol, position.exchange, position.product]
        group.send(order, signed, round(price * RUPEE))

    def _arrived(self, order: Order, position: Position) -> None:
        self._group_of[position.symbol, position.exchange, position.product].arrive(order)

    def _settled_share(self, position: Position, signed: int) -> int:
        """What was paid out daily of a future's profit that an execution has now taken."""
        held = position.quantity - signed
        if held * signed >= 0:
            return 0
        closed = min(abs(signed), abs(held))
        share = position.settled * closed // abs(held)
        position.settled -= share
        return share

    def post(self, units: int) -> None:
        """Book money that no execution moves; positive is the account's gain."""
        self.cash_units += units
        self.available_units += units

    def requirement(self, position: Position, action: str, quantity: int, price: float) -> int:
        """Margin that an order of `quantity` at `price` needs, in money units.

        What reduces the position, beyond what resting orders on that side already would, needs
        none; the excess is margined as new. Where positions hedge one another, what counts is by
        how much all of them would block more.
        """
        if position.grouped:
            return self._grouped_requirement(position, action == "BUY", quantity, price)
        if action == "BUY":
            free = -position.quantity - position.resting_buys
        else:
            free = position.quantity - position.resting_sells
        excess = quantity - free if free > 0 else quantity
        if excess <= 0:
            return 0
        return _share(excess * round(price * _RUPEE), position.part, position.whole)

    def _grouped_requirement(
        self, position: Position, buy: bool, quantity: int, price: float
    ) -> int:
        """By how much more the group would block: apart for the part that closes and for what
        opens beyond it, so that a reversal does not pay with the margin it is yet to free (S2)."""
        group = self._group_of[position.symbol, position.exchange, position.product]
        sign, units = (1 if buy else -1), round(price * RUPEE)
        resting = position.resting_buys if buy else position.resting_sells
        resting -= group.under_way(position.symbol, sign)
        closing = min(quantity, max(0, -sign * position.quantity - resting))
        steps = (resting, resting + closing, resting + quantity)
        before, closed, after = (
            group.additional(position, sign * step, units) if step else 0 for step in steps
        )
        return max(0, closed - before) + max(0, after - closed)

    def reserve(self, order: Order, position: Position, units: int) -> None:
        """Block a known margin for an order under way and count what is left of its quantity."""
        order.reserved = units
        self.available_units -= units
        self.blocked_units += units
        quantity = order.quantity - order.filled_quantity
        if order.action == "BUY":
            position.resting_buys += quantity
        else:
            position.resting_sells += quantity

    def release(self, order: Order, position: Position, quantity: int) -> None:
        """Give back what `quantity` of an order's remaining quantity blocked."""
        if position.grouped:
            self._arrived(order, position)
        remaining = order.quantity - order.filled_quantity
        units = order.reserved if quantity == remaining else order.reserved * quantity // remaining
        order.reserved -= units
        self.available_units += units
        self.blocked_units -= units
        if order.action == "BUY":
            position.resting_buys -= quantity
        else:
            position.resting_sells -= quantity


def _share(value: int, part: int, whole: int) -> int:
    """`part`/`whole` of a value, up to the next whole unit."""
    if part == whole:
        return value
    if part == 1:
        return -(-value // whole)
    wide = value
    return -(-wide * part // whole)


def book_execution(position: Position, signed: int, price: int) -> int:
    """Change a position by `signed` units at `price` money units; the profit taken by it.

    The average cost stays when a position is reduced, and is the price when it is reversed.
    """
    held = position.quantity
    position.quantity = held + signed
    if held * signed >= 0:
        position.cost += signed * price
        return 0
    if abs(signed) >= abs(held):
        profit = held * price - position.cost
        position.cost = (held + signed) * price
    else:
        released = position.cost * signed // held
        profit = released - signed * price
        position.cost += released
    position.realised += profit
    return profit
