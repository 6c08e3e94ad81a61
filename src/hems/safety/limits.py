"""The everyday bounds: what the battery's current limits and the owner's settings let flow when nothing is wrong."""

from __future__ import annotations

from hems.domain.readings import BatteryReading
from hems.domain.safety import Bounds
from hems.domain.site import SiteSpec


def power_limits(battery: BatteryReading, spec: SiteSpec) -> Bounds:
    """Return how much the coordinator may ask of the battery now [W].

    The smaller of what the BMS allows and what the window allows, in ampere, times the present voltage; charging also
    within the owner's own limit. Only what the coordinator asks for is bounded: in self-use the BMS limits itself, and
    a full battery (0 A) is no reason to write to the inverter. An unknown voltage or limit bounds to 0 W.
    """
    window = spec.window
    charge_w = _power_w(battery.charge_limit_a, window.charge_current_max_a, battery.voltage_v)
    discharge_w = _power_w(battery.discharge_limit_a, window.discharge_current_max_a, battery.voltage_v)
    return Bounds(forced_charge_max_w=min(charge_w, max(spec.charge_max_w, 0.0)), forced_discharge_max_w=discharge_w)


def _power_w(bms_limit_a: float | None, window_limit_a: float, voltage_v: float | None) -> float:
    if bms_limit_a is None or voltage_v is None:
        return 0.0
    return max(min(bms_limit_a, window_limit_a), 0.0) * max(voltage_v, 0.0)
