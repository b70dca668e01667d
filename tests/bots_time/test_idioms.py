"""Every way in which bots wait, look at the clock and use threads, in virtual time.

Each file of `idioms/` is a bot, a line of `=====` and the log that a reader would write down for
it by hand: times are those of the run, and no step takes longer or shorter than it was asked to.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.bots_time.playing import play_bot

IDIOMS = Path(__file__).with_name("idioms")
# These ask for clocks, signals or a zone of the process that Windows does not have.
POSIX_ONLY = {"clocks", "datetimes", "select_and_sched", "signals"}


@pytest.mark.parametrize("name", sorted(path.stem for path in IDIOMS.glob("*.txt")))
def test_idiom(tmp_path: Path, name: str) -> None:
    if sys.platform == "win32" and name in POSIX_ONLY:
        pytest.skip("needs what POSIX systems offer")
    bot, _, log = (IDIOMS / f"{name}.txt").read_text(encoding="utf-8").partition("=====\n")

    played = play_bot(tmp_path, bot)

    assert played.output == log, played.errors
    assert played.ending.how in ("exited", "completed")


@pytest.mark.parametrize(
    ("name", "modules"),
    [
        ("pandas_now", ["pandas"]),
        ("thread_pool", ["concurrent.futures.thread"]),
        ("select_and_sched", ["sched", "selectors"]),
        ("logging_lines", ["logging.handlers"]),
    ],
)
def test_modules_that_were_imported_before_the_run_see_its_time_too(
    tmp_path: Path, name: str, modules: list[str]
) -> None:
    bot, _, log = (IDIOMS / f"{name}.txt").read_text(encoding="utf-8").partition("=====\n")

    played = play_bot(tmp_path, bot, imported_before=modules)

    assert played.output == log, played.errors


def test_an_error_in_a_thread_is_told_and_noted(tmp_path: Path) -> None:
    played = play_bot(
        tmp_path,
        """
        import threading
        def fails():
            raise ValueError("no such symbol")
        threading.Thread(target=fails, name="worker").start()
        """,
    )
    assert "Exception in thread worker" in played.errors
    assert "ValueError: no such symbol" in played.errors
    [notice] = played.ending.notices
    assert notice.code == "bot_thread_failed"
    assert (Path(notice.file or "").name, notice.line) == ("bot.py", 4)


def test_closed_hours_are_jumped_over(tmp_path: Path) -> None:
    day = 86_400 * 10**9
    opens = 1_704_166_200_000_000_000
    played = play_bot(
        tmp_path,
        """
        import time
        from datetime import datetime
        for _ in range(365):
            time.sleep(86_400)
        print(datetime.now())
        """,
        start=opens,
        end=opens + 400 * day,
    )
    assert played.output == "2025-01-01 09:00:00\n"
    assert played.ending.switches == 0


def test_arguments_reach_the_bot(tmp_path: Path) -> None:
    played = play_bot(
        tmp_path,
        """
        import sys
        print(sys.argv[1:], __name__, __file__ == sys.argv[0])
        """,
        arguments=["--symbol", "SBIN"],
    )
    assert played.output == "['--symbol', 'SBIN'] __main__ True\n"


def test_another_process_takes_no_time_of_the_run(tmp_path: Path) -> None:
    played = play_bot(
        tmp_path,
        """
        import subprocess, sys, time
        from market import say
        sleeps = [sys.executable, "-c", "import time; time.sleep(0.3); print('done')"]
        run = subprocess.run(sleeps, capture_output=True, text=True, timeout=60)
        say(run.stdout.strip())
        process = subprocess.Popen(sleeps, stdout=subprocess.DEVNULL)
        say(process.wait(timeout=60))
        try:
            subprocess.run([*sleeps[:2], "import time; time.sleep(60)"], timeout=0.05)
        except subprocess.TimeoutExpired:
            say("timed out")
        time.sleep(1)
        say("later")
        """,
    )
    at = "09:00:00.000"
    assert played.lines == [f"{at} done", f"{at} 0", f"{at} timed out", "09:00:01.000 later"]


def test_a_foreign_thread_may_use_the_bots_locks_and_queues(tmp_path: Path) -> None:
    """One that a library's C code made: nobody schedules it, it waits in real time."""
    played = play_bot(
        tmp_path,
        """
        import queue, threading, time
        from market import real
        lock, box, told = threading.Lock(), queue.SimpleQueue(), real.allocate_lock()
        told.acquire()
        def foreign():
            with lock:
                box.put("from outside")
            time.sleep(0.001)
            told.release()
        with lock:
            real.start_new_thread(foreign, ())
            real.sleep(0.05)
        told.acquire()
        print(box.get(timeout=1))
        """,
    )
    assert played.output == "from outside\n"
    assert played.ending.how == "exited"
