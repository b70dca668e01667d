"""`tapeback charges`: what one order costs, line by line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from tapeback.cli.options import OneOf
from tapeback.market.costs.segments import CHARGED_EXCHANGES, SEGMENTS

if TYPE_CHECKING:
    from decimal import Decimal

    from tapeback.market.charges import Charges

_SHOWN = {
    "brokerage": "Brokerage",
    "stt": "STT",
    "ctt": "CTT",
    "exchange": "Exchange charge",
    "ipft": "IPFT",
    "sebi": "SEBI fee",
    "stamp": "Stamp duty",
    "gst": "GST",
    "dp": "DP charge",
    "total": "Total",
}


@click.command("charges", short_help="Show what one order costs.")
@click.option("--date", required=True, metavar="YYYY-MM-DD", help="The day of the trade.")
@click.option("--exchange", required=True, type=OneOf(CHARGED_EXCHANGES))
@click.option("--segment", required=True, type=OneOf(SEGMENTS))
@click.option("--side", required=True, type=OneOf(("BUY", "SELL")))
@click.option("--qty", required=True, type=click.IntRange(min=1), help="Units, not lots.")
@click.option("--price", required=True, metavar="RUPEES", help="Premium, for an option.")
@click.option("--symbol", default="", help="Tells funds, BSE's options and farm goods apart.")
@click.option("--plan", default="zerodha", show_default=True, help="A broker, flat or none.")
@click.option(
    "--rounding",
    default="paisa",
    show_default=True,
    type=click.Choice(("none", "paisa", "contract-note")),
    help="Each line exact, to the paisa, or as a contract note: taxes to the rupee.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(
    *,
    date: str,
    exchange: str,
    segment: str,
    side: str,
    qty: int,
    price: str,
    symbol: str,
    plan: str,
    rounding: Any,
    as_json: bool,
) -> None:
    """Show what one order costs, line by line, at the rates of its day.

    The total includes the DP charge of a delivery sale. Rules of low confidence are named.
    """
    from tapeback.market.charges import charge

    charges = charge(
        date,
        exchange,
        segment,
        side,
        qty,
        price,
        symbol=symbol.upper(),
        plan=plan.lower(),
        rounding=rounding,
    )
    lines = _lines(charges, segment)
    if as_json:
        click.echo(json.dumps({name: float(amount) for name, amount in lines.items()}, indent=2))
    else:
        for name, amount in lines.items():
            click.echo(f"{_SHOWN[name]:15}  {_rupees(amount):>18}")
    for row in charges.doubtful:
        click.echo(f"low confidence: {row}", err=as_json)


def _lines(charges: Charges, segment: str) -> dict[str, Decimal]:
    """The amounts in rupees; of STT and CTT the one that the segment can pay."""
    unpaid = "stt" if segment.startswith("COM_") else "ctt"
    return {name: getattr(charges, name) for name in _SHOWN if name != unpaid}


def _rupees(amount: Decimal) -> str:
    """At least to the paisa, and as exact as it is."""
    paise = amount.as_tuple().exponent
    return f"{amount:,.2f}" if isinstance(paise, int) and paise > -2 else f"{amount:,f}"
