"""ET, EH, BT, BH and the ES of the second generation: Modbus on unit 0xF7, everything can be read and controlled."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo

from hems.adapters.inverters.goodwe.base import GoodWeWriter, ModbusFields, OptionalBlock
from hems.adapters.inverters.goodwe.bus import ILLEGAL_ADDRESS, BusError, BusRejected, RegisterBus
from hems.adapters.inverters.goodwe.control_eco_slot import EcoSlotControl
from hems.adapters.inverters.goodwe.control_ems import EmsControl
from hems.adapters.inverters.goodwe.control_export import SwitchAndWatts
from hems.adapters.inverters.goodwe.control_fast_charge import FastChargeControl
from hems.adapters.inverters.goodwe.controller import Controller
from hems.adapters.inverters.goodwe.device_map import (
    CLOCK_ADDRESS,
    ET_BATTERY_2,
    ET_BATTERY_LIMITS,
    ET_BMS,
    ET_BMS_2,
    ET_METER,
    ET_MPPT,
    ET_RUNTIME,
    UNIT_ET,
)
from hems.adapters.inverters.goodwe.et_snapshot import EtBlocks, decode_et, is_foreign
from hems.adapters.inverters.goodwe.fields import (
    ECO_V1_PLACES,
    ECO_V2_PLACES,
    EMS_ENABLE_ADDRESS,
    ET_50_KW_PLACES,
    ET_100_KW_PLACES,
    ET_PLACES,
    FAST_CHARGE_PLACES,
    Field,
    Place,
)
from hems.adapters.inverters.goodwe.identity import ARM_WITH_ECO_V2, DeviceInfo
from hems.adapters.inverters.goodwe.options import ControlChoice, Family, GoodWeOptions
from hems.adapters.inverters.goodwe.owner import OwnerSettings, Reach
from hems.adapters.inverters.goodwe.readings import percent, read_naive_clock
from hems.adapters.inverters.goodwe.registers import word_of
from hems.adapters.inverters.goodwe.targets import ForcedPower
from hems.domain.errors import CapabilityMissing, InverterUnreachable
from hems.domain.readings import SiteSnapshot
from hems.domain.site import Ability, Capabilities, ControlMethod, ReportedBatteryLimits
from hems.ports.clock import Clock


class EtAccess(ModbusFields):
    """The ET family's control fields, SoC and clock."""

    def __init__(self, bus: RegisterBus, places: Mapping[Field, Place]) -> None:
        super().__init__(bus, UNIT_ET, places)

    async def read_soc_pct(self) -> float | None:
        """Return the SoC the BMS reports, or None."""
        data = await self._bus.read(ET_BMS.address, ET_BMS.count, unit=UNIT_ET)
        return percent(ET_BMS.decode(data)["soc_pct"])

    async def read_naive_clock(self) -> datetime | None:
        """Return what the inverter's clock shows."""
        return read_naive_clock(await self._bus.read(CLOCK_ADDRESS, 3, unit=UNIT_ET))


class EtInverter(GoodWeWriter):
    """One opened inverter of the ET family."""

    def __init__(
        self,
        *,
        bus: RegisterBus,
        clock: Clock,
        info: DeviceInfo,
        capabilities: Capabilities,
        controller: Controller,
        time_zone: tzinfo,
        remarks: tuple[str, ...] = (),
    ) -> None:
        super().__init__(bus, info, capabilities, controller)
        self._clock = clock
        self._zone = time_zone
        self._phases = 1 if info.single_phase else 3
        self.remarks = remarks
        """What a person should know about this unit, found when it was opened."""
        self._bms = OptionalBlock(bus, clock, ET_BMS, UNIT_ET)
        self._meter = OptionalBlock(bus, clock, ET_METER, UNIT_ET)
        self._mppt = OptionalBlock(bus, clock, ET_MPPT, UNIT_ET) if info.has_all_strings_block else None
        second = info.has_second_battery
        self._bms_2 = OptionalBlock(bus, clock, ET_BMS_2, UNIT_ET) if second else None
        self._battery_2 = OptionalBlock(bus, clock, ET_BATTERY_2, UNIT_ET) if second else None

    async def read_snapshot(self) -> SiteSnapshot:
        """Return all live readings; only the runtime block has to answer."""
        runtime = await self._read_runtime()
        at = self._clock.now()
        notes: list[str] = []
        absent: list[str] = []  # what this model may lack is not worth a note with every poll
        blocks = EtBlocks(
            runtime=runtime,
            bms=await self._bms.read(notes),
            meter=await self._meter.read(notes),
            mppt=await self._mppt.read(absent) if self._mppt else None,
            bms_2=await self._bms_2.read(absent) if self._bms_2 else None,
            battery_2=await self._battery_2.read(absent) if self._battery_2 else None,
        )
        return decode_et(at, blocks, phases=self._phases, zone=self._zone, notes=tuple(notes))

    async def _read_runtime(self) -> bytes:
        """Return the runtime block; an answer that another client was to get is not taken for it."""
        try:
            for _ in range(2):
                runtime = await self._bus.read(ET_RUNTIME.address, ET_RUNTIME.count, unit=UNIT_ET)
                if not is_foreign(runtime):
                    return runtime
        except BusError as error:
            raise InverterUnreachable(f"the inverter's readings did not arrive: {error}") from error
        raise InverterUnreachable(
            "what arrives are not the inverter's readings: another program seems to talk to it at the same time; stop "
            "that one, since the inverter serves one client at a time"
        )

    async def read_battery_limits(self) -> ReportedBatteryLimits:
        """Return the battery limits set in the inverter; firmware without them still measures the voltage."""
        try:
            runtime = await self._bus.read(ET_RUNTIME.address, ET_RUNTIME.count, unit=UNIT_ET)
            measured_v = ET_RUNTIME.decode(runtime)["battery_v"] or None
            data = await self._read_limits()
        except BusError as error:
            raise InverterUnreachable(f"the battery limits did not arrive: {error}") from error
        if data is None:
            return ReportedBatteryLimits(measured_voltage_v=measured_v)
        limits = ET_BATTERY_LIMITS.decode(data)
        return ReportedBatteryLimits(
            voltage_min_v=limits["discharge_min_v"] or None,
            voltage_max_v=limits["charge_max_v"] or None,
            # 0 A is somebody's block on charging or discharging, not a limit of the battery.
            charge_current_max_a=limits["charge_max_a"] or None,
            discharge_current_max_a=limits["discharge_max_a"] or None,
            measured_voltage_v=measured_v,
        )

    async def _read_limits(self) -> bytes | None:
        """Return the block of battery limits, None where the device has none; another refusal passes and raises."""
        try:
            return await self._bus.read(ET_BATTERY_LIMITS.address, ET_BATTERY_LIMITS.count, unit=UNIT_ET)
        except BusRejected as error:
            if error.code != ILLEGAL_ADDRESS:
                raise
            return None


async def open_et(
    bus: RegisterBus, clock: Clock, info: DeviceInfo, options: GoodWeOptions, owner: OwnerSettings
) -> EtInverter:
    """Return the opened inverter; needs neither the BMS nor the meter to answer.

    Raises: BusError: a probe was not answered (a lost probe must not pass for a missing feature);
    CapabilityMissing: the configured control method is not there.
    """
    remarks: list[str] = []
    places: dict[Field, Place] = dict(ET_PLACES)
    if info.rated_power_w >= 50_000:
        places |= ET_50_KW_PLACES
    if info.rated_power_w >= 100_000:
        places |= ET_100_KW_PLACES
    if await _answers(bus, ECO_V2_PLACES[Field.ECO_1]):
        places |= {**ECO_V2_PLACES, **FAST_CHARGE_PLACES}
    else:
        places |= ECO_V1_PLACES
        if info.arm_version >= ARM_WITH_ECO_V2:
            remarks.append(
                f"ARM firmware {info.arm_version} should have eco slots of the second kind and fast charge, but the "
                "inverter refuses their registers: eco slots of the first kind are used"
            )
    if not await _answers(bus, places[Field.EMS]):
        del places[Field.EMS]
        remarks.append("this firmware has no EMS registers: power is controlled through eco slots")
    remarks += await _ems_enable_remark(bus) if Field.EMS in places else []
    owner.note_reach(Reach(family=Family.ET, places=places))
    forced = choose_control(ControlChoice(options.control), places)
    controller = Controller(
        access=EtAccess(bus, places),
        forced=forced,
        owner=owner,
        clock=clock,
        rated_power_w=info.rated_power_w,
        export=SwitchAndWatts(rated_power_w=info.rated_power_w),
        platform_745=info.is_745,
    )
    return EtInverter(
        bus=bus,
        clock=clock,
        info=info,
        capabilities=capabilities_of(places, forced),
        controller=controller,
        time_zone=options.time_zone,
        remarks=tuple(remarks),
    )


def choose_control(choice: ControlChoice, places: Mapping[Field, Place]) -> ForcedPower:
    """Return the way of forcing a power.

    Raises: CapabilityMissing: the one asked for is not there.
    """
    if choice is ControlChoice.AUTO:
        return EmsControl() if Field.EMS in places else EcoSlotControl()
    if choice is ControlChoice.EMS and Field.EMS in places:
        return EmsControl()
    if choice is ControlChoice.FAST_CHARGE and Field.FAST_CHARGE in places:
        return FastChargeControl()
    if choice is ControlChoice.ECO_SLOT and Field.ECO_1 in places:
        return EcoSlotControl()
    raise CapabilityMissing(
        f"inverter.control: this inverter's firmware has no {choice.value}; set it to auto, which takes what there is"
    )


def capabilities_of(places: Mapping[Field, Place], forced: ForcedPower) -> Capabilities:
    """Return what an inverter with these control fields can be asked for, and a sentence for what it cannot."""
    abilities = {Ability.READ_BATTERY, Ability.READ_METER, Ability.SELF_USE, Ability.HOLD, Ability.NO_CHARGE}
    abilities |= {Ability.CHARGE_AT_POWER, Ability.EXPORT_LIMIT, Ability.ECO_SLOTS}
    refusals: list[tuple[Ability, str]] = []
    if forced.method is ControlMethod.FAST_CHARGE:
        refusals.append((Ability.DISCHARGE_AT_POWER, "fast charge can only charge: set inverter.control to auto"))
    else:
        abilities.add(Ability.DISCHARGE_AT_POWER)
    if Field.EMS in places:
        abilities.add(Ability.STANDBY)
    else:
        refusals.append((Ability.STANDBY, "this firmware has no EMS modes, and only those can stop the battery"))
    if Field.FAST_CHARGE in places:
        abilities.add(Ability.FAST_CHARGE)
    else:
        refusals.append((Ability.FAST_CHARGE, f"fast charge came with ARM firmware {ARM_WITH_ECO_V2}"))
    return Capabilities(abilities=frozenset(abilities), control=forced.method, refusals=tuple(refusals))


async def _answers(bus: RegisterBus, place: Place) -> bool:
    """Return whether the device serves ``place``. Silence is not a no: it raises."""
    try:
        await bus.read(place.address, place.count, unit=UNIT_ET)
    except BusRejected as error:
        if error.code != ILLEGAL_ADDRESS:
            raise
        return False
    return True


async def _ems_enable_remark(bus: RegisterBus) -> list[str]:
    """Report 47505, which OpenEMS sets to 2 before it uses EMS; units are known that obey with another value there."""
    try:
        value = word_of(await bus.read(EMS_ENABLE_ADDRESS, 1, unit=UNIT_ET))
    except BusError:
        return []  # only a remark hangs on it
    if value == 2:
        return []
    return [f"register 47505 holds {value}; if EMS commands have no effect, set it to 2 (OpenEMS does so)"]
