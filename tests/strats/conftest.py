"""A small OpenAlgo server on the loopback interface, and the live bots on the real SDK."""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone, tzinfo
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
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
            beyond = price - order["price"]
            reached = beyond <= 0 if order["action"] == "BUY" else beyond >= 0
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
        rows = [{**row, "average_price": f"{row['average_price']:,.2f}"} for row in self.trades]
        return ok(data=rows)

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


def error(message: str) -> dict[str, Any]:
    return {"message": message, "status": "error"}


class Handler(BaseHTTPRequestHandler):
    """POST /api/v1/<call> of whatever broker the server carries at the moment."""

    broker: ClassVar[Broker]

    def do_POST(self) -> None:
        ask = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        code, reply = self.broker.answer(self.path.rstrip("/").rsplit("/", 1)[-1], ask)
        body = json.dumps(reply, sort_keys=True).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Silent: a test's output is its own."""


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    with (
        ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd,
        pytest.MonkeyPatch.context() as env,
    ):
        env.setenv("NO_PROXY", "127.0.0.1")
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def bots() -> SimpleNamespace:
    """The bots' modules on the real SDK, whatever stands in for it elsewhere in this process."""
    if importlib.util.find_spec("openalgo") is None:
        pytest.skip("needs the OpenAlgo SDK (extra live)")
    ours = ("openalgo", "strats")
    aside = {
        name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] in ours
    }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the SDK's own imports
            found = {name: importlib.import_module(f"strats.{name}") for name in MODULES}
    finally:
        for name in [name for name in sys.modules if name.split(".")[0] in ours]:
            del sys.modules[name]
        sys.modules.update(aside)
    return SimpleNamespace(**found)


@pytest.fixture
def broker(bots: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> Broker:
    """A fresh account; the bots' clock shows the account's moment."""
    account = Broker()
    Handler.broker = account

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return account.moment.astimezone(tz)

    monkeypatch.setattr(bots.openalgo_bot, "datetime", Clock)
    monkeypatch.setattr(bots.openalgo_bot, "RATE_PAUSE", 0)
    return account


@pytest.fixture
def grid(bots: SimpleNamespace, broker: Broker, server: str, tmp_path: Path) -> Callable[..., Any]:
    """A grid bot of three levels a side, 1 % apart, ten shares a level at about 100."""

    def build(**parameters: Any) -> Any:
        chosen = {
            "grid_levels": 3,
            "order_amount": 1050,
            "state_file": str(tmp_path / "grid.json"),
            **parameters,
        }
        return bots.grid_trading_bot.GridTradingBot("key", server, **chosen)

    return build


@pytest.fixture
def supertrend(
    bots: SimpleNamespace, broker: Broker, server: str, tmp_path: Path
) -> Callable[..., Any]:
    """A Supertrend bot that buys ten shares at 100."""

    def build(**parameters: Any) -> Any:
        chosen = {
            "max_order_amount": 1000,
            "state_file": str(tmp_path / "supertrend.json"),
            **parameters,
        }
        return bots.supertrend_trading_bot.SupertrendTradingBot("key", "RELIANCE", server, **chosen)

    return build


@pytest.fixture
def sleeping(bots: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Replaces the live loop's sleep: `sleeping(bot_step)` calls it with the seconds asked for."""

    def install(step: Callable[[float], None]) -> None:
        monkeypatch.setattr(bots.openalgo_bot, "time", SimpleNamespace(sleep=step))

    return install
