"""Small bars by hand, and a strategy that does what a test tells it at each close."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from benchmarks.generate import walk
from benchmarks.jobs.tapeback import candles_of
from tapeback import BacktestResult, BaseStrategy, Candle, Candles, Fill, Order, backtest
from tapeback.market import timeframes
from tapeback.utils.clock import DAY_NS, day_number, to_ns

# No exchange, no frictions, no costs: what is left is the path and the rules of prices.
BARE: dict[str, Any] = {"fidelity": "none", "costs": "none"}
# The exchange with its rules, but prices that a hand can compute.
LIVE: dict[str, Any] = {"fidelity": "live", "costs": "none", "slippage": "none"}
SANDBOX: dict[str, Any] = {"fidelity": "sandbox", "costs": "none"}

Row = Sequence[float]
Step = Callable[["Scripted"], Any]
Update = Callable[["Scripted", Order], Any]


def bars(
    *rows: Row,
    symbol: str = "SBIN",
    exchange: str = "NSE",
    timeframe: str = "1m",
    start: str = "2024-01-02 09:15",
    at: Sequence[str] = (),
    volume: float | None = 1000.0,
) -> Candles:
    """Candles of rows (open, high, low, close[, volume]), one after the other from `start`, IST.

    Days follow on weekdays. `at` gives the label of every bar instead; `volume` None means a
    source without volume.
    """
    stamps = [to_ns(datetime.fromisoformat(text)) for text in at] or _stamps(
        to_ns(datetime.fromisoformat(start)), timeframe, len(rows)
    )
    columns = list(zip(*(tuple(row[:4]) for row in rows), strict=True))
    volumes = None
    if volume is not None:
        volumes = [row[4] if len(row) > 4 else volume for row in rows]
    return Candles.from_arrays(
        symbol=symbol, exchange=exchange, timeframe=timeframe, ts=stamps,
        open=columns[0], high=columns[1], low=columns[2], close=columns[3], volume=volumes,
    )  # fmt: skip


def minute_bars(count: int, seed: int, symbol: str = "SBIN") -> Candles:
    """A walk of minute bars in regular sessions, the same for the same seed."""
    return candles_of(walk(count, seed), symbol)


def flat(price: float, count: int) -> list[Row]:
    """Bars that do not move."""
    return [(price, price, price, price)] * count


def _stamps(first: int, timeframe: str, count: int) -> list[int]:
    if timeframes.is_intraday(timeframe):
        return [first + i * timeframes.duration(timeframe) for i in range(count)]
    stamps, ts = [], first
    while len(stamps) < count:
        if date.fromordinal(day_number(ts) + date(1970, 1, 1).toordinal()).weekday() < 5:
            stamps.append(ts)
        ts += DAY_NS
    return stamps


class Scripted(BaseStrategy):
    """Runs `steps[n]` at the n-th bar it is shown, or `steps[symbol, n]` at a symbol's n-th,
    and `update` at each order update."""

    def __init__(
        self, steps: dict[Any, Step], update: Update | None = None, begin: Step | None = None
    ) -> None:
        self.steps = steps
        self.update = update
        self.begin = begin
        self.shown: list[Candle] = []
        self.updates: list[tuple[str, str, int]] = []
        self.notes: list[Any] = []
        self.ids: list[str] = []
        self._counts: dict[str, int] = {}

    def on_start(self) -> None:
        if self.begin is not None:
            self.begin(self)

    def on_bar(self, candle: Candle) -> None:
        count, own = len(self.shown), self._counts.get(candle.symbol, 0)
        self.shown.append(candle)
        self._counts[candle.symbol] = own + 1
        for key in (count, (candle.symbol, own)):
            if key in self.steps:
                self.steps[key](self)

    def on_order_update(self, order: Order) -> None:
        self.updates.append((order.orderid, order.status, order.filled_quantity))
        if self.update is not None:
            self.update(self, order)

    def keep(self, order_id: str) -> str:
        """Remember an order id under its number of sending."""
        self.ids.append(order_id)
        return order_id

    def do(self, *actions: Any) -> None:
        """A place for several calls in one lambda."""


@dataclass
class Played:
    """A run and the strategy that made it."""

    result: BacktestResult
    strategy: Scripted
    orders: tuple[Order, ...] = field(init=False)
    fills: tuple[Fill, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.orders = self.result.orders
        self.fills = self.result.fills

    @property
    def prices(self) -> list[float]:
        return [fill.price for fill in self.fills]

    @property
    def rows(self) -> list[tuple[str, str, int, float, str]]:
        """(time of day, side, quantity, price, rule) of each fill."""
        return [
            (f"{fill.time:%H:%M:%S}", fill.side, fill.quantity, fill.price, fill.rule)
            for fill in self.fills
        ]

    def order(self, number: int) -> Order:
        """The order that was remembered as the n-th."""
        wanted = self.strategy.ids[number]
        return next(order for order in self.orders if order.orderid == wanted)


def play(
    candles: Candles | Sequence[Candles],
    steps: dict[Any, Step],
    *,
    update: Update | None = None,
    begin: Step | None = None,
    **settings: Any,
) -> Played:
    """Run a `Scripted` strategy over candles; `settings` are those of `tapeback.backtest`."""
    strategy = Scripted(steps, update, begin)
    return Played(backtest(strategy, candles, **settings), strategy)


def at(text: str) -> int:
    """Nanoseconds UTC of an Indian moment such as `2024-01-02 09:15:20`."""
    return to_ns(datetime.fromisoformat(text))


def minutes(text: str, count: int) -> list[str]:
    """`count` labels, a minute apart, from an Indian moment on."""
    first = datetime.fromisoformat(text)
    return [(first + timedelta(minutes=i)).isoformat(" ") for i in range(count)]


def parts(fill: Fill) -> tuple[float, ...]:
    """Reference, spread, slippage, impact and rounding of a fill, to four decimals."""
    named = (fill.reference, fill.spread, fill.slippage, fill.impact, fill.rounding)
    return tuple(round(part, 4) for part in named)
