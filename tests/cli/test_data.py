"""`tapeback data`: what is kept, where it comes from, and what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from tests.cli.conftest import write_bars
from tests.openalgo_server import KEY, OpenAlgoTestServer

Call = Callable[..., Result]
RELIANCE = ("--symbol", "RELIANCE", "--exchange", "NSE")


@pytest.fixture
def kept(folder: Path, tapeback_: Call) -> Path:
    """The working directory, with the two sessions of RELIANCE imported."""
    imported = tapeback_("data", "import", "bars.csv", *RELIANCE)
    assert imported.exit_code == 0, imported.output
    return folder


@pytest.fixture
def online(
    folder: Path, openalgo_server: OpenAlgoTestServer, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, ...]:
    """What to add to a command so that it asks the server of the test."""
    monkeypatch.setenv("OPENALGO_API_KEY", KEY)
    return ("--set", f"openalgo.base_url={openalgo_server.base_url}")


def document(result: Result, code: int = 0) -> dict[str, Any]:
    assert result.exit_code == code, result.output
    shown: dict[str, Any] = json.loads(result.stdout)
    return shown


def test_what_is_imported_is_listed(kept: Path, tapeback_: Call, home: Path) -> None:
    listed = document(tapeback_("data", "list", "--json"))
    assert Path(listed["folder"]) == home / "cache"
    [row] = listed["series"]
    assert (row["symbol"], row["exchange"], row["timeframe"]) == ("RELIANCE", "NSE", "1m")
    assert (row["bars"], row["first"], row["last"]) == (
        750,
        "2024-06-03 09:15:00",
        "2024-06-04 15:29:00",
    )
    assert "750 bars" in tapeback_("data", "list", "reliance").stdout
    assert document(tapeback_("data", "list", "TCS", "--json"))["series"] == []


def test_importing_twice_adds_nothing(kept: Path, tapeback_: Call) -> None:
    again = ("data", "import", "bars.csv", *RELIANCE, "--json")
    report = document(tapeback_(*again))
    assert (report["added"], report["same"]) == (0, 750)


def test_a_file_that_cannot_be_read_stops_no_other(folder: Path, tapeback_: Call) -> None:
    (folder / "broken.csv").write_text("datetime,open,high\n2024-06-03 09:15,1,2\n")
    report = document(tapeback_("data", "import", "bars.csv", "broken.csv", *RELIANCE, "--json"), 3)
    assert report["added"] == 750
    [problem] = report["problems"]
    assert "broken.csv" in problem["file"]
    assert "low" in problem["reason"]


def test_gaps_name_date_clock_times_and_bars(folder: Path, tapeback_: Call) -> None:
    lines = write_bars(folder / "holes.csv", 3).read_text().splitlines()
    # Ten minutes from 10:00 of the first session, and all of the second.
    text = "\n".join(line for n, line in enumerate(lines) if not (46 <= n < 56 or 376 <= n < 751))
    (folder / "holes.csv").write_text(text)
    tapeback_("data", "import", "holes.csv", *RELIANCE)
    gaps = document(tapeback_("data", "gaps", "RELIANCE", "--exchange", "NSE", "--json"))["gaps"]
    assert gaps == [
        {"date": "2024-06-03", "from": "10:00", "to": "10:10", "bars": 10, "kind": "bars"},
        {"date": "2024-06-04", "from": "09:15", "to": "15:30", "bars": 375, "kind": "session"},
    ]
    spoken = tapeback_("data", "gaps", "RELIANCE")
    assert "385 missing in 2 gaps" in spoken.stdout


def test_a_range_may_reach_beyond_what_is_kept(kept: Path, tapeback_: Call) -> None:
    asked = ("--start", "2024-05-31", "--end", "2024-06-05", "--timeframe", "1m", "--json")
    gaps = document(tapeback_("data", "gaps", "RELIANCE", *asked))["gaps"]
    assert [(gap["date"], gap["kind"]) for gap in gaps] == [
        ("2024-05-31", "session"),
        ("2024-06-05", "session"),
    ]


def test_check_gives_a_verdict_on_what_is_kept_and_on_files(kept: Path, tapeback_: Call) -> None:
    shown = document(tapeback_("data", "check", "RELIANCE", "RELIANCE:NSE:1m=bars.csv", "--json"))
    stored, file = shown["series"]
    assert stored["verdict"] == file["verdict"] == "clean"
    assert stored["source"].startswith("cache import bars.csv")
    assert file["source"] == "file bars.csv"
    assert "verdict: clean" in tapeback_("data", "check", "RELIANCE").stdout


def test_check_of_everything_finds_a_damaged_cache(kept: Path, tapeback_: Call, home: Path) -> None:
    assert "all can be read" in tapeback_("data", "check").stdout
    database = home / "cache" / "market.db"
    database.write_bytes(b"SQLite format 3\0" + b"nonsense" * 4096)
    damaged = tapeback_("data", "check")
    assert damaged.exit_code == 3
    assert "market.db" in damaged.output
    assert "Traceback" not in damaged.output
    assert database.read_bytes().endswith(b"nonsense")


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "parquet", "json"])
def test_what_is_exported_can_be_imported_again(kept: Path, tapeback_: Call, suffix: str) -> None:
    written = document(
        tapeback_("data", "export", "RELIANCE", "-o", "out", "--format", suffix, "--json")
    )
    [file] = written["written"]
    assert (file["bars"], Path(file["path"])) == (750, Path("out", f"RELIANCE_NSE_1m.{suffix}"))
    tapeback_("data", "clear", "RELIANCE", "--yes")
    again = tapeback_("data", "import", file["path"], *RELIANCE, "--json")
    assert document(again)["added"] == 750


def test_export_writes_over_nothing_unless_told(kept: Path, tapeback_: Call) -> None:
    call = ("data", "export", "RELIANCE", "-o", "mine.csv")
    assert tapeback_(*call).exit_code == 0
    refused = tapeback_(*call)
    assert refused.exit_code == 5
    assert "mine.csv" in refused.output
    assert tapeback_(*call, "--force").exit_code == 0


def test_clear_asks_first_and_removes_what_is_named(kept: Path, tapeback_: Call) -> None:
    assert tapeback_("data", "clear").exit_code == 2
    asked = tapeback_("data", "clear", "RELIANCE")
    assert asked.exit_code == 1
    assert "Remove 1 series with 750 bars" in asked.output
    part = document(
        tapeback_("data", "clear", "RELIANCE", "--before", "2024-06-04", "--yes", "--json")
    )
    assert part == {"series": 1, "removed": 375}
    assert document(tapeback_("data", "clear", "--all", "-y", "--json"))["removed"] == 375


def test_a_symbol_that_is_not_kept_is_named_with_a_near_one(kept: Path, tapeback_: Call) -> None:
    result = tapeback_("data", "check", "RELIANCES")
    assert result.exit_code == 3
    assert "did you mean 'RELIANCE'" in result.output


@pytest.mark.parametrize(
    ("word", "reason"),
    [("A:B:C:D", "has 4 parts"), ("RELIANCE:NSF", "did you mean 'NSE'"), ("RE LIANCE", "symbol")],
)
def test_words_that_are_no_series(folder: Path, tapeback_: Call, word: str, reason: str) -> None:
    result = tapeback_("data", "gaps", word)
    assert result.exit_code == 2
    assert reason in result.output


def test_dates_that_are_none(folder: Path, tapeback_: Call) -> None:
    result = tapeback_("data", "gaps", "RELIANCE", "--start", "01-06-2024")
    assert result.exit_code == 2
    assert "write it as YYYY-MM-DD" in result.output


# From a server ------------------------------------------------------------------------------


def test_fetch_asks_once_and_for_the_difference_only(
    online: tuple[str, ...], openalgo_server: OpenAlgoTestServer, tapeback_: Call
) -> None:
    def fetch(end: str) -> dict[str, Any]:
        openalgo_server.requests.clear()
        dates = ("--start", "2024-03-04", "--end", end)
        return document(tapeback_("data", "fetch", "RELIANCE:NSE:1m", *dates, *online, "--json"))

    assert fetch("2024-03-07")["added"] == 4 * 375
    assert fetch("2024-03-07")["requests"] == 0
    assert [asked.name for asked in openalgo_server.requests] == []
    assert fetch("2024-03-11")["added"] == 375


def test_a_fetch_tells_what_it_will_cost_before(
    online: tuple[str, ...], openalgo_server: OpenAlgoTestServer, tapeback_: Call
) -> None:
    dates = ("--start", "2024-03-04", "--end", "2024-03-15")
    planned = document(
        tapeback_("data", "fetch", "RELIANCE:NSE:1m", *dates, "--plan", *online, "--json")
    )
    assert planned["requests"] == 1
    assert planned["seconds"] > 0
    assert openalgo_server.requests == []


def test_a_symbol_that_fails_stops_no_other(
    online: tuple[str, ...], folder: Path, tapeback_: Call
) -> None:
    (folder / "watch.txt").write_text("NOPE\nRELIANCE\n")
    call = ("data", "fetch", "--from", "watch.txt", "--timeframe", "1m", "--exchange", "NSE")
    dates = ("--start", "2024-03-04", "--end", "2024-03-05")
    report = document(tapeback_(*call, *dates, *online, "--json"), 3)
    nope, reliance = report["series"]
    assert report["failed"] == 1
    assert "NOPE" in nope["error"]
    assert reliance["added"] == 750


def test_without_a_key_the_fetch_says_where_to_put_it(
    folder: Path, openalgo_server: OpenAlgoTestServer, tapeback_: Call
) -> None:
    chosen = ("--set", f"openalgo.base_url={openalgo_server.base_url}")
    result = tapeback_("data", "fetch", "RELIANCE:NSE:1m", "--start", "2024-03-04", *chosen)
    assert result.exit_code == 3
    assert "OPENALGO_API_KEY" in result.output


def test_the_key_is_nowhere_in_what_is_shown(
    online: tuple[str, ...], openalgo_server: OpenAlgoTestServer, tapeback_: Call
) -> None:
    openalgo_server.logged_in = False
    result = tapeback_(
        "data", "fetch", "RELIANCE:NSE:1m", "--start", "2024-03-04", "-c", "none.yaml", *online
    )
    other = tapeback_("data", "fetch", "RELIANCE:NSE:1m", "--start", "2024-03-04", *online)
    assert other.exit_code == 3
    assert "log" in other.output
    assert KEY not in result.output + other.output


def test_a_run_lacks_data_and_names_the_command_that_fetches_it(
    online: tuple[str, ...], openalgo_server: OpenAlgoTestServer, tapeback_: Call
) -> None:
    call = ("run", "swing.py:Swing", "--data", "RELIANCE:NSE:1m", "--start", "2024-03-04")
    lacking = tapeback_(*call, "--end", "2024-03-07", *online)
    assert lacking.exit_code == 3
    command = (
        "tapeback data fetch RELIANCE --exchange NSE --timeframe 1m --start 2024-03-04 "
        "--end 2024-03-07 (1 request, about 1 s)"
    )
    assert command in lacking.output
    assert openalgo_server.requests == []
    fetched = document(tapeback_(*call, "--end", "2024-03-07", *online, "--fetch", "--json"))
    [origin] = fetched["origins"]
    assert origin["kind"] == "cache"
    assert "2024-03-04 to 2024-03-07" in origin["detail"]
    openalgo_server.requests.clear()
    again = document(tapeback_(*call, "--end", "2024-03-07", *online, "--json"))
    assert openalgo_server.requests == []
    assert again["metrics"] == fetched["metrics"]


def test_search_finds_what_is_listed_and_what_is_kept(
    online: tuple[str, ...], openalgo_server: OpenAlgoTestServer, kept: Path, tapeback_: Call
) -> None:
    offline = document(tapeback_("data", "search", "relian", "--kept", "--json"))["symbols"]
    assert [(row["symbol"], row["kept"], row["listed"]) for row in offline] == [
        ("RELIANCE", ["1m"], False)
    ]
    found = document(tapeback_("data", "search", "relian", *online, "--json"))["symbols"]
    assert [(row["symbol"], row["listed"]) for row in found] == [("RELIANCE", True)]
