"""What becomes of a contract that is still open when it expires."""

from __future__ import annotations

from typing import Literal

import msgspec

from tapeback.market.dated import Row, rows, table
from tapeback.market.instruments import INDEX_UNDERLYINGS
from tapeback.market.settlement import CURRENCY_EXCHANGES, ppm
from tapeback.models.instrument import Instrument
from tapeback.utils.money import to_units

Method = Literal["cash", "physical", "devolve", "worthless"]

_EQUITY_EXCHANGES = {"NFO": "NSE", "BFO": "BSE"}


class Delivery(msgspec.Struct, frozen=True):
    """Units that come in (or, negative, go out) instead of cash: shares of the underlying, or,
    with an empty `symbol`, the future on which a commodity option is written. `price` is money
    units a unit; `product` that of the position that they go to."""

    symbol: str
    exchange: str
    quantity: int
    price: int
    product: str


class Levy(msgspec.Struct, frozen=True):
    """What a transaction tax is taken of at expiry, in money units.

    `exercise` is for the holder of an option that ends in the money and is not delivered: its
    `intrinsic` worth, and the settlement `value` of what it is written on. `physical` is for
    either side of a delivery of shares, of that `value`; `buy` says that shares come in.
    """

    kind: Literal["exercise", "physical"]
    buy: bool
    value: int
    intrinsic: int = 0


class Settlement(msgspec.Struct, frozen=True):
    """How an open contract ends.

    The position of `quantity` signed units is closed at `price` money units a unit, which posts
    `cash` (received when positive, as a sale of a long position is) apart from charges; then the
    `delivery`, if any, is booked at its own price. `intrinsic` is the money units by which the
    contract was worth more than its closing `price`: what an exercised or assigned option gains
    or loses with its shares.
    """

    method: Method
    quantity: int
    price: int
    cash: int
    delivery: Delivery | None
    levy: Levy | None
    intrinsic: int
    rows: tuple[Row, ...]


def settle_expiry(
    instrument: Instrument,
    quantity: int,
    closing_value: float,
    *,
    day: int,
    multiplier: int = 1,
    future_traded: bool = True,
) -> Settlement:
    """Settle `quantity` signed units of a contract that expires on an Indian day number.

    `closing_value` is the settlement price of what the contract is written on, in rupees: the
    index or the share, the reference rate, the future of a commodity option. Index and currency
    contracts end in cash, stock contracts by delivery since the expiry of October 2019 (the first
    shares since July 2018), commodity options become a future at their strike unless the run has
    no such future (`future_traded`), which leaves them their worth in cash. An option that is not
    in the money is worthless.
    """
    rule = expiry_rule(instrument, day)
    method = _method(instrument, rule, future_traded)
    close = to_units(closing_value)
    if instrument.kind != "option":
        return _settle_future(instrument, quantity, close, method, rule, multiplier)
    strike = to_units(instrument.strike)
    worth = max(close - strike if instrument.option_type == "CE" else strike - close, 0)
    if not worth:
        return Settlement("worthless", quantity, 0, 0, None, None, 0, (rule,))
    intrinsic = quantity * worth * multiplier
    exercise = None
    if quantity > 0:
        exercise = Levy("exercise", True, quantity * close * multiplier, intrinsic)
    if method == "cash":
        return Settlement(method, quantity, worth, intrinsic, None, exercise, 0, (rule,))
    delivery = _delivery(instrument, quantity, strike, method)
    levy = _physical(delivery) if method == "physical" else exercise
    return Settlement(method, quantity, 0, 0, delivery, levy, intrinsic, (rule,))


def expiry_rule(instrument: Instrument, day: int) -> Row:
    """The row that says how a contract expiring on a day number is settled."""
    if instrument.exchange in _EQUITY_EXCHANGES:
        name = "index" if instrument.underlying in INDEX_UNDERLYINGS else "stock"
    elif instrument.exchange in CURRENCY_EXCHANGES:
        name = "currency"
    elif instrument.kind == "option":
        name = "commodity_option"
    elif instrument.underlying in table("settlement")["commodities_settled_in_cash"]:
        name = "commodity_cash"
    else:
        name = "commodity_delivery"
    return rows("settlement", "expiry", name).in_force(day)


class DeliveryMargin(msgspec.Struct, frozen=True):
    """Share, in millionths, of the underlying's delivery margin blocked on a long stock option in
    the money."""

    share_ppm: int
    row: Row | None = None


def delivery_margin(instrument: Instrument, day: int, sessions_left: int) -> DeliveryMargin:
    """The delivery margin of a contract on a day number, `sessions_left` trading days before its
    expiry day (0 on that day); none for contracts settled in cash."""
    expiry = day if instrument.expiry is None else instrument.expiry
    physical = _method(instrument, expiry_rule(instrument, expiry), True) == "physical"
    if instrument.kind != "option" or not physical:
        return DeliveryMargin(0)
    row = rows("settlement", "delivery_margin").in_force(day)
    shares = row["shares"]
    return DeliveryMargin(ppm(shares[sessions_left]) if sessions_left < len(shares) else 0, row)


def _method(instrument: Instrument, rule: Row, future_traded: bool) -> Method:
    method: Method = rule["method"]
    if instrument.underlying in rule.get("listed", ()):
        return "physical"
    return "cash" if method == "devolve" and not future_traded else method


def _settle_future(
    instrument: Instrument, quantity: int, close: int, method: Method, rule: Row, multiplier: int
) -> Settlement:
    """A future ends at the settlement price; shares then change hands at that price."""
    delivery = _shares(instrument, quantity, close) if method == "physical" else None
    levy = _physical(delivery) if delivery is not None else None
    cash = quantity * close * multiplier
    return Settlement(method, quantity, close, cash, delivery, levy, 0, (rule,))


def _delivery(instrument: Instrument, quantity: int, strike: int, method: Method) -> Delivery:
    """A call brings its holder the underlying at the strike, a put takes it from him."""
    signed = quantity if instrument.option_type == "CE" else -quantity
    if method == "physical":
        return _shares(instrument, signed, strike)
    return Delivery("", instrument.exchange, signed, strike, "NRML")


def _shares(instrument: Instrument, quantity: int, price: int) -> Delivery:
    exchange = _EQUITY_EXCHANGES[instrument.exchange]
    return Delivery(instrument.underlying, exchange, quantity, price, "CNC")


def _physical(delivery: Delivery) -> Levy:
    value = abs(delivery.quantity) * delivery.price
    return Levy("physical", delivery.quantity > 0, value)
