"""Equity, bar by bar, from the fills of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tapeback.market.candles import Candles
from tapeback.models.fill import Fill
from tapeback.models.instrument import Instrument
from tapeback.utils.money import RUPEE

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class EquityColumns:
    """Columns of equal length, one row for each instant at which a bar closed.

    `ends` int64 ns UTC; `equity` float64 rupees, the fills of that bar included; `invested`
    whether any position was open at that close; `benchmark` the last close of the first symbol.
    """

    ends: Ints
    equity: Floats
    invested: npt.NDArray[np.bool_]
    benchmark: Floats


def equity_columns(
    initial: int, marks: Sequence[tuple[Candles, Instrument]], fills: Sequence[Fill]
) -> EquityColumns:
    """Cash plus positions at their last closes, after each bar; `initial` in money units.

    A fill belongs to the first close after it; between bars a position keeps its last close.
    """
    if len(marks) == 1:
        ends = marks[0][0].ends
    else:
        ends = np.unique(np.concatenate([candles.ends for candles, _ in marks]))
    rows = len(ends)
    count = len(fills)
    stamps = np.fromiter((fill.ts for fill in fills), np.int64, count)
    at = np.minimum(np.searchsorted(ends, stamps, side="right"), max(rows - 1, 0))
    signed = np.fromiter(
        (f.quantity if f.side == "BUY" else -f.quantity for f in fills), np.int64, count
    )
    prices = np.fromiter((fill.price for fill in fills), np.float64, count)
    charges = np.fromiter((fill.charges for fill in fills), np.float64, count)
    paid = signed * np.rint(prices * RUPEE).astype(np.int64)
    paid += np.rint(charges * RUPEE).astype(np.int64)
    flow = np.zeros(rows, np.int64)
    invested = np.zeros(rows, np.bool_)
    equity = np.zeros(rows)
    benchmark = np.zeros(rows)
    if rows:
        np.add.at(flow, at, paid)
        equity = (initial - np.cumsum(flow)) / RUPEE
        owners = {(c.symbol, c.exchange): k for k, (c, _) in enumerate(marks)}
        owner = np.fromiter((owners[f.symbol, f.exchange] for f in fills), np.int64, count)
        for k, (candles, _) in enumerate(marks):
            if not len(candles):
                continue
            close = candles.close
            if len(marks) > 1:
                last = np.searchsorted(candles.ends, ends, side="right") - 1
                close = np.where(last < 0, candles.open[0], candles.close[np.maximum(last, 0)])
            if k == 0:
                benchmark = np.asarray(close)
            mine = owner == k
            if mine.any():
                moves = np.zeros(rows, np.int64)
                np.add.at(moves, at[mine], signed[mine])
                held = np.cumsum(moves)
                equity = equity + held * close
                invested |= held != 0
    return EquityColumns(ends, equity, invested, benchmark)
