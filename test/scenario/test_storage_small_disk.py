"""A real file system that is full, read-only or gone under the running store."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from hems.adapters.storage.json_files import JsonFiles
from hems.adapters.storage.sqlite_reader import StoreReader
from hems.adapters.storage.sqlite_store import SqliteStore, StoreOptions
from hems.adapters.storage.state_file import read_current_state
from hems.domain.errors import StorageError
from support.storage_records import T0, cycle, sample

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
WARSAW = ZoneInfo("Europe/Warsaw")


def mount(*arguments: str) -> None:
    subprocess.run(arguments, check=True, capture_output=True, text=True, timeout=20)


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file system of 2 MB."""
    monkeypatch.setattr("hems.adapters.storage.store_writer.RETRY_S", (0.05, 0.1))
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() != 0:
        pytest.skip("NOT TESTED HERE: a full and a read-only disk; mounting a small one needs root")
    try:
        mount("mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place))
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"NOT TESTED HERE: a full and a read-only disk; a small one cannot be mounted: {error}")
    try:
        yield place
    finally:
        mount("umount", "-l", str(place))


def eventually(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 15.0
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def opened(disk: Path, **changes: int) -> SqliteStore:
    return SqliteStore(StoreOptions(path=disk / "hems.sqlite3", commit_every_s=0.02, **changes))  # type: ignore[arg-type]


def fill_up(disk: Path) -> Path:
    """Take every free byte, as a forgotten download does."""
    stuffing = disk / "download"
    with stuffing.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError:
            return stuffing


def test_on_a_full_disk_records_wait_in_bounded_memory_and_are_written_when_there_is_room(disk: Path) -> None:
    files = JsonFiles(disk, WARSAW)
    with opened(disk, max_queued_rows=120) as store:
        store.put_state("latch", "before")
        files.publish({"n": 1}, ())
        stuffing = fill_up(disk)
        began = time.monotonic()
        for n in range(100):
            store.add_cycle(cycle(T0 + n * MINUTE, "x" * 2000))
        eventually(lambda: store.stats().failed_commits > 0, "the disk took what it cannot hold")
        for n in range(100):
            store.add_sample(sample(T0 + n * MINUTE))
        with pytest.raises(StorageError, match=r"full\. Make room on the disk"):
            store.flush()
        files.publish({"n": 2}, ())
        assert time.monotonic() - began < 5.0
        assert store.stats().last_error == "database or disk is full. Make room on the disk"
        assert files.last_error is not None
        assert "No space left on device. Make room on the disk" in files.last_error
        assert read_current_state(disk).status == {"n": 1}, "the old file stays whole"
        news = [*store.news(), *files.news()]
        assert [told.severity for told in news] == ["error", "error"]
        assert store.stats().queued <= 120
        assert store.stats().dropped == {"sample": 80}
        stuffing.unlink()
        eventually(lambda: store.stats().queued == 0, "not written when there was room")
        files.publish({"n": 3}, ())
        assert store.stats().last_error is None
        assert files.last_error is None
        assert "takes records again; lost meanwhile: 80 sample records" in store.news()[-1].text
    with StoreReader(disk / "hems.sqlite3") as reader:
        assert reader.count_cycles(T0, T0 + DAY) == 100
        times = reader.sample_times(T0, T0 + DAY)
    assert times == [T0 + n * MINUTE for n in range(80, 100)], "the newest of the outage are kept"


def test_a_damaged_file_set_aside_makes_room_on_a_full_disk(disk: Path) -> None:
    (disk / "hems.sqlite3.damaged-1").write_bytes(b"\xa5" * 500_000)
    with opened(disk) as store:
        store.flush()
        fill_up(disk)
        for n in range(30):
            store.add_cycle(cycle(T0 + n * MINUTE, "x" * 2000))
        eventually(lambda: store.stats().queued == 0, "no room was made")
        assert not (disk / "hems.sqlite3.damaged-1").exists()
        assert any("was removed to make room" in told.text for told in store.news())


def test_a_start_on_a_full_disk(disk: Path) -> None:
    stuffing = fill_up(disk)
    files = JsonFiles(disk, WARSAW)
    with opened(disk) as store:
        assert "records wait in memory" in (store.notice or "")
        store.add_cycle(cycle(T0))
        files.publish({"n": 1}, ())
        assert "Make room on the disk" in (files.last_error or "")
        stuffing.unlink()
        eventually(lambda: store.stats().queued == 0, "not written when there was room")
        assert store.reader.count_cycles(T0, T0 + DAY) == 1


def test_a_disk_that_turns_read_only_and_back(disk: Path) -> None:
    files = JsonFiles(disk, WARSAW)
    with opened(disk) as store:
        store.add_cycle(cycle(T0))
        store.put_state("latch", "before")
        # As the kernel does after an error: the files stay open, and take nothing any more.
        store._writer._file.close()
        store.reader.use_file(True)
        mount("mount", "-o", "remount,ro", str(disk))
        try:
            for n in range(1, 20):
                store.add_cycle(cycle(T0 + n * MINUTE))
            with pytest.raises(StorageError, match="Read-only file system"):
                store.put_state("latch", "during")
            files.publish({"n": 1}, ())
            assert "Read-only file system. The disk takes no writes" in (files.last_error or "")
            assert "Read-only file system" in (store.stats().last_error or "")
            assert store.stats().queued == 19
            assert store.get_state("latch") == "during"
        finally:
            mount("mount", "-o", "remount,rw", str(disk))
        eventually(lambda: store.stats().queued == 0, "not written when the disk took writes")
        store.flush()
    with opened(disk) as store:
        assert store.notice is None
        assert store.get_state("latch") == "during"
        assert store.reader.count_cycles(T0, T0 + DAY) == 20


def test_a_start_on_a_read_only_disk_knows_the_latch(disk: Path) -> None:
    with opened(disk) as store:
        store.put_state("safety_latch", ["battery_too_hot"])
        store.add_cycle(cycle(T0))
    mount("mount", "-o", "remount,ro", str(disk))
    try:
        with opened(disk) as store:
            assert "Read-only file system" in (store.notice or "")
            assert store.get_state("safety_latch") == ["battery_too_hot"]
            assert store.reader.count_cycles(T0, T0 + DAY) == 1, "what is there can be read"
            store.add_cycle(cycle(T0 + MINUTE))
            mount("mount", "-o", "remount,rw", str(disk))
            eventually(lambda: store.stats().queued == 0, "not written when the disk took writes")
    finally:
        mount("mount", "-o", "remount,rw", str(disk))
    with opened(disk) as store:
        assert store.reader.count_cycles(T0, T0 + DAY) == 2
