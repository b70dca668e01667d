"""Calls of the SDK that fail live, too: names, arguments, values."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from functools import cache

from tapeback.bots.doctor.remarks import Remark, remark
from tapeback.bots.doctor.source import SdkCall, Source
from tapeback.broker import requests
from tapeback.broker.client import OpenAlgoCalls
from tapeback.errors import did_you_mean
from tapeback.models.instrument import EXCHANGES
from tapeback.models.order import PRICE_TYPES, PRODUCTS

# Keywords that these calls know beyond their named ones, as OpenAlgo's own schemas have them.
_FURTHER = {
    "placeorder": requests.PLACE_ORDER,
    "placesmartorder": requests.SMART_ORDER,
    "splitorder": requests.SPLIT_ORDER,
    "closeposition": requests.ALL_ORDERS,
    "cancelallorder": requests.ALL_ORDERS,
    "cancelorder": requests.ONE_ORDER,
    "orderstatus": requests.ONE_ORDER,
    "openposition": requests.OPEN_POSITION,
    "quotes": requests.INSTRUMENT,
    "depth": requests.INSTRUMENT,
    "history": requests.HISTORY,
}
_WORDS = {
    "exchange": EXCHANGES,
    "price_type": PRICE_TYPES,
    "pricetype": PRICE_TYPES,
    "product": PRODUCTS,
    "action": ("BUY", "SELL", "buy", "sell"),
    "interval": requests.INTERVALS,
}
_SUBSCRIPTIONS = ("subscribe_ltp", "subscribe_quote", "subscribe_depth")


def examine_calls(source: Source) -> Iterator[Remark]:
    """What is wrong with each call of the SDK's client."""
    known = _methods()
    for call in source.calls:
        line = call.node.lineno
        signature = known.get(call.method)
        if signature is None:
            if not call.method.startswith("_") and not hasattr(OpenAlgoCalls, call.method):
                near = did_you_mean(call.method, list(known))
                yield remark("method_unknown", line, f"The SDK has no {call.method}(){near}.")
            continue
        yield from _examine_arguments(call, signature)
        yield from _examine_values(source, call)
        if call.method in _SUBSCRIPTIONS and _names_all(source, call.node):
            yield remark("subscribe_all", line, f"{call.method}() is asked for '*'.")


def _examine_arguments(call: SdkCall, signature: inspect.Signature) -> Iterator[Remark]:
    line, method = call.node.lineno, call.method
    parameters = signature.parameters
    kinds = [parameter.kind for parameter in parameters.values()]
    positions = kinds.count(inspect.Parameter.POSITIONAL_OR_KEYWORD)
    given = call.node.args
    if any(isinstance(argument, ast.Starred) for argument in given):
        return
    if len(given) > positions:
        shown = f"takes {positions or 'no'} positional argument{'s' * (positions != 1)}"
        yield remark("positional_call", line, f"{method}() {shown}, but {len(given)} are given.")
        return
    named = {keyword.arg for keyword in call.node.keywords}
    if None in named:  # **something: anything may be in it
        return
    by_position = list(parameters)[: len(given)]
    for name, parameter in parameters.items():
        needed = parameter.default is inspect.Parameter.empty and name not in by_position
        if needed and parameter.kind is not inspect.Parameter.VAR_KEYWORD and name not in named:
            near = did_you_mean(name, [str(each) for each in named if each not in parameters])
            yield remark("argument_missing", line, f"{method}() needs {name}={near}.")
    takes_more = inspect.Parameter.VAR_KEYWORD in kinds
    further = _FURTHER.get(method)
    if takes_more and further is None:
        return
    accepted = {*parameters, *(further or ())}
    for name in sorted(str(each) for each in named - accepted):
        near = did_you_mean(name, sorted(accepted))
        yield remark("argument_unknown", line, f"{method}() knows no {name}={near}.")


def _examine_values(source: Source, call: SdkCall) -> Iterator[Remark]:
    for keyword in call.node.keywords:
        words = _WORDS.get(keyword.arg or "")
        if words is None:
            continue
        for value in source.values(keyword.value):
            if isinstance(value, str) and value not in words:
                near = did_you_mean(value, words)
                text = f"{call.method}() has no {keyword.arg} {value!r}{near}."
                yield remark("value_unknown", call.node.lineno, text)


def _names_all(source: Source, call: ast.Call) -> bool:
    """Whether a subscription holds the symbol '*'."""
    parts: list[ast.AST] = [*call.args, *(keyword.value for keyword in call.keywords)]
    for part in list(parts):
        if isinstance(part, ast.Name | ast.Attribute):
            parts += source.bound_to(part)
    return any(
        isinstance(node, ast.Constant) and node.value == "*"
        for part in parts
        for node in ast.walk(part)
    )


@cache
def _methods() -> dict[str, inspect.Signature]:
    """The signatures of the SDK's methods, without `self`."""
    found = {}
    for name, value in inspect.getmembers(OpenAlgoCalls, inspect.isfunction):
        if not name.startswith("_"):
            signature = inspect.signature(value)
            found[name] = signature.replace(parameters=list(signature.parameters.values())[1:])
    return found
