"""`tapeback run`: what it prints, writes and exits with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import Result

from tests.cli.conftest import DATA, write_bars

Call = Callable[..., Result]
Spawn = Callable[..., "subprocess.CompletedProcess[bytes]"]
FILES = {
    "result.json",
    "manifest.json",
    "trades.csv",
    "orders.csv",
    "fills.csv",
    "equity.csv",
    "daily.csv",
    "postings.csv",
    "tax.csv",
}


def document(run: Result) -> dict:
    return json.loads(run.stdout)


def test_a_run_is_summed_up_with_the_labels_that_users_rely_on(
    folder: Path, tapeback_: Call
) -> None:
    run = tapeback_("run", "swing.py:Swing", *DATA)

    assert run.exit_code == 0, run.output
    for label in (
        "Total Return:",
        "Annualized Return:",
        "Max Drawdown:",
        "Sharpe Ratio:",
        "Total Trades:",
        "Win Rate:",
        "Profit Factor:",
        "Run ID:",
    ):
        assert sum(line.startswith(label) for line in run.stdout.splitlines()) == 1, label
    assert list(folder.glob("**/*.json")) == []


def test_the_files_go_into_a_folder_made_for_them(folder: Path, tapeback_: Call) -> None:
    run = tapeback_("run", "swing.py", *DATA, "-o", "runs/first")

    assert run.exit_code == 0, run.output
    assert {path.name for path in (folder / "runs" / "first").iterdir()} == FILES
    for name in FILES:
        assert f"Saved: {Path('runs', 'first', name)}" in run.stdout


def test_a_second_run_into_the_same_folder_replaces_the_first(
    folder: Path, tapeback_: Call
) -> None:
    for end in ("2024-06-04", "2024-06-03"):
        assert tapeback_("run", "swing.py", *DATA, "--end", end, "-o", "out").exit_code == 0

    assert len((folder / "out" / "daily.csv").read_text(encoding="utf-8").splitlines()) == 2
    assert {path.name for path in (folder / "out").iterdir()} == FILES


def test_json_is_the_document_of_the_result(folder: Path, tapeback_: Call) -> None:
    run = tapeback_("run", "swing.py", *DATA, "--json", "-o", "out")

    assert run.exit_code == 0, run.output
    told = document(run)
    assert told == json.loads((folder / "out" / "result.json").read_bytes())
    assert (told["symbol"], told["exchange"], told["timeframe"]) == ("RELIANCE", "NSE", "1m")
    assert told["strategy_state"] == {"bars": 750}
    assert len(told["fills"]) == told["metrics"]["executions"] > 0


def test_stdout_holds_the_document_alone_however_a_bot_prints(
    write_bot: Callable[..., str], spawn: Spawn
) -> None:
    bot = write_bot(
        "import os, sys; print('plain'); sys.stdout.write('direct\\n'); "
        "sys.__stdout__.write('original\\n'); os.system('echo child') if self.bars == 1 else None"
    )

    run = spawn("run", bot, *DATA, "--json")

    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["status"] == "completed"
    for text in (b"plain", b"direct", b"original", b"child"):
        assert text in run.stderr


def test_two_identical_runs_write_the_same_bytes_but_for_run(spawn: Spawn, folder: Path) -> None:
    for seed, name in (("1", "a"), ("2", "b")):
        done = spawn("run", "swing.py", *DATA, "-o", name, PYTHONHASHSEED=seed)
        assert done.returncode == 0, done.stderr

    for name in sorted(FILES):
        one, other = ((folder / run / name).read_bytes() for run in ("a", "b"))
        assert one.partition(b'"run":')[0] == other.partition(b'"run":')[0], name


def test_named_options_say_which_data(folder: Path, tapeback_: Call) -> None:
    run = tapeback_(
        "run",
        "swing.py",
        "--data",
        "bars.csv",
        "--symbol",
        "INFY",
        "--symbol",
        "tcs",
        "--exchange",
        "BSE",
        "--timeframe",
        "5m",
        "--start",
        "2024-06-04",
        "--json",
    )

    told = document(run)
    assert (told["symbol"], told["exchange"], told["timeframe"]) == ("TCS", "BSE", "5m")
    assert [day["date"] for day in told["daily"]] == ["2024-06-04"]


def test_several_series_run_on_one_account(folder: Path, tapeback_: Call) -> None:
    write_bars(folder / "more.csv")

    run = tapeback_("run", "swing.py", *DATA, "--data", "INFY:NSE:1m=more.csv", "--json")

    assert [origin["series"] for origin in document(run)["origins"]] == [
        "RELIANCE:NSE:1m",
        "INFY:NSE:1m",
    ]


def test_settings_are_set_and_the_last_value_wins(folder: Path, tapeback_: Call) -> None:
    cash = [f"--set=backtest.initial_cash={amount}" for amount in (5_000, 250_000)]

    told = document(tapeback_("run", "swing.py", *DATA, *cash, "--json"))

    assert told["metrics"]["initial_capital"] == 250_000


def test_a_file_of_settings_is_used(folder: Path, tapeback_: Call) -> None:
    (folder / "mine.yaml").write_text(
        "data: {symbol: RELIANCE, timeframe: 1m, files: [bars.csv]}\n"
        "backtest: {initial_cash: 70000}\n",
        encoding="utf-8",
    )

    told = document(tapeback_("run", "swing.py", "-c", "mine.yaml", "--json"))

    assert told["metrics"]["initial_capital"] == 70_000


def test_synthetic_data_runs_and_is_marked_everywhere(folder: Path, tapeback_: Call) -> None:
    arguments = ("--data", "RELIANCE:NSE:15m=synthetic", "--start", "2024-01-01")
    run = tapeback_("run", "swing.py", *arguments, "--end", "2024-01-31", "-o", "out")

    assert run.exit_code == 0, run.output
    assert "SYNTHETIC DATA" in run.stdout
    for name in FILES:
        assert "synthetic" in (folder / "out" / name).read_text(encoding="utf-8")


def test_bounds_give_the_interval_of_the_net_result(folder: Path, tapeback_: Call) -> None:
    told = document(tapeback_("run", "swing.py", *DATA, "--bounds", "--json"))

    bounds = told["bounds"]
    assert bounds["adverse"] <= told["metrics"]["net_pnl"] <= bounds["favourable"]


def test_progress_is_told_in_tenths_where_there_is_no_terminal(
    folder: Path, tapeback_: Call
) -> None:
    lines = [
        line for line in tapeback_("run", "swing.py", *DATA).stderr.splitlines() if "%" in line
    ]

    assert lines[-1] == "100 % (750 of 750 bars)"
    assert len(lines) == len(set(lines)) <= 11


def test_verbose_logs_in_detail(folder: Path, spawn: Spawn) -> None:
    (folder / "talker.py").write_text(
        "import logging\n"
        "from tapeback import BaseStrategy\n"
        "class Talker(BaseStrategy):\n"
        "    def on_bar(self, candle):\n"
        "        logging.getLogger('tapeback.talker').debug('in detail')\n",
        encoding="utf-8",
    )

    quiet, loud = (spawn("run", "talker.py", *DATA, *more) for more in ((), ("-v",)))

    assert quiet.returncode == loud.returncode == 0
    assert b"in detail" not in quiet.stderr + quiet.stdout + loud.stdout
    assert b"in detail" in loud.stderr


def test_ctrl_c_keeps_what_was_computed(
    folder: Path, write_bot: Callable[..., str], tapeback_: Call
) -> None:
    bot = write_bot("if self.bars == 600: raise KeyboardInterrupt")

    run = tapeback_("run", bot, *DATA, "-o", "out")

    assert run.exit_code == 130
    assert "CANCELLED after" in run.stdout
    saved = json.loads((folder / "out" / "result.json").read_bytes())
    assert saved["status"] == "cancelled"
    assert saved["processed_candles"] < 750
    assert len(saved["trades"]) > 5


def test_ctrl_c_before_the_first_bar_is_told_as_such(folder: Path, tapeback_: Call) -> None:
    (folder / "slow.py").write_text(
        "from tapeback import BaseStrategy\nclass Slow(BaseStrategy): ...\n"
        "raise KeyboardInterrupt\n",
        encoding="utf-8",
    )

    run = tapeback_("run", "slow.py:Slow", *DATA, "-o", "out", "--json")

    assert run.exit_code == 130
    assert document(run)["error"]["code"] == "interrupted"
    assert list((folder / "out").iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
def test_a_bar_is_shown_on_a_terminal_and_stdout_stays_clean(
    write_bot: Callable[..., str],
) -> None:
    bot = write_bot("print('seen') if self.bars == 1 else None")
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "tapeback", "run", bot, *DATA, "--json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=theirs, env={**os.environ, "TERM": "xterm"}
    ) as process:
        os.close(theirs)
        assert process.stdout is not None
        out = process.stdout.read()
    shown = b""
    with suppress(OSError):
        while more := os.read(ours, 4096):
            shown += more
    os.close(ours)

    assert process.returncode == 0, shown
    assert json.loads(out)["status"] == "completed"
    assert "━".encode() in shown
    assert b"seen" in shown


def test_defect_13_a_bot_that_raises_ends_the_run_and_shows_where(
    folder: Path, write_bot: Callable[..., str], tapeback_: Call
) -> None:
    bot = write_bot("if self.bars == 600: raise ValueError('no such level')")

    run = tapeback_("run", bot, *DATA, "-o", "out")

    assert run.exit_code == 1
    assert 'other.py", line' in run.stderr
    assert "error: the strategy raised in on_bar at 2024-06-04 13:00:00" in run.stderr
    assert "ValueError: no such level" in run.stderr
    saved = json.loads((folder / "out" / "result.json").read_bytes())
    assert saved["status"] == "failed"
    assert len(saved["faults"]) == 1


def test_with_json_a_bot_that_raises_gives_its_partial_result_and_the_error(
    write_bot: Callable[..., str], tapeback_: Call
) -> None:
    bot = write_bot("if self.bars == 600: raise ValueError('no such level')")

    run = tapeback_("run", bot, *DATA, "--json")

    assert run.exit_code == 1
    told = document(run)
    assert told["error"]["code"] == "strategy_failed"
    assert "no such level" in told["error"]["traceback"]
    assert told["status"] == "failed"
    assert len(told["trades"]) > 5


@pytest.mark.parametrize(
    ("arguments", "exit_code", "code", "text"),
    [
        (("swing.py", "--data", "gone.csv"), 3, "data_not_found", "gone.csv"),
        (("swing.py",), 3, "data_not_found", "--data"),
        (("gone.py:Swing", *DATA), 4, "strategy_not_found", "gone.py"),
        (("nobody", *DATA), 4, "strategy_not_found", "'nobody'"),
        (("swing.py", *DATA, "--exchange", "BSE"), 2, "config", "--exchange BSE: drop one"),
        (
            ("swing.py", "--data", "bars.csv", "--exchange", "NSEE"),
            2,
            "config",
            "--exchange: must be one of",
        ),
        (("swing.py", *DATA, "--start", "soon"), 2, "config", "--start: must be a date"),
        (("swing.py", *DATA, "--set", "a.b=1"), 2, "config", "--set a"),
        (("swing.py", "--data", "A:B=x.csv"), 2, "config", "--data 'A:B=x.csv'"),
        (("swing.py", *DATA, "--data", "synthetic"), 2, "config", "give --data once"),
        (("swing.py", *DATA, "-o", "bars.csv"), 5, "output", "bars.csv"),
        (("swing.py", *DATA, "-c", "gone.yaml"), 2, "config", "gone.yaml"),
        (("swing.py", *DATA, "--nonsense"), 2, "usage", "--nonsense"),
    ],
)
def test_errors_are_told_without_a_traceback_and_with_their_code(
    folder: Path,
    tapeback_: Call,
    arguments: tuple[str, ...],
    exit_code: int,
    code: str,
    text: str,
) -> None:
    plain, as_json = (tapeback_("run", *arguments, *more) for more in ((), ("--json",)))

    assert plain.exit_code == as_json.exit_code == exit_code
    assert plain.stdout == ""
    assert "rror: " in plain.stderr
    assert text in plain.stderr
    assert "Traceback" not in plain.stderr + as_json.stderr
    error = document(as_json)["error"]
    assert (error["code"], error["exit_code"]) == (code, exit_code)
    assert text in error["message"]


def test_all_that_is_wrong_with_the_settings_is_told_at_once(folder: Path, tapeback_: Call) -> None:
    run = tapeback_("run", "swing.py", *DATA, "--set", "backtest.initial_cash=-1", "--end", "x")

    assert run.exit_code == 2
    for line in ("error: --set backtest.initial_cash: must be", "error: --end: must be a date"):
        assert sum(told.startswith(line) for told in run.stderr.splitlines()) == 1, line


def test_a_folder_that_cannot_be_written_is_found_out_before_the_run(
    write_bot: Callable[..., str], tapeback_: Call
) -> None:
    bot = write_bot("raise SystemError('the run began')")

    run = tapeback_("run", bot, *DATA, "-o", "bars.csv/out")

    assert run.exit_code == 5
    assert "the run began" not in run.stderr


def test_a_console_without_the_rupee_sign_does_not_crash(folder: Path, spawn: Spawn) -> None:
    run = spawn("run", "swing.py", *DATA, PYTHONIOENCODING="cp1252", PYTHONUTF8="0")

    assert run.returncode == 0, run.stderr
    assert b"Total Return: " in run.stdout
    assert b"Rs " in run.stdout


def test_colours_are_for_terminals(folder: Path, tapeback_: Call) -> None:
    assert "\x1b[" not in tapeback_("run", "swing.py", *DATA).output
