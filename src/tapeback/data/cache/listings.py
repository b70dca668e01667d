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
    changed = 0
    for instrument in instruments:
        key = (instrument.exchange, instrument.symbol)
        known = connection.execute(
            "SELECT listing FROM instruments WHERE exchange = ? AND symbol = ?", key
        ).fetchone()
        if known is not None:
            instrument = _combined(msgspec.json.decode(known[0], type=Instrument), instrument)
        listing = msgspec.json.encode(instrument).decode()
        if known is not None and listing == known[0]:
            continue
        changed += 1
        connection.execute(
            "INSERT OR REPLACE INTO instruments "
            "(exchange, symbol, kind, underlying, expiry, listing, source, updated_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *key,
                instrument.kind,
                instrument.underlying,
                instrument.expiry,
                listing,
                source,
                now,
            ),
        )
    return changed


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
