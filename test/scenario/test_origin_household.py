"""A strategy that would sell all it can: out of the battery leaves no more than the sun has put into it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from hems.adapters.storage.sqlite_reader import StoreReader
from hems.decision.arbiter import ArbiterOptions, arbitrate
from hems.decision.multi_factor_engine import MultiFactorEngine
from hems.domain.command import Command, Mode
from hems.domain.decision import DecisionContext, Proposal
from hems.simulation.simulated_inverter import SimulatedInverter, SimulatorOptions
from support.household import flat_prices, live_through

MORNING = datetime(2026, 6, 17, 8, 0, tzinfo=UTC)
LENGTH = timedelta(hours=11)
HOUSE = SimulatorOptions(
    model="GW10K-ET", soc_pct=40.0, capacity_wh=10_000.0, pv_peak_w=6000.0, load_average_w=400.0, scenario="everyday"
)
SELL_FROM_HOUR = 14


@pytest.fixture
def eager_seller() -> Iterator[None]:
    """Let the strategy in charge sell at 4 kW all afternoon and evening, down to 10 %."""
    propose = MultiFactorEngine.propose

    def sell(engine: MultiFactorEngine, context: DecisionContext) -> Proposal | None:
        wish = propose(engine, context)
        if wish is None:
            return None
        command = Command(mode=Mode.SELF_USE, expires_at=wish.command.expires_at)
        if context.at.hour >= SELL_FROM_HOUR:
            command = replace(command, mode=Mode.DISCHARGE, power_w=4000.0, target_soc_pct=10.0)
        return replace(wish, command=command)

    with patch.object(MultiFactorEngine, "propose", sell):
        yield


class Meters:
    """What the battery took of the PV surplus and gave beyond the load [Wh], from the house's own physics."""

    def __init__(self) -> None:
        self.sun_in_wh = 0.0
        self.sold_wh = 0.0

    def begin(self, house: SimulatedInverter) -> None:
        house.observer = self.observe

    def observe(self, house: SimulatedInverter, _order: Any, step_s: float) -> None:
        flow, hours = house.flow, step_s / 3600.0
        surplus_w = max(0.0, flow.pv_w - flow.load_w)
        self.sun_in_wh += min(max(0.0, -flow.battery_w), surplus_w) * hours
        self.sold_wh += min(max(0.0, flow.battery_w), max(0.0, -flow.grid_w - surplus_w)) * hours


def live(folder: Path, meters: Meters, more: str = "") -> dict[str, Any]:
    """Live through the day; return the origin in the last status."""
    outcome = live_through(
        folder,
        MORNING,
        LENGTH,
        HOUSE,
        prices=flat_prices(700.0),
        poll_s=60,
        starting_with=meters.begin,
        more=more,
    )
    origin: dict[str, Any] = outcome.status["origin"]
    return origin


@pytest.mark.usefixtures("eager_seller")
def test_only_what_the_sun_gave_is_sold(tmp_path: Path) -> None:
    meters = Meters()
    shown = live(tmp_path, meters)
    assert meters.sun_in_wh > 3000.0, "the day has to put something in"
    assert 0.7 * meters.sun_in_wh < meters.sold_wh <= meters.sun_in_wh, "all but the losses and a percent or two"
    assert shown["pv_wh"] < 500.0
    assert shown["grid_wh"] > 0.0
    with StoreReader(tmp_path / "out" / "hems.sqlite3") as reader:
        cycles = tuple(reader.cycles_between(MORNING, MORNING + LENGTH))
    refused = [cycle for cycle in cycles if cycle.decision.verdict == "refused"]
    assert refused, "at last nothing of the sun is left"
    assert "energy from the grid may not be sold" in refused[-1].decision.reason
    narrowed = [cycle for cycle in cycles if cycle.decision.mode is Mode.DISCHARGE]
    assert narrowed
    for cycle in cycles:
        again = arbitrate(cycle.context, cycle.decision.proposals, cycle.envelope, ArbiterOptions())
        assert (again.mode, again.verdict, again.causes) == (
            cycle.decision.mode,
            cycle.decision.verdict,
            cycle.decision.causes,
        ), "the record holds all that the rule needs"


@pytest.mark.usefixtures("eager_seller")
def test_an_owner_who_may_sells_the_grids_too(tmp_path: Path) -> None:
    meters = Meters()
    live(tmp_path, meters, more="grid:\n  no_grid_energy_into_export: false")
    assert meters.sold_wh > meters.sun_in_wh
