"""`tapeback data import`: bars from files, kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tapeback.cli.data.selection import series_options, settings_options, sources_of
from tapeback.cli.progress import progress_shown
from tapeback.errors import EXIT_DATA

if TYPE_CHECKING:
    from tapeback.data.cache import CacheManager, LegacyImport
    from tapeback.data.contracts.importing import ImportReport

_SQLITE = b"SQLite format 3\0"
_NAMED = 20


@click.command("import", short_help="Keep the bars of files.")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--symbol", metavar="NAME", help="Such as RELIANCE; by default as the files say.")
@series_options
@click.option(
    "--label",
    type=click.Choice(("auto", "open", "close")),
    default="auto",
    show_default=True,
    help="Which end of a bar its stamp marks.",
)
@click.option("--replace", is_flag=True, help="Bars that differ from what is kept replace it.")
@settings_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    paths: tuple[str, ...],
    *,
    symbol: str | None,
    exchange: str | None,
    timeframe: str | None,
    label: Any,
    replace: bool,
    config_path: str | None,
    settings: tuple[str, ...],
    as_json: bool,
) -> None:
    """Keep the bars of each PATH: a CSV, Parquet or JSON file, a zip of them, a bhavcopy of NSE, a
    folder with all below it, or a pattern such as 'options/*.csv'.

    What a file is of is told by --symbol and --exchange, by its columns or by its name: a contract
    as OpenAlgo, Kite or NSE spell it. The cache of an older program (market_data.db) is read as
    well. Importing twice adds nothing. Exit code 3 where a file could not be read.
    """
    from tapeback.data.contracts.importing import import_files

    cache = sources_of(config_path, settings).cache
    old = [path for path in paths if _is_database(path)]
    files = [path for path in paths if path not in old]
    caches = [cache.import_legacy(Path(path)) for path in old]
    report = None
    if files:
        with progress_shown() as task:
            report = import_files(
                files,
                cache=cache,
                symbol=symbol,
                exchange=exchange,
                timeframe=timeframe,
                label=label,
                replace=replace,
                progress=task("importing", "files"),
            )
    if as_json:
        _print_document(report, caches)
    else:
        _print(report, caches, cache)
    if report is not None and report.problems:
        ctx.exit(EXIT_DATA)


def _is_database(path: str) -> bool:
    try:
        with Path(path).expanduser().open("rb") as file:
            return file.read(len(_SQLITE)) == _SQLITE
    except OSError:
        return False


def _print_document(report: ImportReport | None, caches: list[LegacyImport]) -> None:
    import msgspec

    document = {} if report is None else report.to_dict()
    if caches:
        document["caches"] = msgspec.to_builtins(caches)
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def _print(report: ImportReport | None, caches: list[LegacyImport], cache: CacheManager) -> None:
    for old in caches:
        for one in old.series:
            became = one.skipped or f"{one.rows:,} rows, {one.merge.added:,} bars added"
            click.echo(f"{one.series.name}: {became}")
    if report is None:
        return
    for finding in report.findings:
        files = "1 file" if finding.files == 1 else f"{finding.files:,} files"
        click.echo(f"{finding.severity}: {finding.message} ({files}; {finding.where})")
    for problem in report.problems[:_NAMED]:
        place = f"{problem.file}:{problem.row}" if problem.row else problem.file
        click.echo(f"not read: {place}: {problem.reason} {problem.remedy}".rstrip(), err=True)
    if len(report.problems) > _NAMED:
        more = len(report.problems) - _NAMED
        click.echo(f"not read: {more:,} more; --json names all of them", err=True)
    span = f", {report.first} to {report.last}" if report.first else ""
    click.echo(
        f"{report.read:,} of {report.files:,} files read: {report.series:,} series, "
        f"{report.contracts:,} contracts{span}"
    )
    revised = f", {report.revised:,} differ from what is kept" if report.revised else ""
    click.echo(f"{report.added:,} bars added, {report.same:,} known{revised} in {cache.folder}")
