"""The time of a run in every form that Python programs ask for, computed from one integer.

Time stands still between two waits of the bot. Whoever keeps looking at the clock without ever
waiting is let wait a little (`idle`), so that a loop which waits for the time of day ends.
"""

from __future__ import annotations

import time as real_time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

from tapeback.bots import real
from tapeback.utils.clock import DAY_NS, IST_OFFSET_NS, SECOND_NS

# A machine that was switched on the day before: bots compare `monotonic()` with a zero of their
# own and take the difference for a long time.
UPTIME_NS = DAY_NS
# Looks at one instant that pass for ordinary work.
PATIENCE = 200

_EPOCH = datetime(1970, 1, 1)
_EPOCH_UTC = datetime(1970, 1, 1, tzinfo=UTC)
_IST_OFFSET = IST_OFFSET_NS // SECOND_NS
_SINCE_START = {"CLOCK_BOOTTIME", "CLOCK_MONOTONIC", "CLOCK_MONOTONIC_RAW", "CLOCK_UPTIME_RAW"}
_OF_DAY = {"CLOCK_REALTIME", "CLOCK_TAI"}


class VirtualClock:
    """`now` is the instant of the run, ns UTC; only the scheduler moves it."""

    __slots__ = ("_looked_at", "_naive", "_naive_ns", "idle", "looks", "now", "start")

    def __init__(self, start: int) -> None:
        self.now = self.start = start
        self.idle: Callable[[], None] = lambda: None
        self.looks = 0
        self._looked_at = start
        self._naive = _EPOCH
        self._naive_ns = -1

    def look(self) -> int:
        """The instant, ns UTC, and one look at it counted."""
        self.looks += 1
        if self.looks > PATIENCE:
            self.looks = 0
            if self._looked_at == self.now:
                self.idle()
            self._looked_at = self.now
        return self.now

    # --- as the module `time` gives it

    def time(self) -> float:
        """Seconds since 1970 UTC."""
        return self.look() / SECOND_NS

    def time_ns(self) -> int:
        """Nanoseconds since 1970 UTC."""
        return self.look()

    def monotonic(self) -> float:
        """Seconds since the machine seems to have been switched on."""
        return (self.look() - self.start + UPTIME_NS) / SECOND_NS

    def monotonic_ns(self) -> int:
        """Nanoseconds since the machine seems to have been switched on."""
        return self.look() - self.start + UPTIME_NS

    def busy(self) -> float:
        """Seconds since the start: what a process clock shows, as if the bot never rested."""
        return (self.look() - self.start) / SECOND_NS

    def busy_ns(self) -> int:
        """Nanoseconds since the start."""
        return self.look() - self.start

    def clock_gettime(self, clock_id: int) -> float:
        """Seconds of one of the system's clocks."""
        return self.clock_gettime_ns(clock_id) / SECOND_NS

    def clock_gettime_ns(self, clock_id: int) -> int:
        """Nanoseconds of one of the system's clocks; OSError for a clock that is not there."""
        assert real.clock_gettime_ns is not None
        real.clock_gettime_ns(clock_id)
        names = {name for name in vars(real_time) if getattr(real_time, name) == clock_id}
        if names & _OF_DAY:
            return self.time_ns()
        return self.monotonic_ns() if names & _SINCE_START else self.busy_ns()

    def localtime(self, seconds: float | None = None) -> real_time.struct_time:
        """Indian time."""
        return self._of_zone(seconds, _IST_OFFSET, "IST")

    def gmtime(self, seconds: float | None = None) -> real_time.struct_time:
        """UTC."""
        return self._of_zone(seconds, 0, "UTC")

    def _of_zone(self, seconds: float | None, offset: int, name: str) -> real_time.struct_time:
        if seconds is None:
            seconds = self.look() // SECOND_NS
        parts = real.gmtime(seconds + offset)
        zone = {"tm_zone": name, "tm_gmtoff": offset}
        return real_time.struct_time(tuple(parts), zone)

    def strftime(self, form: str, moment: Any = None) -> str:
        """Indian time as text."""
        return real.strftime(form, self.localtime() if moment is None else moment)

    def asctime(self, moment: Any = None) -> str:
        """Indian time as C writes it."""
        return real.asctime(self.localtime() if moment is None else moment)

    def ctime(self, seconds: float | None = None) -> str:
        """Indian time as C writes it."""
        return real.asctime(self.localtime(seconds))

    # --- as the classes `datetime` and `date` give it

    def naive(self) -> datetime:
        """Indian wall-clock time without a zone; at one instant always the same object."""
        ns = self.look()
        if ns != self._naive_ns:
            self._naive = _EPOCH + timedelta(microseconds=(ns + IST_OFFSET_NS) // 1000)
            self._naive_ns = ns
        return self._naive

    def datetime_now(self, cls: type[datetime], tz: tzinfo | None = None) -> datetime:
        """What `cls.now(tz)` answers."""
        if tz is None:
            return _as(cls, self.naive())
        moment = _EPOCH_UTC + timedelta(microseconds=self.look() // 1000)
        return _as(cls, moment.astimezone(tz))

    def datetime_utcnow(self, cls: type[datetime]) -> datetime:
        """What `cls.utcnow()` answers."""
        return _as(cls, _EPOCH + timedelta(microseconds=self.look() // 1000))

    def datetime_today(self, cls: type[datetime]) -> datetime:
        """What `cls.today()` answers of a datetime."""
        return _as(cls, self.naive())

    def date_today(self, cls: type[date]) -> date:
        """What `cls.today()` answers of a date."""
        today = self.naive().date()
        return today if cls is date else cls(today.year, today.month, today.day)


def _as(cls: type[datetime], moment: datetime) -> datetime:
    if cls is datetime:
        return moment
    return cls(
        moment.year,
        moment.month,
        moment.day,
        moment.hour,
        moment.minute,
        moment.second,
        moment.microsecond,
        tzinfo=moment.tzinfo,
        fold=moment.fold,
    )


def nanoseconds(seconds: float) -> int:
    """A duration in ns, at least 1 where it is above zero."""
    ns = int(seconds * 1e9 + 0.5)
    return ns if ns or seconds <= 0 else 1
