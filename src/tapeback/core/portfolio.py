"""Cash, positions and margin, in whole money units (fill contract A1, S2)."""

from __future__ import annotations

from tapeback.models.order import Order
from tapeback.models.position import Position
from tapeback.utils.money import RUPEE, to_rupees, to_units

PositionKey = tuple[str, str, str]


class Portfolio:
    """One account. Buying takes the whole value out of cash and puts it into the position's cost,
    so cash plus positions at their marks is equity at every moment.

    `available_units` is what new orders may use: the money paid in and earned, less charges, less
    the margin of positions (their cost over the product's leverage) and of resting orders.
    """

    def __init__(self, initial_cash: float, *, margined: bool) -> None:
        self.initial = to_units(initial_cash)
        self.cash_units = self.initial
        self.available_units = self.initial
        self.margined = margined
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

    def position(self, symbol: str, exchange: str, product: str, leverage: float = 1) -> Position:
        """The position of that key, made flat with this leverage when there is none yet."""
        key = (symbol, exchange, product)
        found = self.positions.get(key)
        if found is None:
            found = self.positions[key] = Position(symbol, exchange, product, leverage=leverage)
        return found

    def settle(
        self, order: Order, position: Position, signed: int, price: int, charges: int
    ) -> None:
        """Book an execution: `signed` units bought (or, negative, sold) at `price` money units,
        before the order counts it as filled. What the order blocked for it is free again."""
        self.cash_units -= signed * price + charges
        profit = book_execution(position, signed, price)
        if self.margined:
            leverage, cost = position.leverage, position.cost
            blocked = abs(cost) if leverage == 1 else int(-(-abs(cost) // leverage))
            freed = position.margin - blocked
            position.margin = blocked
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
            self.available_units += profit - charges + freed

    def post(self, units: int) -> None:
        """Book money that no execution moves; positive is the account's gain."""
        self.cash_units += units
        self.available_units += units

    def requirement(self, position: Position, action: str, quantity: int, price: float) -> int:
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
        value, leverage = excess * round(price * RUPEE), position.leverage
        return value if leverage == 1 else int(-(-value // leverage))

    def reserve(self, order: Order, position: Position, units: int) -> None:
        """Block a known margin for an order under way and count what is left of its quantity."""
        order.reserved = units
        self.available_units -= units
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
        self.available_units += units
        if order.action == "BUY":
            position.resting_buys -= quantity
        else:
            position.resting_sells -= quantity


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
