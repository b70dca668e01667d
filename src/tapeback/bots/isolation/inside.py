"""The inner side of a cell: takes its assignment from stdin, does it, tells of it on a pipe."""

from __future__ import annotations

import faulthandler
import os
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import msgspec

from tapeback.bots import real
from tapeback.bots.isolation.guard import Guard, OnRefusal
from tapeback.bots.isolation.limits import Usage, impose, lift_memory
from tapeback.bots.isolation.messages import (
    Assignment,
    Began,
    Failure,
    Progress,
    Result,
    Stopped,
    frame,
    read_body,
)
from tapeback.bots.isolation.output import Capture
from tapeback.bots.isolation.places import Places

_LOOK_SECONDS = 0.1
_LOOKS_PER_COUNT = 10
# A bot that is told to stop has so long before the process ends without its result.
UNWIND_SECONDS = 10.0
INTERRUPTED = "it was interrupted"


class Inside:
    """What an entry (`entry(cell, job)`) has of its cell.

    It calls `begin` right before the bot's first line and `finish` once, with its result.
    `exceeded` is to be asked from time to time whether the run must stop.
    """

    def __init__(self, assignment: Assignment, outbox: int) -> None:
        self.work = Path(assignment.work)
        self._outbox = outbox
        self._sending = real.allocate_lock()
        self._now: Callable[[], int] = lambda: 0
        self._why: str | None = None
        self._finished = False
        self._stopped_at: float | None = None
        self._told_at = 0
        self._usage = Usage(assignment.limits, assignment.root)
        self._capture = Capture(self._send, limit=int(assignment.limits.output_mb * (1 << 20)))
        places = Places(
            assignment.root,
            readable=assignment.readable,
            writable=assignment.writable,
            import_path=sys.path,
        )
        self._guard = Guard(places, assignment.permissions, assignment.root)
        self._send(Began(tuple(impose(assignment.limits))))
        self._capture.install()

    def begin(self, now: Callable[[], int], on_refusal: OnRefusal) -> None:
        """The bot begins: its output is stamped with `now` (ns UTC of the run), and what it must
        not do is refused and told."""
        self._now = self._capture.now = now
        self._guard.arm(on_refusal)

    def end(self) -> None:
        """The bot is done: what follows is ours."""
        self._guard.disarm()
        lift_memory()
        self._capture.bundling = False

    def exceeded(self) -> str | None:
        """Why the run must stop, as the end of "the run was stopped: …"; None while it need
        not."""
        return self._why

    def finish(self, result: bytes) -> None:
        """Hand the result over; what was printed goes before it."""
        self.end()
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        self._capture.finish()
        self._finished = True
        self._send(Result(result))

    # --- ours

    def fail(self, error: BaseException) -> None:
        """The entry raised."""
        self.end()
        self._capture.finish()
        text = f"{type(error).__name__}: {error}"
        self._send(Failure(text, "".join(traceback.format_exception(error))))

    def watch(self, inbox: int) -> None:
        """Look after the limits, and after the process outside."""
        real.start_new_thread(self._keep_house, ())
        real.start_new_thread(self._wait_for_the_end, (inbox,))

    def _wait_for_the_end(self, inbox: int) -> None:
        """Whoever started the cell closes the pipe to stop it, and so does their own end."""
        with suppress(OSError):
            while os.read(inbox, 64):
                pass
        self._why = self._why or INTERRUPTED

    def _keep_house(self) -> None:
        looks = 0
        while not self._finished:
            real.sleep(_LOOK_SECONDS)
            looks += 1
            with suppress(MemoryError):  # it is the bot that has taken it all
                self._capture.flush()
                if looks % _LOOKS_PER_COUNT == 0:
                    self._why = self._why or self._usage.exceeded()
                    self._tell_progress()
                if self._why is not None:
                    self._end_in_time(self._why)

    def _tell_progress(self) -> None:
        at = self._now()
        if at != self._told_at:
            self._told_at = at
            self._send(Progress(at))

    def _end_in_time(self, why: str) -> None:
        """The bot is told by `exceeded`; where that does not end it, the process ends."""
        self._stopped_at = self._stopped_at or real.seconds()
        if real.seconds() - self._stopped_at > UNWIND_SECONDS and not self._finished:
            self._capture.finish()
            self._send(Stopped(why))
            real.exit_process(1)

    def _send(self, message: msgspec.Struct) -> None:
        data = memoryview(frame(message))
        with self._sending:
            while data:
                try:
                    data = data[os.write(self._outbox, data) :]
                except OSError:  # nobody listens any more
                    real.exit_process(1)


def serve() -> None:
    """Do what stdin says, as the child process of a `Cell`. It does not come back where the entry
    leaves the process itself."""
    inbox, outbox = _private_streams()
    with os.fdopen(os.dup(inbox), "rb", buffering=0) as pipe:
        body = read_body(lambda size: pipe.read(size) or b"")
    if body is None:
        return
    assignment = msgspec.msgpack.decode(body, type=Assignment)
    os.chdir(assignment.work)
    os.environ.pop("PYTHONPATH", None)
    inside = Inside(assignment, outbox)
    inside.watch(inbox)
    faulthandler.enable(2)
    try:
        module, _, name = assignment.entry.partition(":")
        getattr(import_module(module), name)(inside, assignment.job)
    except BaseException as error:
        inside.fail(error)
        real.exit_process(1)
    real.exit_process(0)


def _private_streams() -> tuple[int, int]:
    """The pipes from and to the process outside, out of the bot's way: it reads nothing from
    stdin, and what it writes past Python to stdout goes where stderr goes."""
    inbox, outbox = os.dup(0), os.dup(1)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    os.dup2(2, 1)
    return inbox, outbox
