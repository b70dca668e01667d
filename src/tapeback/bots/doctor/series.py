"""Which bars a bot will ask for, and the commands that bring them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from tapeback.bots.doctor.remarks import Remark, remark
from tapeback.bots.doctor.source import Source
from tapeback.market.instruments import INDEX_UNDERLYINGS, instrument_of
from tapeback.models.data_file import check_exchange, check_symbol, check_timeframe
from tapeback.models.instrument import CASH_EXCHANGES, EXCHANGES, INDEX_EXCHANGES

# Calls that ask for what happens within a bar: the finest bars answer them best.
_WITHIN = ("quotes", "multiquotes", "depth", "get_ltp", "get_quotes", "subscribe_ltp",
           "subscribe_quote", "subscribe_depth")  # fmt: skip
_FINEST = "1m"
_MOST = 30
_OPTION_CALLS = ("optionsorder", "optionsmultiorder", "optionchain", "optionsymbol", "expiry",
                 "syntheticfuture")  # fmt: skip
# Where the price of an underlying itself is.
_SPOT = CASH_EXCHANGES | INDEX_EXCHANGES


def examine_series(source: Source, first: str | None, last: str | None) -> Iterator[Remark]:
    """One remark for each series, with the options that give its bars. `first` and `last` are
    dates as the user wrote them."""
    dates = "".join(
        f" {option} {date}" for option, date in (("--start", first), ("--end", last)) if date
    )
    found = series_of(source)
    for (symbol, exchange), (line, timeframe) in list(found.items())[:_MOST]:
        name = f"{symbol}:{exchange}:{timeframe}"
        yield remark("data_needed", line, f"It uses {symbol} on {exchange}, {timeframe} bars.",
                     f"--data {name}=FILE, or: tapeback data fetch {name}{dates}")  # fmt: skip
    if len(found) > _MOST:
        yield remark("data_needed", 1, f"It uses {len(found) - _MOST} more symbols.",
                     f"tapeback data fetch --from FILE{dates}")  # fmt: skip
    for underlying, line in underlyings_of(source).items():
        yield remark("data_needed", line, f"It uses options or futures of {underlying}.",
                     f"tapeback data fetch --underlying {underlying}, before they expire; or "
                     "tapeback data import FOLDER")  # fmt: skip


def series_of(source: Source) -> dict[tuple[str, str], tuple[int, str]]:
    """The first line of each (symbol, exchange), and the timeframe that serves it."""
    timeframe = _timeframe(source)
    found: dict[tuple[str, str], tuple[int, str]] = {}
    for line, symbols, exchanges in _pairs(source):
        for symbol in symbols:
            for exchange in exchanges:
                pair = _checked(symbol, exchange)
                if pair is not None:
                    found.setdefault(pair, (line, timeframe))
    return found


def underlyings_of(source: Source) -> dict[str, int]:
    """Shares and indices whose contracts are chosen in the run, and where."""
    found: dict[str, int] = {}
    for call in source.calls:
        if call.method in _OPTION_CALLS:
            for name in source.values(call.argument("underlying", "symbol")):
                if isinstance(name, str) and name.isupper():
                    base = instrument_of(name, "NFO").underlying
                    found.setdefault(base, call.node.lineno)
    return found


def option_exchange(underlying: str, exchange: str) -> str:
    """Where the contracts of an underlying trade, which OpenAlgo's option calls name by where the
    underlying trades."""
    if exchange in ("NSE", "NSE_INDEX"):
        return "NFO"
    if exchange in ("BSE", "BSE_INDEX"):
        return "BFO"
    if exchange in EXCHANGES:
        return exchange
    return "BFO" if underlying.startswith(("SENSEX", "BANKEX")) else "NFO"


def _timeframe(source: Source) -> str:
    """The timeframe that the bot's own calls need: its history's, or the finest."""
    intervals = [
        value
        for call in source.calls
        if call.method == "history"
        for value in source.values(call.argument("interval"))
    ]
    known = [name for text in intervals if (name := _spelled(text)) is not None]
    within = any(call.method in _WITHIN for call in source.calls)
    return known[0] if len(set(known)) == 1 and not within else _FINEST


def _pairs(source: Source) -> Iterator[tuple[int, Sequence[object], Sequence[object]]]:
    for call in source.calls:
        symbols = source.values(call.argument("symbol", "underlying"))
        exchanges = source.values(call.argument("exchange"))
        if call.method in _OPTION_CALLS:
            exchanges = [name for name in exchanges if name in _SPOT]
        if call.method != "search":
            yield call.node.lineno, symbols, exchanges
    for node in source.nodes:
        if isinstance(node, ast.Dict):
            named = {
                key.value: value
                for key, value in zip(node.keys, node.values, strict=True)
                if isinstance(key, ast.Constant)
            }
            if "symbol" in named and "exchange" in named:
                symbols = source.values(named["symbol"])
                yield node.lineno, symbols, source.values(named["exchange"])


def _checked(symbol: object, exchange: object) -> tuple[str, str] | None:
    if not isinstance(symbol, str) or not isinstance(exchange, str):
        return None
    try:
        pair = check_symbol(symbol), check_exchange(exchange)
    except ValueError:
        return None
    # An index's name on the exchange of its shares is a slip of constants that met by name alone.
    return None if pair[1] in ("NSE", "BSE") and pair[0] in INDEX_UNDERLYINGS else pair


def _spelled(interval: object) -> str | None:
    try:
        return check_timeframe(str(interval))
    except ValueError:
        return None
