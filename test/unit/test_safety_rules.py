"""Each rule at its edge, and what it bounds: the table of E1 and the ones around it."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import pytest

from hems.domain.command import Mode
from hems.domain.readings import BmsAlarm, InverterFlag, Quality, WorkState, unknown_snapshot
from hems.domain.safety import Bounds, Cause, SafetyEnvelope
from hems.safety.envelope import SafetyOptions, SafetySupervisor
from hems.safety.gate import permitted_mode, required_mode, stops_operations
from hems.safety.rule import RuleInput
from hems.safety.rules import RULES, RULES_BY_KEY, find_violations
from support.safety_builders import NOON, SPEC, snapshot


def judge(**changes: Any) -> SafetyEnvelope:
    """Return the envelope of a first poll over a healthy house with ``changes``."""
    supervisor = SafetySupervisor(SPEC, SafetyOptions(), saved=None, now=NOON)
    return supervisor.evaluate(snapshot(**changes), NOON, NOON)[0]


def test_a_healthy_house_is_bounded_by_its_current_limits_alone() -> None:
    envelope = judge()
    assert envelope.is_clear
    assert envelope.bounds == Bounds(forced_charge_max_w=32.0 * 52.0, forced_discharge_max_w=32.0 * 52.0)


# (reading, value on the limit, value beyond it, cause, mode demanded)
E1_EDGES = [
    ("battery__temperature_c", 60.0, 60.1, Cause.BATTERY_TOO_HOT, Mode.STANDBY),
    ("battery__cell_temperature_max_c", 60.0, 60.1, Cause.BATTERY_TOO_HOT, Mode.STANDBY),
    ("battery__voltage_v", 58.0, 58.1, Cause.BATTERY_OVER_VOLTAGE, Mode.NO_CHARGE),
    ("battery__voltage_v", 45.0, 44.9, Cause.BATTERY_UNDER_VOLTAGE, Mode.HOLD),
    ("grid__voltage_v", (230.0, 250.0, 230.0), (230.0, 230.0, 250.1), Cause.GRID_OVER_VOLTAGE, None),
    ("grid__voltage_v", (200.0, 230.0, 230.0), (199.9, 230.0, 230.0), Cause.GRID_UNDER_VOLTAGE, None),
    ("grid__voltage_v", (250.0,), (250.1,), Cause.GRID_OVER_VOLTAGE, None),
    ("inverter__error_bits", 0, 1, Cause.SYSTEM_ERROR, None),
    ("inverter__state", WorkState.ON_GRID, WorkState.FAULT, Cause.SYSTEM_ERROR, None),
    ("inverter__state", WorkState.ON_GRID, WorkState.UPDATING, Cause.SYSTEM_ERROR, None),
]


@pytest.mark.parametrize(("reading", "allowed", "beyond", "cause", "mode"), E1_EDGES)
def test_e1_holds_beyond_the_limit_and_not_on_it(
    reading: str, allowed: object, beyond: object, cause: Cause, mode: Mode | None
) -> None:
    assert cause not in judge(**{reading: allowed}).causes
    envelope = judge(**{reading: beyond})
    assert cause in envelope.causes
    assert stops_operations(envelope), "E1 stops all operations"
    assert required_mode(envelope) is mode


# (changes, cause, charge, discharge, forced charge, forced discharge: whether any power is left)
BOUNDED = [
    ({"battery__cell_temperature_min_c": -0.1}, Cause.BATTERY_TOO_COLD_TO_CHARGE, "-d-D"),
    ({"battery__temperature_c": -0.1}, Cause.BATTERY_TOO_COLD_TO_CHARGE, "-d-D"),
    ({"battery__cell_temperature_min_c": -20.1}, Cause.BATTERY_TOO_COLD_TO_DISCHARGE, "----"),
    ({"battery__soc_pct": 10.0}, Cause.SOC_AT_FLOOR, "cdC-"),
    ({"battery__soc_pct": 100.0}, Cause.SOC_AT_CEILING, "cd-D"),
    ({"battery__soc_pct": None}, Cause.BATTERY_UNKNOWN, "cd--"),
    ({"battery__voltage_v": None}, Cause.BATTERY_UNKNOWN, "cd--"),
    ({"battery__temperature_c": None, "battery__cell_temperature_max_c": None}, Cause.BATTERY_UNKNOWN, "cd--"),
    ({"battery__quality": Quality.MISSING}, Cause.BATTERY_UNKNOWN, "cd--"),
    ({"battery__charge_limit_a": None}, Cause.BATTERY_UNKNOWN, "cd-D"),
    ({"battery__discharge_limit_a": None}, Cause.BATTERY_UNKNOWN, "cdC-"),
    ({"grid__voltage_v": ()}, Cause.GRID_UNKNOWN, "cd--"),
    ({"grid__voltage_v": (230.0, None, 230.0)}, Cause.GRID_UNKNOWN, "cd--"),
    ({"grid__connected": None, "inverter__state": None}, Cause.GRID_UNKNOWN, "cd--"),
    ({"inverter__state": None}, Cause.SYSTEM_ERROR, "cd--"),
    ({"inverter__state": WorkState.OFF_GRID}, Cause.GRID_LOST, "cd--"),
    ({"inverter__state": WorkState.CHECKING}, Cause.GRID_LOST, "cd--"),
    ({"inverter__state": WorkState.WAITING}, Cause.GRID_LOST, "cd--"),
    ({"grid__connected": False}, Cause.GRID_LOST, "cd--"),
    ({"grid__power_w": None}, Cause.METER_LOST, "cdC-"),
    ({"inverter__flags": frozenset({InverterFlag.METER_LOST})}, Cause.METER_LOST, "cdC-"),
    ({"inverter__flags": frozenset({InverterFlag.CHARGE_DISABLED})}, Cause.CHARGE_DISABLED, "cd-D"),
    ({"inverter__flags": frozenset({InverterFlag.DISCHARGE_DISABLED})}, Cause.DISCHARGE_DISABLED, "cdC-"),
    ({"inverter__flags": frozenset({InverterFlag.EMERGENCY_CHARGING})}, Cause.DISCHARGE_DISABLED, "cdC-"),
    ({"inverter__flags": frozenset({InverterFlag.BATTERY_DISCONNECTED})}, Cause.BATTERY_UNKNOWN, "cd--"),
]


def left(bounds: Bounds) -> str:
    """Return which of charge, discharge, forced Charge and forced Discharge, export included, have any power left."""
    forced_discharge_w = min(bounds.forced_discharge_max_w, bounds.export_max_w)
    values = (bounds.charge_max_w, bounds.discharge_max_w, bounds.forced_charge_max_w, forced_discharge_w)
    return "".join(letter if value > 0 else "-" for letter, value in zip("cdCD", values, strict=True))


@pytest.mark.parametrize(("changes", "cause", "expected"), BOUNDED)
def test_each_cause_bounds_on_its_own(changes: dict[str, Any], cause: Cause, expected: str) -> None:
    envelope = judge(**changes)
    assert cause in envelope.causes
    assert left(envelope.bounds) == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"battery__cell_temperature_min_c": 0.0},  # exactly on the charging limit
        {"battery__cell_temperature_min_c": 0.0, "battery__cell_temperature_max_c": 0.0},  # 0/0: not available
        {"battery__temperature_c": None},  # the cells are known
        {"battery__soc_pct": 10.1},
        {"grid__connected": None},  # the work state says on-grid
        {"battery__quality": Quality.SUSPECT},
    ],
)
def test_what_is_allowed_bounds_nothing(changes: dict[str, Any]) -> None:
    assert judge(**changes).is_clear


def test_cells_that_are_not_available_leave_the_pack_temperature_in_charge() -> None:
    unavailable = {"battery__cell_temperature_min_c": 0.0, "battery__cell_temperature_max_c": 0.0}
    assert judge(**unavailable, battery__temperature_c=60.1).causes == {Cause.BATTERY_TOO_HOT}
    assert judge(**unavailable, battery__temperature_c=None).causes == {Cause.BATTERY_UNKNOWN}


ALARM_MODES = {
    BmsAlarm.CHARGE_OVER_VOLTAGE: Mode.NO_CHARGE,
    BmsAlarm.OVER_VOLTAGE_CRITICAL: Mode.NO_CHARGE,
    BmsAlarm.CHARGE_OVER_CURRENT: Mode.NO_CHARGE,
    BmsAlarm.CHARGE_CIRCUIT_FAULT: Mode.NO_CHARGE,
    BmsAlarm.CELL_COLD: Mode.NO_CHARGE,
    BmsAlarm.DISCHARGE_UNDER_VOLTAGE: Mode.HOLD,
    BmsAlarm.UNDER_VOLTAGE_CRITICAL: Mode.HOLD,
    BmsAlarm.DISCHARGE_OVER_CURRENT: Mode.HOLD,
    BmsAlarm.DISCHARGE_CIRCUIT_FAULT: Mode.HOLD,
    BmsAlarm.CELL_HOT: Mode.STANDBY,
    BmsAlarm.CELL_HOT_CRITICAL: Mode.STANDBY,
    BmsAlarm.PRECHARGE_FAULT: Mode.STANDBY,
    BmsAlarm.DC_BUS_FAULT: Mode.STANDBY,
    BmsAlarm.BATTERY_BREAK: Mode.STANDBY,
    BmsAlarm.BATTERY_LOCK: Mode.STANDBY,
    BmsAlarm.COMMUNICATION_FAULT: None,
}


@pytest.mark.parametrize("alarm", list(BmsAlarm))
def test_every_alarm_bit_stops_operations_and_demands_its_mode(alarm: BmsAlarm) -> None:
    envelope = judge(battery__alarms=frozenset({alarm}))
    assert envelope.causes == {Cause.BMS_ALARM}
    assert stops_operations(envelope)
    assert required_mode(envelope) is ALARM_MODES[alarm]


def test_contrary_alarms_leave_standby() -> None:
    envelope = judge(battery__alarms=frozenset({BmsAlarm.CELL_COLD, BmsAlarm.DISCHARGE_UNDER_VOLTAGE}))
    assert required_mode(envelope) is Mode.STANDBY
    assert len(envelope.violations) == 2


def test_every_cause_has_a_rule_and_every_key_is_unique() -> None:
    # How much the fuse leaves is no matter of yes and no: the fuse guard says it, in test_fuse_guard.py.
    # A person's stop follows from no reading: test_order_latch.py.
    assert {rule.cause for rule in RULES} == set(Cause) - {Cause.FUSE, Cause.STOPPED_BY_PERSON}
    assert len(RULES_BY_KEY) == len(RULES)


def test_a_lost_inverter_is_all_that_can_be_told() -> None:
    site = RuleInput(snapshot=unknown_snapshot(NOON, "silence"), spec=SPEC, now=NOON, lost="silence")
    findings = find_violations(site)
    assert [violation.cause for violation in findings.violations.values()] == [Cause.COMMUNICATION_LOST]
    assert findings.untold == set(RULES_BY_KEY) - {"communication_lost"}


@pytest.mark.parametrize(
    ("silence_s", "lost"), [(0, False), (20, False), (30, False), (31, True), (3600, True), (-3600, True)]
)
def test_silence_is_a_loss_beyond_its_limit_and_when_the_clock_was_set_back(silence_s: int, lost: bool) -> None:
    supervisor = SafetySupervisor(SPEC, SafetyOptions(), saved=None, now=NOON)
    supervisor.evaluate(snapshot(), NOON, NOON)
    envelope, used = supervisor.evaluate(None, NOON + timedelta(seconds=silence_s), NOON)
    assert (Cause.COMMUNICATION_LOST in envelope.causes) is lost
    assert stops_operations(envelope) is lost
    assert (used.battery.soc_pct is None) is lost


def test_a_missed_poll_keeps_what_was_found() -> None:
    supervisor = SafetySupervisor(SPEC, SafetyOptions(), saved=None, now=NOON)
    supervisor.evaluate(snapshot(battery__temperature_c=61.0), NOON, NOON)
    envelope, _ = supervisor.evaluate(None, NOON + timedelta(seconds=10), NOON)
    assert envelope.causes == {Cause.BATTERY_TOO_HOT}


def test_old_data_are_no_data() -> None:
    supervisor = SafetySupervisor(SPEC, SafetyOptions(), saved=None, now=NOON)
    envelope, _ = supervisor.evaluate(snapshot(), NOON + timedelta(seconds=31), NOON)
    assert Cause.COMMUNICATION_LOST in envelope.causes


def test_before_the_first_answer_nothing_is_allowed_and_nothing_latches() -> None:
    supervisor = SafetySupervisor(SPEC, SafetyOptions(), saved=None, now=NOON)
    envelope, used = supervisor.evaluate(None, NOON, None)
    assert stops_operations(envelope)
    assert used.battery.quality is Quality.MISSING
    later = NOON + timedelta(seconds=5)
    assert supervisor.evaluate(snapshot(later), later, later)[0].is_clear


def test_the_current_limit_bounds_what_is_asked_and_not_self_use() -> None:
    full = judge(battery__charge_limit_a=0.0)
    assert full.is_clear
    assert full.bounds.forced_charge_max_w == 0
    assert math.isinf(full.bounds.charge_max_w), "a full battery is no reason to write to the inverter"
    assert permitted_mode(full.bounds) is Mode.SELF_USE
    assert judge(battery__charge_limit_a=10.0).bounds.forced_charge_max_w == pytest.approx(520.0)


def test_a_detail_names_the_reading_and_the_limit() -> None:
    (violation,) = judge(battery__temperature_c=61.0).violations
    assert "61.0 °C" in violation.detail
    assert "60.0 °C" in violation.detail


@pytest.mark.parametrize(
    ("changes", "export_max_w"),
    [
        ({}, math.inf),
        ({"grid__voltage_v": (251.0,)}, 0.0),
        ({"inverter__flags": frozenset({InverterFlag.METER_LOST})}, 0.0),
        ({"inverter__flags": frozenset({InverterFlag.CHARGE_DISABLED})}, math.inf),
    ],
)
def test_export_is_bounded_on_its_own(changes: dict[str, Any], export_max_w: float) -> None:
    assert judge(**changes).bounds.export_max_w == export_max_w
