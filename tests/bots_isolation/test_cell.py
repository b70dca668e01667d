"""Limits, deaths, output and the scratch folder of real cells."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from tapeback.bots.isolation.cell import Cell
from tapeback.bots.isolation.limits import Limits
from tapeback.bots.isolation.log import BotLog
from tapeback.bots.isolation.scratch import Scratch
from tapeback.utils.clock import SECOND_NS
from tests.bots_isolation.cell_entries import MORNING
from tests.bots_isolation.playing import ENTRIES, Play

posix = pytest.mark.skipif(os.name != "posix", reason="a limit that only POSIX has")
linux = pytest.mark.skipif(sys.platform != "linux", reason="a limit that only Linux has")


# --- limits


@linux
def test_memory_is_limited(play: Play) -> None:
    played = play(
        """
        try:
            hoard = bytearray(3 << 30)
        except MemoryError:
            print("refused")
        """,
        limits=Limits(memory_mb=1024),
    )
    assert played.printed == "refused\n"
    assert played.outcome.how == "finished"


@linux
def test_a_leak_ends_the_run_in_order(play: Play) -> None:
    played = play(
        """
        import time
        hoard = []
        while True:
            hoard.append(bytearray(8 << 20))
            time.sleep(1)
        """,
        entry="run_virtual",
        limits=Limits(memory_mb=256),
    )
    assert played.result["how"] in ("limit", "raised")
    assert "memory" in played.result["error"].lower()
    assert played.result["line"] in (5, 6)


def test_cpu_time_is_limited_and_what_there_is_is_kept(play: Play) -> None:
    played = play(
        """
        import time
        while True:
            time.sleep(1e-6)
        """,
        entry="run_virtual",
        limits=Limits(cpu_seconds=1.0),
    )
    assert played.result["how"] == "limit"
    assert played.result["error"] == "it took more than 1 seconds of CPU time"
    assert played.outcome.at > 0


def test_a_script_that_hears_of_no_limit_ends_nevertheless(play: Play) -> None:
    """Outside of virtual time nobody unwinds it: the cell ends itself, without a result."""
    played = play(
        "import time\nwhile True: time.sleep(0.01)",
        limits=Limits(wall_seconds=0.5),
        entry="run_impatiently",
    )
    assert played.outcome.how == "limit"
    assert played.outcome.why == "it ran for more than 0.5 seconds"
    assert played.outcome.result is None


def test_a_cell_that_no_longer_listens_is_killed_by_the_clock_outside(play: Play) -> None:
    class Leaping:
        """A clock on which an hour passes at each look."""

        def __init__(self) -> None:
            self.ts = 0

        def now(self) -> int:
            self.ts += 3600 * SECOND_NS
            return self.ts

        def sleep(self, seconds: float) -> None:
            raise AssertionError

    played = play("import time\ntime.sleep(600)", limits=Limits(wall_seconds=60), clock=Leaping())
    assert played.outcome.how == "limit"
    assert played.outcome.why == "it ran for more than 60 seconds"


@posix
def test_the_size_of_a_file_is_limited(play: Play) -> None:
    played = play(
        """
        with open("big", "wb") as file:
            try:
                for _ in range(8):
                    file.write(bytes(1 << 20)); file.flush()
            except OSError as error:
                print(type(error).__name__)
        """,
        limits=Limits(file_mb=2),
    )
    assert played.printed == "OSError\n"


def test_the_number_of_files_is_limited(play: Play) -> None:
    played = play(
        """
        import time
        n = 0
        while True:
            open(f"file{n}", "w").close()
            n += 1
            time.sleep(0.001)
        """,
        entry="run_virtual",
        limits=Limits(files=50),
    )
    assert played.result["error"] == "it made more than 50 files"


def test_output_is_kept_up_to_its_limit_and_the_run_goes_on(play: Play) -> None:
    played = play(
        """
        for i in range(30_000):
            print("x" * 99)
        open("finished", "w").close()
        """,
        limits=Limits(output_mb=1),
    )
    kept = played.printed.count("\n")
    assert kept == (1 << 20) // 100
    assert played.outcome.dropped == 30_000 - kept
    assert played.result["error"] is None


# --- deaths: each is an outcome with what is known


@posix
@pytest.mark.parametrize(
    ("deed", "why"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", "killed, by hand or by the system"),
        ("faulthandler._sigsegv()", "segmentation fault"),
        ("os._exit(7)", "it left with status 7"),
    ],
)
def test_a_death_is_an_outcome(play: Play, deed: str, why: str) -> None:
    played = play(f"""
        import faulthandler, os, signal, time
        print("the last words", flush=True)
        time.sleep(0.3)
        {deed}
        """)
    assert played.outcome.how == "died"
    assert why in played.outcome.why
    assert played.printed.startswith("the last words\n")
    assert ("bot.py" in played.outcome.stray) == ("sigsegv" in deed)


def test_in_virtual_time_the_bots_own_exit_is_no_death(play: Play) -> None:
    played = play("import os; os._exit(7)", entry="run_virtual")
    assert (played.result["how"], played.result["code"]) == ("exited", 7)


def test_an_entry_that_raises_fails(play: Play) -> None:
    outcome = play("", entry="raise_at_once").outcome
    assert (outcome.how, outcome.why) == ("failed", "ValueError: no such tape")
    assert "raise_at_once" in outcome.traceback


def test_what_breaks_after_the_bot_is_in_the_log(play: Play) -> None:
    played = play("print('bye')", entry="run_and_fail_after_it")
    assert (played.outcome.how, played.outcome.status) == ("died", 1)
    assert "ValueError: a result that cannot be written" in played.log


def test_a_refusal_in_virtual_time_is_a_notice_of_the_run(play: Play) -> None:
    played = play(
        """
        import time
        for _ in range(3):
            time.sleep(60)
            try:
                open("/elsewhere.txt", "w")
            except PermissionError:
                pass
        """,
        entry="run_virtual",
    )
    (notice,) = played.result["notices"]
    assert (notice["code"], notice["count"], notice["line"]) == ("write_refused", 3, 6)
    assert notice["message"] == "It was refused: writing /elsewhere.txt."
    assert notice["first_time"] == MORNING + 60 * SECOND_NS


def test_nonsense_from_a_cell_is_a_failure(play: Play) -> None:
    outcome = play("", entry="say_nonsense").outcome
    assert outcome.how == "failed"
    assert "cannot be understood" in outcome.why


@posix
def test_ctrl_c_ends_the_run_in_order(play: Play) -> None:
    """The signal comes when the bot has begun, and what there is comes back."""
    played = play(
        """
        import sys, time
        print("begun", flush=True)
        while True:
            time.sleep(1e-5)
        """,
        entry="run_virtual",
        clock=_Interrupting(),
    )
    assert played.outcome.how == "interrupted"
    assert played.result["how"] == "limit"
    assert played.result["error"] == "it was interrupted"


class _Interrupting:
    """Interrupts the main thread, once, soon after the run has begun."""

    def __init__(self) -> None:
        self.looks = 0

    def now(self) -> int:
        self.looks += 1
        if self.looks == 10:
            threading.Timer(0.5, signal.raise_signal, (signal.SIGINT,)).start()
        return 0

    def sleep(self, seconds: float) -> None:
        raise AssertionError


# --- what a bot says


def test_output_is_stamped_with_the_runs_time(play: Play) -> None:
    played = play(
        """
        import logging, sys, time
        logging.basicConfig(level=logging.INFO, format="%(message)s")
        print("good morning")
        time.sleep(90)
        print("half a ", end="")
        time.sleep(60)
        print("line", "रुपये")
        logging.info("on stderr")
        sys.stdout.buffer.write(b"bytes\\n")
        sys.stdout.reconfigure(encoding="utf-8")
        print("the end", end="")
        """,
        entry="run_virtual",
    )
    assert played.log.splitlines() == [
        "2024-01-02 09:15:00.000  good morning",
        "2024-01-02 09:17:30.000  half a line रुपये",
        "2024-01-02 09:17:30.000  on stderr",
        "2024-01-02 09:17:30.000  bytes",
        "2024-01-02 09:17:30.000  the end",
    ]
    assert played.printed.splitlines()[0] == "good morning"


def test_what_goes_past_python_is_in_the_log_without_a_time(play: Play) -> None:
    played = play("import os; os.write(1, b'raw\\n')")
    assert "-----------------------  raw" in played.log


def test_a_bot_reads_nothing_from_stdin(play: Play) -> None:
    assert play("import sys; print(repr(sys.stdin.read()))").printed == "''\n"


# --- the scratch folder and the environment


def test_the_environment_is_scrubbed_and_filled(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROKER_API_SECRET", "s3cret")
    monkeypatch.setenv("OPENALGO_APIKEY", "the-real-one")
    played = play(
        """
        import os
        for name in ("BROKER_API_SECRET", "OPENALGO_APIKEY", "HOST_SERVER", "WEBSOCKET_URL",
                     "STRATEGY_NAME", "TZ", "PYTHONHASHSEED", "PYTHONPATH", "SYMBOL"):
            print(name, os.environ.get(name))
        print(os.path.expanduser("~") == os.path.dirname(os.getcwd()) + os.sep + ".home")
        """,
        environment={"SYMBOL": "NIFTY"},
    )
    assert played.printed.splitlines() == [
        "BROKER_API_SECRET None",
        "OPENALGO_APIKEY tapeback-key",
        "HOST_SERVER http://127.0.0.1:5000",
        "WEBSOCKET_URL ws://127.0.0.1:8765",
        "STRATEGY_NAME bot",
        "TZ Asia/Kolkata",
        "PYTHONHASHSEED 0",
        "PYTHONPATH None",
        "SYMBOL NIFTY",
        "True",
    ]


def test_helpers_beside_the_script_come_along_and_the_users_folder_is_left_alone(
    play: Play, bot_folder: Path
) -> None:
    (bot_folder / "signals.py").write_text("def side(): return 'BUY'", encoding="utf-8")
    (bot_folder / "desk").mkdir()
    (bot_folder / "desk" / "__init__.py").write_text("", encoding="utf-8")
    (bot_folder / "desk" / "limits.json").write_text("[1, 2]", encoding="utf-8")
    (bot_folder / ".env").write_text(
        'SYMBOL=SBIN\nexport OPENALGO_API_KEY = "9f8e7d"\n# note\nTELEGRAM_TOKEN=abc\n',
        encoding="utf-8",
    )
    (bot_folder / "venv").mkdir()
    (bot_folder / "venv" / "big.py").write_text("", encoding="utf-8")
    before = sorted(bot_folder.rglob("*"))
    played = play("""
        import json, os
        from signals import side
        import desk
        print(side(), json.load(open("desk/limits.json")), os.path.exists("venv"))
        print(open(".env").read())
        open("state.json", "w").write("{}")
        open("signals.py", "w").write("broken")
        """)
    assert played.printed.splitlines()[0] == "BUY [1, 2] False"
    assert "SYMBOL=SBIN" in played.printed
    assert "9f8e7d" not in played.printed
    assert "abc" not in played.printed
    assert sorted(bot_folder.rglob("*")) == sorted([*before, bot_folder / "bot.py"])
    assert "BUY" in (bot_folder / "signals.py").read_text(encoding="utf-8")


def test_packages_of_the_project_above_come_along(play: Play, bot_folder: Path) -> None:
    """A script in a folder of its project puts the folder above on the path and imports from
    there, its own folder's name included."""
    project = bot_folder.parent
    (project / "desk_tools").mkdir()
    (project / "desk_tools" / "__init__.py").write_text("side = 'SELL'", encoding="utf-8")
    (project / "unrelated.py").write_text("", encoding="utf-8")
    (project / ".env").write_text("SYMBOL=TCS\nAPI_KEY=real", encoding="utf-8")
    (bot_folder / "helper.py").write_text("from desk_tools import side", encoding="utf-8")
    played = play("""
        import sys
        from pathlib import Path
        above = Path(__file__).resolve().parent.parent
        sys.path.insert(0, str(above))
        import helper
        print(helper.side, (above / "unrelated.py").exists(), (above / ".env").read_text())
        """)
    assert played.printed == "SELL False SYMBOL=TCS\nAPI_KEY=tapeback-key\n"


def test_state_stays_from_launch_to_launch_and_can_be_kept(
    play: Play, bot_folder: Path, tmp_path: Path
) -> None:
    script = bot_folder / "bot.py"
    script.write_text(
        "from pathlib import Path\n"
        "state = Path('count.txt')\n"
        "n = int(state.read_text()) + 1 if state.exists() else 1\n"
        "state.write_text(str(n)); print('launch', n)\n",
        encoding="utf-8",
    )
    with Scratch(script) as scratch:
        printed = [play("", scratch=scratch).printed for _ in range(3)]
        scratch.keep(tmp_path / "kept")
        assert scratch.to_source(str(scratch.work / "desk" / "a.py")) == str(
            bot_folder / "desk" / "a.py"
        )
        assert scratch.to_source("/usr/lib/x.py") == "/usr/lib/x.py"
        root = scratch.root
    assert printed == ["launch 1\n", "launch 2\n", "launch 3\n"]
    assert (tmp_path / "kept" / "count.txt").read_text(encoding="utf-8") == "3"
    assert not root.exists()


def test_large_files_are_left_out_and_named(
    bot_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tapeback.bots.isolation.scratch.LARGEST_FILE", 100)
    monkeypatch.setattr("tapeback.bots.isolation.scratch.LARGEST_FOLDER", 150)
    script = bot_folder / "bot.py"
    script.write_text("", encoding="utf-8")
    (bot_folder / "bars.csv").write_text("x" * 101, encoding="utf-8")
    (bot_folder / "ticks").mkdir()
    for number in range(2):
        (bot_folder / "ticks" / f"{number}.csv").write_text("x" * 90, encoding="utf-8")
    (bot_folder / "small.json").write_text("{}", encoding="utf-8")
    with Scratch(script) as scratch:
        assert scratch.left_out == ["bars.csv", f"ticks{os.sep}"]
        assert sorted(path.name for path in scratch.work.iterdir()) == ["bot.py", "small.json"]


def test_several_cells_write_one_log(bot_folder: Path, tmp_path: Path) -> None:
    script = bot_folder / "bot.py"
    script.write_text("print('hello')", encoding="utf-8")
    job = b'{"script": "bot.py"}'
    with Scratch(script) as scratch, BotLog(tmp_path / "bot.log") as log:
        for _ in range(2):
            Cell(scratch).run(f"{ENTRIES}:run_plain", job, log=log)
    assert (tmp_path / "bot.log").read_text(encoding="utf-8").count("hello") == 2
