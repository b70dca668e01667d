"""`tapeback data chain`: an option chain as it stood."""

from __future__ import annotations

import json
import math
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import click

from tapeback.cli.data.selection import settings_options, sources_of
from tapeback.cli.options import OneOf
from tapeback.errors import DataNotFoundError
from tapeback.models.data_file import check_symbol
from tapeback.models.instrument import EXCHANGES
from tapeback.utils.clock import date_of_day, day_of, to_ist, to_ns

if TYPE_CHECKING:
    from tapeback.data.contracts.board import Chain, ChainQuote

_COLUMNS = ("OI", "volume", "LTP")


class Moment(click.ParamType[datetime]):
    """An Indian date and time as `YYYY-MM-DD HH:MM`."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time; write it as 'YYYY-MM-DD HH:MM'.", param, ctx)


@click.command("chain", short_help="Show an option chain as it stood.")
@click.argument("underlying")
@click.option("--at", "moment", type=Moment(), required=True, metavar="'YYYY-MM-DD HH:MM'")
@click.option("--expiry", metavar="DATE", help="By default the nearest one listed then.")
@click.option(
    "--exchange",
    default="NFO",
    show_default=True,
    type=OneOf(EXCHANGES),
    help="Of the options, or of their underlying.",
)
@click.option(
    "--strikes",
    default=10,
    show_default=True,
    type=click.IntRange(min=0),
    help="Strikes on each side of the middle one.",
)
@settings_options
def command(
    *,
    underlying: str,
    moment: datetime,
    expiry: str | None,
    exchange: str,
    strikes: int,
    config_path: str | None,
    settings: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show the options of UNDERLYING as they stood at a time: those that were listed by then, not
    yet expired, with what their bars had told until then.

    The contracts that bars are kept of are the ones that are known.
    """
    from tapeback.data.contracts.board import ContractBoard

    name, ts = check_symbol(underlying), to_ns(moment)
    board = ContractBoard(sources_of(config_path, settings).cache)
    day = _day(expiry) if expiry else _nearest(board.expiries(name, exchange, "options", ts), name)
    chain = board.chain(name, exchange, day, ts, strikes)
    if as_json:
        click.echo(json.dumps(chain.to_dict(), indent=2))
    else:
        _print(chain)


def _day(text: str) -> int:
    from tapeback.data.openalgo.listings import parse_expiry

    try:
        return day_of(date.fromisoformat(text))
    except ValueError:
        day = parse_expiry(text)
    if day is None:
        raise click.BadParameter(
            f"{text!r} is no date; write it as YYYY-MM-DD or 26SEP24.", param_hint="--expiry"
        )
    return day


def _nearest(expiries: list[int], underlying: str) -> int:
    if not expiries:
        raise DataNotFoundError(
            f"no option of {underlying} is known at that time.",
            remedy="Import the bars of its contracts with 'tapeback data import FOLDER'; "
            "'tapeback data list --underlying' shows which are kept.",
        )
    return expiries[0]


def _print(chain: Chain) -> None:
    click.echo(
        f"{chain.underlying} {chain.exchange}, expiry {date_of_day(chain.expiry)}, at "
        f"{to_ist(chain.ts):%Y-%m-%d %H:%M}, underlying {chain.spot:,.2f}"
    )
    head = "".join(f"{name:>12}" for name in _COLUMNS)
    click.echo(f"{head}{'strike':>12}{''.join(f'{name:>12}' for name in reversed(_COLUMNS))}")
    for row in chain.rows:
        call, put = _cells(row.ce), reversed(_cells(row.pe))
        mark = " <" if row.strike == chain.atm else ""
        click.echo(f"{''.join(call)}{row.strike:>12g}{''.join(put)}{mark}")


def _cells(leg: ChainQuote | None) -> list[str]:
    if leg is None:
        return [f"{'-':>12}"] * len(_COLUMNS)
    quote = leg.quote
    oi = "-" if math.isnan(quote.oi) else f"{quote.oi:,.0f}"
    volume = "-" if math.isnan(quote.volume) else f"{quote.volume:,.0f}"
    return [f"{oi:>12}", f"{volume:>12}", f"{quote.ltp:>12,.2f}"]
