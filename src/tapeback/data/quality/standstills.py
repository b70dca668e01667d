"""What is told of halts: that they are no holes, and what was printed during them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tapeback.data.quality.grid import Grid
from tapeback.data.quality.wording import about_bars, listed
from tapeback.models.finding import NAMED, Finding
from tapeback.utils.clock import day_number, to_ist

# The call auction that ends a halt prints once, or a few times.
_AUCTION_BARS = 3


def halted(grid: Grid) -> Iterator[Finding | None]:
    """The known halts of the dates that have bars, which are no holes, and what was printed
    during them."""
    traded = set(grid.days[grid.traded].tolist())
    halts = [halt for halt in grid.halts if day_number(halt.begins) in traded]
    if halts:
        named = [f"{_span(halt.begins, halt.ends)} ({halt.why})" for halt in halts]
        yield Finding(
            code="halt",
            severity="note",
            message=f"trading was halted, and no bar is missing there: "
            f"{listed(named[:NAMED], len(named))}",
            count=len(halts),
            where=f"{to_ist(halts[0].begins):%Y-%m-%d %H:%M}",
            places=tuple(_span(halt.begins, halt.ends) for halt in halts[:NAMED]),
        )
    yield from _halted_bars(grid)


def _halted_bars(grid: Grid) -> Iterator[Finding | None]:
    traded = grid.halted & (grid.candles.volume > 0)
    few = np.add.reduceat(traded, grid.firsts, dtype=np.int64) <= _AUCTION_BARS
    auction = traded & few[grid.date]
    yield about_bars(
        grid.candles,
        auction,
        code="auction-print",
        severity="note",
        message="{} with volume inside a halt: the call auction by which trading resumes",
    )
    yield about_bars(
        grid.candles,
        grid.halted & ~auction,
        code="halted-bars",
        severity="warning" if (traded & ~auction).any() else "note",
        message="{} inside a halt, in which nobody could trade",
    )


def _span(begins: int, ends: int) -> str:
    return f"{to_ist(begins):%Y-%m-%d %H:%M} to {to_ist(ends):%H:%M}"
