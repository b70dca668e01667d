"""Shares on which futures and options are traded, from `tables/fno_stocks.yaml`."""

from __future__ import annotations

from functools import cache

from tapeback.market.dated import Row, rows


def has_derivatives(symbol: str) -> bool:
    """Whether a share has futures and options, by the only list there is (`underlyings_row`)."""
    return symbol in _symbols()


@cache
def underlyings_row() -> Row:
    """The row that lists the shares, for a run that relies on it."""
    return next(iter(rows("fno_stocks", "stocks")))


@cache
def _symbols() -> frozenset[str]:
    return frozenset(underlyings_row()["symbols"])
