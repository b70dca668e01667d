"""`tapeback strategies`: what can be run by name from this folder."""

from __future__ import annotations

import json
from typing import Any

import click

from tapeback.cli.options import (
    bots_of,
    catalogue,
    find_strategy,
    load_settings,
    strategy_to_run,
)
from tapeback.errors import ConfigError, StrategyError


@click.command("strategies", short_help="List what can be run by name.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(*, as_json: bool) -> None:
    """List the strategies that can be run by name: the catalogue's rows, then what is registered
    beside them."""
    rows = _rows()
    if as_json:
        click.echo(json.dumps({"strategies": rows}, indent=2))
        return
    width = max(len(row["id"]) for row in rows)
    for row in rows:
        settings = row["config_path"] or "the base settings"
        click.echo(f"{row['id']:{width}}  {row['label']}, {settings}, {row['source']}")
        if row["problem"]:
            click.secho(f"{'':{width}}  cannot be run: {row['problem']}", fg="red")


def _rows() -> list[dict[str, Any]]:
    from tapeback.strategies.registry import names

    entries = catalogue()
    known = {entry.id for entry in entries}
    listed = [(entry.id, entry.label, entry.config_path) for entry in entries]
    listed += [(name, name, "") for name in names(bots=bots_of(entries)) if name not in known]
    return [
        {"id": name, "label": label, "config_path": config_path, **_source(name)}
        for name, label, config_path in listed
    ]


def _source(name: str) -> dict[str, str | None]:
    """The class or file that a name leads to, or why it leads to none."""
    try:
        config = load_settings(name, None, ())
        bot = find_strategy(strategy_to_run(name, None, config)).bot
    except (ConfigError, StrategyError) as error:
        return {"source": "", "problem": str(error)}
    return {"source": bot.__qualname__ if isinstance(bot, type) else str(bot), "problem": None}
