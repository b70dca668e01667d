"""`tapeback data check`: what is wrong with candles, and whether the cache can be read."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tapeback.cli.data.selection import (
    date_options,
    kept_candles,
    kept_request,
    parts_of,
    series_options,
    settings_options,
    sources_of,
)
from tapeback.errors import EXIT_DATA, ConfigError
from tapeback.models.data_file import DataFile, check_symbol

if TYPE_CHECKING:
    from tapeback.data.quality import Policy, Verdict
    from tapeback.market.candles import Candles
    from tapeback.models.config import DataConfig
    from tapeback.runner.market_data import MarketData

_TONES = {"clean": "green", "usable": "green", "doubtful": "yellow", "refused": "red"}


@click.command("check", short_help="Show what is wrong with candles.")
@click.argument("sources", nargs=-1, metavar="[SYMBOL|FILE]...")
@series_options
@date_options
@settings_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    sources: tuple[str, ...],
    *,
    exchange: str | None,
    timeframe: str | None,
    start: date | None,
    end: date | None,
    config_path: str | None,
    settings: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show everything odd about the bars that are kept of SYMBOL, or of a FILE
    (SYMBOL:EXCHANGE:TIMEFRAME=FILE), what was done about it, and the verdict.

    What is left out of SYMBOL:EXCHANGE:TIMEFRAME is told by the options, the settings or the
    file's name.

    Without any, check that all that is kept can still be read. Exit code 3 where the verdict is
    'refused' (by execution.on_bad_data) or something cannot be read.
    """
    market_data = sources_of(config_path, settings)
    if not sources:
        sound = _check_cache(market_data, as_json=as_json)
    else:
        options = {"exchange": exchange, "timeframe": timeframe, "start": start, "end": end}
        candles = [_candles(word, market_data, options) for word in sources]
        policy = market_data.config.execution.on_bad_data
        sound = _show(candles, policy, as_json=as_json)
    if not sound:
        ctx.exit(EXIT_DATA)


def _check_cache(market_data: MarketData, *, as_json: bool) -> bool:
    cache = market_data.cache
    integrity = cache.check()
    if as_json:
        shown = {"folder": str(cache.folder), "series": integrity.series, "bars": integrity.bars}
        click.echo(json.dumps({**shown, "problems": list(integrity.problems)}, indent=2))
    else:
        for problem in integrity.problems:
            click.echo(problem)
        state = f"{len(integrity.problems)} problems" if integrity.problems else "all can be read"
        click.echo(
            f"{integrity.series:,} series, {integrity.bars:,} bars in {cache.folder}: {state}"
        )
    return not integrity.problems


def _candles(word: str, market_data: MarketData, options: dict[str, Any]) -> Candles:
    from tapeback.data.files import FileDataProvider
    from tapeback.data.provider import DataRequest

    if "=" not in word and not _names_a_file(word):
        cache = market_data.cache
        return kept_candles(kept_request(word, cache, **options), market_data)
    file, data = _file(word), market_data.data
    symbol, exchange = _named(file, data, options["exchange"])
    request = DataRequest(
        symbol=symbol,
        exchange=exchange,
        timeframe=file.timeframe or options["timeframe"],
        start=options["start"],
        end=options["end"],
    )
    provider = FileDataProvider(
        file.path, label=data.label, actions=market_data.actions, policy=market_data.policy
    )
    return provider.fetch(request)


def _file(word: str) -> DataFile:
    """The file of `FILE` or of `SYMBOL[:EXCHANGE[:TIMEFRAME]]=FILE`."""
    label, equals, path = word.partition("=")
    if not equals or any(sign in label for sign in "/\\") or Path(word).is_file():
        return DataFile(word)
    if not path.strip():
        raise ConfigError(f"{word!r}: names no file.", remedy="Write SYMBOL:EXCHANGE=FILE.")
    return DataFile(path, *parts_of(label))


def _named(file: DataFile, data: DataConfig, exchange: str | None) -> tuple[str, str]:
    """Symbol and exchange of a file: those that were said, else what its name tells."""
    from tapeback.data.contracts.names import contract_named, derivatives_exchange
    from tapeback.market.instruments import INDEX_UNDERLYINGS

    exchange = file.exchange or exchange
    symbol = file.symbol
    if symbol is None and "symbol" in data.model_fields_set:
        symbol = data.symbol
    if symbol is None:
        name = Path(file.path).name
        contract = contract_named(name, exchange)
        if contract is not None:
            return contract.symbol, contract.exchange
        try:
            symbol = check_symbol(re.split(r"[_.\s]", name)[0])
        except ValueError:
            symbol = data.symbol
    if exchange is None and "exchange" not in data.model_fields_set and symbol in INDEX_UNDERLYINGS:
        exchange = "BSE_INDEX" if derivatives_exchange(symbol) == "BFO" else "NSE_INDEX"
    return symbol, exchange or data.exchange


def _names_a_file(word: str) -> bool:
    named = word.lower().endswith((".csv", ".gz", ".txt", ".parquet", ".pq", ".json"))
    return named or any(sign in word for sign in "/\\*?") or Path(word).is_file()


def _show(series: list[Candles], policy: Policy, *, as_json: bool) -> bool:
    from tapeback.data.quality import verdict

    documents, sound = [], True
    for candles in series:
        judged = verdict(candles.findings, policy=policy)
        sound = sound and judged.grade != "refused"
        if as_json:
            documents.append(_document(candles, judged))
        else:
            _print(candles, judged)
    if as_json:
        click.echo(json.dumps({"series": documents}, indent=2, ensure_ascii=False))
    return sound


def _document(candles: Candles, judged: Verdict) -> dict[str, Any]:
    return {
        "series": candles.series.name,
        "bars": len(candles),
        "first": f"{candles[0].timestamp:%Y-%m-%d %H:%M:%S}",
        "last": f"{candles[-1].timestamp:%Y-%m-%d %H:%M:%S}",
        "source": f"{candles.origin.kind} {candles.origin.detail}".rstrip(),
        "verdict": judged.grade,
        "reasons": list(judged.reasons),
        "findings": [finding.to_dict() for finding in candles.findings],
    }


def _print(candles: Candles, judged: Verdict) -> None:
    source = f"{candles.origin.kind} {candles.origin.detail}".rstrip()
    click.echo(
        f"{candles.series.name}: {len(candles):,} bars, "
        f"{candles[0].timestamp:%Y-%m-%d %H:%M} to {candles[-1].timestamp:%Y-%m-%d %H:%M}, {source}"
    )
    for finding in candles.findings:
        place = f" ({finding.where})" if finding.where else ""
        done = "" if finding.action == "kept" else f", {finding.action}"
        click.echo(f"  {finding.severity}: {finding.message}{place}{done} [{finding.code}]")
    click.secho(f"  verdict: {judged.grade}", fg=_TONES[judged.grade])
    for reason in judged.reasons:
        click.echo(f"    {reason}")
