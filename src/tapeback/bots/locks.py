"""Locks, queues and thread handles whose waiting takes virtual time.

Only one thread of the bot runs at a time, so a flag and a queue of waiters are enough. A lock that
is released goes to the one who has waited longest, so that runs repeat.
"""

from __future__ import annotations

from _queue import Empty
from _thread import TIMEOUT_MAX
from collections import deque
from types import GenericAlias
from typing import Any, ClassVar, Self

from tapeback.bots import real
from tapeback.bots.clock import nanoseconds
from tapeback.bots.scheduler import Scheduler
from tapeback.bots.tasks import NEVER, Wait


class Waitable:
    """What threads queue up for. `scheduler` is the run's, one to a process."""

    __slots__ = ("__weakref__", "_waiters")
    scheduler: ClassVar[Scheduler]

    def __init__(self) -> None:
        self._waiters: deque[Wait] = deque()

    def _await(self, timeout: float | None) -> bool:
        """Queue up until `_wake_first` or `_wake_all`, or for `timeout` seconds (None: for ever).

        A thread that was woken and is unwound at that moment passes the wake-up on.
        """
        scheduler = self.scheduler
        if scheduler.undone:  # the run is being written down: whoever holds it never comes back
            return True
        deadline = NEVER
        if timeout is not None:
            deadline = min(scheduler.clock.now + nanoseconds(timeout), NEVER - 1)
        wait = Wait(scheduler.running)
        self._waiters.append(wait)
        try:
            return scheduler.block(wait, deadline)
        except BaseException:
            if wait.woken:
                self._pass_on()
            raise
        finally:
            if not wait.woken:
                self._waiters.remove(wait)

    def _wake_first(self) -> Wait | None:
        if not self._waiters:
            return None
        wait = self._waiters.popleft()
        self.scheduler.wake(wait)
        return wait

    def _wake_all(self) -> None:
        while self._waiters:
            self._wake_first()

    def _pass_on(self) -> None:
        self._wake_first()


class Lock(Waitable):
    """`threading.Lock`."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        super().__init__()
        self._held = False

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        if timeout != -1:
            _check_timeout(blocking, timeout)
        if not self._held:
            self._held = True
            return True
        if not blocking or timeout == 0:
            self.scheduler.clock.look()
            return False
        if self.scheduler.is_foreign():
            return self.scheduler.poll(self._take, NEVER if timeout == -1 else nanoseconds(timeout))
        return self._await(None if timeout == -1 else timeout)

    def _take(self) -> bool:
        if self._held:
            return False
        self._held = True
        return True

    def release(self) -> None:
        if not self._held:
            raise RuntimeError("release unlocked lock")
        if self._wake_first() is None:
            self._held = False

    def locked(self) -> bool:
        return self._held

    def _pass_on(self) -> None:
        self.release()

    def _at_fork_reinit(self) -> None:
        self._waiters.clear()
        self._held = False

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *exc: object) -> None:
        self.release()

    acquire_lock, release_lock, locked_lock = acquire, release, locked

    def __repr__(self) -> str:
        state = "locked" if self._held else "unlocked"
        return f"<{state} _thread.lock object at {id(self):#x}>"


class RLock(Waitable):
    """`threading.RLock`."""

    __slots__ = ("_count", "_owner")

    def __init__(self) -> None:
        super().__init__()
        self._owner = 0
        self._count = 0

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        me = real.get_ident()
        if timeout != -1:
            _check_timeout(blocking, timeout)
        if self._owner == me:
            self._count += 1
            return True
        if not self._count:
            self._owner = me
            self._count = 1
            return True
        if not blocking or timeout == 0:
            self.scheduler.clock.look()
            return False
        if self.scheduler.is_foreign():
            return self.scheduler.poll(self._take, NEVER if timeout == -1 else nanoseconds(timeout))
        return self._await(None if timeout == -1 else timeout)

    def _take(self) -> bool:
        if self._count:
            return False
        self._owner = real.get_ident()
        self._count = 1
        return True

    def release(self) -> None:
        if self._owner != real.get_ident():
            raise RuntimeError("cannot release un-acquired lock")
        self._count -= 1
        if not self._count:
            self._let_go()

    def _let_go(self) -> None:
        wait = self._wake_first()
        self._owner = wait.task.ident if wait else 0
        self._count = 1 if wait else 0

    def _pass_on(self) -> None:
        self._let_go()

    # What Condition and logging ask of a lock.

    def _is_owned(self) -> bool:
        return self._owner == real.get_ident()

    def _recursion_count(self) -> int:
        return self._count if self._is_owned() else 0

    def _release_save(self) -> tuple[int, int]:
        if not self._is_owned():
            raise RuntimeError("cannot release un-acquired lock")
        saved = self._count, self._owner
        self._let_go()
        return saved

    def _acquire_restore(self, saved: tuple[int, int]) -> None:
        self.acquire()
        self._count, self._owner = saved

    def _at_fork_reinit(self) -> None:
        self._waiters.clear()
        self._owner = self._count = 0

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *exc: object) -> None:
        self.release()

    def __repr__(self) -> str:
        state = "locked" if self._count else "unlocked"
        owner = f"owner={self._owner} count={self._count}"
        return f"<{state} _thread.RLock object {owner} at {id(self):#x}>"


class SimpleQueue(Waitable):
    """`queue.SimpleQueue`. `put` never waits, so that the tape may call it."""

    __slots__ = ("_items",)
    __class_getitem__: ClassVar[Any] = classmethod(GenericAlias)

    def __init__(self) -> None:
        super().__init__()
        self._items: deque[Any] = deque()

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        self._items.append(item)
        self._wake_first()

    def put_nowait(self, item: Any) -> None:
        self.put(item)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        if timeout is not None and timeout < 0:
            raise ValueError("'timeout' must be a non-negative number")
        if self._items:
            return self._items.popleft()
        if not block or timeout == 0:
            self.scheduler.clock.look()
            raise Empty
        if self.scheduler.is_foreign():
            self.scheduler.poll(lambda: bool(self._items), nanoseconds(timeout or NEVER / 1e9))
        else:
            self._await_item(timeout)
        if not self._items:
            raise Empty
        return self._items.popleft()

    def _await_item(self, timeout: float | None) -> None:
        clock = self.scheduler.clock
        until = None if timeout is None else clock.now + nanoseconds(timeout)
        while not self._items:
            if not self._await(None if until is None else (until - clock.now) / 1e9):
                return

    def get_nowait(self) -> Any:
        return self.get(block=False)

    def empty(self) -> bool:
        if not self._items:
            self.scheduler.clock.look()
        return not self._items

    def qsize(self) -> int:
        return len(self._items)


class ThreadHandle(Waitable):
    """What `threading.Thread` joins from Python 3.13 on."""

    __slots__ = ("_done", "ident")

    def __init__(self) -> None:
        super().__init__()
        self.ident = 0
        self._done = False

    @classmethod
    def of(cls, ident: int) -> Self:
        """The handle of a thread that runs already."""
        handle = cls()
        handle.ident = ident
        return handle

    def is_done(self) -> bool:
        if not self._done:
            self.scheduler.clock.look()
        return self._done

    def join(self, timeout: float | None = None) -> None:
        if self.ident == real.get_ident():
            raise RuntimeError("Cannot join current thread")
        if self._done:
            return
        if self.scheduler.is_foreign():
            self.scheduler.poll(lambda: self._done, nanoseconds(timeout or NEVER / 1e9))
        else:
            self._await(None if timeout is None or timeout < 0 else timeout)

    def _set_done(self) -> None:
        self._done = True
        self._wake_all()


def _check_timeout(blocking: bool, timeout: float) -> None:
    if not blocking:
        raise ValueError("can't specify a timeout for a non-blocking call")
    if timeout < 0:
        raise ValueError("timeout value must be a non-negative number")
    if timeout > TIMEOUT_MAX:
        raise OverflowError("timeout value is too large")
