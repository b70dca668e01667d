"""`tapeback calendar`: a date of an exchange, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

Call = Callable[..., Result]


@pytest.fixture
def asked(tapeback_: Call) -> Callable[..., dict[str, Any]]:
    """The JSON document of a date."""

    def ask(exchange: str, day: str) -> dict[str, Any]:
        shown = tapeback_("calendar", exchange, day, "--json")
        assert shown.exit_code == 0
        return json.loads(shown.stdout)

    return ask


Ask = Callable[[str, str], dict[str, Any]]


def test_a_drill_in_two_parts(asked: Ask) -> None:
    assert asked("NSE", "2024-03-02") == {
        "exchange": "NSE",
        "date": "2024-03-02",
        "open": True,
        "kind": "special",
        "segments": [["09:15", "10:00"], ["11:30", "12:30"]],
        "note": "drill: switch to the disaster recovery site",
        "projected": False,
    }


@pytest.mark.parametrize(
    ("exchange", "day", "open_", "kind", "segments"),
    [
        ("NSE", "2024-03-05", True, "regular", [["09:15", "15:30"]]),
        ("nse", "2024-11-01", True, "muhurat", [["18:00", "19:00"]]),
        ("BSE", "2024-01-26", False, "holiday", []),
        ("NFO", "2024-03-03", False, "weekend", []),
        ("MCX", "2026-03-03", True, "special", [["17:00", "23:55"]]),
        ("CRYPTO", "2024-03-03", True, "regular", [["00:00", "24:00"]]),
    ],
)
def test_every_kind_of_day(
    asked: Ask, exchange: str, day: str, open_: bool, kind: str, segments: list[list[str]]
) -> None:
    shown = asked(exchange, day)
    assert (shown["open"], shown["kind"], shown["segments"]) == (open_, kind, segments)


def test_the_closing_auction_and_projected_days_are_told(asked: Ask, tapeback_: Call) -> None:
    assert asked("NSE_INDEX", "2026-08-03")["closing_auction"] == ["15:15", "15:35"]
    assert asked("NSE", "2031-03-05")["projected"]
    assert (
        "projected: the tables do not reach this day"
        in tapeback_("calendar", "NSE", "2031-03-05").stdout
    )


def test_it_says_it_in_words(tapeback_: Call) -> None:
    assert tapeback_("calendar", "NSE", "2024-03-02").stdout == (
        "NSE 2024-03-02 Saturday: 09:15-10:00, 11:30-12:30 (special)\n"
        "drill: switch to the disaster recovery site\n"
    )
    assert tapeback_("calendar", "NSE", "2024-01-26").stdout == (
        "NSE 2024-01-26 Friday: closed (holiday)\nRepublic Day\n"
    )


def test_hours_of_low_confidence_are_named_beside_the_document(tapeback_: Call) -> None:
    shown = tapeback_("calendar", "NSE", "2026-11-08", "--json")
    assert json.loads(shown.stdout)["segments"] == [["18:00", "19:00"]]
    assert "low confidence: calendar.sessions from 2026-11-08" in shown.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("NSEE", "2024-03-02"), "'NSEE' is not one of"),
        (("NSE", "2024-02-30"), "'2024-02-30' is no date; write it as YYYY-MM-DD."),
        (("NSE", "yesterday"), "'yesterday' is no date"),
        (("NSE",), "Missing argument 'DATE'"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    tapeback_: Call, words: tuple[str, ...], message: str
) -> None:
    refused = tapeback_("calendar", *words)
    assert refused.exit_code == 2
    assert message in refused.stderr
    as_json = tapeback_("calendar", *words, "--json")
    assert json.loads(as_json.stdout)["error"]["exit_code"] == 2
