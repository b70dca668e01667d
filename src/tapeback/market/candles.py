"""Candles as columns: one instrument, one timeframe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from hashlib import sha256
from itertools import chain, repeat
from math import nan
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import numpy.typing as npt

from tapeback.errors import DataFormatError
from tapeback.market import timeframes
from tapeback.market.calendar import calendar_of, days_of
from tapeback.market.cleaning import clean
from tapeback.market.sessions.hours import Clocks
from tapeback.models.candle import Candle, Series
from tapeback.models.finding import Finding, Origin
from tapeback.utils.clock import DAY_NS, IST_OFFSET_NS

if TYPE_CHECKING:
    import pandas as pd

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
COLUMNS = ("ts", "open", "high", "low", "close", "volume", "oi")


class Candles(Sequence[Candle]):
    """Bars of one instrument in one timeframe, oldest first, read-only.

    Columns are numpy arrays of equal length: `ts` int64 ns UTC, strictly increasing, the label
    of each bar (its open time; the Indian midnight of the date for bars of a day or longer);
    `open high low close` float64 in rupees; `volume` and `oi` float64, NaN where the source has
    none. An integer index gives a `Candle`, a slice gives `Candles` over the same memory.
    """

    def __init__(self, series: Series, columns: Sequence[npt.NDArray[Any]], origin: Origin) -> None:
        self.series = series
        self.origin = origin
        for column in columns:
            column.flags.writeable = False
        self.ts: Ints
        self.ts, self.open, self.high, self.low, self.close, self.volume, self.oi = columns

    @classmethod
    def from_arrays(
        cls,
        *,
        symbol: str,
        exchange: str,
        timeframe: str,
        ts: npt.ArrayLike,
        open: npt.ArrayLike,
        high: npt.ArrayLike,
        low: npt.ArrayLike,
        close: npt.ArrayLike,
        volume: npt.ArrayLike | None = None,
        oi: npt.ArrayLike | None = None,
        origin: Origin | None = None,
    ) -> Candles:
        """Candles from columns; `ts` int64 ns UTC (or datetime64), the open time of each bar.

        Rows that cannot be bars (NaN, high below low, prices not above zero) and later rows of
        a repeated stamp are left out and reported in `origin.findings`.
        """
        stamps = np.asarray(ts)
        if stamps.dtype.kind == "M":
            stamps = stamps.astype("datetime64[ns]")
        elif stamps.dtype.kind not in "iu":
            raise DataFormatError(
                f"ts has dtype {stamps.dtype}, not int64 ns UTC or datetime64.",
                where=f"{symbol}:{exchange}:{timeframe}",
                remedy="Pass nanoseconds since 1970-01-01 UTC as integers.",
            )
        stamps = stamps.astype(np.int64)
        name = timeframes.normalise(timeframe)
        if not timeframes.is_intraday(name):
            dates = days_of(stamps) * DAY_NS - IST_OFFSET_NS
            stamps = np.where(stamps == np.iinfo(np.int64).min, stamps, dates)
        series = Series(symbol, exchange, name)
        missing = np.full(len(stamps), np.nan)
        values = [
            missing if column is None else _floats(column, column_name, series.name)
            for column_name, column in zip(
                COLUMNS[1:], (open, high, low, close, volume, oi), strict=True
            )
        ]
        columns, findings = clean([stamps, *values], where=series.name)
        base = origin or Origin(kind="array")
        known = Origin(
            kind=base.kind,
            detail=base.detail,
            label=base.label,
            sha256=base.sha256,
            findings=(*base.findings, *findings),
        )
        return cls(series, columns, known)

    @classmethod
    def from_pandas(
        cls, df: pd.DataFrame, *, symbol: str, exchange: str, timeframe: str
    ) -> Candles:
        """Candles from a frame whose index holds the bars' open times.

        A naive index is Indian time. Columns `open high low close` and, if there, `volume` and
        `oi`, in any case and order.
        """
        import pandas as pd

        if not isinstance(df.index, pd.DatetimeIndex):
            raise DataFormatError(
                f"the frame's index is {type(df.index).__name__}, not a DatetimeIndex.",
                where=f"{symbol}:{exchange}:{timeframe}",
                remedy="Set the bars' open times as the index: df.set_index('timestamp').",
            )
        index = df.index if df.index.tz is not None else df.index.tz_localize("Asia/Kolkata")
        named = {str(name).lower(): df[name] for name in df.columns}
        absent = [name for name in ("open", "high", "low", "close") if name not in named]
        if absent:
            raise DataFormatError(
                f"the frame has no column {absent[0]!r}, only {', '.join(map(str, df.columns))}.",
                where=f"{symbol}:{exchange}:{timeframe}",
            )
        return cls.from_arrays(
            symbol=symbol,
            exchange=exchange,
            timeframe=timeframe,
            ts=index.tz_convert("UTC").tz_localize(None).to_numpy(),
            origin=Origin(kind="array", detail="pandas"),
            **{name: named[name].to_numpy() for name in COLUMNS[1:] if name in named},
        )

    @property
    def symbol(self) -> str:
        return self.series.symbol

    @property
    def exchange(self) -> str:
        return self.series.exchange

    @property
    def timeframe(self) -> str:
        return self.series.timeframe

    @property
    def findings(self) -> tuple[Finding, ...]:
        return self.origin.findings

    @property
    def columns(self) -> tuple[npt.NDArray[Any], ...]:
        """The seven columns in the order of `COLUMNS`."""
        return (self.ts, self.open, self.high, self.low, self.close, self.volume, self.oi)

    @cached_property
    def has_volume(self) -> bool:
        """Whether the source gives volume at all (indices and some files do not)."""
        return bool(np.nansum(self.volume) > 0)

    @cached_property
    def _absent(self) -> tuple[bool, bool]:
        """Whether volume and open interest are missing altogether."""
        return bool(np.isnan(self.volume).all()), bool(np.isnan(self.oi).all())

    @cached_property
    def days(self) -> Ints:
        """Indian day number of each bar."""
        return days_of(self.ts)

    @cached_property
    def session_firsts(self) -> Ints:
        """Indices of the first bar of each Indian date."""
        if not len(self.ts):
            return np.empty(0, np.int64)
        return np.flatnonzero(np.diff(self.days, prepend=self.days[0] - 1))

    @cached_property
    def clocks(self) -> Clocks:
        """Hours of each date that has bars, in the order of `session_firsts`."""
        return calendar_of(self.exchange).clocks(self.days[self.session_firsts], self.symbol)

    @cached_property
    def starts(self) -> Ints:
        """When each bar begins, ns UTC: its label, or the session's open for longer bars."""
        if timeframes.is_intraday(self.timeframe):
            return self.ts
        return self.ts + self.clocks.opens

    @cached_property
    def ends(self) -> Ints:
        """When each bar is closed and known, ns UTC: its length after its start, sooner where
        the session ends or pauses or the next bar begins."""
        if timeframes.is_intraday(self.timeframe):
            ends = self._intraday_ends()
        else:
            lasts = _last_days(self.days, self.timeframe)
            closes = calendar_of(self.exchange).clocks(lasts, self.symbol).closes
            ends = lasts * DAY_NS - IST_OFFSET_NS + closes
        if len(ends) > 1:
            ends[:-1] = np.minimum(ends[:-1], self.starts[1:])
        ends.flags.writeable = False
        return ends

    def _intraday_ends(self) -> Ints:
        ends = self.ts + timeframes.duration(self.timeframe)
        if not len(ends):
            return ends
        firsts = self.session_firsts
        days = self.days[firsts]
        closes = days * DAY_NS - IST_OFFSET_NS + self.clocks.closes
        closes = np.repeat(closes, np.diff(firsts, append=len(ends)))
        ends = np.where((self.ts < closes) & (ends > closes), closes, ends)
        calendar = calendar_of(self.exchange)
        for begins, over in calendar.breaks(int(days[0]), int(days[-1]), self.symbol):
            ends[(self.ts < begins) & (ends > begins) & (ends <= over)] = begins
        return ends

    @cached_property
    def sha256(self) -> str:
        """Digest of the columns, the identity of this data in a run's manifest."""
        digest = sha256(self.series.name.encode())
        for column in self.columns:
            digest.update(np.ascontiguousarray(column).tobytes())
        return digest.hexdigest()

    def between(self, start: int | None, end: int | None) -> Candles:
        """Bars whose label lies in [start, end), ns UTC; `None` leaves that side open."""
        first = 0 if start is None else int(np.searchsorted(self.ts, start))
        last = len(self) if end is None else int(np.searchsorted(self.ts, end))
        return self[first:last]

    def resample(self, timeframe: str) -> Candles:
        """The same bars in a coarser timeframe (fill contract T1)."""
        from tapeback.market.resampling import resample

        return resample(self, timeframe)

    def to_pandas(self) -> pd.DataFrame:
        """A frame with the Asia/Kolkata index `timestamp`, the labels of the bars."""
        import pandas as pd

        index = pd.DatetimeIndex(self.ts.astype("datetime64[ns]"), tz="UTC", name="timestamp")
        return pd.DataFrame(
            dict(zip(COLUMNS[1:], self.columns[1:], strict=True)),
            index=index.tz_convert("Asia/Kolkata"),
        )

    def rows(self, start: int, stop: int) -> Iterator[Candle]:
        """The candles of an index range, made as they are asked for."""
        lists: list[Iterable[float]] = [column[start:stop].tolist() for column in self.columns[:5]]
        for column, absent in zip(self.columns[5:], self._absent, strict=True):
            lists.append(repeat(nan) if absent else column[start:stop].tolist())
        return map(Candle, *lists, repeat(self.series))

    def __len__(self) -> int:
        return len(self.ts)

    def __iter__(self) -> Iterator[Candle]:
        starts = range(0, len(self), 4096)
        return chain.from_iterable(self.rows(start, start + 4096) for start in starts)

    @overload
    def __getitem__(self, index: int) -> Candle: ...
    @overload
    def __getitem__(self, index: slice) -> Candles: ...
    def __getitem__(self, index: int | slice) -> Candle | Candles:
        if isinstance(index, slice):
            return Candles(self.series, [c[index] for c in self.columns], self.origin)
        ts, opened, high, low, close, volume, oi = (c[index].item() for c in self.columns)
        return Candle(ts, opened, high, low, close, volume, oi, self.series)

    def __repr__(self) -> str:
        if not len(self):
            return f"Candles({self.series.name}, empty)"
        return (
            f"Candles({self.series.name}, {len(self)} bars, "
            f"{self[0].timestamp:%Y-%m-%d %H:%M} to {self[-1].timestamp:%Y-%m-%d %H:%M})"
        )


def _floats(column: npt.ArrayLike, name: str, where: str) -> Floats:
    try:
        return np.array(column, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataFormatError(
            f"{name} holds something that is no number: {error}.",
            where=where,
            remedy="Pass numbers, NaN where there is none.",
        ) from None


def _last_days(days: Ints, timeframe: str) -> Ints:
    """Number of the last day that the bar labelled by each day can hold: weeks may trade on
    their Sunday, months on their last day."""
    if timeframe == "1w":
        return days + 6 - (days + 3) % 7
    if timeframe == "1M":
        following = days.astype("datetime64[D]").astype("datetime64[M]") + np.timedelta64(1, "M")
        return following.astype("datetime64[D]").astype(np.int64) - 1
    return days
