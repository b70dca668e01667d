"""What the simulation needs from outside, as protocols."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from tapeback.models.candle import Candle
from tapeback.models.order import Order


class StrategyPort(Protocol):
    """What the engine calls on a strategy."""

    def on_start(self) -> None: ...
    def on_bar(self, candle: Candle) -> None: ...
    def on_end(self) -> None: ...


Listener = Callable[[Order], None]
Progress = Callable[[int, int], None]
