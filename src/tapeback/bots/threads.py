"""Starting threads on the scheduler, in the forms that the versions of Python ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tapeback.bots.locks import Lock, ThreadHandle
from tapeback.bots.scheduler import Scheduler


class Threads:
    """What the module `_thread` offers to start a thread and to learn of its end."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    def start_new_thread(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any] | None = None,
        /,
    ) -> int:
        """Start a thread; its identifier."""
        if not callable(function):
            raise TypeError("first arg must be callable")
        if not isinstance(args, tuple):
            raise TypeError("2nd arg must be a tuple")
        return self._scheduler.start(function, args, kwargs or {}).ident

    def set_sentinel(self) -> Lock:
        """Up to Python 3.12: a lock that is released when the calling thread ends."""
        sentinel = Lock()

        def release() -> None:
            if sentinel.locked():
                sentinel.release()

        self._scheduler.running.on_exit.append(release)
        return sentinel

    def start_joinable_thread(
        self,
        function: Callable[[], Any],
        handle: ThreadHandle | None = None,
        daemon: bool = True,
    ) -> ThreadHandle:
        """From Python 3.13 on: start a thread; its handle."""
        handle = ThreadHandle() if handle is None else handle
        task = self._scheduler.start(function, (), {})
        handle.ident = task.ident
        task.on_exit.append(handle._set_done)
        return handle
