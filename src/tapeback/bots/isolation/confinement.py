"""Strict confinement by bubblewrap (Linux): no network at all, a read-only view of what Python
needs, and nothing else of the machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable

from tapeback.bots.isolation.environment import import_path
from tapeback.errors import ConfigError

PROGRAM = "bwrap"
_SYSTEM = ("/usr", "/lib", "/lib64", "/lib32", "/bin", "/sbin", "/etc/ld.so.cache",
           "/etc/localtime", "/etc/timezone", "/etc/ssl", "/etc/alternatives",
           "/etc/mime.types", "/etc/os-release")  # fmt: skip


def missing(program: str = PROGRAM) -> str | None:
    """Why strict confinement cannot be had here; None where it can."""
    if sys.platform != "linux":
        return f"there is no bubblewrap for {sys.platform}"
    found = shutil.which(program)
    if found is None:
        return f"the program {program} is not installed"
    trial = subprocess.run(
        [found, "--unshare-all", "--ro-bind", "/", "/", sys.executable, "-S", "-c", ""],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if trial.returncode:
        return f"{program} does not work here ({trial.stderr.strip() or trial.returncode})"
    return None


def confined(
    command: list[str],
    *,
    root: str,
    work: str,
    readable: Iterable[str],
    writable: Iterable[str],
    network: bool,
    program: str = PROGRAM,
) -> list[str]:
    """The command that runs another one confined. Raises ConfigError where that cannot be had: a
    confinement that was asked for is never left out."""
    why = missing(program)
    if why is not None:
        raise ConfigError(
            f"--confine strict: {why}.",
            remedy="Install bubblewrap (apt install bubblewrap), or leave --confine away: "
            "every bot has a process of its own, without network and files.",
        )
    wrapped = [shutil.which(program) or program, "--unshare-all", "--die-with-parent"]
    if network:
        wrapped.append("--share-net")
    for path in _SYSTEM:
        wrapped += ["--ro-bind-try", path, path]
    wrapped += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
    for path in _python_folders():
        wrapped += ["--ro-bind-try", path, path]
    for path in dict.fromkeys(map(os.path.realpath, readable)):
        wrapped += ["--ro-bind", path, path]
    for path in dict.fromkeys(map(os.path.realpath, [root, *writable])):
        wrapped += ["--bind", path, path]
    return [*wrapped, "--chdir", work, "--", *command]


def _python_folders() -> list[str]:
    """Where this interpreter and everything that it can import lies; as it is named, and as it
    really is."""
    folders = [sys.prefix, sys.base_prefix, sys.exec_prefix, os.path.dirname(sys.executable)]
    folders += import_path()
    named = [os.path.abspath(folder) for folder in folders]
    return list(dict.fromkeys([*named, *map(os.path.realpath, named)]))
