"""OpenAlgo's calls that send several orders, or decide which order to send.

Each takes a request that was read (`requests.read_request`) and gives back the reply. With
`sandbox` the analyzer's quirks hold.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tapeback.broker import replies
from tapeback.broker.gtt import GTT
from tapeback.broker.replies import Reply
from tapeback.broker.requests import Values, order_of
from tapeback.broker.rules import BROKER, OPENALGO
from tapeback.broker.service import BrokerService
from tapeback.models.order import Order

MOST_SPLIT_ORDERS = 100
_MATCHED = "Positions Already Matched. No Action needed."
_NOTHING_TO_EXIT = "No OpenPosition Found. Not placing Exit order."


def failed(order: Order, sandbox: bool) -> bool:
    """Whether the bot is told at once: what the broker refuses, a live bot finds in its books."""
    return order.status == "rejected" and (sandbox or order.refused_by == OPENALGO)


def placed(order: Order, sandbox: bool) -> Reply:
    """The reply to an order that was sent. Only a refusal that the analyzer stored has an id."""
    if failed(order, sandbox):
        orderid = order.orderid if order.refused_by == BROKER else ""
        return replies.http_error(400, order.rejection_reason, sandbox=sandbox, orderid=orderid)
    return replies.success(sandbox, orderid=order.orderid)


def smart_order(service: BrokerService, request: Values, sandbox: bool) -> Reply:
    """Bring the position of (symbol, exchange, product) to `position_size`.

    A quantity with a size of 0 and no position is a plain order; otherwise action and quantity
    follow from the difference. The analyzer sends every smart order as MARKET.
    """
    held = held_quantity(service, request["symbol"], request["exchange"], request["product"])
    wanted, quantity = int(request["position_size"]), int(request["quantity"])
    changed: Values = {"pricetype": "MARKET"} if sandbox else {}
    if wanted == held and not (held == 0 and quantity):
        message = _NOTHING_TO_EXIT if sandbox and not quantity else _MATCHED
        return replies.success(sandbox, message=message)
    if wanted != held:
        changed["action"] = "BUY" if wanted > held else "SELL"
        changed["quantity"] = abs(wanted - held)
    return placed(service.submit(order_of(request, **changed)), sandbox)


def held_quantity(service: BrokerService, symbol: str, exchange: str, product: str) -> int:
    """Signed quantity of one row of the position book as the bot counts it, 0 when there is
    none."""
    position = service.portfolio.positions.get((symbol, exchange, product))
    if position is None:
        return 0
    return service.bot_units.quantity(symbol, exchange, position.day_quantity)


def basket_order(service: BrokerService, request: Values, sandbox: bool) -> Reply:
    """Send the orders one by one, buys first. One that fails does not stop the rest."""
    orders = [order_of(values, strategy=request["strategy"]) for values in request["orders"]]
    orders.sort(key=lambda order: order.action != "BUY")
    results: list[Reply] = []
    for number, order in enumerate(orders, 1):
        service.submit(order)
        if failed(order, sandbox):
            result: Reply = {
                "message": order.rejection_reason,
                "status": "error",
                "symbol": order.symbol,
            }
        else:
            result = {"orderid": order.orderid, "status": "success", "symbol": order.symbol}
            if sandbox:
                result |= {
                    "batch_order": True,
                    "exchange": order.exchange,
                    "is_last_order": number == len(orders),
                    "product": order.product,
                }
        results.append(dict(sorted(result.items())))
    return replies.success(sandbox, results=results)


def split_order(service: BrokerService, request: Values, sandbox: bool, **told: Any) -> Reply:
    """Send a quantity in orders of `splitsize`, the last one with what is left. `told` is what the
    reply says besides."""
    total, size = int(request["quantity"]), request["splitsize"]
    whole, rest = divmod(total, size)
    if whole + (rest > 0) > MOST_SPLIT_ORDERS:
        reason = f"Total number of orders would exceed maximum limit of {MOST_SPLIT_ORDERS}"
        order = order_of(request)
        _keep_refused(service, order, reason, f"Raise splitsize above {size}.")
        return placed(order, sandbox)
    results: list[Reply] = []
    for number, quantity in enumerate([size] * whole + [rest] * (rest > 0), 1):
        order = service.submit(order_of(request, quantity=quantity))
        result: Reply = {"order_num": number, "quantity": quantity}
        if failed(order, sandbox):
            result |= {"message": order.rejection_reason, "status": "error"}
        else:
            result |= {"orderid": order.orderid, "status": "success"}
        results.append(dict(sorted(result.items())))
    return replies.success(sandbox, results=results, split_size=size, total_quantity=total, **told)


def close_positions(service: BrokerService, strategy: str, sandbox: bool) -> Reply:
    """Close every position of the account by MARKET."""
    held = [position for position in service.positions() if position.day_quantity]
    refused = 0
    for position in held:
        symbol, exchange = position.symbol, position.exchange
        quantity = service.bot_units.quantity(symbol, exchange, position.day_quantity)
        order = Order(
            symbol=symbol,
            action="SELL" if quantity > 0 else "BUY",
            quantity=abs(quantity),
            exchange=exchange,
            product=position.product,
            strategy=strategy,
        )
        refused += service.submit(order).status == "rejected"
    if not sandbox:
        return replies.success(sandbox, message="All Open Positions Squared Off")
    closed = len(held) - refused
    return replies.success(
        sandbox,
        closed_positions=closed,
        failed_closures=refused,
        message=f"Closed {closed} positions" if held else "No open positions to close",
    )


def cancel_all(
    service: BrokerService, sandbox: bool, wanted: Callable[[Order], bool] | None = None
) -> Reply:
    """Cancel every open order of the account, whoever sent it, or those that `wanted` picks.

    GTT orders stay, and the analyzer overlooks stops that wait for their trigger.
    """

    def cancels(order: Order) -> bool:
        overlooked = order.product == GTT or (sandbox and order.status == "trigger pending")
        return not overlooked and (wanted is None or wanted(order))

    return replies.cancelled_all(service.cancel_all(cancels), sandbox)


def refused_request(
    service: BrokerService, orders: list[Order], errors: dict[Any, Any], sandbox: bool
) -> Reply:
    """Answer a request for orders that could not be read, and keep the orders as refused."""
    message = str(errors)
    for order in orders:
        _keep_refused(service, order, message, "Correct the named fields of the request.")
    return replies.http_error(400, message, sandbox=sandbox)


def _keep_refused(service: BrokerService, order: Order, reason: str, remedy: str) -> None:
    """Keep an order that was refused before any rule was asked."""
    service.simulator.register(order)
    service.bot_units.leave(order)
    service.simulator.refuse(order, reason, remedy, OPENALGO)
