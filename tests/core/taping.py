"""A tape for tests: what a script does and sees at the instants that a test names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tapeback import Candles, Fill, Order
from tapeback.broker.service import BrokerService
from tapeback.core.engine import BacktestEngine
from tapeback.core.portfolio import Portfolio
from tapeback.core.tape import AFTER_END, Tape
from tapeback.runner.rules import execution_rules, rulebook_of
from tapeback.settings import build_config
from tests.core.play import at

DAY = "2024-01-02 "
Source = Callable[[str, str], Candles | None]


@dataclass
class Taped:
    """A run on a tape. `heard` holds what a listener was told: when, the order, its status and
    what is filled of it; `notes` is free for what a test sees."""

    tape: Tape
    service: BrokerService
    heard: list[tuple[int, str, str, int]] = field(default_factory=list)
    notes: list[Any] = field(default_factory=list)

    def to(self, time: str) -> Taped:
        """Play to a time of day of the day of the tests, or to a whole moment; what comes last at
        the instant before has been."""
        return self.to_ts(at(time if "-" in time else DAY + time))

    def to_ts(self, ts: int) -> Taped:
        self.tape.settle(self.tape.now)
        self.tape.advance(ts)
        return self

    def settled(self) -> Taped:
        """Play what comes last at this instant."""
        self.tape.settle(self.tape.now)
        return self

    def send(self, action: str, quantity: int, **order: Any) -> Order:
        """Send an order, as a request of the script does."""
        sent = self.service.place(action, quantity, **order)
        self.tape.meet()
        return sent

    def cancel(self, order: Order) -> None:
        self.service.cancel(order.orderid)
        self.tape.meet()

    def listen(self) -> Taped:
        """Note what happens to orders."""
        self.tape.listen(
            lambda order: self.heard.append(
                (self.tape.now, order.orderid, order.status, order.filled_quantity)
            )
        )
        return self

    def instants(self) -> list[int]:
        """Play to the end, stopping where somebody could notice something; where that was."""
        found = []
        while (ts := self.tape.next_instant()) < AFTER_END:
            assert ts > self.tape.now
            found.append(ts)
            self.tape.advance(ts)
            self.tape.settle(ts)
        return found

    @property
    def fills(self) -> list[Fill]:
        return list(self.service.simulator.ledger)

    @property
    def rows(self) -> list[tuple[str, str, int, float, str]]:
        """(time of day to the ms, side, quantity, price, rule) of each fill."""
        return [
            (f"{fill.time:%H:%M:%S.%f}"[:12], fill.side, fill.quantity, fill.price, fill.rule)
            for fill in self.fills
        ]


def taped(
    series: Candles | Sequence[Candles], *, source: Source | None = None, **settings: Any
) -> Taped:
    """A tape of candles; `settings` are those of `tapeback.backtest`."""
    candles = [series] if isinstance(series, Candles) else list(series)
    config = build_config(None, **{"intrabar": "nearer", **settings})
    rules = execution_rules(config)
    portfolio = Portfolio(config.backtest.initial_cash, margined=rules.exchange_rules)
    engine = BacktestEngine(candles, rules, portfolio, rulebook_of(config))
    return Taped(Tape(engine, source=source), BrokerService(engine))
