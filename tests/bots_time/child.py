"""Plays one bot over a toy market in this process and writes the ending to a file.

`market.price()` counts the minutes since 09:00; the feed ticks every minute; whoever is long at
15:15 is squared off then. The bot's own clock stands before each line of `market.say`.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from tapeback.bots import real
from tapeback.bots.ending import Ending
from tapeback.bots.runtime import BotRun, play
from tapeback.bots.tasks import NEVER, Phase
from tapeback.utils.clock import MINUTE_NS, to_ns

OPENS = to_ns(datetime(2024, 1, 2, 9))
CLOSES = to_ns(datetime(2024, 1, 2, 15, 30))
SQUARE_OFF = to_ns(datetime(2024, 1, 2, 15, 15))


class ToyMarket:
    """A tape whose price is the number of minutes since 09:00, up to 15:30 of the first day."""

    def __init__(self) -> None:
        self.played = OPENS
        self.price = 0
        self.feed: Any = None
        self.orders: Any = None
        self.long = False

    def next_instant(self) -> int:
        instants = [NEVER]
        if self.feed is not None:
            minute = self.played // MINUTE_NS * MINUTE_NS + MINUTE_NS
            instants.append(minute)
        if self.long and self.played < SQUARE_OFF:
            instants.append(SQUARE_OFF)
        return min(instants)

    def advance(self, ts: int) -> None:
        minute = self.played // MINUTE_NS * MINUTE_NS + MINUTE_NS
        while minute <= min(ts, CLOSES):
            self.price = (minute - OPENS) // MINUTE_NS
            if self.feed is not None:
                self.feed.put(self.price)
            minute += MINUTE_NS
        self.played = ts

    def settle(self, ts: int) -> None:
        if ts == SQUARE_OFF and self.long:
            self.long = False
            if self.orders is not None:
                self.orders.put("squared off")


class BrokenMarket(ToyMarket):
    """Fails at its second instant."""

    def next_instant(self) -> int:
        return self.played // MINUTE_NS * MINUTE_NS + MINUTE_NS

    def advance(self, ts: int) -> None:
        if self.played > OPENS:
            raise ValueError("a bar without a price")
        super().advance(ts)


def market_module(run: BotRun, tape: ToyMarket) -> ModuleType:
    from queue import SimpleQueue

    module = ModuleType("market")

    def listen(queue: Any, callback: Callable[[Any], None]) -> None:
        def deliver() -> None:
            while True:
                callback(queue.get())

        threading.Thread(target=deliver, name="feed", daemon=True).start()
        run.changed()

    def price() -> int:
        run.checkpoint(0)
        return tape.price

    def quote() -> int:
        run.checkpoint(50_000_000)
        return tape.price

    def buy() -> str:
        run.checkpoint(500_000_000)
        if run.phase is not Phase.OPEN:
            return "refused"
        tape.long = True
        run.changed()
        return "bought"

    def on_tick(callback: Callable[[int], None]) -> None:
        run.checkpoint(0)
        tape.feed = SimpleQueue()
        listen(tape.feed, callback)

    def on_order(callback: Callable[[str], None]) -> None:
        run.checkpoint(0)
        tape.orders = SimpleQueue()
        listen(tape.orders, callback)

    def say(*words: object) -> None:
        print(datetime.now().strftime("%H:%M:%S.%f")[:-3], *words, flush=True)

    vars(module).update(
        price=price, quote=quote, buy=buy, on_tick=on_tick, on_order=on_order, say=say, real=real
    )
    return module


def main() -> None:
    script, ending_file, options = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
    tape = BrokenMarket() if options.pop("broken", False) else ToyMarket()
    arguments = options.pop("arguments", [])
    for name in options.pop("imported_before", []):
        import_module(name)

    def on_end(ending: Ending) -> None:
        ending_file.write_text(json.dumps(asdict(ending)), encoding="utf-8")

    def prepare(run: BotRun) -> None:
        sys.modules["market"] = market_module(run, tape)

    wall_seconds, begun = options.pop("wall_seconds", None), real.seconds()

    def exceeded() -> str | None:
        if wall_seconds is None or real.seconds() - begun < wall_seconds:
            return None
        return f"it ran for more than {wall_seconds} seconds"

    options = {"start": OPENS, "end": CLOSES, "seed": 7, **options}
    play(
        Path(script), arguments, tape, on_end=on_end, prepare=prepare, exceeded=exceeded, **options
    )


if __name__ == "__main__":
    main()
