"""What moves a price against the trader: spread, slippage, impact, rounding (P5, P7, P8)."""

from __future__ import annotations

from math import ceil, floor, sqrt

import numpy as np

from tapeback.core.rules import SLIPPAGE_DIALS, ExecutionRules
from tapeback.market.candles import Candles
from tapeback.market.slippage import slippage_class, slippage_row
from tapeback.models.instrument import Instrument

_EPSILON = 1e-6
THIN_IMPACT = 1.0
SIGMA_SESSIONS = 20

Parts = tuple[float, float, float, float, float]


class Frictions:
    """Prices of one instrument's MARKET-like fills."""

    def __init__(self, rules: ExecutionRules, instrument: Instrument, candles: Candles) -> None:
        self._instrument = instrument
        self._candles = candles
        self._dial = SLIPPAGE_DIALS[rules.slippage]
        self._bps = rules.slippage_bps
        self._ticks = rules.slippage_ticks
        self._spread = rules.spread_bps / 2e4
        self._impact = rules.impact
        self._tick = instrument.tick_size
        self._on_grid = rules.exchange_rules
        inverse = 1 / self._tick
        self._per_rupee = round(inverse) if abs(inverse - round(inverse)) < _EPSILON else 0
        self._class = ""
        self._percent = 0.0
        self._least = 0.0
        self._sigmas: dict[int, float] = {}
        moving = self._dial or self._bps or self._ticks or self._spread or self._impact
        self.free = not (moving or self._on_grid)

    def price(
        self,
        buy: bool,
        reference: float,
        *,
        stressed: bool,
        over: int,
        quantity: int,
        day: int,
        volume: float,
    ) -> Parts:
        """Price and the parts that moved it: (price, spread, slippage, impact, rounding).

        `stressed` doubles the table's slippage; `over` is the part of `quantity` beyond the
        bar's share of `volume`, `day` the Indian day number.
        """
        spread = reference * self._spread
        slippage = self._slippage(reference, stressed)
        impact = 0.0
        if self._impact or over:
            impact = self._pressure(reference, over, quantity, day, volume)
        moved = spread + slippage + impact
        exact = reference + moved if buy else reference - moved
        price = self.onto_grid(exact, buy) if self._on_grid else exact
        if price <= 0.0:
            price = self._tick
        rounding = price - exact if buy else exact - price
        return price, spread, slippage, impact, rounding

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

    def _slippage(self, reference: float, stressed: bool) -> float:
        if self._bps is not None or self._ticks is not None:
            flat = reference * (self._bps or 0.0) / 1e4
            return max(flat, (self._ticks or 0.0) * self._tick)
        if not self._dial:
            return 0.0
        if not self._class or self._instrument.kind == "option":
            self._class = slippage_class(self._instrument, reference)
            row = slippage_row(self._class)
            self._percent, self._least = row.percent / 100, row.ticks * self._tick
        base = max(reference * self._percent, self._least) * self._dial
        return base * 2 if stressed else base

    def _pressure(
        self, reference: float, over: int, quantity: int, day: int, volume: float
    ) -> float:
        """Square-root impact a unit: `coefficient × σ × sqrt(quantity / bar volume)`.

        The part beyond the bar's share of volume pays with a coefficient of at least one, spread
        over the whole quantity.
        """
        if not volume > 0:
            return 0.0
        scale = reference * self._sigma(day) * sqrt(quantity / volume)
        rest = self._impact * (quantity - over) + max(self._impact, THIN_IMPACT) * over
        return scale * rest / quantity

    def _sigma(self, day: int) -> float:
        """Standard deviation of the last 20 sessions' returns that were known before `day`."""
        known = self._sigmas.get(day)
        if known is None:
            candles = self._candles
            stop = int(np.searchsorted(candles.days, day))
            firsts = candles.session_firsts
            last = firsts[1 : int(np.searchsorted(firsts, stop, side="right"))] - 1
            closes = candles.close[last[-(SIGMA_SESSIONS + 1) :]]
            known = float(np.std(np.diff(np.log(closes)), ddof=1)) if len(closes) > 2 else 0.01
            self._sigmas[day] = known
        return known
