"""Stocks whose derivatives are banned for a day, because open interest passed the market-wide
limit: only orders that reduce a position are taken."""

from __future__ import annotations

from collections.abc import Iterable

from tapeback.models.instrument import Instrument


class BanList:
    """Banned names by day; exchanges publish them each evening for the next session."""

    def __init__(self, bans: Iterable[tuple[int, str]] = ()) -> None:
        self._bans = frozenset(bans)

    def banned(self, symbol: str, day: int) -> bool:
        """Whether a stock's derivatives are banned on an Indian day number."""
        return (day, symbol) in self._bans

    def applies(self, instrument: Instrument, day: int) -> bool:
        """Whether an instrument is a derivative of a stock that is banned on a day."""
        return instrument.kind in ("future", "option") and self.banned(instrument.underlying, day)

    def __len__(self) -> int:
        return len(self._bans)
