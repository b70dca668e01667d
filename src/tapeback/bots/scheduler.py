"""Runs the threads of a bot one at a time, in the order of their wake-ups, in virtual time.

Each thread is a real one with a gate of its own; the one whose gate was opened last has the baton.
Whoever waits looks for the next thing to happen (`_pick`): a thread that is ready, the tape's next
instant, the next wake-up. It moves the clock there and opens the gate of the thread that is due.
When that is its own, nothing is switched at all.

At one instant the tape's prices come first, then wake-ups in the order in which they were asked
for, then the settlement (square-off, expiry, session end): rule T6 of the fill contract.
"""

from __future__ import annotations

import gc
import itertools
import sys
import traceback
from collections import deque
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import Any, NoReturn

from tapeback.bots import real
from tapeback.bots.clock import VirtualClock, nanoseconds
from tapeback.bots.real import get_ident
from tapeback.bots.tasks import (
    FIRST_NUDGE_NS,
    NEVER,
    EndOfRun,
    Phase,
    Tape,
    Task,
    Wait,
)
from tapeback.utils.clock import SECOND_NS

# How long a bot may go on after the data's end: joining threads, shutting schedulers down.
GRACE_NS = 120 * SECOND_NS
# A thread that goes on after so many exceptions meant to end it is left where it is.
MOST_ENDINGS = 50
# Turns of `while` loops at one instant that pass for computing.
TURNS = 20_000
_LONGEST_NUDGE_NS, _NUDGE_GROWTH = SECOND_NS // 4, 1.25


class Scheduler:
    """The baton, the timers and the three phases of a run."""

    def __init__(self, clock: VirtualClock, tape: Tape, end: int, grace: int = GRACE_NS) -> None:
        self.clock = clock
        self.tape = tape
        self.end = end
        self.grace = grace
        self.phase = Phase.OPEN
        self.main = Task()
        self.main.ident = get_ident()
        self.running = self.main
        self.ident = self.main.ident
        self.tasks: dict[Task, None] = {self.main: None}
        self.switches = 0
        self.undone = False
        # Called on the thread that happens to have the baton.
        self.on_data_end: Callable[[], None] = lambda: None
        self.on_stuck: Callable[[], None] = lambda: None
        self.on_nudge: Callable[[], None] = lambda: None
        self.on_signals: Callable[[], None] = lambda: None
        self.on_tape_failure: Callable[[BaseException], NoReturn] = _raise
        self.on_main_left: Callable[[], NoReturn] = _leave
        self.signals_pending = False
        clock.idle = self.nudge
        self._ready: deque[Task] = deque()
        self._timers: list[tuple[int, int, Wait]] = []
        self._stale = 0
        self._requests = itertools.count()
        self._unsettled = False
        self._played_out = False
        self._playing = False
        self._closing: Wait | None = None
        self.turns = 0
        self._looks_before = 0
        self._turned_at = -1
        # Until this instant nothing can happen but what the running thread does.
        self._barrier = 0
        self.changed()

    # --- what a thread asks for

    def sleep(self, seconds: float, /) -> None:
        """`time.sleep`: the tape is played meanwhile, other threads run."""
        clock = self.clock
        now = clock.now
        ns = seconds * SECOND_NS if seconds.__class__ is int else int(seconds * 1e9 + 0.5)
        wake = now + ns
        if now < wake < self._barrier and get_ident() == self.ident:
            clock.now = wake
            return
        if seconds < 0:
            raise ValueError("sleep length must be non-negative")
        self.rest(nanoseconds(seconds))

    def rest(self, ns: int) -> None:
        """Let `ns` pass; of 0, let the threads that are ready run first."""
        if self.is_foreign():
            real.sleep(ns / SECOND_NS)
            return
        wake = self.clock.now + ns
        if self.clock.now < wake < self._barrier:
            self.clock.now = wake
            return
        if ns == 0:
            self.clock.look()
        if ns == 0 or not self._sleep_alone(wake):
            self.block(Wait(self.running), wake)

    def _sleep_alone(self, wake: int) -> bool:
        """Play the tape up to `wake`, as long as no other thread is due before."""
        collecting = self._begin_playing()
        try:
            clock = self.clock
            while not self._ready and self.phase is Phase.OPEN and wake < self.end:
                if self._timers and self._timers[0][0] <= wake:
                    return False
                if self._unsettled:
                    self._unsettled = False
                    self._play(self.tape.settle, clock.now)
                    continue
                instant = self._next_instant()
                if instant > wake:
                    clock.now = wake
                    self._set_barrier(instant)
                    return True
                clock.now = max(clock.now, instant)
                self._unsettled = True
                self._play(self.tape.advance, clock.now)
                if instant == wake and not self._ready:
                    self._barrier = 0
                    return True
            return False
        finally:
            self._end_playing(collecting)

    def checkpoint(self, latency_ns: int) -> None:
        """One call of the broker: it takes its time, then the tape stands at the present."""
        if latency_ns == 0 and self.clock.now < self._barrier and get_ident() == self.ident:
            self.clock.look()  # nobody else is due
        else:
            self.rest(latency_ns)
        if self.phase is Phase.OPEN:
            collecting = self._begin_playing()
            try:
                self._play(self.tape.advance, self.clock.now)
            finally:
                self._end_playing(collecting)

    def changed(self) -> None:
        """Tell that the tape's next instant may be another now: an order, a subscription."""
        if self._ready or self._unsettled or self.signals_pending or self.phase is not Phase.OPEN:
            self._barrier = 0
        else:
            self._set_barrier(self._next_instant())

    def _set_barrier(self, instant: int) -> None:
        barrier = min(instant, self.end)
        if self._timers and self._timers[0][0] < barrier:
            barrier = self._timers[0][0]
        self._barrier = barrier

    def turn(self) -> None:
        """One turn of a `while` loop of the bot."""
        self.turns += 1
        if self.turns >= TURNS:
            self.turns = 0
            if self._turned_at == self.clock.now:
                self.nudge()
            self._turned_at = self.clock.now

    def spin(self) -> None:
        """One turn of a loop that does nothing but wait for another thread."""
        if self.clock.looks != self._looks_before:  # its condition is a property that looks
            self._looks_before = self.clock.looks
            self.turn()
        elif not self._playing and not self.is_foreign():
            self.block(Wait(self.running), self._next_event())

    def _next_event(self) -> int:
        """The next instant at which anything can change for a thread that does nothing."""
        if self._ready:
            return self.clock.now
        pending = [deadline for deadline, _, wait in self._timers if not wait.over]
        return min(self._next_instant(), *pending, NEVER)

    def nudge(self) -> None:
        """Let a thread that never waits wait a little, longer each time until time passes."""
        if self._playing or self.is_foreign():
            return
        task = self.running
        if task.nudged_at == self.clock.now:
            task.nudge = min(int(task.nudge * _NUDGE_GROWTH), _LONGEST_NUDGE_NS)
            self.on_nudge()
        else:
            task.nudge = FIRST_NUDGE_NS
        self.block(Wait(task), self.clock.now + task.nudge)
        task.nudged_at = self.clock.now

    def is_foreign(self) -> bool:
        """Whether the caller is a thread that C code made, or none of the bot's."""
        return get_ident() != self.ident

    def poll(self, done: Callable[[], bool], timeout_ns: int) -> bool:
        """A foreign thread's wait, in real time; given up when the run is being written down."""
        until = real.seconds() + timeout_ns / SECOND_NS
        while not done():
            if self.undone or real.seconds() >= until:
                return self.undone
            real.sleep(0.0005)
        return True

    # --- waiting and waking

    def block(self, wait: Wait, deadline: int = NEVER) -> bool:
        """Wait until `wake(wait)` or the deadline, ns UTC; whether it was woken.

        Raises EndOfRun when the run is over, and what a signal handler raises.
        """
        task = wait.task
        if self._playing:
            raise RuntimeError("a finalizer of the bot waits while the tape plays")
        if self.phase is Phase.OVER and deadline != NEVER:
            self._unwind(task)
        outer = task.wait
        try:
            while True:
                if deadline != NEVER and not wait.timed:
                    heappush(self._timers, (deadline, next(self._requests), wait))
                    wait.timed = True
                task.wait = wait
                self._switch(task)
                task.wait = outer
                if self.signals_pending and task is self.main:
                    self.on_signals()
                if wait.woken:
                    return True
                if self.phase is Phase.OVER and wait is not self._closing:
                    self._unwind(task)
                if self.clock.now >= deadline:
                    return False
        finally:
            task.wait = outer
            wait.over = True
            if wait.timed:
                self._forget_timer()
            self.changed()

    def wake(self, wait: Wait) -> None:
        """Let the thread go on that waits; it runs when its turn comes."""
        if wait.woken or wait.over:
            return
        wait.woken = True
        if wait.task.wait is wait and not wait.signalled:
            self._ready.append(wait.task)
            self._barrier = 0

    def interrupt_main(self) -> None:
        """Let the main thread see to its signals, whatever it waits for."""
        self.signals_pending = True
        self._barrier = 0
        wait = self.main.wait
        if wait is not None and not wait.woken and not wait.signalled:
            wait.signalled = True
            self._ready.append(self.main)

    def _forget_timer(self) -> None:
        """Throw out the timers of waits that are over once they are the larger part."""
        self._stale += 1
        if self._stale > 64 and self._stale * 2 > len(self._timers):
            self._timers[:] = [entry for entry in self._timers if not entry[2].over]
            heapify(self._timers)
            self._stale = 0

    # --- threads

    def start(self, function: Callable[..., Any], args: Any, kwargs: Any) -> Task:
        """Start a thread of the bot; it runs when its turn comes."""
        task = Task()
        task.ident = real.start_new_thread(self._run, (task, function, args, kwargs))
        self.tasks[task] = None
        self._ready.append(task)
        self._barrier = 0
        return task

    def _run(self, task: Task, function: Callable[..., Any], args: Any, kwargs: Any) -> None:
        task.gate.acquire()
        try:
            function(*args, **kwargs)
        except SystemExit:
            pass
        except BaseException:
            sys.stderr.write(f"Exception ignored in thread started by: {function!r}\n")
            traceback.print_exc()
        del self.tasks[task]
        for leave in task.on_exit:
            leave()
        self._hand_over(self._pick())

    def stop(self) -> None:
        """Let every thread be unwound at its next wait; called from outside of the bot."""
        self.phase = Phase.OVER
        self._barrier = 0

    def close(self) -> None:
        """Unwind every other thread; called by the main thread when it has come to its end."""
        self.phase = Phase.OVER
        self._closing = Wait(self.main)
        if len(self.tasks) > 1:
            self.block(self._closing)

    # --- the baton

    def _switch(self, task: Task) -> None:
        chosen = self._pick()
        if chosen is not task:
            self._hand_over(chosen)
            task.gate.acquire()

    def _hand_over(self, chosen: Task) -> None:
        self.switches += 1
        self.running = chosen
        self.ident = chosen.ident
        chosen.gate.release()

    def _pick(self) -> Task:
        """Move time on until a thread can run. Calls nothing of the bot's."""
        collecting = self._begin_playing()
        try:
            while True:
                if self._ready:
                    task = self._ready.popleft()
                    if task.wait is not None:
                        task.wait.signalled = False
                    return task
                if self.phase is Phase.OVER:
                    return self._next_to_unwind()
                chosen = self._move_time()
                if chosen is not None:
                    return chosen
        finally:
            self._end_playing(collecting)

    def _begin_playing(self) -> bool:
        """No finalizer of the bot's may run in the midst of what follows."""
        collecting = gc.isenabled()
        gc.disable()
        self._playing = True
        return collecting

    def _end_playing(self, collecting: bool) -> None:
        self._playing = False
        if collecting:
            gc.enable()

    def _move_time(self) -> Task | None:
        """Go to the next instant; the thread that is due there, None when it is the tape."""
        clock = self.clock
        timers = self._timers
        while timers and timers[0][2].over:
            heappop(timers)
            self._stale -= 1
        timer = timers[0][0] if timers else NEVER
        instant = self._next_instant()
        if self._unsettled and timer > clock.now:
            self._unsettled = False
            self._play(self.tape.settle, clock.now)
        elif (soonest := min(timer, instant)) == NEVER or soonest > self._limit():
            self._end_phase(stuck=soonest == NEVER)
        elif instant <= timer:
            clock.now = max(clock.now, instant)
            self._unsettled = True
            self._play(self.tape.advance, clock.now)
        else:
            clock.now = max(clock.now, timer)
            wait = heappop(timers)[2]
            wait.timed = False
            if wait.task.wait is wait:
                return wait.task
        return None

    def _limit(self) -> int:
        return self.end if self.phase is Phase.OPEN else self.end + self.grace

    def _end_phase(self, *, stuck: bool) -> None:
        if self.phase is Phase.CLOSING:
            self.phase = Phase.OVER
        elif not self._played_out:
            if stuck:
                self.on_stuck()
            self._played_out = self._unsettled = True
            self.clock.now = max(self.clock.now, self.end)
            self._play(self.tape.advance, self.clock.now)
        else:
            self.phase = Phase.CLOSING
            self.on_data_end()

    def _next_instant(self) -> int:
        if self.phase is not Phase.OPEN or self._played_out:
            return NEVER
        try:
            return self.tape.next_instant()
        except BaseException as error:
            self.on_tape_failure(error)

    def _play(self, step: Callable[[int], None], ts: int) -> None:
        try:
            step(ts)
        except BaseException as error:
            self.on_tape_failure(error)

    # --- the end

    def _next_to_unwind(self) -> Task:
        for task in self.tasks:
            if task.wait is not None and task.wait is not self._closing and not task.left:
                return task
        assert self._closing is not None
        self._closing.woken = True
        return self.main

    def _unwind(self, task: Task) -> NoReturn:
        """Raise EndOfRun in the thread; where it was of no use too often, leave it for ever."""
        task.endings += 1
        if task.endings <= MOST_ENDINGS:
            raise EndOfRun
        task.left = True
        if task is self.main:
            self.on_main_left()
        self._hand_over(self._pick())
        while True:
            task.gate.acquire()


def _raise(error: BaseException) -> NoReturn:
    raise error


def _leave() -> NoReturn:
    raise RuntimeError("the main thread does not end")
