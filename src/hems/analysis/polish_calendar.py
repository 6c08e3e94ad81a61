"""Which Polish days are worked: public holidays move prices and tariff zones as Sundays do.

Source: the act of 18 January 1951 on non-working days, with 24 December added from 2025.
"""

from __future__ import annotations

from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache

_SUNDAY = 6
_SATURDAY = 5

_FIXED = frozenset({(1, 1), (1, 6), (5, 1), (5, 3), (8, 15), (11, 1), (11, 11), (12, 25), (12, 26)})
"""Month and day of the holidays that do not move."""

_DAYS_AFTER_EASTER = (0, 1, 49, 60)
"""Easter Sunday and Monday, Pentecost, Corpus Christi."""

_CHRISTMAS_EVE_SINCE = 2025


class DayKind(StrEnum):
    """Days that resemble each other on the market."""

    WORKING_DAY = "working_day"
    SATURDAY = "saturday"
    FREE_DAY = "free_day"  # Sundays and public holidays


def day_kind(day: date) -> DayKind:
    """Return what kind of day ``day`` is in Poland."""
    if day.weekday() == _SUNDAY or is_public_holiday(day):
        return DayKind.FREE_DAY
    return DayKind.SATURDAY if day.weekday() == _SATURDAY else DayKind.WORKING_DAY


def is_public_holiday(day: date) -> bool:
    """Return whether ``day`` is a public holiday in Poland."""
    if (day.month, day.day) in _FIXED:
        return True
    if (day.month, day.day) == (12, 24):
        return day.year >= _CHRISTMAS_EVE_SINCE
    return (day - easter_sunday(day.year)).days in _DAYS_AFTER_EASTER


@lru_cache(maxsize=16)
def easter_sunday(year: int) -> date:
    """Return Easter Sunday of the Gregorian calendar.

    Source: the anonymous Gregorian computus (Nature, 20 April 1876; Meeus, Astronomical Algorithms, ch. 8).
    """
    golden = year % 19
    century, rest = divmod(year, 100)
    skipped, century_rest = divmod(century, 4)
    correction = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * golden + century - skipped - correction + 15) % 30
    leaps, rest_of_leaps = divmod(rest, 4)
    to_sunday = (32 + 2 * century_rest + 2 * leaps - epact - rest_of_leaps) % 7
    shift = (golden + 11 * epact + 22 * to_sunday) // 451
    return date(year, 3, 22) + timedelta(days=epact + to_sunday - 7 * shift)
