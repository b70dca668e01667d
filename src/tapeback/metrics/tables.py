"""Profit by day, month and weekday."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from tapeback.metrics.returns import finite
from tapeback.models.metrics import DayRow, MonthRow, WeekdayRow
from tapeback.utils.clock import date_of_day

if TYPE_CHECKING:
    from numpy.typing import NDArray

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_EPOCH_WEEKDAY = date(1970, 1, 1).weekday()


def day_rows(
    days: NDArray[np.int64],
    equity: NDArray[np.float64],
    pnl: NDArray[np.float64],
    returns: NDArray[np.float64],
) -> tuple[DayRow, ...]:
    """A row a session; `returns` are fractions, as everywhere in this package."""
    columns = (days.tolist(), equity.tolist(), pnl.tolist(), (100.0 * returns).tolist())
    return tuple(
        DayRow(date_of_day(day), close, change, finite(pct))
        for day, close, change, pct in zip(*columns, strict=True)
    )


def month_rows(
    days: NDArray[np.int64], pnl: NDArray[np.float64], returns: NDArray[np.float64]
) -> tuple[MonthRow, ...]:
    """A row a calendar month with a session in it, in order; returns are compounded."""
    if not len(days):
        return ()
    month = days.astype("datetime64[D]").astype("datetime64[M]")
    firsts = np.flatnonzero(np.diff(month.astype(np.int64), prepend=-1 << 62))
    with np.errstate(over="ignore"):
        growth = np.multiply.reduceat(1.0 + returns, firsts) - 1.0
    columns = (
        np.datetime_as_string(month[firsts]).tolist(),
        np.diff(firsts, append=len(days)).tolist(),
        np.add.reduceat(pnl, firsts).tolist(),
        (100.0 * growth).tolist(),
    )
    return tuple(
        MonthRow(name, sessions, change, finite(pct))
        for name, sessions, change, pct in zip(*columns, strict=True)
    )


def weekday_rows(
    days: NDArray[np.int64], pnl: NDArray[np.float64], returns: NDArray[np.float64]
) -> tuple[WeekdayRow, ...]:
    """A row a weekday with a session on it, Monday first; returns are averaged."""
    weekday = (days + _EPOCH_WEEKDAY) % 7
    rows = []
    for number in np.unique(weekday).tolist():
        chosen = weekday == number
        rows.append(
            WeekdayRow(
                WEEKDAYS[number],
                int(chosen.sum()),
                float(pnl[chosen].sum()),
                finite(100.0 * float(returns[chosen].mean())),
            )
        )
    return tuple(rows)


def extreme_days(
    days: NDArray[np.int64], pnl: NDArray[np.float64], returns: NDArray[np.float64]
) -> dict[str, Any]:
    """The worst and the best session by return, the first of equals, as metric fields."""
    known = np.flatnonzero(np.isfinite(returns))
    if not len(known):
        return dict.fromkeys(
            f"{name}_day{part}" for name in ("worst", "best") for part in ("", "_pct", "_pnl")
        )
    rows = {
        "worst": int(known[returns[known].argmin()]),
        "best": int(known[returns[known].argmax()]),
    }
    figures: dict[str, Any] = {}
    for name, row in rows.items():
        figures[f"{name}_day"] = date_of_day(int(days[row]))
        figures[f"{name}_day_pct"] = 100.0 * float(returns[row])
        figures[f"{name}_day_pnl"] = float(pnl[row])
    return figures
