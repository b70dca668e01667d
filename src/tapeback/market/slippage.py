"""Slippage a side by class of instrument (fill contract P8), from `tables/slippage.yaml`."""

from __future__ import annotations

from functools import cache

import msgspec

from tapeback.market.dated import Row, table
from tapeback.market.instruments import INDEX_UNDERLYINGS
from tapeback.models.instrument import Instrument
from tapeback.utils.clock import day_of

_COMMODITY = frozenset({"MCX", "NCDEX", "NCO"})


class SlippageRow(msgspec.Struct, frozen=True):
    """The larger of `ticks` and `percent` of the price; `basis` says where that comes from."""

    name: str
    ticks: float
    percent: float
    basis: Row


@cache
def _large_equities() -> frozenset[str]:
    return frozenset(table("slippage")["large_equities"])


def slippage_class(instrument: Instrument, price: float) -> str:
    """The row of the table that an instrument falls under while it trades at `price`.

    An option counts as near the money while its premium is at least half a per cent of its
    strike; an index is charged as its near future (S2b).
    """
    if instrument.exchange in _COMMODITY:
        return "commodity"
    if instrument.kind == "index":
        return "index_future"
    if instrument.kind == "future":
        return "index_future" if instrument.underlying in INDEX_UNDERLYINGS else "stock_future"
    if instrument.kind == "option":
        if instrument.underlying not in INDEX_UNDERLYINGS:
            return "stock_option"
        near = price >= 0.005 * instrument.strike
        return "index_option_near" if near else "index_option_far"
    return "large_equity" if instrument.symbol in _large_equities() else "other_equity"


@cache
def slippage_row(name: str) -> SlippageRow:
    """One row of the table."""
    row = table("slippage")["classes"][name]
    basis = Row(f"slippage.{name}", day_of(row["from"]), row["confidence"], row["source"], row)
    return SlippageRow(name, row["ticks"], row["percent"], basis)
