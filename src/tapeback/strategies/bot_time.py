"""The clock as a bot sees it: `datetime` and `time` that tell the time of the run.

Only the modules handed to a bot are exchanged; the rest of the process keeps the real ones.
"""

from __future__ import annotations

import calendar
import datetime as real_datetime
import time as real_time
from collections.abc import Callable
from types import ModuleType
from typing import Any, ClassVar

from tapeback.errors import StrategyError
from tapeback.utils.clock import IST_OFFSET_NS, SECOND_NS

_EPOCH = real_datetime.datetime(1970, 1, 1)
_EPOCH_UTC = _EPOCH.replace(tzinfo=real_datetime.UTC)
_IST_OFFSET = IST_OFFSET_NS // SECOND_NS
_SLEEPS_AT_ONE_INSTANT = 100_000


class BotClock:
    """Reads the run's instant (`now`, ns UTC) in the forms that Python programs ask for.

    Between two bar closes time stands still, so readings at one instant share one object.
    """

    def __init__(self, now: Callable[[], int]) -> None:
        self.ns = now
        self._naive_ns = self._aware_ns = self._slept_at = -1
        self._naive = self._aware = _EPOCH
        self._zone: real_datetime.tzinfo | None = None
        self._sleeps = 0

    def seconds(self) -> float:
        """Seconds since 1970 UTC."""
        return self.ns() / SECOND_NS

    def naive(self) -> real_datetime.datetime:
        """Indian wall-clock time without a zone."""
        ns = self.ns()
        if ns != self._naive_ns:
            self._naive_ns = ns
            self._naive = _EPOCH + _microseconds(ns + IST_OFFSET_NS)
        return self._naive

    def aware(self, zone: real_datetime.tzinfo) -> real_datetime.datetime:
        """The time in a zone."""
        ns = self.ns()
        if ns != self._aware_ns or zone is not self._zone:
            self._aware_ns, self._zone = ns, zone
            self._aware = (_EPOCH_UTC + _microseconds(ns)).astimezone(zone)
        return self._aware

    def utc(self) -> real_datetime.datetime:
        """UTC without a zone, as `utcnow` gives it."""
        return _EPOCH + _microseconds(self.ns())

    def sleep(self, seconds: float) -> None:
        """Return at once: the next bar comes when the bot has returned.

        Raises StrategyError where a bot would wait for ever for time to pass.
        """
        ns = self.ns()
        if ns != self._slept_at:
            self._slept_at, self._sleeps = ns, 0
        self._sleeps += 1
        if self._sleeps > _SLEEPS_AT_ONE_INSTANT:
            raise StrategyError(
                f"the bot waits in time.sleep({seconds}) for time to pass, but a bot that is "
                "called once a bar sees only the bars' closes.",
                remedy="Let run_backtest return, and look again at the next bar.",
            )


def _microseconds(ns: int) -> real_datetime.timedelta:
    return real_datetime.timedelta(microseconds=ns // 1000)


def time_modules(clock: BotClock) -> dict[str, ModuleType]:
    """Stand-ins of the modules `datetime` and `time` that read `clock`, by their names."""
    return {"datetime": _datetime_module(clock), "time": _time_module(clock)}


def stand_ins(modules: dict[str, ModuleType]) -> dict[int, Any]:
    """What replaces a real object in a namespace, by the real object's id: the modules
    themselves and everything in them that differs from the real one."""
    replaced: dict[int, Any] = {}
    for real in (real_datetime, real_time):
        stand_in = modules[real.__name__]
        replaced[id(real)] = stand_in
        for name, value in vars(real).items():
            if callable(value) and vars(stand_in)[name] is not value:
                replaced[id(value)] = vars(stand_in)[name]
    return replaced


class _PassesForReal(type):
    """Of a class that stands in for another: it makes, recognises and equals the real one."""

    real: ClassVar[type]

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if "real" in cls.__dict__:
            return cls.real(*args, **kwargs)
        return super().__call__(*args, **kwargs)

    def __instancecheck__(cls, instance: Any) -> bool:
        if "real" in cls.__dict__:
            return isinstance(instance, cls.real)
        return super().__instancecheck__(instance)

    def __subclasscheck__(cls, subclass: type) -> bool:
        if "real" in cls.__dict__:
            return issubclass(subclass, cls.real)
        return super().__subclasscheck__(subclass)

    def __eq__(cls, other: object) -> bool:
        return cls is other or cls.__dict__.get("real", cls) is other

    def __hash__(cls) -> int:
        return hash(cls.__dict__["real"]) if "real" in cls.__dict__ else super().__hash__()


def _datetime_module(clock: BotClock) -> ModuleType:
    class datetime(real_datetime.datetime, metaclass=_PassesForReal):
        real = real_datetime.datetime

        @classmethod
        def now(cls, tz: real_datetime.tzinfo | None = None) -> Any:
            return clock.naive() if tz is None else clock.aware(tz)

        @classmethod
        def today(cls) -> Any:
            return clock.naive()

        @classmethod
        def utcnow(cls) -> Any:
            return clock.utc()

        @classmethod
        def fromtimestamp(cls, timestamp: float, tz: real_datetime.tzinfo | None = None) -> Any:
            if tz is not None:
                return real_datetime.datetime.fromtimestamp(timestamp, tz)
            return _EPOCH + real_datetime.timedelta(seconds=timestamp + _IST_OFFSET)

    class date(real_datetime.date, metaclass=_PassesForReal):
        real = real_datetime.date

        @classmethod
        def today(cls) -> Any:
            return clock.naive().date()

        @classmethod
        def fromtimestamp(cls, timestamp: float) -> Any:
            return datetime.fromtimestamp(timestamp).date()

    module = _copy_of(real_datetime)
    vars(module).update(datetime=datetime, date=date)
    return module


def _time_module(clock: BotClock) -> ModuleType:
    def localtime(seconds: float | None = None) -> real_time.struct_time:
        return real_time.gmtime((clock.seconds() if seconds is None else seconds) + _IST_OFFSET)

    def gmtime(seconds: float | None = None) -> real_time.struct_time:
        return real_time.gmtime(clock.seconds() if seconds is None else seconds)

    def strftime(form: str, moment: Any = None) -> str:
        return real_time.strftime(form, localtime() if moment is None else moment)

    def asctime(moment: Any = None) -> str:
        return real_time.asctime(localtime() if moment is None else moment)

    def ctime(seconds: float | None = None) -> str:
        return real_time.asctime(localtime(seconds))

    def mktime(moment: Any) -> float:
        return float(calendar.timegm(moment) - _IST_OFFSET)

    module = _copy_of(real_time)
    vars(module).update(
        time=clock.seconds,
        monotonic=clock.seconds,
        perf_counter=clock.seconds,
        time_ns=clock.ns,
        monotonic_ns=clock.ns,
        perf_counter_ns=clock.ns,
        sleep=clock.sleep,
        localtime=localtime,
        gmtime=gmtime,
        strftime=strftime,
        asctime=asctime,
        ctime=ctime,
        mktime=mktime,
        timezone=-_IST_OFFSET,
        altzone=-_IST_OFFSET,
        daylight=0,
        tzname=("IST", "IST"),
    )
    return module


def _copy_of(real: ModuleType) -> ModuleType:
    module = ModuleType(real.__name__, real.__doc__)
    vars(module).update(vars(real))
    return module
