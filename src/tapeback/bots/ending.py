"""How a run of a script ended, and what was noticed on the way."""

from __future__ import annotations

import os
import sys
import threading
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import Literal

from tapeback.bots.scheduler import Scheduler

How = Literal["completed", "exited", "raised", "limit", "deadlock", "broken"]
_OWN_FOLDER = os.path.dirname(__file__)
_THREADING = threading.__file__


@dataclass
class Notice:
    """Something about the bot that its user should know; `first_time` in ns UTC of the run."""

    code: str
    message: str
    first_time: int
    file: str | None = None
    line: int | None = None
    count: int = 1


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How it ended, at the run's instant `at` (ns UTC).

    completed: the data ran to their end. exited: the bot ended before, with `code`. raised: by an
    exception. limit: it was stopped (`error` says why). deadlock: from some instant on nothing
    could happen any more. broken: the tape failed, not the bot.
    """

    how: How
    at: int
    code: int = 0
    error: str | None = None
    file: str | None = None
    line: int | None = None
    traceback: str | None = None
    stacks: str | None = None
    notices: list[Notice] = field(default_factory=list)
    switches: int = 0


class Notices:
    """Collects notices; the same code at the same line is one notice that counts."""

    def __init__(self, scheduler: Scheduler, folder: Path) -> None:
        self._scheduler = scheduler
        self.folder = str(folder.resolve()) + os.sep
        self._found: dict[tuple[str, str | None, int | None], Notice] = {}

    def add(self, code: str, message: str, frame: FrameType | None = None) -> None:
        """Note something at the bot's line that `frame` (default: the caller) has come from."""
        file, line = self.place(frame or sys._getframe(1))
        self.add_at(code, message, file, line)

    def add_at(self, code: str, message: str, file: str | None, line: int | None) -> None:
        """Note something at a line."""
        notice = self._found.get((code, file, line))
        if notice is None:
            now = self._scheduler.clock.now
            self._found[code, file, line] = Notice(code, message, now, file, line)
        else:
            notice.count += 1

    def all(self) -> list[Notice]:
        """Everything noticed, the earliest first."""
        return list(self._found.values())

    def place(self, frame: FrameType | None) -> tuple[str | None, int | None]:
        """File and line in the bot's own folder, of the innermost such frame."""
        while frame is not None:
            if frame.f_code.co_filename.startswith(self.folder):
                return frame.f_code.co_filename, frame.f_lineno
            frame = frame.f_back
        return None, None

    def place_of_error(self, error: BaseException) -> tuple[str | None, int | None]:
        """File and line in the bot's own folder where an exception came from."""
        if isinstance(error, SyntaxError):
            return error.filename, error.lineno
        found: tuple[str | None, int | None] = (None, None)
        step = error.__traceback__
        while step is not None:
            if step.tb_frame.f_code.co_filename.startswith(self.folder):
                found = step.tb_frame.f_code.co_filename, step.tb_lineno
            step = step.tb_next
        return found


def bot_traceback(trace: TracebackType | None) -> TracebackType | None:
    """The traceback without the frames that started the bot."""
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_OWN_FOLDER):
        trace = trace.tb_next
    return trace


def thread_stacks(scheduler: Scheduler) -> str:
    """Where every thread of the bot stands, as text."""
    frames = sys._current_frames()
    texts = []
    for task in list(scheduler.tasks):
        thread = threading._active.get(task.ident)  # type: ignore[attr-defined]
        name = thread.name if thread is not None else f"thread {task.ident}"
        stack = traceback.extract_stack(frames.get(task.ident))
        own = [entry.filename.startswith(_OWN_FOLDER) for entry in stack]
        first = own.index(True) if True in own else -1
        bots = [entry for i, entry in enumerate(stack) if i > first and not own[i]]
        while len(bots) > 1 and bots[0].filename == _THREADING:
            del bots[0]
        texts.append(f"{name}:\n{''.join(traceback.format_list(bots))}")
    return "\n".join(texts)
