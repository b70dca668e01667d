"""The WebSocket feed of one client: subscriptions, callbacks, and the store that bots poll."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

from tapeback.broker.client.base import Calls
from tapeback.broker.feed import DEPTH, LTP, QUOTE, Key, Line
from tapeback.broker.replies import Reply

Callback = Callable[[dict[str, Any]], object]
Instruments = list[dict[str, Any]]
_MODES = {LTP: "LTP", QUOTE: "Quote", DEPTH: "Depth"}
_LEVELS = 5
_MOST_ORDERS = 500


class FeedSocket:
    """What stands in `client.ws` while a client is connected."""

    def __init__(self, client: FeedCalls) -> None:
        self._client = client

    def close(self, **_: Any) -> None:
        """End the connection, as the SDK's socket does."""
        self._client.disconnect()


class FeedCalls(Calls):
    """The calls of the SDK's `FeedAPI`. There is one callback a mode, the last that was given; the
    store is as of now, whether a tick came or not."""

    ws: FeedSocket | None
    ws_url: str
    connected: bool
    authenticated: bool
    verbose: int
    ltp_callback: Callback | None
    quote_callback: Callback | None
    quotes_callback: Callback | None
    depth_callback: Callback | None
    order_callback: Callback | None
    order_data: list[Reply]
    _line: Line
    _stores: dict[int, dict[str, Reply]]

    def connect(self) -> bool:
        """Connect to the feed, which is always there."""
        self.ws = FeedSocket(self)
        self.connected = self.authenticated = True
        self._account.feed.connect(self._line)
        self._log(1, "WS", f"Connected to {self.ws_url}")
        self._log(1, "AUTH", "Success | Broker: tapeback | User: tapeback")
        return True

    def disconnect(self) -> None:
        """End the connection and all subscriptions; the store keeps what it held last."""
        if self.ws is None:
            return
        for mode in _MODES:
            self._refresh(mode)
            self._line.keys[mode].clear()
        self.ws = None
        self.connected = self.authenticated = self._line.orders = False
        self._account.feed.disconnect(self._line)
        self._account.attend()
        self._log(1, "WS", f"Disconnected from {self.ws_url}")

    def subscribe_ltp(
        self, instruments: Instruments, on_data_received: Callback | None = None
    ) -> bool:
        """Hear of last prices: instruments are dictionaries of `exchange` and `symbol`."""
        if self._ready() and on_data_received:
            self.ltp_callback = on_data_received
        return self._subscribe(LTP, instruments)

    def unsubscribe_ltp(self, instruments: Instruments) -> bool:
        """Hear no more of last prices."""
        return self._unsubscribe(LTP, instruments)

    def subscribe_quote(
        self, instruments: Instruments, on_data_received: Callback | None = None
    ) -> bool:
        """Hear of quotes: the day's prices and volume so far."""
        if self._ready() and on_data_received:
            self.quote_callback = on_data_received
        return self._subscribe(QUOTE, instruments)

    def unsubscribe_quote(self, instruments: Instruments) -> bool:
        """Hear no more of quotes."""
        return self._unsubscribe(QUOTE, instruments)

    def subscribe_depth(
        self, instruments: Instruments, on_data_received: Callback | None = None
    ) -> bool:
        """Hear of market depth, which is made up around the quote."""
        if self._ready() and on_data_received:
            self.depth_callback = on_data_received
        return self._subscribe(DEPTH, instruments)

    def unsubscribe_depth(self, instruments: Instruments) -> bool:
        """Hear no more of market depth."""
        return self._unsubscribe(DEPTH, instruments)

    def subscribe_orders(self, on_order_update: Callback | None = None) -> bool:
        """Hear of everything that happens to the account's orders."""
        if not self._ready():
            return False
        if on_order_update:
            self.order_callback = on_order_update
        self._line.orders = True
        self._account.attend()
        self._warn_of_silence(self.order_callback)
        return True

    def unsubscribe_orders(self) -> bool:
        """Hear no more of orders."""
        if not self._ready():
            return False
        self._line.orders = False
        self._account.attend()
        return True

    # The store -----------------------------------------------------------------------------

    def get_ltp(self, exchange: str | None = None, symbol: str | None = None) -> Reply:
        """Last prices of what is subscribed to, by exchange and symbol."""
        return {
            "ltp": _nested(
                self.ltp_data, exchange, symbol,
                lambda row: {"timestamp": row["timestamp"], "ltp": row["price"]},
            )
        }  # fmt: skip

    def get_quotes(self, exchange: str | None = None, symbol: str | None = None) -> Reply:
        """Quotes of what is subscribed to, by exchange and symbol."""
        return {"quote": _nested(self.quotes_data, exchange, symbol, dict)}

    def get_depth(self, exchange: str | None = None, symbol: str | None = None) -> Reply:
        """Depth of what is subscribed to, by exchange and symbol, five levels a side."""
        return {"depth": _nested(self.depth_data, exchange, symbol, _booked)}

    def get_orders(self) -> Reply:
        """What was heard of orders, newest first."""
        return {"orders": list(self.order_data)}

    @property
    def ltp_data(self) -> dict[str, Reply]:
        """By `EXCHANGE:SYMBOL`, `price` and `timestamp` (epoch milliseconds)."""
        return self._refresh(LTP)

    @property
    def quotes_data(self) -> dict[str, Reply]:
        """Quotes by `EXCHANGE:SYMBOL`."""
        return self._refresh(QUOTE)

    @property
    def depth_data(self) -> dict[str, Reply]:
        """Depth by `EXCHANGE:SYMBOL`."""
        return self._refresh(DEPTH)

    # What the feed calls -------------------------------------------------------------------

    def _take(self, message: Reply) -> None:
        """Hear of one tick or order update."""
        callback = self._callback(message)
        if message["type"] == "order_update":
            self.order_data.insert(0, message)
            del self.order_data[_MOST_ORDERS:]
        else:
            self._log(2, _MODES[message["mode"]].upper(), f"{_name(message)} | {message['data']}")
        sink = self._account.feed.sink
        if callback is not None and sink is not None:
            sink.deliver(callback, message)

    def _callback(self, message: Reply) -> Callback | None:
        if message["type"] == "order_update":
            return self.order_callback
        return {
            LTP: self.ltp_callback, QUOTE: self.quote_callback, DEPTH: self.depth_callback
        }[message["mode"]]  # fmt: skip

    def _subscribe(self, mode: int, instruments: Instruments) -> bool:
        if not self._ready():
            return False
        keys = self._keys(instruments)
        for symbol, exchange in keys:
            if not self._account.listed.has_bars(symbol, exchange):
                self._account.miss(symbol, exchange)
            self._line.keys[mode][symbol, exchange] = None
            self._log(1, "SUB", f"{exchange}:{symbol} | Mode: {_MODES[mode]} | Status: success")
        self._account.feed.change()
        callbacks = {LTP: self.ltp_callback, QUOTE: self.quote_callback, DEPTH: self.depth_callback}
        self._warn_of_silence(callbacks[mode])
        return bool(keys)

    def _unsubscribe(self, mode: int, instruments: Instruments) -> bool:
        if not (self.connected and self.authenticated):
            return False
        keys = self._keys(instruments)
        for symbol, exchange in keys:
            self._line.keys[mode].pop((symbol, exchange), None)
            self._stores[mode].pop(f"{exchange}:{symbol}", None)
            self._log(1, "UNSUB", f"Unsubscribing {exchange}:{symbol} {_MODES[mode]}")
        self._account.feed.change()
        return bool(keys)

    def _keys(self, instruments: Instruments) -> list[Key]:
        """What is named; a token stands for a symbol, as in the SDK."""
        keys = []
        for instrument in instruments:
            exchange = instrument.get("exchange")
            symbol = instrument.get("symbol") or instrument.get("exchange_token")
            if exchange and symbol:
                keys.append((symbol, exchange))
            else:
                self._log(1, "ERROR", f"Invalid instrument: {instrument}")
        return keys

    def _ready(self) -> bool:
        if not self.connected:
            self._log(1, "ERROR", "Not connected to WebSocket server")
        elif not self.authenticated:
            self._log(1, "ERROR", "Not authenticated with WebSocket server")
        return self.connected and self.authenticated

    def _warn_of_silence(self, callback: Callback | None) -> None:
        if callback is not None and self._account.feed.sink is None:
            self._account.note(
                "feed-silent",
                "The bot left a callback for WebSocket messages, and none comes to a bot that is "
                "called once a bar: get_ltp(), get_quotes() and quotes() answer.",
            )

    def _refresh(self, mode: int) -> dict[str, Reply]:
        """The store of one mode, with what is subscribed to as of now."""
        store = self._stores[mode]
        for symbol, exchange in self._line.keys[mode]:
            message = self._account.feed.message(mode, symbol, exchange)
            if message is None:
                continue
            data = message["data"]
            if mode == LTP:
                data = {"price": data["ltp"], "timestamp": data["timestamp"]}
            store[f"{exchange}:{symbol}"] = data
        return store

    def _log(self, level: int, category: str, message: str) -> None:
        if self.verbose >= level:
            sys.stdout.write(f"{f'[{category}]':<8} {message}\n")


def _name(message: Reply) -> str:
    return f"{message['exchange']}:{message['symbol']}"


def _nested(
    store: dict[str, Reply], exchange: str | None, symbol: str | None,
    shown: Callable[[Reply], Reply],
) -> Reply:  # fmt: skip
    """A store by exchange and symbol, of one or of both where they are named."""
    nested: Reply = {}
    for key, row in store.items():
        place, _, name = key.partition(":")
        if (not exchange or place == exchange) and (not symbol or name == symbol):
            nested.setdefault(place, {})[name] = shown(row)
    return nested


def _booked(row: Reply) -> Reply:
    depth = row["depth"]
    return {
        "timestamp": row["timestamp"],
        "ltp": row["ltp"],
        "buyBook": _levels(depth["buy"]),
        "sellBook": _levels(depth["sell"]),
    }


def _levels(rows: Iterable[Reply]) -> Reply:
    """Numbered levels; those that are not there are zeros."""
    levels = {str(at): {"price": 0.0, "qty": 0, "orders": 0} for at in range(1, _LEVELS + 1)}
    for at, row in enumerate(rows, 1):
        levels[str(at)] = {
            "price": float(row["price"]), "qty": int(row["quantity"]), "orders": int(row["orders"])
        }  # fmt: skip
    return levels
