#!/usr/bin/env python3
"""Measures what it costs to play a tape to a script: `python benchmarks/tape.py`.

A year of one-minute bars of a share (`--bars`), polled every 15 s. A call is one turn of an empty
loop that calls an empty bound method, see measure.py.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from benchmarks import generate
from benchmarks.jobs.tapeback import candles_of
from benchmarks.measure import call_seconds
from tapeback.broker.service import BrokerService
from tapeback.core.engine import BacktestEngine
from tapeback.core.portfolio import Portfolio
from tapeback.core.tape import AFTER_END, Tape
from tapeback.market.candles import Candles
from tapeback.runner.rules import execution_rules, rulebook_of
from tapeback.settings import build_config
from tapeback.utils.clock import SECOND_NS

_POLL_NS = 15 * SECOND_NS
_YEAR = 93_750
_MANY = 50
_LIMITS = 40
_KEY = ("BENCH00", "NSE")


class Run:
    """A tape of fresh candles at the first open."""

    def __init__(self, walks: list[generate.Bars]) -> None:
        config = build_config(None, intrabar="nearer", latency=500)
        rules = execution_rules(config)
        series = [candles_of(walk, f"BENCH{k:02}") for k, walk in enumerate(walks)]
        portfolio = Portfolio(10_000_000, margined=rules.exchange_rules)
        self.candles: Candles = series[0]
        self.engine = BacktestEngine(series, rules, portfolio, rulebook_of(config))
        self.tape = Tape(self.engine)
        self.service = BrokerService(self.engine)
        self.tape.advance(int(self.candles.starts[0]))
        for candles in series:
            candles.ends  # noqa: B018

    def polls(self) -> Iterator[int]:
        """Every 15 s of each session."""
        candles = self.candles
        firsts = [*candles.session_firsts.tolist(), len(candles)]
        for first, after in pairwise(firsts):
            yield from range(int(candles.starts[first]), int(candles.ends[after - 1]), _POLL_NS)


def advances(run: Run) -> int:
    count = 0
    for ts in run.polls():
        run.tape.advance(ts)
        count += 1
    return count


def looks(look: Callable[[Tape], object]) -> Callable[[Run], int]:
    def play(run: Run) -> int:
        count = 0
        for ts in run.polls():
            run.tape.advance(ts)
            look(run.tape)
            count += 1
        return count

    return play


def with_limits(run: Run) -> int:
    """Forty limits rest around the price, laid anew at each open."""
    count, day = 0, -1
    for ts in run.polls():
        run.tape.advance(ts)
        if ts // (86_400 * SECOND_NS) != day:
            day = ts // (86_400 * SECOND_NS)
            run.service.cancel_all()
            price = run.tape.ltp(*_KEY)
            for step in range(1, _LIMITS // 2 + 1):
                run.service.place("BUY", 1, pricetype="LIMIT", price=price - 2.5 * step)
                run.service.place("SELL", 1, pricetype="LIMIT", price=price + 2.5 * step)
            run.tape.meet()
        count += 1
    return count


def ticks(run: Run) -> int:
    """Every point of every bar, to a subscriber."""
    run.tape.subscribe(*_KEY)
    count = 0
    while (ts := run.tape.next_instant()) < AFTER_END:
        run.tape.advance(ts)
        run.tape.ticks.clear()
        count += 1
    return count


def leap(run: Run) -> int:
    """All bars in one sleep."""
    run.tape.advance(run.tape.end)
    return sum(len(candles) for candles in run.engine.series)


JOBS: dict[str, tuple[int, str, Callable[[Run], int]]] = {
    "advance": (1, "poll", advances),
    "advance, ltp": (1, "poll", looks(lambda tape: tape.ltp(*_KEY))),
    "advance, forming 1m": (1, "poll", looks(lambda tape: tape.forming(*_KEY, "1m"))),
    "advance, forming 15m": (1, "poll", looks(lambda tape: tape.forming(*_KEY, "15m"))),
    "advance, closed 15m": (1, "poll", looks(lambda tape: tape.closed(*_KEY, "15m"))),
    "advance, 40 limits rest": (1, "poll", with_limits),
    "ticks": (1, "tick", ticks),
    "one leap": (1, "bar", leap),
    "one leap, 50 symbols": (_MANY, "bar", leap),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--bars", type=int, default=_YEAR, help="one-minute bars of one symbol")
    bars = parser.parse_args().bars
    print(f"{'':26}{'count':>10}{'CPU s':>9}{'us each':>10}{'calls':>8}")
    for name, (symbols, each, play) in JOBS.items():
        walks = [generate.walk(bars // symbols, seed) for seed in range(symbols)]
        run = Run(walks)
        before = call_seconds()
        begun = time.process_time()
        count = play(run)
        seconds = time.process_time() - begun
        calls = seconds / count / ((before + call_seconds()) / 2)
        print(
            f"{name:26}{count:10,}{seconds:9.2f}{seconds / count * 1e6:10.2f}{calls:8.0f} a {each}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
