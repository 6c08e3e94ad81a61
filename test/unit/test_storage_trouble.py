"""What may befall the database file while the house is cared for: the store goes on, tells, and gets well again."""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from hems.adapters.storage.rows import CYCLE_COLUMNS
from hems.adapters.storage.sqlite_reader import StoreReader
from hems.adapters.storage.sqlite_store import SqliteStore, StoreOptions
from hems.adapters.storage.store_writer import StoreWriter
from hems.adapters.storage.trouble import Trouble, trouble_of, what_the_disk_said
from hems.domain.errors import StorageError
from support.storage_records import T0, cycle, sample

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def opened(path: Path, **changes: object) -> SqliteStore:
    return SqliteStore(StoreOptions(path=path, commit_every_s=0.02, **changes))  # type: ignore[arg-type]


def fill(store: SqliteStore, count: int, first: int = 0) -> None:
    for n in range(first, first + count):
        store.add_sample(sample(T0 + n * MINUTE))
        store.add_cycle(cycle(T0 + n * MINUTE, f"cycle {n} " + "x" * 500))


def eventually(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 10.0
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def overwrite(path: Path) -> None:
    """Damage the pages of the tables but the first few, as a failing card does."""
    content = bytearray(path.read_bytes())
    content[4096 * 12 : 4096 * 30] = b"\xa5" * (4096 * 18)
    with path.open("r+b") as file:
        file.write(content)


def all_cycles(store: SqliteStore) -> int:
    return store.reader.count_cycles(T0 - DAY, T0 + 100 * DAY)


def test_a_file_deleted_while_running_is_written_anew_with_everything(tmp_path: Path) -> None:
    path = tmp_path / "hems.sqlite3"
    with opened(path) as store:
        fill(store, 200)
        store.put_state("safety_latch", ["battery_too_hot"])
        store.flush()
        assert all_cycles(store) == 200
        for file in tmp_path.glob("hems.sqlite3*"):
            file.unlink()
        fill(store, 10, first=200)
        store.flush()
        assert path.exists()
        assert all_cycles(store) == 210
        assert [told.severity for told in store.news()] == ["warning"]
    with StoreReader(path) as reader:
        assert reader.get_state("safety_latch") == ["battery_too_hot"]
        assert len(reader.sample_times(T0, T0 + DAY)) == 210


def test_a_log_deleted_while_running_costs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "hems.sqlite3"
    with opened(path) as store:
        fill(store, 50)
        store.flush()
        path.with_name(path.name + "-wal").unlink()
        fill(store, 10, first=50)
        store.flush()
        assert "log was deleted" in store.news()[0].text
        fill(store, 10, first=60)
        store.flush()
        copy = tmp_path / "copy.sqlite3"  # as a power cut would leave it
        copy.write_bytes(path.read_bytes())
        copy.with_name(copy.name + "-wal").write_bytes(path.with_name(path.name + "-wal").read_bytes())
        with StoreReader(copy) as reader:
            assert reader.count_cycles(T0, T0 + DAY) == 70
    with opened(path) as store:
        assert store.notice is None
        assert all_cycles(store) == 70


def test_a_directory_put_in_its_place_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hems.adapters.storage.store_writer.RETRY_S", (0.05,))
    path = tmp_path / "hems.sqlite3"
    with opened(path) as store:
        fill(store, 50)
        store.flush()
        for file in tmp_path.glob("hems.sqlite3*"):
            file.unlink()
        path.mkdir()
        fill(store, 5, first=50)
        with pytest.raises(StorageError, match=r"a directory is in its place\. Move it away"):
            store.flush()
        assert all_cycles(store) == 50, "what is still open can be read"
        path.rmdir()
        eventually(lambda: store.stats().queued == 0, "not written when the way was free")
        assert all_cycles(store) == 55


def test_another_file_put_in_its_place_is_used(tmp_path: Path) -> None:
    path, other = tmp_path / "hems.sqlite3", tmp_path / "other.sqlite3"
    with opened(other) as store:
        fill(store, 3)
    with opened(path) as store:
        fill(store, 50, first=100)
        store.flush()
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink()
        other.rename(path)
        store.add_cycle(cycle(T0 + 3 * MINUTE))
        store.flush()
        assert all_cycles(store) == 4
        assert "another file" in store.news()[0].text


def test_damage_found_at_a_write_is_overcome_and_the_records_come_back(tmp_path: Path) -> None:
    path = tmp_path / "hems.sqlite3"
    with opened(path) as store:
        fill(store, 300)
        store.put_state("safety_latch", ["bms_alarm"])
        store.flush()
        store.prune(T0)  # moves the log into the file
        store.flush()
        overwrite(path)
        # The page cache would hide it from a connection that has read the pages; a read of old records does not.
        with pytest.raises(StorageError):
            list(store.reader.cycles_between(T0, T0 + DAY))
        eventually(lambda: bool(list(tmp_path.glob("*.damaged-1"))), "not set aside")
        fill(store, 5, first=400)
        store.flush()
        eventually(lambda: any("brought back" in told.text for told in store.news()), "nothing was told")
        kept = [one.decision.reason.split()[1] for one in store.reader.cycles_between(T0, T0 + DAY)]
        assert kept[-5:] == [str(n) for n in range(400, 405)]
        assert len(kept) > 100
        assert len(set(kept)) == len(kept)
        assert store.stats().last_error is None
        assert store.get_state("safety_latch") == ["bms_alarm"]
    with opened(path) as store:
        assert store.notice is None
        assert store.get_state("safety_latch") == ["bms_alarm"]


def leave_a_row_out_of_its_index(path: Path) -> None:
    """Add a decision behind the back of its index: the quick check does not see it."""
    with sqlite3.connect(path) as raw:
        raw.execute("PRAGMA writable_schema = ON")
        index = raw.execute("SELECT * FROM sqlite_master WHERE name = 'cycles_by_time'").fetchone()
        raw.execute("DELETE FROM sqlite_master WHERE name = 'cycles_by_time'")
    raw.close()
    with sqlite3.connect(path) as raw:
        raw.execute("PRAGMA writable_schema = ON")
        columns = ", ".join(CYCLE_COLUMNS[1:])
        raw.execute(f"INSERT INTO cycles (at_us, {columns}) SELECT at_us + 1, {columns} FROM cycles WHERE id = 1")  # noqa: S608
        raw.execute("INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)", index)
    raw.close()


def test_damage_that_only_a_full_check_sees_is_found_beside_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "hems.sqlite3"
    with opened(path) as store:
        fill(store, 50)
    leave_a_row_out_of_its_index(path)
    with opened(path) as store:
        assert store.notice is None
        for days in (0, 6):
            store.prune(T0 + days * DAY)
            store.flush()
        assert not store._writer._check.is_running, "once a week is enough"
        store.prune(T0 + 7 * DAY)
        eventually(lambda: bool(list(tmp_path.glob("*.damaged-1"))), "not set aside")
        store.flush()
        assert all_cycles(store) == 51
    monkeypatch.setattr("hems.adapters.storage.store_writer.CHECKED_ON_OPENING_MAX_BYTES", 1000)
    leave_a_row_out_of_its_index(path)
    with opened(path) as store:  # too big to wait for: the whole check runs beside the work, from the start
        eventually(lambda: bool(list(tmp_path.glob("*.damaged-2"))), "not set aside")


def test_an_emptied_file_is_begun_anew_with_the_state_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "hems.sqlite3"
    with opened(path) as store:
        fill(store, 20)
        store.put_state("safety_latch", ["grid_lost"])
        store.prune(T0)
        store.flush()
        os.truncate(path, 0)
        for n in range(3):
            fill(store, 5, first=100 + n)
            store.put_state("n", n)
        store.flush()
        assert store.stats().last_error is None
    with opened(path) as store:
        assert store.get_state("safety_latch") == ["grid_lost"]
        assert store.get_state("n") == 2
        assert store.reader.last_sample() == sample(T0 + 106 * MINUTE)


@pytest.mark.parametrize("how", ["a directory in its place", "a file where its directory should be"])
def test_what_cannot_be_opened_is_told_and_taken_when_it_can(
    tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hems.adapters.storage.store_writer.RETRY_S", (0.05,))
    path = tmp_path / "out" / "hems.sqlite3"
    if how.startswith("a directory"):
        path.mkdir(parents=True)
    else:
        (tmp_path / "out").write_text("in the way")
    with opened(path) as store:
        assert store.notice is not None
        assert "records wait in memory" in store.notice
        assert "Move it away" in store.notice or "move it away" in store.notice or "a file where" in store.notice
        fill(store, 20)
        with pytest.raises(StorageError):
            store.flush()
        with pytest.raises(StorageError):
            store.reader.last_sample()
        assert store.stats().queued == 40
        assert store.stats().last_error is not None
        if how.startswith("a directory"):
            path.rmdir()
        else:
            (tmp_path / "out").unlink()
        eventually(lambda: store.stats().queued == 0, "not written when the way was free")
        assert store.stats().last_error is None
        assert all_cycles(store) == 20
        assert "takes records again" in store.news()[-1].text


def test_a_question_is_refused_where_the_service_would_go_on(tmp_path: Path) -> None:
    (tmp_path / "hems.sqlite3").mkdir()
    with pytest.raises(StorageError, match=r"in the file's place|in its place"):
        opened(tmp_path / "hems.sqlite3", set_damaged_aside=False)


@pytest.mark.skipif(os.geteuid() != 0, reason="root writes what it may not: other users are tried through setresuid")
def test_a_file_of_another_owner_is_told_by_name(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents:
        if parent.stat().st_uid == 0 and parent.name.startswith(("pytest-", "popen-")):
            parent.chmod(0o755)
    path = tmp_path / "hems.sqlite3"
    with opened(path) as store:
        fill(store, 2)
    pid = os.fork()
    if pid == 0:
        try:
            os.setresuid(65534, 65534, 65534)
            with opened(path) as store:
                told = store.notice or ""
                fill(store, 2)
                os._exit(0 if "Permission denied. Check owner and mode" in told and store.stats().queued == 4 else 3)
        finally:
            os._exit(4)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_a_disk_that_fails_to_write_is_waited_for_and_then_the_file_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hems.adapters.storage.store_writer.RETRY_S", (0.02,))
    path = tmp_path / "hems.sqlite3"
    failing = True
    real = StoreWriter._commit_to

    def commit(self: StoreWriter, connection: sqlite3.Connection, work: object) -> int:
        if failing and not list(tmp_path.glob("*.damaged-*")):
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR_WRITE
            raise error
        return real(self, connection, work)  # type: ignore[arg-type]

    with opened(path) as store:
        fill(store, 30)
        store.flush()
        monkeypatch.setattr(StoreWriter, "_commit_to", commit)
        fill(store, 10, first=30)
        eventually(lambda: store.stats().queued == 0, "not written to a new file")
        eventually(lambda: any("brought back" in told.text for told in store.news()), "nothing was told")
        assert store.stats().failed_commits == 2
        assert all_cycles(store) == 40
        failing = False


def test_a_new_file_that_fails_at_once_is_not_renamed_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hems.adapters.storage.store_writer.RETRY_S", (0.01,))
    path = tmp_path / "hems.sqlite3"

    def commit(_self: StoreWriter, _connection: sqlite3.Connection, _work: object) -> int:
        error = sqlite3.DatabaseError("database disk image is malformed")
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error

    with opened(path, max_queued_rows=50) as store:
        monkeypatch.setattr(StoreWriter, "_commit_to", commit)
        fill(store, 100)
        eventually(lambda: store.stats().failed_commits > 10, "the writer gave up")
        assert len(list(tmp_path.glob("*.damaged-?"))) == 1
        assert store.stats().queued == 50
        monkeypatch.undo()
        eventually(lambda: store.stats().queued == 0, "never written")


def test_a_slow_disk_holds_up_nobody_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stuck = threading.Event()
    real = StoreWriter._commit_to

    def commit(self: StoreWriter, connection: sqlite3.Connection, work: object) -> int:
        stuck.wait(20.0)
        return real(self, connection, work)  # type: ignore[arg-type]

    with opened(tmp_path / "hems.sqlite3", state_wait_max_s=0.2) as store:
        monkeypatch.setattr(StoreWriter, "_commit_to", commit)
        began = time.monotonic()
        fill(store, 500)
        assert time.monotonic() - began < 1.0
        store_began = time.monotonic()
        for n in range(10):
            with pytest.raises(StorageError, match="waits in memory"):
                store.put_state("n", n)
        assert time.monotonic() - store_began < 1.0, "a stuck disk is waited for once, not each time"
        assert store.get_state("n") == 9
        assert len(store.energy_between(T0, T0 + DAY)) == 0
        stuck.set()
        store.flush()
        assert store.reader.get_state("n") == 9
        assert all_cycles(store) == 500


def test_a_simulated_house_does_not_wait_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr("os.fsync", synced.append)
    with opened(tmp_path / "hems.sqlite3", durable=False) as store:
        store.put_state("a", 1)
        assert store._writer._file.ready().execute("PRAGMA synchronous").fetchone()[0] == 0
    assert synced == []
    with opened(tmp_path / "hems.sqlite3") as store:
        assert store.get_state("a") == 1
        assert store._writer._file.ready().execute("PRAGMA synchronous").fetchone()[0] == 2


def test_a_latch_survives_a_database_of_which_nothing_reads(tmp_path: Path) -> None:
    path = tmp_path / "hems.sqlite3"
    with opened(path) as store:
        store.put_state("safety_latch", {"causes": ["battery_too_hot"]})
    path.write_bytes(b"\0" * 8192)
    with opened(path) as store:
        assert store.notice is not None
        assert store.get_state("safety_latch") == {"causes": ["battery_too_hot"]}
    path.unlink()
    with opened(path) as store:
        assert store.get_state("safety_latch") == {"causes": ["battery_too_hot"]}


def test_of_database_and_copy_the_newer_state_counts(tmp_path: Path) -> None:
    path, copy = tmp_path / "hems.sqlite3", tmp_path / "system_state" / "control_state.json"
    with opened(path) as store:
        store.put_state("latch", "old")
    older = copy.read_bytes()
    with opened(path) as store:
        store.put_state("latch", "new")
    copy.write_bytes(older)  # the power went between the two
    with opened(path) as store:
        assert store.get_state("latch") == "new"
    copy.write_text("{ half", encoding="utf-8")
    with opened(path) as store:
        assert store.get_state("latch") == "new"
        store.put_state("latch", "newest")
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE state SET value = '\"stale\"' WHERE key = 'latch'")
        raw.execute("UPDATE state SET value = '1' WHERE key = 'state_number'")
    raw.close()
    with opened(path) as store:
        assert store.get_state("latch") == "newest"


def error_of(code: int, text: str = "said") -> sqlite3.Error:
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("code", "trouble"),
    [
        (sqlite3.SQLITE_FULL, Trouble.WAIT),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, Trouble.WAIT),
        (sqlite3.SQLITE_CORRUPT_INDEX, Trouble.DAMAGED),
        (sqlite3.SQLITE_NOTADB, Trouble.DAMAGED),
        (sqlite3.SQLITE_READONLY_DBMOVED, Trouble.REOPEN),
        (sqlite3.SQLITE_IOERR_FSYNC, Trouble.REOPEN),
        (sqlite3.SQLITE_CANTOPEN, Trouble.REOPEN),
    ],
)
def test_each_refusal_asks_for_its_own_remedy(code: int, trouble: Trouble) -> None:
    assert trouble_of(error_of(code)) is trouble


def test_the_disk_is_quoted_not_guessed_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "hems.sqlite3"
    path.write_bytes(b"")
    assert what_the_disk_said(error_of(sqlite3.SQLITE_FULL, "full"), path) == "full. Make room on the disk"
    assert "another program" in what_the_disk_said(error_of(sqlite3.SQLITE_BUSY), path).lower()
    assert "may be failing" in what_the_disk_said(error_of(sqlite3.SQLITE_IOERR), path)

    def read_only(*_: object) -> int:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("os.open", read_only)
    assert what_the_disk_said(error_of(sqlite3.SQLITE_READONLY), path).startswith("Read-only file system. The disk")
