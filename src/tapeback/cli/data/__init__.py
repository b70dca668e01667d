"""`tapeback data`: the candles that are kept, where they come from and what is wrong with them."""

from __future__ import annotations

import click

from tapeback.cli.lazy import LazyGroup

_ROOM = "tapeback.cli.data"
_COMMANDS = {
    "fetch": f"{_ROOM}.fetch",
    "import": f"{_ROOM}.import_",
    "export": f"{_ROOM}.export",
    "list": f"{_ROOM}.list_",
    "check": f"{_ROOM}.check",
    "gaps": f"{_ROOM}.gaps",
    "chain": f"{_ROOM}.chain",
    "search": f"{_ROOM}.search",
    "clear": f"{_ROOM}.clear",
}


@click.group(
    "data", cls=LazyGroup, modules=_COMMANDS, short_help="Fetch, keep and examine candles."
)
def command() -> None:
    """Fetch candles once and keep them; see what is kept, and what is wrong with it."""
