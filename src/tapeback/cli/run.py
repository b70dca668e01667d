"""`tapeback run`: one run of one bot, shown and written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tapeback.cli.failures import EXIT_CODES, error_document, show_failure
from tapeback.cli.options import (
    data_overrides,
    load_settings,
    settings_options,
    strategy_to_run,
)
from tapeback.errors import EXIT_INTERRUPTED, OutputError, StrategyFailedError, TapebackError

if TYPE_CHECKING:
    from tapeback.models.config import AppConfig
    from tapeback.models.result import BacktestResult

_STYLES: dict[str, dict[str, Any]] = {
    "plain": {},
    "title": {"bold": True},
    "good": {"fg": "green"},
    "bad": {"fg": "red"},
    "warning": {"fg": "yellow"},
    "faint": {"dim": True},
}


@click.command("run", short_help="Run a bot over market history.", epilog=EXIT_CODES)
@settings_options
@click.option(
    "--data",
    multiple=True,
    metavar="SOURCE",
    help="A CSV, Parquet or JSON file, SYMBOL:EXCHANGE:TIMEFRAME=FILE, SYMBOL:EXCHANGE:TIMEFRAME "
    "for what is kept (repeatable), or 'synthetic' for made-up prices.",
)
@click.option("--fetch", is_flag=True, help="First fetch from OpenAlgo what is not kept.")
@click.option("--symbol", metavar="NAME", help="Such as RELIANCE.")
@click.option("--exchange", metavar="NAME", help="Such as NSE, NFO or NSE_INDEX.")
@click.option("--timeframe", metavar="SPAN", help="Such as 1m, 15m, 1h or 1d.")
@click.option("--start", metavar="DATE", help="First date, such as 2024-01-01; included.")
@click.option("--end", metavar="DATE", help="Last date; included.")
@click.option("-o", "--output", metavar="DIR", help="Write the result's files into this folder.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document.")
@click.option("--bounds", is_flag=True, help="Also run the kindest and the harshest reading.")
@click.option("-v", "--verbose", is_flag=True, help="Log in detail on stderr.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    bot: str | None,
    config_path: str | None,
    settings: tuple[str, ...],
    data: tuple[str, ...],
    output: str | None,
    *,
    fetch: bool,
    as_json: bool,
    bounds: bool,
    verbose: bool,
    **named: str | None,
) -> None:
    """Run BOT over market history: a name that 'tapeback strategies' lists, file.py:Class or
    file.py. Without BOT, the first strategy of the catalogue runs.

    What a bot prints goes to stderr; stdout holds the result alone.
    """
    from tapeback.settings import setup_logging

    overrides = data_overrides(data, named) + (["data.fetch=true"] if fetch else [])
    config = load_settings(bot, config_path, settings, overrides)
    log = config.logging.model_copy(update={"level": "DEBUG"}) if verbose else config.logging
    setup_logging(log)
    folder = None if output is None else Path(output)
    if folder is not None:
        from tapeback.report.export import check_directory

        check_directory(folder)
    failures: list[TapebackError] = []
    try:
        result = _run(strategy_to_run(bot, config_path, config), config, bounds=bounds)
    except StrategyFailedError as error:
        result = error.result
        failures.append(error)
    paths: dict[str, Path] = {}
    if folder is not None:
        try:
            paths = result.save(folder)
        except OutputError as error:
            failures.append(error)
    if as_json:
        _print_document(result, failures)
    else:
        _print_summary(result, paths)
    for failure in failures:
        show_failure(failure, as_json=False)
    if failures:
        ctx.exit(failures[0].exit_code)
    if result.status == "cancelled":
        click.echo("interrupted: the result is that of the bars run so far.", err=True)
        ctx.exit(EXIT_INTERRUPTED)


def _run(strategy: str, config: AppConfig, *, bounds: bool) -> BacktestResult:
    from tapeback.cli.progress import progress_shown
    from tapeback.cli.streams import stdout_to_stderr
    from tapeback.runner import run

    with progress_shown() as task, stdout_to_stderr():
        return run(
            config,
            strategy=strategy,
            bounds=bounds,
            progress=task("running", "bars"),
            fetching=task("fetching", "requests"),
        )


def _print_document(result: BacktestResult, failures: list[TapebackError]) -> None:
    from tapeback.report.document import encode_document

    document = result.to_dict()
    if failures:
        document = {"error": error_document(failures[0]), **document}
    click.echo(encode_document(document), nl=False)


def _print_summary(result: BacktestResult, paths: dict[str, Path]) -> None:
    from tapeback.report.summary import summary

    for text, tone in summary(result):
        click.secho(text, **_STYLES[tone])
    for path in paths.values():
        click.echo(f"Saved: {path}")
