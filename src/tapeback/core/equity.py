"""Equity, bar by bar, from the fills of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tapeback.market.candles import Candles
from tapeback.models.fill import FillColumns
from tapeback.models.posting import Posting
from tapeback.utils.money import RUPEE

# Rows that are worked on at a time, so that a long run needs no further columns of its length.
_BLOCK = 1 << 16
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class EquityColumns:
    """Columns of equal length, one row for each instant at which a bar closed.

    `ends` int64 ns UTC; `equity` float64 rupees, the fills of that bar included; `invested`
    whether any position was open at that close; `benchmark` the last close of the first symbol,
    of as many shares as one at the start has become.
    """

    ends: Ints
    equity: Floats
    invested: npt.NDArray[np.bool_]
    benchmark: Floats

    def since(self, ts: int) -> EquityColumns:
        """The rows later than an instant."""
        rows = slice(int(np.searchsorted(self.ends, ts, side="right")), None)
        return EquityColumns(
            self.ends[rows], self.equity[rows], self.invested[rows], self.benchmark[rows]
        )


def equity_columns(
    initial: int,
    marks: Sequence[Candles],
    fills: FillColumns,
    postings: Sequence[Posting] = (),
) -> EquityColumns:
    """Cash plus positions at their last closes, after each bar; `initial` in money units.

    `marks` are the bars that were played of each symbol. A fill belongs to the first close after
    it, as a posting does; between bars a position keeps its last close.
    """
    if len(marks) == 1:
        ends = marks[0].ends
    else:
        ends = np.unique(np.concatenate([candles.ends for candles in marks]))
    rows = len(ends)
    invested = np.zeros(rows, np.bool_)
    if not rows:
        return EquityColumns(ends, np.zeros(0), invested, np.zeros(0))
    at = np.minimum(np.searchsorted(ends, fills.ts, side="right"), rows - 1)
    cash = np.zeros(rows, np.int64)
    np.subtract.at(cash, at, fills.signed * fills.units + fills.charges)
    if postings:
        posted = np.array([posting.ts for posting in postings], np.int64)
        when = np.minimum(np.searchsorted(ends, posted, side="right"), rows - 1)
        np.add.at(cash, when, [posting.units for posting in postings])
    cash[0] += initial
    equity = np.cumsum(cash, out=cash) / RUPEE
    del cash
    benchmark = _marks(marks[0], ends)
    places = {(candles.symbol, candles.exchange): k for k, candles in enumerate(marks)}
    owner = np.zeros(len(fills.owners), np.int64)
    if len(marks) > 1:
        owner[:] = [places[key] for key in fills.owners]
    for k, candles in enumerate(marks):
        mine = owner == k
        held = np.zeros(rows, np.int64)
        np.add.at(held, at[mine], fills.signed[mine])
        np.cumsum(held, out=held)
        if held.any():
            last = _marks(candles, ends)
            for begin in range(0, rows, _BLOCK):
                part = slice(begin, begin + _BLOCK)
                equity[part] += held[part] * last[part]
            invested |= held != 0
    return EquityColumns(ends, equity, invested, benchmark)


def _marks(candles: Candles, ends: Ints) -> Floats:
    """The last close of an instrument at each instant; its first open before its first close."""
    if candles.ends is ends:
        return candles.close
    last = np.searchsorted(candles.ends, ends, side="right") - 1
    if not len(candles):
        return np.zeros(len(ends))
    return np.where(last < 0, candles.open[0], candles.close[np.maximum(last, 0)])
