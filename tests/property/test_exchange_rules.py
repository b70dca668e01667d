"""What must hold of any run under the rules of exchange and broker: over square-offs, session ends,
an expiry, a split and a holiday, with shares, a future and an option on one account."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from functools import cache
from random import Random
from typing import Any

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tapeback import AppConfig, BacktestResult, BaseStrategy, Candle, Candles, Order, backtest
from tapeback.core.path import MILLISECOND_NS
from tapeback.market.charges import ChargeSchedule
from tapeback.market.costs.contract_note import Execution, contract_note
from tapeback.market.costs.segments import segment_of
from tapeback.market.instruments import instrument_of
from tapeback.models.config import DataConfig
from tapeback.utils.clock import date_of, day_number, day_of, to_ns
from tapeback.utils.money import RUPEE, to_units

SPLIT = date(2024, 1, 25)  # of ACME, ten shares for one; the option and the future expire then
DAYS = ("2024-01-24", "2024-01-25", "2024-01-29")  # the 26th is a holiday
TIMES = ("09:15", "09:16", "12:00", "15:13", "15:14", "15:15", "15:19", "15:20", "15:21", "15:24",
         "15:25", "15:28", "15:29")  # fmt: skip
TICK = 0.05
# What is traded: its exchange, its first price in ticks, the units of one step, its lot.
ACME, INFY = ("ACME", "NSE", 20_000, 7, 1), ("INFY", "NSE", 30_000, 10, 1)
FUTURE = ("NIFTY25JAN24FUT", "NFO", 440_000, 50, 50)
CALL = ("NIFTY25JAN2422000CE", "NFO", 6_000, 50, 50)
TRADED = (ACME, INFY, FUTURE, CALL)
LOTS = {name: lot for name, _, _, _, lot in TRADED}


# The world ---------------------------------------------------------------------------------


def walk(seed: int, name: str, exchange: str, first: int, *, whole: bool = False) -> Candles:
    """Bars that trade and move, some of them missing; ACME's prices contain its split."""
    random = Random(f"{seed}{name}")
    last, labels, rows = first, [], []
    for day in DAYS:
        if name == "ACME" and date.fromisoformat(day) == SPLIT:
            last = round(last / 10)
        for number, time in enumerate(TIMES):
            if not whole and number and random.random() < 0.25:
                continue
            step = max(2, last // 400)
            opened = max(20, last + random.choice((0, 0, 1, -1, 3, -4)) * step)
            closed = max(20, opened + random.randint(-2, 2) * step)
            high = max(opened, closed) + random.randint(1, 2) * step
            low = max(10, min(opened, closed) - random.randint(0, 2) * step)
            labels.append(to_ns(datetime.fromisoformat(f"{day} {time}")))
            rows.append((opened, high, low, closed))
            last = closed
    columns = [[round(ticks * TICK, 2) for ticks in column] for column in zip(*rows, strict=True)]
    named = dict(zip(("open", "high", "low", "close"), columns, strict=True))
    volume = (
        [random.choice((30, 1_000, 100_000)) for _ in labels] if exchange != "NSE_INDEX" else None
    )
    return Candles.from_arrays(
        symbol=name, exchange=exchange, timeframe="1m", ts=labels, volume=volume, **named
    )


@st.composite
def markets(draw: st.DrawFn, least: int = 1) -> list[Candles]:
    """Some of the instruments, and the index beside its derivatives or not."""
    seed = draw(st.integers(0, 10_000))
    chosen = draw(st.lists(st.sampled_from(TRADED), min_size=least, unique=True))
    series = [walk(seed, name, exchange, first) for name, exchange, first, *_ in chosen]
    if (FUTURE in chosen or CALL in chosen) and draw(st.booleans()):
        series.append(walk(seed, "NIFTY", "NSE_INDEX", 440_000, whole=True))
    return series


@dataclass(frozen=True)
class Action:
    """One thing that the bot does: `offset` ticks of a thousandth from the last close it saw,
    `target` one of the orders sent so far."""

    kind: str
    which: int = 0
    side: str = "BUY"
    steps: int = 1
    pricetype: str = "MARKET"
    overnight: bool = True
    offset: int = 0
    protect: bool = False
    target: int = 0


_PLACE = st.builds(
    Action,
    kind=st.just("place"),
    which=st.integers(0, 3),
    side=st.sampled_from(("BUY", "BUY", "SELL")),
    steps=st.integers(1, 4),
    pricetype=st.sampled_from(("MARKET", "MARKET", "LIMIT", "SL", "SL-M")),
    overnight=st.booleans(),
    offset=st.integers(-6, 6),
    protect=st.sampled_from((False, False, True)),
)
_CHANGE = st.builds(
    Action,
    kind=st.sampled_from(("cancel", "modify")),
    steps=st.integers(1, 4),
    offset=st.integers(-6, 6),
    target=st.integers(0, 40),
)
Plan = list[list[Action]]
PLANS = st.lists(st.lists(st.one_of(_PLACE, _PLACE, _CHANGE), max_size=3), min_size=1, max_size=9)


@st.composite
def settings_of_runs(draw: st.DrawFn, **fixed: Any) -> dict[str, Any]:
    whole = {"plan": "zerodha", "rounding": "contract-note"}
    chosen = {
        "fidelity": draw(st.sampled_from(("live", "live", "sandbox"))),
        "costs": draw(st.sampled_from((None, "upstox", whole))),
        "slippage": draw(st.sampled_from((None, "none"))),
        "margin": draw(st.sampled_from((None, "strict", "warn", "off"))),
        "broker": draw(st.sampled_from(("zerodha", "dhan"))),
        "initial_cash": draw(st.sampled_from((40_000, 5_000_000))),
    }
    return {**chosen, **fixed}


@cache
def split_file(folder: str) -> str:
    path = f"{folder}/actions.csv"
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"symbol,exchange,ex_date,kind,ratio,cash\nACME,NSE,{SPLIT},split,10:1,\n")
    return path


# The bot, which looks at the account all the time ------------------------------------------


class Watchful(BaseStrategy):
    """Carries out a plan and checks the account whenever it is called. It looks away from what is
    in `ignored`."""

    def __init__(self, plan: Plan, ignored: Sequence[str] = ()) -> None:
        self.plan = plan
        self.ignored = ignored
        self.events: list[tuple[Any, ...]] = []
        self.closes: dict[str, float] = {}
        self.sent: list[tuple[str, str]] = []
        self.bar = -1
        self.answers = 12

    def on_bar(self, candle: Candle) -> None:
        if candle.symbol in self.ignored:
            return
        self.check_account()
        self.check_square_off(candle)
        self.bar += 1
        if candle.exchange == "NSE_INDEX":
            return
        self.closes[candle.symbol] = candle.close
        self.note("bar", candle.symbol, candle.ts)
        for action in self.plan[self.bar % len(self.plan)]:
            self.act(action)
            self.check_account()

    def on_order_update(self, order: Order) -> None:
        self.check_account()
        self.note("update", order.orderid, order.status, order.filled_quantity, order.quantity)
        if self.answers and self.closes:
            self.answers -= 1
            for action in self.plan[(self.bar + self.answers) % len(self.plan)][:1]:
                self.act(action)
                self.check_account()

    def note(self, *what: Any) -> None:
        self.events.append((self.context.engine.now, *what))

    def act(self, action: Action) -> None:
        names = sorted(self.closes)
        if action.kind == "place":
            self.place(action, names[action.which % len(names)])
        elif self.sent:
            orderid, name = self.sent[action.target % len(self.sent)]
            if action.kind == "cancel":
                self.note("cancel", orderid, self.cancel(orderid))
            else:
                price = self.price(name, action.offset)
                self.note("modify", orderid, self.modify(orderid, price=price))

    def price(self, name: str, offset: int) -> float:
        ticks = round(self.closes[name] * (1 + offset / 1_000) / TICK)
        return round(max(ticks, 1) * TICK, 2)

    def place(self, action: Action, name: str) -> None:
        share = name in ("ACME", "INFY")
        step = next(step for symbol, _, _, step, _ in TRADED if symbol == name)
        order: dict[str, Any] = {"symbol": name, "pricetype": action.pricetype}
        order["product"] = ("CNC" if share else "NRML") if action.overnight else "MIS"
        sign = 1 if action.side == "BUY" else -1
        if action.pricetype in ("LIMIT", "SL"):
            order["price"] = self.price(name, action.offset + sign)
        if action.pricetype in ("SL", "SL-M"):
            order["trigger_price"] = self.price(name, action.offset)
        if action.protect:
            order["stop_loss"] = self.price(name, action.offset - 9 * sign)
            order["target"] = self.price(name, action.offset + 9 * sign)
        send = self.buy if action.side == "BUY" else self.sell
        orderid = send(action.steps * step, **order)
        self.sent.append((orderid, name))
        self.note("sent", orderid, name, action.side)

    # What holds at any moment --------------------------------------------------------------

    def check_account(self) -> None:
        """Margin is reserved and released exactly once, and no money is anywhere else."""
        context = self.context
        portfolio, books = context.portfolio, context.simulator.books
        positions = portfolio.positions.values()
        own = portfolio.cash_units + sum(p.cost + p.settled for p in positions)
        blocked, held = portfolio.blocked_units, portfolio.held_back
        assert portfolio.available_units + blocked + held == own
        working = context.open_orders()
        apart = sum(p.margin for p in positions if not p.grouped)
        together = sum(group.blocked for group in portfolio.groups.values())
        assert blocked == sum(order.reserved for order in working) + apart + together
        resting = Counter[tuple[str, str, str]]()
        for order in working:
            if not order.parent:
                resting[order.symbol, order.product, order.action] += order.pending_quantity
        for position in positions:
            key = position.symbol, position.product
            assert position.resting_buys == resting[(*key, "BUY")]
            assert position.resting_sells == resting[(*key, "SELL")]
            if position.product == "CNC":
                assert position.quantity >= 0
                holding = books[position.symbol, position.exchange].holding
                assert position.overnight == (holding.quantity if holding is not None else 0)

    def check_square_off(self, candle: Candle) -> None:
        """Once a bar has traded after the square-off, nothing is left of MIS (no bar here stands
        at its band)."""
        book = self.context.simulator.books[candle.symbol, candle.exchange]
        position = book.positions.get("MIS")
        if position is not None and candle.ts >= book.hours.square_off:
            assert not position.quantity
            assert not position.resting_buys
            assert not position.resting_sells


def run(
    folder: str,
    series: Sequence[Candles],
    plan: Plan,
    chosen: dict[str, Any],
    ignored: Sequence[str] = (),
) -> tuple[Watchful, BacktestResult]:
    config = AppConfig(data=DataConfig(corporate_actions=split_file(folder)))
    bot = Watchful(plan, ignored)
    return bot, backtest(bot, list(series), config=config, **chosen)


# The properties ----------------------------------------------------------------------------


@given(series=markets(), plan=PLANS, chosen=settings_of_runs())
@settings(max_examples=150, report_multiple_bugs=False)
def test_money_margin_and_shares_are_where_they_should_be_all_the_while(
    series: list[Candles], plan: Plan, chosen: dict[str, Any], tmp_path_factory: Any
) -> None:
    bot, result = run(folder_of(tmp_path_factory), series, plan, chosen)
    check_equity(series, result, chosen)
    check_positions(bot, result)
    check_lots(result)
    check_trades(result)


@given(series=markets(), plan=PLANS, chosen=settings_of_runs(fidelity="live"))
@settings(max_examples=100, report_multiple_bugs=False)
def test_the_charges_of_a_day_are_those_of_its_contract_note(
    series: list[Candles], plan: Plan, chosen: dict[str, Any], tmp_path_factory: Any
) -> None:
    """A1, to the money unit, from the executions alone. Without whole notes deliveries are re-rated
    and all else stays as it was charged."""
    _, result = run(folder_of(tmp_path_factory), series, plan, chosen)
    costs = chosen["costs"] or ("dhan" if chosen["broker"] == "dhan" else "zerodha")
    whole = isinstance(costs, dict)
    schedule = ChargeSchedule(costs["plan"], "contract-note") if whole else ChargeSchedule(costs)
    noted: dict[int, list[Execution]] = defaultdict(list)
    paid = Counter[int]()
    for fill in result.fills:
        if fill.rule not in ("expiry", "action") and (whole or fill.product == "CNC"):
            day = day_number(fill.ts)
            value = fill.quantity * to_units(fill.price)
            segment = segment_of(instrument_of(fill.symbol, fill.exchange), fill.product)
            noted[day].append(
                Execution(
                    fill.order_id, fill.symbol, fill.exchange, segment, fill.side == "BUY",
                    fill.quantity, value,
                )
            )  # fmt: skip
            paid[day] += to_units(fill.charges)
        elif fill.rule in ("expiry", "action"):
            assert fill.charges == 0
    for posting in result.postings:
        if posting.kind in ("charges adjustment", "DP charge"):
            paid[day_number(posting.ts)] -= posting.units
    for day, executions in noted.items():
        assert paid[day] == contract_note(day, executions, schedule).total


@given(
    seed=st.integers(0, 10_000),
    traded=st.sampled_from(TRADED),
    plan=PLANS,
    chosen=settings_of_runs(),
    every=st.sampled_from((1, 1, 2, 3)),
)
@settings(max_examples=100, report_multiple_bugs=False)
def test_the_loop_for_several_instruments_goes_by_the_same_rules(
    seed: int,
    traded: tuple[str, str, int, int, int],
    plan: Plan,
    chosen: dict[str, Any],
    every: int,
    tmp_path_factory: Any,
) -> None:
    """Beside an instrument on which nothing trades, at all of the bars' minutes or at some."""
    folder = folder_of(tmp_path_factory)
    candles = walk(seed, *traded[:3])
    kept = candles.ts[::-1][::every][::-1]
    beside = Candles.from_arrays(
        symbol="QUIET", exchange="NSE", timeframe="1m", ts=kept,
        **dict.fromkeys(("open", "high", "low", "close"), np.full(len(kept), 100.0)),
    )  # fmt: skip
    alone, one = run(folder, [candles], plan, chosen)
    together, two = run(folder, [candles, beside], plan, chosen, ignored=("QUIET",))
    assert list(two.fills) == list(one.fills)
    assert together.events == alone.events
    assert two.orders == one.orders
    assert two.postings == one.postings
    assert two.trades == one.trades
    assert two.shortfalls == one.shortfalls
    assert two.broker == one.broker


@given(series=markets(), plan=PLANS, chosen=settings_of_runs(), data=st.data())
@settings(max_examples=100, report_multiple_bugs=False)
def test_nothing_depends_on_what_comes_later(
    series: list[Candles],
    plan: Plan,
    chosen: dict[str, Any],
    data: st.DataObject,
    tmp_path_factory: Any,
) -> None:
    """A run over the first part of the data is the first part of the run: before the last instant
    of that part, where the rest of the data tells whether the session goes on."""
    folder = folder_of(tmp_path_factory)
    ends = sorted({int(end) for candles in series for end in candles.ends})
    cut = data.draw(st.sampled_from(ends[2:-1]))
    parts = [candles.between(None, cut) for candles in series]
    assume(all(len(part) for part in parts))
    whole_bot, whole = run(folder, series, plan, chosen)
    part_bot, part = run(folder, parts, plan, chosen)

    def early(events: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        return [event for event in events if event[0] < cut]

    assert early(part_bot.events) == early(whole_bot.events)
    before = cut - MILLISECOND_NS
    assert [f for f in part.fills if f.ts < before] == [f for f in whole.fills if f.ts < before]
    postings = [[p for p in r.postings if p.ts < before] for r in (part, whole)]
    assert postings[0] == postings[1]
    rows = int(np.searchsorted(part.equity_curve.ts, cut))
    np.testing.assert_array_equal(part.equity_curve.equity[:rows], whole.equity_curve.equity[:rows])


# What holds of a result --------------------------------------------------------------------


def folder_of(factory: Any) -> str:
    """One folder for the file of corporate actions, for all examples."""
    base = factory.getbasetemp() / "rules"
    base.mkdir(exist_ok=True)
    return str(base)


def exact(rupees: float) -> Fraction:
    return Fraction(round(rupees * RUPEE), RUPEE)


def check_equity(series: Sequence[Candles], result: BacktestResult, chosen: dict[str, Any]) -> None:
    """Cash, shares and contracts at their last closes, and what was posted, at every close."""
    finest = {candles.symbol: candles for candles in series}
    moves: list[tuple[int, Fraction, str, int]] = []
    for fill in result.fills:
        signed = fill.quantity if fill.side == "BUY" else -fill.quantity
        cash = -signed * exact(fill.price) - exact(fill.charges)
        moves.append((fill.ts, cash, fill.symbol, signed))
    moves += [(p.ts, Fraction(p.units, RUPEE), p.symbol, 0) for p in result.postings]
    moves.sort(key=lambda move: move[0])
    cash, held, done = Fraction(chosen["initial_cash"]), Counter[str](), 0
    curve = result.equity_curve
    for end, equity in zip(curve.ts.tolist(), curve.equity.tolist(), strict=True):
        while done < len(moves) and moves[done][0] < end:
            _, money, symbol, signed = moves[done]
            cash, done = cash + money, done + 1
            held[symbol] += signed
        worth = cash
        for symbol, quantity in held.items():
            candles = finest[symbol]
            last = int(np.searchsorted(candles.ends, end, side="right")) - 1
            worth += quantity * exact(float(candles.close[last]))
        assert abs(float(worth) - equity) < 0.005
    assert done == len(moves)
    assert result.metrics.final_capital == curve.equity[-1]


def check_positions(bot: Watchful, result: BacktestResult) -> None:
    """Shares are conserved: what was bought, less what was sold, with what a split gave, is held;
    what has expired is not."""
    net = Counter[tuple[str, str]]()
    for fill in result.fills:
        net[fill.symbol, fill.product] += fill.quantity if fill.side == "BUY" else -fill.quantity
    positions = bot.context.portfolio.positions.values()
    assert {(p.symbol, p.product): p.quantity for p in positions if p.quantity} == {
        key: quantity for key, quantity in net.items() if quantity
    }
    over = date_of(int(result.equity_curve.ts[-1])) > SPLIT
    for position in positions:
        if position.symbol in (FUTURE[0], CALL[0]) and over:
            assert not position.quantity
            assert not position.settled
    split = [fill for fill in result.fills if fill.rule == "action"]
    for fill in split:
        before = sum(
            f.quantity if f.side == "BUY" else -f.quantity
            for f in result.fills
            if f.ts < fill.ts and (f.symbol, f.product) == (fill.symbol, fill.product)
        )
        signed = fill.quantity if fill.side == "BUY" else -fill.quantity
        assert before + signed == 10 * before
        assert day_number(fill.ts) == day_of(SPLIT)


def check_lots(result: BacktestResult) -> None:
    for order in result.orders:
        if order.status != "rejected":
            assert order.quantity % LOTS[order.symbol] == 0
            assert order.filled_quantity % LOTS[order.symbol] == 0


def check_trades(result: BacktestResult) -> None:
    """Profits of the trades, of what is still open, and what was posted add up to the equity."""
    gained = sum(exact(trade.pnl) for trade in result.trades)
    posted = sum(Fraction(p.units, RUPEE) for p in result.postings)
    matched = Counter[tuple[str, str]]()
    entered = Counter[tuple[str, str]]()
    for trade in result.trades:
        matched[trade.symbol, trade.product] += trade.quantity
    for fill in result.fills:
        if fill.rule != "action":
            entered[fill.symbol, fill.product] += fill.quantity
    if not result.open_positions:
        total = float(gained + posted)
        assert abs(total - (result.metrics.final_capital - result.equity_curve.initial)) < 0.01
