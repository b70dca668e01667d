"""Prices that no trade made: spikes that revert at once, stretches and single bars of another
instrument, jumps that only a split explains."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from tapeback.data.quality.wording import about_bars, listed, plural
from tapeback.market import timeframes
from tapeback.market.candles import Candles
from tapeback.market.instruments import instrument_of
from tapeback.market.settling.corporate_actions import ActionBook, action_book
from tapeback.market.settling.price_jumps import unadjusted_jumps
from tapeback.models.finding import NAMED, Finding
from tapeback.models.instrument import CASH_EXCHANGES, InstrumentKind
from tapeback.utils.clock import DAY_NS, date_of_day

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_JUMP = 0.2
# A spike leaves its neighbours by so many usual ranges of its surroundings, and at least by a part
# of the price (an index moves less than a share, an option more, a day more than a minute) and by
# so many rupees, since a tick is many per cent of a cheap option.
_SPIKE_RANGES = 12.0
_SPIKE_LEAST = {"index": 0.015, "equity": 0.03, "future": 0.03, "option": 0.4}
_SPIKE_LEAST_DAILY = 0.25
_SPIKE_RUPEES = 1.0
_SPIKE_BARS = 3
# The auction that opens a session may print far off.
_AT_THE_OPEN = 2.0
_BLOCK = 25
# Jumps to another instrument's prices and, within ten sessions, back again: as far, within a
# quarter. Nights move prices further than a minute does; those of options mean nothing.
_STEP_LEAST = {"index": 0.04, "equity": 0.08, "future": 0.08, "option": 0.8}
_STEP_LEAST_OVERNIGHT = 0.25
_BACK = 0.25
_LONGEST_STAY = 10
# From this share of a date's bars on, spikes are the bars of another instrument.
_INTERLEAVED = 0.05
_INTERLEAVED_BARS = 10


def odd_prices(candles: Candles, actions: ActionBook | None) -> Iterator[Finding | None]:
    """Findings about spikes, other instruments' prices and jumps. Jumps of shares are held against
    `actions` (the shipped ones)."""
    kind = instrument_of(candles.symbol, candles.exchange).kind
    spikes = _spikes(candles, kind)
    strange = _excursions(candles, kind) | (spikes & _interleaved(candles, spikes))
    spikes &= ~strange
    yield about_bars(
        candles,
        strange,
        code="symbol-mix-up",
        message="{} at another level of prices, left again as far as it was reached, as bars of "
        "another instrument are",
    )
    yield about_bars(
        candles,
        spikes,
        code="outlier",
        message="{} with a price far from those just before and after it, which did not come near",
    )
    short = timeframes.duration(candles.timeframe) <= DAY_NS
    if short and candles.exchange in CASH_EXCHANGES:
        yield from unadjusted_jumps(candles, actions or action_book())
    elif kind != "option":
        yield _jumps(candles)


def _spikes(candles: Candles, kind: InstrumentKind) -> Mask:
    """Bars, up to three on end, whose high lies far above, or low far below, the whole range of
    both neighbours, measured by the usual range of the bars around them."""
    spikes: Mask = np.zeros(len(candles), np.bool_)
    if len(candles) < 5:
        return spikes
    highs, lows = np.log(candles.high), np.log(candles.low)
    daily = not timeframes.is_intraday(candles.timeframe)
    least = max(_SPIKE_LEAST[kind], _SPIKE_LEAST_DAILY if daily else 0.0)
    limit = np.maximum(_SPIKE_RANGES * _usual(highs - lows), least)
    limit[1:] = np.maximum(limit[1:], np.log1p(_SPIKE_RUPEES / candles.close[:-1]))
    if not daily:
        limit[candles.session_firsts] *= _AT_THE_OPEN
    for reach in (highs, -lows):
        for first, bars in _beyond_both(reach, limit):
            spikes[first : first + bars] = True
    if kind == "option":
        # Overnight an option becomes another price, and back.
        spikes[candles.session_firsts] = spikes[candles.session_firsts - 1] = False
    return spikes


def _beyond_both(reach: Floats, limit: Floats) -> Iterator[tuple[int, int]]:
    """The runs of up to three bars, as their first one and their number, each of which reaches
    further than both neighbours of the run by more than the limit; the highs of the neighbours
    where `reach` are highs, the lows mirrored where it is those."""
    within = reach
    for bars in range(1, min(_SPIKE_BARS, len(reach) - 2) + 1):
        if bars > 1:
            within = np.minimum(within[:-1], reach[bars - 1 :])
        beside = np.maximum(reach[: -bars - 1], reach[bars + 1 :])
        found = np.flatnonzero(within[1:-1] - beside > limit[1:-bars]) + 1
        yield from ((first, bars) for first in found.tolist())


def _usual(ranges: Floats) -> Floats:
    """For each bar the median range of the bars around it: of blocks of 25, the widest of its own
    block and the two beside it."""
    blocks = max(1, len(ranges) // _BLOCK)
    cut = blocks * _BLOCK
    if cut > len(ranges):
        return np.full(len(ranges), np.median(ranges))
    medians = np.median(ranges[:cut].reshape(blocks, _BLOCK), axis=1)
    padded = np.concatenate([medians[:1], medians, medians[-1:]])
    widest = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:])
    local: Floats = widest[np.minimum(np.arange(len(ranges)) // _BLOCK, blocks - 1)]
    return local


def _interleaved(candles: Candles, spikes: Mask) -> Mask:
    """The bars of the dates (stretches of 25 bars where bars are days) that are full of spikes."""
    firsts = candles.session_firsts
    if not timeframes.is_intraday(candles.timeframe):
        firsts = np.arange(0, len(candles), _BLOCK)
    sizes = np.diff(firsts, append=len(candles))
    counts = np.add.reduceat(spikes, firsts, dtype=np.int64)
    full: Mask = (counts >= _INTERLEAVED_BARS) & (counts >= _INTERLEAVED * sizes)
    return np.repeat(full, sizes)


def _excursions(candles: Candles, kind: InstrumentKind) -> Mask:
    """Stretches of more than three bars between a jump and the jump back."""
    strange: Mask = np.zeros(len(candles), np.bool_)
    if len(candles) < 5:
        return strange
    steps = np.log(candles.open[1:] / candles.close[:-1])
    overnight = np.diff(candles.days) > 0
    nightly = np.inf if kind == "option" else _STEP_LEAST_OVERNIGHT
    limit = np.where(overnight, nightly, _STEP_LEAST[kind])
    ranges = _usual(np.log(candles.high / candles.low))[1:]
    limit = np.maximum(limit, _SPIKE_RANGES * ranges)
    limit = np.maximum(limit, np.log1p(_SPIKE_RUPEES / candles.close[:-1]))
    jumps = np.flatnonzero(np.abs(steps) > limit)
    if len(jumps) < 2:
        return strange
    sizes = steps[jumps]
    back = np.abs(sizes[:-1] + sizes[1:]) < _BACK * np.abs(sizes[:-1])
    at = 0
    for pair in np.flatnonzero(back).tolist():
        if pair < at:
            continue
        begins, ends = int(jumps[pair]) + 1, int(jumps[pair + 1]) + 1
        sessions = np.count_nonzero(overnight[begins - 1 : ends - 1])
        if ends - begins > _SPIKE_BARS and sessions <= _LONGEST_STAY:
            strange[begins:ends] = True
        at = pair + 2
    return strange


def _jumps(candles: Candles) -> Finding | None:
    """Moves between dates that only a split, a bonus or an error explains, where the ex-date cannot
    be told or there is none."""
    firsts = candles.session_firsts[1:]
    moves = candles.open[firsts] / candles.close[firsts - 1] - 1
    jumps = np.flatnonzero(np.abs(moves) > _JUMP)
    if not len(jumps):
        return None
    days = candles.days[firsts[jumps]]
    named = [
        f"{date_of_day(day)} ({move:+.1%})"
        for day, move in zip(days[:NAMED].tolist(), moves[jumps[:NAMED]].tolist(), strict=True)
    ]
    return Finding(
        code="unadjusted-jump",
        severity="warning",
        message=f"{plural(len(jumps), 'jump')} of more than {_JUMP:.0%} from one close to the "
        f"next open, as an unadjusted split makes: {listed(named, len(jumps))}",
        count=len(jumps),
        of=len(candles.session_firsts),
        where=f"{date_of_day(int(days[0]))}",
        places=tuple(f"{date_of_day(day)}" for day in days[:NAMED].tolist()),
    )
