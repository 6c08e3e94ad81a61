"""The past in columns, against sums made by hand in plain Python."""

from __future__ import annotations

import itertools
import math
import random
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from hems.adapters.storage.history_edges import edges
from hems.adapters.storage.history_reader import first_kept, read_history
from hems.adapters.storage.sqlite_store import SqliteStore, StoreOptions
from hems.analysis.metrics import savings
from hems.domain.errors import StorageError
from hems.domain.history import HistoryColumns, HistoryQuestion, Resolution
from hems.domain.prices import Market, PriceOrigin, PriceSeries, SlotPrice
from hems.domain.readings import Quality
from hems.domain.record import EnergySlot
from hems.domain.time_grid import MTU
from support.storage_records import quarter, sample

CAPACITY_WH = 10_000.0
START = datetime(2026, 10, 24, 22, 0, tzinfo=UTC)
"""Midnight in Warsaw before the day of 25 hours."""

ROWS = (Resolution.QUARTER_HOUR, Resolution.HOUR, Resolution.DAY, Resolution.MONTH)


def store_at(path: Path) -> SqliteStore:
    """Return a store that does not wait for the disk."""
    return SqliteStore(StoreOptions(path=path, durable=False, set_damaged_aside=False))


def some_quarters(count: int, seed: int = 1) -> list[EnergySlot]:
    """Return quarters of every kind: holes, half measured, without price, without baseline, without SoC."""
    chance = random.Random(seed)
    found = []
    for n in range(count):
        if chance.random() < 0.08:
            continue
        numbers: dict[str, Any] = {
            name: round(chance.uniform(0.0, 900.0), 3)
            for name in ("pv_wh", "load_wh", "import_wh", "export_wh", "charge_wh", "discharge_wh")
        }
        for name in ("soc_start_pct", "soc_end_pct", "baseline_soc_start_pct", "baseline_soc_end_pct"):
            numbers[name] = round(chance.uniform(10.0, 90.0), 1)
        for name in ("import_price_per_kwh", "export_price_per_kwh", "stored_value_per_kwh", "cost", "baseline_cost"):
            numbers[name] = round(chance.uniform(-0.3, 1.4), 4)
        for name, odds in (
            ("soc_end_pct", 0.03),
            ("cost", 0.05),
            ("baseline_cost", 0.05),
            ("stored_value_per_kwh", 0.02),
            ("import_price_per_kwh", 0.02),
        ):
            if chance.random() < odds:
                numbers[name] = None
        numbers["coverage"] = chance.choice([1.0, 1.0, 1.0, 0.5, 0.0])
        numbers["price_estimated"] = chance.random() < 0.2
        numbers["forced_share"] = chance.choice([0.0, 0.0, 0.25, 1.0])
        numbers["settled_lead_wh"] = chance.choice([0.0, 0.0, 120.0])
        numbers["decision_gain"] = chance.choice([None, 0.02, -0.03])
        found.append(quarter(START + n * MTU, **numbers))
    return found


def written(path: Path, quarters: Sequence[EnergySlot]) -> Path:
    """Return a database of ``quarters``."""
    with store_at(path) as store:
        for slot in quarters:
            store.add_energy(slot)
    return path


def asked(resolution: Resolution | None, end: datetime, zone: str = "Europe/Warsaw") -> HistoryQuestion:
    """Return a question from START on."""
    return HistoryQuestion(
        start=START,
        end=end,
        zone=ZoneInfo(zone),
        currency="PLN",
        capacity_wh=CAPACITY_WH,
        resolution=resolution,
    )


def total(values: Sequence[float | None]) -> float | None:
    """Return the sum of what is known, None where nothing is."""
    known = [value for value in values if value is not None]
    return math.fsum(known) if known else None


def by_hand(inside: list[EnergySlot]) -> dict[str, Any]:
    """Return one row of the quarters ``inside`` it, in plain Python."""
    seen = [slot for slot in inside if slot.coverage > 0.0]
    hours = sum(slot.coverage for slot in seen) / 4.0
    priced = [slot for slot in seen if slot.cost is not None]
    compared = all(slot.baseline_cost is not None for slot in priced)
    known_soc = [slot.soc_end_pct for slot in seen if slot.soc_end_pct is not None]
    bought = [slot for slot in seen if slot.import_price_per_kwh is not None]

    def sums(name: str) -> float | None:
        return total([getattr(slot, name) for slot in seen])

    def mean_w(come: float | None, go: float | None) -> float | None:
        return None if come is None or go is None else (come - go) / hours

    return {
        "hours": hours,
        **{f"{n}_wh": sums(f"{n}_wh") for n in ("pv", "load", "import", "export", "charge", "discharge")},
        "pv_w": mean_w(sums("pv_wh"), 0.0),
        "load_w": mean_w(sums("load_wh"), 0.0),
        "grid_w": mean_w(sums("import_wh"), sums("export_wh")),
        "battery_w": mean_w(sums("discharge_wh"), sums("charge_wh")),
        "soc_pct": known_soc[-1] if known_soc else None,
        "soc_min_pct": min(known_soc, default=None),
        "soc_max_pct": max(known_soc, default=None),
        "import_price_per_kwh": sum(s.import_price_per_kwh or 0.0 for s in bought) / len(bought) if bought else None,
        "price_estimated": any(slot.price_estimated for slot in bought) if bought else None,
        "cost": total([slot.cost for slot in priced]),
        "baseline_cost": total([s.baseline_cost for s in seen]) if compared else None,
        "decision_gain": sums("decision_gain"),
        "forced_share": sum(s.forced_share * s.coverage for s in seen) / (hours * 4.0) if seen else None,
        "saved": savings(inside, CAPACITY_WH, "PLN").value,
    }


@pytest.mark.parametrize("zone", ["Europe/Warsaw", "Asia/Kolkata", "America/St_Johns"])
@pytest.mark.parametrize("resolution", ROWS)
def test_every_row_is_what_its_quarters_add_up_to(tmp_path: Path, resolution: Resolution, zone: str) -> None:
    quarters = some_quarters(4 * 80)
    end = START + timedelta(hours=84)
    found = read_history(written(tmp_path / "h.sqlite3", quarters), asked(resolution, end, zone))
    cuts = edges(START, end, resolution, ZoneInfo(zone))
    assert (*found.start, found.end) == tuple(cuts)
    for n, (low, high) in enumerate(itertools.pairwise(cuts)):
        for name, value in by_hand([slot for slot in quarters if low <= slot.start < high]).items():
            got = getattr(found, name)[n]
            assert got == (value if value is None else pytest.approx(value, abs=1e-9)), (low, name)
        assert found.coverage[n] == pytest.approx((found.hours[n] or 0.0) / ((high - low) / timedelta(hours=1)))


def test_the_totals_are_those_of_all_quarters_together(tmp_path: Path) -> None:
    quarters = some_quarters(4 * 80)
    database = written(tmp_path / "h.sqlite3", quarters)
    expected = by_hand(quarters)
    figure = savings(quarters, CAPACITY_WH, "PLN")
    for resolution in (*ROWS, Resolution.READING):
        totals = read_history(database, asked(resolution, START + timedelta(hours=84))).totals
        for name in ("pv_wh", "load_wh", "import_wh", "export_wh", "charge_wh", "discharge_wh", "cost", "hours"):
            assert getattr(totals, name) == pytest.approx(expected[name], abs=1e-9), name
        assert totals.saved == pytest.approx(figure.value)
        assert f"{totals.saved_quarters} quarters, {totals.estimated_quarters} at est" in figure.basis
        assert totals.baseline_cost is None  # some priced quarters have none: the two bills are not of the same time
        assert totals.self_sufficiency_pct == pytest.approx(
            100.0 * max(1.0 - expected["import_wh"] / expected["load_wh"], 0.0)
        )


def test_a_gap_is_there_and_is_nothing(tmp_path: Path) -> None:
    database = written(tmp_path / "h.sqlite3", [quarter(START), quarter(START + timedelta(hours=30))])
    found = read_history(database, asked(Resolution.HOUR, START + timedelta(hours=31)))
    assert len(found) == 31
    assert found.load_wh[0] == 125.0
    assert found.coverage[0] == 0.25
    assert set(found.load_wh[1:30]) == set(found.pv_w[1:30]) == set(found.cost[1:30]) == {None}
    assert set(found.hours[1:30]) == set(found.coverage[1:30]) == {0.0}
    assert set(found.mode[1:30]) == {None}
    assert all(len(getattr(found, name)) == 31 for name in ("soc_pct", "saved", "price_per_mwh", "forced_share"))


def test_the_long_day_has_a_hundred_quarters_and_the_short_one_ninety_two(tmp_path: Path) -> None:
    spring = datetime(2026, 3, 28, 23, 0, tzinfo=UTC)
    slots = [quarter(first + n * MTU) for first in (START, spring) for n in range(-40, 140)]
    database = written(tmp_path / "h.sqlite3", slots)
    for first, count in ((START, 100), (spring, 92)):
        question = HistoryQuestion(
            start=first,
            end=first + MTU,
            zone=ZoneInfo("Europe/Warsaw"),
            currency="PLN",
            capacity_wh=CAPACITY_WH,
            resolution=Resolution.DAY,
        )
        found = read_history(database, question)
        assert found.hours == (count / 4.0,)
        assert found.coverage == (1.0,)
        assert found.load_wh == (pytest.approx(125.0 * count),)


def test_prices_are_told_for_quarters_that_nobody_measured(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite3"
    with store_at(path) as store:
        slots = {
            at: SlotPrice(start=at, price_per_mwh=price, origin=PriceOrigin.PUBLISHED)
            for at, price in ((START, -40.0), (START + MTU, 60.0), (START + 5 * MTU, 500.0))
        }
        store.save_prices(Market.DAY_AHEAD, PriceSeries.of("PLN", slots), "test")
        euro = {START + 9 * MTU: SlotPrice(start=START + 9 * MTU, price_per_mwh=9.0, origin=PriceOrigin.PUBLISHED)}
        store.save_prices(Market.DAY_AHEAD, PriceSeries.of("EUR", euro), "test")
        store.save_prices(
            Market.SETTLEMENT, PriceSeries.of("PLN", {START: replace(slots[START], price_per_mwh=7.0)}), "t"
        )
    found = read_history(path, asked(Resolution.HOUR, START + timedelta(hours=3)))
    assert found.price_per_mwh == (10.0, 500.0, None)
    assert found.import_price_per_kwh == (None, None, None)


def readings_at(path: Path, *seconds: int, **powers: Any) -> None:
    """Write readings ``seconds`` after START."""
    with store_at(path) as store:
        for second in seconds:
            store.add_sample(sample(START + timedelta(seconds=second), **powers))


def test_a_silence_between_readings_is_a_row_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite3"
    readings_at(path, 0, 60, 210, 600, pv_w=100.0, load_w=500.0)
    written(path, [quarter(START, import_price_per_kwh=0.9)])
    found = read_history(path, asked(Resolution.READING, START + timedelta(hours=1)))
    after = [(start - START).total_seconds() for start in found.start]
    assert after == [0, 60, 210, 270, 600]  # 150 s are one lost poll, 390 s are a gap
    assert found.pv_w == (100.0, 100.0, 100.0, None, 100.0)
    assert found.grid_w == (400.0, 400.0, 400.0, None, 400.0)
    assert found.mode == ("self_use", "self_use", "self_use", None, "self_use")
    assert found.import_price_per_kwh == (0.9, 0.9, 0.9, None, 0.9)
    assert found.pv_wh == (None,) * 5
    assert found.totals.load_wh == 125.0
    rarely = replace(asked(Resolution.READING, START + timedelta(hours=1)), reading_every=timedelta(minutes=5))
    assert len(read_history(path, rarely)) == 4


def test_a_doubted_reading_is_not_shown_as_measured(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite3"
    readings_at(path, 0, soc_pct=180.0, quality=Quality.SUSPECT)
    readings_at(path, 60, soc_pct=50.0)
    found = read_history(path, asked(Resolution.READING, START + timedelta(hours=1)))
    assert found.soc_pct == (None, 50.0)
    assert found.load_w == (None, 500.0)


def test_the_mode_of_a_row_is_that_of_most_of_its_polls(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite3"
    modes = ["charge"] * 9 + ["self_use"] * 6 + ["hold"] * 15
    with store_at(path) as store:
        for minute, mode in enumerate(modes):
            store.add_sample(replace(sample(START + timedelta(minutes=minute)), mode=mode))
        store.add_energy(quarter(START + 2 * MTU))
        store.add_energy(quarter(START + 3 * MTU, forced_share=0.5))
    by_quarter = read_history(path, asked(Resolution.QUARTER_HOUR, START + 5 * MTU))
    assert by_quarter.mode == ("charge", "hold", "self_use", None, None)
    assert read_history(path, asked(Resolution.HOUR, START + timedelta(hours=1))).mode == ("hold",)
    assert read_history(path, asked(Resolution.DAY, START + timedelta(hours=1))).mode == (None,)


def test_without_a_resolution_readings_are_shown_only_where_they_reach(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite3"
    written(path, [quarter(START), quarter(START + timedelta(hours=20))])
    assert read_history(path, asked(None, START + timedelta(hours=21))).resolution is Resolution.QUARTER_HOUR
    readings_at(path, 20 * 3600)
    assert read_history(path, asked(None, START + timedelta(hours=21))).resolution is Resolution.QUARTER_HOUR
    readings_at(path, 60)
    assert read_history(path, asked(None, START + timedelta(hours=21))).resolution is Resolution.READING
    assert first_kept(path) == START


def test_a_house_without_a_battery_saves_what_its_bills_differ_by(tmp_path: Path) -> None:
    bare = {"soc_start_pct": None, "soc_end_pct": None, "baseline_soc_start_pct": None, "baseline_soc_end_pct": None}
    slots = [quarter(START + n * MTU, cost=0.1, baseline_cost=0.3, **bare) for n in range(4)]
    database = written(tmp_path / "h.sqlite3", slots)
    question = replace(asked(Resolution.HOUR, START + timedelta(hours=1)), capacity_wh=0.0)
    assert read_history(database, question).saved == (pytest.approx(0.8),)
    assert read_history(database, replace(question, capacity_wh=CAPACITY_WH)).saved == (None,)


def test_an_empty_database_is_all_gap(tmp_path: Path) -> None:
    path = written(tmp_path / "h.sqlite3", [])
    for resolution in ROWS:
        found = read_history(path, asked(resolution, START + timedelta(hours=5)))
        assert len(found) > 0
        assert set(found.load_w) == set(found.price_per_mwh) == {None}
        assert found.totals.saved is None
        assert found.totals.self_sufficiency_pct is None
    assert len(read_history(path, asked(Resolution.READING, START + timedelta(hours=5)))) == 0
    assert first_kept(path) is None


def _missing(path: Path) -> None:
    del path


def _no_database(path: Path) -> None:
    path.write_bytes(b"this was never a database, whatever its name says. " * 200)


def _torn(path: Path) -> None:
    written(path, some_quarters(2000))
    content = bytearray(path.read_bytes())
    for at in range(8192, len(content), 4096):  # every page but the first two
        content[at : at + 4096] = bytes(min(4096, len(content) - at))
    path.write_bytes(content)


def _newer(path: Path) -> None:
    written(path, [])
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 999")


def _older(path: Path) -> None:
    written(path, [])
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 1")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (_missing, "no database yet"),
        (_no_database, "cannot be read"),
        (_torn, "cannot be read"),
        (_newer, "newer version"),
        (_older, "start the service once"),
    ],
)
def test_a_database_that_cannot_be_read_is_told_in_a_sentence(
    tmp_path: Path, spoil: Callable[[Path], None], says: str
) -> None:
    path = tmp_path / "h.sqlite3"
    spoil(path)
    with pytest.raises(StorageError, match=says) as caught:
        read_history(path, asked(Resolution.HOUR, START + timedelta(hours=500)))
    assert str(path) in str(caught.value)


def test_one_look_sees_one_moment_while_the_service_writes(tmp_path: Path) -> None:
    path = written(tmp_path / "h.sqlite3", [quarter(START)])
    question = asked(Resolution.QUARTER_HOUR, START + timedelta(hours=100))
    stop = threading.Event()

    def write() -> None:
        with store_at(path) as store:
            for n in itertools.count():
                if stop.is_set():
                    return
                store.add_energy(quarter(START + n % 400 * MTU, load_wh=100.0 + n))
                store.flush()

    writer = threading.Thread(target=write)
    writer.start()
    looks: list[HistoryColumns] = []
    try:
        while len({look.totals.load_wh for look in looks}) < 5 and len(looks) < 200:
            looks.append(read_history(path, question))
    finally:
        stop.set()
        writer.join()
    assert len({look.totals.load_wh for look in looks}) >= 5  # it was being written all the while
    for look in looks:
        assert look.totals.saved_quarters == sum(saved is not None for saved in look.saved)
        assert look.totals.saved_quarters == sum(load is not None for load in look.load_wh)
