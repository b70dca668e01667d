"""What the words of `tapeback data` mean, and what is said where they mean nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from tests.cli.conftest import write_bars
from tests.openalgo_server import KEY, Fault, OpenAlgoTestServer, listing, minutes_of

Call = Callable[..., Result]
RELIANCE = ("--symbol", "RELIANCE", "--exchange", "NSE")


def document(result: Result, code: int = 0) -> dict[str, Any]:
    assert result.exit_code == code, result.output
    shown: dict[str, Any] = json.loads(result.stdout)
    return shown


@pytest.fixture
def kept(folder: Path, tapeback_: Call) -> Path:
    assert tapeback_("data", "import", "bars.csv", *RELIANCE).exit_code == 0
    return folder


@pytest.mark.parametrize(
    ("word", "series"),
    [
        ("RELIANCE:NSE:1m=bars.csv", "RELIANCE:NSE:1m"),
        ("reliance:nse=bars.csv", "RELIANCE:NSE:1m"),
        ("INFY=bars.csv", "INFY:NSE:1m"),
        ("NIFTY=bars.csv", "NIFTY:NSE_INDEX:1m"),
        ("SENSEX=bars.csv", "SENSEX:BSE_INDEX:1m"),
    ],
)
def test_a_file_is_checked_as_what_it_is_said_to_be(
    folder: Path, tapeback_: Call, word: str, series: str
) -> None:
    [shown] = document(tapeback_("data", "check", word, "--json"))["series"]
    assert (shown["series"], shown["bars"]) == (series, 750)


@pytest.mark.parametrize(
    ("name", "series"),
    [
        ("TCS_1m_2024.csv", "TCS:NSE:1m"),
        ("NIFTY 2024.csv", "NIFTY:NSE_INDEX:1m"),
        ("NIFTY27JUN2423000CE.csv", "NIFTY27JUN2423000CE:NFO:1m"),
    ],
)
def test_the_name_of_a_file_tells_what_it_is_of(
    folder: Path, tapeback_: Call, name: str, series: str
) -> None:
    write_bars(folder / name)
    assert document(tapeback_("data", "check", name, "--json"))["series"][0]["series"] == series
    said = tapeback_("data", "check", name, "--set", "data.symbol=ITC", "--exchange", "BSE")
    assert said.stdout.startswith("ITC:BSE:1m")


@pytest.mark.parametrize("word", ["X=", "A:XX=bars.csv", "A:NSE:7q=bars.csv", "A:B:C:D=bars.csv"])
def test_a_word_that_names_no_file_is_refused(folder: Path, tapeback_: Call, word: str) -> None:
    assert document(tapeback_("data", "check", word, "--json"), 2)["error"]["code"] == "config"


def test_a_file_that_is_not_there_is_a_file(folder: Path, tapeback_: Call) -> None:
    error = document(tapeback_("data", "check", "gone.csv", "--json"), 3)["error"]
    assert "there is no file 'gone.csv'" in error["message"]


@pytest.mark.parametrize(
    "command",
    [("list",), ("gaps", "RELIANCE"), ("export", "RELIANCE"), ("clear", "RELIANCE", "--yes")],
)
def test_an_unknown_timeframe_is_refused_by_all(
    kept: Path, tapeback_: Call, command: tuple[str, ...]
) -> None:
    error = document(tapeback_("data", *command, "--timeframe", "7q", "--json"), 2)["error"]
    assert "7q" in error["message"]


def test_list_and_clear_know_symbol_exchange_and_timeframe(kept: Path, tapeback_: Call) -> None:
    for word, rows in (("RELIANCE:NSE", 1), ("reliance:nse:1m", 1), ("RELIANCE:BSE", 0)):
        assert len(document(tapeback_("data", "list", word, "--json"))["series"]) == rows
    clear = ("data", "clear", "--yes", "--json")
    assert document(tapeback_(*clear, "RELIANCE:NSE:5m"))["removed"] == 0
    assert document(tapeback_(*clear, "RELIANCE:NSE:1m"))["removed"] == 750


def test_openalgos_spelling_of_a_timeframe_is_one(kept: Path, tapeback_: Call) -> None:
    shown = document(tapeback_("data", "gaps", "RELIANCE", "--timeframe", "D", "--json"))
    assert shown["timeframe"] == "1d"


def test_clear_with_json_does_not_ask(kept: Path, tapeback_: Call) -> None:
    error = document(tapeback_("data", "clear", "RELIANCE", "--json"), 2)["error"]
    assert "--yes" in error["message"]


def test_a_fetch_of_dates_that_are_swapped_is_refused(folder: Path, tapeback_: Call) -> None:
    dates = ("--start", "2024-03-08", "--end", "2024-03-04", "--json")
    error = document(tapeback_("data", "fetch", "RELIANCE", *dates), 2)["error"]
    assert "2024-03-08 lies after --end 2024-03-04" in error["message"]


def test_a_continuous_series_cannot_be_fetched(folder: Path, tapeback_: Call) -> None:
    call = ("data", "fetch", "NIFTY-I:NFO:1m", "--start", "2024-03-04", "--json")
    error = document(tapeback_(*call), 2)["error"]
    assert "--underlying NIFTY --strikes 0" in error["remedy"]


def test_a_path_without_a_file_is_named(folder: Path, tapeback_: Call) -> None:
    result = tapeback_("data", "import", "gone.csv")
    assert result.exit_code == 3
    assert "not read: gone.csv: there is no file of bars" in result.stderr


def test_defect_54_the_cache_is_where_it_is_said_to_be(
    folder: Path, tapeback_: Call, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment, then the setting, then the home; never the working directory."""

    def place(*more: str) -> Path:
        return Path(document(tapeback_("data", "list", "--json", *more))["folder"])

    setting = ("--set", f"data.cache_dir={folder / 'mine'}")
    assert place() == home / "cache"
    assert place(*setting) == folder / "mine"
    monkeypatch.setenv("TAPEBACK_CACHE_DIR", str(folder / "theirs"))
    assert place(*setting) == folder / "theirs"
    tapeback_("data", "import", "bars.csv", *RELIANCE, *setting)
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == ["theirs"]


# From a server ------------------------------------------------------------------------------


@pytest.fixture
def online(
    folder: Path, openalgo_server: OpenAlgoTestServer, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, ...]:
    monkeypatch.setenv("OPENALGO_API_KEY", KEY)
    return ("--set", f"openalgo.base_url={openalgo_server.base_url}")


WEEK = ("--start", "2024-03-04", "--end", "2024-03-07")


def test_nothing_there_is_said_remembered_and_can_be_forgotten(
    online: tuple[str, ...], openalgo_server: OpenAlgoTestServer, tapeback_: Call
) -> None:
    fetch = ("data", "fetch", "RELIANCE:NSE:1m", *WEEK, *online)
    openalgo_server.faults += [Fault("empty", "history")] * 3
    [series] = document(tapeback_(*fetch, "--json"))["series"]
    [finding] = series["findings"]
    assert finding["code"] == "no-bars"
    assert "from 2024-03-04 to 2024-03-07" in finding["message"]
    run = tapeback_("run", "swing.py:Swing", "--data", "RELIANCE:NSE:1m", *WEEK, *online)
    assert run.exit_code == 3
    assert "'tapeback data clear RELIANCE:NSE:1m' has it asked for again" in run.output
    assert document(tapeback_(*fetch, "--json"))["requests"] == 0
    tapeback_("data", "clear", "RELIANCE:NSE:1m", "--yes")
    assert document(tapeback_(*fetch, "--json"))["added"] == 4 * 375


def test_the_address_may_end_where_the_api_begins(
    openalgo_server: OpenAlgoTestServer, online: tuple[str, ...], tapeback_: Call
) -> None:
    longer = ("--set", f"openalgo.base_url={openalgo_server.base_url}/api/v1/")
    fetched = document(tapeback_("data", "fetch", "RELIANCE:NSE:1m", *WEEK, *longer, "--json"))
    assert fetched["added"] == 4 * 375


def test_the_progress_of_a_fetch_ends_at_its_end(
    online: tuple[str, ...], openalgo_server: OpenAlgoTestServer, tapeback_: Call
) -> None:
    """An unknown broker's limits would make four requests of what are two of Zerodha's."""
    days = (date(2023, 12, 4), date(2024, 3, 15))
    openalgo_server.bars["RELIANCE", "NSE"] = minutes_of("RELIANCE", "NSE", *days)
    dates = ("--start", f"{days[0]}", "--end", f"{days[1]}")
    result = tapeback_("data", "fetch", "RELIANCE:NSE:1m", *dates, *online)
    assert len(openalgo_server.history) == 2
    assert "(2 of 2 requests" in result.stderr.strip().splitlines()[-1]


def test_what_was_imported_with_holes_is_run_over_and_they_are_told(
    folder: Path, tapeback_: Call
) -> None:
    """The second of three sessions is missing in the file: no server has to be asked."""
    lines = write_bars(folder / "holes.csv", 3).read_text().splitlines()
    (folder / "holes.csv").write_text("\n".join(lines[:376] + lines[751:]))
    assert tapeback_("data", "import", "holes.csv", *RELIANCE).exit_code == 0
    call = ("run", "swing.py:Swing", "--data", "RELIANCE:NSE:1m", "--json")
    shown = document(tapeback_(*call))
    assert shown["total_candles"] == 750
    assert "missing-session" in {finding["code"] for finding in shown["findings"]}
    beyond = document(tapeback_(*call, "--start", "2024-06-03", "--end", "2024-06-07"), 3)
    assert "--start 2024-06-06 --end 2024-06-07" in beyond["error"]["remedy"]


def test_defect_84_what_only_shows_asks_no_server(
    online: tuple[str, ...], openalgo_server: OpenAlgoTestServer, kept: Path, tapeback_: Call
) -> None:
    for command in (
        ("list",),
        ("check",),
        ("check", "RELIANCE"),
        ("gaps", "RELIANCE", "--start", "2024-03-01", "--end", "2024-06-07"),
        ("export", "RELIANCE", "-o", "out.csv"),
        ("search", "REL", "--kept"),
        ("fetch", "RELIANCE:NSE:1m", *WEEK, "--plan"),
        ("clear", "RELIANCE", "--yes"),
    ):
        assert tapeback_("data", *command, *online).exit_code == 0, command
    assert openalgo_server.requests == []


def test_an_export_into_a_kind_of_file_that_is_not_written_is_refused(
    kept: Path, tapeback_: Call
) -> None:
    error = document(tapeback_("data", "export", "RELIANCE", "-o", "x.xlsx", "--json"), 2)["error"]
    assert ".parquet" in error["message"]
    assert not (kept / "x.xlsx").exists()
    assert tapeback_("data", "export", "RELIANCE", "-o", "x.2024/").exit_code == 0
    assert (kept / "x.2024" / "RELIANCE_NSE_1m.csv").is_file()


def test_an_export_of_an_unknown_symbol_writes_none_of_the_others(
    kept: Path, tapeback_: Call
) -> None:
    assert tapeback_("data", "export", "RELIANCE", "NOPE", "-o", "out").exit_code == 3
    assert not (kept / "out").exists()


def test_check_judges_by_the_settings(folder: Path, tapeback_: Call) -> None:
    """A row that is no bar is left out, or refused; a fall by half is a split where it is one."""
    lines = write_bars(folder / "bars.csv").read_text().splitlines()
    lines[10] = "2024-06-03 09:24:00,10,9,12,11,5"
    (folder / "bars.csv").write_text("\n".join(lines))
    check = ("data", "check", "RELIANCE:NSE:1m=bars.csv", "--json")
    assert document(tapeback_(*check))["series"][0]["verdict"] == "usable"
    assert document(tapeback_("data", "import", "bars.csv", *RELIANCE, "--json"))["added"] == 749
    strict = ("--set", "execution.on_bad_data=refuse")
    for call in (check, ("data", "check", "RELIANCE", "--json")):
        refused = document(tapeback_(*call, *strict), 3)
        assert refused["series"][0]["verdict"] == "refused"


def test_check_and_export_know_the_users_corporate_actions(folder: Path, tapeback_: Call) -> None:
    rows = [f"2024-06-{day:02},{1000 if day < 5 else 200}" for day in (3, 4, 5, 6, 7)]
    text = "\n".join(f"{row},{','.join([row[11:]] * 3)},1000" for row in rows)
    (folder / "ACME.csv").write_text(f"date,open,high,low,close,volume\n{text}\n")
    (folder / "actions.csv").write_text(
        "symbol,exchange,ex_date,kind,ratio,cash\nACME,NSE,2024-06-05,split,5:1,\n"
    )
    known = ("--set", "data.corporate_actions=actions.csv")
    tapeback_("data", "import", "ACME.csv", "--symbol", "ACME", "--exchange", "NSE")
    for word in ("ACME.csv", "ACME"):
        for more, code in (((), "unadjusted-jump"), (known, "raw-prices")):
            [shown] = document(tapeback_("data", "check", word, *more, "--json"))["series"]
            assert [finding["code"] for finding in shown["findings"]] == [code]


def test_contracts_are_captured_with_their_terms_before_they_expire(
    online: tuple[str, ...], openalgo_server: OpenAlgoTestServer, tapeback_: Call
) -> None:
    """The lot that the broker lists outlives the contract; the books of the day are kept too."""
    for strike in (99, 100, 101):
        for kind in ("CE", "PE"):
            symbol = f"RELIANCE26NOV99{strike}{kind}"
            terms = {"name": "RELIANCE", "expiry": "26-NOV-99", "lotsize": 777, "tick_size": 0.05}
            openalgo_server.bars[symbol, "NFO"] = minutes_of(symbol, "NFO")
            openalgo_server.listings.append(
                listing(symbol, "NFO", strike=float(strike), instrumenttype=kind, **terms)
            )
    openalgo_server.books = {"tradebook": [{"orderid": "1"}]}
    call = ("data", "fetch", "--underlying", "RELIANCE", "--expiry", "2099-11-26")
    more = ("--strikes", "1", "--books", *WEEK, *online, "--json")
    report = document(tapeback_(*call, *more))
    assert (len(report["series"]), report["failed"]) == (7, 0)
    assert report["books"] == {"orderbook": 0, "tradebook": 1, "positionbook": 0}
    kept = document(tapeback_("data", "list", "--underlying", "RELIANCE", "--json"))["series"]
    assert {row["symbol"] for row in kept} == {
        one["series"].split(":")[0] for one in report["series"] if ":NFO:" in one["series"]
    }
    shown = document(tapeback_("data", "search", "RELIANCE26NOV99", "--kept", "--json"))
    assert len(shown["symbols"]) == 6
    tapeback_("data", "fetch", "RELIANCE:NSE:1m", *WEEK, *online)
    chain = document(tapeback_("data", "chain", "RELIANCE", "--at", "2024-03-05 10:00", "--json"))
    assert {row["ce"]["instrument"]["lot_size"] for row in chain["rows"]} == {777}
