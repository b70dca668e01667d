"""Quotes, history, and what is listed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tapeback.broker import market_days, market_requests, replies, requests
from tapeback.broker.client.base import Calls
from tapeback.broker.listings import dashed
from tapeback.broker.replies import Reply
from tapeback.broker.requests import completed, read_request
from tapeback.errors import DataError
from tapeback.utils.clock import day_number, day_of, to_ist

if TYPE_CHECKING:
    import pandas as pd

# Those that the SDK asks for when no exchange is named.
_ALL_EXCHANGES = ("NSE", "BSE", "NFO", "BFO", "MCX", "CDS", "BCD", "NSE_INDEX", "BSE_INDEX")
_NOT_AMONG_INSTRUMENTS = ("freeze_qty",)


class MarketCalls(Calls):
    """The calls of the SDK's `DataAPI` and `UtilitiesAPI`. All they tell is known by now."""

    def quotes(self, *, symbol: str, exchange: str, **kwargs: Any) -> Reply:
        """Last price, bid and ask, and the day so far."""
        refused = self._read_instrument(symbol, exchange, kwargs)
        if refused is not None:
            return refused
        quote = self._account.quotes.quote(symbol, exchange)
        if quote is None:
            return self._no_price(symbol, exchange)
        return {"data": quote, "status": "success"}

    def multiquotes(self, *, symbols: list[dict[str, str]], **kwargs: Any) -> Reply:
        """Quotes of several instruments; those that have none come first, with their `error`."""
        request, refused = self._read_data(
            market_requests.MULTIQUOTES, {"symbols": symbols}, kwargs
        )
        if refused is not None:
            return refused
        failed: list[Reply] = []
        quoted: list[Reply] = []
        for named in request["symbols"]:
            symbol, exchange = named["symbol"], named["exchange"]
            place = {"exchange": exchange, "symbol": symbol}
            quote = self._account.quotes.quote(symbol, exchange)
            if quote is None:
                self._account.miss(symbol, exchange)
                failed.append({"error": f"No data available for {symbol} on {exchange}", **place})
            else:
                quoted.append({"data": quote, **place})
        return {"results": failed + quoted, "status": "success"}

    def depth(self, *, symbol: str, exchange: str, **kwargs: Any) -> Reply:
        """The five best prices of both sides, made up around the quote: no source has them."""
        refused = self._read_instrument(symbol, exchange, kwargs)
        if refused is not None:
            return refused
        self._account.note(
            "depth-modelled",
            "The bot reads market depth, which no data holds: its five levels are made up, a tick "
            "apart, from the quote and the volume of the last bar.",
        )
        book = self._account.quotes.depth(symbol, exchange)
        if book is None:
            return self._no_price(symbol, exchange)
        return {"data": book, "status": "success"}

    def history(
        self, *, symbol: str, exchange: str, interval: str, start_date: str, end_date: str,
        source: str = "api", **kwargs: Any,
    ) -> pd.DataFrame | Reply:  # fmt: skip
        """Bars from one date to another (YYYY-MM-DD, both included) as a frame: columns
        `close high low oi open volume`, index `timestamp`. The last row may be the bar that is
        under way. An error dictionary when there are none."""
        payload = {
            "symbol": symbol, "exchange": exchange, "interval": interval,
            "start_date": start_date, "end_date": end_date, "source": source,
        }  # fmt: skip
        for value in (start_date, end_date):
            if not isinstance(value, str | int | float | None):
                return replies.unsendable(type(value).__name__)
        request, errors = read_request(requests.HISTORY, completed(payload, kwargs))
        if errors:
            return replies.http_error(400, errors)
        account = self._account
        if not account.listed.has_bars(symbol, exchange):
            return self._without_bars(symbol, exchange, interval, source)
        try:
            frame = account.frames.frame(
                symbol, exchange, interval, request["start_date"], request["end_date"]
            )
        except DataError as error:
            return replies.http_error(400, str(error))
        if not len(frame):
            return self._no_rows(symbol, exchange, interval, source)
        if source == "db" and interval not in ("1m", "D"):
            # Its bars are summed up by the database, as doubles.
            return frame.astype({"volume": "float64"})
        return frame

    def intervals(self, **kwargs: Any) -> Reply:
        """The intervals that `history` can give for the first symbol of the run."""
        refused, account = self._read_account(kwargs), self._account
        names = account.frames.intervals(account.service.symbol, account.service.exchange)
        return refused or replies.intervals(names)

    def interval(self) -> Reply:
        """The older name of `intervals`."""
        return self.intervals()

    # What is listed ------------------------------------------------------------------------

    def symbol(self, *, symbol: str, exchange: str, **kwargs: Any) -> Reply:
        """The master contract's row as of today: tick size, lot size, freeze quantity, expiry,
        strike."""
        payload = {"symbol": symbol, "exchange": exchange}
        _, refused = self._read_data(requests.INSTRUMENT, payload, kwargs)
        if refused is not None:
            return refused
        listed = self._account.listed
        instrument = listed.instrument(symbol, exchange)
        if instrument is None:
            return self._unknown(symbol, exchange)
        row = {**listed.row(instrument), "id": listed.number(symbol, exchange)}
        return {"data": dict(sorted(row.items())), "status": "success"}

    def search(self, *, query: str, exchange: str | None = None, **kwargs: Any) -> Reply:
        """What is listed today and has the words of a query in its symbol or name."""
        payload = {"query": query} | ({"exchange": exchange} if exchange else {})
        request, refused = self._read_data(market_requests.SEARCH, payload, kwargs)
        if refused is not None:
            return refused
        listed = self._account.listed
        rows = listed.rows(listed.search(request["query"], request["exchange"]))
        if not rows:
            return replies.http_error(404, "No matching symbols found")
        found = f"Found {len(rows)} matching symbols"
        return {"data": rows, "message": found, "status": "success"}

    def expiry(self, *, symbol: str, exchange: str, instrumenttype: str, **kwargs: Any) -> Reply:
        """Expiry dates of the futures or options on an underlying that are listed today."""
        payload = {"symbol": symbol, "exchange": exchange, "instrumenttype": instrumenttype}
        request, refused = self._read_data(market_requests.EXPIRY, payload, kwargs)
        if refused is not None:
            return refused
        name, kind = request["symbol"].upper(), request["instrumenttype"]
        account = self._account
        found = account.listed.contracts.expiries(name, exchange, kind, account.simulator.now)
        what = f"for {name} {kind} in {exchange}"
        return {
            "data": [dashed(day) for day in found],
            "message": f"Found {len(found)} expiry dates {what}"
            if found
            else f"No expiry dates found {what}",
            "status": "success",
        }

    def instruments(self, *, exchange: str | None = None) -> pd.DataFrame | Reply:
        """All that is listed on an exchange today, or on nine of them, as a frame."""
        account = self._account
        if exchange is not None:
            _, refused = self._read_data(market_requests.INSTRUMENTS, {"exchange": exchange}, {})
            if refused is not None:
                return refused
        now = account.simulator.now
        rows = [
            account.listed.row(instrument)
            for each in ((exchange,) if exchange is not None else _ALL_EXCHANGES)
            for instrument in account.listed.contracts.instruments(each, now)
        ]
        if not rows:
            return replies.no_instruments(everywhere=exchange is None)
        import pandas as pd

        return pd.DataFrame(rows).drop(columns=list(_NOT_AMONG_INSTRUMENTS))

    # The calendar --------------------------------------------------------------------------

    def holidays(self, year: int | None = None) -> Reply:
        """Holidays and special sessions of a year, the current one by default."""
        payload = {} if year is None else {"year": year}
        request, refused = self._read_data(market_requests.HOLIDAYS, payload, {})
        if refused is not None:
            return refused
        return market_days.holidays(request["year"] or to_ist(self._account.simulator.now).year)

    def timings(self, date: str | None = None) -> Reply:
        """When each exchange opens and closes on a date (YYYY-MM-DD), today by default."""
        if date is None:
            return market_days.timings(day_number(self._account.simulator.now))
        request, refused = self._read_data(market_requests.TIMINGS, {"date": date}, {})
        return refused or market_days.timings(day_of(request["date"]))

    # Nothing to tell -----------------------------------------------------------------------

    def _read_instrument(self, symbol: str, exchange: str, extra: dict[str, Any]) -> Reply | None:
        known = self._account.listed.has_bars(symbol, exchange)
        if known and not extra:
            return None
        payload = {"symbol": symbol, "exchange": exchange}
        _, refused = self._read_data(requests.INSTRUMENT, payload, extra)
        if refused is not None or known:
            return refused
        if self._account.listed.instrument(symbol, exchange) is None:
            return self._unknown(symbol, exchange)
        return None

    def _unknown(self, symbol: str, exchange: str) -> Reply:
        self._account.miss(symbol, exchange)
        return replies.unknown_symbol(symbol, exchange)

    def _no_price(self, symbol: str, exchange: str) -> Reply:
        self._account.miss(symbol, exchange)
        return replies.http_error(400, f"No price of {symbol} on {exchange} yet.")

    def _without_bars(self, symbol: str, exchange: str, interval: str, source: str) -> Reply:
        """The answer for an instrument of which the run has no bars: it may be listed."""
        self._account.miss(symbol, exchange)
        if source == "api" and self._account.listed.instrument(symbol, exchange) is None:
            return replies.unknown_symbol(symbol, exchange)
        return self._no_rows(symbol, exchange, interval, source)

    def _no_rows(self, symbol: str, exchange: str, interval: str, source: str) -> Reply:
        if source == "api":
            return replies.no_data()
        return replies.http_error(
            404,
            f"No data found for {symbol}:{exchange} interval {interval} in local database. "
            "Download data first using Historify.",
        )
