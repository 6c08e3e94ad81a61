"""Backup and export: one consistent copy; spreadsheets with units."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import stat
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from hems.adapters.storage.backup import make_backup
from hems.adapters.storage.export_csv import What, write_csv
from hems.adapters.storage.json_files import JsonFiles
from hems.adapters.storage.sqlite_reader import StoreReader
from hems.adapters.storage.sqlite_store import SqliteStore, StoreOptions
from hems.cli.export import moment_of
from hems.domain.errors import StorageError
from hems.domain.time_grid import MTU
from support.storage_records import T0, cycle, quarter, sample

WARSAW = ZoneInfo("Europe/Warsaw")


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """A data directory whose service is still running."""
    directory = tmp_path / "out"
    with SqliteStore(StoreOptions(path=directory / "hems.sqlite3")) as store:
        for n in range(3):
            store.add_sample(sample(T0 + n * timedelta(minutes=1)))
            store.add_energy(quarter(T0 + n * MTU, cost=0.1 * n, price_estimated=n == 1))
        store.add_cycle(cycle(T0))
        store.put_state("latch", ["battery_too_hot"])
        store.flush()
        JsonFiles(directory, WARSAW).publish({"state": "monitoring"}, [{"at": T0, "mode": "charge"}])
        (directory / "user_settings.json").write_text('{"work_mode": 0}', encoding="utf-8")
        yield directory


def test_a_database_alone(data: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy.sqlite3"
    done = make_backup(data, target)
    assert done.size_bytes == target.stat().st_size
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    with StoreReader(target) as reader:
        assert list(reader.cycles_between(T0, T0 + MTU)) == [cycle(T0)]
        assert reader.get_state("latch") == ["battery_too_hot"]


def test_everything_in_an_archive(data: Path, tmp_path: Path) -> None:
    config = tmp_path / "mine.yaml"
    config.write_text("inverter: {ip_address: simulator}\n", encoding="utf-8")
    target = tmp_path / "backup.tar.gz"
    done = make_backup(data, target, config=config)
    expected = {
        "out/hems.sqlite3",
        "out/user_settings.json",
        "out/system_state/current_state.json",
        "out/system_state/control_state.json",
        "out/charging_schedules/schedule_2026-11-01.json",
        "config/mine.yaml",
    }
    assert set(done.contents) == expected
    with tarfile.open(target) as tar:
        assert set(tar.getnames()) == expected
        tar.extractall(tmp_path / "restored", filter="data")
    with SqliteStore(StoreOptions(path=tmp_path / "restored" / "out" / "hems.sqlite3")) as restored:
        assert restored.notice is None
        assert restored.reader.last_sample() == sample(T0 + timedelta(minutes=2))
    state = tmp_path / "restored" / "out" / "system_state" / "current_state.json"
    assert json.loads(state.read_text(encoding="utf-8")) == {"state": "monitoring"}


@pytest.mark.parametrize("name", ["old.sqlite3", "old.tar.gz"])
def test_never_overwrites_unless_told(data: Path, tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    target.write_text("precious", encoding="utf-8")
    with pytest.raises(StorageError, match="--force"):
        make_backup(data, target)
    assert target.read_text(encoding="utf-8") == "precious"
    make_backup(data, target, overwrite=True)
    assert target.stat().st_size > 1000


def test_nothing_is_left_behind_by_a_backup_that_fails(data: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "broken"
    with SqliteStore(StoreOptions(path=elsewhere / "hems.sqlite3")) as store:
        store.add_cycle(cycle(T0))
    content = bytearray((elsewhere / "hems.sqlite3").read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    (elsewhere / "hems.sqlite3").write_bytes(content)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(StorageError, match=r"not copied|check"):
        make_backup(elsewhere, tmp_path / "b.tar.gz")
    with pytest.raises(StorageError, match="no database yet"):
        make_backup(tmp_path / "nowhere", tmp_path / "b.tar.gz")
    with pytest.raises(StorageError, match="not written"):
        make_backup(data, tmp_path / "no such folder" / "b.tar.gz")
    assert sorted(tmp_path.iterdir()) == before


def test_progress_is_told(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hems.adapters.storage.backup._OPS_PER_REPORT", 10)
    told: list[tuple[str, float]] = []
    make_backup(data, tmp_path / "b.tar.gz", progress=lambda what, share: told.append((what, share)))
    assert {what for what, _ in told} == {"copying the database", "packing"}
    assert all(0.0 <= share <= 1.0 for _, share in told)


def exported(data: Path, what: What) -> list[dict[str, str]]:
    out = io.StringIO()
    with StoreReader(data / "hems.sqlite3") as reader:
        count = write_csv(reader, out, what=what, start=T0, end=T0 + timedelta(hours=1), zone=WARSAW)
    rows = list(csv.DictReader(io.StringIO(out.getvalue())))
    assert len(rows) == count
    return rows


def test_quarters_as_csv(data: Path) -> None:
    rows = exported(data, What.QUARTERS)
    assert rows[1]["time [UTC]"] == "2026-11-01T12:15:00Z"
    assert rows[1]["time [Europe/Warsaw]"] == "2026-11-01T13:15:00+01:00"
    assert rows[1]["cost [money]"] == "0.1"
    assert rows[1]["import [Wh]"] == "125"
    assert [row["price estimated [yes/no]"] for row in rows] == ["no", "yes", "no"]
    assert rows[0]["gain of the decision [money]"] == ""


def test_samples_as_csv(data: Path) -> None:
    rows = exported(data, What.SAMPLES)
    assert len(rows) == 3
    assert rows[0]["grid, + import [W]"] == "500"
    assert rows[0]["grid voltage L3 [V]"] == "230.25"
    assert rows[0]["battery temperature [degC]"] == ""


def test_decisions_as_csv(data: Path) -> None:
    (row,) = exported(data, What.DECISIONS)
    assert row["mode"] == "charge"
    assert row["power [W]"] == "5000"
    assert row["result"] == "Applied"
    assert row["reason"].startswith("price 412.50")


def test_every_header_has_its_unit_or_is_a_word(data: Path) -> None:
    words = {"state", "mode", "trigger", "source", "verdict", "causes", "result", "register writes", "reason"}
    for what in What:
        assert {header for header in exported(data, what)[0] if "[" not in header} <= words


@pytest.mark.parametrize(
    ("text", "at_end", "expected"),
    [
        ("2026-11-01", False, datetime(2026, 10, 31, 23, tzinfo=UTC)),
        ("2026-11-01", True, datetime(2026, 11, 1, 23, tzinfo=UTC)),
        ("2026-10-25", True, datetime(2026, 10, 25, 23, tzinfo=UTC)),
        ("2026-11-01T13:00", True, datetime(2026, 11, 1, 12, tzinfo=UTC)),
        ("2026-11-01T13:00Z", False, datetime(2026, 11, 1, 13, tzinfo=UTC)),
    ],
)
def test_days_and_moments_are_understood(text: str, at_end: bool, expected: datetime) -> None:
    assert moment_of(text, WARSAW, at_end=at_end) == expected


def test_what_is_no_time_says_what_is() -> None:
    with pytest.raises(ValueError, match="write 2026-11-01"):
        moment_of("yesterday", WARSAW, at_end=False)


def test_the_copy_is_taken_while_a_writer_is_in_the_middle(data: Path, tmp_path: Path) -> None:
    writer = sqlite3.connect(data / "hems.sqlite3", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("DELETE FROM cycles")
    make_backup(data, tmp_path / "copy.sqlite3")
    writer.execute("ROLLBACK")
    writer.close()
    with StoreReader(tmp_path / "copy.sqlite3") as reader:
        assert reader.count_cycles(T0, T0 + MTU) == 1


def test_a_target_in_a_directory_that_is_not_there_says_so(data: Path, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"no such directory: make it, or name another") as caught:
        make_backup(data, tmp_path / "nope" / "x.tar.gz")
    assert "room" not in str(caught.value)
