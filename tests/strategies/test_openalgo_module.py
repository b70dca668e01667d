"""The stand-in `openalgo` has the SDK's names and leads to the run's account only."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tapeback.errors import StrategyError
from tapeback.strategies import openalgo_module as stand_in
from tapeback.strategies.registry import resolve
from tests.broker.conftest import bars, run_script
from tests.strategies.running import candles_of, play, write_bot

CANDLES = candles_of([100.0, 101.0, 102.0])


@pytest.fixture(scope="module")
def module() -> ModuleType:
    """The stand-in of a run that is over, at its last instant."""
    return stand_in.openalgo_module(run_script(None, bars([100.0, 101.0, 102.0])).client.account)


@pytest.fixture(scope="module")
def sdk() -> Any:
    """The real SDK, as installed by the extra `live`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("openalgo")


def test_every_name_that_the_sdk_offers_is_there(sdk: Any, module: ModuleType) -> None:
    assert set(sdk.__all__) == set(module.__all__)
    assert module.ta is stand_in._installed().ta
    assert module.__version__ == sdk.__version__
    assert module.api is not sdk.api
    assert sys.modules["openalgo"] is sdk


def test_api_objects_speak_for_the_runs_account_however_they_are_made(module: ModuleType) -> None:
    for made in (
        module.api("key", "http://127.0.0.1:8800"),
        module.api(api_key="key", host="x", ws_port=1),
    ):
        assert made.quotes(symbol="SBIN", exchange="NSE")["data"]["ltp"] == 102.0
        assert made.api_key == "key"
    assert module.api("key", "http://127.0.0.1:8800").base_url == "http://127.0.0.1:8800/api/v1/"


def test_wrong_calls_raise_what_the_sdk_raises(module: ModuleType) -> None:
    client = module.api("key")
    with pytest.raises(AttributeError, match="'api' object has no attribute 'optionschain'"):
        _ = client.optionschain
    with pytest.raises(AttributeError):
        _ = client.place_order
    with pytest.raises(TypeError):
        client.placeorder("SBIN", "BUY")
    with pytest.raises(TypeError, match="product"):
        client.openposition(symbol="SBIN", exchange="NSE")


def test_attributes_that_bots_touch_are_those_of_the_sdk(sdk: Any, module: ModuleType) -> None:
    theirs, ours = (
        vars(sdk.api("key", host="http://h:5000", ws_port=9)),
        module.api("key", host="http://h:5000", ws_port=9),
    )
    for name, value in theirs.items():
        if name == "lock":
            with ours.lock:
                continue
        assert getattr(ours, name) == value, name
    with ours as entered:
        assert entered is ours


def test_an_older_webhook_order_goes_to_its_size(tmp_path: Path) -> None:
    source = """
        from openalgo import Strategy

        class Bot:
            def __init__(self):
                self.webhook = Strategy("http://127.0.0.1:5000/", webhook_id="abc")
                self.told = []

            def run_backtest(self, current_price):
                size = {100.0: 5, 101.0: 0}.get(current_price)
                if size is not None:
                    action = "BUY" if size else "SELL"
                    self.told.append(self.webhook.strategyorder("ACME", action, size))
    """
    played = play(resolve(str(write_bot(tmp_path / "strats", source))), CANDLES)
    assert played.bot.told == [{"message": "Order queued successfully for ACME"}] * 2
    assert played.bot.webhook.webhook_url == "http://127.0.0.1:5000/strategy/webhook/abc"
    assert [(order.action, order.quantity) for order in played.orders] == [
        ("BUY", 5),
        ("SELL", 5),
    ]


def test_a_webhook_order_that_only_a_server_understands_is_refused_in_words(
    module: ModuleType,
) -> None:
    strategy = module.Strategy("http://127.0.0.1:5000", "id")
    with pytest.raises(StrategyError, match="position_size"):
        strategy.strategyorder("SBIN", "BUY")
    with pytest.raises(StrategyError, match="SELL to one of 0 or less"):
        strategy.strategyorder("SBIN", "SELL", 5)
    with pytest.raises(ValueError, match="token"):
        module.Strategy("http://127.0.0.1:5000")
    newer = module.Strategy("http://127.0.0.1:5000", webhook_token="oaws_x")
    reply = newer.long_entry(symbol="SBIN")
    assert (reply["status"], reply["code"]) == ("error", 404)
    assert "long_entry did nothing" in reply["message"]
    assert "oaws_x" not in repr(newer)


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
def test_without_the_sdk_a_bot_has_the_indicators_that_we_have(tmp_path: Path) -> None:
    source = """
        import openalgo
        from openalgo import HAS_NUMBA, api, nbjit, prange, ta

        @nbjit
        def doubled(values):
            return [2 * values[i] for i in prange(len(values))]

        @nbjit(cache=True)
        def same(value):
            return value

        class Bot:
            def __init__(self, api_key):
                self.client = api(api_key)
                self.same = openalgo.api is api and not HAS_NUMBA and same(True)
                self.problem = ""

            def run_backtest(self, current_price):
                quotes = self.client.quotes(symbol="ACME", exchange="NSE")
                self.ltp = quotes["data"]["ltp"]
                self.mean = ta.sma(doubled([1.0, 2.0, 3.0]), 3)[-1]
                try:
                    ta.hma([1.0, 2.0], 2)
                except AttributeError as error:
                    self.problem = str(error)
    """
    bot = play(resolve(str(write_bot(tmp_path / "strats", source))), CANDLES).bot
    assert (bot.same, bot.ltp, bot.mean) == (True, 102.0, 4.0)
    assert "openalgo.ta.hma comes with the openalgo package" in bot.problem
    assert "pip install 'tapeback[live]'" in bot.problem


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
