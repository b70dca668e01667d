"""Ready-made hooks for `UniversalStrategyAdapter`: each takes the bot and the bar's candle.

A hook that raises ends the run like the bot itself.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from tapeback.models.candle import Candle
from tapeback.strategies.universal import Hook
from tapeback.utils.money import to_rupees

if TYPE_CHECKING:
    from tapeback.strategies.universal import UniversalStrategyAdapter

_WORST_DRAWDOWN = 0.10
_logger = logging.getLogger(__name__)
_peaks: WeakKeyDictionary[Any, float] = WeakKeyDictionary()


class StrategyHooks:
    """Hooks about the bot as a whole."""

    @staticmethod
    def log_bot_state(bot: Any, params: Mapping[str, Any]) -> None:
        """Log with which parameters the bot was made. A `setup_hook`."""
        _logger.info("%s: %s", type(bot).__name__, dict(params))

    @staticmethod
    def update_indicators(bot: Any, candle: Candle) -> None:
        """Call the bot's `update_indicators(candle)` where it has one."""
        if hasattr(bot, "update_indicators"):
            bot.update_indicators(candle)

    @staticmethod
    def calculate_supertrend(bot: Any, candle: Candle) -> None:
        """Run the bot's own `calculate_supertrend` over its `ohlc_data`, if it has both."""
        frame = getattr(bot, "ohlc_data", None)
        if frame is not None and hasattr(bot, "calculate_supertrend"):
            result = bot.calculate_supertrend(frame)
            bot.ohlc_data = frame if result is None else result

    @staticmethod
    def log_performance(bot: Any, candle: Candle) -> None:
        """Log the bot's own performance summary."""
        _logger.info("%s %s", candle.timestamp, bot.get_performance_summary())

    @staticmethod
    def save_state_periodic(interval: int = 100) -> Hook:
        """A hook that has the bot write its state file every `interval` calls."""
        calls = 0

        def save_state(bot: Any, candle: Candle) -> None:
            nonlocal calls
            calls += 1
            if calls % interval == 0:
                bot.save_state()

        return save_state

    @staticmethod
    def risk_management_check(bot: Any, candle: Candle) -> None:
        """Stop the bot (`is_active = False`) when the account's equity stands 10 % below its
        highest at any earlier call. The bot's own `check_risk_limits()` is called too."""
        service = bot.client.service
        equity = service.equity()
        peak = max(equity, _peaks.get(bot, to_rupees(service.portfolio.initial)))
        _peaks[bot] = peak
        if equity <= peak * (1 - _WORST_DRAWDOWN):
            bot.is_active = False
            _logger.warning(
                "%s stopped at %s: equity %.2f is 10 %% or more below its peak of %.2f",
                type(bot).__name__,
                candle.timestamp,
                equity,
                peak,
            )
        if hasattr(bot, "check_risk_limits"):
            bot.check_risk_limits()


class BufferHooks:
    """Hooks about the bars that a bot has seen."""

    @staticmethod
    def update_dataframe_buffer(
        adapter: UniversalStrategyAdapter, bot: Any, candle: Candle
    ) -> None:
        """Set the bot's `ohlc_data` to all closed bars, those of the warm-up included. Give the
        adapter first: `functools.partial(BufferHooks.update_dataframe_buffer, adapter)`."""
        bot.ohlc_data = adapter.get_historical_data()

    @staticmethod
    def create_buffer_ready_callback(callback: Callable[[Any], None]) -> Hook:
        """A hook that calls `callback(bot)` once, at the first bar after the warm-up."""
        done = False

        def call_once(bot: Any, candle: Candle) -> None:
            nonlocal done
            if not done:
                done = True
                callback(bot)

        return call_once


class OrderHooks:
    """Hooks about the bot's open orders, as its `pending_orders` names them."""

    @staticmethod
    def log_orders(bot: Any, candle: Candle) -> None:
        """Log the bot's open orders."""
        orders = getattr(bot, "pending_orders", {})
        _logger.info("%s: %d open orders: %s", candle.timestamp, len(orders), list(orders))

    @staticmethod
    def cancel_stale_orders(max_age_bars: int = 50) -> Hook:
        """A hook that has the bot cancel, once, each order that is open for `max_age_bars`
        calls."""
        ages: dict[str, int] = {}

        def cancel_old(bot: Any, candle: Candle) -> None:
            pending = list(bot.pending_orders)
            for order_id in ages.keys() - set(pending):
                del ages[order_id]
            for order_id in pending:
                ages[order_id] = ages.get(order_id, 0) + 1
                if ages[order_id] == max_age_bars + 1:
                    bot.cancel_order(order_id)

        return cancel_old


def chain_hooks(*hooks: Hook) -> Hook:
    """One hook that calls several in their order."""

    def chained(bot: Any, candle: Candle) -> None:
        for hook in hooks:
            hook(bot, candle)

    return chained
