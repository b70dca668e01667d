"""OpenAlgo symbols, read and written.

`BASE` + `DDMMMYY` + `FUT`, or + strike + `CE`/`PE`, on a derivatives exchange; anything else is
an equity, or an index on an index exchange (OpenAlgo's symbol format). `BASE-I`, `-II` and `-III`
on a derivatives exchange are continuous futures, without an expiry of their own.
"""

from __future__ import annotations

import re
from datetime import date

from tapeback.errors import DataError
from tapeback.models.instrument import (
    DERIVATIVE_EXCHANGES,
    INDEX_EXCHANGES,
    Instrument,
    InstrumentKind,
)
from tapeback.utils.clock import date_of_day, day_of

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
# The shortest base, so that its own digits stay with it: NIFTYNXT50, 28MAR24.
_CONTRACT = re.compile(
    rf"(?P<base>.+?)(?P<expiry>\d{{2}}(?:{'|'.join(_MONTHS)})\d{{2}})"
    r"(?:FUT|(?P<strike>\d+(?:\.\d+)?)(?P<type>CE|PE))"
)
# The future that is first, second or third to expire on each date, as vendors write it: NIFTY-I.
_CONTINUOUS = re.compile(r"(?P<base>.+)-I{1,3}")
_TICKS = {"CDS": 0.0025, "BCD": 0.0025}
INDEX_UNDERLYINGS = frozenset(
    {
        "NIFTY",
        "BANKNIFTY",
        "FINNIFTY",
        "MIDCPNIFTY",
        "NIFTYNXT50",
        "NIFTYFPI",
        "SENSEX",
        "BANKEX",
        "SENSEX50",
    }
)


def instrument_of(symbol: str, exchange: str) -> Instrument:
    """The instrument that an OpenAlgo symbol names on an exchange.

    Lot and tick are the exchange's plainest; `contracts.terms_of` knows those of a day.
    """
    tick = _TICKS.get(exchange, 0.05)
    if exchange in INDEX_EXCHANGES:
        return Instrument(symbol, exchange, "index", tick_size=tick, underlying=symbol)
    contract = _CONTRACT.fullmatch(symbol) if exchange in DERIVATIVE_EXCHANGES else None
    continuous = _CONTINUOUS.fullmatch(symbol) if exchange in DERIVATIVE_EXCHANGES else None
    if contract is None and continuous is not None:
        return Instrument(symbol, exchange, "future", tick_size=tick, underlying=continuous["base"])
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


def symbol_of(
    underlying: str, expiry: int | None = None, *, strike: float = 0.0, option_type: str = ""
) -> str:
    """The OpenAlgo symbol of an equity or index, of the future expiring on an Indian day number,
    or, with a strike and `CE` or `PE`, of an option.

    Raises DataError where these do not make a symbol.
    """
    if expiry is None:
        if strike or option_type:
            raise DataError(f"an option on {underlying} needs its expiry.")
        return underlying
    head = f"{underlying}{expiry_text(expiry)}"
    if not option_type and not strike:
        return f"{head}FUT"
    if option_type not in ("CE", "PE"):
        raise DataError(
            f"an option on {underlying} is of type CE or PE, not {option_type!r}.",
        )
    if not strike > 0:
        raise DataError(f"an option on {underlying} has a strike above 0, not {strike!r}.")
    return f"{head}{strike_text(strike)}{option_type}"


def expiry_text(expiry: int) -> str:
    """An Indian day number as symbols write it, `28MAR24`."""
    moment = date_of_day(expiry)
    return f"{moment.day:02}{_MONTHS[moment.month - 1]}{moment.year % 100:02}"


def strike_text(strike: float) -> str:
    """A strike as symbols write it: `20800`, `292.5`."""
    return f"{strike:.4f}".rstrip("0").rstrip(".")


def _expiry_day(text: str) -> int | None:
    """Day number of `DDMMMYY`; None for a date that does not exist."""
    try:
        month = _MONTHS.index(text[2:5]) + 1
        return day_of(date(2000 + int(text[5:]), month, int(text[:2])))
    except ValueError:
        return None
