"""Continuous futures: `NIFTY-I` is the near month, `-II` the next, `-III` the far one.

On each date the series is the contract that expires first and has not expired on that date (the
second, the third); it rolls at the open of the session after an expiry. Prices are those that were
traded: nothing is adjusted, and every roll with its gap is among the findings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from tapeback.data.cache import CacheManager
from tapeback.data.cache.provider import CacheDataProvider
from tapeback.data.contracts.names import derivatives_exchange
from tapeback.data.provider import DataRequest
from tapeback.data.quality import Policy, examine
from tapeback.errors import DataError, DataNotFoundError
from tapeback.market import timeframes
from tapeback.market.calendar import calendar_of
from tapeback.market.candles import Candles
from tapeback.market.contracts.expiries import expiries
from tapeback.market.instruments import expiry_text, instrument_of
from tapeback.models.finding import Finding, Origin
from tapeback.models.instrument import Instrument
from tapeback.utils.clock import date_of, date_of_day, day_number

_NAME = re.compile(r"(.+)-(I{1,3})")
# The far month of the last date lies no further ahead.
_AHEAD = 130


class Span(NamedTuple):
    """The days, both included, on which a series is one contract; `contract` is None where the
    cache has no bars of it. `expiry` is an Indian day number."""

    first_day: int
    last_day: int
    expiry: int
    contract: Instrument | None


def is_continuous(symbol: str) -> bool:
    """Whether a symbol names a continuous series."""
    return _NAME.fullmatch(symbol) is not None


def continuous(request: DataRequest, cache: CacheManager, *, policy: Policy = "repair") -> Candles:
    """The bars of a continuous series from the stored bars of its contracts.

    `request.symbol` is `NIFTY-I`, `-II` or `-III`; the timeframe may be any that all contracts can
    give (their finest where the request has none). Dates whose contract is not stored have no bars,
    and a finding says so: another month never stands in. Raises as `DataProvider` says.
    """
    spans = spans_of(request, cache)
    held = [span for span in spans if span.contract is not None]
    if not held:
        raise _none(request)
    frame = request.timeframe or _common_timeframe(cache, held)
    provider = CacheDataProvider(cache, policy="keep")
    pieces: list[tuple[Span, Candles]] = []
    findings: list[Finding] = []
    for span in spans:
        candles = _piece(provider, request, span, frame)
        if candles is None:
            findings.append(_missing(span, request))
        else:
            pieces.append((span, candles))
    if not pieces:
        raise _none(request)
    for (_, before), (span, after) in pairwise(pieces):
        findings.append(_roll(before, after, span))
    for _, candles in pieces:
        findings += [each for each in candles.findings if each.action != "kept"]
    columns = [
        np.concatenate(parts)
        for parts in zip(*(candles.columns for _, candles in pieces), strict=True)
    ]
    detail = ", ".join(candles.symbol for _, candles in pieces)
    origin = Origin(kind="cache", detail=detail, findings=tuple(findings))
    return examine(Candles(request.series(frame), columns, origin), policy=policy)


def future_of(symbol: str, exchange: str, day: int, cache: CacheManager) -> Instrument | None:
    """The future that a continuous series is on an Indian day number, None where its bars are not
    stored."""
    moment = date_of_day(day)
    request = DataRequest(symbol=symbol, exchange=exchange, start=moment, end=moment)
    spans = spans_of(request, cache)
    return spans[0].contract if spans else None


def spans_of(request: DataRequest, cache: CacheManager) -> list[Span]:
    """Which contract a continuous series is on which of the requested days, in order."""
    match = _NAME.fullmatch(request.symbol)
    if match is None:
        raise DataError(
            f"{request.symbol!r} is no continuous series.",
            remedy="Write UNDERLYING-I, -II or -III, e.g. NIFTY-I.",
        )
    underlying, place = match[1], len(match[2]) - 1
    exchange = derivatives_exchange(underlying, request.exchange)
    stored = _stored_futures(cache, underlying, exchange)
    if not stored:
        raise _none(request)
    first = request.first_day
    if first is None:
        first = min(days[0] for _, days in stored.values())
    last = request.last_day
    if last is None:
        last = max(days[1] for _, days in stored.values())
    return list(_spans(first, last, place, _months(underlying, exchange, first, last, stored)))


def _spans(
    first: int, last: int, place: int, months: Sequence[tuple[int, Instrument | None]]
) -> Iterator[Span]:
    begins = first
    for at, (near, _) in enumerate(months):
        if near < begins:
            continue
        if begins > last or at + place >= len(months):
            return
        expiry, contract = months[at + place]
        yield Span(begins, min(near, last), expiry, contract)
        begins = near + 1


_Stored = dict[tuple[int, int], tuple[Instrument, tuple[int, int]]]


def _stored_futures(cache: CacheManager, underlying: str, exchange: str) -> _Stored:
    """The stored futures by the month of their expiry, with the days of their bars."""
    found: _Stored = {}
    for stored in cache.stored(exchange=exchange):
        instrument = instrument_of(stored.series.symbol, exchange)
        if instrument.kind != "future" or instrument.underlying != underlying:
            continue
        if instrument.expiry is None:
            continue
        days = (day_number(stored.first_ts), day_number(stored.last_ts))
        month = _month(instrument.expiry)
        if month in found:
            held = found[month][1]
            days = (min(held[0], days[0]), max(held[1], days[1]))
        found[month] = (instrument, days)
    return found


def _months(
    underlying: str, exchange: str, first: int, last: int, stored: _Stored
) -> list[tuple[int, Instrument | None]]:
    """Every month's expiry from `first` on, by the dated rules, with its stored contract; where no
    rule is known, those of the stored contracts alone. A stored contract's own day wins."""
    calendar = calendar_of(exchange)
    until = last + _AHEAD
    named: dict[tuple[int, int], int] = {}
    try:
        for expiry in expiries(
            underlying, exchange, first, until, lambda day: calendar.session(day) is not None
        ):
            if expiry.kind == "monthly":
                named[_month(expiry.day)] = expiry.day
    except DataError:
        named = {}
    for month, (instrument, _) in stored.items():
        if instrument.expiry is not None and instrument.expiry >= first:
            named[month] = instrument.expiry
    months = sorted(named, key=lambda month: named[month])
    return [(named[month], stored[month][0] if month in stored else None) for month in months]


def _common_timeframe(cache: CacheManager, spans: Sequence[Span]) -> str:
    """The finest timeframe that all contracts have."""
    finest: dict[str, str] = {}
    wanted = {span.contract.symbol for span in spans if span.contract}
    exchange = next(span.contract.exchange for span in spans if span.contract)
    for stored in cache.stored(exchange=exchange):
        series = stored.series
        if series.symbol in wanted:
            held = finest.setdefault(series.symbol, series.timeframe)
            finest[series.symbol] = min(held, series.timeframe, key=timeframes.duration)
    return max(finest.values(), key=timeframes.duration)


def _piece(
    provider: CacheDataProvider, request: DataRequest, span: Span, timeframe: str
) -> Candles | None:
    if span.contract is None:
        return None
    wanted = DataRequest(
        symbol=span.contract.symbol,
        exchange=span.contract.exchange,
        timeframe=timeframe,
        start=date_of_day(span.first_day),
        end=date_of_day(span.last_day),
    )
    try:
        return provider.fetch(wanted)
    except DataNotFoundError:
        return None


def _roll(before: Candles, after: Candles, span: Span) -> Finding:
    old, new = float(before.close[-1]), float(after.open[0])
    return Finding(
        code="contract-roll",
        severity="note",
        message=f"rolled from {before.symbol} to {after.symbol}: {new - old:+.2f} "
        f"({new / old - 1:+.2%}) from the last close to the first open",
        where=f"{date_of(int(after.ts[0]))}",
    )


def _missing(span: Span, request: DataRequest) -> Finding:
    days = len(
        calendar_of(request.exchange).trading_days(span.first_day, span.last_day, request.symbol)
    )
    return Finding(
        code="missing-contract",
        severity="warning",
        message=f"no bars of the contract that expires on {expiry_text(span.expiry)} are stored, "
        f"so {days} sessions to {date_of_day(span.last_day)} have none",
        count=days,
        where=f"{date_of_day(span.first_day)}",
    )


def _none(request: DataRequest) -> DataNotFoundError:
    return DataNotFoundError(
        f"the cache has no future for {request.symbol} on {request.exchange} from "
        f"{request.start or 'the first date'} to {request.end or 'the last date'}.",
        remedy="Import the futures' bars, or fetch the listed ones before they expire.",
    )


def _month(day: int) -> tuple[int, int]:
    moment = date_of_day(day)
    return moment.year, moment.month
