"""The WebSocket feed: ticks at the points of the path and order updates, as messages of the SDK.

Who plays a tape to a script calls `deliver` whenever it has advanced, and `order_update` for each
order. What a bot asks of its store is answered as of now, whether a tick came or not.
"""

from __future__ import annotations

from collections.abc import Callable

from tapeback.broker.ports import FeedSink
from tapeback.broker.quotes import QuoteBoard
from tapeback.broker.replies import Reply
from tapeback.broker.service import BrokerService
from tapeback.core.tape import Tape
from tapeback.core.ticker import Tick
from tapeback.models.order import Order

LTP, QUOTE, DEPTH = 1, 2, 3
Key = tuple[str, str]
_MILLISECOND_NS = 1_000_000


class Line:
    """What one client subscribed to: by mode, the `keys` (symbol, exchange), and whether it hears
    of `orders`; `take` tells it of a message."""

    __slots__ = ("keys", "orders", "take")

    def __init__(self, take: Callable[[Reply], None]) -> None:
        self.take = take
        self.orders = False
        self.keys: dict[int, dict[Key, None]] = {mode: {} for mode in (LTP, QUOTE, DEPTH)}


class Feed:
    """The feed of one account: what the `tape` prints, and what happens to orders. `sink` runs
    callbacks; without one, or without a tape, nobody hears of ticks. `ensure` tells whether there
    are bars of an instrument, which the run may take up only now."""

    def __init__(
        self,
        service: BrokerService,
        quotes: QuoteBoard,
        sink: FeedSink | None = None,
        tape: Tape | None = None,
        *,
        ensure: Callable[[str, str], bool] = lambda *_: False,
    ) -> None:
        self.sink = sink
        self._service = service
        self._quotes = quotes
        self._ensure = ensure
        self._tape = tape
        self._lines: list[Line] = []
        self._printed: set[Key] = set()

    def connect(self, line: Line) -> None:
        """Let a client hear of what it subscribes to."""
        if line not in self._lines:
            if self.sink is not None:
                self.sink.begin()
            self._lines.append(line)
            self.change()

    def disconnect(self, line: Line) -> None:
        """Tell a client nothing more."""
        if line in self._lines:
            self._lines.remove(line)
            self.change()

    def change(self) -> None:
        """Let the tape print what somebody subscribed to, in the order of subscription."""
        if self._tape is None:
            return
        wanted = {
            key: None for line in self._lines for found in line.keys.values() for key in found
        }
        for key in sorted(self._printed - wanted.keys()):
            self._tape.unsubscribe(*key)
            self._printed.discard(key)
        for key in wanted:
            if key not in self._printed and self._ensure(*key):
                self._tape.subscribe(*key)
                self._printed.add(key)

    def deliver(self) -> None:
        """Tell every client of the ticks that the tape has printed."""
        ticks = self._tape.ticks if self._tape is not None else ()
        while ticks:
            tick = ticks.popleft()
            key = (tick.symbol, tick.exchange)
            for line in list(self._lines):
                for mode, wanted in line.keys.items():
                    if key in wanted:
                        line.take(self._message(mode, tick))

    @property
    def tells_orders(self) -> bool:
        """Whether any client hears of orders."""
        return any(line.orders for line in self._lines)

    def order_update(self, order: Order) -> None:
        """Tell every client that asked for it what became of an order."""
        message: Reply = {}
        for line in list(self._lines):
            if line.orders:
                message = message or self._order_message(order)
                line.take(dict(message))

    def message(self, mode: int, symbol: str, exchange: str) -> Reply | None:
        """What a tick of an instrument would say now; None before its first price."""
        quote = self._quotes.quote(symbol, exchange)
        if quote is None:
            return None
        now = self._service.simulator.now
        return self._message(
            mode,
            Tick(
                now, symbol, exchange, quote["ltp"], quote["volume"], quote["open"],
                quote["high"], quote["low"], quote["prev_close"],
            ),
        )  # fmt: skip

    def _message(self, mode: int, tick: Tick) -> Reply:
        return {
            "type": "market_data",
            "symbol": tick.symbol,
            "exchange": tick.exchange,
            "mode": mode,
            "data": self._data(mode, tick),
        }

    def _data(self, mode: int, tick: Tick) -> Reply:
        stamp = tick.ts // _MILLISECOND_NS
        if mode == LTP:
            return {"ltp": tick.ltp, "timestamp": stamp}
        if mode == DEPTH:
            book = self._quotes.depth_of(tick)
            levels = {
                side: [{**level, "orders": 1} for level in book[name]]
                for side, name in (("buy", "bids"), ("sell", "asks"))
            }
            return {"ltp": tick.ltp, "timestamp": stamp, "depth": levels}
        # On the first date of the data, which has none before, as in a quote.
        before = tick.close or tick.open
        change = round(tick.ltp - before, 4)
        return {
            "open": tick.open,
            "high": tick.high,
            "low": tick.low,
            "close": before,
            "ltp": tick.ltp,
            "volume": tick.volume,
            "last_trade_quantity": 0,
            "avg_trade_price": 0,
            "change": change,
            "change_percent": round(change / before * 100, 2) if before else 0,
            "timestamp": stamp,
        }

    def _order_message(self, order: Order) -> Reply:
        sandbox = self._service.rules.fidelity == "sandbox"
        order = self._service.bot_units.order(order)
        return {
            "type": "order_update",
            "user_id": "tapeback",
            "mode": "analyze" if sandbox else "live",
            "broker": "sandbox" if sandbox else "tapeback",
            "orderid": order.orderid,
            "symbol": order.symbol,
            "exchange": order.exchange,
            "action": order.action,
            "quantity": order.quantity,
            "price": order.price,
            "trigger_price": order.trigger_price,
            "pricetype": order.pricetype,
            "product": order.product,
            "order_status": order.status,
            "filled_quantity": order.filled_quantity,
            "pending_quantity": 0 if sandbox and order.status == "open" else order.pending_quantity,
            "average_price": order.average_price,
            "rejection_reason": order.rejection_reason,
        }
