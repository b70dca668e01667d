"""Answers in OpenAlgo's shapes: keys in the order of the wire (alphabetical), types as sent.

`sandbox` chooses the analyzer's shapes (`"mode": "analyze"`, figures as numbers) over those of a
live account. Figures are rupees and units, times Indian. Every function returns a new object.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from tapeback.models.fill import Fill
from tapeback.models.order import Order
from tapeback.models.position import Position
from tapeback.utils.clock import to_ist
from tapeback.utils.money import to_rupees

Reply = dict[str, Any]
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


# Failures ----------------------------------------------------------------------------------


def http_error(code: int, message: object, *, sandbox: bool = False, orderid: str = "") -> Reply:
    """What the SDK makes of a reply that is not 200: the body, as text, in its message."""
    body: Reply = {"message": message}
    if sandbox:
        body["mode"] = "analyze"
    if orderid:
        body["orderid"] = orderid
    body["status"] = "error"
    text = json.dumps(body, separators=(",", ":"), sort_keys=True)
    return {
        "status": "error",
        "message": f"HTTP {code}: {text}\n",
        "code": code,
        "error_type": "http_error",
    }


def unsendable(kind: str) -> Reply:
    """What the SDK answers when an argument cannot be written as JSON."""
    return {
        "status": "error",
        "message": f"An unexpected error occurred: Object of type {kind} is not JSON serializable",
        "error_type": "unknown_error",
    }


def no_data() -> Reply:
    """What the SDK answers when history holds no rows."""
    return {
        "status": "error",
        "message": "No data available for the specified period",
        "error_type": "no_data",
    }


def no_instruments(*, everywhere: bool) -> Reply:
    """What the SDK answers when nothing is listed on an exchange, or on any."""
    message = "No instruments available for the specified exchange"
    if everywhere:
        message = "Failed to fetch instruments from any exchange"
    return {"status": "error", "message": message, "error_type": "no_data"}


def body_error(code: int, message: object, *, sandbox: bool = False) -> Reply:
    """What the SDK's newer calls (GTT, strategies) make of it: the body itself, and its code."""
    body: Reply = {"message": message, "status": "error"}
    if sandbox:
        body["mode"] = "analyze"
    return {**dict(sorted(body.items())), "code": code}


def invalid_call(message: str) -> Reply:
    """What the SDK answers to a call that it checks itself and does not send."""
    return {"status": "error", "message": message, "error_type": "validation_error"}


# Orders ------------------------------------------------------------------------------------


def success(sandbox: bool, **body: Any) -> Reply:
    """A success of a trading call, with the analyzer's mark in `sandbox`."""
    if sandbox:
        body["mode"] = "analyze"
    body["status"] = "success"
    return dict(sorted(body.items()))


def changed(what: str, orderid: str, sandbox: bool) -> Reply:
    """An order was `modified` or `cancelled`; only the analyzer says so in words."""
    if sandbox:
        return success(sandbox, message=f"Order {what} successfully", orderid=orderid)
    return success(sandbox, orderid=orderid)


def cancelled_all(orderids: Sequence[str], sandbox: bool) -> Reply:
    message = f"Canceled {len(orderids)} orders. Failed to cancel 0 orders."
    return success(
        sandbox,
        canceled_orders=list(orderids),
        failed_cancellations=[],
        message=message if orderids else "No open orders to cancel",
    )


def order_time(ts: int, sandbox: bool) -> str:
    """`2024-01-31 09:16:00` from the analyzer, `31-Jan-2024 09:16:00` from a broker."""
    moment = to_ist(ts)
    return _sql_time(moment) if sandbox else _book_time(moment)


def order_row(order: Order, price: float, timestamp: str) -> Reply:
    """A row of the order book; `price` is what the book shows as the order's price."""
    return {
        "action": order.action,
        "average_price": round(order.average_price, 4),
        "exchange": order.exchange,
        "filled_quantity": order.filled_quantity,
        "order_status": order.status,
        "orderid": order.orderid,
        "pending_quantity": order.pending_quantity,
        "price": price,
        "pricetype": order.pricetype,
        "product": order.product,
        "quantity": order.quantity,
        "rejection_reason": order.rejection_reason,
        "strategy": order.strategy,
        "symbol": order.symbol,
        "timestamp": timestamp,
        "trigger_price": order.trigger_price,
    }


def order_statistics(orders: Iterable[Order], sandbox: bool) -> Reply:
    counts: dict[str, int] = {}
    for order in orders:
        counts[order.action] = counts.get(order.action, 0) + 1
        counts[order.status] = counts.get(order.status, 0) + 1
    statistics = {
        "total_buy_orders": counts.get("BUY", 0),
        "total_completed_orders": counts.get("complete", 0),
        "total_open_orders": counts.get("open", 0),
        "total_rejected_orders": counts.get("rejected", 0),
        "total_sell_orders": counts.get("SELL", 0),
    }
    if sandbox:
        statistics["total_trigger_pending_orders"] = counts.get("trigger pending", 0)
    return statistics


def order_status(row: Reply, sandbox: bool) -> Reply:
    """The reply about one order from its row: the analyzer names the price type differently and
    leaves out the reason of a refusal."""
    data = dict(row)
    if sandbox:
        data["price_type"] = data.pop("pricetype")
        del data["rejection_reason"]
        data = dict(sorted(data.items()))
    return success(sandbox, data=data)


def trade_row(fill: Fill, order: Order, quantity: int, number: int, sandbox: bool) -> Reply:
    """A row of the trade book; `quantity` is the fill's as the bot counts it, `number` counts the
    executions of the run."""
    moment = to_ist(fill.ts)
    value = round(fill.quantity * fill.price, 2)
    row = {
        "action": fill.side,
        "average_price": fill.price,
        "exchange": fill.exchange,
        "orderid": fill.order_id,
        "product": fill.product,
        "quantity": quantity,
        "symbol": fill.symbol,
        "timestamp": _sql_time(moment) if sandbox else f"{moment:%H:%M:%S}",
        "trade_value": value,
    }
    if sandbox:
        row["price"] = fill.price
        row["strategy"] = order.strategy
        row["tradeid"] = f"TRADE-{moment:%Y%m%d-%H%M%S}-{number:08x}"
        row = dict(sorted(row.items()))
    return row


# Account -----------------------------------------------------------------------------------


def position_row(position: Position, quantity: int, realised: float, sandbox: bool) -> Reply:
    """A row of the position book; `quantity` is what is held as the bot counts it, `realised`
    today's realised profit."""
    unrealised = position.unrealised_pnl
    pnl = round(realised + unrealised, 2)
    if not sandbox:
        return {
            "average_price": f"{position.average_price:.2f}",
            "exchange": position.exchange,
            "ltp": position.last_price,
            "pnl": pnl,
            "product": position.product,
            "quantity": quantity,
            "symbol": position.symbol,
        }
    invested = abs(position.average_price * position.quantity)
    return {
        "average_price": round(position.average_price, 2),
        "exchange": position.exchange,
        # The analyzer shows the contract's value multiplier under this name, not the lot.
        "lot_size": 1.0,
        "ltp": position.last_price,
        "pnl": pnl,
        "pnlpercent": round(pnl / invested * 100, 2) if invested else 0.0,
        "product": position.product,
        "quantity": quantity,
        "symbol": position.symbol,
        "today_realized_pnl": round(realised, 2),
        "total_pnl_today": pnl,
        "unrealized_pnl": round(unrealised, 2),
    }


def position_book(rows: list[Reply], sandbox: bool) -> Reply:
    if not sandbox:
        return success(sandbox, data=rows)
    return success(
        sandbox,
        data=rows,
        total_pnl=_total(rows, "pnl"),
        total_pnl_today=_total(rows, "total_pnl_today"),
        total_today_realized_pnl=_total(rows, "today_realized_pnl"),
        total_unrealized_pnl=_total(rows, "unrealized_pnl"),
    )


def holdings(shares: Iterable[tuple[Position, int]], sandbox: bool) -> Reply:
    """The holdings and their totals; each position comes with the shares still held of it."""
    rows: list[Reply] = []
    invested = worth = 0.0
    for position, quantity in shares:
        price = to_rupees(position.overnight_cost) / position.overnight
        cost, value = price * quantity, position.last_price * quantity
        invested, worth = invested + cost, worth + value
        row: Reply = {
            "exchange": position.exchange,
            "pnl": round(value - cost, 2),
            "pnlpercent": _percent(value - cost, cost),
            "product": position.product,
            "quantity": quantity,
            "symbol": position.symbol,
        }
        if sandbox:
            row |= {
                "average_price": round(price, 2),
                "current_value": round(value, 2),
                "ltp": position.last_price,
            }
        rows.append(dict(sorted(row.items())))
    statistics = {
        "totalholdingvalue": round(worth, 2),
        "totalinvvalue": round(invested, 2),
        "totalpnlpercentage": _percent(worth - invested, invested),
        "totalprofitandloss": round(worth - invested, 2),
    }
    return success(sandbox, data={"holdings": rows, "statistics": statistics})


def _percent(part: float, whole: float) -> float:
    return round(part / whole * 100, 2) if whole else 0.0


def funds(
    *, available: float, used: float, unrealised: float, realised: float, today: float,
    since: int, sandbox: bool,
) -> Reply:  # fmt: skip
    """`available` and `used` are free and blocked money, `today` what was realised today of
    `realised`, `since` when the account began, ns UTC."""
    if not sandbox:
        figures = {
            "availablecash": available,
            "collateral": 0.0,
            "m2mrealized": today,
            "m2munrealized": unrealised,
            "utiliseddebits": used,
        }
        return success(sandbox, data={name: f"{value:.2f}" for name, value in figures.items()})
    data = {
        "availablecash": round(available, 2),
        "collateral": 0.0,
        "grossexposure": round(used, 2),
        "last_reset": _sql_time(to_ist(since)),
        "m2mrealized": round(today, 2),
        "m2munrealized": round(unrealised, 2),
        "reset_count": 0,
        "today_realized_pnl": round(today, 2),
        "total_realized_pnl": round(realised, 2),
        "totalpnl": round(realised + unrealised, 2),
        "utiliseddebits": round(used, 2),
    }
    return success(sandbox, data=data)


# Market ------------------------------------------------------------------------------------


def unknown_symbol(symbol: str, exchange: str) -> Reply:
    return http_error(
        400,
        f"Symbol '{symbol}' not found for exchange '{exchange}'. Please verify the symbol name "
        "and ensure master contracts are downloaded.",
    )


def intervals(names: Sequence[str]) -> Reply:
    """The intervals that history can answer, grouped by unit."""
    units: Mapping[str, str] = {
        "days": "D", "hours": "h", "minutes": "m", "months": "M", "seconds": "s", "weeks": "W",
    }  # fmt: skip
    data = {unit: [name for name in names if name[-1] == mark] for unit, mark in units.items()}
    return {"data": data, "status": "success"}


def _total(rows: list[Reply], name: str) -> float:
    total: float = sum(row[name] for row in rows)
    return round(total, 2)


def _sql_time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _book_time(moment: datetime) -> str:
    # Not %b, which follows the locale of the process.
    return f"{moment:%d}-{_MONTHS[moment.month - 1]}-{moment:%Y %H:%M:%S}"
