"""What is odd about candles, seen against the sessions of their exchange."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from tapeback.data.quality.absence import closed_days, missing_sessions
from tapeback.data.quality.grid import Grid
from tapeback.data.quality.holes import missing_bars
from tapeback.data.quality.hours import mislabelled, odd_hours, old_hours, relabelled_dates
from tapeback.data.quality.prices import odd_prices
from tapeback.data.quality.standstills import halted
from tapeback.data.quality.tails import frozen, frozen_finding, late_finding, late_tails
from tapeback.data.quality.volumes import odd_volumes
from tapeback.market import timeframes
from tapeback.market.candles import Candles
from tapeback.market.settling.corporate_actions import ActionBook
from tapeback.models.finding import Finding
from tapeback.utils.clock import DAY_NS


def inspect(candles: Candles, actions: ActionBook | None = None) -> tuple[Finding, ...]:
    """Findings about sessions, hours, holes, frozen prices, spikes, jumps and volume; nothing is
    changed.

    Sessions without bars are named, and bars on dates that the calendar calls closed. Jumps of
    shares are held against `actions` (the shipped ones). Weeks and months are inspected for prices
    and volume alone.
    """
    if not len(candles):
        return ()
    return tuple(finding for finding in _findings(candles, actions) if finding is not None)


def _findings(candles: Candles, actions: ActionBook | None) -> Iterator[Finding | None]:
    yield from odd_volumes(candles)
    yield from odd_prices(candles, actions)
    if timeframes.is_intraday(candles.timeframe):
        yield from _of_intraday(candles)
    elif timeframes.duration(candles.timeframe) <= DAY_NS:
        yield from missing_sessions(candles, candles.days)
        yield closed_days(candles)


def _of_intraday(candles: Candles) -> Iterator[Finding | None]:
    grid = Grid(candles)
    relabelled, tails = relabelled_dates(grid), late_tails(grid)
    holes = missing_bars(grid, relabelled)
    thin = any(hole is not None and hole.code == "thin-trading" for hole in holes)
    yield from missing_sessions(candles, grid.days_present, thin=thin)
    yield closed_days(candles)
    yield old_hours(grid)
    yield mislabelled(grid, relabelled)
    yield from odd_hours(grid, relabelled, tails)
    yield from holes
    yield from halted(grid)
    yield late_finding(candles, tails, "kept")
    yield frozen_finding(candles, frozen(candles) & ~tails)


def without_late_tails(candles: Candles) -> tuple[Candles, tuple[Finding, ...]]:
    """`candles` without what a feed went on printing after the close (`late_tails`)."""
    if not timeframes.is_intraday(candles.timeframe) or not len(candles):
        return candles, ()
    tails: npt.NDArray[np.bool_] = late_tails(Grid(candles))
    finding = late_finding(candles, tails, "dropped")
    if finding is None:
        return candles, ()
    columns = [column[~tails] for column in candles.columns]
    return Candles(candles.series, columns, candles.origin), (finding,)
