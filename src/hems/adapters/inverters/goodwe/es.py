"""ES, EM and BP: the AA55 protocol. Readings, charge and discharge through eco slots, minimum SoC, export limit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta, tzinfo

from hems.adapters.inverters.goodwe.base import GoodWeWriter
from hems.adapters.inverters.goodwe.bus import ILLEGAL_ADDRESS, BusError, BusInvalid, BusRejected, RegisterBus
from hems.adapters.inverters.goodwe.control_eco_slot import EcoSlotControl
from hems.adapters.inverters.goodwe.control_export import WattsBehindSwitch
from hems.adapters.inverters.goodwe.controller import Controller
from hems.adapters.inverters.goodwe.device_map import ES_RUNTIME, ES_SETTINGS, UNIT_ET
from hems.adapters.inverters.goodwe.es_snapshot import decode_es
from hems.adapters.inverters.goodwe.fields import (
    ECO_SLOTS,
    ECO_V2_PLACES,
    ES_ECO_V1_PLACES,
    ES_FAST_CHARGE_PLACES,
    Field,
    Place,
)
from hems.adapters.inverters.goodwe.identity import ARM_WITH_ECO_V2, DeviceInfo
from hems.adapters.inverters.goodwe.options import ControlChoice, Family, GoodWeOptions
from hems.adapters.inverters.goodwe.owner import OwnerSettings, Reach
from hems.adapters.inverters.goodwe.readings import percent
from hems.adapters.inverters.goodwe.registers import word_of, words
from hems.adapters.inverters.goodwe.slots import decode
from hems.domain.errors import CapabilityMissing, InverterUnreachable
from hems.domain.readings import SiteSnapshot
from hems.domain.site import Ability, Capabilities, ControlMethod, ReportedBatteryLimits
from hems.ports.clock import Clock

MIN_SOC_ADDRESS = 0x560
IN_SETTINGS = frozenset({Field.WORK_MODE, Field.MIN_SOC, Field.EXPORT_SWITCH, Field.EXPORT_VALUE})
"""The fields that lie in the settings block; the others have a place of their own."""
_RUNTIME_LEAST = 83  # up to the power of the backup circuits
_MODBUS_FROM = 30_000  # registers above lie in Modbus, those below are reached through AA55 [lib]
_READ_RUNTIME, _RUNTIME = bytes.fromhex("010600"), bytes.fromhex("0186")
_READ_SETTINGS, _SETTINGS = bytes.fromhex("010900"), bytes.fromhex("0189")
_READ_REGISTERS, _REGISTERS = bytes.fromhex("011a03"), bytes.fromhex("019a")
_WRITE_WORD, _WRITE_WORDS, _WRITTEN = bytes.fromhex("023905"), bytes.fromhex("02390b"), bytes.fromhex("02b9")
_SET_CLOCK, _CLOCK_SET = bytes.fromhex("030206"), bytes.fromhex("0382")
_SET_EXPORT, _EXPORT_SET = bytes.fromhex("033502"), bytes.fromhex("03b5")
_SET_OFF_GRID, _OFF_GRID_SET = bytes.fromhex("033601"), bytes.fromhex("03b6")
_SET_WORK_MODE, _WORK_MODE_SET = bytes.fromhex("035901"), bytes.fromhex("03d9")
_ARM_WITH_V2 = 14
_DSP_WITH_V2 = ((("EMU", "EMJ"), 11), (("ESU", "ESA"), 22), (("BPS", "BPU"), 10))


class EsAccess:
    """The ES family's control fields: some in the settings block, some in AA55 registers, some in Modbus."""

    def __init__(self, bus: RegisterBus, clock: Clock, zone: tzinfo, places: Mapping[Field, Place]) -> None:
        self._bus = bus
        self._clock = clock
        self._zone = zone
        self._places = dict(places)
        self._present: set[Field] = set()
        self._clock_set_for: tuple[date, timedelta | None] | None = None

    @property
    def frames_written(self) -> int:
        """Write frames sent, repeated ones included."""
        return self._bus.frames_written

    async def read_image(self, fields: Iterable[Field] | None = None) -> dict[Field, bytes]:
        """Return the given fields, or all; those the device lacks are missing."""
        wanted = IN_SETTINGS | self._places.keys() if fields is None else set(fields)
        image: dict[Field, bytes] = {}
        if wanted & IN_SETTINGS:
            data = await read_es_settings(self._bus)
            image[Field.MIN_SOC] = data[32:34]
            image[Field.EXPORT_SWITCH] = data[18:20]
            image[Field.EXPORT_VALUE] = data[52:54]
            image[Field.WORK_MODE] = data[66:68]
        for field in sorted(wanted & self._places.keys()):
            payload = await self._read_place(field)
            if payload is None:
                del self._places[field]
            else:
                image[field] = payload
        self._present |= image.keys()
        return {field: value for field, value in image.items() if field in wanted}

    async def _read_place(self, field: Field) -> bytes | None:
        """Return what a field holds; None where the device says twice that it has none. Raises: BusError."""
        place = self._places[field]
        for _ in range(2):
            try:
                return await read_es_registers(self._bus, place)
            except BusRejected as error:
                if error.code != ILLEGAL_ADDRESS or field in self._present:
                    raise  # what has answered before is there; a refusal now is a fault, not an absence
        return None

    async def write_field(self, field: Field, payload: bytes) -> None:
        """Write one field whole, in the way this family has for it."""
        if field in ECO_SLOTS and decode(payload) is not None:
            await self._set_clock()  # a slot that is on begins and ends by the inverter's clock
        match field:
            case Field.WORK_MODE:
                # The off-grid switch belongs to the mode: the vendor's own sequence sends both.
                await self._bus.query(_SET_OFF_GRID + bytes([1 if word_of(payload) == 1 else 0]), _OFF_GRID_SET)
                await self._bus.query(_SET_WORK_MODE + payload[1:2], _WORK_MODE_SET)
            case Field.MIN_SOC:
                await self._bus.query(_WRITE_WORD + words(MIN_SOC_ADDRESS) + b"\x01" + payload, _WRITTEN)
            case Field.EXPORT_VALUE:
                await self._bus.query(_SET_EXPORT + payload, _EXPORT_SET)
            case _:
                place = self._places[field]
                if place.address > _MODBUS_FROM:
                    await self._bus.write(place.address, payload, unit=UNIT_ET)
                else:
                    await self._bus.query(
                        _WRITE_WORDS + words(place.address) + bytes([len(payload)]) + payload, _WRITTEN
                    )

    async def read_soc_pct(self) -> float | None:
        """Return the battery's SoC, or None."""
        return percent(ES_RUNTIME.decode(await read_es_runtime(self._bus))["soc_pct"])

    async def read_naive_clock(self) -> datetime | None:
        """Return local time: this family shows no clock, but it is set to local time before a slot is switched on."""
        return self._local_now().replace(tzinfo=None)

    async def _set_clock(self) -> None:
        """Set the inverter's clock to local time, once a day and when that changes to or from summer time.

        The vendor's app sets it on every connection, so an owner expects no other.
        """
        now = self._local_now()
        if self._clock_set_for != (now.date(), now.utcoffset()):
            stamp = bytes([now.year - 2000, now.month, now.day, now.hour, now.minute, now.second])
            await self._bus.query(_SET_CLOCK + stamp, _CLOCK_SET)
            self._clock_set_for = (now.date(), now.utcoffset())

    def _local_now(self) -> datetime:
        return self._clock.now().astimezone(self._zone)


class EsInverter(GoodWeWriter):
    """One opened inverter of the ES family."""

    remarks: tuple[str, ...] = ()

    def __init__(self, *, bus: RegisterBus, clock: Clock, info: DeviceInfo, controller: Controller) -> None:
        super().__init__(bus, info, CAPABILITIES, controller)
        self._clock = clock

    async def read_snapshot(self) -> SiteSnapshot:
        """Return all live readings."""
        try:
            data = await read_es_runtime(self._bus)
        except BusError as error:
            raise InverterUnreachable(f"the inverter's readings did not arrive: {error}") from error
        return decode_es(self._clock.now(), data)

    async def read_battery_limits(self) -> ReportedBatteryLimits:
        """Return the battery limits set in the inverter."""
        try:
            limits = ES_SETTINGS.decode(await read_es_settings(self._bus))
            runtime = ES_RUNTIME.decode(await read_es_runtime(self._bus))
        except BusError as error:
            raise InverterUnreachable(f"the battery limits did not arrive: {error}") from error
        return ReportedBatteryLimits(
            voltage_min_v=limits["discharge_min_v"] or None,
            voltage_max_v=limits["charge_max_v"] or None,
            charge_current_max_a=limits["charge_max_a"] or None,
            discharge_current_max_a=limits["discharge_max_a"] or None,
            measured_voltage_v=runtime["battery_v"] or None,
        )


async def read_es_runtime(bus: RegisterBus) -> bytes:
    """Return the live data. Raises: BusError."""
    data = _long_enough(await bus.query(_READ_RUNTIME, _RUNTIME), _RUNTIME_LEAST, "live data")
    return data.ljust(ES_RUNTIME.count, b"\xff")  # what an older firmware does not send is unknown


async def read_es_settings(bus: RegisterBus) -> bytes:
    """Return the settings block. Raises: BusError."""
    return _long_enough(await bus.query(_READ_SETTINGS, _SETTINGS), ES_SETTINGS.count, "settings")


async def read_es_registers(bus: RegisterBus, place: Place) -> bytes:
    """Return the bytes of ``place``, through AA55 or Modbus as its address demands. Raises: BusError."""
    if place.address > _MODBUS_FROM:
        return await bus.read(place.address, place.count, unit=UNIT_ET)
    data = await bus.query(_READ_REGISTERS + words(place.address) + bytes([place.count]), _REGISTERS)
    return _long_enough(data, 2 * place.count, f"registers at {place.address}")[: 2 * place.count]


def _long_enough(data: bytes, length: int, what: str) -> bytes:
    if len(data) < length:
        raise BusInvalid(f"{what}: {len(data)} bytes came back, {length} were expected")
    return data


def has_eco_v2(info: DeviceInfo) -> bool:
    """Return whether the firmware has eco slots of the second kind [lib]."""
    if info.arm_version < _ARM_WITH_V2:
        return False
    return any(
        info.dsp_version >= since for tags, since in _DSP_WITH_V2 if any(tag in info.serial_number for tag in tags)
    )


async def open_es(
    bus: RegisterBus, clock: Clock, info: DeviceInfo, options: GoodWeOptions, owner: OwnerSettings
) -> EsInverter:
    """Return the opened inverter.

    Raises: CapabilityMissing: the configured control method is not there.
    """
    places: dict[Field, Place] = dict(ECO_V2_PLACES if has_eco_v2(info) else ES_ECO_V1_PLACES)
    if info.arm_version >= ARM_WITH_ECO_V2:
        places |= ES_FAST_CHARGE_PLACES
    owner.note_reach(Reach(family=Family.ES, places=places))
    forced = _choose(ControlChoice(options.control))
    controller = Controller(
        access=EsAccess(bus, clock, options.time_zone, places),
        forced=forced,
        owner=owner,
        clock=clock,
        rated_power_w=info.rated_power_w,
        export=WattsBehindSwitch(),
    )
    return EsInverter(bus=bus, clock=clock, info=info, controller=controller)


def _choose(choice: ControlChoice) -> EcoSlotControl:
    if choice in {ControlChoice.AUTO, ControlChoice.ECO_SLOT}:
        return EcoSlotControl()
    reason = (
        "its fast charge knows no power but the full one" if choice is ControlChoice.FAST_CHARGE else "it has no EMS"
    )
    raise CapabilityMissing(
        f"inverter.control: {choice.value} cannot control an inverter of the ES family, {reason}; set it to auto, "
        "which takes eco slots"
    )


CAPABILITIES = Capabilities(
    abilities=frozenset(
        {
            Ability.READ_BATTERY,
            Ability.READ_METER,
            Ability.SELF_USE,
            Ability.HOLD,
            Ability.CHARGE_AT_POWER,
            Ability.DISCHARGE_AT_POWER,
            Ability.EXPORT_LIMIT,
            Ability.ECO_SLOTS,
        }
    ),
    control=ControlMethod.ECO_SLOT,
    refusals=(
        (Ability.STANDBY, "inverters of the ES family have no EMS modes, and only those can stop the battery"),
        (Ability.NO_CHARGE, "no way to set the charge current of an ES inverter is known"),
        (Ability.FAST_CHARGE, "fast charge of the ES family knows no power but the full one, so it is not used"),
    ),
)
