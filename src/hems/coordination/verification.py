"""Proof that a command took: the battery's measured power, and what is fed in, must agree with what was asked.

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

EXPORT_BAND_W = 200.0
"""Power fed in that still keeps an export limit: the regulation's own swing and the meter's dead band of 90 W."""

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
            if self.command.export_limit_w is not None:
                detail += f" and {_watts(fed_in_w(snapshot))} fed in"
            return self._with(Proof.CONFIRMED, 0, detail)
        mismatches = self.mismatches + 1
        proof = Proof.REFUTED if mismatches >= FAILURES_TO_REFUTE else self.proof
        return self._with(proof, mismatches, mismatch)

    def _with(self, proof: Proof, mismatches: int, detail: str) -> Verification:
        return replace(self, proof=proof, mismatches=mismatches, detail=detail)

    def _is_still_settling(self, snapshot: SiteSnapshot) -> bool:
        """A hold is a minimum SoC in whole percents: the battery may first give what is above it."""
        soc_pct, limit_w = snapshot.battery.soc_pct, self.command.export_limit_w
        if self.command.mode is not Mode.HOLD or soc_pct is None or self.soc_at_start_pct is None:
            return False
        if limit_w is not None and _export_mismatch(limit_w, snapshot):
            return False  # what is fed in has nothing to settle
        return soc_pct > self.soc_at_start_pct - HOLD_FLOOR_STEP_PCT


def mismatch_of(command: Command, snapshot: SiteSnapshot) -> str | None:
    """Return how what was measured contradicts ``command``; empty where it agrees, None where it cannot be judged.

    With an export limit both have to agree: one contradiction is enough, and one unknown is none.
    """
    battery = _battery_mismatch(command, snapshot)
    if command.export_limit_w is None:
        return battery
    export = _export_mismatch(command.export_limit_w, snapshot)
    contradictions = [found for found in (battery, export) if found]
    if contradictions:
        return "; ".join(contradictions)
    return None if battery is None or export is None else ""


def fed_in_w(snapshot: SiteSnapshot) -> float | None:
    """Return what the house feeds into the grid [W], or None where that is not known for good."""
    grid_w = snapshot.grid.power_w if snapshot.grid.quality is Quality.GOOD else None
    return None if grid_w is None else max(0.0, -grid_w)


def _export_mismatch(limit_w: float, snapshot: SiteSnapshot) -> str | None:
    export_w = fed_in_w(snapshot)
    if export_w is None:
        return None
    if export_w <= limit_w + EXPORT_BAND_W:
        return ""
    return f"asked to feed in at most {_watts(limit_w)}, but {_watts(export_w)} are fed in"


def _battery_mismatch(command: Command, snapshot: SiteSnapshot) -> str | None:
    battery = snapshot.battery
    power_w = battery.power_w
    if power_w is None or battery.quality is not Quality.GOOD:
        return None
    match command.mode:
        case Mode.CHARGE:
            return _charge_mismatch(command, battery, power_w)
        case Mode.DISCHARGE:
            return _discharge_mismatch(command, snapshot, power_w)
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


def _discharge_mismatch(command: Command, snapshot: SiteSnapshot, power_w: float) -> str | None:
    battery = snapshot.battery
    expected_w = min(command.power_w or 0.0, _limit_w(battery.discharge_limit_a, battery.voltage_v))
    if command.export_limit_w is not None:  # then no more is given than the house takes and the limit lets out
        pv_w, load_w = snapshot.pv.power_w, snapshot.load.power_w
        if pv_w is None or load_w is None:
            return None
        expected_w = min(expected_w, max(0.0, load_w - pv_w) + command.export_limit_w)
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
