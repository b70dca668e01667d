"""What OpenAlgo, broker and exchange refuse of an order, money aside.

The checks run in OpenAlgo's order and answer in its words (fill contract S1, S2).
"""

from __future__ import annotations

from collections.abc import Callable

from tapeback.broker.rules import (
    AFTER_HOURS,
    BANNED,
    BROKER,
    EXPIRED,
    MARKET_CLOSED,
    OPENALGO,
    Refusal,
    after_square_off,
    band_refusal,
    figure_refusal,
    freeze_refusal,
    invalid,
    is_price,
    leg_side_refusal,
    lot_refusal,
    not_accepted,
    off_grid,
    product_refusal,
    tick_refusal,
    word_refusal,
)
from tapeback.core.book import GRID_NOISE, Book
from tapeback.core.engine import BacktestEngine
from tapeback.models.instrument import EXCHANGES
from tapeback.models.order import Order
from tapeback.utils.clock import day_number, to_ist


class OrderChecks:
    """The checks of one run. `lot_refusals` counts orders refused for their lot size. A script's
    orders need an open market in `live` (T4): `market_open(exchange, symbol)` tells of it."""

    def __init__(self, engine: BacktestEngine) -> None:
        self.lot_refusals = 0
        self.market_open: Callable[[str, str], bool] | None = None
        self._engine = engine
        self._simulator = engine.simulator
        self._books = engine.simulator.books
        self._rulebook = engine.rulebook
        self._strict = engine.rules.exchange_rules
        self._live = engine.rules.fidelity == "live"

    def refusal(self, order: Order, book: Book | None) -> Refusal | None:
        """Everything that needs no money, in OpenAlgo's order."""
        if book is None:
            return word_refusal(order) or self._unknown(order)
        refusal = self.malformed(order)
        if refusal is None and (order.stop_loss or order.target):
            refusal = self._leg_refusal(order, book)
        if refusal is None and self._strict:
            refusal = self._exchange_refusal(order, book)
        return refusal

    def closed(self, book: Book) -> bool:
        """Whether an instrument's market is closed to a script now."""
        if self.market_open is None or not self._live:
            return False
        return not self.market_open(book.instrument.exchange, book.instrument.symbol)

    def malformed(self, order: Order) -> Refusal | None:
        """What the words and figures of an order show; a quantity that is whole becomes an int."""
        return (
            word_refusal(order)
            or (product_refusal(order) if self._strict else None)
            or figure_refusal(order)
        )

    def _leg_refusal(self, order: Order, book: Book) -> Refusal | None:
        """Whether the stop and the target of an entry can be orders of their own (S6)."""
        for name, level in (("stop_loss", order.stop_loss), ("target", order.target)):
            if level and not is_price(level):
                return Refusal(f"{name} must be a price above 0", f"It was {level!r}.", OPENALGO)
            if level and self._live and off_grid(level, book.tick):
                return tick_refusal(name, level, book.tick)
        base = order.price or order.trigger_price or self._simulator.last_price(book)
        sign = 1 if order.action == "BUY" else -1
        if self._live and base:
            if order.stop_loss and (order.stop_loss - base) * sign >= 0:
                return leg_side_refusal("stop_loss", order, base, "below", "above")
            if order.target and (order.target - base) * sign <= 0:
                return leg_side_refusal("target", order, base, "above", "below")
        return None

    def _exchange_refusal(self, order: Order, book: Book) -> Refusal | None:
        if book.expired:
            return EXPIRED
        if self.closed(book):
            return MARKET_CLOSED
        if book.lot > 1 and order.quantity % book.lot:
            return self.lot_refusal(order.quantity, book.lot)
        refusal = self._too_late(order, book)
        if refusal is not None or not self._live:
            return refusal
        if order.quantity > book.most:
            shown = book.terms.lot.to_shown
            return freeze_refusal(shown(order.quantity), shown(int(book.most)))
        if book.terms.banned and not self._reduces(order, book):
            return BANNED
        broker = book.terms.broker
        if broker is not None and order.pricetype in ("MARKET", "SL-M"):
            market = order.pricetype == "MARKET"
            if (broker.market if market else broker.stop_market) == "refuse":
                return not_accepted(order.pricetype)
        if order.pricetype != "MARKET":
            refusal = self._off_tick(order, book) or self._out_of_band(order, book)
            if refusal is None and order.trigger_price:
                refusal = self._wrong_side(order, book)
        return refusal

    def _too_late(self, order: Order, book: Book) -> Refusal | None:
        """Whether MIS is over for the day: at the session's end, and after the square-off for all
        that does not reduce a position (S3)."""
        now = self._simulator.now
        if order.product != "MIS":
            return None
        hours = book.hours_on(day_number(now))
        if self._live and now == hours.closes:
            return AFTER_HOURS
        if hours.square_off <= now and not self._reduces(order, book):
            return after_square_off(to_ist(hours.square_off))
        return None

    def _reduces(self, order: Order, book: Book) -> bool:
        """Whether an order only makes the position of its product smaller."""
        position, left = book.position(order.product), order.quantity - order.filled_quantity
        if order.action == "BUY":
            return left <= -position.quantity - position.resting_buys
        return left <= position.quantity - position.resting_sells

    def _out_of_band(self, order: Order, book: Book) -> Refusal | None:
        """Limit and trigger against the day's price band, or, of an option, against how far its
        exchange lets a limit lie from the price."""
        lower, upper = self._permitted(book)
        protection, last = book.terms.protection, self._simulator.last_price(book)
        if protection is not None and last and order.price and not order.trigger_price:
            lower, upper = protection.range(last)
        for name, price in (("price", order.price), ("trigger_price", order.trigger_price)):
            if price and not lower <= price <= upper:
                return band_refusal(name, price, lower, upper)
        return None

    def _unknown(self, order: Order) -> Refusal:
        if order.exchange not in EXCHANGES:
            return invalid("exchange", order.exchange, EXCHANGES)
        known = ", ".join(f"{symbol}:{exchange}" for symbol, exchange in self._books)
        return Refusal(
            f"Symbol {order.symbol} not found on {order.exchange}",
            f"This run has candles of {known} only.",
            OPENALGO,
        )

    def _off_tick(self, order: Order, book: Book) -> Refusal | None:
        tick = book.tick
        if off_grid(order.price, tick):
            return tick_refusal("price", order.price, tick)
        if order.trigger_price and off_grid(order.trigger_price, tick):
            return tick_refusal("trigger_price", order.trigger_price, tick)
        return None

    def _permitted(self, book: Book) -> tuple[float, float]:
        """The price band as it is now: what trades of the session prove, a flexible one has given
        way to, and of an uncertain one only the widest is known."""
        band = book.terms.band
        if band is None or (band.certain and not band.steps):
            return book.lower, book.upper
        low, high = self._engine.session_extremes(book)
        if not low:
            return book.lower, book.upper
        if band.steps:
            band = band.flexed(low, high)
        return min(band.lower, low) - GRID_NOISE, max(band.upper, high) + GRID_NOISE

    def lot_refusal(self, quantity: int, lot: int) -> Refusal:
        """A quantity that is no multiple of the lot; the first one names the other settings."""
        self.lot_refusals += 1
        remedy = self._rulebook.lots.remedy if self.lot_refusals == 1 else ""
        return lot_refusal(quantity, lot, remedy, BROKER if self._live else OPENALGO)

    def _wrong_side(self, order: Order, book: Book) -> Refusal | None:
        """Trigger against the last price, and an SL's limit against its trigger (P4)."""
        if order.pricetype not in ("SL", "SL-M") or order.triggered_ts:
            return None
        buy, trigger = order.action == "BUY", order.trigger_price
        last = self._simulator.last_price(book)
        if last and ((trigger <= last) if buy else (trigger >= last)):
            side = "higher" if buy else "lower"
            return Refusal(
                f"Trigger price for stoploss {order.action.lower()} orders should be {side} than "
                f"the last traded price",
                f"The trigger was {trigger}, the last traded price {last}.",
                BROKER,
            )
        price = order.price
        if order.pricetype == "SL" and ((price < trigger) if buy else (price > trigger)):
            side = "at or above" if buy else "at or below"
            return Refusal(
                f"Limit price of stoploss {order.action.lower()} orders must be {side} the trigger",
                f"The limit was {price}, the trigger {trigger}.",
                BROKER,
            )
        return None
