"""The machine's own clock, threads and locks, kept under names that virtual time never replaces."""

from __future__ import annotations

import os
import signal
import time
from _thread import allocate_lock, get_ident, start_new_thread

seconds = time.monotonic
cpu_seconds = time.process_time
sleep = time.sleep
gmtime = time.gmtime
strftime = time.strftime
asctime = time.asctime
clock_gettime_ns = getattr(time, "clock_gettime_ns", None)
exit_process = os._exit
kill = os.kill
set_signal = signal.signal
raise_signal = signal.raise_signal

__all__ = [
    "allocate_lock",
    "asctime",
    "clock_gettime_ns",
    "cpu_seconds",
    "exit_process",
    "get_ident",
    "gmtime",
    "kill",
    "raise_signal",
    "seconds",
    "set_signal",
    "sleep",
    "start_new_thread",
    "strftime",
]
