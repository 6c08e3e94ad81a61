"""What was measured, quarter by quarter, as arrays: the only past that a forecast may look at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from hems.domain.record import EnergySlot
from hems.domain.time_grid import MTU, floor_to_grid

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

LEAST_COVERAGE = 0.5
"""A quarter measured for less than half of its time says too little about the whole of it."""

_QUARTERS_PER_HOUR = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarterHistory:
    """Mean power per quarter [W] on an unbroken UTC grid from ``start`` on; arrays of shape (n,), NaN is unknown."""

    start: datetime
    load_w: FloatArray
    pv_w: FloatArray
    pv_curtailed: BoolArray
    """Where PV was held back by an export limit or a full battery: what was measured is less than the sun gave."""

    def __post_init__(self) -> None:
        if not self.load_w.shape == self.pv_w.shape == self.pv_curtailed.shape or self.load_w.ndim != 1:
            raise ValueError("load_w, pv_w and pv_curtailed must be of the same shape (n,)")
        if floor_to_grid(self.start) != self.start:
            raise ValueError(f"start {self.start.isoformat()} is not on the grid of quarters")

    def __len__(self) -> int:
        return len(self.load_w)

    @property
    def end(self) -> datetime:
        """The end of the last quarter."""
        return self.start + len(self) * MTU

    def until(self, moment: datetime) -> QuarterHistory:
        """Return only the quarters that had ended by ``moment``: what was known then."""
        count = max(0, min(len(self), (moment - self.start) // MTU))
        return QuarterHistory(
            start=self.start,
            load_w=self.load_w[:count],
            pv_w=self.pv_w[:count],
            pv_curtailed=self.pv_curtailed[:count],
        )

    @staticmethod
    def of(slots: Iterable[EnergySlot], end: datetime, length: timedelta) -> QuarterHistory:
        """Return the ``length`` before the quarter of ``end`` from stored quarters; poorly covered ones are unknown."""
        last = floor_to_grid(end)
        count = length // MTU
        start = last - count * MTU
        load_w, pv_w = np.full(count, np.nan), np.full(count, np.nan)
        for slot in slots:
            index = (slot.start - start) // MTU
            if 0 <= index < count and slot.coverage >= LEAST_COVERAGE:
                load_w[index] = slot.load_wh * _QUARTERS_PER_HOUR / slot.coverage
                pv_w[index] = slot.pv_wh * _QUARTERS_PER_HOUR / slot.coverage
        return QuarterHistory(start=start, load_w=load_w, pv_w=pv_w, pv_curtailed=np.zeros(count, dtype=np.bool_))
