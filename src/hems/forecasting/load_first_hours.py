"""What the house may use before a single quarter was measured: what it uses now, and that it may be far from it."""

from __future__ import annotations

from datetime import datetime

from hems.domain.forecast import EnergyForecast, Quantity
from hems.domain.time_grid import floor_to_grid

SHARES_OF_NOW = (0.35, 0.65, 1.0, 1.6, 3.0)
"""Of the present load at ``QUANTILE_LEVELS``: the load of one moment says little of the coming day."""

SOURCE = "assumed"


def likely_load(now: datetime, count: int, live_load_w: float) -> EnergyForecast:
    """Return wide levels around ``live_load_w``, measured now, for ``count`` quarters from that of ``now`` on."""
    return EnergyForecast(
        quantity=Quantity.LOAD,
        source=SOURCE,
        issued_at=now,
        known_at=now,
        start=floor_to_grid(now),
        levels_w=tuple((max(live_load_w, 0.0) * share,) * count for share in SHARES_OF_NOW),
        notes=("nothing measured yet: the present load is assumed to go on, give or take much",),
    )
