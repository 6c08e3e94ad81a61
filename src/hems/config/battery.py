"""The configured battery, checked against what the inverter reports about the one that is connected."""

from __future__ import annotations

from typing import Literal

from hems.analysis.battery_profiles import BatteryWindowMismatch, WindowRequest, WindowResolution
from hems.analysis.battery_window import resolve_battery_window
from hems.config.models import Configuration
from hems.domain.errors import WrongBatteryWindow
from hems.domain.site import BatteryWindow, ReportedBatteryLimits, SiteSpec
from hems.domain.units import wh_from_kwh


def resolve_window(configuration: Configuration, reported: ReportedBatteryLimits) -> BatteryWindow:
    """Return the window to operate the battery in: profile, inverter and the owner's numbers, each only narrowing.

    Raises: WrongBatteryWindow: the configured window cannot be this battery's, or nothing says which battery it is;
        the message names file, line, key and the profiles that fit. Only acting needs a window: reading goes without.
    """
    return explain_window(configuration, reported).window


def explain_window(configuration: Configuration, reported: ReportedBatteryLimits) -> WindowResolution:
    """Return the window with the battery it was taken for and notes for the log; raises as `resolve_window`."""
    charging, battery = configuration.charging, configuration.battery_management
    request = WindowRequest(
        profile=battery.profile,
        modules=battery.modules,
        voltage_min_v=_number(charging.safety_voltage_min),
        voltage_max_v=_number(charging.safety_voltage_max),
        current_max_a=_number(charging.safety_current_max),
        temperature_max_c=_number(charging.safety_temp_max),
        charge_temperature_min_c=_number(battery.charge_temp_min),
        discharge_temperature_min_c=_number(battery.discharge_temp_min),
    )
    try:
        return resolve_battery_window(request, reported)
    except BatteryWindowMismatch as mismatch:
        raise WrongBatteryWindow(f"{configuration.locate(mismatch.key)}: {mismatch.message}") from mismatch


def site_spec(configuration: Configuration, window: BatteryWindow) -> SiteSpec:
    """Return the house as configured, with the battery ``window`` that was found for it."""
    return SiteSpec(
        battery_capacity_wh=wh_from_kwh(configuration.battery_management.capacity_kwh),
        window=window,
        charge_max_w=configuration.charging.max_power,
        grid_voltage_min_v=configuration.grid.voltage_min,
        grid_voltage_max_v=configuration.grid.voltage_max,
        soc_min_pct=configuration.battery_management.soc_min,
        soc_max_pct=configuration.charging.target_soc,
        import_max_w=configuration.grid.import_limit,
    )


def _number(value: float | Literal["auto"]) -> float | None:
    return None if value == "auto" else value
