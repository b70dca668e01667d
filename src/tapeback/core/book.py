"""The resting orders of one instrument, and where its price stands on the path of a bar."""

from __future__ import annotations

from bisect import insort
from math import inf
from operator import itemgetter
from typing import NamedTuple

import numpy as np

from tapeback.core.frictions import Frictions
from tapeback.core.path import low_first, path_times, price_at
from tapeback.core.portfolio import Portfolio
from tapeback.core.rules import ExecutionRules
from tapeback.market import timeframes
from tapeback.market.candles import Candles
from tapeback.market.contracts.price_bands import locked
from tapeback.market.costs.rates import Rates
from tapeback.market.rulebook import Rulebook, SessionHours, SessionTerms
from tapeback.market.settlement import Holding
from tapeback.models.candle import Candle
from tapeback.models.instrument import Instrument
from tapeback.models.order import Order
from tapeback.models.position import Position
from tapeback.utils.clock import MINUTE_NS, day_number, midnight
from tapeback.utils.money import RUPEE

_STALE_LIMIT = 64
UNKNOWN = -1.0
AT_OPEN = -1
_EXPIRY_STRESS_NS = 870 * MINUTE_NS
# Prices of a grid may differ in the last bits, by how they were computed.
GRID_NOISE = _NOISE = 1e-7


class Change(NamedTuple):
    """A request on an order that is under way: a modification, or with no quantity a cancel."""

    quantity: int = 0
    price: float = 0.0
    trigger_price: float = 0.0


Resting = tuple[float, int, Order]
# An order, or a change to one, on its way: when it arrives (ns UTC), the order's seq, the order.
Arrival = tuple[int, int, Order, Change | None]
by_arrival = itemgetter(0)
by_sequence = itemgetter(1)


class Book:
    """Orders of one instrument by the price that fires them.

    `falling` holds what a falling price fires (buy limits, sell stops), as (price, -seq, order),
    `rising` what a rising price fires, as (-price, -seq, order): sorted, the next one to fire last.
    An entry is stale once its order's `seq` has changed. A bar needs walking only if its low
    reaches `gate_low` or its high `gate_high`; a new order opens the gate. `opened` is the bar that
    began last, `candle` the one that closed last; `price` is where the path stands while `walked`.
    `volume_left` is UNKNOWN, below zero, until the first limit of a bar asks for it, `leg` is
    AT_OPEN until the bar's path is chosen. `squaring` holds from the square-off until MIS is flat,
    `carried` while a locked band keeps it overnight; `barred` are orders that wait for that band
    to open.
    """

    __slots__ = (
        "_terms",
        "arrivals",
        "barred",
        "candle",
        "candles",
        "carried",
        "ceiling",
        "charges",
        "end",
        "expired",
        "falling",
        "floor",
        "frictions",
        "gate_high",
        "gate_low",
        "has_terms",
        "has_volume",
        "hit_high",
        "hit_low",
        "holding",
        "hours",
        "instrument",
        "intraday",
        "last_close",
        "leader",
        "leg",
        "limit_slack",
        "locked",
        "lot",
        "low_first",
        "lower",
        "most",
        "net",
        "opened",
        "opposed",
        "parked",
        "participation",
        "plain",
        "points",
        "portfolio",
        "positions",
        "price",
        "rising",
        "rulebook",
        "session_opens",
        "slides",
        "squaring",
        "stale",
        "start",
        "start_shift",
        "through",
        "tick",
        "times",
        "upper",
        "volume_left",
        "walked",
    )

    def __init__(
        self,
        instrument: Instrument,
        candles: Candles,
        rules: ExecutionRules,
        portfolio: Portfolio,
        rulebook: Rulebook,
    ) -> None:
        self.instrument = instrument
        self.candles = candles
        self.portfolio = portfolio
        self.rulebook = rulebook
        self.frictions = Frictions(rules, instrument, candles)
        self.positions: dict[str, Position] = {}
        self.charges: dict[str, Rates] = {}
        self.falling: list[Resting] = []
        self.rising: list[Resting] = []
        self.arrivals: list[Arrival] = []
        self.parked: list[tuple[int, Order]] = []
        self.barred: list[Arrival] = []
        self.locked = ""
        self.floor = 0.0
        self.ceiling = inf
        self.last_close = 0.0
        self.expired = False
        self.holding: Holding | None = None
        self.gate_low = -inf
        self.gate_high = inf
        self.through = rules.limit_fill == "through"
        self.net = 0
        self.stale = 0
        self.has_volume = candles.has_volume
        self.participation = _participation(rules, candles.timeframe)
        self.volume_left = inf
        self.session_opens = 0
        self.squaring = False
        self.carried = False
        self.intraday = timeframes.is_intraday(candles.timeframe)
        self.start_shift = 0
        self.leader: Book | None = None
        self.opposed = False
        self.low_first: bool | None = None
        self.opened: Candle | None = None
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
        self.has_terms = False
        self.hours = rulebook.hours(instrument, day_number(int(candles.starts[0])))
        self.take_terms()

    def position(self, product: str) -> Position:
        """The position in a product, flat at first."""
        found = self.positions.get(product)
        if found is None:
            instrument = self.instrument
            found = self.portfolio.position(instrument.symbol, instrument.exchange, product)
            self.positions[product] = found
            self._enter_terms(found)
        return found

    def session_candles(self, now: int) -> Candles:
        """The bars of the present session that are closed by `now`."""
        candles = self.candles
        first = int(np.searchsorted(candles.starts, self.session_opens))
        last = int(np.searchsorted(candles.ends, now, side="right"))
        return candles[first : max(first, last)]

    # Resting orders ------------------------------------------------------------------------

    def rest(self, order: Order) -> None:
        """Put an order where its price will find it."""
        buy = order.action == "BUY"
        if order.pricetype == "LIMIT" or order.triggered_ts:
            fire = order.price
            if self.limit_slack:
                fire = self.frictions.beside(fire, -1 if buy else 1)
        else:
            fire, buy = order.trigger_price, not buy
        if buy:
            _place(self.falling, (fire, -order.seq, order))
        else:
            _place(self.rising, (-fire, -order.seq, order))

    def unpark(self) -> None:
        """Let try again what waited for the next bar: for its volume, or for a locked band."""
        for entry in self.barred:
            if entry[0] < 0:
                self.rest(entry[2])
            else:
                self.arrivals.append(entry)
        self.barred.clear()
        for seq, order in self.parked:
            if order.seq == seq:
                self.rest(order)
        self.parked.clear()

    def set_gates(self) -> None:
        """Work out from the orders which bars will need walking."""
        if self.arrivals or self.squaring:
            self.gate_low = inf
            return
        slack = self.limit_slack + _NOISE
        self.gate_low, self.gate_high = -inf, inf
        if self.falling:
            drop_stale(self.falling)
            self.gate_low = self.below() + slack
        if self.rising:
            drop_stale(self.rising)
            self.gate_high = self.above() - slack

    def below(self) -> float:
        """The highest price that fires something as price falls to it, -inf where nothing does.
        A stale entry counts."""
        if not self.falling:
            return -inf
        price, _, _ = self.falling[-1]
        return price

    def above(self) -> float:
        """The lowest price that fires something as price rises to it, inf where nothing does."""
        if not self.rising:
            return inf
        price, _, _ = self.rising[-1]
        return -price

    def forget(self) -> None:
        """Count an order that ended while resting; rebuild once most entries are stale."""
        self.stale += 1
        if self.stale > _STALE_LIMIT and self.stale * 2 > len(self.falling) + len(self.rising):
            self.falling = [entry for entry in self.falling if entry[2].seq == -entry[1]]
            self.rising = [entry for entry in self.rising if entry[2].seq == -entry[1]]
            self.stale = 0

    def reached_at_open(self, price: float, start: int) -> list[Arrival]:
        """What the first price of a bar meets, by sequence; the time is -1 for what rested."""
        due: list[Arrival] = []
        falling, rising = self.falling, self.rising
        while falling and self.below() >= price - _NOISE:
            _, place, order = falling.pop()
            if order.seq == -place:
                due.append((-1, -place, order, None))
        while rising and self.above() <= price + _NOISE:
            _, place, order = rising.pop()
            if order.seq == -place:
                due.append((-1, -place, order, None))
        if self.arrivals:
            due += [entry for entry in self.arrivals if entry[0] <= start]
            self.arrivals = [entry for entry in self.arrivals if entry[0] > start]
        if len(due) > 1:
            due.sort(key=by_sequence)
        return due

    def touched_at_open(self, ts: int) -> int:
        """Count the limits that the first price touches without passing them."""
        bound, price = self.limit_slack + _NOISE, self.price
        count = 0
        if self.below() + bound >= price:
            count += self.mark_touched(True, price, ts)
        if self.above() - bound <= price:
            count += self.mark_touched(False, price, ts)
        return count

    def mark_touched(self, down: bool, extreme: float, ts: int) -> int:
        """Note limits that an extreme touched without passing; how many are new."""
        sign = 1.0 if down else -1.0
        bound, slack = sign * extreme, self.limit_slack + _NOISE
        count = 0
        for fire, place, order in reversed(self.falling if down else self.rising):
            if fire + slack < bound:
                break
            if order.seq != -place or order.touched_ts:
                continue
            limit = order.pricetype == "LIMIT" or order.triggered_ts
            if limit and sign * order.price >= bound - _NOISE:
                order.touched_ts = ts
                count += 1
        return count

    # The bar being walked ------------------------------------------------------------------

    def new_session(self, ts: int) -> None:
        """Take up the rules of the day whose first bar begins at `ts`."""
        self.session_opens = ts
        self.last_close = self.candle.close if self.candle is not None else 0.0
        self.hours = hours = self.rulebook.hours(self.instrument, day_number(ts))
        # Bars of a day are stamped with its midnight and begin when its session opens.
        self.start_shift = 0 if self.intraday else hours.opens - midnight(hours.day)
        self.has_terms = False
        if self.positions:
            self.take_terms()

    def hours_on(self, day: int) -> SessionHours:
        """When the instrument trades on an Indian day number: on one without a bar so far too."""
        hours = self.hours
        return hours if hours.day == day else self.rulebook.hours(self.instrument, day)

    def carry(self, carried: bool) -> None:
        """Let what MIS holds overnight block the margin of the product that it has become."""
        self.carried = carried
        self.take_terms()

    def rebase(self, close: float) -> None:
        """Let the session's band lie around another price than the last close; 0.0 for none."""
        self.last_close = close
        self.has_terms = False
        if self.positions:
            self.take_terms()

    @property
    def terms(self) -> SessionTerms:
        """What holds for the instrument today. It is worked out when it is first asked for: on
        most days nobody trades most instruments."""
        if not self.has_terms:
            self.take_terms()
        return self._terms

    def take_terms(self) -> None:
        """Trade under the terms of the day."""
        self.has_terms = True
        spot = self._spot() / RUPEE
        day = self.hours.day
        self._terms = terms = self.rulebook.terms(self.instrument, day, self.last_close, spot)
        self.floor = terms.lower_lock
        self.ceiling = terms.upper_lock
        self.lot = terms.lot.traded
        self.most = terms.largest_order or inf
        band, broker = terms.band, terms.broker
        self.lower = 0.0 if band is None else band.lower - GRID_NOISE
        self.upper = inf if band is None else band.upper + GRID_NOISE
        self.slides = band is not None and band.slides
        self.plain = (
            not terms.banned
            and not self.expired
            and terms.protection is None
            and terms.lot.shown == terms.lot.traded
            and (broker is None or broker.market == "accept")
        )
        self.tick = tick = terms.tick_size
        self.limit_slack = tick if self.through else 0.0
        self.frictions.set_tick(tick)
        for position in self.positions.values():
            self._enter_terms(position)

    def _enter_terms(self, position: Position) -> None:
        """Let a position pay the charges and block the margin of the day."""
        instrument, product, day = self.instrument, position.product, self.hours.day
        self.charges[product] = self.rulebook.rates(instrument, product, day)
        if self.portfolio.margined:
            if product == "MIS" and self.carried:
                product = "NRML" if instrument.derivative else "CNC"
            terms = self.rulebook.margin_terms(instrument, product, day)
            self.portfolio.adopt(position, terms, instrument, self._spot)

    def _spot(self) -> int:
        """Last price of what the instrument derives from, money units; 0 where it is unknown."""
        leader = self.leader
        if leader is None or leader.instrument.kind == "option" or leader.candle is None:
            return 0
        return round(leader.candle.close * RUPEE)

    def open_bar(self, candle: Candle, end: int) -> int:
        """Let a bar begin that ends at `end`, ns UTC; when it begins."""
        self.opened = candle
        self.start = start = candle.ts + self.start_shift
        self.end = end
        self.low_first = None
        self.walked = False
        return start

    def begin(self, candle: Candle) -> None:
        """Start walking the bar that is open."""
        self.price = candle.open
        self.leg = AT_OPEN
        self.walked = True
        self.hit_low = self.hit_high = False
        self.volume_left = UNKNOWN
        self.locked = self.locked_side(candle) if candle.high == candle.low else ""

    def locked_side(self, candle: Candle) -> str:
        """Which side finds nobody to trade with in a bar of one price: buyers at the upper band,
        sellers at the lower (S7)."""
        if candle.high != candle.low or self.floor < candle.low < self.ceiling:
            return ""
        side = locked(candle.high, candle.low, self.terms.band, self.last_close)
        return "" if side is None else "BUY" if side == "upper" else "SELL"

    def choose_path(self, mode: str) -> None:
        """Fix the order of the extremes of the bar being walked (T3, T3b)."""
        candle = self.opened
        if candle is None:
            return
        self.leg = 0
        self.times = path_times(self.start, self.end)
        if self.takes_low_first(mode):
            self.points = (candle.open, candle.low, candle.high, candle.close)
        else:
            self.points = (candle.open, candle.high, candle.low, candle.close)

    def takes_low_first(self, mode: str) -> bool:
        """Whether the current bar goes to its low first; its leader's order, if it has one."""
        if self.low_first is None:
            leader, candle = self.leader, self.opened
            if leader is not None and leader.start == self.start and leader.end == self.end:
                self.low_first = leader.takes_low_first(mode) != self.opposed
            elif candle is not None:
                self.low_first = low_first(mode, self.net, candle.open, candle.high, candle.low)
        return bool(self.low_first)

    def price_on_path(self, mode: str, ts: int) -> float:
        """Price at an instant inside the bar that is open, walked or not (T5)."""
        if self.leg == AT_OPEN and self.walked:
            return self.price
        if not self.walked:
            self.choose_path(mode)
        return price_at(self.points, self.times, ts)

    def seek(self, ts: int) -> None:
        """Move along the path to an instant at which nothing happened before."""
        if self.leg == AT_OPEN:
            return
        times = self.times
        self.price = price_at(self.points, times, ts)
        self.leg = 0 if ts <= times[1] else 1 if ts <= times[2] else 2

    def lay_ahead(self, order: Order) -> bool:
        """Whether an order lies between the bar's open and the extreme that the path has not
        taken yet: it would have been met first, had price gone there first."""
        candle, leg, points = self.opened, self.leg, self.points
        if candle is None or leg not in (0, 1) or points[leg] == points[leg + 1]:
            return False
        if (order.symbol, order.exchange) != (self.instrument.symbol, self.instrument.exchange):
            return False
        level = order.trigger_price or order.price
        ahead = candle.high if points[leg + 1] < points[leg] else candle.low
        return min(candle.open, ahead) <= level <= max(candle.open, ahead)

    def allowance(self, candle: Candle | None) -> float:
        """Units that resting limits may take of a bar (P7)."""
        if self.participation is None or not self.has_volume or candle is None:
            return inf
        share, volume, lot = self.participation, candle.volume, self.lot
        if not volume > 0.0:
            return inf
        return max(lot, int(volume * share / lot) * lot)

    def dead(self, candle: Candle) -> bool:
        """Whether nothing traded in a bar: no volume and no movement, though the source has
        volume (P7)."""
        return self.has_volume and candle.volume == 0 and candle.high == candle.low

    def stressed(self, ts: int) -> bool:
        """Whether slippage is doubled at an instant: in the first minute of its session's data,
        and from 14:30 on an expiry day (P8)."""
        if ts - self.session_opens < MINUTE_NS:
            return True
        expiry = self.instrument.expiry
        return expiry is not None and ts - midnight(expiry) >= _EXPIRY_STRESS_NS


def _place(column: list[Resting], entry: Resting) -> None:
    """Sort an entry in; often it is the next one to fire."""
    if column and entry < column[-1]:
        insort(column, entry)
    else:
        column.append(entry)


def drop_stale(resting: list[Resting]) -> None:
    """Take from the end of a column what has ended or moved."""
    while resting:
        _, place, order = resting[-1]
        if order.seq == -place:
            return
        resting.pop()


def _participation(rules: ExecutionRules, timeframe: str) -> float | None:
    if rules.participation == "auto":
        return 0.25 if timeframes.duration(timeframe) <= MINUTE_NS else 0.10
    return rules.participation
