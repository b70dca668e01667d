"""Black's model of 1976: what an option on a forward is worth, its volatility and its Greeks.

Prices are rupees, times years of 365 days, rates and volatilities shares a year (0.15 is 15 %).
"""

from __future__ import annotations

from math import erfc, exp, log, pi, sqrt
from typing import NamedTuple

DAYS_A_YEAR = 365.0
_LOWEST, _HIGHEST = 1e-6, 10.0
_STEPS = 100
_CLOSE_ENOUGH = 1e-10


class Greeks(NamedTuple):
    """`theta` is of a day, `vega` of one per cent of volatility, `rho` of one per cent of interest
    while the spot stays and the forward follows the rate."""

    delta: float
    gamma: float
    theta: float
    vega: float
    rho: float


def price(
    call: bool, forward: float, strike: float, years: float, volatility: float, rate: float = 0.0
) -> float:
    """What an option is worth; without time or volatility its discounted intrinsic worth."""
    discount = exp(-rate * years)
    sign = 1.0 if call else -1.0
    spread = volatility * sqrt(max(years, 0.0))
    if spread <= 0.0:
        return discount * max(0.0, sign * (forward - strike))
    d1 = log(forward / strike) / spread + spread / 2
    worth = forward * _normal(sign * d1) - strike * _normal(sign * (d1 - spread))
    return discount * sign * worth


def implied_volatility(
    call: bool, forward: float, strike: float, years: float, premium: float, rate: float = 0.0
) -> float | None:
    """The volatility at which an option is worth its premium; None where there is none: below its
    intrinsic worth, above what any volatility gives, or without time left."""
    if years <= 0.0 or premium <= 0.0 or forward <= 0.0 or strike <= 0.0:
        return None
    low, high = _LOWEST, _HIGHEST
    if premium <= price(call, forward, strike, years, 0.0, rate):
        return None
    if premium > price(call, forward, strike, years, high, rate):
        return None
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if price(call, forward, strike, years, middle, rate) < premium:
            low = middle
        else:
            high = middle
        if high - low < _CLOSE_ENOUGH:
            break
    return (low + high) / 2


def greeks(
    call: bool, forward: float, strike: float, years: float, volatility: float, rate: float = 0.0
) -> Greeks:
    """How an option's worth moves; it needs time and volatility above 0."""
    discount, root = exp(-rate * years), sqrt(years)
    sign = 1.0 if call else -1.0
    spread = volatility * root
    d1 = log(forward / strike) / spread + spread / 2
    d2 = d1 - spread
    density = exp(-d1 * d1 / 2) / sqrt(2 * pi)
    worth = price(call, forward, strike, years, volatility, rate)
    decay = rate * worth - discount * forward * density * volatility / (2 * root)
    return Greeks(
        delta=sign * discount * _normal(sign * d1),
        gamma=discount * density / (forward * spread),
        theta=decay / DAYS_A_YEAR,
        vega=discount * forward * density * root / 100,
        rho=sign * strike * years * discount * _normal(sign * d2) / 100,
    )


def _normal(x: float) -> float:
    """The share of a normal distribution below x."""
    return erfc(-x / sqrt(2)) / 2
