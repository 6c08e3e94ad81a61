"""What the sun may give before anything was measured: wide, from the place and the size of the inverter alone."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from hems.domain.forecast import EnergyForecast, Quantity
from hems.domain.pv_plant import Place
from hems.domain.time_grid import floor_to_grid
from hems.forecasting.pv_plant import clear_sky_power_w, reference_plant

CLEAR_SKY_SHARES = (0.04, 0.16, 0.34, 0.58, 0.86)
"""Of the clear sky's power at ``QUANTILE_LEVELS``: a changing sky in winter and summer alike, nothing ruled out."""

SOURCE = "assumed"


def likely_pv(
    now: datetime, count: int, place: Place, peak_w: float, *, live_pv_w: float | None = None
) -> EnergyForecast:
    """Return wide levels of ``count`` quarters from that of ``now`` on, for panels of which nothing was measured yet.

    ``peak_w``: their size, or the inverter's rating where that is unknown too. ``live_pv_w``, measured now, scales the
    next hours where the sun stands high enough to tell: panels that give nothing at noon are none.
    """
    start = floor_to_grid(now)
    clear_w = clear_sky_power_w(reference_plant(place.latitude_deg), place, start, count) * peak_w / 1000.0
    levels_w = np.outer(np.array(CLEAR_SKY_SHARES), clear_w)
    if live_pv_w is not None and clear_w[0] > 0.1 * peak_w:
        share = min(max(live_pv_w / clear_w[0], 0.0), 1.2)
        trust = 0.9 ** np.arange(count)
        levels_w = (1.0 - trust) * levels_w + trust * share * clear_w
    return EnergyForecast(
        quantity=Quantity.PV,
        source=SOURCE,
        issued_at=now,
        known_at=now,
        start=start,
        levels_w=tuple(tuple(level.tolist()) for level in levels_w),
        notes=(f"nothing measured yet: panels of {peak_w / 1000.0:.1f} kW under a changing sky are assumed",),
    )
