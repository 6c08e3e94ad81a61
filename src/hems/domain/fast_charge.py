"""A person's wish for a charged battery at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

MAX_AHEAD = timedelta(days=7)
"""A wish for later is more likely a slip of the hand, and would hold the battery back from what is worth more."""

TARGET_MIN_PCT = 1.0
TARGET_MAX_PCT = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FastChargeRequest:
    """A person's wish: at least ``target_soc_pct`` at ``deadline``; ``by`` is None where nobody said who asked."""

    target_soc_pct: float
    deadline: datetime
    asked_at: datetime
    by: str | None = None


class ChargeKind(StrEnum):
    """Why this quarter is one to charge in."""

    CHEAPEST = "charge"
    ALL = "charge_all"
    """Time is short: all of it is used."""
    SHORT = "charge_short"
    """All of it is used, and will not suffice."""
    BLIND = "charge_blind"
    """Not every price is known, so there is no cheapest."""
    WAITS = "charge_waits"
    """Nothing may be charged now, and how fast it will be afterwards is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeWhy:
    """Why a fast charge charges now, with the figures that belong to it."""

    kind: ChargeKind
    needed: timedelta | None = None
    """How long it takes with ``power_w`` [W]; a reserve is included, save where the time is too short anyway."""
    power_w: float | None = None
    left: timedelta | None = None
    reachable_pct: float | None = None
    """What will likely be there in time, where that is too little."""


def is_target(soc_pct: float) -> bool:
    """Return whether ``soc_pct`` [%] can be asked for; NaN cannot."""
    return TARGET_MIN_PCT <= soc_pct <= TARGET_MAX_PCT
