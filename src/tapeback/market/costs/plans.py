"""What a broker takes of an order and of a sale from holdings: named plans, and a user's own."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from tapeback.errors import ConfigError, did_you_mean
from tapeback.market.costs.levies import ppb
from tapeback.market.costs.segments import CASH_SEGMENTS, SEGMENTS, Segment
from tapeback.market.dated import Row, Rows, rows
from tapeback.utils.money import RUPEE

BROKERS = ("zerodha", "groww", "upstox", "angelone", "dhan", "fyers")
PLANS = (*BROKERS, "flat", "none")
FLAT_PERCENT = "0.05"
_ALL = "ALL"
_KEYS = ("flat", "pct", "min", "cap")
_NO_CAP = 1 << 80

PlanSpec = str | Mapping[str, Mapping[str, Any]]


class Tariff(msgspec.Struct, frozen=True):
    """Brokerage of one order: `rate` billionths of its value, at least `floor` and at most `cap`
    money units."""

    rate: int = 0
    floor: int = 0
    cap: int = 0


class Plan:
    """A brokerage plan.

    `statutory` tells whether taxes and exchange charges come on top; the plans `flat` and `none`
    stand for all costs.
    """

    def __init__(
        self, name: str, own: Mapping[str, Tariff] | None = None, *, statutory: bool = True
    ) -> None:
        self.name = name
        self.statutory = statutory
        self._own = own

    def tariff(self, segment: Segment, day: int) -> tuple[Tariff, tuple[Row, ...]]:
        """The tariff of a segment on an Indian day number, and the table rows it rests on.

        Raises ConfigError where a user's own plan says nothing of the segment.
        """
        if self._own is not None:
            return self._own_tariff(segment), ()
        row = self._rows("brokerage").in_force(day)
        terms = row.get(segment) or row.get(_ALL)
        if terms is None:
            row = rows("brokerage", BROKERS[0], "brokerage").in_force(
                day,
                f"{self.name} names no brokerage for {segment}, {BROKERS[0]}'s is used",
            )
            terms = row.get(segment) or row[_ALL]
        return tariff_of(terms, str(row)), (row,)

    def dp(self, day: int) -> tuple[Decimal, tuple[Row, ...]]:
        """Rupees, without GST, a stock and day of delivery sales, and the rows they rest on; for a
        plan to which charges are added."""
        if self._own is None:
            row = self._rows("dp").in_force(day)
        else:
            row = rows("brokerage", BROKERS[0], "dp").in_force(
                day,
                f"the plan names no DP charge, {BROKERS[0]}'s is used",
            )
        return Decimal(row["amount"]), (row,)

    def change_days(self) -> set[int]:
        """The Indian day numbers on which brokerage or DP charge change."""
        if self._own is not None:
            return {row.since for row in rows("brokerage", BROKERS[0], "dp")}
        # Where this plan is silent, the first broker's rows speak.
        named = (self.name, BROKERS[0])
        parts = ("brokerage", "dp")
        return {
            row.since for name in named for part in parts for row in rows("brokerage", name, part)
        }

    def _rows(self, part: str) -> Rows:
        return rows("brokerage", self.name, part)

    def _own_tariff(self, segment: Segment) -> Tariff:
        assert self._own is not None
        tariff = self._own.get(segment) or self._own.get(_ALL)
        if tariff is None and segment in CASH_SEGMENTS:
            # A day's end may turn one into the other.
            tariff = next((self._own[cash] for cash in CASH_SEGMENTS if cash in self._own), None)
        if tariff is None:
            raise ConfigError(
                f"costs: the plan names no brokerage for {segment}.",
                remedy=f"Add {segment}: {{flat: 20}}, or {_ALL} for every segment not named.",
            )
        return tariff


def plan_of(spec: PlanSpec) -> Plan:
    """The plan by a name of PLANS, or of a mapping such as `{EQ_OPT: {flat: 20}}`.

    A mapping gives each segment, or ALL, either `flat` rupees an order or `pct` per cent of its
    value with an optional `min` and `cap` in rupees; taxes and exchange charges come on top. Where
    it names one of EQ_DELIVERY and EQ_INTRADAY, that one stands for both.
    Raises ConfigError with everything that is wrong with it.
    """
    if isinstance(spec, str):
        if spec not in PLANS:
            raise ConfigError(
                f"costs: there is no plan {spec!r}{did_you_mean(spec, PLANS)}.",
                remedy=f"Plans: {', '.join(PLANS)}, or a mapping such as {{EQ_OPT: {{flat: 20}}}}.",
            )
        if spec in BROKERS:
            return Plan(spec)
        percent = FLAT_PERCENT if spec == "flat" else "0"
        return Plan(spec, {_ALL: Tariff(rate=ppb(percent), cap=_NO_CAP)}, statutory=False)
    return Plan("own", _own_plan(spec))


def tariff_of(terms: Mapping[str, Any], where: str) -> Tariff:
    """The tariff that `flat`, or `pct` with `min` and `cap`, stand for. Raises ConfigError."""
    unknown = [str(key) for key in terms if key not in _KEYS]
    if unknown or ("flat" in terms) == ("pct" in terms) or ("flat" in terms and len(terms) > 1):
        raise ConfigError(
            f"{where}: {dict(terms)!r} is no brokerage.",
            remedy="Give `flat` rupees an order, or `pct` per cent with `min` and `cap` rupees.",
        )
    values = {str(key): _amount(value, f"{where}.{key}") for key, value in terms.items()}
    if "flat" in values:
        flat = _units(values["flat"])
        return Tariff(0, flat, flat)
    floor = _units(values.get("min", Decimal(0)))
    cap = _units(values["cap"]) if "cap" in values else _NO_CAP
    if floor > cap:
        raise ConfigError(f"{where}: min {values['min']} lies above cap {values['cap']}.")
    try:
        return Tariff(ppb(values["pct"]), floor, cap)
    except ValueError as error:
        raise ConfigError(f"{where}.pct: {error}.", remedy="Give at most 7 decimals.") from None


def _own_plan(spec: Mapping[str, Mapping[str, Any]]) -> dict[str, Tariff]:
    known = (*SEGMENTS, _ALL)
    tariffs: dict[str, Tariff] = {}
    problems: list[str] = []
    for segment, terms in spec.items():
        where = f"costs.{segment}"
        if segment not in known:
            hint = did_you_mean(str(segment), known)
            problems.append(f"{where}: is not a segment{hint}; allowed are {', '.join(known)}.")
        elif not isinstance(terms, Mapping):
            problems.append(f"{where}: {terms!r} is no mapping such as {{flat: 20}}.")
        else:
            try:
                tariffs[segment] = tariff_of(terms, where)
            except ConfigError as error:
                problems.append(str(error))
    if not spec:
        problems.append("costs: the plan is empty; name a segment, or `none`.")
    if problems:
        raise ConfigError(problems)
    return tariffs


def _amount(value: object, where: str) -> Decimal:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal("NaN")
    if isinstance(value, bool) or not amount.is_finite() or amount < 0:
        raise ConfigError(f"{where}: {value!r} is not a number from 0 upwards.")
    return amount


def _units(rupees: Decimal) -> int:
    return int((rupees * RUPEE).to_integral_value())
