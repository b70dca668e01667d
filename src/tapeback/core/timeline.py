"""The order in which bars of several instruments and timeframes happen (fill contract T6, T7)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tapeback.market import timeframes
from tapeback.market.candles import Candles
from tapeback.utils.clock import DAY_NS, day_number, midnight

# The instant of what does not happen, ns UTC.
NEVER = 2**63 - 1


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
        self._series = list(series)
        self._rank = _ranks(self._series)

    def add(self, candles: Candles) -> None:
        """Let the moments that are asked for from now on hold those of one more series."""
        self._series.append(candles)
        self._rank = _ranks(self._series)

    def __iter__(self) -> Iterator[Moment]:
        pending: Moment | None = None
        day = self.next_day(0)
        while day is not None:
            for moment in self.of_day(day):
                if pending is not None:
                    yield pending._replace(until=moment.ts)
                pending = moment
            day = self.next_day(day + 1)
        if pending is not None:
            yield pending

    def next_day(self, first: int) -> int | None:
        """The first Indian day number from `first` on with a moment; None after the last."""
        begins = midnight(first)
        found: list[int] = []
        for series in self._series:
            for column, shift in ((series.starts, 0), (series.ends, 1)):
                at = int(column.searchsorted(begins + shift))
                if at < len(column):
                    found.append(day_number(int(column[at]) - shift))
        return min(found, default=None)

    def of_day(self, day: int) -> Iterator[Moment]:
        """The moments of one Indian date; a bar that ends at midnight ends on the day before. Each
        lasts, as far as this tells, until itself."""
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
        if not len(instants):
            return
        order = np.lexsort((np.concatenate(ranks), kinds, instants))
        instants = instants[order]
        bounds = np.flatnonzero(np.diff(instants, prepend=instants[0] - 1)).tolist()
        stamps, opening = instants.tolist(), kinds[order].tolist()
        owners = np.concatenate(which)[order].tolist()
        for a, b in zip(bounds, [*bounds[1:], len(stamps)], strict=True):
            split = b - sum(opening[a:b])
            yield Moment(stamps[a], day, owners[a:split], owners[split:b], stamps[a])


def _ranks(series: Sequence[Candles]) -> npt.NDArray[np.int64]:
    """The place of each series among those that close at one instant."""
    ranked = sorted(range(len(series)), key=lambda k: (timeframes.duration(series[k].timeframe), k))
    ranks = np.empty(len(series), np.int64)
    ranks[ranked] = np.arange(len(series))
    return ranks
