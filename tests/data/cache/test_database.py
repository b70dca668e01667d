"""A database that cannot be used says why, and is left as it is."""

from __future__ import annotations

import gc
import os
import sqlite3
import sys
import tempfile
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from tapeback.data.cache import CacheManager
from tapeback.data.cache.database import SCHEMA, Database
from tapeback.errors import CacheError
from tests.data.cache import workers
from tests.data.cache.samples import SERIES, answer, bars, same
from tests.data.cache.workers import WAIT, started

MARCH = (date(2024, 3, 1), date(2024, 3, 28))


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """The folder of a cache with some bars."""
    with CacheManager(tmp_path) as cache:
        cache.store(bars(*MARCH), answer(*MARCH))
    return tmp_path


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    text = b"these are no candles\n" * 1000
    (tmp_path / "market.db").write_bytes(text)
    with CacheManager(tmp_path) as cache, pytest.raises(CacheError, match="no SQLite database"):
        cache.store(bars(*MARCH), answer(*MARCH))
    assert (tmp_path / "market.db").read_bytes() == text


def test_the_database_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "market.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE candles (symbol TEXT)")
    before = path.read_bytes()
    with CacheManager(tmp_path) as cache, pytest.raises(CacheError, match="another program"):
        cache.read(SERIES)
    assert path.read_bytes() == before


def test_a_newer_schema_is_refused_and_left_alone(filled: Path) -> None:
    with closing(sqlite3.connect(filled / "market.db")) as file:
        file.execute("PRAGMA user_version = 99")
    before = (filled / "market.db").read_bytes()
    with CacheManager(filled) as cache:
        with pytest.raises(CacheError, match=r"version 99.*Upgrade Tapeback"):
            cache.read(SERIES)
        with pytest.raises(CacheError, match="newer Tapeback"):
            cache.store(bars(*MARCH), answer(*MARCH))
    assert (filled / "market.db").read_bytes() == before


def test_an_older_schema_is_migrated_after_a_copy_was_put_aside(filled: Path) -> None:
    schema = (*SCHEMA, "CREATE TABLE notes (text TEXT);\nINSERT INTO notes VALUES ('x');")
    database = Database(filled, schema)
    with database.writing() as connection:
        assert connection.execute("SELECT text FROM notes").fetchall() == [("x",)]
        assert connection.execute("SELECT sum(bars) FROM chunks").fetchone()[0] > 0
    database.close()
    with CacheManager(filled) as cache, pytest.raises(CacheError, match="newer"):
        cache.read(SERIES)
    os.replace(filled / "market.db.v1.bak", filled / "market.db")
    with CacheManager(filled) as cache:
        assert same(cache.read(SERIES), bars(*MARCH))


def test_a_migration_that_fails_changes_nothing(filled: Path) -> None:
    schema = (*SCHEMA, "CREATE TABLE notes (text TEXT);\nINSERT INTO nowhere VALUES (1);")
    database = Database(filled, schema)
    with pytest.raises(CacheError, match="nowhere"), database.reading():
        pass
    database.close()
    with CacheManager(filled) as cache:
        assert same(cache.read(SERIES), bars(*MARCH))


def test_a_damaged_chunk_is_named_and_the_others_can_be_read(filled: Path) -> None:
    april = date(2024, 4, 1), date(2024, 4, 30)
    with CacheManager(filled) as cache:
        cache.store(bars(*april), answer(*april))
    with closing(sqlite3.connect(filled / "market.db")) as file:
        data = bytearray(file.execute("SELECT data FROM pieces WHERE id = 1").fetchone()[0])
        data[5000] ^= 1
        file.execute("UPDATE pieces SET data = ? WHERE id = 1", (bytes(data),))
        file.commit()
    with CacheManager(filled) as cache:
        with pytest.raises(
            CacheError, match=r"RELIANCE:NSE:1m: .* 2024-03 are damaged.*data clear RELIANCE"
        ):
            cache.read(SERIES)
        assert same(cache.read(SERIES, 19_814), bars(*april))
        (problem,) = cache.check().problems
        assert "2024-03" in problem
        assert cache.check().bars == len(bars(*april))
        cache.clear(symbol="RELIANCE")
        cache.store(bars(*MARCH), answer(*MARCH))
        assert same(cache.read(SERIES), bars(*MARCH))


def test_a_corrupt_file_is_named_and_left_alone(filled: Path) -> None:
    path = filled / "market.db"
    content = bytearray(path.read_bytes())
    content[200 : 16_384 * 6] = b"\xff" * (16_384 * 6 - 200)
    path.write_bytes(content)
    with CacheManager(filled) as cache:
        with pytest.raises(CacheError, match="damaged"):
            cache.read(SERIES)
        with pytest.raises(CacheError, match="damaged"):
            cache.store(bars(*MARCH), answer(*MARCH))
    assert path.read_bytes() == content


def test_a_cut_off_file_is_found_by_the_check(filled: Path) -> None:
    path = filled / "market.db"
    path.write_bytes(path.read_bytes()[: 16_384 * 10])
    with CacheManager(filled) as cache:
        assert any("market.db" in problem for problem in cache.check().problems)


def test_a_full_disk_loses_nothing_that_was_stored(tmp_path: Path) -> None:
    cache = CacheManager(tmp_path)
    cache.store(bars(*MARCH), answer(*MARCH))
    with cache._database.writing() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 1}")
    with pytest.raises(CacheError, match="the disk is full"):
        cache.store(bars(*MARCH, symbol="INFY"), answer(*MARCH))
    cache.close()
    assert same(cache.read(SERIES), bars(*MARCH))
    assert [one.series.symbol for one in cache.stored()] == ["RELIANCE"]
    cache.store(bars(*MARCH, symbol="INFY"), answer(*MARCH))
    assert cache.check().problems == ()
    cache.close()


@pytest.mark.skipif(sys.platform == "win32", reason="files cannot be kept small there")
def test_a_file_that_may_not_grow_loses_nothing_that_was_stored(filled: Path) -> None:
    process, says = started(workers.fill_the_disk, filled, 2_000_000)
    stored, error = says.get(timeout=WAIT)
    process.join(WAIT)
    assert stored > 0
    assert "disk" in error
    with CacheManager(filled) as cache:
        assert len(cache.stored()) == stored + 1
        assert cache.check().problems == ()
        assert same(cache.read(SERIES), bars(*MARCH))


@pytest.mark.skipif(sys.platform == "win32", reason="folders have other rights there")
def test_a_read_only_folder_can_be_read_and_says_that_nothing_can_be_stored() -> None:
    # Not tmp_path: nobody else may look into that.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with CacheManager(folder) as cache:
            cache.store(bars(*MARCH), answer(*MARCH))
        before = (folder / "market.db").read_bytes()
        (folder / "market.db").chmod(0o444)
        folder.chmod(0o555)
        try:
            process, says = started(workers.use_as_nobody, folder)
            said = [says.get(timeout=WAIT) for _ in range(6)]
            process.join(WAIT)
        finally:
            folder.chmod(0o755)
        assert said[0] == len(bars(*MARCH))
        stored, cleared, locked, made, done = said[1:]
        for refused in (stored, cleared):
            assert "may only be read" in refused or "cannot be opened" in refused
            assert "TAPEBACK_CACHE_DIR" in refused
        assert "cannot be locked" in locked
        assert "cannot be used" in made
        assert done == "done"
        assert (folder / "market.db").read_bytes() == before


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with (
        CacheManager(tmp_path / "cache") as cache,
        pytest.raises(CacheError, match="cannot be used"),
    ):
        cache.store(bars(*MARCH), answer(*MARCH))


def test_an_exception_while_writing_undoes_everything(filled: Path) -> None:
    database = Database(filled)

    def interrupted() -> None:
        with database.writing() as connection:
            connection.execute("DELETE FROM chunks")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    database.close()
    with CacheManager(filled) as cache:
        assert same(cache.read(SERIES), bars(*MARCH))


def test_defect_54_a_cache_that_nobody_closes_leaves_no_warning(tmp_path: Path) -> None:
    cache = CacheManager(tmp_path)
    cache.store(bars(*MARCH), answer(*MARCH))
    del cache
    gc.collect()
    with CacheManager(tmp_path) as cache:
        assert same(cache.read(SERIES), bars(*MARCH))
    cache.close()
    assert same(cache.read(SERIES), bars(*MARCH))
    cache.close()


def test_a_folder_with_odd_characters_is_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "Ünïcode ?#% folder"
    with CacheManager(folder) as cache:
        cache.store(bars(*MARCH), answer(*MARCH))
        assert same(cache.read(SERIES), bars(*MARCH))
    assert (folder / "market.db").is_file()


def test_a_file_in_the_place_of_the_folder_is_no_empty_cache(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    folder.write_text("mine")
    with CacheManager(folder) as cache, pytest.raises(CacheError, match="it is a file"):
        cache.stored()
    assert "it is a file" in CacheManager(folder).check().problems[0]
    assert folder.read_text() == "mine"
