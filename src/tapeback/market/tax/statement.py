"""What a year's trading owes in income tax, head by head, and the losses that it leaves behind."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from tapeback.market.dated import Row
from tapeback.utils.clock import date_of_day
from tapeback.utils.money import to_rupees

Head = Literal["STCG", "LTCG", "SPECULATIVE", "NON_SPECULATIVE", "DIVIDEND"]
HEADS: tuple[Head, ...] = ("STCG", "LTCG", "SPECULATIVE", "NON_SPECULATIVE", "DIVIDEND")


def year_label(year: int) -> str:
    """The financial year that begins in April of `year`: `2024-25`."""
    return f"{year}-{(year + 1) % 100:02d}"


class CarriedLoss(msgspec.Struct, frozen=True):
    """A loss of the financial year beginning in `year`, in money units, that later years may use
    until `usable_until`, the year of that number included (0: not yet known)."""

    head: Head
    year: int
    amount: int
    usable_until: int = 0


class SetOff(msgspec.Struct, frozen=True):
    """A part of the loss of `loss`, made in `year`, that met a gain of the head `against`."""

    loss: Head
    year: int
    against: Head
    amount: int


class HeadYear(msgspec.Struct, frozen=True, kw_only=True):
    """One head in one financial year; money in units, all of it zero or positive.

    `gains` are those of the trades that gained, `losses` those of the trades that lost. Of the
    gains, `set_off` met losses of the same year, `brought_forward` losses of earlier years,
    `exempt` is free, `taxable` is left. Of the losses, `carried` goes into later years, `lapsed`
    never counts (sales whose gain would have been exempt), the rest was set off. `turnover` is the
    figure that the return asks of a business; `tax`, `surcharge` and `cess` are whole rupees.
    """

    head: Head
    trades: int
    gains: int
    losses: int
    set_off: int
    brought_forward: int
    exempt: int
    taxable: int
    carried: int
    lapsed: int
    turnover: int
    tax: int
    surcharge: int
    cess: int

    @property
    def net(self) -> int:
        return self.gains - self.losses

    @property
    def total(self) -> int:
        """Tax with surcharge and cess."""
        return self.tax + self.surcharge + self.cess


class TaxYear(msgspec.Struct, frozen=True):
    """One financial year, from 1 April of `year`, under `act`. `expired` are losses of earlier
    years that this was the last year for."""

    year: int
    act: str
    heads: tuple[HeadYear, ...]
    set_offs: tuple[SetOff, ...]
    expired: tuple[CarriedLoss, ...]

    @property
    def label(self) -> str:
        return year_label(self.year)

    @property
    def total(self) -> int:
        return sum(head.total for head in self.heads)

    def head(self, name: Head) -> HeadYear:
        """The row of one head."""
        return self.heads[HEADS.index(name)]


class TaxStatement(msgspec.Struct, frozen=True, kw_only=True):
    """The income tax of a run, as an estimate: years in order, without a hole.

    `carried` are the losses that years after the last may use. `rows` are the rules that it rests
    on, `notes` what it leaves out or had to assume.
    """

    years: tuple[TaxYear, ...]
    carried: tuple[CarriedLoss, ...]
    delivery_trades: int
    intraday_trades: int
    derivative_trades: int
    notes: tuple[str, ...]
    rows: tuple[Row, ...]
    estimate: bool = True

    @property
    def total_delivery_tax(self) -> int:
        """On shares that were delivered, short and long term, in units."""
        return self.tax_of("STCG") + self.tax_of("LTCG")

    @property
    def total_intraday_tax(self) -> int:
        """On speculative business, in units."""
        return self.tax_of("SPECULATIVE")

    @property
    def total_tax(self) -> int:
        return sum(year.total for year in self.years)

    @property
    def low_confidence(self) -> tuple[Row, ...]:
        """The rules among `rows` that are least sure."""
        return tuple(row for row in self.rows if row.confidence == "low")

    def tax_of(self, head: Head) -> int:
        """Tax, surcharge and cess on one head over all years, in units."""
        return sum(year.head(head).total for year in self.years)

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts, lists, numbers and strings for JSON; money in rupees."""
        return {
            "estimate": self.estimate,
            "total_tax": to_rupees(self.total_tax),
            "total_delivery_tax": to_rupees(self.total_delivery_tax),
            "total_intraday_tax": to_rupees(self.total_intraday_tax),
            "total_derivatives_tax": to_rupees(self.tax_of("NON_SPECULATIVE")),
            "delivery_trades": self.delivery_trades,
            "intraday_trades": self.intraday_trades,
            "derivative_trades": self.derivative_trades,
            "years": [_year(year) for year in self.years],
            "carried": [_loss(loss) for loss in self.carried],
            "notes": list(self.notes),
            "rules": [
                {
                    "rule": row.rule,
                    "from": date_of_day(row.since).isoformat(),
                    "confidence": row.confidence,
                    "source": row.source,
                }
                for row in self.rows
            ],
        }


def _year(year: TaxYear) -> dict[str, Any]:
    return {
        "year": year.label,
        "act": year.act,
        "total": to_rupees(year.total),
        "heads": [_head(head) for head in year.heads],
        "set_offs": [
            {
                "loss": part.loss,
                "year": year_label(part.year),
                "against": part.against,
                "amount": to_rupees(part.amount),
            }
            for part in year.set_offs
        ],
        "expired": [_loss(loss) for loss in year.expired],
    }


def _head(head: HeadYear) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(head)
    money = {name: to_rupees(plain[name]) for name in plain if name not in ("head", "trades")}
    return {**plain, **money, "net": to_rupees(head.net), "total": to_rupees(head.total)}


def _loss(loss: CarriedLoss) -> dict[str, Any]:
    return {
        "head": loss.head,
        "year": year_label(loss.year),
        "amount": to_rupees(loss.amount),
        "usable_until": year_label(loss.usable_until),
    }
