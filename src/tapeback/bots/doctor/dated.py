"""Constants in a bot that were not true on the dates of a run: lots, expiry weekdays, the clock
times of exits, stop orders on options, contract names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from tapeback.bots.doctor.remarks import Remark, remark
from tapeback.bots.doctor.series import option_exchange, series_of, underlyings_of
from tapeback.bots.doctor.source import SdkCall, Source
from tapeback.market.brokers import broker_of
from tapeback.market.calendar import calendar_of
from tapeback.market.contracts.expiries import expiry_rows, next_expiry
from tapeback.market.contracts.lots import LOT_MODES, LotPolicy
from tapeback.market.contracts.terms import lot_of
from tapeback.market.instruments import INDEX_UNDERLYINGS, instrument_of
from tapeback.models.instrument import CASH_EXCHANGES, Instrument
from tapeback.utils.clock import MINUTE_NS, date_of_day, midnight

_WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_CONTRACT = re.compile(r"[A-Z][A-Z0-9&-]*?\d{2}[A-Z]{3}\d{2}(?:FUT|\d+(?:\.\d+)?(?:CE|PE))")
_EXPIRY = re.compile(r"\d{1,2}(?:JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)\d{2}")
_CLOCK = re.compile(r"(\d{1,2}):([0-5]\d)(?::[0-5]\d)?")
_ORDERS = ("placeorder", "placesmartorder", "splitorder", "optionsorder")
_STEP = 7
# Contracts are listed so long before they expire.
_LISTED_DAYS = 100


class Days(NamedTuple):
    """The Indian day numbers that a run begins and ends on."""

    first: int
    last: int


def examine_dates(source: Source, days: Days | None) -> Iterator[Remark]:
    """What was not so on the dates of the run; without dates, only the names of contracts."""
    yield from _contract_names(source, days)
    if days is not None:
        yield from _lots(source, days)
        yield from _stops_on_options(source, days)
        yield from _weekdays(source, days)
        yield from _late_exits(source, days)


def _contract_names(source: Source, days: Days | None) -> Iterator[Remark]:
    told = set()
    for node in source.nodes:
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            continue
        name = node.value
        contract = _CONTRACT.fullmatch(name) is not None
        if name in told or not (contract or _EXPIRY.fullmatch(name)):
            continue
        told.add(name)
        instrument = instrument_of(name if contract else f"X{name}FUT", "NFO")
        if instrument.expiry is None:
            continue
        expires = f"expires on {date_of_day(instrument.expiry)}"
        equal = f"{instrument.underlying}-I" if instrument.kind == "future" else "CONTRACT"
        remedy = f"--map {name}={equal}" if contract else "Take the expiry from client.expiry()."
        known = remark("contract_named", node.lineno, f"{name} is written in it; it {expires}.",
                       remedy)  # fmt: skip
        if days is not None and not days.first <= instrument.expiry <= days.last + _LISTED_DAYS:
            known = msgspec.structs.replace(
                known, severity="warning", message=f"{name} {expires}: not traded in this run."
            )
        yield known


# --- lots


def _lots(source: Source, days: Days) -> Iterator[Remark]:
    told = set()
    for line, underlying, exchange, quantity in _quantities(source):
        if (line, underlying, quantity) in told or quantity <= 0:
            continue
        told.add((line, underlying, quantity))
        lots = _lots_of(underlying, exchange, days)
        wrong = [(day, lot) for day, lot in lots if quantity % lot]
        if wrong:
            day, lot = wrong[0]
            policy = LotPolicy(LOT_MODES[0])
            yield remark(
                "lot_of_other_dates", line,
                f"{quantity} is no multiple of {underlying}'s lot, {lot} on {date_of_day(day)}.",
                f"Take it from client.symbol(); or {policy.remedy}",
            )  # fmt: skip


def _quantities(source: Source) -> Iterator[tuple[int, str, str, int]]:
    """Line, underlying, exchange of the contracts and quantity of what is ordered."""
    for call in source.calls:
        quantities = source.values(call.argument("quantity"))
        if call.method == "optionsmultiorder":
            quantities += _leg_quantities(source, call)
        for underlying, exchange in _underlyings(source, call):
            for quantity in quantities:
                if (whole := _whole(quantity)) is not None:
                    yield call.node.lineno, underlying, exchange, whole
    # A table of lots by name: {"NIFTY": 75, "BANKNIFTY": 35}.
    for node in source.nodes:
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                named = isinstance(key, ast.Constant) and key.value in INDEX_UNDERLYINGS
                if named and isinstance(value, ast.Constant) and isinstance(value.value, int):
                    name = str(getattr(key, "value", ""))
                    yield value.lineno, name, option_exchange(name, ""), value.value


def _underlyings(source: Source, call: SdkCall) -> Iterator[tuple[str, str]]:
    if call.method not in (*_ORDERS, "optionsmultiorder"):
        return
    by_offset = call.method.startswith("options")
    for symbol in source.values(call.argument("underlying" if by_offset else "symbol")):
        for exchange in source.values(call.argument("exchange")):
            if not (isinstance(symbol, str) and isinstance(exchange, str)):
                continue
            venue = option_exchange(symbol, exchange) if by_offset else exchange
            instrument = instrument_of(symbol, venue)
            if instrument.kind in ("future", "option"):
                yield instrument.underlying, venue


def _leg_quantities(source: Source, call: SdkCall) -> list[object]:
    legs = call.argument("legs")
    parts: list[ast.expr] = [] if legs is None else [legs, *source.bound_to(legs)]
    return [
        quantity
        for part in parts
        for node in ast.walk(part)
        if isinstance(node, ast.Dict)
        for key, value in zip(node.keys, node.values, strict=True)
        if isinstance(key, ast.Constant) and key.value == "quantity"
        for quantity in source.values(value)
    ]


def _whole(value: object) -> int | None:
    try:
        number = float(str(value))
    except ValueError:
        return None
    return int(number) if number == int(number) else None


def _lots_of(underlying: str, exchange: str, days: Days) -> list[tuple[int, int]]:
    """The lots of the contracts next to expire, each with the first day it is seen on."""
    found: dict[int, int] = {}
    for day in range(days.first, days.last + 1, _STEP):
        near = _option(underlying, exchange, day)
        if near is not None:
            found.setdefault(lot_of(near, day), day)
    return [(day, lot) for lot, day in found.items() if lot > 1]


def _option(underlying: str, exchange: str, day: int) -> Instrument | None:
    """An option of an underlying on a day, of the expiry that comes next."""
    if exchange not in ("NFO", "BFO"):
        return None
    calendar = calendar_of(exchange)
    expiry = next_expiry(underlying, exchange, day, lambda d: calendar.session(d) is not None)
    if expiry is None:
        return None
    return Instrument(
        underlying, exchange, "option", underlying=underlying, option_type="CE", strike=1.0,
        expiry=expiry.day,
    )  # fmt: skip


# --- orders, weekdays, clock times


def _stops_on_options(source: Source, days: Days) -> Iterator[Remark]:
    for call in source.calls:
        if call.method not in (*_ORDERS, "modifyorder", "optionsmultiorder"):
            continue
        types = source.values(call.argument("pricetype", "price_type"))
        if "SL-M" not in types:
            continue
        for underlying, exchange in _option_targets(source, call):
            option = _option(underlying, exchange, days.last)
            if option is None:
                continue
            if broker_of("zerodha").rules(option, days.last).stop_market != "accept":
                text = f"SL-M on options is not taken by {exchange} on {date_of_day(days.last)}."
                yield remark("stop_market_on_options", call.node.lineno, text)
                break


def _option_targets(source: Source, call: SdkCall) -> Iterator[tuple[str, str]]:
    """Underlyings and exchanges of the options that a call can be for. A contract whose name is
    made in the run is taken for an option where the bot uses options at all."""
    by_offset = call.method.startswith("options")
    for exchange in source.values(call.argument("exchange")):
        if not isinstance(exchange, str):
            continue
        symbols = source.values(call.argument("underlying" if by_offset else "symbol"))
        for symbol in symbols if by_offset or symbols else underlyings_of(source):
            if isinstance(symbol, str):
                venue = option_exchange(symbol, exchange) if by_offset else exchange
                instrument = instrument_of(symbol, venue)
                if by_offset or not symbols or instrument.kind == "option":
                    yield instrument.underlying, venue


def _weekdays(source: Source, days: Days) -> Iterator[Remark]:
    names = {name for name in underlyings_of(source) if name in INDEX_UNDERLYINGS}
    names |= {symbol for symbol, _ in series_of(source) if symbol in INDEX_UNDERLYINGS}
    for line, weekday in _expiry_weekdays(source):
        for name in sorted(names):
            exchange = option_exchange(name, "")
            held = {
                word: day
                for day in range(days.last, days.first - 1, -_STEP)
                for row in expiry_rows(name, exchange, day)
                if (word := row.get("day")) in _WEEKDAYS
            }
            if held and _WEEKDAYS[weekday] not in held:
                shown = ", ".join(sorted(held, key=_WEEKDAYS.index))
                text = f"{_WEEKDAYS[weekday]} is no expiry day of {name} on these dates: {shown}."
                yield remark("expiry_weekday", line, text)
            elif len(held) > 1:
                other, day = next((w, d) for w, d in held.items() if w != _WEEKDAYS[weekday])
                text = f"{name} expires on {other} from about {date_of_day(day)} in this run."
                yield remark("expiry_weekday", line, text)


def _expiry_weekdays(source: Source) -> Iterator[tuple[int, int]]:
    """Weekdays (0 is Monday) that are compared with, or counted from, in a statement or a function
    that is about expiry."""
    lines = source.text.splitlines()
    about: list[ast.AST]
    for node in source.nodes:
        match node:
            case ast.FunctionDef(lineno=line):
                about, shown = [*node.body], lines[line - 1]
            case ast.If(test=test) | ast.While(test=test):
                about, shown = [test], ast.unparse(test)
            case ast.Assign() | ast.Return():
                about, shown = [node], ast.unparse(node)
            case _:
                continue
        if "expir" in shown.lower():
            for part in about:
                for inner in ast.walk(part):
                    if isinstance(inner, ast.Compare | ast.BinOp):
                        weekday = _weekday_in(source, inner)
                        if weekday is not None:
                            yield inner.lineno, weekday


def _weekday_in(source: Source, node: ast.Compare | ast.BinOp) -> int | None:
    """3 of `day.weekday() == 3` and of `3 - day.weekday()`."""
    right = node.comparators[0] if isinstance(node, ast.Compare) else node.right
    for call, other in ((node.left, right), (right, node.left)):
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
            continue
        base = {"weekday": 0, "isoweekday": 1}.get(call.func.attr)
        numbers = source.values(other)
        if base is not None and len(numbers) == 1 and isinstance(numbers[0], int):
            weekday = numbers[0] - base
            return weekday if 0 <= weekday <= 4 else None
    return None


def _late_exits(source: Source, days: Days) -> Iterator[Remark]:
    """Clock times after the end of a share's continuous market: its closing auction has begun."""
    shares = [
        (symbol, exchange) for symbol, exchange in series_of(source) if exchange in CASH_EXCHANGES
    ]
    for symbol, exchange in shares:
        day = next(
            (d for d in range(days.last, days.first - 1, -1)
             if calendar_of(exchange).session(d, symbol) is not None), None,
        )  # fmt: skip
        session = None if day is None else calendar_of(exchange).session(day, symbol)
        if session is None or session.closing_auction is None:
            continue
        ends = (session.continuous_ends - midnight(session.day)) // MINUTE_NS
        closes = (session.closes - midnight(session.day)) // MINUTE_NS
        for line, minute in sorted(set(_clock_times(source))):
            if ends <= minute <= closes:
                clock = f"{minute // 60:02}:{minute % 60:02}"
                text = (
                    f"At {clock} {symbol} is in its closing auction on {date_of_day(session.day)}: "
                    f"the continuous market ends at {ends // 60:02}:{ends % 60:02}."
                )
                yield remark("late_exit", line, text)
        return


def _clock_times(source: Source) -> Iterator[tuple[int, int]]:
    """Lines and minutes after midnight of the clock times that are written in a bot."""
    for node in source.nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found = _CLOCK.fullmatch(node.value)
            if found:
                yield node.lineno, int(found[1]) * 60 + int(found[2])
        elif isinstance(node, ast.Call):
            name = source.full_name(node.func)
            if name == "datetime.time":
                parts = [source.values(part) for part in node.args[:2]]
            elif name.endswith(("replace", "add_job", "CronTrigger", "scheduled_job")):
                named = {keyword.arg: keyword.value for keyword in node.keywords}
                parts = [source.values(named.get("hour")), source.values(named.get("minute"))]
            else:
                continue
            numbers = [part[0] for part in parts if part and isinstance(part[0], int)]
            if len(numbers) == len(parts) == 2:
                yield node.lineno, numbers[0] * 60 + numbers[1]
