"""A sunny day of the whole coordinator on which a strategy limits the export for three hours: writes, proof, words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from hems.adapters.storage.sqlite_reader import StoreReader
from hems.composition.service_report import status_line
from hems.coordination.verification import Proof
from hems.decision.multi_factor_engine import MultiFactorEngine
from hems.domain.command import Mode
from hems.domain.decision import DecisionContext, Proposal
from hems.simulation.simulated_inverter import SimulatorOptions
from support.household import flat_prices, live_through

START = datetime(2026, 6, 17, 8, 30, tzinfo=UTC)
LENGTH = timedelta(hours=4)
FIRST, LAST = START.replace(hour=9, minute=0), START.replace(hour=11, minute=45)


@pytest.fixture
def limited() -> Iterator[None]:
    """Let the strategy in charge ask for no export from 09:00 to 12:00 UTC."""
    propose = MultiFactorEngine.propose

    def with_a_limit(engine: MultiFactorEngine, context: DecisionContext) -> Proposal | None:
        wish = propose(engine, context)
        if wish is None or not FIRST <= context.at <= LAST:
            return wish
        return replace(wish, command=replace(wish.command, export_limit_w=0.0))

    with patch.object(MultiFactorEngine, "propose", with_a_limit):
        yield


@pytest.mark.usefixtures("limited")
@pytest.mark.parametrize("model", ["GW10K-ET", "GW5048-ES"])
def test_three_hours_without_export_cost_one_write_in_and_one_out(tmp_path: Path, model: str) -> None:
    house = SimulatorOptions(model=model, soc_pct=97.0, capacity_wh=5_000.0, pv=4000.0, load=500.0)
    seen: dict[str, Any] = {"proofs": set(), "lines": set(), "fed_in_w": []}

    def watch(moment: Any) -> None:
        actions = moment.household.coordinator.parts.actions
        if actions.active is not None and actions.active.export_limit_w is not None:
            seen["proofs"].add(actions.verification.proof)
            seen["lines"].add(status_line(moment.household).split(",")[0])
            seen["status"] = moment.household.status()["mode"]
            seen["schedule"] = moment.household._schedule()[0]
        if FIRST + timedelta(minutes=3) <= moment.at <= LAST:
            seen["fed_in_w"].append(-moment.house.flow.grid_w)

    outcome = live_through(tmp_path, START, LENGTH, house, prices=flat_prices(900.0), poll_s=60, watch=watch)
    # A little goes out while the battery's taper and the inverter's lag play out at the start.
    assert max(seen["fed_in_w"]) < 1.0
    assert seen["proofs"] == {Proof.PENDING, Proof.CONFIRMED}
    assert seen["status"]["export_limit_w"] == 0.0
    assert seen["schedule"]["until"] is not None
    assert all(line.startswith("Self-use with at most 0.0 kW of export until") for line in seen["lines"])
    assert outcome.house.device.writes == 2, "one to begin it, one to end it"
    assert -outcome.house.flow.grid_w > 2000.0, "afterwards all is fed in again"
    with StoreReader(tmp_path / "out" / "hems.sqlite3") as reader:
        cycles = tuple(reader.cycles_between(START, START + LENGTH))
        events = {event.kind for event in reader.events_between(START, START + LENGTH)}
    assert events & {"not_confirmed", "not_obeyed", "control_differs", "rejected", "export_limit"} == set()
    limited = [cycle for cycle in cycles if cycle.decision.command.export_limit_w is not None]
    assert len(limited) == 12
    assert {cycle.decision.mode for cycle in limited} == {Mode.SELF_USE}
    assert [cycle.action.register_writes for cycle in limited if cycle.action is not None][:2] == [1, 0]
