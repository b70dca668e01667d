"""Where the bars of an intraday series stand in the sessions of their dates."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tapeback.data.quality.halts import halts_of
from tapeback.market import timeframes
from tapeback.market.calendar import calendar_of
from tapeback.market.candles import Candles
from tapeback.utils.clock import DAY_NS, IST_OFFSET_NS, day_number, midnight

Ints = npt.NDArray[np.int64]

_STRAY = 0.25


class Grid:
    """The places on the session's grid that bars take up, and those that they leave empty.

    One value a bar: `since_open` ns, `date` the index of its date, `inside` the session's hours,
    `regular` inside its continuous market, `halted` within a halt of trading, `after` its close,
    `slot` the place on the grid that counts from its date's open without the places that lie in a
    pause. One value a date: `firsts` and `sizes` of its bars, `expected` places in its continuous
    market, `counts` of regular bars, and by these whether it is `traded`.
    """

    def __init__(self, candles: Candles) -> None:
        self.candles = candles
        self.length = length = timeframes.duration(candles.timeframe)
        self.firsts = candles.session_firsts
        self.sizes = np.diff(self.firsts, append=len(candles))
        self.days = candles.days[self.firsts]
        self.date = np.repeat(np.arange(len(self.firsts)), self.sizes)
        clocks = candles.clocks
        opens, continuous, closes = (column[self.date] for column in clocks)
        clock = candles.ts + IST_OFFSET_NS - candles.days * DAY_NS
        self.since_open: Ints = clock - opens
        self.after = clock >= closes
        self.inside = (self.since_open >= 0) & ~self.after
        self.regular = self.inside & (clock < continuous)
        self.expected: Ints = -(-(clocks.continuous - clocks.opens) // length)
        self.slot: Ints = np.clip(self.since_open // length, -1, self.expected[self.date])
        self.halted = np.zeros(len(candles), np.bool_)
        first, last = int(self.days[0]), int(self.days[-1])
        self.halts = halts_of(candles.exchange, candles.symbol, first, last)
        self._left_out: dict[int, list[tuple[int, int]]] = {}
        self._leave_out_pauses()
        self.counts: Ints = np.add.reduceat(self.regular, self.firsts, dtype=np.int64)
        self.traded = self.counts > 0

    @property
    def off_grid(self) -> npt.NDArray[np.bool_]:
        """Bars of the continuous market, or of a halt in it, that begin between two places."""
        market = self.regular | self.halted
        off: npt.NDArray[np.bool_] = market & (self.since_open % self.length != 0)
        return off

    @property
    def days_present(self) -> Ints:
        """The dates with bars of their session: in its hours, or, where these may be wrong, so
        many that they are no single prints."""
        return self.days[self.traded | (self.sizes >= _STRAY * self.expected)]

    def starts(self, at: int) -> Ints:
        """When the places of a date begin, ns UTC."""
        opens = midnight(int(self.days[at])) + int(self.candles.clocks.opens[at])
        left_out = self._left_out.get(at, [])
        count = int(self.expected[at]) + sum(last - first for first, last in left_out)
        kept = np.ones(count, np.bool_)
        for first, last in left_out:
            kept[first:last] = False
        places: Ints = opens + np.flatnonzero(kept) * self.length
        return places

    def _leave_out_pauses(self) -> None:
        candles, length = self.candles, self.length
        calendar = calendar_of(candles.exchange)
        first_day, last_day = int(self.days[0]), int(self.days[-1])
        halts = {(halt.begins, halt.ends) for halt in self.halts}
        pauses = sorted(halts.union(calendar.breaks(first_day, last_day, candles.symbol)))
        # From the last pause of a date to its first, so that each sees the grid as it is.
        for begins, ends in reversed(pauses):
            day = day_number(begins)
            at = int(np.searchsorted(self.days, day))
            if self.days[at] != day:
                continue
            opens = midnight(day) + int(candles.clocks.opens[at])
            # The first place that begins in the pause, and the first one that ends after it.
            first, last = -(-(begins - opens) // length), (ends - opens) // length
            bars = slice(int(self.firsts[at]), int(self.firsts[at] + self.sizes[at]))
            slot = self.slot[bars]
            idle = (candles.ts[bars] >= begins) & (slot < last)
            self.inside[bars] &= ~idle
            self.regular[bars] &= ~idle
            if (begins, ends) in halts:
                self.halted[bars] |= idle
            left_out = max(0, last - first)
            if left_out:
                self._left_out.setdefault(at, []).append((first, last))
            self.expected[at] -= left_out
            self.slot[bars] = np.where(
                idle, np.minimum(slot, first - 1), slot - np.where(slot < last, 0, left_out)
            )
