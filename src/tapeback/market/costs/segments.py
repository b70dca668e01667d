"""The segments that charges tell apart, and which exchange trades which of them."""

from __future__ import annotations

from typing import Literal, get_args

from tapeback.errors import ConfigError, did_you_mean
from tapeback.models.instrument import INDEX_EXCHANGES, Instrument

Segment = Literal[
    "EQ_DELIVERY",
    "EQ_INTRADAY",
    "EQ_FUT",
    "EQ_OPT",
    "CUR_FUT",
    "CUR_OPT",
    "COM_FUT",
    "COM_OPT",
]
SEGMENTS: tuple[Segment, ...] = get_args(Segment)
CASH_SEGMENTS: tuple[Segment, ...] = ("EQ_DELIVERY", "EQ_INTRADAY")
_EQUITY_DERIVATIVES: tuple[Segment, ...] = ("EQ_FUT", "EQ_OPT")
_CURRENCY: tuple[Segment, ...] = ("CUR_FUT", "CUR_OPT")
_COMMODITY: tuple[Segment, ...] = ("COM_FUT", "COM_OPT")

# OpenAlgo's exchange codes: whose charges hold there, and what is traded.
_TRADED: dict[str, tuple[str, tuple[Segment, ...]]] = {
    "NSE": ("NSE", CASH_SEGMENTS + _EQUITY_DERIVATIVES + _CURRENCY),
    "NFO": ("NSE", _EQUITY_DERIVATIVES),
    "CDS": ("NSE", _CURRENCY),
    "BSE": ("BSE", CASH_SEGMENTS + _EQUITY_DERIVATIVES + _CURRENCY),
    "BFO": ("BSE", _EQUITY_DERIVATIVES),
    "BCD": ("BSE", _CURRENCY),
    "MCX": ("MCX", _COMMODITY),
    "NCDEX": ("NCDEX", _COMMODITY),
    "NCO": ("NCO", _COMMODITY),
    "NSE_INDEX": ("NSE", ("EQ_FUT",)),
    "BSE_INDEX": ("BSE", ("EQ_FUT",)),
    "MCX_INDEX": ("MCX", ("COM_FUT",)),
    "GLOBAL_INDEX": ("NSE", ("EQ_FUT",)),
}
CHARGED_EXCHANGES = tuple(code for code in _TRADED if code not in INDEX_EXCHANGES)


def venue_of(exchange: str, segment: str) -> str:
    """Whose charges hold for a segment of an exchange: NSE, BSE, MCX, NCDEX or NCO.

    Raises ConfigError for an exchange whose charges are not known, for an unknown segment, and for
    a segment that the exchange does not trade.
    """
    traded_segment(exchange, segment)
    return _TRADED[exchange][0]


def traded_segment(exchange: str, segment: str) -> Segment:
    """The segment of that name, which the exchange trades. Raises ConfigError as `venue_of`."""
    if segment not in SEGMENTS:
        raise ConfigError(
            f"segment: {segment!r} is not one of {', '.join(SEGMENTS)}"
            f"{did_you_mean(segment, SEGMENTS)}."
        )
    if exchange not in _TRADED:
        raise ConfigError(
            f"exchange: the charges of {exchange!r} are not known"
            f"{did_you_mean(exchange, CHARGED_EXCHANGES)}.",
            remedy=f"Known are {', '.join(CHARGED_EXCHANGES)}; `costs: none` charges nothing.",
        )
    for traded in _TRADED[exchange][1]:
        if traded == segment:
            return traded
    raise ConfigError(
        f"segment: {exchange} does not trade {segment}.",
        remedy=f"It trades {', '.join(_TRADED[exchange][1])}.",
    )


def segment_of(instrument: Instrument, product: str, *, same_day: bool = False) -> Segment:
    """The segment that a trade of an instrument in a product is charged as.

    Shares in MIS are intraday; in CNC they are delivery, unless `same_day` says that they were
    bought and sold on one day. An index is charged as its near future (fill contract S2b).
    """
    if instrument.kind == "equity":
        return "EQ_INTRADAY" if product == "MIS" or same_day else "EQ_DELIVERY"
    option = instrument.kind == "option"
    exchange = instrument.exchange
    if exchange in ("CDS", "BCD"):
        return "CUR_OPT" if option else "CUR_FUT"
    if exchange in ("MCX", "NCDEX", "NCO", "MCX_INDEX"):
        return "COM_OPT" if option else "COM_FUT"
    return "EQ_OPT" if option else "EQ_FUT"
