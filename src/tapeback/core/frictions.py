"""What moves a price against the trader: spread, slippage, impact, rounding (P5, P7, P8)."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, floor, sqrt

import numpy as np

from tapeback.core.rules import SLIPPAGE_DIALS, ExecutionRules
from tapeback.market.candles import Candles
from tapeback.market.dated import Row
from tapeback.market.slippage import slippage_class, slippage_row
from tapeback.models.instrument import Instrument
from tapeback.utils.clock import day_number

_EPSILON = 1e-6
THIN_IMPACT = 1.0
SIGMA_SESSIONS = 20
# A session's standard deviation for what has no history yet: about that of the NIFTY.
USUAL_SIGMA = 0.01

Parts = tuple[float, float, float, float, float]


class Frictions:
    """Prices of one instrument's MARKET-like fills. `used` are the rows of the slippage table that
    moved them."""

    def __init__(self, rules: ExecutionRules, instrument: Instrument, candles: Candles) -> None:
        self._instrument = instrument
        self._candles = candles
        self._dial = SLIPPAGE_DIALS[rules.slippage]
        self._bps = rules.slippage_bps
        self._ticks = rules.slippage_ticks
        self._spread = rules.spread_bps / 2e4
        self._impact = rules.impact
        self._on_grid = rules.exchange_rules
        self.used: dict[Row, None] = {}
        self._tick = 0.0
        self._per_rupee = 0
        self._least = 0.0
        # What was set replaces the table; without a dial there is no slippage at all.
        self._tabled = self._bps is None and self._ticks is None and self._dial > 0
        self._percent = (self._bps or 0.0) / 1e4
        self._moving_class = self._tabled
        self._sigmas: dict[int, float] | None = None
        moving = self._dial or self._bps or self._ticks or self._spread or self._impact
        self.free = not (moving or self._on_grid)

    def set_tick(self, tick: float) -> None:
        """Let prices lie on a grid of `tick` rupees."""
        if tick == self._tick:
            return
        self._tick = tick
        inverse = 1 / tick
        self._per_rupee = round(inverse) if abs(inverse - round(inverse)) < _EPSILON else 0
        self._least = (self._ticks or 0.0) * tick
        self._moving_class = self._tabled

    def price(
        self, buy: bool, reference: float, stressed: bool, over: int, quantity: int, ts: int,
        volume: float,
    ) -> Parts:  # fmt: skip
        """Price and the parts that moved it: (price, spread, slippage, impact, rounding).

        `stressed` doubles the table's slippage; `over` is the part of `quantity` beyond the
        bar's share of `volume`, `ts` the instant, ns UTC.
        """
        if self._moving_class:
            self._choose_class(reference)
        spread = reference * self._spread
        slippage = reference * self._percent
        if slippage < self._least:
            slippage = self._least
        if stressed and self._tabled:
            slippage += slippage
        impact = (
            self._pressure(reference, over, quantity, ts, volume) if over or self._impact else 0.0
        )
        moved = spread + slippage + impact
        exact = reference + moved if buy else reference - moved
        price = self.onto_grid(exact, buy) if self._on_grid else exact
        if price <= 0.0:
            price = self._tick
        return price, spread, slippage, impact, price - exact if buy else exact - price

    def beside(self, price: float, ticks: int) -> float:
        """The price of the grid that lies some ticks above (or below) a price on it."""
        if self._per_rupee:
            return (round(price * self._per_rupee) + ticks) / self._per_rupee
        return price + ticks * self._tick

    def onto_grid(self, price: float, up: bool) -> float:
        """The next price of the tick grid at or above (`up`), or at or below."""
        if self._per_rupee:
            ticks = price * self._per_rupee
            whole = ceil(ticks - _EPSILON) if up else floor(ticks + _EPSILON)
            return whole / self._per_rupee
        ticks = price / self._tick
        return (ceil(ticks - _EPSILON) if up else floor(ticks + _EPSILON)) * self._tick

    def _choose_class(self, reference: float) -> None:
        """Take percentage and ticks from the table's row; an option's row follows its price."""
        row = slippage_row(slippage_class(self._instrument, reference))
        self.used[row.basis] = None
        self._percent = row.percent / 100 * self._dial
        self._least = row.ticks * self._tick * self._dial
        self._moving_class = self._instrument.kind == "option"

    def _pressure(
        self, reference: float, over: int, quantity: int, ts: int, volume: float
    ) -> float:
        """Square-root impact a unit: `coefficient × σ × sqrt(quantity / bar volume)`.

        The part beyond the bar's share of volume pays with a coefficient of at least one, spread
        over the whole quantity.
        """
        if not volume > 0:
            return 0.0
        scale = reference * self._sigma(day_number(ts)) * sqrt(quantity / volume)
        rest = self._impact * (quantity - over) + max(self._impact, THIN_IMPACT) * over
        return scale * rest / quantity

    def _sigma(self, day: int) -> float:
        """Standard deviation of the last 20 sessions' returns that were known before `day`."""
        if self._sigmas is None:
            self._sigmas = dict(_sigmas(self._candles))
        return self._sigmas.get(day, USUAL_SIGMA)


def _sigmas(candles: Candles) -> Iterator[tuple[int, float]]:
    """For each session that has two returns behind it: its day number, and the standard deviation
    of the returns between the closes of the 20 sessions, or fewer, before it."""
    firsts = candles.session_firsts
    closes = candles.close[firsts[1:] - 1]
    returns = np.diff(np.log(closes))
    for at, day in enumerate(candles.days[firsts].tolist()):
        known = returns[max(0, at - 1 - SIGMA_SESSIONS) : max(0, at - 1)]
        if len(known) > 1:
            yield day, float(known.std(ddof=1))
