"""Forcing a power through an eco slot: it ends by the inverter's clock, even if nobody comes back to end it."""

from __future__ import annotations

from datetime import datetime

from hems.adapters.inverters.goodwe.fields import ECO_SLOTS, WORK_MODE_ECO, Field, Target
from hems.adapters.inverters.goodwe.registers import words
from hems.adapters.inverters.goodwe.slots import (
    EcoSlot,
    decode,
    encode_v1,
    encode_v2,
    switched_off,
    window_until,
)
from hems.adapters.inverters.goodwe.targets import (
    CannotControlError,
    Situation,
    percent_of_rated,
    required_power_w,
)
from hems.domain.command import Command, Mode
from hems.domain.site import ControlMethod

V1_LENGTH = 8


class EcoSlotControl:
    """Slot 1 from now until the lease's expiry, on today's weekday only, by the inverter's own clock.

    The owner's other slots are switched off meanwhile, since they would fire in eco mode too; they come back with the
    next mode. A slot that already runs with this power until the expiry is left as it is.
    """

    method = ControlMethod.ECO_SLOT
    needs_soc = False
    needs_clock = True

    def target(self, command: Command, situation: Situation) -> Target:
        """Return slot 1, the others switched off, and eco mode."""
        image = situation.image
        if Field.ECO_1 not in image or Field.WORK_MODE not in image:
            raise CannotControlError("this inverter has no eco slots: set inverter.control to auto")
        if situation.inverter_clock is None:
            raise CannotControlError("the inverter's clock cannot be read, and an eco slot runs by it")
        remaining = command.expires_at - situation.now
        if remaining.total_seconds() <= 0:
            raise CannotControlError("the command has expired")
        power = percent_of_rated(required_power_w(command), situation.rated_power_w)
        soc = 100 if command.target_soc_pct is None else round(command.target_soc_pct)
        start, end, days = window_until(situation.inverter_clock, remaining)
        slot = EcoSlot(
            start=start,
            end=end,
            days=days,
            power_pct=-power if command.mode is Mode.CHARGE else power,
            # A discharge slot's SoC is ignored or even stops it on some firmware [HA#452, #486]; the library sends 100.
            soc_pct=soc if command.mode is Mode.CHARGE else 100,
        )
        present = decode(image[Field.ECO_1])
        if present is not None and self._serves(present, slot, situation.inverter_clock):
            encoded = image[Field.ECO_1]
        elif len(image[Field.ECO_1]) == V1_LENGTH:
            encoded = encode_v1(slot)
        else:
            encoded = encode_v2(slot, platform_745=situation.platform_745)
        others = {
            field: switched_off(image[field])
            for field in ECO_SLOTS[1:]
            if field in image and decode(image[field]) is not None
        }
        keep_off = {field: image[field] for field in ECO_SLOTS[1:] if field in image and field not in others}
        return {**keep_off, **others, Field.ECO_1: encoded, Field.WORK_MODE: words(WORK_MODE_ECO)}

    @staticmethod
    def _serves(present: EcoSlot, wanted: EcoSlot, moment: datetime) -> bool:
        """Whether the slot in place already does what is wanted, and not for longer."""
        return (
            present.covers(moment)
            and (present.days, present.power_pct, present.soc_pct) == (wanted.days, wanted.power_pct, wanted.soc_pct)
            and present.end == wanted.end
        )
