"""Prices that stand still at the end of a date because a feed went on printing."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tapeback.data.quality.grid import Grid
from tapeback.data.quality.wording import about_bars, dates
from tapeback.market.candles import Candles
from tapeback.market.instruments import instrument_of
from tapeback.models.finding import Finding

Mask = npt.NDArray[np.bool_]

_FROZEN_BARS = 30


def late_tails(grid: Grid) -> Mask:
    """The bars that a feed went on printing after the session's close: at least 30 at the end of a
    date, all of one price and without volume. The date's other bars after the close belong to them
    when nine in ten of all these did not move (a closing print lies among them); else they are a
    session of their own. A date without any bar in its session's hours has none."""
    candles = grid.candles
    silent = grid.after & grid.traded[grid.date] & ~(candles.volume > 0)
    tails = _tails(candles, silent)
    if not tails.any():
        return tails
    flat = silent & (candles.high == candles.low)
    tailed, still, all_of_them = (
        np.add.reduceat(mask, grid.firsts, dtype=np.int64) for mask in (tails, flat, silent)
    )
    whole = (tailed > 0) & (still * 10 >= all_of_them * 9)
    return tails | (silent & whole[grid.date])


def frozen(candles: Candles) -> Mask:
    """The bars at the end of a date, thirty at least, that are all of one price, without volume;
    none of an option, which may be worth a tick to its end."""
    if instrument_of(candles.symbol, candles.exchange).kind == "option":
        return np.zeros(len(candles), np.bool_)
    return _tails(candles, ~(candles.volume > 0))


def late_finding(candles: Candles, tails: Mask, action: str) -> Finding | None:
    """What is to be said of `late_tails`, dropped or kept."""
    return about_bars(
        candles,
        tails,
        code="frozen-tail",
        message=f"{{}} printed at a frozen price after the close of {dates(candles.days[tails])}",
        action=action,
    )


def frozen_finding(candles: Candles, tails: Mask) -> Finding | None:
    """What is to be said of frozen prices that may be real ones."""
    return about_bars(
        candles,
        tails,
        code="frozen-tail",
        message=f"{{}} of one price at the end of {dates(candles.days[tails])}",
    )


def _tails(candles: Candles, eligible: Mask) -> Mask:
    """The eligible bars in the run of one price that ends a date, where there are enough."""
    price = candles.close
    flat = (candles.high == candles.low) & eligible
    length = len(candles)
    lasts = np.append(candles.session_firsts[1:], length) - 1
    same = flat & (price == np.repeat(price[lasts], np.diff(lasts, prepend=-1)))
    # For each bar the nearest later bar of its date that breaks the run, or the date's end.
    breaks = np.where(same, -1, np.arange(length))
    last_break = np.maximum.accumulate(breaks)[lasts]
    starts = np.maximum(last_break + 1, candles.session_firsts)
    sizes = np.diff(lasts, prepend=-1)
    long_enough = lasts - starts + 1 >= _FROZEN_BARS
    tails: Mask = np.repeat(long_enough, sizes) & (np.arange(length) >= np.repeat(starts, sizes))
    return tails
