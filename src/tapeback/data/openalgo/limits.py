"""Which bars to ask a broker for, and how many days of them at once.

OpenAlgo passes a request on to the broker, in pieces where its plugin knows the broker's limit;
a piece that fails there is left out of the answer without a word. Asking for no more than one
such piece keeps every answer whole or plainly empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from tapeback.errors import DataError
from tapeback.market import timeframes
from tapeback.models.candle import Series
from tapeback.utils.clock import DAY_NS, MINUTE_NS

Source = Literal["api", "db"]


class Limit(NamedTuple):
    """Calendar days a request may span, for bars of at most `minutes` each."""

    minutes: int
    days: int


# What nearly every broker offers, for a plan that is made without asking.
COMMON_TIMEFRAMES = ("1m", "3m", "5m", "10m", "15m", "30m", "1h", "1d")
# Historify stores minutes and days; everything else it makes of them, as we do ourselves.
DATABASE_TIMEFRAMES = ("1m", "1d")

_ANY_INTRADAY = 24 * 60 - 1
_DAYS = 24 * 60

# Where the broker's page and OpenAlgo's plugin differ, the smaller of the two.
BROKERS: dict[str, tuple[Limit, ...]] = {
    # kite.trade forum, "Historical API: maximum days per request"; the plugin asks for 60 always.
    "zerodha": (Limit(_ANY_INTRADAY, 60), Limit(_DAYS, 2000)),
    # SmartAPI's documentation, "Historical": ONE_MINUTE 30 days; the plugin keeps to 30 for every
    # intraday interval and 2000 for days.
    "angel": (Limit(_ANY_INTRADAY, 30), Limit(_DAYS, 2000)),
    # upstox.com/developer/api-documentation/v3/get-historical-candle-data: a month up to 15
    # minutes, a quarter above, a decade of days; an older plugin clips days to a year.
    "upstox": (Limit(15, 28), Limit(_ANY_INTRADAY, 89), Limit(_DAYS, 365)),
    # The plugin's pieces: 60 days of intraday bars, 300 of daily ones (the page allows 100, 366).
    "fyers": (Limit(_ANY_INTRADAY, 60), Limit(_DAYS, 300)),
    # dhanhq.co/docs/v2/historical-data: 90 days of intraday bars; days without limit.
    "dhan": (Limit(_ANY_INTRADAY, 90), Limit(_DAYS, 3650)),
}
# A broker that gives fewer rows than this asks for is noticed by the sessions that they lack.
UNKNOWN_BROKER = (Limit(15, 28), Limit(_ANY_INTRADAY, 60), Limit(_DAYS, 365))
# Historify's database knows no limit; a year of minutes is about 90,000 rows, 10 MB on the wire.
_ANY_DAYS = 36_500
_DATABASE = (Limit(_ANY_INTRADAY, 366), Limit(_DAYS, _ANY_DAYS))
_SECONDS_DAYS = 5

# What a request takes in all, by experience: the broker's answer, and OpenAlgo's pause.
SECONDS_A_REQUEST: dict[str, float] = {"api": 1.0, "db": 0.3}


def days_per_request(timeframe: str, broker: str = "", source: Source = "api") -> int:
    """Calendar days that one request for bars of `timeframe` may span; weeks and months, of
    which there are few, without limit."""
    length = timeframes.duration(timeframe)
    if length < MINUTE_NS:
        return _SECONDS_DAYS
    if length > DAY_NS:
        return _ANY_DAYS
    limits = _DATABASE if source == "db" else BROKERS.get(broker, UNKNOWN_BROKER)
    minutes = length // MINUTE_NS
    return next(limit.days for limit in limits if minutes <= limit.minutes)


def native_timeframe(timeframe: str | None, offered: Sequence[str], *, where: str = "") -> str:
    """The timeframe to fetch for bars of `timeframe`, or for the finest of at least a minute.

    An offered one is fetched as it is, but weeks and months, which brokers label in ways of their
    own, are made of days. One that is not offered is made of the finest offered one of at least a
    minute that divides it. Raises DataError, naming what is offered, where there is none.
    """
    minutes = [name for name in offered if timeframes.duration(name) >= MINUTE_NS]
    if timeframe is None:
        return (minutes or list(offered))[0]
    wanted = timeframes.normalise(timeframe)
    if timeframes.duration(wanted) > DAY_NS and "1d" in offered:
        return "1d"
    if wanted in offered:
        return wanted
    for name in (*minutes, *offered):
        if timeframes.makes(name, wanted):
            return name
    least = next(iter(minutes), offered[0])
    raise DataError(
        f"bars of {wanted} are not offered and cannot be made of what is: {', '.join(offered)}.",
        where=where or None,
        remedy=f"Ask for {least} or longer, in a length that is offered or a multiple of it.",
    )


def native_series(series: Series, offered: Sequence[str]) -> Series:
    """The series to fetch for another one; errors as in `native_timeframe`."""
    timeframe = native_timeframe(series.timeframe, offered, where=series.name)
    return Series(series.symbol, series.exchange, timeframe)
