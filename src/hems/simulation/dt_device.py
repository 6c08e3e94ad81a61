"""The DT family (DT, MS, NS, XS): panels and grid only. Registers, scales and signs: ``goodwe`` library (dt.py)."""

from __future__ import annotations

import struct
from functools import partial

from hems.simulation.control import Settings
from hems.simulation.device import Device, clock_bytes, clock_from_bytes
from hems.simulation.et_blocks import PANEL_VOLTS, STRING_SHARE, current_word, error_bits
from hems.simulation.et_device import discovery_answer
from hems.simulation.goodwe_wire import ILLEGAL_VALUE
from hems.simulation.house import Connection
from hems.simulation.registers import Layout, MeasuredBlock, RegisterBank, RegisterRefusal

CLOCK = 40313
EXPORT_LIMIT_ON, EXPORT_LIMIT_W, EXPORT_LIMIT_PCT = 40327, 40328, 40336
START, STOP, RESTART = 40330, 40331, 40332
WAKING_W = 20.0
"""Below this the panels cannot feed the inverter's own electronics, and it sleeps."""

_ABSENT = 0xFFFF
_STRINGS = tuple(range(30107, 30115))

_RUNNING = Layout(
    30100,
    73,
    {
        30100: "6s",
        **dict.fromkeys(range(30103, 30127), "H"),
        30127: "I", 30129: "H", 30130: "I", 30132: "H", 30133: "I", 30135: "I", 30137: "h", 30139: "h",
        30141: "h", 30142: "h", 30144: "H", 30145: "I", 30147: "I", 30149: "H", 30162: "H", 30163: "H", 30164: "H",
        30165: "I", 30172: "H",
    },
)  # fmt: skip
_METER = Layout(30195, 15, {30195: "i", 30197: "I", 30199: "I", 30209: "H"})


class DtDevice(Device):
    """One inverter of the DT family."""

    unit = 0x7F

    def _make_bank(self) -> RegisterBank:
        settings = dict.fromkeys(
            (CLOCK, CLOCK + 1, CLOCK + 2, 40326, EXPORT_LIMIT_ON, EXPORT_LIMIT_W, EXPORT_LIMIT_W + 1, START, STOP,
             RESTART, 40345, 40347, 40352, 40362), 0,
        )  # fmt: skip
        settings |= {EXPORT_LIMIT_PCT: 100, START: 1}
        blocks = (
            MeasuredBlock(30001, 40, self._info),
            MeasuredBlock(30063, 20, self._meter_info),
            MeasuredBlock(30100, 73, self._running),
            MeasuredBlock(30195, 15, self._meter),
        )
        bank = RegisterBank(blocks, settings)
        bank.limits = {EXPORT_LIMIT_PCT: (0, 100), EXPORT_LIMIT_ON: (0, 1)}
        bank.check = self._check_write
        bank.live = {CLOCK + index: partial(self._clock_word, index) for index in range(3)}
        return bank

    def _decode(self) -> Settings:
        words = self.bank.settings
        if self.model.phases == 1:
            limit_w = float(words[EXPORT_LIMIT_W] << 16 | words[EXPORT_LIMIT_W + 1])
        else:
            limit_w = self.model.rated_w * words[EXPORT_LIMIT_PCT] / 100.0
        return Settings(export_limit_w=limit_w if words[EXPORT_LIMIT_ON] else None, stopped=words[START] == 0)

    @property
    def asleep(self) -> bool:
        """Whether there is too little sun to answer."""
        return self.house.flow.pv_available_w < WAKING_W

    def answer_pdu(self, pdu: bytes) -> bytes | None:
        """Return the reply, or None where the device sleeps."""
        return None if self.asleep else super().answer_pdu(pdu)

    def reset_control(self) -> None:
        """Start, if it was stopped."""
        self.bank.settings[START], self.bank.settings[STOP] = 1, 0
        self.effective = self._decode()

    def device_information(self) -> bytes:
        """Return the AA55 discovery answer."""
        return discovery_answer(self)

    def _check_write(self, start: int, words: tuple[int, ...]) -> None:
        if start == CLOCK and len(words) >= 3:
            try:
                clock_from_bytes(struct.pack(">3H", *words[:3]))
            except ValueError:
                raise RegisterRefusal(ILLEGAL_VALUE) from None

    def _written(self, start: int, words: tuple[int, ...]) -> None:
        settings = self.bank.settings
        if start == CLOCK and len(words) >= 3:
            self.clock.set(self.now, clock_from_bytes(struct.pack(">3H", *words[:3])))
            self.shown = self.clock.read(self.now)
        elif start == STOP:
            settings[START] = 0
        elif start in (START, RESTART):
            settings[START], settings[STOP] = 1, 0

    def _clock_word(self, index: int) -> int:
        data = clock_bytes(self.shown)
        return data[2 * index] << 8 | data[2 * index + 1]

    def _info(self) -> bytes:
        model = self.model
        data = bytearray(b"\xff" * 80)
        data[0:6] = bytes(6)
        data[6:22] = model.serial_number.encode("ascii")
        data[22:32] = model.name[:10].ljust(10).encode("ascii")
        struct.pack_into(">5H", data, 66, model.dsp_version, model.dsp_version, model.arm_version, 100, 200)
        return bytes(data)

    def _meter_info(self) -> bytes:
        data = bytearray(40)
        struct.pack_into(">H", data, 0, 3)
        data[24:38] = b"METER000SIM007"
        return bytes(data)

    def _running(self) -> bytes:
        if self.conditions.values_frozen and self._kept:
            return (self._clock if self.conditions.clock_frozen else clock_bytes(self.shown)) + self._kept[6:]
        if not self.conditions.clock_frozen or not self._clock:
            self._clock = clock_bytes(self.shown)
        self._kept = self._encode_running()
        return self._kept

    _kept = b""
    _clock = b""

    def _encode_running(self) -> bytes:
        house = self.house
        flow, grid = house.flow, house.grid
        first_w = flow.pv_w * STRING_SHARE
        panel_v = PANEL_VOLTS if flow.pv_available_w > 5.0 else 0.0
        panel = round(panel_v * 10.0)
        volts, hertz = round(grid.voltage_v * 10.0), round(grid.frequency_hz * 100.0)
        line = round(grid.voltage_v * 17.3205)
        amps = current_word(flow.pv_w / 3.0, grid.voltage_v)
        (total, today), *_ = self.energies()
        work_mode = 1 if house.connection is Connection.ON_GRID else 2 if error_bits(self) else 0
        heat = round(10.0 * (28.0 + 24.0 * flow.pv_w / house.spec.rated_w))
        power = round(flow.pv_w)
        return _RUNNING.encode(
            self._clock, panel, current_word(first_w, panel_v), panel, current_word(flow.pv_w - first_w, panel_v),
            *(_ABSENT for _ in _STRINGS), line, line, line, volts, volts, volts, amps, amps, amps, hertz, hertz, hertz,
            power, work_mode, error_bits(self), 0, power, 0, power, 1000, heat, heat + 30, today, total, self.hours,
            13, 0, 6200, 3100, 0, 40,
        )  # fmt: skip

    def _meter(self) -> bytes:
        house = self.house
        if self.conditions.meter_lost:
            return _METER.encode(0, 0, 0, 2)
        export_w = house.flow.grid_w if self.conditions.sign_flipped else -house.flow.grid_w
        return _METER.encode(round(export_w), round(house.counters.export_wh), round(house.counters.import_wh), 1)
