#!/usr/bin/env python3
"""Measures what a bot's waits, looks at the clock and hand-overs between threads cost in virtual
time: `python benchmarks/virtual_time.py [IDIOM ...]`, each in a process of its own.

A call is one turn of an empty loop that calls an empty bound method, see measure.py. Of a `sleep`
the design allows 20 at most, the stepping of the market included.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from benchmarks.generate import REPO
from benchmarks.measure import call_seconds
from tapeback.bots import real
from tapeback.bots.ending import Ending
from tapeback.bots.runtime import ENVIRONMENT, BotRun, play
from tapeback.bots.tasks import NEVER
from tapeback.utils.clock import DAY_NS, MINUTE_NS

START = 1_704_166_200_000_000_000
# name: (how often, before the loop, one turn of it)
IDIOMS = {
    "sleep(15), one thread": (200_000, "", "sleep(15)"),
    "sleep(15), a tick a minute": (100_000, "listen()", "sleep(15)"),
    "quote() with 50 ms, sleep(15)": (100_000, "", "quote(); sleep(15)"),
    "time.time(), sleep(1)": (100_000, "", "time.time(); sleep(1)"),
    "datetime.now(), sleep(1)": (100_000, "", "datetime.now(); sleep(1)"),
    "with lock": (100_000, "lock = threading.Lock()", "\n    with lock: sleep(0.001)"),
    "queue put and get": (50_000, "box = queue.Queue()", "box.put(1); box.get()"),
    "event.wait(1)": (20_000, "event = threading.Event()", "event.wait(1)"),
    "sleep(1) in two threads, each": (20_000, "twice()", "sleep(1)"),
    "hand-over to a thread and back": (5_000, "echo()", "there.put(1); back.get()"),
    "thread start and join": (
        2_000,
        "",
        "thread = threading.Thread(target=int); thread.start(); thread.join()",
    ),
}
BOT = """
import queue, threading, time
from datetime import datetime
from time import sleep
from benchmark import begin, end, listen, quote

there, back = queue.SimpleQueue(), queue.SimpleQueue()

def twice():
    def also():
        while True:
            sleep(1)
    threading.Thread(target=also, daemon=True).start()

def echo():
    def answers():
        while True:
            back.put(there.get())
    threading.Thread(target=answers, daemon=True).start()

{before}
sleep(0.5)
begin()
for _ in range({times}):
    {turn}
end()
"""


class Ticks:
    """A price every minute, noticed by whoever listens."""

    def __init__(self) -> None:
        self.played = START
        self.listened = False
        self.price = 0

    def next_instant(self) -> int:
        return self.played - self.played % MINUTE_NS + MINUTE_NS if self.listened else NEVER

    def advance(self, ts: int) -> None:
        self.price = ts // MINUTE_NS
        self.played = ts

    def settle(self, ts: int) -> None:
        pass


def measured(name: str) -> None:
    """Play one idiom in this process; a line of JSON on stdout."""
    times, before, turn = IDIOMS[name]
    tape = Ticks()
    marks: list[float] = []

    def mark() -> None:
        marks.append(real.cpu_seconds())

    def prepare(run: BotRun) -> None:
        def quote() -> int:
            run.checkpoint(50_000_000)
            return tape.price

        def listen() -> None:
            tape.listened = True
            run.changed()

        module = ModuleType("benchmark")
        vars(module).update(begin=mark, end=mark, listen=listen, quote=quote)
        sys.modules["benchmark"] = module

    def on_end(ending: Ending) -> None:
        if ending.how != "exited":
            raise RuntimeError(f"{name}: {ending}")
        unit = (unit_before + call_seconds()) / 2
        seconds = (marks[1] - marks[0]) / times
        print(json.dumps({"name": name, "seconds": seconds, "calls": seconds / unit}))

    with TemporaryDirectory() as folder:
        script = Path(folder) / "bot.py"
        script.write_text(BOT.format(times=times, before=before, turn=turn), encoding="utf-8")
        unit_before = call_seconds()
        end = START + 3650 * DAY_NS
        play(script, [], tape, start=START, end=end, seed=1, on_end=on_end, prepare=prepare)


def main(names: list[str]) -> None:
    print(f"{'idiom':34}{'µs':>10}{'calls':>10}")
    for name in names or IDIOMS:
        run = subprocess.run(
            [sys.executable, __file__, "--measure", name],
            env={**ENVIRONMENT, "PYTHONPATH": str(REPO / "src")},
            capture_output=True,
            text=True,
            check=True,
        )
        found = json.loads(run.stdout)
        print(f"{name:34}{found['seconds'] * 1e6:>10.2f}{found['calls']:>10.1f}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measured(sys.argv[2])
    else:
        main(sys.argv[1:])
