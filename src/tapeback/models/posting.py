"""Money that moves without an execution."""

from __future__ import annotations

from datetime import datetime

import msgspec

from tapeback.utils.clock import to_ist
from tapeback.utils.money import to_rupees


class Posting(msgspec.Struct, frozen=True, gc=False):
    """One entry in the account that no fill made: a day's adjustment of charges, a penalty, a
    dividend. `units` are money units, positive when the account gains; `charge` tells whether it
    counts among the charges. `ts` is ns UTC."""

    ts: int
    kind: str
    units: int
    symbol: str
    exchange: str
    note: str
    charge: bool

    @property
    def time(self) -> datetime:
        """When it was posted, aware, Asia/Kolkata."""
        return to_ist(self.ts)

    @property
    def amount(self) -> float:
        """Rupees, positive when the account gains."""
        return to_rupees(self.units)
