"""What a bot prints, caught with the run's time and sent on in bundles."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from tapeback.bots import real
from tapeback.bots.isolation.messages import Lines

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

STDOUT, STDERR = 1, 2
_BUNDLE_BYTES = 32_768
_BUNDLE_SECONDS = 0.1
_LONGEST_LINE = 65_536


class Capture:
    """Collects lines of both streams; after `limit` bytes they are counted and dropped.

    `now` gives the run's instant, ns UTC. Any thread may write.
    """

    def __init__(self, send: Callable[[Lines], None], *, limit: int) -> None:
        self.now: Callable[[], int] = lambda: 0
        # Lines go out a few at a time; one by one where the process may end at any moment.
        self.bundling = True
        self._send = send
        self._left = limit
        self._dropped = 0
        self._told = 0
        self._lines: list[tuple[int, int, str]] = []
        self._size = 0
        self._sent_at = real.seconds()
        self._begun: dict[int, tuple[int, bytes]] = {}
        self._lock = real.allocate_lock()

    def install(self) -> None:
        """Put our streams in the place of the process's own."""
        for stream, name in ((STDOUT, "stdout"), (STDERR, "stderr")):
            text = io.TextIOWrapper(
                _Sink(self, stream, name), encoding="utf-8", errors="backslashreplace",
                newline="\n", line_buffering=True,
            )  # fmt: skip
            setattr(sys, name, text)
            setattr(sys, f"__{name}__", text)

    def write(self, stream: int, data: bytes) -> None:
        """Take some output; a line counts as said when its first character was."""
        with self._lock:
            if self._left <= 0:
                self._dropped += data.count(b"\n")
                return
            begun, before = self._begun.pop(stream, (0, b""))
            *lines, rest = (before + data).split(b"\n")
            now = self.now()
            for line in lines:
                self._keep(stream, begun or now, line)
                begun = 0
            while len(rest) > _LONGEST_LINE:
                self._keep(stream, begun or now, rest[:_LONGEST_LINE])
                rest = rest[_LONGEST_LINE:]
            if rest:
                self._begun[stream] = (begun or now, rest)
            late = real.seconds() - self._sent_at > _BUNDLE_SECONDS
            if late or self._size > _BUNDLE_BYTES or not self.bundling:
                self._pass_on()

    def flush(self) -> None:
        """Pass on what is whole."""
        with self._lock:
            self._pass_on()

    def finish(self) -> None:
        """Pass on everything, lines without an end too."""
        with self._lock:
            for stream, (begun, rest) in sorted(self._begun.items()):
                self._keep(stream, begun, rest)
            self._begun.clear()
            self._pass_on()

    def _keep(self, stream: int, at: int, line: bytes) -> None:
        self._left -= len(line) + 1
        if self._left < 0:
            self._left = 0
            self._dropped += 1
            return
        self._lines.append((stream, at, line.decode("utf-8", "replace")))
        self._size += len(line)

    def _pass_on(self) -> None:
        if self._lines or self._dropped != self._told:
            self._send(Lines(self._lines, self._dropped))
            self._lines, self._size, self._told = [], 0, self._dropped
        self._sent_at = real.seconds()


class _Sink(io.BufferedIOBase):
    """The bytes of a standard stream. It cannot be closed: bots wrap it and let the wrapper go."""

    def __init__(self, capture: Capture, stream: int, name: str) -> None:
        self._capture = capture
        self._stream = stream
        self.name = f"<{name}>"
        self.mode = "wb"

    def writable(self) -> bool:
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        taken = bytes(data)
        self._capture.write(self._stream, taken)
        return len(taken)

    def fileno(self) -> int:
        return self._stream

    def close(self) -> None:
        self._capture.flush()
