"""The books of the current session as the broker shows them, each row rendered once.

Bots poll their books at every bar, so a poll costs no more than copying the rows.
"""

from __future__ import annotations

from tapeback.broker import replies
from tapeback.broker.replies import Reply
from tapeback.broker.rules import OPENALGO
from tapeback.broker.service import BrokerService
from tapeback.core.portfolio import Portfolio, PositionKey, book_execution
from tapeback.market.calendar import calendar_of
from tapeback.market.settlement import closing_value
from tapeback.models.fill import Fill
from tapeback.models.order import Order
from tapeback.models.position import Position
from tapeback.utils.clock import MINUTE_NS, day_number, midnight
from tapeback.utils.money import RUPEE, to_rupees, to_units

_Look = tuple[str, int, int, int]
# OpenAlgo's books begin afresh at this time of the day.
_BOUNDARY_NS = 180 * MINUTE_NS


class SessionBook:
    """Orders, executions and realised profit of the current Indian date, which begins and ends at
    03:00 here.

    An order of an earlier date belongs to the session while it is open and if it ended today; the
    analyzer shows such an order only if it was sent after that date's close. What OpenAlgo itself
    refused never reached the broker's book: it is in the run's result alone.
    """

    def __init__(self, service: BrokerService) -> None:
        self._service = service
        self._simulator = service.simulator
        self._units = service.bot_units
        self._sandbox = service.rules.fidelity == "sandbox"
        self._live = service.rules.fidelity == "live"
        self._day = -1
        self._orders: dict[str, Order] = {}
        self._rows: dict[str, Reply] = {}
        self._working: list[Order] = []
        self._looks: list[_Look] = []
        self._page: list[Reply] = []
        self._statistics: Reply = {}
        self._seen_orders = 0
        self._mark: tuple[int, ...] = ()
        self._fills: list[Fill] = []
        self._seen_fills = 0
        self._trades: list[Reply] = []
        self._before = Portfolio(0.0, margined=False)

    def order_book(self) -> Reply:
        """`orders`, newest first, and `statistics`, their counts."""
        self._refresh()
        orders = [row.copy() for row in self._page]
        return {"orders": orders, "statistics": self._statistics.copy()}

    def order_row(self, order: Order) -> Reply:
        """The row of any order of the run."""
        self._refresh()
        row = self._rows.get(order.orderid)
        return row.copy() if row is not None else self._render(order)

    def holds(self, order: Order) -> bool:
        """Whether an order stands in the book."""
        self._refresh()
        return order.orderid in self._orders

    def trade_rows(self) -> list[Reply]:
        """Rows of the trade book, newest first."""
        self._read_fills()
        orders = self._simulator.orders
        first = self._seen_fills - len(self._fills)
        for at in range(len(self._trades), len(self._fills)):
            fill = self._fills[at]
            order = orders[fill.order_id]
            quantity = self._units.quantity(fill.symbol, fill.exchange, fill.quantity)
            row = replies.trade_row(fill, order, quantity, first + at + 1, self._sandbox)
            self._trades.append(row)
        return [row.copy() for row in reversed(self._trades)]

    def positions(self) -> list[tuple[Position, float]]:
        """What is held, and what was closed today, at last prices, each with the profit taken
        today in rupees. Shares that stand among the holdings are there alone; what was sold of
        them today is a short row here."""
        self._read_fills()
        traded = {(fill.symbol, fill.exchange, fill.product) for fill in self._fills}
        shown = [p for p in self._service.positions() if p.day_quantity or _key(p) in traded]
        return [self._of_today(p) if p.overnight else (p, self.realised_today(p)) for p in shown]

    def holdings(self) -> list[tuple[Position, int]]:
        """CNC positions of earlier dates at last prices, each with the shares still held."""
        shares = [p for p in self._service.positions() if p.overnight]
        return [(p, p.overnight + min(p.day_quantity, 0)) for p in shares]

    def _of_today(self, position: Position) -> tuple[Position, float]:
        """Today's trades of shares that also stand among the holdings, as a row of its own."""
        row = Position(*_key(position), last_price=position.last_price)
        for fill in self._fills:
            if (fill.symbol, fill.exchange, fill.product) == _key(position):
                book_execution(row, _signed(fill), round(fill.price * RUPEE))
        return row, row.realised_pnl

    def realised_today(self, position: Position) -> float:
        """Profit of a position taken today, in rupees, before charges."""
        self._read_fills()
        before = self._before.position(*_key(position)).realised
        return to_rupees(position.realised - before)

    def account(self) -> dict[str, float]:
        """Rupees before charges: what is `available` and `used`, the profit `today` and what is
        `unrealised` of the position book's rows, and all that was `realised`.

        A future's daily settlement has paid out its profit up to the day before. Shares that are
        holdings are paid for: they use no money.
        """
        portfolio = self._service.portfolio
        positions = portfolio.positions.values()
        available, used = portfolio.available_units, portfolio.blocked_units + portfolio.held_back
        if not portfolio.margined:
            available = portfolio.cash_units + sum(position.cost for position in positions)
        today = unrealised = 0.0
        for position, taken in self.positions():
            settled = position.settled
            today += taken - to_rupees(self._paid_out(position) - settled)
            unrealised += position.unrealised_pnl - to_rupees(settled)
        return {
            "available": to_rupees(available),
            "used": to_rupees(used - sum(map(_margin_of_holdings, positions))),
            "today": today,
            "unrealised": unrealised,
            "realised": sum(position.realised_pnl for position in positions),
        }

    def _paid_out(self, position: Position) -> int:
        """What daily settlement had paid out of a position when the day began, money units: of a
        future that was traded since, worked out anew from the settlement price of that day."""
        key = _key(position)
        before = self._before.position(*key)
        book = self._simulator.books[position.symbol, position.exchange]
        traded = any((fill.symbol, fill.exchange, fill.product) == key for fill in self._fills)
        settles = position.product == "NRML" and book.instrument.kind in ("future", "index")
        if not (before.quantity and traded and settles and self._live):
            return position.settled
        candles = book.candles
        end = int(candles.starts.searchsorted(book.session_opens))
        firsts = candles.session_firsts
        session = candles[int(firsts[firsts.searchsorted(end) - 1]) : end]
        hours = self._service.rulebook.hours(book.instrument, int(session.days[0]))
        price = closing_value(session, hours.closes).value
        return before.quantity * to_units(price) - before.cost

    # Keeping up ----------------------------------------------------------------------------

    def _refresh(self) -> None:
        day = _session_day(self._simulator.now)
        if self._unchanged(day):
            return
        for order, look in zip(self._working, self._looks, strict=True):
            if look != _look(order):
                self._rows[order.orderid] = self._render(order)
        fresh = self._new_orders()
        for order in fresh:
            self._orders[order.orderid] = order
            self._rows[order.orderid] = self._render(order)
        if day != self._day:
            self._begin(day)
        self._working = [order for order in (*self._working, *fresh) if order.seq]
        self._looks = [_look(order) for order in self._working]
        rows = self._rows
        self._page = [rows[orderid] for orderid in reversed(self._orders)]
        self._statistics = replies.order_statistics(self._orders.values(), self._sandbox)

    def _unchanged(self, day: int) -> bool:
        """Whether nothing happened to any order since the books were last read."""
        mark = day, self._simulator.changes
        if mark == self._mark:
            return True
        self._mark = mark
        return False

    def _new_orders(self) -> list[Order]:
        orders = self._simulator.orders
        count = len(orders) - self._seen_orders
        self._seen_orders = len(orders)
        return [order for order in orders.newest(count) if order.refused_by != OPENALGO]

    def _begin(self, day: int) -> None:
        """Drop what belongs to sessions before `day`."""
        self._day = day
        start = midnight(day) + _BOUNDARY_NS
        self._orders = {
            orderid: order for orderid, order in self._orders.items() if self._shown(order, start)
        }
        self._rows = {
            orderid: row
            for orderid, row in self._rows.items()
            if orderid in self._orders or self._simulator.orders[orderid].is_open
        }

    def _shown(self, order: Order, start: int) -> bool:
        if order.placed_ts >= start:
            return True
        if order.ended_ts and order.ended_ts < start:
            return False
        day = day_number(order.placed_ts)
        _, closes = calendar_of(order.exchange).hours(day, order.symbol)
        return not self._sandbox or order.placed_ts >= closes

    def _render(self, order: Order) -> Reply:
        price = order.price
        if self._sandbox and order.pricetype == "MARKET":
            price = self._price_when_placed(order)
        timestamp = replies.order_time(order.placed_ts, self._sandbox)
        return replies.order_row(self._units.order(order), price, timestamp)

    def _price_when_placed(self, order: Order) -> float:
        """The last traded price that the analyzer notes as the price of a MARKET order."""
        candles = self._simulator.books[order.symbol, order.exchange].candles
        at = int(candles.ends.searchsorted(order.placed_ts, side="right")) - 1
        inside = at < 0 or candles.ends[at] != order.placed_ts
        if inside and order.filled_ts == order.placed_ts:
            return order.average_price
        return float(candles.close[at]) if at >= 0 else 0.0

    def _read_fills(self) -> None:
        fills = self._simulator.fills
        start = midnight(_session_day(self._simulator.now)) + _BOUNDARY_NS
        if self._fills and self._fills[0].ts < start:
            self._settle(self._fills)
            self._fills, self._trades = [], []
        if self._seen_fills == len(fills):
            return
        fresh = fills[self._seen_fills :]
        self._seen_fills = len(fills)
        today = [fill for fill in fresh if fill.ts >= start]
        self._settle(fresh[: len(fresh) - len(today)])
        self._fills += today

    def _settle(self, fills: list[Fill]) -> None:
        """Book executions of earlier dates, so that today's profit can be told from theirs."""
        for fill in fills:
            position = self._before.position(fill.symbol, fill.exchange, fill.product)
            book_execution(position, _signed(fill), round(fill.price * RUPEE))


def _session_day(now: int) -> int:
    """The Indian day number that the books of an instant belong to."""
    return day_number(now - _BOUNDARY_NS)


def _signed(fill: Fill) -> int:
    return fill.quantity if fill.side == "BUY" else -fill.quantity


def _margin_of_holdings(position: Position) -> int:
    """What of a position's margin is of shares that stand among the holdings, money units."""
    if not position.overnight:
        return 0
    if position.day_quantity <= 0:
        return position.margin
    return position.margin * position.overnight_cost // position.cost


def _key(position: Position) -> PositionKey:
    return position.symbol, position.exchange, position.product


def _look(order: Order) -> _Look:
    """Everything that can change in an order's row."""
    return order.status, order.filled_quantity, order.quantity, order.modifications
