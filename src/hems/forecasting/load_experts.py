"""Simple expectations of the house's use: each a weighted mean of the same wall-clock quarter of past days."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from hems.forecasting.history import BoolArray, FloatArray

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


def day_weights(calendar: Calendar, targets: IntArray, newest: IntArray, rows: int) -> FloatArray:
    """Return what each of the first ``rows`` days counts in each expert's forecast of each of the ``targets``.

    Shape (targets, len(EXPERTS), rows). Of target i the rows up to ``newest[i]`` < ``targets[i]`` count, others 0.
    """
    ages = newest[:, None] - np.arange(rows)  # 0 is the newest day that may be known
    may_be_known = ages >= 0
    fading = np.arange(max(int(ages.max(initial=0)), 0) + 1)
    weights = np.zeros((len(targets), len(EXPERTS), rows))
    weights[:, 0] = ages == 0
    weights[:, 1] = may_be_known & (ages < RECENT_DAYS)
    since = np.maximum(ages, 0)
    weights[:, 2] = np.where(may_be_known, (QUICK_FADING**fading)[since], 0.0)
    weights[:, 3] = np.where(may_be_known, (SLOW_FADING**fading)[since], 0.0)
    order = _order_from_newest(may_be_known & (calendar.kinds[:rows] == calendar.kinds[targets][:, None]))
    weights[:, 4] = np.where(order < DAYS_OF_KIND, KIND_FADING**order, 0.0)
    order = _order_from_newest(may_be_known & (calendar.weekdays[:rows] == calendar.weekdays[targets][:, None]))
    weights[:, 5] = order < WEEKS
    return weights


def _order_from_newest(alike: BoolArray) -> IntArray:
    """Return of each row's chosen days, 0 for the newest, which it is; beyond all orders where not chosen."""
    counted = np.cumsum(alike[:, ::-1], axis=1)[:, ::-1] - 1
    return np.where(alike, counted, alike.shape[1] + DAYS_OF_KIND)


def expert_forecasts(known: FloatArray, calendar: Calendar, targets: IntArray, newest: IntArray) -> FloatArray:
    """Return every expert's forecast of the days in the rows ``targets``, shape (targets, len(EXPERTS), 96).

    ``known`` (rows, 96) is looked at up to the row ``newest`` of each target only; its NaN do not count. An expert that
    knows nothing of a quarter says what the others say on the mean; NaN where no expert knows anything.
    """
    rows = len(known)
    weights = day_weights(calendar, targets, newest, rows).reshape(-1, rows)
    is_known = np.isfinite(known)
    shape = (len(targets), len(EXPERTS), known.shape[1])
    if is_known.all():
        totals = weights.sum(axis=1).reshape(len(targets), len(EXPERTS), 1)
        return _means((weights @ known).reshape(shape), totals)
    sums = (weights @ np.where(is_known, known, 0.0)).reshape(shape)
    return _means(sums, (weights @ is_known).reshape(shape))


def forecasts_after_today(whole: FloatArray, todays: FloatArray, calendar: Calendar, target: int) -> FloatArray:
    """Return every expert's forecast of the row ``target`` when the newest day is today, of which only a part is known.

    Args:
        whole: the days before today, (rows, 96). todays: today as it is known at several moments, (versions, 96).
    Returns: shape (versions, len(EXPERTS), 96).
    """
    today = len(whole)
    weights = day_weights(calendar, np.array([target]), np.array([today]), today + 1)[0]
    is_known, is_known_today = np.isfinite(whole), np.isfinite(todays)
    sums, totals = weights[:, :today] @ np.where(is_known, whole, 0.0), weights[:, :today] @ is_known
    of_today = weights[:, today][:, None]
    return _means(
        sums + of_today * np.where(is_known_today, todays, 0.0)[:, None, :],
        totals + of_today * is_known_today[:, None, :],
    )


def _means(sums: FloatArray, totals: FloatArray) -> FloatArray:
    """Return sums over totals, (n, k, 96); where a total is 0, the mean of the column's other experts, if any."""
    forecasts = np.full(sums.shape, np.nan)
    np.divide(sums, totals, out=forecasts, where=totals > 0.0)
    is_known = np.isfinite(forecasts)
    if is_known.all():
        return forecasts
    counts = is_known.sum(axis=1)
    means = np.full(counts.shape, np.nan)
    np.divide(np.where(is_known, forecasts, 0.0).sum(axis=1), counts, out=means, where=counts > 0)
    return np.where(is_known, forecasts, means[:, None, :])
