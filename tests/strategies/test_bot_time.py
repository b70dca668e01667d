"""A bot's clock shows the instant of the run in every form that Python has."""

from __future__ import annotations

import datetime as real_datetime
import os
import pickle
import sys
import time as real_time
from datetime import UTC, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tapeback.errors import StrategyError
from tapeback.strategies.bot_time import BotClock, stand_ins, time_modules
from tapeback.strategies.registry import resolve
from tapeback.utils.clock import to_ns
from tests.strategies.running import candles_of, play, write_bot

NOON = to_ns(real_datetime.datetime(2024, 3, 5, 12, 0, 0, 250_000))


class Instant:
    def __init__(self) -> None:
        self.ns = NOON

    def __call__(self) -> int:
        return self.ns


@pytest.fixture
def instant() -> Instant:
    return Instant()


@pytest.fixture
def modules(instant: Instant) -> dict[str, Any]:
    return dict(time_modules(BotClock(instant)))


def test_now_is_naive_indian_time_and_aware_where_a_zone_is_given(modules: Any) -> None:
    datetime = modules["datetime"].datetime
    naive = real_datetime.datetime(2024, 3, 5, 12, 0, 0, 250_000)
    assert datetime.now() == datetime.today() == naive
    assert datetime.now().tzinfo is None
    assert datetime.utcnow() == naive - timedelta(hours=5, minutes=30)
    for zone in (UTC, timezone(timedelta(hours=5, minutes=30)), ZoneInfo("America/New_York")):
        now = datetime.now(zone)
        assert now.tzinfo is zone
        assert to_ns(now) == NOON
    assert modules["datetime"].date.today() == real_datetime.date(2024, 3, 5)


def test_the_date_is_the_indian_one_while_utc_is_still_on_the_day_before(
    modules: Any, instant: Instant
) -> None:
    instant.ns = to_ns(real_datetime.datetime(2024, 3, 5, 0, 15))
    assert modules["datetime"].date.today() == real_datetime.date(2024, 3, 5)
    assert modules["datetime"].datetime.utcnow().day == 4


def test_the_functions_of_time_agree_with_one_another(modules: Any) -> None:
    time = modules["time"]
    assert time.time() == time.monotonic() == time.perf_counter() == NOON / 10**9
    assert time.time_ns() == time.monotonic_ns() == time.perf_counter_ns() == NOON
    assert time.strftime("%Y-%m-%d %H:%M:%S") == "2024-03-05 12:00:00"
    assert time.localtime()[:6] == time.localtime(time.time())[:6] == (2024, 3, 5, 12, 0, 0)
    assert time.gmtime()[:6] == (2024, 3, 5, 6, 30, 0)
    assert time.ctime() == time.asctime() == "Tue Mar  5 12:00:00 2024"
    assert time.mktime(time.localtime()) == NOON // 10**9
    assert time.timezone == -19_800


def test_time_moves_only_with_the_run(modules: Any, instant: Instant) -> None:
    datetime = modules["datetime"].datetime
    assert datetime.now() is datetime.now()
    assert datetime.now(UTC) is datetime.now(UTC)
    instant.ns += 60 * 10**9
    assert datetime.now().minute == 1
    assert datetime.now(UTC).minute == 31


def test_epoch_seconds_become_indian_time_on_every_machine(modules: Any) -> None:
    seconds = modules["time"].time()
    datetime, date = modules["datetime"].datetime, modules["datetime"].date
    assert datetime.fromtimestamp(seconds) == datetime.now()
    assert datetime.fromtimestamp(seconds, UTC) == datetime.now(UTC)
    assert date.fromtimestamp(seconds) == date.today()


def test_the_stand_in_classes_pass_for_the_real_ones(modules: Any) -> None:
    datetime, date = modules["datetime"].datetime, modules["datetime"].date
    made = [
        datetime.now(),
        datetime(2024, 1, 2, 3, 4),
        datetime.fromisoformat("2024-01-02T03:04"),
        datetime.strptime("2024-01-02", "%Y-%m-%d"),
        datetime.combine(date(2024, 1, 2), modules["datetime"].time(9, 15)),
        datetime.now() + timedelta(days=1),
    ]
    for moment in made:
        assert type(moment) is real_datetime.datetime
        assert isinstance(moment, datetime)
        assert isinstance(moment, date)
        assert pickle.loads(pickle.dumps(moment)) == moment
    assert type(date(2024, 1, 2)) is real_datetime.date
    assert not isinstance(date(2024, 1, 2), datetime)
    assert not isinstance("2024-01-02", datetime)
    assert issubclass(real_datetime.datetime, datetime)
    assert {datetime: "moment"}[type(datetime.now())] == "moment"
    assert datetime.max == real_datetime.datetime.max


def test_a_subclass_of_the_stand_in_makes_its_own_instances(modules: Any) -> None:
    class Moment(modules["datetime"].datetime):  # type: ignore[misc]
        pass

    moment = Moment(2024, 1, 2)
    assert type(moment) is Moment
    assert isinstance(moment, Moment)
    assert not isinstance(real_datetime.datetime(2024, 1, 2), Moment)


def test_sleep_returns_at_once_and_a_wait_for_time_to_pass_is_an_error(
    modules: Any, instant: Instant
) -> None:
    time = modules["time"]
    for _ in range(1000):
        time.sleep(3600)
    assert time.time_ns() == NOON

    def wait_for_the_afternoon() -> None:
        while modules["datetime"].datetime.now().hour < 15:
            time.sleep(30)

    with pytest.raises(StrategyError, match=r"time\.sleep\(30\)"):
        wait_for_the_afternoon()
    instant.ns += 1
    time.sleep(30)


def test_what_is_replaced_is_found_by_the_real_object(modules: Any) -> None:
    replaced = stand_ins(modules)
    for real, module, name in (
        (real_datetime.datetime, "datetime", "datetime"),
        (real_datetime.date, "datetime", "date"),
        (real_time.sleep, "time", "sleep"),
        (real_time.time, "time", "time"),
    ):
        assert replaced[id(real)] is getattr(modules[module], name)
    assert replaced[id(real_time)] is modules["time"]
    assert id(timedelta) not in replaced


CLOCK_BOT = """
    import time
    from dataclasses import dataclass, field
    from datetime import date, datetime, timedelta
    from time import sleep

    @dataclass
    class Note:
        at: datetime = field(default_factory=datetime.now)

    class ClockBot:
        def __init__(self, symbol, at=datetime.now):
            self.made = datetime.now()
            self.at = at
            self.seen = []

        def run_backtest(self, current_price):
            import datetime as lazily
            sleep(300)
            time.sleep(300)
            self.seen.append((
                datetime.now(), self.at(), Note().at, lazily.datetime.now(), date.today(),
                time.time(), datetime.now().timestamp(), datetime.now().astimezone(),
            ))
"""


def test_a_bot_sees_the_close_of_the_bar_in_all_its_namespaces(tmp_path: Path) -> None:
    candles = candles_of([100.0, 101.0, 102.0])
    file = write_bot(tmp_path / "strats", CLOCK_BOT)
    before = real_time.time()
    played = play(resolve(str(file)), candles)
    assert real_time.time() - before < 60
    assert played.bot.made == real_datetime.datetime(2024, 1, 1, 9, 15)
    assert len(played.bot.seen) == 3
    for hour, seen in zip((10, 11, 12), played.bot.seen, strict=True):
        close = real_datetime.datetime(2024, 1, 1, hour, 15)
        assert seen[:5] == (close, close, close, close, close.date())
        assert seen[5] == to_ns(close) / 10**9


@pytest.mark.skipif(not hasattr(real_time, "tzset"), reason="the platform's zone cannot be set")
@pytest.mark.parametrize("zone", ["America/New_York", None])
def test_naive_times_mean_india_on_a_machine_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zone: str | None
) -> None:
    if zone is None:
        monkeypatch.delenv("TZ", raising=False)
    else:
        monkeypatch.setenv("TZ", zone)
    real_time.tzset()
    names = real_time.tzname
    file = write_bot(tmp_path / "strats", CLOCK_BOT)
    played = play(resolve(str(file)), candles_of([100.0, 101.0]))
    for seen in played.bot.seen:
        assert seen[6] == seen[5]
        assert seen[7].utcoffset() == timedelta(hours=5, minutes=30)
    assert real_time.tzname == names
    assert os.environ.get("TZ") == zone
    assert sys.modules["time"] is real_time
