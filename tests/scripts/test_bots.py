"""Live bots run as they are: each idiom of their authors, in virtual time."""

from __future__ import annotations

from pathlib import Path

import pytest

from tapeback.bots.isolation.limits import Limits
from tests.scripts.conftest import Play, Played

# The poller trades as often as its averages cross; the others by their own clocks.
ENDS = {
    "polling_crossover": ("completed", 1),
    "feed_and_loop": ("completed", 1),
    "scheduled": ("completed", 1),
    "scheduled_simple": ("completed", 1),
    "one_shot": ("bot_exited", 3),
    "pool_and_queue": ("bot_exited", 3),
    "asynchronous": ("bot_exited", 3),
    "limit_ladder": ("bot_exited", 3),
    "raw_http": ("bot_exited", 3),
    "stubborn": ("completed", 1),
}


@pytest.mark.parametrize("bot", ENDS)
def test_a_bot_runs_to_its_end_unchanged(play: Play, bot: str) -> None:
    played = play(bot)
    status, launches = ENDS[bot]
    assert played.outcome.status == status, played.outcome.why
    assert len(played.outcome.launches) == launches
    assert played.document["manifest"]["strategy"] == f"{bot}.py"


def test_a_poller_s_orders_are_filled_half_a_second_later(play: Play) -> None:
    played = play("polling_crossover", end="2024-01-08")
    decided = [line[:19] for line in played.said if "orderid" in line]
    filled = [order["filled_at"] for order in played.document["orders"]]
    assert len(decided) >= 2
    assert [stamp[:22].replace("T", " ") for stamp in filled] == [f"{one}.50" for one in decided]


def test_positions_left_by_a_script_are_the_broker_s_to_close(play: Play, tmp_path: Path) -> None:
    """A script buys in MIS at 10:00 and ends; the broker squares off that day."""
    bot = tmp_path / "leaves.py"
    bot.write_text(
        "import time\n"
        "from datetime import datetime\n"
        "from openalgo import api\n"
        "while datetime.now().hour < 10:\n    time.sleep(30)\n"
        "print(api(api_key='x').placeorder(symbol='RELIANCE', exchange='NSE', action='BUY', "
        "quantity=5, product='MIS')['status'])\n"
    )
    played = play(bot, end="2024-01-09")
    buys = [order for order in played.document["orders"] if order["action"] == "BUY"]
    sells = [order for order in played.document["orders"] if order["action"] == "SELL"]
    assert [order["filled_at"][:10] for order in buys] == ["2024-01-08", "2024-01-09"]
    assert [order["filled_at"][11:16] for order in sells] == ["15:20", "15:20"]


def test_state_files_stay_from_launch_to_launch(play: Play) -> None:
    played = play("pool_and_queue")
    assert played.said[-1].endswith("days ['2024-01-08', '2024-01-09', '2024-01-10']")
    assert played.said[0].startswith("45 quotes")


def test_the_bot_s_files_are_kept_where_asked(play: Play) -> None:
    kept = play("pool_and_queue", end="2024-01-08", keep_files=True).outcome.folder / "files"
    assert (kept / "state.json").read_text() == '{"days": ["2024-01-08"]}'
    assert not (play("pool_and_queue", end="2024-01-08").outcome.folder / "files").exists()


@pytest.mark.parametrize(
    ("line", "limits"),
    [
        ("hoard = []\nwhile True: hoard.append(bytearray(1 << 24)); time.sleep(1)", "memory"),
        ("while True: sum(range(100_000)); time.sleep(0.001)", "cpu"),
    ],
)
def test_a_bot_that_uses_too_much_is_stopped_with_its_result(
    play: Play, tmp_path: Path, line: str, limits: str
) -> None:
    bot = tmp_path / "greedy.py"
    bot.write_text(f"import time\n{line}\n")
    allowed = {"memory": Limits(memory_mb=900), "cpu": Limits(cpu_seconds=5)}[limits]
    played = play(bot, limits=allowed, end="2024-01-19")
    assert played.outcome.status == "limit", played.outcome
    assert played.document["status"] in ("cancelled", "failed")


def test_the_account_is_the_same_for_every_launch(play: Play, tmp_path: Path) -> None:
    """A CNC purchase of the first day is a holding that the second day's launch sees."""
    bot = tmp_path / "holder.py"
    bot.write_text(
        "import time\n"
        "from openalgo import api\n"
        "client = api(api_key='x')\n"
        "held = client.openposition(symbol='RELIANCE', exchange='NSE', product='CNC')['quantity']\n"
        "shares = client.holdings()['data']['holdings']\n"
        "print(held, [row['quantity'] for row in shares])\n"
        "time.sleep(3600)\n"
        "if not shares and held in (0, '0'):\n"
        "    client.placeorder(symbol='RELIANCE', exchange='NSE', action='BUY', quantity=7, "
        "product='CNC')\n"
        "time.sleep(5)\n"
    )
    played = play(bot)
    assert [line[-3:] for line in played.said] == [" []", "[7]", "[7]"]
    assert len(played.document["orders"]) == 1


def test_a_bot_that_swallows_everything_still_ends(play: Play) -> None:
    said = play("stubborn").said
    assert said[0].startswith("interrupted after")
    assert said[1:] == ["finally", "atexit ran"]


def test_faults_are_told_with_what_to_do(play: Play) -> None:
    played = play("failing")
    assert played.outcome.status == "bot_failed"
    assert "optionschain" in played.outcome.why
    assert "KeyError 'order_id'" in played.said
    [missing] = [one for one in played.outcome.entries if one.code == "no_data"]
    assert missing.count == len(played.outcome.launches)
    assert "tapeback data fetch NOSUCH --exchange NSE" in missing.remedy


def test_requests_to_openalgo_are_answered_and_others_refused(play: Play) -> None:
    played = play("raw_http", end="2024-01-08")
    assert "200 success" in played.said
    assert "404 400" in played.said
    assert played.said[-1] == "refused ConnectionError"
    [refused] = [one for one in played.outcome.entries if one.code == "network_refused"]
    assert "example.com" in refused.message
    assert [order["quantity"] for order in played.document["orders"]] == [4, 4]


def test_what_stands_in_the_source_is_told_beside_what_happened(play: Play) -> None:
    codes = play("failing", end="2024-01-08").codes
    assert codes.index("error_reply") < codes.index("wrong_key")
    assert "method_unknown" in codes


def test_a_deadlock_is_told_with_the_stacks(play: Play) -> None:
    played = play("threads_stuck", end="2024-01-08")
    assert played.endings[0][0] == "deadlock"
    assert "bot_stuck" in played.codes
    assert played.outcome.report.stacks.count("in take") >= 2


@pytest.mark.parametrize("bot", ["feed_and_loop", "pool_and_queue", "scheduled"])
def test_two_runs_are_alike_to_the_byte(play: Play, bot: str) -> None:
    one, other = play(bot), play(bot)
    assert _without_run(one) == _without_run(other)
    assert one.said == other.said


def test_nothing_is_known_before_it_happened(play: Play) -> None:
    """Whatever a bot did by the end of the 9th, it does when the data ends there, too."""
    whole, cut = play("feed_and_loop"), play("feed_and_loop", end="2024-01-09")
    until = [line for line in whole.said if line[:2] in ("08", "09")]
    assert [line for line in cut.said if line[:2] in ("08", "09")] == until
    assert cut.document["orders"] == whole.document["orders"][: len(cut.document["orders"])]


def test_arguments_variables_and_helper_modules_reach_the_bot(play: Play, tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("def twice(n):\n    return 2 * n\n")
    (tmp_path / "bot.py").write_text(
        "import os, sys\nimport helper\n"
        "print(sys.argv[1:], os.environ['SYMBOL'], helper.twice(21), __name__)\n"
    )
    played = play(tmp_path / "bot.py", "--x", "1", environment={"SYMBOL": "INFY"}, end="2024-01-08")
    assert set(played.said) == {"['--x', '1'] INFY 42 __main__"}


def _without_run(played: Played) -> dict[str, object]:
    document = {key: value for key, value in played.document.items() if key != "run"}
    document["manifest"] = {k: v for k, v in document["manifest"].items() if k != "run"}
    return document
