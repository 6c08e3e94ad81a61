"""The measured blocks of the ET family, encoded from the house's physics.

Registers, scales and signs: ``goodwe`` library (et.py). Device signs: grid + exports, battery + discharges.
"""

from __future__ import annotations

from hems.simulation.device import Device, clock_bytes
from hems.simulation.house import Connection
from hems.simulation.registers import Code, Layout, MeasuredBlock

RUNNING = 35100
BMS = 37000
METER = 36000
MPPT = 35301


def _fields(*groups: tuple[Code, tuple[int, ...]]) -> dict[int, Code]:
    return {register: code for code, registers in groups for register in registers}


_RUNNING_LAYOUT = Layout(
    RUNNING,
    125,
    _fields(
        ("6s", (35100,)),
        ("H", (35103, 35104, 35107, 35108, 35120)),
        ("I", (35105, 35109)),
        ("H", (35121, 35122, 35123, 35126, 35127, 35128, 35131, 35132, 35133)),
        ("h", (35125, 35130, 35135, 35138, 35140)),
        ("H", (35136, 35145, 35146, 35147, 35151, 35152, 35153, 35157, 35158, 35159)),
        ("h", (35144, 35150, 35156, 35162, 35164, 35166, 35168, 35170, 35172)),
        ("H", (35148, 35154, 35160, 35173, 35177, 35178, 35179, 35180)),
        ("h", (35174, 35175, 35176, 35181)),
        ("i", (35182,)),
        ("H", (35184, 35186, 35187, 35188)),
        ("I", (35189, 35191, 35193, 35195, 35197)),
        ("H", (35199, 35202, 35205, 35208, 35211)),
        ("I", (35200, 35203, 35206, 35209, 35220)),
    ),
)
_BMS_LAYOUT = Layout(
    BMS,
    24,
    _fields(("h", (37003, 37020, 37021)), ("H", (*range(37000, 37003), *range(37004, 37020), 37022, 37023))),
)
_METER_FIELDS = _fields(
    ("H", (36000, 36001, 36003, 36004, 36014, 36043, 36044)),
    ("h", (36005, 36006, 36007, 36008, 36010, 36011, 36012, 36013)),
    ("f", (36015, 36017)),
    ("i", (36019, 36021, 36023, 36025)),
)
_METER_LAYOUT = Layout(METER, 45, _METER_FIELDS)
_METER_EXTENSION = Layout(
    36045, 80, _fields(("H", (36052, 36053, 36054, 36055, 36056, 36057)), ("Q", (36092, 36104, 36108, 36120)))
)
_MPPT_LAYOUT = Layout(MPPT, 61, _fields(("I", (35301,)), ("H", (35303, 35337, 35338, 35345, 35346))))

PANEL_VOLTS = 340.0
STRING_SHARE = 0.55
SAFETY_COUNTRY_POLAND = 13


def current_word(power_w: float, volts: float) -> int:
    """Return the current of ``power_w`` at ``volts`` as a register word [0.1 A], without sign."""
    return round(10.0 * abs(power_w) / volts) if volts > 1.0 else 0


class EtBlocks:
    """Encodes the blocks of one ET device on demand."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._kept: dict[int, bytes] = {}
        self._clock = b""
        extended = device.model.platform_745
        blocks = [
            MeasuredBlock(RUNNING, 125, self._running),
            MeasuredBlock(BMS, 24, self._bms),
            MeasuredBlock(METER, 125 if extended else 45, self._meter),
        ]
        if extended:
            blocks.append(MeasuredBlock(MPPT, 61, self._mppt))
        self.blocks = tuple(blocks)

    def _running(self) -> bytes:
        device = self._device
        if not device.conditions.clock_frozen or not self._clock:
            self._clock = clock_bytes(device.shown)
        if device.conditions.values_frozen and RUNNING in self._kept:
            return self._clock + self._kept[RUNNING][6:]
        data = self._kept[RUNNING] = self._encode_running()
        return data

    def _bms(self) -> bytes:
        if not (self._device.conditions.values_frozen and BMS in self._kept):
            self._kept[BMS] = self._encode_bms()
        return self._kept[BMS]

    def _meter(self) -> bytes:
        if not (self._device.conditions.values_frozen and METER in self._kept):
            self._kept[METER] = self._encode_meter()
        return self._kept[METER]

    def _encode_running(self) -> bytes:
        device = self._device
        house, conditions = device.house, device.conditions
        flow, grid = house.flow, house.grid
        phases = house.spec.phases
        upper = phases == 3  # L2 and L3 exist
        volts = grid.voltage_v
        v_word, f_word = round(volts * 10.0), round(grid.frequency_hz * 100.0)
        ac_w = flow.pv_w + flow.battery_w
        backup_w = flow.backup_w
        load_w = flow.load_w - backup_w
        grid_side_w = 0.0 if house.connection is not Connection.ON_GRID else ac_w - backup_w
        export_w = 0.0 if conditions.meter_lost else -flow.grid_w
        if conditions.sign_flipped:
            export_w = -export_w
        island = house.connection is Connection.ISLAND
        backup_volts = 230.0 if island else volts * (house.connection is Connection.ON_GRID)
        bv_word, bf_word = round(backup_volts * 10.0), 5000 if island else f_word
        p1_w = flow.pv_w * STRING_SHARE
        string1, string2 = round(p1_w), round(flow.pv_w) - round(p1_w)
        panel_v = PANEL_VOLTS if flow.pv_available_w > 5.0 else 0.0
        pv_mode = 2 if flow.pv_w > 5.0 else 1 if panel_v else 0
        share_w, backup_share_w = grid_side_w / phases, backup_w / phases
        g_word, b_word, l_word = round(share_w), round(backup_share_w), round(load_w / phases)
        i_word, bi_word = current_word(share_w, volts), current_word(backup_share_w, backup_volts)
        heat = round(10.0 * (28.0 + 22.0 * abs(ac_w) / house.spec.rated_w))
        (pv, pv_day), (exp, exp_day), (imp, imp_day), (load, load_day), (chg, chg_day), (dis, dis_day) = (
            device.energies()
        )
        data = _RUNNING_LAYOUT.encode(
            self._clock,
            round(panel_v * 10.0), current_word(p1_w, panel_v), string1,
            round(panel_v * 10.0), current_word(flow.pv_w - p1_w, panel_v), string2,
            pv_mode << 8 | pv_mode,
            v_word, i_word, f_word, g_word,
            v_word * upper, i_word * upper, f_word * upper, g_word * upper,
            v_word * upper, i_word * upper, f_word * upper, g_word * upper,
            device.grid_mode, round(ac_w), round(export_w), round(abs(ac_w)),
            bv_word, bi_word, bf_word, 1, b_word,
            bv_word * upper, bi_word * upper, bf_word * upper, upper, b_word * upper,
            bv_word * upper, bi_word * upper, bf_word * upper, upper, b_word * upper,
            l_word, l_word * upper, l_word * upper, round(backup_w), round(load_w),
            round(100.0 * backup_w / house.spec.rated_w),
            heat + 40, heat + 10, heat, 1, 3800, 1900,
            *self._battery_words(),
            SAFETY_COUNTRY_POLAND, work_state(device), device.effective.work_mode,
            error_bits(device), pv, pv_day, exp, device.hours, exp_day, imp, imp_day, load, load_day,
            chg, chg_day, dis, dis_day, diagnose_bits(device),
        )  # fmt: skip
        return _blank(data, RUNNING, (35174, 35181), (35187, 35188)) if conditions.sentinels else data

    def _battery_words(self) -> tuple[int, int, int, int]:
        """Return voltage, current, power and mode (0 none, 1 standby, 2 discharge, 3 charge) of the battery."""
        battery = self._device.house.battery
        if battery is None:
            return 0, 0, 0, 0
        power_w = round(battery.power_w)
        mode = 2 if power_w > 5 else 3 if power_w < -5 else 1
        if self._device.conditions.bms_missing:
            mode = 0
        return round(battery.voltage_v * 10.0), round(battery.current_a * 10.0), power_w, mode

    def _encode_bms(self) -> bytes:
        device = self._device
        battery, conditions = device.house.battery, device.conditions
        if battery is None or conditions.bms_missing:
            return bytes(48)
        if conditions.sentinels:
            return b"\xff" * 48
        soc_pct = battery.soc_pct if conditions.soc_shown_pct is None else conditions.soc_shown_pct
        cells = device.model.reports_cells
        cell_mv = round(1000.0 * battery.voltage_v / battery.cells)
        warm, cool = round(10.0 * battery.cell_max_c), round(10.0 * battery.cell_min_c)
        return _BMS_LAYOUT.encode(
            255, 256, 1, (warm + cool) // 2,
            int(battery.charge_limit_a), int(battery.discharge_limit_a),
            battery.alarm_bits & 0xFFFF, round(soc_pct), 99, battery.modules, 0, 257,
            battery.alarm_bits >> 16, 0, 12, 3, 2 * cells, 1 * cells, 4 * cells, 9 * cells,
            warm * cells, cool * cells, (cell_mv + 4) * cells, (cell_mv - 4) * cells,
        )  # fmt: skip

    def _encode_meter(self) -> bytes:
        device = self._device
        house, conditions = device.house, device.conditions
        extended = device.model.platform_745
        if conditions.meter_lost:
            head = _METER_LAYOUT.encode(1, 40, 0, 0, *(0,) * 9, 0.0, 0.0, 0, 0, 0, 0, 0, 0)
            return head + bytes(160) if extended else head
        phases = house.spec.phases
        export_w = house.flow.grid_w if conditions.sign_flipped else -house.flow.grid_w
        total, share = round(export_w), round(export_w / phases)
        rest = total - 2 * share if phases == 3 else 0
        second = share if phases == 3 else 0
        factor, upper_factor = 1000, 1000 * (phases == 3)
        export_wh, import_wh = house.counters.export_wh, house.counters.import_wh
        head = _METER_LAYOUT.encode(
            1, 40, 1, 1, share, second, rest, total, factor, upper_factor, upper_factor, factor,
            round(house.grid.frequency_hz * 100.0), export_wh, import_wh, share, second, rest, total,
            0 if phases == 1 else 2, 3,
        )  # fmt: skip
        if not extended:
            return head
        volts = round(house.grid.voltage_v * 10.0)
        amps = current_word(export_w / phases, house.grid.voltage_v)
        upper = phases == 3
        exported, imported = int(export_wh / 10.0), int(import_wh / 10.0)
        return head + _METER_EXTENSION.encode(
            volts, volts * upper, volts * upper, amps, amps * upper, amps * upper,
            exported // phases, exported, imported // phases, imported,
        )  # fmt: skip

    def _mppt(self) -> bytes:
        flow = self._device.house.flow
        first_w = flow.pv_w * STRING_SHARE
        second_w = flow.pv_w - first_w
        return _MPPT_LAYOUT.encode(
            round(flow.pv_w), 2, round(first_w), round(second_w),
            current_word(first_w, PANEL_VOLTS), current_word(second_w, PANEL_VOLTS),
        )  # fmt: skip


def _blank(data: bytes, start: int, *ranges: tuple[int, int]) -> bytes:
    """Return the block with the registers of ``ranges`` (end excluded) as 0xFFFF, GoodWe's sign for no value."""
    blanked = bytearray(data)
    for low, high in ranges:
        blanked[2 * (low - start) : 2 * (high - start)] = b"\xff" * (2 * (high - low))
    return bytes(blanked)


def work_state(device: Device) -> int:
    """Return register 35187: 0 waiting, 1 on-grid, 2 off-grid, 3 fault."""
    match device.house.connection:
        case Connection.ON_GRID:
            return 1
        case Connection.ISLAND:
            return 2
        case Connection.ISLAND_FAULT:
            return 3
        case Connection.WAITING:
            return 0


def error_bits(device: Device) -> int:
    """Return the error bits of 35189: 9 utility loss, 17 grid voltage, 20 backup overload, 29 grid frequency."""
    house = device.house
    grid, trips = house.grid, house.spec.trips
    bits = 0
    if house.connection is Connection.ISLAND_FAULT:
        bits |= 1 << 20
    if not grid.present:
        return bits | 1 << 9
    if house.connection is Connection.WAITING:
        within = trips.voltage_min_v <= grid.voltage_v <= trips.voltage_max_v
        if not within or grid.mean_voltage_v > trips.voltage_mean_max_v:
            bits |= 1 << 17
        if not trips.frequency_min_hz <= grid.frequency_hz <= trips.frequency_max_hz:
            bits |= 1 << 29
    return bits


def diagnose_bits(device: Device) -> int:
    """Return the diagnose bits of 35220 that this house can cause."""
    battery, conditions = device.house.battery, device.conditions
    bits = 1 << 9 if conditions.meter_lost else 0
    if battery is None or conditions.bms_missing:
        return bits | 1 << 14
    if battery.discharge_limit_a <= 0.0:
        bits |= 1 << 3
    if battery.charge_limit_a <= 0.0:
        bits |= 1 << 18
    if device.controller.forced_charging:
        bits |= 1 << 30
    return bits
