"""Every register this adapter reads or writes, in one table per family.

Signs are turned here and nowhere else: positive delivers power to the house. The sources of the last column: *lib* is
the ``goodwe`` library 0.4.10; *OE* the OpenEMS bundle ``io.openems.edge.goodwe``; *GM* measurements on one GW8KN-ET by
its owner, published as ``goodwe_manager``.
"""

from __future__ import annotations

from hems.adapters.inverters.goodwe.registers import Block, Kind, Register
from hems.domain.readings import BmsAlarm, InverterFlag, WorkState

UNIT_ET = 0xF7  # Modbus unit of the ET family; ES answers its few Modbus registers there too
UNIT_DT = 0x7F

U8, U16, S16, U32, S32, TEMP = Kind.U8, Kind.U16, Kind.S16, Kind.U32, Kind.S32, Kind.TEMPERATURE


def _r(
    name: str, address: int, kind: Kind, unit: str = "", scale: tuple[int, int] = (1, 1), note: str = ""
) -> Register:
    return Register(name=name, address=address, kind=kind, unit=unit, mul=scale[0], div=scale[1], note=note)


TENTH, HUNDREDTH, TURNED = (1, 10), (1, 100), (-1, 1)
TENTH_KWH = (100, 1)  # 0.1 kWh is 100 Wh

ET_RUNTIME = Block(
    "ET runtime",
    35100,
    125,
    [
        _r("pv1_w", 35105, U32, "W"),
        _r("pv2_w", 35109, U32, "W"),
        _r("pv3_w", 35113, U32, "W"),
        _r("pv4_w", 35117, U32, "W"),
        _r("grid1_v", 35121, U16, "V", TENTH),
        _r("grid_hz", 35123, U16, "Hz", HUNDREDTH),
        _r("grid2_v", 35126, U16, "V", TENTH),
        _r("grid3_v", 35131, U16, "V", TENTH),
        _r("grid_mode", 35136, U16, note="0 not connected, 1 connected, 2 fault"),
        _r("grid_w", 35140, S16, "W", TURNED, "device: + export, − import; dead band of about 90 W"),
        _r("backup_w", 35170, S16, "W"),
        _r(
            "load_w",
            35172,
            S16,
            "W",
            note="without the backup circuits; the library's own house_consumption can go below 0",
        ),
        _r("inverter_c", 35176, TEMP, "°C", TENTH),
        _r("battery_v", 35180, U16, "V", TENTH),
        _r("battery_a", 35181, S16, "A", TENTH, "+ discharge, − charge, as ours"),
        _r("battery_w", 35182, S32, "W", note="+ discharge, − charge, as ours"),
        _r("battery_mode", 35184, U16, note="0 none, 1 standby, 2 discharge, 3 charge, 4 and 5 about to"),
        _r("work_mode", 35187, U16, note="0 wait, 1 on-grid, 2 off-grid, 3 fault, 4 flash, 5 check"),
        _r("error_bits", 35189, U32),
        _r("pv_wh", 35191, U32, "Wh", TENTH_KWH),
        _r("export_wh", 35195, U32, "Wh", TENTH_KWH),
        _r("import_wh", 35200, U32, "Wh", TENTH_KWH),
        _r("load_wh", 35203, U32, "Wh", TENTH_KWH),
        _r("charge_wh", 35206, U32, "Wh", TENTH_KWH),
        _r("discharge_wh", 35209, U32, "Wh", TENTH_KWH),
        _r("diagnose_bits", 35220, U32),
    ],
)
CLOCK_ADDRESS = 35100  # six bytes: year - 2000, month, day, hour, minute, second; the inverter's own local time


def _bms(address: int) -> list[Register]:
    """The battery's own data from its temperature register on; the second battery has the same row of registers."""
    return [
        _r("temperature_c", address, TEMP, "°C", TENTH),
        _r("charge_limit_a", address + 1, U16, "A"),
        _r("discharge_limit_a", address + 2, U16, "A"),
        _r("error_low", address + 3, U16),
        _r("soc_pct", address + 4, U16, "%"),
        _r("soh_pct", address + 5, U16, "%"),
        _r("warning_low", address + 7, U16),
        _r("error_high", address + 9, U16),
        _r("warning_high", address + 10, U16),
        _r("cell_max_c", address + 17, TEMP, "°C", TENTH, "0 beside a minimum of 0: not available"),
        _r("cell_min_c", address + 18, TEMP, "°C", TENTH, "0 beside a maximum of 0: not available"),
    ]


ET_BMS = Block("ET battery", 37000, 24, _bms(37003))
ET_BMS_2 = Block("ET second battery", 39000, 22, _bms(39001))
ET_BATTERY_2 = Block(
    "ET second battery power",
    35262,
    5,
    [
        _r("battery_v", 35262, U16, "V", TENTH),
        _r("battery_a", 35263, S16, "A", TENTH),
        _r("battery_w", 35264, S32, "W", note="+ discharge, − charge, as ours"),
        _r("battery_mode", 35266, U16),
    ],
)
ET_METER = Block(
    "ET meter",
    36000,
    45,
    [
        _r("meter_ok", 36004, U16, note="1 answers, 0 does not"),
        _r("meter_w", 36025, S32, "W", TURNED, "device: + export, − import"),
    ],
)
ET_MPPT = Block("ET all strings", 35301, 2, [_r("pv_total_w", 35301, U32, "W", note="platform 745 and from 15 kW on")])
ET_IDENTITY = (35000, 33)

DT_RUNTIME = Block(
    "DT runtime",
    30100,
    73,
    [
        *(_r(f"pv{i + 1}_v", 30103 + 2 * i, U16, "V", TENTH) for i in range(4)),
        *(_r(f"pv{i + 1}_a", 30104 + 2 * i, U16, "A", TENTH) for i in range(4)),
        _r("grid1_v", 30118, U16, "V", TENTH),
        _r("grid2_v", 30119, U16, "V", TENTH),
        _r("grid3_v", 30120, U16, "V", TENTH),
        _r("grid_hz", 30124, U16, "Hz", HUNDREDTH),
        _r("ac_w", 30127, U32, "W"),
        _r("work_mode", 30129, U16, note="0 wait, 1 normal, 2 error, 4 check"),
        _r("error_bits", 30130, U32),
        _r("inverter_c", 30141, TEMP, "°C", TENTH),
        _r("pv_wh", 30145, U32, "Wh", TENTH_KWH),
    ],
)
DT_METER = Block(
    "DT meter",
    30195,
    15,
    [
        _r("meter_w", 30195, S32, "W", TURNED, "device: + export, − import"),
        _r("export_wh", 30197, U32, "Wh"),
        _r("import_wh", 30199, U32, "Wh"),
        _r("meter_ok", 30209, U16, note="1 answers, 2 does not"),
    ],
)
DT_IDENTITY = (30001, 40)

# The ES family speaks AA55: addresses are byte offsets into the answer to 0106 (live) and 0109 (settings).
ES_RUNTIME = Block(
    "ES runtime",
    0,
    93,
    [
        _r("pv1_v", 0, U16, "V", TENTH),
        _r("pv1_a", 2, U16, "A", TENTH),
        _r("pv2_v", 5, U16, "V", TENTH),
        _r("pv2_a", 7, U16, "A", TENTH),
        _r("battery_v", 10, U16, "V", TENTH),
        _r("temperature_c", 16, TEMP, "°C", TENTH),
        _r("battery_a", 18, S16, "A", TENTH, "a magnitude; battery_mode 3 makes it a charge"),
        _r("charge_limit_a", 20, U16, "A"),
        _r("discharge_limit_a", 22, U16, "A"),
        _r("error_low", 24, U16),
        _r("soc_pct", 26, U8, "%"),
        _r("soh_pct", 29, U8, "%"),
        _r("battery_mode", 30, U8, note="0 none, 1 standby, 2 discharge, 3 charge"),
        _r("warning_low", 31, U16),
        _r("grid1_v", 34, U16, "V", TENTH),
        _r("grid_w", 38, S16, "W", note="a magnitude; direction 2 is import"),
        _r("grid_hz", 40, U16, "Hz", HUNDREDTH),
        _r("load_w", 47, U16, "W"),
        _r("work_mode", 52, U8, note="0 check, 1 wait, 2 on-grid, 4 off-grid, 8 flash, 16 fault, 32-128 battery"),
        _r("inverter_c", 53, TEMP, "°C", TENTH),
        _r("error_bits", 55, U32),
        _r("pv_wh", 59, U32, "Wh", TENTH_KWH),
        _r("load_wh", 71, U32, "Wh", TENTH_KWH),
        _r("direction", 80, U8, note="0 idle, 1 export, 2 import"),
        _r("backup_w", 81, U16, "W"),
        _r("diagnose_bits", 89, U32),
    ],
    word=1,
)
ES_SETTINGS = Block(
    "ES settings",
    0,
    68,
    [
        _r("export_on", 18, U16),
        _r("charge_max_v", 24, U16, "V", TENTH),
        _r("charge_max_a", 26, U16, "A"),
        _r("discharge_max_a", 28, U16, "A"),
        _r("discharge_min_v", 30, U16, "V", TENTH),
        _r("min_soc_pct", 32, U16, "%", note="the library shows 100 − value as depth of discharge"),
        _r("export_limit_w", 52, U16, "W"),
        _r("operation_mode", 66, U16, note="0 general, 1 off-grid, 2 backup, 3 eco"),
    ],
    word=1,
)

ET_BATTERY_LIMITS = Block(
    "ET battery limits",
    45352,
    4,
    [
        _r("charge_max_v", 45352, U16, "V", TENTH),
        _r("charge_max_a", 45353, U16, "A", TENTH),
        _r("discharge_min_v", 45354, U16, "V", TENTH),
        _r("discharge_max_a", 45355, U16, "A", TENTH),
    ],
)

BLOCKS = (
    ET_RUNTIME,
    ET_BMS,
    ET_BMS_2,
    ET_BATTERY_2,
    ET_METER,
    ET_MPPT,
    ET_BATTERY_LIMITS,
    ES_RUNTIME,
    ES_SETTINGS,
    DT_RUNTIME,
    DT_METER,
)

WORK_STATES_ET = {
    0: WorkState.WAITING,
    1: WorkState.ON_GRID,
    2: WorkState.OFF_GRID,
    3: WorkState.FAULT,
    4: WorkState.UPDATING,
    5: WorkState.CHECKING,
}
WORK_STATES_ES = {
    0: WorkState.CHECKING,
    1: WorkState.WAITING,
    2: WorkState.ON_GRID,
    4: WorkState.OFF_GRID,
    8: WorkState.UPDATING,
    16: WorkState.FAULT,
}
WORK_STATES_DT = {0: WorkState.WAITING, 1: WorkState.ON_GRID, 2: WorkState.FAULT, 4: WorkState.CHECKING}

BMS_ALARMS = tuple(BmsAlarm)
"""By bit of the error words 37012:37006; the enum is in the order of the bits."""

DIAGNOSE_FLAGS = (
    (3, InverterFlag.DISCHARGE_DISABLED),
    (9, InverterFlag.METER_LOST),
    (14, InverterFlag.BATTERY_DISCONNECTED),
    (18, InverterFlag.CHARGE_DISABLED),
    (30, InverterFlag.EMERGENCY_CHARGING),
)
METER_REVERSED_BIT = 10

BATTERY_MODE_NONE = 0
BATTERY_MODE_CHARGE = 3
GRID_CONNECTED = 1
