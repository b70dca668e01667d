"""What was paid, by line."""

from __future__ import annotations

import msgspec

from tapeback.utils.money import to_rupees, to_units


class ChargesByLine(msgspec.Struct, frozen=True, gc=False):
    """Charges by line, in rupees.

    A fill, an order and a trade have the lines up to `other`, which is what the settings add to
    the plan; `stt` includes that on exercise and delivery. The day's end posts `dp` (with GST) for
    shares that leave the holdings, `adjustments` where its contract note differs from what the
    executions were charged (negative when that was too much), and `penalties` of the broker.
    """

    brokerage: float = 0.0
    stt: float = 0.0
    ctt: float = 0.0
    exchange: float = 0.0
    ipft: float = 0.0
    sebi: float = 0.0
    stamp: float = 0.0
    gst: float = 0.0
    other: float = 0.0
    dp: float = 0.0
    adjustments: float = 0.0
    penalties: float = 0.0

    @property
    def total(self) -> float:
        """The sum of all lines, to the money unit."""
        return to_rupees(sum(map(to_units, msgspec.structs.astuple(self))))

    def to_dict(self) -> dict[str, float]:
        """Every line and the total, for JSON."""
        return {**msgspec.structs.asdict(self), "total": self.total}
