"""When the inverter is opened: which battery is behind it, what that means for safety and the ledger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NoReturn

from hems.composition.tools import Loaded
from hems.config.battery import explain_window, site_spec
from hems.coordination.energy_ledger import EnergyLedger, LedgerOptions
from hems.coordination.master_coordinator import Parts
from hems.coordination.origin import OriginOptions, OriginTracker
from hems.domain.errors import InverterUnreachable, StorageError, WrongBatteryWindow
from hems.domain.record import EnergySlot
from hems.domain.site import Ability, BatteryWindow, ReportedBatteryLimits, SiteSpec
from hems.planning.self_use import SelfUseHouse
from hems.ports.inverter import Inverter

LOOK_AGAIN_S = 300.0
"""How often a battery that has told nothing of itself is looked for: a BMS may wake minutes after the inverter."""

NO_BATTERY = BatteryWindow(
    voltage_min_v=0.0,
    voltage_max_v=0.0,
    charge_current_max_a=0.0,
    discharge_current_max_a=0.0,
    charge_temperature_min_c=0.0,
    discharge_temperature_min_c=0.0,
    temperature_max_c=0.0,
)
"""Nothing may be asked of a battery that is not there, or of which nothing is known: the house is only read."""


class Opening:
    """Takes a freshly opened inverter into the house."""

    def __init__(self, loaded: Loaded, on_quarter: Callable[[EnergySlot], None]) -> None:
        self._loaded = loaded
        self._on_quarter = on_quarter
        self.battery_label: str | None = None
        self._look_again_s: float | None = None

    async def take(self, inverter: Inverter, parts: Parts) -> None:
        """Recognise the battery, then hand the writer to the executor.

        Raises: WrongBatteryWindow: at the first opening only; later a running house keeps the window it has.
            InverterUnreachable: the limits read differently twice.
        """
        limits = await inverter.read_battery_limits()
        has_battery = inverter.capabilities.can(Ability.READ_BATTERY)
        self._look_again_s = None
        for remark in inverter.remarks:
            parts.events.add("inverter", "info", remark)
        if has_battery and (limits != ReportedBatteryLimits() or self._battery_is_named()):
            await self._recognise(inverter, limits, parts)
        elif parts.safety.spec is None or self.battery_label is None:
            self._only_read(inverter, parts, has_battery=has_battery)
        parts.actions.attach(inverter)

    def should_look_again(self, elapsed_s: float) -> bool:
        """Return whether it is time to open the inverter anew, because its battery was not known so far."""
        if self._look_again_s is None or elapsed_s < self._look_again_s:
            return False
        self._look_again_s = None
        return True

    def _battery_is_named(self) -> bool:
        return self._loaded.settings.battery_management.profile != "auto"

    async def _recognise(self, inverter: Inverter, limits: ReportedBatteryLimits, parts: Parts) -> None:
        try:
            found = explain_window(self._loaded.settings, limits)
        except WrongBatteryWindow as error:
            if self.battery_label is None and not _tells_a_voltage(limits):
                self._only_read(inverter, parts, has_battery=True)  # nothing is wrong: nothing is known yet
                return
            if self.battery_label is None:
                await self._refuse(inverter, limits, error, parts)
            parts.events.add("battery_window", "error", f"{error}; the window found before is kept")
            return
        for note in found.notes:
            parts.events.add("battery_window", "warning", note)
        self.battery_label = found.label
        spec = site_spec(self._loaded.settings, found.window)
        parts.safety.configure(spec)
        self._open_ledger(spec, inverter, limits, parts)
        self._open_origin(spec, parts)

    async def _refuse(
        self, inverter: Inverter, limits: ReportedBatteryLimits, error: WrongBatteryWindow, parts: Parts
    ) -> NoReturn:
        """End the service for a battery that cannot be the configured one, having made sure of what was read.

        Raises: WrongBatteryWindow; InverterUnreachable: a second look at the limits says otherwise.
        """
        again = await inverter.read_battery_limits()
        if replace(again, measured_voltage_v=limits.measured_voltage_v) != limits:
            raise InverterUnreachable(f"the battery limits read differently twice: {limits}, then {again}") from error
        # What an earlier run left forced is to end with this one, also when nothing else can be done.
        parts.actions.attach(inverter)
        raise error

    def _only_read(self, inverter: Inverter, parts: Parts, *, has_battery: bool) -> None:
        spec = site_spec(self._loaded.settings, NO_BATTERY)
        parts.safety.configure(spec)
        if has_battery:
            self._look_again_s = parts.clock.monotonic() + LOOK_AGAIN_S
            why = "the inverter reports no voltage of its battery yet, neither limits nor a measured one"
            parts.events.add("battery_unknown", "warning", f"{why}: the house is only read; looking again in 5 minutes")
            return
        reason = inverter.capabilities.why_not(Ability.READ_BATTERY)
        parts.events.add("no_battery", "info", f"{reason}: the house is read, nothing is forced")
        self._open_ledger(replace(spec, battery_capacity_wh=0.0), inverter, ReportedBatteryLimits(), parts)

    def _open_ledger(self, spec: SiteSpec, inverter: Inverter, limits: ReportedBatteryLimits, parts: Parts) -> None:
        if parts.ledger is not None:
            return
        # The inverter's own limits, not ours: what the coordinator may do does not bind the house without it.
        voltage_v = limits.measured_voltage_v or (spec.window.voltage_min_v + spec.window.voltage_max_v) / 2
        charge_a = limits.charge_current_max_a or spec.window.charge_current_max_a
        discharge_a = limits.discharge_current_max_a or spec.window.discharge_current_max_a
        rated_w = inverter.identity.rated_power_w or float("inf")
        house = SelfUseHouse(
            capacity_wh=spec.battery_capacity_wh,
            soc_min_pct=spec.soc_min_pct,
            soc_max_pct=100.0,
            charge_max_w=min(rated_w, charge_a * voltage_v),
            discharge_max_w=min(rated_w, discharge_a * voltage_v),
        )
        ledger = EnergyLedger(LedgerOptions(house=house), self._on_quarter)
        try:
            ledger.load(parts.store)
        except StorageError as error:
            # Control needs no ledger, and one that began anew would overwrite what the disk still holds.
            self._look_again_s = parts.clock.monotonic() + LOOK_AGAIN_S
            parts.events.add("storage", "error", f"energy and savings are not counted yet: {error}")
            return
        parts.ledger = ledger

    def _open_origin(self, spec: SiteSpec, parts: Parts) -> None:
        if parts.origin is not None or spec.battery_capacity_wh <= 0.0:
            return
        origin = OriginTracker(OriginOptions(capacity_wh=spec.battery_capacity_wh))
        try:
            origin.load(parts.store)
        except StorageError as error:
            told = f"what of the stored energy came from the sun is not known any more: {error}"
            parts.events.add("storage", "error", told)
        parts.origin = origin


def _tells_a_voltage(limits: ReportedBatteryLimits) -> bool:
    known = (limits.voltage_min_v, limits.voltage_max_v, limits.measured_voltage_v)
    return any(value is not None for value in known)
