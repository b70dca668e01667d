"""The contract of every source of market data."""

from __future__ import annotations

from datetime import date
from typing import Protocol

import msgspec

from tapeback.errors import DataError, did_you_mean
from tapeback.market import timeframes
from tapeback.market.candles import Candles
from tapeback.models.candle import Series
from tapeback.models.instrument import EXCHANGES
from tapeback.utils.clock import day_of


class DataRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which bars are wanted.

    `start` and `end` are Indian dates, both included with all their bars; `None` leaves that end
    to the source. `timeframe` `None` asks for the source's own. Raises DataError for an unknown
    exchange or timeframe and for a start after the end.
    """

    symbol: str
    exchange: str
    timeframe: str | None = None
    start: date | None = None
    end: date | None = None

    def __post_init__(self) -> None:
        if not self.symbol:
            raise DataError("the request names no symbol.", remedy="Name one, e.g. RELIANCE.")
        if self.exchange not in EXCHANGES:
            raise DataError(
                f"unknown exchange {self.exchange!r}{did_you_mean(self.exchange, EXCHANGES)}.",
                where=self.symbol,
                remedy=f"Use one of {', '.join(EXCHANGES)}.",
            )
        if self.timeframe is not None:
            timeframes.normalise(self.timeframe)
        if self.start and self.end and self.start > self.end:
            raise DataError(
                f"start {self.start} lies after end {self.end}.",
                where=f"{self.symbol}:{self.exchange}",
                remedy="Swap the dates; both are included.",
            )

    def series(self, own_timeframe: str) -> Series:
        """What is asked for, with `own_timeframe` where the request leaves it to the source."""
        return Series(
            self.symbol, self.exchange, timeframes.normalise(self.timeframe or own_timeframe)
        )

    @property
    def first_day(self) -> int | None:
        """Day number of `start`."""
        return None if self.start is None else day_of(self.start)

    @property
    def last_day(self) -> int | None:
        """Day number of `end`."""
        return None if self.end is None else day_of(self.end)


class DataProvider(Protocol):
    """A source of candles. `tests/data/conformance.py` holds every provider to this contract.

    - The candles carry the request's symbol and exchange and its timeframe in its one spelling
      (the source's own where the request has none). Labels are open times, strictly increasing;
      every bar passes `market.cleaning.clean` without a finding.
    - Each bar's Indian date lies within [start, end]; the last date has all its bars.
    - Whatever was noticed or mended is in `origin.findings`, never silent; `origin.kind` tells
      the kind of source.
    - The same request gives the same bytes, whatever was fetched before. Providers hold no
      state between requests and may be shared between threads.
    - A provider never fills in for another one: it returns what it has, or raises.

    Errors: DataNotFoundError when the source has no such symbol or no bar in the range (the
    message tells the range it has); DataFormatError when it holds something unreadable;
    DataError when the timeframe is finer than the source's; MissingExtraError when an optional
    dependency is needed to read it.
    """

    def fetch(self, request: DataRequest) -> Candles:
        """The bars that `request` asks for, at least one."""
        ...

    def describe(self) -> str:
        """The source in a few words, for logs and summaries; no secrets."""
        ...
