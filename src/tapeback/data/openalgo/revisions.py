"""Whether a source now gives other values for bars that are stored."""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from tapeback.market.candles import Candles

Floats = npt.NDArray[np.float64]

_SAME = 1e-9
# An adjustment by less is no adjustment; its prices are rounded to a tick, hence the tolerance.
_LEAST_CHANGE = 0.001
_TICK = 0.05


class Revision(msgspec.Struct, frozen=True):
    """How fresh bars differ from stored ones: how many, the first of them (ns UTC), and the factor
    when all prices were multiplied by the same one (an adjustment), None otherwise."""

    bars: int
    first: int
    ratio: float | None


def compare(stored: Candles, fresh: Candles) -> Revision | None:
    """What differs between two readings of the same days; None when they are the same. A stamp
    that only one of them has is a difference; a volume that one does not know is none."""
    stamps, mine, theirs = np.intersect1d(
        stored.ts, fresh.ts, assume_unique=True, return_indices=True
    )
    lone = np.setxor1d(stored.ts, fresh.ts, assume_unique=True)
    differs = np.zeros(len(stamps), np.bool_)
    for before, after in zip(stored.columns[1:], fresh.columns[1:], strict=True):
        one, other = before[mine], after[theirs]
        differs |= np.abs(other - one) > _SAME * np.maximum(np.abs(one), np.abs(other))
    changed = np.union1d(stamps[differs], lone)
    if not len(changed):
        return None
    ratio = _common_ratio(
        [column[mine] for column in stored.columns[1:5]],
        [column[theirs] for column in fresh.columns[1:5]],
    )
    return Revision(len(changed), int(changed[0]), ratio)


def _common_ratio(stored: list[Floats], fresh: list[Floats]) -> float | None:
    before, after = np.concatenate(stored), np.concatenate(fresh)
    if not len(before):
        return None
    ratios = after / before
    ratio = float(np.median(ratios))
    noise = _TICK / float(min(before.min(), after.min())) + _LEAST_CHANGE / 4
    if abs(ratio - 1) < _LEAST_CHANGE or float(np.abs(ratios / ratio - 1).max()) > noise:
        return None
    return ratio
