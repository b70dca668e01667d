"""Master contracts from CSV files in the columns of OpenAlgo's symbol table."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from tapeback.data.user_tables import UserRow, UserTable, parse_day
from tapeback.errors import DataFormatError, did_you_mean
from tapeback.market.contracts.master import Listing, MasterContract
from tapeback.market.instruments import instrument_of
from tapeback.models.instrument import (
    DERIVATIVE_EXCHANGES,
    EXCHANGES,
    INDEX_EXCHANGES,
    Instrument,
    InstrumentKind,
)

_REQUIRED = ("symbol", "exchange", "expiry", "strike", "lotsize", "instrumenttype", "tick_size")
_OPTIONAL = ("name", "brsymbol", "brexchange", "token")
PAISE = 100
# Where ticks below a rupee are the rule.
_PAISA_EXCHANGES = frozenset({"NSE", "BSE", "NFO", "BFO"})


def read_master_contract(path: str | Path) -> MasterContract:
    """The master contract of a CSV file: symbol, brsymbol, name, exchange, brexchange, token,
    expiry, strike, lotsize, instrumenttype, tick_size.

    Ticks may be in rupees or, as some brokers have them, all in paise. Raises DataNotFoundError,
    and DataFormatError that names every row and column it cannot use.
    """
    table = UserTable(Path(path), _REQUIRED, _OPTIONAL)
    listings: dict[tuple[str, str], Listing] = {}
    for row in table:
        listing = _listing(row)
        if not row.sound:
            continue
        key = (listing.instrument.symbol, listing.instrument.exchange)
        if listings.setdefault(key, listing).instrument != listing.instrument:
            row.fault("symbol", "was listed above with other terms")
    table.check()
    if not listings:
        raise DataFormatError("the file lists no instrument.", where=str(table.path))
    rows = list(listings.values())
    if in_paise([listing.instrument for listing in rows]):
        rows = [_in_rupees(listing) for listing in rows]
    return MasterContract(rows, source=Path(path).name)


def _listing(row: UserRow) -> Listing:
    symbol = row.read("symbol", _symbol, "")
    exchange = row.read("exchange", _exchange, "NSE")
    if exchange in INDEX_EXCHANGES:
        # Not traded itself: brokers list it without lot and tick.
        return _named(row, msgspec.structs.replace(instrument_of(symbol, exchange), listed=True))
    lot = row.read("lotsize", _lot, 1)
    tick = row.read("tick_size", _tick, 0.05)
    strike = row.read("strike", _strike, 0.0)
    expiry = row.read("expiry", _expiry, None)
    parsed = instrument_of(symbol, exchange)
    kind = _kind(row, parsed)
    if kind in ("future", "option"):
        _compare(row, parsed, expiry, strike)
        if parsed.expiry is None and expiry is None:
            row.fault("expiry", "is empty, and the symbol names none")
    instrument = Instrument(
        symbol,
        exchange,
        kind,
        lot_size=lot,
        tick_size=tick,
        underlying=_underlying(row, parsed, kind),
        option_type=_option_type(row, parsed) if kind == "option" else "",
        strike=(parsed.strike or max(strike, 0.0)) if kind == "option" else 0.0,
        expiry=(parsed.expiry or expiry) if kind in ("future", "option") else None,
        listed=True,
    )
    return _named(row, instrument)


def _named(row: UserRow, instrument: Instrument) -> Listing:
    return Listing(
        instrument,
        name=row.text("name"),
        brsymbol=row.text("brsymbol"),
        brexchange=row.text("brexchange"),
        token=row.text("token"),
    )


def _kind(row: UserRow, parsed: Instrument) -> InstrumentKind:
    """What a row lists, by its type where that says so, else by its exchange and symbol."""
    if parsed.exchange not in DERIVATIVE_EXCHANGES:
        return "equity"
    name = row.text("instrumenttype").upper()
    if name in ("CE", "PE") or name.startswith("OPT"):
        if not _option_type(row, parsed):
            row.fault("instrumenttype", "leaves open whether the option is CE or PE")
        return "option"
    if name.startswith("FUT"):
        return "future"
    if parsed.expiry is None:
        row.fault("instrumenttype", "is neither FUT, CE nor PE")
    return parsed.kind


def _option_type(row: UserRow, parsed: Instrument) -> str:
    name = row.text("instrumenttype").upper()
    return name if name in ("CE", "PE") else parsed.option_type


def _underlying(row: UserRow, parsed: Instrument, kind: InstrumentKind) -> str:
    """The base of a contract's symbol, or the name beside a symbol that does not show it."""
    if kind in ("future", "option") and parsed.underlying == parsed.symbol:
        return row.text("name").upper() or parsed.symbol
    return parsed.underlying


def _compare(row: UserRow, parsed: Instrument, expiry: int | None, strike: float) -> None:
    """Reports columns that contradict the symbol."""
    if parsed.expiry is not None and expiry not in (None, parsed.expiry):
        row.fault("expiry", f"is not the day in {parsed.symbol}")
    if parsed.kind == "option" and strike > 0 and abs(strike - parsed.strike) > 1e-6:
        row.fault("strike", f"is not the strike in {parsed.symbol}")
    name = row.text("instrumenttype").upper()
    if parsed.option_type and name in ("CE", "PE", "FUT") and name != parsed.option_type:
        row.fault("instrumenttype", f"is not the type in {parsed.symbol}")


def in_paise(instruments: Iterable[Instrument]) -> bool:
    """Whether ticks are in paise: the options', which are one or five paise by any rule, are not
    below 1; without options, none on these exchanges is."""
    usual = [each for each in instruments if each.listed and each.exchange in _PAISA_EXCHANGES]
    options = [each for each in usual if each.kind == "option"]
    return bool(usual) and all(each.tick_size >= 1 for each in options or usual)


def _in_rupees(listing: Listing) -> Listing:
    tick = listing.instrument.tick_size / PAISE
    return msgspec.structs.replace(
        listing, instrument=msgspec.structs.replace(listing.instrument, tick_size=tick)
    )


def _symbol(text: str) -> str:
    if not text or any(sign.isspace() for sign in text):
        raise ValueError("is no symbol such as SBIN or NIFTY24NOV26FUT")
    return text


def _exchange(text: str) -> str:
    name = text.upper()
    if name not in EXCHANGES:
        raise ValueError(f"is no exchange{did_you_mean(name, EXCHANGES)}")
    return name


def _lot(text: str) -> int:
    value = _number(text, "is no whole number above 0")
    if not value.is_integer() or value < 1:
        raise ValueError("is no whole number above 0")
    return int(value)


def _tick(text: str) -> float:
    value = _number(text, "is no number above 0")
    if value <= 0:
        raise ValueError("is no number above 0")
    return value


def _strike(text: str) -> float:
    """Brokers write -1, -0.01 or nothing where there is no strike."""
    return _number(text, "is no number") if text else 0.0


def _expiry(text: str) -> int | None:
    return parse_day(text) if text else None


def _number(text: str, problem: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(problem) from None
    if not abs(value) < float("inf"):
        raise ValueError(problem)
    return value
