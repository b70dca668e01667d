"""Quotes at the virtual instant: the day so far, and nothing of what comes after (T5)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tapeback.broker.replies import Reply
from tapeback.broker.service import BrokerService
from tapeback.core.book import Book

_Floats = npt.NDArray[np.float64]


class QuoteBoard:
    """The quotes of a run's instruments, each from its finest candles."""

    def __init__(self, service: BrokerService) -> None:
        self._service = service
        self._tapes: dict[tuple[str, str], _Tape] = {}

    def quote(self, symbol: str, exchange: str) -> Reply | None:
        """`ask bid high low ltp oi open prev_close volume` of an instrument now; `None` before
        its first price.

        Prices are rupees, volume is units traded today. `prev_close` is the close of the date
        before; on the first date of the data, which has none, it is that date's open.
        """
        key = (symbol, exchange)
        tape = self._tapes.get(key)
        if tape is None:
            tape = self._tapes[key] = _Tape(self._service, self._service.simulator.books[key])
        return tape.quote(self._service.simulator.now)


class _Tape:
    """One instrument: the running figures of its current day, by bar."""

    def __init__(self, service: BrokerService, book: Book) -> None:
        self._simulator = service.simulator
        self._book = book
        self._candles = book.candles
        self._spread = service.rules.spread_bps / 2e4
        self._on_grid = service.rules.exchange_rules
        self._first = self._stop = 0
        self._highs: list[float] = []
        self._lows: list[float] = []
        self._volumes: list[float] = []

    def quote(self, now: int) -> Reply | None:
        candles, book = self._candles, self._book
        closed = int(candles.ends.searchsorted(now, side="right"))
        ltp = self._simulator.last_price(book)
        if not ltp:
            return None
        if not book.has_terms:
            book.take_terms()
        path: list[float] = []
        traded = 0.0
        at = closed - 1
        if closed < len(candles) and self._prints(now):
            ltp = self._on_tick(ltp, closed)
            path = [p for p, ts in zip(book.points, book.times, strict=True) if ts <= now] + [ltp]
            traded = _units(candles.volume[closed]) * (now - book.start) / (book.end - book.start)
            at = closed
        if not self._first <= at < self._stop:
            self._take_day(at)
        first = self._first
        high, low, volume = -np.inf, np.inf, 0.0
        if closed > first:
            done = closed - 1 - first
            high, low, volume = self._highs[done], self._lows[done], self._volumes[done]
        if path:
            high, low = max(high, *path), min(low, *path)
        bid, ask = self._sides(ltp)
        opened = float(candles.open[first])
        return {
            "ask": ask,
            "bid": bid,
            "high": high,
            "low": low,
            "ltp": ltp,
            "oi": int(_units(candles.oi[closed - 1])) if closed else 0,
            "open": opened,
            "prev_close": float(candles.close[first - 1]) if first else opened,
            "volume": int(volume + traded),
        }

    def _prints(self, now: int) -> bool:
        """Whether the bar that is forming now has printed a price."""
        book = self._book
        if book.opened is None or not book.start <= now < book.end:
            return False
        return book.start < now or (self._simulator.walking and book.walked)

    def _take_day(self, at: int) -> None:
        """Running high, low and volume of the date of one bar."""
        candles = self._candles
        firsts = candles.session_firsts
        which = int(firsts.searchsorted(at, side="right"))
        self._first = first = int(firsts[which - 1])
        self._stop = stop = int(firsts[which]) if which < len(firsts) else len(candles)
        self._highs = np.maximum.accumulate(candles.high[first:stop]).tolist()
        self._lows = np.minimum.accumulate(candles.low[first:stop]).tolist()
        self._volumes = np.cumsum(np.nan_to_num(candles.volume[first:stop])).tolist()

    def _on_tick(self, price: float, at: int) -> float:
        """A price of the path on the tick grid, inside its bar."""
        if not self._on_grid:
            return price
        tick = self._book.tick
        rounded = round(round(price / tick) * tick, 4)
        return min(max(rounded, float(self._candles.low[at])), float(self._candles.high[at]))

    def _sides(self, ltp: float) -> tuple[float, float]:
        if not self._spread:
            return ltp, ltp
        bid, ask = ltp * (1 - self._spread), ltp * (1 + self._spread)
        if not self._on_grid:
            return bid, ask
        frictions = self._book.frictions
        return frictions.onto_grid(bid, False), frictions.onto_grid(ask, True)


def _units(value: float) -> float:
    """A count that the source may not have."""
    return float(value) if value == value else 0.0
