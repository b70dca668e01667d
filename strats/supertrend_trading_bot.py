"""A Supertrend follower: long while the trend is up, out on its turn, a stop loss or a target.

Needs `openalgo` and a running OpenAlgo server: `python strats/supertrend_trading_bot.py --help`.
"""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

if __package__ in (None, ""):  # run as a script: make `strats` importable
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from strats.openalgo_bot import IST, OpenAlgoBot
from strats.trading_bot import (
    DEFAULT_HOST,
    command_line,
    profit_timeline,
    read_state,
    start_bot,
    write_state,
)

HISTORY_DAYS = 30
ORDER_PATIENCE = timedelta(seconds=60)
NOT_FOUND = 404
PARAMETERS = (
    "symbol",
    "exchange",
    "product",
    "interval",
    "take_profit_pct",
    "stop_loss_pct",
    "atr_period",
    "atr_multiplier",
    "max_order_amount",
    "last_entry",
    "square_off",
)


class SupertrendTradingBot(OpenAlgoBot):
    """Buys once in each uptrend and sells on its end, on the stop loss or on the target.

    The trend comes from completed candles of `interval`, stop and target from the last price
    against the entry's average price. `max_order_amount` is rupees an entry; at least one share,
    or lot, is bought. A percentage of 0 switches that exit off. A trend that was left by stop loss
    or take profit is not entered again; a refused entry is tried again on the next date. In MIS it
    enters nothing from `last_entry` on and sells at `square_off` (`HH:MM`, by default 15:00 and
    15:10 for shares and their derivatives); a trend that goes on is entered again the next day.
    """

    STRATEGY = "Supertrend"

    def __init__(  # noqa: PLR0917  (callers pass them by position)
        self,
        api_key: str,
        symbol: str,
        host: str = DEFAULT_HOST,
        exchange: str = "NSE",
        state_file: str = "supertrend_state.json",
        take_profit_pct: float = 5.0,
        stop_loss_pct: float = 3.0,
        atr_period: int = 10,
        atr_multiplier: float = 3.0,
        max_order_amount: float = 1000.0,
        product: str = "MIS",
        interval: str = "5m",
        last_entry: str | None = None,
        square_off: str | None = None,
    ) -> None:
        if atr_period < 1 or atr_multiplier <= 0 or max_order_amount <= 0:
            raise ValueError(
                "atr_period must be at least 1, atr_multiplier and max_order_amount above 0; got "
                f"{atr_period}, {atr_multiplier}, {max_order_amount}"
            )
        if take_profit_pct < 0 or stop_loss_pct < 0:
            raise ValueError(
                "take_profit_pct and stop_loss_pct must not be negative; got "
                f"{take_profit_pct}, {stop_loss_pct}"
            )
        super().__init__(
            api_key, host, symbol, exchange, product, state_file, last_entry, square_off
        )
        self.take_profit_pct = take_profit_pct
        self.stop_loss_pct = stop_loss_pct
        self.atr_period = atr_period
        self.atr_multiplier = atr_multiplier
        self.max_order_amount = max_order_amount
        self.interval = interval
        self.bar_length = bar_length(interval)

        self.is_running = False
        self.ohlc_data: pd.DataFrame | None = None
        self.supertrend_direction: str | None = None
        self.trend_used = False
        self.refused_on: str | None = None
        self._candles_until: datetime | None = None
        self.load_state()

    @property
    def state(self) -> dict[str, Any]:
        """Position, open orders and fills, as they stand."""
        return {
            "position": self.current_position,
            "orders": [{"order_id": key, **order} for key, order in self.pending_orders.items()],
            "trades": self.filled_orders,
        }

    @property
    def entry_price(self) -> float:
        """The average price of the shares held; 0 while flat."""
        return self._lots.average_price

    # The trend

    def calculate_supertrend(self, df: pd.DataFrame) -> pd.DataFrame:
        """Add true range, ATR, bands, `supertrend` and `supertrend_direction` to `df`; return it.

        `df` has the columns high, low and close, oldest bar first. The bands lie `atr_multiplier`
        ATRs beyond high and low. A close above the last final upper band turns the direction to
        `up`, one below the last final lower band to `down`; it starts as `down`.
        """
        high, low, close = (df[name].to_numpy(dtype=float) for name in ("high", "low", "close"))
        before = np.concatenate(([np.nan], close[:-1]))
        df["tr0"] = high - low
        df["tr1"] = np.abs(high - before)
        df["tr2"] = np.abs(low - before)
        df["tr"] = np.fmax(df["tr0"], np.fmax(df["tr1"], df["tr2"]))
        df["atr"] = df["tr"].ewm(alpha=1 / self.atr_period, adjust=False).mean()
        df["basic_upper"] = high + self.atr_multiplier * df["atr"]
        df["basic_lower"] = low - self.atr_multiplier * df["atr"]
        upper, lower, direction = _carry_bands(
            df["basic_upper"].to_numpy(), df["basic_lower"].to_numpy(), close
        )
        df["final_upper"] = upper
        df["final_lower"] = lower
        line = np.where(direction == "up", lower, upper)
        line[:1] = np.nan
        df["supertrend"] = line
        df["supertrend_direction"] = direction
        return df

    def current_direction(self) -> str | None:
        """`up` or `down` at the last completed candle; None while there is none.

        Whoever computes the trend elsewhere sets `supertrend_direction`; otherwise it comes from
        `ohlc_data`.
        """
        if self.supertrend_direction is not None:
            return self.supertrend_direction
        if self.ohlc_data is None or self.ohlc_data.empty:
            return None
        if "supertrend_direction" not in self.ohlc_data:
            self.calculate_supertrend(self.ohlc_data)
        direction: str = self.ohlc_data["supertrend_direction"].iloc[-1]
        return direction

    def update_candles(self) -> None:
        """Read the last 30 days of candles and their trend, unless no new candle can be complete.

        The candle that is still forming is left out.
        """
        now = self.now()
        if self._candles_until is not None and now < self._candles_until:
            return
        candles = self.client.history(
            symbol=self.symbol,
            exchange=self.exchange,
            interval=self.interval,
            start_date=(now - timedelta(days=HISTORY_DAYS)).date().isoformat(),
            end_date=now.date().isoformat(),
        )
        if not isinstance(candles, pd.DataFrame):
            self.logger.warning("no candles: %s", candles.get("message", candles))
            return
        index = pd.DatetimeIndex(candles.index)
        opens = index.tz_localize(IST) if index.tz is None else index
        complete = candles[opens + self.bar_length <= pd.Timestamp(now)].copy()
        if complete.empty:
            return
        self.ohlc_data = self.calculate_supertrend(complete)
        last_open = opens[len(complete) - 1].to_pydatetime()
        self._candles_until = last_open + 2 * self.bar_length

    # Orders

    def check_filled_orders(self) -> list[dict[str, Any]]:
        known = len(self.filled_orders)
        for order_id in list(self.pending_orders):
            reply = self.client.orderstatus(order_id=order_id, strategy=self.STRATEGY)
            if reply.get("status") == "success":
                self._follow(order_id, reply.get("data") or {})
            elif reply.get("code") == NOT_FOUND:
                self.logger.warning("order %s is in no book any more", order_id)
                del self.pending_orders[order_id]
                self._position_in_doubt = self._changed = True
        if self._position_in_doubt:
            self._check_position()
        return self.filled_orders[known:]

    def _follow(self, order_id: str, row: dict[str, Any]) -> None:
        """Book what is new; a market order that hangs is cancelled, to be decided upon anew."""
        order = self.pending_orders[order_id]
        ended = self._settle(order_id, row)
        if ended and ended["status"] == "rejected" and ended["type"] == "BUY":
            self.refused_on = self.session_date
        age = self.now() - datetime.fromisoformat(order["timestamp"])
        if not ended and not order.get("cancelling") and age > ORDER_PATIENCE:
            self.cancel_order(order_id)

    def _enter(self, price: float) -> None:
        self._learn_steps(price)
        lots = int(self.max_order_amount / (price * self.lot_size) + 1e-9)
        quantity = max(1, lots) * self.lot_size
        self.logger.info("the trend is up at %.2f", price)
        if self.place_market_order("BUY", quantity) is None:
            # Refused, or never answered: sending it again could buy twice.
            self.refused_on = self.session_date
            self._changed = True

    def _leave(self, price: float, reason: str) -> None:
        """Sell what the account still holds of the position."""
        self._check_position()
        if self.current_position:
            self.logger.info("%s at %.2f", reason, price)
            self.place_market_order("SELL", self.current_position)

    # Running

    def run_backtest(self, current_price: float) -> None:
        self.check_filled_orders()
        today = self.now().date().isoformat()
        if today != self.session_date:
            self.session_date = today
            self._changed = True
            self._check_position()
        self.last_price = current_price
        direction = self.current_direction()
        if direction == "down" and self.trend_used:
            self.trend_used = False
            self._changed = True
        if self.pending_orders:
            return
        if self._is_past(self.square_off):
            self._leave(current_price, "the day ends")
        elif self.current_position and direction is not None:
            self._watch_position(current_price, direction)
        elif direction == "up" and self._may_enter(today):
            self._enter(current_price)

    def _may_enter(self, today: str) -> bool:
        """Whether an uptrend may be bought while the bot holds nothing."""
        used = self.trend_used or self.refused_on == today
        return not (used or self.current_position or self._is_past(self.last_entry))

    def _watch_position(self, price: float, direction: str) -> None:
        gain_pct = (price / self.entry_price - 1) * 100
        if direction == "down":
            self._leave(price, "the trend is down")
        elif 0 < self.take_profit_pct <= gain_pct:
            self.trend_used = True
            self._leave(price, "take profit")
        elif 0 < self.stop_loss_pct <= -gain_pct:
            self.trend_used = True
            self._leave(price, "stop loss")

    def run_strategy(self, check_interval: float = 30) -> None:
        self.is_running = True
        self._trade_while(lambda: self.is_running, check_interval)

    def _trade(self) -> None:
        self.update_candles()
        super()._trade()

    # Records

    def get_performance_summary(self) -> dict[str, Any]:
        price = self.last_price or self.get_current_price()
        unrealized = self.calculate_unrealized_pnl(price) if price else 0.0
        return {
            "symbol": self.symbol,
            "current_price": price,
            "position": self.current_position,
            "entry_price": round(self.entry_price, 4),
            "num_trades": self.total_trades,
            "realized_pnl": round(self.total_profit, 2),
            "unrealized_pnl": round(unrealized, 2),
            "total_pnl": round(self.total_profit + unrealized, 2),
        }

    def get_trading_data_for_export(self) -> dict[str, Any]:
        return {
            "summary": self.get_performance_summary(),
            **self.state,
            "performance_timeline": profit_timeline(self.filled_orders),
            "configuration": {name: getattr(self, name) for name in PARAMETERS},
        }

    def save_state(self) -> None:
        state = {
            "symbol": self.symbol,
            "exchange": self.exchange,
            "session_date": self.session_date,
            **self.state,
            "trend_used": self.trend_used,
            "refused_on": self.refused_on,
            "total_trades": self.total_trades,
            "last_update": self.now().isoformat(),
        }
        write_state(Path(self.state_file), state)
        self._changed = False

    def load_state(self) -> bool:
        state = read_state(Path(self.state_file), self.symbol, self.exchange)
        if state is None:
            return False
        self.current_position = state.get("position", 0)
        self.session_date = state.get("session_date")
        self.trend_used = state.get("trend_used", False)
        self.refused_on = state.get("refused_on")
        self.total_trades = state.get("total_trades", 0)
        orders = {order.pop("order_id"): order for order in state.get("orders", [])}
        self._restore(orders, state.get("trades", []))
        return True


def bar_length(interval: str) -> timedelta:
    """The length of an OpenAlgo interval: 1m, 15m, 1h, D.

    Raises ValueError for another word.
    """
    text = interval if interval[:1].isdigit() else f"1{interval}"
    number, unit = text[:-1], text[-1:]
    units = {"m": "minutes", "h": "hours", "D": "days"}
    if not number.isdigit() or unit not in units:
        raise ValueError(f"interval must be like 1m, 15m, 1h or D; got {interval!r}")
    return timedelta(**{units[unit]: int(number)})


def _carry_bands(
    upper: np.ndarray, lower: np.ndarray, close: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Final upper and lower bands and the direction of each bar.

    A band only ever tightens until a close has passed it.
    """
    count = len(close)
    final_upper, final_lower = upper.copy(), lower.copy()
    direction = np.full(count, "down", dtype=object)
    for i in range(1, count):
        if not (upper[i] < final_upper[i - 1] or close[i - 1] > final_upper[i - 1]):
            final_upper[i] = final_upper[i - 1]
        if not (lower[i] > final_lower[i - 1] or close[i - 1] < final_lower[i - 1]):
            final_lower[i] = final_lower[i - 1]
        if close[i] > final_upper[i - 1]:
            direction[i] = "up"
        elif close[i] < final_lower[i - 1]:
            direction[i] = "down"
        else:
            direction[i] = direction[i - 1]
    return final_upper, final_lower, direction


def main() -> None:
    """Follow the Supertrend live."""
    parser = command_line(__doc__ or "", state_file="supertrend_state.json")
    parser.add_argument(
        "--candles", dest="interval", default="5m", help="those of the trend: 1m, 15m, 1h, D"
    )
    parser.add_argument("--take-profit-pct", type=float, default=5.0, help="0 switches it off")
    parser.add_argument("--stop-loss-pct", type=float, default=3.0, help="0 switches it off")
    parser.add_argument("--atr-period", type=int, default=10, help="bars of the average range")
    parser.add_argument("--atr-multiplier", type=float, default=3.0, help="ranges to the bands")
    parser.add_argument("--max-order-amount", type=float, default=1000.0, help="rupees an entry")
    start_bot(parser, SupertrendTradingBot)


if __name__ == "__main__":
    main()
