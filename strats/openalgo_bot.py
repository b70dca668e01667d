"""A bot's side of OpenAlgo: sending orders, and learning from the books what became of them.

Brokers behind OpenAlgo answer with numbers or with text, and some leave fields out of their order
book. All of that is dealt with here, so that a bot holds its trading rules and nothing else.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from openalgo import api

from strats.trading_bot import FifoLots, TradingBot, intraday_times, is_market_open

IST = timezone(timedelta(hours=5, minutes=30), "IST")
DEFAULT_TICK = 0.05
ENDED = frozenset({"complete", "rejected", "cancelled", "canceled", "expired"})
TOO_MANY_REQUESTS = 429
RATE_ATTEMPTS = 5
RATE_PAUSE = 1.0


class OpenAlgoBot(TradingBot):
    """Keeps one instrument's orders, fills and position in step with the account.

    `pending_orders` is {order id: {type, price, quantity, timestamp, filled, value}} with price 0
    for MARKET; `filled_orders` has one row a fill. `current_position` counts the bot's own shares.
    Every reading of the clock goes through `now`. With the product MIS nothing is entered from
    `last_entry` on, and what is held is closed at `square_off` (`HH:MM`; None: those of the
    exchange); the other products know no such times.
    """

    STRATEGY = "Python"

    def __init__(  # noqa: PLR0917
        self,
        api_key: str,
        host: str,
        symbol: str,
        exchange: str,
        product: str,
        state_file: str,
        last_entry: str | None = None,
        square_off: str | None = None,
    ) -> None:
        self.client: Any = api(api_key=api_key, host=host)
        self.logger = logging.getLogger(type(self).__module__)
        self.symbol = symbol
        self.exchange = exchange
        self.product = product
        self.state_file = state_file
        self.last_entry, self.square_off = intraday_times(exchange, last_entry, square_off)
        self.pending_orders: dict[str, dict[str, Any]] = {}
        self.filled_orders: list[dict[str, Any]] = []
        self.current_position = 0
        self.total_trades = 0
        self.last_price: float | None = None
        self.session_date: str | None = None
        self.tick_size = 0.0
        self.lot_size = 1
        self._lots = FifoLots()
        self._changed = False
        self._position_in_doubt = False

    @property
    def total_profit(self) -> float:
        """Realised profit in rupees, first in first out, before charges."""
        return self._lots.realized

    def now(self) -> datetime:
        """The time in India, wherever the machine stands."""
        return datetime.now(IST)

    def get_current_price(self) -> float | None:
        reply = self.client.quotes(symbol=self.symbol, exchange=self.exchange)
        price = number((reply.get("data") or {}).get("ltp"))
        if reply.get("status") != "success" or price <= 0:
            message = reply.get("message", reply)
            self.logger.warning("no price for %s:%s: %s", self.exchange, self.symbol, message)
            return None
        return price

    def calculate_unrealized_pnl(self, current_price: float) -> float:
        return self._lots.unrealized(current_price)

    # Orders

    def place_market_order(self, action: str, quantity: int) -> str | None:
        return self._place(action, quantity, 0.0)

    def place_limit_order(self, action: str, quantity: int, price: float) -> str | None:
        return self._place(action, quantity, price)

    def cancel_order(self, order_id: str) -> bool:
        """Ask for one order's end; it leaves `pending_orders` once the broker confirms it."""
        reply = send(self.client.cancelorder, order_id=order_id, strategy=self.STRATEGY)
        if reply.get("status") != "success":
            message = reply.get("message", reply)
            self.logger.warning("order %s was not cancelled: %s", order_id, message)
            return False
        self.pending_orders[order_id]["cancelling"] = True
        self._changed = True
        return True

    def cancel_all_orders(self) -> bool:
        # One by one: cancelallorder would take other bots' orders of the same account as well.
        if not self.pending_orders:
            return True
        for order_id, order in list(self.pending_orders.items()):
            if not order.get("cancelling"):
                self.cancel_order(order_id)
        self._settle_rows(self._read_book() or [])
        return all(order.get("cancelling") for order in self.pending_orders.values())

    def _is_past(self, time_of_day: str) -> bool:
        """Whether `last_entry` or `square_off` has come; never for what may be held overnight."""
        return self.product == "MIS" and f"{self.now():%H:%M}" >= time_of_day

    def _leave_for_the_day(self) -> None:
        """Cancel the open orders, then close what the account still holds of the position."""
        if self.pending_orders:
            self._settle_rows(self._read_book() or [])
        if not self.cancel_all_orders() or self.pending_orders:
            return
        self._check_position()
        position = self.current_position
        if position:
            self.logger.info("leaving the market for the day with %d", position)
            self.place_market_order("SELL" if position > 0 else "BUY", abs(position))

    def _route(self) -> dict[str, str]:
        return {
            "strategy": self.STRATEGY,
            "symbol": self.symbol,
            "exchange": self.exchange,
            "product": self.product,
        }

    def _place(self, action: str, quantity: int, price: float) -> str | None:
        reply = send(
            self.client.placeorder,
            **self._route(),
            action=action,
            price_type="LIMIT" if price else "MARKET",
            quantity=quantity,
            price=str(price) if price else "0",
            trigger_price="0",
            disclosed_quantity="0",
        )
        order_id = str(reply.get("orderid") or "")
        at = price or "market"
        if reply.get("status") != "success" or not order_id:
            message = reply.get("message", reply)
            self.logger.warning("%s %d at %s refused: %s", action, quantity, at, message)
            return None
        self.pending_orders[order_id] = {
            "type": action,
            "price": price,
            "quantity": quantity,
            "timestamp": self.now().isoformat(),
            "filled": 0,
            "value": 0.0,
        }
        self._changed = True
        self.logger.info("%s %d at %s sent: %s", action, quantity, at, order_id)
        return order_id

    # What became of them

    def _read_book(self) -> list[dict[str, Any]] | None:
        """The order book, newest order first; None when OpenAlgo does not give it."""
        reply = self.client.orderbook()
        if reply.get("status") != "success":
            self.logger.warning("no order book: %s", reply.get("message", reply))
            return None
        rows: list[dict[str, Any]] = (reply.get("data") or {}).get("orders") or []
        return rows

    def _settle_rows(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Book what the order book tells of our orders, oldest first; those that have ended."""
        pending = self.pending_orders
        ended = []
        for row in reversed(rows):
            order_id = str(row["orderid"])
            if order_id not in pending:
                continue
            if row["order_status"] == "open" and not row.get("filled_quantity"):
                continue
            order = self._settle(order_id, row)
            if order is not None:
                ended.append(order)
        return ended

    def _settle(self, order_id: str, row: Mapping[str, Any]) -> dict[str, Any] | None:
        """Book one order's new fill; the order when it has ended and left `pending_orders`."""
        order = self.pending_orders[order_id]
        quantity, price = new_fill(self.client, order_id, order, row)
        if quantity:
            self._book(order_id, order["type"], quantity, price, order["price"])
        status = status_of(row)
        if status not in ENDED or (status == "complete" and order["filled"] < order["quantity"]):
            return None
        del self.pending_orders[order_id]
        order["status"] = status
        self._changed = True
        self.total_trades += order["filled"] > 0
        if status == "rejected":
            what = (order["type"], order["quantity"], order["price"] or "market")
            reason = row.get("rejection_reason") or "no reason given"
            self.logger.warning("%s %d at %s rejected: %s", *what, reason)
        elif status != "complete" and not order.get("cancelling"):
            # Somebody else ended it. A square-off by the broker takes the position as well.
            self.logger.info("order %s was %s outside this bot", order_id, status)
            self._position_in_doubt = True
        return order

    def _book(
        self, order_id: str, action: str, quantity: int, price: float, asked: float
    ) -> dict[str, Any]:
        """Record a fill: the position, its lots, and a row of `filled_orders`."""
        self.current_position += quantity if action == "BUY" else -quantity
        self._lots.add(action, quantity, price)
        fill = {
            "order_id": order_id,
            "type": action,
            "price": asked,
            "quantity": quantity,
            "fill_price": price,
            "timestamp": self.now().isoformat(),
        }
        self.filled_orders.append(fill)
        self._changed = True
        self.logger.info("%s %d filled at %.2f", action, quantity, price)
        return fill

    def _check_position(self) -> None:
        """Give up shares that the account no longer holds: squared off, or sold by hand.

        Nobody tells the price of that sale, so the last price seen stands for it, marked as an
        estimate. Shares beyond the bot's own are somebody else's and stay untouched.
        """
        self._position_in_doubt = False
        if not self.current_position:
            return
        price = self.last_price or self.get_current_price()
        held = held_quantity(self.client, **self._route())
        if held is None or price is None:
            self._position_in_doubt = True
            return
        position = self.current_position
        kept = min(position, max(held, 0)) if position > 0 else max(position, min(held, 0))
        if kept != position:
            self.logger.warning("the account holds %d of %d: the rest is gone", kept, position)
            action = "SELL" if position > 0 else "BUY"
            self._book("", action, abs(position - kept), price, price)["estimated"] = True

    def _restore(self, orders: dict[str, dict[str, Any]], fills: list[dict[str, Any]]) -> None:
        """Take up the orders and fills of a state file, and the lots that follow from them."""
        self.pending_orders = {
            order_id: {"filled": 0, "value": 0.0, **order} for order_id, order in orders.items()
        }
        self.filled_orders = [{"fill_price": fill["price"], **fill} for fill in fills]
        for fill in self.filled_orders:
            self._lots.add(fill["type"], fill["quantity"], fill["fill_price"])
        self.logger.info("%s: holding %d", self.state_file, self.current_position)

    def _learn_steps(self, price: float) -> None:
        if not self.tick_size:
            self.tick_size, self.lot_size = price_steps(
                self.client, self.symbol, self.exchange, price
            )

    # The live loop

    def _trade(self) -> None:
        """One look at the market while it is open."""
        price = self.get_current_price()
        if price is not None:
            self.run_backtest(price)

    def _trade_while(self, wanted: Callable[[], bool], check_interval: float) -> None:
        """Look every `check_interval` seconds; save what has changed, also when it ends."""
        self._position_in_doubt = True
        was_open = False
        try:
            while wanted():
                is_open = is_market_open(self.exchange, self.now())
                if is_open:
                    self._trade()
                elif was_open:  # tomorrow's book will not tell of the last minute's fills
                    self._settle_rows(self._read_book() or [])
                was_open = is_open
                if self._changed:
                    self.save_state()
                time.sleep(check_interval)
        except KeyboardInterrupt:
            self.logger.info("stopped by hand: %d orders stay open", len(self.pending_orders))
        finally:
            self.save_state()


def number(value: object) -> float:
    """A number that may come as text ("1,234.50") or not at all; 0 when it is none."""
    try:
        result = float(str(value).replace(",", ""))
    except ValueError:
        return 0.0
    return result if math.isfinite(result) else 0.0


def send(call: Callable[..., dict[str, Any]], **request: Any) -> dict[str, Any]:
    """Make an order call, again and again while OpenAlgo asks to slow down (10 orders a second)."""
    reply = call(**request)
    for _ in range(RATE_ATTEMPTS):
        if reply.get("code") != TOO_MANY_REQUESTS:
            break
        time.sleep(RATE_PAUSE)
        reply = call(**request)
    return reply


def price_steps(client: Any, symbol: str, exchange: str, price: float) -> tuple[float, int]:
    """Tick size in rupees and lot size; 0.05 and 1 where the client cannot tell."""
    ask = getattr(client, "symbol", None)
    reply = ask(symbol=symbol, exchange=exchange) if ask else {}
    facts = (reply.get("data") or {}) if reply.get("status") == "success" else {}
    tick = number(facts.get("tick_size")) or DEFAULT_TICK
    # Some brokers give the tick in paise. No exchange has a tick of a thousandth of the price.
    if tick >= 1 and tick > price / 1000:
        tick /= 100
    return tick, max(1, int(number(facts.get("lotsize"))))


def held_quantity(
    client: Any, *, strategy: str, symbol: str, exchange: str, product: str
) -> int | None:
    """What the account holds of an instrument in a product, signed.

    Shares bought for delivery move from the positions to the holdings overnight: CNC counts both.
    None when OpenAlgo cannot tell.
    """
    reply = client.openposition(
        strategy=strategy, symbol=symbol, exchange=exchange, product=product
    )
    if reply.get("status") != "success":
        return None
    quantity = number(reply.get("quantity"))
    if product == "CNC":
        reply = client.holdings()
        if reply.get("status") != "success":
            return None
        for row in (reply.get("data") or {}).get("holdings") or []:
            if (row.get("symbol"), row.get("exchange")) == (symbol, exchange):
                quantity += number(row.get("quantity"))
    return int(quantity)


def new_fill(
    client: Any, order_id: str, order: dict[str, Any], row: Mapping[str, Any]
) -> tuple[int, float]:
    """Quantity and average price of what `row` reports beyond what `order` has on record.

    `row` comes from the order book or from `orderstatus`, both of which count from the order's
    start; `order["filled"]` and `order["value"]` are brought up to it. The trade book answers
    where the row is silent. (0, 0.0) when nothing is new or its price is not known yet.
    """
    status = status_of(row)
    filled = int(number(row.get("filled_quantity")))
    if status == "complete":
        filled = order["quantity"]
    average = number(row.get("average_price"))
    silent = "filled_quantity" not in row and status in ENDED
    if (filled and average <= 0) or (silent and status != "complete"):
        traded, average = traded_so_far(client, order_id)
        filled = filled or traded
        average = average or order["price"]
    quantity = filled - order["filled"]
    if quantity <= 0 or average <= 0:
        return 0, 0.0
    value = filled * average - order["value"]
    order["filled"] = filled
    order["value"] += value
    return quantity, round(value / quantity, 4)


def traded_so_far(client: Any, order_id: str) -> tuple[int, float]:
    """Quantity and average price of an order's trades in the trade book."""
    reply = client.tradebook()
    rows = (reply.get("data") or []) if reply.get("status") == "success" else []
    parts = [
        (number(row.get("quantity")), number(row.get("average_price")))
        for row in rows
        if str(row.get("orderid")) == order_id
    ]
    quantity = sum(part for part, _ in parts)
    return int(quantity), sum(part * price for part, price in parts) / quantity if quantity else 0.0


def status_of(row: Mapping[str, Any]) -> str:
    """The order status in small letters: open, trigger pending, complete, rejected, cancelled."""
    return str(row.get("order_status", "")).lower()
