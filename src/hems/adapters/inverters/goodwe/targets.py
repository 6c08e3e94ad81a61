"""What the control registers have to hold for each mode: pure, and one file for each way of forcing a power.

Every mode starts from the same ground, ``undisturbed``: EMS automatic, general work mode, fast charge off, and the
owner's value in every field we have touched. So leaving a mode undoes exactly what it set, whichever mode follows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from hems.adapters.inverters.goodwe.fields import (
    SELF_USE_WORK_MODES,
    WORK_MODE_GENERAL,
    Field,
    Image,
    Target,
)
from hems.adapters.inverters.goodwe.registers import word_of, words
from hems.domain.command import Command, Mode
from hems.domain.site import ControlMethod

EMS_AUTO, EMS_DISCHARGE, EMS_STANDBY, EMS_CHARGE = 1, 3, 8, 11
EMS_AUTOMATIC = frozenset({0, EMS_AUTO})
EMS_NAMES = {
    2: "charge from PV",
    4: "import",
    5: "export",
    6: "conserve",
    7: "off-grid",
    9: "buy power",
    10: "sell power",
    12: "discharge battery",
    255: "stopped",
}
OWNERS_OWN = (Field.WORK_MODE,)
"""Put back only when the coordinator lets go: while it is in charge it is its to set."""
_SET_APART = frozenset({Field.EMS, Field.FAST_CHARGE, *OWNERS_OWN})
HOLD_BELOW_PCT = 2
HOLD_ABOVE_PCT = 5
"""A floor this near to the SoC is a hold already: discharge would resume only 5 points above the floor [GM]."""


class CannotControlError(Exception):
    """The command cannot be carried out; the message is for the owner, and nothing has been written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """All that a target depends on."""

    image: Image
    """The control registers as they are."""
    owner: Image
    """The owner's value of every field we have touched."""
    rated_power_w: float
    now: datetime
    soc_pct: float | None = None
    inverter_clock: datetime | None = None
    """What the inverter's own clock shows, without a zone."""
    platform_745: bool = False


class ForcedPower(Protocol):
    """One way of charging or discharging at a power."""

    @property
    def method(self) -> ControlMethod:
        """Which one."""
        ...

    @property
    def needs_soc(self) -> bool:
        """Whether it depends on the battery's SoC."""
        ...

    @property
    def needs_clock(self) -> bool:
        """Whether it depends on the inverter's clock."""
        ...

    def target(self, command: Command, situation: Situation) -> Target:
        """Return what the registers have to hold for a CHARGE or DISCHARGE, beyond ``undisturbed``.

        Raises: CannotControlError: it cannot be done, and why.
        """
        ...


def undisturbed(situation: Situation) -> dict[Field, bytes]:
    """Return the target of plain self-use, without fields that the device lacks or whose owner's value is unknown."""
    image = situation.image
    target = {field: value for field, value in situation.owner.items() if field in image and field not in _SET_APART}
    if Field.EMS in image:
        automatic = word_of(image[Field.EMS]) in EMS_AUTOMATIC
        target[Field.EMS] = image[Field.EMS] if automatic else words(EMS_AUTO, 0)
    if Field.WORK_MODE in image:
        fine = word_of(image[Field.WORK_MODE]) in SELF_USE_WORK_MODES
        target[Field.WORK_MODE] = image[Field.WORK_MODE] if fine else words(WORK_MODE_GENERAL)
    if Field.FAST_CHARGE in image:
        target[Field.FAST_CHARGE] = words(0)
    return target


def target_for(command: Command, situation: Situation, forced: ForcedPower | None) -> Target:
    """Return what the registers have to hold for ``command``.

    Raises: CannotControlError: the device lacks what is needed, or something needed is unknown.
    """
    target = undisturbed(situation)
    match command.mode:
        case Mode.SELF_USE:
            return target
        case Mode.HOLD:
            return target | dict(_hold(situation))
        case Mode.NO_CHARGE:
            _require(situation, Field.CHARGE_CURRENT, "its charge current cannot be set")
            return target | {Field.CHARGE_CURRENT: words(0)}
        case Mode.STANDBY:
            _require(situation, Field.EMS, "it has no EMS modes, and only those can stop the battery")
            return target | {Field.EMS: words(EMS_STANDBY, 0)}
        case Mode.CHARGE | Mode.DISCHARGE:
            if forced is None:
                raise CannotControlError("this inverter has no battery to charge or discharge")
            return target | dict(forced.target(command, situation))


def _hold(situation: Situation) -> Mapping[Field, bytes]:
    """Minimum SoC := present SoC. Never discharge current 0: at a grid failure that took the backup side down [GM]."""
    _require(situation, Field.MIN_SOC, "its minimum SoC cannot be set")
    if situation.soc_pct is None:
        raise CannotControlError(
            "the battery's SoC is unknown, so there is nothing to hold: wait until the BMS answers"
        )
    present, soc = situation.image[Field.MIN_SOC], round(situation.soc_pct)
    owners = situation.owner.get(Field.MIN_SOC)
    if owners is not None and soc - HOLD_BELOW_PCT <= word_of(present) <= soc + HOLD_ABOVE_PCT:
        return {Field.MIN_SOC: present}  # held already; following every percent would only wear the flash
    return {Field.MIN_SOC: words(min(100, max(soc, word_of(owners or present))))}


def _require(situation: Situation, field: Field, otherwise: str) -> None:
    if field not in situation.image:
        raise CannotControlError(f"this inverter cannot do that: {otherwise}")


def required_power_w(command: Command) -> float:
    """Return the power of a forced command [W], a magnitude.

    Raises: CannotControlError: it has none; nothing is forced on a guess.
    """
    if command.power_w is None or not 0 <= command.power_w < float("inf"):
        raise CannotControlError(f"{command.mode.value} needs a power in W of 0 or more; {command.power_w} was given")
    return command.power_w


def percent_of_rated(power_w: float, rated_power_w: float) -> int:
    """Return ``power_w`` in whole percent of the rated power, 1 to 100; eco slots and fast charge count so.

    Raises: CannotControlError: the rated power is unknown.
    """
    if rated_power_w <= 0:
        raise CannotControlError("the inverter's rated power is unknown, and this method counts in percent of it")
    return max(1, min(100, round(100 * power_w / rated_power_w)))
