"""The ways of keeping bars that are compared keep the same bars."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.generate import walk
from benchmarks.storage import WAYS, Figures, digest, installed, table, timed_read


@pytest.mark.parametrize("name", WAYS)
def test_each_way_gives_back_what_was_stored(name: str, tmp_path: Path) -> None:
    way = WAYS[name]
    if not installed(way):
        pytest.skip(f"the extra `data`, with what {name} needs, is not installed")
    columns = [*walk(2_000, 7), np.full(2_000, np.nan)]
    way.write(tmp_path, columns)
    taken, worked, found = timed_read(way, tmp_path)
    assert found == digest(columns)
    assert taken > 0
    assert worked >= 0


def test_the_table_shows_each_way_and_what_went_wrong() -> None:
    good = Figures("A", 1_000_000, 500.0, 40.0, 38.0, 12.6, True)
    bad = good._replace(way="B", same=False)
    lines = table([good, bad])
    assert lines[2].split() == ["A", "2.00", "40.0", "38.0", "12.6"]
    assert lines[3].endswith("other bars came back")
