"""OpenAlgo's HTTP API over the simulated broker, in process: for bots that call it without the SDK,
and for strategy webhooks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tapeback.broker import http_wire
from tapeback.broker.account import Account
from tapeback.broker.client import OpenAlgoCalls
from tapeback.broker.http_endpoints import FETCHED, POSTED, Asked, Endpoint
from tapeback.broker.http_wire import HttpAnswer
from tapeback.broker.requests import Errors, Field, Schema, Values, amount, read_request, text
from tapeback.broker.webhooks import WebhookClient
from tapeback.errors import StrategyError

_API = "/api/v1/"
_WEBHOOK = "/strategy/webhook/"
# Paths that go on: with a symbol, and with what a strategy shall do.
_OPEN_ENDED = ("ticker", "strategy")
_UNREADABLE = "The browser (or proxy) sent a request that this server could not understand."
_NO_SUCH_PATH = "The requested URL was not found on the server."
_NO_SUCH_METHOD = "The method is not allowed for the requested URL."
_STARTS_AND_SIGNALS = (
    "start", "stop", "long_entry", "long_exit", "short_entry", "short_exit",
)  # fmt: skip
_ALERT: Schema = {
    "symbol": Field(text),
    "action": Field(text),
    "position_size": Field(amount(lambda _: True, ""), None),
}


class HttpAnswers:
    """Answers requests to OpenAlgo's host as it would at this moment of the run.

    Called with method, absolute URL, headers and body; any API key that is not empty is good.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self._client = OpenAlgoCalls(account)
        self._preferences: Values = {}

    def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> HttpAnswer:
        parts = urlsplit(url)
        path = unquote(parts.path).rstrip("/")
        known = {str(name).lower(): str(value) for name, value in headers.items()}
        if path.startswith(_WEBHOOK):
            host = f"{parts.scheme}://{parts.netloc}"
            token = path.removeprefix(_WEBHOOK)
            return self._alerted(host, token, body) if method == "POST" else _not_allowed("POST")
        name, rest = _endpoint(path)
        offered = {m: t[name] for m, t in (("GET", FETCHED), ("POST", POSTED)) if name in t}
        if not offered:
            return http_wire.refusal(404, _NO_SUCH_PATH)
        if method not in offered:
            return _not_allowed(*offered)
        if method == "POST":
            self._look_at_type(known)
            try:
                sent = json.loads(body)
            except (ValueError, RecursionError):
                return http_wire.refusal(400, _UNREADABLE)
        else:
            sent = dict(parse_qsl(parts.query, keep_blank_values=True))
            if "x-api-key" in known:
                sent.setdefault("apikey", known["x-api-key"])
            if rest:
                sent["symbol"] = rest
        return self._answer(offered[method], sent)

    def _answer(self, endpoint: Endpoint, sent: Any) -> HttpAnswer:
        read: Values = {}
        if not isinstance(sent, dict):
            errors: Errors = {"_schema": ["Invalid input type."]}
            sent = {}
        else:
            known = sent
            if endpoint.lenient:
                known = {field: value for field, value in sent.items() if field in endpoint.schema}
            read, errors = read_request(endpoint.schema, known)
        if errors:
            return http_wire.written(endpoint.refuse(self._account, sent, errors))
        fields = {field: value for field, value in sent.items() if field != "apikey"}
        reply = endpoint.answer(Asked(self._client, self._account, fields, read, self._preferences))
        if isinstance(reply, HttpAnswer):
            return reply
        return http_wire.written(reply, in_order=endpoint.in_order)

    def _alerted(self, host: str, token: str, body: bytes) -> HttpAnswer:
        """Do what an alert to a webhook says; the older kind answers with `message` or `error`."""
        try:
            alert = json.loads(body)
        except (ValueError, RecursionError):
            alert = None
        if not isinstance(alert, dict):
            return _alert_error("The alert is no JSON object.")
        strategy = WebhookClient(self._account, host, token)
        if str(alert.get("action", "")).strip().lower() in _STARTS_AND_SIGNALS:
            return http_wire.written(strategy.send(alert))
        known = {field: value for field, value in alert.items() if field in _ALERT}
        read, errors = read_request(_ALERT, known)
        if errors:
            return _alert_error(str(errors))
        size = read["position_size"]
        try:
            reply = strategy.strategyorder(
                read["symbol"], read["action"], None if size is None else int(size)
            )
        except StrategyError as error:
            self._account.note("webhook-refused", str(error))
            return _alert_error(error.what)
        return http_wire.written(reply)

    def _look_at_type(self, headers: Mapping[str, str]) -> None:
        if "json" not in headers.get("content-type", ""):
            self._account.note(
                "http-content-type",
                "The bot sends requests to OpenAlgo without the header Content-Type: "
                "application/json. They are answered here; a real server may refuse them.",
            )


def call_of(url: str) -> str:
    """The SDK's name of the call that a URL stands for, `strategyorder` for a webhook; "" where
    there is none."""
    path = unquote(urlsplit(url).path).rstrip("/")
    if path.startswith(_WEBHOOK):
        return "strategyorder"
    name, _ = _endpoint(path)
    endpoint = POSTED.get(name) or FETCHED.get(name)
    return endpoint.call if endpoint is not None else ""


def _endpoint(path: str) -> tuple[str, str]:
    """The endpoint that a path names, and what comes after it where it goes on; "" for a path
    outside the API."""
    if not path.startswith(_API):
        return "", ""
    name = path.removeprefix(_API)
    first, slash, rest = name.partition("/")
    return (first, rest) if slash and first in _OPEN_ENDED else (name, "")


def _not_allowed(*methods: str) -> HttpAnswer:
    return http_wire.refusal(405, _NO_SUCH_METHOD, headers={"Allow": ", ".join(methods)})


def _alert_error(message: str) -> HttpAnswer:
    body = json.dumps({"error": message}) + "\n"
    return HttpAnswer(400, {"Content-Type": "application/json"}, body.encode())
