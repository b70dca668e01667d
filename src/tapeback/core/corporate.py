"""Corporate actions: what splits, bonuses, dividends, rights and demergers make of shares held and
of orders that rest, before the first price of the ex-date (`market/settling/corporate_actions`)."""

from __future__ import annotations

import numpy as np

from tapeback.core.book import Book, Change
from tapeback.core.order_simulator import OrderSimulator
from tapeback.market import timeframes
from tapeback.market.rulebook import Rulebook
from tapeback.market.settling.corporate_actions import AdjustedOrder, Entitlement, ExDay
from tapeback.market.settling.price_jumps import examine, gaps_of
from tapeback.models.order import Order
from tapeback.models.position import Position
from tapeback.utils.clock import DAY_NS, day_number, midnight
from tapeback.utils.money import RUPEE, to_units

RULE = "action"


class CorporateActions:
    """The actions of a run's shares that its prices do not contain yet, by share and ex-date."""

    def __init__(self, simulator: OrderSimulator, rulebook: Rulebook) -> None:
        self._simulator = simulator
        self._rulebook = rulebook
        self._due: dict[Book, list[ExDay]] = {}
        self._factors: dict[Book, list[tuple[int, float]]] = {}

    def add(self, book: Book) -> None:
        """Look up the actions of an instrument of the run."""
        candles, instrument = book.candles, book.instrument
        first, last = (day_number(int(candles.starts[at])) for at in (0, -1))
        known = [
            day
            for day in self._rulebook.actions.of(instrument.symbol, instrument.exchange)
            if first < day.day <= last
        ]
        if not known or instrument.kind != "equity":
            return
        if timeframes.duration(candles.timeframe) <= DAY_NS:
            days = examine(gaps_of(candles), known).to_apply()
            self._due[book] = list(days)
            self._factors[book] = [
                (midnight(day.day), float(day.share_factor))
                for day in days
                if day.share_factor != 1
            ]

    def skip(self, book: Book, day: int) -> None:
        """Pass over the actions up to an Indian day number: nothing was held or rested then."""
        due = self._due.get(book)
        while due and due[0].day <= day:
            due.pop(0)

    def share_factors(self, book: Book) -> list[tuple[int, float]]:
        """From when on (ns UTC) one share of before is how many, at each split and bonus that the
        prices move with."""
        return self._factors.get(book, [])

    def begin_session(self, book: Book, ts: int) -> None:
        """Apply what has become due for a share by the session whose first bar begins at `ts`."""
        due = self._due.get(book)
        day = day_number(ts)
        while due and due[0].day <= day:
            ex_day = due.pop(0)
            if book.candle is not None:
                self._rulebook.note(ex_day.rows)
                self._apply(book, ex_day, ts)
                # The day's band lies around what the last close is worth after the action.
                base = ex_day.ex_price(to_units(book.last_close), with_dividend=False)
                book.rebase(0.0 if base is None else float(base) / RUPEE)

    def _apply(self, book: Book, ex_day: ExDay, ts: int) -> None:
        close = to_units(book.last_close)
        at = int(np.searchsorted(book.candles.starts, ts))
        price = to_units(float(book.candles.open[at]))
        for position in list(book.positions.values()):
            if position.quantity:
                due = ex_day.apply_to_position(
                    position.quantity, position.cost, close=close, price=price
                )
                self._rulebook.note(due.rows)
                self._book(book, position, ex_day, due)
                if position.product == "CNC" and book.holding is not None:
                    ex_day.apply_to_holding(book.holding, close=close, price=price)
        for order in self._simulator.working_in(book):
            self._adjust(book, order, ex_day, close)

    def _adjust(self, book: Book, order: Order, ex_day: ExDay, close: int) -> None:
        """Let an order that rests over the ex-date keep its meaning."""

        def adjusted(price: float, trigger_price: float) -> AdjustedOrder:
            return ex_day.apply_to_order(left, price, trigger_price, close=close, tick=book.tick)

        left = order.quantity - order.filled_quantity
        now = adjusted(order.price, order.trigger_price)
        self._rulebook.note((now.row,))
        if not now.quantity:
            self._simulator.cancel(book, order, "a corporate action ended the order.")
            return
        exits = adjusted(order.target, order.stop_loss)
        order.target, order.stop_loss = exits.price, exits.trigger_price
        order.protection = adjusted(order.protection, 0.0).price
        if (now.quantity, now.price, now.trigger_price) != (left, order.price, order.trigger_price):
            quantity = order.filled_quantity + now.quantity
            change = Change(quantity, now.price, now.trigger_price)
            self._simulator.modify(book, order, change)

    def _book(self, book: Book, position: Position, ex_day: ExDay, due: Entitlement) -> None:
        """Let a position become what it is entitled to."""
        simulator, symbol = self._simulator, position.symbol
        kinds = " and ".join(dict.fromkeys(action.kind for action in ex_day.actions))
        more = due.quantity - position.quantity
        simulator.portfolio.exchange(position, due.quantity, due.cost)
        if more:
            simulator.book_shares(book, position, more, RULE)
        if position.product == "CNC":
            position.overnight, position.overnight_cost = due.quantity, due.cost
        if due.cash:
            simulator.post(book, kinds, due.cash, f"{kinds} of {symbol}", charge=False)
        if due.child_quantity:
            self._give_child(book, position, due)

    def _give_child(self, book: Book, position: Position, due: Entitlement) -> None:
        """The shares of a demerged company: held where the run trades them, else worth what the
        market took off the parent."""
        simulator = self._simulator
        target = simulator.books.get((due.child, book.instrument.exchange))
        if target is None:
            worth = due.child_quantity * due.child_price
            note = f"{due.child_quantity} {due.child}, which the run has no bars of, at their worth"
            simulator.post(book, "demerger", worth, note, charge=False)
            return
        child = target.position(position.product)
        simulator.portfolio.exchange(
            child, child.quantity + due.child_quantity, child.cost + due.child_cost
        )
        simulator.book_shares(target, child, due.child_quantity, RULE)
