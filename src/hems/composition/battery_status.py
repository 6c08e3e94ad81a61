"""What the status says of the battery: its window, what it takes now, how long to the target, how much it is used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hems.analysis.battery_manager import (
    ChargeModel,
    energy_to_target_wh,
    full_cycles,
    time_to_target,
    usable_charge_power_w,
    utilisation_per_day,
)
from hems.domain.readings import SiteSnapshot
from hems.domain.site import SiteSpec

MODEL = ChargeModel()


def battery_status(
    spec: SiteSpec, label: str | None, target_soc_pct: float, last_24_hours: Sequence[SiteSnapshot]
) -> dict[str, Any]:
    """Return the battery's part of the status; what is unknown is null. ``last_24_hours`` is oldest first."""
    window = spec.window
    return {
        "recognised_as": label,
        "capacity_wh": spec.battery_capacity_wh,
        "voltage_v": [window.voltage_min_v, window.voltage_max_v],
        "charge_current_max_a": window.charge_current_max_a,
        "discharge_current_max_a": window.discharge_current_max_a,
        "temperature_max_c": window.temperature_max_c,
        "target_soc_pct": target_soc_pct,
        **_charge_outlook(spec, target_soc_pct, last_24_hours[-1] if last_24_hours else None),
        **_use(spec, last_24_hours),
    }


def _charge_outlook(spec: SiteSpec, target_soc_pct: float, latest: SiteSnapshot | None) -> dict[str, Any]:
    soc_pct = latest.battery.soc_pct if latest is not None else None
    if latest is None or soc_pct is None:
        return {"usable_charge_w": None, "energy_to_target_wh": None, "time_to_target_s": None}
    power_w = usable_charge_power_w(latest.battery, spec.window, spec.charge_max_w, MODEL)
    # The way to the target is tapered by the model itself, so it starts from the power below the taper.
    untapered = usable_charge_power_w(latest.battery, spec.window, spec.charge_max_w, ChargeModel(taper_to_share=1.0))
    lasts = time_to_target(soc_pct, target_soc_pct, spec.battery_capacity_wh, untapered or 0.0, MODEL)
    return {
        "usable_charge_w": None if power_w is None else round(power_w),
        "energy_to_target_wh": round(energy_to_target_wh(soc_pct, target_soc_pct, spec.battery_capacity_wh, MODEL)),
        "time_to_target_s": None if lasts is None else round(lasts.total_seconds()),
    }


def _use(spec: SiteSpec, last_24_hours: Sequence[SiteSnapshot]) -> dict[str, Any]:
    counted = [snapshot for snapshot in last_24_hours if snapshot.counters.discharge_wh is not None]
    if not counted:
        return {"full_cycles": None, "full_cycles_per_day": None}
    first, latest = counted[0], counted[-1]
    cycles = full_cycles(latest.counters, spec.battery_capacity_wh)
    per_day = utilisation_per_day(first.counters, latest.counters, latest.at - first.at, spec.battery_capacity_wh)
    return {
        "full_cycles": None if cycles is None else round(cycles, 1),
        "full_cycles_per_day": None if per_day is None else round(per_day, 2),
    }
