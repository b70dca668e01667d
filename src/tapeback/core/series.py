"""The series of a run: which of them gives prices, and where each one stands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heappush
from itertools import chain
from typing import Any

from tapeback.core.book import Book
from tapeback.market import timeframes
from tapeback.market.candles import Candles
from tapeback.market.rulebook import NEVER

# Rows that each series holds as Python objects at a time: few, for there may be many series.
_CHUNK = 256
# When something is done with an instrument (ns UTC), its number, whether MIS is squared off or, if
# not, its closing auction begins, and its book.
TimedCut = tuple[int, int, bool, Book]


class OpenBars:
    """Where one series stands: `current` is the bar that began last; `book` takes prices from it
    if it is its symbol's finest. `session` is the Indian day number of its last session."""

    def __init__(
        self,
        candles: Candles,
        number: int,
        begin_session: Callable[[Book, int], None],
        book: Book | None,
    ) -> None:
        self.candles = candles
        self.book = book
        self.current: Any = None
        self.session = -1
        self._number = number
        self._begin_session = begin_session
        self.skip(0)

    def skip(self, first: int) -> None:
        """Let the bar with this index be the next to begin."""
        candles = self.candles
        self._bars = chain.from_iterable(
            zip(
                candles.rows(start, start + _CHUNK),
                candles.ends[start : start + _CHUNK].tolist(),
                strict=True,
            )
            for start in range(first, len(candles), _CHUNK)
        )

    def open_next(self, ts: int, day: int, cuts: list[TimedCut]) -> Book | None:
        """Let the next bar begin; the book if something may meet it. With the first bar of a
        session the instrument's times join the `cuts`."""
        candle, end = next(self._bars)
        self.current = candle
        book = self.book
        if book is None:
            return None
        if self.session != day:
            self.session = day
            self._begin_session(book, ts)
            self.note_cuts(cuts, 0)
        book.open_bar(candle, end)
        touched = candle.low <= book.gate_low or candle.high >= book.gate_high
        return book if touched and not book.dead(candle) else None

    def note_cuts(self, cuts: list[TimedCut], since: int) -> None:
        """Let the times of the instrument's session join the cuts, from `since` (ns UTC) on."""
        book = self.book
        if book is None:
            return
        hours = book.hours
        if since <= hours.square_off < NEVER:
            heappush(cuts, (hours.square_off, self._number, True, book))
        if since <= hours.continuous_ends < hours.closes:
            heappush(cuts, (hours.continuous_ends, self._number, False, book))


def finest(series: Sequence[Candles]) -> tuple[int, ...]:
    """Index of the finest series of each symbol, in the order of their first appearance."""
    best: dict[tuple[str, str], int] = {}
    for k, candles in enumerate(series):
        key = (candles.symbol, candles.exchange)
        length = timeframes.duration(candles.timeframe)
        if key not in best or length < timeframes.duration(series[best[key]].timeframe):
            best[key] = k
    return tuple(best.values())


def set_leaders(books: list[Book]) -> None:
    """Let derivatives follow the order of extremes of their underlying (T3b)."""
    groups: dict[str, list[Book]] = {}
    for book in books:
        groups.setdefault(book.instrument.underlying, []).append(book)
    ranks = {"index": 0, "equity": 0, "future": 1, "option": 2}
    for group in groups.values():
        leader = min(
            group,
            key=lambda book: (
                ranks[book.instrument.kind],
                book.instrument.option_type == "PE",
            ),
        )
        puts = leader.instrument.option_type == "PE"
        for book in group:
            if book is not leader and book.instrument.kind != "equity":
                book.leader = leader
                book.opposed = (book.instrument.option_type == "PE") != puts
