"""Every example of README and docs runs, in the order of its page, and prints what is shown.

What the words after a fence mean:

- `python`: runs; the blocks of a page share their names. A `text output` block behind it shows
  what it prints, with `…` for whatever.
- `python NAME.py`: a file of the reader's folder, which later blocks use.
- `python signature`: the shape of a call. `python no-run: REASON`: an example that is not run.
- `console`: commands after `$ `, which have to exist with their options. `console run` runs them
  too, `exit=N` being the code that they end with.
- `yaml NAME.yaml`: a file like `python NAME.py`.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import click
import pytest

from scripts.generate_docs import commands
from tapeback.cli import main as command_line
from tests.conftest import REPO
from tests.docs.pages import PAGES, Block, blocks_of, name_of

_PROGRESS = re.compile(r"^\d+ % \(.*bars\)\n", re.M)
_FOREIGN = ("cd", "git", "pip", "uv", ".")
CHORES = (REPO / "Makefile").read_text("utf-8").partition(".PHONY:")[2].split("\n")[0].split()
WITH_EXAMPLES = [page for page in PAGES if blocks_of(page)]


def alike(shown: str, printed: str) -> bool:
    """Whether an output is as shown, `…` standing for anything."""
    pattern = re.escape(_even(shown)).replace("…", r"[\s\S]*?")
    return re.fullmatch(pattern, _even(printed)) is not None


def _even(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def commands_in(block: Block) -> Iterator[tuple[str, str]]:
    """The commands of a console block, each with the output that is shown for it."""
    for part in re.split(r"^\$ ", block.text, flags=re.M)[1:]:
        command, _, shown = part.replace("\\\n", "").partition("\n")
        yield re.sub(r" +", " ", command.partition(" # ")[0].strip()), shown


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=name_of)
def test_the_examples_of_a_page_run(page: Path, desk: Path) -> None:
    names: dict[str, Any] = {"__name__": "example"}
    blocks = blocks_of(page)
    for at, block in enumerate(blocks):
        follower = blocks[at + 1] if at + 1 < len(blocks) else None
        match block.words:
            case ("python",):
                printed = _run_python(block, names)
                if follower is not None and follower.words == ("text", "output"):
                    assert alike(follower.text, printed), f"{follower}\n{printed}"
            case ("python" | "yaml", name) if "." in name:
                file = desk / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(block.text, encoding="utf-8")
            case ("console", "run", *rest):
                code = int(rest[0].removeprefix("exit=")) if rest else 0
                for command, shown in commands_in(block):
                    printed = _run_command(command, code, desk)
                    assert not shown or alike(shown, printed), f"{block}: {command}\n{printed}"


def _run_python(block: Block, names: dict[str, Any]) -> str:
    stdout = io.StringIO()
    code = compile("\n" * (block.line + 1) + block.text, name_of(block.page), "exec")
    with redirect_stdout(stdout):
        exec(code, names)
    return stdout.getvalue()


def _run_command(command: str, code: int, desk: Path) -> str:
    """What a command prints: its result, or where it fails its message."""
    program, *arguments = shlex.split(command)
    assert program == "tapeback", f"{command} cannot be run by a test"
    process = subprocess.run(
        [sys.executable, "-m", "tapeback", *arguments],
        cwd=desk,
        env={**os.environ, "PYTHONUTF8": "1"},
        check=False,
        capture_output=True,
        encoding="utf-8",
    )
    assert process.returncode == code, f"{command}: {process.returncode}\n{process.stderr}"
    printed = process.stderr if code else process.stdout
    return _PROGRESS.sub("", printed).replace(os.sep, "/")


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=name_of)
def test_every_block_says_what_it_is(page: Path) -> None:
    for block in blocks_of(page):
        known = block.language in ("text", "console", "python", "yaml", "json", "csv", "ini")
        assert known, f"{block}: {block.words}"
        if block.language == "python" and len(block.words) > 1:
            word = block.words[1]
            explained = word == "signature" or (word == "no-run:" and len(block.words) > 2)
            assert explained or word.endswith(".py"), f"{block}: {block.words}"


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=name_of)
def test_every_command_that_is_shown_exists(page: Path) -> None:
    for block in blocks_of(page):
        if block.language != "console":
            continue
        found = list(commands_in(block))
        assert found, f"{block}: no line begins with '$ '"
        for command, _ in found:
            _check(shlex.split(command), block)


def _check(words: list[str], block: Block) -> None:
    """A command of ours exists and takes these options; others are well-known programs."""
    if ">" in words:
        words = words[: words.index(">")]
    program, *arguments = words
    if program == "tapeback":
        _parse(arguments)
    elif program == "make":
        assert arguments[0] in CHORES, f"{block}: {words}"
    elif program == "python" and arguments[0] == "dev.py":
        assert arguments[1] in CHORES, f"{block}: {words}"
    elif program == "python" and arguments[0].endswith(".py"):
        assert (REPO / arguments[0]).is_file(), f"{block}: {words}"
    else:
        assert program in _FOREIGN, f"{block}: {words}"


def _parse(arguments: list[str]) -> None:
    """Let click read a command line without running it."""
    known = dict(commands())
    name = "tapeback"
    rest = list(arguments)
    while rest and f"{name} {rest[0]}" in known:
        name = f"{name} {rest.pop(0)}"
    if rest and rest[0] in ("--help", "--version"):
        return
    command = known[name]
    assert not isinstance(command, click.Group), f"{name} needs a command"
    command.make_context(name, rest, **command_line.context_settings)
