"""GTT orders, as the SDK knows them from 2.0.4 on."""

from __future__ import annotations

from typing import Any

from tapeback.broker import market_requests, replies
from tapeback.broker.client.base import Calls
from tapeback.broker.replies import Reply
from tapeback.broker.requests import Schema, Values, completed, read_request

_TRIGGER_TYPES = ("SINGLE", "OCO")


class GttCalls(Calls):
    """The calls of the SDK's `GTTAPI`."""

    def placegttorder(
        self, *, strategy: str = "Python", symbol: str, action: str, exchange: str,
        trigger_type: str = "SINGLE", product: str = "CNC", quantity: float = 1,
        price_type: str = "LIMIT", price: float | str = 0, triggerprice_sl: float | str = 0,
        triggerprice_tg: float | str = 0, stoploss: float | str | None = None,
        target: float | str | None = None, **kwargs: Any,
    ) -> Reply:  # fmt: skip
        """Leave a trigger that sends an order when price meets it, on whatever day: SINGLE below
        (`triggerprice_sl`) or above (`triggerprice_tg`) the last price, OCO both."""
        payload, error = _payload(
            strategy=strategy, trigger_type=trigger_type, symbol=symbol, action=action,
            exchange=exchange, product=product, quantity=quantity, pricetype=price_type,
            price=price, triggerprice_sl=triggerprice_sl, triggerprice_tg=triggerprice_tg,
            stoploss=stoploss, target=target,
        )  # fmt: skip
        if error is not None:
            return error
        request, refused = self._read_gtt(market_requests.GTT_ORDER, completed(payload, kwargs))
        if refused is not None:
            return refused
        self._account.ensure(request["symbol"], request["exchange"])
        placed = self._account.gtts.place(request)
        if isinstance(placed, str):
            return self._body_error(400, placed)
        return replies.success(self._account.sandbox, trigger_id=placed.trigger_id)

    def modifygttorder(
        self, *, trigger_id: str, strategy: str = "Python", symbol: str, action: str,
        exchange: str, trigger_type: str = "SINGLE", product: str = "CNC",
        quantity: float = 1, price_type: str = "LIMIT", price: float | str = 0,
        triggerprice_sl: float | str = 0, triggerprice_tg: float | str = 0,
        stoploss: float | str | None = None, target: float | str | None = None, **kwargs: Any,
    ) -> Reply:  # fmt: skip
        """Replace an active trigger; symbol, exchange, action and type stay."""
        payload, error = _payload(
            strategy=strategy, trigger_type=trigger_type, symbol=symbol, action=action,
            exchange=exchange, product=product, quantity=quantity, pricetype=price_type,
            price=price, triggerprice_sl=triggerprice_sl, triggerprice_tg=triggerprice_tg,
            stoploss=stoploss, target=target,
        )  # fmt: skip
        if error is not None:
            return error
        payload = {**completed(payload, kwargs), "trigger_id": str(trigger_id)}
        request, refused = self._read_gtt(market_requests.GTT_CHANGE, payload)
        if refused is not None:
            return refused
        return self._told(str(trigger_id), self._account.gtts.modify(str(trigger_id), request))

    def cancelgttorder(self, *, trigger_id: str, strategy: str = "Python", **kwargs: Any) -> Reply:
        """Cancel an active trigger, both legs of an OCO."""
        payload = completed({"strategy": strategy, "trigger_id": str(trigger_id)}, kwargs)
        _, errors = read_request(market_requests.GTT_ONE, payload)
        if errors:
            return self._body_error(400, errors)
        return self._told(str(trigger_id), self._account.gtts.cancel(str(trigger_id)))

    def gttorderbook(self, **kwargs: Any) -> Reply:
        """The triggers that can still be met; `status="all"` adds those that ended."""
        request, errors = read_request(market_requests.GTT_BOOK, completed({}, kwargs))
        if errors:
            return self._body_error(400, errors)
        rows = self._account.gtts.rows(every=request["status"] == "all")
        return replies.success(self._account.sandbox, data=rows)

    def _read_gtt(self, schema: Schema, payload: Values) -> tuple[Values, Reply | None]:
        """A GTT request: fields that its endpoint does not know are passed over."""
        known = {name: value for name, value in payload.items() if name in schema}
        request, errors = read_request(schema, known)
        return request, self._body_error(400, errors) if errors else None

    def _told(self, trigger_id: str, refused: str) -> Reply:
        if refused:
            return self._body_error(404 if refused.endswith("not found") else 400, refused)
        return replies.success(self._account.sandbox, trigger_id=trigger_id)

    def _body_error(self, code: int, message: object) -> Reply:
        return replies.body_error(code, message, sandbox=self._account.sandbox)


def _payload(
    *, trigger_type: str, action: str, quantity: float, price: float | str,
    triggerprice_sl: float | str, triggerprice_tg: float | str,
    stoploss: float | str | None, target: float | str | None, **named: str,
) -> tuple[Values, Reply | None]:  # fmt: skip
    """What the SDK sends, and what it answers itself where it does not."""
    kind = str(trigger_type).upper()
    if kind not in _TRIGGER_TYPES:
        return {}, replies.invalid_call("trigger_type must be 'SINGLE' or 'OCO'.")
    levels: dict[str, float | None] = {
        "triggerprice_sl": _number(triggerprice_sl, 0.0),
        "stoploss": _number(stoploss, None) if kind == "OCO" else None,
        "triggerprice_tg": _number(triggerprice_tg, 0.0),
        "target": _number(target, None) if kind == "OCO" else None,
    }
    problem = _problem(kind, levels)
    if problem:
        return {}, replies.invalid_call(problem)
    amount = float(quantity)
    return {
        **named,
        **levels,
        "trigger_type": kind,
        "action": str(action).upper(),
        "quantity": amount if amount % 1 else int(quantity),
        "price": _number(price, 0.0),
    }, None


def _problem(kind: str, levels: dict[str, float | None]) -> str:
    below, above = levels["triggerprice_sl"] or 0.0, levels["triggerprice_tg"] or 0.0
    if kind == "OCO":
        missing = [name for name, value in levels.items() if not value]
        if missing:
            return f"Required for OCO: {', '.join(missing)}."
        if below >= above:
            return (
                "Stoploss trigger must be less than target trigger "
                "(triggerprice_sl < triggerprice_tg)."
            )
        return ""
    if below <= 0 and above <= 0:
        return "SINGLE GTT requires a positive triggerprice_sl or triggerprice_tg."
    if below > 0 and above > 0:
        return (
            "SINGLE GTT takes exactly one of triggerprice_sl or triggerprice_tg; set the other "
            "to 0."
        )
    return ""


def _number(value: float | str | None, default: float | None) -> float | None:
    return default if value is None or value == "" else float(value)
