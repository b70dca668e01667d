"""Instruments from Historify's `symbol_metadata`, which keeps contracts after their expiry."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from tapeback.data.historify.database import ContractRow
from tapeback.data.master import PAISE, in_paise
from tapeback.data.user_tables import parse_day
from tapeback.market.instruments import instrument_of
from tapeback.models.instrument import (
    DERIVATIVE_EXCHANGES,
    EXCHANGES,
    INDEX_EXCHANGES,
    Instrument,
    InstrumentKind,
)


def instruments_of(
    rows: Iterable[ContractRow], stored: Iterable[tuple[str, str]]
) -> list[Instrument]:
    """The instruments of all rows, and of (symbol, exchange) that have bars but no row, in order
    of exchange and symbol.

    Those with a lot and a tick are `listed`. What a symbol itself says of expiry, strike and type
    wins. Ticks are in rupees, or all in paise, as some brokers have them.
    """
    found = {
        (row.exchange, row.symbol): _instrument(row) for row in rows if row.exchange in EXCHANGES
    }
    if in_paise(found.values()):
        found = {key: _in_rupees(instrument) for key, instrument in found.items()}
    for symbol, exchange in stored:
        if exchange in EXCHANGES:
            found.setdefault((exchange, symbol), instrument_of(symbol, exchange))
    return [found[key] for key in sorted(found)]


def _instrument(row: ContractRow) -> Instrument:
    parsed = instrument_of(row.symbol, row.exchange)
    if row.exchange in INDEX_EXCHANGES:
        # Not traded itself: brokers list it without lot and tick.
        return msgspec.structs.replace(parsed, listed=True)
    lot, tick = int(row.lotsize or 0), row.tick_size or 0.0
    listed = lot >= 1 and 0 < tick < float("inf")
    kind = _kind(row, parsed)
    option = kind == "option"
    return Instrument(
        row.symbol,
        row.exchange,
        kind,
        lot_size=lot if listed else parsed.lot_size,
        tick_size=tick if listed else parsed.tick_size,
        underlying=_underlying(row, parsed),
        option_type=(parsed.option_type or _type(row)) if option else "",
        strike=(parsed.strike or max(row.strike or 0.0, 0.0)) if option else 0.0,
        expiry=(parsed.expiry or _expiry(row)) if kind in ("future", "option") else None,
        listed=listed,
    )


def _type(row: ContractRow) -> str:
    return (row.instrumenttype or "").strip().upper()


def _kind(row: ContractRow, parsed: Instrument) -> InstrumentKind:
    """What a row is of, by its symbol, else by its type."""
    if row.exchange not in DERIVATIVE_EXCHANGES:
        return "equity"
    if parsed.expiry is None and _type(row) in ("CE", "PE"):
        return "option"
    return parsed.kind


def _underlying(row: ContractRow, parsed: Instrument) -> str:
    """The base of a contract's symbol, or the name beside a symbol that does not show it."""
    if row.exchange in DERIVATIVE_EXCHANGES and parsed.underlying == parsed.symbol:
        return (row.name or "").strip().upper() or parsed.symbol
    return parsed.underlying


def _expiry(row: ContractRow) -> int | None:
    try:
        return parse_day(row.expiry or "")
    except ValueError:
        return None


def _in_rupees(instrument: Instrument) -> Instrument:
    if not instrument.listed or instrument.exchange in INDEX_EXCHANGES:
        return instrument
    return msgspec.structs.replace(instrument, tick_size=instrument.tick_size / PAISE)
