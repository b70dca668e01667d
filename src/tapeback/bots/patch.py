"""Puts virtual time in the place of the real one, all over a process, and takes it away again.

The differences between versions of Python are all here. Names that hold an original are found by
a sweep over the modules that are imported already; what is imported later finds virtual time.
"""

from __future__ import annotations

import asyncio
import builtins
import concurrent.futures
import ctypes
import datetime
import gc
import logging
import os
import queue
import random
import select
import selectors
import signal
import subprocess
import sys
import threading
import time
import uuid
from _thread import LockType
from _thread import RLock as RealRLock
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from tapeback.bots import real
from tapeback.bots.chance import seeded_seed, seeded_urandom
from tapeback.bots.clock import VirtualClock
from tapeback.bots.locks import Lock, RLock, SimpleQueue, ThreadHandle, Waitable
from tapeback.bots.loops import virtual_select, virtual_selector, virtual_wake_up
from tapeback.bots.scheduler import Scheduler
from tapeback.bots.signals import REFUSED, Signals, refusal
from tapeback.bots.threads import Threads

_OWN = ("tapeback", "__main__")
_HANDLES = hasattr(threading, "_ThreadHandle")  # Python 3.13 and later
_MISSING = object()
_NODE = 0x01_00_00_00_00_01  # of no real card: the multicast bit is set
Undo = Callable[[], None]


class Patches:
    """What was replaced, and how to put it back."""

    def __init__(self) -> None:
        self._undo: list[Undo] = []

    def undo(self) -> None:
        """Put everything back, the last first. Objects that the bot made stay as they are."""
        while self._undo:
            self._undo.pop()()

    def set(self, owner: Any, name: str, value: Any) -> None:
        """Set an attribute."""
        before = vars(owner).get(name, _MISSING)
        setattr(owner, name, value)
        if before is _MISSING:
            self._undo.append(lambda: delattr(owner, name))
        else:
            self._undo.append(lambda: setattr(owner, name, before))

    def set_in_type(self, kind: type, name: str, value: Any) -> None:
        """Set an attribute of a type that is written in C."""
        space = gc.get_referents(vars(kind))[0]
        before = space.get(name, _MISSING)

        def write(new: Any) -> None:
            if new is _MISSING:
                del space[name]
            else:
                space[name] = new
            ctypes.pythonapi.PyType_Modified(ctypes.py_object(kind))

        write(value)
        self._undo.append(lambda: write(before))

    def sweep(self, replaced: dict[int, Any]) -> None:
        """Replace every module's global that is an original, given by its id, or a real lock."""
        for name, module in list(sys.modules.items()):
            if module is None or name.partition(".")[0] in _OWN:
                continue
            for key, value in list(getattr(module, "__dict__", {}).items()):
                if id(value) in replaced:
                    self.set(module, key, replaced[id(value)])
                elif type(value) is LockType and not value.locked():
                    self.set(module, key, Lock())
                elif type(value) is RealRLock:
                    self.set(module, key, RLock())


def install(
    scheduler: Scheduler,
    signals: Signals,
    *,
    seed: int,
    ask: Callable[[object], str],
    leave: Callable[[int], None],
) -> Patches:
    """Put virtual time in the place of the real one. `ask` stands in for `input`, `leave` for
    `os._exit`. RuntimeError where this Python does not let its clock be replaced."""
    patches = Patches()
    Waitable.scheduler = scheduler
    _set_time_zone()
    urandom = seeded_urandom(seed)
    random.seed(seed)
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed(seed % 2**32)
    patches.set(random.Random, "seed", seeded_seed(urandom))

    table: dict[int, Any] = {}
    originals: list[object] = []
    for module, names in (
        (time, _time_functions(scheduler)),
        (sys.modules["_thread"], _thread_functions(scheduler, signals)),
        (queue, {"SimpleQueue": SimpleQueue}),
        (signal, _signal_functions(signals)),
        (select, {"select": virtual_select(scheduler)}),
        (os, {"urandom": urandom, "kill": signals.kill, "_exit": leave}),
        (builtins, {"input": ask}),
    ):
        for name, value in names.items():
            original = getattr(module, name, None)
            if original is not None:
                originals.append(original)
                table[id(original)] = value
    patches.sweep(table)
    _patch_datetime(patches, scheduler.clock)
    _patch_objects(patches, table)
    _patch_threading(patches, scheduler)
    _leave_subprocesses_alone(patches)
    _patch_asyncio(patches, scheduler, signals)
    return patches


def _set_time_zone() -> None:
    os.environ["TZ"] = "Asia/Kolkata"
    if hasattr(time, "tzset"):
        time.tzset()


def _time_functions(scheduler: Scheduler) -> dict[str, Any]:
    clock = scheduler.clock
    return {
        "sleep": scheduler.sleep,
        "time": clock.time,
        "time_ns": clock.time_ns,
        "monotonic": clock.monotonic,
        "monotonic_ns": clock.monotonic_ns,
        "perf_counter": clock.monotonic,
        "perf_counter_ns": clock.monotonic_ns,
        "process_time": clock.busy,
        "process_time_ns": clock.busy_ns,
        "thread_time": clock.busy,
        "thread_time_ns": clock.busy_ns,
        "clock_gettime": clock.clock_gettime,
        "clock_gettime_ns": clock.clock_gettime_ns,
        "localtime": clock.localtime,
        "gmtime": clock.gmtime,
        "strftime": clock.strftime,
        "ctime": clock.ctime,
        "asctime": clock.asctime,
    }


def _thread_functions(scheduler: Scheduler, signals: Signals) -> dict[str, Any]:
    threads = Threads(scheduler)
    return {
        "allocate_lock": Lock,
        "allocate": Lock,
        "LockType": Lock,
        "lock": Lock,  # 3.13
        "RLock": RLock,
        "start_new_thread": threads.start_new_thread,
        "start_new": threads.start_new_thread,
        "interrupt_main": signals.interrupt_main,
        "_set_sentinel": threads.set_sentinel,  # up to 3.12
        "start_joinable_thread": threads.start_joinable_thread,  # 3.13, with the next two
        "_ThreadHandle": ThreadHandle,
        "_make_thread_handle": ThreadHandle.of,
    }


def _signal_functions(signals: Signals) -> dict[str, Any]:
    functions: dict[str, Any] = {name: refusal(name) for name in REFUSED}
    functions.update(
        signal=signals.set_handler,
        getsignal=signals.handler_of,
        raise_signal=signals.raise_signal,
        pause=signals.pause,
    )
    return functions


def _patch_datetime(patches: Patches, clock: VirtualClock) -> None:
    for kind, name, function in (
        (datetime.datetime, "now", clock.datetime_now),
        (datetime.datetime, "utcnow", clock.datetime_utcnow),
        (datetime.datetime, "today", clock.datetime_today),
        (datetime.date, "today", clock.date_today),
    ):
        patches.set_in_type(kind, name, classmethod(_unbound(function)))
    if datetime.datetime.now() != clock.naive() or datetime.date.today() != clock.naive().date():
        patches.undo()
        raise RuntimeError(f"Python {sys.version} does not let datetime.now be replaced.")


def _unbound(method: Callable[..., Any]) -> Callable[..., Any]:
    def function(cls: type, *args: Any, **kwargs: Any) -> Any:
        return method(cls, *args, **kwargs)

    return function


def _patch_objects(patches: Patches, table: dict[int, Any]) -> None:
    """What a sweep over module globals does not see: defaults, class attributes, early locks."""
    patches.set(logging.Formatter, "converter", time.localtime)
    if "sched" in sys.modules:
        timer = sys.modules["sched"].scheduler.__init__
        defaults = tuple(table.get(id(value), value) for value in timer.__defaults__)
        patches.set(timer, "__defaults__", defaults)
    # The system's own generator tells the real time, and the network card's address.
    patches.set(uuid, "_generate_time_safe", None)
    patches.set(uuid, "_node", _NODE)
    # The functions of the module `random` are bound to the generator that it made for itself.
    patches.set(random, "seed", random._inst.seed)
    for reference in list(logging._handlerList):  # type: ignore[attr-defined]
        handler = reference()
        if handler is not None and handler.lock is not None:
            patches.set(handler, "lock", RLock())


def _patch_threading(patches: Patches, scheduler: Scheduler) -> None:
    main = threading.main_thread()
    if _HANDLES:
        patches.set(main, "_handle", ThreadHandle.of(scheduler.main.ident))
    else:
        alive = Lock()
        alive.acquire()
        patches.set(main, "_tstate_lock", alive)
    for kind, name, not_yet in (
        (threading.Event, "is_set", False),
        (queue.Queue, "empty", True),
        (concurrent.futures.Future, "done", False),
    ):
        question = _counted(scheduler.clock.look, getattr(kind, name), not_yet)
        patches.set(kind, name, question)


def _counted(look: Callable[[], int], ask: Callable[[Any], bool], not_yet: bool) -> Any:
    """A question that bots repeat until the answer changes; asking counts as a look."""

    def question(self: Any) -> bool:
        answer = ask(self)
        if answer is not_yet:
            look()
        return answer

    return question


def release_main_thread() -> None:
    """Let those go on who join the main thread: it has come to its end."""
    main: Any = threading.main_thread()
    if _HANDLES:
        main._handle._set_done()
    else:
        main._tstate_lock.release()


def _leave_subprocesses_alone(patches: Patches) -> None:
    """Another process lives in real time: the run stands still while it is waited for."""
    patches.set(subprocess, "_time", real.seconds)
    patches.set(subprocess, "time", SimpleNamespace(sleep=real.sleep, monotonic=real.seconds))
    kind = getattr(subprocess, "_PopenSelector", None)
    if kind is not None:
        unpatched = type(kind.__name__, (kind,), {"select": kind.select})
        patches.set(subprocess, "_PopenSelector", unpatched)


def _patch_asyncio(patches: Patches, scheduler: Scheduler, signals: Signals) -> None:
    for kind in vars(selectors).values():
        if isinstance(kind, type) and issubclass(kind, selectors._BaseSelectorImpl):
            _patch_selector(patches, scheduler, kind)
    base: Any = asyncio.selector_events.BaseSelectorEventLoop
    wake_up = virtual_wake_up(scheduler, base._write_to_self)
    patches.set(base, "_write_to_self", wake_up)
    if sys.platform == "win32":
        # The other loop of Windows waits where nobody can see it.
        asyncio.set_event_loop_policy(asyncio.WindowsSelectorEventLoopPolicy())
    else:
        loop = asyncio.SelectorEventLoop
        patches.set(loop, "add_signal_handler", _method(signals.add_to_loop))
        patches.set(loop, "remove_signal_handler", _method(signals.remove_from_loop))


def _patch_selector(patches: Patches, scheduler: Scheduler, kind: Any) -> None:
    if "select" in vars(kind):
        patches.set(kind, "select", virtual_selector(scheduler, kind.select))


def _method(function: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Any, *args: Any) -> Any:
        return function(self, *args)

    return method
