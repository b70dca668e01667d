"""Flat costs: basis points of turnover and a fixed amount an execution."""

from __future__ import annotations

from tapeback.utils.money import PAISA, RUPEE

FLAT_BPS = 5.0
_PER_BP = 10_000


class FlatCosts:
    """Costs that need no date, exchange or product.

    `exact` leaves fractions of a paisa (research without exchange rules); otherwise each
    execution is rounded to the paisa.
    """

    def __init__(self, bps: float, per_execution: float = 0.0, *, exact: bool = False) -> None:
        self.bps = bps
        self.per_execution = per_execution
        self._ppm = round(bps * 1_000_000)
        self._fixed = round(per_execution * RUPEE)
        self._grain = 1 if exact else PAISA

    def cost(self, buy: bool, value: int, before: int) -> int:
        """Charges in money units of an execution of `value` money units."""
        scale = _PER_BP * 1_000_000 * self._grain
        share = (value * self._ppm + scale // 2) // scale * self._grain
        return share + self._fixed
