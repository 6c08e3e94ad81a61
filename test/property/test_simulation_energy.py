"""Whatever the inverter is told and whatever fails, no energy appears and none is lost without a name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hems.simulation.battery import BATTERY_SPECS
from hems.simulation.control import EMS_MODES
from hems.simulation.faults import FAULT_KINDS, Layer, parse_fault
from hems.simulation.simulated_inverter import SimulatedInverter, SimulatorOptions
from support.simulation_tools import write_pdu

START = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)  # half an hour before the clocks change in Warsaw
PHYSICAL = [*(kind.name for kind in FAULT_KINDS.values() if kind.layer is Layer.PHYSICS), "meter_lost", "reboot"]


@settings(max_examples=120, deadline=None)
@given(
    battery=st.sampled_from(sorted(BATTERY_SPECS)),
    soc_pct=st.floats(0.0, 100.0),
    mode=st.sampled_from(sorted(EMS_MODES)),
    power_w=st.integers(0, 10_000),
    work_mode=st.integers(0, 4),
    pv_w=st.floats(0.0, 15_000.0),
    load_w=st.floats(0.0, 12_000.0),
    export_limit_w=st.none() | st.integers(0, 8_000),
    fault=st.none() | st.sampled_from(PHYSICAL),
    step_s=st.sampled_from([0.5, 5.0, 10.0]),
    ambient_c=st.floats(-25.0, 60.0),
)
def test_energy_is_conserved_at_every_step(
    battery: str, soc_pct: float, mode: int, power_w: int, work_mode: int, pv_w: float, load_w: float,
    export_limit_w: int | None, fault: str | None, step_s: float, ambient_c: float,
) -> None:  # fmt: skip
    inverter = SimulatedInverter(
        SimulatorOptions(
            model="GW10K-ET", battery=battery, soc_pct=soc_pct, pv=pv_w, load=load_w, ambient_c=ambient_c,
            faults=() if fault is None else (parse_fault(f"{fault}@20+60"),), control_lag_s=0.0, step_max_s=step_s,
        ),
        START,
    )  # fmt: skip
    inverter.exchange_pdu(write_pdu(47000, work_mode))
    inverter.exchange_pdu(write_pdu(47511, mode, power_w))
    if export_limit_w is not None:
        inverter.exchange_pdu(write_pdu(47509, 1, export_limit_w))
    pack = inverter.house.battery
    assert pack is not None
    for _ in range(24):
        stored_wh, lost_wh = pack.stored_wh, pack.lost_wh
        inverter.advance_to(inverter.now + timedelta(seconds=step_s))
        flow = inverter.flow
        assert flow.pv_w + flow.battery_w + flow.grid_w == pytest.approx(flow.load_w, abs=1e-6)
        assert flow.load_w + flow.unserved_w == pytest.approx(load_w, abs=1e-6)
        assert -1e-9 <= flow.pv_w <= flow.pv_available_w + 1e-9
        assert abs(flow.pv_w + flow.battery_w) <= 10_000.0 + 1e-6
        assert 0.0 <= pack.stored_wh <= pack.capacity_wh
        moved_wh = flow.battery_w * step_s / 3600.0
        assert stored_wh - pack.stored_wh == pytest.approx(moved_wh + pack.lost_wh - lost_wh, abs=1e-6)
        assert pack.lost_wh >= lost_wh


@settings(max_examples=60, deadline=None)
@given(limit_w=st.integers(0, 6_000), pv_w=st.floats(0.0, 12_000.0), mode=st.sampled_from([1, 3, 5, 8, 10, 12]))
def test_export_never_exceeds_its_limit(limit_w: int, pv_w: float, mode: int) -> None:
    inverter = SimulatedInverter(SimulatorOptions(model="GW10K-ET", pv=pv_w, load=400.0, control_lag_s=0.0), START)
    inverter.exchange_pdu(write_pdu(47509, 1, limit_w))
    inverter.exchange_pdu(write_pdu(47511, mode, 5000))
    for _ in range(6):
        inverter.advance_to(inverter.now + timedelta(seconds=5))
        assert -inverter.flow.grid_w <= limit_w + 1e-6


@given(seconds=st.lists(st.floats(0.1, 3600.0), min_size=1, max_size=5), seed=st.integers(0, 50))
@settings(max_examples=15, deadline=None)
def test_the_day_does_not_depend_on_how_often_one_looks(seconds: list[float], seed: int) -> None:
    options = SimulatorOptions(seed=seed, scenario="cloudy_day")
    often, once = SimulatedInverter(options, START), SimulatedInverter(options, START)
    for part in seconds:
        often.advance_to(often.now + timedelta(seconds=part))
    once.advance_to(often.now)
    assert often.house.load(often.now) == once.house.load(once.now)
    assert often.house.pv(often.now) == once.house.pv(once.now)
    assert often.soc_pct == pytest.approx(once.soc_pct, abs=0.2)
