"""Logging of the program itself, under the logger `tapeback`; other loggers are left alone."""

from __future__ import annotations

import logging
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from tapeback.errors import OutputError
from tapeback.models.config import LoggingConfig
from tapeback.utils.secrets import redacted

LOGGER = "tapeback"
MAX_BYTES = 10 * 1024 * 1024
BACKUPS = 5


class _RedactingFormatter(logging.Formatter):
    """Formats the whole record, traceback included, then takes the secrets out."""

    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))


class _ErrorStream:
    """Whatever `sys.stderr` is when a line is written, so that redirecting it works."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def setup_logging(config: LoggingConfig) -> logging.Logger:
    """Send the program's log to stderr and, where the config names one, to a rotating file.

    Calling it again replaces what the last call set up. Records do not go on to the root logger,
    which belongs to the user's bots. Raises OutputError when the file cannot be opened.
    """
    handlers: list[logging.Handler] = [logging.StreamHandler[Any](_ErrorStream())]
    if config.file:
        handlers.append(_file_handler(config.file))
    logger = logging.getLogger(LOGGER)
    for old in logger.handlers[:]:
        if isinstance(old.formatter, _RedactingFormatter):
            logger.removeHandler(old)
            old.close()
    for handler in handlers:
        handler.setFormatter(_RedactingFormatter(config.format))
        logger.addHandler(handler)
    logger.setLevel(config.level)
    logger.propagate = False
    return logger


def _file_handler(path: str) -> logging.Handler:
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        return RotatingFileHandler(path, maxBytes=MAX_BYTES, backupCount=BACKUPS, encoding="utf-8")
    except OSError as error:
        raise OutputError(
            f"the log file {path!r} cannot be opened: {error.strerror or error}.",
            where="logging.file",
            remedy="Name a file in a folder that you may write to.",
        ) from None
