"""Entries that tests run in cells: a script alone, and a script in virtual time."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from types import FrameType

from tapeback.bots.ending import Ending
from tapeback.bots.isolation import inside
from tapeback.bots.isolation.inside import Inside
from tapeback.bots.isolation.web import Answer, OpenAlgoPlaces, answer_requests
from tapeback.bots.runtime import BotRun, play
from tapeback.bots.scheduler import NEVER
from tapeback.utils.clock import to_ns

MORNING = to_ns(datetime(2024, 1, 2, 9, 15))
EVENING = to_ns(datetime(2024, 1, 2, 15, 30))


class NoMarket:
    """A tape on which nothing ever happens."""

    def next_instant(self) -> int:
        return NEVER

    def advance(self, ts: int) -> None:
        pass

    def settle(self, ts: int) -> None:
        pass


def run_plain(cell: Inside, job: bytes) -> None:
    """Execute a script, without virtual time; the result is what was refused and what it raised."""
    script = Path(json.loads(job)["script"])
    refusals: list[list[object]] = []

    def on_refusal(code: str, what: str, frame: FrameType) -> None:
        refusals.append([code, what, Path(frame.f_code.co_filename).name, frame.f_lineno])

    code = compile(script.read_text(encoding="utf-8"), str(script), "exec")
    error = None
    sys.path.insert(0, str(script.parent))
    cell.begin(lambda: MORNING, on_refusal)
    try:
        exec(code, {"__name__": "__main__", "__file__": str(script)})
    except BaseException as raised:
        error = f"{type(raised).__name__}: {raised}"
    cell.finish(json.dumps({"refusals": refusals, "error": error}).encode())


def run_virtual(cell: Inside, job: bytes) -> None:
    """Play a script in virtual time; the result is how it ended."""
    script = Path(json.loads(job)["script"])

    def on_end(ending: Ending) -> None:
        cell.end()
        cell.finish(json.dumps(asdict(ending)).encode())

    def prepare(run: BotRun) -> None:
        cell.begin(run.now, run.notices.add)

    play(
        script, [], NoMarket(), start=MORNING, end=EVENING, seed=1,
        on_end=on_end, prepare=prepare, exceeded=cell.exceeded,
    )  # fmt: skip


def run_with_broker(cell: Inside, job: bytes) -> None:
    """Execute a script whose requests to OpenAlgo are answered with what was asked."""

    def answer(method: str, url: str, headers: object, body: bytes) -> Answer:
        echo = {"method": method, "url": url, "asked": json.loads(body or b"null")}
        return Answer(200, {"Content-Type": "application/json"}, json.dumps(echo).encode())

    answer_requests(answer, OpenAlgoPlaces(["http://algo.example:7000"]))
    run_plain(cell, job)


def raise_at_once(cell: Inside, job: bytes) -> None:
    raise ValueError("no such tape")


def say_nonsense(cell: Inside, job: bytes) -> None:
    import os

    os.write(cell._outbox, b"\x00\x00\x00\x04oops")


def run_impatiently(cell: Inside, job: bytes) -> None:
    """As `run_plain`, but the cell waits hardly at all for a bot that does not end."""
    inside.UNWIND_SECONDS = 0.2
    run_plain(cell, job)


def run_and_fail_after_it(cell: Inside, job: bytes) -> None:
    """Play a script; what is ours breaks when it has ended."""

    def on_end(ending: Ending) -> None:
        cell.end()
        raise ValueError("a result that cannot be written")

    play(
        Path(json.loads(job)["script"]), [], NoMarket(), start=MORNING, end=EVENING, seed=1,
        on_end=on_end, prepare=lambda run: cell.begin(run.now, run.notices.add),
    )  # fmt: skip
