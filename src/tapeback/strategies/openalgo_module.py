"""The `openalgo` that a bot imports: its `api` is the account of the run, never a broker's."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType
from typing import Any

from tapeback.broker.account import Account
from tapeback.broker.client import OpenAlgoCalls
from tapeback.broker.webhooks import WebhookClient
from tapeback.strategies.sdk_indicators import TechnicalAnalysis

PACKAGE = "openalgo"
# The release whose calls the stand-in has; it tells its version where none is installed.
SURFACE = "2.0.5"
_FROM_THE_REAL_ONE = ("ta", "nbjit", "prange", "HAS_NUMBA")


def openalgo_module(account: Account) -> ModuleType:
    """A module `openalgo` all of whose `api(...)` objects speak for one account.

    Indicators and their compiler come from the installed package, when a bot asks for them; where
    none is installed, `ta` has those that we have.
    """

    class api(OpenAlgoCalls):
        """OpenAlgo's client, answered by the simulated broker of the run."""

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
            super().__init__(
                account, api_key, host, version, timeout, ws_port, ws_url, verbose, auto_reconnect
            )

    class Strategy(WebhookClient):
        """OpenAlgo's webhook client, answered by the simulated broker of the run."""

        def __init__(
            self,
            host_url: str,
            webhook_id: str | None = None,
            *,
            webhook_token: str | None = None,
            timeout: float = 30.0,
        ) -> None:
            super().__init__(
                account, host_url, webhook_id, webhook_token=webhook_token, timeout=timeout
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
        return SURFACE


def _real(name: str) -> Any:
    """An attribute of the installed package, or what stands in for it where none is."""
    if name not in _FROM_THE_REAL_ONE:
        raise AttributeError(f"module {PACKAGE!r} has no attribute {name!r}")
    try:
        return getattr(_installed(), name)
    except ImportError:
        return _stand_ins()[name]


@cache
def _installed() -> ModuleType:
    """The real package; loading it takes about half a second."""
    with without_modules(PACKAGE):
        return import_module(PACKAGE)


@cache
def _stand_ins() -> dict[str, Any]:
    return {
        "ta": TechnicalAnalysis(),
        "nbjit": _uncompiled,
        "prange": range,
        "HAS_NUMBA": False,
    }


def _uncompiled(*args: Any, **_: Any) -> Any:
    """The decorator that compiles nothing, with or without arguments."""
    if args and callable(args[0]):
        return args[0]

    def same(function: Callable[..., Any]) -> Callable[..., Any]:
        return function

    return same


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
