"""The folder that a bot runs in: copies of its script and of what lies beside it.

The bot's own folder is never touched. What the bot writes stays from launch to launch of a run.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

from tapeback.bots.isolation.environment import KEY
from tapeback.errors import OutputError, StrategyNotFoundError
from tapeback.utils.secrets import MASK, masked

# Nothing in these is a bot's own.
_LEFT_OUT = {
    "__pycache__", "node_modules", "site-packages", "venv", "env", "build", "dist",
    "tapeback-results",
}  # fmt: skip
# A file or a folder beyond these is market data or the like, not something that a bot keeps.
LARGEST_FILE = 32 << 20
LARGEST_FOLDER = 128 << 20
MOST_FILES = 2_000
# For all of them together; code comes first.
MOST_BYTES = 512 << 20
_VARIABLE = re.compile(r"^(\s*(?:export\s+)?)([A-Za-z_]\w*)(\s*=\s*)(.*)$")


class Scratch:
    """`work` is the bot's working folder with its `script`; `left_out` names what was too large
    to copy, or cannot be read. The whole lies under `root`, which `remove` takes away."""

    def __init__(self, script: Path) -> None:
        """Copies a script and its surroundings. StrategyNotFoundError where there is none,
        OutputError where there is no room."""
        self.source = script.resolve()
        if not self.source.is_file():
            raise StrategyNotFoundError(f"there is no file {script}.")
        self.left_out: list[str] = []
        self._room = MOST_BYTES
        try:
            # The resolved name: a bot may ask where it is.
            self.root = Path(tempfile.mkdtemp(prefix="tapeback-")).resolve()
            self.work = self.root / (self.source.parent.name or "bot")
            self.home, self.temporary = self.root / ".home", self.root / ".tmp"
            for folder in (self.work, self.home, self.temporary):
                folder.mkdir()
            self._copy(self.source.parent)
            self._copy_from_above(self.source.parent.parent)
        except OSError as error:
            raise OutputError(f"the bot's folder cannot be copied: {error}.") from error
        self.script = self.work / self.source.name

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def to_source(self, file: str) -> str:
        """The user's own path of a file in the scratch folder; any other path as it is."""
        path = Path(file)
        if path.is_relative_to(self.work):
            return str(self.source.parent / path.relative_to(self.work))
        if path.is_relative_to(self.root):
            return str(self.source.parent.parent / path.relative_to(self.root))
        return file

    def keep(self, folder: Path) -> None:
        """Copy what the bot has now to a folder that is kept. OutputError where that fails."""
        try:
            shutil.copytree(self.work, folder, symlinks=True, dirs_exist_ok=True,
                            ignore=shutil.ignore_patterns("__pycache__"))  # fmt: skip
        except (OSError, shutil.Error) as error:
            raise OutputError(f"the bot's files cannot be kept in {folder}: {error}.") from error

    def remove(self) -> None:
        """Take the folder away; what cannot be removed stays."""
        shutil.rmtree(self.root, ignore_errors=True)

    def _copy(self, source: Path) -> None:
        shutil.copyfile(self.source, self.work / self.source.name)
        for path in sorted(source.iterdir(), key=_code_first):
            if path == self.source or _is_foreign(path):
                continue
            if path.is_dir():
                self._copy_folder(path, self.work)
            elif path.is_file():
                self._copy_file(path, self.work / path.name)

    def _copy_from_above(self, above: Path) -> None:
        """What scripts import from the folder above theirs, having put it on the path: a project's
        own packages; and its `.env`."""
        for name in sorted(_imports_of(self.work)):
            if (self.work / name).exists() or (self.work / f"{name}.py").exists():
                continue
            if (above / f"{name}.py").is_file():
                self._copy_file(above / f"{name}.py", self.root / f"{name}.py")
            folder = above / name
            if folder != self.source.parent and folder.is_dir() and not _is_foreign(folder):
                self._copy_folder(folder, self.root)
        if (above / ".env").is_file():
            self._copy_file(above / ".env", self.root / ".env")

    def _copy_folder(self, folder: Path, into: Path) -> None:
        files = []
        size = 0
        try:
            for path in _files_of(folder):
                files.append(path)
                size += path.stat().st_size
                if len(files) > MOST_FILES or size > min(LARGEST_FOLDER, self._room):
                    break
            else:
                self._copy_files(files, folder, into)
                return
        except OSError:  # it cannot be read
            pass
        self.left_out.append(f"{folder.name}{os.sep}")

    def _copy_files(self, files: list[Path], folder: Path, into: Path) -> None:
        (into / folder.name).mkdir(exist_ok=True)
        for path in files:
            target = into / path.relative_to(folder.parent)
            target.parent.mkdir(parents=True, exist_ok=True)
            self._copy_file(path, target)

    def _copy_file(self, path: Path, target: Path) -> None:
        size = path.stat().st_size
        if size > min(LARGEST_FILE, self._room) or not os.access(path, os.R_OK):
            self.left_out.append(os.path.relpath(path, self.source.parent))
            return
        self._room -= size
        if path.name.startswith(".env") or path.suffix == ".env":
            text = path.read_text(encoding="utf-8", errors="replace")
            target.write_text(without_secrets(text), encoding="utf-8")
        else:
            shutil.copyfile(path, target)


def without_secrets(text: str) -> str:
    """A `.env` file's text with a dummy for each key, token and password."""
    return "\n".join(_harmless(line) for line in text.split("\n"))


def _harmless(line: str) -> str:
    found = _VARIABLE.match(line)
    if found is None or masked("", found[2]) != MASK:
        return line
    return f"{found[1]}{found[2]}{found[3]}{KEY}"


def _code_first(path: Path) -> tuple[bool, str]:
    code = path.suffix == ".py" or (path.is_dir() and any(path.glob("*.py")))
    return not (code or path.name.startswith(".env")), path.name


def _is_foreign(path: Path) -> bool:
    """Whether something beside a script is no part of it. Hidden files are: `.env`, state."""
    if path.is_dir():
        hidden = path.name.startswith(".")
        return hidden or path.name in _LEFT_OUT or (path / "pyvenv.cfg").exists()
    return False


def _imports_of(folder: Path) -> set[str]:
    """The top names that the scripts in a folder import, but for Python's own."""
    found: set[str] = set()
    for path in folder.glob("*.py"):
        with suppress(SyntaxError, ValueError):
            for node in ast.walk(ast.parse(path.read_bytes())):
                if isinstance(node, ast.Import):
                    found |= {one.name.split(".")[0] for one in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    found.add(node.module.split(".")[0])
    return found - sys.stdlib_module_names


def _files_of(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            if not (_is_foreign(path) or path.is_symlink()):
                yield from _files_of(path)
        elif path.is_file():
            yield path
