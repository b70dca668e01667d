"""OpenAlgo's data calls, typed, with its refusals told as errors that say what to do."""

from __future__ import annotations

from datetime import date
from types import TracebackType
from typing import Any, NamedTuple, NoReturn, Self

from tapeback.data.openalgo.history import Columns, columns_of
from tapeback.data.openalgo.limits import Source
from tapeback.data.openalgo.listings import Listing, parse_expiry, parse_listing
from tapeback.data.openalgo.transport import (
    HISTORY,
    OTHERS,
    OpenAlgoError,
    Pace,
    Ration,
    Reply,
    Transport,
)
from tapeback.errors import DataError, DataNotFoundError, DataSourceError, did_you_mean
from tapeback.market import timeframes
from tapeback.models.instrument import EXCHANGES
from tapeback.utils.clock import date_of_day
from tapeback.utils.wall_clock import SystemClock, WallClock

_MS = 1_000_000
_NAMES = {"1d": "D", "1w": "W", "1M": "M"}
_NEAR = 5


class Hours(NamedTuple):
    """When an exchange is open on a date, ns UTC."""

    exchange: str
    opens: int
    closes: int


class OpenAlgoServer:
    """A running OpenAlgo. Threads may share it; `close` it, or use it in `with`.

    `timeout` in seconds; `ration` paces requests over processes (`CacheManager.ration`). Every
    method may raise OpenAlgoError, a DataSourceError, for a server that cannot be reached, a
    wrong key, no broker login, or a request that failed; none shows the key.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        timeout: float = 30.0,
        retry_attempts: int = 3,
        clock: WallClock | None = None,
        ration: Ration | None = None,
    ) -> None:
        self.clock = clock or SystemClock()
        self._transport = Transport(
            base_url,
            api_key,
            timeout=timeout,
            retry_attempts=retry_attempts,
            clock=self.clock,
            ration=ration,
        )
        self._intervals: tuple[str, ...] | None = None
        self._broker: str | None = None

    @property
    def base_url(self) -> str:
        return self._transport.base_url

    @property
    def host(self) -> str:
        """`127.0.0.1:5000`, for what is written down about the origin of bars."""
        return self._transport.host

    def __repr__(self) -> str:
        return f"OpenAlgoServer({self.base_url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        self._transport.close()

    def history(
        self,
        symbol: str,
        exchange: str,
        timeframe: str,
        first: date,
        last: date,
        *,
        source: Source = "api",
    ) -> Columns:
        """The bars from `first` to `last`, both included, as the seven columns of `Candles` with
        the server's own labels (ns UTC) and the forming bar; no rows where it has none.

        Raises DataNotFoundError for an unknown symbol, naming similar ones; DataError for an
        interval that the server does not offer, naming those; DataFormatError for rows that are
        no bars.
        """
        where = f"{symbol}:{exchange}:{timeframe}"
        body = {
            "symbol": symbol,
            "exchange": exchange,
            "interval": interval_of(timeframe),
            "start_date": first.isoformat(),
            "end_date": last.isoformat(),
            "source": source,
        }
        pace = HISTORY if source == "api" else OTHERS
        reply = self._transport.post("history", body, pace)
        if _succeeded(reply):
            return columns_of(reply.document.get("data"), where=where)
        said = reply.message
        if source == "db" and reply.status == 404:
            return columns_of([], where=where)
        if reply.status == 400 and "interval" in said.lower():
            raise DataError(
                f"OpenAlgo offers no bars of {timeframe}: {said}",
                where=where,
                remedy=f"It offers {', '.join(self.intervals())}.",
            )
        if "not found" in said.lower() and reply.status in (400, 404):
            self._unknown_symbol(symbol, exchange, said)
        self._refuse("history", reply, where)

    def intervals(self) -> tuple[str, ...]:
        """The timeframes that the broker offers, in their one spelling, finest first; asked for
        once. Names that are no timeframe of ours are left out."""
        if self._intervals is None:
            data = self._call("intervals").get("data")
            lists = data.values() if isinstance(data, dict) else ()
            named = {str(name) for names in lists if isinstance(names, list) for name in names}
            known = {_timeframe(name) for name in named} - {None}
            self._intervals = tuple(name for name in timeframes.TIMEFRAMES if name in known)
        if not self._intervals:
            raise OpenAlgoError(
                "the broker offers no history in any interval.", kind="answer", where=self.base_url
            )
        return self._intervals

    def broker(self) -> str:
        """OpenAlgo's name of the broker, `zerodha` for instance; "" where the server does not
        tell it. Asked for once."""
        if self._broker is None:
            try:
                self._broker = str(self.ping().get("broker") or "").lower()
            except OpenAlgoError as error:
                if error.whole_server and error.kind != "foreign":
                    raise
                self._broker = ""
            except DataNotFoundError:
                self._broker = ""
        return self._broker

    def ping(self) -> dict[str, Any]:
        """What the server says of itself: its `broker`. Needs a broker login."""
        return _record(self._call("ping").get("data"))

    def quotes(self, symbol: str, exchange: str) -> dict[str, Any]:
        """`ask bid high low ltp oi open prev_close volume` of this moment."""
        body = {"symbol": symbol, "exchange": exchange}
        return _record(self._call("quotes", body, symbol=(symbol, exchange)).get("data"))

    def search(self, query: str, exchange: str | None = None) -> list[Listing]:
        """The listed symbols that match a query. Needs a valid key, but no broker login."""
        body = {"query": query} | ({"exchange": exchange} if exchange else {})
        return _listings(self._call("search", body).get("data"))

    def symbol(self, symbol: str, exchange: str) -> Listing:
        """One listed symbol."""
        body = {"symbol": symbol, "exchange": exchange}
        document = self._call("symbol", body, symbol=(symbol, exchange))
        listing = parse_listing(_record(document.get("data")))
        if listing is None:
            self._unknown_symbol(symbol, exchange, "")
        return listing

    def expiries(self, symbol: str, exchange: str, kind: str) -> list[int]:
        """Indian day numbers of the unexpired expiries of an underlying, ascending; `exchange` is
        that of the contracts (NFO), `kind` `futures` or `options`."""
        body = {"symbol": symbol, "exchange": exchange, "instrumenttype": kind}
        data = self._call("expiry", body, symbol=(symbol, exchange)).get("data")
        days = (parse_expiry(text) for text in data) if isinstance(data, list) else ()
        return sorted(day for day in days if day is not None)

    def instruments(self, exchange: str) -> list[Listing]:
        """Everything that an exchange lists now."""
        reply = self._transport.get("instruments", {"exchange": exchange})
        if not _succeeded(reply):
            self._refuse("instruments", reply, exchange)
        return _listings(reply.document.get("data"))

    def holidays(self, year: int) -> list[dict[str, Any]]:
        """The server's holidays of a year: `date description holiday_type closed_exchanges
        open_exchanges`, as it gives them."""
        return _records(self._call("market/holidays", {"year": year}).get("data"))

    def timings(self, day: int) -> list[Hours]:
        """Hours of the exchanges that are open on an Indian day number."""
        body = {"date": date_of_day(day).isoformat()}
        rows = _records(self._call("market/timings", body).get("data"))
        return [
            Hours(str(row["exchange"]), int(row["start_time"]) * _MS, int(row["end_time"]) * _MS)
            for row in rows
            if {"exchange", "start_time", "end_time"} <= row.keys()
        ]

    def orderbook(self) -> dict[str, Any]:
        """The day's `orders` and their `statistics`."""
        return _record(self._call("orderbook").get("data"))

    def tradebook(self) -> list[dict[str, Any]]:
        """The day's trades."""
        return _records(self._call("tradebook").get("data"))

    def positionbook(self) -> list[dict[str, Any]]:
        """The day's positions."""
        return _records(self._call("positionbook").get("data"))

    def _call(
        self,
        name: str,
        body: dict[str, Any] | None = None,
        *,
        pace: Pace = OTHERS,
        symbol: tuple[str, str] | None = None,
    ) -> dict[str, Any]:
        reply = self._transport.post(name, body or {}, pace)
        if _succeeded(reply):
            return reply.document
        if symbol is not None and reply.status in (400, 404) and "not found" in reply.message:
            self._unknown_symbol(*symbol, reply.message)
        self._refuse(name, reply, ":".join(symbol or ()))

    def _refuse(self, name: str, reply: Reply, where: str) -> NoReturn:
        place = where or self.base_url
        said = reply.message or f"HTTP {reply.status}"
        if reply.status in (401, 403):
            raise self._forbidden(name, said)
        if reply.status == 404:
            raise DataNotFoundError(
                f"OpenAlgo has no answer to {name!r}: {said}",
                where=place,
                remedy="Check symbol, exchange and dates, and that OpenAlgo is up to date.",
            )
        raise OpenAlgoError(
            f"OpenAlgo refuses {name!r}: {said}",
            kind="answer",
            where=place,
            remedy="Mend the request, or look at OpenAlgo's log for the broker's own words.",
        )

    def _forbidden(self, name: str, said: str) -> DataSourceError:
        """A wrong key and a missing broker login are refused alike; `search` needs only the key."""
        try:
            known = name != "search" and _succeeded(
                self._transport.post("search", {"query": "NIFTY"})
            )
        except OpenAlgoError:
            return OpenAlgoError(
                f"OpenAlgo refuses the request: {said}.",
                kind="key",
                where=self.base_url,
                remedy="Either the API key is wrong (compare it with the page 'API Key' of "
                "OpenAlgo) or OpenAlgo is not logged in to the broker; 'tapeback data search "
                "NIFTY' works with a right key even then.",
            )
        if known:
            return OpenAlgoError(
                "OpenAlgo is not logged in to the broker; the API key is right.",
                kind="login",
                where=self.base_url,
                remedy=f"Open {self.base_url} and log in to the broker; brokers end the login "
                "every night.",
            )
        return OpenAlgoError(
            f"OpenAlgo does not know the API key: {said}.",
            kind="key",
            where=self.base_url,
            remedy="Copy the key from the page 'API Key' of OpenAlgo into OPENALGO_API_KEY; a new "
            "key makes the old one void.",
        )

    def _unknown_symbol(self, symbol: str, exchange: str, said: str) -> NoReturn:
        near = self._near(symbol, exchange)
        hint = f" Listed are: {', '.join(near[:_NEAR])}." if near else ""
        raise DataNotFoundError(
            f"OpenAlgo lists no {symbol} on {exchange}{did_you_mean(symbol, near)}.{hint}",
            where=self.base_url,
            remedy="Check symbol and exchange (expired contracts are no longer listed), and that "
            f"OpenAlgo has downloaded the master contract. It says: {said or 'nothing'}",
        )

    def _near(self, symbol: str, exchange: str) -> list[str]:
        """Symbols that look like `symbol`, as far as `search` finds them."""
        where = exchange if exchange in EXCHANGES else None
        try:
            found = self.search(symbol, where) or self.search(symbol[:3], where)
        except DataError:
            return []
        alike = [listing.symbol for listing in found]
        return sorted(alike, key=lambda name: (not name.startswith(symbol[:3]), len(name), name))


def interval_of(timeframe: str) -> str:
    """OpenAlgo's name of a timeframe: `D`, `W` and `M` for days, weeks and months."""
    name = timeframes.normalise(timeframe)
    return _NAMES.get(name, name)


def _timeframe(interval: str) -> str | None:
    try:
        return timeframes.normalise(interval)
    except DataError:
        return None


def _succeeded(reply: Reply) -> bool:
    return reply.status == 200 and reply.document.get("status") != "error"


def _record(data: Any) -> dict[str, Any]:
    return data if isinstance(data, dict) else {}


def _records(data: Any) -> list[dict[str, Any]]:
    return [row for row in data if isinstance(row, dict)] if isinstance(data, list) else []


def _listings(data: Any) -> list[Listing]:
    parsed = (parse_listing(row) for row in _records(data))
    return [listing for listing in parsed if listing is not None]
