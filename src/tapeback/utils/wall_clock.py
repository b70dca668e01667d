"""The time of day, as something that is handed in: tests and simulations bring their own."""

from __future__ import annotations

import time
from typing import Protocol


class WallClock(Protocol):
    """What tells the time outside of a simulation."""

    def now(self) -> int:
        """This instant, ns UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Come back `seconds` later."""
        ...


class SystemClock:
    """The machine's own."""

    def now(self) -> int:
        """This instant, ns UTC."""
        return time.time_ns()

    def sleep(self, seconds: float) -> None:
        """Come back `seconds` later."""
        time.sleep(seconds)
