"""How a script's run ends, on the command line: exit codes, and the document of `--json`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner

from tapeback.cli import main
from tests.openalgo_server import KEY, OpenAlgoTestServer

KEYS = {
    "status", "exit_code", "launches", "orders", "fills", "trades", "verdict", "metrics", "error",
    "diagnosis", "result_dir",
}  # fmt: skip
COMMAND = [
    sys.executable, "-m", "tapeback", "run", "--script", "bot.py", "--json", "-o", "out",
    "--data", "RELIANCE:NSE:1m=synthetic", "--start", "2024-01-08", "--end", "2024-01-08",
]  # fmt: skip


class Ended(NamedTuple):
    """What a run left: its code, its document, and what the bot printed."""

    code: int
    document: dict[str, Any]
    errors: str
    log: str


def run(folder: Path, bot: str, *options: str) -> Ended:
    """`tapeback run --script --json` of a bot, over one date."""
    (folder / "bot.py").write_text(bot, encoding="utf-8")
    done = subprocess.run(
        [*COMMAND, *options], cwd=folder, check=False, capture_output=True, text=True, timeout=120
    )
    log = folder / "out" / "bot.log"
    return Ended(
        done.returncode,
        json.loads(done.stdout) if done.stdout else {},
        done.stderr,
        log.read_text(encoding="utf-8") if log.exists() else "",
    )


def test_the_document_of_a_run_to_the_end_of_the_data(tmp_path: Path) -> None:
    ended = run(
        tmp_path,
        "import time, atexit\nfrom datetime import datetime\n"
        "atexit.register(print, 'atexit')\n"
        "try:\n"
        "    while True:\n"
        "        try:\n            print('look'); time.sleep(7200)\n"
        "        except Exception: print('swallowed')\n"
        "except KeyboardInterrupt: print('stopped', datetime.now())\n"
        "finally: print('finally')\n",
    )
    assert ended.code == 0
    document = ended.document
    assert document.keys() >= KEYS
    assert (document["status"], document["exit_code"]) == ("completed", 0)
    assert [(one["how"], one["exit_code"]) for one in document["launches"]] == [("completed", 0)]
    assert "never_traded" in [entry["code"] for entry in document["diagnosis"]]
    assert all(
        entry.keys() == {"code", "count", "first_time", "file", "line", "message", "remedy"}
        for entry in document["diagnosis"]
    )
    lines = [line[25:] for line in ended.log.splitlines()]
    assert lines[-3:] == ["stopped 2024-01-08 15:30:00", "finally", "atexit"]
    assert ended.errors.count("look") == 4
    assert (tmp_path / document["result_dir"] / "result.json").is_file()


def test_a_bot_that_raises_keeps_its_result(tmp_path: Path) -> None:
    ended = run(
        tmp_path,
        "import time\nfrom openalgo import api\ntime.sleep(3600)\n"
        "api(api_key='x').placeorder(symbol='RELIANCE', exchange='NSE', action='BUY', "
        "quantity=1, product='MIS')\ntime.sleep(60)\n1 / 0\n",
    )
    assert (ended.code, ended.document["status"]) == (3, "bot_failed")
    assert "ZeroDivisionError" in ended.document["error"]
    assert 'bot.py", line 6' in ended.errors
    assert (ended.document["orders"], ended.document["fills"]) == (2, 2)  # the broker sells it
    assert (tmp_path / "out" / "orders.csv").is_file()


@pytest.mark.parametrize(
    ("ending", "code", "status"),
    [
        ("sys.exit(0)", 0, "bot_exited"),
        ("sys.exit('no money')", 3, "bot_failed"),
        ("import os; os._exit(7)", 3, "bot_failed"),
    ],
)
def test_a_bot_that_ends_itself(tmp_path: Path, ending: str, code: int, status: str) -> None:
    ended = run(tmp_path, f"import sys, time\ntime.sleep(1800)\n{ending}\n", "--launch", "once")
    assert (ended.code, ended.document["status"]) == (code, status)
    if code:
        assert ended.document["error"]


def test_what_ends_a_thread_is_told_and_the_bot_goes_on(tmp_path: Path) -> None:
    ended = run(
        tmp_path,
        "import threading, time, sys\n"
        "def fails(): time.sleep(1000); raise ValueError('boom')\n"
        "def leaves(): time.sleep(1200); sys.exit(5)\n"
        "threading.Thread(target=fails).start(); threading.Thread(target=leaves).start()\n"
        "time.sleep(3600); print(threading.active_count())\n",
        "--launch",
        "once",
    )
    assert (ended.code, ended.document["status"]) == (0, "bot_exited")
    [entry] = [one for one in ended.document["diagnosis"] if one["code"] == "bot_thread_failed"]
    assert (Path(entry["file"]).name, entry["line"]) == ("bot.py", 2)
    assert entry["first_time"].startswith("2024-01-08T09:16:40")
    assert ended.log.splitlines()[-1].endswith(" 1")


def test_a_bot_with_a_signal_handler_is_stopped_as_its_host_stops_it(tmp_path: Path) -> None:
    ended = run(
        tmp_path,
        "import signal, threading\n"
        "stop = threading.Event()\n"
        "signal.signal(signal.SIGTERM, lambda *_: stop.set())\n"
        "while not stop.wait(30): pass\n"
        "print('in order')\n",
    )
    assert (ended.code, ended.document["status"]) == (0, "completed")
    assert ended.log.endswith("in order\n")


@pytest.mark.parametrize(
    "options", [["--env", "nonsense"], ["--launch", "once", "--launch-at", "09:20"]]
)
def test_wrong_options_are_code_2_and_start_nothing(tmp_path: Path, options: list[str]) -> None:
    ended = run(tmp_path, "print('ran')\n", *options)
    assert ended.code == 2
    assert not ended.log


@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C is sent as a signal")
def test_ctrl_c_ends_the_bot_in_order_and_keeps_what_there_is(tmp_path: Path) -> None:
    (tmp_path / "bot.py").write_text(
        "import time\nfrom openalgo import api\nclient = api(api_key='x')\n"
        "print('ready', flush=True)\n"
        "try:\n"
        "    while True:\n"
        "        client.quotes(symbol='RELIANCE', exchange='NSE')\n"
        "        time.sleep(1e-3)\n"
        "finally: print('unwound')\n",
        encoding="utf-8",
    )
    process = subprocess.Popen(
        COMMAND, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    while "ready" not in (line := process.stderr.readline()):
        assert line, "it ended before it began"
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    document = json.loads(out)
    assert process.returncode in (4, 130)
    assert document["status"] == "limit"
    assert "interrupted" in document["error"]
    assert "unwound" in (tmp_path / "out" / "bot.log").read_text(encoding="utf-8")


def test_a_deadlock_is_shown_with_the_stack_of_every_thread(tmp_path: Path) -> None:
    stuck = Path(__file__).parents[1] / "bots" / "threads_stuck.py"
    ended = run(tmp_path, stuck.read_text(encoding="utf-8"))
    assert ended.document["launches"][0]["how"] == "deadlock"
    assert ended.document["stacks"].count("in take") >= 2


@pytest.mark.parametrize(
    ("bot", "option", "told"),
    [
        ("bot.py", ("--bounds",), "--bounds is for a bot that is called bar by bar"),
        ("grid", ("--launch", "once"), "--launch is for a script"),
        ("grid", ("--env", "A=1"), "--env is for a script"),
        ("grid", ("--", "x"), "ARGUMENTS behind '--' is for a script"),
    ],
)
def test_options_that_mean_nothing_here_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bot: str, option: tuple[str, ...], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bot.py").write_text("print('never')")
    refused = CliRunner().invoke(main, ["run", bot, *option])
    assert refused.exit_code == 2
    assert told in refused.output


def test_a_script_s_data_is_fetched_before_it_runs(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    openalgo_server: OpenAlgoTestServer,
) -> None:
    """The bot's own process has neither the key nor a network."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENALGO_API_KEY", KEY)
    (tmp_path / "bot.py").write_text(
        "import time\nfrom openalgo import api\ntime.sleep(3600)\n"
        "print(api(api_key='x').quotes(symbol='RELIANCE', exchange='NSE')['status'])\n"
    )
    call = ("run", "bot.py", "--data", "RELIANCE:NSE:1m", "--start", "2024-03-05", "-o", "out")
    more = ("--end", "2024-03-06", "--set", f"openalgo.base_url={openalgo_server.base_url}")
    ended = CliRunner().invoke(main, [*call, *more, "--fetch", "--json"])
    assert ended.exit_code == 0, ended.output
    assert "success" in (tmp_path / "out" / "bot.log").read_text()
    assert [asked.days for asked in openalgo_server.requests if asked.name == "history"] == [
        ("2024-03-05", "2024-03-06")
    ]
    assert not any(KEY in file.read_text(errors="replace") for file in Path("out").iterdir())


@pytest.mark.skipif(os.name != "posix", reason="a crash by a signal")
def test_a_bot_that_crashes_its_process_leaves_a_result_of_the_launches_before(
    tmp_path: Path,
) -> None:
    ended = run(
        tmp_path,
        "import ctypes, time\nfrom datetime import datetime\nfrom openalgo import api\n"
        "time.sleep(3600)\n"
        "if datetime.now().day == 9:\n    ctypes.string_at(0)\n"
        "api(api_key='x').placeorder(symbol='RELIANCE', exchange='NSE', action='BUY', quantity=1, "
        "product='CNC')\ntime.sleep(5)\n",
        "--end",
        "2024-01-10",
    )
    assert (ended.code, ended.document["status"]) == (4, "limit")
    assert (ended.document["orders"], ended.document["fills"]) == (1, 1)
    saved = json.loads((tmp_path / "out" / "result.json").read_text(encoding="utf-8"))
    assert saved["status"] == "cancelled"
