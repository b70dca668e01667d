"""Names that a bot has typed into its source, as the run knows them, and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tapeback.core.engine import BacktestEngine
from tapeback.data.contracts.mapping import ContractMap, parse_map
from tapeback.data.contracts.supply import Supply
from tapeback.models.finding import Finding


class Naming:
    """What `--map` says, in what a bot asks and is answered: a contract's typed name goes out as
    the contract that it stands for at the time, and comes back under the typed one."""

    def __init__(self, maps: Iterable[str], supply: Supply, engine: BacktestEngine) -> None:
        rules = [parse_map(text) for text in maps]
        self._engine = engine
        self._map = ContractMap(rules, supply.contracts, spot=supply.spot, held=self._held)
        self._typed = {rule.typed.symbol for rule in rules}
        self._names: dict[str, str] = {}

    def __bool__(self) -> bool:
        return bool(self._typed)

    @property
    def failures(self) -> dict[tuple[str, str], str]:
        """Which typed contracts nothing stood for, and why."""
        return {key: str(error) for key, error in self._map.failures.items()}

    def findings(self) -> tuple[Finding, ...]:
        """What each typed contract stood for, and from when."""
        return self._map.findings()

    def asked(self, value: Any) -> Any:
        """What a bot asks, in the names of the run."""
        if isinstance(value, dict):
            named = {key: self.asked(item) for key, item in value.items()}
            symbol, exchange = named.get("symbol"), named.get("exchange")
            if symbol in self._typed and isinstance(exchange, str):
                real = self._map.real(str(symbol), exchange, self._engine.now)
                if real is not None:
                    self._names[real[0]] = str(symbol)
                    named |= {"symbol": real[0], "exchange": real[1]}
            return named
        if isinstance(value, list | tuple):
            return type(value)(self.asked(item) for item in value)
        return value

    def answered(self, value: Any) -> Any:
        """What it is answered, in the names that it knows."""
        if isinstance(value, dict):
            return {self.answered(key): self.answered(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.answered(item) for item in value]
        return self._names.get(value, value) if isinstance(value, str) else value

    def _held(self, symbol: str, exchange: str) -> bool:
        """Whether a position or a working order is in a contract."""
        book = self._engine.simulator.books.get((symbol, exchange))
        if book is None:
            return False
        working = book.falling or book.rising or book.arrivals or book.parked or book.barred
        return bool(working) or any(
            position.quantity
            for position in self._engine.portfolio.positions.values()
            if (position.symbol, position.exchange) == (symbol, exchange)
        )
