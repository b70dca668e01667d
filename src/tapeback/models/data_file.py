"""Names of what candles are of, checked: symbol, exchange, timeframe; and the file of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from tapeback.errors import did_you_mean
from tapeback.models.candle import Series
from tapeback.models.instrument import EXCHANGES

TIMEFRAMES = ("1m", "2m", "3m", "5m", "10m", "15m", "30m", "1h", "2h", "4h", "1d", "1w")

_ALIASES = {"D": "1d", "d": "1d", "1D": "1d", "W": "1w", "w": "1w", "1W": "1w"}
_ALIASES |= {"1H": "1h", "2H": "2h", "4H": "4h", "60m": "1h"}
_SYMBOL = re.compile(r"[A-Z0-9][A-Z0-9&_.\-]{0,63}")


class DataFile(NamedTuple):
    """One file of candles; what it is of is None where the file's name or content shall tell."""

    path: str
    symbol: str | None = None
    exchange: str | None = None
    timeframe: str | None = None


def check_symbol(symbol: str) -> str:
    """The symbol in capitals; ValueError for what can be no symbol, a path for instance."""
    name = symbol.strip().upper()
    if not _SYMBOL.fullmatch(name) or ".." in name:
        raise ValueError(
            f"must be a symbol of letters, digits, &, -, _ and . (64 at most); got {symbol[:80]!r}"
        )
    return name


def check_exchange(exchange: str) -> str:
    """The exchange in OpenAlgo's spelling; ValueError for an unknown one."""
    name = exchange.strip().upper()
    if name not in EXCHANGES:
        raise ValueError(not_among(exchange, EXCHANGES))
    return name


def check_timeframe(timeframe: str) -> str:
    """The one spelling of a timeframe (`D` becomes `1d`); ValueError for an unknown one."""
    name = _ALIASES.get(timeframe.strip(), timeframe.strip())
    if name not in TIMEFRAMES:
        raise ValueError(not_among(timeframe, TIMEFRAMES))
    return name


def parse_data_file(spec: str) -> DataFile:
    """Read `PATH` or `SYMBOL:EXCHANGE:TIMEFRAME=PATH`; ValueError for anything else."""
    label, equals, path = spec.partition("=")
    if not equals or "/" in label or "\\" in label or ":" not in label:
        if not spec.strip():
            raise ValueError("must be PATH or SYMBOL:EXCHANGE:TIMEFRAME=PATH; got an empty text")
        return DataFile(spec)
    parts = label.split(":")
    if len(parts) != 3 or not path.strip():
        raise ValueError(f"must be PATH or SYMBOL:EXCHANGE:TIMEFRAME=PATH; got {spec!r}")
    symbol, exchange, timeframe = parts
    return DataFile(
        path, check_symbol(symbol), check_exchange(exchange), check_timeframe(timeframe)
    )


def parse_series(spec: str) -> Series:
    """Read `SYMBOL:EXCHANGE:TIMEFRAME`; ValueError for anything else."""
    parts = spec.split(":")
    if len(parts) != 3:
        raise ValueError(f"must be SYMBOL:EXCHANGE:TIMEFRAME; got {spec!r}")
    symbol, exchange, timeframe = parts
    return Series(check_symbol(symbol), check_exchange(exchange), check_timeframe(timeframe))


def not_among(value: str, known: Iterable[str]) -> str:
    """What is wrong with a value that none of the known ones equals."""
    allowed = tuple(known)
    return f"must be one of {', '.join(allowed)}; got {value!r}{did_you_mean(value, allowed)}"
