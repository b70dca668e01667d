"""What goes into a launch of a script, and what comes out of it."""

from __future__ import annotations

from typing import Any

import msgspec

from tapeback.bots.doctor.diagnosis import Entry
from tapeback.bots.isolation.launches import Launch, LaunchRule


class Call(msgspec.Struct, frozen=True):
    """A request that changed the account, at `ts` (ns UTC): a later launch makes it again to come
    to the same account."""

    ts: int
    name: str
    args: list[Any]
    kwargs: dict[str, Any]


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One launch: the settings that were chosen, as JSON has them, the `root` of relative paths,
    the script in its scratch folder with its arguments, what the run has behind it, and the folder
    that its result is written to. `shift` is added to the volatility that options are modelled
    by; `tables` are the market's rules, pickled, once they have been read."""

    config: dict[str, Any]
    root: str
    script: str
    arguments: tuple[str, ...]
    rule: LaunchRule
    aliases: tuple[str, ...] = ()
    maps: tuple[str, ...] = ()
    shift: float = 0.0
    tables: bytes = b""
    run_id: str
    created_at: str
    host: str
    done: tuple[Launch, ...] = ()
    calls: tuple[Call, ...] = ()
    output: str


class Report(msgspec.Struct, kw_only=True):
    """What came of a launch: how it ended; its calls, where another launch follows; else what the
    result is, in words (text and tone) and in figures, its files lying in the job's output."""

    launch: Launch
    last: bool
    error: str = ""
    traceback: str = ""
    stacks: str = ""
    calls: list[Call] = []
    entries: list[Entry] = []
    summary: list[tuple[str, str]] = []
    orders: int = 0
    fills: int = 0
    trades: int = 0
    metrics: dict[str, Any] = {}
    verdict: str = ""
    modelled: bool = False
