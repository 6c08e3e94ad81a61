"""The forecasts of every quarter of a span, each made of nothing but its own past, much faster than one by one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from hems.domain.forecast import QUANTILE_LEVELS
from hems.domain.time_grid import MTU, floor_to_grid, local_date, local_day_bounds, require_utc
from hems.forecasting.history import FloatArray, QuarterHistory
from hems.forecasting.load import LoadForecaster
from hems.forecasting.pv import PvForecaster
from hems.forecasting.pv_memory import StandingWord, quarter_index

HISTORY_DAYS = 60
"""Whole local days before today that a forecast looks at: what is learnt from whole days holds for a day."""


class RollingForecasts:
    """What ``LoadForecaster.forecast`` and ``PvForecaster.forecast`` would have said at each quarter of a record.

    Equal to them within 1e-6 W at every moment, for a service whose history begins with the record and reaches back 60
    whole local days, and whose PV source said its word anew at each quarter from the record's start on. The answer for
    a moment does not depend on the span it is asked in. Past the record's end nothing is known.
    """

    def __init__(
        self,
        zone: ZoneInfo,
        load: LoadForecaster,
        pv: PvForecaster,
        start: datetime,
        load_w: FloatArray,
        pv_w: FloatArray,
        pv_said_w: FloatArray | None = None,
    ) -> None:
        """Take a record of mean powers [W] of the quarters from ``start`` on, shape (n,), NaN is unknown.

        Args:
            zone: of the house: its local days.
            load, pv: what they know of the house; what they remember of its source plays no part.
            pv_said_w: what a source said of each quarter before its day began; None: there was none.
        Raises: ValueError: the start is not on the grid, or the shapes differ.
        """
        if floor_to_grid(start) != start:
            raise ValueError(f"start {start.isoformat()} is not on the grid of quarters")
        if (
            not load_w.shape == pv_w.shape
            or load_w.ndim != 1
            or (pv_said_w is not None and pv_said_w.shape != load_w.shape)
        ):
            raise ValueError("load_w, pv_w and pv_said_w must be of the same shape (n,)")
        self._zone, self._load, self._pv = zone, load, pv
        self._start = require_utc(start)
        self._load_w, self._pv_w = _finite_or_unknown(load_w), _finite_or_unknown(pv_w)
        self._said = None if pv_said_w is None else StandingWord(quarter_index(start), pv_said_w)

    def load_levels(self, first: datetime, last: datetime, count: int) -> FloatArray:
        """Return the load forecasts issued at the start of each quarter in [first, last), of ``count`` quarters each.

        Returns: shape (S, levels, count) [W], ascending along the levels; all NaN where nothing was measured before.
        Raises: ValueError: a bound off the grid or before the record.
        """
        levels_w = self._room(first, last, count)
        for row, moments, history, moment in self._days(first, last):
            part = self._load.levels_through_day(history, moment, moments, count, self._zone)
            levels_w[row : row + moments] = part
        return levels_w

    def pv_levels(self, first: datetime, last: datetime, count: int) -> FloatArray:
        """Return the PV forecasts issued at the start of each quarter in [first, last), of ``count`` quarters each.

        Returns: shape (S, levels, count) [W], ascending along the levels; all NaN where nothing was known.
        Raises: ValueError: a bound off the grid or before the record.
        """
        levels_w = self._room(first, last, count)
        for row, moments, history, moment in self._days(first, last):
            levels_w[row : row + moments] = self._pv.levels_through(history, moment, moments, count, self._said)
        return levels_w

    def _room(self, first: datetime, last: datetime, count: int) -> FloatArray:
        for moment in (first, last):
            if floor_to_grid(moment) != moment or moment < self._start:
                raise ValueError(f"{moment.isoformat()} is no quarter of the record from {self._start.isoformat()} on")
        return np.empty((max(0, (last - first) // MTU), len(QUANTILE_LEVELS), max(0, count)))

    def _days(self, first: datetime, last: datetime) -> Iterator[tuple[int, int, QuarterHistory, datetime]]:
        """Yield for each local day its first row, how many moments it has, what may be known then, and its first."""
        moment = require_utc(first)
        while moment < last:
            day = local_date(moment, self._zone)
            end = min(local_day_bounds(day, self._zone)[1], last)
            moments = (end - moment) // MTU
            yield (moment - first) // MTU, moments, self._history(day, end - MTU), moment
            moment = end

    def _history(self, day: date, until: datetime) -> QuarterHistory:
        """Return what was measured in the days before ``day`` and in it, up to ``until``."""
        earliest = local_day_bounds(day - timedelta(days=HISTORY_DAYS), self._zone)[0]
        begin, end = max(0, (earliest - self._start) // MTU), (until - self._start) // MTU
        return QuarterHistory(
            start=self._start + begin * MTU,
            load_w=_part(self._load_w, begin, end),
            pv_w=_part(self._pv_w, begin, end),
            pv_curtailed=np.zeros(end - begin, dtype=np.bool_),
        )


def _finite_or_unknown(values: FloatArray) -> FloatArray:
    return np.where(np.isfinite(values), values, np.nan)


def _part(values: FloatArray, begin: int, end: int) -> FloatArray:
    """Return ``values`` in [begin, end), unknown where the record has ended."""
    part = values[begin:end]
    missing = end - begin - len(part)
    return np.concatenate([part, np.full(missing, np.nan)]) if missing else part
