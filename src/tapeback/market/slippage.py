"""Slippage a side by class of instrument (fill contract P8), from `tables/slippage.yaml`."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import msgspec
from ruamel.yaml import YAML

from tapeback.market.instruments import INDEX_UNDERLYINGS
from tapeback.models.instrument import Instrument

_COMMODITY = frozenset({"MCX", "NCDEX", "NCO"})


class SlippageRow(msgspec.Struct, frozen=True):
    """The larger of `ticks` and `percent` of the price; `confidence` and `source` are its basis."""

    name: str
    ticks: float
    percent: float
    confidence: str
    source: str


@cache
def _table() -> dict[str, Any]:
    text = files("tapeback.market").joinpath("tables/slippage.yaml").read_text(encoding="utf-8")
    table: dict[str, Any] = YAML(typ="safe", pure=True).load(text)
    return table


@cache
def _large_equities() -> frozenset[str]:
    return frozenset(_table()["large_equities"])


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
    row = _table()["classes"][name]
    return SlippageRow(name, row["ticks"], row["percent"], row["confidence"], row["source"])
