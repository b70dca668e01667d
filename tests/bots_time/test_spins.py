"""Loops that wait without waiting: time passes for them, the same on every run, on any thread."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bots_time.playing import play_bot

SPINS = {
    "the clock": "while datetime.now() < until: pass",
    "the time of day": "while time.time() < until.timestamp(): pass",
    "a plain flag": "while not flag: pass",
    "a list": "while len(flag) == 0: pass",
    "an event": "while not event.is_set(): pass",
    "an empty queue": "while box.empty(): pass",
    "a lock": "while not lock.acquire(blocking=False): pass",
    "a thread": "while thread.is_alive(): pass",
    "no time": "while not flag: time.sleep(0)",
    "a future": "while not future.done(): pass",
    "nested": "while True:\n    while not flag: pass\n    else: break",
}


SPINNING_BOT = """
import queue, threading, time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

flag, event, box, lock = [], threading.Event(), queue.Queue(), threading.Lock()

def happens():
    lock.acquire()
    time.sleep(60)
    flag.append(1)
    event.set()
    box.put(1)
    lock.release()

def measured(name, waits):
    until = datetime.now() + timedelta(seconds=60)
    thread = threading.Thread(target=happens)
    thread.start()
    future = ThreadPoolExecutor(1).submit(time.sleep, 60)
    waits(until, thread, future)
    late = (datetime.now() - until).total_seconds()
    print(name, "in time" if 0 <= late <= 0.5 else late)
    thread.join()
    flag.clear()
    event.clear()
    box.get()
    if lock.locked():
        lock.release()

def on_a_thread():
    thread = threading.Thread(target=main)
    thread.start()
    thread.join()

def main():
"""


@pytest.mark.parametrize("call", ["main()", "on_a_thread()"])
def test_a_spin_ends_soon_after_what_it_waits_for(tmp_path: Path, call: str) -> None:
    source = SPINNING_BOT
    for name, spin in SPINS.items():
        body = spin.replace("\n", "\n        ")
        source += f"""
    def waits(until, thread, future):
        {body}
    measured({name!r}, waits)
"""
    source += f"\n{call}\n"

    played = play_bot(tmp_path, source)

    assert played.lines == [f"{name} in time" for name in SPINS], played.errors
    assert set(played.codes) == {"bot_spins"}
    if call == "main()":
        assert play_bot(tmp_path, source, hash_seed="5").ending == played.ending


def test_work_that_looks_at_the_clock_often_costs_little_time(tmp_path: Path) -> None:
    """Two thousand stamped lines at one instant are work, not waiting."""
    played = play_bot(
        tmp_path,
        """
        import time
        from datetime import datetime
        begun = time.time()
        for _ in range(2000):
            datetime.now()
        print(0 < time.time() - begun < 0.05)
        """,
    )
    assert played.output == "True\n"


def test_a_loop_that_only_looks_at_a_flag_goes_on_at_that_instant(tmp_path: Path) -> None:
    played = play_bot(
        tmp_path,
        """
        import threading, time
        from market import on_tick, say
        class Bot:
            ltp = None
            @property
            def late(self):
                return time.time() >= self.until
        bot = Bot()
        def tick(price):
            bot.ltp = price
        on_tick(tick)
        while bot.ltp is None: pass
        say("tick", bot.ltp)
        while bot.ltp < 300:
            continue
        say("tick", bot.ltp)
        bot.until = time.time() + 90
        while not bot.late: pass
        say("a property that looks at the clock")
        """,
    )
    assert played.lines[:2] == ["09:01:00.000 tick 1", "14:00:00.000 tick 300"]
    assert played.lines[2].startswith("14:01:30.")


def test_a_flag_that_nobody_sets_is_reported(tmp_path: Path) -> None:
    played = play_bot(tmp_path, "flag = False\nwhile not flag:\n    pass\n")
    assert played.ending.how == "deadlock"
    assert [(notice.code, notice.line) for notice in played.ending.notices] == [("bot_stuck", 2)]


def test_turns_of_a_computing_loop_cost_no_time(tmp_path: Path) -> None:
    played = play_bot(
        tmp_path,
        """
        from datetime import datetime
        number = 0
        while number < 19_000:
            number += 1
        print(datetime.now().time())
        """,
    )
    assert played.output == "09:00:00\n"
    assert played.codes == []
