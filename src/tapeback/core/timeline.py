"""The order in which bars of several instruments and timeframes happen (fill contract T6, T7)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from tapeback.market import timeframes
from tapeback.market.calendar import days_of
from tapeback.market.candles import Candles
from tapeback.utils.clock import DAY_NS, midnight


class Moment(NamedTuple):
    """What happens at one instant, ns UTC, and when the next moment is.

    `closings` and `openings` are indices into the run's series; bars that end are closed before
    bars that begin are opened.
    """

    ts: int
    day: int
    closings: list[int]
    openings: list[int]
    until: int


class EventQueue:
    """Openings and closings of all bars, in the order of T6.

    At one instant bars close before others open; among those that close the shorter timeframe
    comes first, then the order in which the series were given.
    """

    def __init__(self, series: Sequence[Candles]) -> None:
        self._series = series
        ranked = sorted(
            range(len(series)), key=lambda k: (timeframes.duration(series[k].timeframe), k)
        )
        self._rank = np.empty(len(series), np.int64)
        self._rank[ranked] = np.arange(len(series))

    def __iter__(self) -> Iterator[Moment]:
        filled = [s for s in self._series if len(s)]
        stamps = [days_of(column) for s in filled for column in (s.starts, s.ends - 1)]
        days = np.unique(np.concatenate(stamps)).tolist() if stamps else []
        pending: Moment | None = None
        for day in days:
            for moment in self._day(day):
                if pending is not None:
                    yield pending._replace(until=moment.ts)
                pending = moment
        if pending is not None:
            yield pending

    def _day(self, day: int) -> Iterator[Moment]:
        """The moments of one Indian date; a bar that ends at midnight ends on the day before."""
        begins = midnight(day)
        times, phases, ranks, which = [], [], [], []
        for k, series in enumerate(self._series):
            for phase, column, shift in ((0, series.ends, 1), (1, series.starts, 0)):
                a, b = np.searchsorted(column, (begins + shift, begins + DAY_NS + shift))
                times.append(column[a:b])
                phases.append(np.full(b - a, phase))
                ranks.append(np.full(b - a, self._rank[k] if phase == 0 else k))
                which.append(np.full(b - a, k))
        instants, kinds = np.concatenate(times), np.concatenate(phases)
        order = np.lexsort((np.concatenate(ranks), kinds, instants))
        instants = instants[order]
        bounds = np.flatnonzero(np.diff(instants, prepend=instants[0] - 1)).tolist()
        stamps, opening = instants.tolist(), kinds[order].tolist()
        owners = np.concatenate(which)[order].tolist()
        for a, b in zip(bounds, [*bounds[1:], len(stamps)], strict=True):
            split = b - sum(opening[a:b])
            yield Moment(stamps[a], day, owners[a:split], owners[split:b], stamps[a])
