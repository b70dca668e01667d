#!/usr/bin/env python3
"""Measures scripts end to end: `python benchmarks/scripts.py [NAME ...]`, each a run of its own
over made-up 1-minute bars, in a process of its own as `tapeback run my_bot.py` makes it.

CPU seconds are those of the bot's process and of ours that watches it, without the start of a
run that does nothing. What a single call costs the script times itself, in CPU time of its process.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from tapeback.bots.isolation.launches import launch_rule
from tapeback.models.config import AppConfig
from tapeback.runner.scripts import Script, run_script

HEAD = """
import time
from datetime import datetime
from openalgo import api
client = api(api_key="x")
RELIANCE = {"symbol": "RELIANCE", "exchange": "NSE"}
"""
# The stand-in of the clock leaves `os` alone: what the process really used.
MEASURED = (
    HEAD
    + """
import os
def cpu():
    used = os.times()
    return used.user + used.system
def measured(name, times, call):
    begun = cpu()
    for _ in range(times):
        call()
    print(f"= {name} {(cpu() - begun) / times * 1e6:.2f}")
time.sleep(1800)
"""
)
SLEEPS = (
    MEASURED
    + """
def nothing():
    pass
measured("an empty call", 5_000_000, nothing)
measured("sleep(0.01)", 800_000, lambda: time.sleep(0.01))
measured("sleep(0.1), a bar each 600", 100_000, lambda: time.sleep(0.1))
"""
)
HISTORY = (
    MEASURED
    + """
from datetime import timedelta
day = datetime.now()
asked = dict(**RELIANCE, interval="1m", start_date=(day - timedelta(days=8)).strftime("%Y-%m-%d"),
             end_date=day.strftime("%Y-%m-%d"))
before = dict(asked, end_date=(day - timedelta(days=1)).strftime("%Y-%m-%d"))
print(len(client.history(**before)), "closed", len(client.history(**asked)), "with the forming")
measured("history, closed", 20_000, lambda: client.history(**before))
def moved():
    time.sleep(0.05)
    client.history(**asked)
measured("history, forming", 20_000, moved)
measured("quotes", 50_000, lambda: client.quotes(**RELIANCE))
"""
)
POLLER = (
    HEAD
    + """
polls, last = 0, ""
while True:
    now = datetime.now()
    clock = now.strftime("%H:%M")
    if {open}:
        polls += 1
        quote = client.quotes(**RELIANCE)
        if clock != last:
            last = clock
            day = now.strftime("%Y-%m-%d")
            frame = client.history(**RELIANCE, interval="1m", start_date=day, end_date=day)
    time.sleep(15)
"""
)
ORDERS = (
    MEASURED
    + """
def order():
    client.placeorder(**RELIANCE, action="BUY", quantity=1, product="CNC", price_type="LIMIT",
                      price=2300.0)
for _ in range(10):
    measured("placeorder", 2_000, order)
    measured("orderstatus", 1_000, lambda: client.orderstatus(order_id="24010800000001"))
"""
)
IN_HOURS = '"09:15" <= clock < "15:30" and now.weekday() < 5'
YEAR = {"start": "2024-01-01", "end": "2024-12-31"}
DAY = {"start": "2024-01-08", "end": "2024-01-08"}
# name: (script, dates, launches)
RUNS: dict[str, tuple[str, dict[str, str], str]] = {
    "nothing": ("", DAY, "once"),
    "nothing, a year": ("", YEAR, "once"),
    "sleeps": (SLEEPS, DAY, "once"),
    "history": (HISTORY, DAY, "once"),
    "a year of polls, one loop": (POLLER.replace("{open}", IN_HOURS), YEAR, "once"),
    "a year of polls, daily": (POLLER.replace("{open}", "True"), YEAR, "daily"),
    "20,000 orders": (ORDERS, DAY, "once"),
}


def cpu() -> float:
    """CPU seconds of this process and of those that it has waited for."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def played(text: str, dates: dict[str, str], mode: Any, tell: Callable[[str], object]) -> float:
    """Run a script, tell what it measured; its CPU seconds."""
    data = {"symbol": "RELIANCE", "exchange": "NSE", "timeframe": "1m", "use_synthetic": True}
    with TemporaryDirectory() as folder:
        path = Path(folder, "bot", "bot.py")
        path.parent.mkdir()
        path.write_text(text, encoding="utf-8")
        rule = launch_rule(mode, *(("09:15", "15:30") if mode == "daily" else ()))
        begun = cpu()
        outcome = run_script(
            Script(path=path, rule=rule),
            AppConfig.model_validate({"data": {**data, **dates}}),
            folder=Path(folder, "out"),
            root=Path(folder),
        )
        used = cpu() - begun
        for line in Path(folder, "out", "bot.log").read_text(encoding="utf-8").splitlines():
            if found := re.search(r"= (.+) ([\d.]+)$", line):
                tell(f"    {found[1]:32}{float(found[2]):>10.2f} µs")
        launches, orders = len(outcome.launches), outcome.report.orders
        tell(f"    {outcome.status}, {launches} launches, {orders} orders")
    return used


def main(names: list[str]) -> None:
    for name in names or RUNS:
        print(name, flush=True)
        print(f"    CPU {played(*RUNS[name], print):.1f} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
