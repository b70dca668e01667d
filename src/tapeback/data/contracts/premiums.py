"""Black's model of 1976 over columns, and the smile that goes with it.

`market.black76` says what the figures mean; here many prices are worked out at once. Carry and
discount are one factor, so that the time that volatility counts may be another than interest's.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# Third and fourth moment (above a normal distribution's 3) of what the price does until expiry:
# those of NIFTY's moves over five sessions, each measured by the volatility of the 21 sessions
# before it, from 2007 to 2022 (-0.51 and 1.62).
SKEWNESS = -0.5
KURTOSIS = 1.5
# Moneyness beyond which the smile goes on level: an expansion by moments says nothing there.
_FURTHEST = 3.0
_ROWS = 8192
# Standard deviations beyond which no number is small enough for the tail.
_NOTHING_BEYOND = 40.0

# The rational approximation of the lower tail by Hart (1968, no. 5666), exact to 15 digits.
_ABOVE = (
    3.52624965998911e-2, 0.700383064443688, 6.37396220353165, 33.912866078383, 112.079291497871,
    221.213596169931, 220.206867912376,
)  # fmt: skip
_BELOW = (
    8.83883476483184e-2, 1.75566716318264, 16.064177579207, 86.7807322029461, 296.564248779674,
    637.333633378831, 793.826512519948, 440.413735824752,
)  # fmt: skip


def premiums(
    call: bool,
    forward: Floats,
    strike: float,
    years: Floats,
    volatility: Floats,
    discount: Floats,
    *,
    smile: bool = False,
) -> Floats:
    """What an option is worth at each of so many forwards, in rupees; columns of one shape.

    `discount` is what a rupee of the expiry day is worth at each instant. Without time or
    volatility it is the discounted intrinsic worth. With a `smile` the volatility is that of the
    whole distribution, as a VIX gives it, and each strike gets its own (`smiled`).
    """
    shape, columns = forward.shape, (forward, years, volatility, discount)
    flat = [np.ravel(column) for column in columns]
    found = np.empty(len(flat[0]))
    # A few thousand at a time stay in the processor's cache.
    for first in range(0, len(found), _ROWS):
        rows = slice(first, first + _ROWS)
        parts = [column[rows] for column in flat]
        found[rows] = _premiums(call, parts[0], strike, parts[1], parts[2], parts[3], smile)
    return found.reshape(shape)


def smiled(distance: Floats, volatility: Floats, root: Floats) -> Floats:
    """The volatility of a strike whose forward lies `distance` above it (the logarithm of forward
    by strike), with `root` the root of the years left.

    The quadratic of Backus, Foresi and Wu (2004) in the moneyness d: volatility x
    (1 - skewness / 6 x d - kurtosis / 24 x (1 - d²)), d = distance / (volatility x root) +
    volatility x root / 2, from -3 to 3. In the middle that is a sixteenth below the whole.
    """
    spread = volatility * root
    with np.errstate(divide="ignore", invalid="ignore"):
        moneyness = distance / spread + spread / 2
    moneyness = np.clip(np.nan_to_num(moneyness), -_FURTHEST, _FURTHEST)
    factor: Floats = moneyness * (KURTOSIS / 24)
    factor -= SKEWNESS / 6
    factor *= moneyness
    factor += 1 - KURTOSIS / 24
    factor *= volatility
    return factor


def shares_below(x: Floats) -> Floats:
    """The share of a normal distribution below each x."""
    size = np.minimum(np.abs(x), _NOTHING_BEYOND)
    tail = np.exp(-size * size / 2) * _polynomial(_ABOVE, size) / _polynomial(_BELOW, size)
    found: Floats = np.where(x > 0, 1 - tail, tail)
    return found


def _premiums(
    call: bool,
    forward: Floats,
    strike: float,
    years: Floats,
    volatility: Floats,
    discount: Floats,
    smile: bool,
) -> Floats:
    sign = 1.0 if call else -1.0
    distance = np.log(forward / strike)
    root = np.sqrt(np.maximum(years, 0.0))
    spread = (smiled(distance, volatility, root) if smile else volatility) * root
    timeless = spread <= 0.0
    spread[timeless] = 1.0
    first = distance / spread
    first += spread / 2
    worth = forward * shares_below(sign * first)
    worth -= strike * shares_below(sign * (first - spread))
    worth *= sign
    if timeless.any():
        worth[timeless] = np.maximum(0.0, sign * (forward[timeless] - strike))
    # Far from the money the two terms differ by less than their last digits.
    np.maximum(worth, 0.0, out=worth)
    worth *= discount
    return worth


def _polynomial(factors: tuple[float, ...], x: Floats) -> Floats:
    found = np.full_like(x, factors[0])
    for factor in factors[1:]:
        found *= x
        found += factor
    return found
