"""Orders, books and funds of a run: one set of rules for every way of sending an order.

`broker/checks` refuses what an order may not be, here it is what there is no money for. A refused
order is kept with its reason and reaches the strategy like any other update.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

from tapeback.broker.bot_units import BotUnits
from tapeback.broker.checks import OrderChecks
from tapeback.broker.rules import (
    BROKER,
    OPENALGO,
    Refusal,
    off_grid,
)
from tapeback.core.book import Book, Change
from tapeback.core.engine import BacktestEngine
from tapeback.errors import StrategyError
from tapeback.market import timeframes
from tapeback.market.brokers import BrokerRules
from tapeback.market.margin import default_policy, shortfall_allowed
from tapeback.models.order import ACTIONS, Order
from tapeback.models.position import Position
from tapeback.utils.money import to_rupees


class BrokerService:
    """Orders of one run, checked and sent to its simulated exchange.

    `default` is the series that orders without a symbol mean: the first one of the run.
    """

    def __init__(self, engine: BacktestEngine) -> None:
        self.engine = engine
        self.simulator = engine.simulator
        self.portfolio = engine.portfolio
        self.rules = engine.rules
        self._strict = engine.rules.exchange_rules
        self._live = engine.rules.fidelity == "live"
        self._margined = self.portfolio.margined
        self._needed = 0
        self.rulebook = engine.rulebook
        self.margin_warnings = 0
        first = engine.series[0]
        self.symbol = first.symbol
        self.exchange = first.exchange
        self._books = self.simulator.books
        self.bot_units = BotUnits(self._books)
        self.checks = OrderChecks(engine)
        # What positions are valued at; to a script prices are on the tick (T5).
        self.price_of: Callable[[Book], float] = self.simulator.last_price
        self._products: dict[tuple[str, str], str] = {}
        # Every exchange takes MIS and the product that orders there have by default.
        self._ordinary: dict[Book, tuple[str, str]] = {}
        self._exchanges: dict[str, str] = {}
        for book in self._books.values():
            self.admit(book)
        self._book = self._books[self.symbol, self.exchange]
        self._product = self._products[self.symbol, self.exchange]

    def admit(self, book: Book) -> None:
        """Take orders in an instrument: one of the run's, or one that joins it."""
        instrument, product = book.instrument, _default_product(book)
        self._products[instrument.symbol, instrument.exchange] = product
        self._ordinary[book] = "MIS", product
        self._exchanges.setdefault(instrument.symbol, instrument.exchange)

    # Orders --------------------------------------------------------------------------------

    def place(  # noqa: PLR0917
        self,
        action: str,
        quantity: Any,
        symbol: str = "",
        exchange: str = "",
        pricetype: str = "MARKET",
        product: str = "",
        price: float = 0.0,
        trigger_price: float = 0.0,
        strategy: str = "",
        stop_loss: float = 0.0,
        target: float = 0.0,
    ) -> Order:
        """Check an order and send it. The order comes back either way: `rejected` with its reason,
        or under way. Prices in rupees, `quantity` in units."""
        if symbol or exchange:
            symbol = symbol or self.symbol
            exchange = exchange or self.exchange_of(symbol)
            book = self._books.get((symbol, exchange))
            product = product or self.product_of(symbol, exchange)
        else:
            symbol, exchange, book = self.symbol, self.exchange, self._book
            product = product or self._product
        if pricetype == "MARKET":
            price = trigger_price = 0.0
        elif pricetype == "LIMIT":
            trigger_price = 0.0
        elif pricetype == "SL-M":
            price = 0.0
        order = Order(
            symbol, action, quantity, exchange, pricetype, product, price, trigger_price, strategy
        )
        if stop_loss or target:
            order.stop_loss = stop_loss
            order.target = target
        return self._take(order, book)

    def submit(self, order: Order) -> Order:
        """Check an order that the caller made and send it. Raises StrategyError for an order that
        was sent before."""
        if order.orderid:
            raise StrategyError(
                f"order {order.orderid} was sent already.", remedy="Make a new Order each time."
            )
        return self._take(order, self._books.get((order.symbol, order.exchange)))

    def _take(self, order: Order, book: Book | None) -> Order:
        simulator = self.simulator
        simulator.register(order)
        if book is not None and not book.has_terms:
            book.take_terms()
        refusal = None
        if not self._plain(order, book):
            refusal = self._scaled(order, book) or self.checks.refusal(order, book)
            if refusal is None and book is not None and book.terms.broker is not None:
                self._protect(order, book, book.terms.broker)
        if refusal is None and book is not None:
            if self._margined:
                refusal = self._block(order, book)
            if refusal is None:
                if order.trigger_price:
                    order.status = "trigger pending"
                simulator.accept(book, order)
                return order
        if refusal is not None:
            simulator.refuse(order, *refusal)
        return order

    def _scaled(self, order: Order, book: Book | None) -> Refusal | None:
        """Turn n of the lots that a bot carries into n of the contract's (`lots: scale`)."""
        lot = book.terms.lot if book is not None else None
        if lot is None or lot.shown == lot.traded:
            return None
        refusal = self.checks.malformed(order)
        if refusal is None and order.quantity % lot.shown:
            refusal = self.checks.lot_refusal(order.quantity, lot.shown)
        if refusal is not None:
            self.bot_units.leave(order)
            return refusal
        order.quantity = lot.to_traded(order.quantity)
        return None

    def _protect(self, order: Order, book: Book, broker: BrokerRules) -> None:
        """Send a MARKET order, or an SL-M, with the limit that its broker gives it."""
        buy = order.action == "BUY"
        if order.pricetype == "MARKET" and broker.market == "protect":
            last = self.simulator.last_price(book)
            if last:
                order.protection = broker.protection_price(buy, last, book.tick)
        elif order.pricetype == "SL-M" and broker.stop_market == "protect":
            order.pricetype = "SL"
            order.protection = broker.protection_price(buy, order.trigger_price, book.tick)
            order.price = order.protection

    def _plain(self, order: Order, book: Book | None) -> bool:
        """Whether an order is so ordinary that `_refusal` has nothing to say: most are, and this
        is quicker to see. What is not plain may still be right."""
        if book is None or not book.plain or not self._strict:
            return False
        if type(order.quantity) is not int or type(order.price) is not float:
            return False
        if order.trigger_price or order.stop_loss or order.target:
            return False
        if order.action not in ACTIONS or order.product not in self._ordinary[book]:
            return False
        now, square_off, closes = self.simulator.now, book.hours.square_off, book.hours.closes
        if now >= square_off or now == closes or self.checks.closed(book):
            return False
        if not 0 < order.quantity <= book.most or order.quantity % book.lot:
            return False
        price = order.price
        return order.pricetype == "MARKET" or (
            order.pricetype == "LIMIT"
            and not book.slides
            and book.lower <= price <= book.upper
            and 0.0 < price < inf
            and not off_grid(price, book.tick)
        )

    def modify(
        self,
        orderid: str,
        *,
        quantity: int | None = None,
        price: float | None = None,
        trigger_price: float | None = None,
    ) -> Refusal | None:
        """Change an open order; what is not given stays. `None` means it was accepted."""
        order = self.simulator.orders.get(orderid)
        if order is None:
            return Refusal(f"Order {orderid} not found", "Check the order id.", OPENALGO)
        if not order.is_open:
            return Refusal(
                f"Cannot modify order in {order.status} status",
                "Only open orders change.",
                OPENALGO,
            )
        book = self._books[order.symbol, order.exchange]
        wanted = order.quantity
        if quantity is not None:
            lot = book.terms.lot
            if lot.shown != lot.traded and quantity % lot.shown:
                return self.checks.lot_refusal(quantity, lot.shown)
            wanted = lot.to_traded(quantity)
        change = Change(wanted, price or 0.0, trigger_price or 0.0)
        refusal = self._refused_change(order, book, change)
        if refusal is None:
            self.simulator.request_change(order, change)
        return refusal

    def cancel(self, orderid: str) -> Refusal | None:
        """Cancel an open order; `None` means it was accepted."""
        order = self.simulator.orders.get(orderid)
        if order is None:
            return Refusal(f"Order {orderid} not found", "Check the order id.", OPENALGO)
        if not order.is_open:
            return Refusal(
                f"Cannot cancel order in {order.status} status", "Only open orders end.", OPENALGO
            )
        self.simulator.request_cancel(order)
        return None

    def cancel_all(self, wanted: Callable[[Order], bool] | None = None) -> list[str]:
        """Cancel every open order, or those that `wanted` picks; their ids, oldest first."""
        orders = [order for order in self.open_orders() if wanted is None or wanted(order)]
        for order in orders:
            if order.seq:
                self.simulator.request_cancel(order)
        return [order.orderid for order in orders]

    def link(self, *orderids: str) -> None:
        """Make open orders cancel one another: one fills, the rest are reduced or cancelled. Raises
        StrategyError for an order that is not open."""
        orders = []
        for orderid in orderids:
            order = self.simulator.orders.get(orderid)
            if order is None or not order.is_open:
                state = "is not known" if order is None else f"is {order.status}"
                raise StrategyError(
                    f"order {orderid!r} {state}.", remedy="Link orders that are still open."
                )
            orders.append(order)
        self.simulator.link(tuple(orders))

    def exchange_of(self, symbol: str) -> str:
        """Exchange of a symbol of this run; the default one for a symbol it does not have."""
        return self._exchanges.get(symbol, self.exchange)

    def product_of(self, symbol: str, exchange: str) -> str:
        """Product of an order that names none (S2b)."""
        return self._products.get((symbol, exchange), "MIS")

    # Books ---------------------------------------------------------------------------------

    def open_orders(self) -> list[Order]:
        """Orders that can still be filled, oldest first."""
        return self.simulator.working()

    def net_quantity(self, symbol: str = "", exchange: str = "") -> int:
        """Signed quantity held of a symbol over all products."""
        symbol = symbol or self.symbol
        exchange = exchange or self.exchange_of(symbol)
        book = self._books.get((symbol, exchange))
        return self.bot_units.quantity(symbol, exchange, book.net) if book is not None else 0

    def positions(self) -> list[Position]:
        """All positions of the run with `last_price` brought up to now."""
        for position in self.portfolio.positions.values():
            book = self._books[position.symbol, position.exchange]
            position.last_price = self.price_of(book)
        return list(self.portfolio.positions.values())

    def equity(self) -> float:
        """Cash and positions at their last prices, in rupees."""
        held = sum(p.quantity * p.last_price for p in self.positions() if p.quantity)
        return self.portfolio.cash + held

    def last_price(self, symbol: str, exchange: str) -> float | None:
        """Last traded price, or `None` where the run has no such instrument or no bar yet."""
        book = self._books.get((symbol, exchange))
        return (self.simulator.last_price(book) or None) if book is not None else None

    # Funds ---------------------------------------------------------------------------------

    def _block(self, order: Order, book: Book) -> Refusal | None:
        """Check shares and funds, and block the margin of an order that may go (S2)."""
        refusal = self._unaffordable(order, book, order.quantity)
        if refusal is None:
            position = book.positions.get(order.product) or book.position(order.product)
            self.portfolio.reserve(order, position, self._needed)
            if position.grouped and order.pricetype == "MARKET":
                self.portfolio.expect(order, position, self.simulator.last_price(book))
            self.simulator.note_margin()
        return refusal

    def _unaffordable(self, order: Order, book: Book, quantity: int) -> Refusal | None:
        """Whether shares or funds are missing for `quantity` of an order; what it needs is kept
        in `_needed`, in money units."""
        portfolio, position = self.portfolio, book.position(order.product)
        if order.product == "CNC" and order.action == "SELL":
            free = position.quantity - position.resting_sells
            if quantity > free:
                return Refusal(
                    f"Cannot sell {quantity} shares of {order.symbol} in CNC. Only "
                    f"{max(free, 0)} shares available",
                    "CNC sells what is held; MIS and NRML may sell short.",
                    BROKER,
                )
        price = order.trigger_price or order.price
        if order.pricetype == "SL" and self._live:
            price = order.price
        if not price:
            price = self.simulator.last_price(book)
            if not price:
                return Refusal(
                    f"Cannot place MARKET order for {order.symbol} - unable to fetch current price",
                    "No bar of it has been seen yet.",
                    OPENALGO,
                )
        self._needed = needed = portfolio.requirement(position, order.action, quantity, price)
        if needed and needed > portfolio.available_units and not self._tolerated(book, needed):
            missing = needed - portfolio.available_units
            return Refusal(
                f"Insufficient funds. Required: ₹{to_rupees(needed):.2f}, Available: "
                f"₹{portfolio.available:.2f}, Shortage: ₹{to_rupees(missing):.2f}",
                "Order less, raise backtest.initial_cash, or use a product with leverage.",
                BROKER if self._live else OPENALGO,
            )
        return None

    def _tolerated(self, book: Book, needed: int) -> bool:
        """Whether an order short of funds may go all the same: the margin of derivatives is not
        known to the rupee, so a small shortfall is counted, not refused."""
        policy = self.rulebook.policy or default_policy(book.instrument)
        if not self._live and self.rulebook.policy is None:
            return False
        verdict = shortfall_allowed(policy, needed, self.portfolio.available_units)
        self.margin_warnings += verdict == "warned"
        return verdict != "refused"

    def _refused_change(self, order: Order, book: Book, change: Change) -> Refusal | None:
        """Check a changed order as a new one of its kind would be (S1, S2)."""
        if order.pricetype == "SL-M" and change.price:
            return Refusal("SL-M orders do not accept a price", "Leave price at 0.", OPENALGO)
        trial = Order(
            order.symbol, order.action, change.quantity, order.exchange, order.pricetype,
            order.product, change.price or order.price,
            change.trigger_price or order.trigger_price,
        )  # fmt: skip
        trial.triggered_ts = order.triggered_ts
        trial.filled_quantity = order.filled_quantity
        if not self._margined or order.parent:
            return self.checks.refusal(trial, book)
        # It takes its own place among what rests: asked for as if it were not there.
        position, portfolio = book.position(order.product), self.portfolio
        held, resting = order.reserved, order.quantity - order.filled_quantity
        portfolio.release(order, position, resting)
        refusal = self.checks.refusal(trial, book)
        if refusal is None and self._live:
            refusal = self._unaffordable(trial, book, trial.quantity - order.filled_quantity)
        portfolio.reserve(order, position, held)
        return refusal


def _default_product(book: Book) -> str:
    """Product of orders that name none (S2b)."""
    if book.instrument.derivative:
        return "NRML"
    return "MIS" if timeframes.is_intraday(book.candles.timeframe) else "CNC"
