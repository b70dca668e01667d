"""OpenAlgo's orders for options that are named by their underlying and offset."""

from __future__ import annotations

from tapeback.broker import bulk, replies
from tapeback.broker.account import Account
from tapeback.broker.option_desk import Fault, Resolved, Underlying
from tapeback.broker.replies import Reply
from tapeback.broker.requests import Values, order_of
from tapeback.models.order import Order

Answer = Reply | Fault


def options_order(account: Account, request: Values) -> Answer:
    """Send one option order, or, with a `splitsize`, its quantity in several."""
    found = _resolved(account, request, request, request)
    if isinstance(found, Fault):
        return found
    body: Reply = {
        "exchange": found.instrument.exchange,
        "offset": request["offset"],
        "option_type": request["option_type"],
        "symbol": found.instrument.symbol,
        "underlying": request["underlying"],
        "underlying_ltp": found.underlying.ltp,
    }
    order_request = _order_request(account, request, found, request["strategy"])
    if request["splitsize"]:
        return bulk.split_order(
            account.service, {**order_request, "splitsize": request["splitsize"]},
            account.sandbox, **body,
        )  # fmt: skip
    order = account.service.submit(order_of(order_request))
    if bulk.failed(order, account.sandbox):
        return bulk.placed(order, account.sandbox)
    return replies.success(account.sandbox, orderid=order.orderid, **body)


def options_multiorder(account: Account, request: Values) -> Answer:
    """Send the legs one by one, buys first; one that fails does not stop the rest. The results
    come back in the order of the legs."""
    underlying: Underlying | None = None
    made: list[tuple[int, Values, Resolved | Fault]] = []
    for number, leg in enumerate(request["legs"], 1):
        found = _resolved(account, request, leg, {**request, **_named_expiry(leg)})
        if isinstance(found, Resolved):
            underlying = found.underlying
        made.append((number, leg, found))
    if underlying is None:
        first = made[0][2]
        return first if isinstance(first, Fault) else Fault(400, "No leg could be resolved.")
    results = {}
    for number, leg, found in sorted(made, key=lambda each: each[1]["action"].upper() != "BUY"):
        results[number] = _leg_result(account, request, number, leg, found)
    return replies.success(
        account.sandbox,
        results=[results[number] for number in sorted(results)],
        underlying=request["underlying"],
        underlying_ltp=underlying.ltp,
    )


def _leg_result(
    account: Account, request: Values, number: int, leg: Values, found: Resolved | Fault
) -> Reply:
    result: Reply = {
        "action": leg["action"].upper(),
        "leg": number,
        "offset": leg["offset"],
        "option_type": leg["option_type"],
    }
    if isinstance(found, Fault):
        return dict(sorted({**result, "message": found.message, "status": "error"}.items()))
    order: Order = account.service.submit(
        order_of(_order_request(account, leg, found, request["strategy"]))
    )
    result |= {"exchange": order.exchange, "product": order.product, "symbol": order.symbol}
    if account.sandbox:
        result["mode"] = "analyze"
    if bulk.failed(order, account.sandbox):
        result |= {"message": order.rejection_reason, "status": "error"}
    else:
        result |= {"orderid": order.orderid, "status": "success"}
    return dict(sorted(result.items()))


def _resolved(account: Account, request: Values, choice: Values, dated: Values) -> Resolved | Fault:
    """The option that offset and type choose, of the expiry that is named."""
    underlying = account.desk.underlying(
        request["underlying"], request["exchange"], dated["expiry_date"]
    )
    if isinstance(underlying, Fault):
        return underlying
    return account.desk.resolve(
        underlying, choice["offset"], choice["option_type"], request["strike_int"]
    )


def _named_expiry(leg: Values) -> Values:
    return {"expiry_date": leg["expiry_date"]} if leg["expiry_date"] else {}


def _order_request(account: Account, terms: Values, found: Resolved, strategy: str) -> Values:
    instrument = found.instrument
    account.ensure(instrument.symbol, instrument.exchange)
    return {
        **terms,
        "symbol": instrument.symbol,
        "exchange": instrument.exchange,
        "strategy": strategy,
    }
