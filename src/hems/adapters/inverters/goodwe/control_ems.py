"""Forcing a power through EMS: two registers, exact to about 7 W, no time-out of their own."""

from __future__ import annotations

from hems.adapters.inverters.goodwe.fields import Field, Target
from hems.adapters.inverters.goodwe.registers import words
from hems.adapters.inverters.goodwe.targets import (
    EMS_CHARGE,
    EMS_DISCHARGE,
    CannotControlError,
    Situation,
    required_power_w,
)
from hems.domain.command import Command, Mode
from hems.domain.site import ControlMethod

EMS_POWER_MAX_W = 10_000
"""The documented range of 47512 is 0 to 10000 W, whatever the inverter's size."""


class EmsControl:
    """EMS 11 charges the battery with exactly N W, PV first; EMS 3 delivers exactly N W of it, PV not curtailed [GM].

    Mode and power go out in one write of two registers: the library writes the mode first and never writes a power
    of 0, so for a moment, or for good, the old power would be in force.
    """

    method = ControlMethod.EMS
    needs_soc = False
    needs_clock = False

    def target(self, command: Command, situation: Situation) -> Target:
        """Return mode and power for EMS."""
        if Field.EMS not in situation.image:
            raise CannotControlError("this inverter has no EMS registers: set inverter.control to eco_slot")
        mode = EMS_CHARGE if command.mode is Mode.CHARGE else EMS_DISCHARGE
        return {Field.EMS: words(mode, round(min(required_power_w(command), EMS_POWER_MAX_W)))}
