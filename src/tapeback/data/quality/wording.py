"""How findings name dates, bars and counts."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from tapeback.market import timeframes
from tapeback.market.candles import Candles
from tapeback.models.finding import NAMED, Finding, Severity
from tapeback.utils.clock import date_of_day, to_ist

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


def about_bars(
    candles: Candles,
    mask: Mask,
    *,
    code: str,
    message: str,
    severity: Severity = "warning",
    action: str = "kept",
) -> Finding | None:
    """A finding about the bars that `mask` marks, None where it marks none. In the message `{}`
    stands for how many bars these are."""
    count = int(np.count_nonzero(mask))
    if not count:
        return None
    places = named_bars(candles, mask)
    return Finding(
        code=code,
        severity=severity,
        message=message.format(plural(count, "bar")),
        count=count,
        of=len(candles),
        where=moment(candles, int(np.argmax(mask))),
        places=places,
        action=action,
    )


def about_days(
    days: Ints, *, code: str, message: str, of: int, severity: Severity = "warning"
) -> Finding | None:
    """A finding about dates, None where there are none. In the message `{}` stands for them."""
    if not len(days):
        return None
    return Finding(
        code=code,
        severity=severity,
        message=message.format(dates(days)),
        count=len(days),
        of=of,
        where=f"{date_of_day(int(days[0]))}",
        places=day_names(days),
    )


def named_bars(candles: Candles, mask: Mask) -> tuple[str, ...]:
    """The first twenty places of the bars that a mask marks, neighbours of one date as one."""
    at = np.flatnonzero(mask)
    apart = (np.diff(at) > 1) | (np.diff(candles.days[at]) > 0)
    begins = at[np.append(True, apart)] if len(at) else at
    ends = at[np.append(apart, True)] if len(at) else at
    pairs = zip(begins[:NAMED].tolist(), ends[:NAMED].tolist(), strict=True)
    return tuple(_range(candles, first, last) for first, last in pairs)


def _range(candles: Candles, first: int, last: int) -> str:
    begins = moment(candles, first)
    return begins if first == last else f"{begins} to {to_ist(int(candles.ts[last])):%H:%M}"


def moment(candles: Candles, index: int) -> str:
    """When a bar begins, `2024-01-20 15:30`; its date alone for bars of a day or longer."""
    intraday = timeframes.is_intraday(candles.timeframe)
    return f"{to_ist(int(candles.ts[index])):{'%Y-%m-%d %H:%M' if intraday else '%Y-%m-%d'}}"


def day_names(days: Ints) -> tuple[str, ...]:
    """The first twenty of some dates."""
    return tuple(f"{date_of_day(day)}" for day in np.unique(days)[:NAMED].tolist())


def dates(days: Ints) -> str:
    """Dates by name, the first twenty of them."""
    return listed(day_names(days), len(np.unique(days)))


def listed(names: Iterable[str], count: int) -> str:
    """Names, and how many there are beyond them."""
    more = f" and {count - NAMED} more" if count > NAMED else ""
    return ", ".join(names) + more


def plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
