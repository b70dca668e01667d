"""How far something has come: a bar with the time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import click


class Advance(Protocol):
    """Is told how many are done, of how many in all, and, where that is known, how many seconds
    are left."""

    def __call__(self, done: int, total: int, seconds: float | None = None) -> None: ...


class Tasks(Protocol):
    """Makes the callback of one thing that is being done, to as many of a noun."""

    def __call__(self, doing: str, noun: str) -> Advance: ...


@contextmanager
def progress_shown() -> Iterator[Tasks]:
    """Callbacks that show on stderr, while this lasts, how far each thing has come; one that is
    never told anything shows nothing."""
    if not sys.stderr.isatty():
        yield _plain_lines
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:

        def task(doing: str, noun: str) -> Advance:
            row = bars.add_task(f"{doing} {noun}", total=None, visible=False)

            def advance(done: int, total: int, seconds: float | None = None) -> None:
                bars.update(row, completed=done, total=total, visible=True)

            return advance

        yield task


def _plain_lines(doing: str, noun: str) -> Advance:
    """A line for each tenth, at most."""
    shown = -1

    def advance(done: int, total: int, seconds: float | None = None) -> None:
        nonlocal shown
        tenth = 10 * done // total if total else 10
        if tenth != shown:
            shown = tenth
            left = "" if seconds is None or done == total else f", about {seconds:.0f} s left"
            click.echo(f"{10 * tenth} % ({done:,} of {total:,} {noun}{left})", err=True)

    return advance
