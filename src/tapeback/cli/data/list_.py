"""`tapeback data list`: what is kept."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from tapeback.cli.data.selection import (
    parts_of,
    series_options,
    settings_options,
    sources_of,
)

if TYPE_CHECKING:
    from tapeback.data.cache import Stored


@click.command("list", short_help="Show what is kept.")
@click.argument("symbol", required=False)
@series_options
@click.option("--underlying", metavar="NAME", help="Only its futures and options.")
@settings_options
def command(
    *,
    symbol: str | None,
    exchange: str | None,
    timeframe: str | None,
    underlying: str | None,
    config_path: str | None,
    settings: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show the series that are kept: how many bars, from when to when, and where they came from.

    With SYMBOL, those of this symbol alone.
    """
    if symbol is not None:
        symbol, own_exchange, own_timeframe = parts_of(symbol)
        exchange, timeframe = own_exchange or exchange, own_timeframe or timeframe
    cache = sources_of(config_path, settings).cache
    stored = cache.stored(
        symbol=symbol,
        exchange=exchange,
        timeframe=timeframe,
        underlying=underlying and underlying.upper(),
    )
    rows = [_row(one) for one in stored]
    if as_json:
        click.echo(json.dumps({"folder": str(cache.folder), "series": rows}, indent=2))
        return
    for row in rows:
        name = f"{row['symbol']}:{row['exchange']}:{row['timeframe']}"
        click.echo(
            f"{name:32} {row['bars']:>11,} bars  {row['first'][:16]} to {row['last'][:16]}  "
            f"{', '.join(row['sources'])}"
        )
    bars = sum(one.bars for one in stored)
    size = sum(one.bytes for one in stored) / 1e6
    click.echo(f"{len(rows):,} series, {bars:,} bars, {size:,.1f} MB in {cache.folder}")


def _row(stored: Stored) -> dict[str, Any]:
    from tapeback.utils.clock import to_ist

    series = stored.series
    return {
        "symbol": series.symbol,
        "exchange": series.exchange,
        "timeframe": series.timeframe,
        "bars": stored.bars,
        "first": f"{to_ist(stored.first_ts):%Y-%m-%d %H:%M:%S}",
        "last": f"{to_ist(stored.last_ts):%Y-%m-%d %H:%M:%S}",
        "bytes": stored.bytes,
        "sources": list(stored.sources),
        "updated": f"{to_ist(stored.updated_at):%Y-%m-%d %H:%M:%S}",
    }
