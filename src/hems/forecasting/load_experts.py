"""Simple expectations of the house's use: each a weighted mean of the same wall-clock quarter of past days."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from hems.forecasting.history import FloatArray

DAYS_OF_KIND = 10
"""Two weeks of working days; of Saturdays and Sundays ten weeks, as far as the history reaches."""

KIND_FADING = 0.85
QUICK_FADING = 0.7
SLOW_FADING = 0.93
"""What a day counts beside the one after it."""

RECENT_DAYS = 7
WEEKS = 4


class DayKind(IntEnum):
    """Days that resemble each other in a house."""

    WORKING_DAY = 0
    SATURDAY = 1
    FREE_DAY = 2


EXPERTS = ("yesterday", "recent_days", "fading_quickly", "fading_slowly", "kind_of_day", "same_weekday")
"""The last known day, the mean of a week, two exponential means, the same kind of day, the same weekday."""

IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """Weekday (0 Monday) and kind of each row of a day matrix, shape (rows,)."""

    weekdays: IntArray
    kinds: IntArray


def calendar_of(first_day: int, count: int, is_holiday: Callable[[date], bool] | None) -> Calendar:
    """Return the calendar of ``count`` local days from the ordinal ``first_day`` on."""
    days = [date.fromordinal(first_day + row) for row in range(count)]
    weekdays = np.array([day.weekday() for day in days], dtype=np.int64)
    saturday, sunday = 5, 6
    kinds = np.select([weekdays == sunday, weekdays == saturday], [DayKind.FREE_DAY, DayKind.SATURDAY], 0)
    if is_holiday is not None:
        kinds[[row for row, day in enumerate(days) if is_holiday(day)]] = DayKind.FREE_DAY
    return Calendar(weekdays=weekdays, kinds=kinds.astype(np.int64))


def day_weights(calendar: Calendar, target: int, newest: int) -> FloatArray:
    """Return what each day up to row ``newest`` counts in each expert's forecast of row ``target``.

    Shape (len(EXPERTS), newest + 1); rows of the matrix before the target only: ``newest`` < ``target``.
    """
    ages = newest - np.arange(newest + 1)  # 0 is the newest day that may be known
    weights = np.zeros((len(EXPERTS), newest + 1))
    weights[0] = ages == 0
    weights[1] = ages < RECENT_DAYS
    weights[2] = QUICK_FADING**ages
    weights[3] = SLOW_FADING**ages
    alike = np.flatnonzero(calendar.kinds[: newest + 1] == calendar.kinds[target])[::-1][:DAYS_OF_KIND]
    weights[4, alike] = KIND_FADING ** np.arange(len(alike))
    same = np.flatnonzero(calendar.weekdays[: newest + 1] == calendar.weekdays[target])[::-1][:WEEKS]
    weights[5, same] = 1.0
    return weights


def expert_forecasts(known: FloatArray, calendar: Calendar, target: int, newest: int) -> FloatArray:
    """Return every expert's forecast of the day in row ``target``, shape (len(EXPERTS), 96).

    ``known`` (rows, 96) is looked at up to row ``newest`` only; its NaN do not count. An expert that knows nothing
    of a quarter says what the others say on the mean; NaN where no expert knows anything.
    """
    if newest < 0:
        return np.full((len(EXPERTS), known.shape[1]), np.nan)
    weights = day_weights(calendar, target, newest)
    past = known[: newest + 1]
    is_known = np.isfinite(past)
    sums = weights @ np.where(is_known, past, 0.0)
    totals = weights @ is_known
    forecasts = np.full(sums.shape, np.nan)
    np.divide(sums, totals, out=forecasts, where=totals > 0.0)
    return fill_from_others(forecasts)


def fill_from_others(forecasts: FloatArray) -> FloatArray:
    """Return ``forecasts`` (k, n) with every NaN replaced by the mean of its column's other values, if any."""
    is_known = np.isfinite(forecasts)
    if is_known.all():
        return forecasts
    counts = is_known.sum(axis=0)
    means = np.full(forecasts.shape[1], np.nan)
    np.divide(np.where(is_known, forecasts, 0.0).sum(axis=0), counts, out=means, where=counts > 0)
    return np.where(is_known, forecasts, means)
