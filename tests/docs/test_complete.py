"""Nothing that a user can meet is left out of the docs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

import tapeback
from scripts.generate_docs import client_methods, commands
from tapeback import errors
from tapeback.cli import failures
from tapeback.core import corporate, expiring
from tapeback.market.brokers import BROKERS
from tapeback.market.charges import ROUNDINGS
from tapeback.market.costs.plans import PLANS
from tapeback.market.settling.corporate_actions import KINDS
from tapeback.metrics.charges import LINE_OF_POSTING
from tapeback.metrics.registry import DEFINITIONS
from tapeback.strategies import hooks
from tests.conftest import REPO
from tests.docs.pages import PAGES, name_of, text_of

DOCS = REPO / "docs"
_KEBAB = re.compile(r"[a-z]+(?:-[a-z0-9]+)+")
_NO_FINDINGS = {
    *("utf-8", "utf-8-sig", "contract-note", "late-start", "early-end", "next-week", "next-month"),
    *("kite-week", "kite-month", "cm-full", "no_data"),
}
_RULES = {
    *(f"T{n}" for n in range(1, 8)), "T3b",
    *(f"P{n}" for n in range(1, 10)), "P2b",
    *(f"S{n}" for n in range(1, 8)), "S2b",
    *(f"A{n}" for n in range(1, 4)),
}  # fmt: skip


def page(name: str) -> str:
    return text_of(DOCS / name)


def texts_in(folder: str) -> Iterator[str]:
    """Every text constant in the source of a package."""
    for file in (REPO / "src" / "tapeback" / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def finding_codes() -> set[str]:
    """What the source gives as the code of a finding: by that name, or as a word of its form."""
    codes = {
        text for folder in ("data", "market") for text in texts_in(folder) if _KEBAB.fullmatch(text)
    }
    for file in (REPO / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "code":
                value = node.value.value if isinstance(node.value, ast.Constant) else None
                codes |= {value} if isinstance(value, str) else set()
    return codes - _NO_FINDINGS


def test_every_finding_code_is_in_the_table_of_findings() -> None:
    section = page("data.md").split("\n## Findings\n")[1].split("\n## ")[0]
    assert finding_codes() == set(re.findall(r"^\| `([a-z0-9-]+)` \|", section, re.M))


def test_every_rule_of_the_fill_contract_has_a_heading() -> None:
    described = re.findall(r"^#+ ([TPSA]\d+b?)[ :]", page("how-an-order-is-filled.md"), re.M)
    assert set(described) == _RULES
    assert len(described) == len(_RULES)


def test_every_rule_that_a_fill_can_name_is_one_of_the_contract() -> None:
    named = {text for text in texts_in("core") if re.fullmatch(r"[TPSA]\d+b?", text)}
    assert named
    assert named <= _RULES


def test_every_booking_and_posting_is_described() -> None:
    text = page("how-an-order-is-filled.md")
    kinds = {*KINDS, *LINE_OF_POSTING, "S3 coarse", expiring.RULE, corporate.RULE}
    assert [kind for kind in sorted(kinds) if f"`{kind}`" not in text] == []


def test_every_broker_and_plan_is_described() -> None:
    text = page("market-rules.md")
    assert [name for name in (*BROKERS, *PLANS, *ROUNDINGS) if f"`{name}`" not in text] == []


def test_every_exit_code_is_explained() -> None:
    codes = {value for name, value in vars(errors).items() if name.startswith("EXIT_")}
    described = re.findall(r"^\| (\d+) \|", page("cli.md"), re.M)
    assert set(map(int, described)) == codes | {failures.EXIT_BUG}


@pytest.mark.parametrize("name", [name for name, _ in commands()])
def test_every_command_and_option_is_in_the_reference(name: str) -> None:
    section = page("cli.md").split(f"### `{name}`\n")[1].split("\n### ")[0]
    command = dict(commands())[name]
    options = [option for parameter in command.params for option in parameter.opts]
    assert [option for option in options if option.startswith("-") and option not in section] == []


def test_every_public_name_is_in_the_reference() -> None:
    assert re.findall(r"^### `(\w+)`", page("python-api.md"), re.M) == list(tapeback.__all__)


def test_every_figure_is_in_the_table() -> None:
    assert [key for key in DEFINITIONS if f"| `{key}` |" not in page("results.md")] == []


def test_every_call_of_the_client_is_in_the_table() -> None:
    text = page("bring-your-bot.md")
    assert [name for name, _ in client_methods() if f"| `{name}` |" not in text] == []


def test_every_ready_made_hook_is_named() -> None:
    text = page("bring-your-bot.md")
    ready = [
        name
        for kind in (hooks.StrategyHooks, hooks.BufferHooks, hooks.OrderHooks)
        for name in vars(kind)
        if not name.startswith("_")
    ]
    assert [name for name in ready if f".{name}`" not in text] == []


def test_every_decision_record_is_in_the_index() -> None:
    folder = DOCS / "architecture" / "adr"
    index = text_of(folder / "README.md")
    records = sorted(folder.glob("[0-9]*.md"))
    assert [int(record.name[:4]) for record in records] == list(range(1, len(records) + 1))
    assert [record.name for record in records if f"({record.name})" not in index] == []


def test_no_page_speaks_of_the_folder_of_test_data() -> None:
    assert [name_of(p) for p in PAGES if "../shared" in text_of(p)] == []
