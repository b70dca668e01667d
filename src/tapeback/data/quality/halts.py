"""When trading stood still although the exchange was open: halts of the whole market, and the
outages that the calendar has."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from tapeback.market.calendar import calendar_of
from tapeback.market.sessions.hours import span_of
from tapeback.utils.clock import MINUTE_NS, day_number, day_of, midnight

_EQUITY = frozenset({"NSE", "BSE", "NFO", "BFO", "NSE_INDEX", "BSE_INDEX"})
_BREAKER = "the index moved by {} and its circuit breaker halted the market"
# Index-based market-wide circuit breakers: SEBI circular SMDRPD/Policy/Cir-35/2001, tightened by
# CIR/MRD/DP/25/2013. Minutes are those in which no bar of a liquid symbol begins.
_HALTS = (
    ("2008-01-22", ("09:56-10:55",), "-10 %"),
    ("2009-05-18", ("09:56-11:55", "11:56-15:30"), "+15 % and +20 %"),
    ("2020-03-13", ("09:20-10:20",), "-10 %"),
    ("2020-03-23", ("09:59-10:57",), "-10 %"),
)


class Halt(NamedTuple):
    """A pause of trading, ns UTC, and why."""

    begins: int
    ends: int
    why: str


def halts_of(exchange: str, symbol: str, first: int, last: int) -> list[Halt]:
    """The halts of an instrument from the Indian day number `first` to `last`, in order."""
    halts = []
    for iso, spans, move in _HALTS if exchange in _EQUITY else ():
        day = day_of(date.fromisoformat(iso))
        if first <= day <= last:
            for begins, ends in map(span_of, spans):
                since = midnight(day)
                span = since + begins * MINUTE_NS, since + ends * MINUTE_NS
                halts.append(Halt(*span, _BREAKER.format(move)))
    calendar = calendar_of(exchange)
    for begins, ends in calendar.breaks(first, last, symbol):
        session = calendar.session(day_number(begins), symbol)
        if session is not None and "halted" in session.note:
            halts.append(Halt(begins, ends, session.note))
    return sorted(halts)
