"""Issued forecasts are kept under the time at which they were known, and survive what the rest survives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hems.adapters.storage import salvage
from hems.adapters.storage.forecast_rows import forecast_of_row, row_of_forecast
from hems.adapters.storage.migration import migrations
from hems.adapters.storage.sqlite_store import SqliteStore, StoreOptions
from hems.domain.errors import StorageError
from hems.domain.forecast import EnergyForecast, Quantity
from hems.domain.time_grid import MTU, floor_to_grid
from support.household import write_configuration
from support.storage_records import quarter

T0 = datetime(2026, 11, 1, tzinfo=UTC)


def forecast(at: datetime, quantity: Quantity = Quantity.LOAD, count: int = 144) -> EnergyForecast:
    levels = tuple(tuple(100.0 * (rank + 1) + slot for slot in range(count)) for rank in range(5))
    return EnergyForecast(
        quantity=quantity,
        source="own_history",
        issued_at=at,
        known_at=at - MTU,
        start=at,
        levels_w=levels,
        notes=("measured for 3.0 days only",),
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with SqliteStore(StoreOptions(path=tmp_path / "hems.sqlite3")) as opened:
        yield opened


def test_a_forecast_comes_back_as_it_was_issued(store: SqliteStore) -> None:
    made = [forecast(T0 + n * MTU, quantity) for n in range(3) for quantity in Quantity]
    for one in made:
        store.save_forecast(one)
    for _ in range(2):  # waiting in memory, then from the disk
        found = store.forecasts_between(Quantity.LOAD, T0, T0 + 2 * MTU)
        assert list(found) == [one for one in made if one.quantity is Quantity.LOAD][:2]
        store.flush()
    assert list(store.forecasts_between(Quantity.PV, T0 + 2 * MTU, T0 + timedelta(days=1))) == [made[5]]
    assert list(store.forecasts_between(Quantity.PV, T0 - timedelta(days=1), T0)) == []


def test_powers_are_kept_in_whole_watts() -> None:
    made = replace(forecast(T0, count=1), levels_w=((0.2,), (2.04,), (3.51,), (1e6,), (2e6 + 1 / 3,)))
    assert forecast_of_row(row_of_forecast(made)).levels_w == ((0.0,), (2.0,), (4.0,), (1e6,), (2e6,))


def test_no_number_is_not_kept(store: SqliteStore) -> None:
    bad = replace(forecast(T0, count=1), levels_w=((1.0,), (float("nan"),), (3.0,), (4.0,), (5.0,)))
    with pytest.raises(ValueError, match="no number"):
        store.save_forecast(bad)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        (1, "wind"),
        (2, 10**30),
        (5, '"text"'),
        (5, "["),
        (6, "[[1],[2]]"),
        (6, "[[1],[2],[3],[4],[5,6]]"),
        (6, '[[1],[2],[3],[4],["x"]]'),
        (6, "[[1],[2],[3],[4],[NaN]]"),
        (6, "17"),
    ],
)
def test_what_is_none_of_ours_is_refused(column: int, value: object) -> None:
    row = list(row_of_forecast(forecast(T0, count=1)))
    row[column] = value
    with pytest.raises(StorageError, match="stored forecast"):
        forecast_of_row(tuple(row))


def test_they_are_let_go_of_with_the_readings(store: SqliteStore) -> None:
    for age in (0, 29, 31):
        store.save_forecast(forecast(T0 - timedelta(days=age)))
    store.prune(T0)
    store.flush()
    kept = store.forecasts_between(Quantity.LOAD, T0 - timedelta(days=400), T0 + MTU)
    assert [T0 - one.issued_at for one in kept] == [timedelta(days=29), timedelta(0)]
    assert store.stats().pruned["forecasts"] == 1


def test_they_are_read_out_of_a_damaged_file(tmp_path: Path) -> None:
    with SqliteStore(StoreOptions(path=tmp_path / "hems.sqlite3")) as store:
        for n in range(600):
            store.save_forecast(forecast(T0 + n * MTU, Quantity.LOAD, 8))
            store.save_forecast(forecast(T0 + n * MTU, Quantity.PV, 8))
    rows = [row for chunk in salvage.readable_rows(tmp_path / "hems.sqlite3", salvage.FORECASTS) for row in chunk]
    assert len(rows) == len(set(rows)) == 1200


def test_a_store_of_the_schema_before_is_brought_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "hems.sqlite3"
    before = [step for step in migrations() if "CREATE TABLE forecasts" not in step[1]][:2]
    with monkeypatch.context() as patch:
        patch.setattr("hems.adapters.storage.migration.migrations", lambda: before)
        SqliteStore(StoreOptions(path=path)).close()
    with SqliteStore(StoreOptions(path=path)) as store:
        store.save_forecast(forecast(T0))
        store.flush()
        assert store.forecasts_between(Quantity.LOAD, T0, T0 + MTU) == [forecast(T0)]


def test_a_test_cycle_goes_by_what_the_service_has_measured_and_heard(tmp_path: Path) -> None:
    from hems.adapters.clock import SystemClock
    from hems.composition.tools import load
    from hems.composition.trial import _take_over_measured

    clock = SystemClock()
    start = floor_to_grid(clock.now()) - timedelta(days=60)
    loaded = load(write_configuration(tmp_path))
    loaded.data.mkdir(parents=True, exist_ok=True)
    with SqliteStore(StoreOptions(path=loaded.database, durable=False, max_queued_rows=10_000)) as house:
        for n in range(60 * 96):
            house.add_energy(quarter(start + n * MTU))
        house.put_state("forecasts", "packed")
    with SqliteStore(StoreOptions(path=tmp_path / "scratch.sqlite3", durable=False)) as scratch:
        _take_over_measured(loaded, scratch, clock)
        assert len(scratch.energy_between(start, clock.now())) == 60 * 96
        assert scratch.get_state("forecasts") == "packed"
        assert not scratch.stats().dropped
