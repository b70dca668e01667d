"""Contracts to keep before they expire, chosen anew by rule each day, and the day's books.

OpenAlgo cannot give the bars of an expired contract, and brokers drop orders, trades and positions
overnight.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from tapeback.data.cache import CacheManager
from tapeback.data.contracts.names import derivatives_exchange
from tapeback.data.stamps import parse_stamps
from tapeback.errors import DataError, DataNotFoundError, DataSourceError
from tapeback.market.contracts.strikes import nearest_strike
from tapeback.market.instruments import INDEX_UNDERLYINGS, expiry_text, instrument_of
from tapeback.models.candle import Series
from tapeback.models.instrument import Instrument
from tapeback.utils.clock import DAY_NS, date_of_day, day_number
from tapeback.utils.wall_clock import WallClock

RULES = ("week", "next-week", "month", "next-month")
BOOKS = ("orderbook", "tradebook", "positionbook")

_SPOTS = {"NFO": ("NSE_INDEX", "NSE"), "BFO": ("BSE_INDEX", "BSE")}
_DATE = re.compile(r"\d{1,2}-?[A-Za-z]{3}-?\d{2,4}|\d{4}-\d{2}-\d{2}")


class Listed(Protocol):
    """A row of the server's master contract."""

    @property
    def symbol(self) -> str: ...

    def instrument(self) -> Instrument: ...


class Server(Protocol):
    """What is asked of OpenAlgo; `data.openalgo.OpenAlgoServer` answers it."""

    clock: WallClock

    def expiries(self, symbol: str, exchange: str, kind: str) -> list[int]: ...

    def instruments(self, exchange: str) -> Sequence[Listed]: ...

    def quotes(self, symbol: str, exchange: str) -> dict[str, Any]: ...

    def orderbook(self) -> dict[str, Any]: ...

    def tradebook(self) -> list[dict[str, Any]]: ...

    def positionbook(self) -> list[dict[str, Any]]: ...


def contracts_to_capture(
    server: Server, underlying: str, exchange: str | None, rules: Sequence[str], strikes: int
) -> list[Instrument]:
    """The contracts that the rules mean today: of each expiry the calls and puts of `strikes`
    listed strikes on either side of the middle one, and the futures of these months.

    Rules are `week` (the next expiry), `next-week` (the one after it), `month` (the next one that
    ends a month), `next-month`, or the date of an expiry. `exchange` may be that of the contracts
    or of the underlying; None for the one that the underlying is known on. Raises DataError for a
    rule that means nothing, DataNotFoundError where the server lists no such contract,
    DataSourceError as the server does.
    """
    place = derivatives_exchange(underlying, exchange)
    if strikes < 0:
        raise DataError(f"{strikes} strikes cannot be kept.", remedy="Name 0 or more.")
    listed = server.expiries(underlying, place, "options")
    chosen = expiries_of(rules, listed, underlying)
    contracts = _contracts(server, underlying, place)
    months = {_month(expiry) for expiry in chosen}
    futures = [
        each for each in contracts if each.kind == "future" and _month(each.expiry or 0) in months
    ]
    price = _price(server, underlying, place, contracts)
    options = []
    for expiry in chosen:
        of_expiry = [each for each in contracts if each.kind == "option" and each.expiry == expiry]
        ladder = sorted({each.strike for each in of_expiry})
        if not ladder:
            raise DataNotFoundError(
                f"{place} lists no option of {underlying} that expires on {expiry_text(expiry)}.",
                remedy="Download the master contract in OpenAlgo again.",
            )
        at = ladder.index(nearest_strike(ladder, price))
        kept = set(ladder[max(0, at - strikes) : at + strikes + 1])
        options += [each for each in of_expiry if each.strike in kept]
    return [*sorted(futures, key=_order), *sorted(options, key=_order)]


def expiries_of(rules: Sequence[str], listed: Sequence[int], underlying: str) -> list[int]:
    """The expiries that rules mean among the listed ones (Indian day numbers), each once, in
    order."""
    days = sorted(set(listed))
    if not days:
        raise DataNotFoundError(
            f"no option of {underlying} is listed.",
            remedy="Check the underlying and its exchange, and OpenAlgo's master contract.",
        )
    last_of_month = sorted({_month(day): day for day in days}.values())
    series = {"week": (days, 0), "next-week": (days, 1)}
    series |= {"month": (last_of_month, 0), "next-month": (last_of_month, 1)}
    found = set()
    for rule in rules:
        if rule in series:
            choice, place = series[rule]
            if place < len(choice):
                found.add(choice[place])
                continue
        elif (day := _dated(rule)) is None:
            raise DataError(
                f"{rule!r} is no rule for an expiry.",
                remedy=f"Use {', '.join(RULES)}, or a date such as 25SEP25.",
            )
        elif day in days:
            found.add(day)
            continue
        raise DataNotFoundError(
            f"no option of {underlying} expires in or on {rule!r}; listed are "
            f"{', '.join(map(expiry_text, days[:10]))}."
        )
    return sorted(found)


def keep_books(server: Server, cache: CacheManager) -> dict[str, int]:
    """Stores the order, trade and position book of the day as the server gives them, and tells how
    many rows each has. Nothing is changed at the broker. A book that was kept stays when the broker
    has emptied it since."""
    day = day_number(server.clock.now())
    documents: dict[str, Any] = {
        "orderbook": server.orderbook(),
        "tradebook": server.tradebook(),
        "positionbook": server.positionbook(),
    }
    counts = {}
    for kind, document in documents.items():
        counts[kind] = _rows(document)
        kept = cache.books(day=day, kind=kind)
        if counts[kind] or not any(_rows(book.document) for book in kept):
            cache.store_book(kind, day, document)
    return counts


def _contracts(server: Server, underlying: str, exchange: str) -> list[Instrument]:
    """What the server lists of an underlying. The symbol tells it: brokers put other things into
    the column of names."""
    found = []
    for listing in server.instruments(exchange):
        named = instrument_of(listing.symbol, exchange)
        if named.underlying == underlying and named.expiry is not None:
            found.append(
                msgspec.structs.replace(
                    named,
                    lot_size=(own := listing.instrument()).lot_size,
                    tick_size=own.tick_size,
                    listed=True,
                )
            )
    return found


def spot_series(underlying: str, contracts: Sequence[Instrument], timeframe: str) -> list[Series]:
    """The index or share that captured contracts derive from; none where it has no spot."""
    places = {each.exchange for each in contracts} & _SPOTS.keys()
    index = 0 if underlying in INDEX_UNDERLYINGS else 1
    return [Series(underlying, _SPOTS[place][index], timeframe) for place in sorted(places)]


def _price(
    server: Server, underlying: str, exchange: str, contracts: Sequence[Instrument]
) -> float:
    """The last price of the underlying; on exchanges without a spot that of its nearest future."""
    symbol, place = underlying, exchange
    if exchange in _SPOTS:
        place = _SPOTS[exchange][0 if underlying in INDEX_UNDERLYINGS else 1]
    else:
        futures = sorted((each for each in contracts if each.kind == "future"), key=_order)
        symbol = futures[0].symbol if futures else underlying
    quote = server.quotes(symbol, place)
    for name in ("ltp", "prev_close"):
        price = quote.get(name)
        if isinstance(price, int | float) and price > 0:
            return float(price)
    raise DataSourceError(
        f"the server gives no price of {symbol} on {place}, so the middle strike is not known.",
        remedy="Ask again in market hours, or check the symbol in OpenAlgo.",
    )


def _rows(document: Any) -> int:
    orders = document.get("orders") if isinstance(document, dict) else document
    return len(orders) if isinstance(orders, list) else 0


def _dated(text: str) -> int | None:
    if not _DATE.fullmatch(text.strip()):
        return None
    try:
        return int(parse_stamps([text.strip()], None, place=lambda _: "--expiry").ts[0]) // DAY_NS
    except DataError:
        return None


def _month(day: int) -> tuple[int, int]:
    moment = date_of_day(day)
    return moment.year, moment.month


def _order(each: Instrument) -> tuple[int, float, str]:
    return each.expiry or 0, each.strike, each.option_type
