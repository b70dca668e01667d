"""What OpenAlgo refuses by looking at an order alone, in its own words (fill contract S1)."""

from __future__ import annotations

from datetime import datetime
from math import inf
from typing import Any, NamedTuple

from tapeback.models.instrument import CASH_EXCHANGES, DERIVATIVE_EXCHANGES
from tapeback.models.order import ACTIONS, PRICE_TYPES, PRODUCTS, Order

OPENALGO = "openalgo"
BROKER = "broker"
_GRID_NOISE = 1e-6


class Refusal(NamedTuple):
    """Why a request was refused, what to do about it, and who refused: OpenAlgo or the broker."""

    reason: str
    remedy: str
    by: str


AFTER_HOURS = Refusal(
    "MIS orders cannot be placed after market hours.",
    "An order sent at the session's last close waits for the next session, and MIS does not carry "
    "over. Use CNC or NRML, or decide before the last bar closes.",
    BROKER,
)
MARKET_CLOSED = Refusal(
    "Markets are closed right now",
    "OpenAlgo sends no after-market orders: send it while the exchange trades.",
    BROKER,
)
EXPIRED = Refusal("The contract has expired.", "Trade one that expires later.", BROKER)
BANNED = Refusal(
    "The security is in the ban period: only orders that reduce a position are accepted.",
    "Its open interest is above 95 % of the market-wide limit on that date.",
    BROKER,
)


def lot_refusal(quantity: int, lot: int, remedy: str, by: str) -> Refusal:
    nearest = f"{quantity} is not; the nearest is {max(1, quantity // lot) * lot}."
    reason = f"Quantity must be in multiples of lot size {lot}"
    return Refusal(reason, f"{nearest} {remedy}".rstrip(), by)


def not_accepted(pricetype: str) -> Refusal:
    return Refusal(
        f"{pricetype} orders are not accepted for this contract",
        "Exchange or broker refuses them on that date: send SL with a limit instead of SL-M, LIMIT "
        "instead of MARKET.",
        BROKER,
    )


def freeze_refusal(quantity: int, most: int) -> Refusal:
    return Refusal(
        f"Order quantity {quantity} exceeds the freeze quantity {most}",
        f"Send at most {most} an order; splitorder slices a larger one.",
        BROKER,
    )


def band_refusal(name: str, price: float, lower: float, upper: float) -> Refusal:
    return Refusal(
        f"{name} {price} is outside the permitted range {lower:g} to {upper:g}",
        "The exchange refuses prices beyond the day's band, and limits of options far from their "
        "premium.",
        BROKER,
    )


def after_square_off(moment: datetime) -> Refusal:
    return Refusal(
        f"MIS orders are blocked after the square-off time {moment:%H:%M}",
        "Only orders that reduce an MIS position pass until the session ends. Enter earlier, or "
        "use CNC or NRML.",
        BROKER,
    )


def invalid(field: str, value: object, allowed: tuple[str, ...]) -> Refusal:
    return Refusal(
        f"{field}: Must be one of: {', '.join(allowed)}.", f"It was {value!r}.", OPENALGO
    )


def word_refusal(order: Order) -> Refusal | None:
    """Whether action, price type and product are words that OpenAlgo knows."""
    if order.action not in ACTIONS:
        return invalid("action", order.action, ACTIONS)
    if order.pricetype not in PRICE_TYPES:
        return invalid("pricetype", order.pricetype, PRICE_TYPES)
    if order.product not in PRODUCTS:
        return invalid("product", order.product, PRODUCTS)
    return None


def figure_refusal(order: Order) -> Refusal | None:
    """Whether quantity and prices are figures that an order can have; a quantity that is whole
    becomes an int."""
    asked: Any = order.quantity
    if type(asked) is not int:
        refusal = _quantity_refusal(asked)
        if refusal is not None:
            return refusal
        order.quantity = int(asked)
    if order.quantity <= 0:
        return Refusal(
            "Quantity must be a positive number.",
            f"It was {asked}: is the amount an order may spend below the price of one unit?",
            OPENALGO,
        )
    return _price_refusal(order) if order.pricetype != "MARKET" else None


def product_refusal(order: Order) -> Refusal | None:
    if order.product == "NRML" and order.exchange in CASH_EXCHANGES:
        return Refusal(
            f"NRML product not allowed for {order.exchange} equity segment. Use CNC for delivery "
            f"or MIS for intraday.",
            "",
            OPENALGO,
        )
    if order.product == "CNC" and order.exchange in DERIVATIVE_EXCHANGES:
        return Refusal(
            f"CNC product not allowed for {order.exchange}. Use NRML or MIS.", "", OPENALGO
        )
    return None


def _price_refusal(order: Order) -> Refusal | None:
    kind = order.pricetype
    if kind != "SL-M" and not is_price(order.price):
        return Refusal(f"{kind} orders require price", f"price was {order.price!r}.", OPENALGO)
    if kind != "LIMIT" and not is_price(order.trigger_price):
        return Refusal(
            f"{kind} orders require trigger_price",
            f"trigger_price was {order.trigger_price!r}.",
            OPENALGO,
        )
    return None


def _quantity_refusal(asked: Any) -> Refusal | None:
    """Whether something that is not an int is no whole number either."""
    try:
        whole = float(asked).is_integer()
    except (TypeError, ValueError):
        return Refusal("Quantity must be a positive number.", f"It was {asked!r}.", OPENALGO)
    if whole and not isinstance(asked, str | bytes):
        return None
    return Refusal(
        f"Fractional quantity ({asked}) is not allowed for non-crypto exchanges.",
        "Round the quantity down to whole units.",
        OPENALGO,
    )


def is_price(value: Any) -> bool:
    return isinstance(value, float | int) and 0 < value < inf


def off_grid(price: float, tick: float) -> bool:
    return (price / tick + _GRID_NOISE) % 1.0 > 2 * _GRID_NOISE


def tick_refusal(name: str, price: float, tick: float) -> Refusal:
    return Refusal(
        f"{name} {price} is not a multiple of the tick size {tick}",
        f"Round it to the tick: {round(round(price / tick) * tick, 4)}.",
        BROKER,
    )


def leg_side_refusal(name: str, order: Order, base: float, buy: str, sell: str) -> Refusal:
    level = order.stop_loss if name == "stop_loss" else order.target
    side = buy if order.action == "BUY" else sell
    return Refusal(
        f"{name} of a {order.action} order must be {side} its price",
        f"It was {level}, the price {base}.",
        OPENALGO,
    )
