"""What is listed, from several sources at once: the `Contracts` that a run tells its bot of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tapeback.broker.ports import ContractKind, Contracts
from tapeback.market.calendar import calendar_of
from tapeback.market.candles import Candles
from tapeback.market.contracts.master import MasterContract
from tapeback.market.instruments import instrument_of
from tapeback.models.instrument import Instrument
from tapeback.utils.clock import day_number


class Dated(NamedTuple):
    """An instrument and from when on it is listed, ns UTC; a contract is until its last close."""

    instrument: Instrument
    since: int

    def listed(self, ts: int) -> bool:
        """Whether it is at an instant."""
        expiry = self.instrument.expiry
        if ts < self.since:
            return False
        if expiry is None or day_number(ts) < expiry:
            return True
        return ts < calendar_of(self.instrument.exchange).hours(expiry, self.instrument.symbol)[1]


class ListedContracts:
    """Instruments that are named one by one, as `Contracts`."""

    def __init__(self, instruments: Iterable[Dated]) -> None:
        self._by_key = {
            (each.instrument.symbol, each.instrument.exchange): each for each in instruments
        }
        self._on: dict[str, list[Dated]] = {}
        self._contracts: dict[tuple[str, str], list[Dated]] = {}
        for each in self._by_key.values():
            instrument = each.instrument
            self._on.setdefault(instrument.exchange, []).append(each)
            if instrument.expiry is not None:
                key = instrument.underlying, instrument.exchange
                self._contracts.setdefault(key, []).append(each)

    def symbol(self, symbol: str, exchange: str, ts: int) -> Instrument | None:
        """The instrument of a symbol, None where it is not listed at an instant."""
        each = self._by_key.get((symbol, exchange))
        return each.instrument if each is not None and each.listed(ts) else None

    def expiries(self, underlying: str, exchange: str, kind: ContractKind, ts: int) -> list[int]:
        """Indian day numbers of the expiries listed at an instant, ascending."""
        found = {
            each.instrument.expiry
            for each in self._contracts.get((underlying, exchange), ())
            if f"{each.instrument.kind}s" == kind and each.listed(ts)
        }
        return sorted(expiry for expiry in found if expiry is not None)

    def instruments(self, exchange: str, ts: int) -> list[Instrument]:
        """Everything listed at an instant."""
        return [each.instrument for each in self._on.get(exchange, ()) if each.listed(ts)]

    def strikes(
        self, underlying: str, exchange: str, expiry: int, option_type: str, ts: int
    ) -> list[float]:
        """Strikes of one expiry listed at an instant, ascending."""
        return sorted(
            each.instrument.strike
            for each in self._contracts.get((underlying, exchange), ())
            if each.instrument.expiry == expiry
            and each.instrument.option_type == option_type
            and each.listed(ts)
        )


class UnitedContracts:
    """All that any of several `Contracts` lists; the first to know a symbol tells its terms."""

    def __init__(self, parts: Sequence[Contracts]) -> None:
        self._parts = tuple(parts)

    def symbol(self, symbol: str, exchange: str, ts: int) -> Instrument | None:
        """The instrument of a symbol, None where it is not listed at an instant."""
        found = (part.symbol(symbol, exchange, ts) for part in self._parts)
        return next((instrument for instrument in found if instrument is not None), None)

    def expiries(self, underlying: str, exchange: str, kind: ContractKind, ts: int) -> list[int]:
        """Indian day numbers of the expiries listed at an instant, ascending."""
        found: set[int] = set()
        for part in self._parts:
            found.update(part.expiries(underlying, exchange, kind, ts))
        return sorted(found)

    def instruments(self, exchange: str, ts: int) -> list[Instrument]:
        """Everything listed at an instant, by symbol."""
        found: dict[str, Instrument] = {}
        for part in self._parts:
            for each in part.instruments(exchange, ts):
                found.setdefault(each.symbol, each)
        return [found[symbol] for symbol in sorted(found)]

    def strikes(
        self, underlying: str, exchange: str, expiry: int, option_type: str, ts: int
    ) -> list[float]:
        """Strikes of one expiry listed at an instant, ascending."""
        found: set[float] = set()
        for part in self._parts:
            found.update(part.strikes(underlying, exchange, expiry, option_type, ts))
        return sorted(found)


def contracts_of_series(series: Sequence[Candles]) -> ListedContracts:
    """The instruments of candles, each from its first bar on; those that begin first, always."""
    firsts: dict[tuple[str, str], int] = {}
    for candles in series:
        key, first = (candles.symbol, candles.exchange), int(candles.starts[0])
        firsts[key] = min(firsts.get(key, first), first)
    begins = min(firsts.values(), default=0)
    return ListedContracts(
        Dated(instrument_of(*key), 0 if first == begins else first) for key, first in firsts.items()
    )


def contracts_of_master(master: MasterContract) -> ListedContracts:
    """The rows of a master contract, which knows no date of listing: each until it expires."""
    return ListedContracts(Dated(listing.instrument, 0) for listing in master)
