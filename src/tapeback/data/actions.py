"""The user's own corporate actions, from a CSV file."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

from tapeback.data.user_tables import UserRow, UserTable, parse_day
from tapeback.errors import did_you_mean
from tapeback.market.settling.corporate_actions import KINDS, Action, ActionKind
from tapeback.models.instrument import CASH_EXCHANGES
from tapeback.utils.money import to_units

COLUMNS = ("symbol", "exchange", "ex_date", "kind", "ratio", "cash")
OPTIONAL = ("child", "parent_share")

_RATIO = re.compile(r"(\d{1,6}) ?: ?(\d{1,6})")
_DECIMAL = re.compile(r"\d+(?:\.\d{1,6})?")
_RATIO_MEANS = {
    "split": "shares after and before it, such as 5:1",
    "bonus": "bonus shares for shares held, such as 1:1",
    "rights": "rights for shares held, such as 1:15",
    "demerger": "shares of the child for shares held, such as 1:10",
}
_CASH_MEANS = {"dividend": "the dividend", "rights": "the price of a right"}


def read_actions(path: str | Path) -> tuple[Action, ...]:
    """The corporate actions in a CSV file with the columns `symbol, exchange, ex_date, kind,
    ratio, cash`, and `child, parent_share` if there are demergers.

    `exchange` is NSE, BSE or empty for both; `kind` split, bonus, dividend, rights or demerger;
    `ratio` new:held (a split's shares after:before); `cash` rupees a share: the dividend, the
    price of a right, what a demerger took off the parent. Raises DataNotFoundError, and
    DataFormatError with the row, column and reason of what cannot be used.
    """
    table = UserTable(Path(path).expanduser(), COLUMNS, OPTIONAL)
    actions: list[Action] = []
    stated: dict[tuple[str, int, str], list[tuple[int, str]]] = {}
    for row in table:
        action = _action(row)
        if not row.sound:
            continue
        alike = stated.setdefault((action.symbol, action.ex_day, action.kind), [])
        twin = next((line for line, exchange in alike if _overlap(exchange, action)), None)
        if twin is not None:
            row.fault("kind", f"of this date stands in row {twin} already")
        alike.append((row.line, action.exchange))
        actions.append(action)
    table.check()
    return tuple(actions)


def _action(row: UserRow) -> Action:
    """The action of a row; only of use while the row is sound."""
    kind: ActionKind = row.read("kind", _kind, KINDS[0])
    (new, held), cash = (1, 1), None
    if row.text("kind").lower() == kind:
        new, held = _ratio(row, kind)
        cash = _cash(row, kind)
        for column in OPTIONAL:
            if row.text(column) and kind != "demerger":
                row.fault(column, f"has no place in a {kind}, only in a demerger")
    parent_share = row.read("parent_share", _part, None)
    return Action(
        symbol=row.read("symbol", _symbol, ""),
        exchange=row.read("exchange", _exchange, ""),
        ex_day=row.read("ex_date", parse_day, 0),
        kind=kind,
        new=new,
        held=held,
        cash=cash,
        child=row.text("child").upper(),
        parent_share=parent_share,
    )


def _overlap(exchange: str, action: Action) -> bool:
    """Whether an action stated for `exchange` is stated again; a share may pay two dividends on
    one day."""
    if action.kind == "dividend":
        return False
    return exchange == action.exchange or "" in (exchange, action.exchange)


def _symbol(text: str) -> str:
    if not text:
        raise ValueError("names no share")
    return text.upper()


def _exchange(text: str) -> str:
    if text and text.upper() not in CASH_EXCHANGES:
        raise ValueError("is not NSE, BSE or empty")
    return text.upper()


def _kind(text: str) -> ActionKind:
    for kind in KINDS:
        if text.lower() == kind:
            return kind
    raise ValueError(f"is none of {', '.join(KINDS)}{did_you_mean(text.lower(), KINDS)}")


def _ratio(row: UserRow, kind: ActionKind) -> tuple[int, int]:
    text = row.text("ratio")
    if kind == "dividend":
        if text:
            row.fault("ratio", "has no place in a dividend")
        return 1, 1
    match = _RATIO.fullmatch(text)
    if match is None or not int(match[1]) or not int(match[2]):
        row.fault("ratio", f"is not two whole numbers, {_RATIO_MEANS[kind]}")
        return 1, 1
    if kind == "split" and int(match[1]) == int(match[2]):
        row.fault("ratio", f"splits nothing: {_RATIO_MEANS[kind]}")
    return int(match[1]), int(match[2])


def _cash(row: UserRow, kind: ActionKind) -> int | None:
    text = row.text("cash").replace(",", "")
    if kind in ("split", "bonus"):
        if text:
            row.fault("cash", f"has no place in a {kind}")
        return None
    if not text and kind == "demerger":
        return None
    if not _DECIMAL.fullmatch(text) or not float(text):
        means = _CASH_MEANS.get(kind, "what it took off the parent")
        row.fault("cash", f"is no amount above 0: {means}, in rupees a share")
        return None
    return to_units(float(text))


def _part(text: str) -> Fraction | None:
    if not text:
        return None
    if not _DECIMAL.fullmatch(text) or not 0 < Fraction(text) < 1:
        raise ValueError("is no part of 1, such as 0.9532")
    return Fraction(text)
