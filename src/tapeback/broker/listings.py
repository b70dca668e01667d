"""What is listed at the virtual instant, and how the master contract shows it.

These are the run's own series, each from its first bar on, and either dated contracts from outside
or, where there are none, the rows of the user's master contract; all until they expire.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from tapeback.broker.ports import ContractKind, Contracts
from tapeback.broker.replies import Reply
from tapeback.broker.service import BrokerService
from tapeback.errors import DataError
from tapeback.market.calendar import calendar_of
from tapeback.market.contracts.master import Listing
from tapeback.market.contracts.terms import lot_of, terms_of
from tapeback.market.instruments import expiry_text
from tapeback.models.instrument import EXCHANGES, Instrument
from tapeback.utils.clock import day_number

_TYPES = {"equity": "EQ", "index": "INDEX", "future": "FUT"}
_MOST_FOUND = 500


class RunContracts:
    """The `Contracts` of a run, and `others` that are known besides."""

    def __init__(self, service: BrokerService, others: Contracts | None = None) -> None:
        self._others: tuple[Contracts, ...] = () if others is None else (others,)
        self._listed: dict[tuple[str, str], _Dated] = {
            key: _Dated(service.simulator.books[key].instrument, since)
            for key, since in known_since(service).items()
        }
        master = service.rulebook.master if others is None else None
        for listing in master or ():
            instrument = listing.instrument
            self._listed[instrument.symbol, instrument.exchange] = _Dated(instrument, 0)
        self._on: dict[str, list[_Dated]] = {}
        self._contracts: dict[tuple[str, str], list[_Dated]] = {}
        for key in sorted(self._listed):
            each = self._listed[key]
            instrument = each.instrument
            self._on.setdefault(instrument.exchange, []).append(each)
            if instrument.expiry is not None:
                underlying = (instrument.underlying, instrument.exchange)
                self._contracts.setdefault(underlying, []).append(each)

    def symbol(self, symbol: str, exchange: str, ts: int) -> Instrument | None:
        each = self._listed.get((symbol, exchange))
        if each is not None and each.listed(ts):
            return each.instrument
        found = (other.symbol(symbol, exchange, ts) for other in self._others)
        return next((instrument for instrument in found if instrument is not None), None)

    def expiries(self, underlying: str, exchange: str, kind: ContractKind, ts: int) -> list[int]:
        wanted = kind.removesuffix("s")
        found = {
            each.instrument.expiry
            for each in self._contracts.get((underlying, exchange), ())
            if each.instrument.kind == wanted and each.listed(ts)
        }
        for other in self._others:
            found.update(other.expiries(underlying, exchange, kind, ts))
        return sorted(expiry for expiry in found if expiry is not None)

    def instruments(self, exchange: str, ts: int) -> list[Instrument]:
        own = [each.instrument for each in self._on.get(exchange, ()) if each.listed(ts)]
        if not self._others:
            return own
        found = {
            each.symbol: each for other in self._others for each in other.instruments(exchange, ts)
        }
        found.update((each.symbol, each) for each in own)
        return [found[symbol] for symbol in sorted(found)]

    def strikes(
        self, underlying: str, exchange: str, expiry: int, option_type: str, ts: int
    ) -> list[float]:
        found = {
            each.instrument.strike
            for each in self._contracts.get((underlying, exchange), ())
            if each.instrument.expiry == expiry
            and each.instrument.option_type == option_type
            and each.listed(ts)
        }
        for other in self._others:
            found.update(other.strikes(underlying, exchange, expiry, option_type, ts))
        return sorted(found)


def known_since(service: BrokerService) -> dict[tuple[str, str], int]:
    """From when on, ns UTC, each instrument of the run is known: after its first bar began, or,
    where that begins the run, from the beginning."""
    books = service.simulator.books
    firsts = {key: int(book.candles.starts[0]) for key, book in books.items()}
    begins = min(firsts.values())
    return {key: 0 if first == begins else first for key, first in firsts.items()}


class _Dated(NamedTuple):
    """An instrument and when it was listed, ns UTC."""

    instrument: Instrument
    since: int

    def listed(self, ts: int) -> bool:
        """Whether it is at an instant; a contract is until its last close."""
        instrument = self.instrument
        expiry = instrument.expiry
        if ts <= self.since:
            return False
        if expiry is None or day_number(ts) < expiry:
            return True
        return ts < calendar_of(instrument.exchange).hours(expiry, instrument.symbol)[1]


class ListedSymbols:
    """The master contract of a run as OpenAlgo tells of it, as of now."""

    def __init__(
        self,
        service: BrokerService,
        contracts: Contracts | None = None,
        ensure: Callable[[str, str], bool] | None = None,
    ) -> None:
        self._ensure = ensure
        self._service = service
        self._simulator = service.simulator
        self.contracts = RunContracts(service, contracts)
        self._since = known_since(service)

    def instrument(self, symbol: str, exchange: str) -> Instrument | None:
        """What a symbol names now: an instrument of the run, or a contract that is listed."""
        if self.has_bars(symbol, exchange):
            return self._simulator.books[symbol, exchange].instrument
        return self.contracts.symbol(symbol, exchange, self._simulator.now)

    def has_bars(self, symbol: str, exchange: str) -> bool:
        """Whether the run has bars of an instrument, the first of which has begun."""
        key = (symbol, exchange)
        since = self._since.get(key)
        if since is None:
            if self._ensure is None or not self._ensure(symbol, exchange):
                return False
            since = self._since[key] = int(self._simulator.books[key].candles.starts[0])
        return since < self._simulator.now

    def row(self, instrument: Instrument) -> Reply:
        """The row of an instrument, with the figures of today and without its `id`."""
        service = self._service
        symbol, exchange = instrument.symbol, instrument.exchange
        listing = service.rulebook.listing(symbol, exchange) or Listing(instrument)
        lot, tick, freeze = self.figures(instrument)
        return {
            "brexchange": listing.brexchange or exchange,
            "brsymbol": listing.brsymbol or symbol,
            "exchange": exchange,
            "expiry": "" if instrument.expiry is None else dashed(instrument.expiry),
            "freeze_qty": freeze or 1,
            "instrumenttype": _TYPES.get(instrument.kind, instrument.option_type),
            "lotsize": lot,
            "name": listing.name or instrument.underlying,
            "strike": instrument.strike,
            "symbol": symbol,
            "tick_size": tick,
            "token": listing.token or _token(instrument),
        }

    def figures(self, instrument: Instrument) -> tuple[int, float, int]:
        """Lot and tick of today, and the freeze quantity, 0 where it is not known."""
        book = self._simulator.books.get((instrument.symbol, instrument.exchange))
        if book is not None:
            terms = book.terms
            lot = terms.lot.shown
            if not self._service.rules.exchange_rules:
                lot = lot_of(instrument, book.hours.day)
            return lot, terms.tick_size, terms.lot.to_shown(terms.freeze_quantity)
        day = day_number(self._simulator.now)
        try:
            contract = terms_of(instrument, day)
        except DataError:
            return instrument.lot_size, instrument.tick_size, 0
        lots = self._service.rulebook.lots.lot(instrument, day)
        return lots.shown, contract.tick_size, contract.freeze_quantity

    def number(self, symbol: str, exchange: str) -> int:
        """The place of an instrument in the run; one it has no bars of comes after them."""
        keys = list(self._simulator.books)
        key = (symbol, exchange)
        return keys.index(key) + 1 if key in keys else len(keys) + 1

    def search(self, query: str, exchange: str) -> list[Instrument]:
        """What is listed and has every word of the query in its symbol or name, in any case."""
        words = query.upper().split()
        exchanges = (exchange,) if exchange else EXCHANGES
        found = [
            instrument
            for each in exchanges
            for instrument in self.contracts.instruments(each, self._simulator.now)
            if all(word in self._text(instrument) for word in words)
        ]
        found.sort(key=lambda each: (each.symbol != query.upper(), each.exchange, each.symbol))
        return found[:_MOST_FOUND]

    def rows(self, instruments: Iterable[Instrument]) -> list[Reply]:
        return [self.row(instrument) for instrument in instruments]

    def _text(self, instrument: Instrument) -> str:
        listing = self._service.rulebook.listing(instrument.symbol, instrument.exchange)
        names = [instrument.symbol, instrument.underlying]
        if listing is not None:
            names += [listing.name, listing.brsymbol]
        return " ".join(names).upper()


def dashed(expiry: int) -> str:
    """A day number as the master contract writes it, `25-JAN-24`."""
    text = expiry_text(expiry)
    return f"{text[:2]}-{text[2:5]}-{text[5:]}"


def _token(instrument: Instrument) -> str:
    """A number of its own for every symbol, the same in every run."""
    total = 0
    for letter in f"{instrument.exchange}:{instrument.symbol}":
        total = (total * 131 + ord(letter)) % 1_000_000_007
    return str(total)
