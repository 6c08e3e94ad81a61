"""From bytes to readings: signs, sentinels, contradictions."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from hems.adapters.inverters.goodwe.cross_check import doubt_balance, doubt_grid_power
from hems.adapters.inverters.goodwe.device_map import BLOCKS, ET_BMS, ET_METER, ET_RUNTIME
from hems.adapters.inverters.goodwe.dt import decode_dt
from hems.adapters.inverters.goodwe.es_snapshot import decode_es
from hems.adapters.inverters.goodwe.et_snapshot import EtBlocks, decode_et
from hems.adapters.inverters.goodwe.registers import Block, Kind, Register, words
from hems.domain.readings import BmsAlarm, InverterFlag, Quality, SiteSnapshot, WorkState
from support.goodwe_bench import et_registers

AT = datetime(2026, 6, 17, 10, 0, tzinfo=UTC)
WARSAW = ZoneInfo("Europe/Warsaw")


def et(changes: dict[int, int] | None = None, phases: int = 3, **absent: bool) -> SiteSnapshot:
    """Decode an idle inverter (50 %, importing its load of 600 W) with some registers changed."""
    registers = et_registers() | (changes or {})

    def block(of: Block) -> bytes:
        return words(*(registers[of.address + offset] for offset in range(of.count)))

    blocks = EtBlocks(
        runtime=block(ET_RUNTIME),
        bms=None if absent.get("bms") else block(ET_BMS),
        meter=None if absent.get("meter") else block(ET_METER),
    )
    return decode_et(AT, blocks, phases=phases, zone=WARSAW)


def s32(address: int, value: int) -> dict[int, int]:
    return {address: value >> 16 & 0xFFFF, address + 1: value & 0xFFFF}


def test_an_idle_inverter() -> None:
    snapshot = et()
    assert snapshot.notes == ()
    assert snapshot.grid.power_w == 600, "+ imports: the device says -600"
    assert snapshot.grid.voltage_v == (230.0, 231.0, 232.0)
    assert snapshot.grid.frequency_hz == 50.0
    assert (snapshot.load.power_w, snapshot.pv.power_w, snapshot.battery.power_w) == (600, 0, 0)
    assert snapshot.battery.soc_pct == 50
    assert snapshot.battery.voltage_v == 254.0
    assert snapshot.battery.temperature_c == 21.5
    assert snapshot.inverter.state is WorkState.ON_GRID
    assert snapshot.inverter.clock == AT, "12:00 on the inverter's clock is 10:00 UTC in summer"
    assert {part.quality for part in (snapshot.pv, snapshot.battery, snapshot.grid, snapshot.load)} == {Quality.GOOD}


@pytest.mark.parametrize(
    ("device_w", "ours_w"), [(-2500, -2500), (2500, 2500)], ids=["charging is negative", "discharging is positive"]
)
def test_the_battery_has_our_sign_already(device_w: int, ours_w: float) -> None:
    assert et(s32(35182, device_w)).battery.power_w == ours_w


def test_load_includes_the_backup_circuits() -> None:
    snapshot = et({35170: 250, 35140: -850 & 0xFFFF, **s32(36025, -850)})
    assert snapshot.load.power_w == 850
    assert snapshot.load.backup_power_w == 250


@pytest.mark.parametrize(
    ("low", "high", "alarms"),
    [
        (0b1, 0, {BmsAlarm.CHARGE_OVER_VOLTAGE}),
        (0b1010, 0, {BmsAlarm.DISCHARGE_UNDER_VOLTAGE, BmsAlarm.CELL_COLD}),
        (1 << 12, 0, {BmsAlarm.COMMUNICATION_FAULT}),
        (1 << 15, 0, {BmsAlarm.OVER_VOLTAGE_CRITICAL}),
        (0xFFFF, 0xFFFF, set()),
        (0, 0, set()),
    ],
)
def test_defect_01_alarms_come_from_the_raw_words(low: int, high: int, alarms: set[BmsAlarm]) -> None:
    assert et({37006: low, 37012: high}).battery.alarms == alarms


def test_an_alarm_without_a_name_is_said_and_makes_the_battery_suspect() -> None:
    snapshot = et({37012: 0x0001})
    assert snapshot.battery.quality is Quality.SUSPECT
    assert "0x00010000" in snapshot.notes[0]


@pytest.mark.parametrize("sentinel", [0, 0xFFFF, 101])
def test_defect_07_an_absent_soc_is_unknown_and_never_a_number(sentinel: int) -> None:
    battery = et({37007: sentinel}).battery
    assert battery.soc_pct is None
    assert battery.quality is Quality.SUSPECT


@pytest.mark.parametrize(
    ("register", "values", "read"),
    [
        (35180, (0, 0xFFFF), lambda snapshot: snapshot.battery.voltage_v),
        (37003, (0xFFFF, 0x7FFF, 0), lambda snapshot: snapshot.battery.temperature_c),
        (37008, (0, 0xFFFF), lambda snapshot: snapshot.battery.soh_pct),
        (37004, (0xFFFF,), lambda snapshot: snapshot.battery.charge_limit_a),
        (35121, (0, 0xFFFF), lambda snapshot: snapshot.grid.voltage_v[0]),
        (35187, (0xFFFF, 77), lambda snapshot: snapshot.inverter.state),
        (35136, (0xFFFF,), lambda snapshot: snapshot.grid.power_w),
        (35136, (0xFFFF,), lambda snapshot: snapshot.grid.connected),
        (35140, (0x7FFF, 0x8000), lambda snapshot: snapshot.grid.power_w),
        (35176, (0xFFFF, 0x7FFF), lambda snapshot: snapshot.inverter.temperature_c),
    ],
)
def test_defect_07_sentinels_are_unknown(register: int, values: tuple[int, ...], read: object) -> None:
    for value in values:
        assert read(et({register: value})) is None  # type: ignore[operator]


def test_defect_07_no_battery_mode_leaves_nothing_to_believe() -> None:
    for mode in (0, 0xFFFF):
        battery = et({35184: mode}).battery
        assert battery.quality is Quality.MISSING
        assert (battery.soc_pct, battery.voltage_v, battery.power_w) == (None, None, None)


def test_a_wait_state_is_not_a_missing_one() -> None:
    assert et({35187: 0}).inverter.state is WorkState.WAITING


def test_a_silent_bms_leaves_the_inverters_own_measurements() -> None:
    battery = et(bms=True).battery
    assert battery.quality is Quality.SUSPECT
    assert battery.soc_pct is None
    assert battery.voltage_v == 254.0


@pytest.mark.parametrize(
    ("high", "low", "expected"),
    [(0, 0, (None, None)), (250, 0, (0.0, 25.0)), (30, -20 & 0xFFFF, (-2.0, 3.0)), (0xFFFF, 0x7FFF, (None, None))],
)
def test_cell_temperatures(high: int, low: int, expected: tuple[float | None, float | None]) -> None:
    battery = et({37020: high, 37021: low}).battery
    assert (battery.cell_temperature_min_c, battery.cell_temperature_max_c) == expected


def test_zero_degrees_are_believed_where_the_cells_agree() -> None:
    assert et({37003: 0, 37020: 4, 37021: 2}).battery.temperature_c == 0
    assert et({37003: 0, 37020: 250, 37021: 240}).battery.temperature_c is None


def test_a_lost_grid_may_read_zero_volts() -> None:
    snapshot = et({35136: 0, 35121: 0, 35126: 0, 35131: 0, 35123: 0, 35187: 2})
    assert snapshot.grid.connected is False
    assert snapshot.grid.voltage_v == (0.0, 0.0, 0.0)
    assert snapshot.inverter.state is WorkState.OFF_GRID


def test_a_single_phase_inverter_has_one_voltage() -> None:
    assert et(phases=1).grid.voltage_v == (230.0,)


@pytest.mark.parametrize(
    ("bit", "flag"),
    [
        (3, InverterFlag.DISCHARGE_DISABLED),
        (9, InverterFlag.METER_LOST),
        (14, InverterFlag.BATTERY_DISCONNECTED),
        (18, InverterFlag.CHARGE_DISABLED),
        (30, InverterFlag.EMERGENCY_CHARGING),
    ],
)
def test_diagnose_bits(bit: int, flag: InverterFlag) -> None:
    assert et(s32(35220, 1 << bit)).inverter.flags == {flag}


def test_a_reversed_meter_makes_grid_and_load_suspect() -> None:
    snapshot = et(s32(35220, 1 << 10))
    assert snapshot.grid.quality is snapshot.load.quality is Quality.SUSPECT
    assert "wrong way round" in snapshot.notes[0]


def test_a_meter_that_says_it_is_lost() -> None:
    assert InverterFlag.METER_LOST in et({36004: 0}).inverter.flags


def test_grid_power_that_the_meter_contradicts_is_suspect() -> None:
    """The GW25K of the recorded samples: +1511 W against -489 W."""
    snapshot = et({35140: 1511, 35172: 26, 35170: 408, **s32(36025, -489)})
    assert snapshot.grid.quality is Quality.SUSPECT
    assert snapshot.load.quality is Quality.SUSPECT
    assert "-1511 W by the inverter and +489 W by its meter" in snapshot.notes[0]


@pytest.mark.parametrize(
    ("inverter_w", "meter_w", "doubtful"),
    [(3, 110, False), (5403, 4077, False), (-1511, 489, True), (3000, -3000, True), (None, 100, False)],
)
def test_how_far_inverter_and_meter_may_differ(inverter_w: float | None, meter_w: float, doubtful: bool) -> None:
    assert (doubt_grid_power(inverter_w, meter_w) is not None) is doubtful


@pytest.mark.parametrize(
    ("flows", "doubtful"),
    [
        ((5000, -4000, 0, 700), False),
        ((5000, -4000, 0, 1300), False),
        ((0, 0, -2000, 2000), True),
        ((0, 3000, 0, 600), True),
        ((0, None, -2000, 2000), False),
    ],
)
def test_powers_that_do_not_add_up(flows: tuple[float | None, ...], doubtful: bool) -> None:
    assert (doubt_balance(*flows) is not None) is doubtful


def test_a_negative_load_is_unknown() -> None:
    snapshot = et({35172: -800 & 0xFFFF})
    assert snapshot.load.power_w is None
    assert "cannot be" in snapshot.notes[0]
    assert et({35172: -40 & 0xFFFF, 35140: 40, **s32(36025, 40)}).load.power_w == 0


def test_a_void_block_holds_nothing() -> None:
    void = EtBlocks(runtime=b"\xff" * 250, bms=b"\xff" * 48, meter=b"\xff" * 90)
    snapshot = decode_et(AT, void, phases=3, zone=UTC)
    parts = (snapshot.pv, snapshot.battery, snapshot.grid, snapshot.load)
    assert {part.quality for part in parts} == {Quality.MISSING}
    assert [part.power_w for part in parts] == [None] * 4
    assert snapshot.inverter.clock is None
    assert snapshot.inverter.flags == frozenset()
    assert snapshot.counters.pv_wh is None


def test_larger_models_add_all_strings_and_the_second_battery() -> None:
    registers = et_registers() | {35105: 0, 35106: 4000}
    runtime = words(*(registers[35100 + offset] for offset in range(125)))
    second = words(2540, 0) + (-1000).to_bytes(4, "big", signed=True) + words(3)
    bms = words(0, 260, 30, 30, 0, 40, 98) + bytes(30)
    blocks = EtBlocks(runtime=runtime, bms=bytes(6) + words(215, 25, 25, 0, 50, 99) + bytes(30))
    blocks = EtBlocks(runtime=runtime, bms=blocks.bms, mppt=(9000).to_bytes(4, "big"), bms_2=bms, battery_2=second)
    snapshot = decode_et(AT, blocks, phases=3, zone=UTC)
    assert snapshot.pv.power_w == 9000
    assert snapshot.battery.power_w == -1000
    assert snapshot.battery.soc_pct == 40, "the emptier battery counts"
    assert snapshot.battery.charge_limit_a == 55
    assert snapshot.battery.temperature_c == 26.0


@pytest.mark.parametrize(("mode", "battery_w"), [(3, -1040.0), (2, 1040.0)])
@pytest.mark.parametrize(("direction", "grid_w"), [(2, 900.0), (1, -900.0)])
def test_es_signs(mode: int, battery_w: float, direction: int, grid_w: float) -> None:
    data = bytearray(100)
    for position, word in ((0, 3000), (2, 50), (10, 520), (16, 205), (18, 200), (34, 2300), (38, 900), (40, 5000)):
        data[position : position + 2] = words(word)
    data[26], data[29], data[30], data[52], data[80] = 55, 98, mode, 2, direction
    data[47:49] = words(400)
    snapshot = decode_es(AT, bytes(data))
    assert snapshot.pv.power_w == 1500
    assert snapshot.battery.power_w == battery_w
    assert snapshot.grid.power_w == grid_w
    assert snapshot.battery.soc_pct == 55
    assert snapshot.inverter.state is WorkState.ON_GRID


def test_dt_without_a_meter_knows_neither_grid_nor_load() -> None:
    runtime = bytearray(146)
    runtime[0:6] = bytes([26, 6, 17, 12, 0, 0])
    runtime[54:58] = (3000).to_bytes(4, "big")
    runtime[58:60] = words(1)
    alone = decode_dt(AT, bytes(runtime), None, phases=3, zone=WARSAW)
    assert alone.pv.power_w == 3000
    assert (alone.grid.power_w, alone.load.power_w) == (None, None)
    meter = (1200).to_bytes(4, "big") + bytes(24) + words(1)
    metered = decode_dt(AT, bytes(runtime), meter + bytes(30 - len(meter)), phases=3, zone=WARSAW)
    assert metered.grid.power_w == -1200, "the device says + for export"
    assert metered.load.power_w == 1800
    assert metered.battery.quality is Quality.MISSING


def test_registers_that_overlap_are_refused() -> None:
    low = Register(name="low", address=10, kind=Kind.U32)
    high = Register(name="high", address=11, kind=Kind.U16)
    with pytest.raises(ValueError, match="high overlaps"):
        Block("test", 10, 4, [low, high])
    with pytest.raises(ValueError, match="beyond the block"):
        Block("test", 10, 1, [low])


def test_every_register_has_a_name_of_its_own() -> None:
    for block in BLOCKS:
        names = [register.name for register in block.registers]
        assert len(names) == len(set(names)), block.name
