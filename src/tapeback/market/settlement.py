"""Settlement of trades in shares: when they settle, what moves into the holdings, which money of
a sale can be used, and at which price a day is settled."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Literal

import msgspec
import numpy as np

from tapeback.market import timeframes
from tapeback.market.candles import Candles
from tapeback.market.dated import Row, rows
from tapeback.models.instrument import DERIVATIVE_EXCHANGES, INDEX_EXCHANGES
from tapeback.utils.clock import MINUTE_NS

PPM = 1_000_000
CURRENCY_EXCHANGES = frozenset({"CDS", "BCD"})

Sold = Literal["holding", "unsettled", "today"]


class CashRules(msgspec.Struct, frozen=True):
    """How shares traded on one day settle.

    `cycle` counts trading days until the settlement. The `_ppm` are millionths: of a sale's value
    usable on its day where it came from the holdings or from shares not settled yet, and of the
    profit of shares bought the same day.
    """

    cycle: int
    holding_ppm: int
    unsettled_ppm: int
    profit_ppm: int
    rows: tuple[Row, ...]

    def usable_today(self, sold: Sold, proceeds: int, cost: int = 0) -> int:
        """Money units of a sale's `proceeds` that new orders may use the same day; the rest is
        free from the next trading day on. Of shares bought `today` for `cost`, the money that they
        took is free at once, and a loss counts at once."""
        if sold == "holding":
            return proceeds * self.holding_ppm // PPM
        if sold == "unsettled":
            return proceeds * self.unsettled_ppm // PPM
        if proceeds <= cost:
            return proceeds
        return cost + (proceeds - cost) * self.profit_ppm // PPM


# OpenAlgo's sandbox credits what holdings were sold for when the date is over, and takes profits of
# the day at once.
SANDBOX_CASH = CashRules(cycle=1, holding_ppm=0, unsettled_ppm=0, profit_ppm=PPM, rows=())


@cache
def cash_rules(day: int) -> CashRules:
    """The rules for shares traded on an Indian day number."""
    settled, proceeds = (rows("settlement", name).in_force(day) for name in ("cash", "proceeds"))
    return CashRules(
        cycle=settled["days"],
        holding_ppm=ppm(proceeds["holding"]),
        unsettled_ppm=ppm(proceeds["unsettled"]),
        profit_ppm=ppm(proceeds["profit"]),
        rows=(settled, proceeds),
    )


def ppm(share: str) -> int:
    """Millionths of an exact decimal such as `0.0125`."""
    whole, _, fraction = share.partition(".")
    return int(whole) * PPM + int(fraction.ljust(6, "0"))


def cycle(day: int, exchange: str) -> int:
    """Trading days from a trade to its settlement: of shares, or of the cash of a contract."""
    name = "derivatives" if exchange in DERIVATIVE_EXCHANGES else "cash"
    days: int = rows("settlement", name).in_force(day)["days"]
    return days


def settlement_day(trade_day: int, exchange: str, next_session: Callable[[int], int]) -> int:
    """The day number on which a trade settles.

    `next_session` gives the trading day after a day. Days on which only the banks are closed
    count as trading days.
    """
    day = trade_day
    for _ in range(cycle(trade_day, exchange)):
        day = next_session(day)
    return day


class Lot(msgspec.Struct):
    """Shares bought together: `cost` in money units, `bought` and `settles` day numbers."""

    quantity: int
    cost: int
    bought: int
    settles: int


class Carried(msgspec.Struct, frozen=True):
    """What the end of a day made of a delivery position.

    `sold` are the lots that left the holding, `profit` the sale's value less their cost in money
    units, `short` the shares sold without being held (an auction buys them in) and `short_value`
    what they were sold for.
    """

    sold: tuple[Lot, ...] = ()
    profit: int = 0
    short: int = 0
    short_value: int = 0


class Holding:
    """The shares of one symbol carried overnight, in lots, the oldest first.

    Shares bought are in the holdings from the next day on, and settled from their settlement day.
    """

    def __init__(self, symbol: str, exchange: str) -> None:
        self.symbol = symbol
        self.exchange = exchange
        self.lots: list[Lot] = []

    @property
    def quantity(self) -> int:
        return sum(lot.quantity for lot in self.lots)

    @property
    def cost(self) -> int:
        """Money units paid for all shares held."""
        return sum(lot.cost for lot in self.lots)

    def settled(self, day: int) -> int:
        """Shares that can be delivered on a day number."""
        return sum(lot.quantity for lot in self.lots if lot.settles <= day)

    def receive(self, quantity: int, cost: int, *, bought: int, settles: int) -> None:
        """Add shares as their newest lot."""
        if quantity:
            self.lots.append(Lot(quantity, cost, bought, settles))

    def release(self, quantity: int) -> tuple[Lot, ...]:
        """Take out shares, the oldest first, at most those held."""
        released: list[Lot] = []
        while quantity and self.lots:
            lot = self.lots[0]
            if lot.quantity <= quantity:
                released.append(self.lots.pop(0))
            else:
                cost = lot.cost * quantity // lot.quantity
                released.append(Lot(quantity, cost, lot.bought, lot.settles))
                lot.quantity -= quantity
                lot.cost -= cost
            quantity -= released[-1].quantity
        return tuple(released)

    def close_day(self, quantity: int, cost: int, *, day: int, settles: int) -> Carried:
        """Book a day's net delivery position: signed shares and signed cost in money units.

        What was bought becomes a lot that settles on `settles`, what was sold leaves the oldest
        lots; the position is flat afterwards.
        """
        if quantity >= 0:
            self.receive(quantity, cost, bought=day, settles=settles)
            return Carried()
        sold = self.release(-quantity)
        delivered = sum(lot.quantity for lot in sold)
        value = cost * delivered // quantity
        return Carried(
            sold=sold,
            profit=value - sum(lot.cost for lot in sold),
            short=-quantity - delivered,
            short_value=-cost - value,
        )


class ClosingValue(msgspec.Struct, frozen=True):
    """The price at which a day is settled, in rupees. `method` is `vwap`, `mean` (no volume) or
    `close` (a closing auction, or bars too long to see the last minutes)."""

    value: float
    method: Literal["vwap", "mean", "close"]
    row: Row


def closing_value(session: Candles, closes: int, *, auction: bool = False) -> ClosingValue:
    """The settlement price of one session.

    `session` holds its bars (at least one opens before `closes`, the session's end in ns UTC),
    `auction` says whether the instrument's day ends in a closing auction, whose price the last bar
    then is. Longer bars than the averaging period, days among them, settle at their close, which
    in the exchange's own files is that average.
    """
    name = "index_closing_price" if session.exchange in INDEX_EXCHANGES else "closing_price"
    row = rows("settlement", name).in_force(int(session.days[0]))
    last = int(np.searchsorted(session.ts, closes))
    period = row["minutes"] * MINUTE_NS
    long = timeframes.duration(session.timeframe) > period
    if long or (auction and row["auction"]):
        return ClosingValue(float(session.close[last - 1]), "close", row)
    first = min(int(np.searchsorted(session.ts, closes - period)), last - 1)
    decimals = 4 if session.exchange in CURRENCY_EXCHANGES else 2
    price = (session.high + session.low + session.close)[first:last] / 3
    volume = session.volume[first:last]
    traded = float(np.nansum(volume))
    if traded > 0:
        value = float(np.nansum(price * volume)) / traded
        return ClosingValue(round(value, decimals), "vwap", row)
    return ClosingValue(round(float(session.close[first:last].mean()), decimals), "mean", row)
