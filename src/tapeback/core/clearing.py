"""What broker and exchange do by themselves when a session ends (fill contract S3, A1)."""

from __future__ import annotations

from tapeback.core.order_simulator import OrderSimulator
from tapeback.core.rules import ExecutionRules
from tapeback.market.rulebook import Rulebook

_LIVE_DAY_PRODUCTS = ("MIS", "NRML", "CNC")
_SANDBOX_DAY_PRODUCTS = ("MIS",)


class Clearing:
    """The end of each session of a run."""

    def __init__(
        self, simulator: OrderSimulator, rules: ExecutionRules, rulebook: Rulebook
    ) -> None:
        self._simulator = simulator
        self._rules = rules
        self._rulebook = rulebook

    def end_session(self) -> None:
        """End the session whose last bar closed `now`: DAY orders expire (S3)."""
        simulator = self._simulator
        for book in simulator.books.values():
            if book.squaring:
                simulator.square_off(book)
        if self._rules.fidelity != "none":
            live = self._rules.fidelity == "live"
            simulator.expire_day_orders(_LIVE_DAY_PRODUCTS if live else _SANDBOX_DAY_PRODUCTS)
            for position in simulator.portfolio.positions.values():
                if position.product == "CNC":
                    position.overnight = position.quantity
                    position.overnight_cost = position.cost
