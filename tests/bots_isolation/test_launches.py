"""When a script is launched: a pure plan over the calendar."""

from __future__ import annotations

from datetime import datetime

import pytest

from tapeback.bots.ending import How
from tapeback.bots.isolation.launches import (
    Launch,
    LaunchRule,
    Mode,
    launch_rule,
    next_launch,
    summary,
)
from tapeback.errors import ConfigError
from tapeback.market.calendar import calendar_of
from tapeback.utils.clock import to_ist, to_ns

NSE, MCX = calendar_of("NSE"), calendar_of("MCX")


def ist(text: str) -> int:
    return to_ns(datetime.fromisoformat(text))


def planned(
    rule: LaunchRule, start: str, end: str, *endings: tuple[str, How], calendars=(NSE,)
) -> list[str]:
    """The launches of a run whose scripts end, one after the other, at the times and in the way
    of `endings`; the rest run until they are stopped."""
    texts: list[str] = []
    last: Launch | None = None
    waiting = list(endings)
    while (launch := next_launch(rule, calendars, ist(start), ist(end), last)) is not None:
        texts.append(f"{to_ist(launch.begin):%m-%d %H:%M} to {to_ist(launch.end):%m-%d %H:%M}")
        when, how = waiting.pop(0) if waiting else ("", "completed")
        finished = ist(when) if when else launch.end
        last = Launch(begin=launch.begin, end=finished, how=how)
        assert len(texts) < 20
    return texts


def test_a_script_that_runs_on_is_launched_once() -> None:
    for mode in ("auto", "once"):
        rule = LaunchRule(mode=mode)
        assert planned(rule, "2024-01-02T09:15", "2024-01-05T15:30") == [
            "01-02 09:15 to 01-05 15:30"
        ]


def test_one_that_ends_by_itself_is_started_afresh_at_the_next_open() -> None:
    """Friday, then the weekend, then Monday; Republic Day is skipped, too."""
    assert planned(
        LaunchRule(),
        "2024-01-19T09:15",
        "2024-01-30T15:30",
        ("2024-01-19T15:15", "exited"),
        ("2024-01-20T11:00", "exited"),  # a Saturday with a session
        ("2024-01-23T09:20", "raised"),
        ("2024-01-25T09:10", "exited"),
        ("2024-01-25T18:00", "exited"),
    ) == [
        "01-19 09:15 to 01-30 15:30",
        "01-20 09:15 to 01-30 15:30",
        "01-23 09:15 to 01-30 15:30",
        "01-24 09:15 to 01-30 15:30",
        "01-25 09:15 to 01-30 15:30",
        "01-29 09:15 to 01-30 15:30",
    ]


@pytest.mark.parametrize("how", ["limit", "broken", "completed"])
def test_these_ends_are_the_last(how: How) -> None:
    done = ("2024-01-02T11:00", how)
    assert len(planned(LaunchRule(), "2024-01-02T09:15", "2024-01-05T15:30", done)) == 1


def test_what_fails_before_any_time_has_passed_is_not_tried_each_day() -> None:
    for rule in (LaunchRule(), launch_rule("daily", "09:15")):
        at_once = ("2024-01-02T09:15", "raised")
        assert len(planned(rule, "2024-01-02T09:15", "2024-01-05T15:30", at_once)) == 1


def test_once_is_once() -> None:
    early = ("2024-01-02T11:00", "exited")
    rule = LaunchRule(mode="once")
    assert len(planned(rule, "2024-01-02T09:15", "2024-01-05T15:30", early)) == 1


def test_daily_is_each_session_from_a_quarter_before_to_a_quarter_after() -> None:
    assert planned(LaunchRule(mode="daily"), "2024-01-25T00:00", "2024-01-31T00:00") == [
        "01-25 09:00 to 01-25 15:45",
        "01-29 09:00 to 01-29 15:45",
        "01-30 09:00 to 01-30 15:45",
    ]


def test_daily_at_clock_times_and_not_twice_a_day() -> None:
    rule = launch_rule("daily", "09:20", "15:00")
    assert planned(
        rule, "2024-01-02T00:00", "2024-01-03T12:00", ("2024-01-02T09:21", "exited")
    ) == ["01-02 09:20 to 01-02 15:00", "01-03 09:20 to 01-03 12:00"]


def test_daily_follows_every_exchange_of_the_run() -> None:
    """MCX trades until 23:55, also in the evening of the day on which NSE is closed."""
    assert planned(
        LaunchRule(mode="daily"), "2024-03-07T00:00", "2024-03-09T00:00", calendars=(NSE, MCX)
    ) == ["03-07 08:45 to 03-08 00:10", "03-08 16:45 to 03-09 00:00"]


def test_auto_at_a_clock_time() -> None:
    rule = launch_rule("auto", "09:30")
    assert planned(
        rule, "2024-01-02T00:00", "2024-01-04T00:00", ("2024-01-02T10:00", "exited")
    ) == ["01-02 09:30 to 01-04 00:00", "01-03 09:30 to 01-04 00:00"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("daily", "9h"), "--launch-at '9h': write it as HH:MM"),
        (("daily", None, "25:00"), "--stop-at '25:00'"),
        (("daily", "15:45", "09:00"), "--launch-at 15:45 is not before --stop-at 09:00"),
        (("once", "09:00"), "launched once begins at --start"),
        (("auto", None, "15:45"), "only --launch daily stops a script"),
    ],
)
def test_options_that_mean_nothing_are_refused(
    arguments: tuple[Mode, str | None, str | None], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        launch_rule(*arguments)


def test_the_summary_says_how_often_and_how() -> None:
    begin = ist("2024-01-02T09:15")
    launches = [
        Launch(begin=begin, end=begin, how="exited"),
        Launch(begin=begin, end=begin, how="exited"),
        Launch(begin=ist("2024-01-04T09:15"), end=begin, how="raised", code=1),
    ]
    assert summary(launches) == (
        "Launched 3 times from 2024-01-02 to 2024-01-04: it ended by itself 2x, ended with an "
        "exception (exit code 1) 1x."
    )
    assert "never launched" in summary([])
    assert launches[2].to_dict()["exit_code"] == 1
