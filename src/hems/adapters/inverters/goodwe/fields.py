"""The control fields of a GoodWe inverter: what the owner has set and what we may set, as raw registers.

A picture of the control registers is a mapping from field to the bytes read; a target is a mapping of the fields that
have to hold something. What is in neither is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Field(StrEnum):
    """One thing that can be set; the value is its name in the saved file."""

    EMS = "ems"  # two words: mode, power [W]
    WORK_MODE = "work_mode"
    MIN_SOC = "min_soc"  # [%]; the library calls it battery_discharge_depth, but the value is the SoC that stays
    CHARGE_CURRENT = "charge_current"  # [0.1 A]
    DISCHARGE_CURRENT = "discharge_current"  # [0.1 A]; saved, never set: 0 here took a backup side down [GM]
    EXPORT_LIMIT = "export_limit"  # switch and limit [W] side by side: one write sets both
    EXPORT_SWITCH = "export_switch"  # where it lies apart: ES, which has no way to set it, and three-phase DT
    EXPORT_VALUE = "export_value"  # the limit alone: ES in W, three-phase DT in % of rated
    FAST_CHARGE = "fast_charge"  # 0 or 1
    FAST_CHARGE_SOC = "fast_charge_soc"  # [%]
    FAST_CHARGE_POWER = "fast_charge_power"  # [% of rated]
    ECO_1 = "eco_1"
    ECO_2 = "eco_2"
    ECO_3 = "eco_3"
    ECO_4 = "eco_4"


ECO_SLOTS = (Field.ECO_1, Field.ECO_2, Field.ECO_3, Field.ECO_4)

Image = Mapping[Field, bytes]
Target = Mapping[Field, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a field lies: first register and number of registers, with the source of that knowledge."""

    address: int
    count: int
    source: str = "lib"


ET_PLACES: Mapping[Field, Place] = {
    Field.CHARGE_CURRENT: Place(address=45353, count=1),
    Field.DISCHARGE_CURRENT: Place(address=45355, count=1),
    Field.MIN_SOC: Place(address=45356, count=1),
    Field.WORK_MODE: Place(address=47000, count=1),
    Field.EXPORT_LIMIT: Place(address=47509, count=2),
    Field.EMS: Place(address=47511, count=2),
}
ECO_V1_PLACES: Mapping[Field, Place] = {
    field: Place(address=47515 + 4 * index, count=4) for index, field in enumerate(ECO_SLOTS)
}
ECO_V2_PLACES: Mapping[Field, Place] = {
    field: Place(address=47547 + 6 * index, count=6) for index, field in enumerate(ECO_SLOTS)
}
FAST_CHARGE_PLACES: Mapping[Field, Place] = {
    Field.FAST_CHARGE: Place(address=47545, count=1),
    Field.FAST_CHARGE_SOC: Place(address=47546, count=1),
    Field.FAST_CHARGE_POWER: Place(address=47603, count=1),
}
ET_100_KW_PLACES: Mapping[Field, Place] = {Field.EMS: Place(address=42000, count=2, source="OE")}
ET_50_KW_PLACES: Mapping[Field, Place] = {Field.EXPORT_LIMIT: Place(address=42003, count=2, source="OE")}
ES_ECO_V1_PLACES: Mapping[Field, Place] = {
    field: Place(address=0x701 + 4 * index, count=4) for index, field in enumerate(ECO_SLOTS)
}
ES_FAST_CHARGE_PLACES: Mapping[Field, Place] = {
    Field.FAST_CHARGE: Place(address=47545, count=1),
    Field.FAST_CHARGE_SOC: Place(address=47546, count=1),
}
DT_THREE_PHASE_PLACES: Mapping[Field, Place] = {
    Field.EXPORT_SWITCH: Place(address=40327, count=1),
    Field.EXPORT_VALUE: Place(address=40336, count=1),
}
DT_SINGLE_PHASE_PLACES: Mapping[Field, Place] = {Field.EXPORT_LIMIT: Place(address=40327, count=3)}

EMS_ENABLE_ADDRESS = 47505  # OpenEMS writes 2 there before it uses EMS [OE]; here it is only read and reported

PLACE_MAPS: tuple[Mapping[Field, Place], ...] = (
    ET_PLACES,
    ECO_V1_PLACES,
    ECO_V2_PLACES,
    FAST_CHARGE_PLACES,
    ET_100_KW_PLACES,
    ET_50_KW_PLACES,
    ES_ECO_V1_PLACES,
    ES_FAST_CHARGE_PLACES,
    DT_THREE_PHASE_PLACES,
    DT_SINGLE_PHASE_PLACES,
)
"""All of the above: nothing is written at any other place, whatever a file says."""

UNSET = 0xFFFF
_LARGEST_FIRST_WORD: Mapping[Field, int] = {
    Field.EMS: 0xFF,  # 1 to 12, 255 stops
    Field.WORK_MODE: 0xFF,
    Field.MIN_SOC: 100,
    Field.CHARGE_CURRENT: 5000,  # 500 A
    Field.DISCHARGE_CURRENT: 5000,
    Field.EXPORT_LIMIT: 0xFF,
    Field.EXPORT_SWITCH: 0xFF,
    Field.FAST_CHARGE: 0xFF,
    Field.FAST_CHARGE_SOC: 100,
}
_SLOT_HOURS = frozenset({*range(25), 48, 0xFF})  # 48:00 is an unset time


def cannot_hold(field: Field, payload: bytes) -> bool:
    """Return whether ``field`` can never hold ``payload``: an answer meant for another client has the right length too.

    Wide on purpose, and 0xFFFF passes as unset: what is refused here is never the inverter's own, such as a clock.
    """
    if field in ECO_SLOTS:
        return payload[0] not in _SLOT_HOURS
    first = int.from_bytes(payload[:2], "big")
    return first != UNSET and first > _LARGEST_FIRST_WORD.get(field, UNSET)


WORK_MODE_GENERAL = 0
WORK_MODE_ECO = 3
WORK_MODE_SELF_USE_745 = 5
SELF_USE_WORK_MODES = frozenset({WORK_MODE_GENERAL, WORK_MODE_SELF_USE_745})
