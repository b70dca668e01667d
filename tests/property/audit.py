"""What must hold of any run, worked out again from its fills, orders and bars alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor, inf
from typing import Any

import numpy as np

from tapeback import BacktestResult, Candles, Fill, Order, backtest
from tapeback.broker.service import BrokerService
from tapeback.core.book import Book
from tapeback.core.path import MILLISECOND_NS
from tapeback.market import timeframes
from tapeback.models.position import Position
from tapeback.utils.clock import day_number
from tests.property.worlds import Bot, Plan, lot_of, tick_of

NOISE = 1e-9
_LIMIT_RULES = frozenset({"P2", "P2b", "P4"})
# Who sends orders beside the bot, and what of it happens at the last price, a bar under way or not.
_BROKER = frozenset({"AUTO_SQUARE_OFF", "CLOSE_AT_END", "EXPIRY"})
_BETWEEN = frozenset({"S3 coarse", "S4", "expiry"})


@dataclass
class Audit:
    """A run of the bot, with everything that was used to make it."""

    series: Sequence[Candles]
    bot: Bot
    result: BacktestResult
    settings: dict[str, Any]

    def __post_init__(self) -> None:
        self.orders = {order.orderid: order for order in self.result.orders}
        self.finest: dict[str, Candles] = {}
        for candles in self.series:
            known = self.finest.get(candles.symbol)
            if known is None or _length(candles) < _length(known):
                self.finest[candles.symbol] = candles
        self.fills: dict[str, list[Fill]] = defaultdict(list)
        for fill in self.result.fills:
            self.fills[fill.order_id].append(fill)

    @property
    def margined(self) -> bool:
        return bool(self.settings["fidelity"] != "none")

    @property
    def at_close(self) -> bool:
        return bool(self.settings["market_fill"] != "next_open")

    def bar_of(self, fill: Fill) -> int:
        """Index of the bar in which a fill happened, in its symbol's finest series."""
        candles = self.finest[fill.symbol]
        index = int(np.searchsorted(candles.starts, fill.ts, side="right")) - 1
        assert index >= 0
        if not (self.at_close and fill.rule == "P1") and fill.rule not in _BETWEEN:
            assert fill.ts < candles.ends[index], "a fill between two bars"
        return index

    def check(self) -> None:
        """Everything, cheap checks first."""
        for fill in self.result.fills:
            if fill.rule != "expiry":
                self.check_price(fill)
        for order in self.result.orders:
            self.check_order(order)
        self.check_lots()
        self.check_volume()
        self.check_sequence()
        self.check_links()
        self.check_square_off()
        self.check_expiry()
        self.check_equity()
        self.check_account()

    def check_price(self, fill: Fill) -> None:
        """P5: the reference was printed in its bar, after the order came; parts add up."""
        candles, index = self.finest[fill.symbol], self.bar_of(fill)
        low, high = candles.low[index], candles.high[index]
        assert low - NOISE <= fill.reference <= high + NOISE
        moved = fill.spread + fill.slippage + fill.impact + fill.rounding
        sign = 1 if fill.side == "BUY" else -1
        assert abs(fill.reference + sign * moved - fill.price) < NOISE
        assert moved >= -NOISE
        assert type(fill.quantity) is int
        assert fill.quantity > 0
        if self.margined:
            ticks = fill.price / tick_of(fill.symbol, fill.ts)
            assert abs(ticks - round(ticks)) < 1e-6, "off the tick grid"
            assert abs(fill.charges * 100 - round(fill.charges * 100)) < 1e-6
        order = self.orders[fill.order_id]
        if self.at_close and order.pricetype == "MARKET":
            return
        if order.strategy in _BROKER:
            assert fill.ts >= order.placed_ts - MILLISECOND_NS
            return
        latency = 0 if order.parent else round((self.settings["latency"] or 0) * 1_000_000)
        assert fill.ts >= order.placed_ts + latency, "filled before it arrived"

    def check_order(self, order: Order) -> None:
        """P2, P4, P9, and a status that says what happened."""
        fills = self.fills[order.orderid]
        assert sum(fill.quantity for fill in fills) == order.filled_quantity
        assert order.filled_quantity <= order.quantity
        whole = order.filled_quantity == order.quantity
        # An order that was modified down to what it had got ends as cancelled.
        assert (order.status == "complete") == whole or (whole and order.modifications)
        assert order.is_open == bool(order.seq)
        assert (order.ended_ts == 0) == order.is_open
        if order.status == "rejected":
            assert not fills
            assert order.rejection_reason
        if fills:
            value = sum(fill.price * fill.quantity for fill in fills)
            assert abs(value / order.filled_quantity - order.average_price) < 1e-6
        sign = 1 if order.action == "BUY" else -1
        if order.pricetype in ("LIMIT", "SL"):
            # What the broker gave a limit was sent without one.
            limits = self.bot.diary.limits.get(order.orderid, [0.0])
            worst = max(sign * (limit or order.price) for limit in limits)
            assert all(sign * fill.price <= worst + NOISE for fill in fills), "beyond its limit"
        if order.protection:
            assert all(sign * fill.price <= sign * order.protection + NOISE for fill in fills)
        if order.pricetype in ("SL", "SL-M") and fills:
            assert order.triggered_ts
            assert order.triggered_ts <= fills[0].ts

    def check_lots(self) -> None:
        """P9: nothing passes, and nothing trades, that is no whole number of lots."""
        if self.margined:
            for order in self.result.orders:
                assert order.status == "rejected" or order.quantity % lot_of(order.symbol) == 0
            for fill in self.result.fills:
                assert fill.quantity % lot_of(fill.symbol) == 0

    def check_square_off(self) -> None:
        """S3: of what MIS bought and sold by the end of a session nothing is left, unless a locked
        band held it, or the data ended before the time came."""
        if not self.margined:
            return
        engine = self.bot.context.engine
        carried = {(day_number(ts - 1), symbol) for ts, symbol in engine.clearing.carried}
        for symbol, candles in self.finest.items():
            days = np.unique([day_number(int(ts)) for ts in candles.starts]).tolist()
            mis = [fill for fill in self.result.fills if _of(fill, symbol, "MIS")]
            for day in days:
                held = sum(_signed(fill) for fill in mis if day_number(fill.ts) <= day)
                over = day < days[-1] or candles.ends[-1] > self._square_off(candles, day)
                assert held == 0 or not over or (day, symbol) in carried, f"MIS on day {day}"

    def check_expiry(self) -> None:
        """Of a contract nothing is left once it has expired."""
        for symbol, candles in self.finest.items():
            book = self.bot.context.simulator.books[symbol, candles.exchange]
            expiry, last = book.instrument.expiry, int(candles.ends[-1])
            if not self.margined or expiry is None or last < book.hours.closes:
                continue
            if day_number(last - 1) >= expiry:
                assert all(position.quantity == 0 for position in book.positions.values())
                assert not any(o.is_open and o.symbol == symbol for o in self.result.orders)

    def _square_off(self, candles: Candles, day: int) -> int:
        engine = self.bot.context.engine
        book = engine.simulator.books[candles.symbol, candles.exchange]
        return engine.rulebook.hours(book.instrument, day).square_off

    def check_volume(self) -> None:
        """P7: limits share a bar's volume, and nothing fills where nothing traded."""
        taken: dict[tuple[str, int], int] = defaultdict(int)
        for fill in self.result.fills:
            index = self.bar_of(fill)
            candles = self.finest[fill.symbol]
            still = candles.high[index] == candles.low[index]
            if not self.at_close and fill.rule not in _BETWEEN:
                assert candles.volume[index] > 0 or not still, "a fill where nothing traded"
            if fill.rule in _LIMIT_RULES:
                taken[fill.symbol, index] += fill.quantity
        for (symbol, index), quantity in taken.items():
            assert quantity <= self._allowed(self.finest[symbol], index)

    def _allowed(self, candles: Candles, index: int) -> float:
        share = self.settings["participation"]
        if share == "auto":
            share = 0.25 if self.settings["fidelity"] == "live" else None
            if share and _length(candles) > 60 * 10**9:
                share = 0.10
        volume = float(candles.volume[index])
        lot = lot_of(candles.symbol) if self.margined else 1
        if share is None or not volume > 0:
            return inf
        return max(lot, floor(volume * share / lot) * lot)

    def check_sequence(self) -> None:
        """P6: what rested and was met at one point was filled in the order of sending."""
        points: dict[tuple[str, int, float], list[Order]] = defaultdict(list)
        for fill in self.result.fills:
            order = self.orders[fill.order_id]
            if order.placed_ts < fill.ts and not order.modifications:
                points[fill.symbol, fill.ts, fill.reference].append(order)
        for point, orders in points.items():
            ids = [order.orderid for order in orders]
            assert ids == sorted(ids), point

    def check_links(self) -> None:
        """S6: of a pair one leg is filled; exits never exceed what their entry got."""
        for pair in self.bot.diary.pairs:
            legs = [self.orders[orderid] for orderid in pair]
            if not any(leg.modifications for leg in legs):
                assert sum(leg.filled_quantity for leg in legs) <= max(
                    self.bot.diary.quantities[orderid][0] for orderid in pair
                )
        exits: dict[str, int] = defaultdict(int)
        for order in self.result.orders:
            if order.parent and not order.modifications:
                exits[order.parent] += order.filled_quantity
        for parent, quantity in exits.items():
            assert quantity <= self.orders[parent].filled_quantity

    def check_equity(self) -> None:
        """A1: cash and positions at the last closes, at every bar, to the paisa."""
        curve = self.result.equity_curve
        rows = list(zip(curve.ts.tolist(), curve.equity.tolist(), strict=True))
        fills = sorted(self.result.fills, key=lambda fill: fill.ts)
        postings = sorted(self.result.postings, key=lambda posting: posting.ts)
        cash, held = Fraction(self.settings["initial_cash"]), Counter[str]()
        for row, (end, equity) in enumerate(rows, 1):
            # Nothing comes after the last row: it shows the account as the run left it.
            while fills and (fills[0].ts < end or row == len(rows)):
                cash += _book(fills.pop(0), held)
            while postings and (postings[0].ts < end or row == len(rows)):
                cash += Fraction(postings.pop(0).units, 1_000_000)
            worth = cash
            for symbol, quantity in held.items():
                candles = self.finest[symbol]
                last = int(np.searchsorted(candles.ends, end, side="right")) - 1
                close = candles.close[last] if last >= 0 else candles.open[0]
                worth += quantity * _exact(float(close))
            assert abs(float(worth) - equity) < 1e-5
        if len(curve):
            assert abs(self.result.metrics.final_capital - curve.equity[-1]) < 1e-9

    def check_account(self) -> None:
        """S2: what is blocked is what open orders and positions block; nothing leaks."""
        portfolio = self.bot.context.portfolio
        held = Counter[str]()
        cash = Fraction(self.settings["initial_cash"]) + sum(
            _book(fill, held) for fill in self.result.fills
        )
        cash += sum(Fraction(posting.units, 1_000_000) for posting in self.result.postings)
        assert abs(portfolio.cash - float(cash)) < 1e-5
        for symbol, candles in self.finest.items():
            assert self.bot.context.net_quantity(symbol, candles.exchange) == held[symbol]
        open_orders = [order for order in self.result.orders if order.is_open]
        assert self.bot.get_orders() == open_orders
        assert all(order.reserved == 0 for order in self.result.orders if not order.is_open)
        resting: dict[tuple[str, str, str], int] = defaultdict(int)
        for order in open_orders:
            if self.margined and not order.parent:
                resting[order.symbol, order.product, order.action] += order.pending_quantity
        for position in portfolio.positions.values():
            key = (position.symbol, position.product)
            assert position.resting_buys == resting[(*key, "BUY")]
            assert position.resting_sells == resting[(*key, "SELL")]
        check_margin(self.bot.context)


def check_margin(context: BrokerService) -> None:
    """S2: at this moment the margin of positions and orders is what is blocked, and what is free
    is the rest of all the money that was paid in, earned and settled, less charges."""
    portfolio, simulator = context.portfolio, context.simulator
    if not portfolio.margined:
        return
    positions = list(portfolio.positions.values())
    reserved = sum(order.reserved for order in simulator.working())
    alone = [position for position in positions if not position.grouped]
    together = sum(group.blocked for group in portfolio.groups.values())
    blocked = reserved + together + sum(position.margin for position in alone)
    assert portfolio.blocked_units == blocked
    for position in positions:
        book = simulator.books[position.symbol, position.exchange]
        # What else is held, or known of the underlying, has a say in the margin of derivatives.
        legs = position.grouped and len(simulator.books) > 1
        if book.has_terms and not legs:
            assert _blocked(position, book, portfolio.groups) == _required(context, position, book)
    ledger = simulator.ledger
    earned = sum(position.realised + position.settled for position in positions)
    posted = sum(posting.units for posting in ledger.postings)
    money = portfolio.initial + earned + posted - sum(ledger.charges)
    assert portfolio.available_units + portfolio.blocked_units + portfolio.held_back == money


def _blocked(position: Position, book: Book, groups: Any) -> int:
    if not position.grouped:
        return position.margin
    instrument = book.instrument
    group = groups[instrument.underlying, instrument.exchange, position.product]
    return int(group.blocked)


def _required(context: BrokerService, position: Position, book: Book) -> int:
    """What the tables say that a position alone blocks, nothing but its own price being known."""
    terms = context.rulebook.margin_terms(book.instrument, position.product, book.hours.day)
    return terms.blocked(position.quantity, position.cost)


def run(
    series: Sequence[Candles], plan: Plan, settings: dict[str, Any], ignored: tuple[str, ...] = ()
) -> Audit:
    """Let the bot carry out a plan over candles."""
    bot = Bot(plan, ignored, check_margin)
    return Audit(series, bot, backtest(bot, list(series), **settings), settings)


def _length(candles: Candles) -> int:
    return timeframes.duration(candles.timeframe)


def _book(fill: Fill, held: Counter[str]) -> Fraction:
    """Add a fill to what is held; what it does to cash."""
    signed = _signed(fill)
    held[fill.symbol] += signed
    return -signed * _exact(fill.price) - _exact(fill.charges)


def _signed(fill: Fill) -> int:
    return fill.quantity if fill.side == "BUY" else -fill.quantity


def _of(fill: Fill, symbol: str, product: str) -> bool:
    return (fill.symbol, fill.product) == (symbol, product)


def _exact(rupees: float) -> Fraction:
    return Fraction(round(rupees * 1_000_000), 1_000_000)
