"""A bot's source as a tree, and what its names and expressions stand for."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

# What clients are called where they come as a parameter.
_CLIENT_NAMES = ("client", "openalgo_client", "algo", "oa")
_MOST_VALUES = 64


class SdkCall(NamedTuple):
    """A call of a method of the SDK's client."""

    method: str
    node: ast.Call

    def argument(self, *names: str) -> ast.expr | None:
        """The value of the first of some keywords that is given."""
        given = {keyword.arg: keyword.value for keyword in self.node.keywords}
        return next((given[name] for name in names if name in given), None)


class Source:
    """`text` as a tree. Raises SyntaxError as Python does.

    Names are looked up in the whole file, not by scope: a bot's constants are few, and this is
    advice.
    """

    def __init__(self, text: str, file: str = "<bot>") -> None:
        self.text = text
        self.tree = ast.parse(text, file)
        self.nodes = list(ast.walk(self.tree))
        self._bound: dict[str, list[ast.expr]] = {}
        for name, value in self._bindings():
            self._bound.setdefault(name, []).append(value)

    @cached_property
    def clients(self) -> frozenset[str]:
        """The names under which the file holds the SDK's client: `client` of `self.client`."""
        classes = {"api"}
        for node in self.nodes:
            if isinstance(node, ast.ImportFrom) and node.module == "openalgo":
                classes |= {one.asname for one in node.names if one.name == "api" and one.asname}
        found = {
            name
            for name, values in self._bound.items()
            for value in values
            if isinstance(value, ast.Call) and last_name(value.func) in classes
        }
        parameters = {node.arg for node in self.nodes if isinstance(node, ast.arg)}
        named = parameters & set(_CLIENT_NAMES) if self.imported("openalgo") else set()
        return frozenset(found | named)

    @cached_property
    def calls(self) -> list[SdkCall]:
        """The calls of the SDK's client, in the order of their lines."""
        found = [
            SdkCall(node.func.attr, node)
            for node in self.nodes
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and last_name(node.func.value) in self.clients
        ]
        return sorted(found, key=lambda call: call.node.lineno)

    @cached_property
    def imports(self) -> list[tuple[str, int]]:
        """The modules that are imported, and where; the package itself for names out of it."""
        found = []
        for node in self.nodes:
            if isinstance(node, ast.Import):
                found += [(alias.name, node.lineno) for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.append((node.module, node.lineno))
        return sorted(found, key=lambda each: each[1])

    def imported(self, *packages: str) -> int | None:
        """The first line that imports one of some packages, or a part of it."""
        return next(
            (line for module, line in self.imports if module.split(".")[0] in packages), None
        )

    @cached_property
    def _full_names(self) -> dict[str, str]:
        """What the names of imports stand for: `pd` for `pandas`, `sleep` for `time.sleep`."""
        found = {}
        for node in self.nodes:
            if isinstance(node, ast.Import):
                for one in node.names:
                    first = one.name.split(".")[0]
                    found[one.asname or first] = one.name if one.asname else first
            elif isinstance(node, ast.ImportFrom) and node.module:
                found |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
        return found

    def full_name(self, node: ast.expr) -> str:
        """The dotted name of an expression, with what was imported written out."""
        first, dot, rest = dotted(node).partition(".")
        return f"{self._full_names.get(first, first)}{dot}{rest}"

    def calls_of(self, *names: str) -> Iterator[tuple[str, ast.Call]]:
        """Calls of functions by their full names, such as `time.sleep`."""
        for node in self.nodes:
            if isinstance(node, ast.Call) and (name := self.full_name(node.func)) in names:
                yield name, node

    def values(self, node: ast.expr | None, depth: int = 0) -> list[Any]:
        """What an expression can be, as far as constants tell: names, `os.getenv` with a default,
        loops over lists, sums and products. Empty where nothing is known."""
        if node is None or depth > 6:
            return []
        found: list[Any] = []
        match node:
            case ast.Constant(value=value):
                found = [value]
            case ast.Name() | ast.Attribute():
                found = [v for one in self.bound_to(node) for v in self.values(one, depth + 1)]
            case ast.IfExp(body=body, orelse=orelse):
                found = self.values(body, depth + 1) + self.values(orelse, depth + 1)
            case ast.BoolOp(values=parts):
                found = [value for part in parts for value in self.values(part, depth + 1)]
            case ast.Call(func=function, args=arguments):
                found = self._values_of_call(last_name(function), function, arguments, depth)
            case ast.BinOp(left=left, op=op, right=right):
                found = [
                    result
                    for a in self.values(left, depth + 1)
                    for b in self.values(right, depth + 1)
                    if (result := _combined(a, op, b)) is not None
                ]
            case _Each(of=of):
                found = self._elements(of, depth)
        return list(dict.fromkeys(v for v in found if _is_plain(v)))[:_MOST_VALUES]

    def bound_to(self, node: ast.expr) -> list[ast.expr]:
        """The expressions that a name or an attribute is given anywhere."""
        return self._bound.get(last_name(node), [])

    def _values_of_call(
        self, name: str, function: ast.expr, arguments: list[ast.expr], depth: int
    ) -> list[Any]:
        if name in ("getenv", "get") and len(arguments) > 1:
            return self.values(arguments[1], depth + 1)
        if name in ("int", "float", "str") and arguments:
            kind = {"int": int, "float": float, "str": str}[name]
            return [made for v in self.values(arguments[0], depth + 1) if (made := _made(kind, v))]
        if name in ("upper", "strip", "lower") and isinstance(function, ast.Attribute):
            texts = self.values(function.value, depth + 1)
            return [getattr(text, name)() for text in texts if isinstance(text, str)]
        return []

    def _elements(self, node: ast.expr, depth: int) -> list[Any]:
        """What a loop over an expression gives."""
        match node:
            case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
                return [value for part in parts for value in self.values(part, depth + 1)]
            case ast.Dict(keys=keys):
                return [value for key in keys for value in self.values(key, depth + 1)]
            case ast.Name() | ast.Attribute():
                return [
                    value
                    for bound in self.bound_to(node)
                    if depth < 6
                    for value in self._elements(bound, depth + 1)
                ]
        return []

    def _bindings(self) -> Iterator[tuple[str, ast.expr]]:
        for node in self.nodes:
            match node:
                case ast.Assign(targets=targets, value=value):
                    for target in targets:
                        yield from _bound(target, value)
                case ast.AnnAssign(target=target, value=ast.expr() as value):
                    yield from _bound(target, value)
                case ast.For(target=target, iter=of) | ast.comprehension(target=target, iter=of):
                    if isinstance(target, ast.Name):
                        yield target.id, _Each(of)
                case ast.FunctionDef(args=arguments) | ast.AsyncFunctionDef(args=arguments):
                    yield from _defaults(arguments)


class _Each(ast.expr):
    """Any element of an iterable."""

    _fields = ("of",)

    def __init__(self, of: ast.expr) -> None:
        super().__init__()
        self.of = of


def dotted(node: ast.expr) -> str:
    """`self.client.quotes` of such an expression; empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr}" if before else node.attr
    return ""


def last_name(node: ast.expr) -> str:
    """`client` of `self.client` or `client`; empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""


def _bound(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(target, ast.Tuple | ast.List) and isinstance(value, ast.Tuple | ast.List):
        for one, part in zip(target.elts, value.elts, strict=False):
            yield from _bound(one, part)
    elif isinstance(target, ast.Name | ast.Attribute):
        yield last_name(target), value


def _defaults(arguments: ast.arguments) -> Iterator[tuple[str, ast.expr]]:
    positional = [*arguments.posonlyargs, *arguments.args]
    for argument, default in zip(
        positional[len(positional) - len(arguments.defaults) :], arguments.defaults, strict=True
    ):
        yield argument.arg, default
    for argument, given in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if given is not None:
            yield argument.arg, given


def _combined(a: Any, op: ast.operator, b: Any) -> Any:
    try:
        match op:
            case ast.Mult():
                return a * b if isinstance(a, int | float) and isinstance(b, int | float) else None
            case ast.Add():
                return a + b
            case ast.Sub():
                return a - b
            case ast.FloorDiv():
                return a // b
    except (TypeError, ArithmeticError):
        return None
    return None


def _made(kind: type, value: Any) -> Any:
    try:
        return kind(value)
    except (TypeError, ValueError):
        return None


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)
