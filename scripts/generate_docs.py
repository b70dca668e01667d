#!/usr/bin/env python3
"""Writes the parts of README.md and docs/ that follow from the program itself.

Between `<!-- generated: NAME -->` and `<!-- end: NAME -->` stands what the function of that name
makes. Without arguments all pages are brought up to date; `--check` only tells which are not.
"""

from __future__ import annotations

import argparse
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
import click
import msgspec
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from ruamel.yaml import YAML

import tapeback
from tapeback.broker.client import MockOpenAlgoClient
from tapeback.cli import main as command_line
from tapeback.market.brokers import BROKERS, BrokerProfile, broker_of
from tapeback.market.dated import table as market_table
from tapeback.metrics.registry import DEFINITIONS
from tapeback.models.config import AppConfig
from tapeback.report import export

REPO = Path(__file__).resolve().parent.parent
MEANINGS = Path(__file__).with_name("setting_meanings.yaml")
_BLOCK = re.compile(r"(<!-- generated: (?P<name>[\w-]+) -->\n).*?(<!-- end: (?P=name) -->)", re.S)
_WIDTH = 88
LATEST = 1 << 20
# What a reader of the first page can do without.
_LEFT_OUT = "Saved: runs/first/result.json"


def main(arguments: list[str] | None = None) -> int:
    """Bring all pages up to date; with `--check` 1 when one is not."""
    parser = argparse.ArgumentParser(prog="generate_docs.py", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if a page is old")
    check = parser.parse_args(arguments).check
    old = [path for path in pages() if path.read_text("utf-8") != up_to_date(path)]
    for path in old:
        print(f"{'out of date' if check else 'wrote'}: {path.relative_to(REPO).as_posix()}")
        if not check:
            path.write_text(up_to_date(path), "utf-8", newline="\n")
    return 1 if check and old else 0


def pages() -> list[Path]:
    """README.md and every page of docs/ with a generated part."""
    found = [REPO / "README.md", *sorted((REPO / "docs").rglob("*.md"))]
    return [path for path in found if _BLOCK.search(path.read_text("utf-8"))]


def up_to_date(path: Path) -> str:
    """The page as it should be."""

    def fill(block: re.Match[str]) -> str:
        return f"{block[1]}\n{BLOCKS[block['name']]()}\n\n{block[3]}"

    return _BLOCK.sub(fill, path.read_text("utf-8"))


def table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |" for row in lines
    )


# The first run -----------------------------------------------------------------------------


@cache
def first_run() -> str:
    """What `make run` prints, without the progress and the ratios at its end."""
    with TemporaryDirectory() as folder:
        _tapeback(folder, "init")
        printed = _tapeback(
            folder, "run", "grid", "--data", "synthetic", "-o", str(Path("runs", "first"))
        )
    head, _, _ = printed.replace(os.sep, "/").partition("\nTotal Return")
    return f"```text\n{head.rstrip()}\n…\n{_LEFT_OUT}\n…\n```"


def _tapeback(folder: str, *arguments: str) -> str:
    environment = {k: v for k, v in os.environ.items() if k != "WEB_STRATEGY"}
    environment |= {"PYTHONUTF8": "1"}
    return subprocess.run(
        [sys.executable, "-m", "tapeback", *arguments],
        cwd=folder,
        env=environment,
        check=True,
        capture_output=True,
        encoding="utf-8",
    ).stdout


# The command line --------------------------------------------------------------------------


def commands(
    group: click.Group = command_line, above: str = "tapeback"
) -> Iterator[tuple[str, click.Command]]:
    """Every command by its full name, groups before what is in them."""
    yield above, group
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, f"{above} {name}")
        elif command is not None:
            yield f"{above} {name}", command


def cli() -> str:
    """The help of every command."""
    parts = []
    for name, command in commands():
        context = click.Context(
            command,
            info_name=name,
            max_content_width=_WIDTH,
            terminal_width=_WIDTH,
            **command_line.context_settings,
        )
        parts.append(f"### `{name}`\n\n```text\n{command.get_help(context).rstrip()}\n```")
    return "\n\n".join(parts)


# The settings ------------------------------------------------------------------------------


def settings() -> Iterator[tuple[str, FieldInfo]]:
    """Every setting by its path, such as `data.synthetic.regime`."""
    yield from _fields(AppConfig, "")


def _fields(model: type[BaseModel], above: str) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _fields(kind, f"{above}{name}.")
        else:
            yield f"{above}{name}", field


def setting_meanings() -> dict[str, str]:
    """What each setting means, by its path."""
    meanings: dict[str, str] = YAML(typ="safe").load(MEANINGS.read_text("utf-8"))
    return meanings


def setting_tables() -> str:
    """A table of keys for each section."""
    meanings = setting_meanings()
    sections: dict[str, list[tuple[str, ...]]] = {}
    for path, field in settings():
        section = path.rpartition(".")[0]
        row = (f"`{path}`", _values_of(field), _default_of(field), meanings[path])
        sections.setdefault(section, []).append(row)
    head = ("key", "values", "default", "meaning")
    return "\n\n".join(
        f"### {section or 'broker and costs'}\n\n{table(head, iter(rows))}"
        for section, rows in sections.items()
    )


def _values_of(field: FieldInfo) -> str:
    limits = ", ".join(filter(None, map(_limit, field.metadata)))
    words = _words(field.annotation)
    return f"{words}, {limits}" if limits else words


def _limit(limit: Any) -> str:
    match limit:
        case annotated_types.Gt(gt=bound):
            return f"above {bound:,}"
        case annotated_types.Ge(ge=bound):
            return f"{bound:,} or more"
        case annotated_types.Lt(lt=bound):
            return f"below {bound:,}"
        case annotated_types.Le(le=bound):
            return f"{bound:,} at most"
    return ""


_PLAIN = {
    bool: "`true` or `false`",
    int: "whole number",
    float: "number",
    str: "text",
    SecretStr: "text, kept secret",
    date: "date",
    NoneType: "empty",
}


def _words(kind: Any) -> str:
    origin, inside = get_origin(kind), get_args(kind)
    if origin is Literal:
        return ", ".join(f"`{choice}`" for choice in inside)
    if origin is Annotated:
        return _words(inside[0])
    if origin in (Union, UnionType):
        return " or ".join(map(_words, inside))
    if origin is list:
        return "list"
    return "mapping" if origin is dict else _PLAIN[kind]


def _default_of(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if value is None or value == "":
        return "empty"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value:g}`" if isinstance(value, float) and value < 1e5 else f"`{value}`"


# The result --------------------------------------------------------------------------------


def metrics() -> str:
    """What each figure means."""
    return table(
        ("key", "name", "unit", "meaning", "formula"),
        ((f"`{key}`", *definition) for key, definition in DEFINITIONS.items()),
    )


def columns() -> str:
    """The columns of the CSV files."""
    files = {
        "trades.csv": export.TRADE_COLUMNS,
        "orders.csv": export.ORDER_COLUMNS,
        "fills.csv": export.FILL_COLUMNS,
        "equity.csv": export.EQUITY_COLUMNS,
        "daily.csv": export.DAILY_COLUMNS,
        "postings.csv": export.POSTING_COLUMNS,
        "tax.csv": export.TAX_COLUMNS,
    }
    return table(
        ("file", "columns, in order"),
        (
            (f"`{name}`", ", ".join(f"`{column}`" for column in order))
            for name, order in files.items()
        ),
    )


# The market's rules ------------------------------------------------------------------------


def brokers() -> str:
    """What the profiles of brokers say as of late."""
    head = (
        "`broker`", "shares", "F&O", "currency", "commodity", "penalty",
        "SL-M where the exchange bars it", "MARKET in stock options", "premium of options sold",
        "taken over from",
    )  # fmt: skip
    return table(head, (tuple(_profile(broker_of(name))) for name in BROKERS))


def _profile(profile: BrokerProfile) -> Iterator[str]:
    def latest(*path: str) -> dict[str, Any]:
        row = profile.row(LATEST, *path)
        return {} if row is None else row.values

    yield f"`{profile.name}`"
    for segment in ("equity", "derivative", "currency", "commodity"):
        yield _square_off(latest("square_off", segment))
    penalty = latest("square_off_penalty")
    yield f"₹{float(penalty['rupees']) * (1 + float(penalty['gst']) / 100):g}"
    for rule in ("stop_market", "stock_option_market"):
        yield {"protect": "sent as SL", "refuse": "refused"}.get(
            latest(rule)["treatment"], "accepted"
        )
    yield "counts" if latest("premium_credit")["credited"] else "does not count"
    owners: dict[str, list[str]] = {}
    for borrowed in profile.borrowed:
        name, _, owner = borrowed.partition(": as ")
        owners.setdefault(owner, []).append(f"`{name}`")
    yield "; ".join(f"{owner}: {', '.join(names)}" for owner, names in owners.items())


def _square_off(rule: dict[str, Any]) -> str:
    if "at" in rule:
        return str(rule["at"])
    text = f"{rule['before_close']} min before the close"
    late = rule.get("before_late_close")
    return f"{text}, {late} where that is after 23:30" if late else text


def doubtful() -> str:
    """The rows of low confidence in all tables."""
    folder = REPO / "src" / "tapeback" / "market" / "tables"
    found: dict[tuple[str, date, str], list[tuple[str, ...]]] = {}
    for file in sorted(folder.glob("*.yaml")):
        for path, since, source in _low(market_table(file.stem), ()):
            found.setdefault((file.stem, since, source), []).append(path)
    return table(
        ("rule", "from", "source"),
        (
            (f"`{name}.{_together(paths)}`", f"{since}", source)
            for (name, since, source), paths in found.items()
        ),
    )


def _low(node: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], date, str]]:
    if isinstance(node, dict):
        if node.get("confidence") == "low":
            yield path, node["from"], node["source"]
        for key, inside in node.items():
            yield from _low(inside, (*path, str(key)))
    elif isinstance(node, list):
        for inside in node:
            yield from _low(inside, path)


def _together(paths: list[tuple[str, ...]]) -> str:
    """Paths of one rule as one: `stamp.{EQ_FUT, EQ_OPT}`."""
    columns = [tuple(dict.fromkeys(column)) for column in zip(*paths, strict=True)]
    return ".".join(c[0] if len(c) == 1 else f"{{{', '.join(c)}}}" for c in columns)


# Python ------------------------------------------------------------------------------------


def client_methods() -> Iterator[tuple[str, Any]]:
    """The calls of the simulated client by family, in the order of their source."""
    for family in MockOpenAlgoClient.__mro__[1:]:
        for name, method in vars(family).items():
            if inspect.isfunction(method) and not name.startswith("_"):
                yield name, method


def client() -> str:
    """A line for each call that a bot can make."""
    return table(
        ("call", "what it does"),
        ((f"`{name}`", _first_paragraph(method)) for name, method in client_methods()),
    )


def _first_paragraph(thing: Any) -> str:
    return " ".join((inspect.getdoc(thing) or "").partition("\n\n")[0].split())


def api() -> str:
    """Every public name with its signature and docstring."""
    parts = []
    for name in tapeback.__all__:
        thing = getattr(tapeback, name)
        if isinstance(thing, str):
            parts.append(f"### `{name}`\n\nThe version of the package, as text.")
        elif isinstance(thing, type):
            parts.append("\n\n".join(_class(name, thing)))
        else:
            parts.append(f"### `{name}`\n\n{_code(name, thing)}\n\n{inspect.getdoc(thing)}")
    return "\n\n".join(parts)


def _class(name: str, kind: type[Any]) -> Iterator[str]:
    yield f"### `{name}`"
    yield inspect.getdoc(kind) or ""
    if issubclass(kind, BaseModel | BaseException):
        return
    fields = _field_names(kind)
    if fields:
        yield "Attributes: " + ", ".join(f"`{field}`" for field in fields) + "."
    for attribute, member in vars(kind).items():
        if attribute.startswith("_") or attribute in fields:
            continue
        if isinstance(member, classmethod | staticmethod):
            member = member.__func__
        read = getattr(member, "fget", None) or getattr(member, "func", None)
        doc = inspect.getdoc(read or member)
        if read is not None:
            yield f"**`{attribute}`** {doc or ''}".rstrip()
        elif inspect.isfunction(member):
            yield "\n\n".join(filter(None, (_code(attribute, member), doc)))


def _field_names(kind: type[Any]) -> tuple[str, ...]:
    if issubclass(kind, msgspec.Struct):
        return kind.__struct_fields__
    fields = getattr(kind, "__dataclass_fields__", {}).values()
    return tuple(field.name for field in fields if not field.type.startswith("Callable"))


def _code(name: str, function: Any) -> str:
    """The signature as code, a parameter a line where it is long."""
    signature = inspect.signature(function)
    written = []
    starred = False
    for parameter in signature.parameters.values():
        if parameter.name in ("self", "cls"):
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            written.append("*")
        starred = starred or parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_POSITIONAL)
        written.append(_parameter(parameter))
    back = signature.return_annotation
    end = ")" if back is signature.empty else f") -> {back}"
    line = f"{name}({', '.join(written)}{end}"
    if len(line) > _WIDTH:
        line = f"{name}(\n" + "".join(f"    {part},\n" for part in written) + end
    return f"```python signature\n{line}\n```"


def _parameter(parameter: inspect.Parameter) -> str:
    text = parameter.name
    if parameter.kind is parameter.VAR_POSITIONAL:
        text = f"*{text}"
    elif parameter.kind is parameter.VAR_KEYWORD:
        text = f"**{text}"
    if parameter.annotation is not parameter.empty:
        text += f": {parameter.annotation}"
    if parameter.default is not parameter.empty:
        text += f" = {parameter.default!r}"
    return text


BLOCKS: dict[str, Callable[[], str]] = {
    "first-run": first_run,
    "cli": cli,
    "settings": setting_tables,
    "metrics": metrics,
    "columns": columns,
    "brokers": brokers,
    "doubtful": doubtful,
    "client": client,
    "api": api,
}

if __name__ == "__main__":
    sys.exit(main())
