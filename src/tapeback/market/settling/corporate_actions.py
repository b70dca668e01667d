"""Splits, bonuses, dividends, rights and demergers: what they do to shares, orders and contracts.

Prices are raw: an action is applied on its ex-date, before its first trade, to what was held and
what rested at the last close before it.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from functools import cache
from math import trunc
from typing import Literal

import msgspec

from tapeback.market.dated import Row, rows, table
from tapeback.market.settlement import Holding, Lot
from tapeback.models.instrument import Instrument
from tapeback.utils.money import to_units

ActionKind = Literal["split", "bonus", "dividend", "rights", "demerger"]

KINDS: tuple[ActionKind, ...] = ("split", "bonus", "dividend", "rights", "demerger")


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """One corporate action. An empty `exchange` means every exchange that trades the share.

    `new` and `held` are the sides of its ratio: shares after and before a split, bonus or rights
    shares and the shares they are given for, shares of the `child` for shares of the parent.
    `cash` is money units a share: the dividend, the price of a right, or what a demerger takes off
    the parent in the market (None where unknown). `parent_share` is the part of the cost that
    stays with the parent, where the company named it.
    """

    symbol: str
    exchange: str
    ex_day: int
    kind: ActionKind
    new: int = 1
    held: int = 1
    cash: int | None = None
    child: str = ""
    parent_share: Fraction | None = None
    row: Row | None = None

    @property
    def share_factor(self) -> Fraction:
        """Shares after the action for each share before it."""
        if self.kind == "split":
            return Fraction(self.new, self.held)
        return 1 + Fraction(self.new, self.held) if self.kind == "bonus" else Fraction(1)

    @property
    def ratio(self) -> str:
        return "" if self.kind == "dividend" else f"{self.new}:{self.held}"


class Entitlement(msgspec.Struct, frozen=True):
    """What a position becomes. Money is units; signed as the position is.

    `quantity` and `cost` are of the shares held afterwards, `bonus` those among them that were
    given free, `cash` what is received (dividends, rights, fractions of shares) and `profit` what
    was gained by it. A demerger adds `child_quantity` shares of `child` at `child_cost`, worth
    `child_price` each until they trade.
    """

    quantity: int
    cost: int
    bonus: int = 0
    cash: int = 0
    profit: int = 0
    child: str = ""
    child_quantity: int = 0
    child_cost: int = 0
    child_price: int = 0
    rows: tuple[Row, ...] = ()


class AdjustedOrder(msgspec.Struct, frozen=True):
    """A resting order after an action: prices in rupees; with a quantity of 0 it is cancelled."""

    quantity: int
    price: float
    trigger_price: float
    row: Row


class AdjustedContract(msgspec.Struct, frozen=True):
    """A stock contract after an action on its share.

    `strike` is in rupees on the tick grid, `lot_size` in units. Prices become
    `(price - dividend) / factor` (money units), quantities `quantity * factor`. A contract that
    `expires_early` settles at the last close before the ex-date instead.
    """

    strike: float
    lot_size: int
    factor: Fraction
    dividend: int
    expires_early: bool
    row: Row

    def position(self, quantity: int, cost: int, *, option: bool) -> tuple[int, int]:
        """A position's units and signed cost afterwards. A future's price falls by a dividend, so
        its cost does as well; an option keeps its premium, for its strike falls."""
        moved = 0 if option else quantity * self.dividend
        return trunc(quantity * self.factor), cost - moved


class ExDay:
    """All actions of one share on one ex-date.

    Cash, rights and a demerger belong to the shares as they were; splits and bonuses follow.
    """

    def __init__(self, day: int, actions: Iterable[Action]) -> None:
        self.day = day
        self.actions = tuple(sorted(actions, key=lambda action: KINDS.index(action.kind)))
        self.split_factor = Fraction(1)
        self.share_factor = Fraction(1)
        for action in self.actions:
            self.share_factor *= action.share_factor
            if action.kind == "split":
                self.split_factor *= action.share_factor

    @property
    def rows(self) -> tuple[Row, ...]:
        return tuple(action.row for action in self.actions if action.row is not None)

    @property
    def child(self) -> str:
        """The symbol that a demerger brings, empty where there is none or it is unknown."""
        return next((action.child for action in self.of_kind("demerger")), "")

    @property
    def dividend(self) -> int:
        """Money units a share of all dividends."""
        return sum(action.cash or 0 for action in self.of_kind("dividend"))

    def of_kind(self, kind: ActionKind) -> tuple[Action, ...]:
        return tuple(action for action in self.actions if action.kind == kind)

    def rights_value(self, close: int) -> Fraction:
        """Money units that the rights take off a share that closed at `close` money units: its
        close less the theoretical ex-rights price; none where the right costs no less."""
        price = Fraction(close)
        for action in self.of_kind("rights"):
            cost = action.cash or 0
            if cost < price:
                whole = action.held * price + action.new * cost
                price = whole / (action.held + action.new)
        return close - price

    def ex_price(self, close: int, *, with_dividend: bool = True) -> Fraction | None:
        """The price that leaves holders as rich as at `close` (money units); None for a demerger
        of unknown worth."""
        price = Fraction(close - (self.dividend if with_dividend else 0))
        for action in self.of_kind("demerger"):
            if action.cash is None:
                return None
            price -= action.cash
        price -= self.rights_value(close)
        return price / self.share_factor if price > 0 else None

    def apply_to_position(self, quantity: int, cost: int, *, close: int, price: int) -> Entitlement:
        """What signed shares and their signed cost become.

        `close` is the last price before the ex-date, `price` the first on it, in money units.
        Fractions of a share are paid at `price`; rights are taken as sold at their theoretical
        value; dividends come gross and at once. Who is short pays all of it.
        """
        exact = quantity * self.share_factor
        held = trunc(exact)
        paid = quantity * (self.dividend + self.rights_value(close)) + (exact - held) * price
        child = self._child(quantity, cost, close)
        kept = cost - child.child_cost
        gone = kept if not held else 0
        cash = trunc(paid) + child.cash
        return Entitlement(
            quantity=held,
            cost=kept - gone,
            bonus=held - trunc(quantity * self.split_factor),
            cash=cash,
            profit=cash - gone,
            child=child.child,
            child_quantity=child.child_quantity,
            child_cost=child.child_cost,
            child_price=child.child_price,
            rows=(*self.rows, *self._payment_rows()),
        )

    def apply_to_holding(
        self, holding: Holding, *, close: int, price: int, child: Holding | None = None
    ) -> Entitlement:
        """Adjust a holding's lots in place, and add what a demerger gives to that of the `child`.

        Split shares and a child's keep the day of those they come from; bonus shares are a lot
        of their own, at no cost, from the ex-date on.
        """
        due = self.apply_to_position(holding.quantity, holding.cost, close=close, price=price)
        if child is not None and due.child_quantity:
            child.lots += _spread(holding.lots, due.child_quantity, due.child_cost)
        holding.lots = _spread(holding.lots, due.quantity - due.bonus, due.cost)
        holding.receive(due.bonus, due.cost - holding.cost, bought=self.day, settles=self.day)
        return due

    def apply_to_order(
        self, quantity: int, price: float, trigger_price: float, *, close: int, tick: float
    ) -> AdjustedOrder:
        """An order that rests over the ex-date: `quantity` still open, prices in rupees.

        It is scaled as its share is, to the nearest tick, but for dividends, which leave orders
        alone; cancelled where a demerger's worth is unknown or less than a share is left of it.
        """
        row = rows("corporate_actions", "resting_orders").in_force(self.day)
        ex_price = self.ex_price(close, with_dividend=False)
        if ex_price is None:
            return AdjustedOrder(0, price, trigger_price, row)
        factor = float(ex_price / close)
        return AdjustedOrder(
            trunc(quantity * self.share_factor),
            _on_grid(price * factor, tick),
            _on_grid(trigger_price * factor, tick),
            row,
        )

    def apply_to_contract(
        self, instrument: Instrument, lot_size: int, *, close: int
    ) -> AdjustedContract | None:
        """A contract on the share, which closed at `close` money units; None if nothing changes.

        Splits, bonuses and rights divide its prices by their factor and multiply its lot; a
        dividend counts in full once it reaches the dated share of the price (the last one before
        the ex-date here, the one before its announcement at the exchange); a demerger ends it.
        """
        if self.of_kind("demerger"):
            row = rows("corporate_actions", "contract_demerger").in_force(self.day)
            return AdjustedContract(instrument.strike, lot_size, Fraction(1), 0, True, row)
        row = rows("corporate_actions", "contract_dividend").in_force(self.day)
        due = self.dividend >= Fraction(row["share"]) * close
        dividend = self.dividend if due else 0
        factor = self.share_factor * close / (close - self.rights_value(close))
        if not dividend and factor == 1:
            return None
        if not dividend:
            row = rows("corporate_actions", "contract_factor").in_force(self.day)
        strike = float((to_units(instrument.strike) - dividend) / factor) / to_units(1)
        return AdjustedContract(
            strike=_on_grid(strike, instrument.tick_size) if instrument.strike else 0.0,
            lot_size=round(lot_size * factor),
            factor=factor,
            dividend=dividend,
            expires_early=False,
            row=row,
        )

    def _child(self, quantity: int, cost: int, close: int) -> Entitlement:
        """The part of a position that a demerger takes off: its `child_…` and the cash paid for
        a fraction of a child's share."""
        for action in self.of_kind("demerger"):
            exact = Fraction(quantity * action.new, action.held)
            whole = trunc(exact)
            worth = Fraction((action.cash or 0) * action.held, action.new)
            stays = action.parent_share
            if stays is None:
                stays = 1 - Fraction(action.cash or 0, close)
            return Entitlement(
                quantity=0,
                cost=0,
                cash=trunc((exact - whole) * worth),
                child=action.child,
                child_quantity=whole,
                child_cost=cost - trunc(cost * stays),
                child_price=round(worth),
            )
        return Entitlement(0, 0)

    def _payment_rows(self) -> tuple[Row, ...]:
        if not self.dividend:
            return ()
        return (rows("corporate_actions", "dividend_payment").in_force(self.day),)


class ActionBook:
    """Corporate actions by share and ex-date."""

    def __init__(self, actions: Iterable[Action]) -> None:
        self._by_symbol: dict[str, list[Action]] = {}
        for action in actions:
            self._by_symbol.setdefault(action.symbol, []).append(action)
        self._days: dict[tuple[str, str], dict[int, ExDay]] = {}

    def of(self, symbol: str, exchange: str) -> tuple[ExDay, ...]:
        """The ex-dates of a share on an exchange, earliest first."""
        return tuple(self._of(symbol, exchange).values())

    def on(self, symbol: str, exchange: str, day: int) -> ExDay | None:
        """What happens to a share on an Indian day number, if anything."""
        return self._of(symbol, exchange).get(day)

    def _of(self, symbol: str, exchange: str) -> dict[int, ExDay]:
        key = (symbol, exchange)
        found = self._days.get(key)
        if found is None:
            by_day: dict[int, list[Action]] = {}
            for action in self._by_symbol.get(symbol, ()):
                if action.exchange in ("", exchange):
                    by_day.setdefault(action.ex_day, []).append(action)
            found = {day: ExDay(day, by_day[day]) for day in sorted(by_day)}
            self._days[key] = found
        return found


def action_book(own: Iterable[Action] = ()) -> ActionBook:
    """The shipped actions and the user's own. For a share that the user names, his count alone."""
    own = tuple(own)
    named = {action.symbol for action in own}
    return ActionBook((*(a for a in shipped_actions() if a.symbol not in named), *own))


@cache
def shipped_actions() -> tuple[Action, ...]:
    """The well-known actions of the table, valid on every exchange."""
    return tuple(
        _shipped(symbol, kind, row)
        for symbol, kinds in table("corporate_actions")["known"].items()
        for kind in kinds
        for row in rows("corporate_actions", "known", symbol, kind)
    )


def _shipped(symbol: str, kind: ActionKind, row: Row) -> Action:
    new, held = row["ratio"].split(":")
    cash, parent_share = row.get("cash"), row.get("parent_share")
    return Action(
        symbol=symbol,
        exchange="",
        ex_day=row.since,
        kind=kind,
        new=int(new),
        held=int(held),
        cash=None if cash is None else to_units(float(cash)),
        child=row.get("child", ""),
        parent_share=None if parent_share is None else Fraction(parent_share),
        row=row,
    )


def _spread(lots: list[Lot], quantity: int, cost: int) -> list[Lot]:
    """`quantity` shares at `cost` in the proportions and with the days of `lots`; both add up."""
    held, paid = sum(lot.quantity for lot in lots), sum(lot.cost for lot in lots)
    spread: list[Lot] = []
    old = spent = given = charged = 0
    for lot in lots:
        old, spent = old + lot.quantity, spent + lot.cost
        share = quantity * old // held - given
        if not share:
            continue
        price = (cost * spent // paid if paid else 0) - charged
        spread.append(Lot(share, price, lot.bought, lot.settles))
        given, charged = given + share, charged + price
    if spread:
        spread[-1].cost += cost - charged
    return spread


def _on_grid(price: float, tick: float) -> float:
    return round(round(price / tick) * tick, 4)
