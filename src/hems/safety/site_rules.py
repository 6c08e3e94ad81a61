"""The rules over the grid connection, the meter, the inverter and the line to it.

A value exactly on a limit is allowed. Source: the users' documentation, section E1; diagnose bits and work states of
the inverter. Export of PV is the inverter's own matter (its grid code trips it); these rules keep the coordinator from
adding to it.
"""

from __future__ import annotations

from hems.domain.readings import InverterFlag, Quality, WorkState
from hems.domain.safety import Cause
from hems.safety.rule import (
    CANNOT_TELL,
    NO_EXPORT,
    NO_FORCED_CHARGE,
    NO_FORCED_DISCHARGE,
    STOP_FORCED,
    Check,
    Rule,
    RuleInput,
    Tell,
)

_NOT_CONNECTED = {
    WorkState.OFF_GRID: "the house runs off-grid",
    WorkState.WAITING: "the inverter is waiting, not connected to the grid",
    WorkState.CHECKING: "the inverter is checking the grid before it connects",
}


def _phases(site: RuleInput) -> list[tuple[int, float]]:
    return [(index, volts) for index, volts in enumerate(site.snapshot.grid.voltage_v, start=1) if volts is not None]


def _grid_over_voltage(site: RuleInput) -> str | Tell | None:
    limit = site.spec.grid_voltage_max_v
    for phase, volts in _phases(site):
        if volts > limit:
            return f"grid L{phase} at {volts:.1f} V, at most {limit:.1f} V allowed"
    return CANNOT_TELL if _voltage_unknown(site) else None


def _grid_under_voltage(site: RuleInput) -> str | Tell | None:
    limit = site.spec.grid_voltage_min_v
    for phase, volts in _phases(site):
        if volts < limit:
            return f"grid L{phase} at {volts:.1f} V, at least {limit:.1f} V needed"
    return CANNOT_TELL if _voltage_unknown(site) else None


def _voltage_unknown(site: RuleInput) -> bool:
    grid = site.snapshot.grid
    return grid.quality is Quality.MISSING or not grid.voltage_v or None in grid.voltage_v


def _grid_lost(site: RuleInput) -> str | Tell | None:
    state, connected = site.snapshot.inverter.state, site.snapshot.grid.connected
    if state in _NOT_CONNECTED:
        return _NOT_CONNECTED[state]
    if connected is False:
        return "the inverter reports no usable grid"
    return CANNOT_TELL if state is None and connected is None else None


def _grid_unknown(site: RuleInput) -> str | Tell | None:
    if _voltage_unknown(site):
        return "grid voltage unknown"
    connection_unknown = site.snapshot.inverter.state is None and site.snapshot.grid.connected is None
    return "it is unknown whether the grid is there" if connection_unknown else None


def _meter_lost(site: RuleInput) -> str | Tell | None:
    if InverterFlag.METER_LOST in site.snapshot.inverter.flags:
        return "the inverter has lost its meter"
    return "grid power unknown" if site.snapshot.grid.power_w is None else None


def _system_error(site: RuleInput) -> str | Tell | None:
    inverter = site.snapshot.inverter
    if inverter.state is WorkState.FAULT:
        return f"the inverter reports a fault (error bits 0x{inverter.error_bits:08X})"
    if inverter.state is WorkState.UPDATING:
        return "the inverter is updating its firmware"
    if inverter.error_bits:
        return f"the inverter reports error bits 0x{inverter.error_bits:08X}"
    return CANNOT_TELL if inverter.state is None else None


def _state_unknown(site: RuleInput) -> str | Tell | None:
    return "the inverter's work state is unknown" if site.snapshot.inverter.state is None else None


def _communication_lost(site: RuleInput) -> str | Tell | None:
    return site.lost


def _flag_check(flag: InverterFlag, words: str) -> Check:
    def check(site: RuleInput) -> str | Tell | None:
        inverter = site.snapshot.inverter
        if inverter.quality is Quality.MISSING:
            return CANNOT_TELL
        return words if flag in inverter.flags else None

    return check


SITE_RULES: tuple[Rule, ...] = (
    Rule(
        key="grid_over_voltage",
        cause=Cause.GRID_OVER_VOLTAGE,
        when="any phase of the grid above 250 V",
        why="no battery energy may be pushed into a full grid; storing PV relieves it",
        bounds=STOP_FORCED,
        check=_grid_over_voltage,
    ),
    Rule(
        key="grid_under_voltage",
        cause=Cause.GRID_UNDER_VOLTAGE,
        when="any phase of the grid below 200 V",
        why="charging from a weak grid weakens it further; covering the load relieves it",
        bounds=STOP_FORCED,
        check=_grid_under_voltage,
    ),
    Rule(
        key="grid_lost",
        cause=Cause.GRID_LOST,
        when="off-grid, waiting for or checking the grid",
        why="the battery belongs to the house until the grid is back",
        bounds=STOP_FORCED,
        check=_grid_lost,
    ),
    Rule(
        key="grid_unknown",
        cause=Cause.GRID_UNKNOWN,
        when="the voltage of any phase unknown, or unknown whether the grid is there",
        why="unknown is unsafe",
        bounds=STOP_FORCED,
        check=_grid_unknown,
    ),
    Rule(
        key="meter_lost",
        cause=Cause.METER_LOST,
        when="the meter lost, or grid power unknown",
        why="nobody sees what would be exported",
        bounds=NO_EXPORT,
        check=_meter_lost,
    ),
    Rule(
        key="system_error",
        cause=Cause.SYSTEM_ERROR,
        when="the inverter in fault, with error bits, or updating its firmware",
        why="a machine in trouble is left to its own protection",
        bounds=STOP_FORCED,
        check=_system_error,
    ),
    Rule(
        key="system_error:unknown",
        cause=Cause.SYSTEM_ERROR,
        when="the inverter's work state unknown",
        why="unknown is unsafe",
        bounds=STOP_FORCED,
        check=_state_unknown,
    ),
    Rule(
        key="charge_disabled",
        cause=Cause.CHARGE_DISABLED,
        when="the inverter has disabled charging",
        why="it knows why; asking would fail",
        bounds=NO_FORCED_CHARGE,
        check=_flag_check(InverterFlag.CHARGE_DISABLED, "the inverter has disabled charging"),
    ),
    Rule(
        key="discharge_disabled",
        cause=Cause.DISCHARGE_DISABLED,
        when="the inverter has disabled discharging",
        why="it knows why; asking would fail",
        bounds=NO_FORCED_DISCHARGE,
        check=_flag_check(InverterFlag.DISCHARGE_DISABLED, "the inverter has disabled discharging"),
    ),
    Rule(
        key="discharge_disabled:emergency_charging",
        cause=Cause.DISCHARGE_DISABLED,
        when="the inverter is charging an empty battery on its own",
        why="it must not be emptied against that",
        bounds=NO_FORCED_DISCHARGE,
        check=_flag_check(InverterFlag.EMERGENCY_CHARGING, "the inverter is charging an empty battery on its own"),
    ),
)

COMMUNICATION_RULE = Rule(
    key="communication_lost",
    cause=Cause.COMMUNICATION_LOST,
    when="no answer from the inverter for longer than the setting, or only old data",
    why="what is not seen cannot be kept safe; the lease that is in force ends",
    bounds=STOP_FORCED,
    check=_communication_lost,
)
