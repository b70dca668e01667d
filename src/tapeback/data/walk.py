"""The daily skeleton of synthetic prices: nights, sessions and how busy they are."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from tapeback.market.calendar import Calendar
from tapeback.utils.clock import day_number

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Regime = Literal["normal", "trend", "sideways", "volatile", "jump"]

REGIMES = ("normal", "trend", "sideways", "volatile", "jump")
# The walk starts with the first session of this year and runs both ways.
BASE_YEAR = 2024

# The part of a day's variance that falls on the night before its open.
_NIGHT_SHARE = 0.25
_TREND_DRIFT = 0.1
# What is left of yesterday's distance from the initial price, and of yesterday's excitement.
_SIDEWAYS_MEMORY = 0.9
_CLUSTER_MEMORY = 0.95
_CLUSTER_SPREAD = 0.5
_VOLATILE_FACTOR = 2.0
_JUMP_CHANCE = 0.03
_YEARS, _MINUTES = 0, 1


class DailyWalk(NamedTuple):
    """One value a session: log price at the open relative to the initial price, log return from
    open to close, the standard deviation of that return, and volume relative to its mean. A short
    session moves and trades less."""

    opens: Floats
    moves: Floats
    sigma: Floats
    bustle: Floats


class _Year(NamedTuple):
    """The random numbers of a calendar year, one of each for every session."""

    days: Ints
    night: Floats
    session: Floats
    excitement: Floats
    jump: Floats
    bustle: Floats
    share: Floats


def minute_source(seed: int, key: int, day: int) -> np.random.Generator:
    """The generator of one session's minutes."""
    return _source(seed, key, _MINUTES, day)


def daily_walk(
    days: Ints,
    calendar: Calendar,
    symbol: str,
    *,
    seed: int,
    key: int,
    volatility: float,
    trend: float,
    regime: Regime,
) -> DailyWalk:
    """The walk over `days` (sessions of the calendar by number, ascending); a day's values depend
    on the other arguments alone, never on the range. `key` tells the symbols apart."""
    years = days.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
    first, last = min(int(years[0]), BASE_YEAR), max(int(years[-1]), BASE_YEAR)
    # What is remembered reaches back 250 sessions, which may be more than a year.
    drawn = [_draw(calendar, symbol, seed, key, year) for year in range(first - 2, last + 1)]
    year = _Year(*map(np.concatenate, zip(*drawn, strict=True)))
    known = year.days
    scale = np.full(len(known), volatility)
    if regime == "volatile":
        level = _remembered(year.excitement, _CLUSTER_MEMORY) * np.sqrt(1 - _CLUSTER_MEMORY**2)
        scale *= _VOLATILE_FACTOR * np.exp(_CLUSTER_SPREAD * level - _CLUSTER_SPREAD**2)
    sigma = scale * np.sqrt((1 - _NIGHT_SHARE) * year.share)
    gaps, moves = scale * np.sqrt(_NIGHT_SHARE) * year.night, sigma * year.session
    if regime == "sideways":
        # Being drawn back widens the daily returns by this factor.
        shrink = np.sqrt((1 + _SIDEWAYS_MEMORY) / 2)
        gaps, moves, sigma = gaps * shrink, moves * shrink, sigma * shrink
        closes = _remembered(gaps + moves, _SIDEWAYS_MEMORY)
        opens = np.append(0.0, closes[:-1]) + gaps
        moves = closes - opens
    else:
        moves += trend
        if regime == "trend":
            moves += np.copysign(_TREND_DRIFT * volatility, trend)
        if regime == "jump":
            gaps += scale * year.jump
        opens = _levels(gaps, moves, int(np.searchsorted(known, _first_day(BASE_YEAR))))
    rows = np.searchsorted(known, days)
    return DailyWalk(opens[rows], moves[rows], sigma[rows], (year.bustle * year.share)[rows])


def _draw(calendar: Calendar, symbol: str, seed: int, key: int, year: int) -> _Year:
    days = calendar.trading_days(_first_day(year), _first_day(year + 1) - 1, symbol)
    share = _share(calendar, symbol, days)
    source = _source(seed, key, _YEARS, year)
    night, session, excitement, bustle = source.standard_normal((4, len(days)))
    chance, size, side = source.random((3, len(days)))
    jump = np.where(chance < _JUMP_CHANCE, (3 + 3 * size) * np.where(side < 0.5, -1, 1), 0.0)
    # A year's volatility is the one asked for, not a draw around it.
    total = np.sqrt(_NIGHT_SHARE) * night + np.sqrt((1 - _NIGHT_SHARE) * share) * session
    scale = 1 / np.sqrt(np.mean(total**2))
    bustle = np.exp(0.3 * bustle - 0.045)
    return _Year(days, night * scale, session * scale, excitement, jump, bustle, share)


def _share(calendar: Calendar, symbol: str, days: Ints) -> Floats:
    """How long each session is, relative to the usual one of its year."""
    clocks = calendar.clocks(days, symbol)
    lengths = clocks.continuous - clocks.opens
    for begins, ends in calendar.breaks(int(days[0]), int(days[-1]), symbol):
        lengths[np.searchsorted(days, day_number(begins))] -= ends - begins
    share: Floats = lengths / np.median(lengths)
    return share


def _levels(gaps: Floats, moves: Floats, base: int) -> Floats:
    """The level at each open, 0 at the open of day `base`. Summed away from there in both
    directions, so that more days at either end change no bit of the others."""
    later = np.cumsum(moves[base:-1] + gaps[base + 1 :])
    earlier = -np.cumsum(moves[:base][::-1] + gaps[1 : base + 1][::-1])[::-1]
    return np.concatenate([earlier, [0.0], later])


def _remembered(values: Floats, memory: float) -> Floats:
    """Each value plus the faded ones before it."""
    kernel = memory ** np.arange(min(len(values), 250))
    return np.convolve(values, kernel)[: len(values)]


def _first_day(year: int) -> int:
    return int(np.datetime64(year - 1970, "Y").astype("datetime64[D]").astype(np.int64))


def _source(seed: int, key: int, kind: int, number: int) -> np.random.Generator:
    sequence = np.random.SeedSequence([seed % 2**64, key, kind, number])
    return np.random.Generator(np.random.PCG64(sequence))
