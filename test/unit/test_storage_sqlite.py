"""The SQLite store: what goes in comes out, in bounded memory, on an honest schema."""

from __future__ import annotations

import sqlite3
import stat
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from hems.adapters.storage.backup import make_backup
from hems.adapters.storage.migration import migrations
from hems.adapters.storage.rows import (
    ENERGY_COLUMNS,
    insert_sql,
    row_of_cycle,
    row_of_energy,
    row_of_event,
    row_of_sample,
)
from hems.adapters.storage.sqlite_reader import StoreReader
from hems.adapters.storage.sqlite_schema import connect_writer
from hems.adapters.storage.sqlite_store import SqliteStore, StoreOptions
from hems.adapters.storage.write_queue import Kind, WriteQueue
from hems.domain.errors import StorageError
from hems.domain.prices import Market, PriceOrigin, PriceSeries, SlotPrice
from hems.domain.record import EventRecord
from hems.domain.time_grid import MTU
from support.storage_records import T0, cycle, quarter, sample

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with SqliteStore(StoreOptions(path=tmp_path / "out" / "hems.sqlite3", commit_every_s=0.05)) as opened:
        yield opened


def event(minute: int) -> EventRecord:
    return EventRecord(at=T0 + minute * MINUTE, kind="restart", severity="info", message=f"started at minute {minute}")


def prices(count: int, per_mwh: float = 400.0, origin: PriceOrigin = PriceOrigin.PUBLISHED) -> PriceSeries:
    slots = (
        SlotPrice(start=T0 + n * MTU, price_per_mwh=per_mwh + n, origin=origin, published_at=T0 - DAY)
        for n in range(count)
    )
    return PriceSeries("PLN", tuple(slots))


def test_every_kind_of_record_comes_back(store: SqliteStore) -> None:
    samples, cycles = [sample(T0 + n * MINUTE) for n in range(3)], [cycle(T0 + n * MINUTE) for n in range(3)]
    for one in samples:
        store.add_sample(one)
    for one in cycles:
        store.add_cycle(one)
    store.add_event(event(1))
    store.flush()
    end = T0 + 2 * MINUTE
    assert list(store.reader.samples_between(T0, end)) == samples[:2]
    assert store.reader.last_sample() == samples[2]
    assert list(store.reader.cycles_between(T0, end)) == cycles[:2]
    assert store.reader.last_cycles(2) == [cycles[2], cycles[1]]
    assert store.reader.count_cycles(T0, T0 + DAY) == 3
    assert store.reader.events_between(T0, end) == [event(1)]


def test_two_cycles_of_one_moment_are_both_kept(store: SqliteStore) -> None:
    store.add_cycle(cycle(T0, "first"))
    store.add_cycle(cycle(T0, "second"))
    store.flush()
    assert [one.decision.reason for one in store.reader.cycles_between(T0, T0 + DAY)] == ["first", "second"]


def test_long_spans_are_read_in_chunks_without_loss(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hems.adapters.storage.sqlite_reader.CHUNK", 4)
    for n in range(11):
        store.add_sample(sample(T0 + n * MINUTE))
        store.add_cycle(cycle(T0 + n // 5 * MINUTE, f"cycle {n}"))
    store.flush()
    assert len(list(store.reader.samples_between(T0, T0 + DAY))) == 11
    assert [one.decision.reason for one in store.reader.cycles_between(T0, T0 + DAY)] == [
        f"cycle {n}" for n in range(11)
    ]


def test_a_quarter_is_there_at_once_and_again_replaces_it(store: SqliteStore) -> None:
    store.add_energy(quarter(T0 + MTU, cost=0.5))
    store.add_energy(quarter(T0, cost=0.1))
    assert [slot.start for slot in store.energy_between(T0, T0 + DAY)] == [T0, T0 + MTU]
    store.flush()
    store.add_energy(quarter(T0, cost=0.2))
    assert [slot.cost for slot in store.energy_between(T0, T0 + DAY)] == [0.2, 0.5]
    store.flush()
    assert store.reader.energy_between(T0, T0 + MTU) == [quarter(T0, cost=0.2)]


def test_prices_are_there_at_once_and_after_a_restart(store: SqliteStore, tmp_path: Path) -> None:
    store.save_prices(Market.DAY_AHEAD, prices(4), "pse")
    assert store.load_prices(Market.DAY_AHEAD, T0, T0 + DAY) == prices(4)
    store.flush()
    store.save_prices(Market.DAY_AHEAD, prices(2, -50.0), "pse")
    merged = [slot.price_per_mwh for slot in store.load_prices(Market.DAY_AHEAD, T0, T0 + 3 * MTU)]
    assert merged == [-50.0, -49.0, 402.0]
    assert len(store.load_prices(Market.SETTLEMENT, T0, T0 + DAY)) == 0
    store.close()
    with SqliteStore(StoreOptions(path=tmp_path / "out" / "hems.sqlite3")) as again:
        assert [slot.price_per_mwh for slot in again.load_prices(Market.DAY_AHEAD, T0, T0 + 3 * MTU)] == merged


def test_an_estimated_price_is_never_kept_as_published(store: SqliteStore) -> None:
    with pytest.raises(ValueError, match="only published"):
        store.save_prices(Market.DAY_AHEAD, prices(1, origin=PriceOrigin.SIMILAR_DAY), "guess")


@pytest.mark.parametrize("value", [None, 0, 1.5, "żółć", [1, {"a": None}], {"latch": ["battery_too_hot"]}])
def test_state_is_on_disk_when_put_returns(store: SqliteStore, tmp_path: Path, value: object) -> None:
    store.put_state("key", "before")
    store.put_state("key", value)
    with StoreReader(tmp_path / "out" / "hems.sqlite3") as other:
        assert other.get_state("key") == value
    assert store.get_state("absent") is None


def test_close_writes_what_waits(tmp_path: Path) -> None:
    path = tmp_path / "hems.sqlite3"
    store = SqliteStore(StoreOptions(path=path, commit_every_s=3600.0))
    store.add_sample(sample(T0))
    store.close()
    store.close()
    with StoreReader(path) as reader:
        assert reader.last_sample() == sample(T0)
    with pytest.raises(StorageError, match="closed"):
        store.put_state("late", 1)


def test_records_are_committed_in_batches(tmp_path: Path) -> None:
    with SqliteStore(StoreOptions(path=tmp_path / "hems.sqlite3", commit_every_s=0.3)) as store:
        for n in range(50):
            store.add_sample(sample(T0 + n * MINUTE))
        store.flush()
        assert store.stats().commits <= 2
        assert store.stats().newest_on_disk == T0 + 49 * MINUTE
        assert store.stats().queued == 0


def test_what_waits_is_committed_without_being_asked(store: SqliteStore) -> None:
    store.add_sample(sample(T0))
    deadline = time.monotonic() + 5.0
    while store.stats().commits == 0:
        assert time.monotonic() < deadline, "the writer never committed by itself"
        time.sleep(0.01)
    assert store.reader.last_sample() == sample(T0)


def test_adding_does_not_wait_for_a_locked_database(store: SqliteStore, tmp_path: Path) -> None:
    blocker = sqlite3.connect(tmp_path / "out" / "hems.sqlite3", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    for n in range(200):
        store.add_sample(sample(T0 + n * MINUTE))
    assert time.monotonic() - began < 0.5
    blocker.execute("ROLLBACK")
    blocker.close()
    store.flush()
    assert len(store.reader.sample_times(T0, T0 + DAY)) == 200


def test_the_queue_lets_go_of_the_least_first_and_counts() -> None:
    queue = WriteQueue(max_rows=4, max_bytes=10**6)
    for n in range(3):
        queue.add(Kind.SAMPLE, row_of_sample(sample(T0 + n * MINUTE)))
    queue.add(Kind.EVENT, row_of_event(event(0)))
    queue.add(Kind.ENERGY, row_of_energy(quarter(T0)))
    assert [row[0] for row in queue.waiting(Kind.SAMPLE)] == [row_of_sample(sample(T0 + n * MINUTE))[0] for n in (1, 2)]
    for n in range(4):
        queue.add(Kind.CYCLE, row_of_cycle(cycle(T0 + n * MINUTE)))
    lost = {Kind.SAMPLE: 3, Kind.EVENT: 1, Kind.CYCLE: 1}
    assert queue.dropped == dict.fromkeys(Kind, 0) | lost
    assert len(queue) == 4


def test_the_queue_is_bounded_in_bytes_and_keeps_order_when_put_back() -> None:
    queue = WriteQueue(max_rows=1000, max_bytes=20_000)
    for n in range(100):
        queue.add(Kind.CYCLE, row_of_cycle(cycle(T0 + n * MINUTE)))
    assert queue.waiting_bytes <= 20_000
    assert queue.dropped[Kind.CYCLE] == 100 - len(queue)
    kept = queue.waiting(Kind.CYCLE)
    batch = queue.take()
    assert queue.waiting_bytes == 0
    newer = row_of_cycle(cycle(T0 + DAY))
    queue.add(Kind.CYCLE, newer)
    queue.put_back(batch)
    assert queue.waiting(Kind.CYCLE)[-1] == newer
    assert queue.waiting(Kind.CYCLE)[-2] == kept[-1]
    assert queue.waiting_bytes <= 20_000


def test_pruning_keeps_raw_a_month_and_quarters_for_years(store: SqliteStore) -> None:
    ages = [timedelta(0), 29 * DAY, 31 * DAY, 400 * DAY, 6 * 366 * DAY]
    for age in ages:
        store.add_sample(sample(T0 - age))
        store.add_cycle(cycle(T0 - age))
        store.add_event(EventRecord(at=T0 - age, kind="k", severity="info", message="m"))
        store.add_energy(quarter(T0 - age))
    store.prune(T0)
    store.flush()
    long_ago = T0 - 10 * 366 * DAY
    end = T0 + DAY
    assert len(store.reader.sample_times(long_ago, end)) == 2
    assert store.reader.count_cycles(long_ago, end) == 2
    assert len(store.reader.events_between(long_ago, end)) == 3
    assert len(store.reader.energy_between(long_ago, end)) == 4
    assert store.stats().pruned == {"samples": 3, "cycles": 3, "forecasts": 0, "events": 2, "energy": 1, "prices": 0}


def test_a_clock_that_leaps_a_year_costs_no_month_of_records(store: SqliteStore) -> None:
    for age in range(40):
        store.add_sample(sample(T0 - age * DAY))
    store.prune(T0)
    store.flush()
    assert store.stats().pruned["samples"] == 9
    store.prune(T0 + 365 * DAY)
    store.flush()
    assert store.stats().pruned["samples"] == 2
    store.prune(T0 + DAY)
    store.flush()
    assert len(store.reader.sample_times(T0 - 100 * DAY, T0 + DAY)) == 29


def test_pruning_gives_the_space_back(store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hems.adapters.storage.retention.PRUNE_CHUNK", 100)
    for n in range(450):
        store.add_cycle(cycle(T0 + n * MINUTE))
    store.flush()
    store.prune(T0 + timedelta(minutes=1))
    store.flush()
    before = store.stats().file_bytes
    for day in range(0, 33, 2):
        store.prune(T0 + day * DAY)
        store.flush()
    assert store.stats().pruned["cycles"] == 450
    assert store.stats().file_bytes < before / 4


def test_files_are_not_for_everyone(store: SqliteStore, tmp_path: Path) -> None:
    store.put_state("a", 1)
    folder = tmp_path / "out"
    assert stat.S_IMODE(folder.stat().st_mode) & 0o007 == 0
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.rglob("*") if file.is_file()} == {0o640}
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.rglob("*") if file.is_dir()} == {0o750}


def test_a_newer_schema_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "hems.sqlite3"
    SqliteStore(StoreOptions(path=path)).close()
    newest = migrations()[-1][0]
    with sqlite3.connect(path) as raw:
        raw.execute(f"PRAGMA user_version = {newest + 1}")
    raw.close()
    for opened in (lambda: SqliteStore(StoreOptions(path=path)), lambda: StoreReader(path)):
        with pytest.raises(StorageError, match="newer version"):
            opened()
    assert [file.name for file in tmp_path.glob("*damaged*")] == []


def test_an_older_schema_is_brought_up_to_date_with_its_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "hems.sqlite3"
    first = migrations()[:1]
    with monkeypatch.context() as patch:
        patch.setattr("hems.adapters.storage.migration.migrations", lambda: first)
        connect_writer(path).close()
    columns = [column for column in ENERGY_COLUMNS if column != "settled_lead_wh"]
    row = dict(zip(ENERGY_COLUMNS, row_of_energy(quarter(T0)), strict=True))
    with sqlite3.connect(path) as raw:
        raw.execute(insert_sql("energy", columns), [row[column] for column in columns])
    raw.close()
    with pytest.raises(StorageError, match="start the service once"):
        StoreReader(path)
    make_backup(tmp_path, tmp_path / "before.sqlite3")
    with SqliteStore(StoreOptions(path=path)) as store:
        assert store.energy_between(T0, T0 + DAY) == [quarter(T0)]


def test_migrations_are_numbered_without_gaps() -> None:
    assert [number for number, _ in migrations()] == list(range(1, len(migrations()) + 1))


def _damage(path: Path, kind: str) -> None:
    if kind == "no database at all":
        path.write_bytes(b"this is not a database " * 400)
        return
    with SqliteStore(StoreOptions(path=path)) as store:
        for n in range(300):
            store.add_cycle(cycle(T0 + n * MINUTE))
    content = bytearray(path.read_bytes())
    content[4096 * 6 : 4096 * 20] = b"\xa5" * (4096 * 14)
    path.write_bytes(content)


@pytest.mark.parametrize("kind", ["no database at all", "pages overwritten"])
def test_a_damaged_file_is_set_aside_and_said(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "hems.sqlite3"
    _damage(path, kind)
    damaged = path.read_bytes()
    with SqliteStore(StoreOptions(path=path)) as store:
        assert store.notice is not None
        assert "hems.sqlite3.damaged-1" in store.notice
        store.put_state("a", 1)
    # Opening counts a change in the file's first page; everything else is as it was found.
    assert (tmp_path / "hems.sqlite3.damaged-1").read_bytes()[4096:] == damaged[4096:]
    with SqliteStore(StoreOptions(path=path)) as store:
        assert store.notice is None
        assert store.get_state("a") == 1


def test_the_log_of_a_damaged_file_goes_aside_with_it(tmp_path: Path) -> None:
    path = tmp_path / "hems.sqlite3"
    _damage(path, "pages overwritten")
    # While another process has the file open, SQLite leaves its log in place: a new database must not find it.
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("SELECT count(*) FROM sqlite_master").fetchone()
    with SqliteStore(StoreOptions(path=path)) as store:
        assert store.notice is not None
        store.put_state("a", 1)
        assert (tmp_path / "hems.sqlite3.damaged-1-wal").exists()
    other.close()
    with SqliteStore(StoreOptions(path=path)) as store:
        assert store.get_state("a") == 1


def test_a_damaged_file_can_be_refused_instead(tmp_path: Path) -> None:
    path = tmp_path / "hems.sqlite3"
    _damage(path, "no database at all")
    with pytest.raises(StorageError, match="restore a backup"):
        SqliteStore(StoreOptions(path=path, set_damaged_aside=False))


def test_reading_where_nothing_was_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no database yet"):
        StoreReader(tmp_path / "hems.sqlite3")


def test_a_row_the_schema_refuses_does_not_hold_up_the_others(store: SqliteStore) -> None:
    store.add_energy(quarter(T0, pv_wh=float("nan")))
    store.add_energy(quarter(T0 + MTU))
    store.flush()
    assert store.stats().refused == 1
    assert [slot.start for slot in store.reader.energy_between(T0, T0 + DAY)] == [T0 + MTU]
