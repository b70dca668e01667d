"""Calls under other names that bots with a client of their own use."""

from __future__ import annotations

from tapeback.broker import bulk
from tapeback.broker.client.orders import OrderCalls
from tapeback.broker.replies import Reply
from tapeback.models.order import Order


class PlainCalls(OrderCalls):
    """Orders as `place_order` and its like read them; the SDK does not have these."""

    strategy: str

    def place_order(
        self, *, symbol: str, action: str, quantity: float | str, exchange: str = "",
        order_type: str = "MARKET", price: float | str = 0, trigger_price: float | str = 0,
        product: str = "", strategy: str = "",
    ) -> Reply:  # fmt: skip
        """Send an order: `status` OPEN with its `order_id`, or REJECTED with a `message`.

        A missing exchange or product takes the run's (S2b).
        """
        service = self._account.service
        exchange = exchange or service.exchange_of(symbol)
        reply = self.placeorder(
            strategy=strategy or self.strategy, symbol=symbol, action=action, exchange=exchange,
            price_type=order_type, product=product or service.product_of(symbol, exchange),
            quantity=quantity, price=price, trigger_price=trigger_price,
        )  # fmt: skip
        orderid = reply.get("orderid", "")
        order = self._account.simulator.orders.get(orderid)
        if order is None or order.status == "rejected":
            reason = order.rejection_reason if order is not None else reply["message"]
            return {"message": reason, "order_id": orderid, "status": "REJECTED"}
        return {"order_id": orderid, "status": "OPEN"}

    def get_order_status(self, order_id: str) -> Reply:
        """An order as `status` OPEN, FILLED, CANCELLED or REJECTED, with its `action` in lower
        case, and the `quantity` and `price` it was filled at, or asks for while it was not."""
        order = self._account.simulator.orders.get(order_id)
        if order is None:
            return self._no_order(order_id)
        order = self._account.service.bot_units.order(order)
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

        return bulk.cancel_all(self._account.service, False, wanted)
