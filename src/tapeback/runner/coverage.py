"""Which of the dates that a run asks for its bars cover, and which they can never."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from tapeback.market.calendar import calendar_of
from tapeback.market.candles import Candles
from tapeback.market.instruments import instrument_of
from tapeback.models.candle import Series
from tapeback.models.finding import Finding
from tapeback.utils.clock import date_of_day, day_number, day_of

Days = tuple[int, int]


def is_expired(series: Series, now: int) -> bool:
    """Whether a series is of a contract that no broker gives any more at `now` (ns UTC)."""
    expiry = instrument_of(series.symbol, series.exchange).expiry
    return expiry is not None and expiry < day_number(now)


def without_own_holes(missing: Iterable[Days], imported: Iterable[Days]) -> list[Days]:
    """The missing ranges of days that do not lie within the dates of imported files: what these
    lack inside is all that there is of them, a finding and no refusal."""
    spans = list(imported)
    begin = min((span[0] for span in spans), default=None)
    end = max((span[1] for span in spans), default=None)
    if begin is None or end is None:
        return list(missing)
    return [days for days in missing if not begin <= days[0] <= days[1] <= end]


def uncovered(
    candles: Candles, start: date | None, end: date | None, now: int
) -> tuple[Finding, ...]:
    """What is said where the bars begin after the dates that are asked for, or end before them;
    contracts may, for they are listed and expire in between. Sessions that are not over at `now`
    (ns UTC) are no lack."""
    calendar = calendar_of(candles.exchange)
    first, last = int(candles.days[0]), day_number(int(candles.ends[-1]) - 1)
    expiry = instrument_of(candles.symbol, candles.exchange).expiry
    lacking: list[int] = []
    if start is not None and expiry is None:
        lacking += calendar.trading_days(day_of(start), first - 1, candles.symbol).tolist()
    if end is not None:
        until = day_of(end) if expiry is None else min(day_of(end), expiry)
        days = calendar.trading_days(last + 1, until, candles.symbol).tolist()
        lacking += [day for day in days if calendar.hours(day, candles.symbol)[1] <= now]
    if not lacking:
        return ()
    sessions = "1 session" if len(lacking) == 1 else f"{len(lacking)} sessions"
    finding = Finding(
        code="range-not-covered",
        severity="warning",
        message=f"the bars run from {date_of_day(first)} to {date_of_day(last)}: {sessions} of "
        "the dates that were asked for have none",
        count=len(lacking),
        where=f"{date_of_day(lacking[0])}",
    )
    return (finding,)
