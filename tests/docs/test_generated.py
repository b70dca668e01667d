"""What the pages say of commands, settings, figures and calls is what the program has."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import generate_docs
from tests.docs.pages import name_of


@pytest.mark.parametrize("page", generate_docs.pages(), ids=name_of)
def test_the_generated_parts_are_up_to_date(page: Path) -> None:
    fresh = generate_docs.up_to_date(page)
    assert page.read_text("utf-8") == fresh, "run: python scripts/generate_docs.py"


def test_every_generated_part_stands_in_a_page() -> None:
    texts = [page.read_text("utf-8") for page in generate_docs.pages()]
    missing = [
        name
        for name in generate_docs.BLOCKS
        if not any(f"<!-- generated: {name} -->" in text for text in texts)
    ]
    assert missing == []


def test_every_setting_has_a_meaning_and_no_meaning_is_left_over() -> None:
    meanings = generate_docs.setting_meanings()
    assert set(meanings) == {path for path, _ in generate_docs.settings()}
    assert all(meanings.values())
