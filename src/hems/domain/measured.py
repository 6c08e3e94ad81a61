"""What a house measured over a span of time, as arrays, and how good that record is. Needs numpy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from hems.domain.time_grid import require_utc

FloatArray = NDArray[np.float64]

LEAST_STEP = timedelta(minutes=5)
MOST_STEP = timedelta(minutes=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordQuality:
    """How complete a record is: what a person has to know before trusting figures made from it."""

    source: str
    """The file's name, or what else the record comes from."""
    rows: int
    step: timedelta
    first: datetime
    end: datetime
    """The end of the last interval."""
    missing_rows: int = 0
    """Steps between first and end that no row speaks of."""
    not_numbers: Mapping[str, int] = field(default_factory=dict)
    """By column: rows that are empty, NaN, negative where that cannot be, or no number at all."""
    gaps: tuple[tuple[datetime, datetime], ...] = ()
    """The longest spans [start, end) in which load or PV is unknown, longest first, at most ten."""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredHousehold:
    """Mean powers [W] on an unbroken UTC grid of ``step`` from ``start`` on; shape (n,), NaN is unknown."""

    start: datetime
    step: timedelta
    load_w: FloatArray
    pv_w: FloatArray
    """What the panels gave, or could have given where nothing held them back; >= 0."""
    pv_forecast_w: FloatArray | None
    """What a source said of the PV before the day began; NaN: nothing. None: there was no source."""
    quality: RecordQuality

    def __post_init__(self) -> None:
        """Refuse what is no such grid. Raises: ValueError."""
        require_utc(self.start)
        if not LEAST_STEP <= self.step <= MOST_STEP:
            raise ValueError(f"a step of {self.step}: 5 to 60 minutes")
        if self.load_w.ndim != 1 or self.load_w.shape != self.pv_w.shape:
            raise ValueError("load_w and pv_w must be of the same shape (n,)")
        if self.pv_forecast_w is not None and self.pv_forecast_w.shape != self.load_w.shape:
            raise ValueError("pv_forecast_w must be of the shape of load_w")

    @property
    def end(self) -> datetime:
        """The end of the last interval."""
        return self.start + len(self.load_w) * self.step
