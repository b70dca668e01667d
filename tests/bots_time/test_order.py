"""Threads run in the order of a plain queue of events, whatever they do to each other."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from queue import Empty
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapeback.bots.clock import VirtualClock
from tapeback.bots.locks import Lock, SimpleQueue, Waitable
from tapeback.bots.scheduler import Scheduler
from tapeback.bots.tasks import NEVER, Phase
from tapeback.utils.clock import SECOND_NS

START, LATER = 1_000 * SECOND_NS, 100_000
Action = tuple[str, int, int | None]
Log = list[tuple[int, int, Action, object]]

which, seconds = st.integers(0, 1), st.integers(0, 3)
patience = st.none() | seconds
ACTIONS = st.one_of(
    st.tuples(st.just("sleep"), seconds, st.none()),
    st.tuples(st.just("lock"), which, patience),
    st.tuples(st.just("unlock"), which, st.none()),
    st.tuples(st.just("put"), which, st.none()),
    st.tuples(st.just("get"), which, patience),
    st.tuples(st.just("start"), which, st.none()),
)
PROGRAMS = st.lists(st.lists(ACTIONS, max_size=12), min_size=2, max_size=6)


class EmptyTape:
    """Nothing ever happens on it."""

    def next_instant(self) -> int:
        return NEVER

    def advance(self, ts: int) -> None: ...

    def settle(self, ts: int) -> None: ...


# --- the model: one queue of events, no threads


@dataclass
class ModelWait:
    thread: Generator[ModelWait, None, None]
    over: bool = False
    woken: bool = False


@dataclass
class Model:
    """Threads as generators that yield what they wait for."""

    programs: list[list[Action]]
    now: int = 0
    log: Log = field(default_factory=list)
    ready: deque[Any] = field(default_factory=deque)
    timers: list[tuple[int, int, ModelWait]] = field(default_factory=list)
    requests: int = 0
    started: int = 0
    current: Any = None

    def __post_init__(self) -> None:
        self.held = [False, False]
        self.lockers: list[deque[ModelWait]] = [deque(), deque()]
        self.items: list[deque[int]] = [deque(), deque()]
        self.getters: list[deque[ModelWait]] = [deque(), deque()]

    def play(self) -> Log:
        for program in self.programs:
            self.start(program)
        while self.ready or self.timers:
            if self.ready:
                self.current = self.ready.popleft()
            else:
                self.now, _, wait = heappop(self.timers)
                if wait.over:
                    continue
                wait.over = True
                self.current = wait.thread
            next(self.current, None)
        return self.log

    def start(self, program: list[Action]) -> None:
        self.ready.append(self.thread(self.started, program))
        self.started += 1

    def thread(self, number: int, program: list[Action]) -> Generator[ModelWait, None, None]:
        for action in program:
            result = yield from self.act(number, *action)
            self.log.append((self.now, number, action, result))

    def act(self, me: int, what: str, arg: int, timeout: int | None) -> Iterator[Any]:
        if what == "sleep":
            yield self.wait(None, arg)
        elif what == "lock":
            return (yield from self.lock(arg, timeout))
        elif what == "unlock":
            if not self.held[arg]:
                return "RuntimeError"
            self.held[arg] = self.wake(self.lockers[arg])
        elif what == "put":
            self.items[arg].append(me)
            self.wake(self.getters[arg])
        elif what == "get":
            return (yield from self.get(arg, timeout))
        elif self.started < len(self.programs) + 3:
            self.start(self.programs[arg])
        return None

    def lock(self, arg: int, timeout: int | None) -> Iterator[Any]:
        if not self.held[arg]:
            self.held[arg] = True
            return True
        if timeout == 0:
            return False
        wait = self.wait(self.lockers[arg], timeout)
        yield wait
        return wait.woken

    def get(self, arg: int, timeout: int | None) -> Iterator[Any]:
        until = None if timeout is None else self.now + timeout
        while not self.items[arg]:
            if timeout == 0:
                return "Empty"
            wait = self.wait(self.getters[arg], None if until is None else until - self.now)
            yield wait
            if not wait.woken:
                break
        return self.items[arg].popleft() if self.items[arg] else "Empty"

    def wait(self, line: deque[ModelWait] | None, timeout: int | None) -> ModelWait:
        wait = ModelWait(self.current)
        if line is not None:
            line.append(wait)
        if timeout is not None:
            heappush(self.timers, (self.now + timeout, self.requests, wait))
            self.requests += 1
        return wait

    def wake(self, line: deque[ModelWait]) -> bool:
        while line:
            wait = line.popleft()
            if not wait.over:
                wait.over = wait.woken = True
                self.ready.append(wait.thread)
                return True
        return False


# --- the same with real threads


class Threads:
    """The programs on the scheduler."""

    def __init__(self, programs: list[list[Action]]) -> None:
        self.programs = programs
        self.scheduler = Scheduler(VirtualClock(START), EmptyTape(), NEVER - 1)
        Waitable.scheduler = self.scheduler
        self.locks = [Lock(), Lock()]
        self.queues = [SimpleQueue(), SimpleQueue()]
        self.log: Log = []
        self.started = 0

    def play(self) -> Log:
        for program in self.programs:
            self.start(program)
        self.scheduler.sleep(LATER)
        self.scheduler.close()
        assert self.scheduler.phase is Phase.OVER
        assert list(self.scheduler.tasks) == [self.scheduler.main]
        return self.log

    def start(self, program: list[Action]) -> None:
        self.scheduler.start(self.thread, (self.started, program), {})
        self.started += 1

    def thread(self, number: int, program: list[Action]) -> None:
        for action in program:
            result = self.act(number, *action)
            now = (self.scheduler.clock.now - START) // SECOND_NS
            self.log.append((now, number, action, result))

    def act(self, me: int, what: str, arg: int, timeout: int | None) -> object:
        try:
            if what == "sleep":
                self.scheduler.sleep(arg)
            elif what == "lock":
                return self.locks[arg].acquire(timeout=-1 if timeout is None else timeout)
            elif what == "unlock":
                self.locks[arg].release()
            elif what == "put":
                self.queues[arg].put(me)
            elif what == "get":
                return self.queues[arg].get(timeout=timeout)
            elif self.started < len(self.programs) + 3:
                self.start(self.programs[arg])
        except (RuntimeError, Empty) as error:
            return type(error).__name__
        return None


@pytest.fixture(autouse=True)
def _scheduler_of_this_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Waitable, "scheduler", None, raising=False)


@given(PROGRAMS)
@settings(max_examples=400)
def test_threads_follow_a_plain_queue_of_events(programs: list[list[Action]]) -> None:
    assert Threads(programs).play() == Model(programs).play()


def test_timers_that_nobody_waits_for_do_not_pile_up() -> None:
    """A queue polled with a long timeout leaves a timer behind at every item."""
    scheduler = Scheduler(VirtualClock(START), EmptyTape(), NEVER - 1)
    Waitable.scheduler = scheduler
    box = SimpleQueue()
    got = []

    def reader() -> None:
        while len(got) < 2_000:
            got.append(box.get(timeout=3600))

    scheduler.start(reader, (), {})
    for number in range(2_000):
        scheduler.sleep(0.001)
        box.put(number)
    scheduler.sleep(1)
    assert got == list(range(2_000))
    assert len(scheduler._timers) < 200
    assert list(scheduler.tasks) == [scheduler.main]


def test_a_finalizer_that_waits_does_not_run_while_the_tape_plays() -> None:
    """Python collects garbage wherever it likes, and a bot's `__del__` may call its broker."""

    class BusyTape(EmptyTape):
        played = START

        def next_instant(self) -> int:
            return self.played + SECOND_NS

        def advance(self, ts: int) -> None:
            told.append("begins")
            _ = [[] for _ in range(5_000)]
            told.append("ends")
            self.played = ts

    class Bot:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            scheduler.sleep(0.5)
            told.append("bot is gone")

    told: list[str] = []
    scheduler = Scheduler(VirtualClock(START), BusyTape(), NEVER - 1)
    Waitable.scheduler = scheduler
    for _ in range(20):
        Bot()
        scheduler.sleep(1)
        scheduler.checkpoint(SECOND_NS)
        gc.collect()
    assert told.count("bot is gone") == 20
    begun = [number for number, word in enumerate(told) if word == "begins"]
    assert all(told[number + 1] == "ends" for number in begun)
    assert len(begun) >= 50
