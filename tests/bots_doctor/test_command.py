"""`tapeback doctor` as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tapeback.cli import main

_BOT = """\
from openalgo import api
client = api(api_key="k")
client.openpositions()
client.quotes(symbol="SBIN", exchange="NSE")
"""


@pytest.fixture
def bot(tmp_path: Path) -> Path:
    path = tmp_path / "my_bot.py"
    path.write_text(_BOT, encoding="utf-8")
    return path


def doctor(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["doctor", *map(str, arguments)])


def test_lines_that_an_editor_can_follow(bot: Path) -> None:
    result = doctor(bot)
    assert result.exit_code == 0
    first, remedy, *_, last = result.stdout.splitlines()
    assert first == (
        f"{bot}:3: error: The SDK has no openpositions() (did you mean 'openposition'?)."
    )
    assert remedy.startswith("    Use the SDK's own name")
    assert last == "1 error, 1 note"


def test_json(bot: Path) -> None:
    document = json.loads(doctor(bot, "--json", "--start", "2024-01-01").stdout)
    assert document["bot"] == str(bot)
    assert set(document["remarks"][0]) == {"code", "severity", "line", "message", "remedy"}
    assert "--start 2024-01-01 --end 2024-01-01" in document["remarks"][1]["remedy"]


def test_nothing_to_say(tmp_path: Path) -> None:
    (tmp_path / "empty.py").write_text("", encoding="utf-8")
    assert doctor(tmp_path / "empty.py").stdout == "nothing to remark\n"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("nobody.py",), 4, "nobody.py cannot be read"),
        (("x.py", "--start", "2024-02-01", "--end", "2024-01-01"), 2, "lies after"),
    ],
)
def test_mistakes(arguments: tuple[str, ...], code: int, words: str) -> None:
    result = doctor(*arguments)
    assert result.exit_code == code
    assert words in result.stderr
