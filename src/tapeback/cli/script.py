"""`tapeback run my_bot.py`: a script on a clock of its own, and what its user is told."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tapeback.cli.progress import Advance
    from tapeback.models.config import AppConfig
    from tapeback.runner.scripts import Script, ScriptOutcome

EXIT_BOT_FAILED = 3
EXIT_LIMIT = 4
_EXITS = {
    "completed": 0,
    "bot_exited": 0,
    "bot_failed": EXIT_BOT_FAILED,
    "limit": EXIT_LIMIT,
}
_NAMED = 20
_OF_SCRIPTS = (
    "launch", "launch_at", "stop_at", "variables", "maps", "aliases", "allow", "confine",
    "keep_files", "arguments",
)  # fmt: skip


def script_file(bot: str | None, *, forced: bool) -> Path | None:
    """The file of a bot that is to be run as a script: one without a class that Tapeback could
    call, or any when it is `forced`."""
    if bot is None or not bot.endswith(".py"):
        if forced:
            raise click.UsageError("--script needs the file of a bot, such as my_bot.py.")
        return None
    path = Path(bot)
    if not path.is_file():
        return None
    from tapeback.strategies.loader import is_script

    return path if forced or is_script(path) else None


def check_options(ctx: click.Context, *, is_script: bool) -> None:
    """Raise UsageError for an option that means nothing for what is run."""
    strays = ("bounds",) if is_script else _OF_SCRIPTS
    for parameter in ctx.command.params:
        if parameter.name in strays and _is_given(ctx, parameter.name):
            name = "ARGUMENTS behind '--'" if parameter.name == "arguments" else parameter.opts[-1]
            of = "a bot that is called bar by bar" if is_script else "a script"
            raise click.UsageError(f"{name} is for {of}.")


def _is_given(ctx: click.Context, name: str) -> bool:
    given = ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    return given and ctx.params[name] != ()


def script_of(
    path: Path,
    arguments: Sequence[str],
    *,
    launch: Any,
    launch_at: str | None,
    stop_at: str | None,
    variables: Sequence[str],
    allow: Sequence[str],
    confine: Any,
    aliases: Sequence[str],
    maps: Sequence[str],
    keep_files: bool,
) -> Script:
    """What to run, and how. Raises ConfigError for options that do not go together."""
    from tapeback.bots.isolation.environment import parse_env
    from tapeback.bots.isolation.launches import launch_rule
    from tapeback.bots.isolation.messages import Permissions
    from tapeback.runner.scripts import Script

    return Script(
        path=path,
        arguments=tuple(arguments),
        rule=launch_rule(launch, launch_at, stop_at),
        environment=parse_env(variables),
        permissions=Permissions(network="network" in allow, processes="processes" in allow),
        confinement=confine,
        aliases=tuple(aliases),
        maps=tuple(maps),
        keep_files=keep_files,
    )


def run_as_script(
    ctx: click.Context, script: Script, config: AppConfig, output: str | None, *, as_json: bool
) -> None:
    """Play a script, show and write what came of it, and end with its exit code."""
    from tapeback.cli.progress import progress_shown
    from tapeback.runner.scripts import run_script

    stem = script.path.stem
    folder = Path(output or f"runs/{stem}-{datetime.now():%Y%m%dT%H%M%S}")
    with progress_shown() as task:
        progress = _days(config, task("playing", "days"))
        outcome = run_script(script, config, folder=folder, echo=sys.stderr, progress=progress)
    document = _document(outcome)
    (folder / "diagnosis.json").write_text(
        json.dumps(document["diagnosis"], indent=2, ensure_ascii=False), encoding="utf-8"
    )
    if as_json:
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        _print(outcome)
    ctx.exit(_EXITS[outcome.status])


def _days(config: AppConfig, advance: Advance) -> Callable[[int], None]:
    """Shows how far a run is, ns UTC, where the settings say from when to when it goes."""
    from tapeback.utils.clock import day_number, day_of

    start, end = config.data.start, config.data.end
    if start is None or end is None:
        return lambda _: None
    first, days = day_of(start), day_of(end) - day_of(start) + 1
    return lambda ts: advance(min(max(day_number(ts) - first, 0), days), days)


def _document(outcome: ScriptOutcome) -> dict[str, Any]:
    report = outcome.report
    return {
        "status": outcome.status,
        "exit_code": _EXITS[outcome.status],
        "launches": [launch.to_dict() for launch in outcome.launches],
        "orders": report.orders,
        "fills": report.fills,
        "trades": report.trades,
        "verdict": report.verdict,
        "metrics": report.metrics,
        "net_pnl_by_volatility": {
            f"{shift:+.2f}": net for shift, net in outcome.nets_by_volatility.items()
        },
        "error": outcome.why,
        "stacks": report.stacks,
        "diagnosis": [entry.to_dict() for entry in outcome.entries],
        "result_dir": str(outcome.folder),
    }


def _print(outcome: ScriptOutcome) -> None:
    from tapeback.bots.isolation.launches import summary
    from tapeback.cli.run import STYLES

    for text, tone in outcome.report.summary:
        click.secho(text, **STYLES[tone])
    for shift, net in outcome.nets_by_volatility.items():
        click.echo(f"Net with a volatility of {100 * shift:+.0f} points: ₹{net:,.2f}")
    click.echo(summary(outcome.launches))
    for entry in outcome.entries[:_NAMED]:
        place = f"{entry.file}:{entry.line}: " if entry.file else ""
        times = f" ({entry.count} times)" if entry.count > 1 else ""
        click.secho(f"{place}{entry.message}{times} {entry.remedy}".rstrip(), fg="yellow")
    if outcome.report.stacks:
        click.echo(outcome.report.stacks, err=True)
    if outcome.status != "completed":
        click.secho(f"{outcome.status.replace('_', ' ')}: {outcome.why}".rstrip(": "), fg="red")
    click.echo(f"Saved: {outcome.folder}")
