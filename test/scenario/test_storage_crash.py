"""Real processes that are killed, share the file, or run out of disk."""

from __future__ import annotations

import os
import select
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

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
n = 0
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
try:
    store.put_state("during", 1)
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


@pytest.mark.parametrize("kill_after", [20, 100, 260])
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
    said = max([said, *(int(line) for line in rest.split())])
    with SqliteStore(StoreOptions(path=path)) as store:
        assert store.notice is None
        cycles = list(store.reader.cycles_between(T0, T0 + 100 * DAY))
        samples = store.reader.sample_times(T0, T0 + 100 * DAY)
        written = store.get_state("written")
    assert isinstance(written, int)
    assert written >= said
    assert len(cycles) >= written
    assert len(samples) >= written
    # Whole and in order: the last one too.
    assert [one.decision.reason.split()[1] for one in cycles] == [str(n) for n in range(len(cycles))]
    assert cycles[-1] == cycle(cycles[-1].at, cycles[-1].decision.reason)


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
        assert reader.get_state("during") is None
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
