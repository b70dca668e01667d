"""Positions margined together: the futures and options of one underlying in one product."""

from __future__ import annotations

from collections.abc import Callable

from tapeback.market.margin import MarginTerms
from tapeback.market.spreads import Leg, PortfolioMargin
from tapeback.models.position import Position


class MarginGroup:
    """What positions block together, where one may hedge another.

    `spot` gives the underlying's last price in money units, 0 while it is not known.
    """

    def __init__(self, spot: Callable[[], int]) -> None:
        self.blocked = 0
        self._spot = spot
        self._terms: dict[str, MarginTerms] = {}
        self._legs = PortfolioMargin()

    def adopt(self, position: Position, terms: MarginTerms) -> int:
        """Take up the terms of a session for a position; by how much less is blocked then."""
        self._terms[position.symbol] = terms
        return self.rebook(position) if position.quantity else 0

    def rebook(self, position: Position) -> int:
        """Note a position as it is now; by how much less is blocked then, in money units."""
        symbol = position.symbol
        leg = Leg(self._terms[symbol], position.quantity, position.cost)
        self._legs.hold(symbol, leg)
        blocked = self._legs.required(self._spot())
        freed = self.blocked - blocked
        self.blocked = blocked
        return freed

    def additional(self, position: Position, signed: int, price: int) -> int:
        """How much more would be blocked with `signed` units more at `price` money units."""
        quantity = position.quantity + signed
        held = position.quantity
        if held * signed >= 0:
            cost = position.cost + signed * price
        elif abs(signed) >= abs(held):
            cost = quantity * price
        else:
            cost = position.cost + position.cost * signed // held
        leg = Leg(self._terms[position.symbol], quantity, cost)
        return self._legs.additional(position.symbol, leg, self._spot())
