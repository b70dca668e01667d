"""The dated rules of income tax as the calculator asks for them, remembering which it used."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import NamedTuple

from tapeback.market.dated import Row, rows, table
from tapeback.market.tax.lots import ClosedTrade
from tapeback.market.tax.statement import Head
from tapeback.models.instrument import CASH_EXCHANGES
from tapeback.utils.clock import date_of_day, day_of
from tapeback.utils.money import RUPEE

PPM = 1_000_000
_BUSINESS = {
    "NFO": "equity_derivatives",
    "BFO": "equity_derivatives",
    "NSE_INDEX": "equity_derivatives",
    "BSE_INDEX": "equity_derivatives",
    "CDS": "currency_derivatives",
    "BCD": "currency_derivatives",
    "MCX": "commodity_derivatives",
    "MCX_INDEX": "commodity_derivatives",
    "NCO": "commodity_derivatives",
    "NCDEX": "agricultural_derivatives",
}


class Income(NamedTuple):
    """What one trade adds to a head, in units, before set-off; negative for a loss. `rate` is in
    millionths, None for the slab; `turnover` zero for capital gains."""

    head: Head
    amount: int
    rate: int | None
    exempt: bool
    turnover: int


def ppm(rate: str) -> int:
    """A rate of the table in millionths."""
    whole, _, fraction = rate.partition(".")
    return int(whole) * PPM + int(fraction.ljust(6, "0"))


def rupee_share(amount: int, part: int, whole: int = PPM) -> int:
    """`part / whole` of an amount to the nearest whole rupee, halves up; units in and out."""
    return (2 * amount * part + whole * RUPEE) // (2 * whole * RUPEE) * RUPEE


@cache
def financial_year(day: int) -> int:
    """The calendar year in whose April the financial year of an Indian day number began."""
    when = date_of_day(day)
    return when.year if when.month >= 4 else when.year - 1


def first_day(year: int) -> int:
    """The day number of 1 April of `year`."""
    return day_of(date(year, 4, 1))


@cache
def anniversary(day: int, months: int) -> int:
    """The same day of the month `months` later; the last one where that month is shorter."""
    when = date_of_day(day)
    years, month = divmod(when.month - 1 + months, 12)
    first_of_next = date(when.year + years + month // 11, (month + 1) % 12 + 1, 1)
    last = date_of_day(day_of(first_of_next) - 1)
    return day_of(last.replace(day=min(when.day, last.day)))


class TaxRules:
    """Looks rules up by day; `used` holds every row that was, `notes` what had to be assumed."""

    def __init__(self) -> None:
        self.used: dict[Row, None] = {}
        self.notes: dict[str, None] = {}
        self._found: dict[tuple[int, tuple[str, ...]], Row] = {}

    def on(self, day: int, *path: str) -> Row:
        """The row of a rule on an Indian day number, the first one for days before it."""
        key = (day, path)
        row = self._found.get(key)
        if row is None:
            row = self._found[key] = self._row(day, path)
        return row

    def income(self, trade: ClosedTrade) -> Income | None:
        """The head, amount and rate of a closed trade; None for what no rule covers."""
        if trade.kind == "equity":
            if trade.exchange not in CASH_EXCHANGES:
                return None
            if not (trade.intraday or trade.short):
                return self._capital_gain(trade)
            return self._business(trade, "shares_intraday")
        kind = _BUSINESS.get(trade.exchange)
        if kind == "commodity_derivatives" and _agricultural(trade.symbol):
            kind = "agricultural_derivatives"
        return None if kind is None else self._business(trade, kind)

    def _row(self, day: int, path: tuple[str, ...]) -> Row:
        found = rows("taxes", *path)
        row = found.on(day)
        if row is None:
            row = next(iter(found))
            self.notes[f"{row.rule} is known from {date_of_day(row.since)}: taken before it."] = (
                None
            )
        self.used[row] = None
        return row

    def _business(self, trade: ClosedTrade, kind: str) -> Income:
        day = trade.exit_day
        head: Head = self.on(day, "business", kind)["head"]
        turnover = abs(trade.gross)
        if self.on(day, "business", "turnover")["premium"] and trade.kind == "option":
            turnover += trade.sell_value
        amount = trade.net
        if not self.on(day, "business", "stt")["deductible"]:
            amount += trade.stt
        return Income(head, amount, None, False, turnover)

    def _capital_gain(self, trade: ClosedTrade) -> Income:
        sold, bought = trade.exit_day, trade.entry_day
        months: int = self.on(sold, "capital_gains", "holding")["months"]
        long_term = sold > anniversary(bought, months)
        rule = self.on(sold, "capital_gains", "long_term" if long_term else "short_term")
        self.on(sold, "capital_gains", "charges_deducted")
        deductible = self.on(sold, "capital_gains", "stt")["deductible"]
        cost = trade.buy_value + trade.buy_charges
        if long_term and not rule["exempt"]:
            cost = self._grandfathered(trade, cost)
        amount = trade.sell_value - cost - trade.sell_charges - (trade.stt if deductible else 0)
        head: Head = "LTCG" if long_term else "STCG"
        return Income(head, amount, ppm(rule["rate"]), bool(rule.get("exempt")), 0)

    def _grandfathered(self, trade: ClosedTrade, cost: int) -> int:
        """The cost of shares that were held when long-term gains became taxable again."""
        rule = self.on(trade.exit_day, "capital_gains", "grandfathering")
        if trade.entry_day >= day_of(rule["acquired_before"]):
            return cost
        if trade.fair_value is None:
            self.notes[
                f"{trade.symbol}: no highest price of 2018-01-31 is given; actual cost taken."
            ] = None
            return cost
        return max(cost, min(trade.fair_value, trade.sell_value))


def _agricultural(symbol: str) -> bool:
    return symbol.startswith(tuple(table("taxes")["agricultural"]))
