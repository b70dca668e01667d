"""Names typed into a live bot, answered with what they would have been on the dates run.

`--map NIFTY24NOV26FUT=NIFTY-I` reads a future as the near (`-II` next, `-III` far) month of each
date, `--map NIFTY28NOV2624000CE=NIFTY:week1:ATM+2:CE` an option by the rank of its expiry and its
listed strikes away from the money. `--alias RELIANCE:NSE=NIFTY:NSE_INDEX` answers one symbol with
another's bars.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

from tapeback.broker.ports import Contracts
from tapeback.data.contracts.names import derivatives_exchange
from tapeback.errors import ConfigError, DataError, DataNotFoundError
from tapeback.market.calendar import calendar_of
from tapeback.market.candles import Candles
from tapeback.market.contracts.expiries import expiries
from tapeback.market.contracts.strikes import nearest_strike
from tapeback.market.instruments import expiry_text, instrument_of, symbol_of
from tapeback.models.candle import Series
from tapeback.models.data_file import check_exchange, check_symbol
from tapeback.models.finding import Finding
from tapeback.models.instrument import Instrument
from tapeback.utils.clock import date_of_day, day_number, to_ist

Key = tuple[str, str]
# The last price of an underlying (its name, the exchange of its contracts) at an instant, ns UTC.
Spot = Callable[[str, str, int], float | None]
Held = Callable[[str, str], bool]

_FUTURE = re.compile(r"(?P<underlying>.+)-(?P<place>I{1,3})")
_EXPIRY = re.compile(r"(?P<kind>week|month)(?P<rank>[1-9]?)", re.IGNORECASE)
_STRIKE = re.compile(r"ATM(?:(?P<steps>[+-]\d{1,2}))?|(?P<side>ITM|OTM)(?P<count>[1-9]\d?)")
_MAP_FORMS = (
    "Write --map NIFTY24NOV26FUT=NIFTY-I (near month; -II next, -III far), or "
    "--map NIFTY28NOV2624000CE=NIFTY:week1:ATM+2:CE: week1, week2, month1 … is the rank of the "
    "expiry, ATM, ATM+2, ATM-1, ITM1, OTM3 the listed strike."
)
_ALIAS_FORM = "Write --alias SYMBOL:EXCHANGE=SYMBOL:EXCHANGE, e.g. RELIANCE:NSE=NIFTY:NSE_INDEX."
_AN = {"future": "a future", "option": "an option"}
# The sixth month lies no further ahead.
_AHEAD = 200


class SymbolMap(msgspec.Struct, frozen=True):
    """What a typed contract stands for: of the options (or futures) of its underlying the `rank`th
    `week` or `month` to expire, 1 the next; of options the listed strike `steps` above the middle
    one, below it where negative."""

    typed: Instrument
    kind: Literal["week", "month"]
    rank: int
    steps: int = 0


class Alias(msgspec.Struct, frozen=True):
    """A symbol with its exchange, and the one whose bars it is answered with."""

    asked: Key
    given: Key


def parse_map(text: str) -> SymbolMap:
    """Read `--map`; the typed contract may be followed by `:EXCHANGE`, the type may be left out.
    Raises ConfigError."""
    left, equals, right = text.strip().upper().partition("=")
    if not equals or not left or not right:
        raise _map_error(text, "is not TYPED=EQUIVALENT")
    typed = _typed(text, left)
    future = _FUTURE.fullmatch(right)
    parts = right.split(":")
    if future is not None:
        underlying, found = future["underlying"], SymbolMap(typed, "month", len(future["place"]))
        kind = "future"
    elif len(parts) in (3, 4):
        underlying, found, kind = parts[0], _option_map(text, typed, parts), "option"
    else:
        raise _map_error(text, f"{right} is no equivalent")
    if typed.kind != kind:
        raise _map_error(
            text, f"{right} stands for {_AN[kind]}, {typed.symbol} is {_AN[typed.kind]}"
        )
    if underlying != typed.underlying:
        raise ConfigError(
            f"--map {text}: {typed.symbol} is written on {typed.underlying}, not on {underlying}.",
            remedy=f"Map it to {typed.underlying}; --alias answers one symbol with another's bars.",
        )
    return found


def parse_alias(text: str) -> Alias:
    """Read `--alias`. Raises ConfigError."""
    asked, equals, given = text.strip().partition("=")
    if not equals:
        raise ConfigError(f"--alias {text}: has no =.", remedy=_ALIAS_FORM)
    alias = Alias(_key(text, asked), _key(text, given))
    if alias.asked == alias.given:
        raise ConfigError(f"--alias {text}: both sides are the same.", remedy=_ALIAS_FORM)
    return alias


def aliased(candles: Candles, alias: Alias) -> Candles:
    """The bars of `alias.given` under the name of `alias.asked`, marked as such."""
    symbol, exchange = alias.asked
    finding = Finding(
        code="alias",
        severity="warning",
        message=f"{symbol}:{exchange} was answered with the bars of {':'.join(alias.given)}",
        count=len(candles),
        of=len(candles),
    )
    origin = msgspec.structs.replace(
        candles.origin,
        detail=f"{candles.series.name} {candles.origin.detail}".rstrip(),
        findings=(*candles.findings, finding),
    )
    return Candles(Series(symbol, exchange, candles.timeframe), candles.columns, origin)


def future_at(rule: SymbolMap, contracts: Contracts, ts: int) -> Instrument:
    """The future that a typed one stands for at an instant: by the dated expiries of its months, or
    where no rule is known those that are listed. Where that contract is not listed the continuous
    series (`NIFTY-I`) takes its place if there is one. Raises DataNotFoundError."""
    typed = rule.typed
    expiry = _expiry_at(
        rule, contracts.expiries(typed.underlying, typed.exchange, "futures", ts), ts
    )
    names = [] if expiry is None else [symbol_of(typed.underlying, expiry)]
    names.append(f"{typed.underlying}-{'I' * rule.rank}")
    for name in names:
        found = contracts.symbol(name, typed.exchange, ts)
        if found is not None:
            return found
    raise DataNotFoundError(
        f"no future of {typed.underlying} that stands for {typed.symbol} is known at {_time(ts)}.",
        remedy=f"Import the bars of the month's future, or name them as {names[-1]}.",
    )


def option_at(rule: SymbolMap, contracts: Contracts, spot: Spot, ts: int) -> Instrument:
    """The option that a typed one stands for at an instant: the expiry by its rank, the strike by
    its place among those that are listed then. Raises DataNotFoundError."""
    typed = rule.typed
    name, exchange, kind = typed.underlying, typed.exchange, typed.option_type
    expiry = _expiry_at(rule, contracts.expiries(name, exchange, "options", ts), ts)
    strikes = [] if expiry is None else contracts.strikes(name, exchange, expiry, kind, ts)
    if expiry is None or not strikes:
        raise DataNotFoundError(
            f"no {kind} of {name} of {rule.kind}{rule.rank} is known at {_time(ts)}, for which "
            f"{typed.symbol} stands.",
            remedy="Import the bars of its contracts, or let data.options_data be modelled.",
        )
    price = spot(name, exchange, ts)
    if price is None:
        raise DataNotFoundError(
            f"no price of {name} is known at {_time(ts)}, by which the strike that stands for "
            f"{typed.symbol} is found.",
            remedy=f"Add the bars of {name}, or of its future.",
        )
    at = strikes.index(nearest_strike(strikes, price)) + rule.steps
    found = None
    if 0 <= at < len(strikes):
        symbol = symbol_of(name, expiry, strike=strikes[at], option_type=kind)
        found = contracts.symbol(symbol, exchange, ts)
    if found is None:
        raise DataNotFoundError(
            f"{typed.symbol} stands {rule.steps:+d} strikes from the money, beyond the "
            f"{len(strikes)} of {name} {expiry_text(expiry)} {kind} known at {_time(ts)}.",
            remedy="Map it to a strike nearer to the money.",
        )
    return found


class ContractMap:
    """The maps of a run: what each typed contract means on each date.

    An equivalent is chosen once an Indian date, at the first instant at which it is asked for and
    known, and kept beyond it while it is `held` (a position or a working order in it, by symbol and
    exchange).
    """

    def __init__(
        self, maps: Iterable[SymbolMap], contracts: Contracts, *, spot: Spot, held: Held
    ) -> None:
        self._contracts, self._spot, self._held = contracts, spot, held
        self._maps: dict[Key, SymbolMap] = {}
        for rule in maps:
            key = rule.typed.symbol, rule.typed.exchange
            if self._maps.setdefault(key, rule) != rule:
                raise ConfigError(
                    f"--map: {key[0]} is mapped twice.", remedy="Map each contract once."
                )
        self._now: dict[Key, tuple[int, Key]] = {}
        self._names: dict[Key, Key] = {}
        self._spans: dict[Key, list[tuple[int, str]]] = {}
        # Why a typed contract had no equivalent when it was last asked for, by symbol, exchange.
        self.failures: dict[Key, DataError] = {}

    def real(self, symbol: str, exchange: str, ts: int) -> Key | None:
        """What a name means at an instant; itself where it is not mapped, None where nothing that
        is known then stands for it (`failures` tells why)."""
        key = symbol, exchange
        rule = self._maps.get(key)
        if rule is None:
            return key
        day, found = self._now.get(key, (-1, None))
        if found is not None and (day == day_number(ts) or self._held(*found)):
            return found
        try:
            if rule.typed.kind == "future":
                instrument = future_at(rule, self._contracts, ts)
            else:
                instrument = option_at(rule, self._contracts, self._spot, ts)
        except DataError as error:
            self.failures[key] = error
            return None
        return self._note(key, (instrument.symbol, instrument.exchange), day_number(ts))

    def typed(self, symbol: str, exchange: str) -> Key:
        """The name under which a bot knows a contract; its own where none stood for it. Where two
        did, the one that was asked for last."""
        return self._names.get((symbol, exchange), (symbol, exchange))

    def findings(self) -> tuple[Finding, ...]:
        """What each typed contract stood for, and from when."""
        return tuple(
            Finding(
                code="mapped",
                severity="note",
                message=f"{symbol} stood for "
                + ", ".join(f"{name} from {date_of_day(day)}" for day, name in spans),
                count=len(spans),
                where=f"{date_of_day(spans[0][0])}",
            )
            for (symbol, _), spans in self._spans.items()
        )

    def _note(self, typed: Key, real: Key, day: int) -> Key:
        self.failures.pop(typed, None)
        self._now[typed] = day, real
        self._names[real] = typed
        spans = self._spans.setdefault(typed, [])
        if not spans or spans[-1][1] != real[0]:
            spans.append((day, real[0]))
        return real


def _expiry_at(rule: SymbolMap, listed: Iterable[int], ts: int) -> int | None:
    """The listed expiry of a rank: on the day that the dated rules name, or on another of the same
    week or month, for it may have been moved. Without rules the listed ones are counted."""
    typed, day = rule.typed, day_number(ts)
    calendar = calendar_of(typed.exchange)
    if ts >= calendar.hours(day, typed.symbol)[1]:
        day += 1
    known = sorted(expiry for expiry in listed if expiry >= day)
    try:
        found = expiries(
            typed.underlying,
            typed.exchange,
            day,
            day + _AHEAD,
            lambda one: calendar.session(one) is not None,
        )
    except DataError:
        ranked = known if rule.kind == "week" else _last_of_months(known)
        return ranked[rule.rank - 1] if rule.rank <= len(ranked) else None
    wanted = [each.day for each in found if rule.kind == "week" or each.kind == "monthly"]
    if rule.rank > len(wanted):
        return None
    named = wanted[rule.rank - 1]
    span = _week if rule.kind == "week" else _month
    same = [expiry for expiry in known if span(expiry) == span(named)]
    return named if named in known else same[-1] if same else None


def _last_of_months(known: list[int]) -> list[int]:
    return sorted({_month(expiry): expiry for expiry in known}.values())


def _week(day: int) -> int:
    return (day + 3) // 7


def _month(day: int) -> int:
    moment = date_of_day(day)
    return moment.year * 12 + moment.month


def _typed(text: str, left: str) -> Instrument:
    symbol, _, exchange = left.partition(":")
    try:
        check_symbol(symbol)
        if exchange:
            check_exchange(exchange)
        found = instrument_of(symbol, exchange or "NFO")
        if not exchange:
            found = instrument_of(symbol, derivatives_exchange(found.underlying))
    except (ValueError, DataError) as error:
        raise _map_error(text, f"{left} {error}") from None
    if found.expiry is None:
        raise _map_error(text, f"{symbol} is no contract in OpenAlgo's spelling")
    return found


def _option_map(text: str, typed: Instrument, parts: list[str]) -> SymbolMap:
    expiry, strike = _EXPIRY.fullmatch(parts[1]), _STRIKE.fullmatch(parts[2])
    if expiry is None:
        raise _map_error(text, f"{parts[1]} is no rank of an expiry")
    if strike is None:
        raise _map_error(text, f"{parts[2]} is no place among the strikes")
    if typed.kind == "option" and parts[3:] not in ([], [typed.option_type]):
        raise _map_error(text, f"{typed.symbol} is a {typed.option_type}, not a {parts[3]}")
    steps = int(strike["steps"] or 0)
    if strike["side"]:
        above = (strike["side"] == "OTM") == (typed.option_type == "CE")
        steps = int(strike["count"]) if above else -int(strike["count"])
    kind: Literal["week", "month"] = "week" if expiry["kind"] == "WEEK" else "month"
    return SymbolMap(typed, kind, int(expiry["rank"] or 1), steps)


def _key(text: str, part: str) -> Key:
    symbol, _, exchange = part.partition(":")
    try:
        return check_symbol(symbol), check_exchange(exchange)
    except ValueError as error:
        raise ConfigError(
            f"--alias {text}: {part or 'nothing'} {error}.", remedy=_ALIAS_FORM
        ) from None


def _map_error(text: str, why: str) -> ConfigError:
    return ConfigError(f"--map {text}: {why}.", remedy=_MAP_FORMS)


def _time(ts: int) -> str:
    return f"{to_ist(ts):%Y-%m-%d %H:%M}"
