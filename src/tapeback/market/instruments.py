"""Instruments read from OpenAlgo symbols.

`BASE` + `DDMMMYY` + `FUT`, or + strike + `CE`/`PE`, on a derivatives exchange; anything else is
an equity, or an index on an index exchange (OpenAlgo's symbol format).
"""

from __future__ import annotations

import re
from datetime import date

from tapeback.models.instrument import (
    DERIVATIVE_EXCHANGES,
    INDEX_EXCHANGES,
    Instrument,
    InstrumentKind,
)
from tapeback.utils.clock import day_of

_CONTRACT = re.compile(
    r"(?P<base>.+?)(?P<expiry>\d{2}[A-Z]{3}\d{2})(?:FUT|(?P<strike>\d+(?:\.\d+)?)(?P<type>CE|PE))"
)
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_TICKS = {"CDS": 0.0025, "BCD": 0.0025}
INDEX_UNDERLYINGS = frozenset(
    {"NIFTY", "BANKNIFTY", "FINNIFTY", "MIDCPNIFTY", "NIFTYNXT50", "SENSEX", "BANKEX", "SENSEX50"}
)


def instrument_of(symbol: str, exchange: str) -> Instrument:
    """The instrument that an OpenAlgo symbol names on an exchange."""
    tick = _TICKS.get(exchange, 0.05)
    if exchange in INDEX_EXCHANGES:
        return Instrument(symbol, exchange, "index", tick_size=tick, underlying=symbol)
    contract = _CONTRACT.fullmatch(symbol) if exchange in DERIVATIVE_EXCHANGES else None
    if contract is None:
        kind: InstrumentKind = "future" if exchange in DERIVATIVE_EXCHANGES else "equity"
        return Instrument(symbol, exchange, kind, tick_size=tick, underlying=symbol)
    expiry = _expiry_day(contract["expiry"])
    if contract["type"] is None:
        return Instrument(
            symbol,
            exchange,
            "future",
            tick_size=tick,
            underlying=contract["base"],
            expiry=expiry,
        )
    return Instrument(
        symbol,
        exchange,
        "option",
        tick_size=tick,
        underlying=contract["base"],
        option_type=contract["type"],
        strike=float(contract["strike"]),
        expiry=expiry,
    )


def _expiry_day(text: str) -> int | None:
    """Day number of `DDMMMYY`; None for a date that does not exist."""
    try:
        month = _MONTHS.index(text[2:5]) + 1
        return day_of(date(2000 + int(text[5:]), month, int(text[:2])))
    except ValueError:
        return None
