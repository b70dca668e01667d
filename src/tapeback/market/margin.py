"""Margin that a position blocks, by date: `tables/margins.yaml`.

`sandbox` is OpenAlgo's leverage, `live` what Indian brokers ask for: shares of value for equity,
premium for options bought, and for futures and options sold the loss over a scan of price moves
plus an exposure margin. True SPAN needs the clearing corporation's files of the day; the scan here
values options at their intrinsic worth, and meets the recorded answers of brokers for NIFTY within
one per cent when given the underlying as the options price it, the near future.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Literal

from tapeback.market.dated import Row, rows, table
from tapeback.market.instruments import INDEX_UNDERLYINGS
from tapeback.models.instrument import Instrument
from tapeback.utils.money import to_units

EQUITY_MIS = 5
FUTURES = 10
PPM = 1_000_000
# How far beyond the scan range an extreme move goes, and the part of its loss that is covered
# (SPAN's scenarios 15 and 16).
EXTREME = 2
EXTREME_COVER_PCT = 35
TOLERATED_SHORTFALL_PCT = 15
_LONG_DATED_DAYS = 273

MarginPolicy = Literal["strict", "warn", "off"]
Verdict = Literal["ok", "warned", "refused"]


@dataclass(slots=True, kw_only=True, eq=False)
class MarginTerms:
    """What a position in one instrument and product blocks, fixed for a session.

    Money is in units, quantities are signed units of the instrument, and `underlying` is the last
    price of the underlying in money units, 0 where it is not known. `rows` is what was relied on.
    """

    rows: tuple[Row, ...] = ()

    def blocked(self, quantity: int, cost: int, underlying: int = 0) -> int:
        """Margin of `quantity` whose signed cost is `cost`, in money units."""
        raise NotImplementedError

    def required(self, quantity: int, price: int, underlying: int = 0) -> int:
        """Margin of `quantity` at `price` money units a unit, in money units."""
        return self.blocked(quantity, quantity * price, underlying)


@dataclass(slots=True, kw_only=True, eq=False)
class ValueTerms(MarginTerms):
    """A share of the value, on both sides alike: `numerator` over `denominator`."""

    numerator: int
    denominator: int

    def blocked(self, quantity: int, cost: int, underlying: int = 0) -> int:
        return -(-abs(cost) * self.numerator // self.denominator)


@dataclass(slots=True, kw_only=True, eq=False)
class ScannedTerms(MarginTerms):
    """What futures and options have in common; rates are parts per million.

    `scan` and `exposure` are of the underlying's value, `share` is the part of the margin that a
    product asks for at all. `calendar` is the charge on months that offset one another, None
    where they do not; `expiring` marks a contract that no longer takes part, on its last day.
    """

    scan: int
    exposure: int
    share: int
    expiry: int
    calendar: int | None
    expiring: bool


@dataclass(slots=True, kw_only=True, eq=False)
class FutureTerms(ScannedTerms):
    """A future, or an index that stands for its near one: the scan range of the underlying (of
    the future itself where that is not known) and exposure on the future's value."""

    def blocked(self, quantity: int, cost: int, underlying: int = 0) -> int:
        value = abs(cost)
        scanned = abs(quantity) * underlying if underlying else value
        margin = -(-(scanned * self.scan + value * self.exposure) // PPM)
        return margin if self.share == PPM else -(-margin * self.share // PPM)


@dataclass(slots=True, kw_only=True, eq=False)
class OptionTerms(ScannedTerms):
    """An option: its premium when bought; when sold, the scan's worst loss and exposure.

    `strike` is in money units. `deep` is further exposure on strikes more than `beyond` out of
    the money; `credited` tells whether the premium received counts towards the margin; `delivery`
    is of the underlying's value and blocked on a bought option in the money, in the days before
    shares change hands.
    """

    call: bool
    strike: int
    deep: int
    beyond: int
    credited: bool
    delivery: int = 0

    def blocked(self, quantity: int, cost: int, underlying: int = 0) -> int:
        premium = abs(cost)
        if quantity >= 0:
            return premium + self.delivered(quantity, underlying)
        spot = underlying or self.strike
        worst = self.value(-quantity, premium, spot, 3)
        extreme = self.value(-quantity, premium, spot, 3 * EXTREME)
        loss = max(worst - premium, (extreme - premium) * EXTREME_COVER_PCT // 100)
        if not self.credited:
            loss += premium
        margin = loss + self.exposed(-quantity, spot)
        return margin if self.share == PPM else -(-margin * self.share // PPM)

    def delivered(self, quantity: int, spot: int) -> int:
        """Delivery margin of `quantity` options bought, in money units."""
        if not self.delivery or not (spot > self.strike if self.call else 0 < spot < self.strike):
            return 0
        return -(-quantity * spot * self.delivery // PPM)

    def value(self, quantity: int, premium: int, spot: int, thirds: int) -> int:
        """Worth of `quantity` options once price has moved by so many thirds of the scan range
        towards the strike or beyond it (negative: away), in money units.

        It is the intrinsic worth, and after no move or one in its favour at least the premium:
        time value has a share in moves within the scan that is not modelled.
        """
        signed = thirds if self.call else -thirds
        moved = spot * (3 * PPM + self.scan * signed) // (3 * PPM)
        intrinsic = quantity * (moved - self.strike if self.call else self.strike - moved)
        least = premium if thirds >= 0 else 0
        return intrinsic if intrinsic > least else least

    def exposed(self, quantity: int, spot: int) -> int:
        """Exposure margin of `quantity` options sold, in money units."""
        rate = self.exposure
        if self.deep:
            away = self.strike - spot if self.call else spot - self.strike
            if away * PPM > spot * self.beyond:
                rate += self.deep
        return -(-quantity * spot * rate // PPM)


class MarginModel:
    """How a run reckons margin: `sandbox` or `live`.

    `leverage` divides the value of a product instead, where the user has set it;
    `premium_credit` is the broker's practice (`BrokerRules.premium_credit`).
    """

    def __init__(
        self,
        name: Literal["sandbox", "live"],
        *,
        leverage: Mapping[str, float] | None = None,
        premium_credit: bool = True,
    ) -> None:
        self.name = name
        self._leverage = leverage or {}
        self._premium_credit = premium_credit

    def terms(self, instrument: Instrument, product: str, day: int) -> MarginTerms:
        """What an instrument blocks in a product on an Indian day number."""
        leverage = self._leverage.get(product)
        if leverage is not None or self.name == "sandbox":
            return _share_of_value(1 / Fraction(leverage or leverage_of(instrument, product)))
        if instrument.kind == "equity":
            name = "intraday" if product == "MIS" else "delivery"
            row = rows("margins", "equity", name).in_force(day)
            return _percent_of_value(row)
        group = margin_group(instrument)
        if group is None:
            return _share_of_value(Fraction(1))
        return self._scanned(instrument, product, day, group)

    def _scanned(self, instrument: Instrument, product: str, day: int, group: str) -> ScannedTerms:
        used: list[Row] = []

        def rate(key: str, *path: str) -> int:
            row = rows("margins", *path).in_force(day)
            used.append(row)
            return int(Decimal(row[key]) * 10_000)

        option = instrument.kind == "option"
        underlying, expiry = instrument.underlying, instrument.expiry or 0
        key = "options" if option else "futures"
        ranges = table("margins")["scan"]
        path = ("scan", underlying if underlying in ranges else group)
        if (
            option
            and expiry - day > _LONG_DATED_DAYS
            and "long_dated" in rows("margins", *path).in_force(day).values
        ):
            key = "long_dated"
        calendar, expiring = None, False
        if group in table("margins")["calendar_spread"]:
            calendar = rate("percent", "calendar_spread", group)
            expiring = expiry == day and not used[-1]["expiring"]
        scan, exposure = rate(key, *path), rate("percent", "exposure", group)
        share = rate("share", "derivative_intraday") if product == "MIS" else PPM
        if not option:
            return FutureTerms(
                scan=scan,
                exposure=exposure,
                share=share,
                expiry=expiry,
                calendar=calendar,
                expiring=expiring,
                rows=tuple(used),
            )
        deep = beyond = 0
        if group == "index":
            deep = rate("percent", "deep_out_of_the_money")
            beyond = rate("beyond", "deep_out_of_the_money")
            if expiry == day:
                exposure += rate("percent", "expiry_day")
        return OptionTerms(
            scan=scan,
            exposure=exposure,
            share=share,
            expiry=expiry,
            calendar=calendar,
            expiring=expiring,
            call=instrument.option_type == "CE",
            strike=to_units(instrument.strike),
            deep=deep,
            beyond=beyond,
            credited=self._premium_credit,
            rows=tuple(dict.fromkeys(used)),
        )


def share_of_value(terms: MarginTerms, instrument: Instrument) -> tuple[int, int] | None:
    """Numerator and denominator of a margin that is a fixed share of the value on both sides: of
    shares, and of an index that stands for its near future. None where the price of the
    underlying and other positions on it have a say."""
    if isinstance(terms, ValueTerms):
        return terms.numerator, terms.denominator
    if isinstance(terms, FutureTerms) and instrument.kind == "index":
        return (terms.scan + terms.exposure) * terms.share, PPM * PPM
    return None


def margin_group(instrument: Instrument) -> str | None:
    """The class of underlyings that a derivative is margined with; None where there is no table."""
    exchange = instrument.exchange
    if exchange in ("NFO", "BFO", "NSE_INDEX", "BSE_INDEX"):
        index = instrument.kind == "index" or instrument.underlying in INDEX_UNDERLYINGS
        return "index" if index else "stock"
    if exchange in ("CDS", "BCD"):
        return "currency"
    return "commodity" if exchange in ("MCX", "NCO", "NCDEX", "MCX_INDEX") else None


def leverage_of(instrument: Instrument, product: str) -> int:
    """Times its margin that a position may be worth in OpenAlgo's sandbox: equity five times in
    MIS and once in CNC, futures ten times, options once on both sides. An index is margined as
    its near future."""
    if instrument.kind in ("future", "index"):
        return FUTURES
    return EQUITY_MIS if instrument.kind == "equity" and product == "MIS" else 1


def default_policy(instrument: Instrument) -> MarginPolicy:
    """`warn` for derivatives, whose true margin is known to the clearing corporation alone;
    `strict` for shares."""
    return "warn" if instrument.derivative else "strict"


def shortfall_allowed(policy: MarginPolicy, required: int, available: int) -> Verdict:
    """Whether an order may go that needs `required` of the `available` funds, in money units.

    Under `warn` it may be short by up to 15 % of what it needs, and is counted.
    """
    short = required - available
    if short <= 0 or required <= 0 or policy == "off":
        return "ok"
    if policy == "warn" and short * 100 <= required * TOLERATED_SHORTFALL_PCT:
        return "warned"
    return "refused"


@cache
def _percent_of_value(row: Row) -> ValueTerms:
    return _share_of_value(Fraction(row["percent"]) / 100, row)


def _share_of_value(share: Fraction, *used: Row) -> ValueTerms:
    return ValueTerms(numerator=share.numerator, denominator=share.denominator, rows=used)
