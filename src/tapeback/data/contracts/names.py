"""Which contract a file name, a symbol or a row of columns means, whoever wrote it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from functools import lru_cache
from pathlib import PurePath
from typing import Literal, NamedTuple

from tapeback.errors import DataError, DataFormatError
from tapeback.market.calendar import calendar_of
from tapeback.market.contracts.expiries import Expiry, expiries
from tapeback.market.contracts.underlyings import has_derivatives
from tapeback.market.dated import table
from tapeback.market.instruments import INDEX_UNDERLYINGS, instrument_of, symbol_of
from tapeback.models.instrument import DERIVATIVE_EXCHANGES, EXCHANGES, Instrument
from tapeback.utils.clock import date_of_day, day_of

Style = Literal["openalgo", "nse", "kite-month", "kite-week", "yymmdd"]
Days = tuple[int, int]

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEK_MONTHS = "123456789OND"
_MON = "|".join(_MONTHS)
_OPTION = r"(?P<strike>\d+(?:\.\d+)?)(?P<type>CE|PE)"
_EITHER = rf"(?:FUT|{_OPTION})"
_COMPACT: tuple[tuple[Style, re.Pattern[str]], ...] = (
    ("openalgo", re.compile(rf"(?P<d>\d\d)(?P<m>{_MON})(?P<y>\d\d){_EITHER}")),
    ("nse", re.compile(rf"(?P<d>\d\d)(?P<m>{_MON})20(?P<y>\d\d){_EITHER}")),
    ("kite-month", re.compile(rf"(?P<y>\d\d)(?P<m>{_MON}){_EITHER}")),
    ("kite-week", re.compile(rf"(?P<y>\d\d)(?P<m>[{_WEEK_MONTHS}])(?P<d>\d\d){_OPTION}")),
    ("yymmdd", re.compile(rf"(?P<y>\d\d)(?P<m>\d\d)(?P<d>\d\d){_OPTION}")),
)
_DATE = (
    rf"(?:(?P<d1>\d{{1,2}})-?(?P<m1>{_MON})-?(?:20)?(?P<y1>\d\d)"
    r"|20(?P<y2>\d\d)-?(?P<m2>\d\d)-?(?P<d2>\d\d)|(?P<d3>\d\d)-(?P<m3>\d\d)-20(?P<y3>\d\d))"
)
_TYPE = r"(?:CE|PE|CALL|PUT)"
_STRIKE = r"\d+(?:\.\d+)?"
_BASE = r"(?P<base>[A-Z0-9&][A-Z0-9&-]*?)"
_SPACED = tuple(
    re.compile(form)
    for form in (
        rf"{_BASE}-{_DATE}-(?P<strike>{_STRIKE})-?(?P<type>{_TYPE})",
        rf"{_BASE}-{_DATE}-(?P<type>{_TYPE})-?(?P<strike>{_STRIKE})",
        rf"{_BASE}-(?P<strike>{_STRIKE})-?(?P<type>{_TYPE})-{_DATE}",
        rf"{_BASE}-{_DATE}-(?:FUT|XX(?:-0)?)",
        rf"{_BASE}-FUT-{_DATE}",
    )
)
_BASE_ALONE = re.compile(r"[A-Z0-9&](?:[A-Z0-9&-]*[A-Z0-9&])?")
_KINDS = frozenset({"FUTIDX", "FUTSTK", "FUTCOM", "FUTCUR", "OPTIDX", "OPTSTK", "OPTFUT", "OPTCUR"})
_FUTURE = re.compile(r"FUT(?:IDX|STK|COM|CUR)(?:-|$)")
_LENGTH = re.compile(
    r"\d*(?:S|SEC|M|MIN|MINS|MINUTE|MINUTES|H|HR|HOUR|D|DAY|DAILY|INTRADAY)|EOD|OHLCV?|DATA"
)
_SUFFIXES = re.compile(r"(?:\.(?:csv|txt|gz|parquet|pq|json|zip))+$", re.IGNORECASE)
_FUTURE_TYPES = frozenset({"", "-", "XX", "FF", "FUT", "FUTIDX", "FUTSTK", "NAN", "IDF", "STF"})
_OPTION_TYPES = {"CE": "CE", "PE": "PE", "CA": "CE", "PA": "PE", "C": "CE", "P": "PE"}
_OPTION_TYPES |= {"CALL": "CE", "PUT": "PE"}
_ALIASES = {
    "NIFTY 50": "NIFTY",
    "NIFTY50": "NIFTY",
    "NIFTY BANK": "BANKNIFTY",
    "BANK NIFTY": "BANKNIFTY",
    "NIFTY FIN SERVICE": "FINNIFTY",
    "NIFTY NEXT 50": "NIFTYNXT50",
    "NIFTY MIDCAP SELECT": "MIDCPNIFTY",
    "BSE SENSEX": "SENSEX",
}
_BSE = frozenset({"SENSEX", "BANKEX", "SENSEX50"})
_SPOTS = {"NSE": "NFO", "NSE_INDEX": "NFO", "BSE": "BFO", "BSE_INDEX": "BFO"}
# No strike of a share or an index was ever above; what reads so is a year and a strike.
_HIGHEST_STRIKE = 200_000
# Outside these bounds a reading gives way to one inside: SBIN26JUN25800CE, NIFTY24OCT24500CE.
_HIGH_STOCK_STRIKE, _LOW_INDEX_STRIKE = 20_000, 1_000
# How long before its expiry a contract may have traded: long-dated index options five years,
# those on shares three months.
_LONGEST_INDEX, _LONGEST_STOCK = 1830, 130


class Reading(NamedTuple):
    """One way to read a name: the spelling it would be of, and the contract it would mean."""

    style: Style
    instrument: Instrument


def contract_named(
    text: str,
    exchange: str | None = None,
    *,
    days: Days | None = None,
    style: Style | None = None,
) -> Instrument | None:
    """The contract that a symbol or a file name means, None where it names none.

    Spellings: OpenAlgo `NIFTY25SEP2525000CE`, NSE `NIFTY-25SEP2025-25000-CE` in any case and with
    spaces or underscores, Kite `NIFTY2592325000CE`, `NIFTY25SEP25000CE` (the month's last expiry)
    and `NIFTY25SEPFUT`, and `NIFTY25092325000CE`. Where a name has several readings the one counts
    whose expiry is in the dated calendar, whose strike is usual and whose time suits the `days` of
    its bars (first and last Indian day number); `style` is the spelling of the names around it.
    Raises DataFormatError with all readings where these leave more than one, or none.
    """
    readings = readings_of(text, exchange)
    if not readings:
        return None
    if days is not None:
        readings = [each for each in readings if _may_trade(each.instrument, days)] or readings
    if style is not None:
        readings = [each for each in readings if each.style == style] or readings
    ranks = [_confirmed(each.instrument) for each in readings]
    best = [each for each, rank in zip(readings, ranks, strict=True) if rank == max(ranks)]
    best = [each for each in best if _has_usual_strike(each.instrument)] or best
    if len(best) > 1:
        raise _undecided(text, best, "could each be meant")
    if max(ranks) == 0 and best[0].style in ("kite-week", "yymmdd"):
        raise _undecided(text, best, "is no day on which such contracts expired")
    return best[0].instrument


def readings_of(text: str, exchange: str | None = None) -> list[Reading]:
    """Every contract that a symbol or a file name could mean, one entry for each."""
    found: dict[str, Reading] = {}
    for reading in _readings(text, _exchange_in(text, exchange)):
        found.setdefault(reading.instrument.symbol, reading)
    return list(found.values())


def common_style(texts: Iterable[str], exchange: str | None = None) -> Style | None:
    """The one spelling of all names that have a single reading; None where they differ."""
    styles: Counter[Style] = Counter()
    for text in texts:
        readings = readings_of(text, exchange)
        if len(readings) == 1:
            styles[readings[0].style] += 1
    # Kite's months and weeks are one spelling; a month is what can be mistaken.
    if styles and styles.keys() <= {"kite-week", "kite-month"}:
        return "kite-month"
    return next(iter(styles)) if len(styles) == 1 else None


def contract_of(
    underlying: str,
    expiry: int,
    *,
    strike: float = 0.0,
    option_type: str = "",
    exchange: str | None = None,
) -> Instrument:
    """The contract that separate columns describe; `expiry` is an Indian day number, the type any
    of CE, PE, CALL, PUT, C, P, or XX, FUT or nothing for a future.

    Raises DataFormatError where they describe none.
    """
    name = underlying.strip().upper()
    name = _ALIASES.get(name, name)
    kind = option_type.strip().upper()
    if kind not in _OPTION_TYPES and kind not in _FUTURE_TYPES:
        raise DataFormatError(
            f"{option_type!r} is no type of contract.", remedy="Write CE, PE or FUT."
        )
    if not _BASE_ALONE.fullmatch(name):
        raise DataFormatError(
            f"{underlying!r} is no underlying.", remedy="Write its symbol, e.g. NIFTY."
        )
    try:
        symbol = symbol_of(
            name,
            expiry,
            strike=strike if kind in _OPTION_TYPES else 0.0,
            option_type=_OPTION_TYPES.get(kind, ""),
        )
    except DataError as error:
        raise DataFormatError(error.what) from None
    return instrument_of(symbol, derivatives_exchange(name, exchange))


def derivatives_exchange(underlying: str, exchange: str | None = None) -> str:
    """Where contracts on an underlying are listed: on `exchange`, or the derivatives side of it,
    else where that underlying is known to be."""
    if exchange is not None:
        named = _SPOTS.get(exchange, exchange)
        if named in DERIVATIVE_EXCHANGES:
            return named
        raise DataFormatError(
            f"there are no contracts on {exchange}.", remedy="Use NFO, BFO, MCX or CDS."
        )
    if underlying in _BSE:
        return "BFO"
    contracts = table("contracts")
    if underlying in contracts["currencies"]:
        return "CDS"
    return "MCX" if underlying in contracts["commodities"] else "NFO"


def month_expiry(underlying: str, exchange: str, year: int, month: int) -> int | None:
    """The Indian day number of the last expiry of a month by the dated rules, None without one."""
    first = day_of(date(year, month, 1))
    last = day_of(date(year + month // 12, month % 12 + 1, 1)) - 1
    try:
        found = expiries(underlying, exchange, first, last, _trading_day(exchange))
    except DataError:
        return None
    return found[-1].day if found else None


def is_expiry(instrument: Instrument) -> bool | None:
    """Whether contracts of this kind expired on the day; None where no rule is known."""
    found = _expiries_on(instrument.underlying, instrument.exchange, instrument.expiry or 0)
    return None if found is None else bool(found)


def _readings(text: str, exchange: str | None) -> Iterator[Reading]:
    """Readings of the first way to take a name apart that gives any: a word of it as a whole
    symbol, the words as columns, all words run together."""
    words = _words(text)
    for word in words:
        found = [*_compact(word, exchange)]
        yield from found
        if found:
            return
    joined = "-".join(words)
    for form in _SPACED:
        match = form.fullmatch(joined)
        if match is not None and (reading := _spaced(match, exchange)):
            yield reading
            return
    if len(words) > 1 or "-" in joined:
        yield from _compact(joined.replace("-", ""), exchange)


def _words(text: str) -> list[str]:
    """The parts of a name that may tell the contract."""
    stem = _SUFFIXES.sub("", PurePath(text.strip()).name).upper()
    words = re.split(r"[_\s,:]+|\.(?!\d)", stem)
    future = any(_FUTURE.match(word) for word in words)
    words = [word for word in words if word and word not in EXCHANGES and word not in _KINDS]
    words += ["FUT"] if future else []
    kept = [word for word in words if not _LENGTH.fullmatch(word)]
    if kept and (parts := kept[-1].rsplit("-", 1))[1:] and _LENGTH.fullmatch(parts[1]):
        kept[-1] = parts[0]
    return [re.sub(rf"^(?:{'|'.join(_KINDS)}|NFO|BFO|MCX|CDS)-", "", word) for word in kept]


def _exchange_in(text: str, exchange: str | None) -> str | None:
    """The exchange that is asked for, or named in the text, where it has derivatives."""
    if exchange is not None:
        return exchange
    words = re.split(r"[\W_]+", text.upper())
    return next((word for word in words if word in DERIVATIVE_EXCHANGES), None)


def _compact(word: str, exchange: str | None) -> Iterator[Reading]:
    for style, form in _COMPACT:
        for end in range(1, len(word)):
            match = form.fullmatch(word, end)
            if match is None or not _is_base(word[:end], style):
                continue
            reading = _read(style, word[:end], match, exchange)
            if reading is not None:
                yield reading


def _is_base(base: str, style: Style) -> bool:
    """Whether the head of a symbol can be an underlying: where digits follow it, only a known one
    ends in digits of its own."""
    if not _BASE_ALONE.fullmatch(base) or base.isdigit():
        return False
    if style == "kite-week":
        return base in INDEX_UNDERLYINGS
    return style != "yymmdd" or not base[-1].isdigit() or _is_underlying(base)


def _is_underlying(base: str) -> bool:
    return base in INDEX_UNDERLYINGS or has_derivatives(base)


def _read(style: Style, base: str, match: re.Match[str], exchange: str | None) -> Reading | None:
    parts = match.groupdict()
    year = 2000 + int(parts["y"])
    if style == "kite-month":
        place = derivatives_exchange(base, exchange)
        expiry = month_expiry(base, place, year, _MONTHS.index(parts["m"]) + 1)
    else:
        expiry = _day(year, parts["m"], int(parts["d"]), style)
    strike = float(parts["strike"] or 0)
    if expiry is None or (parts["type"] and not strike > 0):
        return None
    return _reading(style, base, expiry, strike, parts["type"] or "", exchange)


def _reading(
    style: Style, base: str, expiry: int, strike: float, kind: str, exchange: str | None
) -> Reading | None:
    contract = contract_of(base, expiry, strike=strike, option_type=kind, exchange=exchange)
    if contract.exchange in ("NFO", "BFO") and contract.strike > _HIGHEST_STRIKE:
        return None
    return Reading(style, contract)


def _spaced(match: re.Match[str], exchange: str | None) -> Reading | None:
    parts = match.groupdict()
    for which in "123":
        if parts[f"d{which}"] is not None:
            day, month, year = (parts[f"{unit}{which}"] for unit in "dmy")
    if any(piece.isdigit() for piece in parts["base"].split("-")):
        return None
    expiry = _day(2000 + int(year), month, int(day), "nse")
    strike = float(parts.get("strike") or 0)
    kind = parts.get("type") or ""
    if expiry is None or (kind and not strike > 0):
        return None
    return _reading("nse", parts["base"], expiry, strike, kind, exchange)


def _day(year: int, month: str, day: int, style: Style) -> int | None:
    """The day number of a date in one of the spellings of months; None for no such date."""
    if style == "kite-week":
        number = _WEEK_MONTHS.index(month) + 1
    else:
        number = int(month) if month.isdigit() else _MONTHS.index(month) + 1
    try:
        return day_of(date(year, number, day))
    except ValueError:
        return None


def _may_trade(instrument: Instrument, days: Days) -> bool:
    """Whether a contract can have traded on all of `days`."""
    assert instrument.expiry is not None
    stock = instrument.exchange in ("NFO", "BFO") and not _index(instrument)
    longest = _LONGEST_STOCK if stock else _LONGEST_INDEX
    return days[1] <= instrument.expiry <= days[0] + longest


def _has_usual_strike(instrument: Instrument) -> bool:
    if instrument.kind != "option" or instrument.exchange not in ("NFO", "BFO"):
        return True
    if _index(instrument):
        return instrument.strike >= _LOW_INDEX_STRIKE
    return instrument.strike < _HIGH_STOCK_STRIKE


def _index(instrument: Instrument) -> bool:
    return instrument.underlying in INDEX_UNDERLYINGS


def _confirmed(instrument: Instrument) -> int:
    """How well the dated calendar knows an expiry: 2 for certain, 1 where no rule or no holidays
    are known, 0 not at all."""
    known = is_expiry(instrument)
    if known is None:
        return 1
    if not known:
        return 0
    return 1 if calendar_of(instrument.exchange).projected(instrument.expiry or 0) else 2


@lru_cache(4096)
def _expiries_on(underlying: str, exchange: str, day: int) -> tuple[Expiry, ...] | None:
    try:
        return tuple(expiries(underlying, exchange, day, day, _trading_day(exchange)))
    except DataError:
        return None


def _trading_day(exchange: str) -> Callable[[int], bool]:
    calendar = calendar_of(exchange)
    return lambda day: calendar.session(day) is not None


def _undecided(text: str, readings: list[Reading], why: str) -> DataFormatError:
    named = " and ".join(
        f"{each.instrument.symbol} ({date_of_day(each.instrument.expiry or 0):%d-%b-%Y})"
        for each in readings
    )
    return DataFormatError(
        f"{text!r} is not clear: {named} {why}.",
        remedy="Write it in OpenAlgo's spelling, e.g. NIFTY25SEP2525000CE, as a symbol or as the "
        "file's name.",
    )
