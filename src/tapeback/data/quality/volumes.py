"""Volume that contradicts the prices, and volume that counts lots where it should count units."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from tapeback.data.quality.wording import about_bars, dates, moment, plural
from tapeback.market.candles import Candles
from tapeback.market.contracts.terms import lot_of, lot_row_of
from tapeback.market.instruments import instrument_of
from tapeback.models.finding import Finding

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_MANY_SILENT = 0.05
_MOSTLY = 0.75
# Exchanges whose volume counts units; that of commodities counts lots by custom.
_IN_UNITS = frozenset({"NFO", "BFO"})
# So many traded bars tell their unit; a lot divides a number of lots now and then by chance.
_TELLING_BARS = 10
_NEARLY_ALL = 0.98
_FEW = 0.6


def odd_volumes(candles: Candles) -> Iterator[Finding | None]:
    """Findings about bars that moved without volume, and about lots."""
    if candles.has_volume:
        yield _silent(candles)
        if candles.exchange in _IN_UNITS:
            yield _unit(candles)


def _silent(candles: Candles) -> Finding | None:
    moved = (candles.volume == 0) & (candles.high > candles.low)
    count = np.count_nonzero(moved)
    if not count:
        return None
    opening = int(np.count_nonzero(moved[candles.session_firsts]))
    first = f", {opening} of them the first of their session" if opening >= _MOSTLY * count else ""
    return about_bars(
        candles,
        moved,
        code="zero-volume",
        severity="warning" if count > _MANY_SILENT * len(candles) else "note",
        message=f"{{}} with volume 0 although the price moved{first}",
    )


def _unit(candles: Candles) -> Finding | None:
    """Whether volumes are multiples of the lot; stretches of ten traded bars at least, of whole
    dates, are judged one by one."""
    traded = np.flatnonzero(candles.volume > 0)
    lots = _lots(candles)[traded]
    traded, lots = traded[lots > 1], lots[lots > 1]
    if len(traded) < _TELLING_BARS:
        return None
    whole = candles.volume[traded] % lots == 0
    starts = _stretches(candles.days[traded])
    sizes = np.diff(starts, append=len(traded))
    share = np.add.reduceat(whole, starts, dtype=np.int64) / sizes
    units, in_lots = share >= _NEARLY_ALL, share <= _FEW
    if not in_lots.any():
        return None
    days = candles.days[traded[starts]]
    if not units.any():
        return Finding(
            code="volume-in-lots",
            severity="warning",
            message=f"{plural(int(np.count_nonzero(~whole)), 'volume')} of {len(traded)} are no "
            f"multiple of the lot of {int(lots[-1])}, as where volume counts lots, not units",
            count=int(np.count_nonzero(~whole)),
            of=len(traded),
            where=moment(candles, int(traded[np.argmin(whole)])),
        )
    known = np.flatnonzero(units | in_lots)
    turns = known[1:][np.diff(in_lots[known])]
    return Finding(
        code="volume-unit-change",
        severity="warning",
        message="volume counts units on some dates and lots on others; it changes at "
        f"{dates(days[turns])}",
        count=len(turns),
        where=moment(candles, int(traded[starts[turns[0]]])),
        places=tuple(moment(candles, int(traded[starts[turn]])) for turn in turns[:20]),
    )


def _lots(candles: Candles) -> Ints:
    """The lot on the date of each bar, 1 where no table knows it."""
    instrument = instrument_of(candles.symbol, candles.exchange)
    days = candles.days[candles.session_firsts].tolist()
    lots = [lot_of(instrument, day) if lot_row_of(instrument, day) else 1 for day in days]
    return np.repeat(np.array(lots), np.diff(candles.session_firsts, append=len(candles)))


def _stretches(days: Ints) -> npt.NDArray[np.intp]:
    """Where stretches of whole dates with ten bars or more begin; the last may run on."""
    firsts = np.flatnonzero(np.diff(days, prepend=days[0] - 1))
    starts = [0]
    for first in firsts[1:].tolist():
        if first - starts[-1] >= _TELLING_BARS:
            starts.append(first)
    if len(starts) > 1 and len(days) - starts[-1] < _TELLING_BARS:
        starts.pop()
    return np.array(starts)
