"""Quantities as a bot counts them: with `lots: scale`, and where a master contract counts lots, n
of its lots are n of the contract's."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from tapeback.core.book import Book
from tapeback.core.ports import Listener
from tapeback.models.order import Order


class BotUnits:
    """Turns quantities of contracts into those that their bot knows, by the lots of the session.

    Orders, fills and positions of the engine are in units of the contract; everything that a bot
    reads goes through here. Money and prices are the same on both sides.
    """

    def __init__(self, books: Mapping[tuple[str, str], Book]) -> None:
        self._books = books
        self._unscaled: set[str] = set()

    def told(self, listener: Listener) -> Listener:
        """A listener that tells `listener` of the orders as the bot knows them."""
        return lambda order: listener(self.order(order))

    def leave(self, order: Order) -> None:
        """Note an order that was refused with the quantity that its bot asked for."""
        self._unscaled.add(order.orderid)

    def quantity(self, symbol: str, exchange: str, units: int) -> int:
        """Signed units of a contract as the bot counts them."""
        book = self._books.get((symbol, exchange))
        return units if book is None else book.terms.lot.to_shown(units)

    def order(self, order: Order) -> Order:
        """The order as its bot knows it: itself, or a copy where the bot counts otherwise."""
        book = self._books.get((order.symbol, order.exchange))
        if book is None:
            return order
        lot = book.terms.lot
        if lot.shown == lot.traded or order.orderid in self._unscaled:
            return order
        return msgspec.structs.replace(
            order,
            quantity=lot.to_shown(order.quantity),
            filled_quantity=lot.to_shown(order.filled_quantity),
        )
