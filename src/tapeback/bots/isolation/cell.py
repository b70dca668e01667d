"""One child process for one launch of a bot, watched from outside."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import IO, Literal

import msgspec

from tapeback.bots.isolation.confinement import PROGRAM, confined
from tapeback.bots.isolation.environment import scrubbed_environment
from tapeback.bots.isolation.inside import INTERRUPTED, UNWIND_SECONDS
from tapeback.bots.isolation.limits import Limits
from tapeback.bots.isolation.log import BotLog
from tapeback.bots.isolation.messages import (
    Assignment,
    Began,
    Failure,
    Lines,
    Message,
    Permissions,
    Progress,
    Result,
    Stopped,
    frame,
    read_messages,
)
from tapeback.bots.isolation.scratch import Scratch
from tapeback.utils.clock import SECOND_NS
from tapeback.utils.wall_clock import SystemClock, WallClock

Confinement = Literal["process", "strict"]
How = Literal["finished", "failed", "limit", "died", "interrupted"]
_LOOK_SECONDS = 0.2
# What is written past Python's streams is kept up to here; its end goes into the outcome.
_STRAY_BYTES = 1 << 20
_STRAY_TAIL = 4_000
# How signals of limits, and those that need an explanation, read to a user.
_LIMIT_SIGNALS = {"SIGXCPU": "it took too much CPU time", "SIGXFSZ": "it wrote too large a file"}
_EXPLAINED = {
    "SIGKILL": "killed, by hand or by the system for want of memory",
    "SIGSEGV": "a library in it crashed (segmentation fault)",
    "SIGABRT": "a library in it gave up (abort)",
}


class CellOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a cell ended.

    finished: its entry handed over `result`. failed: the entry raised (`why`, `traceback`). limit:
    it was stopped, `why` says by what; died: the process is gone, `why` says how. interrupted:
    Ctrl-C. In the last three there may be a `result` or not. `at` is how far the run was as far as
    it is known, ns UTC; `stray` the end of what went past Python's own streams, a crash's stacks
    among it; `dropped` the lines of output beyond the limit; `notes` the limits that cannot be had
    here.
    """

    how: How
    result: bytes | None = None
    why: str = ""
    traceback: str = ""
    status: int | None = None
    at: int = 0
    stray: str = ""
    dropped: int = 0
    notes: tuple[str, ...] = ()


class Cell:
    """Starts entries in processes of their own, in a scratch folder that they share.

    `environment` is what the user passes on to the bot; `readable` and `writable` are files and
    folders besides the scratch folder that the run needs, and that a bot may then use, too.
    """

    def __init__(
        self,
        scratch: Scratch,
        *,
        limits: Limits | None = None,
        permissions: Permissions | None = None,
        confinement: Confinement = "process",
        environment: Mapping[str, str] | None = None,
        exchange: str = "NSE",
        readable: Iterable[str] = (),
        writable: Iterable[str] = (),
        clock: WallClock | None = None,
        program: str = PROGRAM,
    ) -> None:
        self._scratch = scratch
        self._limits = limits or Limits()
        self._permissions = permissions or Permissions()
        self._confinement = confinement
        self._environment = dict(environment or {})
        self._exchange = exchange
        self._readable = tuple(readable)
        self._writable = tuple(writable)
        self._clock = clock or SystemClock()
        self._program = program

    def run(
        self,
        entry: str,
        job: bytes,
        *,
        log: BotLog,
        on_progress: Callable[[int], None] = lambda _: None,
    ) -> CellOutcome:
        """Call `entry` (`module:function`) with an `Inside` and `job` in a fresh interpreter, and
        wait for it.

        Whatever the process does, an outcome comes back. Raises ConfigError where strict
        confinement was asked for and cannot be had.
        """
        scratch = self._scratch
        assignment = Assignment(
            entry=entry,
            job=job,
            work=str(scratch.work),
            root=str(scratch.root),
            limits=self._limits,
            permissions=self._permissions,
            readable=self._readable,
            writable=self._writable,
        )
        process = self._start()
        watch = _Watch(
            process,
            self._limits,
            self._clock,
            log,
            on_progress,
            by_shell=self._confinement == "strict",
        )
        return watch.until_end(frame(assignment))

    def _start(self) -> subprocess.Popen[bytes]:
        scratch = self._scratch
        command = [sys.executable, "-P", "-m", "tapeback.bots.isolation"]
        if self._confinement == "strict":
            command = confined(
                command,
                root=str(scratch.root),
                work=str(scratch.work),
                readable=self._readable,
                writable=self._writable,
                network=self._permissions.network,
                program=self._program,
            )
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd=scratch.work,
            env=scrubbed_environment(
                home=str(scratch.home),
                temporary=str(scratch.temporary),
                strategy=scratch.script.stem,
                own=self._environment,
                exchange=self._exchange,
            ),
            # Ctrl-C is for us: the bot's end is told to it in order.
            start_new_session=os.name == "posix",
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )


class _Watch:
    """Takes what a process says until it is gone."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        limits: Limits,
        clock: WallClock,
        log: BotLog,
        on_progress: Callable[[int], None],
        *,
        by_shell: bool,
    ) -> None:
        self._process = process
        self._by_shell = by_shell  # whether signals are told as a shell tells them: 128 and more
        self._limits = limits
        self._clock = clock
        self._log = log
        self._on_progress = on_progress
        self._inbox: queue.SimpleQueue[Message | str | None] = queue.SimpleQueue()
        self._stray = bytearray()
        self._stray_lost = False
        self._result: bytes | None = None
        self._failure: Failure | None = None
        self._why = ""
        self._interrupted = False
        self._told_at: int | None = None
        self._at = self._dropped = 0
        self._notes: tuple[str, ...] = ()

    def until_end(self, assignment: bytes) -> CellOutcome:
        """Hand the assignment over, and take everything up to the end of the process."""
        messages, errors = self._process.stdout, self._process.stderr
        assert messages is not None
        assert errors is not None
        begun = self._clock.now()
        reader = threading.Thread(target=self._read, args=(messages,), daemon=True)
        stray = threading.Thread(target=self._read_stray, args=(errors,), daemon=True)
        reader.start()
        stray.start()
        try:
            self._hand_over(assignment)
            self._take_all(begun)
        finally:
            self._end(reader, stray)
        return self._outcome()

    def _hand_over(self, assignment: bytes) -> None:
        pipe = self._process.stdin
        assert pipe is not None
        with suppress(OSError):  # it is gone already
            view = memoryview(assignment)
            while view:
                view = view[pipe.write(view) or 0 :]

    def _take_all(self, begun: int) -> None:
        """Up to the end of what the cell says, or of its time."""
        ended = False
        while not ended:
            try:
                ended = self._take_next(begun)
            except KeyboardInterrupt:
                self._interrupted = True

    def _take_next(self, begun: int) -> bool:
        """Take a message or wait a little for one; whether there is nothing more to wait for."""
        with suppress(queue.Empty):
            message = self._inbox.get(timeout=_LOOK_SECONDS)
            if message is None:
                return True
            self._take(message)
        now = self._clock.now()
        # The cell stops itself in order; this is for one that no longer can.
        wall = self._limits.wall_seconds
        if wall is not None and now - begun > (wall + 2 * UNWIND_SECONDS) * SECOND_NS:
            self._why = self._why or f"it ran for more than {wall:g} seconds"
        if not (self._interrupted or self._why):
            return False
        if self._told_at is None:
            self._told_at = now
            self._tell_to_stop()
        return now - self._told_at > 2 * UNWIND_SECONDS * SECOND_NS

    def _tell_to_stop(self) -> None:
        with suppress(OSError):
            assert self._process.stdin is not None
            self._process.stdin.close()

    def _take(self, message: Message | str) -> None:
        match message:
            case Lines():
                for _, at, text in message.lines:
                    self._log.write(at, text)
                self._log.flush()
                self._dropped = message.dropped
                if message.lines:
                    self._reach(message.lines[-1][1])
            case Progress():
                self._reach(message.at)
            case Began():
                self._notes = message.notes
            case Result():
                self._result = message.body
            case Failure():
                self._failure = message
            case Stopped():
                if message.why != INTERRUPTED:
                    self._why = self._why or message.why
            case str():
                self._failure = Failure(message, "")

    def _reach(self, at: int) -> None:
        if at > self._at:
            self._at = at
            self._on_progress(at)

    # --- the threads that read

    def _read(self, pipe: IO[bytes]) -> None:
        try:
            for message in read_messages(pipe.read):
                self._inbox.put(message)
        except (ValueError, msgspec.MsgspecError) as error:
            self._inbox.put(f"what the cell said cannot be understood: {error}")
        finally:
            self._inbox.put(None)

    def _read_stray(self, pipe: IO[bytes]) -> None:
        with suppress(OSError, ValueError):
            while data := pipe.read(65_536):
                self._stray += data
                if len(self._stray) > _STRAY_BYTES:
                    self._stray_lost = True
                    del self._stray[: -_STRAY_BYTES // 2]

    # --- the end

    def _end(self, *readers: threading.Thread) -> None:
        """No process of the cell goes on, and every line is written."""
        if self._failure is None and not self._why and not self._interrupted:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=UNWIND_SECONDS)
        _kill(self._process)
        self._process.wait()
        for reader in readers:
            reader.join(timeout=UNWIND_SECONDS)
        with suppress(queue.Empty):
            while True:
                message = self._inbox.get_nowait()
                if message is not None:
                    self._take(message)
        self._tell_to_stop()
        for pipe in (self._process.stdout, self._process.stderr):
            with suppress(OSError):
                assert pipe is not None
                pipe.close()
        for line in self._stray_text().splitlines():
            self._log.write(0, line)
        self._log.flush()

    def _stray_text(self) -> str:
        text = bytes(self._stray).decode("utf-8", "replace")
        return f"… {text}" if self._stray_lost else text

    def _outcome(self) -> CellOutcome:
        status = self._process.returncode
        how, why = self._how(_signal_name(status, self._by_shell), status)
        return CellOutcome(
            how=how,
            result=self._result,
            why=why,
            traceback=self._failure.traceback if self._failure is not None else "",
            status=status,
            at=self._at,
            stray=self._stray_text()[-_STRAY_TAIL:],
            dropped=self._dropped,
            notes=self._notes,
        )

    def _how(self, signal_name: str, status: int) -> tuple[How, str]:
        if self._interrupted:
            return "interrupted", INTERRUPTED
        if self._why:
            return "limit", self._why
        if self._result is not None:
            return "finished", ""
        if self._failure is not None:
            return "failed", self._failure.error
        if signal_name in _LIMIT_SIGNALS:
            return "limit", _LIMIT_SIGNALS[signal_name]
        if signal_name:
            return "died", _EXPLAINED.get(signal_name, f"ended by the signal {signal_name}")
        return "died", f"it left with status {status}, past everything that Python does at an end"


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and whatever it has started."""
    if os.name == "posix":
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()


def _signal_name(status: int, by_shell: bool) -> str:
    """The signal that ended a process; empty for none."""
    number = status - 128 if by_shell else -status
    with suppress(ValueError):
        return signal.Signals(number).name if number > 0 else ""
    return ""
