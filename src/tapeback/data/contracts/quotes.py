"""What is known of a stored instrument at an instant: its last closed bar and its day so far."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from tapeback.data.cache import CacheManager
from tapeback.market import timeframes
from tapeback.market.calendar import calendar_of
from tapeback.market.candles import Candles
from tapeback.models.candle import Series
from tapeback.utils.clock import day_number, midnight

_NONE = float("nan")
_MEMORY = 256 * 2**20


class BarQuote(msgspec.Struct, frozen=True, gc=False):
    """Prices in rupees as of an instant: `ltp` and `oi` of the last bar that had closed, at `ts`
    (ns UTC); the Indian day's first open, highest high, lowest low and volume up to it, NaN and 0
    where the day has no closed bar yet; the last close before that day, NaN where there is none."""

    ts: int
    ltp: float
    open: float
    high: float
    low: float
    prev_close: float
    volume: float
    oi: float


class BarQuotes:
    """Quotes from the bars of a cache.

    Columns that were read are kept for later instants, the longest unused given up beyond `memory`
    bytes.
    """

    def __init__(self, cache: CacheManager, *, memory: int = _MEMORY) -> None:
        self._cache = cache
        self._memory = memory
        self._held: OrderedDict[Series, Candles] = OrderedDict()
        self.held_bytes = 0
        self._closes: dict[tuple[str, str, int], int] = {}

    def quote(self, series: Sequence[Series], ts: int) -> BarQuote | None:
        """What the bars of one instrument, in one or several timeframes (finest first), tell at an
        instant; None before the close of the first of them."""
        found: _Last | None = None
        for each in series:
            last = self._last(each, ts)
            if last is not None and (found is None or last.end > found.end):
                found = last
        return None if found is None else _quote(found, ts)

    def _last(self, series: Series, ts: int) -> _Last | None:
        """The last bar of a series that had closed by an instant."""
        candles = self._candles(series)
        if candles is None:
            return None
        stamps = candles.ts
        if not timeframes.is_intraday(series.timeframe):
            return self._last_long(candles, ts)
        length = timeframes.duration(series.timeframe)
        index = int(np.searchsorted(stamps, ts - length, side="right")) - 1
        end = int(stamps[index]) + length if index >= 0 else 0
        # The last bar of a session may be shorter than the others.
        while index + 1 < len(stamps) and (begins := int(stamps[index + 1])) < ts:
            closes = self._close(series, day_number(begins))
            if not begins < closes <= ts:
                break
            index, end = index + 1, closes
        if index < 0:
            return None
        closes = self._close(series, day_number(int(stamps[index])))
        begins = int(stamps[index])
        return _Last(candles, index, min(end, closes) if begins < closes else end)

    def _last_long(self, candles: Candles, ts: int) -> _Last | None:
        ends = candles.ends
        index = int(np.searchsorted(candles.ts, ts, side="right")) - 1
        while index >= 0 and int(ends[index]) > ts:
            index -= 1
        return None if index < 0 else _Last(candles, index, int(ends[index]))

    def _close(self, series: Series, day: int) -> int:
        """When the session of a day ends, ns UTC."""
        key = (series.exchange, series.symbol, day)
        found = self._closes.get(key)
        if found is None:
            found = calendar_of(series.exchange).hours(day, series.symbol)[1]
            self._closes[key] = found
        return found

    def _candles(self, series: Series) -> Candles | None:
        held = self._held.get(series)
        if held is not None:
            self._held.move_to_end(series)
            return held
        candles = self._cache.read(series)
        if candles is None:
            return None
        self._held[series] = candles
        self.held_bytes += _size(candles)
        while self.held_bytes > self._memory and len(self._held) > 1:
            _, given_up = self._held.popitem(last=False)
            self.held_bytes -= _size(given_up)
        return candles


class _Last(NamedTuple):
    """A bar, by its place among the candles, and when it closed (ns UTC)."""

    candles: Candles
    at: int
    end: int


def _quote(last: _Last, ts: int) -> BarQuote:
    candles, at, end = last
    first = int(np.searchsorted(candles.ts, midnight(day_number(ts))))
    ltp, oi = float(candles.close[at]), float(candles.oi[at])
    if at < first:
        return BarQuote(end, ltp, _NONE, _NONE, _NONE, ltp, 0.0, oi)
    today = slice(first, at + 1)
    return BarQuote(
        ts=end,
        ltp=ltp,
        open=float(candles.open[first]),
        high=float(candles.high[today].max()),
        low=float(candles.low[today].min()),
        prev_close=float(candles.close[first - 1]) if first else _NONE,
        volume=float(np.nansum(candles.volume[today])),
        oi=oi,
    )


def _size(candles: Candles) -> int:
    return sum(column.nbytes for column in candles.columns)
