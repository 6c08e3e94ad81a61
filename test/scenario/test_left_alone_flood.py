"""An inverter that answers and does not obey: its flash is not worn by telling it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hems.composition.simulated_days import Moment
from hems.simulation.faults import parse_fault
from hems.simulation.simulated_inverter import SimulatorOptions
from support.household import flat_prices, live_through

START = datetime(2026, 6, 17, 0, 0, tzinfo=UTC)
HOURS = 6
WRITES = 400
"""In six hours: three at once, then ever more rarely, in the end every four minutes; and what decisions may write."""


def run(folder: Path, fault: str) -> tuple[int, list[Moment]]:
    seen: list[Moment] = []
    house = SimulatorOptions(model="GW6000-ES-20", start=START, soc_pct=40.0, faults=(parse_fault(fault),))
    outcome = live_through(
        folder, START, timedelta(hours=HOURS, minutes=30), house, prices=flat_prices(50.0), watch=seen.append
    )
    return outcome.status["writes_today"], seen


@pytest.mark.slow
def test_writes_that_are_acknowledged_and_ignored(tmp_path: Path) -> None:
    writes, seen = run(tmp_path, f"ack_only@600+{HOURS * 3600}")
    assert writes < WRITES
    over = START + timedelta(seconds=600 + HOURS * 3600)
    back = [moment for moment in seen if over + timedelta(minutes=5) < moment.at]
    assert back
    assert all(not moment.household.coordinator.parts.actions.is_uncertain for moment in back[:12])
