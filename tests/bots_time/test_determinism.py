"""Two runs of a bot are the same run, whatever the hash seed and the machine's own chance."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bots_time.playing import play_bot

THREADS = """
import os, queue, random, threading, time, uuid
from concurrent.futures import ThreadPoolExecutor
from market import on_tick, quote, say

work = queue.Queue(maxsize=3)
lock = threading.Lock()
names = {"alpha", "beta", "gamma", "delta"}  # their order follows the hash seed

def worker(name):
    while True:
        item = work.get()
        with lock:
            time.sleep(random.random())
            say(name, item, quote())
        work.task_done()

def tick(price):
    if price % 5 == 0:
        threading.Thread(target=work.put, args=((price, "exit"),)).start()

for name in sorted(names):
    threading.Thread(target=worker, args=(name,), daemon=True).start()
on_tick(tick)
pool = ThreadPoolExecutor(3)
for number in range(60):
    time.sleep(15)
    pool.submit(work.put, (number, uuid.uuid4().hex[:4]))
work.join()
pool.shutdown()
"""

CHANCE = """
import os, random, secrets, uuid
import numpy as np
print(random.random(), random.Random().random(), random.SystemRandom().random())
print(os.urandom(4).hex(), secrets.token_hex(4), uuid.uuid4(), str(uuid.uuid1())[:23])
print(np.random.rand(), np.random.default_rng().random(), np.random.RandomState().rand())
random.seed()
print(random.random())
"""


def test_threads_interleave_in_the_same_way_whatever_the_hash_seed(tmp_path: Path) -> None:
    runs = [play_bot(tmp_path, THREADS, hash_seed=seed) for seed in ("0", "1", "2", "random")]
    assert len(runs[0].lines) > 60, runs[0].errors
    assert len({run.output for run in runs}) == 1
    assert len({run.ending.switches for run in runs}) == 1
    assert len({run.ending.at for run in runs}) == 1


@pytest.mark.parametrize("modules", [[], ["numpy.random", "uuid"]])
def test_chance_is_the_runs_own(tmp_path: Path, modules: list[str]) -> None:
    first, again = (play_bot(tmp_path, CHANCE, imported_before=modules) for _ in range(2))
    other = play_bot(tmp_path, CHANCE, imported_before=modules, seed=8)
    assert first.output == again.output
    assert len(first.lines) == 4, first.errors
    for mine, others in zip(first.output.split(), other.output.split(), strict=True):
        if "-1" not in mine:  # uuid1 tells the time, not chance
            assert mine != others
