"""A master contract: what a broker lists, in OpenAlgo's terms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from tapeback.models.instrument import Instrument


class Listing(msgspec.Struct, frozen=True, gc=False):
    """One row: the instrument, and the broker's own names for it."""

    instrument: Instrument
    name: str = ""
    brsymbol: str = ""
    brexchange: str = ""
    token: str = ""


class MasterContract:
    """Listed instruments by (symbol, exchange). What it says wins over the tables."""

    def __init__(self, listings: Iterable[Listing], *, source: str = "") -> None:
        self.source = source
        self._listings = {
            (each.instrument.symbol, each.instrument.exchange): each for each in listings
        }
        self._contracts: dict[tuple[str, str], dict[int, Instrument]] = {}
        for each in self._listings.values():
            instrument = each.instrument
            if instrument.expiry is not None:
                key = (instrument.underlying, instrument.exchange)
                self._contracts.setdefault(key, {})[instrument.expiry] = instrument

    def instrument(self, symbol: str, exchange: str) -> Instrument | None:
        """The instrument of a symbol, None where it is not listed."""
        found = self._listings.get((symbol, exchange))
        return None if found is None else found.instrument

    def listing(self, symbol: str, exchange: str) -> Listing | None:
        """The whole row of a symbol, None where it is not listed."""
        return self._listings.get((symbol, exchange))

    def expiries(self, underlying: str, exchange: str) -> list[int]:
        """Indian day numbers on which listed contracts of an underlying expire, in order."""
        return sorted(self._contracts.get((underlying, exchange), ()))

    def latest_lot(self, underlying: str, exchange: str) -> int | None:
        """The lot of the listed contract that expires last, None where none is listed."""
        contracts = self._contracts.get((underlying, exchange))
        return contracts[max(contracts)].lot_size if contracts else None

    def __contains__(self, key: tuple[str, str]) -> bool:
        return key in self._listings

    def __iter__(self) -> Iterator[Listing]:
        return iter(self._listings.values())

    def __len__(self) -> int:
        return len(self._listings)
