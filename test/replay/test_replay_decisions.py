"""Replay: the stored records of a simulated day decide the same again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hems.adapters.storage.sqlite_reader import StoreReader
from hems.composition.settings import minutes, multi_factor_options_of
from hems.composition.tools import load
from hems.coordination.decision_engine_manager import in_whole_steps
from hems.decision.arbiter import ArbiterOptions, arbitrate
from hems.decision.multi_factor_engine import MultiFactorEngine
from hems.decision.stability import StabilityOptions
from hems.domain.command import Mode
from hems.domain.record import CycleRecord
from hems.simulation.simulated_inverter import SimulatorOptions
from support.household import live_through, priced_by, write_configuration

START = datetime(2026, 5, 15, 0, 0, tzinfo=UTC)
LENGTH = timedelta(hours=8)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, tuple[CycleRecord, ...]]]:
    """A night and a morning of cheap and dear hours, the battery hot for a while: folder and stored cycles."""
    folder = tmp_path_factory.mktemp("replay")
    house = SimulatorOptions(soc_pct=21.0, capacity_wh=10_000.0, faults=("over_temperature@16200+1800",))
    live_through(
        folder,
        START,
        LENGTH,
        house,
        prices=priced_by(lambda at: 150.0 if at.hour % 3 == 1 else 700.0),
        poll_s=30,
    )
    with StoreReader(folder / "out" / "hems.sqlite3") as reader:
        yield folder, tuple(reader.cycles_between(START, START + LENGTH))


def test_stored_cycles_decide_the_same_again(lived: tuple[Path, tuple[CycleRecord, ...]]) -> None:
    folder, cycles = lived
    settings = load(write_configuration(folder, poll_s=30, lost_s=60)).settings
    engine = MultiFactorEngine(multi_factor_options_of(settings))
    options = ArbiterOptions(stability=StabilityOptions(min_mode=minutes(settings.coordinator.min_mode_minutes)))
    for cycle in cycles:
        again = arbitrate(cycle.context, [engine.propose(cycle.context)], cycle.envelope, options)
        stored = cycle.decision
        assert in_whole_steps(again.command) == stored.command, cycle.at
        assert (again.reason, again.confidence_pct) == (stored.reason, stored.confidence_pct)
        assert (again.source, again.verdict, again.causes) == (stored.source, stored.verdict, stored.causes)
        assert (again.score, again.proposals) == (stored.score, stored.proposals)


def test_the_replayed_day_had_something_to_decide(lived: tuple[Path, tuple[CycleRecord, ...]]) -> None:
    _, cycles = lived
    assert len(cycles) >= LENGTH // timedelta(minutes=15)
    assert {Mode.SELF_USE, Mode.CHARGE} <= {cycle.decision.mode for cycle in cycles}
    assert {"allowed", "narrowed"} <= {cycle.decision.verdict for cycle in cycles}
    assert any(cycle.envelope.violations for cycle in cycles)
