"""A small OpenAlgo server on the loopback interface, and the live bots on the real SDK."""

from __future__ import annotations

import importlib.util
import json
import logging
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone, tzinfo
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import pytest

REPO = Path(__file__).resolve().parents[2]
IST = timezone(timedelta(hours=5, minutes=30))
MODULES = ("trading_bot", "openalgo_bot", "grid_trading_bot", "supertrend_trading_bot")
OPEN = ("open", "trigger pending")


class Broker:
    """One account and one instrument: books, and fills when a test moves the price.

    A LIMIT order fills at its own price when the price reaches it, a MARKET order at once at the
    last price. The switches below make it behave as some broker does.
    """

    def __init__(self) -> None:
        self.moment = datetime(2024, 1, 2, 9, 15, tzinfo=IST)
        self.ltp = 100.0
        self.tick_size: object = 0.05
        self.lot_size: object = 1
        self.orders: dict[str, dict[str, Any]] = {}
        self.trades: list[dict[str, Any]] = []
        self.positions: dict[str, int] = {}
        self.holdings_quantity = 0
        self.candles: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.refuse: str | None = None  # placeorder answers with this error
        self.reject: str | None = None  # accepted, then rejected by the exchange
        self.hang = False  # MARKET orders rest
        self.late_cancels = False  # a cancel shows in the book only after confirm_cancels()
        self.terse = False  # the live books of some brokers: text, and fields left out
        self.busy = 0  # so many order calls get HTTP 429
        self.down: set[str] = set()  # these calls answer HTTP 500
        self._count = 0

    def move(self, price: float, minutes: int = 1) -> float:
        """Let the price go to `price`; what rests in between is filled."""
        self.moment += timedelta(minutes=minutes)
        self.ltp = price
        for order in [order for order in self.orders.values() if order["order_status"] in OPEN]:
            reached = price <= order["price"] if order["action"] == "BUY" else price >= order["price"]
            if order["pricetype"] == "MARKET":
                if not self.hang:
                    self.fill(order["orderid"], order["pending_quantity"], price)
            elif reached:
                self.fill(order["orderid"], order["pending_quantity"], order["price"])
        return price

    def fill(self, order_id: str, quantity: int, price: float) -> None:
        order = self.orders[order_id]
        done = order["filled_quantity"] + quantity
        value = order["average_price"] * order["filled_quantity"] + quantity * price
        order.update(filled_quantity=done, pending_quantity=order["quantity"] - done)
        order["average_price"] = value / done
        if done == order["quantity"]:
            order["order_status"] = "complete"
        side = 1 if order["action"] == "BUY" else -1
        product = order["product"]
        self.positions[product] = self.positions.get(product, 0) + side * quantity
        self.trades.append({"orderid": order_id, "quantity": quantity, "average_price": price})

    def next_day(self, price: float) -> float:
        """DAY orders are gone, the books are empty, MIS is squared off."""
        for order in self.orders.values():
            if order["order_status"] in OPEN:
                order["order_status"] = "cancelled"
        self.orders, self.trades = {}, []
        self.positions.pop("MIS", None)
        self.moment = (self.moment + timedelta(days=1)).replace(hour=9, minute=16)
        self.ltp = price
        return price

    def confirm_cancels(self) -> None:
        for order in self.orders.values():
            if order.pop("cancelling", False):
                order["order_status"] = "cancelled"

    def placed(self, action: str, status: str = "open") -> list[tuple[int, float]]:
        """(quantity, price) of the orders of a side in a status, in the order they came."""
        return [
            (order["quantity"], order["price"])
            for order in self.orders.values()
            if (order["action"], order["order_status"]) == (action, status)
        ]

    # The REST calls, as OpenAlgo answers them

    def answer(self, call: str, ask: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.calls.append(call)
        if call in self.down:
            return 500, error("An unexpected error occurred")
        if call in {"placeorder", "cancelorder"} and self.busy:
            self.busy -= 1
            return 429, error("Rate limit exceeded. Please slow down your requests.")
        reply: tuple[int, dict[str, Any]] = getattr(self, f"_{call}")(ask)
        return reply

    def _quotes(self, _: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        return ok(data={"ltp": str(self.ltp) if self.terse else self.ltp})

    def _symbol(self, _: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        return ok(data={"tick_size": self.tick_size, "lotsize": self.lot_size})

    def _placeorder(self, ask: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if self.refuse is not None:
            return 400, error(self.refuse)
        self._count += 1
        order_id = f"{self.moment:%y%m%d}{self._count:08}"
        quantity = int(ask["quantity"])
        self.orders[order_id] = {
            "orderid": order_id,
            "action": ask["action"],
            "product": ask["product"],
            "symbol": ask["symbol"],
            "pricetype": ask["pricetype"],
            "price": float(ask["price"]),
            "quantity": quantity,
            "filled_quantity": 0,
            "pending_quantity": quantity,
            "average_price": 0.0,
            "order_status": "rejected" if self.reject else "open",
            "rejection_reason": self.reject or "",
        }
        if ask["pricetype"] == "MARKET" and not self.hang and not self.reject:
            self.fill(order_id, quantity, self.ltp)
        return ok(orderid=order_id)

    def _cancelorder(self, ask: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        order = self.orders.get(ask["orderid"])
        if order is None:
            return 404, error(f"Order {ask['orderid']} not found")
        if order["order_status"] not in OPEN:
            return 400, error(f"Cannot cancel order in {order['order_status']} status")
        if self.late_cancels:
            order["cancelling"] = True
        else:
            order["order_status"] = "cancelled"
        return ok(orderid=ask["orderid"])

    def _orderstatus(self, ask: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        order = self.orders.get(ask["orderid"])
        return (404, error("Order not found")) if order is None else ok(data=self._row(order))

    def _orderbook(self, _: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        return ok(data={"orders": [self._row(order) for order in reversed(self.orders.values())]})

    def _tradebook(self, _: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        return ok(data=[{**trade, "average_price": f"{trade['average_price']:,.2f}"} for trade in self.trades])

    def _openposition(self, ask: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        return ok(quantity=str(self.positions.get(ask["product"], 0)))

    def _holdings(self, _: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        rows = [{"symbol": "RELIANCE", "exchange": "NSE", "quantity": self.holdings_quantity}]
        return ok(data={"holdings": rows})

    def _history(self, _: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        return ok(data=self.candles)

    def _row(self, order: dict[str, Any]) -> dict[str, Any]:
        row = {name: value for name, value in order.items() if name != "cancelling"}
        if self.terse:
            for name in ("filled_quantity", "pending_quantity", "average_price"):
                del row[name]
            row["price_type"] = row.pop("pricetype")
            row.update(price=f"{row['price']:,.2f}", quantity=str(row["quantity"]))
        return row


def ok(**fields: Any) -> tuple[int, dict[str, Any]]:
    return 200, {**fields, "status": "success"}


def error(message: str) -> tuple[int, dict[str, Any]]:
    return 400, {"message": message, "status": "error"}[1] if False else {"message": message, "status": "error"}
