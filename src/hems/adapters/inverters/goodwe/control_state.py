"""What the control registers say, in the words of the modes: whoever set them."""

from __future__ import annotations

from hems.adapters.inverters.goodwe.fields import (
    ECO_SLOTS,
    SELF_USE_WORK_MODES,
    WORK_MODE_ECO,
    Field,
)
from hems.adapters.inverters.goodwe.registers import word_of, words
from hems.adapters.inverters.goodwe.slots import decode
from hems.adapters.inverters.goodwe.targets import (
    EMS_AUTOMATIC,
    EMS_CHARGE,
    EMS_DISCHARGE,
    EMS_NAMES,
    EMS_STANDBY,
    Situation,
)
from hems.domain.command import Mode

WORK_MODE_NAMES = {1: "off-grid", 2: "backup", 3: "eco", 4: "peak shaving"}
_EMS_MODES = {EMS_CHARGE: Mode.CHARGE, EMS_DISCHARGE: Mode.DISCHARGE, EMS_STANDBY: Mode.STANDBY}

Reading = tuple[Mode | None, float | None, str]
"""Mode, power [W] where the mode has one, and the registers in words."""


def describe(situation: Situation) -> Reading:
    """Return what the inverter has been told to do; the mode is None for what this product never asks for."""
    for look in (_by_ems, _by_fast_charge, _by_work_mode, _by_limits):
        reading = look(situation)
        if reading is not None:
            return reading
    return Mode.SELF_USE, None, "automatic"


def _by_ems(situation: Situation) -> Reading | None:
    raw = situation.image.get(Field.EMS)
    if raw is None or word_of(raw) in EMS_AUTOMATIC:
        return None
    number, power = word_of(raw), word_of(raw, 1)
    mode = _EMS_MODES.get(number)
    if mode is None:
        return None, None, f"EMS mode {number} ({EMS_NAMES.get(number, 'unknown')}) at {power} W"
    return mode, None if mode is Mode.STANDBY else float(power), f"EMS mode {number} at {power} W"


def _by_fast_charge(situation: Situation) -> Reading | None:
    if word_of(situation.image.get(Field.FAST_CHARGE, words(0))) != 1:
        return None
    goal = situation.image.get(Field.FAST_CHARGE_SOC)
    power = situation.image.get(Field.FAST_CHARGE_POWER)
    share = None if power is None else word_of(power)
    detail = f"fast charge to {'?' if goal is None else word_of(goal)} % with {'?' if share is None else share} % power"
    return Mode.CHARGE, None if share is None else situation.rated_power_w * share / 100, detail


def _by_work_mode(situation: Situation) -> Reading | None:
    raw = situation.image.get(Field.WORK_MODE)
    if raw is None or word_of(raw) in SELF_USE_WORK_MODES:
        return None
    number = word_of(raw)
    name = WORK_MODE_NAMES.get(number, "unknown")
    if number != WORK_MODE_ECO:
        return None, None, f"work mode {number} ({name})"
    for position, field in enumerate(ECO_SLOTS, start=1):
        slot = decode(situation.image[field]) if field in situation.image else None
        if slot is not None and situation.inverter_clock is not None and slot.covers(situation.inverter_clock):
            mode = Mode.CHARGE if slot.power_pct < 0 else Mode.DISCHARGE
            detail = f"eco slot {position} from {slot.start:%H:%M} to {slot.end:%H:%M} at {slot.power_pct} %"
            return mode, situation.rated_power_w * abs(slot.power_pct) / 100, detail
    return None, None, "eco mode, no slot active now"


def _by_limits(situation: Situation) -> Reading | None:
    current = situation.image.get(Field.CHARGE_CURRENT)
    if current is not None and word_of(current) == 0:
        known = Field.CHARGE_CURRENT in situation.owner
        return Mode.NO_CHARGE, None, "charge current 0 A" + ("" if known else "; what it was before is not known")
    floor, owners = situation.image.get(Field.MIN_SOC), situation.owner.get(Field.MIN_SOC)
    if floor is not None and owners is not None and floor != owners:
        return Mode.HOLD, None, f"minimum SoC {word_of(floor)} %, the owner's is {word_of(owners)} %"
    return None
