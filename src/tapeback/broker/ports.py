"""What the client needs from outside, as protocols."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol

from tapeback.models.instrument import Instrument

ContractKind = Literal["futures", "options"]


class Contracts(Protocol):
    """What is listed at an instant `ts` (ns UTC): nothing that was listed later, nothing that has
    expired. Expiries are Indian day numbers, all lists ascending."""

    def symbol(self, symbol: str, exchange: str, ts: int) -> Instrument | None: ...

    def expiries(
        self, underlying: str, exchange: str, kind: ContractKind, ts: int
    ) -> Sequence[int]: ...

    def instruments(self, exchange: str, ts: int) -> Sequence[Instrument]: ...

    def strikes(
        self, underlying: str, exchange: str, expiry: int, option_type: str, ts: int
    ) -> Sequence[float]: ...


class FeedSink(Protocol):
    """Brings ticks and order updates to the callbacks of a bot.

    Messages come in the order in which they happened. A callback is run on the feed's own thread,
    and what it raises is swallowed, as the SDK does.
    """

    def begin(self) -> None:
        """A client connects: what is delivered comes after this."""
        ...

    def deliver(
        self, callback: Callable[[dict[str, Any]], object], message: dict[str, Any]
    ) -> None: ...
