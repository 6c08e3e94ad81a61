"""Proof that a command took: the battery's measured power must agree with what was asked.

Registers that read back as written prove little: firmware is known to acknowledge and ignore. Pure; time comes with
the snapshots.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from hems.domain.command import Command, Mode
from hems.domain.readings import BatteryReading, InverterFlag, Quality, SiteSnapshot

SETTLE = timedelta(seconds=30)
"""Mode changes act within about 6 s on measured units; some firmware applies late (facts of the device)."""

FAILURES_TO_REFUTE = 3
"""One odd sample is a cloud or a kettle; three in a row are the inverter not doing as told."""

IDLE_BAND_W = 200.0
"""Battery power that still counts as none: idle draw, metering noise and the inverter's own dead band."""

SHARE_THAT_CONFIRMS = 0.5
"""A battery limits itself by temperature, SoC and taper; half of what it could take proves the direction."""

HOLD_FLOOR_STEP_PCT = 1.5
"""The step of the floor, and half of one for the rounding of the SoC that is read."""

TAPER_FROM_SOC_PCT = 95.0
RESERVE_SOC_PCT = 12.0
"""Below this an inverter may charge from the grid by its own emergency logic (5 -> 10 % by default)."""


class Proof(StrEnum):
    """What the measurements say about the command in force."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    REFUTED = "refuted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """The state of proving one command."""

    command: Command
    applied_at: datetime
    proof: Proof = Proof.PENDING
    mismatches: int = 0
    soc_at_start_pct: float | None = None
    """The SoC as first seen under the command."""
    detail: str = "waiting for the inverter to act"

    def observe(self, snapshot: SiteSnapshot) -> Verification:
        """Return the state after ``snapshot``; what cannot be judged changes nothing."""
        if self.soc_at_start_pct is None and snapshot.battery.soc_pct is not None:
            return replace(self, soc_at_start_pct=snapshot.battery.soc_pct).observe(snapshot)
        if timedelta(0) <= snapshot.at - self.applied_at < SETTLE:  # below 0 the clock was set back: do not wait for it
            return self
        mismatch = mismatch_of(self.command, snapshot)
        if mismatch is None or (mismatch and self._is_still_settling(snapshot)):
            return self
        if mismatch == "":
            detail = f"measured {_watts(snapshot.battery.power_w)} at the battery"
            return self._with(Proof.CONFIRMED, 0, detail)
        mismatches = self.mismatches + 1
        proof = Proof.REFUTED if mismatches >= FAILURES_TO_REFUTE else self.proof
        return self._with(proof, mismatches, mismatch)

    def _with(self, proof: Proof, mismatches: int, detail: str) -> Verification:
        return replace(self, proof=proof, mismatches=mismatches, detail=detail)

    def _is_still_settling(self, snapshot: SiteSnapshot) -> bool:
        """A hold is a minimum SoC in whole percents: the battery may first give what is above it."""
        soc_pct = snapshot.battery.soc_pct
        if self.command.mode is not Mode.HOLD or soc_pct is None or self.soc_at_start_pct is None:
            return False
        return soc_pct > self.soc_at_start_pct - HOLD_FLOOR_STEP_PCT


def mismatch_of(command: Command, snapshot: SiteSnapshot) -> str | None:
    """Return how the measured power contradicts ``command``; empty where it agrees, None where it cannot be judged."""
    battery = snapshot.battery
    power_w = battery.power_w
    if power_w is None or battery.quality is not Quality.GOOD:
        return None
    match command.mode:
        case Mode.CHARGE:
            return _charge_mismatch(command, battery, power_w)
        case Mode.DISCHARGE:
            return _discharge_mismatch(command, battery, power_w)
        case Mode.HOLD:
            return "" if power_w <= IDLE_BAND_W else f"asked to hold, but the battery gives {_watts(power_w)}"
        case Mode.NO_CHARGE:
            return "" if power_w >= -IDLE_BAND_W else f"asked not to charge, but the battery takes {_watts(-power_w)}"
        case Mode.STANDBY:
            return "" if abs(power_w) <= IDLE_BAND_W else f"asked to rest, but the battery moves {_watts(power_w)}"
        case Mode.SELF_USE:
            return _self_use_mismatch(snapshot, power_w)


def _charge_mismatch(command: Command, battery: BatteryReading, power_w: float) -> str | None:
    expected_w = min(command.power_w or 0.0, _limit_w(battery.charge_limit_a, battery.voltage_v))
    soc_pct = battery.soc_pct
    if expected_w <= IDLE_BAND_W or soc_pct is None or soc_pct >= TAPER_FROM_SOC_PCT:
        return "" if power_w <= IDLE_BAND_W else f"asked to charge, but the battery gives {_watts(power_w)}"
    if -power_w >= SHARE_THAT_CONFIRMS * expected_w:
        return ""
    return f"asked to charge at {_watts(expected_w)}, but the battery takes {_watts(-power_w)}"


def _discharge_mismatch(command: Command, battery: BatteryReading, power_w: float) -> str | None:
    expected_w = min(command.power_w or 0.0, _limit_w(battery.discharge_limit_a, battery.voltage_v))
    if expected_w <= IDLE_BAND_W:
        return "" if power_w >= -IDLE_BAND_W else f"asked to discharge, but the battery takes {_watts(-power_w)}"
    if power_w >= SHARE_THAT_CONFIRMS * expected_w:
        return ""
    return f"asked to discharge at {_watts(expected_w)}, but the battery gives {_watts(power_w)}"


def _self_use_mismatch(snapshot: SiteSnapshot, power_w: float) -> str | None:
    grid_w = snapshot.grid.power_w
    soc_pct = snapshot.battery.soc_pct
    if grid_w is None or InverterFlag.EMERGENCY_CHARGING in snapshot.inverter.flags:
        return None
    if soc_pct is None or soc_pct <= RESERVE_SOC_PCT:
        return None
    if power_w < -2 * IDLE_BAND_W and grid_w > 2 * IDLE_BAND_W:
        return f"asked for self-use, but the battery takes {_watts(-power_w)} while {_watts(grid_w)} is imported"
    if power_w > 2 * IDLE_BAND_W and grid_w < -2 * IDLE_BAND_W:
        return f"asked for self-use, but the battery gives {_watts(power_w)} while {_watts(-grid_w)} is exported"
    return ""


def _limit_w(limit_a: float | None, voltage_v: float | None) -> float:
    if limit_a is None or voltage_v is None:
        return float("inf")
    return limit_a * voltage_v


def _watts(power_w: float | None) -> str:
    return "an unknown power" if power_w is None else f"{power_w:.0f} W"
