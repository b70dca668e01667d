"""Plays a bot's script over a tape, in this process, which ends with it."""

from __future__ import annotations

import atexit
import gc
import io
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from tapeback.bots import real
from tapeback.bots.clock import VirtualClock
from tapeback.bots.ending import Ending, Notices, bot_traceback, thread_stacks
from tapeback.bots.patch import Patches, install, release_main_thread
from tapeback.bots.scheduler import GRACE_NS, Scheduler
from tapeback.bots.signals import Signals
from tapeback.bots.tasks import EndOfRun, Phase, Tape
from tapeback.bots.turns import compile_bot, count_turns, import_counted
from tapeback.bots.watchdog import Watchdog
from tapeback.utils.clock import SECOND_NS

# What the process that plays a bot must be started with: both take effect only at its start.
ENVIRONMENT = {"PYTHONHASHSEED": "0", "TZ": "Asia/Kolkata"}
STALL_SECONDS = 120.0


class BotRun:
    """One bot in virtual time, as the simulated broker sees it."""

    def __init__(self, scheduler: Scheduler, folder: Path) -> None:
        self._scheduler = scheduler
        self.notices = Notices(scheduler, folder)

    def now(self) -> int:
        """The run's instant, ns UTC."""
        return self._scheduler.clock.now

    def checkpoint(self, latency_ns: int) -> None:
        """Every call of the bot begins here: `latency_ns` pass, then the tape is at the present.

        Raises EndOfRun when the run is over.
        """
        self._scheduler.checkpoint(latency_ns)

    def changed(self) -> None:
        """Say after a call that the tape's next instant may be another now."""
        self._scheduler.changed()

    @property
    def phase(self) -> Phase:
        """OPEN, CLOSING (the data are at their end: no more orders), or OVER."""
        return self._scheduler.phase


def play(
    script: Path,
    arguments: Sequence[str],
    tape: Tape,
    *,
    start: int,
    end: int,
    seed: int,
    on_end: Callable[[Ending], None],
    prepare: Callable[[BotRun], None] = lambda _: None,
    grace: int = GRACE_NS,
    exceeded: Callable[[], str | None] = lambda: None,
    stall_seconds: float = STALL_SECONDS,
) -> NoReturn:
    """Run `script` as `python script arguments…` from `start` to `end` (ns UTC), then leave the
    process. Call it on the main thread.

    `prepare` is called in virtual time before the script, to put the broker's module in place.
    `on_end` is called once, whatever happens, back in real time; it may be on another thread than
    the caller's. `grace` (ns) is what the bot may take to end after the data. `exceeded` is asked
    now and then, on another thread, why the run must stop; it stops by itself when the bot does
    nothing but compute for `stall_seconds` of real time. The process is pinned to one core, where
    the system can: threads hand over to each other all the time.
    """
    _pin()
    scheduler = Scheduler(VirtualClock(start), tape, end, grace)
    run = _Run(scheduler, script, on_end)
    watchdog = Watchdog(
        scheduler,
        exceeded=exceeded,
        stall_seconds=stall_seconds,
        on_limit=run.limited,
        give_up=run.give_up,
    )
    run.begin(seed)
    watchdog.start()
    run.play(arguments, prepare)


class _Run:
    """The course of one run, from the first line of the script to the end of the process."""

    def __init__(self, scheduler: Scheduler, script: Path, on_end: Callable[[Ending], None]):
        self._scheduler = scheduler
        self._script = script
        self._on_end = on_end
        self._bot = BotRun(scheduler, script.resolve().parent)
        self._notices = self._bot.notices
        self._ending: Ending | None = None
        self._stuck: str | None = None
        self._patches: Patches | None = None
        self._ended = real.allocate_lock()
        scheduler.on_stuck = self._note_stuck
        scheduler.on_nudge = self._note_spin
        scheduler.on_tape_failure = self._broken
        scheduler.on_main_left = self._main_left
        self._signals = Signals(scheduler, self._killed)

    def begin(self, seed: int) -> None:
        """Enter virtual time."""
        patches = self._patches = install(
            self._scheduler, self._signals, seed=seed, ask=self._ask, leave=self._exited
        )
        patches.set(sys, "unraisablehook", _without_endings(sys.unraisablehook))
        reporter = _noting(threading._make_invoke_excepthook, self._note_thread_failure)  # type: ignore[attr-defined]
        patches.set(threading, "_make_invoke_excepthook", reporter)
        real.set_signal(signal.SIGINT, signal.SIG_IGN)  # who started the process decides
        count_turns(self._scheduler.turn, self._scheduler.spin)
        import_counted(self._script.resolve().parent)

    def play(self, arguments: Sequence[str], prepare: Callable[[BotRun], None]) -> NoReturn:
        """The script, what the interpreter does after it, and the end of the other threads."""
        try:
            prepare(self._bot)
            ending = self._run_script(arguments)
            self._leave_interpreter()
            if ending.how == "exited" and self._scheduler.phase is not Phase.OPEN:
                ending = replace(ending, how="completed")
            # A pool reports that a worker was unwound, which is no news of the bot.
            logging.getLogger("concurrent.futures").disabled = True
            self._scheduler.close()
        except BaseException as error:
            self._broken(error)
        self._finish(ending)

    def _run_script(self, arguments: Sequence[str]) -> Ending:
        try:
            self._execute(arguments)
        except (KeyboardInterrupt, SystemExit) as error:
            if self._scheduler.phase is not Phase.OPEN:
                return self._made("completed")
            if isinstance(error, KeyboardInterrupt):
                return self._raised(error, 130)
            return self._made("exited", code=_exit_code(error))
        except BaseException as error:
            if self._scheduler.phase is Phase.OPEN:
                return self._raised(error, 1)
            self._show(error)
            file, line = self._notices.place_of_error(error)
            text = f"{type(error).__name__}: {error}"
            self._notices.add_at("bot_fails_while_ending", text, file, line)
            return self._made("completed")
        return self._made("exited" if self._scheduler.phase is Phase.OPEN else "completed")

    def _execute(self, arguments: Sequence[str]) -> None:
        """What `python script arguments…` does."""
        path = str(self._script)
        module = ModuleType("__main__")
        vars(module).update(__file__=path, __builtins__=__builtins__, __annotations__={})
        sys.modules["__main__"] = module
        sys.argv = [path, *arguments]
        sys.path.insert(0, str(self._script.resolve().parent))
        code = compile_bot(self._script.read_bytes(), str(self._script.resolve()))
        exec(code, vars(module))

    def _leave_interpreter(self) -> None:
        """What Python does when the main program is done, in virtual time."""
        try:
            for call in reversed(threading._threading_atexits):  # type: ignore[attr-defined]
                call()
            release_main_thread()
            while others := [t for t in threading.enumerate() if _is_waited_for(t)]:
                others[0].join()
        except (KeyboardInterrupt, EndOfRun):
            pass  # the data are at their end, and with them whoever was waited for
        atexit._run_exitfuncs()

    # --- what may happen meanwhile, on any thread

    def _ask(self, prompt: object = "", /) -> str:
        text = "input() has nobody to ask in a backtest; pass the answer as an argument"
        self._notices.add("bot_asks_for_input", f"{text} or an environment variable.")
        self._scheduler.rest(SECOND_NS)
        raise EOFError(f"{text}.")

    def _note_stuck(self) -> None:
        self._stuck = thread_stacks(self._scheduler)
        main = sys._current_frames().get(self._scheduler.main.ident)
        self._notices.add("bot_stuck", "From here on nothing could happen any more.", main)

    def _note_spin(self) -> None:
        text = "A loop that never waits; time was passed for it."
        self._notices.add("bot_spins", text, sys._getframe())

    def _note_thread_failure(self, error: BaseException) -> None:
        file, line = self._notices.place_of_error(error)
        text = f"A thread ended with {type(error).__name__}: {error}"
        self._notices.add_at("bot_thread_failed", text, file, line)

    def _broken(self, error: BaseException) -> NoReturn:
        trace = "".join(traceback.format_exception(error))
        text = f"{type(error).__name__}: {error}"
        self._finish(self._made("broken", code=1, error=text, traceback=trace))

    def _main_left(self) -> NoReturn:
        frame = sys._current_frames()[self._scheduler.main.ident]
        text = "It catches everything, even its own end; it was left where it stood."
        self._notices.add("bot_ignores_its_end", text, frame)
        self._finish(self._made("completed"))

    def _killed(self, signum: int) -> NoReturn:
        self._finish(self._made("exited", code=128 + signum))

    def _exited(self, status: int) -> NoReturn:
        self._finish(self._made("exited", code=status))

    def limited(self, why: str) -> None:
        """The watchdog stops the bot: remember where it stood."""
        ident = self._scheduler.ident
        file, line = self._notices.place(sys._current_frames().get(ident))
        stacks = thread_stacks(self._scheduler)
        self._ending = self._made("limit", error=why, file=file, line=line, stacks=stacks)

    def give_up(self) -> None:
        """The bot does not end; write down what there is."""
        assert self._ending is not None
        self._finish(self._ending)

    # --- endings

    def _made(self, how: Any, **facts: Any) -> Ending:
        return Ending(how=how, at=self._scheduler.clock.now, **facts)

    def _raised(self, error: BaseException, code: int) -> Ending:
        self._show(error)
        file, line = self._notices.place_of_error(error)
        trace = "".join(traceback.format_exception(error))
        text = f"{type(error).__name__}: {error}"
        return self._made("raised", code=code, error=text, file=file, line=line, traceback=trace)

    def _show(self, error: BaseException) -> None:
        error = error.with_traceback(bot_traceback(error.__traceback__))
        sys.excepthook(type(error), error, error.__traceback__)

    def _finish(self, ending: Ending) -> NoReturn:
        """Hand the ending over and leave the process; only the first caller gets here."""
        if not self._ended.acquire(False):
            while True:
                real.sleep(3600)
        ending = self._ending or ending
        if ending.how == "completed" and self._stuck:
            ending = replace(ending, how="deadlock", stacks=self._stuck)
        ending = replace(ending, notices=self._notices.all(), switches=self._scheduler.switches)
        self._scheduler.undone = True
        if self._patches is not None:
            self._patches.undo()
        status = 1
        try:
            self._on_end(ending)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            _flush()
            real.exit_process(status)


def _pin() -> None:
    """Keep the process on one core, so that a hand-over wakes no other core."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[os.getpid() % len(cores)]})


def _exit_code(error: SystemExit) -> int:
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code
    sys.stderr.write(f"{error.code}\n")
    return 1


def _is_waited_for(thread: threading.Thread) -> bool:
    return not thread.daemon and thread is not threading.main_thread() and thread.is_alive()


def _without_endings(hook: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def report(unraisable: Any) -> None:
        if not issubclass(unraisable.exc_type, EndOfRun):
            hook(unraisable)

    return report


Reporter = Callable[[threading.Thread], None]


def _noting(make: Callable[[], Reporter], note: Callable[[BaseException], None]) -> Any:
    """Note what ends a thread; say nothing of a thread that the run's end has unwound."""

    def make_noting() -> Reporter:
        report = make()

        def invoke(thread: threading.Thread) -> None:
            error = sys.exception()
            if isinstance(error, EndOfRun):
                return
            if error is not None and not isinstance(error, SystemExit):
                note(error)
            report(thread)

        return invoke

    return make_noting


def _flush() -> None:
    """Write out what the bot's open files still hold, as the interpreter does when it ends."""
    for thing in gc.get_objects():
        if issubclass(type(thing), io.IOBase):
            with suppress(Exception):  # closed, a pipe that nobody reads, a class of the bot's own
                thing.flush()
