"""`tapeback data fetch`: bars from OpenAlgo that are not kept yet."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any

import click

from tapeback.cli.data.selection import (
    date_options,
    named_series,
    series_options,
    settings_options,
    sources_of,
)
from tapeback.cli.progress import progress_shown
from tapeback.errors import EXIT_DATA, ConfigError
from tapeback.models.data_file import check_symbol

if TYPE_CHECKING:
    from tapeback.data.downloads import Downloaded, Report
    from tapeback.models.candle import Series
    from tapeback.runner.market_data import MarketData

_LISTED_DAYS = 120


@click.command("fetch", short_help="Fetch bars from OpenAlgo that are not kept yet.")
@click.argument("symbols", nargs=-1, metavar="[SYMBOL]...")
@click.option(
    "--from",
    "lists",
    multiple=True,
    metavar="FILE",
    help="Symbols of a file: one a line, or NSE's CSV of an index's constituents. Repeatable.",
)
@series_options
@date_options
@click.option("--underlying", metavar="NAME", help="Futures and options of this share or index.")
@click.option(
    "--expiry",
    default="week,next-week,month",
    show_default=True,
    metavar="RULES",
    help="Which contracts of --underlying: week, next-week, month, next-month or dates.",
)
@click.option(
    "--strikes",
    default=15,
    show_default=True,
    type=click.IntRange(0, 500),
    help="Strikes on each side of the middle one; 0: futures alone.",
)
@click.option("--books", is_flag=True, help="Also keep today's order, trade and position books.")
@click.option(
    "--source",
    type=click.Choice(("api", "db")),
    default="api",
    show_default=True,
    help="The broker, or Historify's database on the server.",
)
@click.option("--plan", "plan_only", is_flag=True, help="Only tell what would be asked for.")
@settings_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    symbols: tuple[str, ...],
    lists: tuple[str, ...],
    *,
    exchange: str | None,
    timeframe: str | None,
    start: date | None,
    end: date | None,
    underlying: str | None,
    expiry: str,
    strikes: int,
    books: bool,
    source: Any,
    plan_only: bool,
    config_path: str | None,
    settings: tuple[str, ...],
    as_json: bool,
) -> None:
    """Fetch what is not kept yet of each SYMBOL (SYMBOL:EXCHANGE:TIMEFRAME), from --start to --end
    (today), and keep it.

    Days that are known are not asked for again. An interrupted fetch goes on where it was. With
    --underlying the contracts are chosen anew at each call: run it daily before they expire, for
    expired ones cannot be fetched. Exit code 3 where a series could not be fetched whole.
    """
    from tapeback.data.downloads import download, plan
    from tapeback.utils.clock import day_number, day_of

    if not (symbols or lists or underlying or books):
        raise click.UsageError("name symbols, --from FILE, --underlying NAME or --books.")
    if start is not None and end is not None and start > end:
        raise click.UsageError(f"--start {start} lies after --end {end}.")
    market_data = sources_of(config_path, settings)
    wanted = _series(symbols, lists, market_data, exchange=exchange, timeframe=timeframe)
    if underlying is not None:
        wanted += _contracts(market_data, underlying, exchange, timeframe, expiry, strikes)
    first = None if start is None else day_of(start)
    if underlying is not None and first is None:
        # What the rules choose was not listed earlier.
        first = day_number(market_data.clock.now()) - _LISTED_DAYS
    last = None if end is None else day_of(end)
    age = market_data.config.openalgo.cache_max_age_hours
    if plan_only:
        today = day_number(market_data.clock.now())
        if first is None:
            raise click.UsageError("--plan needs --start.")
        planned = plan(
            wanted,
            first,
            today if last is None else last,
            cache=market_data.cache,
            max_age_hours=age,
            source=source,
        )
        if as_json:
            click.echo(json.dumps(planned.to_dict(), indent=2))
        else:
            click.echo(f"{_requests(planned.requests)}, about {planned.seconds:.0f} s")
        return
    with progress_shown() as task:
        report = download(
            wanted,
            first,
            last,
            server=market_data.server,
            cache=market_data.cache,
            max_age_hours=age,
            source=source,
            progress=task("fetching", "requests"),
        )
    stored = _keep_books(market_data) if books else {}
    _show(report, stored, as_json=as_json)
    if report.failed:
        ctx.exit(EXIT_DATA)


def _series(
    symbols: tuple[str, ...],
    lists: tuple[str, ...],
    market_data: MarketData,
    *,
    exchange: str | None,
    timeframe: str | None,
) -> list[Series]:
    from tapeback.data.contracts.continuous import is_continuous

    words = list(symbols)
    if lists:
        from tapeback.data.constituents import read_symbols

        for path in lists:
            words += [f"{name}:{where}" if where else name for name, where in read_symbols(path)]
    wanted = named_series(words, market_data.data, exchange=exchange, timeframe=timeframe)
    for one in wanted:
        if is_continuous(one.symbol):
            raise ConfigError(
                f"{one.symbol} is no contract: its bars are those of the contracts that are kept.",
                remedy="Fetch the contracts, e.g. with --underlying "
                f"{one.symbol.rpartition('-')[0]} --strikes 0.",
            )
    return wanted


def _contracts(
    market_data: MarketData,
    underlying: str,
    exchange: str | None,
    timeframe: str | None,
    expiry: str,
    strikes: int,
) -> list[Series]:
    """The underlying, and the contracts that the rules mean today; their terms are kept as well."""
    from tapeback.data.contracts.capture import contracts_to_capture, spot_series
    from tapeback.models.candle import Series

    contracts = contracts_to_capture(
        market_data.server,
        check_symbol(underlying),
        exchange,
        [rule.strip() for rule in expiry.split(",")],
        strikes,
    )
    market_data.cache.store_instruments(contracts, source="openalgo")
    chosen = timeframe or "1m"
    series = [Series(one.symbol, one.exchange, chosen) for one in contracts]
    return spot_series(check_symbol(underlying), contracts, chosen) + series


def _keep_books(market_data: MarketData) -> dict[str, int]:
    from tapeback.data.contracts.capture import keep_books

    return keep_books(market_data.server, market_data.cache)


def _show(report: Report, books: dict[str, int], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({**report.to_dict(), "books": books}, indent=2, ensure_ascii=False))
        return
    for one in report.series:
        click.echo(_line(one))
        for finding in one.findings:
            click.echo(f"  {finding.message}")
    for kind, rows in books.items():
        click.echo(f"{kind}: {rows} rows kept")
    click.echo(f"{_requests(report.requests)}, {report.added:,} bars added")


def _line(one: Downloaded) -> str:
    made_of = "" if one.fetched == one.series else f" (from {one.fetched.timeframe})"
    if one.error is not None:
        return f"{one.series.name}{made_of}: failed: {one.error}"
    known = f", {one.same:,} known" if one.same else ""
    revised = f", {one.revised:,} revised" if one.revised else ""
    return f"{one.series.name}{made_of}: {one.added:,} bars added{known}{revised}"


def _requests(count: int) -> str:
    return "1 request" if count == 1 else f"{count} requests"
