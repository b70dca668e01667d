"""What holds for the files of the repository themselves, whatever they say."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.conftest import REPO

LONGEST_MODULE = 600
# Written so that this file does not hold what it looks for.
REGISTRY_HOST = re.compile(
    r"py[p]i\.org|pythonhost[e]d\.org|registry\.npm[j]s|deb\.debi[a]n|conda\.anacond[a]"
)
MACHINE_PATH = re.compile(
    r"(?<![\w.])/(?:[w]ork|[f]arm|[r]oot|[h]ome/\w+|[U]sers/\w+)/|[A-Z]:\\[U]sers\\"
)


@pytest.fixture(scope="module")
def committed_texts() -> dict[Path, str]:
    """Every text file that is, or would be, committed."""
    if not (REPO / ".git").exists() or shutil.which("git") is None:
        pytest.skip("needs a git checkout, to know which files are committed")
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPO,
        capture_output=True,
        check=True,
    ).stdout
    texts = {}
    for name in filter(None, listing.decode().split("\0")):
        path = REPO / name
        content = path.read_bytes() if path.is_file() else b"\0"
        if b"\0" not in content:
            texts[path.relative_to(REPO)] = content.decode("utf-8")
    return texts


def places(texts: dict[Path, str], pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path}:{number}: {line.strip()[:80]}"
        for path, text in texts.items()
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line)
    ]


def test_no_module_outgrows_a_readable_size() -> None:
    lengths = {
        path.relative_to(REPO): len(path.read_text(encoding="utf-8").splitlines())
        for path in (REPO / "src").rglob("*.py")
    }
    assert lengths
    assert {path: n for path, n in lengths.items() if n > LONGEST_MODULE} == {}


def test_no_file_names_the_host_of_a_package_registry(committed_texts: dict[Path, str]) -> None:
    assert places(committed_texts, REGISTRY_HOST) == []


def test_no_file_holds_an_absolute_path_of_a_machine(committed_texts: dict[Path, str]) -> None:
    assert places(committed_texts, MACHINE_PATH) == []


@pytest.mark.parametrize("path", ["/wo" + "rk/main/x", "see /ro" + "ot/.cache", "/ho" + "me/me/x"])
def test_a_path_of_a_machine_is_recognised(path: str) -> None:
    assert MACHINE_PATH.search(path)
    assert not MACHINE_PATH.search(path.replace("/", "../", 1))


def pins(lock: str) -> dict[str, set[str]]:
    """Package name to its pinned versions; more than one where Python's version decides."""
    versions: dict[str, set[str]] = {}
    for line in (REPO / lock).read_text(encoding="utf-8").splitlines():
        if found := re.match(r"([\w.-]+)==([\w.]+)", line):
            versions.setdefault(found[1], set()).add(found[2])
    return versions


def canonical(requirement: str) -> str:
    name = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_declared_dependency_is_locked() -> None:
    project = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"].values()
    runtime = project["project"]["dependencies"] + [line for extra in extras for line in extra]
    development = project["dependency-groups"]["dev"] + project["build-system"]["requires"]

    assert {canonical(line) for line in runtime} <= pins("requirements.lock").keys()
    assert {canonical(line) for line in development} <= pins("requirements-dev.lock").keys()


def test_both_locks_hold_the_same_versions() -> None:
    development = pins("requirements-dev.lock")
    for name, versions in pins("requirements.lock").items():
        assert development[name] == versions, name


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_every_locked_package_has_hashes(lock: str) -> None:
    text = (REPO / lock).read_text(encoding="utf-8")
    entries = re.split(r"\n(?=\S)", text)
    packages = [entry for entry in entries if "==" in entry.split("\n", 1)[0]]
    assert packages
    assert [entry for entry in packages if "--hash=sha256:" not in entry] == []
