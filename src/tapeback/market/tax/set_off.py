"""One financial year's gains and losses: set-off, the yearly exemption, tax and surcharge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from tapeback.market.dated import Row
from tapeback.market.tax.rules import PPM, TaxRules, first_day, ppm, rupee_share
from tapeback.market.tax.statement import HEADS, CarriedLoss, Head, SetOff
from tapeback.utils.money import RUPEE

# Those that may meet the fewest heads choose first.
_NARROWEST_FIRST: tuple[Head, ...] = ("SPECULATIVE", "LTCG", "STCG", "NON_SPECULATIVE")


class Pool:
    """The gains of one head at one rate (millionths), and what of them is still to be taxed."""

    __slots__ = ("exempt", "exempted", "gains", "head", "left", "rate")

    def __init__(self, head: Head, rate: int, exempt: bool) -> None:
        self.head = head
        self.rate = rate
        self.exempt = exempt
        self.gains = self.left = self.exempted = 0

    def add(self, gain: int) -> None:
        self.gains += gain
        if self.exempt:
            self.exempted += gain
        else:
            self.left += gain


class Surcharge(NamedTuple):
    """A rate in millionths, the one of the band below, and the rupees of income (in units) by
    which the band's threshold is passed."""

    rate: int
    below: int
    excess: int


def set_off_year(
    year: int,
    pools: Sequence[Pool],
    losses: Mapping[Head, int],
    carried: Iterable[CarriedLoss],
    rules: TaxRules,
) -> tuple[list[SetOff], list[CarriedLoss]]:
    """Set the year's own losses off, then those of earlier years, oldest first.

    Returns what met what and the losses that are left, of this year and of earlier ones, whether
    or not they may still be used afterwards.
    """
    dearest_first = sorted(pools, key=lambda pool: -pool.rate)
    if any(losses.values()) and len(pools) > len({pool.head for pool in pools}):
        rules.on(first_day(year), "losses", "highest_rate_first")
    done: list[SetOff] = []
    left: list[CarriedLoss] = []
    for head in _NARROWEST_FIRST:
        if losses.get(head):
            rule = rules.on(first_day(year), "losses", head)
            loss = CarriedLoss(head, year, losses[head], year + rule["years"])
            left += _meet(loss, rule["same_year"], dearest_first, done)
    order = {head: at for at, head in enumerate(_NARROWEST_FIRST)}
    for loss in sorted(carried, key=lambda loss: (order[loss.head], loss.year)):
        targets = rules.on(first_day(loss.year), "losses", loss.head)["later"]
        left += _meet(loss, targets, dearest_first, done)
    return done, left


def _meet(
    loss: CarriedLoss, targets: Iterable[Head], pools: Iterable[Pool], done: list[SetOff]
) -> list[CarriedLoss]:
    """Set one loss off against the heads that it may meet; what is left of it, if anything."""
    amount = loss.amount
    for target in targets:
        met = 0
        for pool in pools:
            if pool.head == target:
                part = min(amount, pool.left)
                pool.left -= part
                amount -= part
                met += part
        if met:
            done.append(SetOff(loss.head, loss.year, target, met))
    return [CarriedLoss(loss.head, loss.year, amount, loss.usable_until)] if amount else []


def exempt_long_term(year: int, pools: Iterable[Pool], rules: TaxRules) -> None:
    """Take the yearly exemption off the long-term gains that set-off has left, dearest first."""
    gains = [pool for pool in pools if pool.head == "LTCG" and pool.left]
    if not gains:
        return
    amount = rules.on(first_day(year), "capital_gains", "exemption")["amount"] * RUPEE
    for pool in sorted(gains, key=lambda pool: -pool.rate):
        part = min(amount, pool.left)
        pool.left -= part
        pool.exempted += part
        amount -= part


def tax_of(pools: Iterable[Pool]) -> dict[Head, int]:
    """Tax before surcharge by head, whole rupees in units."""
    tax: dict[Head, int] = dict.fromkeys(HEADS, 0)
    for pool in pools:
        tax[pool.head] += rupee_share(pool.left, pool.rate)
    return tax


def surcharge_band(
    row: Row, regime: str, income: Mapping[Head, int], other_income: int
) -> Surcharge:
    """The surcharge on a total income of `income` by head and `other_income`, in units."""
    total = sum(income.values()) + other_income
    capped = sum(income[head] for head in row.get("capped", ()))
    found = Surcharge(0, 0, 0)
    for band in row["bands"]:
        if band.get("regime", regime) == regime:
            measured = total - capped if band.get("without_gains") else total
            excess = measured - band["above"] * RUPEE
            if excess > 0:
                found = Surcharge(ppm(band["rate"]), found.rate, excess)
    return found


def surcharge_of(
    row: Row,
    band: Surcharge,
    tax: Mapping[Head, int],
    *,
    other_tax: int = 0,
    marginal: int | None = None,
) -> dict[Head, int]:
    """Surcharge by head on `tax`, whole rupees in units.

    With `marginal`, the rate (millionths) at which the last rupee of income is taxed, marginal
    relief holds: tax and surcharge grow by no more than the income above the band's threshold.
    `other_tax` is the tax on other income, which shares in surcharge and relief.
    """
    capped = frozenset(row.get("capped", ()))
    cap = ppm(row["cap"]) if capped else band.rate
    rates = {head: min(band.rate, cap) if head in capped else band.rate for head in tax}
    below = {head: min(band.below, rates[head]) for head in tax}
    full = sum(tax[head] * rates[head] for head in tax) + other_tax * band.rate
    payable = full
    if marginal is not None:
        lower = sum(tax[head] * below[head] for head in tax) + other_tax * band.below
        room = band.excess * (PPM - marginal * (PPM + band.below) // PPM)
        payable = min(full, lower + max(0, room))
    return {
        head: rupee_share(tax[head], rates[head] * payable, PPM * full) if full else 0
        for head in tax
    }
