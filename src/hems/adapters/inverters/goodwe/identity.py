"""Who answered: model, serial number and firmware, and which family that makes it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from goodwe.model import (  # type: ignore[import-untyped]
    BAT_2_MODELS,
    DT_MODEL_TAGS,
    ES_MODEL_TAGS,
    ET_MODEL_TAGS,
    PLATFORM_745_HV_MODELS,
    PLATFORM_745_LV_MODELS,
    SINGLE_PHASE_MODELS,
)

from hems.adapters.inverters.goodwe.options import Family
from hems.adapters.inverters.goodwe.registers import word_of
from hems.domain.site import InverterIdentity

ARM_WITH_ECO_V2 = 19
_SERIAL_NUMBER_LENGTH_MIN = 8  # GoodWe prints 16 characters; fewer only where some cannot be shown
_SERIAL_NUMBER_LENGTH_MAX = 20  # bytes that are no text are shown as 32 hexadecimal digits
_TAGS = ((Family.ET, ET_MODEL_TAGS), (Family.ES, ES_MODEL_TAGS), (Family.DT, DT_MODEL_TAGS))


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceInfo:
    """What the identity block says. Sources: registers 35000 (ET), 30001 (DT), AA55 0102 (ES)."""

    family: Family
    model: str
    serial_number: str
    firmware: str
    rated_power_w: float
    arm_version: int
    dsp_version: int
    single_phase: bool

    @property
    def is_745(self) -> bool:
        """Whether it is of platform 745, whose eco slots are written differently."""
        return _has_tag(self.serial_number, PLATFORM_745_LV_MODELS + PLATFORM_745_HV_MODELS)

    @property
    def has_all_strings_block(self) -> bool:
        """Whether more PV strings than the runtime block holds may be built in [lib]."""
        return self.is_745 or self.rated_power_w >= 15_000

    @property
    def has_second_battery(self) -> bool:
        """Whether a second battery may be connected [lib]."""
        return _has_tag(self.serial_number, BAT_2_MODELS) or self.rated_power_w >= 25_000

    def as_identity(self) -> InverterIdentity:
        """Return this as the domain knows it."""
        return InverterIdentity(
            family=self.family.value,
            model=self.model,
            serial_number=self.serial_number,
            firmware=self.firmware,
            rated_power_w=self.rated_power_w,
        )


def family_of_serial(serial_number: str) -> Family | None:
    """Return the family whose model tag is in the serial number, or None for one that is not known."""
    for family, tags in _TAGS:
        if _has_tag(serial_number, tags):
            return family
    return None


def is_serial_number(value: str) -> bool:
    """Return whether ``value`` can be a serial number: the owner's settings are kept under it, so a guess will not do.

    Another block has the right length too; its bytes give no text, an empty one, or one of foreign letters.
    """
    return _SERIAL_NUMBER_LENGTH_MIN <= len(value) <= _SERIAL_NUMBER_LENGTH_MAX and value.isascii() and value.isalnum()


def parse_et(data: bytes) -> DeviceInfo:
    """Return the identity from the 33 registers at 35000."""
    serial = text(data[6:22])
    arm, dsp = word_of(data, 19), word_of(data, 16)
    return DeviceInfo(
        family=Family.ET,
        model=text(data[22:32]),
        serial_number=serial,
        firmware=f"{text(data[42:54])} (ARM {arm}, DSP {dsp})",
        rated_power_w=float(word_of(data, 1)),
        arm_version=arm,
        dsp_version=dsp,
        single_phase=word_of(data, 2) == 0 or _has_tag(serial, SINGLE_PHASE_MODELS),
    )


def parse_dt(data: bytes) -> DeviceInfo:
    """Return the identity from the 40 registers at 30001."""
    serial, model = text(data[6:22]), text(data[22:32])
    dsp, arm = word_of(data, 33), word_of(data, 35)
    return DeviceInfo(
        family=Family.DT,
        model=model,
        serial_number=serial,
        firmware=f"{dsp}.{word_of(data, 34)}.{arm:02x}",
        rated_power_w=rated_power_of_name(model, serial),
        arm_version=arm,
        dsp_version=dsp,
        single_phase=_has_tag(serial, SINGLE_PHASE_MODELS),
    )


def parse_aa55(data: bytes) -> DeviceInfo:
    """Return the identity from the answer to AA55 0102, which most families give; ``family`` by the serial number.

    Raises: ValueError: the serial number is of no known family.
    """
    firmware, serial, model = text(data[0:5]), text(data[31:47]), text(data[5:15])
    family = family_of_serial(serial)
    if family is None:
        raise ValueError(f"serial number {serial!r} ({model}) is of no known family")
    digits = firmware[:2]
    return DeviceInfo(
        family=family,
        model=model,
        serial_number=serial,
        firmware=firmware,
        rated_power_w=rated_power_of_name(model, serial),
        arm_version=int(firmware[4], 36) if len(firmware) >= 5 and firmware[4].isalnum() else 0,
        dsp_version=int(digits) if digits.isdigit() else 0,
        single_phase=True,
    )


def rated_power_of_name(model: str, serial_number: str) -> float:
    """Return the rated power [W] that a model name or serial number states, or 0 where it does not.

    GW17KT-DT is 17 kW, GW4200-NS 4.2 kW, GW5048D-ES 5.0 kW at 48 V; an ES serial number (95048ESU...)
    has the digits too.
    """
    kilowatts = re.match(r"GW(\d+(?:\.\d+)?)K", model.upper())
    if kilowatts:
        return float(kilowatts[1]) * 1000
    for name in (model.upper().removeprefix("GW"), serial_number[1:]):
        digits = name[:4]
        if digits.isdigit() and digits.endswith("48"):
            return float(int(digits[:2]) * 100)
        if digits.isdigit() and int(digits) >= 1000:
            return float(int(digits))
    return 0.0


def text(data: bytes) -> str:
    """Return an ASCII (or, on some units, UTF-16) text; other bytes become their hex, so that they can be seen."""
    try:
        is_wide = any(byte < 32 for byte in data)
        found = data.decode("utf-16-be" if is_wide else "ascii").replace("\x00", "").strip()
    except UnicodeDecodeError:
        return data.hex()
    return found if found.isascii() and found.isprintable() else data.hex()


def _has_tag(serial_number: str, tags: tuple[str, ...]) -> bool:
    return any(tag in serial_number for tag in tags)
