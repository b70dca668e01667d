"""Markdown pages taken apart: headings, links, fenced blocks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.conftest import REPO

_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$", re.M | re.S)
_HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.M)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
PAGES = tuple(
    sorted(
        [
            *(REPO / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")),
            *(REPO / "docs").rglob("*.md"),
        ]
    )
)


@dataclass(frozen=True)
class Block:
    """A fenced block: the words after its fence, its text, and the line that it begins at."""

    page: Path
    words: tuple[str, ...]
    text: str
    line: int

    @property
    def language(self) -> str:
        return self.words[0] if self.words else ""

    def __str__(self) -> str:
        return f"{name_of(self.page)}:{self.line}"


def name_of(page: Path) -> str:
    """A page's path in the repository."""
    return page.relative_to(REPO).as_posix()


@cache
def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


@cache
def blocks_of(page: Path) -> tuple[Block, ...]:
    """The fenced blocks of a page, in order."""
    text = text_of(page)
    return tuple(
        Block(page, tuple(found["info"].split()), found["text"], text.count("\n", 0, found.start()))
        for found in _FENCE.finditer(text)
    )


def anchors_of(page: Path) -> set[str]:
    """What a link to a heading of the page can name, as GitHub makes it."""
    prose = _FENCE.sub("", text_of(page))
    titles = (re.sub(r"[`*]", "", title).lower() for title in _HEADING.findall(prose))
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in titles}


def links_of(page: Path) -> list[str]:
    """Targets of the links of a page."""
    return _LINK.findall(_FENCE.sub("", text_of(page)))
