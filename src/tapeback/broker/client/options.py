"""Options by underlying and offset: symbols, orders, chains, Greeks."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from tapeback.broker import market_requests, requests
from tapeback.broker.account import Account
from tapeback.broker.client.base import Calls
from tapeback.broker.option_desk import Fault
from tapeback.broker.option_orders import Answer, options_multiorder, options_order
from tapeback.broker.replies import Reply, unknown_symbol
from tapeback.broker.requests import Values, read_request, stringified
from tapeback.market.contracts.strikes import nearest_strike
from tapeback.market.instruments import expiry_text


class OptionCalls(Calls):
    """The calls of the SDK's `OptionsAPI`, and `syntheticfuture`. Which contracts are listed is
    known as of now; prices are of the run's series."""

    def optionsymbol(
        self, *, strategy: str | None = None, underlying: str, exchange: str,
        strike_int: int | None = None, offset: str, option_type: str,
        expiry_date: str | None = None, **kwargs: Any,
    ) -> Reply:  # fmt: skip
        """The option that an offset (ATM, ITM1, OTM2 …) means now."""
        _deprecated(strategy=strategy, strike_int=strike_int)
        payload: Values = {
            "underlying": underlying, "exchange": exchange, "offset": offset,
            "option_type": option_type,
        }  # fmt: skip
        if strategy is not None:
            payload["strategy"] = strategy
        payload |= _expiry_and_step(expiry_date, strike_int)
        payload = stringified(payload, kwargs)
        request, refused = self._read_data(market_requests.OPTION_SYMBOL, payload, {})
        if refused is not None:
            return refused
        desk = self._account.desk
        base = desk.underlying(underlying, exchange, request["expiry_date"])
        if isinstance(base, Fault):
            return self._fault(base)
        found = desk.resolve(base, request["offset"], request["option_type"], request["strike_int"])
        if isinstance(found, Fault):
            return self._fault(found)
        lot, tick, freeze = self._account.listed.figures(found.instrument)
        return {
            "status": "success",
            "symbol": found.instrument.symbol,
            "exchange": found.instrument.exchange,
            "lotsize": lot,
            "tick_size": tick,
            "freeze_qty": freeze or 1,
            "underlying_ltp": base.ltp,
        }

    def optionsorder(
        self, *, strategy: str = "Python", underlying: str, exchange: str,
        strike_int: int | None = None, offset: str, option_type: str, action: str,
        quantity: int | str, expiry_date: str | None = None, price_type: str = "MARKET",
        product: str = "MIS", **kwargs: Any,
    ) -> Reply:  # fmt: skip
        """Send an order for the option that an offset means now; further keywords are `price`,
        `trigger_price`, `disclosed_quantity`, `splitsize`."""
        _deprecated(strike_int=strike_int)
        payload: Values = {
            "strategy": strategy, "underlying": underlying, "exchange": exchange,
            "offset": offset, "option_type": option_type, "action": action,
            "quantity": str(quantity), "pricetype": price_type, "product": product,
        }  # fmt: skip
        payload = stringified(payload | _expiry_and_step(expiry_date, strike_int), kwargs)
        return self._send(market_requests.OPTIONS_ORDER, payload, options_order)

    def optionsmultiorder(
        self, *, strategy: str, underlying: str, exchange: str, legs: list[dict[str, Any]],
        expiry_date: str | None = None, strike_int: int | None = None, **kwargs: Any,
    ) -> Reply:  # fmt: skip
        """Send up to 20 option orders on one underlying, buys first; a leg has `offset`,
        `option_type`, `action`, `quantity`, and may have an expiry, type, product and prices."""
        _deprecated(strike_int=strike_int)
        payload: Values = {
            "strategy": strategy, "underlying": underlying, "exchange": exchange,
            "legs": [_sent_leg(leg) for leg in legs],
        }  # fmt: skip
        if strike_int is not None:
            payload["strike_int"] = int(strike_int)
        if expiry_date is not None:
            payload["expiry_date"] = expiry_date
        payload = requests.completed(payload, kwargs)
        return self._send(market_requests.OPTIONS_MULTIORDER, payload, options_multiorder)

    def optionchain(
        self, *, underlying: str, exchange: str, expiry_date: str | None = None,
        strike_count: int | None = None, **kwargs: Any,
    ) -> Reply:  # fmt: skip
        """Calls and puts of one expiry by strike, with their quotes; `with_greeks=True` adds
        volatility and Greeks."""
        payload: Values = {"underlying": underlying, "exchange": exchange}
        if expiry_date is not None:
            payload["expiry_date"] = expiry_date
        if strike_count is not None:
            payload["strike_count"] = int(strike_count)
        request, refused = self._read_data(market_requests.OPTION_CHAIN, payload, kwargs)
        if refused is not None:
            return refused
        base = self._account.desk.underlying(underlying, exchange, request["expiry_date"])
        if isinstance(base, Fault):
            return self._fault(base)
        chain = self._account.chain.chain(base, request["strike_count"], request["with_greeks"])
        return self._fault(chain) if isinstance(chain, Fault) else chain

    def optiongreeks(
        self, *, symbol: str, exchange: str, interest_rate: float | None = None,
        forward_price: float | None = None, underlying_symbol: str | None = None,
        underlying_exchange: str | None = None, expiry_time: str | None = None, **kwargs: Any,
    ) -> Reply:  # fmt: skip
        """Implied volatility and Greeks of one option by Black-76."""
        named = {
            "symbol": symbol, "exchange": exchange, "interest_rate": interest_rate,
            "forward_price": forward_price, "underlying_symbol": underlying_symbol,
            "underlying_exchange": underlying_exchange, "expiry_time": expiry_time,
        }  # fmt: skip
        payload = {name: value for name, value in named.items() if value is not None}
        request, refused = self._read_data(market_requests.OPTION_GREEKS, payload, kwargs)
        if refused is not None:
            return refused
        option = self._account.listed.instrument(symbol, exchange)
        if option is None:
            self._account.miss(symbol, exchange)
            return unknown_symbol(symbol, exchange)
        told = self._account.chain.greeks(
            option,
            forward=request["forward_price"],
            symbol=request["underlying_symbol"],
            exchange=request["underlying_exchange"],
            expiry_time=request["expiry_time"],
            rate=request["interest_rate"],
        )
        return self._fault(told) if isinstance(told, Fault) else told

    def syntheticfuture(
        self, *, underlying: str, exchange: str, expiry_date: str, **kwargs: Any
    ) -> Reply:
        """The future that call and put in the middle of the chain make: strike + call - put."""
        payload = {"underlying": underlying, "exchange": exchange, "expiry_date": expiry_date}
        request, refused = self._read_data(market_requests.SYNTHETIC_FUTURE, payload, kwargs)
        if refused is not None:
            return refused
        desk = self._account.desk
        base = desk.underlying(underlying, exchange, request["expiry_date"])
        if isinstance(base, Fault):
            return self._fault(base)
        strikes = desk.strikes(base, "CE")
        if not strikes:
            return self._fault(desk.no_strikes(base))
        middle = nearest_strike(strikes, base.ltp)
        future = desk.synthetic(base, middle)
        if future is None:
            fault = Fault(404, f"Could not fetch LTP of the options of {base.base} at {middle:g}.")
            return self._fault(fault)
        return {
            "atm_strike": middle,
            "expiry": expiry_text(base.expiry),
            "status": "success",
            "synthetic_future_price": future,
            "underlying": base.base,
            "underlying_ltp": base.ltp,
        }

    def _send(
        self, schema: requests.Schema, payload: Values, send: Callable[[Account, Values], Answer]
    ) -> Reply:
        request, errors = read_request(schema, payload)
        if errors:
            return self._error(400, str(errors))
        answer = send(self._account, request)
        return self._error(*answer) if isinstance(answer, Fault) else answer


def _deprecated(**given: object) -> None:
    """Warn of parameters as the SDK does, in the bot's line."""
    for name, value in given.items():
        if value is not None:
            warnings.warn(
                f"The '{name}' parameter is deprecated and will be removed in future versions.",
                DeprecationWarning,
                stacklevel=3,
            )


def _expiry_and_step(expiry_date: str | None, strike_int: int | None) -> Values:
    payload: Values = {}
    if strike_int is not None:
        payload["strike_int"] = str(strike_int)
    if expiry_date is not None:
        payload["expiry_date"] = expiry_date
    return payload


def _sent_leg(leg: dict[str, Any]) -> Values:
    """What the SDK sends of a leg: nothing but these fields."""
    sent: Values = {
        "offset": leg["offset"],
        "option_type": leg["option_type"],
        "action": leg["action"],
        "quantity": int(leg["quantity"]),
    }
    for name, kind in _LEG_FIELDS.items():
        if name in leg:
            sent[name] = kind(leg[name])
    return sent


def _as_it_is(value: Any) -> Any:
    return value


_LEG_FIELDS: dict[str, Callable[[Any], Any]] = {
    "expiry_date": _as_it_is,
    "pricetype": _as_it_is,
    "product": _as_it_is,
    "price": float,
    "trigger_price": float,
    "disclosed_quantity": int,
}
