"""Options by their underlying: which contract an order or a question means.

The rules are OpenAlgo's: strikes are those that are listed now, the one in the middle is the
nearest to the underlying's last price (the lower of two), ITM and OTM count listed strikes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import NamedTuple

from tapeback.broker.listings import ListedSymbols
from tapeback.broker.quotes import QuoteBoard
from tapeback.market.contracts.strikes import nearest_strike
from tapeback.market.instruments import INDEX_UNDERLYINGS, expiry_text, symbol_of
from tapeback.models.instrument import Instrument
from tapeback.utils.clock import day_of

_OPTIONS_ON = {"NSE": "NFO", "NSE_INDEX": "NFO", "BSE": "BFO", "BSE_INDEX": "BFO"}
SPOT_OF = {"NFO": ("NSE_INDEX", "NSE"), "BFO": ("BSE_INDEX", "BSE")}
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_EXPIRY = re.compile(rf"(\d{{2}})({'|'.join(MONTHS)})(\d{{2}})")
_EMBEDDED = re.compile(
    rf"(?P<base>.+?)(?P<expiry>\d{{2}}(?:{'|'.join(MONTHS)})\d{{2}})(?:FUT|\d.*)?"
)


class Fault(NamedTuple):
    """Why a question about options has no answer: HTTP code and message."""

    code: int
    message: str


class Underlying(NamedTuple):
    """What options derive from: its quote's symbol and exchange, its last price in rupees, and the
    options' base, exchange and expiry (day number)."""

    symbol: str
    exchange: str
    ltp: float
    base: str
    options: str
    expiry: int


class Resolved(NamedTuple):
    """The option that an offset means."""

    instrument: Instrument
    underlying: Underlying


class OptionDesk:
    """Answers about the options of a run, as of now."""

    def __init__(self, listed: ListedSymbols, quotes: QuoteBoard, now: Callable[[], int]) -> None:
        self._listed = listed
        self._quotes = quotes
        self._now = now

    def underlying(self, name: str, exchange: str, expiry_date: str | None) -> Underlying | Fault:
        """What an order or a chain derives from. An `expiry_date` (DDMMMYY) wins over the one in
        the name; one of the two must be there."""
        embedded = _EMBEDDED.fullmatch(name)
        base = embedded["base"] if embedded else name
        text = expiry_date or (embedded["expiry"] if embedded else "")
        if not text:
            return Fault(
                400,
                "Expiry date required. Provide expiry_date in DDMMMYY format or an underlying "
                "that holds it.",
            )
        expiry = read_expiry(text)
        if expiry is None:
            return Fault(400, f"Invalid expiry date {text}. Use DDMMMYY, for example 28OCT25.")
        symbol, place = self._quoted(name, base, exchange, embedded is not None)
        quote = self._quotes.quote(symbol, place)
        if quote is None:
            return Fault(404, f"Could not fetch LTP of underlying {symbol} on {place}.")
        options = _OPTIONS_ON.get(exchange, exchange)
        return Underlying(symbol, place, quote["ltp"], base, options, expiry)

    def _quoted(self, name: str, base: str, exchange: str, embedded: bool) -> tuple[str, str]:
        """Where the price of an underlying is quoted: of a base on a derivatives exchange it is the
        spot's, of a future its own."""
        if exchange not in SPOT_OF:
            return name, exchange
        if embedded and name.endswith("FUT"):
            return name, exchange
        index, cash = SPOT_OF[exchange]
        return base, index if base in INDEX_UNDERLYINGS else cash

    def resolve(
        self, underlying: Underlying, offset: str, option_type: str, step: int | None = None
    ) -> Resolved | Fault:
        """The listed option at an offset (ATM, ITM1, OTM2 …). With a `step`, OpenAlgo's older
        reckoning: strikes are its multiples, whether listed or not."""
        if step:
            middle = round(underlying.ltp / step)
            strike = float((middle + _away(offset, option_type)) * step)
        else:
            strikes = self.strikes(underlying, option_type)
            if not strikes:
                return self.no_strikes(underlying)
            place = strikes.index(nearest_strike(strikes, underlying.ltp)) + _away(
                offset, option_type
            )
            if not 0 <= place < len(strikes):
                return Fault(
                    400,
                    f"Offset {offset} is out of range: {len(strikes)} strikes of "
                    f"{underlying.base} {expiry_text(underlying.expiry)} {option_type} are listed.",
                )
            strike = strikes[place]
        symbol = symbol_of(
            underlying.base, underlying.expiry, strike=strike, option_type=option_type
        )
        instrument = self._listed.instrument(symbol, underlying.options)
        if instrument is None:
            return Fault(404, f"Option symbol {symbol} not found in {underlying.options}.")
        return Resolved(instrument, underlying)

    def strikes(self, underlying: Underlying, option_type: str) -> list[float]:
        """Strikes of one expiry and type that are listed now, ascending."""
        return list(
            self._listed.contracts.strikes(
                underlying.base, underlying.options, underlying.expiry, option_type, self._now()
            )
        )

    def synthetic(self, underlying: Underlying, strike: float) -> float | None:
        """The future that call and put at a strike make: strike + call - put; None where one of
        them has no price."""
        prices: list[float] = []
        for option_type in ("CE", "PE"):
            symbol = symbol_of(
                underlying.base, underlying.expiry, strike=strike, option_type=option_type
            )
            quote = self._quotes.quote(symbol, underlying.options)
            if quote is None:
                return None
            prices.append(quote["ltp"])
        return round(strike + prices[0] - prices[1], 2)

    def no_strikes(self, underlying: Underlying) -> Fault:
        """The answer where nothing of an expiry is listed."""
        return Fault(
            404,
            f"No strikes found for {underlying.base} expiring "
            f"{expiry_text(underlying.expiry)} in {underlying.options}.",
        )


def read_expiry(text: str) -> int | None:
    """The day number of an expiry written DDMMMYY, None where it is no date."""
    found = _EXPIRY.fullmatch(text.strip().upper().replace("-", ""))
    if found is None:
        return None
    try:
        return day_of(date(2000 + int(found[3]), MONTHS.index(found[2]) + 1, int(found[1])))
    except ValueError:
        return None


def _away(offset: str, option_type: str) -> int:
    """How many strikes above the middle one an offset lies."""
    count = int(offset[3:] or 0)
    return count if offset.startswith("OTM") == (option_type == "CE") else -count
