"""The whole coordinator while its disk goes wrong: the house is cared for, a person is told, the memory comes back."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hems.adapters.storage.sqlite_reader import StoreReader
from hems.composition.simulated_days import Moment
from hems.domain.record import SystemState
from hems.simulation.simulated_inverter import SimulatorOptions
from support.household import flat_prices, live_through

START = datetime(2026, 11, 3, 6, 0, tzinfo=UTC)
LENGTH = timedelta(hours=3)


def overwrite(database: Path) -> None:
    with sqlite3.connect(database) as raw:  # all into the file: what is in the log alone cannot be damaged here
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw.close()
    with database.open("r+b") as file:
        file.write(b"\xa5" * database.stat().st_size)


def remove(database: Path) -> None:
    for file in database.parent.glob(f"{database.name}*"):
        file.unlink()


def remove_all(database: Path) -> None:
    remove(database)
    for folder in ("energy_data", "charging_schedules"):
        for file in (database.parent / folder).iterdir():
            file.unlink()


def put_a_directory_there(database: Path) -> None:
    remove(database)
    database.mkdir()


@pytest.mark.parametrize("befalls", [overwrite, remove, remove_all, put_a_directory_there])
def test_whatever_befalls_the_database_the_house_is_cared_for(
    tmp_path: Path, befalls: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hems.adapters.storage.store_writer.RETRY_S", (0.01,))
    database = tmp_path / "out" / "hems.sqlite3"
    seen: dict[str, object] = {"cycles": 0, "done": False, "told": False}

    def watch(moment: Moment) -> None:
        seen["cycles"] = int(str(seen["cycles"])) + 1
        household = moment.household
        if moment.at >= START + timedelta(hours=1) and not seen["done"]:
            seen["done"] = True
            household._around.store.flush()
            befalls(database)  # type: ignore[operator]
        if moment.at >= START + timedelta(hours=2) and database.is_dir():
            seen["error"] = household.status()["storage"]["last_error"]
            database.rmdir()
        assert household.coordinator.state is not SystemState.ERROR or moment.at < START + timedelta(minutes=1)

    outcome = live_through(tmp_path, START, LENGTH, SimulatorOptions(), prices=flat_prices(300.0), watch=watch)
    assert outcome.cycles == pytest.approx(LENGTH / timedelta(seconds=5), abs=5)
    assert outcome.status["storage"]["last_error"] is None
    told = [event["message"] for event in outcome.status["events"] if event["kind"] == "storage"]
    assert told, outcome.status["events"]
    if befalls is put_a_directory_there:
        assert "a directory is in its place. Move it away" in str(seen["error"])
        assert any("takes records again" in message for message in told)
    with StoreReader(database) as reader:
        times = reader.sample_times(START + timedelta(hours=1, minutes=1), START + LENGTH)
        assert len(times) >= 118, "readings after it"
        quarters = [slot.start for slot in reader.energy_between(START, START + LENGTH)]
        # What was only in the file that nothing can read any more, and in no JSON, is lost; nothing else.
        assert len(quarters) >= (7 if befalls is remove_all else 11)
