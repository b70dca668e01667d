"""The one place that chooses where the candles of a run come from."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import msgspec
import numpy as np

from tapeback.data.provider import DataProvider, DataRequest
from tapeback.data.quality import Policy, with_findings
from tapeback.errors import ConfigError, DataError, DataNotFoundError
from tapeback.market import timeframes
from tapeback.market.calendar import calendar_of
from tapeback.market.candles import Candles
from tapeback.market.settling.corporate_actions import ActionBook
from tapeback.models.candle import Series
from tapeback.models.config import AppConfig
from tapeback.models.data_file import DataFile
from tapeback.runner.coverage import is_expired, uncovered, without_own_holes
from tapeback.utils.clock import DAY_NS, date_of_day, day_number, day_of, midnight
from tapeback.utils.home import cache_folder
from tapeback.utils.wall_clock import SystemClock, WallClock

if TYPE_CHECKING:
    from tapeback.data.cache import CacheManager
    from tapeback.data.historify import HistorifyDataProvider
    from tapeback.data.openalgo.server import OpenAlgoServer

# Requests done, requests expected in all, seconds left.
Fetching = Callable[[int, int, float], None]
Days = tuple[int, int]

# Bars that a session has room for at least, by which a warm-up of bars is reckoned in sessions.
_SHORTEST_SESSION_NS = 5 * DAY_NS // 24
_NAMED = 3
# Sources of stored bars that cannot be asked for more.
_IMPORTS = ("import", "bhavcopy")


class Warmup(msgspec.Struct, frozen=True):
    """What a run wants to see of the time before its first date: sessions, or bars where these are
    given; as far as the source reaches."""

    sessions: int = 0
    bars: int = 0

    def sessions_of(self, timeframe: str) -> int:
        """Sessions that hold it, in bars of a timeframe."""
        if not self.bars:
            return self.sessions
        in_a_session = max(1, _SHORTEST_SESSION_NS // timeframes.duration(timeframe))
        return -(-self.bars // in_a_session)

    def cut(self, candles: Candles, start: date) -> Candles:
        """The candles from it on."""
        first = int(np.searchsorted(candles.ts, midnight(day_of(start))))
        if self.bars:
            return candles[max(0, first - self.bars) :]
        firsts = candles.session_firsts
        session = max(0, int(np.searchsorted(firsts, first)) - self.sessions)
        return candles[int(firsts[session]) :] if session < len(firsts) else candles


NO_WARMUP = Warmup()


class MarketData:
    """The sources that settings name, each opened when it is first needed.

    Bars are made up only where the settings say so; then come the `files`, then `source`. `auto`
    is the cache where it holds all that is asked for, else the Historify database, else OpenAlgo
    where `fetch` allows it. Relative paths start at `root` (the working directory). Jumps of
    shares are held against the corporate `actions` (the shipped ones).
    """

    def __init__(
        self,
        config: AppConfig,
        *,
        root: Path | None = None,
        actions: ActionBook | None = None,
        clock: WallClock | None = None,
        progress: Fetching | None = None,
    ) -> None:
        self.config = config
        self.data = config.data
        self.root = root or Path()
        self.actions = actions
        self.clock = clock or SystemClock()
        self.progress = progress
        # What is refused is what repair would mend, and the run names that of all series at once.
        self.policy: Policy = "keep" if config.execution.on_bad_data == "keep" else "repair"

    @cached_property
    def cache(self) -> CacheManager:
        """The candle cache, made on first use."""
        from tapeback.data.cache import CacheManager

        return CacheManager(self.root / cache_folder(self.data.cache_dir), clock=self.clock)

    @cached_property
    def server(self) -> OpenAlgoServer:
        """The OpenAlgo server of the settings; nothing is asked yet."""
        from tapeback.data.openalgo.server import OpenAlgoServer

        openalgo = self.config.openalgo
        return OpenAlgoServer(
            openalgo.base_url,
            openalgo.api_key.get_secret_value(),
            timeout=openalgo.timeout,
            retry_attempts=openalgo.retry_attempts,
            clock=self.clock,
            ration=self.cache.ration,
        )

    @cached_property
    def historify(self) -> HistorifyDataProvider:
        """The Historify database of the settings. Raises ConfigError where they name none."""
        from tapeback.data.historify import HistorifyDataProvider

        if self.data.historify is None:
            raise ConfigError(
                "data.historify: names no file.",
                remedy="Name the DuckDB file that Historify fills: --set data.historify=PATH.",
            )
        path = self.root / Path(self.data.historify).expanduser()
        return HistorifyDataProvider(
            path, actions=self.actions, policy=self.policy, clock=self.clock
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close what was opened; it opens again when it is needed."""
        for name in ("server", "cache"):
            source = self.__dict__.pop(name, None)
            if source is not None:
                source.close()

    def load(self, warmup: Warmup = NO_WARMUP) -> list[Candles]:
        """The candles of every series that the settings name, in their order: files first.

        Raises DataError as providers do, and DataNotFoundError with the command that would fetch
        what no source has.
        """
        data = self.data
        if data.use_synthetic:
            return [self._synthetic(warmup)]
        loaded = [self._of_file(file, warmup) for file in data.data_files]
        named = data.data_series
        if not (loaded or named):
            named = (Series(data.symbol, data.exchange, data.timeframe),)
        loaded += [self._of_source(series, warmup) for series in named]
        now = self.clock.now()
        return [
            with_findings(candles, uncovered(candles, data.start, data.end, now))
            for candles in loaded
        ]

    def _synthetic(self, warmup: Warmup) -> Candles:
        from tapeback.data.synthetic import SyntheticDataProvider

        data, made = self.data, self.data.synthetic
        provider = SyntheticDataProvider(
            self.config.backtest.seed,
            initial_price=made.initial_price,
            volatility=made.volatility,
            trend=made.trend,
            volume=made.volume,
            regime=made.regime,
        )
        return self._fetch(provider, data.symbol, data.exchange, data.timeframe, warmup)

    def _of_file(self, file: DataFile, warmup: Warmup) -> Candles:
        from tapeback.data.files import FileDataProvider

        data = self.data
        provider = FileDataProvider(
            file.path, label=data.label, actions=self.actions, policy=self.policy
        )
        said = data.timeframe if "timeframe" in data.model_fields_set else None
        return self._fetch(
            provider,
            file.symbol or data.symbol,
            file.exchange or data.exchange,
            file.timeframe or said,
            warmup,
        )

    def _fetch(
        self,
        provider: DataProvider,
        symbol: str,
        exchange: str,
        timeframe: str | None,
        warmup: Warmup,
    ) -> Candles:
        """From a source that costs nothing to be read from its beginning."""
        start = self.data.start
        early = warmup != NO_WARMUP and start is not None
        request = DataRequest(
            symbol=symbol,
            exchange=exchange,
            timeframe=timeframe,
            start=None if early else start,
            end=self.data.end,
        )
        candles = provider.fetch(request)
        return candles if start is None or not early else warmup.cut(candles, start)

    def _of_source(self, series: Series, warmup: Warmup) -> Candles:
        from tapeback.data.contracts.continuous import is_continuous

        source = self.data.source
        if source == "openalgo":
            return self._from_openalgo(series, warmup)
        if source == "historify":
            return self._from_historify(series, warmup)
        if is_continuous(series.symbol):
            return self._continuous(series, warmup)
        reach = self._reach(series)
        lacking = None if reach is None else self._lacking(series, *reach)
        if lacking is not None and (not lacking or self.config.openalgo.force_cache_use):
            return self._from_cache(series, warmup, lacking)
        if source == "auto" and self.data.historify is not None:
            try:
                return self._from_historify(series, warmup)
            except DataNotFoundError:
                if not self.data.fetch:
                    raise
        if self.data.fetch:
            return self._from_openalgo(series, warmup)
        raise self._absent(series, lacking)

    def _from_openalgo(self, series: Series, warmup: Warmup) -> Candles:
        from tapeback.data.openalgo.provider import OpenAlgoDataProvider

        openalgo = self.config.openalgo
        provider = OpenAlgoDataProvider(
            self.server,
            self.cache,
            max_age_hours=openalgo.cache_max_age_hours,
            force_cache_use=openalgo.force_cache_use,
            actions=self.actions,
            policy=self.policy,
            progress=self.progress,
        )
        start = self._warm_start(series, warmup)
        candles = provider.fetch(self._request(series, start))
        # The next run finds these bars in the cache, and says the same of them.
        candles.origin = msgspec.structs.replace(candles.origin, kind="cache")
        return candles if self.data.start is None else warmup.cut(candles, self.data.start)

    def _continuous(self, series: Series, warmup: Warmup) -> Candles:
        """`NIFTY-I` from the contracts that are kept."""
        from tapeback.data.contracts.continuous import continuous

        start = self._warm_start(series, warmup)
        candles = continuous(self._request(series, start), self.cache, policy=self.policy)
        return candles if self.data.start is None else warmup.cut(candles, self.data.start)

    def _from_historify(self, series: Series, warmup: Warmup) -> Candles:
        return self._fetch(self.historify, series.symbol, series.exchange, series.timeframe, warmup)

    def _from_cache(self, series: Series, warmup: Warmup, lacking: list[Days]) -> Candles:
        if lacking:
            return self._from_openalgo(series, warmup)
        from tapeback.data.cache.provider import CacheDataProvider

        provider = CacheDataProvider(self.cache, actions=self.actions, policy=self.policy)
        start = self._warm_start(series, warmup)
        if start != self.data.start and start is not None and self.data.start is not None:
            # The warm-up goes as far as nothing is missing on the way.
            holes = self._lacking(series, day_of(start), day_of(self.data.start) - 1)
            start = date_of_day(holes[-1][1] + 1) if holes else start
        candles = provider.fetch(self._request(series, start))
        return candles if self.data.start is None else warmup.cut(candles, self.data.start)

    def _request(self, series: Series, start: date | None) -> DataRequest:
        return DataRequest(
            symbol=series.symbol,
            exchange=series.exchange,
            timeframe=series.timeframe,
            start=start,
            end=self.data.end,
        )

    def _warm_start(self, series: Series, warmup: Warmup) -> date | None:
        """The first date, with the sessions of the warm-up before it."""
        start, sessions = self.data.start, warmup.sessions_of(series.timeframe)
        if start is None or not sessions:
            return start
        day = day_of(start)
        # Two days in three are trading days, but for the longest of holidays.
        before = calendar_of(series.exchange).trading_days(
            day - 2 * sessions - 14, day - 1, series.symbol
        )
        return date_of_day(int(before[-sessions])) if len(before) >= sessions else start

    def _kept_as(self, series: Series) -> Series | None:
        """The stored series that serves for one: itself, else the finest that divides it."""
        stored = self.cache.stored(symbol=series.symbol, exchange=series.exchange)
        kept = sorted((one.series for one in stored), key=_length)
        if series in kept:
            return series
        finer = (one for one in kept if timeframes.makes(one.timeframe, series.timeframe))
        return next(finer, None)

    def _reach(self, series: Series) -> Days | None:
        """The days, both included, that the settings ask for; the dates that they leave open are
        those of what is stored. None where nothing is."""
        kept = self._kept_as(series)
        if kept is None:
            return None
        stored = self.cache.stored(
            symbol=kept.symbol, exchange=kept.exchange, timeframe=kept.timeframe
        )[0]
        start, end = self.data.start, self.data.end
        first = day_number(stored.first_ts) if start is None else day_of(start)
        last = day_number(stored.last_ts) if end is None else day_of(end)
        return first, max(first, last)

    def _lacking(self, series: Series, first: int, last: int) -> list[Days]:
        """The ranges of these days that the cache does not know."""
        age = self.config.openalgo.cache_max_age_hours
        stored = self._kept_as(series)
        if stored is not None and is_expired(series, self.clock.now()):
            return []
        kept = stored or series
        missing = self.cache.missing(kept, first, last, max_age_hours=age)
        if self.data.fetch or not missing:
            return missing
        answers = self.cache.answers(kept)
        own = [(one.first_day, one.last_day) for one in answers if one.source in _IMPORTS]
        return without_own_holes(missing, own)

    def _absent(self, series: Series, lacking: list[Days] | None) -> DataNotFoundError:
        """What is missing, and the command that would fetch it."""
        data = self.data
        name = f"{series.symbol} --exchange {series.exchange} --timeframe {series.timeframe}"
        others = "name a file with --data FILE, or ask for made-up prices with --data synthetic"
        if lacking is None and is_expired(series, self.clock.now()):
            return DataNotFoundError(
                f"nothing is kept of {series.name}, which has expired.",
                where=str(self.cache.folder),
                remedy="Brokers give no bars of expired contracts: import them from files with "
                f"'tapeback data import PATH...', or {others}.",
            )
        if lacking is None and self._is_known_empty(series):
            return DataNotFoundError(
                f"OpenAlgo had no bar of {series.name} from {data.start} on when it was asked.",
                where=str(self.cache.folder),
                remedy="Choose dates on which it was traded; 'tapeback data clear "
                f"{series.name}' has it asked for again.",
            )
        if lacking is None:
            start = f"{data.start}" if data.start else "DATE"
            end = f" --end {data.end}" if data.end else ""
            return DataNotFoundError(
                f"nothing is kept of {series.name}.",
                where=str(self.cache.folder),
                remedy=f"Fetch it with: tapeback data fetch {name} --start {start}{end}"
                f"{self._cost(series, None)}; or run again with --fetch, {others}.",
            )
        first, last = lacking[0][0], lacking[-1][1]
        ranges = ", ".join(f"{date_of_day(a)} to {date_of_day(b)}" for a, b in lacking[:_NAMED])
        more = f" and {len(lacking) - _NAMED} more" if len(lacking) > _NAMED else ""
        return DataNotFoundError(
            f"{series.name} is not kept of {ranges}{more}.",
            where=str(self.cache.folder),
            remedy=f"Fetch it with: tapeback data fetch {name} --start {date_of_day(first)} "
            f"--end {date_of_day(last)}{self._cost(series, (first, last))}; or run again with "
            "--fetch, or with dates that are kept.",
        )

    def _is_known_empty(self, series: Series) -> bool:
        """Whether all the days that are asked for were fetched before, without a bar."""
        start, end = self.data.start, self.data.end
        if start is None or not self.cache.answers(series):
            return False
        last = day_number(self.clock.now()) if end is None else day_of(end)
        return not self._lacking(series, day_of(start), last)

    def _cost(self, series: Series, days: Days | None) -> str:
        """How many requests a fetch is, and how long it takes, where that can be told."""
        from tapeback.data.downloads import plan

        start, end = self.data.start, self.data.end
        if days is None and start is not None:
            today = day_number(self.clock.now())
            days = (day_of(start), today if end is None else day_of(end))
        if days is None:
            return ""
        try:
            planned = plan(
                [series],
                *days,
                cache=self.cache,
                max_age_hours=self.config.openalgo.cache_max_age_hours,
            )
        except DataError:
            return ""
        noun = "request" if planned.requests == 1 else "requests"
        return f" ({planned.requests} {noun}, about {max(1, round(planned.seconds))} s)"


def _length(series: Series) -> int:
    return timeframes.duration(series.timeframe)
