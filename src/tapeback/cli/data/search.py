"""`tapeback data search`: symbols by a part of their name."""

from __future__ import annotations

import json
from typing import Any

import click

from tapeback.cli.data.selection import settings_options, sources_of
from tapeback.cli.options import OneOf
from tapeback.models.instrument import EXCHANGES


@click.command("search", short_help="Find symbols by a part of their name.")
@click.argument("text")
@click.option("--exchange", type=OneOf(EXCHANGES), help="Such as NSE, NFO or NSE_INDEX.")
@click.option("--kept", is_flag=True, help="Among what is kept alone; OpenAlgo is not asked.")
@settings_options
def command(
    *,
    text: str,
    exchange: str | None,
    kept: bool,
    config_path: str | None,
    settings: tuple[str, ...],
    as_json: bool,
) -> None:
    """Find the symbols with TEXT in their name: those that the broker lists, asked of OpenAlgo, and
    those that are kept, expired contracts among them."""
    market_data = sources_of(config_path, settings)
    wanted = text.upper()
    rows: dict[tuple[str, str], dict[str, Any]] = {}

    def row_of(symbol: str, exchange: str) -> dict[str, Any]:
        new = {"symbol": symbol, "exchange": exchange, "name": "", "lot_size": None}
        return rows.setdefault((symbol, exchange), {**new, "listed": False, "kept": []})

    for stored in market_data.cache.stored(exchange=exchange):
        series = stored.series
        if wanted in series.symbol:
            row_of(series.symbol, series.exchange)["kept"].append(series.timeframe)
    if not kept:
        for listing in market_data.server.search(text, exchange):
            row = row_of(listing.symbol, listing.exchange)
            row |= {"name": listing.name, "lot_size": listing.lot_size, "listed": True}
    found = [rows[key] for key in sorted(rows)]
    if as_json:
        click.echo(json.dumps({"symbols": found}, indent=2, ensure_ascii=False))
        return
    for row in found:
        kept_as = f"  kept: {', '.join(row['kept'])}" if row["kept"] else ""
        click.echo(f"{row['symbol']}:{row['exchange']:10} {row['name']}{kept_as}".rstrip())
    click.echo(f"{len(found)} symbols with {wanted!r} in their name")
