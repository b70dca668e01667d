"""Regular trading hours by exchange.

NSE and BSE trade cash and derivatives 09:15 to 15:30, currency derivatives 09:00 to 17:00; MCX
runs to 23:55 at the latest (exchange timings pages). Weekdays are trading days here.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tapeback.utils.clock import DAY_NS, IST_OFFSET_NS, MINUTE_NS

_EQUITY = (555, 930)
_CURRENCY = (540, 1020)
_COMMODITY = (540, 1435)
_HOURS = {
    "CDS": _CURRENCY,
    "BCD": _CURRENCY,
    "MCX": _COMMODITY,
    "MCX_INDEX": _COMMODITY,
    "NCO": _COMMODITY,
    "NCDEX": (540, 1020),
    "CRYPTO": (0, 1440),
}


def session_minutes(exchange: str) -> tuple[int, int]:
    """Open and close of the regular session in minutes after Indian midnight."""
    return _HOURS.get(exchange, _EQUITY)


def session_of(day: int, exchange: str) -> tuple[int, int]:
    """Open and close of the regular session of an Indian day number, ns UTC."""
    opens, closes = session_minutes(exchange)
    start = day * DAY_NS - IST_OFFSET_NS
    return start + opens * MINUTE_NS, start + closes * MINUTE_NS


def is_weekday(day: int) -> bool:
    """Monday to Friday (day 0, 1970-01-01, was a Thursday)."""
    return (day + 3) % 7 < 5


def trading_days(first: int, last: int) -> npt.NDArray[np.int64]:
    """Day numbers of the sessions from `first` to `last`, both included."""
    days = np.arange(first, last + 1, dtype=np.int64)
    return days[(days + 3) % 7 < 5]


def days_of(ts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Indian day number of each instant."""
    return (ts + IST_OFFSET_NS) // DAY_NS
