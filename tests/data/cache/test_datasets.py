"""Datasets in use are written once, mapped by everyone, and never stale."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tapeback.data.cache import CacheManager
from tapeback.data.cache.datasets import Datasets, Name
from tapeback.market.candles import Candles
from tapeback.models.finding import Finding
from tapeback.utils.clock import day_of
from tests.data.cache.samples import SERIES, answer, bars, same

MARCH = (date(2024, 3, 1), date(2024, 3, 28))
HOUR_NS = 3_600 * 10**9


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[CacheManager]:
    with CacheManager(tmp_path) as cache:
        cache.store(bars(*MARCH), answer(*MARCH))
        yield cache


def as_it_is(candles: Candles) -> Candles:
    return candles


def marked(candles: Candles) -> Candles:
    found = Finding(code="marked", severity="note", message="₹ seen", places=("2024-03-01",))
    origin = msgspec.structs.replace(candles.origin, findings=(found,), examined=True)
    return Candles(candles.series, candles.columns, origin)


def files(cache: CacheManager) -> list[Path]:
    return sorted((cache.folder / "datasets").glob("*/*"))


def test_a_dataset_has_the_bars_findings_and_digest_of_what_was_made(cache: CacheManager) -> None:
    made = marked(bars(*MARCH))
    for _ in range(2):
        dataset = cache.dataset(SERIES, make=marked, recipe="marked")
        assert dataset is not None
        assert same(dataset, made)
        assert dataset.findings == made.findings
        assert dataset.origin.examined
        assert dataset.sha256 == made.sha256
    assert len(files(cache)) == 1


def test_it_is_made_once(cache: CacheManager) -> None:
    calls = []

    def make(candles: Candles) -> Candles:
        calls.append(len(candles))
        return candles

    for _ in range(3):
        cache.dataset(SERIES, make=make, recipe="counted")
    assert len(calls) == 1


def test_its_columns_are_read_only_and_mapped(cache: CacheManager) -> None:
    dataset = cache.dataset(SERIES, make=as_it_is, recipe="as it is")
    assert dataset is not None
    for column in dataset.columns:
        assert type(column) is np.ndarray
        assert not column.flags.owndata
        with pytest.raises(ValueError, match="read-only"):
            column[0] = 1


def test_other_dates_another_recipe_and_other_bars_are_other_files(cache: CacheManager) -> None:
    week = day_of(date(2024, 3, 11)), day_of(date(2024, 3, 15))
    cache.dataset(SERIES, make=as_it_is, recipe="as it is")
    part = cache.dataset(SERIES, *week, make=as_it_is, recipe="as it is")
    other = cache.dataset(SERIES, make=marked, recipe="marked")
    assert part is not None
    assert other is not None
    assert (int(part.days[0]), int(part.days[-1])) == week
    assert len(other.findings) == 1
    assert len(files(cache)) == 3


def test_storing_sweeps_what_it_makes_stale_and_leaves_the_rest(cache: CacheManager) -> None:
    early = day_of(date(2024, 3, 1)), day_of(date(2024, 3, 7))
    cache.dataset(SERIES, *early, make=as_it_is, recipe="as it is")
    kept = files(cache)
    open_ended = cache.dataset(SERIES, make=as_it_is, recipe="as it is")
    april = date(2024, 4, 1), date(2024, 4, 5)
    cache.store(bars(*april), answer(*april))
    assert files(cache) == kept
    longer = cache.dataset(SERIES, make=as_it_is, recipe="as it is")
    assert same(longer, bars(MARCH[0], april[1]))
    assert open_ended is not None
    assert same(open_ended, bars(*MARCH))


def test_clearing_sweeps_all_of_a_series(cache: CacheManager) -> None:
    cache.store(bars(*MARCH, symbol="INFY"), answer(*MARCH))
    infy = bars(*MARCH, symbol="INFY").series
    cache.dataset(infy, make=as_it_is, recipe="as it is")
    kept = files(cache)
    cache.dataset(SERIES, make=as_it_is, recipe="as it is")
    cache.clear(symbol="RELIANCE")
    assert files(cache) == kept
    assert cache.dataset(SERIES, make=as_it_is, recipe="as it is") is None


def test_days_without_bars_have_no_dataset(cache: CacheManager) -> None:
    weekend = day_of(date(2024, 3, 9)), day_of(date(2024, 3, 10))
    assert cache.dataset(SERIES, *weekend, make=as_it_is, recipe="as it is") is None


@pytest.mark.parametrize("damage", [b"", b"TBDATA01", b"x" * 500, None])
def test_a_file_that_is_no_dataset_is_made_anew(cache: CacheManager, damage: bytes | None) -> None:
    cache.dataset(SERIES, make=as_it_is, recipe="as it is")
    (path,) = files(cache)
    path.write_bytes(path.read_bytes()[:-8] if damage is None else damage)
    assert same(cache.dataset(SERIES, make=as_it_is, recipe="as it is"), bars(*MARCH))
    assert same(cache.dataset(SERIES, make=as_it_is, recipe="as it is"), bars(*MARCH))


def test_where_no_file_can_be_written_the_candles_come_from_memory(cache: CacheManager) -> None:
    (cache.folder / "datasets").write_text("in the way")
    assert same(cache.dataset(SERIES, make=as_it_is, recipe="as it is"), bars(*MARCH))
    assert cache.statistics().dataset_bytes == 0


def test_beyond_the_bound_what_was_opened_least_recently_goes(tmp_path: Path) -> None:
    candles = bars(*MARCH)
    size = len(candles) * 56
    datasets = Datasets(tmp_path, most_bytes=int(size * 2.5))
    names = [Name(SERIES, None, None, letter * 64) for letter in "abc"]
    for age, name in enumerate(names[:2]):
        datasets.keep(name, candles, now=0)
        (path,) = tmp_path.glob(f"*/{name.digest}*")
        os.utime(path, ns=(age * HOUR_NS, age * HOUR_NS))
    datasets.keep(names[2], candles, now=0)
    assert datasets.open(names[0]) is None
    assert same(datasets.open(names[1]), candles)
    assert same(datasets.open(names[2]), candles)
    assert datasets.bytes() < 2.5 * size


def test_what_a_killed_process_left_unfinished_goes_after_an_hour(tmp_path: Path) -> None:
    datasets = Datasets(tmp_path)
    first, second = (Name(SERIES, None, None, letter * 64) for letter in "ab")
    datasets.keep(first, bars(*MARCH), now=0)
    (folder,) = tmp_path.iterdir()
    for name, age in (("old", 10 * HOUR_NS), ("new", 11 * HOUR_NS)):
        (folder / f"{name}.part").write_bytes(b"half")
        os.utime(folder / f"{name}.part", ns=(age, age))
    datasets.keep(second, bars(*MARCH), now=11 * HOUR_NS + 1)
    assert {path.name for path in folder.glob("*.part")} == {"new.part"}


def test_a_file_that_another_process_wrote_first_is_kept(tmp_path: Path) -> None:
    datasets = Datasets(tmp_path)
    name = Name(SERIES, None, None, "a" * 64)
    first = datasets.keep(name, bars(*MARCH), now=0)
    (path,) = tmp_path.glob("*/*")
    inode = path.stat().st_ino
    second = datasets.keep(name, bars(*MARCH), now=0)
    assert path.stat().st_ino == inode
    assert same(first, second)
    assert len(list(tmp_path.glob("*/*"))) == 1
