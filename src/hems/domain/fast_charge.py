"""A person's wish for a charged battery at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

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


def is_target(soc_pct: float) -> bool:
    """Return whether ``soc_pct`` [%] can be asked for; NaN cannot."""
    return TARGET_MIN_PCT <= soc_pct <= TARGET_MAX_PCT
