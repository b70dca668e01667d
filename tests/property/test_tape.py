"""A tape gives the same however it is played, never shows what is to come, and to a script that
does as a bar-driven strategy does the same fills."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tapeback import Candle, Candles, Order, backtest
from tapeback.core.path import MILLISECOND_NS, path_times
from tapeback.core.tape import AFTER_END
from tapeback.utils.clock import IST_OFFSET_NS, MINUTE_NS, SECOND_NS, to_ns
from tests.core.taping import Taped, taped
from tests.property.worlds import (
    ERAS,
    PLANS,
    Action,
    Bot,
    Plan,
    markets,
    minute_candles,
    names,
    settings_of_runs,
)

_LATENCIES = st.sampled_from((None, 500, 25_000, 90_000))
_OFFSETS = st.lists(
    st.tuples(
        st.integers(0, 200),
        st.sampled_from((0, 1, 20, 40, 59, 60, 3_600, 36_000)),
        st.sampled_from((0, 0, 1, 5_000_000, 999_000_000)),
    ),
    min_size=1,
    max_size=12,
)


def edges(series: Sequence[Candles]) -> list[int]:
    """All instants at which bars begin or end."""
    return sorted({int(ts) for c in series for column in (c.starts, c.ends) for ts in column})


@st.composite
def wakings(draw: st.DrawFn, series: Sequence[Candles]) -> list[int]:
    """Instants at which a script wakes: around the edges of bars, inside them, at night."""
    known = edges(series)
    return sorted(
        {
            known[place % len(known)] + seconds * SECOND_NS + ns
            for place, seconds, ns in draw(_OFFSETS)
        }
    )


class Script(Bot):
    """Carries out its plan when it wakes, on the last prices that it sees; `looks` is what it sees
    then: last prices, forming and closed bars, and its books."""

    def __init__(self, run: Taped, plan: Plan, series: Sequence[Candles]) -> None:
        super().__init__(plan)
        self.run = run
        self.context = run.service
        self.keys = list(dict.fromkeys((c.symbol, c.exchange) for c in series))
        self.timeframes = {(c.symbol, c.exchange): c.timeframe for c in series}
        self.looks: list[tuple[Any, ...]] = []

    def wake(self) -> None:
        self.bar += 1
        self.look()
        self.closes = {
            symbol: round(price / 0.05)
            for symbol, exchange in self.keys
            if (price := self.run.tape.ltp(symbol, exchange))
        }
        if self.closes:
            for action in self.plan.bars[self.bar % len(self.plan.bars)]:
                self._act(action)
                self.run.tape.meet()

    def look(self) -> None:
        tape = self.run.tape
        for symbol, exchange in self.keys:
            own = self.timeframes[symbol, exchange]
            for timeframe in dict.fromkeys((own, "5m", "1d")):
                closed = tape.closed(symbol, exchange, timeframe)
                bar = tape.forming(symbol, exchange, timeframe)
                last = (len(closed), closed[-1].ts, closed[-1].close) if len(closed) else ()
                self.looks.append((tape.now, symbol, tape.ltp(symbol, exchange), last, str(bar)))
            self.looks.append((tape.now, tape.market_open(exchange)))
        orders = self.context.simulator.orders.values()
        self.looks.append((tape.now, [(o.orderid, o.status, o.filled_quantity) for o in orders]))
        self.looks.append((tape.now, self.context.equity(), self.context.portfolio.available))


def played(
    series: Sequence[Candles],
    plan: Plan,
    wakes: Sequence[int],
    chosen: dict[str, Any],
    between: Callable[[Taped, int], None] = lambda run, ts: None,
) -> Script:
    """A script that wakes at some instants, and what is done on the way to each of them."""
    run = taped(series, **chosen)
    script = Script(run, plan, series)
    for ts in wakes:
        between(run, ts)
        run.to_ts(ts)
        script.wake()
    return script


@st.composite
def tape_settings(draw: st.DrawFn) -> dict[str, Any]:
    chosen = draw(settings_of_runs())
    mode = "nearer" if chosen["intrabar"] in ("adverse", "favourable") else chosen["intrabar"]
    latency = draw(_LATENCIES)
    return {**chosen, "intrabar": mode, "latency": latency, "market_fill": "next_open"}


def outcome(script: Script) -> tuple[Any, ...]:
    """Everything that a run leaves behind."""
    script.run.to_ts(max(script.run.tape.end, script.run.tape.now))
    record = script.run.tape.finish()
    simulator = script.context.simulator
    return (
        script.run.fills,
        list(simulator.orders.values()),
        simulator.ledger.postings,
        script.diary.events,
        record.equity.equity.tolist(),
        simulator.touch_misses,
        simulator.ambiguous,
        simulator.shortfalls,
    )


@given(series=markets(), plan=PLANS, chosen=tape_settings(), data=st.data())
@settings(max_examples=250, report_multiple_bugs=False)
def test_steps_of_any_size_give_the_same(
    series: list[Candles], plan: Plan, chosen: dict[str, Any], data: st.DataObject
) -> None:
    """Stops on the way, settled or not, looks, ticks and a listener change nothing."""
    wakes = data.draw(wakings(series))
    stops = data.draw(wakings(series))
    settles, listens = data.draw(st.booleans()), data.draw(st.booleans())

    def stop(run: Taped, ts: int) -> None:
        for symbol, exchange in {(c.symbol, c.exchange): None for c in series}:
            run.tape.subscribe(symbol, exchange)
        if listens and run.service.simulator.listener is None:
            run.listen()
        for point in stops:
            if run.tape.now < point < ts and run.tape.now >= wakes[0]:
                if settles:
                    run.settled()
                run.tape.advance(point)
                for candles in series:
                    run.tape.ltp(candles.symbol, candles.exchange)
                    run.tape.forming(candles.symbol, candles.exchange, "5m")

    leaping = played(series, plan, wakes, chosen)
    stepping = played(series, plan, wakes, chosen, stop)
    assert stepping.looks == leaping.looks
    assert outcome(stepping) == outcome(leaping)


@given(series=markets(), plan=PLANS, chosen=tape_settings(), data=st.data())
@settings(max_examples=250, report_multiple_bugs=False)
def test_what_is_to_come_changes_nothing_that_was(
    series: list[Candles], plan: Plan, chosen: dict[str, Any], data: st.DataObject
) -> None:
    """Cut off at any edge, in a bar of another symbol or not."""
    cuts = [ts for ts in edges(series) if all((c.ends <= ts).any() for c in series)]
    cut = data.draw(st.sampled_from(cuts))
    kept = [candles[: int(candles.ends.searchsorted(cut, side="right"))] for candles in series]
    # Of a bar that was under way nothing is left: nobody may look into it, or send it anything.
    under_way = [
        int(c.starts[len(k)]) for c, k in zip(series, kept, strict=True) if len(k) < len(c)
    ]
    until = min([cut, *under_way])
    wakes = [ts for ts in data.draw(wakings(series)) if ts < until]
    assume(wakes)
    whole, part = played(series, plan, wakes, chosen), played(kept, plan, wakes, chosen)
    assert part.looks == whole.looks
    assert part.diary.events == whole.diary.events
    for script in (whole, part):
        script.run.tape.settle(script.run.tape.now)
        script.run.tape.advance(until - 1)
    assert part.run.fills == whole.run.fills
    assert list(part.context.simulator.orders.values()) == list(
        whole.context.simulator.orders.values()
    )


@given(series=markets(), plan=PLANS, chosen=tape_settings(), data=st.data())
@settings(max_examples=60, report_multiple_bugs=False)
def test_a_listener_is_woken_when_something_happens(
    series: list[Candles], plan: Plan, chosen: dict[str, Any], data: st.DataObject
) -> None:
    """Who stops at each instant that the tape names hears of every fill when it happens."""
    wakes = data.draw(wakings(series))
    heard: list[tuple[int, Order]] = []
    stops = set(wakes)

    def wait(run: Taped, ts: int) -> None:
        tape = run.tape
        if run.service.simulator.listener is None:
            tape.listen(lambda order: heard.append((tape.now, replace_order(order))))
        while wakes[0] <= tape.now < ts and (instant := tape.next_instant()) < ts:
            assert instant > tape.now
            tape.settle(tape.now)
            tape.advance(instant)
            stops.add(instant)

    script = played(series, plan, wakes, chosen, wait)
    wait(script.run, AFTER_END)
    filled = [(order.filled_ts, order.orderid) for _, order in heard if order.filled_quantity]
    assert {(fill.ts, fill.order_id) for fill in script.run.fills} <= set(filled)
    # Between two bars a broker's own orders are filled a millisecond before.
    assert all({fill.ts, fill.ts + MILLISECOND_NS} & stops for fill in script.run.fills)
    for now, order in heard:
        happened = max(order.placed_ts, order.filled_ts, order.ended_ts, order.triggered_ts)
        assert now - happened in (0, MILLISECOND_NS) or chosen["latency"] or order.modifications


def replace_order(order: Order) -> Order:
    """An order as it is now."""
    import msgspec

    return msgspec.structs.replace(order)


# A bar-driven strategy and a script that does the same ---------------------------------------


class Decider(Bot):
    """Sends its orders at each close, until MIS is squared off. `sent_one` follows each of them."""

    def __init__(self, plan: Plan, sent_one: Callable[[], None] = lambda: None) -> None:
        super().__init__(plan)
        self.sent_one = sent_one

    def _act(self, action: Action) -> None:
        super()._act(action)
        self.sent_one()

    def on_bar(self, candle: Candle) -> None:
        book = self.context.simulator.books[candle.symbol, candle.exchange]
        if self.context.engine.now < book.hours.square_off:
            super().on_bar(candle)


@st.composite
def to_the_close(draw: st.DrawFn, symbol: str = "") -> list[Candles]:
    """One symbol or two over the last bars of some sessions; two, where the first is given."""
    era = draw(st.sampled_from(ERAS))
    days = []
    for opens, count in zip(era.opens, era.minutes, strict=True):
        bars = draw(st.sampled_from((3, 8, 18)))
        begins = to_ns(datetime.fromisoformat(opens)) + (count - bars) * MINUTE_NS
        days.append([begins + minute * MINUTE_NS for minute in range(bars)])
    if symbol:
        return [draw(minute_candles(name, days)) for name in (symbol, "INFY")]
    symbol = draw(names(days))
    first = draw(minute_candles(symbol, days))
    return [first, draw(minute_candles("INFY", days))] if draw(st.booleans()) else [first]


def only_sends(plan: Plan, pricetypes: Sequence[str]) -> Plan:
    """A plan that sends and never takes back, and holds nothing that must be delivered."""

    def kept(action: Action) -> bool:
        return action.kind == "place" and action.pricetype in pricetypes and action.product != "CNC"

    bars = [[replace(a, protect="") for a in step if kept(a)] for step in plan.bars]
    return Plan(bars, [None])


@given(series=to_the_close(), plan=PLANS, chosen=settings_of_runs(), data=st.data())
@settings(max_examples=80, report_multiple_bugs=False)
def test_a_script_at_the_closes_fills_as_a_bar_driven_strategy(
    series: list[Candles], plan: Plan, chosen: dict[str, Any], data: st.DataObject
) -> None:
    """What is judged by the last price (the side of a trigger, a limit for MARKET) differs: at the
    instant of a close a script has seen the next open. So `live` has limits here."""
    live = chosen["fidelity"] == "live"
    sends = only_sends(plan, ("LIMIT",) if live else ("MARKET", "LIMIT", "SL", "SL-M"))
    chosen |= {"intrabar": "nearer", "latency": None, "market_fill": "next_open"}
    chosen |= {"initial_cash": 10_000_000_000}
    driven = Decider(sends)
    result = backtest(driven, series, **chosen)

    run = taped(series, **chosen)
    script = Decider(sends, run.tape.meet)
    script.set_context(run.service)
    ends = sorted({int(ts) for candles in series for ts in candles.ends})
    run.tape.advance(int(series[0].starts[0]))
    for ts in ends:
        run.to_ts(ts)
        for candles in series:
            at = int(candles.ends.searchsorted(ts))
            if at < len(candles) and candles.ends[at] == ts:
                script.on_bar(candles[at])
    # At the end of the data nothing is met any more by what rests.
    run.tape.finish()
    assert run.fills == list(result.fills)
    assert run.service.portfolio.cash_units == driven.context.portfolio.cash_units


# What is seen, worked out again --------------------------------------------------------------


@given(series=markets(), data=st.data(), mode=st.sampled_from(("nearer", "ohlc", "olhc")))
@settings(max_examples=80, report_multiple_bugs=False)
def test_prices_and_forming_bars_are_those_of_the_path(
    series: list[Candles], data: st.DataObject, mode: str
) -> None:
    assume(len({candles.exchange for candles in series}) == 1)  # no contract follows another
    run = taped(series, fidelity="none", costs="none", intrabar=mode)
    assume(series[0].exchange == "NSE")
    finest = {c.symbol: c for c in reversed(series) if c.timeframe == "1m"} or {
        c.symbol: c for c in series
    }
    for ts in data.draw(wakings(series)):
        run.to_ts(ts)
        for symbol, candles in finest.items():
            closed = int(candles.ends.searchsorted(ts, side="right"))
            path = _path(candles[closed], int(candles.ends[closed]), mode, ts) if (
                closed < len(candles) and candles.starts[closed] <= ts
            ) else []  # fmt: skip
            last = path[-1] if path else float(candles.close[closed - 1]) if closed else 0.0
            assert abs(run.tape.ltp(symbol, "NSE") - last) < 1e-9
            for length in (1, 3, 15):
                if candles.timeframe != "1m" and length != 15:
                    continue
                bar = run.tape.forming(symbol, "NSE", f"{length}m")
                _check_bucket(bar, candles, closed, path, length, ts)


def _path(candle: Candle, end: int, mode: str, ts: int) -> list[float]:
    """The points that price passed by an instant, and the price then."""
    down, up = candle.open - candle.low, candle.high - candle.open
    low_first = mode == "olhc" or (mode == "nearer" and down <= up)
    extremes = (candle.low, candle.high) if low_first else (candle.high, candle.low)
    points, times = [candle.open, *extremes, candle.close], path_times(candle.ts, end)
    passed = [point for point, at in zip(points, times, strict=True) if at <= ts]
    leg = len(passed) - 1
    if leg == 3 or times[leg] == ts:
        return passed
    share = (ts - times[leg]) / (times[leg + 1] - times[leg])
    return [*passed, points[leg] + (points[leg + 1] - points[leg]) * share]


def _check_bucket(
    bar: Candle | None, candles: Candles, closed: int, path: list[float], length: int, ts: int
) -> None:
    """A forming bar against the closed bars and the path of its bucket."""
    anchor = int(candles.clocks.opens[0])
    clock = (ts + IST_OFFSET_NS) % (1440 * MINUTE_NS) - anchor
    label = ts - clock % (length * MINUTE_NS)
    inside = [candle for candle in candles[:closed] if label <= candle.ts]
    prices = [p for c in inside for p in (c.open, c.high, c.low, c.close)] + path
    same = label <= ts < label + length * MINUTE_NS
    muhurat = len({int(opens) for opens in candles.clocks.opens}) > 1
    if muhurat or not same:
        return
    if not prices:
        assert bar is None
        return
    if bar is None:
        # The session is over, and with it the last bucket.
        assert ts >= int(candles.ends[closed - 1])
        return
    assert bar.ts == label
    assert abs(bar.open - prices[0]) < 1e-9
    assert abs(bar.high - max(prices)) < 1e-9
    assert abs(bar.low - min(prices)) < 1e-9
    assert abs(bar.close - prices[-1]) < 1e-9
    traded = sum(candle.volume for candle in inside)
    if path:
        under_way = candles[closed]
        begins, ends = int(candles.starts[closed]), int(candles.ends[closed])
        traded += int(under_way.volume) * (ts - begins) // (ends - begins)
    assert bar.volume == traded


@given(series=to_the_close("SBIN"), plan=PLANS, chosen=tape_settings(), data=st.data())
@settings(max_examples=60, report_multiple_bugs=False)
def test_a_symbol_that_comes_in_later_is_as_if_it_had_been_there(
    series: list[Candles], plan: Plan, chosen: dict[str, Any], data: st.DataObject
) -> None:
    """Where nothing was traded of it before."""
    later = series[1]
    wakes = data.draw(wakings(series))
    joins = data.draw(st.integers(0, len(wakes) - 1))
    present = taped(series, **chosen)
    joining = taped(series[:1], source=lambda *_: later, **chosen)
    scripts = [Script(run, plan, series) for run in (present, joining)]
    for number, ts in enumerate(wakes):
        for script in scripts:
            script.run.to_ts(ts)
        if number == joins:
            assert joining.tape.ensure(later.symbol, later.exchange)
            joining.service.admit(joining.service.simulator.books[later.symbol, later.exchange])
        for script in scripts:
            if number >= joins:
                script.wake()
    assert scripts[1].looks == scripts[0].looks
    assert outcome(scripts[1])[:4] == outcome(scripts[0])[:4]
