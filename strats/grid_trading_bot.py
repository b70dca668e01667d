"""A grid: buy orders below the price, sell orders above it, each fill answered by its opposite.

Needs `openalgo` and a running OpenAlgo server: `python strats/grid_trading_bot.py --help`.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import deque
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

if __package__ in (None, ""):  # run as a script: make `strats` importable
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from strats.openalgo_bot import OpenAlgoBot
from strats.trading_bot import (
    DEFAULT_HOST,
    command_line,
    profit_timeline,
    read_state,
    risk_of,
    start_bot,
    write_state,
)

GRID_TYPES = ("arithmetic", "geometric")
START_MODES = ("wait_for_buy", "buy_at_market", "place_all")
OPPOSITE = {"BUY": "SELL", "SELL": "BUY"}
PRICES_KEPT = 1000
PARAMETERS = (
    "symbol",
    "exchange",
    "product",
    "grid_levels",
    "grid_spacing_pct",
    "order_amount",
    "grid_type",
    "stop_loss_pct",
    "take_profit_pct",
    "auto_reset",
    "initial_position_strategy",
    "last_entry",
    "square_off",
)

SAVED = (
    "session_date",
    "tick_size",
    "lot_size",
    "grid_center_price",
    "grid_upper_bound",
    "grid_lower_bound",
    "buy_levels",
    "sell_levels",
    "total_trades",
    "grid_resets",
    "current_position",
    "is_active",
)


class GridTradingBot(OpenAlgoBot):
    """Trades `grid_levels` orders a side, `grid_spacing_pct` per cent apart.

    `order_amount` is rupees a level. The first sell orders depend on
    `initial_position_strategy`: `wait_for_buy` offers only shares that it holds, `buy_at_market`
    buys first what all sell levels need, `place_all` offers everything at once and so goes short.
    When the price leaves the grid, `auto_reset` lays it anew around the price; without it the bot
    cancels its orders and stops. Shares are kept in both cases. DAY orders die overnight, so the
    grid is laid anew on each date as well. In MIS only exits stay from `last_entry` on, and at
    `square_off` the grid leaves the market for the day (`HH:MM`, by default 15:00 and 15:10 for
    shares and their derivatives). `stop_loss_pct` and `take_profit_pct` are taken for
    compatibility: a grid never trades on them.
    """

    STRATEGY = "GridTrading"

    def __init__(  # noqa: PLR0917  (callers pass them by position)
        self,
        api_key: str,
        host: str = DEFAULT_HOST,
        symbol: str = "RELIANCE",
        exchange: str = "NSE",
        grid_levels: int = 10,
        grid_spacing_pct: float = 1.0,
        order_amount: float = 1000,
        grid_type: str = "arithmetic",
        stop_loss_pct: float = 5.0,
        take_profit_pct: float = 10.0,
        auto_reset: bool = True,
        state_file: str = "grid_trading_state.json",
        initial_position_strategy: str = "wait_for_buy",
        product: str = "MIS",
        last_entry: str | None = None,
        square_off: str | None = None,
    ) -> None:
        if grid_levels < 1 or not 0 < grid_spacing_pct < 100 or order_amount <= 0:
            raise ValueError(
                "grid_levels must be at least 1, grid_spacing_pct between 0 and 100, order_amount "
                f"above 0; got {grid_levels}, {grid_spacing_pct}, {order_amount}"
            )
        for name, value, choice in (
            ("grid_type", grid_type, GRID_TYPES),
            ("initial_position_strategy", initial_position_strategy, START_MODES),
        ):
            if value not in choice:
                raise ValueError(f"{name} must be one of {', '.join(choice)}; got {value!r}")
        super().__init__(
            api_key, host, symbol, exchange, product, state_file, last_entry, square_off
        )
        self.grid_levels = grid_levels
        self.grid_spacing_pct = grid_spacing_pct
        self.order_amount = order_amount
        self.grid_type = grid_type
        self.stop_loss_pct = stop_loss_pct
        self.take_profit_pct = take_profit_pct
        self.auto_reset = auto_reset
        self.initial_position_strategy = initial_position_strategy

        self.is_active = True
        self.grid_center_price: float | None = None
        self.grid_upper_bound: float | None = None
        self.grid_lower_bound: float | None = None
        self.buy_levels: list[float] = []
        self.sell_levels: list[float] = []
        self.grid_resets = 0
        self.price_history: deque[tuple[datetime, float]] = deque(maxlen=PRICES_KEPT)
        self._too_small_said = False
        self.load_state()
        self.logger.info("the grid does not trade on stop_loss_pct and take_profit_pct")

    # Orders

    @property
    def buy_orders(self) -> dict[float, str]:
        """The working buy orders, {price: order id}; of several at one price, the newest."""
        return self._working("BUY")

    @property
    def sell_orders(self) -> dict[float, str]:
        """The working sell orders, {price: order id}; of several at one price, the newest."""
        return self._working("SELL")

    def check_filled_orders(self) -> list[dict[str, Any]]:
        known = len(self.filled_orders)
        if self.pending_orders:
            for order in self._settle_rows(self._read_book() or []):
                self._answer(order)
        if self._position_in_doubt:
            self._check_position()
        return self.filled_orders[known:]

    def place_opposite_order(self, order: dict[str, Any]) -> str | None:
        """Offer what `order` bought one step higher, or buy back one step lower what it sold."""
        quantity = order["filled"]
        price = order["value"] / quantity
        step = self.grid_spacing_pct / 100
        if order["type"] == "SELL":
            target = self._on_tick(price * (1 - step))
            if self.check_grid_bounds(target) == "below":
                target = self._on_tick(self.grid_lower_bound or target, math.ceil)
            return self.place_limit_order("BUY", quantity, target)
        if not self._sells_short:
            quantity = min(quantity, self._unallocated())
        target = self._on_tick(price * (1 + step))
        if self.check_grid_bounds(target) == "above":
            target = self._on_tick(self.grid_upper_bound or target, math.floor)
        return self.place_limit_order("SELL", quantity, target) if quantity > 0 else None

    def place_pending_sell_orders(self) -> int:
        """Offer shares that no sell order covers on the free sell levels; the orders placed."""
        taken = self.sell_orders
        free = self._unallocated()
        placed = 0
        for price in self.sell_levels:
            quantity = self._quantity_at(price)
            if quantity == 0 or price in taken:
                continue
            if quantity > free and not self._sells_short:
                break
            if self.place_limit_order("SELL", quantity, price):
                free -= quantity
                placed += 1
        return placed

    # The grid

    def setup_grid(self, center_price: float | None = None) -> bool:
        """Lay the grid around `center_price`, or the last price; whether an order was placed."""
        if self._is_past(self.last_entry):
            return False
        center = center_price or self.get_current_price()
        if center is None or not self.cancel_all_orders():
            return False
        self._lay_levels(center)
        self.session_date = self.now().date().isoformat()
        self._changed = True
        self._warn_if_too_small()
        placed = 0
        for price in self.buy_levels:
            quantity = self._quantity_at(price)
            if quantity > 0 and price > (self.grid_lower_bound or 0):
                placed += self.place_limit_order("BUY", quantity, price) is not None
        if self.initial_position_strategy == "buy_at_market":
            placed += self._buy_first_shares()
        placed += self.place_pending_sell_orders()
        self.logger.info("grid of %d orders around %.2f", placed, center)
        return placed > 0

    def check_grid_bounds(self, current_price: float) -> str:
        """`above`, `below` or `within` the grid's bounds."""
        if self.grid_upper_bound is not None and current_price > self.grid_upper_bound:
            return "above"
        if self.grid_lower_bound is not None and current_price < self.grid_lower_bound:
            return "below"
        return "within"

    def handle_breakout(self, current_price: float) -> bool:
        """Lay the grid anew around the price, or stop; whether an order was placed."""
        if not self.auto_reset:
            self.is_active = False
            self._changed = True
            self.cancel_all_orders()
            self.logger.warning(
                "the price left the grid at %.2f: stopped, holding %d",
                current_price,
                self.current_position,
            )
            return False
        placed = self.setup_grid(current_price)
        if self.grid_center_price == current_price:
            self.grid_resets += 1
        return placed

    # Profit and records

    def get_performance_summary(self) -> dict[str, Any]:
        price = self.last_price or self.get_current_price()
        unrealized = self.calculate_unrealized_pnl(price) if price else 0.0
        bounds = "not set"
        if self.grid_center_price is not None:
            bounds = f"{self.grid_lower_bound:.2f} - {self.grid_upper_bound:.2f}"
        return {
            "symbol": self.symbol,
            "grid_center_price": self.grid_center_price,
            "current_price": price,
            "grid_bounds": bounds,
            "total_trades": self.total_trades,
            "grid_resets": self.grid_resets,
            "current_position": self.current_position,
            "realized_pnl": round(self.total_profit, 2),
            "unrealized_pnl": round(unrealized, 2),
            "total_pnl": round(self.total_profit + unrealized, 2),
            "active_buy_orders": self._count("BUY"),
            "active_sell_orders": self._count("SELL"),
            "is_active": self.is_active,
            "grid_type": self.grid_type,
            "grid_levels": self.grid_levels,
            "spacing_pct": self.grid_spacing_pct,
        }

    def get_trading_data_for_export(self) -> dict[str, Any]:
        timeline = profit_timeline(self.filled_orders)
        return {
            "summary": self.get_performance_summary(),
            "price_history": [
                {"timestamp": moment.isoformat(), "price": price}
                for moment, price in self.price_history
            ],
            "filled_orders": [dict(fill) for fill in self.filled_orders],
            "grid_levels": {"buy": list(self.buy_levels), "sell": list(self.sell_levels)},
            "performance_timeline": timeline,
            "risk_metrics": risk_of(timeline),
            "configuration": {name: getattr(self, name) for name in PARAMETERS},
        }

    def save_state(self) -> None:
        state = {
            "symbol": self.symbol,
            "exchange": self.exchange,
            **{name: getattr(self, name) for name in SAVED},
            "buy_orders": self.buy_orders,
            "sell_orders": self.sell_orders,
            "filled_orders": self.filled_orders,
            "pending_orders": self.pending_orders,
            "total_profit": self.total_profit,
            "last_update": self.now().isoformat(),
        }
        write_state(Path(self.state_file), state)
        self._changed = False

    def load_state(self) -> bool:
        state = read_state(Path(self.state_file), self.symbol, self.exchange)
        if state is None:
            return False
        for name in SAVED:
            setattr(self, name, state.get(name, getattr(self, name)))
        self._restore(state.get("pending_orders", {}), state.get("filled_orders", []))
        return True

    # Running

    def run_backtest(self, current_price: float) -> None:
        if not self.is_active:
            self.cancel_all_orders()
            return
        now, entries_over = self.now(), self._is_past(self.last_entry)
        if self._is_past(self.square_off):
            self._leave_for_the_day()
        elif self.grid_center_price is None or self.session_date != now.date().isoformat():
            self._open_session(current_price)
        else:
            self.check_filled_orders()
            if entries_over:
                self._cancel_entries()
        self.last_price = current_price
        self.price_history.append((now, current_price))
        if not entries_over and self.check_grid_bounds(current_price) != "within":
            self.handle_breakout(current_price)

    def run_strategy(self, check_interval: float = 30) -> None:
        if not self.is_active:
            self.logger.warning("stopped by a breakout: remove %s to start anew", self.state_file)
        self._trade_while(lambda: self.is_active, check_interval)

    def _open_session(self, price: float) -> None:
        """Drop what died overnight and lay the grid for the new date, keeping the shares."""
        if self.pending_orders:
            rows = self._read_book()
            if rows is None:
                return
            self._settle_rows(rows)
            alive = {str(row["orderid"]) for row in rows}
            for order_id in self.pending_orders.keys() - alive:
                del self.pending_orders[order_id]
        self._check_position()
        self.setup_grid(price)

    def _answer(self, order: dict[str, Any]) -> None:
        """Send what follows from an order that has ended."""
        cancelling = order.get("cancelling", False)
        too_late = self._enters(OPPOSITE[order["type"]]) and self._is_past(self.last_entry)
        if order["filled"] and order["price"] and not cancelling and not too_late:
            self.place_opposite_order(order)
        if (order["filled"] or cancelling) and not self._sells_short:
            self.place_pending_sell_orders()

    def _enters(self, action: str) -> bool:
        """Whether orders of a side may open a position: buys do, and sells where it goes short."""
        return action == "BUY" or self._sells_short

    def _cancel_entries(self) -> None:
        for order_id, order in list(self.pending_orders.items()):
            if self._enters(order["type"]) and not order.get("cancelling"):
                self.cancel_order(order_id)

    def _buy_first_shares(self) -> int:
        """Buy at market what the sell levels lack; they follow once the fill is confirmed."""
        needed = sum(map(self._quantity_at, self.sell_levels)) - self.current_position
        order_id = self.place_market_order("BUY", needed) if needed > 0 else None
        if order_id is None:
            return 0
        reply = self.client.orderstatus(order_id=order_id, strategy=self.STRATEGY)
        if reply.get("status") == "success":
            self._settle(order_id, reply.get("data") or {})
        return 1

    def _lay_levels(self, center: float) -> None:
        """Levels nearest first, on the tick, and the bounds a little beyond the last ones."""
        step = self.grid_spacing_pct / 100
        numbers = range(1, self.grid_levels + 1)
        if self.grid_type == "arithmetic":
            buys = [center * (1 - i * step) for i in numbers]
            sells = [center * (1 + i * step) for i in numbers]
        else:
            buys = [center / (1 + step) ** i for i in numbers]
            sells = [center * (1 + step) ** i for i in numbers]
        self.buy_levels = [price for price in dict.fromkeys(map(self._on_tick, buys)) if price > 0]
        self.sell_levels = list(dict.fromkeys(map(self._on_tick, sells)))
        self.grid_center_price = center
        self.grid_upper_bound = self.sell_levels[-1] * 1.01
        lowest = self.buy_levels[-1] * 0.99 if self.buy_levels else 0.0
        self.grid_lower_bound = max(lowest, center * 0.8)

    def _warn_if_too_small(self) -> None:
        needed = self.sell_levels[-1] * self.lot_size
        if self.order_amount < needed and not self._too_small_said:
            self._too_small_said = True
            self.logger.warning(
                "order_amount %.2f is too small for %s: %.2f is needed to trade on every level",
                self.order_amount,
                self.symbol,
                needed,
            )

    def _on_tick(self, price: float, rounding: Callable[[float], int] = round) -> float:
        """The nearest price on the tick, or the next one up or down with `math.ceil`, `floor`."""
        self._learn_steps(price)
        steps = round(price / self.tick_size, 6)
        return round(rounding(steps) * self.tick_size, 4)

    def _quantity_at(self, price: float) -> int:
        """What `order_amount` buys at a price, in whole lots."""
        return int(self.order_amount / (price * self.lot_size) + 1e-9) * self.lot_size

    @property
    def _sells_short(self) -> bool:
        return self.initial_position_strategy == "place_all"

    def _unallocated(self) -> int:
        """Shares held that no sell order covers."""
        orders = self.pending_orders.values()
        covered: int = sum(
            order["quantity"] - order["filled"] for order in orders if order["type"] == "SELL"
        )
        return self.current_position - covered

    def _working(self, action: str) -> dict[float, str]:
        return {
            order["price"]: order_id
            for order_id, order in self.pending_orders.items()
            if order["type"] == action and order["price"] and not order.get("cancelling")
        }

    def _count(self, action: str) -> int:
        orders = self.pending_orders.values()
        return sum(order["type"] == action and not order.get("cancelling") for order in orders)


def main() -> None:
    """Trade a grid live."""
    parser = command_line(__doc__ or "", state_file="grid_trading_state.json")
    parser.add_argument("--grid-levels", type=int, default=10, help="orders a side")
    parser.add_argument("--grid-spacing-pct", type=float, default=1.0, help="step in per cent")
    parser.add_argument("--order-amount", type=float, default=1000.0, help="rupees a level")
    parser.add_argument("--grid-type", choices=GRID_TYPES, default=GRID_TYPES[0], help="spacing")
    parser.add_argument(
        "--initial-position-strategy",
        choices=START_MODES,
        default=START_MODES[0],
        help="what the first sell orders offer",
    )
    parser.add_argument(
        "--auto-reset",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="lay the grid anew when the price leaves it, or stop",
    )
    start_bot(parser, GridTradingBot)


if __name__ == "__main__":
    main()
