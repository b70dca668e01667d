"""Names lead to strategies: the catalogue, registrations, entry points, files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tapeback.errors import StrategyLoadError, StrategyNotFoundError
from tapeback.models.candle import Candle
from tapeback.strategies.base import BaseStrategy
from tapeback.strategies.grid import GridStrategyAdapter
from tapeback.strategies.loader import BotFile
from tapeback.strategies.registry import StrategyRegistry, names, resolve
from tapeback.strategies.supertrend import SupertrendStrategyAdapter
from tapeback.strategies.universal import UniversalStrategyAdapter
from tests.conftest import REPO
from tests.strategies.running import candles_of, play, write_bot

CANDLES = candles_of([100.0, 101.0, 102.0])
BOT = """
    class PriceBot:
        def __init__(self, factor=1):
            self.factor = factor

        def run_backtest(self, current_price):
            self.last = current_price * self.factor
"""


class InProcessBot:
    def run_backtest(self, current_price: float) -> None:
        self.last = current_price


class Native(BaseStrategy):
    def on_bar(self, candle: Candle) -> None:
        self.last = candle.close


class OwnAdapter(UniversalStrategyAdapter):
    def __init__(self) -> None:
        super().__init__(InProcessBot, "own")


@pytest.fixture(autouse=True)
def _clean_registry() -> Iterator[None]:
    yield
    StrategyRegistry.clear()


def test_the_shipped_bots_are_found_from_any_folder(tmp_path: Path) -> None:
    for name, adapter in (("grid", GridStrategyAdapter), ("Supertrend", SupertrendStrategyAdapter)):
        entry = resolve(name, root=tmp_path)
        assert entry.adapter is adapter
        assert isinstance(entry.bot, BotFile)
        assert entry.bot.path.is_file()


def test_the_users_copy_of_a_shipped_bot_goes_first(tmp_path: Path) -> None:
    own = write_bot(tmp_path / "strats", "class GridTradingBot: ...", "grid_trading_bot.py")
    assert resolve("grid", root=tmp_path).bot == BotFile(own, "GridTradingBot")


def test_defect_44_a_new_bot_is_one_file_and_one_row(tmp_path: Path) -> None:
    write_bot(tmp_path / "strats", BOT, "price_bot.py")
    entry = resolve("Mine", root=tmp_path, bots={"mine": "strats/price_bot.py:PriceBot"})
    played = play(entry, CANDLES, {"factor": 3})
    assert played.bot.last == 306.0
    assert played.state["name"] == "mine"


def test_a_path_starts_where_the_user_stands_and_a_rows_at_the_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, root = tmp_path / "here", tmp_path / "root"
    mine, rows = (write_bot(folder / "strats", BOT, "price_bot.py") for folder in (here, root))
    monkeypatch.chdir(here)
    text = "strats/price_bot.py:PriceBot"
    assert resolve(text, root=root).bot == BotFile(mine, "PriceBot")
    assert resolve("row", root=root, bots={"row": text}).bot == BotFile(rows, "PriceBot")
    mine.unlink()
    assert resolve(text, root=root).bot == BotFile(rows, "PriceBot")


def test_a_file_in_strats_needs_no_row(tmp_path: Path) -> None:
    write_bot(tmp_path / "strats", BOT, "price_bot.py")
    for name in ("price_bot", "price-bot"):
        assert play(resolve(name, root=tmp_path), CANDLES).bot.last == 102.0


def test_a_row_goes_before_a_shipped_bot_of_its_name(tmp_path: Path) -> None:
    write_bot(tmp_path / "strats", BOT, "price_bot.py")
    entry = resolve("grid", root=tmp_path, bots={"grid": "strats/price_bot.py:PriceBot"})
    assert play(entry, CANDLES).bot.last == 102.0


def test_an_unknown_name_is_answered_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(StrategyNotFoundError) as caught:
        resolve("suprtrend", root=tmp_path, bots={"mine": "strats/mine.py:Mine"})
    message = str(caught.value)
    assert "Unknown strategy: 'suprtrend' (did you mean 'supertrend'?)" in message
    assert "Available strategies: grid, mine, supertrend" in message
    assert names(bots={"mine": "strats/mine.py:Mine"}) == ["grid", "mine", "supertrend"]


def test_a_registered_class_is_run_by_name() -> None:
    StrategyRegistry.register("Mine", InProcessBot, custom_name="My bot")
    assert StrategyRegistry.is_registered("mine")
    assert StrategyRegistry.get_bot_class("mine") is InProcessBot
    assert play(resolve("mine"), CANDLES).bot.last == 102.0
    assert StrategyRegistry.get("mine").name == "My bot"
    assert StrategyRegistry.get("mine") is not StrategyRegistry.get("mine")


def test_the_class_of_each_strategy_is_listed() -> None:
    StrategyRegistry.register("mine", InProcessBot)
    StrategyRegistry.register("native", Native)
    StrategyRegistry.register("own", InProcessBot, OwnAdapter)
    assert StrategyRegistry.list_strategies() == {
        "grid": "GridStrategyAdapter",
        "mine": "UniversalStrategyAdapter",
        "native": "Native",
        "own": "OwnAdapter",
        "supertrend": "SupertrendStrategyAdapter",
    }
    StrategyRegistry.clear()
    assert sorted(StrategyRegistry.list_strategies()) == ["grid", "supertrend"]


def test_an_adapter_of_ones_own_needs_no_arguments() -> None:
    StrategyRegistry.register("own", InProcessBot, OwnAdapter)
    assert isinstance(StrategyRegistry.get("own"), OwnAdapter)
    assert play(resolve("own"), CANDLES).bot.last == 102.0


def test_registering_twice_warns_and_takes_the_newer(caplog: pytest.LogCaptureFixture) -> None:
    StrategyRegistry.register("mine", InProcessBot)
    StrategyRegistry.register("mine", Native)
    assert "registered before" in caplog.text
    assert isinstance(StrategyRegistry.get("mine"), Native)


def test_what_is_no_strategy_is_not_registered() -> None:
    with pytest.raises(StrategyLoadError, match="int is no strategy"):
        StrategyRegistry.register("number", int)
    with pytest.raises(StrategyLoadError, match="BaseStrategy is no strategy"):
        StrategyRegistry.register("base", BaseStrategy)
    with pytest.raises(StrategyNotFoundError, match="Unknown strategy: 'number'"):
        StrategyRegistry.get("number")


def test_entry_points_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site"
    info = package / "somebots-1.0.dist-info"
    info.mkdir(parents=True)
    (package / "somebots.py").write_text(
        "class Plugged:\n    def run_backtest(self, price):\n        self.last = price\n"
    )
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: somebots\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[tapeback.strategies]\nplugged = somebots:Plugged\nbroken = somebots:Missing\n"
    )
    monkeypatch.syspath_prepend(str(package))
    assert {"plugged", "broken"} <= set(names())
    assert play(resolve("plugged"), CANDLES).bot.last == 102.0
    with pytest.raises(StrategyLoadError, match="loading somebots:Missing failed"):
        resolve("broken")


@pytest.mark.parametrize("kind", [Native, InProcessBot])
def test_a_class_is_opened_as_it_is(kind: type[Any]) -> None:
    played = play(kind, CANDLES)
    last = played.strategy if kind is Native else played.bot
    assert last.last == 102.0  # type: ignore[union-attr]


def test_the_shipped_bots_are_the_repositorys(tmp_path: Path) -> None:
    bot = resolve("grid", root=tmp_path).bot
    assert isinstance(bot, BotFile)
    assert bot.path.read_bytes() == (REPO / "strats" / "grid_trading_bot.py").read_bytes()
