"""When a script is started: once, each trading day, or afresh whenever it has ended by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import time
from typing import Literal

import msgspec

from tapeback.bots.ending import How
from tapeback.errors import ConfigError
from tapeback.market.brokers import clock_ns
from tapeback.market.calendar import Calendar
from tapeback.utils.clock import MINUTE_NS, date_of, day_number, midnight, to_ist

Mode = Literal["auto", "once", "daily"]
# OpenAlgo's host starts scripts a quarter of an hour before the open, and stops them as long
# after the close: 09:00 and 15:45 for shares.
BEFORE_OPEN_NS = 15 * MINUTE_NS
# After these the next launch would be no different.
_FINAL = ("limit", "broken")


class LaunchRule(msgspec.Struct, frozen=True, kw_only=True):
    """How a script is launched; `launch_at` and `stop_at` are ns after midnight, None: by the
    calendar.

    auto: at the start; when it has ended by itself, afresh at the next session's open. once: at
    the start. daily: from a quarter of an hour before each session to a quarter of an hour after.
    """

    mode: Mode = "auto"
    launch_at: int | None = None
    stop_at: int | None = None


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """One launch, planned or done: from `begin` to `end`, ns UTC; `how` it ended, and the exit
    code, once that is known."""

    begin: int
    end: int
    how: How | None = None
    code: int = 0

    def to_dict(self) -> dict[str, object]:
        """JSON-able: Indian times, `how` and `exit_code`."""
        return {
            "begin": to_ist(self.begin).isoformat(),
            "end": to_ist(self.end).isoformat(),
            "how": self.how,
            "exit_code": self.code,
        }


def launch_rule(mode: Mode, launch_at: str | None = None, stop_at: str | None = None) -> LaunchRule:
    """The rule of `--launch`, `--launch-at` and `--stop-at` (`HH:MM`). Raises ConfigError."""
    clocks: list[int | None] = []
    for option, text in (("--launch-at", launch_at), ("--stop-at", stop_at)):
        try:
            clocks.append(None if text is None else clock_ns(f"{time.fromisoformat(text):%H:%M}"))
        except ValueError:
            raise ConfigError(f"{option} {text!r}: write it as HH:MM, such as 09:00.") from None
    first, last = clocks
    if mode == "once" and first is not None:
        raise ConfigError("--launch-at: a script that is launched once begins at --start.")
    if mode != "daily" and last is not None:
        raise ConfigError(f"--stop-at: only --launch daily stops a script; not {mode}.")
    if first is not None and last is not None and first >= last:
        raise ConfigError(f"--launch-at {launch_at} is not before --stop-at {stop_at}.")
    return LaunchRule(mode=mode, launch_at=first, stop_at=last)


def next_launch(
    rule: LaunchRule, calendars: Sequence[Calendar], start: int, end: int, last: Launch | None
) -> Launch | None:
    """When the script is launched first (`last` None), or next after a launch that has ended.

    `start` and `end` (ns UTC, `end` not included) bound the run; a day counts when one of
    `calendars` trades. `last.end` is when it ended really. None: never again. A script that fails
    before any time has passed would fail so each day: it is not launched again.
    """
    if last is not None and _is_final(rule, last):
        return None
    if rule.mode == "once":
        return Launch(begin=start, end=end) if last is None and start < end else None
    if rule.mode == "auto":
        return _afresh(rule, calendars, start, end, last)
    return _daily(rule, calendars, start, end, last)


def _is_final(rule: LaunchRule, last: Launch) -> bool:
    """Whether another launch would end as this one did, or has no time left."""
    if last.how == "raised":
        return last.end <= last.begin
    return last.how in _FINAL or (last.how == "completed" and rule.mode != "daily")


def _afresh(
    rule: LaunchRule, calendars: Sequence[Calendar], start: int, end: int, last: Launch | None
) -> Launch | None:
    if last is None and rule.launch_at is None:
        return Launch(begin=start, end=end) if start < end else None
    after = start - 1 if last is None else max(last.end, last.begin)
    for opens, _, day in _sessions(calendars, start, end):
        begin = opens if rule.launch_at is None else midnight(day) + rule.launch_at
        if after < begin < end:
            return Launch(begin=begin, end=end)
    return None


def _daily(
    rule: LaunchRule, calendars: Sequence[Calendar], start: int, end: int, last: Launch | None
) -> Launch | None:
    for opens, closes, day in _sessions(calendars, start, end):
        if last is not None and day <= day_number(last.begin):
            continue
        begin = opens - BEFORE_OPEN_NS
        stop = closes + BEFORE_OPEN_NS
        if rule.launch_at is not None:
            begin = midnight(day) + rule.launch_at
        if rule.stop_at is not None:
            stop = midnight(day) + rule.stop_at
        begin, stop = max(begin, start), min(stop, end)
        if begin < stop:
            return Launch(begin=begin, end=stop)
    return None


def _sessions(
    calendars: Sequence[Calendar], start: int, end: int
) -> Iterator[tuple[int, int, int]]:
    """First open, last close and number of each trading day of a run."""
    for day in range(day_number(start), day_number(end) + 1):
        sessions = [session for each in calendars if (session := each.session(day)) is not None]
        if sessions:
            opens = min(session.opens for session in sessions)
            closes = max(session.closes for session in sessions)
            yield opens, closes, day


_WORDS: dict[How, str] = {
    "completed": "ran to the end",
    "exited": "ended by itself",
    "raised": "ended with an exception",
    "limit": "was stopped by a limit",
    "deadlock": "came to where nothing could happen any more",
    "broken": "could not be played",
}


def summary(launches: Sequence[Launch]) -> str:
    """How often a script ran, and how it ended: one sentence."""
    if not launches:
        return "The script was never launched: there was no session."
    times = "once" if len(launches) == 1 else f"{len(launches)} times"
    endings = Counter(
        f"{_WORDS[one.how or 'completed']}{f' (exit code {one.code})' if one.code else ''}"
        for one in launches
    )
    first, last = date_of(launches[0].begin), date_of(launches[-1].begin)
    words = ", ".join(f"{words} {count}x" for words, count in endings.items())
    return f"Launched {times} from {first} to {last}: it {words}."
