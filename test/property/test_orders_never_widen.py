"""Under any sequence of orders the gate never widens, and a person's stop means that nothing is forced."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hems.adapters.storage.sqlite_reader import StoreReader
from hems.composition.simulated_days import Moment
from hems.decision.explanation import command_of
from hems.domain.command import Mode
from hems.domain.orders import (
    ChooseStrategy,
    EmergencyStop,
    FastCharge,
    Hold,
    Order,
    OrderKind,
    Pause,
    ReleaseLatch,
    SelfUse,
    Withdraw,
)
from hems.domain.safety import Cause
from hems.safety.gate import narrow_to_envelope, required_mode
from hems.simulation.simulated_inverter import SimulatorOptions
from support.household import live_through, priced_by
from support.orders import Persons

START = datetime(2026, 1, 10, 20, 0, tzinfo=UTC)
LENGTH = timedelta(minutes=12)

ends = st.integers(min_value=-2, max_value=60).map(lambda minutes: START + timedelta(minutes=minutes))
orders: st.SearchStrategy[Order] = st.one_of(
    st.builds(Pause, until=ends),
    st.builds(Hold, until=ends),
    st.builds(SelfUse, until=ends),
    st.builds(FastCharge, target_soc_pct=st.floats(min_value=-5.0, max_value=110.0) | st.just(90.0), deadline=ends),
    st.builds(Withdraw, kind=st.sampled_from(OrderKind)),
    st.builds(ChooseStrategy, name=st.sampled_from(["optimal", "multi_factor", "self_use", "other"])),
    st.just(EmergencyStop(reason="a test")),
    st.just(ReleaseLatch()),
)
given_at = st.floats(min_value=5.0, max_value=600.0).map(lambda seconds: timedelta(seconds=seconds))
faults = st.sampled_from([(), ("grid_high@120+200",), ("over_temperature@100+150",), ("drop@200+60",)])


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(given_at, orders), min_size=1, max_size=8), st.sampled_from([15.0, 45.0, 95.0]), faults)
def test_any_sequence_of_orders(
    given_orders: list[tuple[timedelta, Order]], soc_pct: float, troubles: tuple[str]
) -> None:
    persons = Persons(START, given_orders)
    stopped_cycles = 0

    def watch(moment: Moment) -> None:
        nonlocal stopped_cycles
        persons.watch(moment)
        coordinator = moment.household.coordinator
        envelope, active = coordinator.envelope, coordinator.parts.actions.active
        if envelope is not None and Cause.STOPPED_BY_PERSON in envelope.causes:
            stopped_cycles += 1
            assert active is None or (active.mode is required_mode(envelope) and active.export_limit_w is None)

    with tempfile.TemporaryDirectory() as place:
        house = SimulatorOptions(soc_pct=soc_pct, capacity_wh=10_000.0, load=500.0, pv=0.0, faults=troubles)
        prices = priced_by(lambda at: 50.0 if at.minute < 30 else 800.0)
        live_through(Path(place), START, LENGTH, house, prices=prices, watch=watch, poll_s=5)
        with StoreReader(Path(place) / "out" / "hems.sqlite3") as reader:
            cycles = list(reader.cycles_between(START, START + LENGTH))
    assert len(persons.answers) + len(persons.refusals) == len(given_orders)
    for cycle in cycles:
        decided = cycle.decision.command
        again = command_of(narrow_to_envelope(decided, cycle.envelope))
        assert (again.mode, again.power_w) == (decided.mode, decided.power_w), "what was decided lies within the bounds"
        if Cause.STOPPED_BY_PERSON in cycle.envelope.causes:
            assert decided.mode in {Mode.SELF_USE, required_mode(cycle.envelope)}
    if any(isinstance(answer.order, EmergencyStop) for answer in persons.answers):
        assert stopped_cycles
