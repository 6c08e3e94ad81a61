"""A person's wish for a charged battery at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FastChargeRequest:
    """A person's wish: at least ``target_soc_pct`` at ``deadline``."""

    target_soc_pct: float
    deadline: datetime
    asked_at: datetime
