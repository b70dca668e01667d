"""Options without bars, priced by a model from the bars of what they are written on.

Black's model of 1976 on the forward of the expiry day, with the smile of `premiums`. Only a run
that asks for it (`data.options_data: modelled`) gets such bars, and all that is made of them says
so.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tapeback.data.contracts.continuous import is_continuous
from tapeback.data.contracts.premiums import Floats, premiums
from tapeback.errors import DataError
from tapeback.market import timeframes
from tapeback.market.black76 import DAYS_A_YEAR
from tapeback.market.calendar import calendar_of
from tapeback.market.candles import Candles
from tapeback.market.contracts.expiries import expiries
from tapeback.market.contracts.terms import terms_of
from tapeback.market.instruments import instrument_of
from tapeback.models.candle import Series
from tapeback.models.fill import FillColumns
from tapeback.models.finding import Finding, Origin
from tapeback.models.instrument import Instrument
from tapeback.models.trade import Trade
from tapeback.utils.clock import DAY_NS, IST_OFFSET_NS, date_of_day, to_ist

Ints = npt.NDArray[np.int64]

# Interest and carry a year: about what India's 91-day treasury bill paid from 2023 to 2025.
RATE = 0.065
# What the volatility of a repeated run is moved by, to show how much of its profit hangs on it.
VOLATILITY_SHIFTS = (-0.02, 0.02)
SESSIONS_A_YEAR = 252
_LOWEST_VOLATILITY = 0.005
# A volatility that was last known so long ago (a week of holidays) is not known.
_STALE_NS = 7 * DAY_NS
_LATER_MONTHS = 130


def modelled_option(
    instrument: Instrument,
    underlying: Candles,
    *,
    volatility: Candles | float,
    rate: float = RATE,
    shift: float = 0.0,
    otherwise: float | None = None,
) -> Candles:
    """The bars of an option, one for each bar of its underlying up to the expiry.

    `underlying` is a future (of any month: it is discounted to the option's own day) or else the
    spot, whose forward grows at `rate`, a share a year. `volatility` is a share a year (0.15 is
    15 %) or the bars of a volatility index in per cent: of the very minute, else the last that had
    closed, no more than a week before; else `otherwise`, and without it the bar is left out.
    `shift` is added to every volatility.

    Open, extremes and close are the worth at the underlying's, at the instants of its path by the
    nearer extreme (T2, T3b). The time that volatility counts is that of sessions: what is left of
    today's and those to come until the expiry, of 252 of the longest of them a year; interest
    counts days. At the end of the expiry day the option is worth its intrinsic value. Prices are on
    its tick, never below one; volume and open interest are NaN. `origin.kind` is `modelled`.

    Raises DataError for what is no option, and where no bar can be made.
    """
    if instrument.kind != "option" or instrument.expiry is None:
        raise DataError(f"{instrument.symbol} is no option.", where=instrument.exchange)
    bars = _until_expiry(underlying, instrument, instrument.expiry)
    path = _path_of(bars)
    levels, known = _levels(path, bars, volatility, otherwise)
    if not known.any():
        raise _nothing(instrument, underlying, volatility)
    if not known.all():
        path = _Path(path.ts[:, known], path.prices[:, known])
        levels = levels[:, known]
    expires = _closes(instrument, instrument.expiry)
    clock = SessionClock(instrument, int(bars.days[0]), instrument.expiry)
    left = (expires - path.ts) / (DAYS_A_YEAR * DAY_NS)
    worth = premiums(
        instrument.option_type == "CE",
        path.prices * _carry(bars, known, instrument, expires, left, rate),
        instrument.strike,
        clock.years(path.ts),
        np.maximum(levels + shift, _LOWEST_VOLATILITY),
        np.exp(-rate * np.maximum(left, 0.0)),
        smile=True,
    )
    prices = _on_ticks(worth, instrument, int(bars.days[0]))
    nothing = np.full(prices.shape[1], np.nan)
    columns = [
        bars.ts[known], prices[0], prices.max(axis=0), prices.min(axis=0), prices[3],
        nothing, nothing.copy(),
    ]  # fmt: skip
    series = Series(instrument.symbol, instrument.exchange, bars.timeframe)
    return Candles(series, columns, _origin(underlying, volatility, rate, shift, known))


def modelled_fills(
    modelled: Collection[tuple[str, str]], fills: FillColumns, trades: Sequence[Trade]
) -> Finding | None:
    """What of a run was filled at modelled prices: its share of the fills, and of all that trades
    won and lost; None where nothing was. `modelled` are symbols with their exchanges."""
    count = sum(owner in modelled for owner in fills.owners)
    if not count:
        return None
    moved = sum(abs(trade.pnl) for trade in trades)
    own = [trade.pnl for trade in trades if (trade.symbol, trade.exchange) in modelled]
    share = sum(map(abs, own)) / moved if moved else 0.0
    total = len(fills.owners)
    return Finding(
        code="modelled-fills",
        severity="warning",
        message=f"{count} of {total} fills ({count / total:.0%}) are at option prices that a model "
        f"made, and so is {share:.0%} of what trades won and lost: {_rupees(sum(own))} of the net "
        f"{_rupees(sum(trade.pnl for trade in trades))}",
        count=count,
        of=total,
    )


def _rupees(amount: float) -> str:
    return f"{'-' if amount < 0 else ''}₹{abs(amount):,.2f}"


class SessionClock:
    """The time until a contract's expiry in years of `SESSIONS_A_YEAR` sessions, of which only the
    hours of trading count. `first_day` and `expiry` are Indian day numbers."""

    def __init__(self, instrument: Instrument, first_day: int, expiry: int) -> None:
        self._first = min(first_day, expiry)
        calendar = calendar_of(instrument.exchange)
        days = np.arange(self._first, expiry + 1)
        clocks = calendar.clocks(days, instrument.symbol)
        lengths = clocks.closes - clocks.opens
        self._closes = days * DAY_NS - IST_OFFSET_NS + clocks.closes
        open_days = calendar.trading_days(self._first, expiry, instrument.symbol)
        self._lengths = np.where(np.isin(days, open_days), lengths, 0)
        # Of the sessions after each day, the expiry's the last.
        self._later = self._lengths[::-1].cumsum()[::-1] - self._lengths
        self._year = float(SESSIONS_A_YEAR * lengths.max())

    def years(self, ts: Ints) -> Floats:
        """What is left at each instant, ns UTC; 0 after the expiry."""
        at = (ts + IST_OFFSET_NS) // DAY_NS - self._first
        past = at >= len(self._closes)
        at = np.clip(at, 0, len(self._closes) - 1)
        today = np.clip(self._closes[at] - ts, 0, self._lengths[at])
        found: Floats = np.where(past, 0.0, (self._later[at] + today) / self._year)
        return found


class _Path(NamedTuple):
    """Instants and prices of the underlying by which each bar is priced: open, low, high, close;
    both of shape (4, bars)."""

    ts: Ints
    prices: Floats


def _until_expiry(underlying: Candles, instrument: Instrument, expiry: int) -> Candles:
    if timeframes.duration(underlying.timeframe) > DAY_NS:
        raise DataError(
            f"{instrument.symbol} cannot be modelled on bars of {underlying.timeframe}.",
            where=underlying.series.name,
            remedy="Daily bars are the longest that an option's day can be told from.",
        )
    bars = underlying[: int(np.searchsorted(underlying.days, expiry, side="right"))]
    if not len(bars):
        raise DataError(
            f"{instrument.symbol} expired on {date_of_day(expiry)}, before the first bar of "
            f"{underlying.series.name}.",
            remedy="Name a contract that had not expired on the dates run.",
        )
    return bars


def _path_of(bars: Candles) -> _Path:
    starts, ends = bars.starts, bars.ends
    third, second = (ends - starts) // 3, 2 * (ends - starts) // 3
    low_first = bars.open - bars.low <= bars.high - bars.open
    ts = np.stack(
        [
            starts,
            starts + np.where(low_first, third, second),
            starts + np.where(low_first, second, third),
            ends,
        ]
    )
    return _Path(ts, np.stack([bars.open, bars.low, bars.high, bars.close]))


def _levels(
    path: _Path, bars: Candles, volatility: Candles | float, otherwise: float | None
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Volatility, a share a year, at each instant of the path, and of which bars it is known."""
    if isinstance(volatility, int | float):
        return np.full(path.prices.shape, float(volatility)), np.ones(len(bars), np.bool_)
    starts, ends = bars.starts, bars.ends
    first = np.full(len(bars), np.nan if otherwise is None else otherwise)
    last = first.copy()
    if len(volatility):
        closed = np.searchsorted(volatility.ends, starts, side="right") - 1
        fresh = (closed >= 0) & (starts - volatility.ends[closed] <= _STALE_NS)
        first[fresh] = last[fresh] = volatility.close[closed[fresh]] / 100
        same = np.minimum(closed + 1, len(volatility) - 1)
        held = (volatility.starts[same] == starts) & (volatility.ends[same] == ends)
        first[held] = volatility.open[same[held]] / 100
        last[held] = volatility.close[same[held]] / 100
    share = (path.ts - starts) / np.maximum(ends - starts, 1)
    return first + (last - first) * share, ~np.isnan(first)


def _carry(
    bars: Candles,
    known: npt.NDArray[np.bool_],
    instrument: Instrument,
    expires: int,
    left: Floats,
    rate: float,
) -> Floats:
    """What makes a price of the underlying the forward of the option's expiry."""
    future = instrument_of(bars.symbol, bars.exchange)
    if future.kind != "future":
        factor: Floats = np.exp(rate * np.maximum(left, 0.0))
        return factor
    if future.expiry is not None:
        ends = np.full(int(known.sum()), _closes(future, future.expiry))
    elif is_continuous(bars.symbol):
        ends = _continuous_ends(future, bars.days[known])
    else:
        return np.ones_like(left)
    return np.exp(rate * (expires - ends) / (DAYS_A_YEAR * DAY_NS)) * np.ones_like(left)


def _continuous_ends(future: Instrument, days: Ints) -> Ints:
    """When the contract ends that a continuous future is on each day."""
    calendar = calendar_of(future.exchange)
    first, last = int(days[0]), int(days[-1]) + _LATER_MONTHS
    found = expiries(
        future.underlying,
        future.exchange,
        first,
        last,
        lambda day: calendar.session(day) is not None,
    )
    months = np.array([each.day for each in found if each.kind == "monthly"])
    place = len(future.symbol) - len(future.symbol.rstrip("I")) - 1
    at = np.minimum(np.searchsorted(months, days) + place, len(months) - 1)
    closes = np.array([_closes(future, int(day)) for day in months])
    return np.asarray(closes[at], np.int64)


def _closes(instrument: Instrument, day: int) -> int:
    return calendar_of(instrument.exchange).hours(day, instrument.symbol)[1]


def _on_ticks(worth: Floats, instrument: Instrument, day: int) -> Floats:
    tick = instrument.tick_size if instrument.listed else terms_of(instrument, day).tick_size
    steps = np.maximum(np.rint(worth / tick), 1.0)
    per_rupee = round(1 / tick)
    # A price that is divided is the same number as one that is written: 0.15, not 3 x 0.05.
    prices: Floats = steps / per_rupee if per_rupee * tick == 1 else np.round(steps * tick, 4)
    return prices


def _origin(
    underlying: Candles,
    volatility: Candles | float,
    rate: float,
    shift: float,
    known: npt.NDArray[np.bool_],
) -> Origin:
    moved = f", shifted by {shift:+.1%}" if shift else ""
    named = f"{volatility:.1%}" if isinstance(volatility, int | float) else volatility.series.name
    how = f"Black-76 on {underlying.series.name}, volatility {named}{moved}, rate {rate:.1%}"
    findings = [
        Finding(
            code="modelled-option",
            severity="warning",
            message=f"option prices are those of a model ({how})",
            count=int(known.sum()),
            of=len(known),
        )
    ]
    if not known.all():
        first = to_ist(int(underlying.ts[int(np.argmin(known))]))
        findings.append(
            Finding(
                code="unknown-volatility",
                severity="warning",
                message=f"{int((~known).sum())} bars could not be modelled: {named} has no bar of "
                "the week before them",
                count=int((~known).sum()),
                of=len(known),
                where=f"{first:%Y-%m-%d %H:%M}",
            )
        )
    return Origin(kind="modelled", detail=how, findings=tuple(findings), examined=True)


def _nothing(instrument: Instrument, underlying: Candles, volatility: Candles | float) -> DataError:
    name = volatility.series.name if isinstance(volatility, Candles) else "volatility"
    return DataError(
        f"{instrument.symbol} cannot be modelled: {name} has no bar of the dates of "
        f"{underlying.series.name}.",
        remedy="Fetch its bars, or set data.option_volatility, e.g. 0.15.",
    )
