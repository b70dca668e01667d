"""Random markets, random settings and a bot that does random things in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from tapeback import BaseStrategy, Candle, Candles, Order
from tapeback.broker.service import BrokerService
from tapeback.utils.clock import MINUTE_NS, day_number, to_ns

TICK = 0.05
INTRABAR = ("adverse", "favourable", "nearer", "ohlc", "olhc")
_FIRST = 2_000


@dataclass(frozen=True)
class Era:
    """Three sessions in a row, by their opens and minutes, and NIFTY contracts of that time, with
    their lot."""

    opens: tuple[str, str, str]
    minutes: tuple[int, int, int]
    future: str
    option: str
    lot: int


_WHOLE = (375, 375, 375)
ERAS = (
    Era(
        ("2024-01-04 09:15", "2024-01-05 09:15", "2024-01-08 09:15"), _WHOLE,
        "NIFTY25JAN24FUT", "NIFTY25JAN2422000CE", 50,
    ),
    # A Saturday's session and a Monday's holiday lie between the first and the second.
    Era(
        ("2024-01-19 09:15", "2024-01-23 09:15", "2024-01-24 09:15"), _WHOLE,
        "NIFTY29FEB24FUT", "NIFTY29FEB2422000CE", 50,
    ),
    # The contracts expire on the last of these.
    Era(
        ("2024-01-23 09:15", "2024-01-24 09:15", "2024-01-25 09:15"), _WHOLE,
        "NIFTY25JAN24FUT", "NIFTY25JAN2422000CE", 50,
    ),
    # The second is the hour of Muhurat.
    Era(
        ("2024-10-31 09:15", "2024-11-01 18:00", "2024-11-04 09:15"), (375, 60, 375),
        "NIFTY28NOV24FUT", "NIFTY28NOV2422000CE", 25,
    ),
    # MARKET orders go in with a limit.
    Era(
        ("2026-04-07 09:15", "2026-04-08 09:15", "2026-04-09 09:15"), _WHOLE,
        "NIFTY28APR26FUT", "NIFTY28APR2622000CE", 65,
    ),
)  # fmt: skip
_FINER = to_ns(datetime(2024, 6, 10))
_LOTS = {name: era.lot for era in ERAS for name in (era.future, era.option)}

# What one bar does: gap from the last close, close from the open, both wicks (all in ticks), and
# its volume. Many draws are still, gap, or trade nothing. The widest gaps, in a still bar, lock the
# band of a share whose own is not known.
_STEP = st.tuples(
    st.sampled_from((0, 0, 0, 0, 0, 0, 1, -1, 2, -3, 7, -9, 110, -110)),
    st.integers(-5, 5),
    st.sampled_from((0, 0, 1, 2, 6)),
    st.sampled_from((0, 0, 1, 2, 6)),
    st.sampled_from((1_000, 40, 100_000, 3, 0)),
)


def price_of(ticks: int) -> float:
    """The price that many ticks are."""
    return round(max(ticks, 1) * TICK, 2)


def lot_of(symbol: str) -> int:
    """The lot that a symbol of these worlds trades in."""
    return _LOTS.get(symbol, 1)


def tick_of(symbol: str, ts: int) -> float:
    """The tick at prices like these; that of shares below 250 rupees became finer in June 2024."""
    return 0.01 if symbol not in _LOTS and ts >= _FINER else TICK


def exchange_of(symbol: str) -> str:
    return "NFO" if symbol in _LOTS else "NSE"


@st.composite
def sessions(draw: st.DrawFn, most: int = 10) -> list[list[int]]:
    """Stamps (ns UTC) of the bars of one to three sessions: at the open, soon after it, around the
    times at which MIS is squared off, or up to the close."""
    era = draw(st.sampled_from(ERAS))
    found = []
    for opens, minutes in zip(era.opens, era.minutes, strict=True):
        count = draw(st.integers(3, most))
        first = draw(st.sampled_from((0, 5, minutes - 17, minutes - count)))
        begins = to_ns(datetime.fromisoformat(opens) + timedelta(minutes=first))
        found.append([begins + minute * MINUTE_NS for minute in range(count)])
    keep = draw(st.integers(1, 3))
    return found[-keep:]


@st.composite
def names(draw: st.DrawFn, days: list[list[int]]) -> str:
    """A share with derivatives, one without, or a contract of the time."""
    era = era_of(days)
    return draw(st.sampled_from(("SBIN", "SBIN", "ACME", era.future, era.option)))


def era_of(days: list[list[int]]) -> Era:
    """The era whose sessions these are; they end with its last."""
    day = day_number(days[-1][-1])
    return next(
        era for era in ERAS if day_number(to_ns(datetime.fromisoformat(era.opens[-1]))) == day
    )


@st.composite
def minute_candles(
    draw: st.DrawFn, symbol: str = "", days: list[list[int]] | None = None
) -> Candles:
    """One-minute bars on the tick grid; the first of all has volume, so that the source has. One
    of the world's symbols where none is given."""
    stamps = draw(sessions()) if days is None else days
    symbol = symbol or draw(names(stamps))
    labels = [ts for session in stamps for ts in session]
    steps = draw(st.lists(_STEP, min_size=len(labels), max_size=len(labels)))
    last, rows = _FIRST, []
    for gap, move, above, below, volume in steps:
        opened = max(last + gap, 20)
        last = max(opened + move, 20)
        rows.append((opened, max(opened, last) + above, min(opened, last) - below, last, volume))
    columns: list[Any] = [list(column) for column in zip(*rows, strict=True)]
    columns[4][0] = 1_000
    return Candles.from_arrays(
        symbol=symbol,
        exchange=exchange_of(symbol),
        timeframe="1m",
        ts=labels,
        **{
            name: [price_of(ticks) for ticks in column]
            for name, column in zip(("open", "high", "low", "close"), columns, strict=False)
        },
        volume=columns[4],
    )


@st.composite
def markets(draw: st.DrawFn) -> list[Candles]:
    """One symbol or several: same minutes or some missing, coarser bars of some beside, or a future
    and an option that are margined together."""
    days = draw(sessions())
    kind = draw(st.sampled_from(("one", "two", "gappy", "coarse", "mixed", "legs")))
    if kind == "legs":
        era = era_of(days)
        return [draw(minute_candles(symbol, days)) for symbol in (era.future, era.option)]
    first = draw(minute_candles(days=days))
    if kind == "one":
        return [first]
    if kind == "coarse":
        return [first, first.resample("5m")]
    if kind == "two":
        return [first, draw(minute_candles("INFY", days))]
    thinned = [[ts for ts in session if ts // MINUTE_NS % 3 != 1] for session in days]
    if kind == "gappy":
        return [first, draw(minute_candles("INFY", thinned))]
    return [draw(minute_candles("INFY", days)).resample("5m"), first]


CONTRACT_NOTE = {"plan": "zerodha", "rounding": "contract-note"}


@st.composite
def settings_of_runs(draw: st.DrawFn, **fixed: Any) -> dict[str, Any]:
    """Settings of `tapeback.backtest`; those in `fixed` are as given."""
    chosen = {
        "fidelity": draw(st.sampled_from(("live", "sandbox", "none"))),
        "intrabar": draw(st.sampled_from(INTRABAR)),
        "market_fill": draw(st.sampled_from(("next_open", "next_open", "bar_close", "ltp"))),
        "limit_fill": draw(st.sampled_from((None, "touch", "through"))),
        "participation": draw(st.sampled_from(("auto", None, 0.1, 1.0))),
        "slippage": draw(st.sampled_from((None, "none"))),
        "spread_bps": draw(st.sampled_from((0.0, 10.0))),
        "costs": draw(st.sampled_from(("flat", "none", None, CONTRACT_NOTE))),
        "broker": draw(st.sampled_from(("zerodha", "zerodha", "dhan"))),
        "margin": draw(st.sampled_from((None, "strict", "off"))),
        "commission_per_trade": draw(st.sampled_from((0.0, 20.0))),
        "latency": draw(st.sampled_from((None, None, 500, 25_000))),
        "initial_cash": draw(st.sampled_from((100_000, 3_000))),
    }
    return {**chosen, **fixed}


@dataclass(frozen=True)
class Action:
    """One thing that the bot does. `quantity` is lots, unless it is `odd`; `offset` and `reach` are
    ticks from the last close it saw, `target` picks one of the orders sent so far."""

    kind: str
    side: str = "BUY"
    quantity: int = 1
    pricetype: str = "MARKET"
    product: str = ""
    offset: int = 0
    reach: int = 1
    protect: str = ""
    target: int = 0
    other: bool = False
    odd: bool = False

    def units(self, symbol: str) -> int:
        """The quantity to order of a symbol."""
        return self.quantity if self.odd else self.quantity * lot_of(symbol)


_PLACE = st.builds(
    Action,
    kind=st.just("place"),
    side=st.sampled_from(("BUY", "SELL")),
    quantity=st.integers(1, 30),
    pricetype=st.sampled_from(("MARKET", "LIMIT", "LIMIT", "SL", "SL-M")),
    product=st.sampled_from(("", "", "CNC", "MIS", "NRML")),
    offset=st.integers(-8, 8),
    reach=st.integers(1, 5),
    protect=st.sampled_from(("", "", "", "stop", "target", "both")),
    other=st.booleans(),
    odd=st.sampled_from((False, False, False, True)),
)
_CHANGE = st.builds(
    Action,
    kind=st.sampled_from(("cancel", "modify", "modify", "cancel all")),
    quantity=st.integers(1, 30),
    offset=st.integers(-8, 8),
    target=st.integers(0, 50),
)
_PAIR = st.builds(
    Action,
    kind=st.just("pair"),
    quantity=st.integers(1, 30),
    offset=st.integers(1, 6),
    reach=st.integers(1, 6),
    protect=st.sampled_from(("", "both")),
)
ACTIONS = st.one_of(_PLACE, _PLACE, _CHANGE, _PAIR)


@dataclass(frozen=True)
class Plan:
    """What the bot does at its n-th bar, and at its n-th order update while `budget` lasts."""

    bars: list[list[Action]]
    updates: list[Action | None]
    budget: int = 40


PLANS = st.builds(
    Plan,
    bars=st.lists(st.lists(ACTIONS, max_size=3), min_size=1, max_size=12),
    updates=st.lists(st.one_of(st.none(), _PLACE, _CHANGE), min_size=1, max_size=6),
)


@dataclass
class Diary:
    """All that the bot did and heard, in order, and what its orders were meant to be."""

    events: list[tuple[Any, ...]] = field(default_factory=list)
    limits: dict[str, list[float]] = field(default_factory=dict)
    quantities: dict[str, list[int]] = field(default_factory=dict)
    pairs: list[tuple[str, str]] = field(default_factory=list)


Check = Callable[[BrokerService], None]


class Bot(BaseStrategy):
    """Carries out a plan. It knows closed bars and its own orders' updates, nothing else, and
    looks away from the symbols in `ignored`. `check` looks at the account in every callback."""

    def __init__(
        self, plan: Plan, ignored: tuple[str, ...] = (), check: Check = lambda _: None
    ) -> None:
        self.plan = plan
        self.ignored = ignored
        self.check = check
        self.diary = Diary()
        self.closes: dict[str, int] = {}
        self.sent: list[tuple[str, str]] = []
        self.bar = -1
        self.heard = -1
        self.left = plan.budget

    def on_bar(self, candle: Candle) -> None:
        self.check(self.context)
        if candle.symbol in self.ignored:
            return
        self.bar += 1
        self.closes[candle.symbol] = round(candle.close / TICK)
        self._note("bar", candle.symbol, candle.ts)
        for action in self.plan.bars[self.bar % len(self.plan.bars)]:
            self._act(action)

    def on_order_update(self, order: Order) -> None:
        self.check(self.context)
        self._note("update", order.orderid, order.status, order.filled_quantity, order.quantity)
        self.heard += 1
        action = self.plan.updates[self.heard % len(self.plan.updates)]
        if action is not None and self.left > 0:
            self.left -= 1
            self._act(action)

    def _note(self, *what: Any) -> None:
        self.diary.events.append((self.context.engine.now, *what))

    def _act(self, action: Action) -> None:
        if action.kind == "place":
            self._place(action)
        elif action.kind == "pair":
            self._pair(action)
        elif action.kind == "cancel all":
            self._note("cancelled", *self.cancel_all_orders())
        elif self.sent:
            orderid, symbol = self.sent[action.target % len(self.sent)]
            if action.kind == "cancel":
                self._note("cancel", orderid, self.cancel(orderid))
            else:
                self._modify(action, orderid, symbol)

    def _symbol(self, action: Action) -> str:
        symbols = sorted(self.closes)
        return symbols[-1 if action.other else 0]

    def _place(self, action: Action) -> None:
        symbol = self._symbol(action)
        at = self.closes[symbol] + action.offset
        sign = 1 if action.side == "BUY" else -1
        order: dict[str, Any] = {"pricetype": action.pricetype, "symbol": symbol}
        if action.product:
            order["product"] = action.product
        if action.pricetype == "LIMIT":
            order["price"] = price_of(at)
        elif action.pricetype != "MARKET":
            order["trigger_price"] = price_of(at)
            if action.pricetype == "SL":
                order["price"] = price_of(at + sign * action.reach)
        if action.protect in ("stop", "both"):
            order["stop_loss"] = price_of(at - sign * (action.reach + 2))
        if action.protect in ("target", "both"):
            order["target"] = price_of(at + sign * (action.reach + 2))
        self._send(action.side, action.units(symbol), **order)

    def _pair(self, action: Action) -> None:
        """A breakout: two stop entries around the close, of which one is to be filled."""
        symbol = self._symbol(action)
        close, ids = self.closes[symbol], []
        for side, sign in (("BUY", 1), ("SELL", -1)):
            at = close + sign * action.offset
            order = {"pricetype": "SL-M", "trigger_price": price_of(at), "symbol": symbol}
            if action.protect:
                order["stop_loss"] = price_of(at - sign * action.reach)
                order["target"] = price_of(at + sign * action.reach)
            ids.append(self._send(side, action.units(symbol), **order))
        orders = self.context.simulator.orders
        if all(orders[orderid].is_open for orderid in ids):
            self.oco(*ids)
            self.diary.pairs.append((ids[0], ids[1]))

    def _send(self, side: str, quantity: int, **order: Any) -> str:
        self._note("send", side, quantity, sorted(order.items()))
        orderid = self.buy(quantity, **order) if side == "BUY" else self.sell(quantity, **order)
        self.sent.append((orderid, order["symbol"]))
        self.diary.limits.setdefault(orderid, []).append(order.get("price", 0.0))
        self.diary.quantities.setdefault(orderid, []).append(quantity)
        return orderid

    def _modify(self, action: Action, orderid: str, symbol: str) -> None:
        price = price_of(self.closes[symbol] + action.offset)
        pricetype = self.context.simulator.orders[orderid].pricetype
        quantity = action.units(symbol)
        change: dict[str, Any] = {"quantity": quantity}
        if pricetype == "LIMIT":
            change["price"] = price
        elif pricetype == "SL-M":
            change["trigger_price"] = price
        # Noted before it is sent: it may be filled at the new price inside the call.
        self.diary.limits.setdefault(orderid, []).append(change.get("price", 0.0))
        self.diary.quantities.setdefault(orderid, []).append(quantity)
        self._note("modify", orderid, sorted(change.items()), self.modify(orderid, **change))
