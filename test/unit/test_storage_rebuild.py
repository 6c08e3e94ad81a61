"""A damaged database comes back: what reads in it, and what the files for people hold beyond that."""

from __future__ import annotations

import json
import sqlite3
import time
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hems.adapters.storage import salvage
from hems.adapters.storage.json_files import JsonFiles
from hems.adapters.storage.rebuild import PENDING_KEY
from hems.adapters.storage.rows import row_of_cycle, row_of_energy
from hems.adapters.storage.sqlite_store import SqliteStore, StoreOptions
from hems.domain.prices import Market, PriceOrigin, PriceSeries, SlotPrice
from hems.domain.record import EventRecord
from hems.domain.time_grid import MTU
from support.storage_records import T0, cycle, quarter, sample

WARSAW = ZoneInfo("Europe/Warsaw")
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
PAGE = 4096


def fill(directory: Path, count: int = 300) -> Path:
    """Write a database with ``count`` of everything; return its path."""
    path = directory / "hems.sqlite3"
    with SqliteStore(StoreOptions(path=path)) as store:
        for n in range(count):
            store.add_sample(sample(T0 + n * MINUTE))
            store.add_cycle(cycle(T0 + n * MINUTE, f"cycle {n}"))
            store.add_event(EventRecord(at=T0 + n * MINUTE, kind="k", severity="info", message=f"event {n}"))
            store.add_energy(quarter(T0 + n * MTU, cost=n / 100))
            if n % 300 == 299:
                store.flush()  # the queue is bounded: what a busy disk cannot take in time would be dropped
        slots = (SlotPrice(start=T0 + n * MTU, price_per_mwh=n, origin=PriceOrigin.PUBLISHED) for n in range(count))
        store.save_prices(Market.DAY_AHEAD, PriceSeries("PLN", tuple(slots)), "pse")
        store.put_state("safety_latch", {"causes": ["bms_alarm"]})
    return path


def test_a_whole_file_is_read_whole(tmp_path: Path) -> None:
    path = fill(tmp_path, 1200)
    for table in (salvage.SAMPLES, salvage.CYCLES, salvage.EVENTS, salvage.ENERGY, salvage.PRICES):
        rows = [row for chunk in salvage.readable_rows(path, table) for row in chunk]
        assert len(rows) == 1200, table.name
    assert rows[-1][2] == 1199.0


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_rows_around_any_damaged_pages_are_read_and_nothing_is_made_up(tmp_path: Path, data: st.DataObject) -> None:
    whole = tmp_path / "whole" / "hems.sqlite3"
    if not whole.exists():
        fill(whole.parent)
    content = bytearray(whole.read_bytes())
    pages = len(content) // PAGE
    spots = data.draw(st.lists(st.integers(2, pages - 1), min_size=1, max_size=4, unique=True))
    fillings = data.draw(st.sampled_from([b"\xa5", b"\x00", b"\x0d", b"\xff"]))
    for page in spots:
        content[page * PAGE : (page + 1) * PAGE] = fillings * PAGE
    broken = tmp_path / "broken.sqlite3"
    broken.write_bytes(content)
    true_cycles = {row_of_cycle(cycle(T0 + n * MINUTE, f"cycle {n}")) for n in range(300)}
    true_energy = {row_of_energy(quarter(T0 + n * MTU, cost=n / 100)) for n in range(300)}
    for table, truth in ((salvage.CYCLES, true_cycles), (salvage.ENERGY, true_energy)):
        rows = [row for chunk in salvage.readable_rows(broken, table) for row in chunk]
        assert set(rows) <= truth
        assert len(rows) == len(set(rows)), "a row came twice"


def test_one_damaged_page_costs_only_its_own_rows(tmp_path: Path) -> None:
    path = fill(tmp_path)
    content = bytearray(path.read_bytes())
    spots = [at // PAGE for n in (50, 150, 151, 290) if (at := content.find(f"cycle {n}".encode())) > 0]
    for page in set(spots):
        content[page * PAGE : (page + 1) * PAGE] = b"\xa5" * PAGE
    path.write_bytes(content)
    rows = [row for chunk in salvage.readable_rows(path, salvage.CYCLES) for row in chunk]
    # A decision takes some 1.5 kB: two or three to a page, and four pages are gone.
    assert 285 <= len(rows) < 300


def damage(path: Path, how: str) -> None:
    content = bytearray(path.read_bytes())
    match how:
        case "no page reads":
            content = bytearray(b"\xa5" * len(content))
        case "some pages do not read":
            for page in range(8, 20):
                content[page * PAGE : (page + 1) * PAGE] = b"\xa5" * PAGE
        case "cut short":
            del content[len(content) // 2 :]
        case "emptied":
            content.clear()
    path.write_bytes(content)


@pytest.mark.parametrize("how", ["no page reads", "some pages do not read", "cut short", "emptied", "removed"])
def test_the_files_by_day_fill_what_does_not_read(tmp_path: Path, how: str) -> None:
    path = fill(tmp_path)
    files = JsonFiles(tmp_path, WARSAW)
    slots = [quarter(T0 + n * MTU, cost=n / 100) for n in range(300)]
    for day in {(slot.start.astimezone(WARSAW)).date() for slot in slots}:
        files.write_energy_of(day, [slot for slot in slots if slot.start.astimezone(WARSAW).date() == day])
    files.publish(
        {
            "events": [{"at": (T0 + DAY).isoformat(), "kind": "alarm", "severity": "error", "message": "told"}],
            "price": {"currency": "PLN"},
            "price_slots": [
                {"start": (T0 + DAY).isoformat().replace("+00:00", "Z"), "price_per_mwh": 96.0, "origin": "published"},
                {"start": (T0 + 9 * DAY).isoformat(), "price_per_mwh": 1.0, "origin": "similar_day"},
                {"start": "never", "price_per_mwh": 1.0, "origin": "published"},
            ],
        },
        (),
    )
    if how == "removed":
        for file in tmp_path.glob("hems.sqlite3*"):
            file.unlink()
    else:
        damage(path, how)
    with SqliteStore(StoreOptions(path=path)) as store:
        assert store.energy_between(T0 - DAY, T0 + 9 * DAY) == slots
        assert store.get_state("safety_latch") == {"causes": ["bms_alarm"]}
        prices = store.load_prices(Market.DAY_AHEAD, T0, T0 + 30 * DAY)
        at = prices.at(T0 + DAY)
        assert at is not None
        assert at.price_per_mwh == 96.0
        assert prices.at(T0 + 9 * DAY) is None, "an estimate came back as published"
        assert "told" in {event.message for event in store.reader.events_between(T0, T0 + 9 * DAY)}
        assert store.notice is not None
        assert "quarters of 2026-11-01 to 2026-11-04" in store.notice
        deadline = time.monotonic() + 20.0
        while store._writer._file.is_rebuilding:
            assert time.monotonic() < deadline, "the rebuild does not end"
            time.sleep(0.02)
        if how == "some pages do not read":
            assert "from the damaged file" in store.notice
            assert 100 < store.reader.count_cycles(T0, T0 + DAY) < 300
        if how == "no page reads":
            assert "from the JSON files 300 quarters of 2026-11-01 to 2026-11-04" in store.notice
    with SqliteStore(StoreOptions(path=path)) as store:
        assert store.notice is None


def test_a_first_start_has_nothing_to_bring_back(tmp_path: Path) -> None:
    JsonFiles(tmp_path, WARSAW)
    with SqliteStore(StoreOptions(path=tmp_path / "hems.sqlite3")) as store:
        assert store.notice is None
        assert store.news() == ()


@pytest.mark.parametrize("content", ["{", "[]", '{"quarters": [{"start": "x"}]}', '{"quarters": 7}', ""])
def test_a_day_file_that_does_not_read_costs_only_its_day(tmp_path: Path, content: str) -> None:
    files = JsonFiles(tmp_path, WARSAW)
    files.write_energy_of(date(2026, 11, 1), [quarter(T0)])
    (tmp_path / "energy_data" / "energy_data_2026-10-31.json").write_text(content, encoding="utf-8")
    with SqliteStore(StoreOptions(path=tmp_path / "hems.sqlite3")) as store:
        assert store.energy_between(T0 - 9 * DAY, T0 + DAY) == [quarter(T0)]
        assert "1 quarters of 2026-11-01" in (store.notice or "")


def test_a_rebuild_cut_short_is_taken_up_again_without_doubles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = fill(tmp_path, 1500)
    damage(path, "some pages do not read")
    monkeypatch.setattr("hems.adapters.storage.database_file.STEPS_ON_OPENING", 1)
    monkeypatch.setattr("hems.adapters.storage.store_writer.REBUILD_PAUSE_S", 0.2)
    with SqliteStore(StoreOptions(path=path)) as store:
        assert "follow" in (store.notice or "")
        store.add_cycle(cycle(T0 + 9 * DAY, "of today"))
        store.flush()
        early = store.reader.count_cycles(T0, T0 + 10 * DAY)
    assert 0 < early < 1490
    with sqlite3.connect(path) as raw:
        assert raw.execute("SELECT value FROM state WHERE key = ?", (PENDING_KEY,)).fetchone() is not None
    raw.close()
    monkeypatch.setattr("hems.adapters.storage.store_writer.REBUILD_PAUSE_S", 0.001)
    with SqliteStore(StoreOptions(path=path)) as store:
        deadline = time.monotonic() + 20.0
        told: list[str] = [store.notice or ""]
        while not any("brought back" in text and "follow" not in text for text in told):
            assert time.monotonic() < deadline, told
            time.sleep(0.02)
            told += [news.text for news in store.news()]
        reasons = [one.decision.reason for one in store.reader.cycles_between(T0, T0 + 10 * DAY)]
        assert len(reasons) == len(set(reasons))
        assert reasons[-1] == "of today"
        assert len(reasons) > 1450
        assert len(store.reader.sample_times(T0, T0 + 10 * DAY)) > 1300


def test_only_so_many_damaged_files_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "hems.sqlite3"
    for _ in range(5):
        path.write_bytes(b"not a database " * 500)
        SqliteStore(StoreOptions(path=path)).close()
    assert sorted(file.name for file in tmp_path.glob("*.damaged-?")) == [
        f"hems.sqlite3.damaged-{n}" for n in (3, 4, 5)
    ]


def test_the_copy_of_the_state_is_readable_by_a_person(tmp_path: Path) -> None:
    fill(tmp_path, 1)
    body = json.loads((tmp_path / "system_state" / "control_state.json").read_text(encoding="utf-8"))
    assert body["state"]["safety_latch"] == {"causes": ["bms_alarm"]}
