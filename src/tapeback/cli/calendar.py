"""`tapeback calendar`: whether and when an exchange trades on a date."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any

import click

from tapeback.cli.options import OneOf
from tapeback.models.instrument import EXCHANGES

if TYPE_CHECKING:
    from tapeback.market.calendar import Calendar, Session


@click.command("calendar", short_help="Show whether and when an exchange trades on a date.")
@click.argument("exchange", metavar="EXCHANGE", type=OneOf(EXCHANGES))
@click.argument("day", metavar="DATE")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(*, exchange: str, day: str, as_json: bool) -> None:
    """Show whether and when EXCHANGE trades on DATE (YYYY-MM-DD), and what kind of day it is.

    Days beyond the tables are projected: weekdays but the fixed national holidays. Rules of low
    confidence are named.
    """
    from tapeback.market.calendar import calendar_of
    from tapeback.utils.clock import day_of

    calendar = calendar_of(exchange)
    asked = _date(day)
    number = day_of(asked)
    shown = {"exchange": exchange, "date": f"{asked}", **_document(calendar, number)}
    if as_json:
        click.echo(json.dumps(shown, indent=2, ensure_ascii=False))
    else:
        click.echo(_text(shown, f"{asked:%A}"))
    session = calendar.session(number)
    for row in session.rows if session is not None else ():
        if row.confidence == "low":
            click.echo(f"low confidence: {row}", err=as_json)


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is no date; write it as YYYY-MM-DD.", param_hint="DATE"
        ) from None


def _document(calendar: Calendar, day: int) -> dict[str, Any]:
    session = calendar.session(day)
    if session is not None:
        document: dict[str, Any] = {
            "open": True,
            "kind": session.kind,
            "segments": [_clocks(session, span) for span in session.segments],
            "note": session.note,
            "projected": session.projected,
        }
        if session.closing_auction is not None:
            document["closing_auction"] = _clocks(session, session.closing_auction)
        return document
    closing = calendar.closed_because(day)
    kind, note, projected = closing if closing is not None else ("holiday", "", False)
    return {"open": False, "kind": kind, "segments": [], "note": note, "projected": projected}


def _clocks(session: Session, span: tuple[int, int]) -> list[str]:
    """Both ends of a span as Indian clock times; the end of a day is 24:00."""
    from tapeback.utils.clock import MINUTE_NS, midnight

    begins = midnight(session.day)
    minutes = [(instant - begins) // MINUTE_NS for instant in span]
    return [f"{minute // 60:02}:{minute % 60:02}" for minute in minutes]


def _text(shown: dict[str, Any], weekday: str) -> str:
    words = f"{shown['exchange']} {shown['date']} {weekday}: "
    if shown["open"]:
        hours = ", ".join("-".join(span) for span in shown["segments"])
        words += f"{hours} ({shown['kind']})"
    else:
        words += f"closed ({shown['kind']})"
    lines = [words]
    if "closing_auction" in shown:
        lines.append(f"closing auction {'-'.join(shown['closing_auction'])}")
    if shown["note"]:
        lines.append(shown["note"])
    if shown["projected"]:
        lines.append("projected: the tables do not reach this day")
    return "\n".join(lines)
