"""The clock by which a meter tells its zones apart, and the kinds of day it knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from hems.adapters.tariffs.terms import DayKind
from hems.analysis import polish_calendar

if TYPE_CHECKING:
    from holidays import HolidayBase

_SATURDAY, _SUNDAY = 5, 6

POLAND = "PL"
"""Its calendar is our own: the library takes 12 MB of memory and 0.3 s to import, which a Polish house need not pay."""


class MeterClock(StrEnum):
    """How the meter's clock goes."""

    LOCAL = "local"  # with the time of the house, summer time included
    WINTER = "winter"  # on winter time all year: in summer every zone comes an hour later


class Meter:
    """Tells the wall time a meter shows and the kind of its day."""

    def __init__(self, zone: ZoneInfo, clock: MeterClock, country: str, subdivision: str | None = None) -> None:
        self._zone = zone
        self._clock = clock
        self._country = country
        self._subdivision = subdivision

    def reading(self, start: datetime) -> datetime:
        """Return what the meter's clock shows at ``start``; its zone says nothing more."""
        local = start.astimezone(self._zone)
        if self._clock is MeterClock.LOCAL:
            return local
        winter = datetime(local.year, 1, 1, tzinfo=self._zone).utcoffset()
        summer = local.utcoffset()
        return local + ((winter or timedelta(0)) - (summer or timedelta(0)))

    def day_kind(self, day: date) -> DayKind:
        """Return the kind of ``day`` where the meter stands."""
        if day.weekday() == _SUNDAY or is_public_holiday(day, self._country, self._subdivision):
            return DayKind.FREE
        return DayKind.SATURDAY if day.weekday() == _SATURDAY else DayKind.WORKING


def is_public_holiday(day: date, country: str, subdivision: str | None = None) -> bool:
    """Return whether ``day`` is a public holiday of a country (ISO 3166), or of a part of it."""
    if country == POLAND:
        return polish_calendar.is_public_holiday(day)
    return day in library_holidays(country, subdivision)


def known_countries() -> Mapping[str, Sequence[str]]:
    """Return the countries whose holidays are known, with their parts."""
    from holidays.utils import list_supported_countries

    return list_supported_countries()


@lru_cache(maxsize=8)
def library_holidays(country: str, subdivision: str | None) -> HolidayBase:
    """Return the public holidays of a country; it works out a year when it is first asked about it.

    The tests hold its answer for Poland against ``analysis/polish_calendar``.
    """
    from holidays import country_holidays

    return country_holidays(country, subdiv=subdivision)
