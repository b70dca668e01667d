"""What broker and exchange do by themselves when a session ends (fill contract S3, A1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tapeback.core.book import Book
from tapeback.core.corporate import RULE as ACTION_RULE
from tapeback.core.expiring import RULE as EXPIRY_RULE
from tapeback.core.expiring import Expiring
from tapeback.core.order_simulator import OrderSimulator
from tapeback.core.rules import ExecutionRules
from tapeback.market.calendar import calendar_of
from tapeback.market.costs.contract_note import Execution, contract_note
from tapeback.market.costs.segments import segment_of
from tapeback.market.rulebook import Rulebook
from tapeback.market.settlement import Holding, closing_value, settlement_day
from tapeback.models.position import Position
from tapeback.utils.clock import day_number
from tapeback.utils.money import to_units

_LIVE_DAY_PRODUCTS = ("MIS", "NRML", "CNC")
_SANDBOX_DAY_PRODUCTS = ("MIS",)
# Rules of bookings that no exchange traded: they stand on no contract note.
_SETTLED = frozenset({EXPIRY_RULE, ACTION_RULE})


class Clearing:
    """The end of each session of a run: what is still open of MIS is closed, DAY orders end,
    contracts expire, the day's charges become those of its contract note, futures are marked to
    market, and shares bought become holdings."""

    def __init__(
        self, simulator: OrderSimulator, rules: ExecutionRules, rulebook: Rulebook
    ) -> None:
        self.carried: list[tuple[int, str]] = []
        self._simulator = simulator
        self._portfolio = simulator.portfolio
        self._rulebook = rulebook
        self._exchange_rules = rules.exchange_rules
        self._live = rules.fidelity == "live"
        self._expiring = Expiring(simulator, rulebook, self._live)
        self._noted = 0

    def end_session(self) -> None:
        """End the session whose last bar closed `now`."""
        simulator = self._simulator
        if not self._portfolio.positions:
            return
        if not self._exchange_rules:
            self._restart_brokerage()
            return
        for book in simulator.books.values():
            if book.squaring:
                self._square_off_late(book)
        products = _LIVE_DAY_PRODUCTS if self._live else _SANDBOX_DAY_PRODUCTS
        simulator.expire_day_orders(products)
        self._restart_brokerage()
        day = day_number(simulator.now - 1)
        self.expire_contracts()
        self.close_accounts()
        if self._live:
            for book, position in self._held("NRML"):
                if book.instrument.kind in ("future", "index"):
                    self._mark_to_market(book, position)
        for book, position in self._held("CNC"):
            self._into_holdings(book, position, day)
        self._portfolio.settle_sales()
        simulator.note_shortfall(day)

    def _restart_brokerage(self) -> None:
        """Brokerage is an order's and a day's: what is left of one pays anew tomorrow."""
        for order in self._simulator.working():
            order.turnover = 0

    def expire_contracts(self, *, over: bool = True) -> None:
        """Settle contracts whose last session this is; where it may not be `over`, as at the end
        of the data, those whose closing time has come."""
        if not self._exchange_rules:
            return
        now = self._simulator.now
        day = day_number(now - 1)
        for book in self._simulator.books.values():
            expiry = book.instrument.expiry
            if expiry is None or expiry > day or book.expired:
                continue
            if over or expiry < day or now >= book.hours_on(day).closes:
                self._expiring.settle(book, day)

    def close_accounts(self) -> None:
        """Post what the day's contract note says beyond the charges of its executions."""
        if self._exchange_rules:
            self._adjust_charges(day_number(self._simulator.now - 1))

    def _held(self, product: str) -> Iterator[tuple[Book, Position]]:
        for book in self._simulator.books.values():
            position = book.positions.get(product)
            if position is not None and (position.quantity or position.overnight):
                yield book, position

    def _square_off_late(self, book: Book) -> None:
        """Close what no bar after the square-off time could; what a locked band holds is carried
        to the next session, with the broker's penalty."""
        self._simulator.square_off(book)
        if book.squaring:
            symbol = book.instrument.symbol
            self.carried.append((self._simulator.now, symbol))
            book.carry(True)
            note = f"MIS of {symbol} could not be squared off in its locked band"
            self._simulator.penalise(book, note)

    # Charges -------------------------------------------------------------------------------

    def _adjust_charges(self, day: int) -> None:
        """Post the difference between what the day's executions were charged when they happened
        and what its contract note says (A1), and the DP charge of shares delivered."""
        ledger, schedule = self._simulator.ledger, self._rulebook.schedule
        first, self._noted = self._noted, len(ledger)
        whole_note = schedule.rounding == "contract-note"
        books = self._simulator.books.values()
        if not whole_note and not any("CNC" in book.positions for book in books):
            return
        executions: list[Execution] = []
        posted: dict[tuple[str, str], int] = {}
        log = ledger.log
        for order, rule, signed, units, charges in zip(
            log.orders[first:],
            log.rules[first:],
            log.signed[first:].tolist(),
            log.units[first:].tolist(),
            log.charges[first:].tolist(),
            strict=True,
        ):
            if (order.product != "CNC" and not whole_note) or rule in _SETTLED:
                continue
            key = order.symbol, order.exchange
            book = self._simulator.books[key]
            posted[key] = posted.get(key, 0) + charges
            executions.append(
                Execution(
                    order.orderid,
                    order.symbol,
                    order.exchange,
                    segment_of(book.instrument, order.product),
                    signed > 0,
                    abs(signed),
                    abs(signed) * units,
                )
            )
        if executions:
            self._post_note(day, executions, posted)

    def _post_note(
        self, day: int, executions: Iterable[Execution], posted: dict[tuple[str, str], int]
    ) -> None:
        note = contract_note(day, executions, self._rulebook.schedule)
        delivered = dict(note.dp)
        for line in note.lines:
            book = self._simulator.books[line.symbol, line.exchange]
            more = line.charges.total - posted[line.symbol, line.exchange]
            if more:
                text = f"contract note of {line.symbol}"
                if line.same_day:
                    text += f": {line.same_day} bought and sold the same day are intraday"
                self._simulator.post(book, "charges adjustment", -more, text)
            if line.symbol in delivered and line.sold > line.bought:
                text = f"DP charge on {line.sold - line.bought} {line.symbol} delivered"
                self._simulator.post(book, "DP charge", -delivered.pop(line.symbol), text)

    # Settlement ----------------------------------------------------------------------------

    def _mark_to_market(self, book: Book, position: Position) -> None:
        candles = book.session_candles(self._simulator.now)
        if len(candles):
            price = closing_value(candles, book.hours.closes).value
            self._portfolio.mark_to_market(position, to_units(price))

    def _into_holdings(self, book: Book, position: Position, day: int) -> None:
        """Shares bought today are holdings from the next session on."""
        holding = book.holding
        if holding is None:
            holding = book.holding = Holding(position.symbol, position.exchange)
        calendar = calendar_of(position.exchange)
        settles = settlement_day(day, position.exchange, calendar.next_session_day)
        bought = position.cost - position.overnight_cost
        holding.close_day(position.day_quantity, bought, day=day, settles=settles)
        position.overnight = position.quantity
        position.overnight_cost = position.cost
