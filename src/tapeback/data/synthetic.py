"""Made-up candles: random, seeded, on the session grid, and always marked as synthetic."""

from __future__ import annotations

from datetime import date, timedelta
from hashlib import sha256
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from tapeback.data.provider import DataRequest
from tapeback.errors import DataError, DataNotFoundError, did_you_mean
from tapeback.market import timeframes
from tapeback.market.candles import Candles
from tapeback.market.sessions import session_minutes, trading_days
from tapeback.models.candle import Series
from tapeback.models.finding import Origin
from tapeback.models.instrument import INDEX_EXCHANGES
from tapeback.utils.clock import DAY_NS, IST_OFFSET_NS, MINUTE_NS, day_of

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Regime = Literal["normal", "trend", "sideways", "volatile", "jump"]

REGIMES = ("normal", "trend", "sideways", "volatile", "jump")
DEFAULT_START, DEFAULT_END = date(2024, 1, 1), date(2024, 12, 31)
START_PRICES = {
    "RELIANCE": 2500.0,
    "INFY": 1800.0,
    "TATASTEEL": 1200.0,
    "BANKNIFTY": 45000.0,
    "NIFTY": 22000.0,
}

_TICK = 0.05
_BASE_YEAR = 2024
# The rupees that change hands in a session of a symbol whose volume nobody set.
_TURNOVER = 1e10
# The part of a day's variance that falls on the night before its open.
_NIGHT_SHARE = 0.25
_TREND_DRIFT = 0.1
_PULL = 0.1
_MEMORY = 0.95
_CLUSTER_SPREAD = 0.5
_VOLATILE_FACTOR = 2.0
_JUMP_CHANCE = 0.03


class SyntheticDataProvider:
    """Random bars of any symbol as a `DataProvider`.

    `initial_price` (rupees) is the price before the first session of 2024: the walk starts there
    and runs both ways, so that a date has the same bars whatever range is asked for. Without it
    every symbol has a price of its own. `volatility` and `trend` are the standard deviation and
    the mean of a day's log return, close to close, `volume` the mean units a session.

    Regimes: `normal`; `trend` adds a tenth of the volatility a day, in the direction of `trend`;
    `sideways` is drawn back to the initial price, without drift; `volatile` has twice the
    volatility, in clusters; `jump` has gaps of three to six times the volatility on three mornings
    in a hundred. In the first three each calendar year's volatility is the one asked for.

    Bars are made minute by minute on weekdays in regular hours and resampled. A night has a
    quarter of a day's variance; inside the session volatility and volume are high at both ends.
    Prices lie on a grid of 0.05, volume is whole, indices have none, open interest is NaN.
    Without dates the range is the year 2024; with one of them, the year from or up to it.
    """

    def __init__(
        self,
        seed: int,
        *,
        initial_price: float | None = None,
        volatility: float = 0.02,
        trend: float = 0.0001,
        volume: float | None = None,
        regime: Regime = "normal",
    ) -> None:
        _check(initial_price, volatility, trend, volume, regime)
        self.seed = seed
        self.initial_price = initial_price
        self.volatility = volatility
        self.trend = trend
        self.volume = volume
        self.regime = regime

    def describe(self) -> str:
        """`synthetic, regime=normal seed=42 …`: every parameter that makes the bars."""
        parts = [f"regime={self.regime}", f"seed={self.seed}"]
        parts += [f"volatility={self.volatility:g}", f"trend={self.trend:g}"]
        if self.initial_price is not None:
            parts.append(f"initial_price={self.initial_price:g}")
        if self.volume is not None:
            parts.append(f"volume={self.volume:g}")
        return f"synthetic, {' '.join(parts)}"

    def fetch(self, request: DataRequest) -> Candles:
        """Bars of the requested range; 1m where the request names no timeframe."""
        series = request.series("1m")
        if timeframes.duration(series.timeframe) < MINUTE_NS:
            raise DataError(
                f"synthetic bars of {series.timeframe} cannot be made.",
                where=series.name,
                remedy="Ask for 1m or longer.",
            )
        first, last = _range(request)
        days = trading_days(first, last)
        if not len(days):
            raise DataNotFoundError(
                f"no weekday lies from {request.start} to {request.end}.",
                where=series.name,
                remedy="Synthetic sessions are on weekdays; choose a longer range.",
            )
        minutes = self._minutes(request.symbol, request.exchange, days)
        return minutes.resample(series.timeframe)

    def _minutes(self, symbol: str, exchange: str, days: Ints) -> Candles:
        """The 1m bars of whole sessions."""
        opens, closes = session_minutes(exchange)
        count = closes - opens
        key = int.from_bytes(sha256(f"{symbol}:{exchange}".encode()).digest()[:8], "big")
        price = self.initial_price or _start_price(symbol, key)
        walk = _Walk(self, key, days)
        shape = _day_shape(count)
        # Standard normal steps, two uniforms for the extremes, one normal for the volume.
        draws = np.empty((len(days), 4, count))
        for row, day in enumerate(days.tolist()):
            source = _source(self.seed, key, _MINUTES, day)
            draws[row, 0::3] = source.standard_normal((2, count))
            draws[row, 1:3] = source.random((2, count))
        steps = walk.sigma[:, None] * np.sqrt(shape)
        moves = draws[:, 0] * steps
        # A bridge: the steps keep their randomness and add up to the day's own return.
        moves += shape * (walk.day - moves.sum(axis=1))[:, None]
        path = np.cumsum(moves, axis=1) + (walk.opens - moves[:, 0] * 0)[:, None]
        starts = path - moves
        # Extremes of a Brownian bridge between the minute's two ends.
        spread = -2 * steps**2
        up = (moves + np.sqrt(moves**2 + spread * np.log1p(-draws[:, 1]))) / 2
        down = (moves - np.sqrt(moves**2 + spread * np.log1p(-draws[:, 2]))) / 2
        prices = [
            _to_tick(price * np.exp(level)).ravel()
            for level in (starts, starts + up, starts + down, path)
        ]
        opened, high, low, close = prices
        high = np.maximum(high, np.maximum(opened, close))
        low = np.minimum(low, np.minimum(opened, close))
        clock = (np.arange(opens, closes) * MINUTE_NS)[None, :]
        ts = (days[:, None] * DAY_NS - IST_OFFSET_NS + clock).ravel()
        nothing = np.full(len(ts), np.nan)
        volume = nothing
        if exchange not in INDEX_EXCHANGES:
            daily = _TURNOVER / price if self.volume is None else self.volume
            surge = np.exp(0.5 * draws[:, 3] - 0.125)
            volume = np.rint(daily * walk.bustle[:, None] * shape * surge).ravel()
        columns = [ts, opened, high, low, close, volume, nothing]
        origin = Origin(kind="synthetic", detail=self.describe().removeprefix("synthetic, "))
        return Candles(Series(symbol, exchange, "1m"), columns, origin)
