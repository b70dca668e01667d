"""Reading `--data`: a file, a file of a named series, a series alone, or synthetic bars."""

from __future__ import annotations

import re

import msgspec

from tapeback.errors import ConfigError
from tapeback.models.data_file import parse_data_file, parse_series

_SERIES_ALONE = re.compile(r"[^:=/\\]+:[^:=/\\.]+:[^:=/\\.]+")
_REMEDY = "Write SYMBOL:EXCHANGE:TIMEFRAME=FILE, SYMBOL:EXCHANGE:TIMEFRAME, FILE or synthetic."


class DataArgument(msgspec.Struct, frozen=True, kw_only=True):
    """A source of data: a path, `synthetic`, or None for the source of the settings. Symbol,
    exchange and timeframe are in their one spelling, `None` where the argument leaves them to the
    settings."""

    source: str | None
    symbol: str | None = None
    exchange: str | None = None
    timeframe: str | None = None

    @property
    def synthetic(self) -> bool:
        return self.source == "synthetic"


def parse_data_argument(text: str) -> DataArgument:
    """The source that `SYMBOL:EXCHANGE:TIMEFRAME=FILE`, `FILE`, `SYMBOL:EXCHANGE:TIMEFRAME` or
    `synthetic` names; synthetic may stand for FILE.

    Nothing is opened. A file that is called `synthetic` is written `./synthetic`. Raises
    ConfigError with the text and what is wrong with it.
    """
    try:
        if _SERIES_ALONE.fullmatch(text):
            series = parse_series(text)
            path: str | None = None
            symbol: str | None = series.symbol
            exchange: str | None = series.exchange
            timeframe: str | None = series.timeframe
        else:
            path, symbol, exchange, timeframe = parse_data_file(text)
    except ValueError as error:
        raise ConfigError(f"--data {text!r}: {error}.", remedy=_REMEDY) from None
    return DataArgument(source=path, symbol=symbol, exchange=exchange, timeframe=timeframe)
