"""A quarter lived through in a mode by a battery that is not there: the physics and the prices of the plan itself.

What a mode does comes from `kernel_modes.mode_power`, so that plan, shadow and backtest cannot differ. Added is what a
plan's slots do not have: a charge or discharge that reaches its target SoC inside the slot ends there, and the rest of
the slot is lived in another mode. Load and PV are constant within a slot. Pure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from hems.domain.command import Command, Mode
from hems.domain.outlook import HomeModel
from hems.domain.units import kw_from_w, kwh_from_wh, wh_from_kwh
from hems.planning import kernel
from hems.planning.kernel import Limits
from hems.planning.kernel_modes import ANY_ORIGIN
from hems.planning.kernel_rolling import live_slot
from hems.planning.problem import limits_of, store_of
from hems.planning.settlement import settle

_CODE = {
    Mode.SELF_USE: kernel.SELF_USE,
    Mode.HOLD: kernel.HOLD,
    Mode.NO_CHARGE: kernel.NO_CHARGE,
    Mode.CHARGE: kernel.CHARGE,
    Mode.DISCHARGE: kernel.DISCHARGE,
}

_SHORT_H = 1e-9
"""Less than this is no time [h]: rounding at the end of a slot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredSlot:
    """What a slot brought: mean powers [W] >= 0, prices [currency/kWh], its length [h]."""

    load_w: float
    pv_w: float
    import_per_kwh: float
    export_per_kwh: float
    hours: float

    def __post_init__(self) -> None:
        """Refuse what cannot be lived through. Raises: ValueError."""
        powers = (self.load_w, self.pv_w)
        if not all(0.0 <= power_w < math.inf for power_w in powers):
            raise ValueError(f"load {self.load_w} W, PV {self.pv_w} W: 0 or more")
        if not (math.isfinite(self.import_per_kwh) and math.isfinite(self.export_per_kwh)):
            raise ValueError(f"prices {self.import_per_kwh}, {self.export_per_kwh}: no numbers")
        if not 0.0 < self.hours < math.inf:
            raise ValueError(f"a slot of {self.hours} h")


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualSlot:
    """What came of it; mean powers [W] with the house's signs: ``pv - curtailed + battery + grid = load``."""

    stored_wh: float
    """At the end of the slot."""
    exportable_wh: float
    """What of it came from the sun, at the end of the slot."""
    battery_w: float
    """+ discharges, - charges, at the AC side."""
    grid_w: float
    """+ imports, - exports."""
    curtailed_w: float
    charged_wh: float
    """Taken from the AC side, >= 0."""
    discharged_wh: float
    """Given to the AC side, >= 0."""
    import_wh: float
    export_wh: float
    cost: float
    """The bill: import at its price less export at its price; + costs. Wear is not in it."""
    wear_cost: float
    above_import_limit_wh: float
    """What of the import was above the home's import limit, the fuse."""
    target_after_h: float | None
    """When the target SoC was reached, hours from the slot's start; None where it was not, or there is none."""


def live_through(
    home: HomeModel, stored_wh: float, command: Command | None, slot: MeasuredSlot, after_target: Mode = Mode.SELF_USE
) -> VirtualSlot:
    """Return what ``home`` does in ``slot`` under ``command``, from ``stored_wh`` [Wh] in its battery on.

    ``command`` None is plain self-use; its lease is not looked at. What of the stored energy may be sold is
    ``home.exportable_wh``. A charge or discharge that reaches its target ends there: the rest of the slot is lived in
    ``after_target``, and the command's export limit stays. PV is curtailed by an export limit alone.
    Raises: ValueError: more is stored than the home holds, or a charge or discharge has no power.
    """
    if not 0.0 <= stored_wh <= home.capacity_wh:
        raise ValueError(f"{stored_wh} Wh stored: 0 to {home.capacity_wh} Wh")
    if command is None:
        return _sum(home, slot, [_stretch(home, stored_wh, (Mode.SELF_USE, 0.0), None, slot)], None)
    limit_w = command.export_limit_w
    asked = (command.mode, _power_kw(command))
    reached_h = _hours_to_target(home, stored_wh, command, slot)
    if reached_h is None:
        return _sum(home, slot, [_stretch(home, stored_wh, asked, limit_w, slot)], None)
    stretches = []
    if reached_h > _SHORT_H:
        stretches.append(_stretch(home, stored_wh, asked, limit_w, replace(slot, hours=reached_h)))
        stored_wh = stretches[0].stored_wh
        home = replace(home, exportable_wh=stretches[0].exportable_wh)
    if slot.hours - reached_h > _SHORT_H:
        rest = replace(slot, hours=slot.hours - reached_h)
        stretches.append(_stretch(home, stored_wh, (after_target, 0.0), limit_w, rest))
    return _sum(home, slot, stretches, reached_h)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stretch:
    """A time of one mode [kW, h]; the battery's sign is the kernel's: + charges."""

    hours: float
    battery_kw: float
    grid_kw: float
    curtailed_kw: float
    stored_wh: float
    exportable_wh: float


def _power_kw(command: Command) -> float:
    if command.mode not in (Mode.CHARGE, Mode.DISCHARGE):
        return 0.0
    if command.power_w is None or not 0.0 <= command.power_w < math.inf:
        raise ValueError(f"{command.mode.value} with {command.power_w} W: a power of 0 W or more is needed")
    return kw_from_w(command.power_w)


def _limits(home: HomeModel, export_limit_w: float | None) -> Limits:
    limits = limits_of(home)
    if export_limit_w is None:
        return limits
    return (*limits[:5], min(limits[5], max(kw_from_w(export_limit_w), 0.0)))


def _soc_pct(home: HomeModel, stored_wh: float) -> float:
    return 100.0 * stored_wh / home.capacity_wh


def _exportable_kwh(home: HomeModel) -> float:
    return kwh_from_wh(home.exportable_wh) if home.no_grid_energy_into_export else ANY_ORIGIN


def _stretch(
    home: HomeModel, stored_wh: float, asked: tuple[Mode, float], export_limit_w: float | None, slot: MeasuredSlot
) -> _Stretch:
    """Live ``slot.hours`` in one mode at one power [kW]."""
    mode, power_kw = asked
    limits, hours = _limits(home, export_limit_w), slot.hours
    load, pv, stored = kw_from_w(slot.load_w), kw_from_w(slot.pv_w), kwh_from_wh(stored_wh)
    store = store_of(home, _soc_pct(home, stored_wh))
    if mode is Mode.STANDBY:
        limits = (0.0, 0.0, *limits[2:])
    battery, grid, curtailed, stored, sunny = live_slot(
        _CODE.get(mode, kernel.HOLD), power_kw, load, pv, stored, kwh_from_wh(home.exportable_wh), hours, limits, store,
        home.no_grid_energy_into_export,
    )  # fmt: skip
    return _Stretch(
        hours=hours,
        battery_kw=battery,
        grid_kw=grid,
        curtailed_kw=curtailed,
        stored_wh=min(wh_from_kwh(stored), home.capacity_wh),
        exportable_wh=min(wh_from_kwh(sunny), home.capacity_wh),
    )


def _hours_to_target(home: HomeModel, stored_wh: float, command: Command, slot: MeasuredSlot) -> float | None:
    """Return when ``command`` reaches its target SoC [h from the slot's start], None where not within the slot."""
    target_pct = command.target_soc_pct
    if target_pct is None or command.mode not in (Mode.CHARGE, Mode.DISCHARGE):
        return None
    change = kwh_from_wh(home.capacity_wh * target_pct / 100.0 - stored_wh)
    if command.mode is Mode.DISCHARGE:
        hours = _hours_to_discharge(home, stored_wh, -change, command, slot)
    else:
        hours = _hours_to_charge(home, stored_wh, change, _power_kw(command))
    return hours if hours <= slot.hours else None


def _hours_to_charge(home: HomeModel, stored_wh: float, missing: float, power_kw: float) -> float:
    """Return how long it takes to store ``missing`` kWh more [h]; inf where that is never so.

    The power holds up to where charging tapers, then what is missing to the capacity decays exponentially: the inverse
    of `kernel_modes.charge_room`.
    """
    if missing <= 0.0:
        return 0.0
    limits, store = limits_of(home), store_of(home, _soc_pct(home, stored_wh))
    stored = kwh_from_wh(stored_wh)
    speed, full_speed = min(power_kw, limits[0]) * limits[2], limits[0] * limits[2]
    if speed <= 0.0 or stored + missing > store[2] + 1e-12:
        return math.inf
    at_power = missing / speed
    knee = store[0] * store[3]
    at_knee = store[0] - knee
    to_knee = max(knee - stored, 0.0)
    if at_knee <= 1e-9 or missing <= to_knee:
        return at_power
    above_knee = (missing - to_knee) / min(at_knee, store[0] - stored)
    if above_knee >= 1.0:
        return math.inf  # the last of it is never reached
    tapered = (to_knee - at_knee * math.log(1.0 - above_knee)) / full_speed
    return max(at_power, tapered)


def _hours_to_discharge(
    home: HomeModel, stored_wh: float, surplus: float, command: Command, slot: MeasuredSlot
) -> float:
    """Return how long it takes to draw ``surplus`` kWh from the store [h]; inf where that is never so."""
    if surplus <= 0.0:
        return 0.0
    floor = store_of(home, _soc_pct(home, stored_wh))[1]
    if surplus > kwh_from_wh(stored_wh) - floor + 1e-12:
        return math.inf
    limits = _limits(home, command.export_limit_w)
    load = kw_from_w(slot.load_w)
    delivered = surplus * limits[3]
    power = min(_power_kw(command), limits[1], limits[5] + load)
    if power <= 0.0:
        return math.inf
    at_power = delivered / power
    # Once what may be sold is gone, no more flows than the house needs.
    beyond = delivered - _exportable_kwh(home) * limits[3]
    if beyond <= 0.0:
        return at_power
    need = max(load - kw_from_w(slot.pv_w), 0.0)
    return max(at_power, beyond / need) if need > 0.0 else math.inf


def _sum(home: HomeModel, slot: MeasuredSlot, stretches: list[_Stretch], reached_h: float | None) -> VirtualSlot:
    """Return the slot as a whole; import and export of different stretches are billed apart."""
    fuse_kw = limits_of(home)[4]
    imported = wh_from_kwh(sum(max(part.grid_kw, 0.0) * part.hours for part in stretches))
    exported = wh_from_kwh(sum(max(-part.grid_kw, 0.0) * part.hours for part in stretches))
    charged = wh_from_kwh(sum(max(part.battery_kw, 0.0) * part.hours for part in stretches))
    discharged = wh_from_kwh(sum(max(-part.battery_kw, 0.0) * part.hours for part in stretches))
    curtailed = wh_from_kwh(sum(part.curtailed_kw * part.hours for part in stretches))
    above = wh_from_kwh(sum(max(part.grid_kw - fuse_kw, 0.0) * part.hours for part in stretches))
    return VirtualSlot(
        stored_wh=stretches[-1].stored_wh,
        exportable_wh=stretches[-1].exportable_wh,
        battery_w=(discharged - charged) / slot.hours,
        grid_w=(imported - exported) / slot.hours,
        curtailed_w=curtailed / slot.hours,
        charged_wh=charged,
        discharged_wh=discharged,
        import_wh=imported,
        export_wh=exported,
        cost=settle(
            import_wh=imported,
            export_wh=exported,
            import_per_kwh=slot.import_per_kwh,
            export_per_kwh=slot.export_per_kwh,
        ),
        wear_cost=home.wear_per_kwh * kwh_from_wh(charged + discharged),
        above_import_limit_wh=above,
        target_after_h=reached_h,
    )
