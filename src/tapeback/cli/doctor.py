"""`tapeback doctor`: what a bot's source says about itself, before it is run."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tapeback.cli.data.selection import date_options

if TYPE_CHECKING:
    from tapeback.bots.doctor.remarks import Remark


@click.command("doctor", short_help="Examine a bot's source before it is run.")
@click.argument("bot", metavar="BOT", type=click.Path(path_type=Path))
@date_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(*, bot: Path, start: date | None, end: date | None, as_json: bool) -> None:
    """Examine the source of BOT, a Python file, without running it: what it calls wrongly, what a
    backtest cannot give it, which symbols it needs and the options that bring their bars.

    With --start or --end its constants are compared with what held on these dates: lots, expiry
    weekdays, clock times, order types.
    """
    from tapeback.bots.doctor.examine import examine_script
    from tapeback.utils.clock import day_of

    if start is not None and end is not None and start > end:
        raise click.UsageError(f"--start {start} lies after --end {end}.")
    first, last = start or end, end or start
    remarks = examine_script(
        bot,
        first_day=None if first is None else day_of(first),
        last_day=None if last is None else day_of(last),
    )
    if as_json:
        document = {"bot": str(bot), "remarks": [one.to_dict() for one in remarks]}
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    for one in remarks:
        click.echo(_text(bot, one))
    click.echo(_summary(remarks))


def _text(bot: Path, one: Remark) -> str:
    text = f"{bot}:{one.line}: {one.severity}: {one.message}"
    return f"{text}\n    {one.remedy}" if one.remedy else text


def _summary(remarks: list[Remark]) -> str:
    """`2 errors, 1 warning, 5 notes`."""
    kinds = [one.severity for one in remarks]
    return (
        ", ".join(
            f"{count} {kind}{'s' * (count != 1)}"
            for kind in ("error", "warning", "note")
            if (count := kinds.count(kind))
        )
        or "nothing to remark"
    )
