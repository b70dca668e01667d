"""Watches the run in real time: a bot that computes for ever, and limits from outside."""

from __future__ import annotations

from collections.abc import Callable

from tapeback.bots import real
from tapeback.bots.scheduler import Scheduler

_LOOK_SECONDS = 0.25
# So long a bot that is told to stop may take to unwind.
_UNWIND_SECONDS = 2.0


class Watchdog:
    """`on_limit(why)` is told first, and the scheduler to unwind; when the bot does not unwind
    either, `give_up()`. Both are called on the watchdog's own real thread, and so is `exceeded`,
    which says why the run must stop."""

    def __init__(
        self,
        scheduler: Scheduler,
        *,
        exceeded: Callable[[], str | None],
        stall_seconds: float,
        on_limit: Callable[[str], None],
        give_up: Callable[[], None],
    ) -> None:
        self._scheduler = scheduler
        self._exceeded = exceeded
        self._stall_seconds = stall_seconds
        self._on_limit = on_limit
        self._give_up = give_up

    def start(self) -> None:
        """Watch from now on."""
        real.start_new_thread(self._watch, ())

    def _watch(self) -> None:
        moved_at = real.seconds()
        before = self._progress()
        while True:
            real.sleep(_LOOK_SECONDS)
            now = real.seconds()
            progress = self._progress()
            if progress != before:
                before, moved_at = progress, now
            why = self._exceeded()
            if why is None and now - moved_at > self._stall_seconds:
                why = (
                    f"for {self._stall_seconds:g} seconds it neither waited, nor looked at a "
                    "clock, nor called the broker"
                )
            if why is not None:
                return self._stop(why)

    def _progress(self) -> tuple[int, ...]:
        scheduler = self._scheduler
        clock = scheduler.clock
        return clock.now, clock.looks, scheduler.turns, scheduler.switches

    def _stop(self, why: str) -> None:
        self._on_limit(why)
        until = real.seconds() + _UNWIND_SECONDS
        while real.seconds() < until:
            self._scheduler.stop()
            real.sleep(_LOOK_SECONDS)
        self._give_up()
