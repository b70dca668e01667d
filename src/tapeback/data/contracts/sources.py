"""The files of an import: folders, globs, and zip and gzip archives within bounds."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from glob import glob
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from tapeback.errors import DataFormatError, DataNotFoundError

PathLike = str | Path

SUFFIXES = (".csv", ".txt", ".gz", ".parquet", ".pq", ".json", ".zip")
# One file of bars unpacked: a year of one-minute bars takes 6 MB.
_LARGEST = 512 * 2**20
# Repetitive rows are packed 30 times; a file made to fill the memory, a thousand times.
_DENSEST, _SMALL = 250, 10 * 2**20
_MOST_MEMBERS = 100_000
_PEEK = 4096
# What reading a damaged or locked archive raises; RuntimeError for one with a password.
_DAMAGES = (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError)
_ARCHIVES: ContextVar[dict[Path, zipfile.ZipFile] | None] = ContextVar("archives", default=None)


class Source(msgspec.Struct, frozen=True):
    """A file to read, or a member of a zip file."""

    path: Path
    member: str = ""

    @property
    def name(self) -> str:
        """What its own name tells: `NIFTY25SEP2525000CE.csv`."""
        return Path(self.member).name if self.member else self.path.name

    @property
    def label(self) -> str:
        """Its place, for messages: `2025.zip/NIFTY25SEP2525000CE.csv`."""
        return f"{self.path.name}/{self.member}" if self.member else self.path.name


def sources_of(paths: Sequence[PathLike]) -> Iterator[Source | DataFormatError | DataNotFoundError]:
    """The files that paths, folders (with all below them), globs and zip files name, each once, in
    order of their names; an error in place of each that names none."""
    seen: set[Path] = set()
    for path in paths:
        found = _files(path)
        if not found:
            yield DataNotFoundError(
                "there is no file of bars.",
                where=str(path),
                remedy=f"Name files, folders or globs of {', '.join(SUFFIXES)}.",
            )
        for file in found:
            if file in seen:
                continue
            seen.add(file)
            if file.suffix.lower() != ".zip":
                yield Source(file)
                continue
            try:
                yield from _members(file)
            except DataFormatError as error:
                yield error


@contextmanager
def archives_kept_open() -> Iterator[None]:
    """Within it each zip file is opened once: its directory may list thousands of members."""
    kept: dict[Path, zipfile.ZipFile] = {}
    token = _ARCHIVES.set(kept)
    try:
        yield
    finally:
        _ARCHIVES.reset(token)
        for archive in kept.values():
            archive.close()


def head_of(source: Source) -> str:
    """The first line of a text file; empty where it is none."""
    try:
        with _opened(source) as file:
            data = file.read(_PEEK)
    except (*_DAMAGES, DataFormatError):
        # What is wrong with it is told when all of it is read.
        return ""
    return data.decode("utf-8-sig", errors="replace").splitlines()[0] if data.strip() else ""


def bytes_of(source: Source) -> bytes:
    """All of a file, unpacked. Raises DataFormatError for one that is damaged or too large."""
    try:
        with _opened(source) as file:
            data: bytes = file.read(_LARGEST + 1)
    except _DAMAGES as error:
        raise DataFormatError(f"cannot be unpacked: {error}.", where=source.label) from None
    if len(data) > _LARGEST:
        raise _too_large(source)
    return data


@contextmanager
def plain_file(source: Source) -> Iterator[Path]:
    """A source as a file on disk that is not packed, for as long as the context lasts."""
    name = source.name
    suffix = Path(name).suffix.lower()
    if not source.member and suffix != ".gz":
        yield source.path
        return
    data = bytes_of(source)
    if suffix == ".gz":
        name = name[: -len(".gz")]
    with TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(data)
        yield path


def _files(path: PathLike) -> list[Path]:
    plain = Path(path).expanduser()
    if plain.is_dir():
        found = (file for file in plain.rglob("*") if file.suffix.lower() in SUFFIXES)
        return sorted(f for f in found if f.is_file() and not f.name.startswith((".", "~")))
    if plain.exists():
        return [plain]
    if not any(sign in str(path) for sign in "*?["):
        return []
    found = (Path(name) for name in glob(str(plain), recursive=True))
    return sorted(file for file in found if file.is_file())


def _members(path: Path) -> Iterator[Source]:
    try:
        with _archive(path) as archive:
            infos = [each for each in archive.infolist() if not each.is_dir()]
    except (OSError, zipfile.BadZipFile) as error:
        raise DataFormatError(f"the zip file cannot be read: {error}.", where=path.name) from None
    if len(infos) > _MOST_MEMBERS:
        raise DataFormatError(
            f"the zip file has {len(infos)} members, more than {_MOST_MEMBERS}.", where=path.name
        )
    for info in sorted(infos, key=lambda each: each.filename):
        suffix = Path(info.filename).suffix.lower()
        if suffix in SUFFIXES and suffix != ".zip" and "__MACOSX" not in info.filename:
            yield Source(path, info.filename)


@contextmanager
def _opened(source: Source) -> Iterator[Any]:
    """A source's bytes as a stream, unpacked, within bounds."""
    if source.member:
        with _archive(source.path) as archive:
            info = archive.getinfo(source.member)
            packed = max(info.compress_size, 1)
            dense = info.file_size > _SMALL and info.file_size > _DENSEST * packed
            if info.file_size > _LARGEST or dense:
                raise _too_large(source)
            with archive.open(info) as file:
                yield _ungzipped(file, source)
    else:
        with source.path.open("rb") as file:
            yield _ungzipped(file, source)


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    kept = _ARCHIVES.get()
    if kept is None:
        with zipfile.ZipFile(path) as archive:
            yield archive
        return
    if path not in kept:
        kept[path] = zipfile.ZipFile(path)
    yield kept[path]


def _ungzipped(file: Any, source: Source) -> Any:
    return gzip.GzipFile(fileobj=file) if source.name.lower().endswith(".gz") else file


def _too_large(source: Source) -> DataFormatError:
    return DataFormatError(
        f"is larger than {_LARGEST // 2**20} MB unpacked, or packed too densely to be bars.",
        where=source.label,
        remedy="Unpack it and split it, if it is what it should be.",
    )
