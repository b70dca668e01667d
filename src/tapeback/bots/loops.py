"""Event loops and `select` in virtual time: descriptors are asked without waiting, then the wait
is the scheduler's."""

from __future__ import annotations

import select
from collections.abc import Callable
from typing import Any

from tapeback.bots.clock import nanoseconds
from tapeback.bots.scheduler import Scheduler
from tapeback.bots.tasks import NEVER, Wait

_WAIT = "_tapeback_wait"


def _deadline(scheduler: Scheduler, timeout: float | None) -> int:
    if timeout is None:
        return NEVER
    return min(scheduler.clock.now + nanoseconds(timeout), NEVER - 1)


def virtual_selector(scheduler: Scheduler, real_select: Callable[..., Any]) -> Callable[..., Any]:
    """The method `select` of a selector class."""

    def select(self: Any, timeout: float | None = None) -> Any:
        events = real_select(self, 0)
        if events or scheduler.is_foreign():
            return events
        if timeout is not None and timeout <= 0:
            scheduler.clock.look()
            return events
        wait = Wait(scheduler.running)
        setattr(self, _WAIT, wait)
        scheduler.block(wait, _deadline(scheduler, timeout))
        return real_select(self, 0)

    return select


def virtual_wake_up(scheduler: Scheduler, real_write: Callable[[Any], None]) -> Callable[..., None]:
    """The method of an asyncio loop by which another thread wakes it."""

    def write_to_self(self: Any) -> None:
        real_write(self)
        wait = getattr(self._selector, _WAIT, None)
        if wait is not None:
            scheduler.wake(wait)

    return write_to_self


def virtual_select(scheduler: Scheduler) -> Callable[..., Any]:
    """`select.select`."""
    real_select: Callable[..., Any] = select.select

    def virtual(readers: Any, writers: Any, others: Any, timeout: float | None = None, /) -> Any:
        lists = [list(some) for some in (readers, writers, others)]
        found = real_select(*lists, 0) if any(lists) else ([], [], [])
        if any(found) or scheduler.is_foreign():
            return found
        if timeout is not None and timeout <= 0:
            scheduler.clock.look()
            return found
        scheduler.block(Wait(scheduler.running), _deadline(scheduler, timeout))
        return real_select(*lists, 0) if any(lists) else found

    return virtual
