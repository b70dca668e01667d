"""Examines a bot's source without running it."""

from __future__ import annotations

from pathlib import Path

from tapeback.bots.doctor.calls import examine_calls
from tapeback.bots.doctor.dated import Days, examine_dates
from tapeback.bots.doctor.idioms import examine_idioms
from tapeback.bots.doctor.remarks import SEVERITIES, Remark, remark
from tapeback.bots.doctor.series import examine_series
from tapeback.bots.doctor.shapes import examine_shapes
from tapeback.bots.doctor.source import Source
from tapeback.errors import StrategyNotFoundError
from tapeback.utils.clock import date_of_day


def examine_script(
    path: Path, *, first_day: int | None = None, last_day: int | None = None
) -> list[Remark]:
    """What there is to say about a script, the gravest first, then by line.

    `first_day` and `last_day` (Indian day numbers) are those of the run: with both, constants are
    compared with what held on these dates. Raises StrategyNotFoundError where the file cannot be
    read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StrategyNotFoundError(f"{path} cannot be read: {error.strerror}.") from error
    days = None if first_day is None or last_day is None else Days(first_day, last_day)
    try:
        source = Source(data.decode("utf-8-sig"), str(path))
    except SyntaxError as error:
        return [remark("syntax_error", error.lineno or 1, f"Python cannot read it: {error.msg}.")]
    except (UnicodeDecodeError, ValueError) as error:
        return [remark("syntax_error", 1, f"Python cannot read it: {error}.")]
    first, last = (None if day is None else f"{date_of_day(day)}" for day in (first_day, last_day))
    found = [
        *examine_calls(source),
        *examine_shapes(source),
        *examine_dates(source, days),
        *examine_idioms(source, path.parent),
        *examine_series(source, first, last),
    ]
    unique = dict.fromkeys(found)
    return sorted(unique, key=lambda one: (SEVERITIES.index(one.severity), one.line))
