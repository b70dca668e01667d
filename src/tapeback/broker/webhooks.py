"""The SDK's webhook client. What a webhook means is set on the OpenAlgo server, which no run has:
of the older kind only orders to a position size can be understood, of the newer none."""

from __future__ import annotations

from typing import Any, Self

from tapeback.broker import bulk
from tapeback.broker.account import Account
from tapeback.broker.replies import Reply, body_error
from tapeback.errors import StrategyError

_NEWER = (
    "Strategies that the OpenAlgo server runs itself are not simulated: {action} did nothing. Send "
    "the orders through openalgo.api(...)."
)


class WebhookClient:
    """`Strategy` of both generations: `strategyorder` of the older one, the rest of the newer. Its
    constructor has their parameters after the account; ValueError without an id or token."""

    def __init__(
        self,
        account: Account,
        host_url: str,
        webhook_id: str | None = None,
        *,
        webhook_token: str | None = None,
        timeout: float = 30.0,
    ) -> None:
        token = webhook_token if webhook_token is not None else webhook_id
        if not token:
            raise ValueError("A webhook id or token is required.")
        self._account = account
        self._host_url = host_url.rstrip("/")
        self._token = token
        self.timeout = timeout

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Strategy(host_url={self._host_url!r}, webhook_token=<redacted>)"

    @property
    def webhook_url(self) -> str:
        """Where OpenAlgo would listen."""
        return f"{self._host_url}/strategy/webhook/{self._token}"

    def close(self) -> None:
        """Nothing to close: there is no connection."""

    def strategyorder(self, symbol: str, action: str, position_size: int | None = None) -> Reply:
        """Bring a position to a size by MARKET, as a strategy of both sides does: BUY to one of 0
        or more, SELL to one of 0 or less.

        Exchange and product, which the server knows, are the run's (S2b). Raises StrategyError for
        an order without a size, and for one that the server would refuse.
        """
        service, action = self._account.service, action.upper()
        if position_size is None:
            raise StrategyError(
                "the bot sends an order to a webhook of the OpenAlgo server without a "
                "position_size; how much to trade stands on the server, and none runs.",
                remedy="Pass position_size, or send the order through "
                "openalgo.api(...).placeorder instead.",
            )
        size = int(position_size)
        if action not in ("BUY", "SELL") or (size < 0 if action == "BUY" else size > 0):
            raise StrategyError(
                f"a webhook takes BUY to a size of 0 or more, SELL to one of 0 or less, not "
                f"{action} to {size}.",
            )
        exchange = service.exchange_of(symbol)
        self._account.ensure(symbol, exchange)
        self._account.note(
            "webhook-assumed",
            "The bot trades through a webhook of the OpenAlgo server, which no run has: it is "
            "taken for a strategy of both sides on the run's exchange, in its usual product.",
        )
        request = {
            "symbol": symbol,
            "exchange": exchange,
            "action": action,
            "quantity": abs(size),
            "position_size": size,
            "pricetype": "MARKET",
            "product": service.product_of(symbol, exchange),
            "price": 0.0,
            "trigger_price": 0.0,
            "strategy": "webhook",
        }
        bulk.smart_order(service, request, self._account.sandbox)
        return {"message": f"Order queued successfully for {symbol}"}

    def send(self, payload: dict[str, Any]) -> Reply:
        """Not simulated: an error that says so."""
        message = _NEWER.format(action=payload.get("action", "it"))
        self._account.note("server-strategies", message)
        return body_error(404, message)

    def start(self, mode: str) -> Reply:
        """Not simulated: an error that says so."""
        return self.send({"action": "start", "mode": mode})

    def stop(self) -> Reply:
        """Not simulated: an error that says so."""
        return self.send({"action": "stop"})

    def signal(
        self, action: str, *, leg_id: int | None = None, symbol: str | None = None,
        exchange: str | None = None,
    ) -> Reply:  # fmt: skip
        """Not simulated: an error that says so."""
        return self.send({"action": action})

    def long_entry(
        self, *, leg_id: int | None = None, symbol: str | None = None, exchange: str | None = None
    ) -> Reply:
        """Not simulated: an error that says so."""
        return self.signal("long_entry")

    def long_exit(
        self, *, leg_id: int | None = None, symbol: str | None = None, exchange: str | None = None
    ) -> Reply:
        """Not simulated: an error that says so."""
        return self.signal("long_exit")

    def short_entry(
        self, *, leg_id: int | None = None, symbol: str | None = None, exchange: str | None = None
    ) -> Reply:
        """Not simulated: an error that says so."""
        return self.signal("short_entry")

    def short_exit(
        self, *, leg_id: int | None = None, symbol: str | None = None, exchange: str | None = None
    ) -> Reply:
        """Not simulated: an error that says so."""
        return self.signal("short_exit")
