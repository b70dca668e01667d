"""What a bot may use up: imposed by the system where it can, and counted besides, so that a run
which passes a limit still ends in order and keeps its result."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from time import process_time  # the name keeps the real one when virtual time comes

import msgspec

from tapeback.bots import real

MB = 1 << 20
# The system's own limits lie this much beyond: they end a process that no longer listens.
_SPARE_CPU = 20
_SPARE_MEMORY = 1024 * MB


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one launch of a bot may use; None means no limit.

    CPU and wall time in seconds; `memory_mb` of data in memory; the size of one file, the number
    and the size of all files in the scratch folder, files open at once; megabytes of output that
    are kept (what is printed beyond is counted and dropped, the run goes on).
    """

    cpu_seconds: float | None = 7200.0
    wall_seconds: float | None = None
    memory_mb: int | None = 4096
    file_mb: int = 512
    files: int = 20_000
    folder_mb: int = 2048
    open_files: int = 1024
    output_mb: float = 64.0


def impose(limits: Limits) -> list[str]:
    """Have the system hold this process to the limits; a line for each that it cannot hold."""
    try:
        import resource
    except ImportError:
        return [
            f"{sys.platform} limits neither a bot's memory nor the size of its files while they "
            "are written; CPU time, wall time and the scratch folder are watched."
        ]
    wanted = [("NOFILE", limits.open_files, 0), ("FSIZE", limits.file_mb * MB, 0), ("CORE", 0, 0)]
    if limits.cpu_seconds is not None:
        wanted.append(("CPU", int(limits.cpu_seconds) + _SPARE_CPU, _SPARE_CPU))
    if limits.memory_mb is not None:
        # Data alone where the system can tell: files that are mapped and stacks cost nothing.
        kind = "DATA" if sys.platform == "linux" else "AS"
        wanted.append((kind, limits.memory_mb * MB, _SPARE_MEMORY))
    lines = []
    for name, soft, spare in wanted:
        kind = getattr(resource, f"RLIMIT_{name}")
        _, highest = resource.getrlimit(kind)
        hard = soft + spare
        if highest != resource.RLIM_INFINITY:
            soft, hard = min(soft, highest), min(hard, highest)
        try:
            resource.setrlimit(kind, (soft, hard))
        except (OSError, ValueError) as error:
            lines.append(f"{sys.platform} does not limit a bot's {name}: {error}.")
    return lines


def lift_memory() -> None:
    """Give the process some more memory, so that the result of a bot that had none left can be
    written."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        kind = resource.RLIMIT_DATA if sys.platform == "linux" else resource.RLIMIT_AS
        _, hard = resource.getrlimit(kind)
        resource.setrlimit(kind, (hard, hard))


class Usage:
    """Looks at what this process has used."""

    def __init__(self, limits: Limits, root: str) -> None:
        self._limits = limits
        self._root = root
        self._begun = process_time()
        self._begun_at = real.seconds()

    def exceeded(self) -> str | None:
        """Which limit is passed, as the end of "the run was stopped: …"; None while none is."""
        limits = self._limits
        if limits.cpu_seconds is not None and process_time() - self._begun > limits.cpu_seconds:
            return f"it took more than {limits.cpu_seconds:g} seconds of CPU time"
        if limits.wall_seconds is not None and (
            real.seconds() - self._begun_at > limits.wall_seconds
        ):
            return f"it ran for more than {limits.wall_seconds:g} seconds"
        if limits.memory_mb is not None and memory_in_use() > limits.memory_mb * MB:
            return f"it took more than {limits.memory_mb} MB of memory"
        files, size = folder_use(self._root)
        if files > limits.files:
            return f"it made more than {limits.files} files"
        if size > limits.folder_mb * MB:
            return f"its files took more than {limits.folder_mb} MB"
        return None


def memory_in_use() -> int:
    """Bytes of this process in memory; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return 0


def folder_use(root: str) -> tuple[int, int]:
    """Number and bytes of the files under a folder."""
    files = size = 0
    waiting = [root]
    while waiting:
        with suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                else:
                    files += 1
                    with suppress(OSError):
                        size += entry.stat(follow_symlinks=False).st_size
    return files, size
