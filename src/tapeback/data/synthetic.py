"""Made-up candles: random, seeded, on the session grid, and always marked as synthetic."""

from __future__ import annotations

import math
from datetime import date, timedelta
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tapeback.data.provider import DataRequest
from tapeback.data.walk import REGIMES, DailyWalk, Regime, daily_walk, minute_source
from tapeback.errors import DataError, DataNotFoundError, did_you_mean
from tapeback.market import timeframes
from tapeback.market.calendar import Session, calendar_of
from tapeback.market.candles import Candles
from tapeback.models.candle import Series
from tapeback.models.finding import Origin
from tapeback.models.instrument import INDEX_EXCHANGES
from tapeback.utils.clock import DAY_NS, IST_OFFSET_NS, MINUTE_NS, day_of, midnight

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

DEFAULT_START, DEFAULT_END = date(2024, 1, 1), date(2024, 12, 31)
START_PRICES = {
    "RELIANCE": 2500.0,
    "INFY": 1800.0,
    "TATASTEEL": 1200.0,
    "BANKNIFTY": 45000.0,
    "NIFTY": 22000.0,
}

_YEARS = (1980, 2200)
_TICK = 0.05
# Rupees that change hands in a session of a symbol whose volume nobody set.
_TURNOVER = 1e10
# Prices stay within e^±25 of the initial one, whatever volatility is asked for.
_FURTHEST = 25.0
# Minutes in which a closing auction matches, at its end.
_MATCHING = 5


class SyntheticDataProvider:
    """Random bars of any symbol as a `DataProvider`.

    `initial_price` (rupees) is the open of the first session of 2024, by default one of the
    symbol's own: the walk starts there and runs both ways, so that a date has the same bars
    whatever range is asked for. `volatility` and `trend` are the standard deviation and the mean
    of a day's log return, close to close; `volume` is the mean number of units a session.

    Regimes: `normal`; `trend` adds a tenth of the volatility a day, in the direction of `trend`;
    `sideways` is drawn back to the initial price, without drift; `volatile` has twice the
    volatility, in clusters; `jump` has gaps of three to six times the volatility on three mornings
    in a hundred. In the first three a calendar year's volatility is the one asked for.

    Bars are made by the minute, in the sessions of the exchange's calendar, and resampled. A night
    has a quarter of a day's variance; within the session volatility and volume are high at both
    ends. A closing auction is one bar of one price.
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
        if initial_price is not None:
            _check("initial_price", initial_price, above=0.0)
        _check("volatility", volatility, least=0.0)
        _check("trend", trend)
        if volume is not None:
            _check("volume", volume, least=0.0)
        if regime not in REGIMES:
            raise DataError(
                f"unknown regime {regime!r}{did_you_mean(regime, REGIMES)}.",
                remedy=f"Use one of {', '.join(REGIMES)}.",
            )
        self.seed = seed
        self.initial_price = initial_price
        self.volatility = volatility
        self.trend = trend
        self.volume = volume
        self.regime: Regime = regime

    def describe(self) -> str:
        """`synthetic, regime=normal seed=42 …`: every parameter that makes the bars."""
        return f"synthetic, {self._parameters()}"

    def fetch(self, request: DataRequest) -> Candles:
        """Bars of the requested range; 1m where the request names no timeframe."""
        series = request.series("1m")
        if timeframes.duration(series.timeframe) < MINUTE_NS:
            raise DataError(
                f"synthetic bars of {series.timeframe} cannot be made.",
                where=series.name,
                remedy="Ask for 1m or longer.",
            )
        days = _sessions(request, series)
        minutes = self._minutes(request.symbol, request.exchange, days)
        return minutes.resample(series.timeframe)

    def _parameters(self) -> str:
        values = {
            "regime": self.regime,
            "seed": self.seed,
            "volatility": self.volatility,
            "trend": self.trend,
            "initial_price": self.initial_price,
            "volume": self.volume,
        }
        return " ".join(f"{name}={value}" for name, value in values.items() if value is not None)

    def _minutes(self, symbol: str, exchange: str, days: Ints) -> Candles:
        """The 1m bars of whole sessions."""
        calendar = calendar_of(exchange)
        key = int.from_bytes(sha256(f"{symbol}:{exchange}".encode()).digest()[:8], "big")
        walk = daily_walk(
            days,
            calendar,
            symbol,
            seed=self.seed,
            key=key,
            volatility=self.volatility,
            trend=self.trend,
            regime=self.regime,
        )
        alike: dict[_Grid, list[int]] = {}
        for row, day in enumerate(days.tolist()):
            session = calendar.session(day, symbol)
            if session is not None:
                alike.setdefault(_grid_of(session), []).append(row)
        series = Series(symbol, exchange, "1m")
        parts = [
            self._bars(series, key, days[rows], grid, DailyWalk(*(c[rows] for c in walk)))
            for grid, rows in alike.items()
        ]
        columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
        order = np.argsort(columns[0])
        origin = Origin(kind="synthetic", detail=self._parameters())
        return Candles(series, [column[order] for column in columns], origin)

    def _bars(
        self, series: Series, key: int, days: Ints, grid: _Grid, walk: DailyWalk
    ) -> list[npt.NDArray[Any]]:
        """The columns of sessions that have bars in the same minutes of their days."""
        price = self.initial_price or _start_price(series.symbol, key)
        count = len(grid.minutes)
        shape = _session_shape(count)
        normals, uniforms = np.empty((2, len(days), 2, count))
        for row, day in enumerate(days.tolist()):
            source = minute_source(self.seed, key, day)
            source.standard_normal(out=normals[row])
            source.random(out=uniforms[row])

        steps = walk.sigma[:, None] * np.sqrt(shape)
        moves = normals[:, 0] * steps
        # A bridge: the minutes keep their randomness and add up to the day's own return.
        moves += (walk.moves - moves.sum(axis=1))[:, None] * shape
        prices = _prices(price, walk.opens, moves, steps, uniforms)
        if grid.auction:
            for column in prices[:3]:
                column[:, -1] = prices[3][:, -1]
        volume = oi = np.full(len(days) * count, np.nan)
        if series.exchange not in INDEX_EXCHANGES:
            mean = _TURNOVER / price if self.volume is None else self.volume
            # The more a minute moves, the busier it is; both factors have the mean 1.
            busy = 0.5 + np.abs(normals[:, 0]) * math.sqrt(math.pi / 8)
            surge = np.exp(0.5 * normals[:, 1] - 0.125)
            volume = np.rint(mean * walk.bustle[:, None] * shape * busy * surge).ravel()
        midnights = days * DAY_NS - IST_OFFSET_NS
        ts = (midnights[:, None] + np.array(grid.minutes) * MINUTE_NS).ravel()
        return [ts, *(column.ravel() for column in prices), volume, oi]


class _Grid(NamedTuple):
    """The minutes after midnight in which a session has bars; the last may be its auction's."""

    minutes: tuple[int, ...]
    auction: bool


def _grid_of(session: Session) -> _Grid:
    begins = midnight(session.day)
    minutes: list[int] = []
    for opens, closes in session.segments:
        minutes += range((opens - begins) // MINUTE_NS, (closes - begins) // MINUTE_NS)
    auction = session.closing_auction
    if auction is not None:
        minutes.append((auction[1] - begins) // MINUTE_NS - _MATCHING)
    return _Grid(tuple(minutes), auction is not None)


def _prices(
    initial: float, opens: Floats, moves: Floats, steps: Floats, uniforms: Floats
) -> list[Floats]:
    """Open, high, low and close of each minute of each session, one row a session, in rupees.

    `opens` are the sessions' opening levels, `moves` and `steps` the minutes' log returns and
    their standard deviations, `uniforms` two numbers in [0, 1) a minute.
    """
    ends = opens[:, None] + np.cumsum(moves, axis=1)
    starts = np.concatenate([opens[:, None], ends[:, :-1]], axis=1)
    # How far a Brownian bridge between a minute's two ends strays beyond them.
    widths = moves[:, None] ** 2 - 2 * steps[:, None] ** 2 * np.log1p(-uniforms)
    reach = np.sqrt(widths)
    levels = (
        starts,
        starts + (moves + reach[:, 0]) / 2,
        starts + (moves - reach[:, 1]) / 2,
        ends,
    )
    opened, high, low, close = (_to_grid(initial, level) for level in levels)
    return [
        opened,
        np.maximum.reduce([high, opened, close]),
        np.minimum.reduce([low, opened, close]),
        close,
    ]


def _to_grid(initial: float, levels: Floats) -> Floats:
    prices = initial * np.exp(np.clip(levels, -_FURTHEST, _FURTHEST))
    grid: Floats = np.round(np.maximum(np.rint(prices / _TICK), 1) * _TICK, 2)
    return grid


def _session_shape(count: int) -> Floats:
    """Each minute's share of a session's variance and volume: high at both ends, most at the
    open."""
    place = np.linspace(0.0, 1.0, count)
    shape = 0.6 + 1.4 * (2 * place - 1) ** 2 + 1.5 * np.exp(-place * 25)
    share: Floats = shape / shape.sum()
    return share


def _start_price(symbol: str, key: int) -> float:
    """The symbol's own price in rupees, between 100 and 3,000 where it is no well-known one."""
    return START_PRICES.get(symbol, 100 + key % 58_000 / 20)


def _sessions(request: DataRequest, series: Series) -> Ints:
    """The day numbers of the request's sessions."""
    start, end = request.start, request.end
    if start is None and end is None:
        start, end = DEFAULT_START, DEFAULT_END
    for day in (start, end):
        if day is not None and not _YEARS[0] <= day.year <= _YEARS[1]:
            raise DataNotFoundError(
                f"synthetic bars run from {_YEARS[0]} to {_YEARS[1]}, not to {day}.",
                where=series.name,
                remedy="Choose dates in that range.",
            )
    if start is None and end is not None:
        start = end - timedelta(days=364)
    if end is None and start is not None:
        end = start + timedelta(days=364)
    first, last = day_of(start or DEFAULT_START), day_of(end or DEFAULT_END)
    days = calendar_of(series.exchange).trading_days(first, last, series.symbol)
    if not len(days):
        raise DataNotFoundError(
            f"{series.exchange} has no session from {start} to {end}.",
            where=series.name,
            remedy="Synthetic bars keep to trading days; choose a longer range.",
        )
    return days


def _check(name: str, value: float, *, above: float = -math.inf, least: float = -math.inf) -> None:
    if math.isfinite(value) and value > above and value >= least:
        return
    bound = "above 0" if above == 0 else "0 or above" if least == 0 else "finite"
    raise DataError(f"{name} is {value}, not {bound}.", remedy="Correct it under data.synthetic.")
