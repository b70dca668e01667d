"""The stand-in `openalgo` has the SDK's names and leads to the run's account only."""

from __future__ import annotations

import importlib
import inspect
import sys
import warnings
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import pytest

from tapeback.errors import StrategyError, StrategyLoadError
from tapeback.strategies import openalgo_module as stand_in
from tapeback.strategies.registry import resolve
from tests.strategies.running import candles_of, play, write_bot

CANDLES = candles_of([100.0, 101.0, 102.0])


class Client:
    def quotes(self, **asked: str) -> dict[str, Any]:
        return {"asked": asked}


@pytest.fixture(scope="module")
def sdk() -> Any:
    """The real SDK, as installed by the extra `live`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("openalgo")


def test_api_takes_what_the_sdk_takes(sdk: Any) -> None:
    ours = inspect.signature(stand_in.openalgo_module(Client()).api).parameters
    theirs = inspect.signature(sdk.api).parameters
    assert list(ours)[: len(theirs)] == list(theirs)
    for name, parameter in theirs.items():
        assert ours[name].default == parameter.default, name


def test_every_name_that_the_sdk_offers_is_there(sdk: Any) -> None:
    module = stand_in.openalgo_module(Client())
    assert set(sdk.__all__) == set(module.__all__)
    assert module.ta is stand_in._installed().ta
    assert module.__version__ == sdk.__version__
    assert module.api is not sdk.api
    assert sys.modules["openalgo"] is sdk


def test_api_objects_speak_to_the_runs_client_however_they_are_made() -> None:
    api: Any = stand_in.openalgo_module(Client()).api
    for made in (api("key", "http://127.0.0.1:8800"), api(api_key="key", host="x", ws_port=1)):
        assert made.quotes(symbol="ACME") == {"asked": {"symbol": "ACME"}}
        assert made.api_key == "key"
    with pytest.raises(AttributeError, match="depth"):
        _ = api("key").depth


def test_a_webhook_order_is_refused_in_words() -> None:
    strategy: Any = stand_in.openalgo_module(Client()).Strategy("http://127.0.0.1:5000", "id")
    with pytest.raises(StrategyError, match="webhook"):
        strategy.strategyorder("ACME", "BUY")


class _Hidden:
    """Makes the SDK look as if it were not installed."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name == "openalgo":
            raise ModuleNotFoundError("No module named 'openalgo'", name=name)
        return None


@pytest.fixture
def no_sdk() -> Iterator[None]:
    hidden = _Hidden()
    stand_in._installed.cache_clear()
    with stand_in.without_modules("openalgo"):
        sys.meta_path.insert(0, hidden)
        importlib.invalidate_caches()
        yield
        sys.meta_path.remove(hidden)
    stand_in._installed.cache_clear()


@pytest.mark.usefixtures("no_sdk")
def test_a_bot_runs_without_the_sdk_and_is_told_what_ta_needs(tmp_path: Path) -> None:
    plain = """
        import openalgo
        from openalgo import api

        class Bot:
            def __init__(self, api_key):
                self.client = api(api_key)
                self.same = openalgo.api is api

            def run_backtest(self, current_price):
                quotes = self.client.quotes(symbol="ACME", exchange="NSE")
                self.ltp = quotes["data"]["ltp"]
    """
    played = play(resolve(str(write_bot(tmp_path / "strats", plain))), CANDLES)
    assert (played.bot.same, played.bot.ltp) == (True, 102.0)

    with_ta = write_bot(tmp_path / "strats", "from openalgo import ta\nclass Bot: ...\n", "ta.py")
    with pytest.raises(StrategyLoadError, match=r"pip install 'tapeback\[live\]'"):
        play(resolve(str(with_ta)), CANDLES)


def test_a_bot_may_import_indicators(sdk: Any, tmp_path: Path) -> None:
    source = """
        from openalgo import api, ta

        class Bot:
            def __init__(self):
                self.closes = []

            def run_backtest(self, current_price):
                self.closes.append(current_price)
                self.change = ta.change([100.0, current_price])
    """
    played = play(resolve(str(write_bot(tmp_path / "strats", source))), CANDLES)
    assert played.bot.change[-1] == 2.0
