"""DT, MS, NS and XS: Modbus on unit 0x7F, PV only. Readings, and the export limit."""

from __future__ import annotations

from datetime import datetime, tzinfo

from hems.adapters.inverters.goodwe.base import GoodWeWriter, NoBatteryAccess, OptionalBlock
from hems.adapters.inverters.goodwe.bus import BusError, RegisterBus
from hems.adapters.inverters.goodwe.control_export import SwitchAndShare, SwitchAndWatts
from hems.adapters.inverters.goodwe.controller import Controller
from hems.adapters.inverters.goodwe.device_map import DT_METER, DT_RUNTIME, UNIT_DT, WORK_STATES_DT
from hems.adapters.inverters.goodwe.fields import DT_SINGLE_PHASE_PLACES, DT_THREE_PHASE_PLACES
from hems.adapters.inverters.goodwe.identity import DeviceInfo
from hems.adapters.inverters.goodwe.options import Family, GoodWeOptions
from hems.adapters.inverters.goodwe.owner import OwnerSettings, Reach
from hems.adapters.inverters.goodwe.readings import (
    energy_counters,
    grid_reading,
    inverter_reading,
    read_clock,
)
from hems.adapters.inverters.goodwe.registers import Values
from hems.domain.errors import InverterUnreachable
from hems.domain.readings import BatteryReading, InverterFlag, LoadReading, PvReading, Quality, SiteSnapshot, WorkState
from hems.domain.site import Ability, Capabilities, ControlMethod, ReportedBatteryLimits
from hems.ports.clock import Clock

_NO_BATTERY = "inverters of the DT family have no battery"
_METER_LOST = 2

CAPABILITIES = Capabilities(
    abilities=frozenset({Ability.READ_METER, Ability.SELF_USE, Ability.EXPORT_LIMIT}),
    control=ControlMethod.NONE,
    refusals=tuple(
        (ability, _NO_BATTERY)
        for ability in Ability
        if ability not in {Ability.READ_METER, Ability.SELF_USE, Ability.EXPORT_LIMIT}
    ),
)


class DtInverter(GoodWeWriter):
    """One opened inverter of the DT family."""

    remarks: tuple[str, ...] = ()

    def __init__(
        self, *, bus: RegisterBus, clock: Clock, info: DeviceInfo, controller: Controller, time_zone: tzinfo
    ) -> None:
        super().__init__(bus, info, CAPABILITIES, controller)
        self._clock = clock
        self._zone = time_zone
        self._phases = 1 if info.single_phase else 3
        self._meter = OptionalBlock(bus, clock, DT_METER, UNIT_DT)

    async def read_snapshot(self) -> SiteSnapshot:
        """Return all live readings. These inverters sleep at night: silence then is no fault."""
        try:
            runtime = await self._bus.read(DT_RUNTIME.address, DT_RUNTIME.count, unit=UNIT_DT)
        except BusError as error:
            raise InverterUnreachable(
                f"the inverter's readings did not arrive (this family sleeps without sun): {error}"
            ) from error
        notes: list[str] = []
        meter = await self._meter.read(notes)
        return decode_dt(self._clock.now(), runtime, meter, phases=self._phases, zone=self._zone, notes=tuple(notes))

    async def read_battery_limits(self) -> ReportedBatteryLimits:
        """There is no battery."""
        return ReportedBatteryLimits()


def decode_dt(
    at: datetime, runtime: bytes, meter: bytes | None, *, phases: int, zone: tzinfo, notes: tuple[str, ...] = ()
) -> SiteSnapshot:
    """Return the snapshot of one poll. Without a meter, grid and load are unknown."""
    values = DT_RUNTIME.decode(runtime)
    meter_values: Values = {} if meter is None else DT_METER.decode(meter)
    lost = meter_values.get("meter_ok") == _METER_LOST
    grid_w = None if lost else meter_values.get("meter_w")
    # What this family delivers to the house is its AC output, so that is the PV power of the balance.
    ac_w = values["ac_w"]
    load_w = None if ac_w is None or grid_w is None else max(0.0, ac_w + grid_w)
    inverter = inverter_reading(
        at,
        values,
        WORK_STATES_DT,
        flags=frozenset({InverterFlag.METER_LOST}) if lost else frozenset(),
        clock=read_clock(runtime, zone),
    )
    connected = True if inverter.state is WorkState.ON_GRID else None

    def quality(value: float | None) -> Quality:
        return Quality.MISSING if value is None else Quality.GOOD

    strings = tuple(_string_power(values, number) for number in range(1, 5))
    return SiteSnapshot(
        at=at,
        pv=PvReading(at=at, quality=quality(ac_w), power_w=ac_w, string_power_w=strings),
        battery=BatteryReading(at=at, quality=Quality.MISSING),
        grid=grid_reading(at, values, phases, power_w=grid_w, connected=connected, quality=quality(grid_w)),
        load=LoadReading(at=at, quality=quality(load_w), power_w=load_w),
        inverter=inverter,
        counters=energy_counters({**meter_values, "pv_wh": values["pv_wh"]}),
        notes=notes,
    )


def _string_power(values: Values, number: int) -> float | None:
    voltage, current = values[f"pv{number}_v"], values[f"pv{number}_a"]
    return None if voltage is None or current is None else voltage * current


async def open_dt(
    bus: RegisterBus, clock: Clock, info: DeviceInfo, options: GoodWeOptions, owner: OwnerSettings
) -> DtInverter:
    """Return the opened inverter."""
    rated_w = info.rated_power_w
    places = DT_SINGLE_PHASE_PLACES if info.single_phase else DT_THREE_PHASE_PLACES
    export = SwitchAndWatts(rated_power_w=rated_w) if info.single_phase else SwitchAndShare(rated_power_w=rated_w)
    owner.note_reach(Reach(family=Family.DT, places=places))
    controller = Controller(
        access=NoBatteryAccess(bus, UNIT_DT, places),
        forced=None,
        owner=owner,
        clock=clock,
        rated_power_w=rated_w,
        export=export,
    )
    return DtInverter(bus=bus, clock=clock, info=info, controller=controller, time_zone=options.time_zone)
