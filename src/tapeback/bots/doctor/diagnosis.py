"""What a run noticed about its bot: what, when first, how often, in which line, what to do."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType

import msgspec

from tapeback.bots.doctor.remarks import CODES, SEVERITIES, Remark
from tapeback.bots.ending import Notice
from tapeback.utils.clock import to_ist


class Entry(msgspec.Struct, kw_only=True):
    """One thing at one place; `first_time` in ns UTC of the run. `count` is 0 and `first_time` None
    for what stands in the source and did not happen in the run."""

    code: str
    message: str
    remedy: str
    count: int = 0
    first_time: int | None = None
    file: str | None = None
    line: int | None = None

    def to_dict(self) -> dict[str, object]:
        """JSON-able; `first_time` in Indian time."""
        first = None if self.first_time is None else to_ist(self.first_time).isoformat()
        return {
            "code": self.code,
            "count": self.count,
            "first_time": first,
            "file": self.file,
            "line": self.line,
            "message": self.message,
            "remedy": self.remedy,
        }


class Diagnosis:
    """Counts what a runner tells it: the same code at the same line is one entry. `folder` is the
    bot's, whose files are named."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder.resolve()) + os.sep
        self._found: dict[tuple[str, str | None, int | None], Entry] = {}

    def note(
        self,
        code: str,
        message: str,
        at: int,
        *,
        frame: FrameType | None = None,
        remedy: str | None = None,
    ) -> None:
        """Count something at the run's instant `at` (ns UTC), at the bot's line that `frame` has
        come from. The first message and remedy stay."""
        file, line = self._place(frame)
        self.add(Entry(
            code=code, message=message, remedy=CODES[code].remedy if remedy is None else remedy,
            count=1, first_time=at, file=file, line=line,
        ))  # fmt: skip

    def add(self, entry: Entry) -> None:
        """Count an entry of another launch, or of another source."""
        known = self._found.setdefault((entry.code, entry.file, entry.line), entry)
        if known is entry:
            return
        known.count += entry.count
        times = [t for t in (known.first_time, entry.first_time) if t is not None]
        known.first_time = min(times, default=None)

    def add_notices(self, notices: Iterable[Notice]) -> None:
        """Take over what virtual time has noticed of a launch."""
        for notice in notices:
            self.add(Entry(
                code=notice.code, message=notice.message, remedy=CODES[notice.code].remedy,
                count=notice.count, first_time=notice.first_time,
                file=notice.file, line=notice.line,
            ))  # fmt: skip

    def add_remarks(self, remarks: Iterable[Remark], file: str) -> None:
        """Take over what the bot's source shows, but for plain notes. What the run met in the same
        line under the same code is one entry with it."""
        for one in remarks:
            if one.severity != "note":
                self.add(Entry(
                    code=one.code, message=one.message, remedy=one.remedy,
                    file=file, line=one.line,
                ))  # fmt: skip

    def entries(self, to_source: Callable[[str], str] = lambda file: file) -> list[Entry]:
        """Everything, what happened before what did not, the gravest first, then by time.
        `to_source` gives the user's own path of a file."""
        for entry in self._found.values():
            if entry.file is not None:
                entry.file = to_source(entry.file)
        return sorted(
            self._found.values(),
            key=lambda entry: (
                entry.first_time is None,
                SEVERITIES.index(CODES[entry.code].severity),
                entry.first_time or 0,
                entry.line or 0,
            ),
        )

    def _place(self, frame: FrameType | None) -> tuple[str | None, int | None]:
        while frame is not None:
            if frame.f_code.co_filename.startswith(self._folder):
                return frame.f_code.co_filename, frame.f_lineno
            frame = frame.f_back
        return None, None
