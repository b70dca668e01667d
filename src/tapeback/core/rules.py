"""How orders are executed in a run: the dials of the fill contract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FILL_RULES = 1

Fidelity = Literal["live", "sandbox", "none"]
MarketFill = Literal["next_open", "bar_close", "ltp"]
Intrabar = Literal["adverse", "favourable", "nearer", "ohlc", "olhc", "lower_timeframe"]
LimitFill = Literal["touch", "through"]
SlippageDial = Literal["optimistic", "normal", "harsh", "none"]

SLIPPAGE_DIALS: dict[str, float] = {"optimistic": 0.5, "normal": 1.0, "harsh": 2.0, "none": 0.0}


@dataclass(frozen=True, slots=True)
class ExecutionRules:
    """Settled execution settings: every default that depends on the fidelity is already chosen.

    `participation` is a share of a bar's volume, `None` for no cap and `auto` for 25 % up to
    one-minute bars and 10 % above. `slippage_bps` and `slippage_ticks` replace the slippage table
    when set. `latency` is in ns.
    """

    fidelity: Fidelity = "live"
    market_fill: MarketFill = "next_open"
    intrabar: Intrabar = "adverse"
    limit_fill: LimitFill = "through"
    participation: float | Literal["auto"] | None = "auto"
    slippage: SlippageDial = "normal"
    slippage_bps: float | None = None
    slippage_ticks: float | None = None
    spread_bps: float = 0.0
    impact: float = 0.0
    latency: int = 0
    continue_on_error: bool = False
    close_at_end: bool = False

    @property
    def exchange_rules(self) -> bool:
        """Whether ticks, lots, sessions and margin count at all."""
        return self.fidelity != "none"
