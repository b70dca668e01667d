"""GTT orders: triggers that survive sessions and send a DAY order when price meets them (S6).

A trigger waits in the exchange's book as a stop that nothing fills: when the path of price reaches
it, at its very point, the order that it stands for is sent. SINGLE has one trigger, OCO two, of
which the first that is met ends the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tapeback.broker.replies import Reply
from tapeback.broker.requests import Values
from tapeback.broker.service import BrokerService
from tapeback.models.instrument import CASH_EXCHANGES, DERIVATIVE_EXCHANGES
from tapeback.models.order import Order
from tapeback.utils.clock import DAY_NS, to_ist

GTT = "GTT"
_OUT_OF_REACH = 1e12
_LIVES_DAYS = 365
_FIXED = ("symbol", "exchange", "action", "trigger_type")


@dataclass(slots=True, eq=False)
class Leg:
    """One trigger: it waits for the last price to come down to `level`, or (`rising`) up to it,
    and then sends its order at `limit` (0 for MARKET)."""

    level: float
    rising: bool
    limit: float
    watch: Order | None = None


@dataclass(slots=True, eq=False)
class Gtt:
    """One GTT as it was placed; `status` is active, triggered, rejected, cancelled or expired.
    Times are ns UTC."""

    trigger_id: str
    request: Values
    created_at: int
    updated_at: int
    legs: list[Leg] = field(default_factory=list)
    status: str = "active"
    orderid: str = ""

    @property
    def expires_at(self) -> int:
        return self.created_at + _LIVES_DAYS * DAY_NS


class GttBook:
    """The GTTs of one account. No money is blocked for them: the order that is sent asks for it,
    and may be refused. `attend` is called when triggers begin or end to wait: somebody has to tell
    `hear` of what happens to orders."""

    def __init__(self, service: BrokerService, attend: Callable[[], None]) -> None:
        self._attend = attend
        self._service = service
        self._simulator = service.simulator
        self._gtts: dict[str, Gtt] = {}
        self._watches = 0

    def place(self, request: Values) -> Gtt | str:
        """Place a GTT; the reason, where it is refused."""
        refused = self._refusal(request)
        if refused:
            return refused
        now = self._simulator.now
        number = f"GTT-{to_ist(now):%y%m%d}-{len(self._gtts) + 1:08x}"
        gtt = self._gtts[number] = Gtt(number, request, now, now)
        self._attend()
        self._arm(gtt)
        return gtt

    def modify(self, trigger_id: str, request: Values) -> str:
        """Replace everything of an active GTT but what it is; "" when that was accepted."""
        gtt = self._gtts.get(trigger_id)
        if gtt is None:
            return f"GTT {trigger_id} not found"
        if not self._active(gtt):
            return f"Cannot modify GTT in {gtt.status} status"
        for name in _FIXED:
            if gtt.request[name] != request[name]:
                return f"{name} of a GTT cannot be modified. Cancel it and place another."
        refused = self._refusal(request)
        if refused:
            return refused
        self._disarm(gtt)
        gtt.request, gtt.updated_at = request, self._simulator.now
        self._arm(gtt)
        return ""

    def cancel(self, trigger_id: str) -> str:
        """Cancel an active GTT with all its triggers; "" when that was accepted."""
        gtt = self._gtts.get(trigger_id)
        if gtt is None:
            return f"GTT {trigger_id} not found"
        if not self._active(gtt):
            return f"Cannot cancel GTT in {gtt.status} status"
        self._end(gtt, "cancelled")
        return ""

    def rows(self, *, every: bool) -> list[Reply]:
        """The GTTs that can still be met, or, active ones first, `every` one."""
        active = [gtt for gtt in self._gtts.values() if self._active(gtt)]
        ended = [gtt for gtt in self._gtts.values() if gtt.status != "active"] if every else []
        return [self._row(gtt) for gtt in (*active, *ended)]

    # Triggers ------------------------------------------------------------------------------

    def _arm(self, gtt: Gtt) -> None:
        """Let the triggers of a GTT wait in the book."""
        request = gtt.request
        book = self._simulator.books[request["symbol"], request["exchange"]]
        gtt.legs = _legs(request)
        for leg in gtt.legs:
            self._watches += 1
            leg.watch = Order(
                symbol=request["symbol"],
                exchange=request["exchange"],
                action="BUY" if leg.rising else "SELL",
                quantity=1,
                pricetype="SL",
                product=GTT,
                # Beyond every price: nothing fills it.
                price=0.0 if leg.rising else _OUT_OF_REACH,
                trigger_price=leg.level,
                orderid=gtt.trigger_id,
                parent=gtt.trigger_id,
                # Ahead of every order, which the trigger may send.
                seq=-self._watches,
                placed_ts=self._simulator.now,
            )
        for leg in list(gtt.legs):
            if leg.watch is not None and leg.watch.seq:
                self._simulator.send(book, leg.watch, None)

    def _disarm(self, gtt: Gtt) -> None:
        request = gtt.request
        book = self._simulator.books[request["symbol"], request["exchange"]]
        for leg in gtt.legs:
            if leg.watch is not None:
                leg.watch.seq = 0
                leg.watch = None
                book.forget()

    @property
    def waiting(self) -> bool:
        """Whether any trigger can still be met."""
        return any(gtt.status == "active" for gtt in self._gtts.values())

    def hear(self, order: Order) -> bool:
        """Hear of what the exchange did to an order; whether it was a trigger of this book."""
        if order.product != GTT:
            return False
        gtt = self._gtts[order.orderid]
        leg = next((leg for leg in gtt.legs if leg.watch is order), None)
        if leg is not None and order.triggered_ts:
            self._fire(gtt, leg)
        elif leg is not None and not order.is_open:
            self._end(gtt, "cancelled")
        return True

    def _fire(self, gtt: Gtt, leg: Leg) -> None:
        """Send the order of a trigger that was met; what becomes of it stands in the order book."""
        if not self._active(gtt):
            return
        self._end(gtt, "triggered")
        request = gtt.request
        order = self._service.submit(
            Order(
                symbol=request["symbol"],
                exchange=request["exchange"],
                action=request["action"],
                quantity=int(request["quantity"]),
                pricetype="LIMIT" if leg.limit else "MARKET",
                product=request["product"],
                price=leg.limit,
                strategy=request["strategy"],
            )
        )
        gtt.orderid = order.orderid
        if order.status == "rejected":
            gtt.status = "rejected"

    def _end(self, gtt: Gtt, status: str) -> None:
        self._disarm(gtt)
        gtt.status, gtt.updated_at = status, self._simulator.now
        self._attend()

    def _active(self, gtt: Gtt) -> bool:
        """Whether a GTT can still be met; one that is older than a year has expired."""
        if gtt.status == "active" and self._simulator.now >= gtt.expires_at:
            self._end(gtt, "expired")
        return gtt.status == "active"

    # Rules ---------------------------------------------------------------------------------

    def _refusal(self, request: Values) -> str:
        symbol, exchange = request["symbol"], request["exchange"]
        book = self._simulator.books.get((symbol, exchange))
        if book is None:
            return f"Symbol {symbol} not found on {exchange}"
        if request["product"] == "NRML" and exchange in CASH_EXCHANGES:
            return f"NRML product not allowed for {exchange} equity segment. Use CNC."
        if request["product"] == "CNC" and exchange in DERIVATIVE_EXCHANGES:
            return f"CNC product not allowed for {exchange}. Use NRML."
        lot = book.terms.lot.shown
        if self._service.rules.exchange_rules and int(request["quantity"]) % lot:
            return f"Quantity must be in multiples of lot size {lot}"
        if request["trigger_type"] == "OCO":
            return ""
        limit = request["pricetype"] == "LIMIT"
        return "LIMIT orders require price" if limit and not request["price"] else ""

    def _row(self, gtt: Gtt) -> Reply:
        request = gtt.request
        single = request["trigger_type"] == "SINGLE"
        book = self._simulator.books[request["symbol"], request["exchange"]]
        legs = gtt.legs or _legs(request)
        return {
            "created_at": _time(gtt.created_at),
            "exchange": request["exchange"],
            "expires_at": _time(gtt.expires_at),
            "last_price": self._simulator.last_price(book),
            "legs": [
                {
                    "action": request["action"],
                    "price": leg.limit,
                    "pricetype": "LIMIT" if leg.limit else "MARKET",
                    "product": request["product"],
                    "quantity": int(request["quantity"]),
                }
                for leg in legs
            ],
            "status": gtt.status,
            "strategy": request["strategy"],
            "symbol": request["symbol"],
            "trigger_id": gtt.trigger_id,
            "trigger_prices": [leg.level for leg in legs],
            "trigger_type": "single" if single else "two-leg",
            "updated_at": _time(gtt.updated_at),
        }


def _legs(request: Values) -> list[Leg]:
    """The triggers that a request asks for, the stop first."""
    if request["trigger_type"] == "OCO":
        return [
            Leg(request["triggerprice_sl"], False, request["stoploss"]),
            Leg(request["triggerprice_tg"], True, request["target"]),
        ]
    limit = request["price"] if request["pricetype"] == "LIMIT" else 0.0
    if request["triggerprice_sl"]:
        return [Leg(request["triggerprice_sl"], False, limit)]
    return [Leg(request["triggerprice_tg"], True, limit)]


def _time(ts: int) -> str:
    return f"{to_ist(ts):%Y-%m-%d %H:%M:%S}"
