"""Refuses what a bot must not do in a backtest: reach a network, start a process, touch files that
are not its own.

It stands on Python's audit events, so it stops accidents and ordinary code; a library in C that
opens files by itself is only stopped by strict confinement. What Tapeback does for the bot, such
as reading candles, is not the bot's doing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from errno import EACCES
from ipaddress import ip_address
from types import FrameType
from typing import Any

from tapeback.bots.isolation.messages import Permissions
from tapeback.bots.isolation.places import Places

# Told of each refusal: its code, a sentence, and the frame that it is laid to.
OnRefusal = Callable[[str, str, FrameType], None]
Judgement = tuple[str, str] | None
# Of an event's name, its arguments and the innermost frame: what is wrong, None where nothing is.
Rule = Callable[[str, Sequence[Any], FrameType], Judgement]

_OWN = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) + os.sep
_LAUNCHERS = os.path.join(_OWN, "bots") + os.sep
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_PROCESSES = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork",
              "os.forkpty", "pty.spawn", "os.startfile", "os.startfile/2", "_winapi.CreateProcess",
              "tapeback.fork_exec")  # fmt: skip
_CONNECTIONS = ("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg")
_LOOK_UPS = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr",
             "socket.getnameinfo")  # fmt: skip
# Functions and their modules: an event loop's own pair of sockets, as Windows makes it, and a look
# at what the machine can do.
_HARMLESS = {
    "socketpair": "socket",
    "_fallback_socketpair": "socket",
    "_has_ipv6": "urllib3.util.connection",
}
# Position of each path in the event's arguments, and of the descriptor it is relative to.
_CHANGES: dict[str, tuple[tuple[int, int | None], ...]] = {
    "os.remove": ((0, 1),),
    "os.rmdir": ((0, 1),),
    "os.mkdir": ((0, 2),),
    "os.rename": ((0, 2), (1, 3)),
    "os.link": ((0, 2), (1, 3)),
    "os.symlink": ((1, 2),),
    "os.truncate": ((0, None),),
    "os.chmod": ((0, 2),),
    "os.chown": ((0, 3),),
    "os.utime": ((0, 3),),
    "os.setxattr": ((0, None),),
    "os.removexattr": ((0, None),),
}


class Refused(PermissionError):
    """A bot did what a backtest does not allow."""

    def __init__(self, what: str) -> None:
        super().__init__(EACCES, f"refused in a backtest: {what}")


class Guard:
    """Watches this process from `arm` to `disarm`; it can be armed again."""

    def __init__(self, places: Places, permissions: Permissions, bot_folder: str) -> None:
        self._places = places
        self._bot = os.path.realpath(bot_folder) + os.sep
        self._armed = False
        self._on_refusal: OnRefusal = lambda *_: None
        self._rules: dict[str, Rule] = {
            "open": self._judge_open,
            "sqlite3.connect": self._judge_database,
            **dict.fromkeys(_CHANGES, self._judge_change),
        }
        if not permissions.network:
            self._rules |= dict.fromkeys((*_CONNECTIONS, *_LOOK_UPS), _judge_network)
        if not permissions.processes:
            self._rules |= dict.fromkeys(_PROCESSES, _judge_process)
            self._rules |= dict.fromkeys(("os.kill", "os.killpg"), _judge_signal)
            self._rules["ctypes.dlopen"] = self._judge_library
        self._install()
        _audit_forks()

    def arm(self, on_refusal: OnRefusal) -> None:
        """Judge from now on."""
        self._on_refusal = on_refusal
        # Compiled modules beside packages are no concern of a bot, and not its to write.
        sys.dont_write_bytecode = True
        self._armed = True

    def disarm(self) -> None:
        """The bot is done."""
        self._armed = False

    def _judge(self, event: str, arguments: Sequence[Any], innermost: FrameType) -> None:
        """Refuse what a rule refuses, unless it is Tapeback's own doing."""
        frame = self._culprit(innermost)
        if frame is None:
            return
        judgement = self._rules[event](event, arguments, innermost)
        if judgement is not None:
            code, what = judgement
            self._on_refusal(code, f"It was refused: {what}.", frame)
            raise Refused(what)

    def _install(self) -> None:
        """Hear of everything. Python has hundreds of events, some at every turn: those that no
        rule is about must cost next to nothing."""
        rules = self._rules

        def audit(event: str, arguments: Sequence[Any]) -> None:
            if event in rules and self._armed:
                self._judge(event, arguments, sys._getframe(1))

        sys.addaudithook(audit)

    def _culprit(self, innermost: FrameType) -> FrameType | None:
        """The bot's frame that an action is laid to, or the innermost where none is the bot's (a
        thread that runs a library's function); None where Tapeback acts for the bot."""
        frame: FrameType | None = innermost
        while frame is not None:
            file = frame.f_code.co_filename
            if file.startswith(self._bot):
                return frame
            if file.startswith(_OWN) and not file.startswith(_LAUNCHERS):
                return None
            frame = frame.f_back
        return innermost

    # --- the rules

    def _judge_open(
        self, _event: str, arguments: Sequence[Any], _innermost: FrameType
    ) -> Judgement:
        path, mode, flags = arguments
        if not isinstance(path, str | bytes):  # a descriptor
            return None
        path = os.fsdecode(path)
        if any(letter in mode for letter in "wax+") if mode else flags & _WRITING:
            return None if self._places.may_write(path) else _write_refused(path)
        return None if self._places.may_read(path) else ("read_refused", f"reading {path}")

    def _judge_change(
        self, event: str, arguments: Sequence[Any], _innermost: FrameType
    ) -> Judgement:
        for position, relative_to in _CHANGES[event]:
            path = arguments[position]
            if not isinstance(path, str | bytes):
                continue
            path = os.fsdecode(path)
            if relative_to is not None and not os.path.isabs(path):
                path = os.path.join(_folder_of(arguments[relative_to]), path)
            # The entry itself is changed, not what a symbolic link at its place leads to.
            folder, name = os.path.split(os.path.abspath(path))
            if not self._places.may_write(os.path.join(os.path.realpath(folder), name)):
                return _write_refused(path)
        return None

    def _judge_database(
        self, _event: str, arguments: Sequence[Any], _innermost: FrameType
    ) -> Judgement:
        path = os.fsdecode(arguments[0]) if isinstance(arguments[0], str | bytes) else ""
        if path.startswith("file:"):
            path, _, query = path.removeprefix("file:").partition("?")
            if "mode=memory" in query:
                return None
            path = "/" + path.lstrip("/") if path.startswith("//") else path
        if path in ("", ":memory:") or self._places.may_write(path):
            return None
        return _write_refused(path)

    def _judge_library(
        self, _event: str, arguments: Sequence[Any], innermost: FrameType
    ) -> Judgement:
        """Packages load their own libraries; a bot that does it itself leaves Python's rules."""
        frame: FrameType | None = innermost
        while frame is not None and f"{os.sep}ctypes{os.sep}" in frame.f_code.co_filename:
            frame = frame.f_back
        if frame is None or not frame.f_code.co_filename.startswith(self._bot):
            return None
        return "library_refused", f"loading {arguments[0] or 'the C library'} by ctypes"


def _judge_network(event: str, arguments: Sequence[Any], innermost: FrameType) -> Judgement:
    if _is_harmless(innermost):
        return None
    if event in _LOOK_UPS:
        host = arguments[0]
        return None if _is_number(host) else ("network_refused", f"looking up {host}")
    verb = {"socket.bind": "listening on", "socket.connect": "connecting to"}.get(
        event, "sending to"
    )
    return "network_refused", f"{verb} {_address(arguments[1])}"


def _judge_process(event: str, arguments: Sequence[Any], _innermost: FrameType) -> Judgement:
    if event in ("os.fork", "os.forkpty", "tapeback.fork_exec"):
        return "process_refused", "starting another process"
    given = arguments[0]
    if given is None and len(arguments) > 1:  # Popen without `executable`
        given = arguments[1]
    command = given if isinstance(given, str | bytes | os.PathLike) else " ".join(map(str, given))
    return "process_refused", f"starting {os.fsdecode(command)}"


def _judge_signal(event: str, arguments: Sequence[Any], _innermost: FrameType) -> Judgement:
    if event == "os.kill" and arguments[0] == os.getpid():
        return None
    return "process_refused", f"a signal to process {arguments[0]}"


def _write_refused(path: str) -> Judgement:
    return "write_refused", f"writing {path}"


def _is_number(host: Any) -> bool:
    """Whether a host is an address already: nobody is asked then."""
    try:
        ip_address(host.decode() if isinstance(host, bytes) else host)
    except ValueError:
        return host is None
    return True


def _address(address: Any) -> str:
    if isinstance(address, tuple) and len(address) > 1:
        return f"{address[0]}:{address[1]}"
    return str(address)


def _folder_of(descriptor: int) -> str:
    """The folder that a relative path starts from."""
    if descriptor == -1:
        return os.getcwd()
    with suppress(OSError):
        return os.readlink(f"/proc/self/fd/{descriptor}")
    return os.sep


def _is_harmless(innermost: FrameType) -> bool:
    """Whether a library talks to itself over loopback."""
    frame: FrameType | None = innermost
    while frame is not None:
        if _HARMLESS.get(frame.f_code.co_name, "-") == frame.f_globals.get("__name__"):
            return True
        frame = frame.f_back
    return False


def _audit_forks() -> None:
    """Have multiprocessing's way to start a process seen, of which Python tells no hook."""
    try:
        import _posixsubprocess
    except ImportError:
        return
    start = _posixsubprocess.fork_exec

    def fork_exec(*arguments: Any) -> int:
        sys.audit("tapeback.fork_exec")
        return start(*arguments)

    vars(_posixsubprocess)["fork_exec"] = fork_exec
