"""The way to an OpenAlgo server: requests in its shape, paced, retried, and every failure told in
words. The only module that reaches the network."""

from __future__ import annotations

import json
import logging
from email.utils import parsedate_to_datetime
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol
from urllib.parse import urlsplit
from zlib import crc32

import msgspec

from tapeback.errors import DataSourceError
from tapeback.utils.clock import SECOND_NS, to_ns
from tapeback.utils.secrets import redacted, register_secrets
from tapeback.utils.wall_clock import WallClock

if TYPE_CHECKING:
    import httpx

Kind = Literal[
    "refused",
    "name",
    "tls",
    "foreign",
    "key",
    "login",
    "timeout",
    "cut",
    "rate",
    "server",
    "answer",
]

# After one of these, no other request to the same server can do better.
_WHOLE_SERVER = frozenset({"refused", "name", "tls", "foreign", "key", "login"})
_LONGEST_PAUSE = 30.0
# A server that asks for more patience than this is told as an error.
_LONGEST_WAIT = 300.0
_SHOWN = 200


class OpenAlgoError(DataSourceError):
    """A request that OpenAlgo did not answer, or refused.

    `kind` tells refused connection, unknown host `name`, `tls`, `foreign` (no OpenAlgo server),
    wrong `key`, no broker `login`, `timeout`, `cut` answer, `rate` limit, `server` error and any
    other `answer`; `whole_server` whether every further request must fail as well.
    """

    def __init__(
        self, what: str, *, kind: Kind, where: str | None = None, remedy: str | None = None
    ) -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.kind = kind

    @property
    def whole_server(self) -> bool:
        return self.kind in _WHOLE_SERVER


class Pace(NamedTuple):
    """A rate limit: its name, and the least time between two requests."""

    name: str
    interval_ns: int


# OpenAlgo itself lets only one history call in 0.35 s through to the broker, and 50 others a
# second; ten leave room for the bots that trade over the same server.
HISTORY = Pace("history", 350_000_000)
OTHERS = Pace("others", SECOND_NS // 10)


class Ration(Protocol):
    """What reserves the next slot of `key` and waits for it; `CacheManager.ration` does so for all
    processes that share a cache."""

    def __call__(self, key: str, *, interval_ns: int) -> None: ...


class Reply(NamedTuple):
    """An answer in OpenAlgo's shape: HTTP status and the JSON document."""

    status: int
    document: dict[str, Any]

    @property
    def message(self) -> str:
        """What the document says went wrong; a schema's refusal as `field: text`."""
        message = self.document.get("message") or self.document.get("error") or ""
        if isinstance(message, dict):
            message = "; ".join(f"{field}: {_joined(texts)}" for field, texts in message.items())
        return redacted(str(message).strip())[:1000]


class _Failure(msgspec.Struct):
    """Why a request got no reply; `again` says whether another attempt may help, `wait` how many
    seconds the server asked for."""

    kind: Kind
    what: str
    remedy: str
    again: bool = False
    wait: float | None = None

    @property
    def too_long(self) -> bool:
        return self.wait is not None and self.wait > _LONGEST_WAIT


class Transport:
    """Requests to `<base_url>/api/v1`; one pool of connections that threads may share.

    `timeout` in seconds; a request is repeated up to `retry_attempts` times after 429, a server
    error, a timeout or a cut-off answer, waiting through `clock` ever longer, or as long as the
    server asks. `ration` paces requests over processes; without it this object paces its own.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        timeout: float,
        retry_attempts: int,
        clock: WallClock,
        ration: Ration | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/").removesuffix("/api/v1").rstrip("/")
        self.host = urlsplit(self.base_url).netloc
        self.clock = clock
        self._key = api_key
        self._timeout = timeout
        self._attempts = 1 + retry_attempts
        self._ration = ration or _OwnRation(clock)
        self._client: httpx.Client | None = None
        self._lock = Lock()
        register_secrets([api_key])

    def __repr__(self) -> str:
        return f"Transport({self.base_url!r})"

    def post(self, name: str, body: dict[str, Any], pace: Pace = OTHERS) -> Reply:
        """The reply to `POST /api/v1/<name>` with the key in the body; of any HTTP status but
        429 and 5xx, which are errors. Raises OpenAlgoError."""
        return self._ask("POST", name, {"json": {"apikey": self._checked_key(), **body}}, pace)

    def get(self, name: str, query: dict[str, str], pace: Pace = OTHERS) -> Reply:
        """As `post`, with the key in the query."""
        return self._ask("GET", name, {"params": {"apikey": self._checked_key(), **query}}, pace)

    def close(self) -> None:
        """Close the connections; the next request opens new ones."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _checked_key(self) -> str:
        if not self._key.strip():
            raise OpenAlgoError(
                "no OpenAlgo API key is set.",
                kind="key",
                where=self.base_url,
                remedy="Put the key that OpenAlgo shows under 'API Key' into the environment "
                "variable OPENALGO_API_KEY, or into openalgo.api_key as ${OPENALGO_API_KEY}.",
            )
        return self._key

    def _ask(self, method: str, name: str, content: dict[str, Any], pace: Pace) -> Reply:
        attempt = 1
        while True:
            self._ration(f"openalgo {self.host} {pace.name}", interval_ns=pace.interval_ns)
            outcome = self._once(method, name, content)
            if isinstance(outcome, Reply):
                return outcome
            if attempt == self._attempts or not outcome.again or outcome.too_long:
                raise self._error(outcome, attempt)
            self.clock.sleep(_pause(name, attempt) if outcome.wait is None else outcome.wait)
            attempt += 1

    def _error(self, failure: _Failure, attempts: int) -> OpenAlgoError:
        tries = f" ({attempts} attempts)" if attempts > 1 else ""
        return OpenAlgoError(
            f"{redacted(failure.what)}{tries}.",
            kind=failure.kind,
            where=self.base_url,
            remedy=failure.remedy,
        )

    def _once(self, method: str, name: str, content: dict[str, Any]) -> Reply | _Failure:
        import httpx

        try:
            response = self._pool().request(method, f"{self.base_url}/api/v1/{name}", **content)
        except httpx.TimeoutException:
            return _Failure(
                "timeout",
                f"no answer to {name!r} within {self._timeout:g} s",
                "The server or its broker is slow: try again later, or raise openalgo.timeout.",
                again=True,
            )
        except httpx.ConnectError as error:
            return self._unreachable(error)
        except httpx.TransportError as error:
            return _Failure(
                "cut",
                f"the answer to {name!r} was cut off ({type(error).__name__})",
                "Look at OpenAlgo's log, and try again.",
                again=True,
            )
        return self._read(name, response)

    def _pool(self) -> httpx.Client:
        import httpx

        with self._lock:
            if self._client is None:
                _keep_keys_out_of_the_log()
                local = (urlsplit(self.base_url).hostname or "") in (
                    "localhost",
                    "127.0.0.1",
                    "::1",
                )
                self._client = httpx.Client(
                    timeout=httpx.Timeout(self._timeout, connect=min(self._timeout, 10.0)),
                    # A proxy of the environment is not on the way to this machine itself.
                    trust_env=not local,
                )
            return self._client

    def _unreachable(self, error: Exception) -> _Failure:
        causes = {type(cause).__name__ for cause in _causes(error)}
        if "gaierror" in causes:
            return _Failure(
                "name",
                f"the host name {urlsplit(self.base_url).hostname!r} is unknown",
                "Check the spelling of openalgo.base_url, and the network.",
            )
        if causes & {"SSLError", "SSLCertVerificationError", "SSLZeroReturnError", "SSLEOFError"}:
            return _Failure(
                "tls",
                "no secure connection: its certificate or protocol is not accepted",
                "Check whether openalgo.base_url should begin with http:// instead of https://, "
                "and whether the certificate is valid for that host.",
            )
        return _Failure(
            "refused",
            "nothing answers at this address",
            "Start OpenAlgo there, or correct openalgo.base_url.",
        )

    def _read(self, name: str, response: httpx.Response) -> Reply | _Failure:
        document = _document(response.content)
        status = response.status_code
        said = Reply(status, document or {}).message
        if status == 429:
            wait = _wait_asked(response.headers.get("Retry-After"), document, self.clock)
            after = "" if wait is None else f" for {wait:g} s"
            return _Failure(
                "rate",
                f"OpenAlgo refuses more requests{after}: {said or 'rate limit exceeded'}",
                "Wait a minute and try again; other programs may be using the same server.",
                again=True,
                wait=wait,
            )
        if status >= 500:
            return _Failure(
                "server",
                f"{name!r} failed in OpenAlgo with HTTP {status}: {said or 'no reason given'}",
                "The broker may be down or its login over: look at OpenAlgo's log, log in to the "
                "broker again and retry.",
                again=True,
            )
        if document is not None:
            return Reply(status, document)
        if 300 <= status < 400 or _is_page(response.content, response.headers):
            target = response.headers.get("Location")
            return _Failure(
                "foreign",
                f"no OpenAlgo API here: {name!r} is answered with "
                + (f"a redirection to {target}" if target else f"a web page (HTTP {status})"),
                "Set openalgo.base_url to OpenAlgo's own address, e.g. http://127.0.0.1:5000.",
            )
        start = response.content[:_SHOWN].decode("utf-8", "replace").strip()
        return _Failure(
            "cut",
            f"the answer to {name!r} is no complete JSON document: {start!r}",
            "Look at OpenAlgo's log, and whether openalgo.base_url is OpenAlgo's address.",
            again=True,
        )


class _OwnRation:
    """Slots of this process alone."""

    def __init__(self, clock: WallClock) -> None:
        self._clock = clock
        self._next: dict[str, int] = {}
        self._lock = Lock()

    def __call__(self, key: str, *, interval_ns: int) -> None:
        with self._lock:
            now = self._clock.now()
            slot = max(now, self._next.get(key, now))
            self._next[key] = slot + interval_ns
        if slot > now:
            self._clock.sleep((slot - now) / SECOND_NS)


class _KeysOut(logging.Filter):
    """httpx logs the address of every request, and that of `instruments` carries the key."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redacted(record.getMessage()), None
        return True


_KEYS_OUT = _KeysOut()


def _keep_keys_out_of_the_log() -> None:
    logging.getLogger("httpx").addFilter(_KEYS_OUT)


def _pause(name: str, attempt: int) -> float:
    """Seconds before another attempt: twice as long each time, and a little apart for different
    requests."""
    apart: float = crc32(f"{name} {attempt}".encode()) % 1000 / 4000
    return min(_LONGEST_PAUSE, 2.0 ** (attempt - 1) * (1 + apart))


def _wait_asked(
    header: str | None, document: dict[str, Any] | None, clock: WallClock
) -> float | None:
    """Seconds that a 429 asks for, in its header or its body."""
    asked = header if header is not None else (document or {}).get("retry_after")
    if asked is None:
        return None
    try:
        return max(0.0, float(asked))
    except (TypeError, ValueError):
        pass
    try:
        return max(0.0, (to_ns(parsedate_to_datetime(str(asked))) - clock.now()) / SECOND_NS)
    except ValueError:
        return None


def _document(content: bytes) -> dict[str, Any] | None:
    """The JSON object in an answer; None for anything else. NaN is let through: OpenAlgo writes
    it where a broker has no number."""
    try:
        document = json.loads(content)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _is_page(content: bytes, headers: httpx.Headers) -> bool:
    return "html" in headers.get("Content-Type", "") or content.lstrip()[:1] == b"<"


def _causes(error: BaseException | None) -> list[BaseException]:
    chain = []
    while error is not None:
        chain.append(error)
        error = error.__cause__ or error.__context__
    return chain


def _joined(texts: Any) -> str:
    return " ".join(map(str, texts)) if isinstance(texts, list) else str(texts)
