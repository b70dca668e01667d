"""An OpenAlgo server as a provider of market data, through the candle cache."""

from __future__ import annotations

from functools import partial

import msgspec

from tapeback.data.cache import CacheManager, Stored
from tapeback.data.downloads import Progress, download
from tapeback.data.openalgo.limits import DATABASE_TIMEFRAMES, Source, native_timeframe
from tapeback.data.openalgo.server import OpenAlgoServer
from tapeback.data.provider import DataRequest
from tapeback.data.quality import Policy, coarsened, examine, with_findings
from tapeback.errors import DataNotFoundError
from tapeback.market import timeframes
from tapeback.market.candles import Candles
from tapeback.market.settling.corporate_actions import ActionBook
from tapeback.models.candle import Series
from tapeback.models.finding import Finding
from tapeback.utils.clock import MINUTE_NS, date_of, date_of_day, day_number

_NAMED_RANGES = 5


class OpenAlgoDataProvider:
    """Bars that an OpenAlgo server has, each fetched once: a request is answered from the cache,
    and what is missing there is asked for first.

    Without a timeframe the bars are 1m, or the finest that the broker offers; without a start
    they go back as far as the broker does. A timeframe that the broker does not offer is made of
    a finer one, and so is an intraday one whose minutes are stored; the findings say so.
    `max_age_hours` concerns days that were asked for before they were over. With
    `force_cache_use` nothing is asked, and the findings name the holes. `source` `db` reads what
    Historify has stored on the server. Jumps of shares are held against the corporate `actions`
    (the shipped ones); `policy` says what is done about bars that are odd (`quality.examine`).
    `progress` is called as `download` does.

    Errors beside the provider's contract: OpenAlgoError and CacheError; what had been stored
    before them stays.
    """

    def __init__(
        self,
        server: OpenAlgoServer,
        cache: CacheManager,
        *,
        max_age_hours: float = 24,
        force_cache_use: bool = False,
        actions: ActionBook | None = None,
        policy: Policy = "repair",
        source: Source = "api",
        progress: Progress | None = None,
    ) -> None:
        self.server = server
        self.cache = cache
        self.max_age_hours = max_age_hours
        self.force_cache_use = force_cache_use
        self.actions = actions
        self.policy: Policy = policy
        self.source: Source = source
        self.progress = progress

    def describe(self) -> str:
        """`openalgo 127.0.0.1:5000`."""
        database = ", Historify's database" if self.source == "db" else ""
        return f"openalgo {self.server.host}{database}"

    def fetch(self, request: DataRequest) -> Candles:
        """The bars that `request` asks for, closed by now."""
        today = day_number(self.server.clock.now())
        last = today if request.last_day is None else min(request.last_day, today)
        native = self._native(request, last)
        if not self.force_cache_use:
            download(
                [native],
                request.first_day,
                last,
                server=self.server,
                cache=self.cache,
                max_age_hours=self.max_age_hours,
                source=self.source,
                progress=self.progress,
            ).raise_failures()
        candles = self._stored(native, request.first_day, last)
        if candles is None or not len(candles):
            raise self._nothing(request, native)
        if self.force_cache_use:
            candles = with_findings(candles, self._holes(native, request, candles, last))
        return coarsened(candles, request.series(native.timeframe).timeframe)

    def _native(self, request: DataRequest, last: int) -> Series:
        """The series to read: what is asked for where it is stored or offered, else a finer one
        to make it of."""
        wanted = timeframes.normalise(request.timeframe or "1m")
        own = Series(request.symbol, request.exchange, wanted)
        if self._complete(own, request.first_day, last):
            return own
        finer = [
            stored.series
            for stored in self.cache.stored(symbol=own.symbol, exchange=own.exchange)
            if timeframes.makes(stored.series.timeframe, wanted)
            and (self.force_cache_use or _as_good(stored.series.timeframe, wanted))
        ]
        finer.sort(key=lambda series: timeframes.duration(series.timeframe))
        for series in finer:
            if self._complete(series, request.first_day, last):
                return series
        if self.force_cache_use:
            return next(iter(finer), own)
        offered = DATABASE_TIMEFRAMES if self.source == "db" else self.server.intervals()
        timeframe = native_timeframe(request.timeframe, offered, where=own.name)
        return Series(own.symbol, own.exchange, timeframe)

    def _complete(self, series: Series, first: int | None, last: int) -> bool:
        """Whether a series is stored and, unless it is forced, nothing is left to be asked for."""
        if not self._listed(series):
            return False
        if self.force_cache_use or first is None:
            return self.force_cache_use
        return not self.cache.missing(series, first, last, max_age_hours=self.max_age_hours)

    def _listed(self, series: Series) -> list[Stored]:
        return self.cache.stored(
            symbol=series.symbol, exchange=series.exchange, timeframe=series.timeframe
        )

    def _stored(self, series: Series, first: int | None, last: int) -> Candles | None:
        own = () if self.actions is None else self.actions.of(series.symbol, series.exchange)
        candles = self.cache.dataset(
            series,
            first,
            last,
            make=partial(examine, policy=self.policy, actions=self.actions),
            recipe=f"examine {self.policy} {[day.actions for day in own]}",
        )
        if candles is None:
            return None
        candles.origin = msgspec.structs.replace(candles.origin, kind="openalgo")
        return candles

    def _holes(
        self, series: Series, request: DataRequest, candles: Candles, last: int
    ) -> tuple[Finding, ...]:
        first = int(candles.days[0]) if request.first_day is None else request.first_day
        holes = self.cache.missing(series, first, last, max_age_hours=self.max_age_hours)
        if not holes:
            return ()
        named = ", ".join(f"{date_of_day(a)} to {date_of_day(b)}" for a, b in holes[:_NAMED_RANGES])
        more = f" and {len(holes) - _NAMED_RANGES} more" if len(holes) > _NAMED_RANGES else ""
        finding = Finding(
            code="not-fetched",
            severity="warning",
            message=f"force_cache_use: only what was stored is used; never fetched, or while the "
            f"day was not over: {named}{more}",
            count=len(holes),
            where=f"{date_of_day(holes[0][0])}",
        )
        return (finding,)

    def _nothing(self, request: DataRequest, series: Series) -> DataNotFoundError:
        start, end = request.start or "the first date", request.end or "today"
        stored = self._listed(series)
        has = "nothing of it is stored"
        if stored:
            has = f"stored is {date_of(stored[0].first_ts)} to {date_of(stored[0].last_ts)}"
        asked = "the cache was not to be left" if self.force_cache_use else self.describe()
        return DataNotFoundError(
            f"no bar of {request.symbol} from {start} to {end}; {has}.",
            where=f"{series.name}, {asked}",
            remedy="Choose dates on which it was traded, or a symbol that was listed then.",
        )


def _as_good(finer: str, wanted: str) -> bool:
    """Whether coarser bars made of `finer` ones are what a broker would give. A day's own bar has
    the official close, which minutes do not know; of seconds few are kept."""
    if timeframes.is_intraday(wanted):
        return timeframes.duration(finer) >= MINUTE_NS
    return finer == "1d"
