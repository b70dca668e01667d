"""Whether a bot reads from replies what they hold: `order_id` for `orderid`, `netqty`, a history
taken for a list.

A reply's shape is followed through assignments, keys and loops, in the order of the lines. What
cannot be followed is not remarked on.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from tapeback.bots.doctor.remarks import Remark, remark
from tapeback.bots.doctor.source import Source, dotted, last_name
from tapeback.errors import did_you_mean

# A dict is a reply's keys, a list of one its elements, FRAME a DataFrame; None can be anything.
Shape = Any
FRAME = "frame"
# Any reply may be an error; the first also hold in both fidelities.
_ALWAYS = ("status", "message", "mode", "code", "error_type", "raw_response")


def _of(names: str, **deeper: Shape) -> dict[str, Shape]:
    return {**dict.fromkeys(names.split()), **deeper}


_ORDER_ROW = _of(
    "action average_price exchange filled_quantity order_status orderid pending_quantity price "
    "pricetype price_type product quantity rejection_reason strategy symbol timestamp trigger_price"
)
_TRADE = _of(
    "action average_price exchange orderid price product quantity strategy symbol timestamp "
    "trade_value tradeid"
)
_POSITION = _of(
    "average_price exchange lot_size ltp pnl pnlpercent product quantity symbol "
    "today_realized_pnl total_pnl_today unrealized_pnl"
)
_HOLDING = _of(
    "symbol exchange product quantity average_price ltp pnl pnlpercent current_value "
    "settlement_date"
)
_QUOTE = _of("ask bid high low ltp oi open prev_close volume ask_size bid_size")
_LEVEL = [_of("price quantity orders")]
_DEPTH = _of(
    "open high low ltp ltq prev_close volume oi totalbuyqty totalsellqty", asks=_LEVEL, bids=_LEVEL
)
_SYMBOL = _of(
    "brexchange brsymbol exchange expiry freeze_qty id instrumenttype lotsize name strike symbol "
    "tick_size token"
)
_PLACED = _of("orderid")
_RESULT = _of(
    "status message mode symbol orderid exchange product batch_order is_last_order order_num "
    "quantity leg action offset option_type"
)
_SIDE = _of(
    "symbol label ltp bid ask bid_qty ask_qty open high low prev_close volume oi lotsize tick_size "
    "iv greeks delta gamma theta vega rho"
)
SHAPES: dict[str, Shape] = {
    "placeorder": _PLACED,
    "placesmartorder": _PLACED,
    "modifyorder": _PLACED,
    "cancelorder": _PLACED,
    "optionsorder": _of(
        "orderid exchange symbol offset option_type underlying underlying_ltp total_quantity "
        "split_size",
        results=[_RESULT],
    ),
    "optionsmultiorder": _of("underlying underlying_ltp", results=[_RESULT]),
    "basketorder": _of("", results=[_RESULT]),
    "splitorder": _of("split_size total_quantity", results=[_RESULT]),
    "cancelallorder": _of("canceled_orders failed_cancellations"),
    "closeposition": _of("closed_positions failed_closures"),
    "orderstatus": {"data": _ORDER_ROW},
    "orderbook": {"data": {"orders": [_ORDER_ROW], "statistics": None}},
    "tradebook": {"data": [_TRADE]},
    "positionbook": _of(
        "total_pnl total_pnl_today total_today_realized_pnl total_unrealized_pnl", data=[_POSITION]
    ),
    "holdings": {"data": {"holdings": [_HOLDING], "statistics": None}},
    "openposition": _of("quantity"),
    "funds": {
        "data": _of(
            "availablecash collateral m2munrealized m2mrealized utiliseddebits grossexposure "
            "totalpnl total_realized_pnl today_realized_pnl last_reset reset_count"
        )
    },
    "quotes": {"data": _QUOTE},
    "multiquotes": {"results": [_of("error exchange symbol", data=_QUOTE)]},
    "depth": {"data": _DEPTH},
    "symbol": {"data": _SYMBOL},
    "search": {"data": [_SYMBOL]},
    "expiry": {"data": [None]},
    "optionsymbol": _of("symbol exchange lotsize tick_size freeze_qty underlying_ltp"),
    "optionchain": _of(
        "underlying underlying_symbol underlying_exchange underlying_ltp underlying_prev_close "
        "expiry_date expiry_ts server_ts atm_strike quotes_included greeks_included forward_price",
        chain=[_of("strike", ce=_SIDE, pe=_SIDE)],
    ),
    "history": FRAME,
    "instruments": FRAME,
}
# Names from other APIs, for which OpenAlgo has another word.
_OTHER_WORDS = {
    "order_id": "orderid",
    "netqty": "quantity",
    "net_qty": "quantity",
    "net_quantity": "quantity",
    "last_price": "ltp",
    "lp": "ltp",
    "tradingsymbol": "symbol",
    "avg_price": "average_price",
    "averageprice": "average_price",
    "status": "order_status",
    "available_cash": "availablecash",
    "lot_size": "lotsize",
}


def examine_shapes(source: Source) -> Iterator[Remark]:
    """Wrong keys, wrong loops and histories taken for something else."""
    first = _Reader(source)
    first.visit(source.tree)
    second = _Reader(source, first)  # it knows what functions return
    second.visit(source.tree)
    yield from second.remarks


class _Reader(ast.NodeVisitor):
    """Goes through the statements in order and knows what each name holds by then."""

    def __init__(self, source: Source, before: _Reader | None = None) -> None:
        self._clients = source.clients
        self._functions = before.returned if before else {}
        self._names: dict[str, Shape] = {}
        # What each shape is of, by identity: each call has shapes of its own, which are kept.
        self.origins: dict[int, str] = before.origins if before else {}
        self.kept: list[Shape] = before.kept if before else []
        self._found: dict[tuple[str, int, str], Remark] = {}
        self.returned: dict[str, Shape] = {}
        self._function = ""

    @property
    def remarks(self) -> list[Remark]:
        return list(self._found.values())

    # --- statements

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        kept, outer = dict(self._names), self._function
        for argument in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]:
            self._names.pop(argument.arg, None)
        self._function = node.name
        for statement in node.body:
            self.visit(statement)
        attributes = {name: shape for name, shape in self._names.items() if "." in name}
        self._names, self._function = {**kept, **attributes}, outer

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Return(self, node: ast.Return) -> None:
        if node.value is not None and (shape := self._shape(node.value)) is not None:
            self.returned[self._function] = shape

    def visit_Assign(self, node: ast.Assign) -> None:
        shape = self._shape(node.value)
        for target in node.targets:
            self._bind(target, shape)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._bind(node.target, self._shape(node.value))

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        self._bind(node.target, self._element(node.iter))
        for statement in [*node.body, *node.orelse]:
            self.visit(statement)

    visit_AsyncFor = visit_For

    def generic_visit(self, node: ast.AST) -> None:
        if isinstance(node, ast.expr):
            self._shape(node)
        else:
            super().generic_visit(node)

    def _bind(self, target: ast.expr, shape: Shape) -> None:
        if isinstance(target, ast.Tuple | ast.List):
            for one in target.elts:
                self._bind(one, None)
        elif name := dotted(target):
            if shape is None:
                self._names.pop(name, None)
            else:
                self._names[name] = shape
        else:
            self._shape(target)

    # --- expressions

    def _shape(self, node: ast.expr) -> Shape:
        """What an expression holds; remarks on what is wrong inside of it."""
        match node:
            case ast.Name() | ast.Attribute():
                if isinstance(node, ast.Attribute):
                    self._shape(node.value)
                return self._names.get(dotted(node))
            case ast.Call():
                return self._shape_of_call(node)
            case ast.Subscript(value=value, slice=key):
                inner = self._shape(value)
                self._shape(key)
                return self._item(node, inner, key)
            case ast.BoolOp(values=parts):
                shapes = [self._shape(part) for part in parts]
                return next((shape for shape in shapes if shape is not None), None)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                self._shape(test)
                first, second = self._shape(body), self._shape(orelse)
                return second if first is None else first
            case ast.NamedExpr(target=target, value=value):
                shape = self._shape(value)
                self._bind(target, shape)
                return shape
            case ast.Await(value=value):
                return self._shape(value)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                return self._shape_of_comprehension(node)
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self._shape(child)
        return None

    def _shape_of_call(self, node: ast.Call) -> Shape:
        for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
            self._shape(argument)
        function = node.func
        if not isinstance(function, ast.Attribute):
            return self._functions.get(last_name(function))
        if last_name(function.value) in self._clients:
            return self._named(deepcopy(SHAPES.get(function.attr)), function.attr)
        held = self._shape(function.value)
        if function.attr == "get" and node.args:
            return self._item(node, held, node.args[0])
        if held is None and dotted(function.value) == "self":
            return self._functions.get(function.attr)
        return None

    def _shape_of_comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp
    ) -> Shape:
        kept = dict(self._names)
        for one in node.generators:
            self._bind(one.target, self._element(one.iter))
            for test in one.ifs:
                self._shape(test)
        if isinstance(node, ast.DictComp):
            self._shape(node.key)
            shape = self._shape(node.value)
        else:
            shape = self._shape(node.elt)
        self._names = kept
        return [shape] if shape is not None and isinstance(node, ast.ListComp) else None

    def _item(self, node: ast.expr, shape: Shape, key: ast.expr) -> Shape:
        """What stands under a key or at a place."""
        name = key.value if isinstance(key, ast.Constant) else None
        if shape == FRAME:
            number = isinstance(name, int) or isinstance(key, ast.UnaryOp)
            if number or name in ("data", "candles"):
                shown = ast.unparse(key)
                self._note("history_shape", node, f"history() is read by [{shown}].")
            return None
        if isinstance(shape, list):
            if isinstance(name, str):
                of = self.origins.get(id(shape), "the reply")
                self._note("wrong_key", node, f"{of} is a list of rows: it has no key {name!r}.")
                return None
            return None if isinstance(key, ast.Slice) else shape[0]
        if isinstance(shape, dict) and isinstance(name, str):
            if name in shape:
                return shape[name]
            if name not in _ALWAYS or not self._is_reply(shape):
                self._note_wrong_key(node, shape, name)
        return None

    def _element(self, node: ast.expr) -> Shape:
        """What a loop over an expression gives."""
        shape = self._shape(node)
        if isinstance(shape, list):
            return shape[0]
        of = self.origins.get(id(shape), "the reply")
        if shape == FRAME:
            self._note("history_shape", node, "A loop over history() gives its column names.")
        elif isinstance(shape, dict):
            inside = [name for name, held in shape.items() if isinstance(held, list)]
            shown = f"; its rows stand under {inside[0]!r}" if inside else ""
            self._note("rows_as_keys", node, f"A loop over {of} gives its keys{shown}.")
        return None

    # --- what is told

    def _named(self, shape: Shape, method: str) -> Shape:
        """Remember for messages what a shape is of."""
        self.kept.append(shape)
        waiting = [(shape, f"{method}()")]
        while waiting:
            held, name = waiting.pop()
            if isinstance(held, dict):
                self.origins[id(held)] = name
                waiting += [(inner, f"{name}[{key!r}]") for key, inner in held.items()]
            elif isinstance(held, list):
                self.origins[id(held)] = name
                waiting.append((held[0], f"a row of {name}"))
        return shape

    def _is_reply(self, shape: Shape) -> bool:
        return self.origins.get(id(shape), "").endswith("()")

    def _note_wrong_key(self, node: ast.expr, shape: dict[str, Shape], name: str) -> None:
        of = self.origins.get(id(shape), "the reply")
        right = _OTHER_WORDS.get(name)
        if right is None or right not in shape:
            near = did_you_mean(name, list(shape))
        else:
            near = f" (it is {right!r})"
        self._note("wrong_key", node, f"{of} has no key {name!r}{near}.")

    def _note(self, code: str, node: ast.expr, message: str) -> None:
        self._found.setdefault((code, node.lineno, message), remark(code, node.lineno, message))
