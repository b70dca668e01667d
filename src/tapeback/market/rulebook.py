"""Every dated rule of a run in one place: what holds for an instrument on a session.

The engine asks once a session for each instrument; what it gets are plain figures.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

import msgspec

from tapeback.market.costs import FlatCosts
from tapeback.market.sessions import session_of
from tapeback.models.instrument import Instrument

NEVER = 1 << 62

# The furthest prices that a LIMIT may name while a premium is the reference: lowest and highest.
LimitProtection = Callable[[float], tuple[float, float]]
# Charges in money units of an execution: whether it buys, its value, and the value of its order's
# executions before it, in money units.
Charge = Callable[[bool, int, int], int]


class SessionTerms(msgspec.Struct, frozen=True):
    """What holds for one instrument on one trading day.

    `opens` and `closes` of the continuous session and `square_off`, when MIS positions are closed
    (NEVER where they are not), are ns UTC. Quantities are units, prices rupees: an order may be
    of `lot_size` times n up to `freeze` (0: no limit), between `lower` and `upper`. A bar of one
    price at or beyond `lower_lock` or `upper_lock` is one of a locked band.
    """

    day: int
    opens: int
    closes: int
    square_off: int = NEVER
    lot_size: int = 1
    tick_size: float = 0.05
    freeze: int = 0
    lower: float = 0.0
    upper: float = inf
    lower_lock: float = 0.0
    upper_lock: float = inf
    banned: bool = False
    limit_protection: LimitProtection | None = None


class Rulebook:
    """The rules of one run."""

    def __init__(self, costs: FlatCosts) -> None:
        self._costs = costs

    def session(self, instrument: Instrument, day: int, last: float) -> SessionTerms:
        """What holds for an instrument on a trading day; `last` is its last price before."""
        opens, closes = session_of(day, instrument.exchange)
        return SessionTerms(
            day, opens, closes, lot_size=instrument.lot_size, tick_size=instrument.tick_size
        )

    def charge(self, instrument: Instrument, product: str, day: int) -> Charge:
        """What an execution in a product costs on a day."""
        return self._costs.cost
