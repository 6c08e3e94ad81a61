"""The ET family (ET, EH, BT, BH and the 745 platform): its settings registers and what they make the inverter do."""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import datetime
from functools import partial

from hems.simulation import eco_slots
from hems.simulation.battery import Battery
from hems.simulation.control import EMS_MODES, EcoSlot, Settings
from hems.simulation.device import Device, clock_bytes, clock_from_bytes
from hems.simulation.et_blocks import EtBlocks
from hems.simulation.goodwe_wire import ILLEGAL_ADDRESS, ILLEGAL_VALUE
from hems.simulation.registers import MeasuredBlock, RegisterBank, RegisterRefusal

DEVICE_INFO = 35000
CLOCK = 45200
CHARGE_VOLTAGE, CHARGE_CURRENT, DISCHARGE_VOLTAGE, DISCHARGE_CURRENT = 45352, 45353, 45354, 45355
SOC_MIN, SOC_MIN_ISLAND = 45356, 45358
WORK_MODE = 47000
EXPORT_LIMIT_ON, EXPORT_LIMIT = 47509, 47510
EMS_MODE, EMS_POWER = 47511, 47512
ECO_V1, ECO_V2, SLOTS = 47515, 47547, 4
FORCE_START, FORCE_STOP = 47531, 47532
CLEAR_SLOTS = 47533
PEAK_LIMIT, PEAK_RESERVE = 47542, 47544
FAST_CHARGE, FAST_CHARGE_SOC, FAST_CHARGE_POWER = 47545, 47546, 47603
PEAK_SLOT = 47589
ECO_ENABLE = 47612
SOC_MAX = 47760
FLASH_COUNTERS = 36900

_FAST_CHARGE_LEAD_PCT = 2
"""The target must lie this far above the present SoC, else ILLEGAL DATA VALUE."""

_PLAIN_SETTINGS: dict[int, int] = {
    45127: 247, 45132: 0, 45133: 9600, 45246: 0, 45248: 4, 45251: 0, 45252: 1, 45264: 0, 45288: 0,
    45350: 100, 45351: 1, SOC_MIN: 10, 45357: 0, SOC_MIN_ISLAND: 10, 45482: 100,
    WORK_MODE: 0, 47010: 0, 47120: 0, 47500: 0, 47505: 2, EXPORT_LIMIT_ON: 0, EXPORT_LIMIT: 10_000,
    EMS_MODE: 1, EMS_POWER: 0, 47514: 257, FORCE_START: 5, FORCE_STOP: 10, CLEAR_SLOTS: 0,
    SOC_MAX: 100,
}  # fmt: skip
# Trip limits 45400-45422, voltages /10, frequencies /100. Map: OpenEMS; limits: EN 50549 as set for Poland, the same
# as ``TripLimits``; the times between them are nominal.
_TRIP_SETTINGS = (
    2645, 10, 1955, 60, 2645, 10, 1955, 60, 2530,
    5200, 25, 4750, 25, 5200, 25, 4750, 25,
    2530, 1955, 5005, 4750, 60, 60,
)  # fmt: skip
_FAST_CHARGE_SETTINGS = {FAST_CHARGE: 0, FAST_CHARGE_SOC: 100, FAST_CHARGE_POWER: 100}
_ARM_19_SETTINGS = {47595: 0, 47596: 0, 47597: 0, 47599: 0}
_ARM_22_SETTINGS = {
    PEAK_LIMIT: 0, PEAK_LIMIT + 1: 3000, PEAK_RESERVE: 0, 47602: 0, 47605: 0, 47606: 100, 47609: 0, ECO_ENABLE: 1,
}  # fmt: skip
_LIMITS: dict[int, tuple[int, int]] = {
    WORK_MODE: (0, 5),
    EMS_POWER: (0, 10_000),
    CHARGE_CURRENT: (0, 1000),
    DISCHARGE_CURRENT: (0, 1000),
    SOC_MIN: (0, 100),
    SOC_MIN_ISLAND: (0, 100),
    SOC_MAX: (0, 100),
    FORCE_START: (0, 100),
    FORCE_STOP: (0, 100),
    FAST_CHARGE: (0, 1),
    FAST_CHARGE_SOC: (0, 100),
    FAST_CHARGE_POWER: (0, 100),
    EXPORT_LIMIT_ON: (0, 1),
}


# What the inverter heard from the BMS last, scaled as in the library's settings of kind BMS.
_BMS_MIRROR: dict[int, Callable[[Battery], float]] = {
    47902: lambda battery: battery.voltage_max_v * 10.0,
    47903: lambda battery: battery.charge_limit_a * 10.0,
    47904: lambda battery: battery.voltage_min_v * 10.0,
    47905: lambda battery: battery.discharge_limit_a * 10.0,
    47906: lambda battery: battery.voltage_v * 10.0,
    47907: lambda battery: battery.current_a * 10.0,
    47908: lambda battery: battery.soc_pct,
    47910: lambda battery: battery.cell_min_c * 10.0,
}


def device_info_words(device: Device) -> bytes:
    """Return registers 35000-35032: protocol, rated power, output type, serial number, model and firmware."""
    model = device.model
    name = (model.wire_name or model.name)[:10].ljust(10).encode("ascii")
    dsp, arm = model.dsp_version, model.arm_version
    firmware = f"04029-{dsp:02}-S11".encode("ascii")
    arm_firmware = f"02041-{arm:02}-S00".encode("ascii")
    return (
        struct.pack(">3H", 121, model.rated_w, 0 if model.phases == 1 else 1)
        + model.serial_number.encode("ascii")
        + name
        + struct.pack(">5H", dsp, dsp, 100, arm, 200)
        + firmware
        + arm_firmware
    )


class EtDevice(Device):
    """One inverter of the ET family."""

    unit = 0xF7

    def _make_bank(self) -> RegisterBank:
        self._info = device_info_words(self)
        info = MeasuredBlock(DEVICE_INFO, 33, lambda: self._info)
        flash = MeasuredBlock(FLASH_COUNTERS, 12, self._flash_counters)
        bank = RegisterBank((*EtBlocks(self).blocks, info, flash), self._default_settings())
        bank.check = self._check_write
        bank.limits = dict(_LIMITS)
        bank.live = {CLOCK + index: partial(self._clock_word, index) for index in range(3)}
        if self.house.battery is not None:
            bank.live |= {register: partial(self._bms_mirror, register) for register in _BMS_MIRROR}
        return bank

    def _default_settings(self) -> dict[int, int]:
        model, battery = self.model, self.house.battery
        settings = dict(_PLAIN_SETTINGS)
        settings.update(enumerate(_TRIP_SETTINGS, 45400))
        settings.update(dict.fromkeys(range(47900, 47936), 0))  # from 47918 on a second battery, which is not there
        settings.update(dict.fromkeys(range(CLOCK, CLOCK + 3), 0))
        if battery is not None:
            settings[CHARGE_VOLTAGE] = round(battery.voltage_max_v * 10.0)
            settings[DISCHARGE_VOLTAGE] = settings[45357] = round(battery.voltage_min_v * 10.0)
            settings[CHARGE_CURRENT] = settings[DISCHARGE_CURRENT] = round(battery.current_max_a * 10.0)
            settings[45350] = round(battery.capacity_wh / (battery.cells * 3.2))
            settings[45351] = settings[47901] = battery.modules
            settings[47909] = 99
        for slot in range(SLOTS):
            settings.update(enumerate(eco_slots.words(eco_slots.V1_OFF), ECO_V1 + 4 * slot))
        if model.eco_v2:
            off = eco_slots.words(eco_slots.V2_OFF_745 if model.platform_745 else eco_slots.V2_OFF)
            for start in range(ECO_V2, PEAK_SLOT, 6):
                settings.update(enumerate(off, start))
            settings.update(_ARM_19_SETTINGS)
        if model.has_fast_charge:
            settings.update(_FAST_CHARGE_SETTINGS)
        if model.has_peak_shaving:
            settings.update(_ARM_22_SETTINGS)
            settings.update(enumerate(eco_slots.words(bytes.fromhex("300030000300000000640000")), PEAK_SLOT))
        return settings

    def _decode(self) -> Settings:
        words = self.bank.settings
        export_w = words[EXPORT_LIMIT] - (0x10000 if words[EXPORT_LIMIT] >= 0x8000 else 0)
        has_battery = CHARGE_CURRENT in words
        return Settings(
            work_mode=words[WORK_MODE],
            ems_mode=words[EMS_MODE],
            ems_power_w=float(words[EMS_POWER]),
            fast_charge_on=words.get(FAST_CHARGE, 0) == 1,
            fast_charge_soc_pct=float(words.get(FAST_CHARGE_SOC, 100)),
            fast_charge_share=words.get(FAST_CHARGE_POWER, 100) / 100.0,
            eco_slots=self._eco_slots() if words.get(ECO_ENABLE, 1) else (),
            soc_min_pct=float(words[SOC_MIN]),
            soc_min_island_pct=float(words[SOC_MIN_ISLAND]),
            soc_max_pct=float(words[SOC_MAX]),
            charge_limit_a=words[CHARGE_CURRENT] / 10.0 if has_battery else 0.0,
            discharge_limit_a=words[DISCHARGE_CURRENT] / 10.0 if has_battery else 0.0,
            export_limit_w=float(export_w) if words[EXPORT_LIMIT_ON] else None,
            peak_limit_w=float(words.get(PEAK_LIMIT, 0) << 16 | words.get(PEAK_LIMIT + 1, 0)),
            peak_reserve_pct=float(words.get(PEAK_RESERVE, 0)),
            force_start_pct=float(words[FORCE_START]),
            force_stop_pct=float(words[FORCE_STOP]),
        )

    def _eco_slots(self) -> tuple[EcoSlot, ...]:
        """Return the slots that are on. Firmware with V2 slots keeps the V1 registers, but they do nothing there."""
        words = self.bank.settings
        v2 = self.model.eco_v2
        start, size = (ECO_V2, 6) if v2 else (ECO_V1, 4)
        found = []
        for slot in range(SLOTS):
            first = start + size * slot
            data = eco_slots.from_words(tuple(words[register] for register in range(first, first + size)))
            decoded = eco_slots.decode_v2(data) if v2 else eco_slots.decode_v1(data)
            if decoded is not None:
                found.append(decoded)
        return tuple(found)

    def _written(self, start: int, words: tuple[int, ...]) -> None:
        registers = range(start, start + len(words))
        if CLOCK in registers and len(words) >= 3:
            self.clock.set(self.now, clock_from_bytes(struct.pack(">3H", *words[:3])))
            self.shown = self.clock.read(self.now)
        if CLEAR_SLOTS in registers and self.bank.settings[CLEAR_SLOTS] == 1:
            self.bank.settings[CLEAR_SLOTS] = 0
            self._clear_slots()

    def _clear_slots(self) -> None:
        for slot in range(SLOTS):
            self.bank.store(ECO_V1 + 4 * slot, eco_slots.words(eco_slots.V1_OFF))
            if self.model.eco_v2:
                off = eco_slots.V2_OFF_745 if self.model.platform_745 else eco_slots.V2_OFF
                self.bank.store(ECO_V2 + 6 * slot, eco_slots.words(off))

    def after_step(self, now: datetime) -> None:
        """Take note of what the house did; a fast charge that reached its SoC switches itself off."""
        super().after_step(now)
        battery, effective = self.house.battery, self.effective
        if effective.fast_charge_on and battery is not None and battery.soc_pct >= effective.fast_charge_soc_pct:
            self.bank.settings[FAST_CHARGE] = 0
            self.effective = self._decode()

    def _check_write(self, start: int, words: tuple[int, ...]) -> None:
        for register, word in enumerate(words, start):
            if register in range(47900, 47916):
                raise RegisterRefusal(ILLEGAL_ADDRESS)  # the BMS mirror can only be read
            if not self._takes(register, word):
                raise RegisterRefusal(ILLEGAL_VALUE)
        if start == CLOCK and len(words) >= 3:
            try:
                clock_from_bytes(struct.pack(">3H", *words[:3]))
            except ValueError:
                raise RegisterRefusal(ILLEGAL_VALUE) from None

    def _takes(self, register: int, word: int) -> bool:
        """Return whether ``register`` takes ``word`` in the present state; plain ranges are checked already."""
        battery = self.house.battery
        lowest_target = _FAST_CHARGE_LEAD_PCT + (0 if battery is None else round(battery.soc_pct))
        if register == EMS_MODE:
            return word in EMS_MODES
        if register == WORK_MODE:
            return word != 5 or self.model.platform_745  # self-use as a mode of its own came with platform 745
        if register == FAST_CHARGE:
            return word == 0 or self.bank.settings[FAST_CHARGE_SOC] >= min(lowest_target, 100)
        if register == FAST_CHARGE_SOC:
            return word >= min(lowest_target, 100)
        if register == CHARGE_VOLTAGE:
            return battery is None or word <= round(battery.voltage_max_v * 10.0)
        return True

    def reset_control(self) -> None:
        """Put EMS, work mode and fast charge back to plain self-use."""
        settings = self.bank.settings
        settings[EMS_MODE], settings[EMS_POWER], settings[WORK_MODE] = 1, 0, 0
        if FAST_CHARGE in settings:
            settings[FAST_CHARGE] = 0
        self.effective = self._decode()

    def device_information(self) -> bytes:
        """Return the AA55 discovery answer."""
        return discovery_answer(self)

    def _clock_word(self, index: int) -> int:
        data = clock_bytes(self.shown)
        return data[2 * index] << 8 | data[2 * index + 1]

    def _bms_mirror(self, register: int) -> int:
        battery = self.house.battery
        if battery is None or self.conditions.bms_missing or self.conditions.sentinels:
            return 0xFFFF
        return round(_BMS_MIRROR[register](battery)) & 0xFFFF

    def _flash_counters(self) -> bytes:
        """Return 36900-36911: four counters of flash writes, u32 at 36901, 36904, 36907 and 36910."""
        data = bytearray(24)
        for register in (36901, 36904, 36907, 36910):
            struct.pack_into(">I", data, 2 * (register - FLASH_COUNTERS), self.writes)
        return bytes(data)


def discovery_answer(device: Device) -> bytes:
    """Return the 77 bytes that answer the AA55 discovery: model at 5, serial number at 31, firmware at 0 and 51."""
    model = device.model
    data = bytearray(b" " * 77)
    data[0:5] = f"{model.dsp_version:02}{model.dsp_version:02}{_base36(model.arm_version)}".encode("ascii")
    data[5:15] = (model.wire_name or model.name)[:10].ljust(10).encode("ascii")
    data[31:47] = model.serial_number.encode("ascii")
    data[51:63] = f"02041-{model.arm_version:02}-S00".encode("ascii")
    return bytes(data)


def _base36(number: int) -> str:
    return "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[number]
