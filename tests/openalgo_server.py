"""An OpenAlgo server on this machine that speaks the documented contract: for tests, with made-up
bars, a time of its own, and faults on demand."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Event, Thread
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import numpy as np

from tapeback.data.provider import DataRequest
from tapeback.data.synthetic import SyntheticDataProvider
from tapeback.market import timeframes
from tapeback.market.calendar import calendar_of
from tapeback.market.candles import Candles
from tapeback.models.instrument import EXCHANGES
from tapeback.utils.clock import IST, IST_OFFSET_NS, SECOND_NS, day_of, midnight, to_ns

KEY = "0123456789abcdef-test-key"
FIRST, LAST = date(2024, 3, 1), date(2024, 3, 18)
# Monday 18 March 2024, 11:00:30: a session is running, and a minute of it.
NOW = to_ns(datetime(2024, 3, 18, 11, 0, 30, tzinfo=IST))

INTERVALS = (
    *("1s", "5s", "10s", "15s", "30s", "45s", "1m", "2m", "3m", "5m", "10m", "15m", "20m", "30m"),
    *("1h", "2h", "3h", "4h", "D", "W", "M", "Q", "Y"),
)
_GROUPS = {"s": "seconds", "m": "minutes", "h": "hours", "D": "days", "W": "weeks", "M": "months"}
_FIELDS: dict[str, dict[str, bool]] = {
    "history": {
        "symbol": True,
        "exchange": True,
        "interval": True,
        "start_date": True,
        "end_date": True,
        "source": False,
    },
    "quotes": {"symbol": True, "exchange": True},
    "symbol": {"symbol": True, "exchange": True},
    "search": {"query": True, "exchange": False},
    "expiry": {"symbol": True, "exchange": True, "instrumenttype": True},
    "instruments": {"exchange": True},
    "market/holidays": {"year": False},
    "market/timings": {"date": True},
}
_UNCHECKED = ("market/holidays", "market/timings")
_WITHOUT_LOGIN = ("search", "expiry", "instruments")


class HandClock:
    """A clock that stands still but for its sleeps, which it counts."""

    def __init__(self, now: int = NOW) -> None:
        self.ns = now
        self.slept: list[float] = []

    def now(self) -> int:
        return self.ns

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.ns += round(seconds * SECOND_NS)


class Asked(NamedTuple):
    """A request as it came in."""

    name: str
    body: dict[str, Any]

    @property
    def days(self) -> tuple[str, str]:
        """The dates of a history request."""
        return self.body["start_date"], self.body["end_date"]


class Answered(Exception):
    """An answer that ends the handling of a request."""

    def __init__(self, status: int, document: dict[str, Any]) -> None:
        super().__init__(status)
        self.status = status
        self.document = document


class Fault(NamedTuple):
    """What happens instead of an answer to the next request of `name` (of any, where empty):
    `status` with `document` and `headers`, raw `content`, `cut` in the middle, `html`, a
    `redirect`, nothing before `release` (`slow`), or rows that are `empty`."""

    kind: str
    name: str = ""
    status: int = 200
    document: dict[str, Any] = {}  # noqa: RUF012
    headers: dict[str, str] = {}  # noqa: RUF012
    content: bytes = b""


def refused(message: Any, status: int = 400) -> Answered:
    return Answered(status, {"status": "error", "message": message})


def succeeded(data: Any, **more: Any) -> Answered:
    return Answered(200, {"status": "success", "data": data, **more})


@cache
def minutes_of(symbol: str, exchange: str, first: date = FIRST, last: date = LAST) -> Candles:
    """Made-up 1m bars of the sessions of a range of dates."""
    request = DataRequest(symbol=symbol, exchange=exchange, start=first, end=last)
    return SyntheticDataProvider(7).fetch(request)


class OpenAlgoTestServer:
    """Listens on a free port of 127.0.0.1 while in `with`.

    `bars` are the 1m bars it has, whatever its clock says; it gives those that began by `now`.
    `broker_intervals` are those of the broker, `row_cap` cuts an answer to its newest rows,
    `longest` moves a start to that many days before the end. `requests` are those that came in;
    the one that `block_at` counts, of its name, is answered after `release` only.
    """

    def __init__(self, *symbols: tuple[str, str], now: int = NOW) -> None:
        self.bars = {one: minutes_of(*one) for one in symbols or (("RELIANCE", "NSE"),)}
        self.now = now
        self.key = KEY
        self.logged_in = True
        self.broker = "zerodha"
        self.broker_intervals: tuple[str, ...] = ("1m", "3m", "5m", "15m", "30m", "1h", "D")
        self.row_cap: int | None = None
        self.longest: int | None = None
        self.listings: list[dict[str, Any]] = []
        self.books: dict[str, Any] = {}
        self.quote: dict[str, Any] = {"ltp": 100.0, "open": 99.0, "high": 101.0, "low": 98.0}
        self.requests: list[Asked] = []
        self.faults: list[Fault] = []
        self.block_at: tuple[str, int] | None = None
        self.reached, self.release = Event(), Event()
        self._arrival = Condition()
        self._http = _Http(("127.0.0.1", 0), _Handler)
        self._http.owner = self
        self._thread = Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    @property
    def history(self) -> list[Asked]:
        """The history requests that came in."""
        return [asked for asked in self.requests if asked.name == "history"]

    def __enter__(self) -> OpenAlgoTestServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.release.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def adjust(self, symbol: str, exchange: str, factor: float, before: date) -> None:
        """Multiply the prices before a date, as brokers do after a split."""
        old = self.bars[symbol, exchange]
        early = old.ts < midnight(day_of(before))
        prices = [np.where(early, np.round(c * factor, 2), c) for c in old.columns[1:5]]
        self.bars[symbol, exchange] = Candles(
            old.series, [old.ts, *prices, old.volume, old.oi], old.origin
        )

    def without(self, symbol: str, exchange: str, *days: date) -> None:
        """Take the bars of some dates away."""
        old = self.bars[symbol, exchange]
        kept = ~np.isin(old.days, [day_of(day) for day in days])
        self.bars[symbol, exchange] = Candles(
            old.series, [column[kept] for column in old.columns], old.origin
        )

    def wait_for(self, name: str, count: int) -> None:
        """Come back when that many requests of a name have come in."""
        with self._arrival:
            arrived = self._arrival.wait_for(
                lambda: sum(asked.name == name for asked in self.requests) >= count, 60
            )
        assert arrived, f"fewer than {count} requests of {name}"

    def fault_of(self, asked: Asked) -> Fault | None:
        """The fault that is next for this request, after the blocking of the k-th of its name."""
        with self._arrival:
            self.requests.append(asked)
            number = sum(other.name == asked.name for other in self.requests)
            fault = next((f for f in self.faults if f.name in ("", asked.name)), None)
            if fault is not None:
                self.faults.remove(fault)
            self._arrival.notify_all()
        if (asked.name, number) == self.block_at:
            self.reached.set()
            self.release.wait(60)
        return fault

    def answer(self, asked: Asked) -> Answered:
        """What the contract says about a request."""
        try:
            self._check_fields(asked)
            self._check_key(asked)
            handler: Callable[[dict[str, Any]], Answered] | None = getattr(
                self, "_" + asked.name.replace("/", "_"), None
            )
            if handler is None:
                raise refused("The requested URL was not found on the server.", 404)
            return handler(asked.body)
        except Answered as answered:
            return answered

    def _check_fields(self, asked: Asked) -> None:
        fields = {"apikey": True, **_FIELDS.get(asked.name, {})}
        wrong = {name: ["Unknown field."] for name in asked.body if name not in fields}
        for name, required in fields.items():
            if required and name not in asked.body:
                wrong[name] = ["Missing data for required field."]
        allowed = {"exchange": EXCHANGES, "interval": INTERVALS, "source": ("api", "db")}
        for name, values in allowed.items():
            if name in asked.body and name not in wrong and asked.body[name] not in values:
                wrong[name] = [f"Must be one of: {', '.join(values)}."]
        if wrong:
            raise refused(wrong)

    def _check_key(self, asked: Asked) -> None:
        stored = asked.name == "history" and asked.body.get("source") == "db"
        if asked.name in _UNCHECKED or stored:
            return
        needs_login = asked.name not in _WITHOUT_LOGIN
        if asked.body["apikey"] != self.key or (needs_login and not self.logged_in):
            raise refused("Invalid openalgo apikey", 403)

    def _history(self, body: dict[str, Any]) -> Answered:
        symbol, exchange, interval = body["symbol"], body["exchange"], body["interval"]
        stored = body.get("source") == "db"
        held = self.bars.get((symbol, exchange))
        if held is None and not stored:
            raise self._unknown(symbol, exchange)
        if not stored and interval not in self.broker_intervals:
            raise refused(f"Unsupported timeframe: {interval}", 500)
        first, last = (day_of(date.fromisoformat(body[f"{end}_date"])) for end in ("start", "end"))
        if self.longest is not None:
            first = max(first, last - self.longest + 1)
        rows = [] if held is None else self._rows(held, interval, first, last, stored)
        if stored and not rows:
            raise refused(
                f"No data found for {symbol}:{exchange} interval {interval} in local database. "
                "Download data first using Historify.",
                404,
            )
        return succeeded(rows[-self.row_cap :] if self.row_cap else rows)

    def _rows(
        self, held: Candles, interval: str, first: int, last: int, stored: bool
    ) -> list[dict[str, float]]:
        begun = held.between(midnight(first), min(midnight(last + 1), self.now + 1))
        if not len(begun):
            return []
        bars = begun.resample(timeframes.normalise(interval))
        shift = 0
        if interval in ("D", "W", "M") and not (stored and interval != "D"):
            shift = IST_OFFSET_NS
        stamps = (bars.ts + shift) // SECOND_NS
        aggregated = stored and interval not in ("1m", "D")
        whole = float if aggregated else int
        names = ("open", "high", "low", "close")
        return [
            {
                "timestamp": whole(stamp),
                **dict(zip(names, prices, strict=True)),
                "volume": whole(0 if np.isnan(volume) else volume),
                "oi": 0 if np.isnan(oi) else int(oi),
            }
            for stamp, *prices, volume, oi in zip(
                stamps.tolist(), *(column.tolist() for column in bars.columns[1:]), strict=True
            )
        ]

    def _intervals(self, body: dict[str, Any]) -> Answered:
        groups: dict[str, list[str]] = {group: [] for group in _GROUPS.values()}
        for name in self.broker_intervals:
            groups[_GROUPS[name[-1]]].append(name)
        return succeeded(groups)

    def _quotes(self, body: dict[str, Any]) -> Answered:
        self._require(body)
        return succeeded(self.quote)

    def _symbol(self, body: dict[str, Any]) -> Answered:
        self._require(body)
        rows = [r for r in self._rows_of(body["exchange"]) if r["symbol"] == body["symbol"]]
        return succeeded({"id": 1, "freeze_qty": 1, **rows[0]})

    def _search(self, body: dict[str, Any]) -> Answered:
        query = body["query"].upper()
        found = [r for r in self._rows_of(body.get("exchange")) if query in r["symbol"]]
        return succeeded(found, message=f"Found {len(found)} matching symbols")

    def _expiry(self, body: dict[str, Any]) -> Answered:
        future = body["instrumenttype"] == "futures"
        found = {
            row["expiry"]
            for row in self._rows_of(body["exchange"])
            if row["name"] == body["symbol"] and (row["instrumenttype"] == "FUT") == future
        }
        dates = sorted(found, key=lambda text: datetime.strptime(text, "%d-%b-%y"))
        return succeeded(dates, message=f"Found {len(dates)} expiry dates")

    def _instruments(self, body: dict[str, Any]) -> Answered:
        return succeeded(self._rows_of(body["exchange"]))

    def _market_holidays(self, body: dict[str, Any]) -> Answered:
        year = body.get("year", 2024)
        holiday = {
            "date": f"{year}-01-26",
            "description": "Republic Day",
            "holiday_type": "TRADING_HOLIDAY",
            "closed_exchanges": ["NSE", "BSE"],
            "open_exchanges": [],
        }
        return succeeded([holiday], year=year, timezone="Asia/Kolkata")

    def _market_timings(self, body: dict[str, Any]) -> Answered:
        session = calendar_of("NSE").session(day_of(date.fromisoformat(body["date"])))
        if session is None:
            return succeeded([])
        ms = SECOND_NS // 1000
        hours = {"start_time": session.opens // ms, "end_time": session.closes // ms}
        return succeeded([{"exchange": "NSE", **hours}])

    def _ping(self, body: dict[str, Any]) -> Answered:
        return succeeded({"broker": self.broker, "message": "pong"})

    def _orderbook(self, body: dict[str, Any]) -> Answered:
        return succeeded(self.books.get("orderbook", {"orders": [], "statistics": {}}))

    def _tradebook(self, body: dict[str, Any]) -> Answered:
        return succeeded(self.books.get("tradebook", []))

    def _positionbook(self, body: dict[str, Any]) -> Answered:
        return succeeded(self.books.get("positionbook", []))

    def _require(self, body: dict[str, Any]) -> None:
        rows = self._rows_of(body["exchange"])
        if body["symbol"] not in {row["symbol"] for row in rows}:
            raise self._unknown(body["symbol"], body["exchange"])

    def _unknown(self, symbol: str, exchange: str) -> Answered:
        return refused(
            f"Symbol '{symbol}' not found for exchange '{exchange}'. Please verify the symbol "
            "name and ensure master contracts are downloaded."
        )

    def _rows_of(self, exchange: str | None) -> list[dict[str, Any]]:
        shares = [listing(*one) for one in self.bars]
        return [row for row in (*shares, *self.listings) if exchange in (None, "", row["exchange"])]


def listing(symbol: str, exchange: str, **changes: Any) -> dict[str, Any]:
    """A row of the master contract: a share, unless `changes` say otherwise."""
    return {
        "brexchange": exchange,
        "brsymbol": symbol,
        "exchange": exchange,
        "expiry": "",
        "instrumenttype": "EQ",
        "lotsize": 1,
        "name": symbol,
        "strike": 0.0,
        "symbol": symbol,
        "tick_size": 0.05,
        "token": "1",
        **changes,
    }


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    owner: OpenAlgoTestServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Http

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        body = {name: values[0] for name, values in parse_qs(url.query).items()}
        self._respond(url.path, body, get=True)

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._respond(urlsplit(self.path).path, json.loads(content), get=False)

    def _respond(self, path: str, body: dict[str, Any], *, get: bool) -> None:
        owner = self.server.owner
        name = path.removeprefix("/api/v1/").strip("/")
        asked = Asked(name, body)
        fault = owner.fault_of(asked)
        if fault is not None and fault.kind != "empty":
            self._fail(fault)
        elif get is not (name == "instruments"):
            self._send(refused("The method is not allowed for the requested URL.", 405))
        elif fault is not None:
            self._send(succeeded([]))
        else:
            self._send(owner.answer(asked))

    def _fail(self, fault: Fault) -> None:
        if fault.kind == "slow":
            self.server.owner.release.wait(60)
        elif fault.kind == "html":
            page = b"<!doctype html><title>Login</title>"
            self._write(fault.status, page, {"Content-Type": "text/html", **fault.headers})
        elif fault.kind == "redirect":
            self._write(302, b"", {"Location": "/auth/login"})
        elif fault.kind == "cut":
            self._write(200, b'{"data": [{"close": 1', {}, promised=1000)
            self.close_connection = True
        elif fault.kind == "content":
            self._write(fault.status, fault.content, {"Content-Type": "application/json"})
        else:
            self._send(Answered(fault.status, fault.document), fault.headers)

    def _send(self, answered: Answered, headers: dict[str, str] | None = None) -> None:
        content = json.dumps(answered.document, sort_keys=True).encode() + b"\n"
        kind = {"Content-Type": "application/json"}
        self._write(answered.status, content, kind | (headers or {}))

    def _write(
        self, status: int, content: bytes, headers: dict[str, str], promised: int | None = None
    ) -> None:
        self.send_response(status)
        for header, value in headers.items():
            self.send_header(header, value)
        self.send_header("Content-Length", str(promised or len(content)))
        self.end_headers()
        self.wfile.write(content)
