"""The `openalgo` SDK's client over the simulated broker, in process.

A bot that calls it cannot tell it from the SDK: the same keywords, the same replies, the same
error dictionaries; nothing raises but a wrong call. All it tells is known at the virtual instant.
"""

from __future__ import annotations

import threading

from tapeback.broker.account import Account
from tapeback.broker.client.books import BookCalls
from tapeback.broker.client.feed import FeedCalls
from tapeback.broker.client.gtt import GttCalls
from tapeback.broker.client.market import MarketCalls
from tapeback.broker.client.options import OptionCalls
from tapeback.broker.client.orders import OrderCalls
from tapeback.broker.client.plain import PlainCalls
from tapeback.broker.client.services import ServiceCalls
from tapeback.broker.feed import DEPTH, LTP, QUOTE, Line
from tapeback.broker.replies import Reply
from tapeback.broker.service import BrokerService

__all__ = ["MockOpenAlgoClient", "OpenAlgoCalls"]


class OpenAlgoCalls(
    OrderCalls, BookCalls, GttCalls, MarketCalls, FeedCalls, OptionCalls, ServiceCalls
):
    """Every call of the SDK's `api`, and the attributes that bots touch. The parameters after the
    account are those of its constructor; nothing is connected to."""

    def __init__(  # noqa: PLR0917
        self,
        account: Account,
        api_key: str = "",
        host: str = "http://127.0.0.1:5000",
        version: str = "v1",
        timeout: float = 120.0,
        ws_port: int = 8765,
        ws_url: str | None = None,
        verbose: bool | int = False,
        auto_reconnect: bool = True,
    ) -> None:
        self._account = account
        self.api_key = api_key
        self.base_url = f"{host}/api/{version}/"
        self.headers = {"Content-Type": "application/json"}
        self.timeout = timeout
        self.verbose = int(verbose) if verbose is not False else 0
        self.ws_port = ws_port
        self.ws_host = host.partition("://")[2] or host
        self.ws_host = self.ws_host.split("/")[0].split(":")[0]
        self.ws_url = ws_url or f"ws://{self.ws_host}:{ws_port}"
        self.ws = None
        self.ws_thread = None
        self.connected = self.authenticated = False
        self.auto_reconnect = bool(auto_reconnect)
        self.message_queue: list[Reply] = []
        self.lock = threading.Lock()
        self._line = Line(self._take)
        self.ltp_callback = self.quote_callback = self.quotes_callback = None
        self.depth_callback = self.order_callback = None
        self.order_data = []
        self._stores = {mode: {} for mode in (LTP, QUOTE, DEPTH)}


class MockOpenAlgoClient(OpenAlgoCalls, PlainCalls):
    """The client that a bot is handed.

    In `sandbox` fidelity the replies have the analyzer's shapes and quirks, otherwise those of a
    live account. `strategy` tags the orders of `place_order`, which names none. Without an
    `account` it has one of its own.
    """

    def __init__(
        self, service: BrokerService, *, strategy: str = "Python", account: Account | None = None
    ) -> None:
        super().__init__(account or Account(service))
        self.service = service
        self.strategy = strategy

    @property
    def account(self) -> Account:
        """What this client shares with every other of the run."""
        return self._account
