"""What was decided is decided again from its record, and what the plan knew of the day outlives a restart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from hems.adapters.storage.sqlite_reader import StoreReader
from hems.composition.strategies import optimal_strategy_of
from hems.composition.tools import load
from hems.domain.record import CycleRecord
from hems.simulation.simulated_inverter import SimulatorOptions
from support.household import live_through, priced_by

EVENING = datetime(2026, 1, 10, 17, 0, tzinfo=UTC)
HOUSE = SimulatorOptions(soc_pct=80.0, capacity_wh=10_000.0, pv=0.0, load=2_000.0)


def live(folder: Path, start: datetime, length: timedelta) -> list[CycleRecord]:
    """Run from ``start`` on with dear hours first, and return what was decided in it."""
    prices = priced_by(lambda t: 1_500.0 if t.hour < 21 else 300.0)
    live_through(folder, start, length, HOUSE, prices=prices, strategy="optimal", poll_s=30)
    with StoreReader(folder / "out" / "hems.sqlite3") as reader:
        return list(reader.cycles_between(start, start + length))


def test_what_the_battery_gave_today_is_known_after_a_restart(tmp_path: Path) -> None:
    before = live(tmp_path, EVENING, timedelta(minutes=65))
    after = live(tmp_path, EVENING + timedelta(minutes=70), timedelta(minutes=2))
    assert before[-1].context.outlook is not None
    given_wh = before[-1].context.outlook.home.discharged_today_wh
    assert given_wh > 1_000.0
    assert after[0].context.outlook is not None
    assert after[0].context.outlook.home.discharged_today_wh >= given_wh


def test_a_stored_decision_of_the_plan_is_made_again(tmp_path: Path) -> None:
    cycles = live(tmp_path, EVENING, timedelta(hours=2))
    strategy = optimal_strategy_of(load(tmp_path / "config" / "master_coordinator_config.yaml").settings)
    planned = [cycle for cycle in cycles if cycle.context.outlook is not None]
    assert len(planned) >= 8
    for cycle in planned:
        wish = next(wish for wish in cycle.decision.proposals if wish.source == "optimal")
        again = strategy.propose(cycle.context)
        assert again.command == wish.command
        assert again.confidence_pct == wish.confidence_pct
        assert again.reasoning is not None
        assert again.reasoning == wish.reasoning
