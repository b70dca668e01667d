"""`tapeback data clear`: bars that need not be kept."""

from __future__ import annotations

import json
from datetime import date

import click

from tapeback.cli.data.selection import (
    Day,
    parts_of,
    series_options,
    settings_options,
    sources_of,
)


@click.command("clear", short_help="Remove what is kept.")
@click.argument("symbols", nargs=-1, metavar="[SYMBOL]...")
@series_options
@click.option("--before", type=Day(), metavar="DATE", help="Only bars of earlier dates.")
@click.option("--all", "everything", is_flag=True, help="Every series; needed without SYMBOL.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@settings_options
def command(
    *,
    symbols: tuple[str, ...],
    exchange: str | None,
    timeframe: str | None,
    before: date | None,
    everything: bool,
    yes: bool,
    config_path: str | None,
    settings: tuple[str, ...],
    as_json: bool,
) -> None:
    """Remove the bars of each SYMBOL from the cache, and what is known of their ranges, so that a
    fetch gets them anew. Expired contracts cannot be fetched again."""
    from tapeback.utils.clock import day_of

    if bool(symbols) == everything:
        raise click.UsageError("name the symbols to remove, or give --all.")
    if as_json and not yes:
        raise click.UsageError("--json cannot ask: add --yes.")
    cache = sources_of(config_path, settings).cache
    chosen = [_chosen(word, exchange, timeframe) for word in symbols]
    chosen = chosen or [{"symbol": None, "exchange": exchange, "timeframe": timeframe}]
    stored = [one for each in chosen for one in cache.stored(**each)]
    bars = sum(one.bars for one in stored)
    if stored and not yes:
        until = f" before {before}" if before else ""
        click.confirm(
            f"Remove {len(stored)} series with {bars:,} bars{until} from {cache.folder}?",
            abort=True,
            err=True,
        )
    day = None if before is None else day_of(before)
    removed = sum(cache.clear(**each, before_day=day) for each in chosen)
    if as_json:
        click.echo(json.dumps({"series": len(stored), "removed": removed}))
    else:
        click.echo(f"{removed:,} bars removed from {cache.folder}")


def _chosen(word: str, exchange: str | None, timeframe: str | None) -> dict[str, str | None]:
    symbol, own_exchange, own_timeframe = parts_of(word)
    return {
        "symbol": symbol,
        "exchange": own_exchange or exchange,
        "timeframe": own_timeframe or timeframe,
    }
