"""`bot.log`: what a bot said, each line with the run's time."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from tapeback.errors import OutputError
from tapeback.utils.clock import to_ist

_NO_TIME = "-" * len("2024-01-02 09:15:30.000")


class BotLog:
    """Writes lines to a file and passes the bare text on to `echo`, such as stderr. Several
    launches may write one log. OutputError where the file cannot be written."""

    def __init__(self, path: Path | None, *, echo: TextIO | None = None) -> None:
        self.path = path
        self._echo = echo
        self._stamped = (0, _NO_TIME)
        try:
            self._file = None if path is None else path.open("a", encoding="utf-8", newline="\n")
        except OSError as error:
            raise OutputError(f"the bot's log cannot be written: {error}.") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, at: int, text: str) -> None:
        """One line, said at the run's instant `at`, ns UTC; 0 where it is not known."""
        if self._file is not None:
            try:
                self._file.write(f"{self._stamp(at)}  {text}\n")
            except OSError as error:
                raise OutputError(f"the bot's log cannot be written: {error}.") from error
        if self._echo is not None:
            self._echo.write(f"{text}\n")

    def flush(self) -> None:
        """Have the file hold what was written."""
        if self._file is not None:
            self._file.flush()

    def _stamp(self, at: int) -> str:
        if not at:
            return _NO_TIME
        if at != self._stamped[0]:
            moment = to_ist(at)
            self._stamped = (at, f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03}")
        return self._stamped[1]
