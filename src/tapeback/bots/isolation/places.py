"""Which files a bot may read and write: its scratch folder, and what Python itself needs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence

# What the standard library and the usual packages read for themselves.
_SYSTEM = (
    "/usr", "/lib", "/lib64", "/bin", "/sbin", "/sys", "/System", "/Library",
    "/etc/localtime", "/etc/timezone", "/etc/ssl", "/etc/pki", "/etc/ca-certificates",
    "/etc/mime.types", "/etc/os-release", "/etc/lsb-release", "/etc/debian_version",
    "/dev/null", "/dev/zero", "/dev/urandom", "/dev/random",
)  # fmt: skip
# System folders that hold what users keep.
_NEVER = ("/usr/local/etc", "/usr/local/var", "/Library/Keychains")
_CODE = (".py", ".pyc", ".so", ".pyd", ".dll", ".dylib", ".pth")


class Places:
    """Answers for absolute, resolved paths; symbolic links are followed first."""

    def __init__(
        self,
        root: str,
        *,
        readable: Iterable[str] = (),
        writable: Iterable[str] = (),
        import_path: Sequence[str] = (),
    ) -> None:
        windows = [os.environ["SYSTEMROOT"]] if "SYSTEMROOT" in os.environ else []
        python = [sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix]
        self._writable = _folders([root, *writable])
        self._readable = _folders([*_SYSTEM, *windows, *python, *readable]) + self._writable
        self._code = _folders(import_path)
        self._never = _folders(_NEVER)
        self._processes = _resolved("/proc")
        self._null = _resolved(os.devnull)

    def may_write(self, path: str) -> bool:
        """Whether a bot may create, change or remove this."""
        path = _resolved(path)
        return path == self._null or path.startswith(self._writable)

    def may_read(self, path: str) -> bool:
        """Whether a bot may open this for reading."""
        path = _resolved(path)
        below = path + os.sep
        if below.startswith(self._processes + os.sep):
            return self._is_own(path)
        if below.startswith(self._readable):
            return not below.startswith(self._never)
        return path == self._null or (below.startswith(self._code) and path.endswith(_CODE))

    def _is_own(self, path: str) -> bool:
        """Under /proc: this process and the machine; another process's environment has keys."""
        owner = path[len(self._processes) + 1 :].split(os.sep, maxsplit=1)[0]
        return not owner.isdigit() or owner == str(os.getpid())


def _resolved(path: str) -> str:
    return os.path.normcase(os.path.realpath(path))


def _folders(paths: Iterable[str]) -> tuple[str, ...]:
    """Beginnings of the paths under some folders."""
    return tuple({_resolved(path) + os.sep for path in paths if path})
