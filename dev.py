#!/usr/bin/env python3
"""The chores of this repository, on Linux, macOS and Windows, with the standard library alone.

`python dev.py setup` makes one `.venv` from the hash-pinned lock and installs the package editable
into it; every other chore does that first when it is missing or out of date. Once that is done,
nothing here needs a network.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

REPO = Path(__file__).resolve().parent
VENV = REPO / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
PROJECT = REPO / "pyproject.toml"
LOCK = REPO / "requirements-dev.lock"
STAMP = VENV / "dev-setup.sha256"
OLDEST_PYTHON = (3, 11)

CHECKS = (
    ("ruff", "format", "--check", "."),
    ("ruff", "check", "."),
    ("mypy", "--strict", "src"),
    ("lint-imports",),
)


class SetupError(Exception):
    """The environment cannot be made; the message says what to do."""


def main(arguments: list[str] | None = None) -> int:
    """Run one chore and return its exit code; 2 when the environment cannot be made."""
    chores = {
        "setup": (setup, "make or update .venv"),
        "run": (run, "the grid bot over a synthetic year of 1-minute bars, into runs/first"),
        "test": (test, "the whole test suite with coverage, or what the arguments name"),
        "check": (check, "format, lint, types and layers"),
        "bench": (bench, "the benchmarks"),
        "compile": (compile_twin, "compile the hot modules: the same results, sooner"),
    }
    width = max(map(len, chores))
    parser = argparse.ArgumentParser(
        prog="dev.py",
        description="The chores of this repository. Further arguments go to the chore's program.",
        epilog="\n".join(f"  {name:{width}}  {about}" for name, (_, about) in chores.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("chore", choices=chores, metavar="|".join(chores))
    parser.add_argument("extra", nargs=argparse.REMAINDER, metavar="...")
    options = parser.parse_args(arguments)
    try:
        if options.chore != "setup":
            setup([])
        chore, _ = chores[options.chore]
        return chore(options.extra)
    except SetupError as error:
        print(f"dev.py: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def setup(extra: list[str]) -> int:
    """Bring `.venv` to the state of the lock and of the project file, whichever has changed."""
    if extra:
        raise SetupError(f"setup takes no arguments, got {' '.join(extra)!r}.")
    lock, project = (hashlib.sha256(path.read_bytes()).hexdigest() for path in (LOCK, PROJECT))
    done = STAMP.read_text().split() if PYTHON.exists() and STAMP.exists() else []
    if done == [lock, project]:
        return 0
    print(f"Setting up {VENV} ...", flush=True)
    if done[:1] != [lock]:
        make_venv()
        install_uv()
        install_locked()
    install_package()
    STAMP.write_text(f"{lock}\n{project}\n")
    return 0


def make_venv() -> None:
    """Create `.venv`, or repair one whose making was cut short."""
    if PYTHON.exists() and STAMP.exists():
        return
    if Path(sys.prefix).resolve() == VENV:
        raise SetupError(
            f"this is the python of {VENV} itself, which is not complete. "
            "Run dev.py with the system's python."
        )
    if importlib.util.find_spec("ensurepip") is None:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise SetupError(
            f"this Python {version} comes without the venv module. On Debian and Ubuntu: "
            f"sudo apt install python{version}-venv"
        )
    if subprocess.call([sys.executable, "-m", "venv", str(VENV)]) != 0:
        raise SetupError(f"{VENV} could not be created (see above). Delete it and try again.")


def install_uv() -> None:
    """Install the locked uv with pip, its hashes checked like every other package's."""
    pins = VENV / "uv-pin.txt"
    pins.write_text(lock_entry("uv"))
    install(
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--require-hashes",
        "--requirement",
        str(pins),
    )


def lock_entry(name: str) -> str:
    """The lines of one package in the lock, hashes included."""
    lines: list[str] = []
    for line in LOCK.read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{name}==") or (lines and line.startswith(" ")):
            lines.append(line)
        elif lines:
            break
    if not lines:
        raise SetupError(f"{LOCK.name} does not hold {name}. Compile the locks again.")
    return "\n".join(lines) + "\n"


def install_locked() -> None:
    """Make the installed packages exactly those of the lock."""
    install("uv", "pip", "sync", "--quiet", "--python", str(PYTHON), "--require-hashes", str(LOCK))


def install_package() -> None:
    """Install Tapeback itself, editable; what it is built with is in the lock, so no network."""
    install(
        "uv",
        "pip",
        "install",
        "--quiet",
        "--python",
        str(PYTHON),
        "--offline",
        "--no-deps",
        "--no-build-isolation",
        "--editable",
        str(REPO),
    )


def install(*command: str) -> None:
    if subprocess.call([str(PYTHON), "-m", *command], cwd=REPO) != 0:
        raise SetupError(
            f"'{' '.join(command[:3])}' failed (see above). The first set-up, and each after the "
            "lock has changed, fetches packages: it needs a package index within reach (behind a "
            "proxy, set HTTPS_PROXY). Then run it again."
        )


def run(extra: list[str]) -> int:
    """The main job, out of the box."""
    job = ["run", "grid", "--data", "synthetic", "-o", str(Path("runs", "first"))]
    return module("tapeback", *job, *extra)


def test(extra: list[str]) -> int:
    """The whole suite on all cores with a coverage table; with arguments, plain pytest on those."""
    return module("pytest", *(extra or ["--numprocesses=auto", "--cov", "--cov-report=term"]))


def check(extra: list[str]) -> int:
    """Every check, also after one has failed, so that one call shows all there is to mend."""
    if extra:
        raise SetupError(f"check takes no arguments, got {' '.join(extra)!r}.")
    failed = []
    for tool, *options in CHECKS:
        print(f"== {tool} {' '.join(options)}".rstrip(), flush=True)
        if program(tool, *options) != 0:
            failed.append(" ".join([tool, *options]))
    print(f"failed: {', '.join(failed)}" if failed else "all checks pass")
    return 1 if failed else 0


def bench(extra: list[str]) -> int:
    """The benchmarks against the reference and, where installed, against other engines."""
    return subprocess.call([str(PYTHON), str(Path("benchmarks", "run.py")), *extra], cwd=REPO)


def compile_twin(extra: list[str]) -> int:
    """Compile the hot modules, where a C compiler is there, and compare them with their sources."""
    if extra:
        raise SetupError(f"compile takes no arguments, got {' '.join(extra)!r}.")
    status = subprocess.call([str(PYTHON), str(Path("scripts", "compile_twin.py"))], cwd=REPO)
    return status or module("pytest", "--quiet", str(Path("tests", "core", "test_twin.py")))


def module(name: str, *arguments: str) -> int:
    return subprocess.call([str(PYTHON), "-m", name, *arguments], cwd=REPO)


def program(name: str, *arguments: str) -> int:
    suffix = ".exe" if os.name == "nt" else ""
    return subprocess.call([str(PYTHON.with_name(name + suffix)), *arguments], cwd=REPO)


if __name__ == "__main__":
    if sys.version_info < OLDEST_PYTHON:
        needed, found = (".".join(map(str, v[:2])) for v in (OLDEST_PYTHON, sys.version_info))
        sys.exit(f"dev.py: Tapeback needs Python {needed} or newer; {sys.executable} is {found}.")
    sys.exit(main())
