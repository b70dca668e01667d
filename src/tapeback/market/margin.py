"""How many times its margin a product may trade, by kind of instrument.

OpenAlgo's sandbox: equity five times in MIS and once in CNC, futures ten times, options at their
full premium on both sides. An index is margined as its near future.
"""

from __future__ import annotations

from tapeback.models.instrument import Instrument

EQUITY_MIS = 5
FUTURES = 10


def leverage_of(instrument: Instrument, product: str) -> int:
    """Times its margin that a position of `instrument` in `product` may be worth."""
    if instrument.kind in ("future", "index"):
        return FUTURES
    return EQUITY_MIS if instrument.kind == "equity" and product == "MIS" else 1
