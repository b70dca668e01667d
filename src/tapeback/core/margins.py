"""Positions margined together: the futures and options of one underlying in one product."""

from __future__ import annotations

from collections.abc import Callable

from tapeback.market.margin import MarginTerms
from tapeback.market.spreads import Leg, PortfolioMargin
from tapeback.models.order import Order
from tapeback.models.position import Position


class MarginGroup:
    """What positions block together, where one may hedge another.

    `spot` gives the underlying's last price in money units, 0 while it is not known. MARKET orders
    that are under way count as filled when the next order is asked for its margin: live, each is
    filled before the next is sent.
    """

    def __init__(self, spot: Callable[[], int]) -> None:
        self.blocked = 0
        self._spot = spot
        self._terms: dict[str, MarginTerms] = {}
        self._held: dict[str, Position] = {}
        self._legs = PortfolioMargin()
        self._under_way: dict[str, tuple[str, int, int]] = {}

    def adopt(self, position: Position, terms: MarginTerms) -> int:
        """Take up the terms of a session for a position; by how much less is blocked then."""
        self._terms[position.symbol] = terms
        self._held[position.symbol] = position
        return self.rebook(position) if position.quantity else 0

    def rebook(self, position: Position) -> int:
        """Note a position as it is now; by how much less is blocked then, in money units."""
        self._legs.hold(position.symbol, self._leg(position.symbol))
        blocked = self._legs.required(self._spot())
        freed = self.blocked - blocked
        self.blocked = blocked
        return freed

    def additional(self, position: Position, signed: int, price: int) -> int:
        """How much more would be blocked with `signed` units more at `price` money units."""
        expected: dict[str, Leg] = {}
        for symbol, units, at in self._under_way.values():
            expected[symbol] = _moved(expected.get(symbol) or self._leg(symbol), units, at)
        symbol = position.symbol
        leg = _moved(expected.get(symbol) or self._leg(symbol), signed, price)
        return self._legs.additional(symbol, leg, self._spot(), expected)

    def send(self, order: Order, signed: int, price: int) -> None:
        """Note a MARKET order under way, of `signed` units at about `price` money units."""
        self._under_way[order.orderid] = (order.symbol, signed, price)

    def under_way(self, symbol: str, sign: int) -> int:
        """Units of a symbol in MARKET orders under way that buy (sign 1) or sell (-1)."""
        sent = (signed for name, signed, _ in self._under_way.values() if name == symbol)
        return sum(abs(signed) for signed in sent if signed * sign > 0)

    def arrive(self, order: Order) -> None:
        """Forget an order that is not under way any more."""
        self._under_way.pop(order.orderid, None)

    def _leg(self, symbol: str) -> Leg:
        position = self._held[symbol]
        return Leg(self._terms[symbol], position.quantity, position.cost)


def _moved(leg: Leg, signed: int, price: int) -> Leg:
    """A leg after an execution."""
    terms, held, cost = leg
    if held * signed >= 0:
        cost += signed * price
    elif abs(signed) >= abs(held):
        cost = (held + signed) * price
    else:
        cost += cost * signed // held
    return Leg(terms, held + signed, cost)
