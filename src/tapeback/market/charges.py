"""Charges of trades by date, exchange, segment and side: brokerage, STT or CTT, exchange charge,
IPFT, SEBI fee, stamp duty, GST and DP charge."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from datetime import date as Date
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Literal, get_args

import msgspec

from tapeback.errors import ConfigError, did_you_mean
from tapeback.market.costs.levies import Levies, levies_of, ppb, sides
from tapeback.market.costs.plans import PlanSpec, plan_of
from tapeback.market.costs.rates import EXACT, Parts, Rates, nearest
from tapeback.market.costs.segments import Segment, traded_segment
from tapeback.market.dated import Row
from tapeback.utils.clock import day_of
from tapeback.utils.money import PAISA, RUPEE, to_units

Rounding = Literal["none", "paisa", "contract-note"]
ROUNDINGS: tuple[Rounding, ...] = get_args(Rounding)
_SIDES = ("BUY", "SELL")
_COMMODITY = ("COM_FUT", "COM_OPT")
_PPB_PER_BP = 100_000


class Charges(msgspec.Struct, frozen=True):
    """Charges of one order by line, in exact rupees.

    `stt` is zero for commodities, `ctt` for everything else. `dp`, with its GST, is charged on
    the sale of delivered shares alone; `total` includes it. `rows` are the rules behind it all.
    """

    brokerage: Decimal
    stt: Decimal
    ctt: Decimal
    exchange: Decimal
    ipft: Decimal
    sebi: Decimal
    stamp: Decimal
    gst: Decimal
    dp: Decimal
    total: Decimal
    rows: tuple[Row, ...] = ()

    @property
    def doubtful(self) -> tuple[Row, ...]:
        """The rules of low confidence among `rows`."""
        return tuple(row for row in self.rows if row.confidence == "low")


class ChargeSchedule:
    """The charges of one account: a plan, what the settings add to it, and how lines are rounded.

    `paisa` rounds each line of an order half up to the paisa; `contract-note` does so as well,
    and rounds STT, CTT and stamp duty of a day's contract note to the rupee; `none` keeps the
    money unit. `fee_bps` of turnover and `commission` rupees an execution come on top of any plan.
    `delivery_stt_pct` (both sides) and `intraday_stt_pct` (sales) replace the STT of shares, in
    per cent. Raises ConfigError for a plan or a rounding that does not exist.
    """

    def __init__(
        self,
        plan: PlanSpec = "zerodha",
        rounding: Rounding = "paisa",
        *,
        fee_bps: float = 0.0,
        commission: float = 0.0,
        delivery_stt_pct: float | None = None,
        intraday_stt_pct: float | None = None,
    ) -> None:
        self.plan = plan_of(plan)
        self.rounding = _checked_rounding(rounding)
        self.grain = 1 if rounding == "none" else PAISA
        self.duty_grain = RUPEE if rounding == "contract-note" else self.grain
        self._fee = round(fee_bps * _PPB_PER_BP)
        self._commission = to_units(commission)
        self._taxes: dict[str, tuple[int, int]] = {}
        if delivery_stt_pct is not None:
            rate = round(delivery_stt_pct * ppb(1))
            self._taxes["EQ_DELIVERY"] = (rate, rate)
        if intraday_stt_pct is not None:
            self._taxes["EQ_INTRADAY"] = (0, round(intraday_stt_pct * ppb(1)))
        self._eras: dict[tuple[Segment, str, str], _Eras] = {}

    def rates(self, segment: Segment, exchange: str, day: int, symbol: str = "") -> Rates:
        """What holds for a segment of an exchange (OpenAlgo's code) on an Indian day number.

        Raises ConfigError where the exchange does not trade the segment, or the plan is silent.
        """
        key = (segment, exchange, symbol)
        eras = self._eras.get(key)
        if eras is None:
            levies = levies_of(segment, exchange, symbol) if self.plan.statutory else None
            days = self.plan.change_days() | (levies.change_days() if levies else set())
            eras = self._eras[key] = _Eras(days, partial(self._rates, segment, levies))
        return eras.on(day)

    def _rates(self, segment: Segment, levies: Levies | None, day: int) -> Rates:
        tariff, rows = self.plan.tariff(segment, day)
        if levies is None:
            return Rates(
                grain=self.grain,
                tariff=tariff,
                tax=self._taxes.get(segment, (0, 0)),
                fee=self._fee,
                commission=self._commission,
                rows=rows,
            )
        tax, sebi, stamp, gst = (
            kind.in_force(day) for kind in (levies.tax, levies.sebi, levies.stamp, levies.gst)
        )
        exchange = levies.exchange.in_force(day, levies.doubt)
        also, ipft, fee = gst["also"], ppb(exchange["ipft"]), ppb(sebi["rate"])
        dp, dp_rows = self._dp(segment, day, gst)
        return Rates(
            grain=self.grain,
            tariff=tariff,
            tax=self._taxes.get(segment) or sides(tax),
            commodity=segment in _COMMODITY,
            exchange=ppb(exchange["rate"]),
            ipft=ipft,
            sebi=fee,
            stamp=sides(stamp),
            gst=int(Decimal(gst["rate"]) * 100),
            taxed=ppb(exchange["rate"])
            + (ipft if "ipft" in also else 0)
            + (fee if "sebi" in also else 0),
            dp=dp,
            fee=self._fee,
            commission=self._commission,
            rows=(*rows, tax, exchange, sebi, stamp, gst, *dp_rows, *levies.grounds),
        )

    def _dp(self, segment: Segment, day: int, gst: Row) -> tuple[int, tuple[Row, ...]]:
        if segment != "EQ_DELIVERY":
            return 0, ()
        amount, rows = self.plan.dp(day)
        units = amount * (100 + Decimal(gst["rate"])) / 100 * RUPEE
        return nearest(int(units), self.grain) * self.grain, rows


class _Eras:
    """The rates of one class of trades: they change on few days, and are worked out once each."""

    def __init__(self, days: set[int], work_out: Callable[[int], Rates]) -> None:
        self._since = sorted(days)
        self._work_out = work_out
        self._known: dict[int, Rates] = {}

    def on(self, day: int) -> Rates:
        era = bisect_right(self._since, day)
        rates = self._known.get(era)
        if rates is None:
            rates = self._known[era] = self._work_out(day)
        return rates


def charge(
    date: Date | str,
    exchange: str,
    segment: str,
    side: str,
    quantity: int,
    price: float | str | Decimal,
    *,
    symbol: str = "",
    plan: PlanSpec = "zerodha",
    rounding: Rounding = "paisa",
) -> Charges:
    """Charges of one order, executed whole.

    `date` is a date or its ISO text, of any year; `exchange` OpenAlgo's code, `quantity` in units,
    `price` in rupees. `rounding` is `none` (exact), `paisa` (each line half up), or
    `contract-note` (STT, CTT and stamp duty to the rupee, half up, the rest to the paisa). The
    symbol tells BSE's options, funds and agricultural commodities apart. Raises ConfigError,
    which says what is allowed.
    """
    day = day_of(_date(date))
    if side not in _SIDES:
        raise ConfigError(f"side: {side!r} is not one of {', '.join(_SIDES)}.")
    if isinstance(quantity, bool) or not isinstance(quantity, int) or quantity < 1:
        raise ConfigError(f"quantity: {quantity!r} is not a whole number from 1 upwards.")
    value = int((_price(price) * quantity * RUPEE).to_integral_value())
    schedule = ChargeSchedule(plan, rounding)
    rates = schedule.rates(traded_segment(exchange, segment), exchange, day, symbol)
    buy = side == "BUY"
    parts = _rounded(rates.parts(buy, value), schedule)
    dp = 0 if buy else rates.dp * EXACT
    return Charges(
        brokerage=_rupees(parts.brokerage),
        stt=_rupees(0 if rates.commodity else parts.tax),
        ctt=_rupees(parts.tax if rates.commodity else 0),
        exchange=_rupees(parts.exchange),
        ipft=_rupees(parts.ipft),
        sebi=_rupees(parts.sebi),
        stamp=_rupees(parts.stamp),
        gst=_rupees(parts.gst),
        dp=_rupees(dp),
        total=_rupees(sum(parts) + dp),
        rows=rates.rows,
    )


def _rounded(parts: Parts, schedule: ChargeSchedule) -> Parts:
    """The parts as the schedule rounds those of one order; exact where it does not."""
    if schedule.rounding == "none":
        return parts
    paisa, duty = PAISA * EXACT, schedule.duty_grain * EXACT
    grains = [duty if name in ("tax", "stamp") else paisa for name in Parts._fields]
    return Parts(*(nearest(part, grain) * grain for part, grain in zip(parts, grains, strict=True)))


def _rupees(part: int) -> Decimal:
    """Rupees, exactly, of units divided by EXACT, without zeros at the end."""
    digits = f"{part:020d}"
    return Decimal(f"{digits[:-19]}.{digits[-19:].rstrip('0')}")


def _checked_rounding(rounding: str) -> Rounding:
    for known in ROUNDINGS:
        if rounding == known:
            return known
    hint = did_you_mean(str(rounding), ROUNDINGS)
    raise ConfigError(f"rounding: {rounding!r} is not one of {', '.join(ROUNDINGS)}{hint}.")


def _date(moment: Date | str) -> Date:
    if isinstance(moment, datetime):
        return moment.date()
    if isinstance(moment, Date):
        return moment
    try:
        return Date.fromisoformat(moment)
    except (TypeError, ValueError):
        raise ConfigError(
            f"date: {moment!r} is no date.", remedy="Write it as 2026-09-30."
        ) from None


def _price(price: float | str | Decimal) -> Decimal:
    try:
        rupees = Decimal(str(price))
    except InvalidOperation:
        rupees = Decimal("NaN")
    if isinstance(price, bool) or not rupees.is_finite() or rupees <= 0:
        raise ConfigError(f"price: {price!r} is not a number of rupees above 0.")
    return rupees
