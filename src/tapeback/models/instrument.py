"""What is traded."""

from __future__ import annotations

from typing import Literal

import msgspec

InstrumentKind = Literal["equity", "index", "future", "option"]

EXCHANGES = (
    "NSE",
    "NFO",
    "CDS",
    "BSE",
    "BFO",
    "BCD",
    "MCX",
    "NCDEX",
    "NCO",
    "NSE_INDEX",
    "BSE_INDEX",
    "MCX_INDEX",
    "GLOBAL_INDEX",
    "CRYPTO",
)
INDEX_EXCHANGES = frozenset({"NSE_INDEX", "BSE_INDEX", "MCX_INDEX", "GLOBAL_INDEX"})
CASH_EXCHANGES = frozenset({"NSE", "BSE"})
DERIVATIVE_EXCHANGES = frozenset({"NFO", "CDS", "BFO", "BCD", "MCX", "NCDEX", "NCO"})


class Instrument(msgspec.Struct, frozen=True, gc=False):
    """An instrument as the rules see it. Prices are in rupees, on a grid of `tick_size`;
    quantities are in units, in multiples of `lot_size`; `expiry` is an Indian day number. An order
    on an index stands for one on its near future (fill contract S2b). Where it is `listed`, lot and
    tick come from a master contract."""

    symbol: str
    exchange: str
    kind: InstrumentKind
    lot_size: int = 1
    tick_size: float = 0.05
    underlying: str = ""
    option_type: str = ""
    strike: float = 0.0
    expiry: int | None = None
    listed: bool = False

    @property
    def derivative(self) -> bool:
        return self.kind != "equity"
