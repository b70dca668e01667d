"""A run of a script: its launches one after the other, each in a cell of its own."""

from __future__ import annotations

import pickle
import platform
import secrets
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TextIO

import msgspec

from tapeback.bots.doctor.diagnosis import Diagnosis, Entry
from tapeback.bots.doctor.examine import examine_script
from tapeback.bots.doctor.remarks import Remark
from tapeback.bots.isolation.cell import Cell, CellOutcome, Confinement
from tapeback.bots.isolation.launches import Launch, LaunchRule
from tapeback.bots.isolation.limits import Limits
from tapeback.bots.isolation.log import BotLog
from tapeback.bots.isolation.messages import Permissions
from tapeback.bots.isolation.scratch import Scratch
from tapeback.data.contracts.modelled import VOLATILITY_SHIFTS
from tapeback.errors import DataError, OutputError, StrategyError
from tapeback.market.dated import all_tables
from tapeback.models.config import AppConfig
from tapeback.runner.market_data import MarketData
from tapeback.runner.scripts.job import Job, Report
from tapeback.utils.clock import day_number
from tapeback.utils.home import cache_folder

Status = Literal["completed", "bot_exited", "bot_failed", "limit"]
_ENTRY = "tapeback.runner.scripts.launch:launch"


@dataclass(frozen=True, kw_only=True)
class Script:
    """A script and how it is run: its own `arguments`, when it is launched, what it may do and
    use up, the variables that are passed on to it, `aliases`, the symbols that are answered with
    another's bars (`RELIANCE:NSE=NIFTY:NSE_INDEX`), and `maps`, what contracts that it names stand
    for (`NIFTY24NOV26FUT=NIFTY-I`). With `keep_files` the files that it has at its end are kept
    with the result."""

    path: Path
    arguments: tuple[str, ...] = ()
    rule: LaunchRule = field(default_factory=LaunchRule)
    limits: Limits = field(default_factory=Limits)
    permissions: Permissions = field(default_factory=Permissions)
    confinement: Confinement = "process"
    environment: Mapping[str, str] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    maps: tuple[str, ...] = ()
    keep_files: bool = False


@dataclass(frozen=True, kw_only=True)
class ScriptOutcome:
    """What came of a script's run: how it ended, its launches, what its user should know, and the
    folder with the files of the result. Where options were modelled, `nets_by_volatility` is the
    net profit with a volatility that is so much higher or lower."""

    status: Status
    launches: tuple[Launch, ...]
    report: Report
    entries: tuple[Entry, ...]
    why: str
    folder: Path
    nets_by_volatility: Mapping[float, float] = field(default_factory=dict)


def run_script(
    script: Script,
    config: AppConfig,
    *,
    folder: Path,
    root: Path | None = None,
    echo: TextIO | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> ScriptOutcome:
    """Play a script over the settings' data and write its result, `bot.log` among it, into
    `folder`. `progress` is told how far the run is, ns UTC.

    Raises DataError and ConfigError as the sources do, StrategyError where the script cannot be
    found, and OutputError where there is no room.
    """
    base = (root or Path.cwd()).resolve()
    config = _for_a_cell(config, base)
    created = datetime.now(UTC)
    job = Job(
        config=config.model_dump(mode="json", exclude_unset=True),
        root=str(base),
        script="",
        arguments=script.arguments,
        rule=script.rule,
        aliases=script.aliases,
        maps=script.maps,
        run_id=f"{created:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}",
        created_at=created.isoformat(),
        host=platform.node(),
        output="",
    )
    with BotLog(_log_of(folder), echo=echo) as log:
        outcome = _played(script, config, job, base, log, progress, keep=folder)
    nets = {}
    if outcome["report"].modelled:
        with BotLog(None) as silent:
            for shift in VOLATILITY_SHIFTS:
                other = msgspec.structs.replace(job, shift=shift)
                repeated = _played(script, config, other, base, silent, progress)
                nets[shift] = float(repeated["report"].metrics.get("net_pnl", 0.0))
    return ScriptOutcome(folder=folder, nets_by_volatility=nets, **outcome)


def _for_a_cell(config: AppConfig, base: Path) -> AppConfig:
    """The settings for a process that has neither the user's home nor the key nor a network: the
    cache by its path, and in it what they let be fetched."""
    data = config.data
    update: dict[str, object] = {"cache_dir": str(base / cache_folder(data.cache_dir))}
    if data.fetch or data.source == "openalgo":
        with MarketData(config, root=base) as sources:
            sources.load()
        update["fetch"] = False
        update["source"] = "cache" if data.source == "openalgo" else data.source
    return config.model_copy(update={"data": data.model_copy(update=update)})


def _played(
    script: Script,
    config: AppConfig,
    job: Job,
    base: Path,
    log: BotLog,
    progress: Callable[[int], None],
    *,
    keep: Path | None = None,
) -> dict[str, Any]:
    """All launches of a run, in a fresh copy of the script's folder; the files of the result go to
    `keep`."""
    with Scratch(script.path) as scratch:
        result = scratch.root / "result"
        result.mkdir()
        cell = Cell(
            scratch,
            limits=script.limits,
            permissions=script.permissions,
            confinement=script.confinement,
            environment=script.environment,
            exchange=config.data.exchange,
            readable=_readable(config, base),
            # SQLite writes beside a database that it reads, where nobody else does.
            writable=[str(config.data.cache_dir)] if script.confinement == "strict" else (),
        )
        own = msgspec.structs.replace(job, script=str(scratch.script), output=str(result))
        outcome = _launches(own, cell, log, progress, scratch)
        # The bot had its hands in this folder: a link in it could lead anywhere.
        made = [file for file in sorted(result.iterdir()) if not file.is_symlink()]
        if keep is not None:
            for file in made:
                shutil.copyfile(file, keep / file.name)
            if script.keep_files:
                scratch.keep(keep / "files")
    return outcome


def _launches(
    job: Job,
    cell: Cell,
    log: BotLog,
    progress: Callable[[int], None],
    scratch: Scratch,
) -> dict[str, Any]:
    diagnosis = Diagnosis(scratch.work)
    launches: list[Launch] = []
    why, dropped = "", 0
    while True:
        ended = cell.run(_ENTRY, msgspec.msgpack.encode(job), log=log, on_progress=progress)
        if ended.result is None:
            why = _died(ended)
            launches.append(Launch(begin=ended.at, end=ended.at, how="limit"))
            report = _without_the_bot(job, cell, launches)
            break
        report = msgspec.msgpack.decode(ended.result, type=Report)
        launches.append(report.launch)
        for entry in report.entries:
            diagnosis.add(entry)
        dropped += ended.dropped
        why = why or report.error
        if report.last:
            break
        # Reading the tables takes longer than all else that a launch begins with.
        tables = job.tables or pickle.dumps(all_tables())
        job = msgspec.structs.replace(
            job, done=tuple(launches), calls=tuple(report.calls), tables=tables
        )
    if dropped:
        diagnosis.note(
            "output_cut", f"{dropped:,} lines of output were not kept.", launches[0].begin
        )
    if not report.fills and report.last:
        diagnosis.note("never_traded", "No order of it was ever filled.", launches[0].begin)
    diagnosis.add_remarks(_seen(scratch, launches), str(scratch.script))
    status = _status(launches[-1], why)
    if status == "bot_failed":
        why = why or f"it ended with exit code {launches[-1].code}"
    return {
        "status": status,
        "launches": tuple(launches),
        "report": report,
        "entries": tuple(diagnosis.entries(scratch.to_source)),
        "why": why,
    }


def _without_the_bot(job: Job, cell: Cell, launches: list[Launch]) -> Report:
    """What the launches before had come to, where the last process is gone with what it knew."""
    with BotLog(None) as silent:
        job = msgspec.structs.replace(job, done=tuple(launches))
        ended = cell.run(_ENTRY, msgspec.msgpack.encode(job), log=silent)
    if ended.result is None:
        return Report(launch=launches[-1], last=True)
    return msgspec.msgpack.decode(ended.result, type=Report)


def _died(ended: CellOutcome) -> str:
    """Why there is no result. Raises what is no matter of the bot's."""
    if ended.how == "failed":
        kind, _, text = ended.why.partition(": ")
        for error in (DataError, StrategyError, OutputError):
            if kind in _names(error):
                raise error(text)
        raise RuntimeError(ended.traceback or ended.why)
    return ended.why


def _names(kind: type[Exception]) -> set[str]:
    return {kind.__name__, *(name for each in kind.__subclasses__() for name in _names(each))}


def _seen(scratch: Scratch, launches: list[Launch]) -> list[Remark]:
    """What the script's source shows, held against the dates that were run."""
    days = [day_number(ts) for one in launches for ts in (one.begin, one.end) if ts]
    return examine_script(
        scratch.source, first_day=min(days, default=None), last_day=max(days, default=None)
    )


def _status(last: Launch, why: str) -> Status:
    if last.how == "limit":
        return "limit"
    if last.how in ("raised", "broken") or (last.how == "exited" and last.code):
        return "bot_failed"
    return "bot_exited" if last.how == "exited" else "completed"


def _readable(config: AppConfig, base: Path) -> list[str]:
    """The files and folders that candles and rules are read from."""
    data = config.data
    named: list[str | None] = [file.path for file in data.data_files]
    named += [data.master_contract, data.corporate_actions, data.ban_list, data.historify]
    paths = [str(base / Path(path).expanduser()) for path in named if path]
    return [*paths, str(base / cache_folder(data.cache_dir))]


def _log_of(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"the folder {folder} cannot be made: {error}.") from error
    return folder / "bot.log"
