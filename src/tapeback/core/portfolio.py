"""Cash, positions and margin, in whole money units (fill contract A1, S2)."""

from __future__ import annotations

from tapeback.models.order import Order
from tapeback.models.position import Position
from tapeback.utils.money import RUPEE, to_rupees, to_units

PositionKey = tuple[str, str, str]


class Portfolio:
    """One account. Buying takes the whole value out of cash and puts it into the position's cost,
    so cash plus positions at their marks is equity at every moment.

    What a product ties up is `margin_used`: a position's cost over the product's leverage.
    `reserved` is what resting orders tie up besides.
    """

    def __init__(self, initial_cash: float, leverage: dict[str, float], *, margined: bool) -> None:
        self.initial = to_units(initial_cash)
        self.cash_units = self.initial
        self.invested = 0
        self.margin_used = 0
        self.reserved = 0
        self.margined = margined
        self.positions: dict[PositionKey, Position] = {}
        self._leverage = leverage

    @property
    def cash(self) -> float:
        return to_rupees(self.cash_units)

    @property
    def available(self) -> float:
        """Funds for new orders, in rupees: what was paid in and earned, less charges, less what
        positions and resting orders block. Unrealised profit is no money yet."""
        return to_rupees(self.available_units)

    @property
    def available_units(self) -> int:
        return self.cash_units + self.invested - self.margin_used - self.reserved

    def position(self, symbol: str, exchange: str, product: str) -> Position:
        """The position of that key, made flat when there is none yet."""
        key = (symbol, exchange, product)
        found = self.positions.get(key)
        if found is None:
            found = self.positions[key] = Position(symbol, exchange, product)
        return found

    def post(self, position: Position, signed: int, price: int, charges: int) -> None:
        """Book an execution: `signed` units bought (or, negative, sold) at `price` money units."""
        value = signed * price
        self.cash_units -= value + charges
        held = position.quantity
        if held == 0 or (held > 0) == (signed > 0):
            change = value
        else:
            closed = min(abs(signed), abs(held))
            released = position.cost if closed == abs(held) else position.cost * closed // abs(held)
            proceeds = (closed if signed < 0 else -closed) * price
            position.realised += proceeds - released
            opened = (abs(signed) - closed) * (1 if signed > 0 else -1)
            change = opened * price - released
        position.quantity = held + signed
        position.cost += change
        self.invested += change
        if self.margined:
            blocked = self.margin(position.product, abs(position.cost))
            self.margin_used += blocked - position.margin
            position.margin = blocked

    def margin(self, product: str, value: int) -> int:
        """What a product blocks of a value, in money units, rounded up."""
        leverage = self._leverage.get(product, 1.0)
        return value if leverage == 1.0 else -int(-value // leverage)

    def requirement(
        self, position: Position, action: str, quantity: int, price: float
    ) -> int:
        """Margin that an order of `quantity` at `price` needs, in money units.

        What reduces the position, beyond what resting orders on that side already would, needs
        none; the excess is margined as new.
        """
        if action == "BUY":
            free = -position.quantity - position.resting_buys
        else:
            free = position.quantity - position.resting_sells
        excess = quantity - free if free > 0 else quantity
        if excess <= 0:
            return 0
        return self.margin(position.product, excess * round(price * RUPEE))

    def reserve(self, order: Order, position: Position, units: int) -> None:
        """Block margin for an order under way and count what is left of its quantity."""
        order.reserved = units
        self.reserved += units
        quantity = order.quantity - order.filled_quantity
        if order.action == "BUY":
            position.resting_buys += quantity
        else:
            position.resting_sells += quantity

    def release(self, order: Order, position: Position, quantity: int) -> None:
        """Give back what `quantity` of an order's remaining quantity blocked."""
        remaining = order.quantity - order.filled_quantity
        units = order.reserved if quantity == remaining else order.reserved * quantity // remaining
        order.reserved -= units
        self.reserved -= units
        if order.action == "BUY":
            position.resting_buys -= quantity
        else:
            position.resting_sells -= quantity
