"""The Battery Manager: what the battery can take now, how long a charge lasts, and how hard it is worked. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta

from hems.domain.readings import BatteryReading, EnergyCounters
from hems.domain.site import BatteryWindow

_SECONDS_PER_HOUR = 3600.0
_SECONDS_PER_DAY = 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeModel:
    """How a charge goes near the top, and what is lost on the way in.

    Source of the taper: OpenEMS tapers from 95 to 100 % SoC down to 5-8 % of the power; the lower figure is taken, so
    that a time promised is rather too long. ``charge_efficiency`` is a default for AC to stored energy in the class of
    these inverters, to be replaced by the measured one.
    """

    taper_from_pct: float = 95.0
    taper_to_share: float = 0.05
    charge_efficiency: float = 0.95

    def __post_init__(self) -> None:
        if not (0.0 < self.taper_from_pct < 100.0 and 0.0 < self.taper_to_share <= 1.0):
            raise ValueError("the taper must start below 100 % and leave a positive share of the power")
        if not 0.0 < self.charge_efficiency <= 1.0:
            raise ValueError("charge_efficiency must lie above 0 and not above 1")


def taper_share(soc_pct: float, model: ChargeModel) -> float:
    """Return the share (0-1) of the full charge power that the battery takes at ``soc_pct``."""
    above = min(max(soc_pct - model.taper_from_pct, 0.0), 100.0 - model.taper_from_pct)
    return 1.0 - (1.0 - model.taper_to_share) * above / (100.0 - model.taper_from_pct)


def usable_charge_power_w(
    battery: BatteryReading, window: BatteryWindow, owner_limit_w: float, model: ChargeModel
) -> float | None:
    """Return the power [W] that a charge would reach now, or None where voltage, current limit or SoC is unknown.

    The least of the BMS's limit, the window's and the owner's, tapered near the top.
    """
    if battery.voltage_v is None or battery.charge_limit_a is None or battery.soc_pct is None:
        return None
    current_a = max(min(battery.charge_limit_a, window.charge_current_max_a), 0.0)
    return min(current_a * battery.voltage_v, owner_limit_w) * taper_share(battery.soc_pct, model)


def energy_to_target_wh(soc_pct: float, target_soc_pct: float, capacity_wh: float, model: ChargeModel) -> float:
    """Return the energy [Wh] to be fed to lift the battery to its target, losses included; 0 at or above it."""
    return max(target_soc_pct - soc_pct, 0.0) / 100.0 * capacity_wh / model.charge_efficiency


def time_to_target(
    soc_pct: float, target_soc_pct: float, capacity_wh: float, power_w: float, model: ChargeModel
) -> timedelta | None:
    """Return how long a charge with ``power_w`` (before the taper) lasts; None where it would never end.

    The taper is linear in SoC, so its part of the way is a logarithm and needs no stepping.
    """
    target = min(target_soc_pct, 100.0)
    if soc_pct >= target:
        return timedelta(0)
    if not power_w > 0:
        return None
    flat_end = min(target, max(model.taper_from_pct, soc_pct))
    hours = energy_to_target_wh(soc_pct, flat_end, capacity_wh, model) / power_w
    if target > flat_end:
        start_share, end_share = taper_share(flat_end, model), taper_share(target, model)
        whole_wh = energy_to_target_wh(flat_end, target, capacity_wh, model)
        fall = start_share - end_share
        mean_inverse = math.log(start_share / end_share) / fall if fall > 0 else 1.0 / start_share
        hours += whole_wh / power_w * mean_inverse
    return timedelta(seconds=hours * _SECONDS_PER_HOUR)


def full_cycles(counters: EnergyCounters, capacity_wh: float) -> float | None:
    """Return the equivalent full cycles so far: lifetime discharge over the capacity; None where not counted."""
    if counters.discharge_wh is None or capacity_wh <= 0:
        return None
    return counters.discharge_wh / capacity_wh


def utilisation_per_day(
    earlier: EnergyCounters, later: EnergyCounters, elapsed: timedelta, capacity_wh: float
) -> float | None:
    """Return the equivalent full cycles per day between two readings of the counters.

    None where a counter is missing, went backwards (a new inverter, a reset), or no time passed.
    """
    values = (earlier.charge_wh, earlier.discharge_wh, later.charge_wh, later.discharge_wh)
    days = elapsed.total_seconds() / _SECONDS_PER_DAY
    known = [value for value in values if value is not None]
    if len(known) < len(values) or days <= 0 or capacity_wh <= 0:
        return None
    charged, discharged = known[2] - known[0], known[3] - known[1]
    if charged < 0 or discharged < 0:
        return None
    return (charged + discharged) / 2.0 / capacity_wh / days
