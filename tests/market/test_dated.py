"""Which row of a dated table is in force, and how sure it is."""

from __future__ import annotations

import pickle
import subprocess
import sys
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeback.market.dated import Rows, all_tables
from tapeback.utils.clock import day_of

FIRST, SECOND = day_of(date(2021, 9, 1)), day_of(date(2024, 10, 1))
RULE = Rows(
    "made.up",
    [
        {"from": date(2021, 9, 1), "confidence": "high", "source": "a circular", "rate": 1},
        {"from": date(2024, 10, 1), "confidence": "medium", "source": "a page", "rate": 2},
    ],
)


@pytest.mark.parametrize(
    ("day", "rate", "confidence"),
    [
        (FIRST - 1, 1, "low"),
        (FIRST, 1, "high"),
        (SECOND - 1, 1, "high"),
        (SECOND, 2, "medium"),
    ],
)
def test_a_row_holds_until_the_next_and_the_first_with_less_confidence_before(
    day: int, rate: int, confidence: str
) -> None:
    row = RULE.in_force(day)
    assert (row["rate"], row.confidence) == (rate, confidence)


def test_a_presumed_row_says_why() -> None:
    assert RULE.in_force(FIRST - 1).source == "a circular; stands for the time before it"
    doubtful = RULE.in_force(SECOND, "another exchange's")
    assert (doubtful.confidence, doubtful.source) == ("low", "a page; another exchange's")


@given(day=st.integers(0, 40_000))
def test_what_is_in_force_is_what_holds_on_the_day_where_anything_does(day: int) -> None:
    assert RULE.on(day) in (None, RULE.in_force(day))
    assert RULE.in_force(day).rule == "made.up"


def test_a_process_that_was_given_the_tables_reads_none() -> None:
    """What `all_tables` gives is what the files say, dates among it, in another process too."""
    given = pickle.dumps(all_tables())
    asked = (
        "import pickle, sys; from tapeback.market import dated\n"
        "def refuse(*_): raise AssertionError('a table was read')\n"
        "dated.take_tables(pickle.loads(sys.stdin.buffer.read()))\n"
        "dated.YAML = refuse\n"
        "sys.stdout.buffer.write(pickle.dumps(dated.all_tables()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", asked], input=given, capture_output=True, check=True
    )
    assert pickle.loads(done.stdout) == all_tables()
