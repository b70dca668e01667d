"""`tapeback data export`: what is kept, as files."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import click

from tapeback.cli.data.selection import (
    date_options,
    kept_candles,
    kept_request,
    series_options,
    settings_options,
    sources_of,
)


@click.command("export", short_help="Write what is kept into files.")
@click.argument("symbols", nargs=-1, required=True, metavar="SYMBOL...")
@series_options
@date_options
@click.option(
    "-o", "--output", default=".", metavar="FILE|DIR", help="By default the working directory."
)
@click.option(
    "--format",
    "suffix",
    type=click.Choice(("csv", "csv.gz", "parquet", "json")),
    help="By default that of FILE's name, else csv.",
)
@click.option("--force", is_flag=True, help="Write over files that exist.")
@settings_options
def command(
    *,
    symbols: tuple[str, ...],
    exchange: str | None,
    timeframe: str | None,
    start: date | None,
    end: date | None,
    output: str,
    suffix: str | None,
    force: bool,
    config_path: str | None,
    settings: tuple[str, ...],
    as_json: bool,
) -> None:
    """Write the bars that are kept of each SYMBOL into a file of its own: CSV, Parquet or JSON.

    FILE names it where SYMBOL is one; else the name is SYMBOL_EXCHANGE_TIMEFRAME. The bars are
    those that a run would get. The exchange and the timeframe are by default the only and the
    finest kept.
    """
    from tapeback.data.exporting import SUFFIXES, write_candles

    sources = sources_of(config_path, settings)
    target = Path(output).expanduser()
    single = target.name.lower().endswith(SUFFIXES) and not target.is_dir()
    if single and len(symbols) > 1:
        raise click.UsageError(f"-o {output}: {len(symbols)} symbols need a folder.")
    if single and suffix is not None and not target.name.lower().endswith(f".{suffix}"):
        raise click.UsageError(f"-o {output} is no name of a {suffix} file.")
    is_folder = target.is_dir() or output.endswith(("/", "\\"))
    if target.suffix[1:].isalpha() and not (single or is_folder):
        raise click.UsageError(
            f"-o {output}: bars are written to {', '.join(SUFFIXES)}, or into a folder "
            "(end its name with /)."
        )
    requests = [
        kept_request(
            word, sources.cache, exchange=exchange, timeframe=timeframe, start=start, end=end
        )
        for word in symbols
    ]
    written: list[dict[str, Any]] = []
    for request in requests:
        candles = kept_candles(request, sources)
        series = candles.series
        name = f"{series.symbol}_{series.exchange}_{series.timeframe}.{suffix or 'csv'}"
        path = target if single else target / name
        write_candles(candles, path, overwrite=force)
        written.append({"series": series.name, "bars": len(candles), "path": str(path)})
        if not as_json:
            click.echo(f"{series.name}: {len(candles):,} bars in {path}")
    if as_json:
        click.echo(json.dumps({"written": written}, indent=2))
