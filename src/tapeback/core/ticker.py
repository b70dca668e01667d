"""What a script is shown of one instrument: its last price and its bar under way (T5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from tapeback.core.book import Book
from tapeback.core.path import path_times
from tapeback.core.timeline import NEVER
from tapeback.models.candle import Candle


class Tick(NamedTuple):
    """A price that was printed at `ts`, ns UTC, and the day's figures as they were then: prices in
    rupees, `volume` in units. `close` is the last close of the date before, 0.0 on the first."""

    ts: int
    symbol: str
    exchange: str
    ltp: float
    volume: int
    open: float
    high: float
    low: float
    close: float


class Ticker:
    """The last price of an instrument, and its bar as far as its path was walked.

    Between two of the path's four points prices are rounded to the tick where there are `ticks`
    (not without exchange rules), inside the bar.
    """

    def __init__(self, book: Book, mode: str, *, ticks: bool) -> None:
        self.book = book
        self.candles = book.candles
        self._mode = mode
        self._ticks = ticks
        self._bar: Candle | None = None
        self._at = self._begins = self._ends = -1
        self._points = (0.0, 0.0, 0.0, 0.0)
        self._times = (0, 0, 0, 0)
        self._tick = 0.0
        self._first = self._stop = 0
        self._highs: list[float] = []
        self._lows: list[float] = []
        self._volumes: list[float] = []

    def price(self, now: int) -> float:
        """The price at an instant of the bar under way, or else the last close; 0.0 before any."""
        if not self._begins <= now < self._ends and not self._find(now):
            candle = self.book.candle
            return candle.close if candle is not None else 0.0
        times, points = self._times, self._points
        leg = 2 if now >= times[2] else 1 if now >= times[1] else 0
        start, target, begins = points[leg], points[leg + 1], times[leg]
        if now == begins:
            return start
        if now >= times[3]:
            return points[3]
        price = start + (target - start) * (now - begins) / (times[leg + 1] - begins)
        if not self._tick:
            return price
        price = round(round(price / self._tick) * self._tick, 4)
        if target < start:
            start, target = target, start
        return start if price < start else target if price > target else price

    def forming(self, now: int) -> Candle | None:
        """The bar under way as far as its path was walked, its volume the elapsed share rounded
        down; None where no bar is. Open interest is the last one known."""
        price = self.price(now)
        bar = self._bar
        if bar is None:
            return None
        high = low = bar.open
        for point, ts in zip(self._points, self._times, strict=True):
            if ts > now:
                break
            high, low = max(high, point), min(low, point)
        high, low = max(high, price), min(low, price)
        volume = bar.volume
        if volume == volume:
            volume = float(int(volume) * (now - self._begins) // (self._ends - self._begins))
        return Candle(
            bar.ts, bar.open, high, low, price, volume, self.last_oi(self._at), bar.series
        )

    def closed(self, now: int) -> int:
        """How many bars of the finest series are closed by now."""
        if self._begins <= now < self._ends or self._find(now):
            return self._at
        return int(self.candles.ends.searchsorted(now, side="right"))

    def last_oi(self, closed: int) -> float:
        """Open interest of the last of so many closed bars, NaN before the first."""
        return float(self.candles.oi[closed - 1]) if closed else float("nan")

    def tick(self, ts: int) -> Tick | None:
        """What is printed at an instant of the bar under way, which is now."""
        bar = self.forming(ts)
        if bar is None:
            return None
        at, candles = self._at, self.candles
        if not self._first <= at < self._stop:
            self._take_day(at)
        first, volume = self._first, bar.volume if bar.volume == bar.volume else 0.0
        opened, high, low = bar.open, bar.high, bar.low
        if at > first:
            done = at - 1 - first
            opened = float(candles.open[first])
            high, low = max(high, self._highs[done]), min(low, self._lows[done])
            volume += self._volumes[done]
        before = float(candles.close[first - 1]) if first else 0.0
        return Tick(ts, bar.symbol, bar.exchange, bar.close, int(volume), opened, high, low, before)

    def _find(self, now: int) -> bool:
        """Take up the path of the bar under way, if there is one."""
        book = self.book
        bar = book.opened
        if bar is None or not book.start <= now < book.end:
            self._bar = None
            return False
        if not book.has_terms:
            book.take_terms()
        if not book.walked:
            book.choose_path(self._mode)
        self._bar, self._begins, self._ends = bar, book.start, book.end
        self._points, self._times = book.points, book.times
        self._tick = book.tick if self._ticks else 0.0
        self._at = int(self.candles.starts.searchsorted(book.start))
        return True

    def _take_day(self, at: int) -> None:
        """Running high, low and volume of the date of one bar."""
        candles, firsts = self.candles, self.candles.session_firsts
        which = int(firsts.searchsorted(at, side="right"))
        self._first = first = int(firsts[which - 1])
        self._stop = stop = int(firsts[which]) if which < len(firsts) else len(candles)
        self._highs = np.maximum.accumulate(candles.high[first:stop]).tolist()
        self._lows = np.minimum.accumulate(candles.low[first:stop]).tolist()
        self._volumes = np.cumsum(np.nan_to_num(candles.volume[first:stop])).tolist()


class TickStream:
    """The ticks of an instrument later than an instant: at the four points of each bar's path."""

    def __init__(self, ticker: Ticker, after: int) -> None:
        self._ticker = ticker
        self._starts, self._ends = ticker.candles.starts, ticker.candles.ends
        self._points = self._later(after)
        self.due: int = next(self._points, NEVER)

    def take(self, until: int) -> Iterator[Tick]:
        """The ticks due before an instant; the bars that they are of are under way."""
        while self.due < until:
            tick = self._ticker.tick(self.due)
            self.due = next(self._points, NEVER)
            if tick is not None:
                yield tick

    def _later(self, after: int) -> Iterator[int]:
        """The instants of all points later than one."""
        first, last = int(self._ends.searchsorted(after, side="right")), after
        for at in range(first, len(self._ends)):
            for ts in path_times(int(self._starts[at]), int(self._ends[at])):
                if ts > last:
                    last = ts
                    yield ts
