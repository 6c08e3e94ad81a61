"""The most that a house's panels give at a time of day: the yardstick by which days and expectations are compared."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from hems.domain.pv_plant import Place, PvPlant
from hems.forecasting.history import FloatArray
from hems.forecasting.pv_memory import MTU_S, QUARTERS_PER_DAY
from hems.forecasting.pv_plant import clear_sky_power_w, reference_plant

_DAYS_KEPT = 120
_LEAST_NOON_W = 10.0
"""Of the reference plant of 1 kW: in a polar night, what is measured decides."""
_NEIGHBOURS = 2
"""Half an hour each way: the sun's times shift by so much within the weeks that are looked at."""
_ENVELOPE_SHARE = 0.97
"""Of the quarters near a time of day: beyond it lie meters' slips and edges of clouds."""


class ClearSky:
    """Mean power under a cloudless sky by number of quarter [W].

    Where only the latitude is known, each whole day has its noon's power: that follows the seasons, and the times of
    day are left to what was measured. Where nothing is known it is 1 always.
    """

    def __init__(self, place: Place | None, plant: PvPlant | None, latitude_deg: float | None = None) -> None:
        self._is_place_known = place is not None
        if place is None and latitude_deg is not None:
            place = Place(latitude_deg=latitude_deg, longitude_deg=0.0)
        self._place = place
        self._plant = plant or reference_plant(0.0 if place is None else place.latitude_deg)
        self._days: dict[int, FloatArray] = {}

    @property
    def knows_the_sun(self) -> bool:
        """Whether it follows the sun, for which the place must be known."""
        return self._is_place_known

    def power_w(self, start: int, count: int) -> FloatArray:
        """Return the power of ``count`` quarters from number ``start`` on, shape (count,)."""
        place = self._place
        if count == 0 or place is None:
            return np.ones(count)
        first, last = start // QUARTERS_PER_DAY, (start + count - 1) // QUARTERS_PER_DAY
        days = [self._day(day, place) for day in range(first, last + 1)]
        offset = start - first * QUARTERS_PER_DAY
        power_w: FloatArray = np.concatenate(days)[offset : offset + count]
        return power_w

    def _day(self, day: int, place: Place) -> FloatArray:
        known = self._days.get(day)
        if known is None:
            if len(self._days) >= _DAYS_KEPT:
                self._days.clear()
            start = datetime.fromtimestamp(day * QUARTERS_PER_DAY * MTU_S, tz=UTC)
            known = clear_sky_power_w(self._plant, place, start, QUARTERS_PER_DAY)
            if not self._is_place_known:
                known = np.full(QUARTERS_PER_DAY, max(_LEAST_NOON_W, float(known.max())))
            self._days[day] = known
        return known


def envelope_factors(start: int, power_w: FloatArray, clear_w: FloatArray) -> FloatArray | None:
    """Return what the best quarters gave over ``clear_w`` by quarter of the UTC day, shape (96,); None: nothing known.

    A time of day of which nothing is known takes what lies between its neighbours.

    Args:
        start: number of the first quarter. power_w: shape (n,) or (k, n), what was measured and what was expected at
            those quarters, NaN where unknown. clear_w: shape (n,).
    """
    rows = np.atleast_2d(power_w)
    lit = clear_w > 0.02 * float(clear_w.max(initial=0.0))
    ratio = np.where(lit, rows / np.where(lit, clear_w, 1.0), np.nan)
    lead = start % QUARTERS_PER_DAY
    tail = -(lead + ratio.shape[1]) % QUARTERS_PER_DAY
    padded = np.pad(ratio, ((0, 0), (lead, tail)), constant_values=np.nan).reshape(-1, QUARTERS_PER_DAY)
    by_time = np.ascontiguousarray(padded.T)  # what is sorted lies side by side: three times as fast
    near = np.concatenate([np.roll(by_time, shift, axis=0) for shift in range(-_NEIGHBOURS, _NEIGHBOURS + 1)], axis=1)
    counts = np.isfinite(near).sum(axis=1)
    known = counts > 0
    if not known.any():
        return None
    near.sort(axis=1)  # NaN last
    place = np.maximum(0, np.ceil(_ENVELOPE_SHARE * counts).astype(np.int64) - 1)
    factors = near[np.arange(QUARTERS_PER_DAY), place]
    times = np.arange(QUARTERS_PER_DAY)
    filled: FloatArray = np.interp(times, times[known], np.maximum(0.0, factors[known]), period=QUARTERS_PER_DAY)
    return filled
