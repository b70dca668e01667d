"""Margin of positions that hedge one another: futures and options on one underlying.

The portfolio is valued over SPAN's price moves as a whole, so that a long leg covers a short one.
Contracts of several months are scanned together and pay a charge for it, but for the one that
expires today where that benefit has ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from tapeback.market.margin import (
    EXTREME,
    EXTREME_COVER_PCT,
    PPM,
    FutureTerms,
    MarginTerms,
    OptionTerms,
    ScannedTerms,
)

# Moves in thirds of the scan range, and the part of their loss that is covered, in per cent.
SCENARIOS = (
    *((thirds, 100) for thirds in range(-3, 4)),
    (3 * EXTREME, EXTREME_COVER_PCT),
    (-3 * EXTREME, EXTREME_COVER_PCT),
)


class Leg(NamedTuple):
    """A position: its terms of the session, signed quantity and signed cost in money units."""

    terms: MarginTerms
    quantity: int
    cost: int


class PortfolioMargin:
    """The positions of one underlying in one product, and what they block together.

    Legs are kept by any key, such as the symbol. Each question costs a few steps a leg.
    """

    __slots__ = ("_legs",)

    def __init__(self) -> None:
        self._legs: dict[str, Leg] = {}

    def hold(self, key: str, leg: Leg) -> None:
        """Note a position as it is now; one of quantity 0 is forgotten."""
        if leg.quantity:
            self._legs[key] = leg
        else:
            self._legs.pop(key, None)

    def required(self, underlying: int = 0) -> int:
        """Margin of all positions, in money units, with the underlying at that price."""
        return spread_requirement(list(self._legs.values()), underlying)

    def additional(
        self,
        key: str,
        leg: Leg,
        underlying: int = 0,
        expected: Mapping[str, Leg] | None = None,
    ) -> int:
        """How much more would be blocked if the position of `key` were `leg`, in money units, and
        those of `expected` what they are there.

        Negative where the change frees margin, as buying a hedge does beyond its premium.
        """
        before = {**self._legs, **(expected or {})}
        after = {**before, key: leg}
        more = spread_requirement(list(after.values()), underlying)
        return more - spread_requirement(list(before.values()), underlying)


def spread_requirement(legs: Sequence[Leg], underlying: int = 0) -> int:
    """Margin of positions on one underlying in one product, in money units.

    Never more than that of the legs one by one. `underlying` is its last price in money units;
    where it is 0, a future's price or the mean of the strikes stands in.
    """
    apart = [leg.terms.blocked(leg.quantity, leg.cost, underlying) for leg in legs]
    scanned = [leg for leg in legs if isinstance(leg.terms, ScannedTerms) and leg.quantity]
    total = sum(apart)
    if len(scanned) < 2:
        return total
    others = sum(
        margin
        for leg, margin in zip(legs, apart, strict=True)
        if not isinstance(leg.terms, ScannedTerms)
    )
    spot = underlying or _stand_in(scanned)
    return min(total, others + sum(_pooled(pool, spot) for pool in _pools(scanned)))


def _pools(legs: Iterable[Leg]) -> Iterable[list[Leg]]:
    """Legs that may offset one another: all months, or each by itself where months do not."""
    pools: dict[tuple[bool, int], list[Leg]] = {}
    for leg in legs:
        terms = leg.terms
        if isinstance(terms, ScannedTerms):
            by_month = terms.calendar is None or terms.expiring
            pools.setdefault((by_month, terms.expiry if by_month else 0), []).append(leg)
    return pools.values()


def _pooled(legs: list[Leg], spot: int) -> int:
    """Margin of legs that are scanned together."""
    paid = received = worth = 0
    for terms, quantity, cost in legs:
        if isinstance(terms, OptionTerms):
            worth += cost
            if quantity > 0:
                paid += cost
            elif terms.credited:
                received -= cost
    worst = 0
    for thirds, cover in SCENARIOS:
        change = sum(_value(leg, spot, thirds) for leg in legs) - worth
        worst = max(worst, -change * cover // 100 - worth)
    premium = paid - received
    risk = worst + _calendar_charge(legs, spot) + _exposure(legs, spot) + min(premium, 0)
    share = max(leg.terms.share for leg in legs if isinstance(leg.terms, ScannedTerms))
    return max(0, -(-risk * share // PPM)) + max(premium, 0)


def _value(leg: Leg, spot: int, thirds: int) -> int:
    """Worth of a leg after a move of the underlying up by thirds of the scan range: of a future
    the gain, of an option what it would fetch."""
    terms, quantity, cost = leg
    if isinstance(terms, FutureTerms):
        return quantity * spot * terms.scan * thirds // (3 * PPM)
    if isinstance(terms, OptionTerms):
        towards = thirds if terms.call else -thirds
        value = terms.value(abs(quantity), abs(cost), spot, towards)
        return value if quantity > 0 else -value
    return 0


def _calendar_charge(legs: list[Leg], spot: int) -> int:
    """What legs of different months pay for offsetting one another.

    A month's delta is its change of worth from one end of the scan to the other.
    """
    swings: dict[int, int] = {}
    scan = charge = 0
    for leg in legs:
        terms = leg.terms
        if isinstance(terms, ScannedTerms):
            swing = _value(leg, spot, 3) - _value(leg, spot, -3)
            swings[terms.expiry] = swings.get(terms.expiry, 0) + swing
            scan = max(scan, terms.scan)
            charge = max(charge, terms.calendar or 0)
    if len(swings) < 2 or not scan:
        return 0
    rising = sum(swing for swing in swings.values() if swing > 0)
    falling = -sum(swing for swing in swings.values() if swing < 0)
    return -(-min(rising, falling) * charge // (2 * scan))


def _exposure(legs: list[Leg], spot: int) -> int:
    """Exposure margin: on options sold, and on futures, of which a calendar spread counts with a
    third of its far leg."""
    total = 0
    futures = [leg for leg in legs if isinstance(leg.terms, FutureTerms)]
    for terms, quantity, _ in legs:
        if isinstance(terms, OptionTerms):
            if quantity < 0:
                total += terms.exposed(-quantity, spot)
            else:
                total += terms.delivered(quantity, spot)
    if futures:
        bought = sum(leg.quantity for leg in futures if leg.quantity > 0)
        sold = -sum(leg.quantity for leg in futures if leg.quantity < 0)
        matched = min(bought, sold)
        gross = sum(abs(leg.cost) for leg in futures)
        far = max(futures, key=_expiry)
        unit = abs(far.cost) // abs(far.quantity)
        value = gross - 2 * matched * unit + -(-matched * unit // 3)
        rate = max(leg.terms.exposure for leg in futures if isinstance(leg.terms, FutureTerms))
        total += max(0, -(-value * rate // PPM))
    return total


def _expiry(leg: Leg) -> int:
    return leg.terms.expiry if isinstance(leg.terms, ScannedTerms) else 0


def _stand_in(legs: list[Leg]) -> int:
    """A price for an underlying that the run does not have."""
    strikes = []
    for terms, quantity, cost in legs:
        if isinstance(terms, FutureTerms):
            return abs(cost) // abs(quantity)
        if isinstance(terms, OptionTerms):
            strikes.append(terms.strike)
    return sum(strikes) // len(strikes)
