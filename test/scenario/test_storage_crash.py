"""Real processes that are killed at any moment, share the file, or run out of disk."""

from __future__ import annotations

import json
import os
import random
import select
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from hems.adapters.storage.going_back import restore_backup
from hems.adapters.storage.json_files import JsonFiles
from hems.adapters.storage.migration import migrations
from hems.adapters.storage.sqlite_reader import StoreReader
from hems.adapters.storage.sqlite_store import SqliteStore, StoreOptions
from support.storage_records import T0, cycle, sample

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
TEST_ROOT = Path(__file__).parents[1]

WRITER = """
import sys
from datetime import timedelta
from pathlib import Path
from hems.adapters.storage.sqlite_store import SqliteStore, StoreOptions
from support.storage_records import T0, cycle, sample

store = SqliteStore(StoreOptions(path=Path(sys.argv[1]), commit_every_s=0.01))
n = store.reader.count_cycles(T0, T0 + timedelta(days=1000))
while True:
    for _ in range(20):
        store.add_sample(sample(T0 + n * timedelta(minutes=1)))
        store.add_cycle(cycle(T0 + n * timedelta(minutes=1), f"cycle {n} " + "x" * 2000))
        n += 1
    store.put_state("written", n)
    print(n, flush=True)
"""

FULL_DISK = """
import resource, sys
from datetime import timedelta
from pathlib import Path
from hems.adapters.storage.sqlite_store import SqliteStore, StoreOptions
from hems.domain.errors import StorageError
from support.storage_records import T0, cycle, sample

path = Path(sys.argv[1])
store = SqliteStore(StoreOptions(path=path, commit_every_s=0.01, max_queued_rows=50, wait_max_s=5.0))
store.put_state("before", 1)
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (path.with_name(path.name + "-wal").stat().st_size + 8192, hard))
for n in range(40):
    store.add_cycle(cycle(T0 + n * timedelta(minutes=1), "x" * 2000))
store.put_state("during", 1)  # small as it is, its copy still has room
try:
    store.flush()
    print("no error")
except StorageError as error:
    print("refused:", error)
for n in range(100):
    store.add_sample(sample(T0 + n * timedelta(minutes=1)))
stats = store.stats()
print("failed:", stats.failed_commits > 0, "error:", stats.last_error, "dropped:", stats.dropped)
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
store.put_state("after", 1)
stats = store.stats()
print("healed:", stats.last_error, stats.queued)
store.close()
"""


def _child(code: str, path: Path) -> subprocess.Popen[str]:
    source = TEST_ROOT.parent / "src"
    environment = os.environ | {"PYTHONPATH": f"{source}{os.pathsep}{TEST_ROOT}"}
    return subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _acknowledged(child: subprocess.Popen[str], at_least: int) -> int:
    """Read the child's acknowledgements until ``at_least``, and what else it said by then."""
    assert child.stdout is not None
    last = 0
    while last < at_least:
        ready, _, _ = select.select([child.stdout], [], [], 20.0)
        assert ready, "the writer fell silent"
        last = int(child.stdout.readline())
    return last


MIGRATOR = """
import sys
from pathlib import Path
import hems.adapters.storage.migration as migration
from hems.adapters.storage.sqlite_store import SqliteStore, StoreOptions

steps = migration.migrations()
many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
slow = f"{many} INSERT INTO later SELECT i FROM n"
for number in range(3):
    steps.append((steps[-1][0] + 1, f"CREATE TABLE {'later' if not number else f'later_{number}'} (a);\\n{slow};"))
migration.migrations = lambda: steps
print("migrating", flush=True)
with SqliteStore(StoreOptions(path=Path(sys.argv[1]))) as store:
    print("notice:", store.notice, flush=True)
"""

PRUNER = """
import sys
from datetime import timedelta
from pathlib import Path
from hems.adapters.storage.sqlite_store import SqliteStore, StoreOptions
from support.storage_records import T0

store = SqliteStore(StoreOptions(path=Path(sys.argv[1])))
print("pruning", flush=True)
for day in range(0, 60):
    store.prune(T0 + day * timedelta(days=1))
    store.flush()
print("pruned", flush=True)
"""

BACKUP = """
import sys
from pathlib import Path
from hems.adapters.storage.backup import make_backup

database = Path(sys.argv[1])
for n in range(1000):
    print(n, flush=True)
    make_backup(database.parent, database.parent.parent / "b.tar.gz", overwrite=True)
"""

JSON = """
import sys
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo
from hems.adapters.storage.json_files import JsonFiles
from support.storage_records import T0, quarter
from hems.domain.time_grid import MTU

files = JsonFiles(Path(sys.argv[1]).parent, ZoneInfo("Europe/Warsaw"))
n = 0
while True:
    n += 1
    files.publish({"n": n, "long": ["x" * 50] * 2000}, [{"at": T0, "mode": "charge", "n": n, "long": "x" * 5000}])
    files.write_energy_of(date(2026, 11, 1), [quarter(T0 + q * MTU, cost=float(n)) for q in range(90)])
    print(n, flush=True)
"""


def _killed_at_random(code: str, path: Path, rng: random.Random, at_most_s: float) -> list[str]:
    """Run ``code`` until it is killed; return what it said."""
    child = _child(code, path)
    assert child.stdout is not None
    first = child.stdout.readline()
    time.sleep(rng.uniform(0.0, at_most_s))
    child.kill()
    return [first, *child.communicate(timeout=20)[0].splitlines()]


def _whole(path: Path) -> str:
    with sqlite3.connect(path) as raw:
        found = raw.execute("PRAGMA integrity_check").fetchone()[0]
    raw.close()
    return str(found)


def _check_records(path: Path, said: int) -> int:
    """Open as the service does; return how many there are, all whole and in order."""
    with SqliteStore(StoreOptions(path=path)) as store:
        assert store.notice is None
        cycles = list(store.reader.cycles_between(T0, T0 + 1000 * DAY))
        samples = store.reader.sample_times(T0, T0 + 1000 * DAY)
        written = store.get_state("written")
    assert isinstance(written, int)
    assert written >= said
    assert len(cycles) >= written
    assert len(samples) >= written
    assert [one.decision.reason.split()[1] for one in cycles] == [str(n) for n in range(len(cycles))]
    assert cycles[-1] == cycle(cycles[-1].at, cycles[-1].decision.reason)
    return len(cycles)


@pytest.mark.parametrize("kill_after", [20, 260])
def test_kill_9_loses_nothing_committed_and_leaves_nothing_half(tmp_path: Path, kill_after: int) -> None:
    path = tmp_path / "hems.sqlite3"
    child = _child(WRITER, path)
    try:
        said = _acknowledged(child, kill_after)
        child.send_signal(signal.SIGKILL)
        rest = child.communicate(timeout=10)[0]
    finally:
        child.kill()
        child.wait()
    _check_records(path, max([said, *(int(line) for line in rest.split())]))


@pytest.mark.slow
def test_killed_again_and_again_on_the_same_files(tmp_path: Path) -> None:
    path, rng, total = tmp_path / "hems.sqlite3", random.Random(3), 0
    for _ in range(25):
        lines = _killed_at_random(WRITER, path, rng, 0.4)
        # A last line that the kill cuts short is a smaller number, never a bigger one.
        total = _check_records(path, max([total - 19, *(int(line) for line in lines if line.strip())]))
    assert total > 500
    assert _whole(path) == "ok"


@pytest.mark.slow
def test_killed_in_a_migration_there_is_the_old_schema_or_the_new(tmp_path: Path) -> None:
    origin, rng, seen = tmp_path / "origin.sqlite3", random.Random(4), set()
    with SqliteStore(StoreOptions(path=origin)) as store:
        for n in range(2000):
            store.add_cycle(cycle(T0 + n * MINUTE, "x" * 1000))
    newest = migrations()[-1][0]
    for n in range(20):
        path = tmp_path / f"{n}" / "hems.sqlite3"
        path.parent.mkdir()
        path.write_bytes(origin.read_bytes())
        _killed_at_random(MIGRATOR, path, rng, 0.25)
        with sqlite3.connect(path) as raw:
            version = raw.execute("PRAGMA user_version").fetchone()[0]
            tables = {row[0] for row in raw.execute("SELECT name FROM sqlite_master WHERE name LIKE 'later%'")}
            assert raw.execute("SELECT count(*) FROM cycles").fetchone()[0] == 2000
        raw.close()
        assert version in {newest, newest + 3}
        assert len(tables) == version - newest
        assert _whole(path) == "ok"
        for backup in path.parent.glob("*.backup"):
            assert _whole(backup) == "ok"
            seen.add("backup made, not migrated" if version == newest else "migrated")
        finished = _child(MIGRATOR, path).communicate(timeout=60)
        assert "notice: None" in finished[0], finished
        assert [file.name for file in path.parent.glob(".*.tmp")] == []
    assert seen, "no kill came late enough"


@pytest.mark.slow
def test_killed_while_pruning_the_newest_are_all_there(tmp_path: Path) -> None:
    origin, rng = tmp_path / "origin.sqlite3", random.Random(5)
    with SqliteStore(StoreOptions(path=origin, durable=False)) as store:
        for n in range(4000):
            store.add_sample(sample(T0 - DAY + n * MINUTE))
        for n in range(50):
            store.add_sample(sample(T0 + 59 * DAY + n * MINUTE))
    counts = set()
    for n in range(12):
        path = tmp_path / f"{n}" / "hems.sqlite3"
        path.parent.mkdir()
        path.write_bytes(origin.read_bytes())
        _killed_at_random(PRUNER, path, rng, 0.3)
        with SqliteStore(StoreOptions(path=path)) as store:
            assert store.notice is None
            times = store.reader.sample_times(T0 - 9 * DAY, T0 + 99 * DAY)
        assert len(times) >= 50
        assert times[-50:] == [T0 + 59 * DAY + n * MINUTE for n in range(50)]
        # What is gone is the oldest: what is left has no gap but the one that was there.
        assert [b - a for a, b in pairwise(times[:-50])] == [MINUTE] * (max(len(times) - 51, 0))
        counts.add(len(times))
        assert _whole(path) == "ok"
    assert len(counts) > 1, "no kill came in the middle"


@pytest.mark.slow
def test_killed_while_backing_up_there_is_a_whole_backup_or_none(tmp_path: Path) -> None:
    path, rng, found = tmp_path / "out" / "hems.sqlite3", random.Random(6), 0
    with SqliteStore(StoreOptions(path=path)) as store:
        for n in range(1000):
            store.add_cycle(cycle(T0 + n * MINUTE, "x" * 1000))
    for n in range(12):
        _killed_at_random(BACKUP, path, rng, 0.5)
        target = tmp_path / "b.tar.gz"
        if target.exists():
            found += 1
            restore_backup(target, tmp_path / f"again-{n}")
            with StoreReader(tmp_path / f"again-{n}" / "hems.sqlite3") as reader:
                assert reader.count_cycles(T0, T0 + DAY) == 1000
        assert _whole(path) == "ok"
    assert found


@pytest.mark.slow
def test_killed_while_writing_json_a_file_is_whole_or_absent(tmp_path: Path) -> None:
    rng, read = random.Random(7), 0
    for _ in range(12):
        said = _killed_at_random(JSON, tmp_path / "out" / "hems.sqlite3", rng, 0.15)
        for file in (tmp_path / "out").rglob("*.json"):
            if not file.name.startswith("."):
                body = json.loads(file.read_text(encoding="utf-8"))
                read += 1
                if file.name == "current_state.json":
                    assert body["n"] >= max(int(line) for line in said if line.strip())
        for leftover in (tmp_path / "out").rglob(".*.tmp"):
            assert leftover.name.endswith(".tmp")
        JsonFiles(tmp_path / "out", ZoneInfo("Europe/Warsaw")).prune(T0)
        assert list((tmp_path / "out").rglob(".*.tmp")) == []
    assert read > 20


def test_another_process_reads_while_the_service_writes(tmp_path: Path) -> None:
    path = tmp_path / "hems.sqlite3"
    child = _child(WRITER, path)
    try:
        said = _acknowledged(child, 40)
        with StoreReader(path) as reader:
            first = reader.count_cycles(T0, T0 + 100 * DAY)
            assert first >= said
            deadline = time.monotonic() + 20.0
            while reader.count_cycles(T0, T0 + 100 * DAY) == first:
                assert time.monotonic() < deadline, "the reader never saw anything new"
                time.sleep(0.02)
            assert reader.last_sample() is not None
    finally:
        child.kill()
        child.communicate()


def test_two_processes_may_write(tmp_path: Path) -> None:
    path = tmp_path / "hems.sqlite3"
    child = _child(WRITER, path)
    try:
        _acknowledged(child, 20)
        with SqliteStore(StoreOptions(path=path)) as store:
            for n in range(10):
                store.put_state("from the console", n)
            assert store.get_state("from the console") == 9
        _acknowledged(child, 60)
    finally:
        child.kill()
        child.communicate()


def test_a_full_disk_is_reported_and_outlived(tmp_path: Path) -> None:
    path = tmp_path / "hems.sqlite3"
    child = _child(FULL_DISK, path)
    out, err = child.communicate(timeout=60)
    lines = out.splitlines()
    assert child.returncode == 0, err
    assert lines[0].startswith("refused:")
    assert str(path) in lines[0]
    assert "failed: True" in lines[1]
    # 140 records for 50 places: samples go, decisions stay.
    assert "dropped: {'sample': 90}" in lines[1]
    assert lines[2] == "healed: None 0"
    with StoreReader(path) as reader:
        assert reader.count_cycles(T0, T0 + DAY) == 40
        assert len(reader.sample_times(T0, T0 + DAY)) == 10
        assert reader.get_state("after") == 1
        assert reader.get_state("during") == 1
    with sqlite3.connect(path) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    raw.close()


def test_a_stopped_service_can_be_read_from_a_read_only_directory(tmp_path: Path) -> None:
    path = tmp_path / "out" / "hems.sqlite3"
    with SqliteStore(StoreOptions(path=path)) as store:
        store.add_sample(sample(T0))
    path.parent.chmod(0o550)
    try:
        with StoreReader(path) as reader:
            assert reader.last_sample() == sample(T0)
    finally:
        path.parent.chmod(0o750)
