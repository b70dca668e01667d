"""Holidays and timings of the exchanges as OpenAlgo tells of them, from our calendar."""

from __future__ import annotations

from datetime import date

from tapeback.broker.replies import Reply
from tapeback.market.calendar import Session, calendar_of
from tapeback.utils.clock import date_of_day, day_of

_EXCHANGES = ("NSE", "BSE", "NFO", "BFO", "MCX", "BCD", "CDS")
_AROUND_THE_CLOCK = "CRYPTO"
_MILLISECOND_NS = 1_000_000


def holidays(year: int) -> Reply:
    """The days of a year on which some exchange is closed on a weekday, or trades at other times
    than usual."""
    first, last = day_of(date(year, 1, 1)), day_of(date(year, 12, 31))
    rows = [row for day in range(first, last + 1) if (row := _holiday(day)) is not None]
    return {"data": rows, "status": "success", "timezone": "Asia/Kolkata", "year": year}


def timings(day: int) -> Reply:
    """When each exchange opens and closes on an Indian day number, epoch milliseconds; those that
    are closed are left out, and on a holiday of them all so is everything."""
    sessions = [(name, calendar_of(name).session(day)) for name in _EXCHANGES]
    rows = [_hours(name, session) for name, session in sessions if session is not None]
    if rows or (day + 3) % 7 >= 5:
        around = calendar_of(_AROUND_THE_CLOCK).session(day)
        rows += [_hours(_AROUND_THE_CLOCK, around)] if around is not None else []
    return {"data": rows, "status": "success"}


def _holiday(day: int) -> Reply | None:
    sessions = {name: calendar_of(name).session(day) for name in _EXCHANGES}
    unusual = [s for s in sessions.values() if s is not None and s.kind != "regular"]
    closed = [name for name, session in sessions.items() if session is None]
    main = calendar_of("NSE").closed_because(day)
    if (day + 3) % 7 >= 5 and not unusual:
        return None
    if not closed and not unusual:
        return None
    special = next((s for s in unusual if s.kind == "muhurat"), None) or sessions["NSE"]
    if special is not None and special.kind != "regular":
        kind, note = "SPECIAL_SESSION", special.note
    elif main is not None:
        kind, note = "TRADING_HOLIDAY", main.note
    else:
        kind, note = "SETTLEMENT_HOLIDAY", _note_of(day, closed, unusual)
    return {
        "closed_exchanges": closed,
        "date": date_of_day(day).isoformat(),
        "description": note,
        "holiday_type": kind,
        "open_exchanges": [
            _hours(name, session)
            for name, session in sessions.items()
            if session is not None and session.kind != "regular"
        ],
    }


def _note_of(day: int, closed: list[str], unusual: list[Session]) -> str:
    """What keeps some exchanges closed, or open at other times, while NSE trades."""
    for name in closed:
        closing = calendar_of(name).closed_because(day)
        if closing is not None:
            return closing.note
    return unusual[0].note


def _hours(exchange: str, session: Session) -> Reply:
    return {
        "end_time": session.closes // _MILLISECOND_NS,
        "exchange": exchange,
        "start_time": session.opens // _MILLISECOND_NS,
    }
