"""What every live bot is, and what it needs beside a broker: lots, a state file, a command line."""

from __future__ import annotations

import argparse
import json
import logging
import os
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from datetime import time as clock_time
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

DEFAULT_HOST = "http://127.0.0.1:8800"
CASH_HOURS = (clock_time(9, 15), clock_time(15, 30))
SESSION_HOURS = {
    "CDS": (clock_time(9, 0), clock_time(17, 0)),
    "BCD": (clock_time(9, 0), clock_time(17, 0)),
    "MCX": (clock_time(9, 0), clock_time(23, 30)),
    "NCDEX": (clock_time(9, 0), clock_time(17, 0)),
}
# The last entry of a day and the end of what is held in MIS: before any broker squares it off, at
# a fee. Brokers begin at 15:15, currencies at 16:30, commodities 40 minutes before their close.
CASH_DAY = ("15:00", "15:10")
INTRADAY = {
    "CDS": ("16:15", "16:25"),
    "BCD": ("16:15", "16:25"),
    "MCX": ("22:35", "22:45"),
    "NCDEX": ("16:05", "16:15"),
}


class TradingBot(ABC):
    """A strategy that trades live through OpenAlgo and, unchanged, over market history.

    `run_strategy` is the live loop. `run_backtest` takes the same decisions for one price and is
    called once a bar. Quantities are shares, prices rupees.
    """

    @abstractmethod
    def place_market_order(self, action: str, quantity: int) -> str | None:
        """Send a MARKET order (`BUY` or `SELL`); its order id, or None when it was refused."""

    @abstractmethod
    def place_limit_order(self, action: str, quantity: int, price: float) -> str | None:
        """Send a LIMIT order; its order id, or None when it was refused."""

    @abstractmethod
    def cancel_all_orders(self) -> bool:
        """Cancel the bot's own open orders; False when one of them cannot be cancelled."""

    @abstractmethod
    def check_filled_orders(self) -> list[dict[str, Any]]:
        """Read what became of the open orders and act on it; the new fills."""

    @abstractmethod
    def save_state(self) -> None:
        """Write what a restart needs to the state file."""

    @abstractmethod
    def load_state(self) -> bool:
        """Take up the state file; False when there is none."""

    @abstractmethod
    def get_current_price(self) -> float | None:
        """The last traded price, or None when OpenAlgo gives none."""

    @abstractmethod
    def get_performance_summary(self) -> dict[str, Any]:
        """Position, trades and profit so far, before charges."""

    @abstractmethod
    def get_trading_data_for_export(self) -> dict[str, Any]:
        """Everything that the bot has recorded, ready for JSON."""

    @abstractmethod
    def calculate_unrealized_pnl(self, current_price: float) -> float:
        """The open position's profit at a price, in rupees, before charges."""

    @abstractmethod
    def run_strategy(self) -> None:
        """Trade live until stopped."""

    @abstractmethod
    def run_backtest(self, current_price: float) -> None:
        """Take one step at a price."""


class FifoLots:
    """The open lots of one instrument, oldest first; `realized` is the profit of closed ones.

    Quantities are positive for long lots and negative for short ones. Charges are not included.
    """

    def __init__(self) -> None:
        self._lots: deque[tuple[int, float]] = deque()
        self.realized = 0.0

    def add(self, action: str, quantity: int, price: float) -> None:
        """Close the oldest opposite lots at `price`; what is left over opens a new lot."""
        side = 1 if action == "BUY" else -1
        while quantity and self._lots and self._lots[0][0] * side < 0:
            held, cost = self._lots.popleft()
            closed = min(quantity, abs(held))
            self.realized += closed * (cost - price) * side
            quantity -= closed
            if closed < abs(held):
                self._lots.appendleft((held + closed * side, cost))
        if quantity:
            self._lots.append((quantity * side, price))

    def unrealized(self, price: float) -> float:
        """The profit of the open lots at `price`."""
        return sum(quantity * (price - cost) for quantity, cost in self._lots)

    @property
    def average_price(self) -> float:
        """The average price of the open lots; 0 without any."""
        quantity = sum(quantity for quantity, _ in self._lots)
        return sum(quantity * cost for quantity, cost in self._lots) / quantity if quantity else 0.0


def profit_timeline(fills: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Realised profit in rupees and position after each of a bot's `filled_orders`."""
    lots = FifoLots()
    position = 0
    timeline = []
    for fill in fills:
        lots.add(fill["type"], fill["quantity"], fill["fill_price"])
        position += fill["quantity"] if fill["type"] == "BUY" else -fill["quantity"]
        moment, profit = fill["timestamp"], round(lots.realized, 2)
        timeline.append({"timestamp": moment, "realized_pnl": profit, "position": position})
    return timeline


def risk_of(timeline: list[dict[str, Any]]) -> dict[str, Any]:
    """What a `profit_timeline` says about losses, in rupees."""
    profits = [0.0, *(row["realized_pnl"] for row in timeline)]
    steps = [after - before for before, after in pairwise(profits)]
    drops = [peak - profit for peak, profit in zip(accumulate(profits, max), profits, strict=True)]
    return {
        "max_realized_drawdown": round(max(drops), 2),
        "profitable_fills": sum(step > 0 for step in steps),
        "losing_fills": sum(step < 0 for step in steps),
    }


def intraday_times(
    exchange: str, last_entry: str | None, square_off: str | None
) -> tuple[str, str]:
    """`HH:MM` (IST) of a day's last entry and of its exit; None is the time of the exchange.

    Raises ValueError for another form and for an entry after the exit.
    """
    usual = INTRADAY.get(exchange, CASH_DAY)
    times = []
    for name, text, default in zip(
        ("last_entry", "square_off"), (last_entry, square_off), usual, strict=True
    ):
        try:
            moment = datetime.strptime(default if text is None else text, "%H:%M")
        except (TypeError, ValueError):
            raise ValueError(f"{name} must be a time such as '15:10'; got {text!r}") from None
        times.append(f"{moment:%H:%M}")
    entry, leave = times
    if last_entry is None:
        entry = min(entry, leave)
    if entry > leave:
        raise ValueError(f"last_entry {entry} must not lie after square_off {leave}")
    return entry, leave


def is_market_open(exchange: str, moment: datetime) -> bool:
    """Whether the exchange's regular session runs, Monday to Friday; holidays are not known."""
    opens, closes = SESSION_HOURS.get(exchange, CASH_HOURS)
    return moment.weekday() < 5 and opens <= moment.time() < closes


def write_state(path: Path, state: Mapping[str, Any]) -> None:
    """Replace the state file at once, so that a crash leaves the old one or the new one."""
    draft = path.with_name(f"{path.name}.new")
    draft.write_text(json.dumps(state, indent=2), encoding="utf-8")
    os.replace(draft, path)


def read_state(path: Path, symbol: str, exchange: str) -> dict[str, Any] | None:
    """The state file's content, or None when there is none.

    Raises ValueError when it is damaged or was written for another instrument.
    """
    if not path.exists():
        return None
    remedy = "repair or remove it, or name another state file"
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: the state file is damaged ({error}): {remedy}") from None
    if not isinstance(state, dict):
        raise ValueError(f"{path}: the state file holds no JSON object: {remedy}")
    owner = (state.get("exchange", exchange), state.get("symbol", symbol))
    if owner != (exchange, symbol):
        found, wanted = ":".join(owner), f"{exchange}:{symbol}"
        raise ValueError(f"{path}: the state file belongs to {found}, not {wanted}: {remedy}")
    return state


def command_line(description: str, *, state_file: str) -> argparse.ArgumentParser:
    """The options that all live bots share."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    # Without a default of its own, so that --help cannot show the key.
    parser.add_argument(
        "--api-key",
        default=argparse.SUPPRESS,
        metavar="KEY",
        help="OpenAlgo API key (default: the environment variable OPENALGO_API_KEY)",
    )
    parser.add_argument("--host", default=DEFAULT_HOST, help="address of the OpenAlgo server")
    parser.add_argument("--symbol", default="RELIANCE")
    parser.add_argument("--exchange", default="NSE")
    parser.add_argument("--product", default="MIS", choices=("MIS", "CNC", "NRML"))
    parser.add_argument(
        "--last-entry", metavar="HH:MM", help="of MIS: no entry from then on (default: by exchange)"
    )
    parser.add_argument(
        "--square-off", metavar="HH:MM", help="of MIS: leave the market then (default: by exchange)"
    )
    parser.add_argument("--state-file", default=state_file, help="what a restart takes up again")
    parser.add_argument(
        "--interval",
        dest="check_interval",
        type=float,
        default=30.0,
        metavar="SECONDS",
        help="time between two looks at the market",
    )
    return parser


def start_bot(parser: argparse.ArgumentParser, build: Callable[..., TradingBot]) -> None:
    """Log to the terminal, build the bot, and trade until Ctrl-C; bad values end with a message."""
    arguments = vars(parser.parse_args())
    check_interval = arguments.pop("check_interval")
    arguments.setdefault("api_key", os.environ.get("OPENALGO_API_KEY", ""))
    if not arguments["api_key"]:
        parser.error("no API key: set OPENALGO_API_KEY or give --api-key")
    if check_interval <= 0:
        parser.error(f"--interval must be above 0 seconds; got {check_interval}")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        bot: Any = build(**arguments)
    except ValueError as error:
        parser.error(str(error))
    bot.run_strategy(check_interval=check_interval)
