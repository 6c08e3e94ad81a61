"""Forcing a charge through fast charge: it ends by itself at its SoC, but knows no time limit."""

from __future__ import annotations

from hems.adapters.inverters.goodwe.fields import Field, Target
from hems.adapters.inverters.goodwe.registers import word_of, words
from hems.adapters.inverters.goodwe.targets import (
    CannotControlError,
    Situation,
    percent_of_rated,
    required_power_w,
)
from hems.domain.command import Command, Mode
from hems.domain.site import ControlMethod

SOC_STEP_PCT = 2
"""The target has to be at least this far above the present SoC, or the inverter answers ILLEGAL DATA VALUE."""


class FastChargeControl:
    """Power and SoC first, the switch last."""

    method = ControlMethod.FAST_CHARGE
    needs_soc = True
    needs_clock = False

    def target(self, command: Command, situation: Situation) -> Target:
        """Return power, SoC and switch of fast charge."""
        if command.mode is Mode.DISCHARGE:
            raise CannotControlError(
                "fast charge can only charge: set inverter.control to ems or eco_slot to discharge"
            )
        if Field.FAST_CHARGE not in situation.image or Field.FAST_CHARGE_POWER not in situation.image:
            raise CannotControlError(
                "this inverter's firmware has no fast charge with a power of its own: set inverter.control to auto"
            )
        if situation.soc_pct is None:
            raise CannotControlError("the battery's SoC is unknown, and fast charge needs a SoC to end at")
        goal = round(min(100.0, 100.0 if command.target_soc_pct is None else command.target_soc_pct))
        power = percent_of_rated(required_power_w(command), situation.rated_power_w)
        target = {
            Field.FAST_CHARGE_POWER: words(power),
            Field.FAST_CHARGE_SOC: words(goal),
            Field.FAST_CHARGE: words(1),
        }
        running = word_of(situation.image[Field.FAST_CHARGE]) == 1
        unchanged = situation.image.get(Field.FAST_CHARGE_SOC) == words(goal)
        if not (running and unchanged) and goal < situation.soc_pct + SOC_STEP_PCT:
            raise CannotControlError(
                f"fast charge to {goal} % needs a SoC of {goal - SOC_STEP_PCT} % or less, "
                f"and it is {situation.soc_pct:.0f} %"
            )
        return target
