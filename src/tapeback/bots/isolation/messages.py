"""What a cell and the process around it tell each other: frames of MessagePack on a pipe.

Nothing that comes out of a cell is ever executed or unpickled.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

import msgspec

from tapeback.bots.isolation.limits import Limits

_LENGTH = struct.Struct(">I")
_LARGEST = 1 << 30


class Permissions(msgspec.Struct, frozen=True, kw_only=True):
    """What a bot may do beyond computing and using its own folder."""

    network: bool = False
    processes: bool = False


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """What a cell is to do: call `entry` (`module:function`) with itself and `job`."""

    entry: str
    job: bytes
    work: str
    root: str
    limits: Limits
    permissions: Permissions
    readable: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()


class Began(msgspec.Struct, tag="began"):
    """The cell is up; `notes` say which limits cannot be had here."""

    notes: tuple[str, ...] = ()


class Lines(msgspec.Struct, tag="lines"):
    """Lines of output: 1 or 2 for stdout or stderr, ns UTC of the run (0 before it), the text.
    `dropped` counts the lines so far that were beyond the limit."""

    lines: list[tuple[int, int, str]]
    dropped: int = 0


class Progress(msgspec.Struct, tag="progress"):
    """How far the run is, ns UTC."""

    at: int


class Result(msgspec.Struct, tag="result"):
    """What came of it, as the entry encoded it."""

    body: bytes


class Failure(msgspec.Struct, tag="failure"):
    """The entry raised."""

    error: str
    traceback: str


class Stopped(msgspec.Struct, tag="stopped"):
    """The cell ends itself: a limit was passed, and the bot did not end in time."""

    why: str


Message = Began | Lines | Progress | Result | Failure | Stopped
_DECODER = msgspec.msgpack.Decoder(Message)


def frame(message: msgspec.Struct) -> bytes:
    """A message as it goes over the pipe."""
    body = msgspec.msgpack.encode(message)
    return _LENGTH.pack(len(body)) + body


def read_body(read: Callable[[int], bytes]) -> bytes | None:
    """One frame's body; None at the end of the pipe. ValueError for what is no frame."""
    head = _exactly(read, _LENGTH.size)
    if not head:
        return None
    (length,) = _LENGTH.unpack(head)
    if length > _LARGEST:
        raise ValueError(f"a message of {length} bytes")
    return _exactly(read, length)


def read_messages(read: Callable[[int], bytes]) -> Iterator[Message]:
    """The messages of a pipe up to its end. ValueError for what is no message."""
    while (body := read_body(read)) is not None:
        yield _DECODER.decode(body)


def _exactly(read: Callable[[int], bytes], size: int) -> bytes:
    parts: list[bytes] = []
    while size:
        part = read(min(size, 1 << 20))
        if not part:
            if parts:
                raise ValueError("a message that breaks off")
            return b""
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
