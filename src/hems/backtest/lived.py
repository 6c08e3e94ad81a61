"""A span of time as it was lived under one strategy: one row per stretch of constant power, in columns."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from hems.domain.measured import FloatArray
from hems.domain.time_grid import local_day_bounds

IntArray = NDArray[np.int64]

MODE_NAMES = ("self_use", "hold", "no_charge", "charge", "discharge", "idle", "power", "no_battery")
"""By code. The first five are the inverter's modes, numbered as in `planning.kernel`; ``idle``, ``power`` (a battery
power that no mode asks for, such as that of perfect foresight) and ``no_battery`` are those of yardsticks."""

IDLE, POWER, NO_BATTERY = 5, 6, 7


@dataclass(frozen=True, slots=True, kw_only=True)
class LivedPeriod:
    """All columns have shape (n,); powers are means [W] with the house's signs: load = pv - curtailed + battery + grid.

    Rows ascend in time and do not overlap; a span of which load, PV or price is unknown has no row.
    """

    start_s: IntArray
    """Seconds since 1970-01-01 UTC."""
    hours: FloatArray
    load_w: FloatArray
    pv_w: FloatArray
    """What the panels could have given; ``curtailed_w`` of it was not taken."""
    import_per_kwh: FloatArray
    export_per_kwh: FloatArray
    mode: IntArray
    """Codes of ``MODE_NAMES``."""
    asked_w: FloatArray
    """The power of a forced mode, NaN where the mode has none."""
    battery_w: FloatArray
    """+ discharges, - charges."""
    grid_w: FloatArray
    """+ imports, - exports."""
    curtailed_w: FloatArray
    soc_pct: FloatArray
    """At the end of the row."""
    energy_cost: FloatArray
    """Import at its price less export at its price [money]; + costs."""
    wear_cost: FloatArray
    """What the battery's throughput costs [money]."""

    def __len__(self) -> int:
        return len(self.start_s)

    @property
    def cost(self) -> FloatArray:
        """Energy and wear [money]."""
        return self.energy_cost + self.wear_cost

    def rows(self, mask_or_slice: NDArray[np.bool_] | slice) -> LivedPeriod:
        """Return only some of the rows."""
        return LivedPeriod(**{f.name: getattr(self, f.name)[mask_or_slice] for f in fields(self)})

    def between(self, start: datetime, end: datetime) -> LivedPeriod:
        """Return the rows that start in [start, end)."""
        low, high = np.searchsorted(self.start_s, [start.timestamp(), end.timestamp()])
        return self.rows(slice(int(low), int(high)))

    def of_day(self, day: date, zone: ZoneInfo) -> LivedPeriod:
        """Return the rows of a local day."""
        return self.between(*local_day_bounds(day, zone))

    def starts(self) -> list[datetime]:
        """Return the rows' starts as UTC datetimes."""
        return [datetime.fromtimestamp(second, UTC) for second in self.start_s.tolist()]

    @staticmethod
    def joined(parts: list[LivedPeriod]) -> LivedPeriod:
        """Return ``parts`` one after the other."""
        return LivedPeriod(**{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(LivedPeriod)})
