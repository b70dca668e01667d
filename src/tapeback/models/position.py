"""What is held."""

from __future__ import annotations

import msgspec

from tapeback.utils.money import to_rupees


class Position(msgspec.Struct, gc=False):
    """The net position of one symbol in one product. `quantity` is signed.

    All money is units: `cost` is the signed cost of what is open, `realised` the profit taken
    before charges, `margin` what it blocks (`part`/`whole` of its cost, unless it is `grouped`
    with others) and `settled` what was paid out daily of a future's profit. `resting_buys` and
    `resting_sells` are the quantities of its orders under way. `overnight` is the quantity of CNC
    shares that were bought on earlier dates and stand among the holdings, `overnight_cost` what
    they cost.
    """

    symbol: str
    exchange: str
    product: str
    quantity: int = 0
    cost: int = 0
    realised: int = 0
    part: int = 1
    whole: int = 1
    grouped: bool = False
    margin: int = 0
    settled: int = 0
    resting_buys: int = 0
    resting_sells: int = 0
    last_price: float = 0.0
    overnight: int = 0
    overnight_cost: int = 0

    @property
    def day_quantity(self) -> int:
        """What a broker's position book shows: all of it but the shares that are holdings."""
        return self.quantity - self.overnight

    @property
    def average_price(self) -> float:
        """Average price of what is open, 0.0 when flat."""
        return to_rupees(self.cost) / self.quantity if self.quantity else 0.0

    @property
    def unrealised_pnl(self) -> float:
        """Profit of what is open at `last_price`, in rupees, before charges."""
        return self.quantity * self.last_price - to_rupees(self.cost)

    @property
    def realised_pnl(self) -> float:
        return to_rupees(self.realised)
