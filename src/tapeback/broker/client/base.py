"""What the families of calls have in common: the account, and how a request is read."""

from __future__ import annotations

from typing import Any, Self

from tapeback.broker import replies, requests
from tapeback.broker.account import Account
from tapeback.broker.option_desk import Fault
from tapeback.broker.replies import Reply
from tapeback.broker.requests import Schema, Values, completed, read_request, stringified
from tapeback.broker.rules import OPENALGO
from tapeback.models.order import Order


class Calls:
    """A client of one account. It answers as OpenAlgo would at this moment of the run: failures
    are dictionaries, only a wrong call raises."""

    _account: Account

    def close(self) -> None:
        """Nothing to close: there is no connection."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(
        self, schema: Schema, payload: Values, extra: dict[str, Any]
    ) -> tuple[Values, Reply | None]:
        """A request about orders: its further keywords are sent as text."""
        request, errors = read_request(schema, stringified(payload, extra))
        return request, self._error(400, str(errors)) if errors else None

    def _read_data(
        self, schema: Schema, payload: Values, extra: dict[str, Any]
    ) -> tuple[Values, Reply | None]:
        """A request about data: its further keywords are sent as they are."""
        request, errors = read_request(schema, completed(payload, extra))
        return request, replies.http_error(400, errors) if errors else None

    def _read_account(self, extra: dict[str, Any]) -> Reply | None:
        return self._read_data(requests.ACCOUNT, {}, extra)[1] if extra else None

    def _error(self, code: int, message: str) -> Reply:
        return replies.http_error(code, message, sandbox=self._account.sandbox)

    def _fault(self, fault: Fault) -> Reply:
        return replies.http_error(fault.code, fault.message)

    def _known(self, orderid: str) -> Order | None:
        """An order whose id the bot can know."""
        order = self._account.simulator.orders.get(orderid)
        return None if order is None or order.refused_by == OPENALGO else order

    def _no_order(self, orderid: str) -> Reply:
        return self._error(404, f"Order {orderid} not found")
