"""The resting orders of one instrument, and where its price stands on the path of a bar."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from math import floor, inf
from operator import attrgetter
from typing import NamedTuple

from tapeback.core.frictions import Frictions
from tapeback.core.path import low_first, path_times, price_at
from tapeback.core.rules import ExecutionRules
from tapeback.market import timeframes
from tapeback.market.candles import Candles
from tapeback.models.candle import Candle
from tapeback.models.instrument import Instrument
from tapeback.models.order import Order
from tapeback.utils.clock import MINUTE_NS

Resting = tuple[float, int, Order]
_STALE_LIMIT = 64
_GRID_NOISE = 1e-7


class Change(NamedTuple):
    """A request on an order that is under way: a modification, or with no quantity a cancel."""

    quantity: int = 0
    price: float = 0.0
    trigger_price: float = 0.0


class Arrival(NamedTuple):
    """An order, or a change to one, on its way to the exchange; `ts` is when it gets there."""

    ts: int
    seq: int
    order: Order
    change: Change | None = None


class Book:
    """Orders of one instrument by the price that fires them.

    `falling` holds what a falling price fires (buy limits, sell stops), highest first; `rising`
    what a rising price fires. An entry is stale once its order's `seq` has changed. A bar needs
    walking only if its low reaches `gate_low` or its high `gate_high`; a new order opens both.
    """

    __slots__ = (
        "arrivals", "candle", "candles", "end", "falling", "frictions", "gate_high", "gate_low",
        "has_volume", "hit_high", "hit_low", "instrument", "leader", "leg", "limit_slack",
        "low_first", "net", "opposed", "parked", "participation", "points", "price", "rising",
        "session_opens", "stale", "start", "times", "volume_left", "walked",
    )  # fmt: skip

    def __init__(self, instrument: Instrument, candles: Candles, rules: ExecutionRules) -> None:
        self.instrument = instrument
        self.candles = candles
        self.frictions = Frictions(rules, instrument, candles)
        self.falling: list[Resting] = []
        self.rising: list[Resting] = []
        self.arrivals: list[Arrival] = []
        self.parked: list[tuple[int, Order]] = []
        self.gate_low = -inf
        self.gate_high = inf
        self.limit_slack = instrument.tick_size - _GRID_NOISE if rules.limit_fill == "through" else 0.0
        self.net = 0
        self.stale = 0
        self.has_volume = candles.has_volume
        self.participation = _participation(rules, candles.timeframe)
        self.volume_left = inf
        self.session_opens = 0
        self.leader: Book | None = None
        self.opposed = False
        self.low_first: bool | None = None
        self.candle: Candle | None = None
        self.price = 0.0
        self.start = 0
        self.end = 0
        self.points = (0.0, 0.0, 0.0, 0.0)
        self.times = (0, 0, 0, 0)
        self.leg = 3
        self.walked = False
        self.hit_low = False
        self.hit_high = False

    def rest(self, order: Order) -> None:
        """Put an order where its price will find it."""
        buy = order.action == "BUY"
        if order.pricetype == "LIMIT" or order.triggered_ts:
            fire = order.price - self.limit_slack if buy else order.price + self.limit_slack
            falling = buy
        else:
            fire = order.trigger_price
            falling = not buy
        if falling:
            heappush(self.falling, (-fire, order.seq, order))
        else:
            heappush(self.rising, (fire, order.seq, order))

    def set_gates(self) -> None:
        """Work out from the books which bars will need walking."""
        if self.arrivals:
            self.gate_low = inf
            return
        falling, rising = self.falling, self.rising
        while falling and falling[0][2].seq != falling[0][1]:
            heappop(falling)
        while rising and rising[0][2].seq != rising[0][1]:
            heappop(rising)
        self.gate_low = -falling[0][0] + self.limit_slack if falling else -inf
        self.gate_high = rising[0][0] - self.limit_slack if rising else inf

    def forget(self) -> None:
        """Count an order that ended while resting; rebuild once most entries are stale."""
        self.stale += 1
        if self.stale > _STALE_LIMIT and self.stale * 2 > len(self.falling) + len(self.rising):
            self.falling = [entry for entry in self.falling if entry[2].seq == entry[1]]
            self.rising = [entry for entry in self.rising if entry[2].seq == entry[1]]
            heapify(self.falling)
            heapify(self.rising)
            self.stale = 0

    def reached_at_open(self, price: float, start: int) -> list[Arrival]:
        """What the first price of a bar meets, by sequence; `ts` is -1 for what rested."""
        due: list[Arrival] = []
        falling, rising = self.falling, self.rising
        while falling and -falling[0][0] >= price:
            _, seq, order = heappop(falling)
            if order.seq == seq:
                due.append(Arrival(-1, seq, order))
        while rising and rising[0][0] <= price:
            _, seq, order = heappop(rising)
            if order.seq == seq:
                due.append(Arrival(-1, seq, order))
        if self.arrivals:
            later = []
            for entry in self.arrivals:
                if entry.ts > start:
                    later.append(entry)
                elif entry.order.seq == entry.seq:
                    due.append(entry)
            self.arrivals = later
        if len(due) > 1:
            due.sort(key=_sequence)
        return due

    def open_bar(self, candle: Candle, start: int, end: int) -> None:
        """Let a bar that covers [start, end) ns UTC begin."""
        self.candle = candle
        self.start = start
        self.end = end
        self.low_first = None
        self.walked = False

    def begin(self, candle: Candle) -> None:
        """Start walking the bar that is open."""
        self.price = candle.open
        self.points = (candle.open,) * 4
        self.times = path_times(self.start, self.end)
        self.leg = 0
        self.walked = True
        self.hit_low = self.hit_high = False
        self.volume_left = self.allowance(candle)

    def price_on_path(self, mode: str, ts: int) -> float:
        """Price at an instant inside the bar that is open, walked or not (T5)."""
        if not self.walked:
            self.choose_path(mode)
            self.times = path_times(self.start, self.end)
        return price_at(self.points, self.times, ts)

    def choose_path(self, mode: str) -> None:
        """Fix the order of the extremes of the bar being walked (T3, T3b)."""
        candle = self.candle
        if candle is None:
            return
        down = self.takes_low_first(mode)
        first, second = (candle.low, candle.high) if down else (candle.high, candle.low)
        self.points = (candle.open, first, second, candle.close)

    def takes_low_first(self, mode: str) -> bool:
        """Whether the current bar goes to its low first; its leader's order, if it has one."""
        if self.low_first is None:
            leader, candle = self.leader, self.candle
            if leader is not None and leader.start == self.start and leader.end == self.end:
                self.low_first = leader.takes_low_first(mode) != self.opposed
            elif candle is not None:
                self.low_first = low_first(mode, self.net, candle.open, candle.high, candle.low)
        return bool(self.low_first)

    def seek(self, ts: int) -> None:
        """Move along the path to an instant at which nothing happened before."""
        self.price = price_at(self.points, self.times, ts)
        times = self.times
        self.leg = 0 if ts < times[1] else 1 if ts < times[2] else 2

    def allowance(self, candle: Candle) -> float:
        """Units that resting limits may take of a bar (P7)."""
        share = self.participation
        if share is None or not self.has_volume or not candle.volume > 0:
            return inf
        lot = self.instrument.lot_size
        return max(lot, floor(candle.volume * share / lot) * lot)

    def dead(self, candle: Candle) -> bool:
        """Whether nothing traded in a bar: no volume and no movement, though the source has
        volume (P7)."""
        return self.has_volume and candle.volume == 0 and candle.high == candle.low

    def first_minute(self, ts: int) -> bool:
        """Whether an instant lies in the first minute of its session's data."""
        return ts - self.session_opens < MINUTE_NS

    def mark_touched(self, extreme: float, ts: int) -> int:
        """Note limits that an extreme touched without passing; how many are new."""
        heap = self.falling if extreme <= self.price else self.rising
        sign = -1.0 if heap is self.falling else 1.0
        bound = sign * extreme
        slack = self.limit_slack + 1e-9
        count = 0
        stack = [0]
        while stack:
            at = stack.pop()
            if at >= len(heap) or heap[at][0] - slack > bound:
                continue
            _, seq, order = heap[at]
            stack += (2 * at + 1, 2 * at + 2)
            limit = order.pricetype == "LIMIT" or order.triggered_ts
            if order.seq == seq and limit and not order.touched_ts and sign * order.price <= bound:
                order.touched_ts = ts
                count += 1
        return count


_sequence = attrgetter("seq")


def _participation(rules: ExecutionRules, timeframe: str) -> float | None:
    if rules.participation == "auto":
        return 0.25 if timeframes.duration(timeframe) <= MINUTE_NS else 0.10
    return rules.participation
