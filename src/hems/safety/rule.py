"""What a safety rule is: a cause, the words for it, the bounds it sets, and a check over the readings.

A check answers with the sentence that names the reading which broke the rule, with None where the rule is kept, or with
``CANNOT_TELL`` where what it reads is unknown. The difference matters twice: an unknown reading is bounded by a rule of
its own, and a latched violation is not clear while nobody can tell.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from hems.domain.readings import SiteSnapshot
from hems.domain.safety import Bounds, Cause, Violation
from hems.domain.site import SiteSpec


class Tell(Enum):
    """What a check says when it has no answer."""

    CANNOT_TELL = "cannot tell"


CANNOT_TELL = Tell.CANNOT_TELL

STOP_FORCED = Bounds(forced_charge_max_w=0.0, forced_discharge_max_w=0.0, export_max_w=0.0)
"""All operations of the coordinator stop; the inverter's own self-use goes on."""
NO_FORCED_CHARGE = Bounds(forced_charge_max_w=0.0)
NO_FORCED_DISCHARGE = Bounds(forced_discharge_max_w=0.0)
NO_EXPORT = Bounds(export_max_w=0.0)
STOP_CHARGE = Bounds(charge_max_w=0.0, forced_charge_max_w=0.0)
STOP_FORCED_AND_CHARGE = STOP_FORCED.intersect(STOP_CHARGE)
STOP_DISCHARGE = Bounds(discharge_max_w=0.0, forced_discharge_max_w=0.0)
STOP_FORCED_AND_DISCHARGE = STOP_FORCED.intersect(STOP_DISCHARGE)
STOP_BATTERY = STOP_CHARGE.intersect(STOP_DISCHARGE)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleInput:
    """All that a rule may look at. ``soc_doubt`` and ``lost`` are sentences, or None where there is no such trouble."""

    snapshot: SiteSnapshot
    spec: SiteSpec
    now: datetime
    soc_doubt: str | None = None
    """Why the SoC has been given up as implausible."""
    lost: str | None = None
    """Why the inverter counts as lost, also when it answers with old data."""


Check = Callable[[RuleInput], str | Tell | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One cause of a bound. ``key`` is unique and stable: latches are kept under it across restarts."""

    key: str
    cause: Cause
    when: str
    """When it holds, for the table of ``docs/safety.md``."""
    why: str
    bounds: Bounds
    check: Check
    latches: bool = True

    def violation(self, detail: str) -> Violation:
        """Return this rule's violation with the reading that broke it."""
        return Violation(cause=self.cause, bounds=self.bounds, detail=detail, latches=self.latches)
