"""Signals of a bot, kept from the real process: handlers run on the bot's main thread only, when
it has the baton. The end of the data reaches the bot as the signal that stops it live."""

from __future__ import annotations

import os
import signal
import sys
from collections import deque
from collections.abc import Callable
from typing import Any, NoReturn

from tapeback.bots import real
from tapeback.bots.scheduler import Scheduler
from tapeback.bots.tasks import NEVER, Phase, Wait

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK", "SIGQUIT", "SIGUSR1", "SIGUSR2")
_DEADLY = ("SIGKILL", "SIGABRT")
# These would wait for, or ask for, a signal in real time.
REFUSED = ("alarm", "setitimer", "sigwait", "sigwaitinfo", "sigtimedwait")


class Signals:
    """The bot's signal handlers. `die` ends the run as a deadly signal ends a process."""

    def __init__(self, scheduler: Scheduler, die: Callable[[int], NoReturn]) -> None:
        self._scheduler = scheduler
        self._die = die
        self._handlers: dict[int, Any] = {
            getattr(signal, name): signal.SIG_DFL for name in _NAMES if hasattr(signal, name)
        }
        self._handlers[signal.SIGINT] = signal.default_int_handler
        self._deadly = {getattr(signal, name) for name in _DEADLY if hasattr(signal, name)}
        self._pending: deque[int] = deque()
        self._pauses: list[Wait] = []
        self._real_handler_of = signal.getsignal
        scheduler.on_signals = self._deliver
        scheduler.on_data_end = self.stop

    def stop(self) -> None:
        """Stop the bot as its host does: SIGTERM where the bot handles it, else Ctrl-C."""
        handled = callable(self._handlers[signal.SIGTERM])
        self._pending.append(signal.SIGTERM if handled else signal.SIGINT)
        self._scheduler.interrupt_main()

    def _send(self, signum: int) -> None:
        self._pending.append(signum)
        if self._scheduler.running is self._scheduler.main:
            self._deliver()
        else:
            self._scheduler.interrupt_main()

    def _deliver(self) -> None:
        scheduler = self._scheduler
        scheduler.signals_pending = False
        while self._pending and scheduler.phase is not Phase.OVER:
            signum = self._pending.popleft()
            handler = self._handlers[signum]
            if callable(handler):
                handler(signum, sys._getframe())
                for wait in self._pauses:
                    scheduler.wake(wait)
            elif handler == signal.SIG_DFL and scheduler.phase is Phase.OPEN:
                self._die(signum)

    # --- what the bot calls

    def set_handler(self, signum: int, handler: Any) -> Any:
        """`signal.signal`."""
        if signum not in self._handlers:
            return real.set_signal(signum, handler)
        if self._scheduler.running is not self._scheduler.main:
            raise ValueError("signal only works in main thread of the main interpreter")
        if not callable(handler) and handler not in (signal.SIG_DFL, signal.SIG_IGN):
            raise TypeError(
                "signal handler must be signal.SIG_IGN, signal.SIG_DFL, or a callable object"
            )
        before = self._handlers[signum]
        self._handlers[signum] = handler
        return before

    def handler_of(self, signum: int) -> Any:
        """`signal.getsignal`."""
        if signum in self._handlers:
            return self._handlers[signum]
        return self._real_handler_of(signum)

    def raise_signal(self, signum: int) -> None:
        """`signal.raise_signal`: to the bot itself."""
        if signum in self._deadly:
            self._die(signum)
        if signum not in self._handlers:
            real.raise_signal(signum)
            return
        self._send(signum)

    def kill(self, pid: int, signum: int) -> None:
        """`os.kill`: to the bot itself; nothing but its existence can be asked of others."""
        if pid != os.getpid():
            real.kill(pid, signum)
        elif signum:
            self.raise_signal(signum)

    def interrupt_main(self, signum: int = signal.SIGINT) -> None:
        """`_thread.interrupt_main`."""
        self._send(signum)

    def pause(self) -> None:
        """`signal.pause`: until a handler has run."""
        wait = Wait(self._scheduler.running)
        self._pauses.append(wait)
        try:
            self._scheduler.block(wait, NEVER)
        finally:
            self._pauses.remove(wait)

    def add_to_loop(self, loop: Any, signum: int, callback: Callable[..., Any], *args: Any) -> None:
        """`loop.add_signal_handler` of asyncio."""
        self.set_handler(signum, lambda *_: loop.call_soon_threadsafe(callback, *args))

    def remove_from_loop(self, _loop: Any, signum: int) -> bool:
        """`loop.remove_signal_handler` of asyncio."""
        default = signal.default_int_handler if signum == signal.SIGINT else signal.SIG_DFL
        return self.set_handler(signum, default) is not default


def refusal(name: str) -> Callable[..., NoReturn]:
    """A function in the place of one that counts real time."""

    def refuse(*_args: Any, **_kwargs: Any) -> NoReturn:
        raise RuntimeError(
            f"signal.{name} counts real time, and a backtest has none. "
            "Use threading.Timer or a loop with time.sleep."
        )

    return refuse
