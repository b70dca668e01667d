"""Income tax on what a run earned, by financial year and head: an estimate for a resident
individual, by dated rules.

Shares come from `tax_lots.match_shares`, which nets the day and then meets the oldest lots;
derivatives from `tax_lots.closed_trade`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from tapeback.errors import ConfigError
from tapeback.market.tax.lots import ClosedTrade, Dividend
from tapeback.market.tax.rules import Income, TaxRules, financial_year, first_day, ppm
from tapeback.market.tax.rules import rupee_share as share
from tapeback.market.tax.set_off import (
    Pool,
    Surcharge,
    exempt_long_term,
    set_off_year,
    surcharge_band,
    surcharge_of,
    tax_of,
)
from tapeback.market.tax.statement import (
    HEADS,
    CarriedLoss,
    Head,
    HeadYear,
    SetOff,
    TaxStatement,
    TaxYear,
    year_label,
)
from tapeback.utils.money import to_units

_GAINS = ("STCG", "LTCG")
_NAMED = 5


@dataclass(frozen=True, slots=True)
class TaxSettings:
    """What the tables cannot know about the taxpayer.

    `slab_pct` is the rate on business income and dividends, `surcharge_pct` the surcharge (None:
    by the bands of the year, from `other_income`, rupees a year, and what the run adds), both per
    cent. `brought_forward` are losses of years before the run, in money units. Raises ConfigError.
    """

    slab_pct: float = 30.0
    surcharge_pct: float | None = None
    other_income: float = 0.0
    regime: Literal["new", "old"] = "new"
    brought_forward: tuple[CarriedLoss, ...] = ()

    def __post_init__(self) -> None:
        for name, limit in (("slab_pct", 100), ("surcharge_pct", 100), ("other_income", math.inf)):
            value: float | None = getattr(self, name)
            if value is not None and not (0 <= value <= limit and math.isfinite(value)):
                bounds = f"from 0 to {limit}" if limit < math.inf else "0 or more"
                raise ConfigError(f"{name} must be {bounds}; got {value}")
        if self.regime not in ("new", "old"):
            raise ConfigError(f"regime must be new or old; got {self.regime!r}")
        for loss in self.brought_forward:
            if loss.head not in HEADS or loss.head == "DIVIDEND" or loss.amount < 0:
                raise ConfigError(
                    f"a loss brought forward must be of {', '.join(HEADS[:-1])} and not negative; "
                    f"got {loss.amount} of {loss.head!r}"
                )


class TaxCalculator:
    """Income tax of closed trades; keeps nothing from one statement to the next."""

    def __init__(self, settings: TaxSettings | None = None) -> None:
        self._settings = settings or TaxSettings()
        self._slab = round(self._settings.slab_pct * 10_000)

    def statement(
        self, trades: Iterable[ClosedTrade], dividends: Iterable[Dividend] = ()
    ) -> TaxStatement:
        """The tax of every financial year from the first exit to the last.

        Each trade counts in the year of its exit. Trades on exchanges without a rule are left out
        and named in the notes.
        """
        rules = TaxRules()
        books: dict[int, _Book] = defaultdict(lambda: _Book(self._slab))
        outside: dict[str, None] = {}
        shorted: dict[str, None] = {}
        counts = {"delivery": 0, "intraday": 0, "derivatives": 0}
        for trade in trades:
            income = rules.income(trade)
            if income is None:
                outside[f"{trade.symbol} ({trade.exchange})"] = None
                continue
            books[financial_year(trade.exit_day)].add(income)
            counts[_kind_of(trade, income)] += 1
            if trade.kind == "equity" and trade.short and not trade.intraday:
                shorted[trade.symbol] = None
        for dividend in dividends:
            taxed = rules.on(dividend.day, "dividends")["taxed"]
            income = Income("DIVIDEND", dividend.amount, None, not taxed, 0)
            books[financial_year(dividend.day)].add(income)
        years, carried = self._years(books, rules)
        return TaxStatement(
            years=years,
            carried=carried,
            delivery_trades=counts["delivery"],
            intraday_trades=counts["intraday"],
            derivative_trades=counts["derivatives"],
            notes=(*self._notes(years, carried, outside, shorted), *sorted(rules.notes)),
            rows=tuple(sorted(rules.used, key=lambda row: (row.rule, row.since))),
        )

    def _years(
        self, books: dict[int, _Book], rules: TaxRules
    ) -> tuple[tuple[TaxYear, ...], tuple[CarriedLoss, ...]]:
        carried = self._brought_forward(min(books), rules) if books else []
        years: list[TaxYear] = []
        for year in range(min(books), max(books) + 1) if books else ():
            usable = [loss for loss in carried if loss.year < year <= loss.usable_until]
            waiting = [loss for loss in carried if loss.year >= year]
            closed, left = self._year(year, books[year], usable, rules)
            years.append(closed)
            carried = waiting + [loss for loss in left if loss.usable_until > year]
        return tuple(years), tuple(carried)

    def _brought_forward(self, first: int, rules: TaxRules) -> list[CarriedLoss]:
        """The losses that the settings bring, with the last year that each is good for."""
        usable: list[CarriedLoss] = []
        for loss in self._settings.brought_forward:
            until = loss.year + rules.on(first_day(loss.year), "losses", loss.head)["years"]
            if until < first:
                rules.notes[
                    f"The loss brought forward from {year_label(loss.year)} ({loss.head}) could be "
                    f"used until {year_label(until)}: left out."
                ] = None
            elif loss.amount:
                usable.append(CarriedLoss(loss.head, loss.year, loss.amount, until))
        return usable

    def _year(
        self, year: int, book: _Book, usable: list[CarriedLoss], rules: TaxRules
    ) -> tuple[TaxYear, list[CarriedLoss]]:
        pools = list(book.pools.values())
        set_offs, left = set_off_year(year, pools, book.losses, usable, rules)
        exempt_long_term(year, pools, rules)
        tax = tax_of(pools)
        surcharge = self._surcharge(year, pools, tax, rules)
        rate = ppm(rules.on(first_day(year), "cess")["rate"]) if any(tax.values()) else 0
        cess = {head: share(tax[head] + surcharge[head], rate) for head in HEADS}
        heads = tuple(
            book.head_year(head, year, set_offs, left, (tax[head], surcharge[head], cess[head]))
            for head in HEADS
        )
        act: str = rules.on(first_day(year), "act")["name"]
        expired = tuple(loss for loss in left if loss.usable_until <= year)
        return TaxYear(year, act, heads, tuple(set_offs), expired), left

    def _surcharge(
        self, year: int, pools: list[Pool], tax: dict[Head, int], rules: TaxRules
    ) -> dict[Head, int]:
        settings = self._settings
        if not any(tax.values()):
            return tax
        row = rules.on(first_day(year), "surcharge")
        if settings.surcharge_pct is not None:
            fixed = Surcharge(round(settings.surcharge_pct * 10_000), 0, 0)
            return surcharge_of(row, fixed, tax)
        other = to_units(settings.other_income)
        income = _total_income(pools)
        band = surcharge_band(row, settings.regime, income, other)
        at_slab = sum(income.values()) - income["STCG"] - income["LTCG"] + other
        gains = max((pool.rate for pool in pools if pool.left and pool.head in _GAINS), default=0)
        marginal = self._slab if at_slab >= band.excess else gains
        other_tax = share(other, self._slab)
        return surcharge_of(row, band, tax, other_tax=other_tax, marginal=marginal)

    def _notes(
        self,
        years: tuple[TaxYear, ...],
        carried: tuple[CarriedLoss, ...],
        outside: dict[str, None],
        shorted: dict[str, None],
    ) -> list[str]:
        settings = self._settings
        notes = [
            "An estimate for a resident individual, not advice: business income and dividends at "
            f"{settings.slab_pct:g} %, no basic exemption, rebate (s.87A) or other deductions."
        ]
        heads = [head for year in years for head in year.heads]
        if any(head.trades for head in heads if head.head in _GAINS):
            notes.append("All delivered shares and funds are taken as listed equity that paid STT.")
        if any(head.turnover for head in heads):
            notes.append(
                "Turnover adds up profits and losses without their signs: of shares by symbol and "
                "day, of derivatives by trade, before 2021-22 with the premium of options sold."
            )
        if any(head.surcharge for head in heads) and settings.surcharge_pct is None:
            notes.append("Surcharge and marginal relief take other income as taxed at the slab.")
        if carried:
            notes.append("Losses are carried on only where the return is filed by its due date.")
        if any(loss.head == "NON_SPECULATIVE" for loss in carried):
            notes.append(
                "A loss of derivatives could in its own year also meet other income but salary: "
                "not done here."
            )
        if shorted:
            notes.append(f"Shares sold short overnight count as speculative: {_listed(shorted)}.")
        if outside:
            notes.append(f"Without a rule, left out: {_listed(outside)}.")
        return notes


class _Book:
    """What the trades of one financial year add up to."""

    def __init__(self, slab: int) -> None:
        self.pools: dict[tuple[Head, int, bool], Pool] = {}
        self.losses: dict[Head, int] = dict.fromkeys(HEADS, 0)
        self._slab = slab
        self._lapsed: dict[Head, int] = dict.fromkeys(HEADS, 0)
        self._turnover: dict[Head, int] = dict.fromkeys(HEADS, 0)
        self._trades: dict[Head, int] = dict.fromkeys(HEADS, 0)

    def add(self, income: Income) -> None:
        head = income.head
        self._trades[head] += 1
        self._turnover[head] += income.turnover
        if income.amount < 0:
            lost = self._lapsed if income.exempt else self.losses
            lost[head] -= income.amount
            return
        rate = self._slab if income.rate is None else income.rate
        key = (head, rate, income.exempt)
        if key not in self.pools:
            self.pools[key] = Pool(*key)
        self.pools[key].add(income.amount)

    def head_year(
        self,
        head: Head,
        year: int,
        set_offs: list[SetOff],
        left: list[CarriedLoss],
        owed: tuple[int, int, int],
    ) -> HeadYear:
        """The row of one head once the year is settled."""
        pools = [pool for pool in self.pools.values() if pool.head == head]
        met = [part for part in set_offs if part.against == head]
        return HeadYear(
            head=head,
            trades=self._trades[head],
            gains=sum(pool.gains for pool in pools),
            losses=self.losses[head] + self._lapsed[head],
            set_off=sum(part.amount for part in met if part.year == year),
            brought_forward=sum(part.amount for part in met if part.year < year),
            exempt=sum(pool.exempted for pool in pools),
            taxable=sum(pool.left for pool in pools),
            carried=sum(loss.amount for loss in left if (loss.head, loss.year) == (head, year)),
            lapsed=self._lapsed[head],
            turnover=self._turnover[head],
            tax=owed[0],
            surcharge=owed[1],
            cess=owed[2],
        )


def _total_income(pools: list[Pool]) -> dict[Head, int]:
    """Income by head as the surcharge counts it: what is taxed, and long-term gains within the
    yearly exemption, which spares them tax but leaves them in the total."""
    income: dict[Head, int] = dict.fromkeys(HEADS, 0)
    for pool in pools:
        if not pool.exempt:
            income[pool.head] += pool.left + pool.exempted
    return income


def _kind_of(trade: ClosedTrade, income: Income) -> str:
    if trade.kind != "equity":
        return "derivatives"
    return "delivery" if income.head in _GAINS else "intraday"


def _listed(names: dict[str, None]) -> str:
    shown = sorted(names)
    more = f" and {len(shown) - _NAMED} more" if len(shown) > _NAMED else ""
    return ", ".join(shown[:_NAMED]) + more
