"""Quarters of UTC as local days: habits follow the clock on the wall, also across a change of summer time."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from hems.domain.time_grid import MTU
from hems.forecasting.history import FloatArray

SLOTS_PER_DAY = 96
"""Quarters on the wall clock; the hour that autumn repeats has the same four twice, the one spring skips has none."""

IntArray = NDArray[np.int64]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_ORDINAL = _EPOCH.toordinal()
_OFFSETS_KEPT = 1024


def local_quarters(start: datetime, count: int, zone: ZoneInfo) -> tuple[IntArray, IntArray]:
    """Return local day (proleptic ordinal) and wall-clock quarter (0-95) of ``count`` UTC quarters from ``start``.

    ``start`` lies on the grid of quarters; arrays of shape (count,).
    """
    first = (start - _EPOCH) // MTU
    day, skip = divmod(first, SLOTS_PER_DAY)
    days = -(-(skip + count) // SLOTS_PER_DAY)
    parts = [_offsets_of(day + ahead, zone) for ahead in range(days)]
    offsets = np.concatenate(parts)[skip : skip + count] if parts else np.empty(0, dtype=np.int64)
    local = np.arange(first, first + count, dtype=np.int64) + offsets
    return local // SLOTS_PER_DAY + _EPOCH_ORDINAL, local % SLOTS_PER_DAY


def local_midnight(day: int, zone: ZoneInfo) -> datetime:
    """Return the UTC start of the local day with this ordinal."""
    return datetime.combine(date.fromordinal(day), time.min, tzinfo=zone).astimezone(UTC)


def as_day_rows(values: FloatArray, rows: IntArray, slots: IntArray, count: int) -> FloatArray:
    """Return ``values`` as a matrix (count, 96) of local days; NaN where nothing is known, a repeated quarter's mean.

    ``rows`` and ``slots`` say where each value belongs; rows outside [0, count) are left out.
    """
    known = np.isfinite(values) & (rows >= 0) & (rows < count)
    where = rows[known] * SLOTS_PER_DAY + slots[known]
    size = count * SLOTS_PER_DAY
    sums = np.bincount(where, weights=values[known], minlength=size)
    counts = np.bincount(where, minlength=size)
    means = np.full(size, np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    return means.reshape(count, SLOTS_PER_DAY)


@lru_cache(maxsize=_OFFSETS_KEPT)
def _offsets_of(utc_day: int, zone: ZoneInfo) -> IntArray:
    """Return the zone's offset at each quarter of a UTC day (days since 1970), in quarters; asked once a day."""
    start = _EPOCH + timedelta(days=utc_day)
    ends = [_quarters(moment.astimezone(zone)) for moment in (start, start + timedelta(days=1) - MTU)]
    if ends[0] == ends[1]:
        return np.full(SLOTS_PER_DAY, ends[0], dtype=np.int64)
    each = [_quarters((start + index * MTU).astimezone(zone)) for index in range(SLOTS_PER_DAY)]
    return np.array(each, dtype=np.int64)


def _quarters(local: datetime) -> int:
    offset = local.utcoffset()
    assert offset is not None  # noqa: S101 - a moment in a zone has one
    return offset // MTU
