"""What the scheduler moves: the tape of the market, the bot's threads and what they wait for."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Protocol

from tapeback.bots import real
from tapeback.utils.clock import SECOND_NS

NEVER = 2**63 - 1
FIRST_NUDGE_NS = SECOND_NS // 10_000


class Tape(Protocol):
    """The market as the scheduler moves it: a sequence of instants.

    All three are called from any thread of the bot, one at a time, and must not wait; they may
    `put` into a queue that a thread of the bot waits for.
    """

    def next_instant(self) -> int:
        """The next instant at which the bot could notice anything, ns UTC, later than the last
        `advance`; after the data's end when somebody listens and there is no more to come. NEVER
        when nobody listens and nothing rests: who waits then, waits for ever."""
        ...

    def advance(self, ts: int) -> None:
        """Play everything up to `ts` and the prices of `ts` itself."""
        ...

    def settle(self, ts: int) -> None:
        """Play what follows the bot's own wake-ups at `ts`: square-off, expiry, session end."""
        ...


class EndOfRun(SystemExit):
    """Unwinds a thread when the run is over. A SystemExit, so that event loops let it through."""


class Phase(IntEnum):
    """OPEN while the tape plays, CLOSING when it has ended and the bot may put its things in
    order, OVER when every thread is being unwound."""

    OPEN = 0
    CLOSING = 1
    OVER = 2


class Task:
    """One thread of the bot. `wait` is what it waits for now."""

    __slots__ = ("endings", "gate", "ident", "left", "nudge", "nudged_at", "on_exit", "wait")

    def __init__(self) -> None:
        self.gate = real.allocate_lock()
        self.gate.acquire()
        self.ident = 0
        self.wait: Wait | None = None
        self.endings = 0
        self.left = False  # as it is: it would not end
        self.nudge = FIRST_NUDGE_NS
        self.nudged_at = -1
        self.on_exit: list[Callable[[], None]] = []


class Wait:
    """One thread's wait for one thing; `over` when the thing has come, or nobody waits any more."""

    __slots__ = ("over", "signalled", "task", "timed", "woken")

    def __init__(self, task: Task) -> None:
        self.task = task
        self.woken = self.over = self.timed = self.signalled = False
