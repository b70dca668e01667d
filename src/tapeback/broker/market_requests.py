"""The schemas of OpenAlgo's endpoints for market data, options, account and GTT."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tapeback.broker.requests import (
    ACCOUNT,
    ALL_ORDERS,
    INSTRUMENT,
    Field,
    Schema,
    amount,
    at_least_zero,
    list_of,
    one_of,
    read_date,
    text,
    whole,
)
from tapeback.models.instrument import EXCHANGES
from tapeback.models.order import PRICE_TYPES

CONTRACT_EXCHANGES = ("NFO", "BFO", "MCX", "CDS", "NCO", "BCD", "NCDEX", "CRYPTO")
_ACTIONS = ("BUY", "SELL", "buy", "sell")
_OFFSET = re.compile(r"ATM|(?:ITM|OTM)(?:[1-9]|[1-4]\d|50)")
_MOST_LEGS = 20
_MOST_POSITIONS = 50
_MOST_STRIKES = 100


def _text_within(least: int, most: int) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        found = text(value)
        if not least <= len(found) <= most:
            raise ValueError(f"Length must be between {least} and {most}.")
        return found

    return read


def _offset(value: Any) -> str:
    found = text(value).upper()
    if not _OFFSET.fullmatch(found):
        raise ValueError("Offset must be ATM, ITM1-ITM50, or OTM1-OTM50.")
    return found


def _upper(*choices: str) -> Callable[[Any], str]:
    read = one_of(*choices, *(choice.lower() for choice in choices))
    return lambda value: read(value).upper()


def _optional(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else read(value)


def _boolean(value: Any) -> bool:
    if isinstance(value, str):
        value = {"true": True, "1": True, "false": False, "0": False}.get(value.lower(), value)
    if value in (True, False):
        return bool(value)
    raise ValueError("Not a valid boolean.")


def _year(value: Any) -> int:
    number = whole(0, "")(value)
    if not 2020 <= number <= 2050:
        raise ValueError("Must be greater than or equal to 2020 and less than or equal to 2050.")
    return number


_EXCHANGE = Field(one_of(*EXCHANGES))
_EXPIRY = Field(_optional(text), None)
_STEP = Field(_optional(whole(1, "Strike interval must be a positive integer.")), None)
_UNDERLYING: Schema = {"underlying": Field(text), "exchange": _EXCHANGE}

# Market data -------------------------------------------------------------------------------

MULTIQUOTES: Schema = {
    **ACCOUNT,
    "symbols": Field(list_of({"symbol": Field(text), "exchange": _EXCHANGE}, 10_000, "symbols")),
}
SEARCH: Schema = {**ACCOUNT, "query": Field(_text_within(1, 256)), "exchange": Field(text, "")}
EXPIRY: Schema = {
    **ACCOUNT,
    "symbol": Field(text),
    "exchange": Field(one_of(*CONTRACT_EXCHANGES)),
    "instrumenttype": Field(one_of("futures", "options")),
}
INSTRUMENTS: Schema = {**ACCOUNT, "exchange": _EXCHANGE}
HOLIDAYS: Schema = {**ACCOUNT, "year": Field(_year, None)}
TIMINGS: Schema = {**ACCOUNT, "date": Field(lambda value: read_date(text(value)))}

# Options -----------------------------------------------------------------------------------

_CHOICE: Schema = {
    "offset": Field(_offset),
    "option_type": Field(_upper("CE", "PE")),
    "expiry_date": _EXPIRY,
}
_TERMS: Schema = {
    "action": Field(one_of(*_ACTIONS)),
    "quantity": Field(whole(1, "Quantity must be a positive integer.")),
    "pricetype": Field(one_of(*PRICE_TYPES), "MARKET"),
    "product": Field(one_of("MIS", "NRML"), "MIS"),
    "price": at_least_zero("Price"),
    "trigger_price": at_least_zero("Trigger price"),
    "disclosed_quantity": Field(whole(0, "Disclosed quantity must be a non-negative integer."), 0),
    "splitsize": Field(whole(0, "Split size must be a non-negative integer."), 0),
}
SYNTHETIC_FUTURE: Schema = {**ACCOUNT, **_UNDERLYING, "expiry_date": Field(text)}
OPTION_SYMBOL: Schema = {
    **ACCOUNT,
    **_UNDERLYING,
    **_CHOICE,
    "strike_int": _STEP,
    "strategy": Field(_optional(text), None),
}
OPTIONS_ORDER: Schema = {**ALL_ORDERS, **_UNDERLYING, **_CHOICE, **_TERMS, "strike_int": _STEP}
OPTIONS_MULTIORDER: Schema = {
    **ALL_ORDERS,
    **_UNDERLYING,
    "legs": Field(list_of({**_CHOICE, **_TERMS}, _MOST_LEGS, "legs")),
    "expiry_date": _EXPIRY,
    "strike_int": _STEP,
}
OPTION_CHAIN: Schema = {
    **ACCOUNT,
    **_UNDERLYING,
    "expiry_date": _EXPIRY,
    "strike_count": Field(_optional(whole(1, "Strike count must be between 1 and 100.")), None),
    "with_greeks": Field(_boolean, False),
}
OPTION_GREEKS: Schema = {
    **INSTRUMENT,
    "exchange": Field(one_of(*CONTRACT_EXCHANGES)),
    "interest_rate": Field(
        _optional(amount(lambda rate: 0 <= rate <= 100, "Must be 0 to 100.")), 0
    ),
    "forward_price": Field(_optional(amount(lambda p: p > 0, "Must be above 0.")), None),
    "underlying_symbol": Field(_optional(text), None),
    "underlying_exchange": Field(_optional(one_of(*EXCHANGES)), None),
    "expiry_time": Field(_optional(text), None),
}

# Account -----------------------------------------------------------------------------------

MARGIN: Schema = {
    **ACCOUNT,
    "positions": Field(
        list_of(
            {
                "symbol": Field(text),
                "exchange": _EXCHANGE,
                "action": Field(one_of(*_ACTIONS)),
                "product": Field(one_of("CNC", "NRML", "MIS")),
                "pricetype": Field(one_of(*PRICE_TYPES)),
                "quantity": Field(amount(lambda q: q > 0, "Quantity must be a positive number.")),
                "price": at_least_zero("Price"),
                "trigger_price": at_least_zero("Trigger price"),
            },
            _MOST_POSITIONS,
            "positions",
        )
    ),
}
ANALYZER_TOGGLE: Schema = {**ACCOUNT, "mode": Field(_boolean)}
TELEGRAM: Schema = {
    **ACCOUNT,
    "username": Field(_text_within(1, 256)),
    "message": Field(_text_within(1, 4096)),
    "priority": Field(whole(1, "Priority must be between 1 and 10."), 5),
}

# GTT ---------------------------------------------------------------------------------------

GTT_ORDER: Schema = {
    **ALL_ORDERS,
    "trigger_type": Field(one_of("SINGLE", "OCO")),
    "symbol": Field(text),
    "exchange": _EXCHANGE,
    "action": Field(one_of("BUY", "SELL")),
    "product": Field(one_of("CNC", "NRML")),
    "quantity": Field(amount(lambda q: q > 0, "Quantity must be a positive number.")),
    "pricetype": Field(one_of("LIMIT", "MARKET"), "LIMIT"),
    "price": at_least_zero("Price"),
    "triggerprice_sl": at_least_zero("triggerprice_sl"),
    "triggerprice_tg": at_least_zero("triggerprice_tg"),
    "stoploss": Field(_optional(amount(lambda p: p > 0, "Must be above 0.")), None),
    "target": Field(_optional(amount(lambda p: p > 0, "Must be above 0.")), None),
}
GTT_CHANGE: Schema = {**GTT_ORDER, "trigger_id": Field(text)}
GTT_ONE: Schema = {**ALL_ORDERS, "trigger_id": Field(text)}
GTT_BOOK: Schema = {**ACCOUNT, "status": Field(one_of("active", "all"), "active")}
