"""What was issued against what came, day by day and by lead, beside naive forecasts made at the same moments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

import numpy as np

from hems.domain.forecast import EnergyForecast, Quantity
from hems.domain.time_grid import MTU
from hems.forecasting.history import BoolArray, FloatArray, QuarterHistory
from hems.forecasting.load_days import SLOTS_PER_DAY, IntArray, local_quarters
from hems.forecasting.scoring import Score, score, score_point

LEAD_BANDS = (("0-1 h", 0, 4), ("1-6 h", 4, 24), ("6-24 h", 24, 96), ("24-36 h", 96, 144))
"""Name, first quarter, end; the first quarter is the one in which it was issued."""

_MEAN_OF_DAYS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Scores over the same quarters: of what was issued, of the same quarter a day before, of the mean of a week."""

    issued: Score
    yesterday: Score
    week: Score


@dataclass(frozen=True, slots=True, kw_only=True)
class DayScores:
    """Scores by local day of the forecast quarter, and over all days by lead; days and leads without any are absent."""

    days: dict[date, Compared]
    leads: dict[str, Compared]
    total: Compared | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pairs:
    """One row for each forecast quarter of each forecast; all of one length n, ``levels_w`` (levels, n)."""

    levels_w: FloatArray
    measured_w: FloatArray
    yesterday_w: FloatArray
    week_w: FloatArray
    leads: IntArray
    days: IntArray


def score_days(issued: Sequence[EnergyForecast], measured: QuarterHistory, zone: ZoneInfo) -> DayScores:
    """Return how good ``issued``, forecasts of one quantity, were in the quarters measured since.

    Only quarters count that were measured (PV: not held back) and for which the naive forecasts had something to go by.
    What the naive ones say rests on quarters that had ended when the forecast was issued.
    """
    pairs = _pairs_of(issued, measured, zone)
    if pairs is None:
        return DayScores(days={}, leads={}, total=None)
    days = {date.fromordinal(int(day)): _compared(pairs, pairs.days == day) for day in np.unique(pairs.days)}
    leads = {name: _compared(pairs, (pairs.leads >= low) & (pairs.leads < end)) for name, low, end in LEAD_BANDS}
    return DayScores(
        days={day: found for day, found in days.items() if found is not None},
        leads={name: found for name, found in leads.items() if found is not None},
        total=_compared(pairs, np.ones(len(pairs.leads), dtype=np.bool_)),
    )


def _pairs_of(issued: Sequence[EnergyForecast], measured: QuarterHistory, zone: ZoneInfo) -> _Pairs | None:
    parts = []
    for made in issued:
        is_load = made.quantity is Quantity.LOAD
        came = measured.load_w if is_load else np.where(measured.pv_curtailed, np.nan, measured.pv_w)
        leads = np.arange(len(made), dtype=np.int64)
        index = (made.start - measured.start) // MTU + leads
        latest = index - SLOTS_PER_DAY * (1 + leads // SLOTS_PER_DAY)
        week = np.stack([_at(came, latest - SLOTS_PER_DAY * back) for back in range(_MEAN_OF_DAYS)])
        days, _ = local_quarters(made.start, len(made), zone)
        parts.append((np.array(made.levels_w), _at(came, index), week[0], _mean(week), leads, days))
    if not parts:
        return None
    joined = [np.concatenate(column, axis=-1) for column in zip(*parts, strict=True)]
    usable = np.isfinite(np.stack(joined[1:4])).all(axis=0)
    if not usable.any():
        return None
    levels_w, measured_w, yesterday_w, week_w, leads, days = (column[..., usable] for column in joined)
    return _Pairs(
        levels_w=levels_w, measured_w=measured_w, yesterday_w=yesterday_w, week_w=week_w, leads=leads, days=days
    )


def _compared(pairs: _Pairs, chosen: BoolArray) -> Compared | None:
    measured = pairs.measured_w[chosen]
    issued = score(pairs.levels_w[:, chosen], measured)
    yesterday, week = score_point(pairs.yesterday_w[chosen], measured), score_point(pairs.week_w[chosen], measured)
    if issued is None or yesterday is None or week is None:
        return None
    return Compared(issued=issued, yesterday=yesterday, week=week)


def _at(values: FloatArray, index: IntArray) -> FloatArray:
    """Return the values at ``index``, NaN outside."""
    inside = (index >= 0) & (index < len(values))
    found = np.full(index.shape, np.nan)
    found[inside] = values[index[inside]]
    return found


def _mean(rows: FloatArray) -> FloatArray:
    """Return the mean of the known values of each column, NaN where none is."""
    is_known = np.isfinite(rows)
    counts = is_known.sum(axis=0)
    means = np.full(rows.shape[1], np.nan)
    np.divide(np.where(is_known, rows, 0.0).sum(axis=0), counts, out=means, where=counts > 0)
    return means
