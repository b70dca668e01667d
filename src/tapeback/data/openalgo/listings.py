"""The rows of OpenAlgo's master contract."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import msgspec

from tapeback.models.instrument import INDEX_EXCHANGES, Instrument, InstrumentKind
from tapeback.utils.clock import day_of

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_EXPIRY = re.compile(r"(\d{1,2})-?([A-Z]{3})-?(\d{4}|\d{2})")
# Where some brokers' plugins give the tick in paise.
_PAISE = frozenset({"NSE", "BSE", "NFO", "BFO"})


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """A symbol as the server lists it now. `expiry` is an Indian day number, `strike` and
    `tick_size` rupees, `lot_size` units; `kind` is OpenAlgo's word (`EQ`, `FUT`, `CE`, `PE`,
    `INDEX`, …)."""

    symbol: str
    exchange: str
    name: str = ""
    kind: str = ""
    expiry: int | None = None
    strike: float = 0.0
    lot_size: int = 1
    tick_size: float = 0.05

    def instrument(self) -> Instrument:
        """The same, as the rules of the market see it."""
        kind, option_type = _kind(self)
        derivative = kind in ("future", "option")
        return Instrument(
            symbol=self.symbol,
            exchange=self.exchange,
            kind=kind,
            lot_size=self.lot_size,
            tick_size=self.tick_size,
            underlying=self.name if derivative else "",
            option_type=option_type,
            strike=self.strike if kind == "option" else 0.0,
            expiry=self.expiry if derivative else None,
            listed=True,
        )


def parse_listing(row: dict[str, Any]) -> Listing | None:
    """The listing of a row of `search`, `symbol` or `instruments`; None for one without symbol or
    exchange."""
    symbol, exchange = str(row.get("symbol") or ""), str(row.get("exchange") or "")
    if not symbol or not exchange:
        return None
    tick = _number(row.get("tick_size")) or 0.05
    if exchange in _PAISE and tick >= 1:
        tick /= 100
    return Listing(
        symbol=symbol,
        exchange=exchange,
        name=str(row.get("name") or ""),
        kind=str(row.get("instrumenttype") or "").upper(),
        expiry=parse_expiry(row.get("expiry")),
        strike=max(0.0, _number(row.get("strike"))),
        lot_size=max(1, int(_number(row.get("lotsize")))),
        tick_size=tick,
    )


def parse_expiry(text: Any) -> int | None:
    """The Indian day number of `29-DEC-26`, `29DEC26` or `29-DEC-2026`; None for anything else."""
    found = _EXPIRY.fullmatch(str(text or "").strip().upper())
    if found is None or found[2] not in _MONTHS:
        return None
    year = int(found[3]) + (2000 if len(found[3]) == 2 else 0)
    try:
        return day_of(date(year, _MONTHS.index(found[2]) + 1, int(found[1])))
    except ValueError:
        return None


def _kind(listing: Listing) -> tuple[InstrumentKind, str]:
    kind = listing.kind
    if listing.exchange in INDEX_EXCHANGES or kind == "INDEX":
        return "index", ""
    if kind in ("CE", "PE") or kind.startswith("OPT"):
        return "option", listing.symbol[-2:]
    if kind.startswith("FUT"):
        return "future", ""
    return "equity", ""


def _number(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return 0.0
    return number if abs(number) < 1e15 else 0.0
