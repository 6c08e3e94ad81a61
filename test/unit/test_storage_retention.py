"""The size bound: leftovers first, then the oldest raw days, never what the house runs on."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

from hems.adapters.storage.disk import bytes_under
from hems.adapters.storage.sqlite_store import SqliteStore, StoreOptions
from support.storage_records import T0, cycle, quarter, sample

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def live(store: SqliteStore, days: int) -> None:
    for n in range(24 * days):
        at = T0 - days * DAY + n * HOUR
        store.add_sample(sample(at))
        store.add_cycle(cycle(at, "x" * 3000))
        store.add_energy(quarter(at))
    store.flush()


def test_the_oldest_raw_days_go_first_and_it_is_told(tmp_path: Path) -> None:
    path = tmp_path / "hems.sqlite3"
    with SqliteStore(StoreOptions(path=path, max_bytes=2_000_000)) as store:
        live(store, 29)
        store.prune(T0)
        store.flush()
        assert bytes_under(tmp_path) <= 2_000_000
        left = store.reader.first_sample_at()
        assert left is not None
        assert T0 - 28 * DAY < left < T0 - 3 * DAY
        assert store.reader.count_cycles(T0 - 99 * DAY, left - HOUR) == 0
        assert len(store.energy_between(T0 - 99 * DAY, T0)) == 29 * 24
        (told,) = store.news()
        assert told.severity == "warning"
        assert "allowed are 2" in told.text
        assert "readings and decisions of 2026-10-03" in told.text


def test_leftovers_go_before_readings_and_a_persons_own_stay(tmp_path: Path) -> None:
    path = tmp_path / "hems.sqlite3"
    kept_aside = tmp_path / "before-restore-1"
    kept_aside.mkdir()
    (kept_aside / "hems.sqlite3").write_bytes(b"\0" * 5_000_000)
    with SqliteStore(StoreOptions(path=path, max_bytes=4_000_000)) as store:
        live(store, 5)
        for name in ("damaged-1", "damaged-2", "schema-1.backup"):
            (tmp_path / f"hems.sqlite3.{name}").write_bytes(b"\0" * 2_000_000)
        store.prune(T0)
        store.flush()
        assert sorted(file.name for file in tmp_path.glob("hems.sqlite3.[ds]*")) == ["hems.sqlite3.schema-1.backup"]
        assert len(store.reader.sample_times(T0 - 9 * DAY, T0)) == 5 * 24
        assert (kept_aside / "hems.sqlite3").exists()


def test_today_and_yesterday_stay_whatever_lies_in_the_directory(tmp_path: Path) -> None:
    (tmp_path / "film.mkv").write_bytes(b"\0" * 3_000_000)
    with SqliteStore(StoreOptions(path=tmp_path / "hems.sqlite3", max_bytes=1_000_000)) as store:
        live(store, 6)
        store.prune(T0)
        store.flush()
        assert store.reader.first_sample_at() is not None
        assert len(store.reader.sample_times(T0 - 9 * DAY, T0)) == 36, "today is half over"
        assert "look for files that do not belong there" in store.news()[0].text
        assert (tmp_path / "film.mkv").exists()


def test_adding_goes_on_while_days_are_let_go(tmp_path: Path) -> None:
    with SqliteStore(StoreOptions(path=tmp_path / "hems.sqlite3", max_bytes=500_000)) as store:
        live(store, 20)
        store.prune(T0)
        began = time.monotonic()
        for n in range(100):
            store.add_sample(sample(T0 + n * timedelta(seconds=5)))
        assert time.monotonic() - began < 0.5
        store.flush()
        assert len(store.reader.sample_times(T0, T0 + DAY)) == 100
