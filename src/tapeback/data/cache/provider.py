"""Candles that are stored already, as a `DataProvider` that never asks anybody."""

from __future__ import annotations

from functools import partial

from tapeback.data.cache.manager import CacheManager
from tapeback.data.cache.records import Stored
from tapeback.data.provider import DataRequest
from tapeback.data.quality import Policy, coarsened, examine
from tapeback.errors import DataError, DataNotFoundError, did_you_mean
from tapeback.market import timeframes
from tapeback.market.candles import Candles
from tapeback.market.settling.corporate_actions import ActionBook
from tapeback.models.candle import Series
from tapeback.utils.clock import to_ist


class CacheDataProvider:
    """What a cache holds, offline.

    Bars come in the stored timeframe that is asked for; where there is none, or none of these
    dates, they are made of the finest stored one that divides it. Jumps of shares are held against
    the corporate `actions` (the shipped ones); `policy` says what is done about bars that are odd
    (`quality.examine`).
    """

    def __init__(
        self, cache: CacheManager, *, actions: ActionBook | None = None, policy: Policy = "repair"
    ) -> None:
        self.cache = cache
        self.actions = actions
        self.policy: Policy = policy

    def describe(self) -> str:
        """`cache`, and where it is."""
        return f"cache {self.cache.folder}"

    def fetch(self, request: DataRequest) -> Candles:
        """The stored bars of the requested symbol, dates and timeframe."""
        stored = sorted(
            self.cache.stored(symbol=request.symbol, exchange=request.exchange),
            key=lambda one: timeframes.duration(one.series.timeframe),
        )
        if not stored:
            raise self._unknown(request)
        wanted = request.series(stored[0].series.timeframe)
        for series in _sources(wanted, stored):
            candles = self._examined(series, request.first_day, request.last_day)
            if candles is not None:
                return coarsened(candles, wanted.timeframe)
        raise _no_bars(request, stored)

    def _examined(
        self, series: Series, first_day: int | None, last_day: int | None
    ) -> Candles | None:
        book = self.actions
        own = () if book is None else book.of(series.symbol, series.exchange)
        return self.cache.dataset(
            series,
            first_day,
            last_day,
            make=partial(examine, policy=self.policy, actions=self.actions),
            recipe=f"examine {self.policy} {[day.actions for day in own]}",
        )

    def _unknown(self, request: DataRequest) -> DataNotFoundError:
        names = sorted({one.series.symbol for one in self.cache.stored(exchange=request.exchange)})
        return DataNotFoundError(
            f"the cache holds nothing of {request.symbol} on {request.exchange}"
            f"{did_you_mean(request.symbol, names)}.",
            where=str(self.cache.folder),
            remedy=f"Fetch it with `tapeback data fetch {request.symbol} --exchange "
            f"{request.exchange}`, or bring it in with `tapeback data import`.",
        )


def _sources(wanted: Series, stored: list[Stored]) -> list[Series]:
    """The stored series that can give the wanted bars: its own timeframe, then from the finest."""
    known = [one.series for one in stored]
    own = [series for series in known if series == wanted]
    finer = [one for one in known if timeframes.makes(one.timeframe, wanted.timeframe)]
    if own or finer:
        return own + finer
    finest = known[0].timeframe
    held = ", ".join(series.timeframe for series in known)
    raise DataError(
        f"the cache holds {held}, of which no {wanted.timeframe} bars can be made.",
        where=wanted.name,
        remedy=f"Ask for {finest} or longer, or fetch bars of {wanted.timeframe}.",
    )


def _no_bars(request: DataRequest, stored: list[Stored]) -> DataNotFoundError:
    first = to_ist(min(one.first_ts for one in stored))
    last = to_ist(max(one.last_ts for one in stored))
    return DataNotFoundError(
        f"no bar of {request.symbol} from {request.start or 'the first date'} to "
        f"{request.end or 'the last date'}; the cache holds {first:%Y-%m-%d} to {last:%Y-%m-%d}.",
        where=f"{request.symbol}:{request.exchange}",
        remedy="Choose dates in that range, or fetch the others with `tapeback data fetch`.",
    )
