"""However a bot ends, or refuses to, its ending is written down with what led to it."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from tapeback.utils.clock import MINUTE_NS, to_ist
from tests.bots_time.playing import Played, play_bot

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="needs signals of POSIX")


def ended_at(played: Played) -> str:
    return to_ist(played.ending.at).strftime("%H:%M:%S")


# --- the data come to their end


def test_the_end_of_the_data_is_ctrl_c_and_everything_is_unwound(tmp_path: Path) -> None:
    played = play_bot(
        tmp_path,
        """
        import atexit, threading, time
        from market import buy, say
        atexit.register(say, "atexit")
        def worker():
            try:
                while True:
                    time.sleep(7)
            finally:
                say("worker's finally", buy())
        threading.Thread(target=worker, daemon=True).start()
        try:
            while True:
                time.sleep(60)
        except KeyboardInterrupt:
            say("stopping")
            time.sleep(5)
        finally:
            say("finally", buy())
        """,
    )
    assert played.lines == [
        "15:30:00.000 stopping",
        "15:30:05.500 finally refused",
        "15:30:05.500 atexit",
    ]
    assert (played.ending.how, played.ending.code) == ("completed", 0)
    assert played.errors == ""


def test_a_thread_is_unwound_and_its_finally_runs(tmp_path: Path) -> None:
    played = play_bot(
        tmp_path,
        """
        import queue, threading, time
        from market import say
        def waiter(name, wait):
            try:
                wait()
            finally:
                say(name)
        lock = threading.Lock()
        lock.acquire()
        waits = {
            "queue": queue.Queue().get, "event": threading.Event().wait, "lock": lock.acquire,
            "sleep": lambda: time.sleep(1e6), "join": threading.main_thread().join,
            "condition": threading.Barrier(2).wait, "simple": queue.SimpleQueue().get,
        }
        for name, wait in waits.items():
            threading.Thread(target=waiter, args=(name, wait), daemon=True).start()
        time.sleep(1)
        """,
    )
    # Whoever joins the main thread goes on when it ends; the others are unwound in their order.
    names = ["join", "queue", "event", "lock", "sleep", "condition", "simple"]
    assert played.lines == [f"09:00:01.000 {name}" for name in names]
    assert (played.ending.how, played.errors) == ("exited", "")


def test_a_bot_that_swallows_every_exception_still_ends(tmp_path: Path) -> None:
    played = play_bot(
        tmp_path,
        """
        import time
        while True:
            try:
                time.sleep(60)
                raise ValueError("bad tick")
            except Exception:
                pass
        """,
    )
    assert (played.ending.how, ended_at(played)) == ("completed", "15:30:00")


def test_a_bot_that_swallows_its_own_end_is_left_behind(tmp_path: Path) -> None:
    played = play_bot(
        tmp_path,
        """
        import threading, time
        def loop():
            while True:
                try:
                    time.sleep(60)
                except:
                    pass
        threading.Thread(target=loop).start()
        loop()
        """,
    )
    assert played.ending.how == "completed"
    # It had its two minutes of grace.
    assert ended_at(played) == "15:32:00"
    assert played.codes == ["bot_ignores_its_end"]
    assert played.ending.notices[0].line == 6


def test_threads_that_swallow_their_end_do_not_keep_the_run_alive(tmp_path: Path) -> None:
    played = play_bot(
        tmp_path,
        """
        import threading, time
        from market import quote
        def sleeps():
            while True:
                try:
                    time.sleep(60)
                except:
                    pass
        def calls():
            while True:
                try:
                    quote()
                except:
                    pass
        def spins():
            while True:
                try:
                    while True:
                        pass
                except:
                    pass
        for loop in (sleeps, calls, spins):
            threading.Thread(target=loop, daemon=True).start()
        time.sleep(10)
        print("main ends")
        """,
    )
    assert played.output == "main ends\n"
    assert (played.ending.how, ended_at(played)) == ("exited", "09:00:10")


@posix_only
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_the_handler_that_stops_a_bot_live_stops_it_here(tmp_path: Path, name: str) -> None:
    played = play_bot(
        tmp_path,
        f"""
        import signal, time
        from market import say
        running = True
        def stop(signum, frame):
            global running
            say("stop", signal.Signals(signum).name)
            running = False
        signal.signal(signal.{name}, stop)
        while running:
            time.sleep(35)
        say("left the loop")
        """,
    )
    # The handler does not cut the sleep short that it came into.
    assert played.lines == [f"15:30:00.000 stop {name}", "15:30:15.000 left the loop"]
    assert played.ending.how == "completed"


@posix_only
def test_an_asyncio_bot_is_cancelled(tmp_path: Path) -> None:
    played = play_bot(
        tmp_path,
        """
        import asyncio
        from market import say
        async def main():
            try:
                while True:
                    await asyncio.sleep(7)
            except asyncio.CancelledError:
                say("cancelled")
                await asyncio.sleep(1)
                raise
            finally:
                say("finally")
        asyncio.run(main())
        """,
    )
    assert played.lines == ["15:30:00.000 cancelled", "15:30:01.000 finally"]
    assert (played.ending.how, played.errors) == ("completed", "")


@posix_only
def test_a_signal_handler_of_an_event_loop_is_called(tmp_path: Path) -> None:
    played = play_bot(
        tmp_path,
        """
        import asyncio, signal
        from market import say
        async def main():
            stop = asyncio.Event()
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
            await stop.wait()
            say("stopped")
        asyncio.run(main())
        """,
    )
    assert played.lines == ["15:30:00.000 stopped"]
    # Nobody listened, so that nothing could happen before the end of the data.
    assert played.ending.how == "deadlock"


def test_a_lock_that_is_given_to_an_interrupted_thread_is_passed_on(tmp_path: Path) -> None:
    played = play_bot(
        tmp_path,
        """
        import _thread, threading, time
        from market import say
        lock = threading.Lock()
        def holder():
            with lock:
                time.sleep(1)
            _thread.interrupt_main()
        def next_one():
            time.sleep(0.5)
            with lock:
                say("passed on")
        threading.Thread(target=holder).start()
        threading.Thread(target=next_one).start()
        try:
            lock.acquire()
        except KeyboardInterrupt:
            say("interrupted")
        """,
    )
    assert played.lines == ["09:00:01.000 interrupted", "09:00:01.000 passed on"]


def test_joins_and_shutdowns_have_time_after_the_data(tmp_path: Path) -> None:
    played = play_bot(
        tmp_path,
        """
        import threading, time
        from concurrent.futures import ThreadPoolExecutor
        from market import say
        stop = threading.Event()
        def worker():
            while not stop.is_set():
                time.sleep(3)
            say("worker done")
        thread = threading.Thread(target=worker)
        thread.start()
        pool = ThreadPoolExecutor(1)
        pool.submit(time.sleep, 6.5 * 3600 + 10)
        try:
            while thread.is_alive():
                time.sleep(60)
        except KeyboardInterrupt:
            stop.set()
            thread.join(timeout=5)
            say("joined", thread.is_alive())
            pool.shutdown(wait=True)
            say("pool shut down")
        """,
    )
    assert played.lines == [
        "15:30:03.000 worker done",
        "15:30:03.000 joined False",
        "15:30:10.000 pool shut down",
    ]
    assert played.errors == ""


def test_an_error_while_stopping_is_noted_and_the_run_is_complete(tmp_path: Path) -> None:
    played = play_bot(
        tmp_path,
        """
        import time
        try:
            while True:
                time.sleep(60)
        finally:
            {}["position"]
        """,
    )
    assert played.ending.how == "completed"
    assert played.codes == ["bot_fails_while_ending"]
    assert "KeyError: 'position'" in played.errors
    assert played.ending.notices[0].line == 7


def test_the_main_program_may_end_before_its_threads(tmp_path: Path) -> None:
    played = play_bot(
        tmp_path,
        """
        import atexit, threading, time
        from market import say
        atexit.register(say, "atexit")
        def worker():
            try:
                while True:
                    time.sleep(60)
            finally:
                say("worker's finally")
        threading.Thread(target=worker).start()
        say("main ends")
        """,
    )
    # Live, Ctrl-C ends the wait for the worker; atexit runs, then the worker is gone.
    assert played.lines == [
        "09:00:00.000 main ends",
        "15:30:00.000 atexit",
        "15:30:00.000 worker's finally",
    ]
    assert (played.ending.how, played.ending.code) == ("completed", 0)


@pytest.mark.parametrize("how", ["import os; os._exit(0)", "raise SystemExit", "1 / 0"])
def test_files_that_the_bot_left_open_are_written(tmp_path: Path, how: str) -> None:
    play_bot(
        tmp_path,
        f"""
        ledger = open("trades.csv", "w")
        ledger.write("SBIN,BUY,1")
        {how}
        """,
    )
    # Live, os._exit is the one way out that loses what was not flushed; here nothing is lost.
    assert (tmp_path / "trades.csv").read_text(encoding="utf-8") == "SBIN,BUY,1"


def test_pools_and_loops_that_nobody_shut_down_end_quietly(tmp_path: Path) -> None:
    played = play_bot(
        tmp_path,
        """
        import asyncio, threading, time
        from concurrent.futures import ThreadPoolExecutor
        async def forever():
            while True:
                await asyncio.sleep(1)
        loop = asyncio.new_event_loop()
        threading.Thread(target=loop.run_forever, daemon=True).start()
        asyncio.run_coroutine_threadsafe(forever(), loop)
        threading.Thread(target=asyncio.run, args=(forever(),)).start()
        pool = ThreadPoolExecutor(2)
        pool.submit(time.sleep, 1e6)
        pool.submit(time.sleep, 1)
        """,
    )
    assert (played.ending.how, played.errors, played.codes) == ("completed", "", [])


# --- the bot ends by itself


@pytest.mark.parametrize(
    ("statement", "code", "errors"),
    [
        ("sys.exit()", 0, ""),
        ("sys.exit(3)", 3, ""),
        ("exit(1)", 1, ""),
        ("sys.exit('no API key')", 1, "no API key\n"),
        ("os._exit(4)", 4, ""),
        ("pass", 0, ""),
        pytest.param(
            "os.kill(os.getpid(), signal.SIGTERM)", 128 + signal.SIGTERM, "", marks=posix_only
        ),
    ],
)
def test_leaving(tmp_path: Path, statement: str, code: int, errors: str) -> None:
    played = play_bot(
        tmp_path, f"import os, signal, sys, time\nprint('begun')\ntime.sleep(60)\n{statement}\n"
    )
    assert (played.ending.how, played.ending.code) == ("exited", code)
    assert (played.output, played.errors) == ("begun\n", errors)
    assert ended_at(played) == "09:01:00"


def test_an_uncaught_exception_says_where(tmp_path: Path) -> None:
    played = play_bot(
        tmp_path,
        """
        import time
        def on_bar(response):
            return response["order_id"]
        time.sleep(90)
        on_bar({})
        """,
    )
    ending = played.ending
    assert (ending.how, ending.code, ending.error) == ("raised", 1, "KeyError: 'order_id'")
    assert (Path(ending.file or "").name, ending.line) == ("bot.py", 4)
    # As Python shows it: the bot's frames and no others.
    assert ending.traceback == played.errors
    assert played.errors.count("File ") == 2
    assert ended_at(played) == "09:01:30"


def test_a_syntax_error_says_where(tmp_path: Path) -> None:
    played = play_bot(tmp_path, "import time\nif True\n    pass\n")
    assert (played.ending.how, played.ending.line) == ("raised", 2)
    assert "SyntaxError" in played.errors


def test_sys_exit_in_a_thread_ends_the_thread_alone(tmp_path: Path) -> None:
    played = play_bot(
        tmp_path,
        """
        import sys, threading, time
        threading.Thread(target=sys.exit, args=(5,)).start()
        time.sleep(1)
        print("main goes on")
        """,
    )
    assert (played.output, played.errors) == ("main goes on\n", "")
    assert (played.ending.how, played.ending.code, played.codes) == ("exited", 0, [])


# --- nothing goes on


def test_two_locks_in_opposite_order_are_reported_with_every_stack(tmp_path: Path) -> None:
    played = play_bot(
        tmp_path,
        """
        import threading, time
        book, cash = threading.Lock(), threading.Lock()
        def settle():
            with book:
                time.sleep(1)
                with cash:
                    pass
        thread = threading.Thread(target=settle, name="settler")
        thread.start()
        with cash:
            time.sleep(1)
            with book:
                pass
        """,
    )
    ending = played.ending
    assert (ending.how, ending.code) == ("deadlock", 0)
    [notice] = ending.notices
    assert notice.code == "bot_stuck"
    assert to_ist(notice.first_time).strftime("%H:%M:%S") == "09:00:01"
    assert notice.line == 13
    assert ending.stacks is not None
    main, settler = ending.stacks.split("\n\n")
    assert main.startswith("MainThread:")
    assert "line 13" in main
    assert settler.startswith("settler:")
    assert "line 7, in settle" in settler


def test_waiting_for_what_never_comes_ends_with_the_data(tmp_path: Path) -> None:
    played = play_bot(
        tmp_path,
        """
        import threading
        from market import say
        try:
            threading.Event().wait()
        finally:
            say("finally")
        """,
    )
    assert played.lines == ["15:30:00.000 finally"]
    assert played.ending.how == "deadlock"


def test_waiting_for_ticks_until_the_last_one_is_no_deadlock(tmp_path: Path) -> None:
    played = play_bot(
        tmp_path,
        """
        import threading
        from market import on_tick, say
        seen = []
        on_tick(seen.append)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            say(len(seen), "ticks")
        """,
    )
    assert played.lines == ["15:30:00.000 390 ticks"]
    assert (played.ending.how, played.codes) == ("completed", [])


# --- limits


@pytest.mark.parametrize("thread", ["main()", "threading.Thread(target=main).start()"])
def test_computing_for_ever_is_stopped_with_its_line(tmp_path: Path, thread: str) -> None:
    played = play_bot(
        tmp_path,
        f"""
        import itertools, threading
        print("begun", flush=True)
        def main():
            for number in itertools.count():
                number * number
        {thread}
        """,
        stall_seconds=0.5,
    )
    ending = played.ending
    assert ending.how == "limit"
    assert ending.error is not None
    assert "neither waited" in ending.error
    assert (Path(ending.file or "").name, ending.line in (5, 6)) == ("bot.py", True)
    assert "in main" in (ending.stacks or "")
    assert played.output == "begun\n"


def test_a_run_that_takes_too_long_is_unwound(tmp_path: Path) -> None:
    played = play_bot(
        tmp_path,
        """
        import time
        try:
            while True:
                time.sleep(1e-6)
        finally:
            print("finally")
        """,
        wall_seconds=0.5,
    )
    assert played.ending.how == "limit"
    assert played.ending.error == "it ran for more than 0.5 seconds"
    assert played.output == "finally\n"


def test_a_tape_that_fails_is_not_the_bots_failure(tmp_path: Path) -> None:
    played = play_bot(
        tmp_path,
        """
        import time
        while True:
            try:
                time.sleep(100)
            except BaseException:
                print("the bot cannot catch this")
        """,
        broken=True,
    )
    assert (played.ending.how, played.ending.code) == ("broken", 1)
    assert played.ending.error == "ValueError: a bar without a price"
    assert "advance" in (played.ending.traceback or "")
    assert played.output == ""
    assert played.ending.at % MINUTE_NS == 0
