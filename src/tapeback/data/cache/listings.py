"""The instruments that the cache knows: what several sources said, as one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import msgspec

from tapeback.models.instrument import Instrument

_PLAIN = Instrument(symbol="", exchange="", kind="equity")
_DETAILS = ("underlying", "option_type", "strike", "expiry")


def store_instruments(
    connection: sqlite3.Connection, instruments: Iterable[Instrument], source: str, now: int
) -> int:
    """Adds instruments to those that are known; how many said something new."""
    given = list(instruments)
    known = {
        (exchange, symbol): listing
        for place in {instrument.exchange for instrument in given}
        for exchange, symbol, listing in connection.execute(
            "SELECT exchange, symbol, listing FROM instruments WHERE exchange = ?", (place,)
        )
    }
    changed = {}
    for instrument in given:
        key = (instrument.exchange, instrument.symbol)
        before = known.get(key)
        if before is not None:
            instrument = _combined(msgspec.json.decode(before, type=Instrument), instrument)
        listing = msgspec.json.encode(instrument).decode()
        if listing != before:
            known[key] = listing
            changed[key] = (instrument, listing)
    connection.executemany(
        "INSERT OR REPLACE INTO instruments "
        "(exchange, symbol, kind, underlying, expiry, listing, source, updated_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (*key, one.kind, one.underlying, one.expiry, listing, source, now)
            for key, (one, listing) in changed.items()
        ],
    )
    return len(changed)


def find_instruments(
    connection: sqlite3.Connection, wanted: dict[str, str | int | None]
) -> list[Instrument]:
    """The instruments whose columns have the `wanted` values, where one is given, by name."""
    given = {column: value for column, value in wanted.items() if value is not None}
    conditions = " AND ".join(f"{column} = ?" for column in given) or "1"
    rows = connection.execute(
        f"SELECT listing FROM instruments WHERE {conditions} ORDER BY exchange, symbol",
        tuple(given.values()),
    )
    return [msgspec.json.decode(listing, type=Instrument) for (listing,) in rows]


def _combined(before: Instrument, after: Instrument) -> Instrument:
    """The later word counts where there is one; lot and tick of a master contract outlast what
    was only guessed."""
    kept = {name: getattr(before, name) for name in _DETAILS if not getattr(after, name)}
    for name in ("lot_size", "tick_size"):
        unsaid = getattr(after, name) == getattr(_PLAIN, name)
        if not after.listed and (before.listed or unsaid):
            kept[name] = getattr(before, name)
    return msgspec.structs.replace(after, **kept, listed=before.listed or after.listed)
