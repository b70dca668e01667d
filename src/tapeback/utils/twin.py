"""The compiled twin of the hot modules: the same sources, made into machine code by
`python dev.py compile`.

A twin lies in a folder that is named after its sources and its Python, so that one which is older
than what lies beside it is never found. Results are the same to the byte.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

PACKAGE = Path(__file__).resolve().parents[1]
TWINS = PACKAGE / "_compiled"
# Set to anything but 0, it keeps Tapeback to its sources.
PURE = "TAPEBACK_PURE"


class TwinFinder:
    """Imports modules from the files of a twin."""

    def __init__(self, files: dict[str, Path]) -> None:
        self._files = files

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        file = self._files.get(name)
        return None if file is None else spec_from_file_location(name, file)


def sources() -> list[Path]:
    """The files that a twin is made of: declarations for the compiler and the modules beside
    them."""
    declared = sorted(PACKAGE.rglob("*.pxd"))
    return [file for pxd in declared for file in (pxd, pxd.with_suffix(".py"))]


def folder() -> Path:
    """Where the twin of the present sources lies, if there is one."""
    from hashlib import sha256

    digest = sha256(sys.version.encode())
    for file in sources():
        digest.update(file.relative_to(PACKAGE).as_posix().encode())
        digest.update(file.read_bytes())
    return TWINS / digest.hexdigest()[:16]


def use() -> bool:
    """Import the twin in place of the sources from now on, where there is one; whether it is."""
    if os.environ.get(PURE, "0") != "0" or not TWINS.is_dir():
        return False
    twin = folder()
    suffix = EXTENSION_SUFFIXES[0]
    files = {
        ".".join(
            ("tapeback", *file.relative_to(twin).parent.parts, file.name[: -len(suffix)])
        ): file
        for file in twin.rglob(f"*{suffix}")
    }
    if files:
        sys.meta_path.insert(0, TwinFinder(files))
    return bool(files)
