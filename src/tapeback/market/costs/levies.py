"""Which dated rows of `tables/charges.yaml` a trade falls under."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import cache

import msgspec

from tapeback.market.costs.segments import CASH_SEGMENTS, Segment, venue_of
from tapeback.market.dated import Row, Rows, rows

PPB_PER_PERCENT = 10_000_000
_LETTERS = re.compile(r"[A-Z]+")
_FUND_TAXES = {
    "equity_fund": "EQUITY_FUND",
    "other_fund": "OTHER_FUND",
    "foreign_fund": "OTHER_FUND",
}


class Levies(msgspec.Struct, frozen=True):
    """The dated rows of one class of trades.

    `tax` is STT or, for commodities, CTT. `grounds` are rows that put the symbol into its class;
    `doubt` says why the exchange's rows are not its own.
    """

    tax: Rows
    exchange: Rows
    sebi: Rows
    stamp: Rows
    gst: Rows
    grounds: tuple[Row, ...] = ()
    doubt: str = ""

    def change_days(self) -> set[int]:
        """The Indian day numbers on which any of the rows begins."""
        kinds = (self.tax, self.exchange, self.sebi, self.stamp, self.gst)
        return {row.since for kind in kinds for row in kind}


def levies_of(segment: Segment, exchange: str, symbol: str = "") -> Levies:
    """The rows for a trade in a segment of an exchange (OpenAlgo's code).

    The symbol, in OpenAlgo's format, tells funds, BSE's options and agricultural commodities
    apart; without one it is an ordinary share, a SENSEX option, a non-agricultural commodity.
    Raises ConfigError where the exchange does not trade the segment.
    """
    venue = venue_of(exchange, segment)
    word = _LETTERS.match(symbol)
    kind, ground = _class_of(segment, word[0] if word else symbol, symbol)
    tax, sebi = _tax_path(segment, kind), "AGRI" if kind == "agricultural" else "ALL"
    priced, doubt = _exchange_path(venue, segment, symbol)
    return Levies(
        tax=rows("charges", *tax),
        exchange=rows("charges", "exchange", *priced),
        sebi=rows("charges", "sebi", sebi),
        stamp=rows("charges", "stamp", segment),
        gst=rows("charges", "gst"),
        grounds=() if ground is None else (ground,),
        doubt=doubt,
    )


def ppb(percent: object) -> int:
    """Billionths of a rupee a rupee, from per cent. Raises ValueError for a finer rate."""
    scaled = Decimal(str(percent)) * PPB_PER_PERCENT
    if scaled != int(scaled):
        raise ValueError(f"{percent} per cent is not a whole number of billionths")
    return int(scaled)


def sides(row: Row) -> tuple[int, int]:
    """A row's rates on buying and on selling, in billionths."""
    return ppb(row["buy"]), ppb(row["sell"])


@cache
def _listed(kind: str) -> tuple[frozenset[str], Row]:
    """The symbols of a class, and the row that lists them."""
    row = next(iter(rows("charges", "symbols", kind)))
    return frozenset(row["names"]), row


def _class_of(segment: Segment, base: str, symbol: str) -> tuple[str, Row | None]:
    """The class that a symbol is listed in, with the row that lists it; empty for none."""
    if segment in CASH_SEGMENTS:
        kinds, name = tuple(_FUND_TAXES), symbol
    elif segment in ("COM_FUT", "COM_OPT"):
        kinds, name = ("agricultural",), base
    else:
        return "", None
    for kind in kinds:
        names, row = _listed(kind)
        if name in names:
            return kind, row
    return "", None


def _tax_path(segment: Segment, kind: str) -> tuple[str, str]:
    if segment in ("CUR_FUT", "CUR_OPT"):
        return "stt", "CURRENCY"
    if segment in ("COM_FUT", "COM_OPT"):
        agri = kind == "agricultural" and segment == "COM_FUT"
        return "ctt", "COM_FUT_AGRI" if agri else segment
    # Bought and sold the same day, units of an equity-oriented fund pay what shares pay.
    if kind == "equity_fund" and segment == "EQ_INTRADAY":
        return "stt", segment
    return "stt", _FUND_TAXES.get(kind, segment)


def _exchange_path(venue: str, segment: Segment, symbol: str) -> tuple[tuple[str, str], str]:
    if segment in CASH_SEGMENTS:
        return (venue, "CASH"), ""
    if venue == "NCO":
        return ("MCX", segment), "MCX's, for none of NSE's commodity segment is known"
    if venue == "BSE" and segment == "EQ_OPT":
        return (venue, _bse_options(symbol)), ""
    return (venue, segment), ""


def _bse_options(symbol: str) -> str:
    # No contract of SENSEX has digits that begin with 50: neither a day nor a year does.
    if not symbol or (symbol.startswith("SENSEX") and not symbol.startswith("SENSEX50")):
        return "SENSEX_OPT"
    if symbol.startswith("BANKEX"):
        return "BANKEX_OPT"
    return "FOCUSED_IT_OPT" if symbol.startswith("FOCIT") else "OTHER_OPT"
