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
from tapeback.cli.script import check_options, run_as_script, script_file, script_of
from tapeback.errors import EXIT_INTERRUPTED, OutputError, StrategyFailedError, TapebackError

if TYPE_CHECKING:
    from tapeback.models.config import AppConfig
    from tapeback.models.result import BacktestResult

STYLES: dict[str, dict[str, Any]] = {
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
@click.option("--script", "forced", is_flag=True, help="Run the file itself, as it runs live.")
@click.option(
    "--launch",
    type=click.Choice(("auto", "once", "daily")),
    default="auto",
    show_default=True,
    help="When a script is started: afresh at the next session where it has ended by itself, once, "
    "or each session.",
)
@click.option("--launch-at", metavar="HH:MM", help="When a script is started on a day.")
@click.option("--stop-at", metavar="HH:MM", help="When --launch daily stops it.")
@click.option(
    "--env", "variables", multiple=True, metavar="NAME=VALUE", help="A variable for a script."
)
@click.option(
    "--map",
    "maps",
    multiple=True,
    metavar="CONTRACT=MEANING",
    help="What a contract named in a script stands for: NIFTY-I, or NIFTY:week1:ATM+2:CE.",
)
@click.option(
    "--alias",
    "aliases",
    multiple=True,
    metavar="SYMBOL:EXCHANGE=SYMBOL:EXCHANGE",
    help="Answer a script's symbol with another's bars.",
)
@click.option(
    "--allow",
    type=click.Choice(("network", "processes")),
    multiple=True,
    help="What a script may do beyond computing.",
)
@click.option(
    "--confine",
    type=click.Choice(("process", "strict")),
    default="process",
    show_default=True,
    help="strict: with bubblewrap, on Linux.",
)
@click.option(
    "--keep-files", is_flag=True, help="Keep a script's own files with the result, in 'files'."
)
@click.option("-o", "--output", metavar="DIR", help="Write the result's files into this folder.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document.")
@click.option("--bounds", is_flag=True, help="Also run the kindest and the harshest reading.")
@click.option("-v", "--verbose", is_flag=True, help="Log in detail on stderr.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[-- ARGUMENTS]")
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
    arguments: tuple[str, ...],
    forced: bool,
    launch: str,
    launch_at: str | None,
    stop_at: str | None,
    variables: tuple[str, ...],
    maps: tuple[str, ...],
    aliases: tuple[str, ...],
    allow: tuple[str, ...],
    confine: str,
    keep_files: bool,
    fetch: bool,
    as_json: bool,
    bounds: bool,
    verbose: bool,
    **named: str | None,
) -> None:
    """Run BOT over market history: a name that 'tapeback strategies' lists, file.py:Class or
    file.py. Without BOT, the first strategy of the catalogue runs.

    A file without a class to call is a script: it runs as it runs live, with its own loop, sleeps
    and threads, on a clock of its own, with ARGUMENTS behind '--'. Exit codes of a script: 0 the
    data ran to its end or it ended well, 3 it failed, 4 it was stopped by a limit.

    What a bot prints goes to stderr; stdout holds the result alone.
    """
    from tapeback.settings import setup_logging

    path = script_file(bot, forced=forced)
    check_options(ctx, is_script=path is not None)
    overrides = data_overrides(data, named) + (["data.fetch=true"] if fetch else [])
    config = load_settings(bot if path is None else None, config_path, settings, overrides)
    log = config.logging.model_copy(update={"level": "DEBUG"}) if verbose else config.logging
    setup_logging(log)
    if path is not None:
        script = script_of(
            path,
            arguments,
            launch=launch,
            launch_at=launch_at,
            stop_at=stop_at,
            variables=variables,
            allow=allow,
            confine=confine,
            aliases=aliases,
            maps=maps,
            keep_files=keep_files,
        )
        run_as_script(ctx, script, config, output, as_json=as_json)
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
        click.secho(text, **STYLES[tone])
    for path in paths.values():
        click.echo(f"Saved: {path}")
