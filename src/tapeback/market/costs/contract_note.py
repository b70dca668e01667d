"""A day's contract note of one account: what its executions cost once the day is over.

During the day each execution is charged by its product. At the end, shares that were bought and
sold on one exchange count as intraday whatever the product, STT goes by the average price of all
trades in the share, and what leaves the holdings pays the DP charge (fill contract A1).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from tapeback.market.charges import ChargeSchedule
from tapeback.market.costs.rates import EXACT, ChargeLines, Parts, Rates, nearest
from tapeback.market.costs.segments import CASH_SEGMENTS, Segment

_BILLION = 1_000_000_000


class Execution(msgspec.Struct, frozen=True, gc=False):
    """One execution as charged during the day: `quantity` in units, `value` in money units,
    `segment` that of its product."""

    order_id: str
    symbol: str
    exchange: str
    segment: Segment
    buy: bool
    quantity: int
    value: int


class NoteLine(msgspec.Struct, frozen=True):
    """One contract of the day: quantities in units, values and charges in money units. Of shares,
    `same_day` were both bought and sold, and are charged as intraday."""

    symbol: str
    exchange: str
    bought: int
    bought_value: int
    sold: int
    sold_value: int
    same_day: int
    charges: ChargeLines


class Note(msgspec.Struct, frozen=True):
    """A day's contract note, and `dp`, the DP charge by symbol that the broker debits beside it.

    All amounts are money units. The day's adjustment is `total` less what the executions were
    charged when they happened.
    """

    day: int
    lines: tuple[NoteLine, ...]
    dp: dict[str, int]

    @property
    def charges(self) -> ChargeLines:
        """The lines of all contracts, without the DP charge."""
        charges = ChargeLines()
        for line in self.lines:
            charges += line.charges
        return charges

    @property
    def total(self) -> int:
        return sum(line.charges.total for line in self.lines) + sum(self.dp.values())


class _Order(msgspec.Struct):
    """What of an order was executed during the day; of `intraday` units the other side was traded
    too."""

    segment: Segment
    buy: bool
    quantity: int = 0
    value: int = 0
    executions: int = 0
    intraday: int = 0


def contract_note(day: int, executions: Iterable[Execution], schedule: ChargeSchedule) -> Note:
    """The note of an Indian day number, from its executions in the order they happened.

    Lines round as `schedule.rounding` says, STT, CTT and stamp duty once for each contract.
    """
    contracts: dict[tuple[str, str], dict[str, _Order]] = {}
    for execution in executions:
        orders = contracts.setdefault((execution.symbol, execution.exchange), {})
        order = orders.get(execution.order_id)
        if order is None:
            order = orders[execution.order_id] = _Order(execution.segment, execution.buy)
        order.quantity += execution.quantity
        order.value += execution.value
        order.executions += 1
    lines = []
    dp: dict[str, int] = {}
    for (symbol, exchange), by_id in contracts.items():
        contract = _Contract(day, symbol, exchange, list(by_id.values()), schedule)
        lines.append(contract.line())
        if debit := contract.dp():
            dp[symbol] = debit
    return Note(day, tuple(lines), dp)


class _Contract:
    """The day's orders in one symbol of one exchange."""

    def __init__(
        self,
        day: int,
        symbol: str,
        exchange: str,
        orders: list[_Order],
        schedule: ChargeSchedule,
    ) -> None:
        self._symbol = symbol
        self._exchange = exchange
        self._orders = orders
        self._schedule = schedule
        self._rates: dict[Segment, Rates] = {}
        cash = orders[0].segment in CASH_SEGMENTS
        for segment in CASH_SEGMENTS if cash else {order.segment for order in orders}:
            self._rates[segment] = schedule.rates(segment, exchange, day, symbol)
        buys = [order for order in orders if order.buy]
        sales = [order for order in orders if not order.buy]
        self._bought = sum(order.quantity for order in buys)
        self._bought_value = sum(order.value for order in buys)
        self._sold = sum(order.quantity for order in sales)
        self._sold_value = sum(order.value for order in sales)
        self._same_day = min(self._bought, self._sold) if cash else 0
        # Shares that no trade of the day closed are delivered, also those of MIS.
        within = [order for order in orders if order.segment == "EQ_INTRADAY"]
        self._netted = self._same_day > 0 or bool(within)
        for side in (buys, sales):
            left = self._same_day
            for order in sorted(side, key=lambda order: order.segment != "EQ_INTRADAY"):
                order.intraday = min(order.quantity, left)
                left -= order.intraday

    def line(self) -> NoteLine:
        rates = self._rates[self._orders[0].segment]
        units = self._units(rates)
        commission = rates.commission * sum(order.executions for order in self._orders)
        return NoteLine(
            self._symbol,
            self._exchange,
            self._bought,
            self._bought_value,
            self._sold,
            self._sold_value,
            self._same_day,
            rates.itemised(units._replace(other=units.other + commission)),
        )

    def dp(self) -> int:
        """The charge for shares that leave the holdings, money units."""
        delivered = any(o.segment == "EQ_DELIVERY" and not o.buy for o in self._orders)
        if self._sold <= self._bought or not delivered:
            return 0
        return self._rates["EQ_DELIVERY"].dp

    def _parts(self, order: _Order) -> Parts:
        """An order's exact lines, with the brokerage of what it turned out to be."""
        return self._rates[order.segment].parts(order.buy, order.value, self._brokerage(order))

    def _brokerage(self, order: _Order) -> int:
        """What a split order pays for both its parts, but no more than if it were all of the
        dearer kind: it is one order."""
        if not self._netted:
            return self._rates[order.segment].brokerage_of(order.value)
        intraday, delivery = self._rates["EQ_INTRADAY"], self._rates["EQ_DELIVERY"]
        if order.intraday == order.quantity:
            return intraday.brokerage_of(order.value)
        if not order.intraday:
            return delivery.brokerage_of(order.value)
        within = order.value * order.intraday // order.quantity
        both = intraday.brokerage_of(within) + delivery.brokerage_of(order.value - within)
        dearer = max(intraday.brokerage_of(order.value), delivery.brokerage_of(order.value))
        return min(both, dearer)

    def _units(self, rates: Rates) -> Parts:
        """The parts of the contract in money units: the sums of its orders' as they were charged,
        or, on a contract note, rounded once for all of them."""
        parts = [self._parts(order) for order in self._orders]
        duty = self._schedule.duty_grain
        if duty == self._schedule.grain:
            units = Parts(*map(sum, zip(*map(rates.rounded, parts), strict=True)))
        else:
            exact = Parts(*map(sum, zip(*parts, strict=True)))
            tax, stamp = (nearest(part, EXACT * duty) * duty for part in (exact.tax, exact.stamp))
            units = Parts(*rates.rounded(exact))._replace(tax=tax, stamp=stamp)
        if self._netted:
            tax, stamp = self._netted_duties()
            units = units._replace(tax=tax, stamp=stamp)
        return units

    def _netted_duties(self) -> tuple[int, int]:
        """STT and stamp duty, money units, of a share traded within the day.

        STT is of the average price of all the day's trades in the share, intraday on what was
        bought and sold and delivery on the rest; stamp duty of each side's own average.
        """
        intraday, delivery = self._rates["EQ_INTRADAY"], self._rates["EQ_DELIVERY"]
        grain, matched = self._schedule.duty_grain, self._same_day
        traded = self._bought + self._sold
        value = self._bought_value + self._sold_value
        part = traded * _BILLION * grain
        net = self._bought - self._sold
        kept = delivery.tax_buy if net > 0 else delivery.tax_sell
        within = nearest(value * matched * (intraday.tax_buy + intraday.tax_sell), part)
        beyond = nearest(value * abs(net) * kept, part)
        bought, sold = self._bought or 1, self._sold or 1
        on_buys = matched * intraday.stamp_buy + (self._bought - matched) * delivery.stamp_buy
        on_sales = matched * intraday.stamp_sell + (self._sold - matched) * delivery.stamp_sell
        stamp = self._bought_value * sold * on_buys + self._sold_value * bought * on_sales
        stamp = nearest(stamp, bought * sold * _BILLION * grain)
        return (within + beyond) * grain, stamp * grain
