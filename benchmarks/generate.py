"""The bars of the benchmarks: seeded random walks in one-minute bars of Indian sessions.

Prices lie on a grid of 0.25, which binary fractions hold exactly: a sum of them does not depend on
the order of its terms, so every engine sees the same crosses to the last bit. Needs numpy alone,
as it runs in the environments of all engines.
"""

from __future__ import annotations

import os
from itertools import accumulate, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

REPO = Path(__file__).resolve().parent.parent
DATA = REPO / ".bench" / "data"

SESSION = 375
SINGLE_SEED, SINGLE_BARS = 42, 1_000_000
SEVERAL_SEEDS, SEVERAL_BARS = range(1000, 1050), 100_000

_FIRST_DATE = np.datetime64("2014-01-01", "D")
_OPENING_MINUTE = 3 * 60 + 45  # 09:15 in India, in minutes UTC
_MINUTE_NS = 60_000_000_000
_START_PRICE = 5000.0
_TICK = 0.25
_STEP = 5e-4  # standard deviation of a minute's log return in the middle of a session
_NIGHT = 4e-3  # the same of the jump at the open
_REVERSION = 2e-6

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Bars(NamedTuple):
    """Columns of equal length: `ts` the bars' open times in int64 ns UTC, the rest float64."""

    ts: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats


def walk(count: int, seed: int) -> Bars:
    """`count` bars from 2014-01-01 on: U-shaped volatility in the day, gaps at night, and a slow
    pull back to 5,000. The numbers depend on `count` too: a shorter walk is not a prefix."""
    rng = np.random.default_rng(seed)
    days = -(-count // SESSION)
    closes = _snap(_START_PRICE * np.exp(_levels(rng, days, count)))
    opens = np.empty(count)
    opens[0] = _START_PRICE
    opens[1:] = closes[:-1] + _snap(rng.normal(0, 0.5, count - 1))
    firsts = np.arange(0, count, SESSION)
    opens[firsts] = closes[firsts] + _snap(rng.normal(0, 1.5, len(firsts)))
    wicks = np.abs(rng.normal(0, _STEP * 0.6, (2, count))) * closes
    wicks = np.floor(wicks / _TICK) * _TICK
    return Bars(
        ts=_minutes(days)[:count] * _MINUTE_NS,
        open=opens,
        high=np.maximum(opens, closes) + wicks[0],
        low=np.minimum(opens, closes) - wicks[1],
        close=closes,
        volume=rng.integers(100, 20_000, count).astype(np.float64),
    )


def single(count: int) -> Bars:
    """The first `count` bars of the one long walk, at most `SINGLE_BARS`."""
    return _stored(SINGLE_SEED, SINGLE_BARS, count)


def several(count: int) -> list[Bars]:
    """The first `count` bars of each of fifty walks, at most `SEVERAL_BARS`."""
    return [_stored(seed, SEVERAL_BARS, count) for seed in SEVERAL_SEEDS]


def _stored(seed: int, length: int, count: int) -> Bars:
    """The first bars of a walk that is made once and kept on disk. Only those are read, so that
    the rest does not count in a process's memory."""
    if not 0 < count <= length:
        raise ValueError(f"{count} bars were asked for; a walk holds 1 to {length}")
    path = DATA / f"walk-{seed}-{length}.npy"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        bars = walk(length, seed)
        unfinished = path.with_suffix(f".{os.getpid()}.npy")
        np.save(unfinished, np.stack([bars.ts // _MINUTE_NS, *bars[1:]]))
        unfinished.replace(path)
    table = np.load(path, mmap_mode="r")
    minutes, *columns = (np.array(row[:count]) for row in table)
    return Bars(minutes.astype(np.int64) * _MINUTE_NS, *columns)


def _levels(rng: np.random.Generator, days: int, count: int) -> Floats:
    """Log price above the start at each close."""
    steps = rng.normal(0.0, _STEP, days * SESSION) - 0.5 * _STEP**2
    steps = steps.reshape(days, SESSION)
    place = np.linspace(-1, 1, SESSION)
    steps *= 0.75 + 0.75 * place * place
    steps[:, 0] += rng.normal(0, _NIGHT, days)
    path = accumulate(
        steps.ravel()[:count].tolist(),
        lambda level, step: level + step - _REVERSION * level,
        initial=0.0,
    )
    return np.fromiter(islice(path, 1, None), np.float64, count)


def _snap(prices: Floats) -> Floats:
    return np.round(prices / _TICK) * _TICK


def _minutes(days: int) -> Ints:
    """Minutes since 1970 UTC of all bars of the first `days` weekdays."""
    dates = np.busday_offset(_FIRST_DATE, np.arange(days), roll="forward").astype(np.int64)
    opens: Ints = dates * 1440 + _OPENING_MINUTE
    return (opens[:, None] + np.arange(SESSION)).ravel()
