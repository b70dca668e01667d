"""Requests as OpenAlgo reads them: which fields an endpoint knows, what they may hold, and the
words in which it refuses the rest (its schemas; the SDK sends every figure as text)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import lru_cache
from math import isfinite
from typing import Any, NamedTuple

from tapeback.models.instrument import EXCHANGES
from tapeback.models.order import PRICE_TYPES, PRODUCTS, Order

INTERVALS = (
    "1s", "5s", "10s", "15s", "30s", "45s", "1m", "2m", "3m", "5m", "10m", "15m", "20m", "30m",
    "1h", "2h", "3h", "4h", "D", "W", "M", "Q", "Y",
)  # fmt: skip

Values = dict[str, Any]
Errors = dict[Any, Any]
_REQUIRED = object()
_PRICED = ("LIMIT", "SL")
_TRIGGERED = ("SL", "SL-M")


class Field(NamedTuple):
    """How one field is read; `read` raises ValueError with OpenAlgo's words."""

    read: Callable[[Any], Any]
    default: Any = _REQUIRED


Schema = dict[str, Field]


def read_request(schema: Schema, payload: Mapping[str, Any]) -> tuple[Values, Errors]:
    """The fields of a request, and what is wrong by field name; a request is good when there are
    no errors."""
    values: Values = {}
    errors: Errors = {}
    for name, field in schema.items():
        if name not in payload:
            if field.default is _REQUIRED:
                errors[name] = ["Missing data for required field."]
            else:
                values[name] = field.default
            continue
        try:
            values[name] = field.read(payload[name])
        except ValueError as error:
            errors[name] = error.args[0] if error.args[0].__class__ is dict else [str(error)]
    for name in payload:
        if name not in schema:
            errors[name] = ["Unknown field."]
    quantity = values.get("quantity", 0)
    if quantity != int(quantity) and values.get("exchange") != "CRYPTO":
        errors["quantity"] = [
            f"Fractional quantity ({quantity}) is not allowed for non-crypto exchanges."
        ]
    return values, errors


def stringified(payload: Values, extra: Mapping[str, Any]) -> Values:
    """The payload with the SDK's further keywords in it: as text, None left out."""
    if extra:
        payload.update((name, str(value)) for name, value in extra.items() if value is not None)
    return payload


def completed(payload: Values, extra: Mapping[str, Any]) -> Values:
    """The same for calls that are not about orders: values as they are."""
    payload.update((name, value) for name, value in extra.items() if value is not None)
    return payload


def order_of(values: Values, **changed: Any) -> Order:
    """The order that a good request asks for, prices its type does not have dropped. `changed`
    replaces fields of the request."""
    if changed:
        values = {**values, **changed}
    pricetype = values["pricetype"]
    return Order(
        symbol=values["symbol"],
        action=values["action"].upper(),
        quantity=int(values["quantity"]),
        exchange=values["exchange"],
        pricetype=pricetype,
        product=values["product"],
        price=values["price"] if pricetype in _PRICED else 0.0,
        trigger_price=values["trigger_price"] if pricetype in _TRIGGERED else 0.0,
        strategy=values["strategy"],
    )


def unreadable_order(payload: Mapping[str, Any]) -> Order:
    """What can be told of an order whose request could not be read, for the run's record."""
    try:
        quantity = int(float(payload.get("quantity", 0)))
    except (TypeError, ValueError, OverflowError):
        quantity = 0
    return Order(
        symbol=str(payload.get("symbol", "")),
        action=str(payload.get("action", "")).upper(),
        quantity=quantity,
        exchange=str(payload.get("exchange", "")),
        pricetype=str(payload.get("pricetype", "MARKET")),
        product=str(payload.get("product", "MIS")),
        strategy=str(payload.get("strategy", "")),
    )


@lru_cache(maxsize=4096)
def read_date(text: str) -> date:
    """A date written YYYY-MM-DD; ValueError otherwise."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError:
        raise ValueError("Not a valid date.") from None


def text(value: Any) -> str:
    """Reads a field that must be text."""
    if value is None:
        raise ValueError("Field may not be null.")
    if not isinstance(value, str):
        raise ValueError("Not a valid string.")
    return value


def one_of(*choices: str) -> Callable[[Any], str]:
    """Reads one of some words."""

    def read(value: Any) -> str:
        if value not in choices:
            text(value)
            raise ValueError(f"Must be one of: {', '.join(choices)}.")
        return str(value)

    return read


def amount(accept: Callable[[float], bool], message: str) -> Callable[[Any], float]:
    """Reads a finite number that is accepted, however it is written."""

    def read(value: Any) -> float:
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            raise ValueError("Not a valid number.") from None
        if not isfinite(number):
            raise ValueError("Special numeric values (nan or infinity) are not permitted.")
        if not accept(number):
            raise ValueError(message)
        return number

    return read


def whole(least: int, message: str) -> Callable[[Any], int]:
    """Reads a whole number that is not below the least."""

    def read(value: Any) -> int:
        try:
            number = int(value)
        except (TypeError, ValueError, OverflowError):
            raise ValueError("Not a valid integer.") from None
        if number < least:
            raise ValueError(message)
        return number

    return read


def at_least_zero(name: str) -> Field:
    """A number that may be left out and is 0 then; `name` begins the words of its refusal."""
    words = f"{name} must be a non-negative number."
    return Field(amount(lambda number: number >= 0, words), 0.0)


def list_of(
    schema: Schema, most: int | None = None, name: str = ""
) -> Callable[[Any], list[Values]]:
    """Reads a list of objects, of 1 to `most` where that is said; what is wrong is told by their
    places."""

    def read(value: Any) -> list[Values]:
        if not isinstance(value, list):
            raise ValueError("Not a valid list.")
        if most is not None and not 1 <= len(value) <= most:
            raise ValueError(f"{name} must hold 1 to {most} entries.")
        found, errors = [], {}
        for at, item in enumerate(value):
            if not isinstance(item, dict):
                errors[at] = {"_schema": ["Invalid input type."]}
                continue
            values, problems = read_request(schema, item)
            if problems:
                errors[at] = problems
            found.append(values)
        if errors:
            raise ValueError(errors)
        return found

    return read


_STRATEGY = {"apikey": Field(text, ""), "strategy": Field(text)}
_PLACE = {"exchange": Field(one_of(*EXCHANGES)), "symbol": Field(text)}
_QUANTITY = Field(amount(lambda q: q > 0, "Quantity must be a positive number."))
_BASKET_ORDER: Schema = {
    **_PLACE,
    "action": Field(one_of("BUY", "SELL", "buy", "sell")),
    "quantity": _QUANTITY,
    "pricetype": Field(one_of(*PRICE_TYPES), "MARKET"),
    "product": Field(one_of("MIS", "NRML", "CNC"), "MIS"),
    "price": at_least_zero("Price"),
    "trigger_price": at_least_zero("Trigger price"),
    "disclosed_quantity": Field(whole(0, "Disclosed quantity must be a non-negative integer."), 0),
}

PLACE_ORDER: Schema = {**_STRATEGY, **_BASKET_ORDER}
SMART_ORDER: Schema = {
    **PLACE_ORDER,
    "quantity": Field(amount(lambda q: q >= 0, "Quantity must be a non-negative number.")),
    "position_size": Field(amount(lambda _: True, "")),
}
SPLIT_ORDER: Schema = {
    **PLACE_ORDER,
    "splitsize": Field(whole(1, "Split size must be a positive integer.")),
}
BASKET_ORDER: Schema = {**_STRATEGY, "orders": Field(list_of(_BASKET_ORDER))}
MODIFY_ORDER: Schema = {
    **{name: Field(field.read) for name, field in PLACE_ORDER.items() if name != "apikey"},
    "apikey": Field(text, ""),
    "orderid": Field(text),
}
ONE_ORDER: Schema = {**_STRATEGY, "orderid": Field(text)}
ALL_ORDERS: Schema = _STRATEGY
OPEN_POSITION: Schema = {**_STRATEGY, **_PLACE, "product": Field(one_of(*PRODUCTS))}
ACCOUNT: Schema = {"apikey": Field(text, "")}
INSTRUMENT: Schema = {**ACCOUNT, **_PLACE}
HISTORY: Schema = {
    **INSTRUMENT,
    "interval": Field(one_of(*INTERVALS)),
    "start_date": Field(lambda value: read_date(text(value))),
    "end_date": Field(lambda value: read_date(text(value))),
    "source": Field(one_of("api", "db"), "api"),
}
