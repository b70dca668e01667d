"""The base class of native strategies."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tapeback.broker.service import BrokerService
from tapeback.market.candles import Candles
from tapeback.models.candle import Candle
from tapeback.models.order import Order
from tapeback.utils.clock import to_ist


class BaseStrategy:
    """A strategy that decides at each bar's close. Override `on_bar`; the rest is optional.

    It needs no arguments and no `super().__init__()`: before `on_start` the run sets `context`,
    through which all orders and books go. Quantities are units, prices rupees, times aware in
    Asia/Kolkata.
    """

    name = ""
    context: BrokerService

    def initialize(self, **params: Any) -> None:
        """Receive the strategy's parameters, before `on_start`; by default they become
        attributes."""
        for key, value in params.items():
            setattr(self, key, value)

    def on_start(self) -> None:
        """Called once, before the first bar."""

    def on_bar(self, candle: Candle) -> None:
        """Called when a bar has closed. Orders sent here meet the next bar's open."""
        raise NotImplementedError(f"{type(self).__name__} does not define on_bar(candle)")

    def on_order_update(self, order: Order) -> None:
        """Called when an order was filled (partly too), triggered, cancelled or rejected. Orders
        sent here meet the rest of the bar's path. The order is live: read it, do not change it.
        With `lots: scale` it is a copy that counts as the strategy does."""

    def on_end(self) -> None:
        """Called once, after the last bar."""

    def set_context(self, context: BrokerService) -> None:
        """Connect the strategy to a run."""
        self.context = context

    # Orders --------------------------------------------------------------------------------

    def buy(
        self,
        quantity: float,
        pricetype: str = "MARKET",
        price: float | None = None,
        trigger_price: float | None = None,
        product: str | None = None,
        symbol: str | None = None,
        *,
        exchange: str | None = None,
        stop_loss: float | None = None,
        target: float | None = None,
    ) -> str:
        """Send a BUY order; its order id. With `stop_loss` (a trigger price) or `target` (a
        limit) an exit is placed where the order is filled, and one cancels the other."""
        return self.context.place(
            "BUY", quantity, symbol or "", exchange or "", pricetype, product or "", price or 0.0,
            trigger_price or 0.0, self.name, stop_loss or 0.0, target or 0.0,
        ).orderid  # fmt: skip

    def sell(
        self,
        quantity: float,
        pricetype: str = "MARKET",
        price: float | None = None,
        trigger_price: float | None = None,
        product: str | None = None,
        symbol: str | None = None,
        *,
        exchange: str | None = None,
        stop_loss: float | None = None,
        target: float | None = None,
    ) -> str:
        """Send a SELL order, as `buy` does a BUY."""
        return self.context.place(
            "SELL", quantity, symbol or "", exchange or "", pricetype, product or "", price or 0.0,
            trigger_price or 0.0, self.name, stop_loss or 0.0, target or 0.0,
        ).orderid  # fmt: skip

    def submit_order(self, order: Order) -> bool:
        """Send an order object; whether it was accepted. A missing exchange, product or price
        type takes the run's defaults. With `lots: scale` it counts in units of the contract from
        then on."""
        context = self.context
        order.exchange = order.exchange or context.exchange_of(order.symbol)
        order.product = order.product or context.product_of(order.symbol, order.exchange)
        order.strategy = order.strategy or self.name
        return context.submit(order).status != "rejected"

    def modify(
        self,
        order_id: str,
        *,
        quantity: int | None = None,
        price: float | None = None,
        trigger_price: float | None = None,
    ) -> bool:
        """Change an open order; whether the change was accepted."""
        refusal = self.context.modify(
            order_id, quantity=quantity, price=price, trigger_price=trigger_price
        )
        return refusal is None

    def cancel(self, order_id: str) -> bool:
        """Cancel an open order; whether there was one to cancel."""
        return self.context.cancel(order_id) is None

    def cancel_all_orders(self) -> list[str]:
        """Cancel every open order of the run; their ids, oldest first."""
        return self.context.cancel_all()

    def oco(self, *order_ids: str) -> None:
        """Link open orders: a fill of one reduces or cancels the others."""
        self.context.link(*order_ids)

    def get_orders(self) -> list[Order]:
        """Open orders, oldest first."""
        context = self.context
        return [context.bot_units.order(order) for order in context.open_orders()]

    # State ---------------------------------------------------------------------------------

    def position(self, symbol: str | None = None) -> int:
        """Signed quantity held of a symbol, over all products."""
        return self.context.net_quantity(symbol or "")

    @property
    def equity(self) -> float:
        """Cash and positions at their last prices, rupees."""
        return self.context.equity()

    @property
    def cash(self) -> float:
        """Cash in rupees; what positions cost is taken out of it."""
        return self.context.portfolio.cash

    @property
    def now(self) -> datetime:
        """The instant of the simulation."""
        return to_ist(self.context.engine.now)

    def history(self, n: int, symbol: str | None = None, timeframe: str | None = None) -> Candles:
        """The last `n` closed bars, without copying. A timeframe coarser than the run's is built
        from it."""
        context = self.context
        name = symbol or context.symbol
        return context.engine.history(n, name, context.exchange_of(name), timeframe)

    def get_state(self) -> dict[str, Any]:
        """What the result keeps of the strategy: by default its name."""
        return {"name": self.name or type(self).__name__}

    def load_state(self, state: dict[str, Any]) -> None:
        """Take up a state that `get_state` gave."""
