"""`tapeback data gaps`: what is missing of the sessions."""

from __future__ import annotations

import json
from datetime import date

import click

from tapeback.cli.data.selection import (
    date_options,
    kept_candles,
    kept_request,
    series_options,
    settings_options,
    sources_of,
)


@click.command("gaps", short_help="Show what is missing of the sessions.")
@click.argument("symbol")
@series_options
@date_options
@settings_options
def command(
    *,
    symbol: str,
    exchange: str | None,
    timeframe: str | None,
    start: date | None,
    end: date | None,
    config_path: str | None,
    settings: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show what the bars that are kept of SYMBOL lack of the exchange's sessions.

    Nights, holidays, pauses and known halts are no gaps. Without dates, those of the first and the
    last bar. The exchange and the timeframe are by default the only and the finest kept.
    """
    from tapeback.data.quality import gaps

    sources = sources_of(config_path, settings)
    request = kept_request(
        symbol, sources.cache, exchange=exchange, timeframe=timeframe, start=start, end=end
    )
    candles = kept_candles(request, sources)
    rows = [gap.to_dict() for gap in gaps(candles, request.first_day, request.last_day)]
    if as_json:
        series = candles.series
        shown = {
            "symbol": series.symbol,
            "exchange": series.exchange,
            "timeframe": series.timeframe,
        }
        click.echo(json.dumps({**shown, "gaps": rows}, indent=2))
        return
    for row in rows:
        plural = "bar" if row["bars"] == 1 else "bars"
        click.echo(
            f"{row['date']}  {row['from']} to {row['to']}  {row['bars']} {plural}  {row['kind']}"
        )
    missing = sum(row["bars"] for row in rows)
    click.echo(
        f"{candles.series.name}: {len(candles):,} bars, {missing:,} missing in {len(rows)} gaps"
    )
