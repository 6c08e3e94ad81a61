"""Bounds on what may be asked of the battery and the grid, and why they hold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Cause(StrEnum):
    """Everything that can bound the coordinator. The table of ``docs/safety.md`` is made from the rules."""

    BATTERY_TOO_HOT = "battery_too_hot"
    BATTERY_TOO_COLD_TO_CHARGE = "battery_too_cold_to_charge"
    BATTERY_TOO_COLD_TO_DISCHARGE = "battery_too_cold_to_discharge"
    BATTERY_OVER_VOLTAGE = "battery_over_voltage"
    BATTERY_UNDER_VOLTAGE = "battery_under_voltage"
    GRID_OVER_VOLTAGE = "grid_over_voltage"
    GRID_UNDER_VOLTAGE = "grid_under_voltage"
    GRID_LOST = "grid_lost"
    COMMUNICATION_LOST = "communication_lost"
    SYSTEM_ERROR = "system_error"
    BMS_ALARM = "bms_alarm"
    CHARGE_DISABLED = "charge_disabled"
    DISCHARGE_DISABLED = "discharge_disabled"
    SOC_IMPLAUSIBLE = "soc_implausible"
    SOC_AT_FLOOR = "soc_at_floor"
    SOC_AT_CEILING = "soc_at_ceiling"
    BATTERY_UNKNOWN = "battery_unknown"
    GRID_UNKNOWN = "grid_unknown"
    METER_LOST = "meter_lost"
    FUSE = "fuse"
    STOPPED_BY_PERSON = "stopped_by_person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The most that may flow [W], all >= 0; ``inf`` is unbounded.

    ``charge_max_w`` and ``discharge_max_w`` bound the battery whatever moves it; ``forced_charge_max_w`` and
    ``forced_discharge_max_w`` bound only what the coordinator asks for beyond self-use; ``export_max_w`` bounds what of
    the battery may leave the house. PV that nobody takes leaves by the inverter's own rules.
    """

    charge_max_w: float = float("inf")
    discharge_max_w: float = float("inf")
    forced_charge_max_w: float = float("inf")
    forced_discharge_max_w: float = float("inf")
    export_max_w: float = float("inf")

    def intersect(self, other: Bounds) -> Bounds:
        """Return the tighter of both, bound by bound."""
        return Bounds(
            charge_max_w=min(self.charge_max_w, other.charge_max_w),
            discharge_max_w=min(self.discharge_max_w, other.discharge_max_w),
            forced_charge_max_w=min(self.forced_charge_max_w, other.forced_charge_max_w),
            forced_discharge_max_w=min(self.forced_discharge_max_w, other.forced_discharge_max_w),
            export_max_w=min(self.export_max_w, other.export_max_w),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One rule that holds now: the cause, the bounds it sets, and the reading that broke it, for a person."""

    cause: Cause
    bounds: Bounds
    detail: str
    latches: bool = True
    """Whether it must stay clear for the release time before it lets go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldViolation:
    """A latched violation, for whoever wants to see or release it."""

    violation: Violation
    since: datetime
    clear_for: timedelta
    """How long its rule has been seen clear; nothing while it holds."""
    release_after: timedelta | None
    """How long it has to be seen clear to let go by itself; None where only a person releases it, and before the
    inverter is first opened."""
    is_releasable: bool
    """Whether a person may release it now: a person's own stop, or a rule that is seen clear at the last poll."""
    why_not: str | None = None
    """Why it may not: ``holds``, or ``unknown`` where nobody can tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetyEnvelope:
    """The bounds of this cycle and everything that made them."""

    at: datetime
    bounds: Bounds
    violations: tuple[Violation, ...] = ()
    lasting: Bounds | None = None
    """The bounds without the fuse's, which comes and goes with every kettle; None: the same as ``bounds``."""

    @property
    def lasting_bounds(self) -> Bounds:
        """What a plan for the hours ahead may count on: the bounds without what passes within minutes."""
        return self.bounds if self.lasting is None else self.lasting

    @property
    def is_clear(self) -> bool:
        """Whether nothing bounds the coordinator beyond the owner's own limits."""
        return not self.violations

    @property
    def causes(self) -> frozenset[Cause]:
        """The causes that hold."""
        return frozenset(violation.cause for violation in self.violations)
