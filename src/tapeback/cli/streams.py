"""The standard streams: safe on any console, and out of the reach of a bot that prints."""

from __future__ import annotations

import codecs
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress

_SUBSTITUTES = {"₹": "Rs ", "−": "-", "–": "-", "×": "x", "…": "...", "·": "-"}
_SUBSTITUTE = "tapeback.substitute"


def make_streams_safe() -> None:
    """Have characters that a console's encoding lacks written as others, such as `Rs ` for `₹`."""
    codecs.register_error(_SUBSTITUTE, _substitute)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_SUBSTITUTE)


def _substitute(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    shown = "".join(_SUBSTITUTES.get(character, "?") for character in lacking)
    return shown.encode(error.encoding, "replace").decode(error.encoding), error.end


@contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """Send whatever is printed meanwhile to stderr, by other libraries and by child processes
    too, so that stdout holds the result alone."""
    with redirect_stdout(sys.stderr), _descriptor_to_stderr():
        yield


@contextmanager
def _descriptor_to_stderr() -> Iterator[None]:
    try:
        kept = os.dup(1)
    except OSError:  # there is no stdout at all
        yield
        return
    try:
        _flush()
        with suppress(OSError):
            os.dup2(2, 1)
        yield
    finally:
        _flush()
        os.dup2(kept, 1)
        os.close(kept)


def _flush() -> None:
    if sys.__stdout__ is not None and not sys.__stdout__.closed:
        sys.__stdout__.flush()
