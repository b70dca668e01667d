"""Contracts that end: settled in cash, by delivery, or worthless (`market/settling/expiry`)."""

from __future__ import annotations

from tapeback.core.book import Book
from tapeback.core.order_simulator import OrderSimulator
from tapeback.market.costs.expiry_levies import delivery_levy, exercise_levy
from tapeback.market.costs.segments import segment_of
from tapeback.market.rulebook import Rulebook
from tapeback.market.settlement import closing_value
from tapeback.market.settling.expiry import Delivery, Levy, Settlement, settle_expiry
from tapeback.models.order import Order
from tapeback.models.position import Position
from tapeback.utils.money import RUPEE

RULE = "expiry"


class Expiring:
    """Settles what is open of a contract on its last day."""

    def __init__(self, simulator: OrderSimulator, rulebook: Rulebook, live: bool) -> None:
        self._simulator = simulator
        self._rulebook = rulebook
        self._live = live

    def settle(self, book: Book, day: int) -> None:
        """End all orders and positions in a contract that expires on an Indian day number."""
        simulator = self._simulator
        book.expired, book.plain = True, False
        for order in simulator.working_in(book):
            simulator.cancel(book, order, "the contract has expired.")
        for position in list(book.positions.values()):
            if position.quantity:
                self._settle_position(book, position, day)

    def _settle_position(self, book: Book, position: Position, day: int) -> None:
        simulator, last = self._simulator, self._simulator.last_price(book)
        order = simulator.closing_order(position, "EXPIRY")
        if not self._live:
            # The analyzer closes at the last price, without exercise and without charges.
            simulator.settle(book, order, last, RULE)
            return
        quantity = position.quantity
        settled = settle_expiry(
            book.instrument,
            quantity,
            self._closing_value(book, last),
            day=day,
            future_traded=self._future_of(book) is not None,
        )
        self._rulebook.note(settled.rows)
        target = self._receiver(book, settled.delivery)
        if settled.delivery is not None and target is None:
            # Nobody to deliver to or from in this run: the shares change hands at the close.
            worth = settled.price + settled.intrinsic // quantity
            simulator.settle(book, order, worth / RUPEE, RULE)
        else:
            simulator.settle(book, order, settled.price / RUPEE, RULE)
            if settled.delivery is not None and target is not None:
                self._deliver(target, settled.delivery)
        self._charge(book, settled, day)

    def _closing_value(self, book: Book, last: float) -> float:
        """Settlement price of what the contract is written on; where the run does not have it, of
        the contract itself, or what an option's last price says of it."""
        source = self._written_on(book)
        if source is book and book.instrument.kind == "option":
            # The least price that there is says that nobody thinks it worth anything.
            worth = last if last > book.tick else 0.0
            strike = book.instrument.strike
            return strike + worth if book.instrument.option_type == "CE" else strike - worth
        candles = source.session_candles(self._simulator.now)
        if not len(candles):
            return self._simulator.last_price(source)
        auction = source.hours.closes > source.hours.continuous_ends
        value = closing_value(candles, source.hours.closes, auction=auction)
        self._rulebook.note((value.row,))
        return value.value

    def _written_on(self, book: Book) -> Book:
        """The book whose price settles a contract: of the index or the share, or of the future
        that a commodity option becomes or that expires with an option; else its own."""
        leader, own = book.leader, book.instrument
        if leader is not None and leader.instrument.kind in ("index", "equity"):
            return leader
        future = self._future_of(book) if own.kind == "option" else None
        if future is None:
            return book
        commodity = segment_of(own, "NRML") == "COM_OPT"
        return future if commodity or future.instrument.expiry == own.expiry else book

    def _future_of(self, book: Book) -> Book | None:
        """The future that a commodity option turns into."""
        own = book.instrument
        futures = [
            other
            for other in self._simulator.books.values()
            if other.instrument.kind == "future"
            and other.instrument.underlying == own.underlying
            and other.instrument.exchange == own.exchange
            and (other.instrument.expiry or 0) >= (own.expiry or 0)
        ]
        return min(futures, key=lambda other: other.instrument.expiry or 0, default=None)

    def _receiver(self, book: Book, delivery: Delivery | None) -> Book | None:
        """The book that a delivery goes through; None where the run has none, or where shares
        would have to go out that are not held."""
        if delivery is None:
            return None
        if not delivery.symbol:
            return self._future_of(book)
        target = self._simulator.books.get((delivery.symbol, delivery.exchange))
        if target is not None and delivery.quantity < 0:
            held = target.position(delivery.product).quantity
            return target if held + delivery.quantity >= 0 else None
        return target

    def _deliver(self, target: Book, delivery: Delivery) -> None:
        order = Order(
            symbol=target.instrument.symbol,
            exchange=target.instrument.exchange,
            product=delivery.product,
            action="BUY" if delivery.quantity > 0 else "SELL",
            quantity=abs(delivery.quantity),
            strategy="EXPIRY",
        )
        simulator = self._simulator
        simulator.register(order)
        simulator.portfolio.reserve(order, target.position(delivery.product), 0)
        simulator.settle(target, order, delivery.price / RUPEE, RULE)

    def _charge(self, book: Book, settled: Settlement, day: int) -> None:
        levy: Levy | None = settled.levy
        if levy is None or not self._rulebook.schedule.plan.statutory:
            return
        if levy.kind == "physical":
            due = delivery_levy(day, levy.buy, levy.value)
        else:
            segment = segment_of(book.instrument, "NRML")
            due = exercise_levy(
                day,
                book.instrument.exchange,
                segment,
                intrinsic=levy.intrinsic,
                settlement=levy.value,
            )
        self._rulebook.note(due.rows)
        what = "delivery" if levy.kind == "physical" else "exercise"
        lines = due.charges
        for name, units in (("STT", lines.stt), ("CTT", lines.ctt), ("stamp duty", lines.stamp)):
            if units:
                note = f"{book.instrument.symbol} expired"
                self._simulator.post(book, f"{name} on {what}", -units, note)
