"""Datasets in use: examined candles in one file each, mapped into memory by every worker."""

from __future__ import annotations

import mmap
import os
import struct
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from tapeback.market.candles import Candles
from tapeback.models.candle import Series
from tapeback.models.finding import Origin

_MAGIC = b"TBDATA01"
_START = struct.Struct("<8sQ")
_ALIGNMENT = 64
_SUFFIX, _UNFINISHED = ".bars", ".part"
_MOST_BYTES = 4 * 2**30
_TYPES = ("<i8", *["<f8"] * 6)
_HOUR_NS = 3_600 * 10**9


class _Header(msgspec.Struct, frozen=True, kw_only=True):
    """What stands before the columns; `first_day` and `last_day` are those that were asked for."""

    series: Series
    origin: Origin
    bars: int
    sha256: str
    first_day: int | None
    last_day: int | None


_HEADERS = msgspec.json.Decoder(_Header)


class Name(NamedTuple):
    """What a file is called by: a digest of everything that makes its content."""

    series: Series
    first_day: int | None
    last_day: int | None
    digest: str


class Datasets:
    """The files under one folder. They are written once, never changed, and may vanish: whoever
    finds one missing makes it anew."""

    def __init__(self, folder: Path, *, most_bytes: int = _MOST_BYTES) -> None:
        self.folder = folder
        self._most_bytes = most_bytes

    def open(self, name: Name) -> Candles | None:
        """The candles of a file, its columns mapped read-only; None where there is none."""
        path = self._path(name)
        try:
            with path.open("rb") as file:
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            with suppress(OSError):
                os.utime(path)
        except (OSError, ValueError):
            return None
        header, offset = _header(mapped)
        if header is None or len(mapped) != offset + header.bars * 8 * len(_TYPES):
            return None
        columns: list[np.ndarray[Any, Any]] = [
            np.frombuffer(mapped, kind, header.bars, offset + place * header.bars * 8)
            for place, kind in enumerate(_TYPES)
        ]
        candles = Candles(header.series, columns, header.origin)
        vars(candles)["sha256"] = header.sha256
        return candles

    def keep(self, name: Name, candles: Candles, *, now: int) -> Candles:
        """The candles as a file; as they are where none can be written. `now` is ns UTC."""
        path = self._path(name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._write(path, name, candles)
            self._bound(path, now)
        except OSError:
            return candles
        return self.open(name) or candles

    def sweep(self, series: Series, first_day: int | None, last_day: int | None) -> None:
        """Removes a series' files that hold any of these days (None: without bound). One that is
        open where open files cannot be removed stays for the next time; nothing finds it."""
        for path in list(self._files(self._path_of(series))):
            header = _header_of(path)
            if header is None or _overlap(header, first_day, last_day):
                with suppress(OSError):
                    path.unlink()

    def bytes(self) -> int:
        """What all files take."""
        return sum(size for _, size, _ in self._sizes())

    def _path_of(self, series: Series) -> Path:
        return self.folder / sha256(series.name.encode()).hexdigest()[:16]

    def _path(self, name: Name) -> Path:
        return self._path_of(name.series) / f"{name.digest}{_SUFFIX}"

    def _write(self, path: Path, name: Name, candles: Candles) -> None:
        header = msgspec.json.encode(
            _Header(
                series=candles.series,
                origin=candles.origin,
                bars=len(candles),
                sha256=candles.sha256,
                first_day=name.first_day,
                last_day=name.last_day,
            )
        )
        header += b" " * (-(_START.size + len(header)) % _ALIGNMENT)
        handle, temporary = tempfile.mkstemp(suffix=_UNFINISHED, dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_START.pack(_MAGIC, len(header)) + header)
                for column, kind in zip(candles.columns, _TYPES, strict=True):
                    file.write(np.ascontiguousarray(column, kind).data)
                file.flush()
                os.fsync(file.fileno())
            if not path.exists():
                # Where another process was first its file is the same; Windows keeps that one.
                with suppress(FileExistsError, PermissionError):
                    Path(temporary).rename(path)
        finally:
            with suppress(OSError):
                Path(temporary).unlink()

    def _bound(self, kept: Path, now: int) -> None:
        """Removes what a killed process left unfinished and, beyond the bound, the files that
        were not opened for longest."""
        files = sorted(self._sizes())
        total = sum(size for _, size, _ in files)
        for used, size, path in files:
            if path.suffix == _UNFINISHED:
                surplus = now - used > _HOUR_NS
            else:
                surplus = total > self._most_bytes and path != kept
            if surplus:
                with suppress(OSError):
                    path.unlink()
                    total -= size

    def _sizes(self) -> Iterator[tuple[int, int, Path]]:
        """When each file was last used (ns UTC), its bytes and path."""
        with suppress(OSError):
            for folder in list(self.folder.iterdir()):
                for path in self._files(folder):
                    with suppress(OSError):
                        state = path.stat()
                        yield state.st_mtime_ns, state.st_size, path

    def _files(self, folder: Path) -> Iterator[Path]:
        with suppress(OSError):
            for path in folder.iterdir():
                if path.suffix in (_SUFFIX, _UNFINISHED):
                    yield path


def _header(data: mmap.mmap | bytes) -> tuple[_Header | None, int]:
    """The header of a file, and where its columns begin; None for anything else."""
    try:
        magic, length = _START.unpack_from(data)
        end = _START.size + length
        if magic == _MAGIC and end <= len(data):
            return _HEADERS.decode(data[_START.size : end]), end
    except (struct.error, msgspec.DecodeError):
        pass
    return None, 0


def _header_of(path: Path) -> _Header | None:
    try:
        with path.open("rb") as file:
            start = file.read(_START.size)
            length = _START.unpack(start)[1] if len(start) == _START.size else 0
            return _header(start + file.read(length))[0]
    except OSError:
        return None


def _overlap(header: _Header, first_day: int | None, last_day: int | None) -> bool:
    begins_after = (
        last_day is not None and header.first_day is not None and header.first_day > last_day
    )
    ends_before = (
        first_day is not None and header.last_day is not None and header.last_day < first_day
    )
    return not (begins_after or ends_before)
