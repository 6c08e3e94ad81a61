"""What is asked of a peer at one moment, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hems.domain.measured import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanQuestion:
    """T slots of one length: a point forecast and prices; kW and money per kWh, every row of shape (T,)."""

    load_kw: FloatArray
    pv_kw: FloatArray
    """What the panels could give."""
    buy_per_kwh: FloatArray
    sell_per_kwh: FloatArray
    slot_hours: float
    end_value: float
    """What a kWh left in the battery at the end is worth [money/kWh]."""

    def __post_init__(self) -> None:
        """Refuse what no planner could answer, NaN above all. Raises: ValueError, naming what is wrong."""
        rows = {name: getattr(self, name) for name in ("load_kw", "pv_kw", "buy_per_kwh", "sell_per_kwh")}
        for name, row in rows.items():
            if row.ndim != 1 or row.shape != self.load_kw.shape or not len(row):
                raise ValueError(f"{name}: must have the shape (T,) of load_kw, T at least 1, has {row.shape}")
            if not np.isfinite(row).all():
                raise ValueError(f"{name}: not a number in slot {int(np.flatnonzero(~np.isfinite(row))[0])}")
        if not (np.isfinite(self.slot_hours) and self.slot_hours > 0.0 and np.isfinite(self.end_value)):
            raise ValueError("slot_hours must be above 0, and both it and end_value numbers")

    def __len__(self) -> int:
        return len(self.load_kw)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerPlan:
    """What a peer answered, and how long it took."""

    battery_kw: FloatArray | None
    """At the AC side, + charges, shape (T,); None where the peer found no plan."""
    status: str
    """In the peer's own words."""
    is_built_anew: bool
    """Whether its problem was built for this question; else one of the same shape was used again."""
    seconds: float
    """The whole call: from our arrays to the powers."""
    build_seconds: float
    """Of that: setting up, as the peer itself counts it."""
    solver_seconds: float | None
    """Of that: inside the solver, as it says itself; None where it does not say."""
