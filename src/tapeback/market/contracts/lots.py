"""Which lot size a run trades by: each contract's own, today's, or the bot's number of lots.

A bot carries today's lot in its source; over history that is the wrong number of units on most
dates, and the exchange of the day would have refused it.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from tapeback.market.contracts.master import MasterContract
from tapeback.market.contracts.terms import latest_lot, lot_of
from tapeback.models.instrument import Instrument

LotMode = Literal["dated", "today", "scale"]
LOT_MODES: tuple[LotMode, ...] = ("dated", "today", "scale")

_MEANINGS = {
    "dated": "`lots: dated` takes the lot that each contract had",
    "today": "`lots: today` takes the latest lot for all dates",
    "scale": "`lots: scale` turns n of the latest lots into n of the contract's",
}


class Lot(msgspec.Struct, frozen=True):
    """The lot that a bot sees and must order in multiples of, and the one that is traded."""

    shown: int
    traded: int

    def to_traded(self, quantity: int) -> int:
        """The units that an order of a bot's quantity is for; a multiple of `shown` is exact."""
        return quantity if self.shown == self.traded else quantity * self.traded // self.shown

    def to_shown(self, quantity: int) -> int:
        """The quantity that a bot sees in its books: whole lots are exact, the rest of a lot,
        as a change of lot leaves it in a position, is the nearest whole unit."""
        if self.shown == self.traded:
            return quantity
        return (2 * quantity * self.shown + self.traded) // (2 * self.traded)


class LotPolicy:
    """The setting `lots` of a run. With a master contract, the lots that it lists win."""

    def __init__(self, mode: LotMode = "dated", master: MasterContract | None = None) -> None:
        self.mode = mode
        self._master = master

    def lot(self, instrument: Instrument, day: int) -> Lot:
        """The lot of an instrument on an Indian day number; resolve it once a session."""
        dated = lot_of(instrument, day)
        if self.mode == "dated" or instrument.kind not in ("future", "option"):
            return Lot(dated, dated)
        today = self._latest(instrument) or dated
        return Lot(today, today if self.mode == "today" else dated)

    @property
    def remedy(self) -> str:
        """What the first refusal for a lot size says: the two other settings."""
        others = [meaning for mode, meaning in _MEANINGS.items() if mode != self.mode]
        return "; ".join(others) + "."

    def _latest(self, instrument: Instrument) -> int | None:
        underlying, exchange = instrument.underlying, instrument.exchange
        listed = self._master and self._master.latest_lot(underlying, exchange)
        return listed or latest_lot(underlying, exchange)
