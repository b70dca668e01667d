"""The thread on which a bot hears of ticks and order updates, as the SDK's socket has one."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

Message = dict[str, Any]


class CallbackThread:
    """Runs callbacks one after the other in the order in which they were delivered, on a thread of
    the bot's own time; what they raise is swallowed, as the SDK does. `translate` puts a message
    into the bot's names. A bot has the thread from its first connection on."""

    def __init__(self, translate: Callable[[Message], Message]) -> None:
        self._translate = translate
        self._waiting: queue.SimpleQueue[tuple[Callable[[Message], object], Message]] = (
            queue.SimpleQueue()
        )
        self._begun = False

    def begin(self) -> None:
        """Start the thread."""
        if not self._begun:
            self._begun = True
            threading.Thread(target=self._run, name="openalgo-feed", daemon=True).start()

    def deliver(self, callback: Callable[[Message], object], message: Message) -> None:
        """Have a callback told of a message."""
        self._waiting.put((callback, message))

    def _run(self) -> None:
        while True:
            callback, message = self._waiting.get()
            try:
                callback(self._translate(message))
            except Exception:
                # A live bot does not hear of it either.
                continue
