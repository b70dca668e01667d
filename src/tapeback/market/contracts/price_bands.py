"""How far prices may go in a day, and which limit prices an exchange takes.

Bands are per cent around the last close (`tables/price_bands.yaml`); options have none, but a
LIMIT far from the market is refused (limit-price protection).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, repeat
from typing import Literal

import msgspec

from tapeback.market.dated import Row, rows
from tapeback.models.instrument import Instrument

Side = Literal["upper", "lower"]

_CURRENCY = frozenset({"CDS", "BCD"})
_EQUITY_DERIVATIVES = frozenset({"NFO", "BFO"})
# Of a stock whose band is not known, one price this far from the last close is a locked band (S7).
LOCKED_SHARE = 0.049
_GRID = 10_000


class PriceBand(msgspec.Struct, frozen=True):
    """The prices from `lower` to `upper`, rupees on the tick grid, that orders may name.

    `base` is the last close and `percent` the first step around it. A band with `steps` is
    flexible: pressed against, it gives way by each in turn, the last again and again, and the
    other side moves along if it `slides`. It is not `certain` where only the widest is known.
    """

    base: float
    percent: int
    lower: float
    upper: float
    tick_size: float
    row: Row
    steps: tuple[int, ...] = ()
    slides: bool = False
    certain: bool = True

    def holds(self, price: float) -> bool:
        """Whether an order may name this price."""
        return self.lower - 1e-7 <= price <= self.upper + 1e-7

    def flexed(self, low: float, high: float) -> PriceBand:
        """The band after as many steps, each way, as trades from `low` to `high` prove."""
        if not self.steps or (self.holds(low) and self.holds(high)):
            return self
        up = next(percent for percent, edge in self._edges("upper") if edge >= high - 1e-7)
        down = next(percent for percent, edge in self._edges("lower") if edge <= low + 1e-7)
        if self.slides and up > self.percent and down == self.percent:
            down = self.percent - (up - self.percent)
        elif self.slides and down > self.percent and up == self.percent:
            up = self.percent - (down - self.percent)
        return msgspec.structs.replace(
            self,
            lower=_lower_edge(self.base, down, self.tick_size),
            upper=_upper_edge(self.base, up, self.tick_size),
        )

    def locked_side(self, price: float) -> Side | None:
        """The side on which a price that did not move all bar stands against the band."""
        if not self.certain:
            return _far_side(price, self.base)
        if not self.steps:
            if price >= self.upper - 1e-7:
                return "upper"
            return "lower" if price <= self.lower + 1e-7 else None
        side: Side = "upper" if price > self.base else "lower"
        slack = self.tick_size / 2
        for percent, edge in self._edges(side):
            if abs(price - edge) < slack:
                return side
            if percent >= 100 or (edge > price if side == "upper" else edge < price):
                break
        return None

    def _edges(self, side: Side) -> Iterator[tuple[int, float]]:
        """Per cents and prices of the edges that a side can have, nearest first."""
        percent = self.percent
        edge = _upper_edge if side == "upper" else _lower_edge
        for step in chain(self.steps, repeat(self.steps[-1])):
            yield percent, edge(self.base, percent, self.tick_size)
            percent += step


class LimitProtection(msgspec.Struct, frozen=True):
    """How far an option's LIMIT may be from the reference: `points` rupees up to a premium of
    `upto`, `percent` of it above."""

    upto: float
    points: float
    percent: float
    row: Row

    def range(self, reference: float) -> tuple[float, float]:
        """Lowest and highest limit price, rupees, at a reference premium."""
        width = self.points if reference <= self.upto else reference * self.percent / 100
        return max(0.0, reference - width), reference + width


def band_of(
    instrument: Instrument,
    day: int,
    close: float,
    *,
    tick_size: float,
    derivatives: bool = False,
    percent: int | None = None,
    widest: int | None = None,
) -> PriceBand | None:
    """The band of an instrument on an Indian day number around its last close, in rupees; None
    where there is none (options, MCX, an index, no close).

    `derivatives` says whether a stock has futures, `percent` is a stock's static band where it is
    known, and `widest` what no security may exceed that day (5 on a disaster-recovery Saturday).
    """
    if close <= 0:
        return None
    row, width, flexible, certain = _rule(instrument, day, derivatives, percent)
    if row is None:
        return None
    if widest is not None and widest < width:
        width, flexible = widest, False
    return PriceBand(
        close,
        width,
        _lower_edge(close, width, tick_size),
        _upper_edge(close, width, tick_size),
        tick_size,
        row,
        steps=tuple(row["steps"]) if flexible else (),
        slides=flexible and row["slides"],
        certain=certain,
    )


def protection_of(instrument: Instrument, day: int) -> LimitProtection | None:
    """The limit-price protection of an option on a day; None before there was any."""
    if instrument.kind != "option" or instrument.exchange != "NFO":
        return None
    row = rows("price_bands", "option_limits").on(day)
    if row is None:
        return None
    return LimitProtection(row["upto"], row["points"], row["percent"], row)


def locked(high: float, low: float, band: PriceBand | None, close: float) -> Side | None:
    """The side of a band at which a bar from `low` to `high` is locked (fill contract S7): there
    only the other side of the market can trade. `close` is the last one before the session."""
    if high != low:
        return None
    return _far_side(high, close) if band is None else band.locked_side(high)


def _rule(
    instrument: Instrument, day: int, derivatives: bool, percent: int | None
) -> tuple[Row | None, int, bool, bool]:
    """The row of a band, its per cent, whether it flexes and whether it is certain."""
    flexing = rows("price_bands", "flexing").on(day)
    if instrument.kind == "future" and instrument.exchange in _EQUITY_DERIVATIVES:
        return flexing, flexing["percent"] if flexing else 0, True, True
    if instrument.kind == "future" and instrument.exchange in _CURRENCY:
        row = rows("price_bands", "currency").on(day)
        if row is None:
            return None, 0, False, False
        far = instrument.expiry is not None and instrument.expiry - day > row["far_days"]
        return row, row["far_percent" if far else "percent"], False, True
    if instrument.kind != "equity":
        return None, 0, False, False
    if percent is None and derivatives:
        return flexing, flexing["percent"] if flexing else 0, True, True
    row = rows("price_bands", "static").on(day)
    widest = max(row["percents"]) if row else 0
    return row, widest if percent is None else percent, False, percent is not None


def _far_side(price: float, close: float) -> Side | None:
    move = price / close - 1 if close > 0 else 0.0
    if abs(move) < LOCKED_SHARE - 1e-9:
        return None
    return "upper" if move > 0 else "lower"


def _upper_edge(base: float, percent: int, tick_size: float) -> float:
    """`base` raised by per cents of itself, down to the tick."""
    tick = round(tick_size * _GRID) * 100
    return round(base * _GRID) * (100 + percent) // tick * tick / (100 * _GRID)


def _lower_edge(base: float, percent: int, tick_size: float) -> float:
    """`base` lowered by per cents of itself, up to the tick, and not below 0."""
    tick = round(tick_size * _GRID) * 100
    return max(0, -(round(base * _GRID) * (percent - 100) // tick) * tick) / (100 * _GRID)
