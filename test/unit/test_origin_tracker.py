"""The tracker of origin: what each poll adds, what a gap or a restart makes of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hems.coordination.origin import STATE_KEY, OriginOptions, OriginTracker
from hems.domain.readings import Quality, SiteSnapshot
from hems.planning.origin_ledger import OriginLedger
from support.memory_store import MemoryStore
from support.scripted_inverter import snapshot

AT = datetime(2026, 6, 17, 10, 0, tzinfo=UTC)
CAPACITY_WH = 10_000.0


def seen(
    at: datetime, *, soc_pct: float | None, battery_w: float | None = 0.0, pv_w: float = 0.0, load_w: float = 0.0
) -> SiteSnapshot:
    base = snapshot(at, soc_pct=soc_pct, power_w=battery_w)
    grid_w = None if battery_w is None else load_w - pv_w - battery_w
    return replace(
        base,
        pv=replace(base.pv, power_w=pv_w),
        load=replace(base.load, power_w=load_w),
        grid=replace(base.grid, power_w=grid_w),
    )


def tracker(store: MemoryStore | None = None) -> OriginTracker:
    result = OriginTracker(OriginOptions(capacity_wh=CAPACITY_WH, charge_efficiency=1.0, discharge_efficiency=1.0))
    if store is not None:
        result.load(store)
    return result


def fed(origin: OriginTracker, start: datetime, minutes: int, soc_pct: float, rate_pct: float, **flows: float) -> float:
    """Feed a poll a minute; the SoC moves by ``rate_pct`` each; return the last."""
    for minute in range(1, minutes + 1):
        soc_pct += rate_pct
        origin.observe(seen(start + timedelta(minutes=minute), soc_pct=soc_pct, **flows))
    return soc_pct


def test_at_the_first_start_all_is_the_grids() -> None:
    origin = tracker()
    assert origin.ledger is None
    assert origin.status() is None
    origin.observe(seen(AT, soc_pct=40.0))
    assert origin.ledger == OriginLedger(pv_wh=0.0, grid_wh=4000.0)
    assert origin.status() == {"pv_wh": 0.0, "grid_wh": 4000.0, "known_since": "2026-06-17T10:00:00Z"}


def test_an_hour_of_sun_becomes_the_suns() -> None:
    origin = tracker()
    origin.observe(seen(AT, soc_pct=40.0, battery_w=-3000.0, pv_w=3600.0, load_w=600.0))
    fed(origin, AT, 60, 40.0, 0.5, battery_w=-3000.0, pv_w=3600.0, load_w=600.0)
    assert origin.ledger is not None
    assert origin.ledger.pv_wh == pytest.approx(3000.0, abs=1.0)
    assert origin.ledger.grid_wh == pytest.approx(4000.0, abs=1.0)


def test_drift_within_a_step_is_rounding_and_beyond_it_is_scaled() -> None:
    origin = tracker()
    origin.observe(seen(AT, soc_pct=40.0))
    origin.observe(seen(AT + timedelta(minutes=1), soc_pct=41.0))
    assert origin.ledger == OriginLedger(pv_wh=0.0, grid_wh=4000.0)
    origin.observe(seen(AT + timedelta(minutes=2), soc_pct=43.0))
    assert origin.ledger is not None
    assert origin.ledger.stored_wh == pytest.approx(4200.0)


def test_a_jump_of_the_soc_is_energy_nobody_saw() -> None:
    origin = tracker()
    origin.observe(seen(AT, soc_pct=40.0, battery_w=-3000.0, pv_w=3000.0))
    soc_pct = fed(origin, AT, 20, 40.0, 0.5, battery_w=-3000.0, pv_w=3000.0)
    assert origin.ledger is not None
    sun_wh = origin.ledger.pv_wh
    origin.observe(seen(AT + timedelta(minutes=21), soc_pct=soc_pct + 20.0, battery_w=0.0))
    assert origin.ledger.pv_wh == pytest.approx(sun_wh, abs=30.0)
    assert origin.ledger.stored_wh == pytest.approx(7000.0)


@pytest.mark.parametrize(
    ("minutes", "soc_pct", "pv_wh", "grid_wh"),
    [
        (10, 70.0, 3000.0, 4000.0),  # nothing has moved
        (10, 90.0, 3000.0, 6000.0),  # what came is the grid's
        (10, 60.0, 2000.0, 4000.0),  # what went was the sun's
        (90, 70.0, 0.0, 7000.0),  # too long to know that it is still the same energy
    ],
)
@pytest.mark.parametrize("restarted", [False, True])
def test_what_a_gap_leaves(minutes: float, soc_pct: float, pv_wh: float, grid_wh: float, restarted: bool) -> None:
    store = MemoryStore()
    origin = tracker()
    origin.observe(seen(AT, soc_pct=40.0, battery_w=-3000.0, pv_w=3000.0))
    fed(origin, AT, 60, 40.0, 0.5, battery_w=-3000.0, pv_w=3000.0)
    if restarted:
        origin.save(store)
        origin = tracker(store)
        assert origin.ledger is not None
    origin.observe(seen(AT + timedelta(minutes=60 + minutes), soc_pct=soc_pct))
    assert origin.ledger is not None
    assert origin.ledger.pv_wh == pytest.approx(pv_wh, abs=1.0)
    assert origin.ledger.grid_wh == pytest.approx(grid_wh, abs=1.0)


def test_a_clock_set_back_is_a_gap_and_no_negative_time() -> None:
    origin = tracker()
    origin.observe(seen(AT, soc_pct=40.0, battery_w=2000.0))
    origin.observe(seen(AT - timedelta(minutes=30), soc_pct=40.0, battery_w=2000.0))
    assert origin.ledger == OriginLedger(pv_wh=0.0, grid_wh=4000.0)
    origin.observe(seen(AT - timedelta(minutes=28), soc_pct=39.0, battery_w=2000.0))
    assert origin.ledger is not None
    assert origin.ledger.stored_wh == pytest.approx(4000.0 - 2000.0 / 30.0)


def test_doubted_and_missing_readings_add_nothing() -> None:
    origin = tracker()
    origin.observe(seen(AT, soc_pct=None))
    assert origin.ledger is None
    origin.observe(seen(AT, soc_pct=40.0, battery_w=2000.0))
    later = seen(AT + timedelta(minutes=1), soc_pct=90.0, battery_w=-9000.0, pv_w=9000.0)
    for doubted in (
        replace(later, battery=replace(later.battery, quality=Quality.SUSPECT)),
        replace(later, pv=replace(later.pv, power_w=None)),
        replace(later, grid=replace(later.grid, power_w=float("nan"))),
    ):
        origin.observe(doubted)
        assert origin.ledger == OriginLedger(pv_wh=0.0, grid_wh=4000.0)


def test_a_missing_soc_does_not_stop_the_counting() -> None:
    origin = tracker()
    origin.observe(seen(AT, soc_pct=40.0, battery_w=3000.0, load_w=3000.0))
    origin.observe(seen(AT + timedelta(minutes=1), soc_pct=None, battery_w=3000.0, load_w=3000.0))
    assert origin.ledger is not None
    assert origin.ledger.grid_wh == pytest.approx(3950.0)


@pytest.mark.parametrize(
    "state",
    [
        "nothing of ours",
        {"format": 2},
        {"format": 1, "capacity_wh": 5000.0, "pv_wh": 1.0, "grid_wh": 1.0, "at": "x", "known_since": "x"},
        {"format": 1, "capacity_wh": 10_000.0, "pv_wh": -1.0, "grid_wh": 1.0, "at": "x", "known_since": "x"},
        {"format": 1, "capacity_wh": 10_000.0, "pv_wh": 1.0, "grid_wh": 1.0, "at": "2026-06-17", "known_since": "x"},
        {"format": 1, "capacity_wh": 10_000.0, "pv_wh": 1.0},
    ],
)
def test_a_state_that_does_not_fit_is_as_none(state: object) -> None:
    store = MemoryStore()
    store.put_state(STATE_KEY, state)
    origin = tracker(store)
    assert origin.ledger is None
    origin.observe(seen(AT, soc_pct=40.0))
    assert origin.ledger == OriginLedger(pv_wh=0.0, grid_wh=4000.0)


def test_before_anything_is_known_nothing_is_kept() -> None:
    store = MemoryStore()
    tracker().save(store)
    assert store.get_state(STATE_KEY) is None


def test_without_a_battery_there_is_no_origin() -> None:
    with pytest.raises(ValueError, match="battery"):
        OriginOptions(capacity_wh=0.0)
