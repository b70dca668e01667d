"""Options that the exchange's rules say were listed, for runs that model what has no bars."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date

from tapeback.broker.ports import ContractKind
from tapeback.data.contracts.names import derivatives_exchange
from tapeback.errors import DataError
from tapeback.market.calendar import calendar_of
from tapeback.market.contracts.expiries import expiries
from tapeback.market.contracts.underlyings import has_derivatives
from tapeback.market.instruments import INDEX_UNDERLYINGS, instrument_of, symbol_of
from tapeback.models.instrument import Instrument
from tapeback.utils.clock import day_number, day_of

# The last price of an underlying (its name, the exchange of its options) at an instant, ns UTC.
Spot = Callable[[str, str, int], float | None]

# How long before their expiry weekly and monthly options are listed, in days: five weeks, three
# months.
WEEKLY_LIFE, MONTHLY_LIFE = 35, 100
_STEPS = {
    "NIFTY": 50.0,
    "BANKNIFTY": 100.0,
    "FINNIFTY": 50.0,
    "MIDCPNIFTY": 25.0,
    "NIFTYNXT50": 100.0,
    "SENSEX": 100.0,
    "BANKEX": 100.0,
}
# NIFTY's strikes lay 100 apart before.
_HALVED = day_of(date(2013, 8, 30))
# Of shares, the largest of these that is no more than a share of the price.
_SHARE_STEPS = (1.0, 2.5, 5.0, 10.0, 20.0, 50.0, 100.0, 250.0)
_SHARE_STEP = 0.0125
_REACH = 0.1
_FEWEST = 10


class RuledContracts:
    """The options of underlyings whose expiries have dated rules, as `Contracts`: strikes at the
    usual distance, a tenth of the price (ten of them at least) to either side of the last price.

    A symbol is known whatever its strike: a model has a price for each. `underlyings` are those of
    which `instruments` tells.
    """

    def __init__(self, spot: Spot, underlyings: Iterable[tuple[str, str]] = ()) -> None:
        self._spot = spot
        self._underlyings = tuple(underlyings)
        self._expiries: dict[tuple[str, str, int], list[int]] = {}

    def symbol(self, symbol: str, exchange: str, ts: int) -> Instrument | None:
        """The option of a symbol, None for anything else and for days that are no expiry of it."""
        found = instrument_of(symbol, exchange)
        if found.kind != "option" or not found.strike > 0 or not _has_options(found):
            return None
        known = self.expiries(found.underlying, exchange, "options", ts)
        return found if found.expiry in known else None

    def expiries(self, underlying: str, exchange: str, kind: ContractKind, ts: int) -> list[int]:
        """Indian day numbers of the options that live at an instant, ascending."""
        if kind != "options":
            return []
        calendar, day = calendar_of(exchange), day_number(ts)
        if ts >= calendar.hours(day, underlying)[1]:
            day += 1
        key = underlying, exchange, day
        if key not in self._expiries:
            self._expiries[key] = _expiries_from(underlying, exchange, day)
        return list(self._expiries[key])

    def instruments(self, exchange: str, ts: int) -> list[Instrument]:
        """The options of the underlyings of the run that are listed at an instant."""
        return [
            instrument_of(
                symbol_of(underlying, expiry, strike=strike, option_type=option_type), exchange
            )
            for underlying, place in self._underlyings
            if place == exchange
            for expiry in self.expiries(underlying, exchange, "options", ts)
            for option_type in ("CE", "PE")
            for strike in self.strikes(underlying, exchange, expiry, option_type, ts)
        ]

    def strikes(
        self, underlying: str, exchange: str, expiry: int, option_type: str, ts: int
    ) -> list[float]:
        """Strikes of one expiry at an instant, ascending; none where the underlying has no price
        yet."""
        if expiry not in self.expiries(underlying, exchange, "options", ts):
            return []
        price = self._spot(underlying, exchange, ts)
        if price is None or option_type not in ("CE", "PE"):
            return []
        step = strike_step(underlying, price, day_number(ts))
        middle = round(price / step)
        count = max(_FEWEST, round(price * _REACH / step))
        return [n * step for n in range(max(1, middle - count), middle + count + 1)]


def strike_step(underlying: str, price: float, day: int) -> float:
    """How far apart strikes lie, in rupees: an index's own step, a share's by its price."""
    if underlying == "NIFTY" and day < _HALVED:
        return 2 * _STEPS[underlying]
    step = _STEPS.get(underlying)
    if step is not None:
        return step
    fitting = [each for each in _SHARE_STEPS if each <= price * _SHARE_STEP]
    return fitting[-1] if fitting else _SHARE_STEPS[0]


def optioned(keys: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Underlyings among instruments (symbol, exchange), each with the exchange of its options."""
    for symbol, exchange in keys:
        index, share = symbol in INDEX_UNDERLYINGS, has_derivatives(symbol)
        if (index and exchange in ("NSE_INDEX", "BSE_INDEX")) or (share and exchange == "NSE"):
            yield symbol, derivatives_exchange(symbol, exchange)


def _has_options(instrument: Instrument) -> bool:
    return instrument.underlying in INDEX_UNDERLYINGS or has_derivatives(instrument.underlying)


def _expiries_from(underlying: str, exchange: str, day: int) -> list[int]:
    calendar = calendar_of(exchange)
    try:
        found = expiries(
            underlying, exchange, day, day + MONTHLY_LIFE,
            lambda one: calendar.session(one) is not None,
        )  # fmt: skip
    except DataError:
        return []
    return [each.day for each in found if each.kind == "monthly" or each.day <= day + WEEKLY_LIFE]
