"""Before a migration there is a backup; after one that fails there is what was before."""

from __future__ import annotations

import shutil
import sqlite3
import stat
from collections import namedtuple
from datetime import timedelta
from pathlib import Path

import pytest

from hems.adapters.storage.migration import backups_before_migrations, migrations
from hems.adapters.storage.sqlite_store import SqliteStore, StoreOptions
from hems.domain.errors import StorageError
from support.storage_records import T0, cycle, sample

MIGRATIONS = "hems.adapters.storage.migration.migrations"
REAL = migrations()
NEXT = REAL[-1][0] + 1
GOOD = (NEXT, "CREATE TABLE later (a INTEGER);")
BAD = (NEXT + 1, "CREATE TABLE half (a INTEGER);\nINSERT INTO no_such_table VALUES (1);")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database of today's schema with records."""
    path = tmp_path / "hems.sqlite3"
    with SqliteStore(StoreOptions(path=path)) as store:
        for n in range(50):
            store.add_sample(sample(T0 + n * timedelta(minutes=1)))
            store.add_cycle(cycle(T0 + n * timedelta(minutes=1)))
        store.put_state("latch", 1)
    return path


def cycles_in(path: Path) -> int:
    with sqlite3.connect(path) as raw:
        count = raw.execute("SELECT count(*) FROM cycles").fetchone()[0]
    raw.close()
    return int(count)


def test_a_backup_is_made_before_a_migration(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MIGRATIONS, lambda: [*REAL, GOOD])
    with SqliteStore(StoreOptions(path=path)) as store:
        assert store.notice is None
        assert len(store.reader.sample_times(T0, T0 + timedelta(days=1))) == 50
    (backup,) = backups_before_migrations(path)
    assert backup.name == f"hems.sqlite3.schema-{NEXT - 1}.backup"
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert cycles_in(backup) == 50
    with sqlite3.connect(backup) as raw:
        assert raw.execute("PRAGMA user_version").fetchone()[0] == NEXT - 1
    raw.close()
    SqliteStore(StoreOptions(path=path)).close()
    assert backups_before_migrations(path) == [backup]


def test_a_new_file_needs_no_backup(tmp_path: Path) -> None:
    SqliteStore(StoreOptions(path=tmp_path / "hems.sqlite3")).close()
    assert backups_before_migrations(tmp_path / "hems.sqlite3") == []


def test_a_migration_that_fails_leaves_all_as_it_was_and_the_house_cared_for(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path.read_bytes()
    monkeypatch.setattr(MIGRATIONS, lambda: [*REAL, GOOD, BAD])
    monkeypatch.setattr("hems.adapters.storage.store_writer.RETRY_S", (0.01,))
    with SqliteStore(StoreOptions(path=path)) as store:
        assert store.notice is not None
        assert f"not updated from schema {NEXT - 1} to {NEXT + 1}: no such table" in store.notice
        assert "It is as it was; a backup of it is hems.sqlite3.schema-" in store.notice
        assert store.get_state("latch") == 1
        store.add_sample(sample(T0 + timedelta(days=1)))
        with pytest.raises(StorageError):
            store.flush()
        assert store.stats().queued == 1
    assert path.read_bytes()[100:] == before[100:]
    with sqlite3.connect(path) as raw:
        assert raw.execute("PRAGMA user_version").fetchone()[0] == NEXT - 1
        names = {row[0] for row in raw.execute("SELECT name FROM sqlite_master")}
    raw.close()
    assert not names & {"later", "half"}
    assert list(path.parent.glob("*damaged*")) == []
    monkeypatch.setattr(MIGRATIONS, lambda: REAL)
    with SqliteStore(StoreOptions(path=path)) as store:  # the program of before still reads it
        assert store.notice is None


def test_without_room_for_a_backup_nothing_is_migrated(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(MIGRATIONS, lambda: [*REAL, GOOD])
    monkeypatch.setattr("hems.adapters.storage.store_writer.RETRY_S", (0.01,))
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9 - 1000, 1000))
        store = SqliteStore(StoreOptions(path=path))
        assert "no room for a backup" in (store.notice or "")
        assert "MB are needed, 0 MB are free. Make room on the disk" in (store.notice or "")
        assert backups_before_migrations(path) == []
    store.add_sample(sample(T0 + timedelta(days=1)))
    store.flush()
    assert store.stats().last_error is None
    store.close()
    assert len(backups_before_migrations(path)) == 1


def test_the_last_backups_are_kept_within_their_size(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = list(REAL)
    for number in range(NEXT, NEXT + 5):
        steps.append((number, f"CREATE TABLE later_{number} (a INTEGER);"))
        monkeypatch.setattr(MIGRATIONS, lambda known=tuple(steps): list(known))
        SqliteStore(StoreOptions(path=path)).close()
    names = [file.name for file in backups_before_migrations(path)]
    assert names == [f"hems.sqlite3.schema-{number}.backup" for number in range(NEXT + 3, NEXT, -1)]
    monkeypatch.setattr("hems.adapters.storage.migration.BACKUPS_MAX_BYTES", 1000)
    steps.append((NEXT + 5, "CREATE TABLE last_one (a INTEGER);"))
    SqliteStore(StoreOptions(path=path)).close()
    monkeypatch.setattr(MIGRATIONS, lambda: steps)
    SqliteStore(StoreOptions(path=path)).close()
    assert [file.name for file in backups_before_migrations(path)] == [f"hems.sqlite3.schema-{NEXT + 4}.backup"]


def test_a_newer_database_is_not_touched_in_a_single_byte(path: Path) -> None:
    with sqlite3.connect(path) as raw:
        raw.execute(f"PRAGMA user_version = {NEXT + 7}")
    raw.close()
    before = path.read_bytes()
    for aside in (True, False):
        with pytest.raises(StorageError, match="left untouched: update the program"):
            SqliteStore(StoreOptions(path=path, set_damaged_aside=aside))
    assert path.read_bytes() == before
