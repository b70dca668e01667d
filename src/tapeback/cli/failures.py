"""What the user is told when a command fails, as text or as JSON, and its exit code."""

from __future__ import annotations

import json
import re
import traceback
from typing import Any

import click

from tapeback.errors import (
    EXIT_DATA,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_OUTPUT,
    EXIT_STRATEGY,
    EXIT_STRATEGY_FAILED,
    EXIT_USAGE,
    ConfigError,
    StrategyFailedError,
    TapebackError,
)
from tapeback.utils.secrets import redacted

EXIT_BUG = 70
_BUG = "this is a bug in Tapeback."

EXIT_CODES = f"""\b
Exit codes:
  {EXIT_OK}    done
  {EXIT_STRATEGY_FAILED}    the strategy raised while running; what was computed is kept
  {EXIT_USAGE}    the command line or the settings cannot be used
  {EXIT_DATA}    the market data cannot be found or used
  {EXIT_STRATEGY}    the strategy cannot be found or loaded
  {EXIT_OUTPUT}    the result cannot be written
  {EXIT_BUG}   a bug in Tapeback
  {EXIT_INTERRUPTED}  interrupted by Ctrl-C; what was computed is kept
"""


def exit_code_of(error: BaseException) -> int:
    """The exit code that stands for an error."""
    if isinstance(error, TapebackError | click.ClickException):
        return error.exit_code
    return EXIT_INTERRUPTED if isinstance(error, KeyboardInterrupt) else EXIT_BUG


def show_failure(error: BaseException, *, as_json: bool) -> None:
    """Tell stderr, and with `as_json` stdout too, what went wrong.

    An error of the user's makes no traceback; one of ours does. What click refuses it shows
    itself.
    """
    if isinstance(error, StrategyFailedError):
        click.echo(redacted(error.traceback), err=True)
    if isinstance(error, KeyboardInterrupt):
        click.echo("interrupted.", err=True)
    elif isinstance(error, TapebackError):
        click.echo(redacted(_as_text(error)), err=True)
    elif not isinstance(error, click.ClickException):
        click.echo(redacted("".join(traceback.format_exception(error))), err=True)
        click.echo(f"error: {_BUG} Please report it with the lines above.", err=True)
    if as_json:
        click.echo(json.dumps({"error": error_document(error)}))


def error_document(error: BaseException) -> dict[str, Any]:
    """An error as JSON-able data: `code` is stable, `exit_code` that of the process."""
    document: dict[str, Any] = {"code": _code(error), "message": _BUG}
    if isinstance(error, TapebackError):
        document |= {"message": str(error), "where": error.where, "remedy": error.remedy}
    elif isinstance(error, click.ClickException):
        document["message"] = error.format_message()
    elif isinstance(error, KeyboardInterrupt):
        document["message"] = "interrupted"
    if isinstance(error, ConfigError):
        document["problems"] = list(error.problems)
    if isinstance(error, StrategyFailedError):
        document["traceback"] = error.traceback
    document = {
        key: redacted(value) if isinstance(value, str) else value for key, value in document.items()
    }
    return document | {"exit_code": exit_code_of(error)}


def _as_text(error: TapebackError) -> str:
    if isinstance(error, ConfigError):
        text = "\n".join(f"error: {problem}" for problem in error.problems)
        return f"{text}\n{error.remedy}" if error.remedy else text
    return f"error: {error}"


def _code(error: BaseException) -> str:
    """`data_not_found` of DataNotFoundError; `usage`, `interrupted` or `bug` of what is not
    ours."""
    if isinstance(error, TapebackError):
        name = type(error).__name__.removesuffix("Error")
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    if isinstance(error, click.ClickException):
        return "usage"
    return "interrupted" if isinstance(error, KeyboardInterrupt) else "bug"
