"""Everything that a series lacks, as a list of gaps."""

from __future__ import annotations

from tapeback.data.quality.absence import absence_of
from tapeback.data.quality.grid import Grid
from tapeback.data.quality.halts import halts_of
from tapeback.data.quality.holes import Gap, gaps_of, holes_of
from tapeback.data.quality.hours import relabelled_dates
from tapeback.market import timeframes
from tapeback.market.calendar import calendar_of
from tapeback.market.candles import Candles
from tapeback.utils.clock import DAY_NS


def gaps(candles: Candles, first_day: int | None = None, last_day: int | None = None) -> list[Gap]:
    """What `candles` lack of the sessions from `first_day` to `last_day` (Indian day numbers, both
    included; by default those of the first and the last bar), in order of time.

    Nights, weekends, holidays, pauses and known halts are no gaps, nor are weekdays of years whose
    holidays the calendar does not know. Bars of a day lack sessions only; longer ones lack nothing
    that could be told.
    """
    if timeframes.duration(candles.timeframe) > DAY_NS:
        return []
    if not len(candles) and (first_day is None or last_day is None):
        return []
    first = int(candles.days[0]) if first_day is None else first_day
    last = int(candles.days[-1]) if last_day is None else last_day
    grid, present = None, candles.days
    if len(candles) and timeframes.is_intraday(candles.timeframe):
        grid = Grid(candles)
        present = grid.days_present
    missing = absence_of(candles, present, first, last).known
    found = [_whole(candles, day) for day in missing.tolist()]
    if grid is not None:
        holes = holes_of(grid, relabelled_dates(grid))
        found += [gap for gap in gaps_of(grid, holes) if first <= gap.day <= last]
    return sorted(found, key=lambda gap: gap.begins)


def _whole(candles: Candles, day: int) -> Gap:
    """A session that is missing whole."""
    calendar = calendar_of(candles.exchange)
    opens, closes = calendar.hours(day, candles.symbol)
    bars = 1
    if timeframes.is_intraday(candles.timeframe):
        length = timeframes.duration(candles.timeframe)
        pauses = list(calendar.breaks(day, day, candles.symbol))
        pauses += [(h.begins, h.ends) for h in halts_of(candles.exchange, candles.symbol, day, day)]
        session = calendar.session(day, candles.symbol)
        ends = session.continuous_ends if session else closes
        bars = -(-(ends - opens) // length)
        for begins, over in set(pauses):
            bars -= max(0, (over - opens) // length + (opens - begins) // length)
    return Gap(day, opens, closes, bars, "session")
