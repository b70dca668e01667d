"""The `openalgo` SDK's client over the simulated broker, in process.

A bot that calls it cannot tell it from the SDK: the same keywords, the same replies, the same
error dictionaries; nothing raises but a wrong call. All it tells is known at the virtual instant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tapeback.broker import bulk, replies, requests
from tapeback.broker.frames import HistoryFrames
from tapeback.broker.quotes import QuoteBoard
from tapeback.broker.replies import Reply
from tapeback.broker.requests import Schema, Values, order_of, read_request, stringified
from tapeback.broker.rules import OPENALGO, Refusal
from tapeback.broker.service import BrokerService
from tapeback.broker.session_book import SessionBook
from tapeback.errors import DataError
from tapeback.market.contracts.master import Listing
from tapeback.market.contracts.terms import lot_of
from tapeback.models.order import Order

if TYPE_CHECKING:
    import pandas as pd


class MockOpenAlgoClient:
    """Answers as OpenAlgo would at this moment of the run.

    In `sandbox` fidelity the replies have the analyzer's shapes and quirks, otherwise those of a
    live account. `strategy` tags the orders of `place_order`, which names none.
    """

    def __init__(self, service: BrokerService, *, strategy: str = "Python") -> None:
        self.service = service
        self.strategy = strategy
        self._orders = service.simulator.orders
        self._units = service.bot_units
        self._sandbox = service.rules.fidelity == "sandbox"
        self._live = service.rules.fidelity == "live"
        self._books = SessionBook(service)
        self._quotes = QuoteBoard(service)
        self._frames = HistoryFrames(service.engine)

    # Orders --------------------------------------------------------------------------------

    def placeorder(
        self, *, strategy: str = "Python", symbol: str, action: str, exchange: str,
        price_type: str = "MARKET", product: str = "MIS", quantity: float | str = 1,
        **kwargs: Any,
    ) -> Reply:  # fmt: skip
        """Send an order; further keywords are `price`, `trigger_price`, `disclosed_quantity`.

        The reply holds `orderid`. A live broker's refusal shows in the order book only.
        """
        request, refused = self._read_order(
            requests.PLACE_ORDER,
            {
                "strategy": strategy, "symbol": symbol, "action": action, "exchange": exchange,
                "pricetype": price_type, "product": product, "quantity": str(quantity),
            },
            kwargs,
        )  # fmt: skip
        return refused or bulk.placed(self.service.submit(order_of(request)), self._sandbox)

    def placesmartorder(
        self, *, strategy: str = "Python", symbol: str, action: str, exchange: str,
        price_type: str = "MARKET", product: str = "MIS", quantity: float | str = 1,
        position_size: float | str, **kwargs: Any,
    ) -> Reply:  # fmt: skip
        """Send the order that brings the position to `position_size`, if one is needed."""
        request, refused = self._read_order(
            requests.SMART_ORDER,
            {
                "strategy": strategy, "symbol": symbol, "action": action, "exchange": exchange,
                "pricetype": price_type, "product": product, "quantity": str(quantity),
                "position_size": str(position_size),
            },
            kwargs,
        )  # fmt: skip
        return refused or bulk.smart_order(self.service, request, self._sandbox)

    def splitorder(
        self, *, strategy: str = "Python", symbol: str, action: str, exchange: str,
        quantity: float | str, splitsize: int | str, price_type: str = "MARKET",
        product: str = "MIS", **kwargs: Any,
    ) -> Reply:  # fmt: skip
        """Send a quantity in orders of `splitsize`, at most 100."""
        request, refused = self._read_order(
            requests.SPLIT_ORDER,
            {
                "strategy": strategy, "symbol": symbol, "action": action, "exchange": exchange,
                "quantity": str(quantity), "splitsize": str(splitsize), "pricetype": price_type,
                "product": product,
            },
            kwargs,
        )  # fmt: skip
        return refused or bulk.split_order(self.service, request, self._sandbox)

    def basketorder(
        self, *, strategy: str = "Python", orders: list[dict[str, Any]], **kwargs: Any
    ) -> Reply:
        """Send several orders, buys first; each has its own result."""
        rows = [
            {k: str(v) if isinstance(v, int | float) else v for k, v in order.items()}
            for order in orders
        ]
        payload = stringified({"strategy": strategy, "orders": rows}, kwargs)
        request, errors = read_request(requests.BASKET_ORDER, payload)
        if errors:
            made = [requests.unreadable_order({**row, "strategy": strategy}) for row in rows]
            return bulk.refused_request(self.service, made, errors, self._sandbox)
        return bulk.basket_order(self.service, request, self._sandbox)

    def modifyorder(
        self, *, order_id: str, strategy: str = "Python", symbol: str, action: str,
        exchange: str, price_type: str = "LIMIT", product: str, quantity: float | str,
        price: float | str, disclosed_quantity: int | str = "0",
        trigger_price: float | str = "0", **kwargs: Any,
    ) -> Reply:  # fmt: skip
        """Change quantity, price and trigger of an open order. A price of 0 leaves it.

        A change of `price_type` is refused: it is not simulated.
        """
        payload = {
            "orderid": order_id, "strategy": strategy, "symbol": symbol, "action": action,
            "exchange": exchange, "pricetype": price_type, "product": product,
            "quantity": str(quantity), "price": str(price),
            "disclosed_quantity": str(disclosed_quantity), "trigger_price": str(trigger_price),
        }  # fmt: skip
        request, refused = self._read(requests.MODIFY_ORDER, payload, kwargs)
        if refused is not None:
            return refused
        order = self._known(order_id)
        if order is None:
            return self._no_order(order_id)
        kind, asked = order.pricetype, request["pricetype"]
        if order.is_open and kind != asked and not self._sandbox:
            return self._error(
                400,
                f"Changing pricetype from {kind} to {asked} is not simulated: pass "
                f"price_type='{kind}', or cancel the order and send another.",
            )
        # The analyzer refuses a price on SL-M, brokers overlook it.
        priced = kind in ("LIMIT", "SL") or (kind == "SL-M" and self._sandbox)
        refusal = self.service.modify(
            order_id,
            quantity=int(request["quantity"]),
            price=request["price"] if priced else None,
            trigger_price=request["trigger_price"] if kind in ("SL", "SL-M") else None,
        )
        return self._changed("modified", order_id, refusal)

    def cancelorder(self, *, order_id: str, strategy: str = "Python", **kwargs: Any) -> Reply:
        """Cancel an open order."""
        payload = {"orderid": order_id, "strategy": strategy}
        _, refused = self._read(requests.ONE_ORDER, payload, kwargs)
        if refused is not None:
            return refused
        if self._known(order_id) is None:
            return self._no_order(order_id)
        return self._changed("cancelled", order_id, self.service.cancel(order_id))

    def cancelallorder(self, *, strategy: str = "Python", **kwargs: Any) -> Reply:
        """Cancel all open orders of the account, whichever strategy sent them."""
        _, refused = self._read(requests.ALL_ORDERS, {"strategy": strategy}, kwargs)
        return refused or bulk.cancel_all(self.service, self._sandbox)

    def closeposition(self, *, strategy: str = "Python", **kwargs: Any) -> Reply:
        """Close all positions of the account by MARKET."""
        _, refused = self._read(requests.ALL_ORDERS, {"strategy": strategy}, kwargs)
        return refused or bulk.close_positions(self.service, strategy, self._sandbox)

    # Books ---------------------------------------------------------------------------------

    def orderstatus(self, *, order_id: str, strategy: str = "Python", **kwargs: Any) -> Reply:
        """One order. A live broker knows those of the current session only."""
        payload = {"orderid": order_id, "strategy": strategy}
        _, refused = self._read(requests.ONE_ORDER, payload, kwargs)
        if refused is not None:
            return refused
        order = self._known(order_id)
        if order is None or (self._live and not self._books.holds(order)):
            return self._no_order(order_id)
        return replies.order_status(self._books.order_row(order), self._sandbox)

    def orderbook(self, **kwargs: Any) -> Reply:
        """Orders of the current session, newest first, and their counts."""
        refused = self._read_account(kwargs)
        return refused or replies.success(self._sandbox, data=self._books.order_book())

    def tradebook(self, **kwargs: Any) -> Reply:
        """Executions of the current session, newest first."""
        refused = self._read_account(kwargs)
        return refused or replies.success(self._sandbox, data=self._books.trade_rows())

    def positionbook(self, **kwargs: Any) -> Reply:
        """What is held and what was closed today, one row a product."""
        refused = self._read_account(kwargs)
        if refused is not None:
            return refused
        rows = [
            replies.position_row(
                position,
                self._units.quantity(position.symbol, position.exchange, position.quantity),
                realised,
                self._sandbox,
            )
            for position, realised in self._books.positions()
        ]
        return replies.position_book(rows, self._sandbox)

    def openposition(
        self, *, strategy: str = "Python", symbol: str, exchange: str, product: str, **kwargs: Any
    ) -> Reply:
        """Signed quantity of one position: an int from the analyzer, text from a live broker."""
        payload = {"strategy": strategy, "symbol": symbol, "exchange": exchange, "product": product}
        _, refused = self._read(requests.OPEN_POSITION, payload, kwargs)
        if refused is not None:
            return refused
        held = bulk.held_quantity(self.service, symbol, exchange, product)
        return replies.success(self._sandbox, quantity=held if self._sandbox else str(held))

    def holdings(self, **kwargs: Any) -> Reply:
        """Shares bought in CNC on earlier dates; those of today are in the position book."""
        refused = self._read_account(kwargs)
        return refused or replies.holdings(self._books.holdings(), self._sandbox)

    def funds(self, **kwargs: Any) -> Reply:
        """Free and blocked money, and the profit that the position book shows, before charges; text
        from a live broker."""
        refused = self._read_account(kwargs)
        if refused is not None:
            return refused
        since = int(self.service.engine.series[0].starts[0])
        return replies.funds(**self._books.account(), since=since, sandbox=self._sandbox)

    # Market --------------------------------------------------------------------------------

    def quotes(self, *, symbol: str, exchange: str, **kwargs: Any) -> Reply:
        """Last price, bid and ask, and the day so far."""
        refused = self._read_instrument(symbol, exchange, kwargs)
        if refused is not None:
            return refused
        quote = self._quotes.quote(symbol, exchange)
        if quote is None:
            return replies.http_error(400, f"No price of {symbol} on {exchange} yet.")
        return {"data": quote, "status": "success"}

    def history(
        self, *, symbol: str, exchange: str, interval: str, start_date: str, end_date: str,
        source: str = "api", **kwargs: Any,
    ) -> pd.DataFrame | Reply:  # fmt: skip
        """Closed bars from one date to another (YYYY-MM-DD, both included) as a frame: columns
        `close high low oi open volume`, index `timestamp`. An error dictionary when there are
        none."""
        payload = {
            "symbol": symbol, "exchange": exchange, "interval": interval,
            "start_date": start_date, "end_date": end_date, "source": source,
        }  # fmt: skip
        for value in (start_date, end_date):
            if not isinstance(value, str | int | float | None):
                return replies.unsendable(type(value).__name__)
        request, errors = read_request(requests.HISTORY, requests.completed(payload, kwargs))
        if errors:
            return replies.http_error(400, errors)
        if (symbol, exchange) not in self.service.simulator.books:
            return replies.unknown_symbol(symbol, exchange)
        try:
            frame = self._frames.frame(
                symbol, exchange, interval, request["start_date"], request["end_date"]
            )
        except DataError as error:
            return replies.http_error(400, str(error))
        return frame if len(frame) else replies.no_data()

    def symbol(self, *, symbol: str, exchange: str, **kwargs: Any) -> Reply:
        """The master contract's row as of today: tick size, lot size, freeze quantity, expiry,
        strike."""
        refused = self._read_instrument(symbol, exchange, kwargs)
        if refused is not None:
            return refused
        service = self.service
        books = service.simulator.books
        book = books[symbol, exchange]
        terms, instrument = book.terms, book.instrument
        lot = terms.lot.shown
        if not service.rules.exchange_rules:
            lot = lot_of(instrument, book.hours.day)
        return replies.symbol(
            instrument,
            service.rulebook.listing(symbol, exchange) or Listing(instrument),
            lot=lot,
            tick=terms.tick_size,
            freeze=terms.lot.to_shown(terms.freeze_quantity),
            number=list(books).index((symbol, exchange)) + 1,
        )

    def intervals(self, **kwargs: Any) -> Reply:
        """The intervals that `history` can give for the first symbol of the run."""
        refused = self._read_account(kwargs)
        names = self._frames.intervals(self.service.symbol, self.service.exchange)
        return refused or replies.intervals(names)

    # Other names that bots use -------------------------------------------------------------

    def place_order(
        self, *, symbol: str, action: str, quantity: float | str, exchange: str = "",
        order_type: str = "MARKET", price: float | str = 0, trigger_price: float | str = 0,
        product: str = "", strategy: str = "",
    ) -> Reply:  # fmt: skip
        """Send an order: `status` OPEN with its `order_id`, or REJECTED with a `message`.

        A missing exchange or product takes the run's (S2b).
        """
        service = self.service
        exchange = exchange or service.exchange_of(symbol)
        reply = self.placeorder(
            strategy=strategy or self.strategy, symbol=symbol, action=action, exchange=exchange,
            price_type=order_type, product=product or service.product_of(symbol, exchange),
            quantity=quantity, price=price, trigger_price=trigger_price,
        )  # fmt: skip
        orderid = reply.get("orderid", "")
        order = self._orders.get(orderid)
        if order is None or order.status == "rejected":
            reason = order.rejection_reason if order is not None else reply["message"]
            return {"message": reason, "order_id": orderid, "status": "REJECTED"}
        return {"order_id": orderid, "status": "OPEN"}

    def get_order_status(self, order_id: str) -> Reply:
        """An order as `status` OPEN, FILLED, CANCELLED or REJECTED, with its `action` in lower
        case, and the `quantity` and `price` it was filled at, or asks for while it was not."""
        order = self._orders.get(order_id)
        if order is None:
            return self._no_order(order_id)
        order = self._units.order(order)
        states = {"complete": "FILLED", "cancelled": "CANCELLED", "rejected": "REJECTED"}
        return {
            "action": order.action.lower(),
            "exchange": order.exchange,
            "filled_quantity": order.filled_quantity,
            "message": order.rejection_reason,
            "order_id": order_id,
            "price": order.average_price if order.filled_quantity else order.price,
            "quantity": order.filled_quantity or order.quantity,
            "status": states.get(order.status, "OPEN"),
            "symbol": order.symbol,
        }

    def cancel_all_orders(self, symbol: str = "", exchange: str = "") -> Reply:
        """Cancel the open orders of one symbol, or all of them."""

        def wanted(order: Order) -> bool:
            return symbol in ("", order.symbol) and exchange in ("", order.exchange)

        return bulk.cancel_all(self.service, False, wanted)

    # Reading requests ----------------------------------------------------------------------

    def _read_order(
        self, schema: Schema, payload: Values, extra: dict[str, Any]
    ) -> tuple[Values, Reply | None]:
        payload = stringified(payload, extra)
        request, errors = read_request(schema, payload)
        if not errors:
            return request, None
        order = requests.unreadable_order(payload)
        return request, bulk.refused_request(self.service, [order], errors, self._sandbox)

    def _read(
        self, schema: Schema, payload: Values, extra: dict[str, Any]
    ) -> tuple[Values, Reply | None]:
        request, errors = read_request(schema, stringified(payload, extra))
        return request, self._error(400, str(errors)) if errors else None

    def _read_account(self, extra: dict[str, Any]) -> Reply | None:
        if not extra:
            return None
        _, errors = read_request(requests.ACCOUNT, requests.completed({}, extra))
        return replies.http_error(400, errors) if errors else None

    def _read_instrument(self, symbol: str, exchange: str, extra: dict[str, Any]) -> Reply | None:
        if not extra and (symbol, exchange) in self.service.simulator.books:
            return None
        payload = requests.completed({"symbol": symbol, "exchange": exchange}, extra)
        _, errors = read_request(requests.INSTRUMENT, payload)
        if errors:
            return replies.http_error(400, errors)
        if (symbol, exchange) not in self.service.simulator.books:
            return replies.unknown_symbol(symbol, exchange)
        return None

    def _known(self, orderid: str) -> Order | None:
        """An order whose id the bot can know."""
        order = self._orders.get(orderid)
        return None if order is None or order.refused_by == OPENALGO else order

    def _no_order(self, orderid: str) -> Reply:
        return self._error(404, f"Order {orderid} not found")

    def _changed(self, what: str, orderid: str, refusal: Refusal | None) -> Reply:
        if refusal is not None:
            return self._error(400, refusal.reason)
        return replies.changed(what, orderid, self._sandbox)

    def _error(self, code: int, message: str) -> Reply:
        return replies.http_error(code, message, sandbox=self._sandbox)
