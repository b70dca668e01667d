"""Reading orders, executions, positions, holdings and funds."""

from __future__ import annotations

from typing import Any

from tapeback.broker import bulk, replies, requests
from tapeback.broker.client.base import Calls
from tapeback.broker.replies import Reply


class BookCalls(Calls):
    """The calls that read the account's books: a live broker's texts and shapes, or the analyzer's
    in `sandbox` fidelity."""

    def orderstatus(self, *, order_id: str, strategy: str = "Python", **kwargs: Any) -> Reply:
        """One order. A live broker knows those of the current session only."""
        payload = {"orderid": order_id, "strategy": strategy}
        _, refused = self._read(requests.ONE_ORDER, payload, kwargs)
        if refused is not None:
            return refused
        account, order = self._account, self._known(order_id)
        if order is None or (account.live and not account.books.holds(order)):
            return self._no_order(order_id)
        return replies.order_status(account.books.order_row(order), account.sandbox)

    def orderbook(self, **kwargs: Any) -> Reply:
        """Orders of the current session, newest first, and their counts."""
        refused, account = self._read_account(kwargs), self._account
        return refused or replies.success(account.sandbox, data=account.books.order_book())

    def tradebook(self, **kwargs: Any) -> Reply:
        """Executions of the current session, newest first."""
        refused, account = self._read_account(kwargs), self._account
        return refused or replies.success(account.sandbox, data=account.books.trade_rows())

    def positionbook(self, **kwargs: Any) -> Reply:
        """What is held and what was closed today, one row a product."""
        refused = self._read_account(kwargs)
        if refused is not None:
            return refused
        sandbox, units = self._account.sandbox, self._account.service.bot_units
        rows = [
            replies.position_row(
                position,
                units.quantity(position.symbol, position.exchange, position.quantity),
                realised,
                sandbox,
            )
            for position, realised in self._account.books.positions()
        ]
        return replies.position_book(rows, sandbox)

    def openposition(
        self, *, strategy: str = "Python", symbol: str, exchange: str, product: str, **kwargs: Any
    ) -> Reply:
        """Signed quantity of one position: an int from the analyzer, text from a live broker."""
        payload = {"strategy": strategy, "symbol": symbol, "exchange": exchange, "product": product}
        _, refused = self._read(requests.OPEN_POSITION, payload, kwargs)
        if refused is not None:
            return refused
        sandbox = self._account.sandbox
        held = bulk.held_quantity(self._account.service, symbol, exchange, product)
        return replies.success(sandbox, quantity=held if sandbox else str(held))

    def holdings(self, **kwargs: Any) -> Reply:
        """Shares bought in CNC on earlier dates; those of today are in the position book."""
        refused, account = self._read_account(kwargs), self._account
        return refused or replies.holdings(account.books.holdings(), account.sandbox)

    def funds(self, **kwargs: Any) -> Reply:
        """Free and blocked money, and the profit that the position book shows, before charges; text
        from a live broker."""
        refused, account = self._read_account(kwargs), self._account
        if refused is not None:
            return refused
        since = int(account.service.engine.series[0].starts[0])
        return replies.funds(**account.books.account(), since=since, sandbox=account.sandbox)
