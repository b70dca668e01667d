"""Schedulers that bots bring along, as installed: their jobs run at the second, day after day."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.bots_time.playing import play_bot

DAY_NS = 86_400 * 10**9
OPENS = 1_704_166_200_000_000_000

needs_apscheduler = pytest.mark.skipif(
    find_spec("apscheduler") is None, reason="APScheduler is not installed"
)
needs_schedule = pytest.mark.skipif(
    find_spec("schedule") is None, reason="the package schedule is not installed"
)

JOBS = """
from market import say
scheduler.add_job(lambda: say("entry"), "cron", hour=9, minute=20)
scheduler.add_job(lambda: say("exit"), "cron", hour=15, minute=15)
scheduler.add_job(lambda: count.append(1), "interval", seconds=30)
count = []
"""
LOG = ["09:20:00.000 entry", "15:15:00.000 exit"] * 3


@needs_apscheduler
def test_a_background_scheduler(tmp_path: Path) -> None:
    played = play_bot(
        tmp_path,
        f"""
import time
from apscheduler.schedulers.background import BackgroundScheduler
scheduler = BackgroundScheduler(timezone="Asia/Kolkata")
{JOBS}
scheduler.start()
try:
    while True:
        time.sleep(1)
except (KeyboardInterrupt, SystemExit):
    scheduler.shutdown()
    print(len(count))
""",
        end=OPENS + 3 * DAY_NS,
    )
    assert played.lines == [*LOG, "8640"], played.errors
    assert (played.ending.how, played.errors) == ("completed", "")


@needs_apscheduler
def test_a_blocking_scheduler(tmp_path: Path) -> None:
    played = play_bot(
        tmp_path,
        f"""
from apscheduler.schedulers.blocking import BlockingScheduler
scheduler = BlockingScheduler()
{JOBS}
try:
    scheduler.start()
except (KeyboardInterrupt, SystemExit):
    print(len(count))
""",
        end=OPENS + 3 * DAY_NS,
    )
    assert played.lines == [*LOG, "8640"], played.errors
    assert played.ending.how == "completed"


@needs_apscheduler
def test_a_scheduler_in_an_event_loop(tmp_path: Path) -> None:
    played = play_bot(
        tmp_path,
        f"""
import asyncio
from apscheduler.schedulers.asyncio import AsyncIOScheduler
async def main():
    global count
    scheduler = AsyncIOScheduler(timezone="Asia/Kolkata")
    exec(JOBS, globals() | {{"scheduler": scheduler}})
    scheduler.start()
    while True:
        await asyncio.sleep(1000)
JOBS = {JOBS!r}
asyncio.run(main())
""",
        end=OPENS + 3 * DAY_NS,
    )
    assert played.lines == LOG, played.errors
    assert played.ending.how == "completed"


@needs_apscheduler
def test_a_job_that_takes_too_long_is_skipped_as_live(tmp_path: Path) -> None:
    played = play_bot(
        tmp_path,
        """
import logging, sys, time
from apscheduler.schedulers.background import BackgroundScheduler
from market import say
logging.basicConfig(stream=sys.stdout, level=logging.WARNING, format="%(message)s")
scheduler = BackgroundScheduler()
def job():
    say("begins")
    time.sleep(90)
scheduler.add_job(job, "interval", minutes=1)
scheduler.start()
time.sleep(250)
""",
    )
    begins = [line for line in played.lines if line.endswith("begins")]
    assert begins == ["09:01:00.000 begins", "09:03:00.000 begins"]
    assert sum("maximum number of running instances" in line for line in played.lines) == 2


@needs_schedule
def test_the_package_schedule(tmp_path: Path) -> None:
    played = play_bot(
        tmp_path,
        """
import time
import schedule
from market import say
schedule.every().day.at("09:20").do(say, "entry")
schedule.every().day.at("15:15").do(say, "exit")
schedule.every(30).seconds.do(lambda: count.append(1))
count = []
try:
    while True:
        schedule.run_pending()
        time.sleep(1)
except KeyboardInterrupt:
    print(len(count))
""",
        end=OPENS + 3 * DAY_NS,
    )
    assert played.lines == [*LOG, "8640"], played.errors
