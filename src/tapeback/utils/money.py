"""Money as integers: one rupee is `RUPEE` units, one paisa `PAISA` units.

Integers add up exactly, however many postings a run makes; a unit is a millionth of a rupee, so
that a price of four decimals times any quantity is still whole.
"""

from __future__ import annotations

RUPEE = 1_000_000
PAISA = 10_000


def to_units(rupees: float) -> int:
    """The nearest whole number of units."""
    return round(rupees * RUPEE)


def to_rupees(units: int) -> float:
    """Rupees as a float, for showing and for statistics."""
    return units / RUPEE
