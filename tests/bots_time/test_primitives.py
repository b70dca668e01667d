"""A version of Python with a new way to wait, or to read a clock, is noticed here first."""

from __future__ import annotations

import _queue
import _thread
import selectors
import signal
import threading
import time

# Replaced by virtual time, or without any wait and clock of their own.
THREAD = {
    *("LockType", "RLock", "TIMEOUT_MAX", "_ExceptHookArgs", "_ThreadHandle", "_count"),
    *("_excepthook", "_get_main_thread_ident", "_is_main_interpreter", "_local"),
    *("_make_thread_handle", "_set_sentinel", "_shutdown", "allocate", "allocate_lock"),
    *("daemon_threads_allowed", "error", "exit", "exit_thread", "get_ident", "get_native_id"),
    *("interrupt_main", "lock", "stack_size", "start_joinable_thread", "start_new"),
    *("set_name", "start_new_thread"),
}
QUEUE = {"Empty", "SimpleQueue"}
TIME = {
    *("altzone", "asctime", "clock_getres", "clock_gettime", "clock_gettime_ns"),
    *("clock_settime", "clock_settime_ns", "ctime", "daylight", "get_clock_info", "gmtime"),
    *("localtime", "mktime", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"),
    *("process_time", "process_time_ns", "pthread_getcpuclockid", "sleep", "strftime"),
    *("strptime", "struct_time", "thread_time", "thread_time_ns", "time", "time_ns"),
    *("timezone", "tzname", "tzset"),
}
SIGNAL = {
    *("alarm", "default_int_handler", "getitimer", "getsignal", "pause", "pidfd_send_signal"),
    *("pthread_kill", "pthread_sigmask", "raise_signal", "set_wakeup_fd", "setitimer"),
    *("siginterrupt", "signal", "sigpending", "sigtimedwait", "sigwait", "sigwaitinfo"),
    *("strsignal", "struct_siginfo", "valid_signals"),
}
SELECTORS = {
    *("DefaultSelector", "SelectSelector", "PollSelector", "EpollSelector", "DevpollSelector"),
    *("KqueueSelector", "BaseSelector"),
}
THREADING_INTERNALS = ("_threading_atexits", "_make_invoke_excepthook", "_active", "_main_thread")


def public(module: object) -> set[str]:
    return {name for name in dir(module) if not name.startswith("__")}


def test_no_unknown_primitive() -> None:
    assert public(_thread) <= THREAD
    assert public(_queue) <= QUEUE
    assert {name for name in public(time) if name.islower() and name[0] != "_"} <= TIME
    assert {name for name in public(signal) if name.islower() and name[0] != "_"} <= SIGNAL
    assert {name for name in public(selectors) if name.endswith("Selector")} <= {
        *SELECTORS,
        "_BaseSelectorImpl",
        "_PollLikeSelector",
    }


def test_what_the_replacement_leans_on_is_there() -> None:
    assert [name for name in THREADING_INTERNALS if not hasattr(threading, name)] == []
    main = threading.main_thread()
    assert hasattr(main, "_handle") or hasattr(main, "_tstate_lock")
