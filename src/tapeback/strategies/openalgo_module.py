"""The `openalgo` that a bot imports: its `api` is the account of the run, never a broker's."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType
from typing import Any

from tapeback.errors import StrategyError

PACKAGE = "openalgo"
_FROM_THE_REAL_ONE = ("ta", "nbjit", "prange", "HAS_NUMBA")


def openalgo_module(client: Any) -> ModuleType:
    """A module `openalgo` all of whose `api(...)` objects speak to `client`.

    Indicators and their compiler come from the installed package, when a bot asks for them.
    """

    class api:
        """Takes what the SDK's constructor takes, and does what the run's client does."""

        def __init__(  # noqa: PLR0917
            self,
            api_key: str,
            host: str = "http://127.0.0.1:5000",
            version: str = "v1",
            timeout: float = 120.0,
            ws_port: int = 8765,
            ws_url: str | None = None,
            verbose: bool | int = False,
            auto_reconnect: bool = True,
        ) -> None:
            self.api_key = api_key
            self.host = host
            self.version = version
            self.timeout = timeout
            self.ws_port = ws_port
            self.ws_url = ws_url
            self.verbose = verbose

        def __getattr__(self, name: str) -> Any:
            return getattr(client, name)

    class Strategy:
        """The SDK's webhook client, which only a running OpenAlgo server could answer."""

        def __init__(self, host_url: str, webhook_id: str) -> None:
            self.webhook_url = f"{host_url}/strategy/webhook/{webhook_id}"

        def strategyorder(self, *_: Any, **__: Any) -> dict[str, Any]:
            raise StrategyError(
                "the bot sends an order to a webhook of the OpenAlgo server, and no server runs.",
                remedy="Send it through openalgo.api(...).placeorder instead.",
            )

    module = ModuleType(PACKAGE, __doc__)
    for made in (api, Strategy):
        made.__module__ = PACKAGE
        made.__qualname__ = made.__name__
    vars(module).update(api=api, Strategy=Strategy, __path__=[], __version__=_version())
    vars(module).update(__all__=["api", "Strategy", *_FROM_THE_REAL_ONE], __getattr__=_real)
    return module


def _version() -> str:
    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        return "0"


def _real(name: str) -> Any:
    """An attribute of the installed package. An ImportError tells what is missing: unlike an
    AttributeError it keeps its words in a `from openalgo import ta`."""
    if name not in _FROM_THE_REAL_ONE:
        raise AttributeError(f"module {PACKAGE!r} has no attribute {name!r}")
    try:
        return getattr(_installed(), name)
    except ImportError as error:
        raise ImportError(
            f"{PACKAGE}.{name} comes with the openalgo package, which cannot be imported "
            f"({error}): pip install 'tapeback[live]'",
            name=PACKAGE,
        ) from None


@cache
def _installed() -> ModuleType:
    """The real package; loading it takes about half a second."""
    with without_modules(PACKAGE):
        return import_module(PACKAGE)


@contextmanager
def without_modules(package: str) -> Iterator[None]:
    """Take a package and its parts out of `sys.modules`; what was loaded in its place goes, what
    was there comes back."""
    kept = _parts(package)
    for name in kept:
        del sys.modules[name]
    try:
        yield
    finally:
        for name in _parts(package):
            del sys.modules[name]
        sys.modules.update(kept)


def _parts(package: str) -> dict[str, ModuleType]:
    return {
        name: module
        for name, module in list(sys.modules.items())
        if name == package or name.startswith(f"{package}.")
    }
