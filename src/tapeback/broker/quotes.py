"""Quotes at the virtual instant: the day so far, and nothing of what comes after (T5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tapeback.broker.replies import Reply
from tapeback.broker.service import BrokerService
from tapeback.core.book import AT_OPEN, Book
from tapeback.core.ticker import Tick, Ticker

_Floats = npt.NDArray[np.float64]
_LEVELS = 5
_OF_THE_QUOTE = ("high", "low", "ltp", "oi", "open", "prev_close", "volume")


class Forming(NamedTuple):
    """The bar under way as far as its path was walked; `at` is its place in the candles. Volume is
    the elapsed share of the bar's, rounded down."""

    at: int
    open: float
    high: float
    low: float
    close: float
    volume: int


class QuoteBoard:
    """The quotes of a run's instruments, each from its finest candles.

    `played`: a tape is played to a script, which sees the bar under way at every instant of it; a
    strategy that is called at a bar's close comes before the next one's open (T6). `ensure` is
    asked whether there are bars of an instrument that the run does not have yet.
    """

    def __init__(
        self,
        service: BrokerService,
        *,
        played: bool = False,
        ensure: Callable[[str, str], bool] | None = None,
    ) -> None:
        self._service = service
        self._played = played
        self._ensure = ensure
        self._tapes: dict[tuple[str, str], _Tape] = {}

    def quote(self, symbol: str, exchange: str) -> Reply | None:
        """`ask bid high low ltp oi open prev_close volume` of an instrument now; `None` before
        its first price, or where the run has no such instrument.

        Prices are rupees, volume is units traded today. `prev_close` is the close of the date
        before; on the first date of the data, which has none, it is that date's open.
        """
        tape = self._tapes.get((symbol, exchange)) or self._tape(symbol, exchange)
        return None if tape is None else tape.quote(self._service.simulator.now)

    def depth(self, symbol: str, exchange: str) -> Reply | None:
        """The five best prices of both sides: a tick apart, from bid and ask outwards. Quantities
        are made up of the last closed bar's volume, in whole lots; nobody has the real ones."""
        quote = self.quote(symbol, exchange)
        if quote is None:
            return None
        return self._tapes[symbol, exchange].depth(quote, self._service.simulator.now)

    def depth_of(self, tick: Tick) -> Reply:
        """The five best prices of both sides at a tick, made up likewise."""
        tape = self._tape(tick.symbol, tick.exchange)
        return {} if tape is None else tape.depth_of(tick)

    def forming(self, symbol: str, exchange: str) -> Forming | None:
        """The bar of an instrument that is under way and has printed a price."""
        tape = self._tape(symbol, exchange)
        return None if tape is None else tape.forming(self._service.simulator.now)

    def _tape(self, symbol: str, exchange: str) -> _Tape | None:
        key = (symbol, exchange)
        tape = self._tapes.get(key)
        if tape is not None:
            return tape
        books = self._service.simulator.books
        if key not in books and (self._ensure is None or not self._ensure(symbol, exchange)):
            return None
        tape = self._tapes[key] = _Tape(self._service, books[key], self._played)
        return tape


class _Tape:
    """One instrument: the running figures of its current day, by bar."""

    def __init__(self, service: BrokerService, book: Book, played: bool) -> None:
        self._simulator = service.simulator
        self._book = book
        self._candles = book.candles
        self._spread = service.rules.spread_bps / 2e4
        self._on_grid = service.rules.exchange_rules
        self._ticker: Ticker | None = None
        if played:
            self._ticker = Ticker(book, service.rules.intrabar, ticks=self._on_grid)
        self._first = self._stop = 0
        self._highs: list[float] = []
        self._lows: list[float] = []
        self._volumes: list[float] = []

    def quote(self, now: int) -> Reply | None:
        candles = self._candles
        forming = self.forming(now)
        if forming is None:
            closed = int(candles.ends.searchsorted(now, side="right"))
            ltp = self._simulator.last_price(self._book)
            at = closed - 1
        else:
            closed = at = forming.at
            ltp = forming.close
        if not ltp:
            return None
        if not self._book.has_terms:
            self._book.take_terms()
        if not self._first <= at < self._stop:
            self._take_day(at)
        first = self._first
        high, low, volume = -np.inf, np.inf, 0.0
        if closed > first:
            done = closed - 1 - first
            high, low, volume = self._highs[done], self._lows[done], self._volumes[done]
        if forming is not None:
            high, low = max(high, forming.high), min(low, forming.low)
            volume += forming.volume
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
            "volume": int(volume),
        }

    def forming(self, now: int) -> Forming | None:
        if self._ticker is not None:
            bar = self._ticker.forming(now)
            if bar is None:
                return None
            at, traded = self._ticker.closed(now), int(_units(bar.volume))
            return Forming(at, bar.open, bar.high, bar.low, bar.close, traded)
        book, simulator = self._book, self._simulator
        candle = book.opened
        # What is asked inside a bar is asked by a callback while the bar is walked.
        if candle is None or not book.start <= now < book.end:
            return None
        at_open = now == book.start
        if at_open and not (simulator.walking and book.walked):
            return None
        at = int(self._candles.ends.searchsorted(now, side="right"))
        opened = candle.open
        if at_open or (book.walked and book.leg == AT_OPEN):
            return Forming(at, opened, opened, opened, opened, 0)
        if not book.has_terms:
            book.take_terms()
        price = self._on_tick(simulator.last_price(book), at)
        path = [point for point, ts in zip(book.points, book.times, strict=True) if ts <= now]
        share = (now - book.start) / (book.end - book.start)
        traded = int(_units(candle.volume) * share)
        return Forming(at, opened, max(price, *path), min(price, *path), price, traded)

    def depth(self, quote: Reply, now: int) -> Reply:
        """Quote and depth now."""
        levels = self._levels(quote["bid"], quote["ask"], now)
        quantity = levels["bids"][0]["quantity"] * _LEVELS
        told = {name: quote[name] for name in _OF_THE_QUOTE}
        totals = {"ltq": self._book.lot, "totalbuyqty": quantity, "totalsellqty": quantity}
        return dict(sorted((levels | told | totals).items()))

    def depth_of(self, tick: Tick) -> Reply:
        """Depth at a tick."""
        return self._levels(*self._sides(tick.ltp), tick.ts)

    def _levels(self, bid: float, ask: float, now: int) -> Reply:
        """Five levels a side, from the best outwards."""
        candles, tick, lot = self._candles, self._book.tick, self._book.lot
        closed = int(candles.ends.searchsorted(now, side="right"))
        traded = _units(candles.volume[closed - 1]) if closed else 0.0
        quantity = max(int(traded) // _LEVELS // lot, 1) * lot

        def side(best: float, sign: int) -> list[Reply]:
            prices = (round(best + sign * tick * away, 4) for away in range(_LEVELS))
            return [{"price": max(price, 0.0), "quantity": quantity} for price in prices]

        return {"asks": side(ask, 1), "bids": side(bid, -1)}

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
        candles, tick = self._candles, self._book.tick
        rounded = round(round(price / tick) * tick, 4)
        return min(max(rounded, float(candles.low[at])), float(candles.high[at]))

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
