"""The fuse in the whole coordinator: a charge yields to the kitchen within two polls, and comes back."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hems.adapters.storage.sqlite_reader import StoreReader
from hems.composition.simulated_days import Moment
from hems.domain.safety import Cause
from hems.simulation.simulated_inverter import SimulatorOptions
from support.household import flat_prices, live_through

NIGHT = datetime(2026, 1, 10, 20, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
LIMIT_W = 6000.0
KETTLE_FROM, KETTLE_UNTIL = NIGHT + 10 * MINUTE, NIGHT + 14 * MINUTE
GRID = "grid: {import_limit: 6000}"


def kitchen(at: datetime) -> float:
    """Return the load [W]: 400 W, and a kettle and an oven of 4.2 kW together for four minutes."""
    return 4600.0 if KETTLE_FROM <= at < KETTLE_UNTIL else 400.0


@dataclass
class Kitchen:
    """What flowed after each cycle."""

    rows: list[tuple[datetime, float, float]] = field(default_factory=list)
    causes: set[Cause] = field(default_factory=set)

    def watch(self, moment: Moment) -> None:
        flow = moment.house.house.flow
        self.rows.append((moment.at, flow.battery_w, flow.grid_w))
        envelope = moment.household.coordinator.envelope
        self.causes |= envelope.causes if envelope is not None else set()

    def between(self, start: datetime, end: datetime) -> list[tuple[float, float]]:
        return [(battery_w, grid_w) for at, battery_w, grid_w in self.rows if start <= at < end]


def live(folder: Path, load: object, length: timedelta, *, more: str = GRID) -> tuple[Kitchen, dict[str, object]]:
    seen = Kitchen()
    house = SimulatorOptions(model="GW10K-ET", soc_pct=30.0, capacity_wh=16_000.0, load=load, pv=0.0)  # type: ignore[arg-type]
    outcome = live_through(folder, NIGHT, length, house, prices=flat_prices(100.0), watch=seen.watch, more=more)
    return seen, outcome.status


def test_a_charge_yields_to_the_kitchen_and_comes_back(tmp_path: Path) -> None:
    seen, status = live(tmp_path, kitchen, 35 * MINUTE)
    before = seen.between(NIGHT + 2 * MINUTE, KETTLE_FROM)
    assert all(battery_w < -4000.0 for battery_w, _ in before)
    # Two polls of 5 s, and the 3 s this inverter takes to act on a register.
    narrowed = seen.between(KETTLE_FROM + 20 * SECOND, KETTLE_UNTIL)
    assert narrowed
    assert all(-1500.0 <= battery_w < -900.0 and grid_w <= LIMIT_W for battery_w, grid_w in narrowed)
    held = seen.between(KETTLE_UNTIL + 10 * SECOND, KETTLE_UNTIL + 4.9 * MINUTE)
    assert all(-1500.0 <= battery_w < -900.0 for battery_w, _ in held)
    again = seen.between(KETTLE_UNTIL + 5.5 * MINUTE, NIGHT + 34 * MINUTE)
    assert all(battery_w < -4000.0 and grid_w <= LIMIT_W for battery_w, grid_w in again)
    told = [event for event in status["events"] if event["kind"] == "safety_action"]  # type: ignore[attr-defined]
    assert [event["severity"] for event in told] == ["info"]
    assert "the import limit of 6000 W leaves 1000 W for charging" in told[0]["message"]
    assert not any(event["kind"] == "fuse" for event in status["events"])  # type: ignore[attr-defined]
    assert seen.causes == {Cause.FUSE}


def test_without_a_tight_limit_the_same_evening_is_charged_through(tmp_path: Path) -> None:
    seen, _ = live(tmp_path, kitchen, 20 * MINUTE, more="")
    during = seen.between(KETTLE_FROM + 20 * SECOND, KETTLE_UNTIL)
    assert max(grid_w for _, grid_w in during) > LIMIT_W
    assert not seen.causes


def test_a_charge_begins_with_what_fits_and_says_why(tmp_path: Path) -> None:
    seen, _ = live(tmp_path, 3000.0, 20 * MINUTE)
    flows = seen.between(NIGHT, NIGHT + 20 * MINUTE)
    assert max(grid_w for _, grid_w in flows) <= LIMIT_W, "not for a moment more"
    assert min(battery_w for battery_w, _ in flows) == pytest.approx(-2500.0, abs=60.0)
    with StoreReader(tmp_path / "out" / "hems.sqlite3") as reader:
        reasons = [cycle.decision.reason for cycle in reader.cycles_between(NIGHT, NIGHT + 20 * MINUTE)]
    assert any("the import limit of 6000 W leaves 2500 W for charging" in reason for reason in reasons), reasons


def test_an_oven_that_clicks_for_two_hours_costs_few_writes(tmp_path: Path) -> None:
    def oven(at: datetime) -> float:
        return 4600.0 if (at - NIGHT) // (3 * MINUTE) % 2 else 400.0

    seen, status = live(tmp_path, oven, timedelta(hours=2))
    assert Cause.FUSE in seen.causes
    assert status["writes_today"] <= 10  # type: ignore[operator]
    above = [grid_w for _, grid_w in seen.between(NIGHT + 4 * MINUTE, NIGHT + timedelta(hours=2)) if grid_w > LIMIT_W]
    assert not above
