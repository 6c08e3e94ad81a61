"""The ES family (ES, EM, BP): the AA55 protocol, with Modbus beside it for eco slots V2 and fast charge.

Offsets and commands: ``goodwe`` library (es.py). Currents and grid power carry no sign of their own; the battery mode
and the grid byte tell the direction.
"""

from __future__ import annotations

import struct
from datetime import datetime, timedelta

from hems.simulation import eco_slots
from hems.simulation.control import EcoSlot, Settings
from hems.simulation.device import Device, clock_from_bytes
from hems.simulation.et_blocks import PANEL_VOLTS, STRING_SHARE, current_word, diagnose_bits, error_bits
from hems.simulation.et_device import discovery_answer
from hems.simulation.goodwe_wire import Aa55Request
from hems.simulation.house import Connection
from hems.simulation.registers import RegisterBank

SOC_MIN = 0x0560
CLEAR_SLOTS = 0x0700
ECO_V1 = 0x0701
ECO_V2 = 47547
FAST_CHARGE, FAST_CHARGE_SOC = 47545, 47546
SLOTS = 4
RUNNING_BYTES = 140
SETTINGS_BYTES = 86
_ACK = b"\x06"

_RUNNING_FORMAT: tuple[tuple[int, str], ...] = (
    (0, ">HHb"), (5, ">HHb"), (10, ">H"), (14, ">H"), (16, ">h"), (18, ">H"), (20, ">HHH"), (26, ">b"), (29, ">bb"),
    (31, ">H"), (33, ">b"), (34, ">HHh"), (40, ">Hb"), (43, ">HHHHbb"), (53, ">h"), (55, ">I"), (59, ">II"),
    (67, ">HH"), (71, ">I"), (75, ">hb"), (80, ">bH"), (83, ">h"), (89, ">I"), (93, ">II"),
)  # fmt: skip


class EsDevice(Device):
    """One inverter of the ES family."""

    unit = 0xF7

    def _make_bank(self) -> RegisterBank:
        # The AA55 registers live beside the Modbus ones; only the latter are reached through Modbus.
        self._work_mode = 0
        self._island = False
        self._soc_min = 10
        self._export_limit_w = 10_000
        self.export_limit_on = True
        """The limit's switch, which only the vendor's app sets."""
        self._v1 = [eco_slots.V1_OFF] * SLOTS
        settings: dict[int, int] = {}
        if self.model.eco_v2:
            for slot in range(SLOTS):
                settings.update(enumerate(eco_slots.words(eco_slots.V2_OFF), ECO_V2 + 6 * slot))
        if self.model.has_fast_charge:
            settings.update({FAST_CHARGE: 0, FAST_CHARGE_SOC: 100})
        bank = RegisterBank((), settings)
        bank.limits = {FAST_CHARGE: (0, 1), FAST_CHARGE_SOC: (0, 100)}
        return bank

    def _decode(self) -> Settings:
        words = self.bank.settings
        return Settings(
            work_mode=1 if self._island else self._work_mode,
            fast_charge_on=words.get(FAST_CHARGE, 0) == 1,
            fast_charge_soc_pct=float(words.get(FAST_CHARGE_SOC, 100)),
            eco_slots=self._eco_slots(),
            soc_min_pct=float(self._soc_min),
            soc_min_island_pct=float(self._soc_min),
            export_limit_w=float(self._export_limit_w) if self.export_limit_on else None,
        )

    def _eco_slots(self) -> tuple[EcoSlot, ...]:
        if not self.model.eco_v2:
            return tuple(slot for data in self._v1 if (slot := eco_slots.decode_v1(data)) is not None)
        words = self.bank.settings
        found = (
            eco_slots.decode_v2(eco_slots.from_words(tuple(words[register] for register in range(first, first + 6))))
            for first in range(ECO_V2, ECO_V2 + 6 * SLOTS, 6)
        )
        return tuple(slot for slot in found if slot is not None)

    def after_step(self, now: datetime) -> None:
        """Take note of what the house did; a fast charge that reached its SoC switches itself off."""
        super().after_step(now)
        battery, effective = self.house.battery, self.effective
        if effective.fast_charge_on and battery is not None and battery.soc_pct >= effective.fast_charge_soc_pct:
            self.bank.settings[FAST_CHARGE] = 0
            self.effective = self._decode()

    def reset_control(self) -> None:
        """Put work mode and fast charge back to plain self-use."""
        self._work_mode, self._island = 0, False
        if FAST_CHARGE in self.bank.settings:
            self.bank.settings[FAST_CHARGE] = 0
        self.effective = self._decode()

    def device_information(self) -> bytes:
        """Return the AA55 device information."""
        return discovery_answer(self)

    def answer_aa55(self, request: Aa55Request) -> tuple[int, bytes] | None:
        """Return kind and data of the reply; an unknown or ill-formed request is met with silence."""
        kind, data = request.kind, request.data
        match kind:
            case 0x0102:
                return 0x0182, self.device_information()
            case 0x0106:
                return 0x0186, self._running()
            case 0x0109:
                return 0x0189, self._settings_data()
            case 0x011A if len(data) == 3:
                return 0x019A, self._read_registers(int.from_bytes(data[:2], "big"), data[2])
            case _:
                reply = self._write_reply(kind, data)
                return None if reply is None else (reply, _ACK)

    def _write_reply(self, kind: int, data: bytes) -> int | None:
        """Take a write; return the kind of its acknowledgement, or None where it is none."""
        sizes = {0x0335: 2, 0x032C: 5, 0x032D: 5, 0x0336: 1, 0x0327: 2, 0x0326: 1, 0x0359: 1, 0x0302: 6}
        # The acknowledgements of 0326 and 0327 are the ones the library waits for, not the usual kind | 80.
        reply = {0x0326: 0x03B6, 0x0327: 0x03B7}.get(kind, kind | 0x80)
        if kind == 0x0239:
            if len(data) < 5:
                return None
        elif sizes.get(kind) != len(data):
            return None
        if kind == 0x0302:
            try:
                clock_from_bytes(data)
            except ValueError:
                return None
        # AA55 writes share the path of Modbus writes, so that faults and delays befall both alike.
        self._accept(kind, tuple(data))
        return reply

    def _apply(self, start: int, words: tuple[int, ...]) -> None:
        if start > 0x0FFF:
            super()._apply(start, words)
            return
        self.writes += 1
        self._aa55_written(start, bytes(words))
        self.bank.version += 1
        if self._effective_at is None:
            self._effective_at = self.now + timedelta(seconds=self.options.control_lag_s)

    def _written(self, start: int, words: tuple[int, ...]) -> None:
        """Nothing: no Modbus register of this family acts by being written."""

    def _aa55_written(self, kind: int, data: bytes) -> None:
        match kind:
            case 0x0335:
                self._export_limit_w = int.from_bytes(data, "big")
            case 0x0336:
                self._island = data[0] == 1
            case 0x0359:
                self._work_mode = data[0]
            case 0x0302:
                self.clock.set(self.now, clock_from_bytes(data))
                self.shown = self.clock.read(self.now)
            case 0x0239:
                self._write_registers(int.from_bytes(data[:2], "big"), data[3:])
            case _:
                pass  # relay, store mode and the power windows of firmware before ARM 7: kept by nobody here

    def _write_registers(self, register: int, values: bytes) -> None:
        if register == CLEAR_SLOTS:
            self._v1 = [eco_slots.V1_OFF] * SLOTS
            if self.model.eco_v2:
                for slot in range(SLOTS):
                    self.bank.store(ECO_V2 + 6 * slot, eco_slots.words(eco_slots.V2_OFF))
        elif register == SOC_MIN:
            self._soc_min = int.from_bytes(values[:2], "big")
        elif register >= ECO_V1 and register + len(values) // 2 <= ECO_V1 + 4 * SLOTS:
            whole = bytearray(b"".join(self._v1))
            first = 2 * (register - ECO_V1)
            whole[first : first + len(values)] = values
            self._v1 = [bytes(whole[8 * slot : 8 * slot + 8]) for slot in range(SLOTS)]

    def _read_registers(self, register: int, count: int) -> bytes:
        memory = {SOC_MIN: self._soc_min, CLEAR_SLOTS: 0}
        memory.update(enumerate(eco_slots.words(b"".join(self._v1)), ECO_V1))
        return struct.pack(f">{count}H", *(memory.get(address, 0) for address in range(register, register + count)))

    def _settings_data(self) -> bytes:
        battery = self.house.battery
        data = bytearray(SETTINGS_BYTES)
        struct.pack_into(">HHHH", data, 12, 1, 0, 0, self.export_limit_on)
        if battery is not None:
            amps, amp_hours = round(battery.current_max_a), round(battery.capacity_wh / (3.2 * battery.cells))
            highest, lowest = round(battery.voltage_max_v * 10.0), round(battery.voltage_min_v * 10.0)
            struct.pack_into(">7H", data, 22, amp_hours, highest, amps, amps, lowest, self._soc_min, 1)
        struct.pack_into(">H", data, 52, self._export_limit_w)
        struct.pack_into(">HH", data, 66, 1 if self._island else self._work_mode, 0)
        return bytes(data)

    def _running(self) -> bytes:
        if self.conditions.values_frozen and self._kept:
            return self._kept
        self._kept = self._encode_running()
        return self._kept

    _kept = b""

    def _encode_running(self) -> bytes:
        house, conditions = self.house, self.conditions
        flow, grid, battery = house.flow, house.grid, house.battery
        first_w = flow.pv_w * STRING_SHARE
        panel_v = PANEL_VOLTS if flow.pv_available_w > 5.0 else 0.0
        panel, pv_mode = round(panel_v * 10.0), 2 if flow.pv_w > 5.0 else 1 if panel_v else 0
        first_a, second_a = current_word(first_w, panel_v), current_word(flow.pv_w - first_w, panel_v)
        volts, hertz = round(grid.voltage_v * 10.0), round(grid.frequency_hz * 100.0)
        export_w = 0.0 if conditions.meter_lost else -flow.grid_w
        if conditions.sign_flipped:
            export_w = -export_w
        direction = 1 if export_w >= 90 else 2 if export_w < 0 else 0
        island = house.connection is Connection.ISLAND
        backup_v = 2300 if island else volts
        energy_mode = {Connection.ON_GRID: 2, Connection.ISLAND: 4, Connection.ISLAND_FAULT: 16}.get(
            house.connection, 1
        )
        totals = self.energies()
        seen = battery is not None and not conditions.bms_missing
        values: list[tuple[int, ...]] = [
            (panel, first_a, pv_mode), (panel, second_a, pv_mode),
            *(self._battery_values() if seen else _NO_BATTERY),
            (0 if conditions.meter_lost else 1,), (volts, current_word(export_w, grid.voltage_v), round(export_w)),
            (hertz, 1 if house.connection in (Connection.ON_GRID, Connection.ISLAND) else 0),
            (backup_v, current_word(flow.backup_w, backup_v / 10.0), round(flow.load_w - flow.backup_w),
             5000 if island else hertz, 1, energy_mode),
            (round(10.0 * (28.0 + 22.0 * abs(flow.pv_w + flow.battery_w) / house.spec.rated_w)),),
            (error_bits(self),), (totals[0][0], self.hours), (totals[0][1], totals[3][1]), (totals[3][0],),
            (round(flow.pv_w + flow.battery_w), self.effective.work_mode), (direction, round(flow.backup_w)),
            (1000,), (diagnose_bits(self),), (totals[1][0], totals[2][0]),
        ]  # fmt: skip
        data = bytearray(RUNNING_BYTES)
        for (offset, code), fields in zip(_RUNNING_FORMAT, values, strict=True):
            struct.pack_into(code, data, offset, *fields)
        if conditions.sentinels:
            data[10:33] = b"\xff" * 23
        return bytes(data)

    def _battery_values(self) -> list[tuple[int, ...]]:
        battery = self.house.battery
        if battery is None:
            return _NO_BATTERY
        soc = battery.soc_pct if self.conditions.soc_shown_pct is None else self.conditions.soc_shown_pct
        mode = 2 if battery.power_w > 5.0 else 3 if battery.power_w < -5.0 else 1
        middle_c = 0.5 * (battery.cell_max_c + battery.cell_min_c)
        return [
            (round(battery.voltage_v * 10.0),), (1,), (round(10.0 * middle_c),),
            (round(abs(battery.current_a) * 10.0),),
            (int(battery.charge_limit_a), int(battery.discharge_limit_a), battery.alarm_bits & 0xFFFF),
            (round(soc),), (99, mode), (0,),
        ]  # fmt: skip


_NO_BATTERY: list[tuple[int, ...]] = [(0,), (0,), (0,), (0,), (0, 0, 0), (0,), (0, 0), (0,)]
