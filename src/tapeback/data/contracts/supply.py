"""What a script's run gives when it names an instrument that nobody loaded for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import NamedTuple

import msgspec
import numpy as np

from tapeback.broker.ports import Contracts
from tapeback.data.cache import CacheManager
from tapeback.data.cache.provider import CacheDataProvider
from tapeback.data.contracts.board import ContractBoard
from tapeback.data.contracts.continuous import continuous, is_continuous
from tapeback.data.contracts.mapping import Alias, aliased
from tapeback.data.contracts.modelled import RATE, modelled_option
from tapeback.data.contracts.names import is_expiry
from tapeback.data.contracts.ruled import MONTHLY_LIFE, WEEKLY_LIFE, RuledContracts, optioned
from tapeback.data.contracts.united import (
    UnitedContracts,
    contracts_of_master,
    contracts_of_series,
)
from tapeback.data.provider import DataProvider, DataRequest
from tapeback.data.quality import Policy
from tapeback.errors import ConfigError, DataError, DataNotFoundError
from tapeback.market import timeframes
from tapeback.market.candles import Candles
from tapeback.market.contracts.expiries import expiry_kind
from tapeback.market.contracts.master import MasterContract
from tapeback.market.instruments import INDEX_UNDERLYINGS, expiry_text, instrument_of
from tapeback.market.settling.corporate_actions import ActionBook
from tapeback.models.finding import Origin
from tapeback.models.instrument import EXCHANGES, Instrument
from tapeback.utils.clock import DAY_NS, date_of_day, day_number, midnight

Key = tuple[str, str]

VOLATILITY_INDEX = ("INDIAVIX", "NSE_INDEX")
_SPOTS = {"NFO": ("NSE_INDEX", "NSE"), "BFO": ("BSE_INDEX", "BSE")}
# A future serves options that expire before it, of its own month or the one before.
_NEAREST_FUTURE = 45
# No contract but index options was listed longer before its expiry.
_LONGEST_LISTED = 130


class Modelling(msgspec.Struct, frozen=True):
    """How options without bars are priced (`modelled_option`): by India VIX, or where it says
    nothing by `volatility`, a share a year; `shift` is added to either."""

    volatility: float | None = None
    shift: float = 0.0
    rate: float = RATE


class Absent(NamedTuple):
    """An instrument that was asked for and that nothing is known of: why, and the one command or
    option that would bring it."""

    symbol: str
    exchange: str
    reason: str
    remedy: str


class Supply:
    """The `source` of a tape: the bars of any instrument that a script names, None where there are
    none.

    In this order: the run's `own` series, the `aliases`, the cache, Historify where it is given,
    continuous futures of the cache, and with a `modelling` options without bars of their own. Bars
    are the finest there are of the run's days (Indian day numbers, both included), with all that
    is known before them. What was given is the same object each time; what was not is in `absent`.
    Raises ConfigError for aliases that contradict each other or the run's series, and what a source
    raises that cannot be read.
    """

    def __init__(
        self,
        own: Sequence[Candles],
        *,
        cache: CacheManager,
        first_day: int,
        last_day: int,
        historify: DataProvider | None = None,
        aliases: Iterable[Alias] = (),
        modelling: Modelling | None = None,
        master: MasterContract | None = None,
        policy: Policy = "repair",
        actions: ActionBook | None = None,
    ) -> None:
        self.first_day, self.last_day = first_day, last_day
        self.absent: dict[Key, Absent] = {}
        self._cache, self._historify = cache, historify
        self._modelling, self._master = modelling, master
        self._policy: Policy = policy
        self._provider = CacheDataProvider(cache, actions=actions, policy=policy)
        self._own: dict[Key, Candles] = {}
        for candles in sorted(own, key=lambda each: timeframes.duration(each.timeframe)):
            self._own.setdefault((candles.symbol, candles.exchange), candles)
        self._loaded: dict[Key, Candles | None] = dict(self._own)
        self._given: dict[Key, Candles | None] = {}
        self._futures_on: dict[str, dict[str, list[tuple[int, Key]]]] = {}
        self._lives: dict[tuple[str, str, int], Candles] = {}
        self._aliases = self._checked(aliases)

    def __call__(self, symbol: str, exchange: str) -> Candles | None:
        """The bars of an instrument, loaded once."""
        key = symbol, exchange
        if key not in self._given:
            found = self._give(key)
            if isinstance(found, Absent):
                self.absent[key] = found
            self._given[key] = None if isinstance(found, Absent) else found
        return self._given[key]

    @property
    def origins(self) -> tuple[tuple[str, Origin], ...]:
        """Where all that was loaded comes from, by the name of the series: what was given, and the
        underlyings and volatilities by which options were modelled."""
        used = {**self._loaded, **self._given}
        found = [candles for candles in used.values() if candles is not None]
        return tuple((candles.series.name, candles.origin) for candles in found)

    @property
    def modelled(self) -> frozenset[Key]:
        """The instruments whose prices a model made, by symbol and exchange."""
        return frozenset(
            key
            for key, candles in self._given.items()
            if candles is not None and candles.origin.kind == "modelled"
        )

    @cached_property
    def contracts(self) -> Contracts:
        """What is listed at an instant: the run's own series, the stored contracts, the user's
        master contract and, where options are modelled, those that the exchange's rules make."""
        parts: list[Contracts] = [contracts_of_series(list(self._own.values())), self._board]
        if self._master is not None:
            parts.append(contracts_of_master(self._master))
        if self._modelling is not None:
            parts.append(RuledContracts(self.spot, optioned(self._own)))
        return UnitedContracts(parts)

    def spot(self, underlying: str, exchange: str, ts: int) -> float | None:
        """The last price of an underlying of contracts on an exchange at an instant, ns UTC: of its
        index or share, else of its nearest future; None before the first."""
        for place in _SPOTS.get(exchange, ()):
            candles = self._known((underlying, place))
            price = None if candles is None else _price(candles, ts)
            if price is not None:
                return price
        for key in self._futures(underlying, exchange, day_number(ts)):
            candles = self._known(key)
            price = None if candles is None else _price(candles, ts)
            if price is not None:
                return price
        return None

    def underlying_of(self, instrument: Instrument) -> Candles | None:
        """The bars by which an option is modelled: of the future that expires with it or next after
        it, else of the index or the share; of several the finest, then those of most days."""
        if instrument.expiry is None:
            return None
        name, exchange = instrument.underlying, instrument.exchange
        keys = self._futures(name, exchange, instrument.expiry)
        keys += [(name, place) for place in _SPOTS.get(exchange, ())]
        found = [candles for key in keys if (candles := self._known(key)) is not None]
        fitting = [each for each in found if timeframes.duration(each.timeframe) <= DAY_NS]
        if not fitting:
            return None
        last = min(self.last_day, instrument.expiry)
        return min(
            fitting,
            key=lambda each: (timeframes.duration(each.timeframe), -self._days(each, last)),
        )

    # Looking -------------------------------------------------------------------------------

    @cached_property
    def _board(self) -> ContractBoard:
        return ContractBoard(self._cache)

    def _give(self, key: Key) -> Candles | Absent:
        alias = self._aliases.get(key)
        asked = key if alias is None else alias.given
        if asked[1] not in EXCHANGES:
            return Absent(*key, f"there is no exchange {asked[1]}", "Correct the exchange.")
        candles = self._known(asked)
        if candles is not None:
            return candles if alias is None else aliased(candles, alias)
        instrument = instrument_of(*asked)
        if instrument.kind == "option" and self._modelling is not None and alias is None:
            return self._model(instrument, self._modelling)
        return Absent(*key, *self._missing(instrument))

    def _known(self, key: Key) -> Candles | None:
        """The bars that some source has of an instrument, without a word where none has."""
        if key not in self._loaded:
            self._loaded[key] = self._load(*key)
        return self._loaded[key]

    def _load(self, symbol: str, exchange: str) -> Candles | None:
        stored = self._cache.stored(symbol=symbol, exchange=exchange)
        begins, ends = midnight(self.first_day), midnight(self.last_day + 1)
        for one in sorted(stored, key=lambda one: timeframes.duration(one.series.timeframe)):
            if one.last_ts < begins - timeframes.duration(one.series.timeframe):
                continue
            if one.first_ts < ends:
                candles = self._fetch(self._provider, symbol, exchange, one.series.timeframe)
                if candles is not None:
                    return candles
        if self._historify is not None:
            candles = self._fetch(self._historify, symbol, exchange, None)
            if candles is not None:
                return candles
        if not is_continuous(symbol):
            return None
        try:
            request = self._request(symbol, exchange, None)
            return self._within(continuous(request, self._cache, policy=self._policy))
        except DataNotFoundError:
            return None

    def _fetch(
        self, provider: DataProvider, symbol: str, exchange: str, timeframe: str | None
    ) -> Candles | None:
        try:
            return self._within(provider.fetch(self._request(symbol, exchange, timeframe)))
        except DataNotFoundError:
            return None

    def _request(self, symbol: str, exchange: str, timeframe: str | None) -> DataRequest:
        end = date_of_day(self.last_day)
        return DataRequest(symbol=symbol, exchange=exchange, timeframe=timeframe, end=end)

    def _within(self, candles: Candles) -> Candles | None:
        """The candles, None where all of them are over before the run begins."""
        return candles if int(candles.ends[-1]) > midnight(self.first_day) else None

    def _futures(self, underlying: str, exchange: str, day: int) -> list[Key]:
        """The futures known of an underlying that expire on a day or within six weeks after it, the
        first to expire first; then its own continuous series."""
        if exchange not in self._futures_on:
            self._futures_on[exchange] = self._list_futures(exchange)
        known = self._futures_on[exchange].get(underlying, [])
        keys = [key for expiry, key in known if day <= expiry <= day + _NEAREST_FUTURE]
        near = f"{underlying}-I", exchange
        return [*keys, near] if near in self._own else keys

    def _list_futures(self, exchange: str) -> dict[str, list[tuple[int, Key]]]:
        """The futures that have bars, by underlying, in order of their expiries."""
        stored = (one.series for one in self._cache.stored(exchange=exchange))
        keys = {*self._own, *((series.symbol, exchange) for series in stored)}
        found: dict[str, list[tuple[int, Key]]] = {}
        for symbol, place in keys:
            future = instrument_of(symbol, place)
            if place == exchange and future.kind == "future" and future.expiry is not None:
                found.setdefault(future.underlying, []).append((future.expiry, (symbol, place)))
        return {underlying: sorted(each) for underlying, each in found.items()}

    def _days(self, candles: Candles, last: int) -> int:
        days = candles.days[candles.session_firsts]
        return int(np.count_nonzero((days >= self.first_day) & (days <= last)))

    # Modelling -----------------------------------------------------------------------------

    def _model(self, instrument: Instrument, how: Modelling) -> Candles | Absent:
        """An option by the model, over the time in which the likes of it are listed."""
        key, expiry = (instrument.symbol, instrument.exchange), instrument.expiry
        if expiry is None or not instrument.strike > 0 or is_expiry(instrument) is False:
            reason = f"{instrument.symbol} is no option of {instrument.underlying} that there was"
            return Absent(*key, reason, "Take its expiry from those that the expiry call lists.")
        if expiry < self.first_day or expiry > self.last_day + _LONGEST_LISTED:
            return Absent(*key, *self._missing(instrument))
        underlying = self.underlying_of(instrument)
        if underlying is None:
            spot = _spot_of(instrument)
            reason = f"there are no bars of {spot.symbol}:{spot.exchange} to model it by"
            return Absent(*key, reason, self._missing(spot)[1])
        index = instrument.underlying in INDEX_UNDERLYINGS
        vix = self._known(VOLATILITY_INDEX) if index else None
        volatility = how.volatility if vix is None else vix
        if volatility is None:
            remedy = "Set data.option_volatility, e.g. 0.15"
            fetched = f", or fetch India VIX: {self._fetch_command(VOLATILITY_INDEX)}"
            reason = "there is no volatility to model it by"
            return Absent(*key, reason, f"{remedy}{fetched if index else ''}.")
        bars = self._life(underlying, instrument, expiry)
        if not len(bars):
            return Absent(*key, "it is not listed yet when the run ends", "Name a nearer expiry.")
        try:
            return modelled_option(
                instrument,
                bars,
                volatility=volatility,
                rate=how.rate,
                shift=how.shift,
                otherwise=how.volatility,
            )
        except DataError as error:
            return Absent(*key, error.what.rstrip("."), error.remedy or "")

    def _life(self, underlying: Candles, instrument: Instrument, expiry: int) -> Candles:
        """The bars of an underlying over the life of options that expire on a day, the same object
        for all of them, which works out its times but once."""
        key = underlying.symbol, underlying.exchange, expiry
        if key not in self._lives:
            kind = expiry_kind(instrument.underlying, instrument.exchange, expiry)
            first = expiry - (WEEKLY_LIFE if kind == "weekly" else MONTHLY_LIFE)
            self._lives[key] = underlying.between(midnight(first), midnight(expiry + 1))
        return self._lives[key]

    # What is not there ---------------------------------------------------------------------

    def _missing(self, instrument: Instrument) -> tuple[str, str]:
        """Why there are no bars of an instrument, and what would bring them."""
        expiry, option = instrument.expiry, instrument.kind == "option"
        if expiry is not None and expiry < self.first_day:
            reason = f"it expired on {expiry_text(expiry)}, before the run begins"
            return reason, "Name a contract that had not expired by then, or --map it to one."
        if expiry is not None and expiry > self.last_day + _LONGEST_LISTED:
            equivalent = f"{instrument.underlying}-I"
            if option:
                equivalent = f"{instrument.underlying}:week1:ATM:{instrument.option_type}"
            reason = "it was not listed yet when the run ends"
            return reason, f"Say what stands for it: --map {instrument.symbol}={equivalent}."
        first, last = date_of_day(self.first_day), date_of_day(self.last_day)
        reason = f"no bars of it are kept of {first} to {last}"
        modelled = ""
        if option and self._modelling is None:
            modelled = ", or let a model price it: --set data.options_data=modelled"
        if is_continuous(instrument.symbol):
            return reason, "Import its months' futures: tapeback data import FOLDER."
        if expiry is not None and expiry < day_number(self._cache.clock.now()):
            remedy = "OpenAlgo has no expired contracts; import a file: tapeback data import FILE"
            return reason, f"{remedy}{modelled}."
        command = self._fetch_command((instrument.symbol, instrument.exchange))
        return reason, f"Fetch them: {command}{modelled}."

    def _fetch_command(self, key: Key) -> str:
        symbol, exchange = key
        return (
            f"tapeback data fetch {symbol} --exchange {exchange} --timeframe 1m "
            f"--start {date_of_day(self.first_day)} --end {date_of_day(self.last_day)}"
        )

    def _checked(self, aliases: Iterable[Alias]) -> dict[Key, Alias]:
        found: dict[Key, Alias] = {}
        for alias in aliases:
            name = ":".join(alias.asked)
            if alias.asked in self._own:
                raise ConfigError(
                    f"--alias: {name} has bars of its own in this run.",
                    remedy="Leave out the alias, or its --data.",
                )
            if found.setdefault(alias.asked, alias) != alias:
                raise ConfigError(f"--alias: {name} is given twice.", remedy="Give it once.")
        return found


def _spot_of(option: Instrument) -> Instrument:
    """What an option is written on: the index or the share, on other exchanges its future."""
    index, cash = _SPOTS.get(option.exchange, (option.exchange, option.exchange))
    named = index if option.underlying in INDEX_UNDERLYINGS else cash
    return instrument_of(option.underlying, named)


def _price(candles: Candles, ts: int) -> float | None:
    """The last close at an instant; of a first bar that is under way the open; None before it."""
    closed = int(np.searchsorted(candles.ends, ts, side="right"))
    if closed:
        return float(candles.close[closed - 1])
    begun = len(candles) and int(candles.starts[0]) <= ts
    return float(candles.open[0]) if begun else None
