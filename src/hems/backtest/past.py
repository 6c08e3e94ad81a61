"""What a house measured, on the grid of its physics and, as forecasts see it, by quarters."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from hems.domain.errors import RejectedData
from hems.domain.measured import FloatArray, MeasuredHousehold
from hems.domain.time_grid import MTU, floor_to_grid, next_on_grid

LEAST_PART = timedelta(minutes=1)

LEAST_COVERAGE = 0.5
"""A quarter of which less is known counts as unknown for forecasts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """Mean powers [W] from the quarter ``start`` on; NaN is unknown.

    ``load_w``, ``pv_w``: ``parts`` stretches a quarter, shape (n * parts,): what is lived. The rest has shape (n,).
    """

    start: datetime
    parts: int
    load_w: FloatArray
    pv_w: FloatArray
    quarter_load_w: FloatArray
    quarter_pv_w: FloatArray
    quarter_said_w: FloatArray | None
    """A PV forecast as it was said before the day began; NaN where nothing was. None: there was no source."""
    step: timedelta = MTU
    """How long an interval of the record is: its mean is known when it has ended, not before."""
    offset: timedelta = timedelta(0)
    """From ``start`` to the first interval."""

    def __len__(self) -> int:
        return len(self.quarter_load_w)

    @property
    def end(self) -> datetime:
        """The end of the last quarter."""
        return self.start + len(self) * MTU

    def index(self, moment: datetime) -> int:
        """Return which quarter begins at ``moment``."""
        return (moment - self.start) // MTU

    def measured_until(self, moment: datetime) -> datetime:
        """Return when the last interval ended that is over at ``moment``; never before ``start``."""
        first = self.start + self.offset
        return max(first + (moment - first) // self.step * self.step, self.start)

    def latest_w(self, moment: datetime) -> tuple[float | None, float | None]:
        """Return load and PV of the last interval that is over at ``moment`` [W]; None where unknown."""
        row = (self.measured_until(moment) - self.start) // (MTU / self.parts) - 1
        if not 0 <= row < len(self.load_w):
            return None, None
        load, sun = float(self.load_w[row]), float(self.pv_w[row])
        return (None if math.isnan(load) else load), (None if math.isnan(sun) else sun)

    def with_pv(self, factor: float) -> Past:
        """Return the same past with panels ``factor`` times as large."""
        return Past(
            start=self.start,
            parts=self.parts,
            load_w=self.load_w,
            pv_w=self.pv_w * factor,
            quarter_load_w=self.quarter_load_w,
            quarter_pv_w=self.quarter_pv_w * factor,
            quarter_said_w=None if self.quarter_said_w is None else self.quarter_said_w * factor,
            step=self.step,
            offset=self.offset,
        )

    @staticmethod
    def of(measured: MeasuredHousehold) -> Past:
        """Return ``measured`` on the coarsest grid on which both its steps and the quarters lie.

        Raises: RejectedData: they meet at no whole minutes.
        """
        offset = measured.start - floor_to_grid(measured.start)
        part_s = math.gcd(*(round(span.total_seconds()) for span in (measured.step, MTU, offset)))
        part = timedelta(seconds=part_s)
        if part < LEAST_PART:
            raise RejectedData(
                f"{measured.quality.source} begins at {measured.start:%H:%M:%S}, in steps of {measured.step}: "
                "intervals must begin at whole minutes"
            )
        repeat = measured.step // part
        start = floor_to_grid(measured.start)
        last = measured.end if floor_to_grid(measured.end) == measured.end else next_on_grid(measured.end)
        before, count = (measured.start - start) // part, (last - start) // part

        def on_grid(values: FloatArray) -> FloatArray:
            found = np.full(count, np.nan)
            found[before : before + len(values) * repeat] = np.repeat(values, repeat)
            return found

        parts = MTU // part
        load_w, pv_w = on_grid(measured.load_w), on_grid(measured.pv_w)
        said_w = None if measured.pv_forecast_w is None else on_grid(measured.pv_forecast_w)
        return Past(
            start=start,
            parts=parts,
            load_w=load_w,
            pv_w=pv_w,
            quarter_load_w=_by_quarter(load_w, parts),
            quarter_pv_w=_by_quarter(pv_w, parts),
            quarter_said_w=None if said_w is None else _by_quarter(said_w, parts),
            step=measured.step,
            offset=offset,
        )


def _by_quarter(values: FloatArray, parts: int) -> FloatArray:
    """Return the mean of each quarter's known stretches, NaN where too little is known."""
    rows = values.reshape(-1, parts)
    known = np.isfinite(rows)
    count = known.sum(axis=1)
    total = np.where(known, rows, 0.0).sum(axis=1)
    return np.where(count >= LEAST_COVERAGE * parts, total / np.maximum(count, 1), np.nan)
