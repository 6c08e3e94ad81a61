"""Going back to a backup: all or nothing, the present kept aside, the present house's control untouched."""

from __future__ import annotations

import io
import os
import sqlite3
import stat
import tarfile
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from hems.adapters.storage.backup import make_backup
from hems.adapters.storage.going_back import restore_backup
from hems.adapters.storage.json_files import JsonFiles
from hems.adapters.storage.sqlite_store import SqliteStore, StoreOptions
from hems.domain.errors import StorageError
from support.storage_records import T0, cycle, quarter

DAY = timedelta(days=1)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    directory = tmp_path / "out"
    with SqliteStore(StoreOptions(path=directory / "hems.sqlite3")) as store:
        store.add_cycle(cycle(T0, "of then"))
        store.put_state("latch", "then")
    JsonFiles(directory, ZoneInfo("Europe/Warsaw")).write_energy_of(date(2026, 11, 1), [quarter(T0)])
    (directory / "system_state" / "user_settings.json").write_text('{"of": "then"}', encoding="utf-8")
    return directory


def live_on(directory: Path) -> None:
    """What happens after the backup."""
    with SqliteStore(StoreOptions(path=directory / "hems.sqlite3")) as store:
        store.add_cycle(cycle(T0 + DAY, "since then"))
        store.put_state("latch", "now")
    JsonFiles(directory, ZoneInfo("Europe/Warsaw")).write_energy_of(date(2026, 11, 2), [quarter(T0 + DAY)])
    (directory / "system_state" / "user_settings.json").write_text('{"of": "now"}', encoding="utf-8")


def reasons(database: Path) -> list[str]:
    with SqliteStore(StoreOptions(path=database)) as store:
        assert store.notice is None
        return [one.decision.reason for one in store.reader.cycles_between(T0, T0 + 9 * DAY)]


def contents(directory: Path) -> dict[str, bytes]:
    return {str(file.relative_to(directory)): file.read_bytes() for file in directory.rglob("*") if file.is_file()}


def test_what_is_remembered_goes_back_and_what_controls_stays(data: Path, tmp_path: Path) -> None:
    config = tmp_path / "mine.yaml"
    config.write_text("inverter: {}\n", encoding="utf-8")
    make_backup(data, tmp_path / "b.tar.gz", config=config)
    live_on(data)
    old_umask = os.umask(0)
    try:
        done = restore_backup(tmp_path / "b.tar.gz", data)
    finally:
        os.umask(old_umask)
    assert done.aside == data / "before-restore-1"
    assert done.configuration == "config/mine.yaml"
    assert done.files == 2
    restored = [data / "hems.sqlite3", data / "energy_data" / "energy_data_2026-11-01.json"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in restored} == {0o640}
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in (data / "energy_data", done.aside)} == {0o750}
    assert reasons(data / "hems.sqlite3") == ["of then"]
    assert [file.name for file in (data / "energy_data").iterdir()] == ["energy_data_2026-11-01.json"]
    assert (data / "system_state" / "user_settings.json").read_text(encoding="utf-8") == '{"of": "now"}'
    with SqliteStore(StoreOptions(path=data / "hems.sqlite3")) as store:
        assert store.get_state("latch") == "now", "the latch of today was loosened"
    assert reasons(done.aside / "hems.sqlite3") == ["of then", "since then"]
    assert len(list((done.aside / "energy_data").iterdir())) == 2
    restore_backup(tmp_path / "b.tar.gz", data)
    assert (data / "before-restore-2").is_dir()


def test_into_an_empty_place_and_a_database_alone(data: Path, tmp_path: Path) -> None:
    make_backup(data, tmp_path / "b.sqlite3")
    done = restore_backup(tmp_path / "b.sqlite3", tmp_path / "new" / "out")
    assert done.aside is None
    assert reasons(tmp_path / "new" / "out" / "hems.sqlite3") == ["of then"]
    with SqliteStore(StoreOptions(path=tmp_path / "new" / "out" / "hems.sqlite3")) as store:
        assert store.get_state("latch") == "then"


def archive(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def test_what_is_no_backup_changes_nothing(data: Path, tmp_path: Path) -> None:
    good = make_backup(data, tmp_path / "b.tar.gz").path.read_bytes()
    (tmp_path / "cut.tar.gz").write_bytes(good[: len(good) // 2])
    (tmp_path / "text.tar.gz").write_text("hello", encoding="utf-8")
    (tmp_path / "text.sqlite3").write_text("hello " * 1000, encoding="utf-8")
    with sqlite3.connect(tmp_path / "foreign.sqlite3") as raw:
        raw.execute("CREATE TABLE t (a)")
    raw.close()
    with sqlite3.connect(tmp_path / "newer.sqlite3") as raw:
        raw.execute("CREATE TABLE samples (a)")
        raw.execute("PRAGMA user_version = 999")
    raw.close()
    archive(tmp_path / "without.tar.gz", {"out/energy_data/energy_data_2026-11-01.json": b"{}"})
    archive(tmp_path / "broken.tar.gz", {"out/hems.sqlite3": b"\xa5" * 9000})
    before = contents(data)
    for name, said in {
        "cut.tar.gz": "not a whole backup",
        "text.tar.gz": "not a whole backup",
        "text.sqlite3": "cannot be read",
        "foreign.sqlite3": "not one of this program",
        "newer.sqlite3": "newer version",
        "without.tar.gz": "holds no hems.sqlite3",
        "broken.tar.gz": "cannot be read",
        "absent.tar.gz": "there is no such backup; nothing was changed",
    }.items():
        with pytest.raises(StorageError, match=said):
            restore_backup(tmp_path / name, data)
        assert contents(data) == before, name


def test_a_backup_that_is_not_there_makes_no_data_directory(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no such backup"):
        restore_backup(tmp_path / "absent.tar.gz", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_archive_cannot_write_anywhere_else(data: Path, tmp_path: Path) -> None:
    make_backup(data, tmp_path / "b.sqlite3")
    wicked = {
        "out/hems.sqlite3": (tmp_path / "b.sqlite3").read_bytes(),
        "out/energy_data/../../../escaped.json": b"{}",
        "/out/energy_data/absolute.json": b"{}",
        "out/system_state/user_settings.json": b'{"of": "wicked"}',
        "out/energy_data/.hidden.json": b"{}",
    }
    restore_backup(archive(tmp_path / "w.tar.gz", wicked), data)
    assert not (tmp_path / "escaped.json").exists()
    assert list(data.rglob("absolute.json")) == []
    assert list(data.rglob(".hidden.json")) == []
    assert "wicked" not in (data / "system_state" / "user_settings.json").read_text(encoding="utf-8")


def test_a_disk_that_refuses_in_the_middle_puts_everything_back(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_backup(data, tmp_path / "b.tar.gz")
    live_on(data)
    before = contents(data)
    real = Path.rename
    count = 0

    def failing(path: Path, target: Path) -> Path:
        nonlocal count
        count += 1
        if count == 3:
            raise OSError(28, os.strerror(28))
        return real(path, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(StorageError, match="No space left on device"):
        restore_backup(tmp_path / "b.tar.gz", data)
    assert contents(data) == before
    assert [file.name for file in data.iterdir() if "restore" in file.name] == []
