"""Sending, changing and cancelling orders."""

from __future__ import annotations

from typing import Any

from tapeback.broker import bulk, replies, requests
from tapeback.broker.client.base import Calls
from tapeback.broker.replies import Reply
from tapeback.broker.requests import Schema, Values, order_of, read_request, stringified
from tapeback.broker.rules import Refusal


class OrderCalls(Calls):
    """The calls of the SDK's `OrderAPI` that send something."""

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
        account = self._account
        return refused or bulk.placed(account.service.submit(order_of(request)), account.sandbox)

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
        return refused or bulk.smart_order(self._account.service, request, self._account.sandbox)

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
        return refused or bulk.split_order(self._account.service, request, self._account.sandbox)

    def basketorder(
        self, *, strategy: str = "Python", orders: list[dict[str, Any]], **kwargs: Any
    ) -> Reply:
        """Send several orders, buys first; each has its own result."""
        account = self._account
        rows = [
            {k: str(v) if isinstance(v, int | float) else v for k, v in order.items()}
            for order in orders
        ]
        payload = stringified({"strategy": strategy, "orders": rows}, kwargs)
        request, errors = read_request(requests.BASKET_ORDER, payload)
        if errors:
            made = [requests.unreadable_order({**row, "strategy": strategy}) for row in rows]
            return bulk.refused_request(account.service, made, errors, account.sandbox)
        for order in request["orders"]:
            account.ensure(order["symbol"], order["exchange"])
        return bulk.basket_order(account.service, request, account.sandbox)

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
        sandbox, kind, asked = self._account.sandbox, order.pricetype, request["pricetype"]
        if order.is_open and kind != asked and not sandbox:
            return self._error(
                400,
                f"Changing pricetype from {kind} to {asked} is not simulated: pass "
                f"price_type='{kind}', or cancel the order and send another.",
            )
        # The analyzer refuses a price on SL-M, brokers overlook it.
        priced = kind in ("LIMIT", "SL") or (kind == "SL-M" and sandbox)
        refusal = self._account.service.modify(
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
        return self._changed("cancelled", order_id, self._account.service.cancel(order_id))

    def cancelallorder(self, *, strategy: str = "Python", **kwargs: Any) -> Reply:
        """Cancel all open orders of the account, whichever strategy sent them."""
        _, refused = self._read(requests.ALL_ORDERS, {"strategy": strategy}, kwargs)
        return refused or bulk.cancel_all(self._account.service, self._account.sandbox)

    def closeposition(self, *, strategy: str = "Python", **kwargs: Any) -> Reply:
        """Close all positions of the account by MARKET."""
        _, refused = self._read(requests.ALL_ORDERS, {"strategy": strategy}, kwargs)
        account = self._account
        return refused or bulk.close_positions(account.service, strategy, account.sandbox)

    def _read_order(
        self, schema: Schema, payload: Values, extra: dict[str, Any]
    ) -> tuple[Values, Reply | None]:
        """A request for an order; one that cannot be read is kept as a refused order."""
        payload = stringified(payload, extra)
        request, errors = read_request(schema, payload)
        if not errors:
            self._account.ensure(request["symbol"], request["exchange"])
            return request, None
        order = requests.unreadable_order(payload)
        account = self._account
        return request, bulk.refused_request(account.service, [order], errors, account.sandbox)

    def _changed(self, what: str, orderid: str, refusal: Refusal | None) -> Reply:
        if refusal is not None:
            return self._error(400, refusal.reason)
        return replies.changed(what, orderid, self._account.sandbox)
