"""The dated master: which stored contracts were listed at an instant, and their chain.

A contract is known from the close of its first stored bar on, until the session of its expiry ends.
Nothing here looks at a bar that closes later than the instant that is asked about.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from tapeback.data.cache import CacheManager
from tapeback.data.contracts.names import derivatives_exchange
from tapeback.data.contracts.quotes import BarQuote, BarQuotes
from tapeback.errors import DataError, DataNotFoundError
from tapeback.market import timeframes
from tapeback.market.calendar import calendar_of, days_of
from tapeback.market.contracts.strikes import moneyness, nearest_strike
from tapeback.market.contracts.terms import lot_of
from tapeback.market.instruments import INDEX_UNDERLYINGS, expiry_text, instrument_of
from tapeback.models.candle import Series
from tapeback.models.instrument import DERIVATIVE_EXCHANGES, Instrument
from tapeback.utils.clock import DAY_NS, IST_OFFSET_NS, date_of_day, day_number, to_ist

Ints = npt.NDArray[np.int64]
ContractKind = Literal["futures", "options"]

_FOREVER = int(np.iinfo(np.int64).max)
_OFFSET = re.compile(r"ATM|(ITM|OTM)([1-9]\d*)")
_SPOTS = {"NFO": ("NSE_INDEX", "NSE"), "BFO": ("BSE_INDEX", "BSE")}


class ChainQuote(msgspec.Struct, frozen=True):
    """One option of a chain: the contract with its lot of the day, where it stands (`ATM`, `ITM3`,
    `OTM1`), what its bars tell."""

    instrument: Instrument
    label: str
    quote: BarQuote


class ChainRow(msgspec.Struct, frozen=True):
    """A strike with its call and its put, None where one is not listed yet."""

    strike: float
    ce: ChainQuote | None
    pe: ChainQuote | None


class Chain(msgspec.Struct, frozen=True):
    """The options of one expiry (Indian day number) at an instant (ns UTC), by strike; `atm` is the
    listed strike that is nearest to `spot`, the price of the underlying."""

    underlying: str
    exchange: str
    expiry: int
    ts: int
    spot: float
    atm: float
    rows: tuple[ChainRow, ...]

    def to_dict(self) -> dict[str, Any]:
        """The chain as JSON has it, NaN as null."""
        document: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        document["expiry"] = f"{date_of_day(self.expiry)}"
        document["time"] = f"{to_ist(self.ts):%Y-%m-%d %H:%M:%S}"
        return document


class ContractBoard:
    """The contracts that a cache has bars of, as they were listed; OpenAlgo's rules.

    `exchange` is the one of the contracts, or that of their underlying (NSE_INDEX for NFO). It
    tells of the cache as it was when an exchange was first asked about.
    """

    def __init__(self, cache: CacheManager) -> None:
        self._cache = cache
        self._quotes = BarQuotes(cache)
        self._exchanges: dict[str, _Exchange] = {}

    def symbol(self, symbol: str, exchange: str, ts: int) -> Instrument | None:
        """The instrument of a symbol, None where it is not listed at an instant."""
        listed = self._on(exchange)
        at = listed.places.get(symbol)
        if at is None or not listed.since[at] <= ts < listed.until[at]:
            return None
        return listed.instruments[at]

    def instruments(self, exchange: str, ts: int) -> list[Instrument]:
        """Everything listed at an instant, by symbol."""
        listed = self._on(exchange)
        return [listed.instruments[at] for at in np.flatnonzero(listed.at(ts)).tolist()]

    def expiries(self, underlying: str, exchange: str, kind: ContractKind, ts: int) -> list[int]:
        """Indian day numbers of the expiries listed at an instant, ascending."""
        contracts = self._contracts(underlying, exchange)
        wanted = contracts.at(ts) & (contracts.options == (kind == "options"))
        found: list[int] = np.unique(contracts.expiry[wanted]).tolist()
        return found

    def strikes(
        self, underlying: str, exchange: str, expiry: int, option_type: str, ts: int
    ) -> list[float]:
        """Strikes of one expiry listed at an instant, ascending."""
        contracts = self._contracts(underlying, exchange)
        wanted = contracts.at(ts) & (contracts.expiry == expiry) & contracts.options
        wanted &= contracts.calls == (option_type == "CE")
        found: list[float] = contracts.strike[wanted].tolist()
        return found

    def option_symbol(
        self, underlying: str, exchange: str, expiry: int, offset: str, option_type: str,
        ts: int, spot: float | None = None,
    ) -> Instrument:  # fmt: skip
        """The option `offset` (ATM, ITM1, OTM2 …) away from the listed strike that is nearest to
        the spot, the lower of two; steps are listed strikes.

        Raises DataError for a wrong offset or one beyond the strikes, DataNotFoundError where no
        option of the expiry is listed or the spot is not known.
        """
        match = _OFFSET.fullmatch(offset.upper())
        if match is None or option_type not in ("CE", "PE"):
            raise DataError(
                f"{offset} {option_type} is no offset of an option.",
                remedy="Use ATM, ITM1, OTM1 and so on, and CE or PE.",
            )
        strikes = self.strikes(underlying, exchange, expiry, option_type, ts)
        if not strikes:
            raise self._unlisted(underlying, exchange, expiry, ts)
        price = self._price(underlying, exchange, ts, spot)
        steps = int(match[2] or 0) * (1 if (match[1] == "OTM") == (option_type == "CE") else -1)
        at = strikes.index(nearest_strike(strikes, price)) + steps
        if not 0 <= at < len(strikes):
            raise DataError(
                f"offset {offset} lies beyond the {len(strikes)} listed strikes of {underlying} "
                f"{expiry_text(expiry)} {option_type}.",
                where=f"{to_ist(ts):%Y-%m-%d %H:%M}",
            )
        return self._option(underlying, exchange, expiry, strikes[at], option_type)

    def chain(
        self, underlying: str, exchange: str, expiry: int, ts: int, strikes: int | None = 20,
        spot: float | None = None,
    ) -> Chain:  # fmt: skip
        """The chain of an expiry at an instant, `strikes` on either side of the middle one (all
        where it is None). The spot is that of the stored underlying, or of its nearest future,
        where none is given. Raises DataNotFoundError where nothing is listed or the spot is not
        known."""
        calls = self.strikes(underlying, exchange, expiry, "CE", ts)
        puts = self.strikes(underlying, exchange, expiry, "PE", ts)
        listed = sorted({*calls, *puts})
        if not listed:
            raise self._unlisted(underlying, exchange, expiry, ts)
        price = self._price(underlying, exchange, ts, spot)
        middle = nearest_strike(listed, price)
        at = listed.index(middle)
        count = len(listed) if strikes is None else strikes
        sides = {"CE": set(calls), "PE": set(puts)}
        rows = []
        for place in range(max(0, at - count), min(len(listed), at + count + 1)):
            strike = listed[place]
            ce, pe = (
                self._leg(underlying, exchange, expiry, strike, side, place - at, ts)
                if strike in sides[side]
                else None
                for side in ("CE", "PE")
            )
            rows.append(ChainRow(strike, ce, pe))
        options = derivatives_exchange(underlying, exchange)
        return Chain(underlying, options, expiry, ts, price, middle, tuple(rows))

    def quote(self, symbol: str, exchange: str, ts: int) -> BarQuote | None:
        """What the bars of any stored instrument tell at an instant, None before the first."""
        listed = self._on(exchange)
        at = listed.places.get(symbol)
        return None if at is None else self._quotes.quote(listed.series[at], ts)

    def spot(self, underlying: str, exchange: str, ts: int) -> float | None:
        """The last price of an underlying: of the stored index or share, else of its nearest
        future; None where neither has a closed bar."""
        options = derivatives_exchange(underlying, exchange)
        for place in _SPOTS.get(options, ()):
            quote = self.quote(underlying, place, ts)
            if quote is not None:
                return quote.ltp
        for expiry in self.expiries(underlying, options, "futures", ts):
            quote = self.quote(f"{underlying}{expiry_text(expiry)}FUT", options, ts)
            if quote is not None:
                return quote.ltp
        return None

    def _leg(
        self, underlying: str, exchange: str, expiry: int, strike: float, option_type: str,
        away: int, ts: int,
    ) -> ChainQuote | None:  # fmt: skip
        contract = self._option(underlying, exchange, expiry, strike, option_type)
        quote = self.quote(contract.symbol, contract.exchange, ts)
        if quote is None:
            return None
        lot = lot_of(contract, day_number(ts))
        if lot != contract.lot_size:
            contract = msgspec.structs.replace(contract, lot_size=lot)
        return ChainQuote(contract, moneyness(away, option_type), quote)

    def _option(
        self, underlying: str, exchange: str, expiry: int, strike: float, option_type: str
    ) -> Instrument:
        contracts = self._contracts(underlying, exchange)
        return contracts.instruments[contracts.options_at[expiry, strike, option_type]]

    def _price(self, underlying: str, exchange: str, ts: int, spot: float | None) -> float:
        price = self.spot(underlying, exchange, ts) if spot is None else spot
        if price is None:
            index = underlying in INDEX_UNDERLYINGS
            options = derivatives_exchange(underlying, exchange)
            places = _SPOTS.get(options, (options, options))
            raise DataNotFoundError(
                f"no price of {underlying} is stored at {to_ist(ts):%Y-%m-%d %H:%M}.",
                remedy=f"Fetch or import {underlying} of {places[0 if index else 1]}, or its "
                "future, over the same dates.",
            )
        return price

    def _unlisted(self, underlying: str, exchange: str, expiry: int, ts: int) -> DataNotFoundError:
        options = derivatives_exchange(underlying, exchange)
        known = self.expiries(underlying, exchange, "options", ts)
        named = ", ".join(map(expiry_text, known[:10])) or "none"
        return DataNotFoundError(
            f"no option of {underlying} that expires on {expiry_text(expiry)} is known on "
            f"{options} at {to_ist(ts):%Y-%m-%d %H:%M}; the expiries known then: {named}.",
            remedy="Import the bars of its contracts: tapeback data import FOLDER.",
        )

    def _contracts(self, underlying: str, exchange: str) -> _Contracts:
        options = derivatives_exchange(underlying, exchange)
        return self._on(options).contracts(underlying)

    def _on(self, exchange: str) -> _Exchange:
        listed = self._exchanges.get(exchange)
        if listed is None:
            listed = self._exchanges[exchange] = _Exchange(self._cache, exchange)
        return listed


class _Dated:
    """Instruments with the instants from and until which they are listed, ns UTC."""

    def __init__(self, instruments: list[Instrument], since: Ints, until: Ints) -> None:
        self.instruments = instruments
        self.since = since
        self.until = until

    def at(self, ts: int) -> npt.NDArray[np.bool_]:
        """Which of them are listed at an instant."""
        return (self.since <= ts) & (ts < self.until)


class _Contracts(_Dated):
    """The contracts on one underlying, by expiry, strike and type."""

    def __init__(self, instruments: list[Instrument], since: Ints, until: Ints) -> None:
        super().__init__(instruments, since, until)
        self.expiry = np.array([each.expiry or 0 for each in instruments], np.int64)
        self.strike = np.array([each.strike for each in instruments], np.float64)
        self.options = np.array([each.kind == "option" for each in instruments], np.bool_)
        self.calls = np.array([each.option_type == "CE" for each in instruments], np.bool_)
        self.options_at = {
            (each.expiry, each.strike, each.option_type): at
            for at, each in enumerate(instruments)
            if each.kind == "option"
        }


class _Exchange(_Dated):
    """What a cache has bars of on one exchange, by symbol, with the stored series of each, finest
    first."""

    def __init__(self, cache: CacheManager, exchange: str) -> None:
        first_bars: dict[str, list[tuple[int, Series, int]]] = {}
        for stored in cache.stored(exchange=exchange):
            series = stored.series
            bars = first_bars.setdefault(series.symbol, [])
            bars.append((timeframes.duration(series.timeframe), series, stored.first_ts))
        known = {each.symbol: each for each in cache.instruments(exchange=exchange)}
        pairs = []
        for symbol in sorted(first_bars):
            instrument = known.get(symbol) or instrument_of(symbol, exchange)
            if exchange not in DERIVATIVE_EXCHANGES or instrument.expiry is not None:
                pairs.append((instrument, sorted(first_bars[symbol], key=lambda bar: bar[0])))
        since = _first_closes([bars for _, bars in pairs], exchange)
        instruments = [instrument for instrument, _ in pairs]
        super().__init__(instruments, since, _last_closes(instruments, exchange))
        self.series = [[series for _, series, _ in bars] for _, bars in pairs]
        self.places = {each.symbol: at for at, each in enumerate(instruments)}
        self._by_underlying: dict[str, list[int]] = {}
        for at, each in enumerate(instruments):
            if each.expiry is not None:
                self._by_underlying.setdefault(each.underlying, []).append(at)
        self._contracts: dict[str, _Contracts] = {}

    def contracts(self, underlying: str) -> _Contracts:
        """The contracts on an underlying."""
        found = self._contracts.get(underlying)
        if found is None:
            places = sorted(self._by_underlying.get(underlying, ()), key=self._order)
            at = np.array(places, np.int64)
            instruments = [self.instruments[place] for place in places]
            found = _Contracts(instruments, self.since[at], self.until[at])
            self._contracts[underlying] = found
        return found

    def _order(self, place: int) -> tuple[int, float, str]:
        each = self.instruments[place]
        return each.expiry or 0, each.strike, each.option_type


class _FirstBars(NamedTuple):
    place: Ints
    ts: Ints
    length: Ints


def _first_closes(bars: list[list[tuple[int, Series, int]]], exchange: str) -> Ints:
    """When the first bar of each instrument closed: its length after its start, sooner where the
    session ends, at the session's end for a day or longer."""
    flat = [(at, ts, length) for at, each in enumerate(bars) for length, _, ts in each]
    if not flat:
        return np.empty(0, np.int64)
    first = _FirstBars(*(np.array(column, np.int64) for column in zip(*flat, strict=True)))
    days = days_of(first.ts)
    closes = days * DAY_NS - IST_OFFSET_NS + calendar_of(exchange).clocks(days).closes
    later = days + np.maximum(first.length // DAY_NS, 1) - 1
    ends = np.minimum(first.ts + first.length, np.where(first.ts < closes, closes, _FOREVER))
    long = later * DAY_NS - IST_OFFSET_NS + calendar_of(exchange).clocks(later).closes
    ends = np.where(first.length >= DAY_NS, long, ends)
    since = np.full(len(bars), _FOREVER, np.int64)
    np.minimum.at(since, first.place, ends)
    return since


def _last_closes(instruments: Iterable[Instrument], exchange: str) -> Ints:
    """When the session of each expiry ends."""
    calendar = calendar_of(exchange)
    held: dict[tuple[str, int], int] = {}
    until = []
    for each in instruments:
        if each.expiry is None:
            until.append(_FOREVER)
            continue
        key = (each.underlying, each.expiry)
        if key not in held:
            held[key] = calendar.hours(each.expiry, each.underlying)[1]
        until.append(held[key])
    return np.array(until, np.int64)
