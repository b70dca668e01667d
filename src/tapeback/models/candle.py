"""One bar of one instrument."""

from __future__ import annotations

from datetime import datetime

import msgspec

from tapeback.utils.clock import to_ist


class Series(msgspec.Struct, frozen=True, gc=False):
    """What a column of candles is of: one instrument in one timeframe."""

    symbol: str
    exchange: str
    timeframe: str

    @property
    def name(self) -> str:
        return f"{self.symbol}:{self.exchange}:{self.timeframe}"


class Candle(msgspec.Struct, frozen=True, gc=False):
    """A closed bar. `ts` is its label, the open time in ns UTC; a bar of a day or longer is
    labelled by the Indian midnight of its date. `volume` and `oi` are NaN where the source has
    none."""

    ts: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    oi: float
    series: Series

    @property
    def timestamp(self) -> datetime:
        """The label as an aware Asia/Kolkata datetime."""
        return to_ist(self.ts)

    @property
    def symbol(self) -> str:
        return self.series.symbol

    @property
    def exchange(self) -> str:
        return self.series.exchange

    @property
    def timeframe(self) -> str:
        return self.series.timeframe
