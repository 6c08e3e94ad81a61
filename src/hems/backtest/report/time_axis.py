"""Where dates and hours are marked along an axis."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from hems.backtest.report.teller import Teller

MOST_DAYS_BY_DATE = 98
"""Up to about a quarter of a year is marked by dates, a longer period by months."""


def date_marks(days: Sequence[date], tell: Teller, *, is_narrow: bool) -> list[tuple[int, str]]:
    """Return (index of the day, label): the firsts of months, or dates in a short period."""
    if len(days) <= MOST_DAYS_BY_DATE:
        every = next(step for step in (1, 2, 3, 7, 14, 31) if len(days) / step <= (5 if is_narrow else 14))
        return [(at, f"{day:%m-%d}") for at, day in enumerate(days) if at % every == 0]
    firsts = [(at, day) for at, day in enumerate(days) if day.day == 1]
    every = next((step for step in (1, 2, 3, 6, 12) if len(firsts) / step <= (5 if is_narrow else 14)), 24)
    kept = [(at, day) for at, day in firsts if (day.month - 1) % every == 0 and (every <= 12 or day.year % 2 == 0)]
    return [
        (at, tell.month(day) if place == 0 or day.month == 1 else tell.short_month(day))
        for place, (at, day) in enumerate(kept)
    ]


def hour_marks(day: date, zone: ZoneInfo, every: int) -> list[tuple[float, str]]:
    """Return (seconds since 1970, label) of every ``every``-th hour on the wall clock, midnight to midnight."""
    marks = []
    for hour in range(0, 24, every):
        moment = datetime(day.year, day.month, day.day, hour, tzinfo=zone)
        marks.append((moment.timestamp(), f"{hour:02d}:00"))
    return marks
