"""Bot files are found, read and imported as they are, and nothing of them stays behind."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tapeback.errors import StrategyLoadError, StrategyNotFoundError
from tapeback.strategies.loader import BotFile
from tapeback.strategies.registry import resolve
from tests.strategies.running import candles_of, play, write_bot

CANDLES = candles_of([100.0, 101.0, 102.0])

BASE = """
    from abc import ABC, abstractmethod

    class TradingBot(ABC):
        @abstractmethod
        def run_backtest(self, current_price): ...
"""
BOT = """
    from openalgo import api
    from strats.trading_bot import TradingBot

    SEEN = []

    class PriceBot(TradingBot):
        def __init__(self, api_key, host="http://127.0.0.1:5000", symbol="ACME"):
            self.client = api(api_key=api_key, host=host)
            self.seen = SEEN

        def run_backtest(self, current_price):
            self.seen.append(current_price)
"""


@pytest.fixture
def strats(tmp_path: Path) -> Path:
    write_bot(tmp_path / "strats", BASE, "trading_bot.py")
    return tmp_path / "strats"


def run_file(path: Path | str, params: dict[str, Any] | None = None) -> Any:
    return play(resolve(str(path)), CANDLES, params)


def test_a_bot_file_runs_from_anywhere_with_its_neighbours(strats: Path) -> None:
    file = write_bot(strats, BOT)
    assert run_file(f"{file}:PriceBot").bot.seen == [100.0, 101.0, 102.0]


def test_the_one_bot_of_a_file_needs_no_name(strats: Path) -> None:
    assert run_file(write_bot(strats, BOT)).bot.seen == [100.0, 101.0, 102.0]


def test_neighbours_are_found_without_the_folders_name_as_in_a_script(strats: Path) -> None:
    flat = BOT.replace("from strats.trading_bot", "from trading_bot")
    assert run_file(write_bot(strats, flat)).bot.seen == [100.0, 101.0, 102.0]


def test_a_folder_named_like_a_standard_module_hides_nothing(tmp_path: Path) -> None:
    source = """
        import json

        class JsonBot:
            def run_backtest(self, current_price):
                self.text = json.dumps({"price": current_price})
    """
    played = run_file(write_bot(tmp_path / "json", source, "time.py"))
    assert played.bot.text == '{"price": 102.0}'


def test_defect_39_no_state_of_a_module_survives_into_the_next_run(strats: Path) -> None:
    file = write_bot(strats, BOT)
    assert len(run_file(file).bot.seen) == 3
    assert len(run_file(file).bot.seen) == 3


def test_a_file_is_read_as_it_stands_now(strats: Path) -> None:
    file = write_bot(strats, BOT)
    run_file(file)
    stamp = file.stat().st_mtime_ns
    file.write_text(file.read_text().replace("append(current_price)", "append(-current_price)"))
    os.utime(file, ns=(stamp, stamp))
    assert run_file(file).bot.seen == [-100.0, -101.0, -102.0]
    assert not list(strats.rglob("*.pyc"))


def test_two_folders_of_one_name_do_not_mix(tmp_path: Path) -> None:
    for name, price in (("one", 1), ("two", 2)):
        write_bot(tmp_path / name / "strats", BASE + f"\n    MARK = {price}\n", "trading_bot.py")
    source = BOT + "\n    from strats import trading_bot\n    SEEN.append(trading_bot.MARK)\n"
    first = write_bot(tmp_path / "one" / "strats", source)
    second = write_bot(tmp_path / "two" / "strats", source)
    assert [run_file(f).bot.seen[0] for f in (first, second, first)] == [1, 2, 1]


LITTERING = """
    import logging, os, sys
    from openalgo import api
    from strats.trading_bot import TradingBot

    sys.path.append("/nowhere")
    logging.root.setLevel(logging.DEBUG)
    logging.root.addHandler(logging.FileHandler("bot.log"))
    logging.getLogger("litter").addHandler(logging.FileHandler("other.log"))

    class LitterBot(TradingBot):
        def __init__(self, api_key, state_file="state.json"):
            self.state_file = state_file
            self.folder = os.getcwd()

        def run_backtest(self, current_price):
            with open(self.state_file, "a") as file:
                file.write("x")
            with open("prices.csv", "a") as file:
                file.write(f"{current_price}\\n")
            self.size = os.path.getsize(self.state_file)
"""


def test_defect_39_a_run_leaves_nothing_behind(strats: Path, tmp_path: Path) -> None:
    file = write_bot(strats, LITTERING)
    here, path, modules = Path.cwd(), list(sys.path), set(sys.modules)
    handlers, level = list(logging.root.handlers), logging.root.level
    finders = list(sys.meta_path)

    played = run_file(file)

    assert played.bot.size == 3
    assert run_file(file).bot.size == 3
    assert Path(played.bot.folder) != here
    assert not Path(played.bot.folder).exists()
    assert Path(played.bot.state_file).parent == Path(played.bot.folder)
    assert Path.cwd() == here
    assert sys.path == path
    assert sys.meta_path == finders
    assert (logging.root.handlers, logging.root.level) == (handlers, level)
    assert logging.getLogger("litter").handlers == []
    new = {name for name in set(sys.modules) - modules if "strats" in name or name == "openalgo"}
    assert new == set()
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == [
        "some_bot.py",
        "trading_bot.py",
    ]


def test_modules_of_the_same_names_come_back_after_a_run(strats: Path) -> None:
    own = {name: ModuleType(name) for name in ("strats", "strats.trading_bot", "openalgo")}
    known = {name: sys.modules.get(name) for name in own}
    sys.modules.update(own)
    try:
        assert len(run_file(write_bot(strats, BOT)).bot.seen) == 3
        assert {name: sys.modules.get(name) for name in own} == own
        del sys.modules["openalgo"]
        run_file(strats / "some_bot.py")
        assert "openalgo" not in sys.modules
    finally:
        for name, module in known.items():
            sys.modules.pop(name, None)
            if module is not None:
                sys.modules[name] = module


def test_a_run_that_fails_leaves_nothing_behind_either(strats: Path) -> None:
    file = write_bot(strats, BOT + "\n    raise RuntimeError('no')\n")
    here, modules = Path.cwd(), set(sys.modules)
    with pytest.raises(StrategyLoadError, match="RuntimeError: no"):
        run_file(file)
    assert Path.cwd() == here
    assert not {name for name in set(sys.modules) - modules if "strats" in name}


def test_print_of_a_bot_goes_to_stderr(strats: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = """
        class TalkingBot:
            def run_backtest(self, current_price):
                print("price", current_price)
    """
    run_file(write_bot(strats, source))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == ["price 100.0", "price 101.0", "price 102.0"]


def test_a_missing_file_and_a_missing_class_name_the_nearest(strats: Path) -> None:
    file = write_bot(strats, BOT)
    with pytest.raises(StrategyNotFoundError, match=r"did you mean 'some_bot\.py'"):
        resolve(str(strats / "some_bott.py"))
    with pytest.raises(StrategyNotFoundError, match="did you mean 'PriceBot'") as caught:
        resolve(f"{file}:PricesBot")
    assert caught.value.where == str(file)


def test_a_class_that_the_file_only_imports_can_be_named(strats: Path) -> None:
    write_bot(strats, BOT)
    door = write_bot(strats, "from strats.some_bot import PriceBot as Bot\n", "door.py")
    assert run_file(f"{door}:Bot").bot.seen == [100.0, 101.0, 102.0]


def test_a_script_is_refused_without_running_it(tmp_path: Path) -> None:
    script = write_bot(
        tmp_path, "open('ran.txt', 'w').close()\nwhile True:\n    pass\n", "script.py"
    )
    with pytest.raises(StrategyLoadError, match="a script that runs by itself"):
        resolve(str(script))
    assert not list(tmp_path.rglob("ran.txt"))


def test_a_file_with_no_strategy_tells_what_was_found(strats: Path) -> None:
    source = """
        from strats.trading_bot import TradingBot
        class Helper: ...
        class HalfBot(TradingBot): ...
    """
    with pytest.raises(StrategyLoadError) as caught:
        run_file(write_bot(strats, source))
    message = str(caught.value)
    assert "Helper: it is no BaseStrategy and has no run_backtest" in message
    assert "HalfBot: it lacks run_backtest" in message


def test_several_bots_in_one_file_have_to_be_told_apart(strats: Path) -> None:
    file = write_bot(strats, BOT + "\n    class OtherBot(PriceBot): ...\n")
    with pytest.raises(StrategyLoadError, match=r"2 strategies: PriceBot, OtherBot") as caught:
        run_file(file)
    assert "some_bot.py:PriceBot" in str(caught.value)
    assert run_file(f"{file}:OtherBot").bot.seen == [100.0, 101.0, 102.0]


def test_an_error_at_import_names_its_line(strats: Path) -> None:
    file = write_bot(strats, "import math\nclass Bot:\n    size = math.sqrt(-1)\n")
    with pytest.raises(StrategyLoadError, match="ValueError") as caught:
        run_file(file)
    assert caught.value.where == f"{file}:3"


def test_an_error_in_a_neighbour_names_the_neighbours_line(strats: Path) -> None:
    write_bot(strats, "\n\n1 / 0\n", "trading_bot.py")
    with pytest.raises(StrategyLoadError, match="ZeroDivisionError") as caught:
        run_file(write_bot(strats, BOT))
    assert caught.value.where == f"{strats / 'trading_bot.py'}:3"


def test_a_syntax_error_names_its_line(strats: Path) -> None:
    file = write_bot(strats, "class Bot:\n    def run_backtest(self, price)\n        pass\n")
    with pytest.raises(StrategyLoadError, match="SyntaxError") as caught:
        resolve(str(file))
    assert caught.value.where == f"{file}:2"


def test_a_missing_library_is_named(strats: Path) -> None:
    file = write_bot(strats, "import no_such_library\nclass Bot: ...\n")
    with pytest.raises(StrategyLoadError, match="Is no_such_library installed") as caught:
        run_file(file)
    assert caught.value.where == f"{file}:1"


def test_a_relative_path_is_looked_for_in_each_folder(strats: Path) -> None:
    file = write_bot(strats, BOT)
    found = BotFile.parse("strats/some_bot.py:PriceBot", strats, strats.parent)
    assert found == BotFile(file, "PriceBot")
    assert BotFile.parse("grid", strats) is None


def test_a_native_strategy_of_a_file_runs_in_the_users_folder(tmp_path: Path) -> None:
    source = """
        import os
        from tapeback import BaseStrategy

        class Native(BaseStrategy):
            def on_bar(self, candle):
                self.folder = os.getcwd()
                self.last = candle.close * self.factor
    """
    played = run_file(write_bot(tmp_path / "strats", source), {"factor": 2})
    strategy: Any = played.strategy
    assert (strategy.last, strategy.folder) == (204.0, os.getcwd())
