"""The endpoints of OpenAlgo's HTTP API: what a request to each may hold, and what answers it.

Requests are read by the same schemas, and answered by the same calls, as those of the SDK's client;
over HTTP every one must hold an API key.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from tapeback.broker import bulk, http_wire, market_requests, replies, requests
from tapeback.broker.account import Account
from tapeback.broker.client import OpenAlgoCalls
from tapeback.broker.http_wire import HttpAnswer
from tapeback.broker.replies import Reply
from tapeback.broker.requests import Errors, Field, Schema, Values, one_of, read_request, text
from tapeback.models.instrument import EXCHANGES
from tapeback.utils.clock import date_of_day, day_number

_MILLISECOND_NS = 1_000_000
_MOST_GREEKS = 50
_MOST_PREFERENCES = 50
_PNL = (
    "exchange", "pnl", "product", "quantity", "symbol", "today_realized_pnl", "total_pnl_today",
    "unrealized_pnl",
)  # fmt: skip
_INSTRUMENT = (
    "symbol", "brsymbol", "name", "exchange", "brexchange", "token", "expiry", "strike", "lotsize",
    "instrumenttype", "tick_size",
)  # fmt: skip


class Asked(NamedTuple):
    """A good request: its fields without the key, as they were `sent` and as they are `read` (with
    defaults). `client` makes the calls, `preferences` are those of the chart."""

    client: OpenAlgoCalls
    account: Account
    sent: Values
    read: Values
    preferences: Values


class Endpoint(NamedTuple):
    """One path of the API. `call` is the SDK's name of it ("" where it has none), `refuse` answers
    a request with faults; `lenient` ones pass over fields that they do not know, `in_order` ones do
    not sort the keys of their answer."""

    call: str
    schema: Schema
    answer: Callable[[Asked], Reply | HttpAnswer]
    refuse: Callable[[Account, Values, Errors], Reply]
    lenient: bool = False
    in_order: bool = False


# What is wrong with a request ----------------------------------------------------------------


def _kept(account: Account, sent: Values, errors: Errors) -> Reply:
    """Orders that could not be read are kept as refused, as the SDK's are."""
    if not sent:
        return _as_text(account, sent, errors)
    rows = sent.get("orders", [sent])
    rows = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    strategy = {name: sent[name] for name in ("strategy",) if name in sent}
    orders = [requests.unreadable_order({**row, **strategy}) for row in rows]
    return bulk.refused_request(account.service, orders, errors, account.sandbox)


def _as_text(account: Account, _: Values, errors: Errors) -> Reply:
    return replies.http_error(400, str(errors), sandbox=account.sandbox)


def _as_fields(_account: Account, _: Values, errors: Errors) -> Reply:
    return replies.http_error(400, errors)


def _as_body(account: Account, _: Values, errors: Errors) -> Reply:
    return replies.body_error(400, errors, sandbox=account.sandbox)


def _keyless(_account: Account, _: Values, errors: Errors) -> Reply:
    """Only the list of instruments tells a missing key from other faults."""
    return replies.http_error(401 if "apikey" in errors else 400, errors)


# Schemas that the SDK has no call for --------------------------------------------------------


def _key(value: Any) -> str:
    found = text(value)
    if not 1 <= len(found) <= 256:
        raise ValueError("Length must be between 1 and 256.")
    return found


def _day(value: Any) -> str:
    """A date, or an instant in epoch milliseconds, as a date."""
    found = text(value)
    if found.isascii() and found.isdigit():
        return date_of_day(day_number(int(found) * _MILLISECOND_NS)).isoformat()
    return requests.read_date(found).isoformat()


def _optional_text(value: Any) -> str | None:
    return None if value is None else text(value)


def _texts(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise ValueError("Not a valid list.")
    return [text(each) for each in value]


def _greeks_asked(value: Any) -> list[Values]:
    if not isinstance(value, list):
        raise ValueError("Not a valid list.")
    if not 1 <= len(value) <= _MOST_GREEKS:
        raise ValueError(f"Length must be between 1 and {_MOST_GREEKS}.")
    errors: Errors = {}
    for at, item in enumerate(value):
        if isinstance(item, dict):
            problems = read_request(_GREEKS_OF_ONE, item)[1]
        else:
            problems = {"_schema": ["Invalid input type."]}
        if problems:
            errors[at] = problems
    if errors:
        raise ValueError(errors)
    return value


_KEY = Field(_key)
_BOOLEAN = market_requests.ANALYZER_TOGGLE["mode"]
_GREEKS = market_requests.OPTION_GREEKS
_GREEKS_OF_ALL = ("interest_rate", "expiry_time")
_GREEKS_OF_ONE: Schema = {
    name: _GREEKS[name]
    for name in ("symbol", "exchange", "underlying_symbol", "underlying_exchange")
}
_MULTI_GREEKS: Schema = {
    "symbols": Field(_greeks_asked),
    **{name: _GREEKS[name] for name in _GREEKS_OF_ALL},
}
_WHATSAPP: Schema = {
    "self": Field(_BOOLEAN.read, False),
    "username": Field(_optional_text, None),
    "phone": Field(_optional_text, None),
    "phones": Field(_texts, ()),
    **{
        name: Field(_optional_text, None)
        for name in ("message", "image_path", "document_path", "caption", "filename")
    },
    "wait_for_delivery": Field(_BOOLEAN.read, False),
}
_LISTED: Schema = {
    "exchange": Field(one_of(*EXCHANGES), None),
    "format": Field(one_of("json", "csv"), "json"),
}
_TICKER: Schema = {
    "symbol": Field(text),
    "interval": Field(requests.HISTORY["interval"].read, "D"),
    "from": Field(_day),
    "to": Field(_day),
    "adjusted": Field(_BOOLEAN.read, True),
    "sort": Field(one_of("asc", "desc"), "asc"),
    "format": Field(one_of("json", "txt"), "json"),
}


# Answers -------------------------------------------------------------------------------------


def _call(name: str) -> Callable[[Asked], Reply]:
    """The call of the SDK that sends a request: an order's id has another name there."""

    def answer(asked: Asked) -> Reply:
        fields = {field: value for field, value in asked.sent.items() if field in asked.read}
        if "orderid" in fields:
            fields["order_id"] = fields.pop("orderid")
        reply: Reply = getattr(asked.client, name)(**fields)
        return reply

    return answer


def _history(asked: Asked) -> Reply | HttpAnswer:
    found = asked.client.history(**asked.sent)
    return found if isinstance(found, dict) else http_wire.candles(http_wire.candle_rows(found))


def _ticker(asked: Asked) -> Reply | HttpAnswer:
    ask = asked.read
    exchange, colon, symbol = ask["symbol"].partition(":")
    if not colon:
        return replies.http_error(400, "Ask for EXCHANGE:SYMBOL, for example NSE:RELIANCE.")
    found = asked.client.history(
        symbol=symbol, exchange=exchange, interval=ask["interval"], start_date=ask["from"],
        end_date=ask["to"],
    )  # fmt: skip
    if isinstance(found, dict):
        return found
    rows = http_wire.candle_rows(found)
    for row in rows:
        del row["oi"]
    if ask["sort"] == "desc":
        rows.reverse()
    if ask["format"] == "txt":
        return http_wire.ticker_lines(ask["symbol"], ask["interval"], rows)
    return http_wire.candles(rows)


def _instruments(asked: Asked) -> Reply | HttpAnswer:
    exchange: str | None = asked.read["exchange"]
    rows: list[Reply] = []
    for each in EXCHANGES if exchange is None else (exchange,):
        found: Any = asked.client.instruments(exchange=each)
        if not isinstance(found, dict):
            rows += found.to_dict("records")
    if asked.read["format"] == "csv":
        return http_wire.csv_file(f"instruments_{exchange or 'all'}.csv", _INSTRUMENT, rows)
    return {"data": rows, "message": f"Found {len(rows)} instruments", "status": "success"}


def _multi_greeks(asked: Asked) -> Reply:
    shared = {name: asked.sent[name] for name in _GREEKS_OF_ALL if name in asked.sent}
    data: list[Reply] = []
    for item in asked.read["symbols"]:
        reply = asked.client.optiongreeks(**item, **shared)
        if reply["status"] == "error":
            place = {"exchange": item["exchange"], "symbol": item["symbol"]}
            reply = {**place, "message": http_wire.message_of(reply), "status": "error"}
        data.append(reply)
    good = sum(reply["status"] == "success" for reply in data)
    summary = {"failed": len(data) - good, "success": good, "total": len(data)}
    return {"data": data, "status": "success", "summary": summary}


def _pnl(asked: Asked) -> Reply:
    if not asked.account.sandbox:
        return replies.http_error(400, "P&L by symbol is told in analyzer mode only.")
    book = asked.client.positionbook()
    return {**book, "data": [{name: row[name] for name in _PNL} for row in book["data"]]}


def _ping(asked: Asked) -> Reply:
    broker = asked.account.service.rulebook.broker.name
    return {"data": {"broker": broker, "message": "pong"}, "status": "success"}


def _whatsapp(asked: Asked) -> Reply:
    ask = asked.read
    receivers = [name for name in ("self", "username", "phone", "phones") if ask[name]]
    if len(receivers) != 1:
        return replies.http_error(400, "Name one of self, username, phone and phones.")
    return asked.client.whatsapp(
        ask["message"], to=ask["phone"] or list(ask["phones"]), username=ask["username"],
        image=ask["image_path"], document=ask["document_path"], caption=ask["caption"],
        filename=ask["filename"], wait_for_delivery=ask["wait_for_delivery"],
    )  # fmt: skip


def _strategies(asked: Asked) -> Reply:
    return asked.client.strategylist()


def _chart(asked: Asked) -> Reply:
    return {"data": dict(asked.preferences), "status": "success"}


def _keep_chart(asked: Asked) -> Reply:
    if not 1 <= len(asked.sent) <= _MOST_PREFERENCES:
        return replies.http_error(400, f"Send 1 to {_MOST_PREFERENCES} preferences.")
    asked.preferences.update(asked.sent)
    return {"message": "Preferences updated", "status": "success"}


# The API -------------------------------------------------------------------------------------


def _keyed(schema: Schema) -> Schema:
    return {**schema, "apikey": _KEY}


def _sending(call: str, schema: Schema) -> Endpoint:
    return Endpoint(call, _keyed(schema), _call(call), _kept)


def _trading(call: str, schema: Schema) -> Endpoint:
    return Endpoint(call, _keyed(schema), _call(call), _as_text)


def _asking(call: str, schema: Schema, *, in_order: bool = False) -> Endpoint:
    return Endpoint(call, _keyed(schema), _call(call), _as_fields, in_order=in_order)


def _gtt(call: str, schema: Schema, *, lenient: bool = False) -> Endpoint:
    return Endpoint(call, _keyed(schema), _call(call), _as_body, lenient)


def _own(
    call: str, schema: Schema, answer: Callable[[Asked], Reply | HttpAnswer], *,
    lenient: bool = False,
) -> Endpoint:  # fmt: skip
    return Endpoint(call, _keyed(schema), answer, _as_fields, lenient)


POSTED: dict[str, Endpoint] = {
    "placeorder": _sending("placeorder", requests.PLACE_ORDER),
    "placesmartorder": _sending("placesmartorder", requests.SMART_ORDER),
    "basketorder": _sending("basketorder", requests.BASKET_ORDER),
    "splitorder": _sending("splitorder", requests.SPLIT_ORDER),
    "modifyorder": _trading("modifyorder", requests.MODIFY_ORDER),
    "cancelorder": _trading("cancelorder", requests.ONE_ORDER),
    "cancelallorder": _trading("cancelallorder", requests.ALL_ORDERS),
    "closeposition": _trading("closeposition", requests.ALL_ORDERS),
    "orderstatus": _trading("orderstatus", requests.ONE_ORDER),
    "openposition": _trading("openposition", requests.OPEN_POSITION),
    "optionsorder": _trading("optionsorder", market_requests.OPTIONS_ORDER),
    "optionsmultiorder": _trading("optionsmultiorder", market_requests.OPTIONS_MULTIORDER),
    "placegttorder": _gtt("placegttorder", market_requests.GTT_ORDER, lenient=True),
    "modifygttorder": _gtt("modifygttorder", market_requests.GTT_CHANGE, lenient=True),
    "cancelgttorder": _gtt("cancelgttorder", market_requests.GTT_ONE),
    "gttorderbook": _gtt("gttorderbook", market_requests.GTT_BOOK),
    "orderbook": _asking("orderbook", requests.ACCOUNT),
    "tradebook": _asking("tradebook", requests.ACCOUNT),
    "positionbook": _asking("positionbook", requests.ACCOUNT),
    "holdings": _asking("holdings", requests.ACCOUNT),
    "funds": _asking("funds", requests.ACCOUNT),
    "margin": _asking("margin", market_requests.MARGIN),
    "pnl/symbols": _own("", {}, _pnl),
    "quotes": _asking("quotes", requests.INSTRUMENT),
    "multiquotes": _asking("multiquotes", market_requests.MULTIQUOTES),
    "depth": _asking("depth", requests.INSTRUMENT),
    "history": _own("history", requests.HISTORY, _history),
    "intervals": _asking("intervals", requests.ACCOUNT),
    "symbol": _asking("symbol", requests.INSTRUMENT),
    "search": _asking("search", market_requests.SEARCH),
    "expiry": _asking("expiry", market_requests.EXPIRY),
    "optionsymbol": _asking("optionsymbol", market_requests.OPTION_SYMBOL, in_order=True),
    "optionchain": _asking("optionchain", market_requests.OPTION_CHAIN, in_order=True),
    "optiongreeks": _asking("optiongreeks", market_requests.OPTION_GREEKS),
    "multioptiongreeks": _own("", _MULTI_GREEKS, _multi_greeks),
    "syntheticfuture": _asking("syntheticfuture", market_requests.SYNTHETIC_FUTURE),
    "market/holidays": _asking("holidays", market_requests.HOLIDAYS),
    "market/timings": _asking("timings", market_requests.TIMINGS),
    "analyzer": _asking("analyzerstatus", requests.ACCOUNT),
    "analyzer/toggle": _asking("analyzertoggle", market_requests.ANALYZER_TOGGLE),
    "telegram/notify": _asking("telegram", market_requests.TELEGRAM),
    "whatsapp/notify": _own("whatsapp", _WHATSAPP, _whatsapp),
    "ping": _own("", {}, _ping),
    "chart": _own("", {}, _keep_chart, lenient=True),
    "strategy": _own("", {}, _strategies, lenient=True),
}
FETCHED: dict[str, Endpoint] = {
    "instruments": _own("instruments", _LISTED, _instruments)._replace(refuse=_keyless),
    "ticker": _own("", _TICKER, _ticker),
    "chart": _own("", {}, _chart),
}
