"""From the words of `tapeback data` to series, dates and the settings of the sources."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tapeback.cli.options import OneOf
from tapeback.errors import ConfigError, DataError, DataNotFoundError, did_you_mean
from tapeback.market import timeframes
from tapeback.models.data_file import check_exchange, check_symbol
from tapeback.models.instrument import EXCHANGES

if TYPE_CHECKING:
    from tapeback.data.cache import CacheManager
    from tapeback.data.provider import DataRequest
    from tapeback.market.candles import Candles
    from tapeback.models.candle import Series
    from tapeback.models.config import DataConfig
    from tapeback.runner.market_data import MarketData

_FORM = "SYMBOL, SYMBOL:EXCHANGE or SYMBOL:EXCHANGE:TIMEFRAME"
_PARTS = 3


class Day(click.ParamType[date]):
    """An Indian date as `YYYY-MM-DD`."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no date; write it as YYYY-MM-DD.", param, ctx)


class Timeframe(click.ParamType[str]):
    """The length of a bar, in its one spelling."""

    name = "timeframe"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return timeframes.normalise(str(value).strip())
        except DataError as error:
            self.fail(str(error), param, ctx)


def settings_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--config` and `--set`, which say where the cache and the servers are."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print one JSON document."),
        click.option(
            "--set",
            "settings",
            multiple=True,
            metavar="KEY=VALUE",
            help="A setting, such as openalgo.base_url=http://127.0.0.1:5000. Repeatable.",
        ),
        click.option(
            "-c", "--config", "config_path", metavar="FILE", help="A YAML file of settings."
        ),
    ):
        command = option(command)
    return command


def series_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--exchange` and `--timeframe`, for symbols that do not say theirs."""
    for option in (
        click.option(
            "--timeframe", type=Timeframe(), metavar="SPAN", help="Such as 1m, 15m or 1d."
        ),
        click.option("--exchange", type=OneOf(EXCHANGES), help="Such as NSE, NFO or NSE_INDEX."),
    ):
        command = option(command)
    return command


def date_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--start` and `--end`."""
    for option in (
        click.option("--end", type=Day(), metavar="DATE", help="Last date; included."),
        click.option("--start", type=Day(), metavar="DATE", help="First date; included."),
    ):
        command = option(command)
    return command


def sources_of(config_path: str | None, settings: Sequence[str]) -> MarketData:
    """The sources that FILE names, else this folder's base file, where there is one; a bot's own
    file has no say in where data is kept. They are closed when the command ends."""
    from tapeback.runner.market_data import MarketData
    from tapeback.settings import BASE_PATH, load_config, setup_logging

    base = BASE_PATH if Path(BASE_PATH).exists() else None
    config = load_config(config_path or base, overrides=list(settings))
    setup_logging(config.logging)
    actions = None
    if config.data.corporate_actions:
        from tapeback.runner.rules import actions_of

        actions = actions_of(config)
    return click.get_current_context().with_resource(MarketData(config, actions=actions))


def named_series(
    words: Iterable[str], data: DataConfig, *, exchange: str | None, timeframe: str | None
) -> list[Series]:
    """The series that `SYMBOL`, `SYMBOL:EXCHANGE` and `SYMBOL:EXCHANGE:TIMEFRAME` mean, each once;
    what a word leaves out comes from `--exchange` and `--timeframe`, then from the settings."""
    from tapeback.models.candle import Series

    found: dict[Series, None] = {}
    for word in words:
        symbol, own_exchange, own_timeframe = parts_of(word)
        series = Series(
            symbol,
            own_exchange or exchange or data.exchange,
            own_timeframe or timeframe or data.timeframe,
        )
        found[series] = None
    return list(found)


def kept_request(
    word: str,
    cache: CacheManager,
    *,
    exchange: str | None,
    timeframe: str | None,
    start: date | None = None,
    end: date | None = None,
) -> DataRequest:
    """What is asked of the cache by one word: the exchange is the only one that has the symbol,
    the timeframe the finest kept, where neither the word nor an option says more.

    Raises DataNotFoundError when nothing is kept of the symbol, or of several exchanges.
    """
    from tapeback.data.contracts.continuous import is_continuous
    from tapeback.data.provider import DataRequest

    symbol, own_exchange, own_timeframe = parts_of(word)
    exchange, timeframe = own_exchange or exchange, own_timeframe or timeframe
    if exchange is None and is_continuous(symbol):
        exchange = "NFO"
    if exchange is None:
        exchanges = sorted({one.series.exchange for one in cache.stored(symbol=symbol)})
        if len(exchanges) != 1:
            raise _not_one(symbol, exchanges, cache)
        exchange = exchanges[0]
    return DataRequest(symbol=symbol, exchange=exchange, timeframe=timeframe, start=start, end=end)


def _not_one(symbol: str, exchanges: Sequence[str], cache: CacheManager) -> DataNotFoundError:
    if exchanges:
        return DataNotFoundError(
            f"{symbol} is kept of {' and '.join(exchanges)}.",
            remedy=f"Say which: {symbol}:{exchanges[0]}, or --exchange {exchanges[0]}.",
        )
    known = sorted({one.series.symbol for one in cache.stored()})
    return DataNotFoundError(
        f"nothing is kept of {symbol}{did_you_mean(symbol, known)}.",
        where=str(cache.folder),
        remedy="'tapeback data list' shows what there is, 'tapeback data fetch' gets more.",
    )


def parts_of(word: str) -> tuple[str, str | None, str | None]:
    """Symbol, exchange and timeframe of a word, each in its one spelling; ConfigError where it
    cannot be read."""
    parts = word.split(":")
    try:
        if len(parts) > _PARTS:
            raise ValueError(f"has {len(parts)} parts")
        symbol, exchange, timeframe = [*parts, None, None][:_PARTS]
        return (
            check_symbol(symbol or ""),
            check_exchange(exchange) if exchange else None,
            timeframes.normalise(timeframe.strip()) if timeframe else None,
        )
    except (DataError, ValueError) as error:
        reason = f"{error}".rstrip(".")
        raise ConfigError(f"{word!r}: {reason}.", remedy=f"Write {_FORM}.") from None


def kept_candles(request: DataRequest, sources: MarketData) -> Candles:
    """The bars that a run would get of what is kept; those of `NIFTY-I` are its contracts' own."""
    from tapeback.data.contracts.continuous import continuous, is_continuous

    if is_continuous(request.symbol):
        return continuous(request, sources.cache, policy=sources.policy)
    from tapeback.data.cache.provider import CacheDataProvider

    provider = CacheDataProvider(sources.cache, actions=sources.actions, policy=sources.policy)
    return provider.fetch(request)
