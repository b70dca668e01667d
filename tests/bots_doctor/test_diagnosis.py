"""What a run notices: counted by code and line, told with the user's own file."""

from __future__ import annotations

import ast
import re
from datetime import datetime
from pathlib import Path

import pytest

from tapeback.bots.doctor.diagnosis import Diagnosis
from tapeback.bots.doctor.remarks import CODES, remark
from tapeback.bots.ending import Notice
from tapeback.utils.clock import MINUTE_NS, to_ns

AT = to_ns(datetime(2024, 1, 2, 9, 20))


def test_the_same_at_the_same_line_counts(tmp_path: Path) -> None:
    diagnosis = Diagnosis(tmp_path)
    script = tmp_path / "bot.py"

    def ask(minute: int) -> None:
        import sys

        diagnosis.note("error_reply", f"refused {minute}", AT + minute * MINUTE_NS,
                       frame=sys._getframe())  # fmt: skip

    source = "def go():\n    for i in range(3):\n        ask(i)\ngo()\nask(9)\n"
    exec(compile(source, str(script), "exec"), {"ask": ask})
    first, second = diagnosis.entries(lambda file: file.replace(str(script.parent), "mine"))
    assert first.to_dict() == {
        "code": "error_reply",
        "count": 3,
        "first_time": "2024-01-02T09:20:00+05:30",
        "file": str(Path("mine", "bot.py")),
        "line": 3,
        "message": "refused 0",
        "remedy": CODES["error_reply"].remedy,
    }
    assert (second.line, second.count) == (5, 1)


def test_what_has_no_line_of_the_bots_is_told_all_the_same(tmp_path: Path) -> None:
    diagnosis = Diagnosis(tmp_path)
    diagnosis.note("never_traded", "No order was filled.", AT, remedy="Wait.")
    (entry,) = diagnosis.entries()
    assert (entry.file, entry.line, entry.remedy) == (None, None, "Wait.")


def test_launches_notices_and_remarks_become_one(tmp_path: Path) -> None:
    file = str(tmp_path / "bot.py")
    diagnosis = Diagnosis(tmp_path)
    diagnosis.add_remarks(
        [remark("wrong_key", 7, "no 'order_id'"), remark("wrong_key", 9, "no 'netqty'"),
         remark("idiom", 1, "It polls.")],
        file,
    )  # fmt: skip
    diagnosis.add_notices([Notice("wrong_key", "no 'order_id'", AT + 5, file, 7, 2)])
    diagnosis.add_notices([Notice("wrong_key", "no 'order_id'", AT, file, 7, 3)])
    diagnosis.add_notices([Notice("bot_spins", "A loop that never waits.", AT - 1)])
    assert [(e.code, e.line, e.count, e.first_time) for e in diagnosis.entries()] == [
        ("wrong_key", 7, 5, AT),
        ("bot_spins", None, 1, AT - 1),
        ("wrong_key", 9, 0, None),
    ]


def test_every_code_that_the_bots_room_tells_is_in_the_catalogue() -> None:
    import tapeback.bots as room

    told = set()
    for path in Path(room.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            text = node.value if isinstance(node, ast.Constant) else None
            if isinstance(text, str) and re.fullmatch(r"bot_[a-z_]+|[a-z]+_refused", text):
                told.add(text)
    assert {"bot_stuck", "network_refused"} <= told
    assert told <= set(CODES)


def test_an_unknown_code_is_our_mistake(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        Diagnosis(tmp_path).note("no_such_code", "", AT)
