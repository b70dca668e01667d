"""Where a strike lies on the ladder of the listed ones (OpenAlgo's rule for option symbols)."""

from __future__ import annotations

from collections.abc import Sequence


def nearest_strike(strikes: Sequence[float], price: float) -> float:
    """The strike that is nearest to a price, the lower of two."""
    return min(strikes, key=lambda strike: (abs(strike - price), strike))


def moneyness(away: int, option_type: str) -> str:
    """What OpenAlgo calls an option `away` listed strikes above the middle one."""
    if not away:
        return "ATM"
    return f"{'OTM' if (away > 0) == (option_type == 'CE') else 'ITM'}{abs(away)}"
