"""The arithmetic of charges: what executions of one segment cost on one day, in whole numbers."""

from __future__ import annotations

from collections.abc import Iterable
from math import gcd
from typing import NamedTuple

import msgspec

from tapeback.market.costs.plans import Tariff
from tapeback.market.dated import Row

# Rates are billionths, GST hundredths of a per cent: parts of a unit in which all lines are whole.
EXACT = 1_000_000_000 * 10_000
_PER_GST = 10_000
_REMEMBERED = 1 << 16


def nearest(value: int, part: int) -> int:
    """`value / part`, of which neither is negative, to the nearest whole number, half up."""
    return (2 * value + part) // (2 * part)


def _division(rate: int, half: int, step: int) -> tuple[int, int, int]:
    """The three figures of `(value * rate + half) // step` without what they have in common: small
    figures are divided sooner."""
    common = gcd(rate, half, step)
    return rate // common, half // common, step // common


class ChargeLines(msgspec.Struct, frozen=True, gc=False):
    """Charges by line, in money units. `other` is what the settings add to the plan."""

    brokerage: int = 0
    stt: int = 0
    ctt: int = 0
    exchange: int = 0
    ipft: int = 0
    sebi: int = 0
    stamp: int = 0
    gst: int = 0
    other: int = 0

    @property
    def total(self) -> int:
        return sum(msgspec.structs.astuple(self))

    def __add__(self, more: ChargeLines) -> ChargeLines:
        pairs = zip(msgspec.structs.astuple(self), msgspec.structs.astuple(more), strict=True)
        return ChargeLines(*(one + other for one, other in pairs))


class Parts(NamedTuple):
    """The lines of one order before rounding, in units divided by EXACT."""

    brokerage: int
    tax: int
    exchange: int
    ipft: int
    sebi: int
    stamp: int
    gst: int
    other: int


class Rates:
    """What holds in one segment of one exchange on one day.

    Rates are billionths of the value; `tax` (STT, or CTT where `commodity`) and `stamp` are of
    buying and of selling. `gst` is hundredths of a per cent of the brokerage and of `taxed`, the
    sum of the rates in its base. `dp` is money units, with GST, a stock and day of delivery sales.
    `grain` is the money unit that lines are rounded to. `rows` are the table rows behind all this.
    """

    __slots__ = (
        "_cap",
        "_cap_grains",
        "_exact_half",
        "_exact_step",
        "_floor",
        "_floor_grains",
        "_half",
        "_of_buying",
        "_of_gst",
        "_of_purchases",
        "_of_sales",
        "_of_selling",
        "_step",
        "brokerage",
        "commission",
        "commodity",
        "dp",
        "exchange",
        "fee",
        "grain",
        "gst",
        "ipft",
        "rows",
        "sebi",
        "stamp_buy",
        "stamp_sell",
        "tax_buy",
        "tax_sell",
        "taxed",
    )

    def __init__(
        self,
        *,
        grain: int,
        tariff: Tariff,
        tax: tuple[int, int] = (0, 0),
        commodity: bool = False,
        exchange: int = 0,
        ipft: int = 0,
        sebi: int = 0,
        stamp: tuple[int, int] = (0, 0),
        gst: int = 0,
        taxed: int = 0,
        dp: int = 0,
        fee: int = 0,
        commission: int = 0,
        rows: tuple[Row, ...] = (),
    ) -> None:
        self.rows = rows
        self.grain = grain
        self.commodity = commodity
        self.brokerage = tariff.rate
        self.tax_buy, self.tax_sell = tax
        self.exchange = exchange
        self.ipft = ipft
        self.sebi = sebi
        self.stamp_buy, self.stamp_sell = stamp
        self.gst = gst
        self.taxed = taxed
        self.dp = dp
        self.fee = fee
        self.commission = commission
        self._of_purchases: dict[int, int] = {}
        self._of_sales: dict[int, int] = {}
        self._floor = tariff.floor * 1_000_000_000
        self._cap = tariff.cap * 1_000_000_000
        self._step = grain * 1_000_000_000
        self._half = self._step // 2
        self._exact_step = grain * EXACT
        self._exact_half = self._exact_step // 2
        self._floor_grains = nearest(self._floor, self._step)
        self._cap_grains = nearest(self._cap, self._step)
        both = (exchange, ipft, sebi, fee)
        self._of_buying = self._divisions(self.tax_buy, self.stamp_buy, *both)
        self._of_selling = self._divisions(self.tax_sell, self.stamp_sell, *both)
        self._of_gst = _division(gst, self._exact_half, self._exact_step)

    def _divisions(self, *rates: int) -> list[tuple[int, int, int]]:
        return [_division(rate, self._half, self._step) for rate in rates if rate]

    def cost(self, buy: bool, value: int, before: int) -> int:
        """Charges of an execution of `value` money units of an order of whose value `before` was
        executed earlier: what they add to the charges of the order, so that an order costs the
        same however it is filled. All in money units."""
        if before:
            return self._sum(buy, before + value) - self._sum(buy, before) + self.commission
        # Bots trade the same amounts over and over.
        known = self._of_purchases if buy else self._of_sales
        cost = known.get(value)
        if cost is None:
            if len(known) >= _REMEMBERED:
                known.clear()
            cost = known[value] = self._sum(buy, value) + self.commission
        return cost

    def lines(self, buy: bool, value: int, before: int) -> ChargeLines:
        """The lines of `cost`, which they sum to."""
        units = self.rounded(self.parts(buy, before + value))
        if before:
            done = self.rounded(self.parts(buy, before))
            units = [whole - part for whole, part in zip(units, done, strict=True)]
        units[-1] += self.commission
        return self.itemised(units)

    def parts(self, buy: bool, value: int, brokerage: int | None = None) -> Parts:
        """The exact lines of an order of `value` money units, without commission.

        `brokerage`, in units divided by EXACT, stands in for the plan's.
        """
        if brokerage is None:
            brokerage = self.brokerage_of(value)
        scaled = value * _PER_GST
        return Parts(
            brokerage,
            scaled * (self.tax_buy if buy else self.tax_sell),
            scaled * self.exchange,
            scaled * self.ipft,
            scaled * self.sebi,
            scaled * (self.stamp_buy if buy else self.stamp_sell),
            (brokerage // _PER_GST + value * self.taxed) * self.gst,
            scaled * self.fee,
        )

    def brokerage_of(self, value: int) -> int:
        """Brokerage of an order of `value` money units, in units divided by EXACT."""
        return min(max(value * self.brokerage, self._floor), self._cap) * _PER_GST

    def rounded(self, parts: Parts) -> list[int]:
        """The parts, in their order, in money units to the grain, half up."""
        step, half, grain = self._exact_step, self._exact_half, self.grain
        return [(exact + half) // step * grain for exact in parts]

    def itemised(self, units: Iterable[int]) -> ChargeLines:
        """The lines of rounded parts."""
        brokerage, tax, exchange, ipft, sebi, stamp, gst, other = units
        stt, ctt = (0, tax) if self.commodity else (tax, 0)
        return ChargeLines(brokerage, stt, ctt, exchange, ipft, sebi, stamp, gst, other)

    def _sum(self, buy: bool, value: int) -> int:
        """The lines of an order of `value`, each rounded to the grain, in one sum. Brokerage, which
        mostly comes to a whole number, is spared the division."""
        step, half = self._step, self._half
        brokerage = value * self.brokerage
        if brokerage <= self._floor:
            brokerage, grains = self._floor, self._floor_grains
        elif brokerage >= self._cap:
            brokerage, grains = self._cap, self._cap_grains
        else:
            grains = (brokerage + half) // step
        for rate, more, part in self._of_buying if buy else self._of_selling:
            grains += (value * rate + more) // part
        if self.gst:
            rate, more, part = self._of_gst
            grains += ((brokerage + value * self.taxed) * rate + more) // part
        return grains * self.grain
