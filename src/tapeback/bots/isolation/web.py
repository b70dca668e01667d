"""What a bot sends to OpenAlgo's host over HTTP by itself, answered in process.

`requests` (and whatever else stands on urllib3), `httpx` and the standard library's `urllib` and
`http.client` are given our answers in the place of a connection. Every other host takes the
ordinary way, on which the guard refuses it.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

# OpenAlgo's own places, below any host that a bot has written into its source.
_API = "/api/v1/"
_CALLS = frozenset({
    "analyzer", "basketorder", "cancelallorder", "cancelgttorder", "cancelorder", "chart",
    "closeposition", "depth", "expiry", "funds", "gttorderbook", "history", "holdings",
    "instruments", "intervals", "margin", "market", "modifygttorder", "modifyorder",
    "multioptiongreeks", "multiquotes", "openposition", "optionchain", "optiongreeks",
    "optionsmultiorder", "optionsorder", "optionsymbol", "orderbook", "orderstatus", "ping",
    "placegttorder", "placeorder", "placesmartorder", "pnl", "portfolio", "positionbook",
    "quotes", "search", "sip", "splitorder", "strategy", "symbol", "syntheticfuture", "telegram",
    "ticker", "tradebook", "whatsapp",
})  # fmt: skip
_WEBHOOK = "/strategy/webhook/"
_LOCAL = ("127.0.0.1:5000", "localhost:5000", "0.0.0.0:5000")
_PORTS = {"http": 80, "https": 443}


class Answer(NamedTuple):
    """A reply: status code, headers, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


# Method, absolute URL, headers, body.
HttpAnswers = Callable[[str, str, Mapping[str, str], bytes], Answer]


class OpenAlgoPlaces:
    """Which URLs are OpenAlgo's: its usual address, the `hosts` that the bot is given (as URLs),
    and its API's paths on any host."""

    def __init__(self, hosts: Iterable[str] = ()) -> None:
        self._hosts = {*_LOCAL, *map(_authority, hosts)}

    def has(self, url: str) -> bool:
        """Whether a request for this is answered by the simulated broker."""
        path = urlsplit(url).path
        call = path.removeprefix(_API).split("/")[0] if path.startswith(_API) else ""
        return _authority(url) in self._hosts or call in _CALLS or path.startswith(_WEBHOOK)


def answer_requests(answers: HttpAnswers, places: OpenAlgoPlaces) -> None:
    """Answer from now on, in this whole process, now and when a library is first imported."""
    dresses: dict[str, Callable[[ModuleType], None]] = {
        "httpx": lambda module: _answer_httpx(module, answers, places),
        "urllib3.connectionpool": lambda module: _answer_urllib3(module, answers, places),
        "http.client": lambda module: _answer_http_client(module, answers, places),
    }
    for name in list(dresses):
        if name in sys.modules:
            dresses.pop(name)(sys.modules[name])
    sys.meta_path.insert(0, _AfterImport(dresses))


class _AfterImport(MetaPathFinder, Loader):
    """Changes modules right after they are imported."""

    def __init__(self, dresses: dict[str, Callable[[ModuleType], None]]) -> None:
        self._dresses = dresses
        self._loaders: dict[str, Loader] = {}

    def find_spec(self, name: str, path: Any, target: Any = None) -> ModuleSpec | None:
        if name not in self._dresses:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return None
        self._loaders[name], spec.loader = spec.loader, self
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loaders[spec.name].create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        name = module.__name__
        loader = self._loaders.pop(name)
        module.__loader__ = loader
        if module.__spec__ is not None:
            module.__spec__.loader = loader
        loader.exec_module(module)
        self._dresses.pop(name)(module)


def _answer_httpx(httpx: Any, answers: HttpAnswers, places: OpenAlgoPlaces) -> None:
    real_send = httpx.HTTPTransport.handle_request
    real_send_async = httpx.AsyncHTTPTransport.handle_async_request

    def reply(request: Any, body: bytes) -> Any:
        answer = answers(request.method, str(request.url), dict(request.headers), body)
        return httpx.Response(
            answer.status, headers=dict(answer.headers), content=answer.body, request=request
        )

    def handle_request(self: Any, request: Any) -> Any:
        if places.has(str(request.url)):
            return reply(request, request.read())
        return real_send(self, request)

    async def handle_async_request(self: Any, request: Any) -> Any:
        if places.has(str(request.url)):
            return reply(request, await request.aread())
        return await real_send_async(self, request)

    httpx.HTTPTransport.handle_request = handle_request
    httpx.AsyncHTTPTransport.handle_async_request = handle_async_request


def _answer_urllib3(pools: Any, answers: HttpAnswers, places: OpenAlgoPlaces) -> None:
    kind = pools.HTTPConnectionPool
    real_open = kind.urlopen

    def urlopen(
        self: Any, method: str, url: str, body: Any = None, headers: Any = None,
        *args: Any, **kwargs: Any,
    ) -> Any:  # fmt: skip
        target = urljoin(f"{self.scheme}://{self.host}:{self.port or _PORTS[self.scheme]}", url)
        if not places.has(target):
            return real_open(self, method, url, body, headers, *args, **kwargs)
        answer = answers(method, target, dict(headers or {}), _whole(body))
        return sys.modules["urllib3.response"].HTTPResponse(
            body=io.BytesIO(answer.body),
            headers=dict(answer.headers),
            status=answer.status,
            version=11,
            reason=_reason(answer.status),
            preload_content=kwargs.get("preload_content", True),
            decode_content=kwargs.get("decode_content", True),
            request_method=method,
            request_url=url,
        )

    kind.urlopen = urlopen


def _answer_http_client(client: Any, answers: HttpAnswers, places: OpenAlgoPlaces) -> None:
    """Give connections a socket that takes the request and has the answer."""
    real_put = client.HTTPConnection.putrequest

    def putrequest(self: Any, method: str, url: str, *args: Any, **kwargs: Any) -> None:
        self.asked_url = url
        real_put(self, method, url, *args, **kwargs)

    client.HTTPConnection.putrequest = putrequest
    for scheme, name in (("http", "HTTPConnection"), ("https", "HTTPSConnection")):
        kind = getattr(client, name, None)
        if kind is not None:
            kind.connect = _connecting(kind.connect, scheme, answers, places)


def _connecting(
    real_connect: Callable[[Any], None], scheme: str, answers: HttpAnswers, places: OpenAlgoPlaces
) -> Callable[[Any], None]:
    def connect(self: Any) -> None:
        base = f"{scheme}://{self.host}:{self.port}"
        if places.has(urljoin(base, getattr(self, "asked_url", "/"))):
            self.sock = _AnsweringSocket(base, answers)
        else:
            real_connect(self)

    return connect


class _AnsweringSocket:
    """What `http.client` needs of a socket: it sends a request, then reads the answer."""

    def __init__(self, base: str, answers: HttpAnswers) -> None:
        self._base = base
        self._answers = answers
        self._sent = bytearray()

    def sendall(self, data: Any) -> None:
        self._sent += data

    def makefile(self, *_: Any, **__: Any) -> io.BufferedIOBase:
        head, _blank, body = bytes(self._sent).partition(b"\r\n\r\n")
        self._sent.clear()
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path = first.split(" ")[:2]
        headers = dict(line.split(": ", 1) for line in lines if ": " in line)
        if headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = _unchunked(body)
        answer = self._answers(method, urljoin(self._base, path), headers, body)
        fields = {**answer.headers, "Content-Length": str(len(answer.body)), "Connection": "close"}
        text = f"HTTP/1.1 {answer.status} {_reason(answer.status)}\r\n"
        text += "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return io.BytesIO(text.encode("latin-1") + b"\r\n" + answer.body)

    def settimeout(self, _seconds: float | None) -> None:
        """No answer takes any real time."""

    def setsockopt(self, *_: Any) -> None:
        """There is nothing to set."""

    def shutdown(self, _how: int) -> None:
        """There is nothing to close."""

    def close(self) -> None:
        """There is nothing to close."""


def _authority(url: str) -> str:
    """Host and port of a URL; the port that its scheme implies where it names none."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    try:
        port = parts.port
    except ValueError:
        port = None
    return f"{parts.hostname}:{port or _PORTS.get(parts.scheme, 80)}"


def _whole(body: Any) -> bytes:
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, bytes | bytearray | memoryview):
        return bytes(body)
    if hasattr(body, "read"):
        return _whole(body.read())
    return b"".join(_whole(part) for part in body)


def _unchunked(data: bytes) -> bytes:
    parts = []
    while data:
        size, _, data = data.partition(b"\r\n")
        length = int(size.split(b";")[0] or b"0", 16)
        if not length:
            break
        parts.append(data[:length])
        data = data[length + 2 :]
    return b"".join(parts)


def _reason(status: int) -> str:
    return {200: "OK", 400: "BAD REQUEST", 403: "FORBIDDEN", 404: "NOT FOUND"}.get(status, "")
