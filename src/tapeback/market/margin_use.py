"""How much margin a run used, from the changes of what was blocked."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec


class MarginUse(msgspec.Struct, frozen=True):
    """Margin in money units. `peak` was first reached at `peak_ts` (ns UTC, 0 where none was ever
    used). `average` is the mean over the time that any was blocked, `time_weighted` over the
    whole span."""

    peak: int
    peak_ts: int
    average: float
    time_weighted: float

    def return_on_peak(self, profit: int) -> float | None:
        """Profit, in money units, as a fraction of the peak; None where no margin was used."""
        return profit / self.peak if self.peak else None


def margin_use(changes: Iterable[tuple[int, int]], start: int, end: int) -> MarginUse:
    """The use of margin between `start` and `end`, ns UTC.

    `changes` are (instant, money units blocked from then on), oldest first; before the first
    nothing is blocked. Of several changes at one instant the last one lasts, but each may be the
    peak.
    """
    peak = peak_ts = level = area = used = 0
    since = start
    for ts, units in changes:
        if level > 0:
            area += level * (ts - since)
            used += ts - since
        since, level = ts, units
        if units > peak:
            peak, peak_ts = units, ts
    if level > 0:
        area += level * (end - since)
        used += end - since
    return MarginUse(
        peak=peak,
        peak_ts=peak_ts,
        average=area / used if used else float(peak),
        time_weighted=area / (end - start) if end > start else 0.0,
    )
