"""From what is missing to what is stored: plans and runs downloads from an OpenAlgo server."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tapeback.data.cache import CacheManager
from tapeback.data.openalgo.filling import Filling, Progress, split_days
from tapeback.data.openalgo.limits import (
    COMMON_TIMEFRAMES,
    DATABASE_TIMEFRAMES,
    SECONDS_A_REQUEST,
    Source,
    days_per_request,
    native_series,
)
from tapeback.data.openalgo.records import Downloaded, Plan, Report
from tapeback.data.openalgo.server import OpenAlgoServer
from tapeback.data.openalgo.transport import OpenAlgoError
from tapeback.errors import CacheError, DataError
from tapeback.models.candle import Series
from tapeback.utils.clock import day_number

__all__ = ["Downloaded", "Plan", "Progress", "Report", "download", "plan"]


def plan(
    series: Iterable[Series],
    first_day: int,
    last_day: int,
    *,
    cache: CacheManager,
    max_age_hours: float,
    broker: str = "",
    offered: Sequence[str] = COMMON_TIMEFRAMES,
    source: Source = "api",
) -> Plan:
    """What a download of these days would ask for; nothing is asked. Without the server's own
    answers the limits are those of an unknown broker, which are narrow, and the timeframes those
    that nearly all offer. Errors: DataError, CacheError."""
    ranges = []
    requests = 0
    for one in dict.fromkeys(native_series(one, offered) for one in series):
        days = days_per_request(one.timeframe, broker, source)
        missing = cache.missing(one, first_day, last_day, max_age_hours=max_age_hours)
        ranges += [(one, first, last) for first, last in missing]
        requests += sum(len(split_days(first, last, days)) for first, last in missing)
    return Plan(
        ranges=tuple(ranges), requests=requests, seconds=requests * SECONDS_A_REQUEST[source]
    )


def download(
    series: Iterable[Series],
    first_day: int | None,
    last_day: int | None,
    *,
    server: OpenAlgoServer,
    cache: CacheManager,
    max_age_hours: float = 24,
    source: Source = "api",
    progress: Progress | None = None,
    offline: bool = False,
) -> Report:
    """Fetch what the cache lacks of these days, newest first, and store it answer by answer.

    `first_day` None goes back as far as the source does, `last_day` None to today. `progress` is
    called with requests done, requests expected in all, and the seconds that are left. Where a
    stored session lies beside a missing range, it is asked for again: when its values have
    changed, the source's stored history is fetched anew and replaced. `offline` asks nothing and
    reports what is missing.

    A series that fails does not stop the others, unless the server itself cannot be used; its
    error is in the report. What was stored before a failure, or an end by force, stays.
    """
    last = day_number(server.clock.now()) if last_day is None else last_day
    filling = Filling(server, cache, max_age_hours, source, progress)
    wanted = list(dict.fromkeys(series))
    results = [Downloaded(series=one, fetched=one) for one in wanted]
    if offline:
        for result in results:
            result.missing = filling.missing(result.series, first_day, last)
        return Report(tuple(results))
    ahead = [0] * len(results)
    if progress is not None and first_day is not None:
        ahead = [_requests(one, first_day, last, cache, max_age_hours, source) for one in wanted]
    rough = source == "api" and any(ahead)
    stop: DataError | None = None
    for number, result in enumerate(results):
        filling.expected = filling.requests + sum(ahead[number:])
        try:
            if stop is not None:
                raise stop
            filling.run(result, first_day, last, ahead[number])
            if rough and first_day is not None and filling.requests:
                # The server has told whose limits count.
                rough, broker = False, server.broker()
                ahead[number + 1 :] = [
                    _requests(one, first_day, last, cache, max_age_hours, source, broker)
                    for one in wanted[number + 1 :]
                ]
        except CacheError as error:
            result.error = stop = error
        except DataError as error:
            result.error = error
            result.missing = filling.missing(result.fetched, first_day, last)
            if isinstance(error, OpenAlgoError) and error.whole_server:
                stop = error
    return Report(tuple(results))


def _requests(
    series: Series,
    first_day: int,
    last_day: int,
    cache: CacheManager,
    max_age_hours: float,
    source: Source,
    broker: str = "",
) -> int:
    """About how many requests a series takes; none where its timeframe is not to be had."""
    offered = DATABASE_TIMEFRAMES if source == "db" else COMMON_TIMEFRAMES
    try:
        return plan(
            [series],
            first_day,
            last_day,
            cache=cache,
            max_age_hours=max_age_hours,
            broker=broker,
            offered=offered,
            source=source,
        ).requests
    except DataError:
        return 0
